# %% [markdown]
# # 02 · Normalize: exercises
#
# *30 minutes · after the lesson [02 · Normalize](../02_normalize.ipynb)*
#
# You write x̂ from memory, build an extreme batch, find a learning rate by an experiment of your own, and answer a question in words.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function on several inputs and says what it sees. If you are stuck, open a hint.
# Afterward, read [the solutions, explained](../solutions/02_normalize.ipynb).

# %%
import numpy as np

from bnteach import batch_norm_backward, batch_norm_forward, check
from bnteach.data import digits

# %% [markdown]
# ## Exercise 1: from memory
#
# *5 minutes · difficulty: 1 of 4*
#
# Close the lesson and write its first step down without looking: `standardize(x, eps)`, from $x$ to $\hat{x}$. Does your first try pass?
#
# - `x` is a batch of shape $(N, C)$; `eps` is a number above 0.
# - Return $\hat{x}$, shape $(N, C)$. Each channel has its own $\mu$ and its own $\sigma^2$, divided by $N$.
# - `x` itself must stay as it is.
#
# <details><summary>Hint 1</summary>
#
# Three lines: the mean of each column, its variance, the formula. Which axis disappears?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `eps` joins the *variance*. Where is the root taken: before or after that?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Below the line stands `np.sqrt(var + eps)`, above it `x - mean`, in brackets.
#
# </details>


# %% tags=["solution", "points-1"]
def standardize(x, eps):
    """x with mean 0 and variance σ²/(σ² + ε) in each column; shape (N, C)."""
    ### BEGIN SOLUTION
    mean = x.mean(axis=0)
    var = x.var(axis=0)
    return (x - mean) / np.sqrt(var + eps)
    ### END SOLUTION


check.standardize(standardize)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# `mean` and `var` have shape $(C,)$. NumPy lines them up with the last axis of `x`, the channels, so the formula can be written as on paper.
#
# Also right: `* (var + eps) ** -0.5`; a loop over the columns; `keepdims=True` with `axis=0`; work in place on `x.copy()`.
#
# Most of what goes wrong here gives no error:
#
# - `x.std(axis=0) + eps` puts ε outside the root. You cannot see it while $\sigma$ is large. The check has a channel with $\sigma = 0.003$.
# - `axis=1` passes when $N = C$, and with `keepdims=True` always. Look at the column means: they should be 0.
# - `x - mean / std` lacks brackets: division comes first.
# - `x -= mean` changes the array of whoever called your function.

# %% [markdown]
# ## Exercise 2: an extreme batch, made to order
#
# *8 minutes · difficulty: 3 of 4*
#
# Write `largest_x_hat_batch(n, mean, std)`.
#
# - `n` is a whole number, at least 2; `std` is above 0.
# - Return a batch of `n` values, shape $(n,)$, with this mean and this standard deviation (divided by $n$). Once it is normalized, its largest
#   $|\hat{x}|$ must be $\sqrt{n - 1}$, the limit.
#
# What is checked is your batch: how many values it has, its mean, its standard deviation, and its largest $|\hat{x}|$.
#
# <details><summary>Hint 1</summary>
#
# The pattern of the values alone decides. Which one did the lesson find to be the limit?
#
# </details>
# <details><summary>Hint 2</summary>
#
# First make that pattern a batch with mean 0 and standard deviation 1: normalize it.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Then stretch and shift, and x̂ does not notice: multiply by `std`, add `mean`.
#
# </details>


# %% tags=["solution", "points-2"]
def largest_x_hat_batch(n, mean, std):
    """n values with this mean and std, one of which is √(n − 1) standard deviations from the mean."""
    ### BEGIN SOLUTION
    x_hat = np.full(n, -1 / np.sqrt(n - 1))
    x_hat[0] = np.sqrt(n - 1)
    return mean + std * x_hat
    ### END SOLUTION


check.largest_x_hat_batch(largest_x_hat_batch)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# One value stands alone and the others agree. This $\hat{x}$ is written down at once: the one is $\sqrt{n - 1}$, and the others must bring the sum to
# 0, so each is $-\sqrt{n - 1}/(n - 1) = -1/\sqrt{n - 1}$. The squares add up to $(n - 1) + 1 = n$: standard deviation 1. To stretch it by `std` and to shift it by
# `mean` is just what the next BN would take out again.
#
# Also right: normalize `[1, 0, …, 0]`, then stretch and shift; or the one value *below* the mean.
#
# Tempting, but too small: half of the values at one end and half at the other ($|\hat{x}| = 1$ for all); evenly spaced values (always below
# $\sqrt{3}$); two extremes, one on each side ($\sqrt{n/2}$). And `mean + std * [1, 0, …, 0]` has neither this mean nor this standard deviation.

