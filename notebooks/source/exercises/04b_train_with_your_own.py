# %% [markdown]
# # 04b · Train with your own backward pass: exercises
#
# *30 minutes · after the lesson [04b · Train with your own backward pass](../04b_train_with_your_own.ipynb)*
#
# You write a test that says which path of a backward pass is missing. Then you compute how far a step moves the means, and try
# another activation in the network of the lesson.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/04b_train_with_your_own.ipynb).

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# ## Exercise 1: which path is missing?
#
# *10 minutes · difficulty: 2 of 4*
#
# A missing path is easily overlooked in training. One batch is enough to find it.
#
# Write `missing_path(backward)`. It gets a backward pass of BN over axis 0, and returns the name of what is missing in it:
# `"nothing"`, `"mean"`, `"variance"` or `"both"`.
#
# - `backward(dy, x, gamma)` returns `dx, dgamma, dbeta`. You cannot look inside.
# - You choose the batch `x` $(N, C)$, `gamma` and `dy`. Take about eight samples, an `x` with standard deviations near 1, and
#   `gamma` of ones.
# - ε is at most $10^{-4}$. Because of it and of rounding, count as 0 what is below 0.01.
#
# <details><summary>Hint 1</summary>
#
# dgamma and dbeta are right in all four cases. What holds for a right dx, and not for every dx?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Along which two directions is a right dx 0 (lesson 04)? And has your `dy` a part along both?
#
# </details>
# <details><summary>Hint 3</summary>
#
# For each channel, `abs(dx.sum(axis=0))` and `abs((dx * x_hat).sum(axis=0))`: above 0.01 or not?
#
# </details>


# %% tags=["solution", "points-3"]
def missing_path(backward):
    """ "nothing", "mean", "variance" or "both"."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(8, 3)), rng.normal(size=(8, 3))
    dx, _, _ = backward(dy, x, np.ones(3))
    x_hat = (x - x.mean(axis=0)) / x.std(axis=0)
    no_mean = abs(dx.sum(axis=0)).max() > 0.01
    no_variance = abs((dx * x_hat).sum(axis=0)).max() > 0.01
    names = {
        (False, False): "nothing",
        (True, False): "mean",
        (False, True): "variance",
        (True, True): "both",
    }
    return names[no_mean, no_variance]
    ### END SOLUTION


check.missing_path(missing_path)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The path through the mean takes the part along $\mathbf{1}$ out of dx, the path through the variance the part along $\hat{x}$. So
# $dx \cdot \mathbf{1}$ and $dx \cdot \hat{x}$ are 0 in each channel if both paths are there, and a number that is not 0 names its path.
#
# - A random `dy` has parts along both directions. With `dy` of ones there is nothing along $\hat{x}$ to be taken out: a
#   missing path through the variance is not seen. With `dy` $= \hat{x}$ it is the path through the mean.
# - 0 means small. Rounding leaves about $10^{-16}$ of $dx \cdot \mathbf{1}$. ε leaves more of $dx \cdot \hat{x}$: the share
#   $\varepsilon / (\sigma^2 + \varepsilon)$, here about $10^{-4}$.
# - These two numbers find a missing path, and nothing else: a dx that is twice too long passes. The second exercise of lesson 04 finds that, too.

# %% [markdown]
# ## Exercise 2: how far does a step move the means?
#
# *10 minutes · difficulty: 2 of 4*
#
# In the lesson we took an input of 0.5, to see what a step does. Now the inputs are any numbers.
#
# The layer computes `z = a @ W`, with the inputs `a` $(N, I)$ and the weights `W` $(I, C)$. The gradient `dz` $(N, C)$ comes back, and
# the step is `W -= rate * a.T @ dz`. After it the same inputs give another `z`.
#
# Write `shift_of_means(a, dz, rate)`. Return by how much the mean of each channel of `z` has moved, shape $(C,)$. You are not
# given `W`, because you do not need it.
#
# <details><summary>Hint 1</summary>
#
# Call the change of the weights D. What is the new z? By how much does it differ from the old?
#
# </details>
# <details><summary>Hint 2</summary>
#
# z changes by a @ D. You look for the mean of this over the batch, in each column.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Two lines: first D from `rate`, `a` and `dz`, with its sign; then the mean over `axis=0`.
#
# </details>


# %% tags=["solution", "points-2"]
def shift_of_means(a, dz, rate):
    """How far a step of gradient descent moves the mean of each channel."""
    ### BEGIN SOLUTION
    D = -rate * a.T @ dz
    return (a @ D).mean(axis=0)
    ### END SOLUTION


check.shift_of_means(shift_of_means)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The new z is `a @ (W + D)`, so it differs from the old one by `a @ D`, whatever `W` is. Also right: `a.mean(axis=0) @ D`:
# the mean of `a @ D` over the batch is the mean of `a`, times `D`.
#
# The second form shows what decides: if the mean of each input is 0, the means of `z` do not move, whatever `dz` is.

# %% [markdown]
# Now use it. Here are the inputs that a layer gets from 100 channels with mean 0, once through a sigmoid and once through tanh, and
# one random `dz` for both.
#
# **Predict.** With which of the two does a step move the means less?

# %%
if check.shift_of_means(shift_of_means).state == "passed":
    rng = np.random.default_rng(0)
    y, dz = rng.normal(size=(60, 100)), rng.normal(size=(60, 100))
    for name, a in {"sigmoid": 1 / (1 + np.exp(-y)), "tanh": np.tanh(y)}.items():
        print(f"{name:8} average shift {abs(shift_of_means(a, dz, rate=0.1)).mean():.2f}")

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# With tanh, by far: its values lie around 0, those of a sigmoid around 0.5.
#
# </details>
#
# ## An experiment of your own
#
# *5 minutes*
#
# Does this save the test when the path through the mean is missing? **Predict** which of the four kinds of network reach 90 % with
# tanh. Then open the lesson, and change two lines of `Layer`:
#
# ```python
# self.a_before, self.a = a_before, np.tanh(y)   # the last but one of forward
# dy = da * (1 - self.a**2)                      # the first of backward
# ```
#
# Run the cells from the first one to that which trains the four kinds, and then in a new cell:
#
# ```python
# for missing, five in networks.items():
#     print(f"missing: {missing:14}", *(f"{accuracy(network):.0%}" for network in five))
# ```
#
# <details><summary>What you may have found</summary>
#
# All four kinds, in all five seeds. A missing path through the mean is still a fault, and your test of exercise 1 finds it. But with
# inputs around 0 the means hardly move, and the running means are right.
#
# </details>
#
# ## In words
#
# *5 minutes*
#
# Somebody writes BN in PyTorch and computes the mean and the standard deviation inside `torch.no_grad()`. While the network
# trains, the loss falls. The test, with the running averages, gives 20 %.
#
# 1. Which paths are missing? What would your function of exercise 1 return?
# 2. There is no time to train once more. What do you try, and what do you expect?
#
# <details><summary>A model answer</summary>
#
# 1. Both: for PyTorch the two statistics are constants. Only the direct path, $\frac{\gamma}{s}\,dy$, is left. The function returns `"both"`.
# 2. Recalibrate: send training data through the network in training mode, without a step. Then the running means and variances are
#    fresh. If only they were wrong, the test becomes much better; in lesson 04b, without both paths, it rose to above 90 %. If it
#    does not, the weights are bad, too.
#
# </details>
#
# ## How far you are

# %%
check.report()
