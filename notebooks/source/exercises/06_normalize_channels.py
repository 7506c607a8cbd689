# %% [markdown]
# # 06 · Normalize channels: exercises
#
# *30 minutes · after the lesson [06 · Normalize channels](../06_normalize_channels.ipynb)*
#
# You find eight bugs in code that looks right, write BN for pictures in either layout, and make an experiment of your own.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/06_normalize_channels.ipynb).

# %%
import numpy as np
import torch

from bnteach import check, data, training

# %% [markdown]
# ## Exercise 1: spot the bug
#
# *10 minutes · difficulty: 2 of 4*
#
# Eight functions for pictures $(N, C, H, W)$. Each has one bug, and none of them raises an error.

# %%
batch = (0, 2, 3)  # all axes but the channels


def bn_a(x, gamma, beta, eps):
    mean, std = x.mean(batch, keepdims=True), x.std(batch, keepdims=True)
    return gamma[:, None, None] * (x - mean) / (std + eps) + beta[:, None, None]


def bn_b(x, gamma, beta, eps):
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    return gamma[:, None, None] * x_hat + beta[:, None, None]


def bn_c(x, gamma, beta, eps):
    mean, var = x.mean(batch, keepdims=True), x.var(batch, keepdims=True, ddof=1)
    return gamma[:, None, None] * (x - mean) / np.sqrt(var + eps) + beta[:, None, None]


def bn_d(x, gamma, beta, eps):
    mean, var = x.mean(batch, keepdims=True), x.var(batch, keepdims=True)
    return ((x - mean) / np.sqrt(var + eps) + beta[:, None, None]) * gamma[:, None, None]


# %%
def bn_e(x, gamma, beta, eps):
    mean, var = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    return gamma[:, None, None] * (x - mean) / np.sqrt(var + eps) + beta[:, None, None]


def bn_f(x, gamma, beta, eps):
    mean, var = x.mean(), x.var()
    return gamma[:, None, None] * (x - mean) / np.sqrt(var + eps) + beta[:, None, None]


def bn_g(x, gamma, beta, eps):
    mean, var = x.mean(batch, keepdims=True), x.var(batch, keepdims=True)
    return gamma[:, None, None] * (x - mean) / (var + eps) + beta[:, None, None]


def bn_h(x, gamma, beta, eps):
    centered = x - x.mean(batch, keepdims=True)
    var = (centered**2).sum(batch, keepdims=True) / len(x)
    return gamma[:, None, None] * centered / np.sqrt(var + eps) + beta[:, None, None]


# %% [markdown]
# Name the bug of each. These are the names:
#
# | name | the bug |
# |---|---|
# | `n_minus_one` | the variance divides by one less |
# | `count_of_samples` | the variance divides by N |
# | `eps_outside` | ε is outside the root |
# | `variance_for_std` | divided by the variance |
# | `beta_scaled` | β is multiplied by γ |
# | `one_mean_for_all` | one mean and one variance for all channels |
# | `per_element` | statistics for each position |
# | `per_picture` | statistics for each picture |
#
# <details><summary>Hint 1</summary>
#
# Read each line beside the formula: what is measured, over which axes, divided by what?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Or try γ = 2, β = 1, ε = 0.5: is the mean of a channel β? Do the other pictures matter?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Two use wrong axes, one none at all. Three have a wrong variance or count. What is left?
#
# </details>


# %% tags=["solution", "points-4"]
def spot_the_bug():
    """A dictionary: the letters "A" to "H", and for each the name of its bug."""
    ### BEGIN SOLUTION
    return {
        "A": "eps_outside",
        "B": "per_element",
        "C": "n_minus_one",
        "D": "beta_scaled",
        "E": "per_picture",
        "F": "one_mean_for_all",
        "G": "variance_for_std",
        "H": "count_of_samples",
    }
    ### END SOLUTION


