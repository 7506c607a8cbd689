# %% [markdown]
# # 14 · Deep enough to break: exercises
#
# *25 minutes · after the lesson [14 · Deep enough to break](../14_deep_enough_to_break.ipynb)*
#
# You predict how gradients grow beside skip connections, and make an experiment of your own.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/14_deep_enough_to_break.ipynb).

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# ## Exercise 1: how fast beside a skip connection?
#
# *10 minutes · difficulty: 3 of 4*
#
# In the lesson, 49 blocks with a skip connection and BN in the branch make the gradient about 10 times as long. Predict it. A block computes $h + F(h)$, and
# $F$ is BN → ReLU → linear, with He's weights ($s^2 = 2$).
#
# - *Forward:* $F(h)$ has the variance $2\,(1/2 - 1/(2\pi)) = 1 - 1/\pi$, whatever $h$ is. It is hardly related to $h$, so the *variances* of $h$ and $F(h)$ add up.
# - *Backward:* so do the *mean squares* of the gradients that come back on the two paths, past the branch and through it.
#
# Write `growth_with_skips(blocks, start)`. `start` is the variance of $h$ before the first block. Return how many times as *long* the gradient is before the first block
# as after the last. (The lesson's 49 blocks, 2 to 50, begin with the variance $1 + 0.68$: that of the first linear layer with BN, and what block 1 adds.)
#
# <details><summary>Hint 1</summary>
#
# Go through one block: which variance comes in, and by which factor does the mean square grow?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The gradient has two paths. Past the branch: factor 1. Through it: 1/2 of the ReLU, 2 of the weights, and BN divides by the variance that comes in.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `variances = start + (1 - 1 / np.pi) * np.arange(blocks)`. Multiply all `1 + 1 / variances`; then the root.
#
# </details>


# %% tags=["solution", "points-3"]
def growth_with_skips(blocks, start):
    """How many times as long the gradient becomes on its path back through the blocks."""
    ### BEGIN SOLUTION
    variances = start + (1 - 1 / np.pi) * np.arange(blocks)  # before each block
    return np.sqrt(np.prod(1 + 1 / variances))
    ### END SOLUTION


check.growth_with_skips(growth_with_skips)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The variance of $h$ grows by the same number in each block. So the factors come nearer and nearer to 1, and the growth is a power of the depth, not an exponential:
# `growth_with_skips(25, 1)` is 7.6, `growth_with_skips(100, 1)` is 20, and `growth_with_skips(400, 1)` is 56.
#
# For the lesson's 49 blocks `growth_with_skips(49, 1.68)` gives 8.76; measured was 9.6 to 10.3. The approximations of the lesson
# are in it, and one more: that $h$ is normal where BN normalizes it.
#
# What goes wrong most often is to take the root too early, and to add lengths.

# %% [markdown]
# ## Exercise 2: an experiment of your own
#
# *10 minutes · difficulty: 2 of 4*
#
# `learn(seed, depth=24, skip=True, batch_norm=True, activation="ReLU", rate=0.03)` trains a deep network for one epoch, and returns its test accuracy. BN is in the branch
# where there is a skip connection. An accuracy of 0 means that the loss became NaN, not a number.

# %%
import torch
from torch import nn

from bnteach import data, training

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits()
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
activations = {"ReLU": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "GELU": nn.GELU}


class Skip(nn.Sequential):
    def forward(self, h):
        return h + super().forward(h)


def block(skip, batch_norm, activation):
    linear, norm = nn.Linear(100, 100), nn.BatchNorm1d(100) if batch_norm else nn.Identity()
    nn.init.normal_(linear.weight, std=(2 / 100) ** 0.5)
    activate = activations[activation]()
    return Skip(norm, activate, linear) if skip else nn.Sequential(linear, norm, activate)


def learn(seed, depth=24, skip=True, batch_norm=True, activation="ReLU", rate=0.03):
    torch.manual_seed(seed)
    blocks = [block(skip, batch_norm, activation) for _ in range(depth)]
    net = nn.Sequential(nn.Linear(64, 100), nn.BatchNorm1d(100), *blocks, nn.Linear(100, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    for batch in torch.randperm(len(x_train)).split(60)[:22]:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x_train[batch]), y_train[batch]).backward()
        optimizer.step()
    return training.accuracy(net, digits.x_test, digits.y_test)


# %% [markdown]
# Change **one** thing that you are curious about: a depth, an activation, a rate, no skip connection, no BN. Write
# `effect_in_depth(learn, seed)`: it returns two accuracies, of the usual network and of the changed one.
#
# **Predict first**, and write it down. When the check has passed, run five seeds in a cell below:
# `for seed in range(5): print(*effect_in_depth(learn, seed))`. Do all five lie on one side?
#
# <details><summary>Hint 1</summary>
#
# The function makes two trainings that differ in one thing only.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The first training is `learn(seed)`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The second one has an argument more, such as `learn(seed, depth=50)`.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_in_depth(learn, seed):
    """The test accuracy of the usual deep network, and with one thing changed."""
    ### BEGIN SOLUTION
    return learn(seed), learn(seed, activation="tanh")
    ### END SOLUTION


check.effect_in_depth(effect_in_depth)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Usual: 75 to 89 % over the seeds 0 to 4. Then:
#
# - `activation="tanh"`: 88 to 92 %. In four of five seeds that is at least 10 points more, in the other a little less: five seeds do not decide. GELU: 79 to 89 %.
# - `skip=False`: 10 to 16 %, no better than guessing. With tanh as well it would be 52 to 59 %: tanh lets the gradient grow less. (That changes two things.)
# - `batch_norm=False`, or `rate=0.3`: 0 %. After a few steps the loss is not a number (NaN), and no answer is right.
# - `depth=4`: 90 to 91 %, better for every seed. So depth is no aim of its own: these digits do not need it.
# - `rate=0.1`: 86 to 92 %.
#
# What goes wrong most often: the two networks have different seeds, or the changed one comes first.

# %% [markdown]
# ## In words
#
# *5 minutes*
#
# A colleague wants 100 layers of linear → BN → ReLU. "BN keeps the gradients at a good size, so depth is no problem." Before the first training: which two
# measurements do you suggest, what do you expect, and what would you change? Answer in three sentences before you open the answer.
#
# <details><summary>A model answer</summary>
#
# Measure the length of the gradient at the first and at the last layer: at the first it will be about $1.21^{99}$ times as long, more than a hundred million times. Measure how well a linear layer can read
# the classes from the last block before training: probably no better than by guessing, since in the lesson nothing was left after 50 blocks. I would add skip connections, with BN in the branch.
#
# </details>
#
# ## How far you are

# %%
check.report()
