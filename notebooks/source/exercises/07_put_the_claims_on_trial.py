# %% [markdown]
# # 07 · Put the claims on trial: exercises
#
# *20 minutes · after the lesson [07 · Put the claims on trial](../07_put_the_claims_on_trial.ipynb)*
#
# You compute the interval of an effect, judge it by the rule, and read a claim of others with a sharp eye.
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
# What a seed does to both networks alike must cancel. So what do you compute first, before any mean?
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
# - **Differences first.** In these results a lucky seed is lucky for both networks: the correlation is 0.79. In the difference this cancels, and the interval goes from 2.5 to 6.7.
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
# ## In words
#
# *5 minutes*
#
# A paper writes: "Our layer reaches 94.2 % on the test pictures, BN reaches 93.6 % (three seeds each, the best of
# them is given). So our layer generalizes better." Name three things that you would ask, before you open the answer.
#
# <details><summary>A model answer</summary>
#
# - How do the seeds differ? The best of three is no mean, and without the other values nobody knows whether half a point is much. All the dots, please, in pairs.
# - How many test pictures are there? With 450, the difference is three pictures. More seeds do not help here.
# - Were both networks trained long enough? With more steps or another learning rate, BN may reach the same. Were both given their best rate, and was it chosen on validation data, not on the test?
#
# </details>
#
# ## How far you are

# %%
check.report()
