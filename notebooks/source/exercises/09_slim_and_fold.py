# %% [markdown]
# # 09 · Slim and fold: exercises
#
# *45 minutes · after the lesson [09 · Slim and fold](../09_slim_and_fold.ipynb)*
#
# Three functions to write. You will practice:
#
# - the gradient that makes a network slim
# - cutting channels for real
# - folding BN into the layer that comes *after* it
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
# A small network to look at while you work: 2 inputs, a linear layer with 4 channels, BN, ReLU, a linear layer with 2 outputs.

# %%
w_1 = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])  # (channels, inputs)
gamma, beta = np.array([1.5, 0.0, -2.0, 0.1]), np.array([1.0, 2.0, 3.0, -4.0])
mean, var = np.array([0.5, 1.5, 2.5, 3.5]), np.array([1.0, 2.0, 3.0, 4.0])
w_2 = np.array([[1.0, 10.0, 3.0, 4.0], [5.0, 20.0, 7.0, 8.0]])  # (outputs, channels)
b_2 = np.array([0.5, -0.5])


def network(x):
    hidden = gamma * (x @ w_1.T - mean) / np.sqrt(var + 1e-5) + beta
    return np.maximum(hidden, 0) @ w_2.T + b_2


print(network(np.array([[0.0, 0.0], [1.0, -1.0]])))

# %% [markdown]
# ## Exercise 1: the gradient that makes a network slim
#
# *10 minutes · difficulty: 1 of 4*
#
# The loss gets a penalty: $\lambda \sum_c |\gamma_c|$, with `strength` for $\lambda$. Write `slimming_gradient(gamma, beta, dgamma, dbeta, strength)`.
#
# - `dgamma` and `dbeta` are the gradients of the loss without the penalty. All four arrays have shape $(C,)$, and no $\gamma$ is exactly 0.
# - Return the two gradients of the loss *with* the penalty: first that of γ, then that of β.
#
# <details><summary>Hint 1</summary>
#
# Draw |γ|. How steep is it at γ = 2, at γ = 0.1, at γ = −3?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The slope of a sum is the sum of the slopes: the gradient of the loss, plus the gradient of the penalty.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `np.sign(gamma)` is 1 or −1. There is no β in the penalty.
#
# </details>


# %% tags=["solution", "points-1"]
def slimming_gradient(gamma, beta, dgamma, dbeta, strength):
    """The gradients of γ and β with the penalty; two arrays of shape (C,)."""
    ### BEGIN SOLUTION
    return dgamma + strength * np.sign(gamma), dbeta
    ### END SOLUTION


check.slimming_gradient(slimming_gradient)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - The pull has the same strength at $\gamma = 2$ and at $\gamma = 0.01$. That is why it gets all the way to 0, where the loss does not hold against it. The pull of $\frac{\lambda}{2}\gamma^2$ is
#   $\lambda\gamma$: it dies out on the way.
# - At $\gamma = 0$ the slope jumps from −1 to 1. `np.sign` gives 0 there. A step of finite size jumps over 0 anyway, to and fro.
# - β stays out of it. A channel with $\gamma = 0$ is a constant, whatever β is, and a constant can move into a bias: exercise 2.

# %% [markdown]
# ## Exercise 2: cut for real
#
# *20 minutes · difficulty: 3 of 4*
#
# Write `cut_channels(w_1, gamma, beta, mean, var, w_2, b_2, threshold)` for networks like the one above, of any size. `mean` and `var` are the running statistics of BN.
#
# - The channels with $|\gamma|$ above `threshold` stay. All others are cut, as if their γ were 0.
# - Return seven arrays, in the order `w_1, gamma, beta, mean, var, w_2, b_2`. They have no trace of the cut channels: they are smaller, not filled with zeros.
# - If the γ of the cut channels are 0, the smaller network must give the same outputs as before.
#
# <details><summary>Hint 1</summary>
#
# Where does a channel live? Look for every array with a 4 in its shape, and say which of its axes is the channel's.
#
# </details>
# <details><summary>Hint 2</summary>
#
# With `stays` true for the channels that stay: `w_1[stays]` takes rows, `w_2[:, stays]` takes columns. And a channel with γ = 0 is not silent. What does BN say for it, and what does ReLU make of this?
#
# </details>
# <details><summary>Hint 3</summary>
#
# A cut channel said the same to every sample: max(β, 0). The next layer weighed it with a column of w_2. Which array of that layer adds the same to every sample?
#
# </details>


