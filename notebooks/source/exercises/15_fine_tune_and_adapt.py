# %% [markdown]
# # 15 · Fine-tune and adapt: exercises
#
# *20 minutes · after the lesson [15 · Fine-tune and adapt](../15_fine_tune_and_adapt.ipynb)*
#
# You say which changes of a camera new statistics can mend, mix stored statistics with new ones, and find out which pictures AdaBN needs,
# and how many.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/15_fine_tune_and_adapt.ipynb).

# %%
import numpy as np
import torch

from bnteach import check, data, training

# %% [markdown]
# ## Exercise 1: seven cameras
#
# *5 minutes · difficulty: 2 of 4*
#
# A network was trained on pictures with gray values $x$ from 0 to 1. Its first layer is linear, BN comes next, and $\hat{x}$ is measured with the statistics of
# the new pictures. (Forget ε.)
#
# | case | the new pictures |
# |---|---|
# | A | The file has gray values from 0 to 255, and nobody divides them. |
# | B | Fog: each pixel becomes $0.4\,x + 0.6$. |
# | C | The lamp is strong: each pixel becomes $x + 0.4$, but what is above 1 is stored as 1. |
# | D | A scratch on the lens adds 0.3 to the same five pixels of all pictures. |
# | E | Each picture is taken with another exposure time: it is multiplied by a number of its own. |
# | F | The file stores how dark a pixel is: $255 - 255\,x$. |
# | G | On the left half of the sensor all values are half as large. |
#
# What is $\hat{x}$ then? These are the names: `as_before`, `mirrored` (each $\hat{x}$ with the other sign), `other` (neither).
#
# <details><summary>Hint 1</summary>
#
# Write the channel $z$ of a new picture with the $z$ of the old one. Is it $a\,z + c$, with the same $a$ and $c$ for all pictures?
#
# </details>
# <details><summary>Hint 2</summary>
#
# A number that is *added* may differ from pixel to pixel. May a *factor*?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Three are as before, and one is mirrored.
#
# </details>


# %% tags=["solution", "points-2"]
def name_the_cameras():
    """A dictionary: the letters "A" to "G", and for each the name of what happens to x̂."""
    ### BEGIN SOLUTION
    return {
        "A": "as_before",
        "B": "as_before",
        "C": "other",
        "D": "as_before",
        "E": "other",
        "F": "mirrored",
        "G": "other",
    }
    ### END SOLUTION


check.name_the_cameras(name_the_cameras)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - **A** and **B**: $a = 255$ and $a = 0.4$, both above 0. **D**: $c = 0.3$ times the sum of five weights, the same for all pictures.
# - **F**: $a = -255$.
# - **C**: where a pixel is cut depends on the picture. **E**: $a$ differs from picture to picture, so it does not leave the mean and the deviation alone.
# - **G**: $z$ is a sum over both halves, and only one of them is halved. No single $a$ does that.
#
# What goes wrong most often is G: a pattern may be added, not multiplied.

# %% [markdown]
# ## Exercise 2: a few new pictures
#
# *8 minutes · difficulty: 2 of 4*
#
# With ten new pictures their own statistics are noisy, and the stored ones are wrong. So mix them. Write
# `mixed_x_hat(x, running_mean, running_var, prior, eps)`.
#
# - `x` has shape $(n, C)$: the new pictures in front of a BN layer.
# - The stored mean counts like that of `prior` pictures, the mean of `x` like that of its $n$ pictures: take the weighted average.
# - The same for the variance (that of `x` divided by $n$). How far the two means are apart does not count.
# - Return $\hat{x}$ with the mixed statistics.
#
# <details><summary>Hint 1</summary>
#
# What should come out for `prior = 0`? And for a very large `prior`?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The two weights add up to 1. They are $n / (n + \text{prior})$ and …
#
# </details>
# <details><summary>Hint 3</summary>
#
# Mix the means, mix the variances, then normalize once: the root comes last.
#
# </details>


