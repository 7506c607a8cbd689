# %% [markdown]
# # 01 · Measure a batch: exercises
#
# *45 minutes · after the lesson [01 · Measure a batch](../01_measure_a_batch.ipynb)*
#
# Three functions to write. You will practice:
#
# - mean and variance of each channel, with the right axis and the right divisor
# - the same for data that comes in blocks and can be read only once
# - which data the statistics may come from, when there is a training set and a test set
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function on several small batches and says what it sees. If you are stuck, open a hint.
# The solutions, explained, are in the folder `solutions`. Your arrays are NumPy
# arrays, but lists and PyTorch tensors are welcome as answers too.

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
# ## Exercise 1: two numbers for each channel
#
# *10 minutes · difficulty: 1 of 4*
#
# Write `batch_statistics(x)`.
#
# - `x` is a batch of shape $(N, C)$: a row for each sample, a column for each channel.
# - Return two arrays of shape $(C,)$: the mean of each channel, and its variance, divided by $N$.
#
# Try it without `x.var` first: you will need the steps in exercise 2.
#
# <details><summary>Hint 1</summary>
#
# The axis that you name is the one that disappears. From $(N, C)$ to $(C,)$: which one is that?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The variance is a mean as well: the mean of the squared distances from the mean.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `x - mean` works for all rows at once, because the shapes $(N, C)$ and $(C,)$ fit. Square it, and take the mean over `axis=0`.
#
# </details>


# %% tags=["solution", "points-1"]
def batch_statistics(x):
    """The mean and the variance of each column of x: two arrays of shape (C,)."""
    ### BEGIN SOLUTION
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    return mean, var
    ### END SOLUTION


check.batch_statistics(batch_statistics)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Two passes over the data: first the mean, then the squared distances from it. `x.var(axis=0)` does the same.
#
# Also right: loops over the columns; Welford's way; `keepdims=True` inside, if the axis is taken away again at the end.
#
# Mistakes that are made most often:
#
# - `axis=1`, or no axis at all. Then channels are mixed.
# - `ddof=1`, or PyTorch's `x.var(0)`: both divide by $N - 1$. BN divides by $N$ when it normalizes.
# - `(x**2).mean(axis=0) - mean**2`. On paper it is the same. But the check also tries float32 values around 3 000 with a standard deviation
#   of 1, and there hardly a digit is left.

# %% [markdown]
# ## Exercise 2: in one pass
#
# *25 minutes · difficulty: 3 of 4*
#
# Now the data is too large for the memory. It comes in **blocks** of rows, one after the other, and each block can be seen only once.
# The blocks differ in length. This is how such blocks look:

# %%
example_blocks = iter([np.array([[1.0, 10.0], [2.0, 10.0]]), np.array([[6.0, 40.0]])])
for block in example_blocks:
    print(f"{len(block)} rows, block mean {block.mean(axis=0)}")
print("asked again:", list(example_blocks))

# %% [markdown]
# Write `one_pass_statistics(blocks)`.
#
# - `blocks` gives arrays of shape $(n_i, C)$ when you write `for block in blocks`. Do this once. Do not store the blocks: the check notices.
# - Return the mean and the variance (divided by the number of *all* rows) of each channel: two arrays of shape $(C,)$, just as if all rows had
#   been in one batch. For the example above, that is `[3, 20]` and `[4.667, 200]`.
#
# <details><summary>Hint 1</summary>
#
# Which three things do you have to remember about the rows that have gone by? The lesson says so in "Two batches become one".
#
# </details>
# <details><summary>Hint 2</summary>
#
# Keep $N$, $\mu$ and $S$, the sum of squared deviations. A new block has its own three. With $\delta = \mu_b - \mu$:
#
# $$S \leftarrow S + S_b + \delta^2\,\frac{N N_b}{N + N_b} \qquad \mu \leftarrow \mu + \delta\,\frac{N_b}{N + N_b}$$
#
# In which order must the three be renewed?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Start with `n = 0`, `mean = 0.0`, `s = 0.0`; the formulas then hold for the first block too. In the loop work out `delta` and `total = n + n_b` first,
# then renew `s`, then `mean`, and `n` last. Return `mean` and `s / n`.
#
# </details>


