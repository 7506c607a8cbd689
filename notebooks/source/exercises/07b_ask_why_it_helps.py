# %% [markdown]
# # 07b · Ask why it helps: exercises
#
# *25 minutes · after the lesson [07b · Ask why it helps](../07b_ask_why_it_helps.ipynb)*
#
# You put a claim on trial yourself, and say what shows a reason: 10 minutes. Exercise 2, another 15, belongs to the deeper
# notebook [Which noise regularizes?](../deeper/which_noise_regularizes.ipynb) (20 minutes to read first): you derive what dropout does to the variance that BN stores.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/07b_ask_why_it_helps.ipynb).

# %%
import numpy as np

from bnteach import check, training
from bnteach.trials.claims import learn

# %% [markdown]
# ## Exercise 1: a trial of your own
#
# *5 minutes · difficulty: 1 of 4*
#
# Take a claim that you would have bet on, such as "BN learns more in the same number of steps", and a condition that lessons 07 and 07b have not tried: another
# depth, width, batch size (2 or more), number of steps, or the activation `"sigmoid"`. Each run is a call of this function:


# %%
def accuracy(
    seed,
    batch_norm=True,
    layers=3,
    width=50,
    activation="ReLU",
    batch_size=60,
    learning_rate=0.1,
    steps=110,
):
    """The share of the test digits that a network has right after its training, in percent."""
    network = {"batch_norm": batch_norm, "layers": layers, "width": width, "activation": activation}
    loop = {"batch_size": batch_size, "learning_rate": learning_rate, "steps": steps}
    return learn(seed, **network, **loop)["accuracy"]


print(accuracy(0), "% of the test digits, seed 0")

# %% [markdown]
# Write `trial_of_bn(accuracy, seed)`, one run of your trial. The function `accuracy` is handed to it, so that the check can see how you call it.
#
# - Return two numbers that belong to this seed, under your condition: the accuracy with BN, then the one without.
# - **Predict first**, and write it down: for the claim, against it, no difference or undecided, with a margin of 1 point?
#
# <details><summary>Hint 1</summary>
#
# A claim needs one number from each of two runs. They differ in BN alone.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `accuracy(seed, batch_norm=False, layers=6)` is one run, without BN and with six layers.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Call `accuracy` twice, with the same seed and the same settings; only `batch_norm` differs. Return the one with BN first.
#
# </details>


# %% tags=["solution", "points-2"]
def trial_of_bn(accuracy, seed):
    """With BN and without BN, under a condition of my own."""
    ### BEGIN SOLUTION
    condition = {"layers": 1, "steps": 300}
    return accuracy(seed, batch_norm=True, **condition), accuracy(seed, batch_norm=False, **condition)
    ### END SOLUTION


check.trial_of_bn(trial_of_bn)

# %% tags=["nbval-ignore-output"]
# When your function has passed, this cell runs your trial with 20 seeds. What about your prediction?
if check.trial_of_bn(trial_of_bn).state == "passed":
    with_bn, without = np.array([trial_of_bn(accuracy, seed) for seed in range(20)]).T
    print("the first five seeds:", (with_bn - without)[:5].round(1))
    effect = training.SeedSummary(with_bn - without)
    print(f"20 seeds: {effect.mean:.2f} ± {effect.half_width:.2f}:", training.outcome(effect, margin=1))

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# One hidden layer, 300 steps: a shallow network should need BN less. BN is ahead in each of the first five seeds, but with a margin
# of 1 point they are undecided. The interval of 20 seeds goes from 1.2 to 1.9 points: for the claim.
#
# - Both runs have the same seed, so the same pictures in the same order. With two seeds the difference would hold their luck as well.
# - What goes wrong most often: the condition is changed until the claim wins. Choose it before you look, and say which others you tried.

# %% [markdown]
# ## In words
#
# *5 minutes*
#
# A blog has trained networks with many layers, with and without BN. It writes: "With BN the inputs of the layers move less, and the accuracy is higher. In eight
# layers, noise behind BN costs accuracy. So BN helps because the inputs move less."
#
# 1. The first sentence is true. Why does it not show the reason?
# 2. What else, but the moving inputs, can explain the second sentence?
#
# <details><summary>A model answer</summary>
#
# 1. BN changes many things at once: the shift, but also the gradient along a step. Each of them goes together with the higher accuracy. To test a reason, change this one thing and
#    keep the rest: keep BN, and let the inputs move again, as the lesson did.
# 2. Noise does more than move the inputs. It can also hide what the network has to learn, and with eight layers it does so eight times. Compare with the same noise in a network *without* BN: if
#    it costs as much there, it does not show that BN needs inputs that move less.
#
# </details>
#
# ## Exercise 2: what dropout does to the variance
#
# *15 minutes · difficulty: 3 of 4*
#
# In the deeper notebook [Which noise regularizes?](../deeper/which_noise_regularizes.ipynb), the variance in front of a BN layer was about
# half as large in evaluation as in training. Where does that come from?
#
# A channel has mean `mean` and variance `var`. Then dropout sets each value to 0 with probability `p`, and multiplies the others by $1/(1 - p)$. In evaluation it does nothing.
# Write `dropout_variance(mean, var, p)`.
#
# - `mean` and `var` have shape $(C,)$: one number for each channel.
# - Return two arrays of shape $(C,)$: the variance that the next BN layer meets in training (over very many values), and the ratio of the variance in evaluation to the one in training.
#
# <details><summary>Hint 1</summary>
#
# The variance is E[x²] − E[x]². What does dropout do to E[x], and what to E[x²]?
#
# </details>
# <details><summary>Hint 2</summary>
#
# With probability p a value is 0. Else it is x / (1 − p), and its square is x² / (1 − p)². Take the mean of both.
#
# </details>
# <details><summary>Hint 3</summary>
#
# E[x] stays as it is: that is what the factor is for. E[x²] is σ² + μ², and becomes (σ² + μ²) / (1 − p).
#
# </details>


# %% tags=["solution", "points-3"]
def dropout_variance(mean, var, p):
    """The variance in training, and the ratio evaluation / training; two arrays of shape (C,)."""
    ### BEGIN SOLUTION
    training = (var + mean**2) / (1 - p) - mean**2
    return training, var / training
    ### END SOLUTION


check.dropout_variance(dropout_variance)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - Put together: $(\sigma^2 + p\,\mu^2)/(1 - p)$. It is always larger than $\sigma^2$, and the more so the further the mean is from 0: a dropped value jumps from there to 0.
# - For $p = 0.5$ the ratio is at most one half. Behind a ReLU the mean is not 0, so it is less. (In [Which noise regularizes?](../deeper/which_noise_regularizes.ipynb) the next BN layer stands behind another linear layer. That adds up many channels, so its ratio is not quite this one.)
# - What BN stores is the variance of training. In evaluation it divides by a standard deviation that is too large, and the outputs shrink.
# - Dropout behind the last BN layer does no harm of this kind: no BN layer meets it.

# %% [markdown]
# ## How far you are

# %%
check.report()