check.spot_the_bug(spot_the_bug)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Which test would have found each?
#
# - **The mean of a channel must be β.** D gives βγ. F gives a mean that depends on the other channels.
# - **The standard deviation must be |γ|, but for ε.** G gives γ/σ; H is too small by $\sqrt{HW}$; C by a little, and that little shrinks as the channel grows: with small maps it is easily seen.
# - **With a large ε.** A is the only one that is right for ε = 0 and wrong for ε = 0.5.
# - **Change one picture: all others must change.** E fails this. It is instance normalization.
# - **Shift one position in all pictures: the other positions of the channel must change.** B fails this. Its mean and standard deviation
#   are perfect, so no test of these two finds it.

# %% [markdown]
# ## Exercise 2: pictures in either layout
#
# *10 minutes · difficulty: 3 of 4*
#
# Write `batch_norm_channels(x, gamma, beta, eps, channel_axis)`: the forward pass, in training.
#
# - `x` has four axes: $(N, C, H, W)$ with `channel_axis` 1, or $(N, H, W, C)$ with `channel_axis` 3 or −1.
# - `gamma` and `beta` have shape $(C,)$.
# - Return `y`, in the shape of `x`.
#
# <details><summary>Hint 1</summary>
#
# One mean for each channel. So over which axes does the mean run?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `keepdims=True` makes statistics fit. γ and β need a shape: C at the channel axis, else 1.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The axes are all of 0, 1, 2, 3 but `channel_axis % 4`: the `% 4` turns −1 into 3.
#
# </details>


# %% tags=["solution", "points-3"]
def batch_norm_channels(x, gamma, beta, eps, channel_axis):
    """BN of pictures, one mean and variance for each channel; the shape of x."""
    ### BEGIN SOLUTION
    axes = tuple(axis for axis in range(4) if axis != channel_axis % 4)
    shape = [1, 1, 1, 1]
    shape[channel_axis] = -1
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gamma.reshape(shape) * x_hat + beta.reshape(shape)
    ### END SOLUTION


check.batch_norm_channels(batch_norm_channels)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Nothing is new but the axes. Whatever the layout, each channel has $N \cdot H \cdot W$ values, and all of them share one mean.
#
# - `x.mean(axis=0)` gives a mean for each *position* of each channel. The result looks normalized, and is not BN.
# - `gamma * x_hat` without a reshape lines γ up with the last axis. That is an error for $(N, C, H, W)$, unless $W = C$: then it is silently wrong. Test with $H \ne W \ne C$.
# - Also right: move the channels to the end, make a table with `reshape(-1, C)`, use your function of lesson 03, and undo both.

# %% [markdown]
# ## Exercise 3: an experiment of your own
#
# *10 minutes · difficulty: 2 of 4*
#
# Here the code is one line. The work is to predict what comes out, and to explain it.
#
# The cell trains networks as in the lesson, for three epochs instead of four: five with BN and five with statistics for each position, with the
# digits in the middle of a frame of 12 × 12. (It takes some seconds.)

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
from torch import nn

digits = data.digits().images()


def framed(pictures, right=0, down=0):
    assert max(abs(right), abs(down)) <= 2, "the frame leaves room for moves of two columns or two rows"
    return np.pad(pictures, ((0, 0), (0, 0), (2 + down, 2 - down), (2 + right, 2 - right)))


class PerPosition(nn.BatchNorm1d):
    def __init__(self, channels):
        super().__init__(channels * 12 * 12)

    def forward(self, x):
        return super().forward(x.flatten(1)).reshape(x.shape)


