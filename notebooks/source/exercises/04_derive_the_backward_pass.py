# %% [markdown]
# # 04 · Derive the backward pass: exercises
#
# *60 minutes · after the lesson [04 · Derive the backward pass](../04_derive_the_backward_pass.ipynb)*
#
# Three functions to write. You will practice:
#
# - the backward pass node by node
# - the compact formula
# - a gradient check that a wrong backward pass cannot fool
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
# ## Exercise 1: node by node
#
# *20 minutes · difficulty: 3 of 4*
#
# The forward pass has run, and left four arrays: `dy` $(N, C)$ comes from above; `gamma` $(C,)$; `x_centered` $(N, C)$, that is
# $x - \mu$; and `std` $(C,)$, that is $\sqrt{\sigma^2 + \varepsilon}$.
#
# ```text
# x ─┬────────► x_centered ─┬──────────────────────────► x_hat ─► y
#    └─► mean ─────┘        └─► square ─► var ─► std ─► inv_std
# ```
#
# Write `staged_backward(dy, gamma, x_centered, std)`. Return seven gradients in this order: `dx_hat`, `dinv_std`, `dstd`, `dvar`,
# `dx_centered`, `dmean`, `dx`.
#
# <details><summary>Hint 1</summary>
#
# Go from right to left, one line for each gradient. Each gradient has the shape of its node: (N, C) or (C,).
#
# </details>
# <details><summary>Hint 2</summary>
#
# A number that all rows share gets the *sum* of their gradients. A node that is used twice gets the *sum* of two
# gradients: `x_centered` is used in `x_hat` and in `square`, `x` in `x_centered` and in `mean`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The derivative of 1/s is −1/s². That of √v is 1/(2√v), and √v is `std`. Then `dx_centered = dx_hat / std + 2 *
# x_centered * dvar / N`, and `dx` is made in the same way of `dx_centered` and `dmean / N`.
#
# </details>


# %% tags=["solution", "points-3"]
def staged_backward(dy, gamma, x_centered, std):
    """dx_hat, dinv_std, dstd, dvar, dx_centered, dmean, dx."""
    ### BEGIN SOLUTION
    N = len(dy)
    dx_hat = dy * gamma
    dinv_std = (dx_hat * x_centered).sum(axis=0)
    dstd = -dinv_std / std**2
    dvar = dstd / (2 * std)
    dx_centered = dx_hat / std + 2 * x_centered * dvar / N
    dmean = -dx_centered.sum(axis=0)
    dx = dx_centered + dmean / N
    return dx_hat, dinv_std, dstd, dvar, dx_centered, dmean, dx
    ### END SOLUTION


check.staged_backward(staged_backward)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Seven lines, and each is one of the five rules of the lesson. The shapes alone find many faults: `dinv_std`, `dstd`, `dvar` and `dmean` have
# shape $(C,)$, all others $(N, C)$.
#
# - `square` has no line of its own: its gradient is `dvar / N` in each row, and `2 * x_centered` is the derivative of the square.
# - `dmean = -(dx_hat / std).sum(axis=0)` is right too. The part that came through the variance adds up to 0, because `x_centered` does.
# - A mean in place of a sum in `dmean` is $N$ times too small. The $1/N$ comes in the next line: the mean is $\sum x / N$.

# %% [markdown]
# ## Exercise 2: the compact formula
#
# *15 minutes · difficulty: 2 of 4*
#
# Write `batch_norm_backward(dy, x, gamma, eps)`. This time nothing is left from the forward pass: compute what you need from `x`.
#
# - `dy` and `x` have shape $(N, C)$; `gamma` has shape $(C,)$.
# - Return `dx` $(N, C)$, `dgamma` $(C,)$ and `dbeta` $(C,)$.
#
# <details><summary>Hint 1</summary>
#
# Begin with x̂, then `dgamma` and `dbeta`: one line each. For `dx` make `dx_hat` first: by what is x̂ multiplied on its
# path to y?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `dx_hat = dy * gamma`. From it take away two parts: its mean, and its share along x̂. Before the brackets stands
# 1/√(σ² + ε).
#
# </details>
# <details><summary>Hint 3</summary>
#
# The share along x̂ is `x_hat * (dx_hat * x_hat).mean(axis=0)`: a number for each channel, times x̂ of each sample.
#
# </details>