# %% tags=["solution", "points-3"]
def one_pass_statistics(blocks):
    """The mean and the variance of each column, over the rows of all blocks: two arrays of shape (C,)."""
    ### BEGIN SOLUTION
    n, mean, s = 0, 0.0, 0.0
    for block in blocks:
        n_b, mean_b = len(block), block.mean(axis=0)
        s_b = ((block - mean_b) ** 2).sum(axis=0)
        delta, total = mean_b - mean, n + n_b
        s = s + s_b + delta**2 * n * n_b / total
        mean = mean + delta * n_b / total
        n = total
    return mean, s / n
    ### END SOLUTION


check.one_pass_statistics(one_pass_statistics)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Each round makes one batch of two: the rows so far, and the new block. The weight $\frac{N_b}{N + N_b}$ is the share of the new rows,
# so each *row* counts the same, not each block. The term with $\delta^2$ is the spread between the two means.
#
# Also right: Welford's step for each row (slower in Python); or subtract one fixed row from all rows and then use $\sum x$ and $\sum x^2$: after
# that the values lie near 0, and few digits are lost.
#
# What goes wrong most often:
#
# - The block means are averaged. That is right only when all blocks have the same length, so it may pass your own first test.
# - $S$ is added up without the term with $\delta^2$. Sorted data shows how wrong that is: blocks of one value each would give variance 0.
# - $\delta$ is worked out after the mean has moved. Then it is too short.
# - $\sum x^2$ and $\sum x$ in float32: see exercise 1.

# %% [markdown]
# ## Exercise 3: scaled like the training data
#
# *10 minutes · difficulty: 2 of 4*
#
# A model learns from z-scores of its training set. Later it meets other data, the test set. Here are a few cars:
#
# | training set: age | mileage | | test set: age | mileage |
# |---|---|---|---|---|
# | 2 years | 30 000 km | | 5 years | 50 000 km |
# | 4 years | 50 000 km | | 15 years | 150 000 km |
# | 9 years | 70 000 km | | | |
#
# Write `scale_like_training(train, test)`.
#
# - `train` and `test` have the shapes $(N, C)$ and $(M, C)$. $N$ and $M$ may differ.
# - Return the z-scores of the **test** set, shape $(M, C)$, as a model needs them that was trained on z-scores of `train`. No ε this time.
#
# Ask yourself: what must a test car get that is exactly like a training car?
#
# <details><summary>Hint 1</summary>
#
# The same car must get the same numbers, in whichever set it is.
#
# </details>
# <details><summary>Hint 2</summary>
#
# So subtraction and division must be the same in both sets. Only the training set is there when the model learns.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Both the mean and the standard deviation come from `train`; `test` is what they are applied to.
#
# </details>


# %% tags=["solution", "points-2"]
def scale_like_training(train, test):
    """The z-scores of `test`, with the mean and the standard deviation of `train`; shape (M, C)."""
    ### BEGIN SOLUTION
    return (test - train.mean(axis=0)) / train.std(axis=0)
    ### END SOLUTION


check.scale_like_training(scale_like_training)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The first test car, 5 years with 50 000 km, has the mean of the training cars in both columns. So it gets 0 and 0, wherever it appears. Had you used the mean of the
# *test* cars, it would get −1 and −1, and the model would take it for a much younger car.
#
# Statistics of both sets together are wrong in another way: the test set should stand for data that nobody has seen. If it has a say in the scaling, the
# test result is a little too good.
#
# Also right: `StandardScaler().fit(train).transform(test)` of scikit-learn, which divides by $N$ as well. BN meets the same question after the training:
# which statistics does it use for new data? Lesson 05 answers it.

# %% [markdown]
# ## How far you are

# %%
check.report()