# %% [markdown]
# ## Exercise 3: an experiment of your own
#
# *12 minutes · difficulty: 2 of 4*
#
# A unit with BN is to be high for the digits 0 to 4 and low for 5 to 9. Its weights start at random, times `scale`; gradient descent takes 100 steps
# with the given `rate`. Weights 10 times as long learn more slowly. **With which rate do they learn exactly as the usual ones do?**
#
# (`batch_norm_backward` gives the gradient of the loss with respect to the input of BN, `data.x_train @ w`. Lesson 04 derives it.)

# %%
data = digits(dtype=np.float64)
target = np.where(data.y_train < 5, 1.0, -1.0)[:, None]


def train(scale, rate, seed):
    """The mean squared error after 100 steps."""
    w = scale * np.random.default_rng(seed).normal(size=(64, 1))
    for _ in range(100):
        x_hat, cache = batch_norm_forward(data.x_train @ w, gamma=None, beta=None)
        dz, _, _ = batch_norm_backward(2 * (x_hat - target) / len(target), cache)  # from dx̂ to dz
        w = w - rate * data.x_train.T @ dz
    return np.mean((x_hat - target) ** 2)


print("usual:", *(f"{train(1, 1, seed):.4f}" for seed in range(5)))

# %% [markdown]
# **Predict,** and write it down: the usual ones have the rate 1. Do weights of scale 10 need 0.1, 10, 100 or 1000? The lesson has all
# you need for a reason: how long is the gradient, and how long are the weights that it turns?
#
# Write `matching_rate(train, rates)`.
#
# - `train(scale, rate, seed)` gives a loss. (The check has a `train` of its own, with other losses.)
# - Return the one of the `rates` with which `train(10, rate, seed)` is nearest to `train(1, 1, seed)`. "The same training" means: the same for each
#   of five seeds.
#
# <details><summary>Hint 1</summary>
#
# When are two trainings the same? Compare each seed's loss with the loss of the same seed.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Five losses of `train(1, 1, seed)`; for each rate the distances of `train(10, rate, seed)`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Keep `abs(losses - usual).max()` for each rate; return the rate where it is smallest.
#
# </details>


# %% tags=["solution", "points-2"]
def matching_rate(train, rates):
    """The rate with which weights of scale 10 learn as those of scale 1 do, seed by seed."""

    ### BEGIN SOLUTION
    def largest_distance(rate):
        return max(abs(train(10, rate, seed) - train(1, 1, seed)) for seed in range(5))

    return min(rates, key=largest_distance)
    ### END SOLUTION


check.matching_rate(matching_rate)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The distances are taken seed by seed. The mean of the distances, or of their squares, does as well.
#
# What goes wrong most often:
#
# - The *means* of five losses are compared. They can be equal though no two trainings are.
# - The lowest loss is taken: that is the fastest rate, not the matching one.
# - `abs` is missing: then −0.3 counts as nearer than 0.01.

# %% [markdown]
# When your function has passed, run it for real. What about your prediction?

# %%
if check.matching_rate(matching_rate).state == "passed":
    print("matching rate:", matching_rate(train, [0.1, 1, 10, 100, 1000]))
    for rate in (0.1, 1, 10, 100, 1000):
        print(f"rate {rate:6}:", *(f"{train(10, rate, seed):.4f}" for seed in range(5)))

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 100, and there the losses agree in all digits that are printed. The gradient is 10 times shorter, which asks for a rate 10 times larger. The weights
# are 10 times longer, so for the same turn the step must be 10 times longer as well: another factor 10. With $a$ times longer weights and
# $a^2$ times the rate, every step of gradient descent turns the weights as before. (With Adam the factor is about $a$: its steps do not become shorter with the gradient.)
#
# </details>
#
# ## In words
#
# *5 minutes*
#
# A colleague has read that BN makes biases redundant, and writes `bias=False` for all three linear layers of this network:
#
# linear → BN → ReLU → linear → ReLU → BN → linear
#
# For which of the three is it right, for which not, and why? Answer in three sentences, then compare.
#
# <details><summary>A model answer</summary>
#
# The first bias has no effect, because BN follows directly and subtracts it together with the mean. The second bias decides which values the ReLU sets to 0, and no
# later mean brings these values back. After the third bias no mean is subtracted at all, so it moves the outputs of the network.
#
# </details>
#
# ## How far you are

# %%
check.report()
