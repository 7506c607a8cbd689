# %% [markdown]
# # 08 · Choose a norm: exercises
#
# *30 minutes · after the lesson [08 · Choose a norm](../08_choose_a_norm.ipynb)*
#
# Two functions to write: two norms that do not need the batch.
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
# A batch to look at while you work: two samples, three channels.

# %%
x = np.array([[1.0, 2.0, 6.0], [10.0, 10.0, 40.0]])
print("mean of each sample: ", x.mean(axis=1))
print("mean of each channel:", x.mean(axis=0))

# %% [markdown]
# ## Exercise 1: LayerNorm
#
# *10 minutes · difficulty: 2 of 4*
#
# Write `layer_norm(x, gamma, beta, eps)`, the forward pass.
#
# - `x` has shape $(N, C)$. Each *sample* has a mean and a variance of its own, over its $C$ values (divided by $C$).
# - `gamma` and `beta` have one number for each channel, shape $(C,)$.
# - Return $y$, shape $(N, C)$.
#
# <details><summary>Hint 1</summary>
#
# It is your BN of lesson 03. Only which values share a mean is another.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The statistics have one number for each row. To fit `x` they need the shape $(N, 1)$.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `axis=1, keepdims=True` for the mean and for the variance. γ and β fit the columns as they are.
#
# </details>


# %% tags=["solution", "points-2"]
def layer_norm(x, gamma, beta, eps):
    """y of each sample by itself; shape (N, C)."""
    ### BEGIN SOLUTION
    mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta
    ### END SOLUTION


check.layer_norm(layer_norm)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Two axes meet here: the statistics run along a sample, the parameters belong to a channel. Without `keepdims` the statistics have shape $(N,)$, and NumPy lines
# them up with the channels: an error, or, where $N = C$, silently wrong.
#
# A test that BN fails: change one sample. With LayerNorm no other sample may move.

# %% [markdown]
# ## Exercise 2: GroupNorm
#
# *20 minutes · difficulty: 3 of 4*
#
# Write `group_norm(x, num_groups, gamma, beta, eps)` for pictures.
#
# - `x` has shape $(N, C, H, W)$. The channels are cut into `num_groups` groups of neighbors; `num_groups` divides $C$.
# - All values of one group in one picture share a mean and a variance.
# - `gamma` and `beta` have shape $(C,)$: one number for each channel, not for each group.
# - Return $y$, in the shape of `x`.
#
# <details><summary>Hint 1</summary>
#
# A reshape can give the groups an axis of their own.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `x.reshape(N, G, C // G, H, W)`: which of the five axes belong to one group?
#
# </details>
# <details><summary>Hint 3</summary>
#
# The mean runs over axes 2, 3 and 4 with `keepdims=True`. Then back to the shape of `x`; γ and β as `[:, None, None]`.
#
# </details>


# %% tags=["solution", "points-3"]
def group_norm(x, num_groups, gamma, beta, eps):
    """y of each group of each picture by itself; the shape of x."""
    ### BEGIN SOLUTION
    n, c, h, w = x.shape
    groups = x.reshape(n, num_groups, c // num_groups, h, w)
    mean, var = groups.mean(axis=(2, 3, 4), keepdims=True), groups.var(axis=(2, 3, 4), keepdims=True)
    x_hat = ((groups - mean) / np.sqrt(var + eps)).reshape(x.shape)
    return gamma[:, None, None] * x_hat + beta[:, None, None]
    ### END SOLUTION


check.group_norm(group_norm)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - `reshape(N, C // G, G, H, W)` looks alike and is another thing: then every G-th channel belongs to a group.
# - $G = 1$ is LayerNorm over the picture, $G = C$ is InstanceNorm. A test with $G = C/G$ cannot tell a group's number from its size.
# - Also right: `x.reshape(n, num_groups, -1)`, with the mean over the last axis.

# %% [markdown]
# ## How far you are

# %%
check.report()
