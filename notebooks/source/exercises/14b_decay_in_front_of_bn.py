# %% [markdown]
# # 14b · Weight decay in front of BN: exercises
#
# *20 minutes · after the lesson [14b · Weight decay in front of BN](../14b_decay_in_front_of_bn.ipynb)*
#
# You find the equilibrium of weight decay exactly, see where the lesson's formula ends, and look for another reason why decay may have helped.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/14b_decay_in_front_of_bn.ipynb).

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# ## Exercise: the equilibrium, exactly
#
# *10 minutes · difficulty: 3 of 4*
#
# A step with decay is $w \leftarrow (1 - \eta\lambda)\,w - \eta\,dw$, and in front of BN $dw$ is perpendicular to $w$. Weights of length 1 have a gradient of length `gradient`. Longer weights
# have a shorter gradient: at length $\|w\|$ it is `gradient` $/\ \|w\|$.
#
# Write `equilibrium(rate, decay, gradient)`. Return the length that a step does not change, and the angle in radians by which the step turns such weights. The lesson has the
# angle for a small product $\eta\lambda$; here it must be exact.
#
# <details><summary>Hint 1</summary>
#
# Write down $\|w\|^2$ after a step, from $\|w\|^2$ before it. In the equilibrium both are the same.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `keep**2 * s + rate**2 * gradient**2 / s == s`, where s is $\|w\|^2$ and keep is $1 - \eta\lambda$.
#
# </details>
# <details><summary>Hint 3</summary>
#
# s is `rate * gradient / np.sqrt(1 - keep**2)`. The new weights have the old length, and `keep` of it along the old direction: a cosine.
#
# </details>


# %% tags=["solution", "points-3"]
def equilibrium(rate, decay, gradient):
    """The length that a step keeps, and its turn in radians."""
    ### BEGIN SOLUTION
    keep = 1 - rate * decay
    length = np.sqrt(rate * gradient / np.sqrt(1 - keep**2))
    return length, np.arccos(keep)
    ### END SOLUTION


check.equilibrium(equilibrium)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The decayed weights, the step and the new weights form a right triangle. In equilibrium the new weights have the old length, so the cosine of the angle is $1 - \eta\lambda$. For a small angle
# $\cos\alpha \approx 1 - \alpha^2/2$, and that gives the lesson's $\sqrt{2\eta\lambda}$. The lesson's other ratio, $\eta\|dw\|/\|w\|$, is the sine of the angle.
#
# The turn does not depend on the gradient at all: a layer with large gradients has longer weights. The length is nearly $\sqrt[4]{\eta\,\text{gradient}^2/(2\lambda)}$.
#
# What goes wrong most often: the same gradient for every length. Then the square of the right length comes out.

# %% [markdown]
# ## Where does the lesson's formula end?
#
# *5 minutes*
#
# When your function has passed, it is compared with $\sqrt{2\eta\lambda}$, for larger and larger products of rate and decay.
#
# **Predict.** With the product 1 nothing of the old weights is left after a step. How large is the turn then, exactly?

# %%
if check.equilibrium(equilibrium).state == "passed":
    for product in (0.01, 0.1, 0.5, 1):
        _, turn = equilibrium(rate=1, decay=product, gradient=1)
        formula = np.sqrt(2 * product)
        print(f"product {product:4}: {np.degrees(turn):5.1f}°, by the formula {np.degrees(formula):5.1f}°")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 90°: the new weights are the step alone, and it is perpendicular to the old weights. The formula gives 81°. Up to 0.1 it is off by 1 %, and usual products are far below.
#
# </details>

# %% [markdown]
# ## In words
#
# *5 minutes*
#
# A colleague adds `weight_decay=0.05` to the optimizer of a network with BN, and the test accuracy rises in all five seeds. "Decay keeps my network
# simple." What else could it be, and which experiment would tell? Answer in three sentences before you open the answer.
#
# <details><summary>A model answer</summary>
#
# With plain gradient descent, decay in front of BN does the same as a growing rate without decay. So it may have been a learning rate that was too small. Train without decay, with several larger rates, and with a rate that grows: if one of them gets as far, the
# rate is enough to explain it. And the optimizer also decays γ, β and the last layer, which do not stand in front of BN: give them a group of their own without decay, and see whether the gain stays.
#
# </details>
#
# ## How far you are

# %%
check.report()
