# %% [markdown]
# # 01 · Measure a batch: exercises
#
# *20 minutes · after the lesson [01 · Measure a batch](../01_measure_a_batch.ipynb)*
#
# Whose statistics, which divisor, and a question to answer in words.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function on several inputs and says what it sees. If you are stuck, open a hint.
# Afterward, read [the solutions, explained](../solutions/01_measure_a_batch.ipynb).

# %%
from bnteach import check

# %% [markdown]
# ## Exercise 1: scaled like the training data
#
# *7 minutes · difficulty: 1 of 4*
#
# A model learns from the **z-scores** of its training set: minus the mean, divided by the standard deviation. Later it meets other data, the test set. Here are
# a few cars:
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
# Only the training set is there when the model learns. So which mean, and which deviation?
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
# ## Exercise 2: cars in another light
#
# *8 minutes · difficulty: 3 of 4*
#
# The colors of cars are measured by a camera, in $B$ batches of $N$ cars. From batch to batch the light changes, and adds another number to all the
# cars of a batch. How much do the *cars* differ, without the light?
#
# Write `variance_within(batches)`.
#
# - `batches` has shape $(B, N, C)$: $B$ batches of $N \ge 2$ cars, with $C$ channels each.
# - Return, for each channel, an unbiased guess at the variance of the cars: shape $(C,)$.
#
# <details><summary>Hint 1</summary>
#
# Each batch has its own mean. Along which axis of (B, N, C) do the samples of one batch lie?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Each batch gives one guess at the variance. By what is it divided to be right on average?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `batches.mean(axis=1, keepdims=True)` is the light; `ddof` is subtracted from N. Average last.
#
# </details>


# %% tags=["solution", "points-2"]
def variance_within(batches):
    """The variance of the cars without the differences between the batches; shape (C,)."""
    ### BEGIN SOLUTION
    return batches.var(axis=1, ddof=1).mean(axis=0)
    ### END SOLUTION


check.variance_within(variance_within)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# `var(axis=1)` subtracts each batch's own mean, and the light is in it. Each of the $B$ variances has lost one degree of freedom to its mean, so each
# divides by $N - 1$. Their mean is then right on average, too.
#
# Also right: `((batches - batches.mean(axis=1, keepdims=True)) ** 2).sum(axis=(0, 1)) / (B * (N - 1))`.
#
# What goes wrong most often:
#
# - Dividing by $N$. With batches of 2, half of the variance is lost.
# - One mean for all batches: then the light counts as a difference between cars.
# - Dividing by $B\,N - 1$. There is not one mean here but $B$ of them.

# %% [markdown]
# ## In words
#
# *5 minutes*
#
# "With batches of 32, BN's mean is off by 18 %." Of what is it 18 %? And is the mean of a batch better if there are more batches of 32? Answer in two or three
# sentences, then compare.
#
# <details><summary>A model answer</summary>
#
# Of the standard deviation: $\sigma/\sqrt{32} = 0.18\,\sigma$ is how far the mean of a batch is off, typically. The size of the mean itself plays no part. More batches do
# not help a single one, which has its 32 samples and no more. Only an average over many batches is better: BN stores one, for the time after the training (lesson 05).
#
# </details>

# %% [markdown]
# ## How far you are

# %%
check.report()
