# %% [markdown]
# # 09 · Slim and fold: exercises
#
# *30 minutes · after the lesson [09 · Slim and fold](../09_slim_and_fold.ipynb)*
#
# You write a step that brings γ to exactly 0, cut channels out of a network with all that they leave behind, fold BN into the layer
# that comes *after* it, and try whether |γ| is a good sign of which channels can go.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/09_slim_and_fold.ipynb).

# %%
import numpy as np
import torch

from bnteach import check

# %% [markdown]
# ## Exercise 1: a step that reaches 0
#
# *7 minutes · difficulty: 2 of 4*
#
# With the L1 line of the lesson no $\gamma$ is ever exactly 0: it jumps around 0. This step does better. It makes two moves, one
# after the other. First $\gamma$ takes the usual step against the gradient of the loss, with the learning rate $r$. Then it moves
# *toward 0* by $r\lambda$, and where that would be past 0, it stops there.
#
# Write `l1_step(gamma, dgamma, rate, strength)`. `dgamma` is the gradient of the loss without the penalty, and `strength` is
# $\lambda$. Both arrays have shape $(C,)$. Return the new γ.
#
# <details><summary>Hint 1</summary>
#
# Two moves, one after the other: along the gradient of the loss, then toward 0.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The second move makes |γ| smaller by rate · strength. What if |γ| is smaller than that?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `np.maximum(size - reach, 0)` is the new size. The sign is that of γ after the first move.
#
# </details>


# %% tags=["solution", "points-2"]
def l1_step(gamma, dgamma, rate, strength):
    """γ after a step against the gradient and a move toward 0; shape (C,)."""
    ### BEGIN SOLUTION
    moved = gamma - rate * dgamma
    size = np.maximum(np.abs(moved) - rate * strength, 0)
    return np.sign(moved) * size
    ### END SOLUTION


check.l1_step(l1_step)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - The second move is called **soft thresholding**, and both together a **proximal step**. A γ that is within reach of 0 becomes exactly 0, and
#   stays there as long as the gradient of the loss is smaller than λ. So no threshold such as 0.002 is needed to say which channels can go.
# - The move toward 0 is as large for γ = 2 as for γ = 0.1. With weight decay it is proportional to γ, so γ never gets there.
# - Not in the penalty: β. A channel with γ = 0 is a constant, whatever β is, and a constant can go into a bias: exercise 2.

# %% [markdown]
# ## Exercise 2: cut for real
#
# *10 minutes · difficulty: 3 of 4*
#
# A small network to look at: 2 inputs, a linear layer with 4 channels, BN, ReLU, a linear layer with 2 outputs.

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
# Write `cut_channels(w_1, gamma, beta, mean, var, w_2, b_2, threshold)` for networks like the one above, of any size. `mean` and `var` are the running statistics of BN.
#
# - The channels with $|\gamma|$ above `threshold` stay. All others are cut, as if their γ were 0.
# - Return seven arrays, in the order `w_1, gamma, beta, mean, var, w_2, b_2`. They have no trace of the cut channels: they are smaller, not filled with zeros.
# - If the γ of the cut channels are 0, the smaller network must give the same outputs as before.
#
# <details><summary>Hint 1</summary>
#
# Where does a channel live? In every array with a 4 in its shape: along which of its axes?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `w_1[stays]` takes rows, `w_2[:, stays]` columns. What does ReLU make of a channel with γ = 0?
#
# </details>
# <details><summary>Hint 3</summary>
#
# A cut channel says max(β, 0) to all, weighed by a column of w_2. What else adds the same to all?
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
# *5 minutes · difficulty: 2 of 4*
#
# In the lesson you folded BN into the layer *before* it. But in some networks BN comes first: $y = W\,\text{BN}(x) + b$, without an activation between. Write
# `fold_into_next(gamma, beta, running_mean, running_var, eps, weight, bias)`, for evaluation mode.
#
# - BN's four vectors have shape $(C,)$, one number for each *input* of the linear layer. `weight` has shape $(O, C)$, `bias` has shape $(O,)$.
# - Return the new `weight` and the new `bias`, such that the linear layer alone gives what both gave together.
#
# (To warm up, you may write the lesson's fold in NumPy, for a convolution with a bias:
# `fold_batch_norm(weight, bias, gamma, beta, running_mean, running_var, eps)`. `check.fold_batch_norm(fold_batch_norm)` says what it sees.)
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
# `scale = gamma / np.sqrt(running_var + eps)` multiplies columns; the shift goes through `weight`.
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
# | | BN behind the layer (the lesson) | BN before the layer |
# |---|---|---|
# | the factor meets | the rows: what comes out | the columns: what goes in |
# | the old bias | goes through BN | stays as it is |
# | the shift | is added | goes through the weight, then is added |
#
# For a convolution this is exact only without padding: the zeros around a picture are put there after BN, so its shift never reaches them. And an activation between BN and the layer ends it: ReLU cannot be
# multiplied out.

