# %% [markdown]
# # 03 · Scale and shift: exercises
#
# *30 minutes · after the lesson [03 · Scale and shift](../03_scale_and_shift.ipynb)*
#
# You choose γ and β for a given result, switch channels off, find labels that cannot be learned without β, and answer a question in words.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function on several inputs and says what it sees. If you are stuck, open a hint.
# Afterward, read [the solutions, explained](../solutions/03_scale_and_shift.ipynb).

# %%
import numpy as np
from scipy.stats import norm

from bnteach import check

# %% [markdown]
# ## Exercise 1: how much passes the ReLU
#
# *8 minutes · difficulty: 2 of 4*
#
# A ReLU comes behind BN. Suppose that $\hat{x}$ follows a bell curve in each channel. You decide which share of the values the ReLU lets through, and
# how far they spread. Write `parameters_for_share(share, std)`.
#
# - `share` has, for each channel, the share of the values of $y$ that are above 0; shape $(C,)$, between 0 and 1.
# - `std` has the standard deviation that $y$ should have; shape $(C,)$.
# - Return `gamma` and `beta`, both of shape $(C,)$.
#
# SciPy knows the bell curve with mean 0 and standard deviation 1: `norm.cdf(value)` is the share below a value, `norm.ppf(share)` the value
# below which a share lies. `norm.ppf(0.5)` is 0.
#
# <details><summary>Hint 1</summary>
#
# γ alone decides the standard deviation of y. Begin with it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# For γ > 0, y > 0 where x̂ > −β/γ. For a bell curve that is as likely as x̂ < β/γ.
#
# </details>
# <details><summary>Hint 3</summary>
#
# So β/γ is the point below which `share` of the bell curve lies: `norm.ppf(share)`. Solve for β.
#
# </details>


# %% tags=["solution", "points-2"]
def parameters_for_share(share, std):
    """γ and β with which this share of y is above 0, and y has this standard deviation."""
    ### BEGIN SOLUTION
    gamma = std
    beta = gamma * norm.ppf(share)
    return gamma, beta
    ### END SOLUTION


check.parameters_for_share(parameters_for_share)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# $y = \gamma\,\hat{x} + \beta$ is above 0 where $\hat{x} > -\beta/\gamma$. The bell curve is symmetric, so that has the same probability as $\hat{x} < \beta/\gamma$, and this
# is to be `share`. With $\gamma = 1$ and $\beta = 0$, as a layer starts, one half passes. For 90 % and $\gamma = 1$ you need $\beta = 1.28$.
#
# Also right: $\gamma = -$`std`. The bell curve does not notice that it is mirrored.
#
# What goes wrong most often:
#
# - β is not multiplied by γ. The wider $y$ is, the farther it must be shifted.
# - `norm.ppf(1 - share)`: that is the share that does *not* pass.
# - `norm.cdf` in the place of `norm.ppf`.

# %% [markdown]
# ## Exercise 2: switched off
#
# *3 minutes · difficulty: 1 of 4*
#
# Some channels are to carry no signal any more: in such a channel every sample should give the same number, the one that it gave **on average** before. The
# other channels stay as they are. Write `switched_off(gamma, beta, keep)`.
#
# - `gamma` and `beta` are those of a BN layer, shape $(C,)$; `keep` is True for the channels that stay.
# - Return the new `gamma` and the new `beta`. The old ones must stay as they are.
#
# <details><summary>Hint 1</summary>
#
# Which of the two, γ or β, carries what differs from sample to sample?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The mean of y over the batch is β, whatever γ is. So which one must not be touched?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `np.where(keep, ...)` chooses for each channel. One of the two parameters needs it.
#
# </details>


# %% tags=["solution", "points-1"]
def switched_off(gamma, beta, keep):
    """γ and β with which the channels outside `keep` give their mean for every sample."""
    ### BEGIN SOLUTION
    return np.where(keep, gamma, 0), beta
    ### END SOLUTION


check.switched_off(switched_off)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# $\gamma = 0$ takes $\hat{x}$ away, and what is left is $\beta$: the mean of the channel, for every sample. Nothing else has to be changed. Also right: `gamma * keep`.
#
# What goes wrong most often:
#
# - β is set to 0 as well. Then the channel gives 0 where it gave β on average, and the next layer, trained with β, gets something new.
# - `gamma[~keep] = 0` changes the array of whoever called your function. Work on `gamma.copy()`.
#
# In lesson 09 whole channels are taken out of a network. There, too, one has to think of the β that they leave behind.