# %% tags=["solution", "points-3"]
def batch_norm_backward(dy, x, gamma, eps):
    """dx, dgamma, dbeta of y = γ·x̂ + β, in training."""
    ### BEGIN SOLUTION
    inv_std = 1 / np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) * inv_std
    dgamma = (dy * x_hat).sum(axis=0)
    dbeta = dy.sum(axis=0)
    dx_hat = dy * gamma
    dx = inv_std * (dx_hat - dx_hat.mean(axis=0) - x_hat * (dx_hat * x_hat).mean(axis=0))
    return dx, dgamma, dbeta
    ### END SOLUTION


check.batch_norm_backward(batch_norm_backward)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The two means are old friends: $\gamma\,d\beta/N$ and $\gamma\,d\gamma/N$. So `dx = gamma * inv_std / N * (N * dy - dbeta - x_hat * dgamma)` is the same
# in one line.
#
# Two quick tests that need no second program: each column of `dx` adds up to 0, and (but for ε) so does each column of `dx * x_hat`. If the first
# fails, look at the path through the mean; if the second fails, at the path through the variance. If both hold and `dx` is still wrong,
# only its length can be wrong: γ, or the factor $1/\sqrt{\sigma^2 + \varepsilon}$.

# %% [markdown]
# ## Exercise 3: a test that can fail
#
# *25 minutes · difficulty: 4 of 4*
#
# Write `gradient_check(forward, backward)`. Return `True` if the backward pass is right, else `False`.
#
# - `forward(x, gamma, beta)` returns `y`, by BN over axis 0. It is right. Its ε is small, differs from call to call of your function, and
#   you are not told it: so measure with `forward`, and do not compute with a formula of your own.
# - `backward(dy, x, gamma)` returns `dx, dgamma, dbeta`. It may be right or wrong.
# - You choose the batch (three samples or more), γ, β and `dy`, and how you compare. Measure the gradients of the loss $L = \sum y \cdot dy$ by finite differences.
#
# The check gives your function two right backward passes and ten wrong ones. Some of the wrong ones look right on most inputs.
#
# <details><summary>Hint 1</summary>
#
# Write a small function inside that measures the gradient of L with respect to any of the three arrays: move one entry
# up and down by `h = 1e-5`, and see by how much L changes.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Which inputs hide a fault? Think of `dy`, of γ and of the number of samples. And which of the three gradients can be
# wrong while the others are right? See "Which test catches what?" in the lesson.
#
# </details>
# <details><summary>Hint 3</summary>
#
# For each entry `((up - down) * dy).sum() / (2 * h)`, where `up` and `down` are what `forward` gives. Then
# `np.allclose(found, measured, atol=1e-6)`, for each gradient. Return a real `True` or `False`.
#
# </details>


# %% tags=["solution", "points-4"]
def gradient_check(forward, backward):
    """True if backward gives the gradients of forward, else False."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(0)
    x, dy = rng.normal(3, 2, size=(6, 3)), rng.normal(size=(6, 3))
    inputs = [x, np.array([0.5, 2.0, 3.0]), np.array([1.0, -1.0, 0.5])]  # x, γ, β

    def measured(place, h=1e-5):
        gradient = np.zeros_like(inputs[place])
        for index in np.ndindex(gradient.shape):
            step = np.zeros_like(gradient)
            step[index] = h
            up, down = (
                forward(*inputs[:place], inputs[place] + s, *inputs[place + 1 :]) for s in (step, -step)
            )
            gradient[index] = ((up - down) * dy).sum() / (2 * h)
        return gradient

    found = backward(dy, x, inputs[1])
    return all(np.allclose(found[place], measured(place), atol=1e-6) for place in range(3))
    ### END SOLUTION


check.gradient_check(gradient_check)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Everything in it has a reason: $N = 6$, because with $N = 2$ a wrong length is not seen; a random `dy`, because ones point along a direction that BN takes
# out; γ away from 1, because otherwise a forgotten γ is not seen; data with mean 3 and standard deviation 2, because with a standard deviation of 1 the factor
# $1/\sigma^2$ looks like $1/\sigma$; all three gradients; a tolerance that is larger than the error of the measurement and far smaller than any fault.
#
# In your own work use a library: `torch.autograd.gradcheck` does this. But choose its inputs well: it sees only what they show.

# %% [markdown]
# ## How far you are

# %%
check.report()
