# %% [markdown]
# # 06 · Normalize channels: exercises
#
# *50 minutes · after the lesson [06 · Normalize channels](../06_normalize_channels.ipynb)*
#
# Two functions to write, and eight bugs to find. You will practice:
#
# - BN on pictures, in either layout
# - folding BN into a convolution
# - reading code that looks right
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function and says what it sees. If you are stuck, open a hint.
# The solutions, explained, are in the folder `solutions`.

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# ## Exercise 1: pictures in either layout
#
# *15 minutes · difficulty: 3 of 4*
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
# With `keepdims=True` the statistics fit `x` as they are. For γ and β make such a shape: `gamma.reshape(shape)`, with C
# at the channel axis and 1 elsewhere.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The axes are all of 0, 1, 2, 3 but one. Leave out `channel_axis % 4`, not `channel_axis`: the `% 4` turns −1 into 3.
# Begin with `shape = [1, 1, 1, 1]`.
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
# - `x.mean(axis=0)` gives a mean for each *place* of each channel. The result looks normalized, and is not BN.
# - `gamma * x_hat` without a reshape lines γ up with the last axis. That is an error for $(N, C, H, W)$, unless $W = C$: then it is silently wrong. Test with $H \ne W \ne C$.
# - Also right: move the channels to the end, make a table with `reshape(-1, C)`, use your function of lesson 03, and undo both.

# %% [markdown]
# ## Exercise 2: fold it away
#
# *15 minutes · difficulty: 3 of 4*
#
# After the training, a convolution and the BN behind it can become one convolution. Write
# `fold_batch_norm(weight, bias, gamma, beta, running_mean, running_var, eps)`.
#
# - `weight` has shape $(C, C_{in}, h, w)$: a filter for each channel that comes out. All others have shape $(C,)$, but for the number `eps`.
# - Return the new `weight` and the new `bias`, such that the new convolution gives what convolution and BN gave together.
#
# <details><summary>Hint 1</summary>
#
# Write down what BN does to z = conv(x) + bias, and multiply out.
#
# </details>
# <details><summary>Hint 2</summary>
#
# One factor for each channel: `scale = gamma / np.sqrt(running_var + eps)`. What does it multiply?
#
# </details>
# <details><summary>Hint 3</summary>
#
# The filter, the old bias, and the running mean. β is added after it. For the filter, give `scale` three axes more:
# `scale[:, None, None, None]`.
#
# </details>


# %% tags=["solution", "points-3"]
def fold_batch_norm(weight, bias, gamma, beta, running_mean, running_var, eps):
    """Weight and bias of the convolution that does both; shapes as before."""
    ### BEGIN SOLUTION
    scale = gamma / np.sqrt(running_var + eps)
    new_weight = weight * scale[:, None, None, None]
    new_bias = (bias - running_mean) * scale + beta
    return new_weight, new_bias
    ### END SOLUTION


check.fold_batch_norm(fold_batch_norm)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# $\gamma\,\frac{(w x + b) - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta = (s\,w)\,x + (b - \mu)\,s + \beta$ with $s = \gamma/\sqrt{\sigma^2 + \varepsilon}$.
#
# - The shift must come along: a weight without its new bias is another network.
# - The factor belongs to the channels that come *out*: axis 0 of the weight. Where as many come in as go out, the other axis gives no error.
# - It is exact in evaluation mode alone. In training, mean and variance change with every batch.

# %% [markdown]
# ## Exercise 3: spot the bug
#
# *20 minutes · difficulty: 3 of 4*
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
# | `per_element` | statistics for each place |
# | `per_picture` | statistics for each picture |
#
# <details><summary>Hint 1</summary>
#
# Read each line beside the formula. What is measured, over which axes, and what is it divided by?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Or try them on a batch, with γ = 2, β = 1 and ε = 0.5: is the mean of each channel β? Does a picture change when its
# neighbors do?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Two of them use the wrong axes, and one no axes at all. Three have a wrong variance or a wrong count. What is left is
# the order of operations.
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
# - **Shift one place in all pictures: the other places of the channel must change.** B fails this. Its mean and spread are perfect, so no test of mean and spread finds it.

# %% [markdown]
# ## How far you are

# %%
check.report()
