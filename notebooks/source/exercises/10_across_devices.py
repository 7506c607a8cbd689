# %% [markdown]
# # 10 · Across devices: exercises
#
# *35 minutes · after the lesson [10 · Across devices](../10_across_devices.ipynb)*
#
# One function to write and one to mend: what two devices tell each other in the forward pass, and in the backward pass.
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
# Two shares of one batch, to try your functions on.

# %%
rng = np.random.default_rng(0)
share_a, share_b = rng.normal(2, 1, size=(6, 3)), rng.normal(-2, 3, size=(4, 3))
print("device a: mean", share_a.mean(axis=0).round(2), " var", share_a.var(axis=0).round(2))
print("device b: mean", share_b.mean(axis=0).round(2), " var", share_b.var(axis=0).round(2))

# %% [markdown]
# ## Exercise 1: merge
#
# *15 minutes · difficulty: 2 of 4*
#
# Write `merge_statistics(count_a, mean_a, var_a, count_b, mean_b, var_b)`: the statistics of both devices together, without their values.
# The lesson merged *sums* of squared deviations. Here each device sends its *variance*: divided by its own count.
#
# - `count_a` and `count_b` are whole numbers; the others have shape $(C,)$. The variances are divided by the count.
# - Return `count`, `mean`, `var` of all values; the variance divided by `count`.
#
# <details><summary>Hint 1</summary>
#
# The larger device counts more. And how far are the two means apart?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The variance has two parts: what is inside the devices (a weighted mean of the variances), and what is between them.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The part between is $\frac{n_a n_b}{n^2}(\mu_b - \mu_a)^2$.
#
# </details>


# %% tags=["solution", "points-2"]
def merge_statistics(count_a, mean_a, var_a, count_b, mean_b, var_b):
    """count, mean and variance of the values of both devices."""
    ### BEGIN SOLUTION
    count, delta = count_a + count_b, mean_b - mean_a
    mean = mean_a + delta * count_b / count
    var = (count_a * var_a + count_b * var_b) / count + delta**2 * count_a * count_b / count**2
    return count, mean, var
    ### END SOLUTION


check.merge_statistics(merge_statistics)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Try it: all ten values together must have this mean and this variance. The average of the two variances is always too small, unless the means are equal.
#
# With sums of squared deviations in place of variances you get the formula of Chan, Golub and LeVeque.

# %% [markdown]
# ## Exercise 2: mend the backward pass of SyncBN
#
# *20 minutes · difficulty: 3 of 4*
#
# A colleague wrote `sync_backward`, as it runs on one device. It runs, and nothing warns. But the network learns otherwise than with one
# large batch:
#
# ```python
# def sync_backward(dy, x_hat, gamma, std, count, all_reduce):
#     sums = np.stack([(dy * x_hat).sum(axis=0), dy.sum(axis=0)])
#     dgamma, dbeta = all_reduce(sums)
#     dx = gamma / std * (dy - dbeta / len(dy) - x_hat * dgamma / len(dy))
#     return dx, dgamma, dbeta
# ```
#
# Two things are wrong. Find them, and write the function anew.
#
# - `dy` and `x_hat` are this device's share, shape $(n, C)$. `gamma` and `std` have shape $(C,)$; `std` is $\sqrt{\sigma^2 + \varepsilon}$ of all devices.
# - `count` is the number of values of *all* devices.
# - `all_reduce(sums)` **returns** the totals of all devices (the one in the lesson writes them into its tensor). It wants shape $(2, C)$: Σ dy·x̂ in row 0, Σ dy in row 1.
# - Return `dx` of this share, and this device's own `dgamma` and `dbeta`.
#
# <details><summary>Hint 1</summary>
#
# It is the compact formula of lesson 04. What is its $m$? And who adds up $d\gamma$ and $d\beta$ later?
#
# </details>
# <details><summary>Hint 2</summary>
#
# In dx, the two sums and the count come from all devices. `dgamma` and `dbeta` stay this device's own.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `totals = all_reduce(np.stack([dgamma, dbeta]))`, then `totals[0] / count` and `totals[1] / count` in dx.
#
# </details>


# %% tags=["solution", "points-3"]
def sync_backward(dy, x_hat, gamma, std, count, all_reduce):
    """dx of this share, and this device's part of dgamma and dbeta."""
    ### BEGIN SOLUTION
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    all_dgamma, all_dbeta = all_reduce(np.stack([dgamma, dbeta])) / count
    dx = gamma / std * (dy - all_dbeta - x_hat * all_dgamma)
    return dx, dgamma, dbeta
    ### END SOLUTION


check.sync_backward(sync_backward)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - `len(dy)` is this device's share; the sums are those of all. So the colleague took away too much from dx.
# - With the sums of this device alone, each device would treat the others' samples as if they did not move with the mean.
# - `dgamma` and `dbeta` are returned as parts: data parallelism joins the gradients of *all* parameters later. Whoever returns the totals counts them once for each device.
# - Only $2C$ numbers travel, whatever the batch size.

# %% [markdown]
# ## How far you are

# %%
check.report()