# %% [markdown]
# ## Exercise 3: an experiment of your own
#
# *12 minutes · difficulty: 3 of 4*
#
# In the lesson, a sigmoid network with BN but without β could not tell two rings apart. Was it the rings? Here are 600 points around
# $(3, -1)$, spread evenly over a square. You choose their labels, 0 or 1, in two ways. Write `two_labelings(points)`.
#
# - `points` has shape $(600, 2)$. Return two arrays of 600 labels.
# - The first, `hard`: labels that a sigmoid network **without β cannot learn**, but with β can. No rings this time: both
#   labels should occur far from the middle of the points, and both near it.
# - The second, `easy`: labels that the network **without β learns**.
# - Of each label there should be at least a quarter. (The check uses squares around other points too.)
#
# **Predict,** and write it down, before you run your labels: does a **ReLU** network without β learn your `hard` labels? And does β make the `easy` ones easier?
#
# <details><summary>Hint 1</summary>
#
# Without β all pairs of opposites have the same sum of scores. Which labels does this rule out?
#
# </details>
# <details><summary>Hint 2</summary>
#
# In `hard`, opposite points have the same label; in `easy`, different ones. Opposite to what?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Subtract the mean first. For `easy` one coordinate is enough; for `hard` take their product.
#
# </details>


# %% tags=["solution", "points-3"]
def two_labelings(points):
    """Labels that the network without β cannot learn, and labels that it can: two arrays of shape (600,)."""
    ### BEGIN SOLUTION
    centered = points - points.mean(axis=0)
    hard = centered[:, 0] * centered[:, 1] > 0
    easy = centered[:, 1] > 0.3 * np.sin(5 * centered[:, 0])
    return hard, easy
    ### END SOLUTION


check.two_labelings(two_labelings)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - **Hard:** in opposite quadrants the labels agree, in neighboring ones they differ. A point $p$ and its opposite have the same label. But without β the scores
#   of all pairs have the same sum, so only one of the two labels can have pairs that are right.
# - **Easy:** anything where opposite points have different labels: a straight line through the middle, or a wave, as here.
# - "Opposite" is meant with respect to the mean, because BN subtracts the mean: that the square lies around $(3, -1)$ does not help the network.
#
# Also right for hard: stripes, such as `abs(centered[:, 0]) < 0.5`.
#
# What goes wrong most often: the labels go by the signs of `points` itself. Around $(3, -1)$ nearly all the products are negative.

# %% [markdown]
# When your function has passed, this cell trains networks with your labels and five seeds, and tests them on new points. What about your prediction?

# %% tags=["nbval-ignore-output"]
import torch

from bnteach.training import mlp


def accuracy(seed, labels_of, activation, with_beta):
    torch.manual_seed(seed)
    points = torch.rand(1200, 2) * 2 + torch.tensor([2.0, -2.0])
    labels = torch.from_numpy(np.array(labels_of(points.double().numpy()))).long()
    net = mlp([2, 50, 2], activation, batch_norm=True, seed=seed)
    net.bn_1.bias.requires_grad_(with_beta)  # β
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(300):
        loss = torch.nn.functional.cross_entropy(net(points[:600]), labels[:600])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = net.eval()(points[600:]).argmax(dim=1) == labels[600:]
    return right.double().mean().item()


kinds = {
    "sigmoid, with β": (torch.nn.Sigmoid, True),
    "sigmoid, without": (torch.nn.Sigmoid, False),
    "ReLU, without": (torch.nn.ReLU, False),
}
if check.two_labelings(two_labelings).state == "passed":
    torch.set_num_threads(1)
    for number, name in enumerate(("hard", "easy")):
        for words, kind in kinds.items():
            five = [accuracy(seed, lambda p, n=number: two_labelings(p)[n], *kind) for seed in range(5)]
            print(f"{name} labels, {words:16}", *(f"{value:4.0%}" for value in five))

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# With the labels of the solution: a sigmoid network learns the hard ones with β (about 98 %), and without β it is right for about half. The ReLU network learns them without β, as
# it learns two rings in the lesson. The easy labels a sigmoid network learns equally well with β and without. So the symmetry makes labels hard, and not the rings. That the square lies
# far away from 0 is no help, because BN moves it to 0.
#
# If your hard labels change more often, the ReLU network needs β, too. With the stripes `np.cos(6 * centered[:, 0]) > 0` it is right for about 70 %. Without β,
# $\text{ReLU}(z)$ grows in proportion to the distance from the middle. So straight outward the score is a straight line, and it crosses 0 once at most.
#
# </details>
#
# ## In words
#
# *5 minutes*
#
# "Our BN needs no β: the linear layer behind the activation has a bias anyway." What is wrong with this? And when would it be right? Answer in three sentences, then
# compare.
#
# <details><summary>A model answer</summary>
#
# β acts *before* the activation: for each channel it decides which values a ReLU sets to 0, or which ones lie where a sigmoid is steep. The bias of the next layer acts after
# the activation and cannot change that, as the sigmoid network without β shows. The sentence would be right without an activation in between: then the next linear layer could take
# β over into its bias.
#
# </details>
#
# ## How far you are

# %%
check.report()
