# %% [markdown]
# # 03 · Scale and shift: exercises
#
# *25 minutes · after the lesson [03 · Scale and shift](../03_scale_and_shift.ipynb)*
#
# Three functions to write. You will practice:
#
# - the whole forward pass of BN, with γ and β
# - the γ and the β that undo the normalization
# - the gradients of γ and β
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
# ## Exercise 1: the forward pass
#
# *10 minutes · difficulty: 1 of 4*
#
# Write `batch_norm_forward(x, gamma, beta, eps)`:
#
# $$y_i = \gamma\,\frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$$
#
# - `x` is a batch of shape $(N, C)$; `gamma` and `beta` have one number for each channel, shape $(C,)$.
# - Return $y$, shape $(N, C)$.
#
# <details><summary>Hint 1</summary>
#
# You have written most of it in the exercises of lesson 02.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Name the normalized value `x_hat`. Then one line remains. In which order: first scale, or first shift?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `gamma` and `beta` fit the columns of `x_hat` as they are: no reshaping, no loop.
#
# </details>


# %% tags=["solution", "points-1"]
def batch_norm_forward(x, gamma, beta, eps):
    """y = γ·x̂ + β in each column; shape (N, C)."""
    ### BEGIN SOLUTION
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    return gamma * x_hat + beta
    ### END SOLUTION


check.batch_norm_forward(batch_norm_forward)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Normalize, scale, shift: three lines of the paper in two of NumPy. After it each channel has the mean $\beta$, and the standard deviation $|\gamma|$ as long as ε is small
# beside $\sigma^2$. That is a quick test which needs no second program.
#
# Also right: one factor and one shift for each channel, `scale = gamma / np.sqrt(var + eps)` and `x * scale + (beta - mean * scale)`. Mind the
# `mean * scale`: with `mean` alone the shift is wrong.
#
# What goes wrong most often: `gamma * (x_hat + beta)`, which scales the shift too; `gamma * x + beta`, which never normalizes; and the two
# parameters in each other's place. With $\gamma = 1$ and $\beta = 0$, as a layer starts, you would see none of the three.

# %% [markdown]
# ## Exercise 2: back to x
#
# *10 minutes · difficulty: 2 of 4*
#
# With the right γ and β, BN gives back the batch that went in. Write `identity_parameters(x, eps)`.
#
# - `x` is a batch of shape $(N, C)$; `eps` is the ε of BN, and it may be large.
# - Return `gamma` and `beta`, both of shape $(C,)$, such that `batch_norm_forward(x, gamma, beta, eps)` is `x`.
#
# <details><summary>Hint 1</summary>
#
# BN first subtracts and then divides. To undo two steps, go backward: which one is undone first?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Multiply by what was divided by: that is γ. Add what was subtracted: that is β.
#
# </details>
# <details><summary>Hint 3</summary>
#
# What BN divides by is not quite $\sigma$: look at the formula in exercise 1, with the ε in it.
#
# </details>


# %% tags=["solution", "points-2"]
def identity_parameters(x, eps):
    """The γ and β with which BN gives x back: two arrays of shape (C,)."""
    ### BEGIN SOLUTION
    gamma = np.sqrt(x.var(axis=0) + eps)
    beta = x.mean(axis=0)
    return gamma, beta
    ### END SOLUTION


check.identity_parameters(identity_parameters)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Put them in: $\sqrt{\sigma^2 + \varepsilon} \cdot \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \mu = x$.
#
# - $\gamma = \sigma$ is nearly right, and with the usual ε you would not notice. The check takes an ε that you notice.
# - $\gamma = 1/\sigma$ and $\beta = -\mu/\sigma$ are the way *in*: they normalize, written as factor and shift. Here you need the way back.
# - $\beta = -\mu$ subtracts the mean a second time.
# - $\gamma = 1$ and $\beta = 0$ change nothing, but then what you get is $\hat{x}$, not $x$.
#
# These γ and β fit one batch. The next batch has another mean and another variance.

# %% [markdown]
# ## Exercise 3: the gradients of γ and β
#
# *5 minutes · difficulty: 2 of 4*
#
# Write `affine_gradients(dy, x_hat)`.
#
# - `dy` is the gradient of the loss with respect to $y = \gamma\,\hat{x} + \beta$; shape $(N, C)$. `x_hat` has the same shape.
# - Return `dgamma` and `dbeta`, both of shape $(C,)$.
#
# <details><summary>Hint 1</summary>
#
# Look at one sample: if γ grows by a little, by how much does its $y$ grow? And if β grows?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The same γ and the same β serve all samples of a channel. What does the chain rule do with the shares of all samples?
#
# </details>
# <details><summary>Hint 3</summary>
#
# It adds them up. `dbeta` is the sum of `dy` over the samples. In `dgamma` each `dy` has a factor first.
#
# </details>


# %% tags=["solution", "points-2"]
def affine_gradients(dy, x_hat):
    """The gradients of γ and β: two arrays of shape (C,)."""
    ### BEGIN SOLUTION
    dgamma = (dy * x_hat).sum(axis=0)
    dbeta = dy.sum(axis=0)
    return dgamma, dbeta
    ### END SOLUTION


check.affine_gradients(affine_gradients)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# In $y = \gamma\,\hat{x} + \beta$ the factor of γ is $\hat{x}$, and that of β is 1. One number serves $N$ samples, so $N$ shares are added.
#
# - A mean in the place of the sum is $N$ times too small. If the loss is a mean over the batch, the $1/N$ is already in `dy`.
# - `dy.sum(axis=0) * x_hat.sum(axis=0)` is a product of sums, not a sum of products. As $\hat{x}$ sums to 0 over a batch, it would always be 0.
# - Test such functions with a `dy` that is not all ones. With ones, `dgamma` is the sum of $\hat{x}$: 0, right or wrong.
#
# Also right: `np.einsum("nc,nc->c", dy, x_hat)`.

# %% [markdown]
# ## How far you are

# %%
check.report()
