# %% [markdown]
# # 07 · Put the claims on trial: exercises
#
# *35 minutes · after the lesson [07 · Put the claims on trial](../07_put_the_claims_on_trial.ipynb)*
#
# You compute the interval of an effect, judge it by the rule, put a claim on trial yourself, and answer a question in words: 25 minutes. Exercise 4, another 10, belongs to the deeper
# notebook [Which noise regularizes?](../deeper/which_noise_regularizes.ipynb) (20 minutes to read first): you derive what dropout does to the variance that BN stores.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/07_put_the_claims_on_trial.ipynb).

# %%
import numpy as np
from scipy import stats

from bnteach import check

# %%
# Test accuracies to look at, made up: one network with BN and one without, each with the same five seeds.
with_bn = np.array([91.0, 88.0, 95.0, 90.0, 93.0])
without_bn = np.array([86.0, 84.0, 89.0, 88.0, 87.0])
print("with BN:   ", with_bn.mean(), "±", with_bn.std(ddof=1).round(2))
print("without BN:", without_bn.mean(), "±", without_bn.std(ddof=1).round(2))
print("correlation of the two:", np.corrcoef(with_bn, without_bn)[0, 1].round(2))

# %% [markdown]
# ## Exercise 1: the interval of a difference
#
# *10 minutes · difficulty: 2 of 4*
#
# Write `difference_interval(with_bn, without_bn)`.
#
# - Both are arrays of shape $(n,)$: the results of the same $n$ seeds, in the same order. $n$ is not always 5.
# - The effect is the result with BN minus the one without.
# - Return three numbers: the mean effect, and the low and the high end of its 95 % interval.
#
# SciPy knows Student's t: `stats.t.ppf(share, degrees_of_freedom)` is the value below which `share` of the distribution lies.
#
# <details><summary>Hint 1</summary>
#
# What a seed does to both networks must cancel. So what do you compute first, before any mean?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The interval is mean ± t · s / √n. Which of the two divisors does this s have, n or n − 1?
#
# </details>
# <details><summary>Hint 3</summary>
#
# 95 % in the middle leaves 2.5 % on each side: so `share` is 0.975. There are n − 1 degrees of freedom.
#
# </details>


# %% tags=["solution", "points-2"]
def difference_interval(with_bn, without_bn):
    """Mean, low end and high end of the effect."""
    ### BEGIN SOLUTION
    difference = with_bn - without_bn
    n, mean = len(difference), difference.mean()
    half = stats.t.ppf(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half
    ### END SOLUTION


check.difference_interval(difference_interval)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - **Differences first.** A lucky seed is lucky for both networks, here with a correlation of 0.79. In the difference this cancels, and the interval goes from 2.5 to 6.7.
#   Treated as if the two had nothing to do with each other, it would go from 1.2 to 8.0. With a margin of 2 the first is for the claim, the second undecided.
# - **Student's t, not 1.96.** With five seeds, $s$ itself is only an estimate. That needs 2.78; with three seeds even 4.30.
# - **$\sqrt{n}$.** $s$ says how far apart single seeds are. The question is how sure their *mean* is.
# - Also right: `stats.ttest_rel(with_bn, without_bn).confidence_interval()`.

# %% [markdown]
# ## Exercise 2: the rule
#
# *5 minutes · difficulty: 1 of 4*
#
# Write `interval_outcome(low, high, margin)`, the rule of the lesson for the interval of many seeds. All three are numbers, and `margin` is
# above 0.
#
# - Return one of four words: `"for it"`, `"against it"`, `"no difference"` or `"undecided"`.
# - The claim says that the effect is *above* 0.
#
# <details><summary>Hint 1</summary>
#
# Draw a line of numbers with a gray band from −margin to margin. In how many ways can an interval lie?
#
# </details>
# <details><summary>Hint 2</summary>
#
# "The whole interval lies above the margin": then its lower end does. Translate the other two sentences in the same way.
#
# </details>
# <details><summary>Hint 3</summary>
#
# For "no difference" both ends must be in the band. What is left is undecided.
#
# </details>


# %% tags=["solution", "points-1"]
def interval_outcome(low, high, margin):
    """What an interval from low to high says about a claim: one of four words."""
    ### BEGIN SOLUTION
    if low > margin:
        return "for it"
    if high < -margin:
        return "against it"
    if low >= -margin and high <= margin:
        return "no difference"
    return "undecided"
    ### END SOLUTION


check.interval_outcome(interval_outcome)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The last two lines are the ones that people get wrong. An interval that holds 0 is *not* "no difference": $[-2, 8]$ holds 0, and it holds 7 as well. To say that there is no
# difference one must have seen that there is none: a short interval, inside the band. "Not significant" alone says nothing.
#
# And the other way round: $[0.2, 0.7]$ does not hold 0, so there is an effect. With a margin of 1 it is one that nobody needs.
#
# Neither the length nor the middle decides. $[0.3, 1.2]$ is short, and its middle is 0.75. But with a margin of 1 it sticks out of the band: undecided.

# %% [markdown]
# ## Exercise 3: a trial of your own
#
# *5 minutes · difficulty: 1 of 4*
#
# Take a claim that you would have bet on, such as "BN learns more in the same number of steps", and a condition that the lesson has not tried: another
# depth, width, batch size, number of steps, or the activation `"sigmoid"`. Each run is a call of this function:

# %%
from bnteach.trials.claims import learn


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
# When your three functions have passed, this cell runs your trial with 20 seeds, and your rule judges it.
# What about your prediction?
verdicts = [
    check.difference_interval(difference_interval),
    check.interval_outcome(interval_outcome),
    check.trial_of_bn(trial_of_bn),
]
if all(verdict.state == "passed" for verdict in verdicts):
    with_bn, without = np.array([trial_of_bn(accuracy, seed) for seed in range(20)]).T
    print("the first five seeds:", (with_bn - without)[:5].round(1))
    mean, low, high = difference_interval(with_bn, without)
    print(f"20 seeds: {mean:.2f}, from {low:.2f} to {high:.2f}:", interval_outcome(low, high, margin=1))

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
# A paper writes: "Our layer reaches 94.1 % on the test pictures, BN reaches 93.6 % (three seeds each, the best of
# them is given). So our layer generalizes better." Name three things that you would ask, before you open the answer.
#
# <details><summary>A model answer</summary>
#
# - How do the seeds differ? The best of three is no mean, and without the other values nobody knows whether half a point is much. All the dots, please, in pairs.
# - How many test pictures are there? With 450, half a point is two pictures. More seeds do not help here.
# - Are the two equally far? With other learning rates or more steps, BN may reach the same. Were both given their best rate, and was it chosen on validation data, not on the test?
#
# </details>
#
# ## Exercise 4: what dropout does to the variance
#
# *10 minutes · difficulty: 3 of 4*
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