def learn(seed, Norm):
    torch.manual_seed(seed)
    first = nn.Conv2d(1, 6, 5, padding=2, bias=False), Norm(6), nn.ReLU()
    second = nn.Conv2d(6, 16, 5, padding=2, bias=False), Norm(16), nn.ReLU()
    network = nn.Sequential(*first, *second, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    x, y = torch.from_numpy(framed(digits.x_train)), torch.from_numpy(digits.y_train)
    for _epoch in range(3):
        for batch in torch.randperm(len(x)).split(60)[:22]:
            loss = nn.functional.cross_entropy(network(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def measure(Norm):
    networks = [learn(seed, Norm) for seed in range(5)]

    def share_right(seed, right=0, down=0, contrast=1.0, negative=False):
        pictures = framed(contrast * digits.x_test, right, down)
        return training.accuracy(networks[seed], 1 - pictures if negative else pictures, digits.y_test)

    return share_right


with_bn, per_position = measure(nn.BatchNorm2d), measure(PerPosition)

# %% [markdown]
# `with_bn(seed)` is the share of right answers of one network, from 0 to 1: that with BN, of this seed, on the test digits in the middle.
# `per_position(seed)` is the same with statistics for each position. Both take changes of the test digits: `right` and `down` move them, by two
# at most; `contrast` multiplies the gray values; `negative=True` turns black and white around.
#
# Write `effect_of_change(share_right, seed)`. Its argument `share_right` is one of these two functions. Choose one change, and return the shares
# before and after it, **in this order**.
#
# **Predict first**, and write it down: how many percent are left after your change, with BN and with statistics for each position, and why?
# When the check has passed, open a cell below and run five seeds of each:
# `for seed in range(5): print(*effect_of_change(with_bn, seed), *effect_of_change(per_position, seed))`.
#
# <details><summary>What you should see</summary>
#
# | change | `with_bn` | `per_position` |
# |---|---|---|
# | none | 93 to 96 % | 88 to 92 % |
# | two columns to the right | 90 to 96 % | 11 to 18 %, nearly guessing |
# | two rows down | 80 to 93 % | 9 to 18 % |
# | half the contrast | 77 to 94 % | 15 to 43 % |
# | negative | 8 to 21 %, nearly guessing | 10 % |
#
# </details>
# <details><summary>Hint 1</summary>
#
# An experiment compares two runs that differ in one thing. How many calls is that?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The usual run needs the seed alone. What must be the same in the other one?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `usual = share_right(seed)`. The second call has one more argument, such as `right=1`.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_of_change(share_right, seed):
    """The share of right answers of one network, before and after the change."""
    ### BEGIN SOLUTION
    return share_right(seed), share_right(seed, right=2)
    ### END SOLUTION


check.effect_of_change(effect_of_change)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Two columns to the right, the networks with statistics for each position fall nearly to guessing (10 %). In the lesson one
# column left them some 30 %. The networks with BN lose three points at most.
#
# - Two rows down: the same for `per_position`. With BN four of five lose 4 to 13 points. The digit, eight rows high, now
#   touches the border: the outputs of the filters below it are cut off, and the second convolution sees padded zeros there. (In a frame of
#   16 × 16, where it stays away from the border, none of them loses anything.)
# - Half the contrast: nothing moves, and yet both lose. BN in evaluation still subtracts the whole mean of the *training* digits, so $\hat{x}$
#   becomes $\frac{1}{2}\hat{x} - \frac{1}{2}\mu/\sigma$. The second term does the harm, and it is larger for `per_position`: at a position in the
#   middle, where most digits have ink, $|\mu|/\sigma$ is larger than in a whole channel.
# - A negative: both guess. BN in evaluation takes away the mean of the training digits, not that of the new ones.
# - What goes wrong most often: the changed share comes first, or two things were changed.

# %% [markdown]
# **In words.** Both networks were trained on frames of 12 × 12. In use, frames of 16 × 16 come in. What will each do, and how many
# means does each store? Answer in two or three sentences before you open the answer.
#
# <details><summary>A model answer</summary>
#
# With BN it runs: the filters fit any size, and BN stores one mean for each channel, 6 + 16, whatever height and width are. But the stored
# means are those of smaller frames with less empty border, so measure how well it does, or recalibrate it. With statistics for each position it stores
# 144 means for each channel, 22 · 144 = 3 168, and raises an error, since 256 positions do not fit. An error is better than a wrong
# answer: it is seen.
#
# </details>
#
# ## How far you are

# %%
check.report()