# %% tags=["solution", "points-3"]
def mixed_x_hat(x, running_mean, running_var, prior, eps):
    """x̂ with the weighted average of the stored statistics and those of x."""
    ### BEGIN SOLUTION
    new = len(x) / (len(x) + prior)
    mean = new * x.mean(axis=0) + (1 - new) * running_mean
    var = new * x.var(axis=0) + (1 - new) * running_var
    return (x - mean) / np.sqrt(var + eps)
    ### END SOLUTION


check.mixed_x_hat(mixed_x_hat)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - `prior = 0` is AdaBN, and a very large `prior` is evaluation with the stored statistics. Schneider and others (2020, arXiv:2006.16971) mix so.
# - This is the running average of lesson 05 once more, with $n / (n + \text{prior})$ for the momentum.
# - What goes wrong most often: standard deviations are mixed instead of variances, or two $\hat{x}$ are.

# %% [markdown]
# **In words: one digit after the other.** A network sorts mail by its digits. The camera is new, so each batch of 64 pictures is normalized with its own statistics. In the morning the mail comes
# mixed; in the afternoon it comes sorted, each batch of one digit only. What happens? What would you do? Three sentences, before you open the answer.
#
# <details><summary>A model answer</summary>
#
# In the morning it works as AdaBN does. In the afternoon the statistics are those of one digit: what all its pictures have in common, which is what makes it this digit, is subtracted, so the answers
# become bad. Measure the statistics once, on mixed pictures, and keep them; or mix them with the stored ones, with a large prior.
#
# </details>
#
# ## Exercise 3: an experiment of your own
#
# *5 minutes · difficulty: 2 of 4*
#
# How many pictures does AdaBN need, and which? `share_right(seed, pictures=137, brightness=0.5, digit=None)` trains a network, recalibrates it on some of the *training* pictures, made brighter, and
# returns the share of right answers to the test pictures, made brighter as well. As usual it recalibrates on 137 mixed pictures; with `digit=3` on threes alone, also 137.

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits()


def share_right(seed, pictures=137, brightness=0.5, digit=None):
    if pictures < 2:
        raise ValueError(f"pictures is {pictures}, expected 2 or more: one picture has no variance")
    network = training.mlp([64, 100, 100, 10], torch.nn.ReLU, init_scale=2**0.5, seed=seed)
    training.train(network, digits, epochs=5, seed=seed, every=1000, progress=False)
    shown = digits.x_train if digit is None else digits.x_train[digits.y_train == digit]
    network.bn_1.momentum = network.bn_2.momentum = 1
    with torch.no_grad():
        network(torch.from_numpy(shown[:pictures] + np.float32(brightness)))
    return training.accuracy(network, digits.x_test + np.float32(brightness), digits.y_test)


# %% [markdown]
# Write `effect_of_pictures(share_right, seed)`. It measures twice, as usual and with **one** change of yours, and returns the two shares **in this order**. It gets
# `share_right` as an argument, so that the check can see what it is called with.
#
# **Predict first**, and write it down: by how many percentage points do they differ? When the check has passed, open a cell below and run five
# seeds: `for seed in range(5): print(*effect_of_pictures(share_right, seed))`. Do all five lie on one side?
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
# `usual = share_right(seed)`. The second call has one more argument, such as `pictures=20`.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_of_pictures(share_right, seed):
    """The share of right answers after AdaBN, as usual and with one change."""
    ### BEGIN SOLUTION
    return share_right(seed), share_right(seed, digit=3)
    ### END SOLUTION


check.effect_of_pictures(effect_of_pictures)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# After 137 mixed pictures the network reads 95 to 97 % of the brighter digits (seeds 0 to 4), after 137 threes 71 to 77 %: all five seeds lie far below.
#
# - Twenty mixed pictures are nearly enough: 92 to 94 %. With five it is 60 to 79 %.
# - With `brightness=2.0` nothing changes, as the lesson has derived.
# - What goes wrong most often: the two measurements have different seeds, or two things are changed.

# %% [markdown]
# ## How far you are

# %%
check.report()
