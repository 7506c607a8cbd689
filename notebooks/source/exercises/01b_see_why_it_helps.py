# %% [markdown]
# # 01b · See why it may help: exercises
#
# *25 minutes · after the lesson [01b · See why it may help](../01b_see_why_it_helps.ipynb)*
#
# The largest rate for a loss of PyTorch, then an experiment of your own: which part of BN changes the curvatures? And a question to answer in words.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function on several inputs and says what it sees. If you are stuck, open a hint.
# Afterward, read [the solution, explained](../solutions/01b_see_why_it_helps.ipynb).

# %%
import numpy as np

from bnteach import check
from bnteach.data import digits

# %% [markdown]
# ## Exercise 1: the largest rate
#
# *10 minutes · difficulty: 2 of 4*
#
# `torch.nn.MSELoss()` is the mean of the squared errors, without the half of lesson 01b. A linear layer has one weight for each of $D$ features, and $b$.
#
# Write `largest_rate(x)`: the rate above which gradient descent on this loss diverges. `x` are the features, with shape `(N, D)`.
#
# <details><summary>Hint 1</summary>
#
# One direction alone sets this limit. Which of the curvatures has to be known?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Twice the loss has twice the second derivatives. What does that do to the limit `2 / c`?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `np.column_stack([x, np.ones(len(x))])` has a column for b; `eigvalsh` sorts upward.
#
# </details>


# %% tags=["solution", "points-2"]
def largest_rate(x):
    """The rate above which gradient descent on the mean of the squared errors diverges."""
    ### BEGIN SOLUTION
    columns = np.column_stack([x, np.ones(len(x))])
    second_derivatives = 2 * columns.T @ columns / len(x)
    return 2 / np.linalg.eigvalsh(second_derivatives)[-1]
    ### END SOLUTION


check.largest_rate(largest_rate)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Without the half the loss is twice as large, and so are its second derivatives. In each direction a step multiplies the distance by
# $1 - \text{rate}\cdot c$. This grows when rate · $c$ is above 2, and that happens first where $c$ is largest.
#
# What goes wrong most often: $b$ is forgotten. Its column of ones adds the means to the matrix, and they can make the largest curvature much larger.

# %% [markdown]
# ## Exercise 2: an experiment of your own
#
# *10 minutes · difficulty: 2 of 4*
#
# In lesson 01b, gradient descent needs about 120 steps with BN until the middle direction has come down to a third of its distance, and 4 000 without. **What
# in BN does it?** Here is the lesson's network as a function with three settings: subtract the mean or not, divide by the standard deviation or not, and do
# so before or after the ReLU. It prints what you measured in the lesson: the squared means and the variances of the 100 outputs.

# %%
pictures = digits(dtype=np.float64).x_train


def steps(seed, subtract=True, divide=True, after_relu=False):
    """The largest curvature divided by the middle one, behind four layers with random weights."""

    def normalized(h):
        centered = h - h.mean(axis=0) if subtract else h
        return centered / np.sqrt(h.var(axis=0) + 1e-9) if divide else centered

    random, h = np.random.default_rng(seed), pictures
    for _ in range(4):
        z = h @ random.normal(0, (2 / h.shape[1]) ** 0.5, size=(h.shape[1], 100))
        h = normalized(np.maximum(z, 0)) if after_relu else np.maximum(normalized(z), 0)
    print(f"squared means {(h.mean(axis=0) ** 2).sum():5.1f}, variances {h.var(axis=0).sum():4.1f}")
    columns = np.column_stack([h, np.ones(len(h))])
    curvatures = np.linalg.eigvalsh(columns.T @ columns / len(h))
    return curvatures[-1] / curvatures[50]


# %% [markdown]
# Choose **one** change: `subtract=False`, `divide=False` or `after_relu=True`. **Predict,** and write it down: will it be more steps or fewer, and about how many
# times as many?
#
# Write `effect_on_steps(steps, seed)`, one run of your experiment.
#
# - Return two numbers: the steps of the usual network, and those of the network with your change.
# - Nothing else may differ between the two.
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
# `usual = steps(seed)`. The second call has one more argument, such as `after_relu=True`.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_on_steps(steps, seed):
    """The steps of the usual network, and of one that differs from it in one thing."""
    ### BEGIN SOLUTION
    return steps(seed), steps(seed, subtract=False)
    ### END SOLUTION


check.effect_on_steps(effect_on_steps)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Two calls, one difference. The seed counts as a setting as well: with another seed the second network would also have other weights, and you
# could not say which of the two did it.
#
# Also right: `divide=False` or `after_relu=True` in the place of `subtract=False`.
#
# What goes wrong most often: the seed is typed in (`steps(0, subtract=False)`), so that five seeds give five times the same; and two changes at
# once.

# %% [markdown]
# When your function has passed, run it with five seeds. What about your prediction? Then try the other two changes.

# %%
if check.effect_on_steps(effect_on_steps).state == "passed":
    runs = [effect_on_steps(steps, seed) for seed in range(5)]
    for name, five in zip(("usual", "changed"), zip(*runs, strict=True), strict=True):
        print(f"{name:8}", *(f"{value:5.0f}" for value in five))

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# - Without subtracting the mean it takes 30 to 50 times as many steps: as many as without BN.
# - Without dividing it takes 2.5 times as many. (Here the random weights keep all channels at a similar size. The cars' age and mileage were not alike.)
# - With BN *after* the ReLU it takes about six times fewer, and the squared means are 0. (This is a finding about curvature before training. It does not
#   say that a network trains best so.)
#
# </details>
#
# ## In words
#
# *5 minutes*
#
# Without subtracting the mean, the squared means are about five times the variances, and with BN less than half of them. Why do large means slow gradient
# descent down? Answer in two or three sentences, then compare.
#
# <details><summary>A model answer</summary>
#
# Large means make one direction very steep: to change all weights together changes the output for all pictures alike. The rate must be small
# enough for this one direction. The pictures are told apart in the other directions, which are flat in comparison, so with this rate they need many steps.
#
# </details>
#
# ## How far you are

# %%
check.report()
