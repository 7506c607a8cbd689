# %% [markdown]
# # 04b · Train with your own backward pass: exercises
#
# *25 minutes · after the lesson [04b · Train with your own backward pass](../04b_train_with_your_own.ipynb)*
#
# You write a test that says which path of a backward pass is missing, and find out what makes a running mean late.
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
# In the lesson two of four kinds of network failed in the test, though the training loss fell. Two numbers from *one* batch show the fault.
#
# Write `missing_path(backward)`. It gets a backward pass of BN over axis 0, and returns the name of what is missing in it:
# `"nothing"`, `"mean"`, `"variance"` or `"both"`.
#
# - `backward(dy, x, gamma)` returns `dx, dgamma, dbeta`. You cannot look inside.
# - You choose the batch `x` $(N, C)$, `gamma` and `dy`. A standard deviation of `x` near 1 is fine: ε is at most $10^{-4}$.
#
# <details><summary>Hint 1</summary>
#
# What do the two paths take out of dx? (Lesson 04: along which two directions is a right dx 0?)
#
# </details>
# <details><summary>Hint 2</summary>
#
# Draw `dy` at random: ones have no part along x̂. How small is 0, with rounding and ε?
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
# ## Exercise 2: how late is a running mean?
#
# *10 minutes · difficulty: 1 of 4*
#
# Here is one channel with a standard deviation of 1. Each step shifts its mean by the same number. How far is the running mean behind
# after 300 batches? With the usual settings by about 0.4: the shift is chosen so that it is as far as in the lesson.


# %%
def distance(seed, shift=0.04, momentum=0.1, batch_size=60):
    """How far the running mean is behind the mean, in standard deviations."""
    rng = np.random.default_rng(seed)
    mean, running_mean = 0, 0
    for _ in range(300):
        mean += shift
        z = rng.normal(mean, 1, size=batch_size)
        running_mean = (1 - momentum) * running_mean + momentum * z.mean()
    return abs(mean - running_mean)


# %% [markdown]
# Choose **one** change: a shift twice as large, a momentum of 0.5, or ten times as many samples in a batch. **Predict,** and write it down: will the
# distance be larger or smaller, and about how many times?
#
# Write `effect_on_distance(distance, seed)`, one run of your experiment. Return two numbers: the distance with the usual settings, and the
# distance with your change. Nothing else may differ between the two. (With more samples in a batch, other random numbers are drawn.
# That cannot be avoided.)
#
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
# `usual = distance(seed)`. The second call has one more argument, such as `shift=0.08`.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_on_distance(distance, seed):
    """How far behind with the usual settings, and with one change."""
    ### BEGIN SOLUTION
    return distance(seed), distance(seed, momentum=0.5)
    ### END SOLUTION


check.effect_on_distance(effect_on_distance)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Two calls with the same seed, one difference. Also right: `shift=0.08` or `batch_size=600` in the place of `momentum=0.5`.
#
# Three things go wrong easily: the seed is typed in, so that five seeds give five times the same; two changes at once; and
# `distance(seed, 0.5)`, where 0.5 is the shift, the next argument after the seed, and not the momentum.

# %% [markdown]
# When your function has passed, run it with five seeds. What about your prediction? Then try the other two changes.

# %%
if check.effect_on_distance(effect_on_distance).state == "passed":
    runs = [effect_on_distance(distance, seed) for seed in range(5)]
    for name, five in zip(("usual", "changed"), zip(*runs, strict=True), strict=True):
        print(f"{name:8}", *(f"{value:5.2f}" for value in five))

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# - A shift twice as large: about twice as far behind. In a network with all paths there is hardly a shift.
# - A momentum of 0.5: 0.01 to 0.11. Without noise the distance would be $(1 - m)/m$ shifts with the momentum $m$: nine shifts with 0.1, one
#   with 0.5. But the noise of the last batches counts for more.
# - Ten times as many samples: no change but for the noise. Larger batches do not help.
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
#    fresh. If only they were late, the test becomes much better; in lesson 04b, without both paths, it rose to above 90 %. If it
#    does not, the weights are bad, too.
#
# </details>
#
# ## How far you are

# %%
check.report()