# %% [markdown]
# ## Exercise 4: an experiment of your own
#
# *8 minutes · difficulty: 1 of 4*
#
# Is $|\gamma|$ a good sign of which channels can go? Think of another one, for example the length of the channel's incoming weights, $|\beta|$, or
# how often its output is above 0.
#
# `trained(seed)` gives a network with two hidden layers of 100, trained for five epochs without L1. `right_after_cut(network, sizes)` cuts
# the half with the smallest sizes out of each layer, and gives the accuracy right after it.

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
from functools import cache

from bnteach.trials import slimming


@cache
def trained(seed):
    network = slimming.new_network("fully connected", seed)
    return slimming.train_network(network, "fully connected", epochs=5, seed=seed).eval()


def right_after_cut(network, sizes):
    """sizes: for layers 1 and 2 a tensor with a number for each channel."""
    stays = {f"bn_{k}": size > size.median() for k, size in enumerate(sizes, start=1)}
    return slimming.score(slimming.cut(network, stays), "fully connected")


# %% [markdown]
# Write `effect_of_choice(right_after_cut, seed)`. Cut the network of the seed twice with `right_after_cut`, and return both accuracies: first
# cut by $|\gamma|$, then cut by your own numbers. (The check puts a function of its own in the place of `right_after_cut`, to see what you cut by.)
#
# **Predict first**, and write it down: which is better, and by how many points? When the check has
# passed, open a cell below and run five seeds: `for seed in range(5): print(*effect_of_choice(right_after_cut, seed))`.
#
# <details><summary>Hint 1</summary>
#
# Make the network of the seed, cut it by |γ|, measure; cut it by your own numbers, measure.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `network.linear_1.weight` has a row for each channel of layer 1: `.norm(dim=1)` is its length.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `right_after_cut(network, sizes)` is the number to return, once for each list of sizes.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_of_choice(right_after_cut, seed):
    """The accuracy right after the cut: by |γ|, and by another number for each channel."""
    ### BEGIN SOLUTION
    network = trained(seed)
    gammas = [network.bn_1.weight.abs(), network.bn_2.weight.abs()]
    lengths = [network.linear_1.weight.norm(dim=1), network.linear_2.weight.norm(dim=1)]
    return right_after_cut(network, gammas), right_after_cut(network, lengths)
    ### END SOLUTION


check.effect_of_choice(effect_of_choice)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# For seeds 0 to 4: 88 to 95 % right if |γ| chooses, 67 to 74 % if the length of the incoming weights does. In every seed |γ| is better, by 15 to 27 points. Random
# channels, 37 to 77 %, are hardly worse than the lengths.
#
# - BN divides the length of the incoming weights out again (lesson 02). So it says nothing about the channel.
# - The length of the *outgoing* weights, `network.linear_2.weight.norm(dim=0)`, is a good sign, too: 79 to 93 %. |β| is none: 67 to 83 %.
# - What goes wrong most often: the weights are summed along the wrong axis, or both numbers come from the same list of sizes.

# %% [markdown]
# **In words: what would you do?** For each case, say in one sentence which steps of the lesson you would take, before you open the answer.
#
# 1. You are given a trained network and no data at all. It must become faster.
# 2. You train a network yourself. Later, others will cut it to sizes that you do not know yet, and they cannot train.
# 3. You know the size that the network must have, and you have the data and a week.
#
# <details><summary>A model answer</summary>
#
# 1. Fold: it is exact and needs no data. A cut without fine-tuning may cost much, and you could not even measure how much.
# 2. Train with L1 on γ: then many channels can be cut right away. Keep the constants when you cut, and fold last.
# 3. Train a network of this size from scratch, or cut and fine-tune: in the lesson's trials both were as good. Fold at the end.
#
# </details>
#
# ## How far you are

# %%
check.report()
