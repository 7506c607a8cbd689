# %% [markdown]
# # 12 · The same layer elsewhere: exercises
#
# *20 minutes · after the lesson [12 · The same layer elsewhere](../12_the_same_layer_elsewhere.ipynb)*
#
# One function to mend: a Keras layer, to go on training in PyTorch.
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
# A reminder. In Keras an average moves like this: `average = momentum * average + (1 - momentum) * new`. It begins at 1 for the variance. Three batches,
# all with the biased variance 4:

# %%
average = 1.0
for _ in range(3):
    average = 0.9 * average + 0.1 * 4.0
    print(round(average, 4))

# %% [markdown]
# How much of this is still the 1 it began with? $0.9^3$, that is 0.729.

# %% [markdown]
# ## Exercise 1: mend a translation
#
# *20 minutes · difficulty: 3 of 4*
#
# You find this function in somebody's project:
#
# ```python
# def to_pytorch(momentum, moving_variance, batches, m):
#     return momentum, moving_variance * m / (m - 1)
# ```
#
# One of the two results is always wrong. The other one is nearly right after many batches, and wrong after few. Say first which is which; try
# the variance on the three batches above, with `m = 8`: what would PyTorch have stored, and what does this function give? Then write
# `to_pytorch(momentum, moving_variance, batches, m)` anew.
#
# - `momentum` and `moving_variance`, shape $(C,)$, are Keras'. The layer has seen `batches` training batches, each with `m` values a channel.
# - Return PyTorch's `momentum`, and the `running_var` that PyTorch would have after the same batches.
#
# <details><summary>Hint 1</summary>
#
# Whose share does each momentum name, the old average or the new batch?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Keras stores $\sigma^2$ divided by $m$, PyTorch divided by $m - 1$. So each batch is stretched by $m/(m-1)$. And the start value?
#
# </details>
# <details><summary>Hint 3</summary>
#
# The start value 1 has the weight `momentum**batches`. Take it out, stretch the rest, put it back.
#
# </details>


# %% tags=["solution", "points-3"]
def to_pytorch(momentum, moving_variance, batches, m):
    """PyTorch's momentum, and its running_var after the same batches."""
    ### BEGIN SOLUTION
    left = momentum**batches  # of the start value 1
    running_var = left + (moving_variance - left) * m / (m - 1)
    return 1 - momentum, running_var
    ### END SOLUTION


check.to_pytorch(to_pytorch)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The momentum was wrong always: PyTorch's weighs the new batch. On the three batches above, PyTorch would have $0.729 + 0.271\cdot 4\cdot 8/7 = 1.968$;
# the function gave $1.813\cdot 8/7 = 2.072$: it stretched the start value 1, too.
#
# The average is $k \cdot 1 + \sum w_i \sigma_i^2$ with $k = \text{momentum}^t$. Only the $\sigma_i^2$ differ between the two frameworks, so only the sum is stretched.
# After many batches $k$ is nearly 0, and `moving_variance * m / (m - 1)` is good enough. After few it is not.
#
# If the model will only predict, carry the variance over as it is: Keras predicts with its biased one (lesson 12).

# %% [markdown]
# ## How far you are

# %%
check.report()
