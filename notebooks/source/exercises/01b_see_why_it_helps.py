# %% [markdown]
# # 01b · See why BN may help: exercises
#
# *15 minutes · after the lesson [01b · See why BN may help](../01b_see_why_it_helps.ipynb)*
#
# The largest rate for a loss of PyTorch, and a question to answer in words.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function on several inputs and says what it sees. If you are stuck, open a hint.
# Afterward, read [the solution, explained](../solutions/01b_see_why_it_helps.ipynb).

# %%
import numpy as np

from bnteach import check
from bnteach.data import rental_cars

# %% [markdown]
# ## Exercise: the largest rate
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
# ## In words
#
# *5 minutes*
#
# **Min–max scaling** moves each feature to 0 … 1: minus its smallest value, divided by the difference of its largest and smallest. A z-score after it
# consists of two steps: subtract the mean, and divide by the standard deviation. The next cell applies to the age and the mileage neither step,
# each step alone, and both. Why is one step alone not enough? Say for each of the two what keeps $\kappa$ large. Answer in two or three
# sentences, then compare.

# %%
cars = rental_cars(500).features  # age and mileage
min_max = (cars - cars.min(axis=0)) / (cars.max(axis=0) - cars.min(axis=0))
mean, std = min_max.mean(axis=0), min_max.std(axis=0)
variants = {
    "neither step": min_max,
    "only subtracted": min_max - mean,
    "only divided": min_max / std,
    "both": (min_max - mean) / std,
}
for name, x in variants.items():
    columns = np.column_stack([x, np.ones(len(x))])
    c = np.linalg.eigvalsh(columns.T @ columns / len(x))
    print(
        f"{name:15}: means {x.mean(axis=0).round(2) + 0}, stds {x.std(axis=0).round(2)}, κ = {c[-1] / c[0]:.0f}"
    )

# %% [markdown]
# <details><summary>A model answer</summary>
#
# If only the means are subtracted, the scales stay unequal: the feature of $b$ is always 1, and the standard deviations of the other two are only about 0.2. So
# their curvatures are small beside the 1 of $b$. If the features are only divided, the means grow as well, to 1.5 and 1.8: they stay far from 0
# beside a standard deviation of 1. With both steps only the correlation is left.
#
# </details>

# %% [markdown]
# ## How far you are

# %%
check.report()