# %% tags=["solution", "points-4"]
def cut_channels(w_1, gamma, beta, mean, var, w_2, b_2, threshold):
    """The arrays of the network without the channels whose |γ| is not above the threshold."""
    ### BEGIN SOLUTION
    stays = np.abs(gamma) > threshold
    said = np.maximum(beta[~stays], 0)
    new_b_2 = b_2 + w_2[:, ~stays] @ said
    return w_1[stays], gamma[stays], beta[stays], mean[stays], var[stays], w_2[:, stays], new_b_2
    ### END SOLUTION


check.cut_channels(cut_channels)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - A channel is a *row* of the weight before it and a *column* of the weight behind it. In between it has an entry in each of BN's four vectors.
# - $\gamma = 0$ leaves $\beta$, and ReLU leaves $\max(\beta, 0)$. In the small network above, channel 2 says 2 to both outputs, which weigh it with 10 and 20. Without the bias $(+20, +40)$ the outputs would
#   be far off, though "nothing" was cut.
# - A channel whose γ is small, but not 0, still varies a little, and cutting it changes the outputs a little. (Here it does not: β = −4 keeps the last channel below 0, where ReLU is silent.) Fine-tuning mends that.
# - Smaller tensors mean less work. With a mask, zeros are multiplied as slowly as other numbers.

# %% [markdown]
# ## Exercise 3: fold BN into what comes after
#
# *15 minutes · difficulty: 3 of 4*
#
# In lesson 06 you folded BN into the layer *before* it. But in some networks BN comes first: $y = W\,\text{BN}(x) + b$, without an activation between. Write
# `fold_into_next(gamma, beta, running_mean, running_var, eps, weight, bias)`, for evaluation mode.
#
# - BN's four vectors have shape $(C,)$, one number for each *input* of the linear layer. `weight` has shape $(O, C)$, `bias` has shape $(O,)$.
# - Return the new `weight` and the new `bias`, such that the linear layer alone gives what both gave together.
#
# <details><summary>Hint 1</summary>
#
# In evaluation BN is s · x + t, with numbers s and t for each channel. What are they?
#
# </details>
# <details><summary>Hint 2</summary>
#
# W (s · x + t) + b: multiply out. What stands before x, and what stands alone?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `scale = gamma / np.sqrt(running_var + eps)` multiplies columns. `shift = beta - running_mean * scale` goes through the old weight into the bias.
#
# </details>


# %% tags=["solution", "points-3"]
def fold_into_next(gamma, beta, running_mean, running_var, eps, weight, bias):
    """Weight and bias of the linear layer that does both; shapes as before."""
    ### BEGIN SOLUTION
    scale = gamma / np.sqrt(running_var + eps)
    shift = beta - running_mean * scale
    return weight * scale, bias + weight @ shift
    ### END SOLUTION


check.fold_into_next(fold_into_next)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# $W(s \odot x + t) + b = (W\,\text{diag}(s))\,x + (W t + b)$.
#
# | | BN behind the layer (lesson 06) | BN before the layer |
# |---|---|---|
# | the factor meets | the rows: what comes out | the columns: what goes in |
# | the old bias | goes through BN | stays as it is |
# | the shift | is added | goes through the weight, then is added |
#
# For a convolution this is exact only without padding: the zeros around a picture are put there after BN, so its shift never reaches them. And an activation between BN and the layer ends it: ReLU cannot be
# multiplied out.

# %% [markdown]
# ## How far you are

# %%
check.report()
