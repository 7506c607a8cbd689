# %% [markdown]
# # 01 · Measure a batch: exercises
#
# *30 minutes · 1 and 2 after the lesson [01 · Measure a batch](../01_measure_a_batch.ipynb), the others after
# [01b · See why it may help](../01b_see_why_it_helps.ipynb)*
#
# Whose statistics, which divisor, an experiment of your own, and a question to answer in words.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function on several inputs and says what it sees. If you are stuck, open a hint.
# Afterward, read [the solutions, explained](../solutions/01_measure_a_batch.ipynb).

# %%
import numpy as np

from bnteach import check
from bnteach.data import digits

# %% [markdown]
# ## Exercise 1: scaled like the training data
#
# *7 minutes · difficulty: 1 of 4*
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
# ## Exercise 3: an experiment of your own
#
# *10 minutes · difficulty: 2 of 4*
#
# In lesson 01b, the condition number of a layer's outputs was about ten times smaller with BN. **What in BN does it?** Here is the lesson's
# network as a function with three settings: subtract the mean or not, divide by the standard deviation or not, and do so before or after the ReLU.

# %%
pictures = digits(dtype=np.float64).x_train


def condition(seed, subtract=True, divide=True, after_relu=False):
    """The condition number behind four layers with random weights, for units active for 10 % or more."""

    def normalized(h):
        centered = h - h.mean(axis=0) if subtract else h
        return centered / np.sqrt(h.var(axis=0) + 1e-9) if divide else centered

    random, h = np.random.default_rng(seed), pictures
    for _ in range(4):
        z = h @ random.normal(0, (2 / h.shape[1]) ** 0.5, size=(h.shape[1], 100))
        output = np.maximum(z, 0) if after_relu else np.maximum(normalized(z), 0)
        active = (output > 0).mean(axis=0) >= 0.1
        h = normalized(output) if after_relu else output
    columns = np.column_stack([h[:, active], np.ones(len(h))])
    curvatures = np.linalg.eigvalsh(columns.T @ columns / len(h))
    return curvatures[-1] / curvatures[0]


# %% [markdown]
# Choose **one** change: `subtract=False`, `divide=False` or `after_relu=True`. **Predict,** and write it down: with the usual settings the condition number
# is about 1 400; does your change make it larger or smaller, and about how many times?
#
# Write `effect_on_condition(condition, seed)`, one run of your experiment.
#
# - Return two numbers: the condition number of the usual network, and that of the network with your change.
# - Nothing else may differ between the two.
#
# <details><summary>Hint 1</summary>
#
# An experiment compares two networks that differ in one thing. How many calls is that?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The usual network needs the seed alone. What must be the same in the other one?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `usual = condition(seed)`. The second call has one more argument, such as `after_relu=True`.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_on_condition(condition, seed):
    """The condition number of the usual network, and of one that differs from it in one thing."""
    ### BEGIN SOLUTION
    return condition(seed), condition(seed, subtract=False)
    ### END SOLUTION


check.effect_on_condition(effect_on_condition)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Two calls, one difference. The seed counts as a setting as well: with another seed the second network would also have other weights, and you
# could not say which of the two did it.
#
# Also right: `divide=False` or `after_relu=True` in the place of `subtract=False`.
#
# What goes wrong most often: the seed is typed in (`condition(0, subtract=False)`), so that five seeds give five times the same; and two changes at
# once.

# %% [markdown]
# When your function has passed, run it with five seeds. What about your prediction? Then try the other two changes.

# %%
if check.effect_on_condition(effect_on_condition).state == "passed":
    runs = [effect_on_condition(condition, seed) for seed in range(5)]
    for name, five in zip(("usual", "changed"), zip(*runs, strict=True), strict=True):
        print(f"{name:8}", *(f"{value:8.1e}" for value in five))

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# Without subtracting the mean the condition number is about 15 times larger: all of BN's effect is gone, and more. Without dividing it is even a little *smaller*,
# about 1 200. (In this network the divisors are alike: the random weights keep all channels at a similar size. The cars' age and mileage were not alike.)
# And with BN *after* the ReLU it is about 15 times smaller, 80 to 100. (That is a finding about curvature in a network before training. It does not say that a
# network trains best so.)
#
# </details>
#
# ## In words
#
# *5 minutes*
#
# It is the subtraction. For seed 0, in parts of the mean curvature: the largest is 35 with BN and 62 without the subtraction, the smallest 0.026 and 0.0026. So the
# smallest has changed most. Why does a channel with a mean far below 0 give a small curvature? Answer in two or three sentences, then compare.
#
# <details><summary>A model answer</summary>
#
# Such a channel passes the ReLU for few pictures only, and then with small values; another one, with a mean far above 0, passes always. A weight behind small
# and rare values changes few answers, so the loss is nearly flat in its direction. With the mean subtracted, all channels pass about half of the time, with values of the same
# size, and no direction is so flat. (The means behind the ReLU matter, too: with BN *after* it they are 0, and the largest curvature falls to 8 parts.)
#
# </details>
#
# ## How far you are

# %%
check.report()
