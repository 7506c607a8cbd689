# %% [markdown]
# # 04 · Derive the backward pass: exercises
#
# *40 minutes · after the lesson [04 · Derive the backward pass](../04_derive_the_backward_pass.ipynb)*
#
# You send a gradient back through a norm that the lesson does not have, write a test that a wrong backward pass cannot
# fool, and make an experiment of your own.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/04_derive_the_backward_pass.ipynb).

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# ## Exercise 1: another graph
#
# *10 minutes · difficulty: 3 of 4*
#
# A cousin of BN divides by the **mean absolute deviation**, the mean of $|x - \mu|$, in place of the standard deviation:
# it needs no squares and no root. Its graph, with `size` for $|x - \mu|$ and `inverse` for 1 / `deviation`:
#
# ```text
# x ──┬────────────► x_centered ──┬─────────────────────────────► x_hat ──► y = gamma * x_hat + beta
#     │                  ▲        │                                 ▲
#     └──► mean ─────────┘        └─► size ─► deviation ─► inverse ─┘
# ```
#
# The forward pass has left `x_centered` $(N, C)$ and `deviation` $(C,)$. From above comes `dy` $(N, C)$, the gradient of `y`.
# Write `staged_backward(dy, gamma, x_centered, deviation)`. Return six gradients in this order: `dx_hat`, `dinverse`,
# `ddeviation`, `dx_centered`, `dmean`, `dx`. (At $c = 0$ the absolute value $|c|$ has no slope. Take 0 there, as `np.sign` does.)
#
# <details><summary>Hint 1</summary>
#
# Go from right to left. Each gradient has the shape of its node: (N, C) or (C,).
#
# </details>
# <details><summary>Hint 2</summary>
#
# A number that all rows share gets the sum of their gradients. And what is the slope of |c|?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `x_centered` gets `dx_hat / deviation`, and `np.sign(x_centered) * ddeviation / N` besides.
#
# </details>


# %% tags=["solution", "points-3"]
def staged_backward(dy, gamma, x_centered, deviation):
    """dx_hat, dinverse, ddeviation, dx_centered, dmean, dx."""
    ### BEGIN SOLUTION
    N = len(dy)
    dx_hat = dy * gamma
    dinverse = (dx_hat * x_centered).sum(axis=0)
    ddeviation = -dinverse / deviation**2
    dx_centered = dx_hat / deviation + np.sign(x_centered) * ddeviation / N
    dmean = -dx_centered.sum(axis=0)
    dx = dx_centered + dmean / N
    return dx_hat, dinverse, ddeviation, dx_centered, dmean, dx
    ### END SOLUTION


check.staged_backward(staged_backward)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Six lines, and each is one of the five rules of the lesson. The shapes alone find many faults: `dinverse`, `ddeviation` and
# `dmean` have shape $(C,)$, the others $(N, C)$.
#
# - `2 * x_centered` from the lesson is wrong here: it belongs to a square. The slope of $|c|$ is +1 or −1. (At $c = 0$ it
#   has none; `np.sign` gives 0 there.)
# - `dmean = -(dx_hat / deviation).sum(axis=0)` is right in BN and wrong here. It leaves out the path through the mean and
#   then through the deviation. In BN this path is 0, because `x_centered` adds up to 0. The signs of `x_centered` do not,
#   unless as many rows lie above the mean as below it.
# - A mean in place of a sum in `dmean` is $N$ times too small. The $1/N$ comes in the next line: the mean is $\sum x / N$.

# %% [markdown]
# ## Exercise 2: a test that can fail
#
# *20 minutes · difficulty: 3 of 4*
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
# Move one entry up and down by `h = 1e-5`, and see by how much L changes.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Which inputs hide a fault? Think of `dy`, of γ, of N. Can one gradient alone be wrong?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `((up - down) * dy).sum() / (2 * h)` for each entry; then `np.allclose(..., atol=1e-6)`.
#
# </details>


