# %% [markdown]
# # 01c · See why in a network: exercises
#
# *15 minutes · after the lesson [01c · See why in a network](../01c_see_why_in_a_network.ipynb)*
#
# An experiment of your own: which part of BN changes the curvatures? And a question to answer in words.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function on several inputs and says what it sees. If you are stuck, open a hint.
# Afterward, read [the solution, explained](../solutions/01c_see_why_in_a_network.ipynb).

# %%
import numpy as np

from bnteach import check
from bnteach.data import digits

# %% [markdown]
# ## Exercise: an experiment of your own
#
# *10 minutes · difficulty: 1 of 4*
#
# In lesson 01c, the middle direction of the fifth layer needed about 120 steps with BN, and 2 700 to 3 900 without: the largest curvature divided by the middle one. **What in BN does it?**
#
# Here is the lesson's network with three settings: subtract the mean or not, divide by the standard deviation or not, and do so before or after the
# ReLU. `steps` returns the steps of the middle direction. For each run it also prints the squared means of the 100 outputs, added up, and their variances, added up: what the pictures have in common, and how much they differ.
# (The last number is for a layer without $b$. You need it only to explain what you find.)

# %%
pictures = digits(dtype=np.float64).x_train


def steps(seed, subtract=True, divide=True, after_relu=False):
    """Largest curvature / middle curvature, behind four layers with random weights."""

    def normalized(h):
        centered = h - h.mean(axis=0) if subtract else h
        return centered / np.sqrt(h.var(axis=0) + 1e-9) if divide else centered

    random, h = np.random.default_rng(seed), pictures
    for _ in range(4):
        z = h @ random.normal(0, (2 / h.shape[1]) ** 0.5, size=(h.shape[1], 100))
        h = normalized(np.maximum(z, 0)) if after_relu else np.maximum(normalized(z), 0)
    h = h[:, h.var(axis=0) > 0]  # without the dead outputs

    def ratio(columns):
        curvatures = np.linalg.eigvalsh(columns.T @ columns / len(columns))
        return curvatures[-1] / np.median(curvatures)

    name = "usual" if subtract and divide and not after_relu else "changed"
    print(f"{name:7}: squared means {(h.mean(axis=0) ** 2).sum():5.1f}, ", end="")
    print(f"variances {h.var(axis=0).sum():5.1f}, steps without b {ratio(h):.0f}")
    return ratio(np.column_stack([h, np.ones(len(h))]))


# %% [markdown]
# Choose **one** change: `subtract=False`, `divide=False` or `after_relu=True`. **Predict,** in writing and before any code: is the number of steps then about 120 as
# usual, smaller, or larger, and about how many times? The code is short; the prediction is the exercise.
#
# My prediction: …
#
# Then write `effect_on_steps(steps, seed)`, one run of your experiment.
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
# - Without subtracting the mean, 23 to 36 times as many steps are needed: about as many as without BN. The squared means are then about four to six times the variances, and with BN less than half of them.
# - Without dividing, 2.5 times as many steps, because of $b$. The outputs are small, and their squared means add up to only 0.7. With the 1 of $b$ the largest curvature is about 1.7, so most of it comes from $b$.
#   In a layer without $b$, 118 to 130 steps are needed without dividing, and 106 to 111 as usual: nearly the same.
# - With BN *after* the ReLU, five to seven times fewer, and the squared means are 0. (This is about curvatures before training. It does not
#   say that a network trains best so.)
#
# </details>
#
# ## In words
#
# *5 minutes*
#
# Why does it slow gradient descent down when the outputs have large means? Think of two directions: along the first, the answers for all pictures change alike, along the second, they change differently. Answer in
# two or three sentences, then compare.
#
# <details><summary>A model answer</summary>
#
# Large means make one direction steep: along it, the answers for all pictures change alike, and by much. The rate must be small
# enough for this one direction. The pictures are told apart along other directions, where only their differences count. These are flat in comparison, so with this rate they need many steps.
#
# </details>
#
# ## How far you are

# %%
check.report()
