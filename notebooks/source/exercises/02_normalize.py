# %% [markdown]
# # 02 · Normalize: exercises
#
# *25 minutes · after the lesson [02 · Normalize](../02_normalize.ipynb)*
#
# Three functions to write. You will practice:
#
# - x̂ with ε in the right place
# - how large one x̂ can get, by building the batch that gets there
# - what happens to the gradient when weights before BN are made larger
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
# ## Exercise 1: standardize
#
# *10 minutes · difficulty: 2 of 4*
#
# Write `standardize(x, eps)`:
#
# $$\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}}$$
#
# - `x` is a batch of shape $(N, C)$; `eps` is a number above 0.
# - Return $\hat{x}$, shape $(N, C)$. Each channel has its own $\mu$ and its own $\sigma^2$, divided by $N$.
# - `x` itself must stay as it is.
#
# <details><summary>Hint 1</summary>
#
# Three lines are enough: the mean of each column, its variance, and the formula. Which axis is the one that disappears?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `eps` joins the *variance*. Where is the root taken: before or after that?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `x.mean(axis=0)`, and the same for the variance. Below the line stands `np.sqrt(var + eps)`; above it `x - mean`, in
# brackets.
#
# </details>


# %% tags=["solution", "points-2"]
def standardize(x, eps):
    """x with mean 0 and variance σ²/(σ² + ε) in each column; shape (N, C)."""
    ### BEGIN SOLUTION
    mean = x.mean(axis=0)
    var = x.var(axis=0)
    return (x - mean) / np.sqrt(var + eps)
    ### END SOLUTION


check.standardize(standardize)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# `mean` and `var` have shape $(C,)$. NumPy lines them up with the last axis of `x`, the channels, so the formula can be written as on paper.
#
# Also right: `* (var + eps) ** -0.5`; a loop over the columns; `keepdims=True` with `axis=0`; work in place on `x.copy()`.
#
# Most of what goes wrong here gives no error:
#
# - `x.std(axis=0) + eps` puts ε outside the root. You cannot see it while $\sigma$ is large. The check has a channel with $\sigma = 0.003$.
# - `axis=1` passes when $N = C$, and with `keepdims=True` always. Look at the column means: they should be 0.
# - `x - mean / std` lacks brackets: division comes first.
# - `x -= mean` changes the array of whoever called your function.

# %% [markdown]
# ## Exercise 2: as large as it can get
#
# *10 minutes · difficulty: 2 of 4*
#
# In a batch of $n$ values no $|\hat{x}|$ is larger than $\sqrt{n - 1}$. Build a batch that gets there.
#
# Write `largest_x_hat_batch(n)`.
#
# - `n` is a whole number, at least 2.
# - Return a batch of `n` values, shape $(n,)$. Once it is normalized (with an ε too small to matter), its largest $|\hat{x}|$ must be $\sqrt{n - 1}$.
#
# What is checked is your batch: how many values it has, and how large its largest $|\hat{x}|$ is. There are many right answers.
#
# <details><summary>Hint 1</summary>
#
# To be far from the mean is easy: take a large value. But it makes the standard deviation large as well. What can the
# others do to keep that small?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Read step 2 of the proof in the lesson. When are the squares of the others as small as they can be?
#
# </details>
# <details><summary>Hint 3</summary>
#
# One value is different. All the others are equal.
#
# </details>


# %% tags=["solution", "points-2"]
def largest_x_hat_batch(n):
    """n values, one of which is √(n − 1) standard deviations from their mean."""
    ### BEGIN SOLUTION
    batch = np.zeros(n)
    batch[0] = 1
    return batch
    ### END SOLUTION


check.largest_x_hat_batch(largest_x_hat_batch)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The mean is $1/n$, and the variance is $\frac{1}{n} - \frac{1}{n^2} = \frac{n - 1}{n^2}$. So the first value has
# $\hat{x} = \left(1 - \frac{1}{n}\right) \big/ \frac{\sqrt{n - 1}}{n} = \sqrt{n - 1}$.
#
# Whether it is 1, −5 or a million does not matter, and neither does where the others lie: shift and scale are what normalizing takes out. All that counts is that
# **one value stands alone and the others agree**.
#
# Tempting, but too small: half of the values at one end and half at the other ($|\hat{x}| = 1$ for all); evenly spaced values (always below
# $\sqrt{3}$); two extremes, one on each side ($\sqrt{n/2}$).

# %% [markdown]
# ## Exercise 3: larger weights, and the gradient?
#
# *5 minutes · difficulty: 2 of 4*
#
# A linear layer with weights $W$ of shape $(D, C)$ is followed by BN. Column $c$ holds the weights of unit $c$. Each column is
# multiplied by a number $a_c > 0$ of its own. The output of BN stays the same, if ε does not matter. And the gradient?
#
# Write `gradient_after_rescaling(dw, a)`.
#
# - `dw` is the gradient of the loss with respect to $W$ *before*; shape $(D, C)$.
# - `a` has the factors of the units; shape $(C,)$.
# - Return the gradient with respect to the new weights, at the new weights; shape $(D, C)$.
#
# <details><summary>Hint 1</summary>
#
# To change the output by the same amount, must weights that are 10 times as long move farther, or less far?
#
# </details>
# <details><summary>Hint 2</summary>
#
# For one unit: L(a·w) = L(w) for every w. Differentiate both sides by w.
#
# </details>
# <details><summary>Hint 3</summary>
#
# a · L′(a·w) = L′(w). Solve for L′(a·w), and do it for each column: with which axis does NumPy line up `a` by itself?
#
# </details>


# %% tags=["solution", "points-2"]
def gradient_after_rescaling(dw, a):
    """The gradient after column c of the weights has been multiplied by a[c]; shape (D, C)."""
    ### BEGIN SOLUTION
    return dw / a
    ### END SOLUTION


check.gradient_after_rescaling(gradient_after_rescaling)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The chain rule gives the factor $a$ on the left side of $a\,L'(a\,w) = L'(w)$, so the new gradient is the old one divided by $a$. `a` has shape $(C,)$ and
# lines up with the columns by itself. `a[:, None]` would line up with the rows.
#
# It is one factor, not two. But look at a step of gradient descent: the gradient is $a$ times smaller, and it acts on weights that are $a$ times longer. So the *direction* of the
# weights turns $a^2$ times less. This is why large weights before BN learn slowly.

# %% [markdown]
# ## How far you are

# %%
check.report()