# %% tags=["solution", "points-4"]
def gradient_check(forward, backward):
    """True if backward gives the gradients of forward, else False."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(0)
    x, dy = rng.normal(3, 2, size=(6, 3)), rng.normal(size=(6, 3))
    inputs = [x, np.array([0.5, 2.0, 3.0]), np.array([1.0, -1.0, 0.5])]  # x, γ, β

    def measured(which, h=1e-5):
        gradient = np.zeros_like(inputs[which])
        for index in np.ndindex(gradient.shape):
            step = np.zeros_like(gradient)
            step[index] = h
            up, down = (
                forward(*inputs[:which], inputs[which] + s, *inputs[which + 1 :]) for s in (step, -step)
            )
            gradient[index] = ((up - down) * dy).sum() / (2 * h)
        return gradient

    found = backward(dy, x, inputs[1])
    return all(np.allclose(found[which], measured(which), atol=1e-6) for which in range(3))
    ### END SOLUTION


check.gradient_check(gradient_check)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Everything in it has a reason: $N = 6$, because with $N = 2$ a wrong length is not seen; a random `dy`, because ones point along a direction that BN takes
# out; γ away from 1, because otherwise a forgotten γ is not seen; data with mean 3 and standard deviation 2, because with a standard deviation of 1 the factor
# $1/\sigma^2$ looks like $1/\sigma$; all three gradients; a tolerance that is larger than the error of the measurement and far smaller than any fault.
# [Which test catches a wrong backward pass?](../deeper/test_a_backward_pass.ipynb) shows each of these.
#
# In your own work use a library: `torch.autograd.gradcheck` does this. But choose its inputs well: it sees only what they show.

# %% [markdown]
# ## Exercise 3: an experiment of your own
#
# *10 minutes · difficulty: 1 of 4*
#
# One row of a batch is an outlier: a broken sensor. How large are the gradients of the *other* rows?


# %%
def size_of_dx(x, dy):
    """Root mean square of dx in all rows but row 0. (BN, with γ = 1.)"""
    s = np.sqrt(x.var(axis=0) + 1e-5)
    x_hat = (x - x.mean(axis=0)) / s
    dx = (dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0)) / s
    return np.sqrt((dx[1:] ** 2).mean())


# %% [markdown]
# Write `effect_on_dx(seed)`: make a batch `x` and a `dy` of 32 rows and 4 channels from the seed, measure, change row 0 of
# `x`, and measure again. Return both numbers, before and after. You may change something else instead: one row of `dy` (a
# wrong label), the scale of `x`, the number of rows.
#
# **Predict first**, and write it down: do the gradients of the other rows get larger or smaller, and how many times? When the check has
# passed, open a cell below and run five seeds: `for seed in range(5): print(*effect_on_dx(seed))`.
#
# <details><summary>Hint 1</summary>
#
# Draw `x` and `dy` from the seed. Measure once, change one thing, measure again.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Rows 1 and later are `dx[1:]`. To change row 0 alone: `x[0] += 50`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Both numbers come from `size_of_dx(x, dy)`: the one before the change, then the one after it.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_on_dx(seed):
    """The size of dx in the other rows, before and after the change."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    x, dy = rng.normal(size=(32, 4)), rng.normal(size=(32, 4))
    before = size_of_dx(x, dy)
    x[0] += 50
    return before, size_of_dx(x, dy)
    ### END SOLUTION


check.effect_on_dx(effect_on_dx)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# For seeds 0 to 4 the size falls from about 1 to about 0.11: nine times smaller, in every seed. The outlier makes $s$ nine times larger, and
# $1/s$ stands in front of all of dx.
#
# - With `dy[0] *= 50` in its place (one very wrong label) it is the other way around: about twice as large. The error of one row
#   reaches all rows, through the mean and through the variance.
# - `10 * x` gives a tenth. `x + 100` changes nothing but the rounding.
# - What goes wrong most often: `x` and `dy` are drawn anew for the second measurement. Then two things have changed, and nobody can tell
#   which one it was.

# %% [markdown]
# **In words.** The other 31 rows are good. Why does the outlier change their gradients as you measured? And what would you
# measure if the outlier had `dy = 0`, so that its own error does not count? Write two or three sentences before you open
# the answer.
#
# <details><summary>A model answer</summary>
#
# All rows of a channel share one mean and one standard deviation. The outlier alone makes $s$ large, and all gradients are
# divided by this $s$. With `dy = 0` the outlier's own error is gone, but it is still in $\mu$ and in $s$: the gradients of
# the others stay as small. It must be taken out of the batch, not only out of the loss.
#
# </details>
#
# ## How far you are

# %%
check.report()
