# %% [markdown]
# # What does a batch of two teach?
#
# *30 minutes · deeper, after lesson [04 · Derive the backward pass](../04_derive_the_backward_pass.ipynb)*
#
# Batch normalization subtracts two parts from every gradient. In a batch of 32 that is little, in a batch of two it is
# everything. You see it in the table of all $\partial y_i/\partial x_j$, and you measure how much is left.
#
# $$dx = \frac{\gamma}{s}\big(dy - \operatorname{mean}(dy) - \hat{x}\operatorname{mean}(dy\,\hat{x})\big)
# \qquad s = \sqrt{\sigma^2 + \varepsilon}$$

# %%
import numpy as np
import torch

import bnteach
from bnteach import labs

# %% [markdown]
# ## Two moves that leave y as it is
#
# Take the first channel of lesson 04: the values 1, 2, 3, 6, with $\gamma = 2$ and $\beta = -1$.
#
# **Predict.** What happens to $y$ when 100 is added to all values? And when the values are moved to three times their distance
# from the mean?

# %%
eps, gamma, beta = 1e-5, 2.0, -1.0


def forward(x):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    return gamma * x_hat + beta, x_hat, s


x = np.array([1.0, 2.0, 3.0, 6.0])
moved = {"y": x, "x + 100": x + 100, "three times as wide": x.mean() + 3 * (x - x.mean())}
for name, values in moved.items():
    print(f"{name:20}", forward(values)[0].round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nothing, up to $\varepsilon$. The first is a move along $\mathbf{1} = (1, 1, 1, 1)$, the second along $\hat{x}$: each
# value moves by $2\,(x_i - \mu) = 2\,s\,\hat{x}_i$.
#
# </details>
#
# A small move $t\,u$ of $x$ changes the loss by $t\,(dx \cdot u)$. If $y$ does not change, the loss does not. So
# $dx \cdot \mathbf{1} = 0$ and $dx \cdot \hat{x} = 0$, for every dy.
#
# ## The Jacobian
#
# Let dy be 1 for output $i$ and 0 for the others. Then $dx_j$ is $\partial y_i/\partial x_j$. The table of all of them is the
# **Jacobian** $J$. With $[i = j]$ for 1 on the diagonal and 0 elsewhere, the formula above becomes
#
# $$\frac{\partial y_i}{\partial x_j} = \frac{\gamma}{s}\Big([i = j] - \frac{1}{N} - \frac{\hat{x}_i\,\hat{x}_j}{N}\Big)$$

# %%
_, x_hat, s = forward(x)
J = gamma / s * (np.eye(4) - 1 / 4 - np.outer(x_hat, x_hat) / 4)
dy = np.array([1.0, 0.0, -1.0, 2.0])
print(J.round(3) + 0.0)
print("J times 1: ", J.sum(axis=1).round(4) + 0.0)
print("J times x̂: ", (J @ x_hat).round(4) + 0.0)
print("J times dy:", (J @ dy).round(3))

# %% [markdown]
# No entry is 0: each output depends on each input. `J @ dy` is the dx of lesson 04. Why? $x_j$ reaches the loss through
# all outputs, so $dx_j = \sum_i dy_i\,J_{ij}$. This sum goes down column $j$. But $J$ is symmetric, so row $j$ holds the
# same numbers.
#
# ## Lab: how each y depends on each x
#
# The Jacobian for $\gamma = 1$: row $i$ for $y_i$, column $j$ for $x_j$. The words below also say its **rank**: in how
# many directions a gradient comes through. (What only $\varepsilon$ leaves counts as 0.)
#
# 1. Switch *Mean part* off. What happens to $J\mathbf{1}$, and to the rank? Then *Variance part*.
# 2. With all parts on, set *Batch size* to 2. What is left?
# 3. Go back to 6, and move *Outlier* to 20. How much does the last sample still move its own $y$?

# %% tags=["nbval-ignore-output"]
labs.Jacobian()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Without the mean's part, every entry of $J\mathbf{1}$ is $1/s$ instead of 0, and the rank is 5 instead of 4. Without the
#    variance's part, $J\hat{x}$ is $\hat{x}/s$. Each of the two parts closes one direction.
# 2. Nothing: all entries are 0 up to $\varepsilon$, and the rank is 0.
# 3. Hardly at all: the slope is 0, to two digits. The sample has pulled the standard deviation with it, and its $\hat{x}$ is
#    2.22, close to the largest possible one, $\sqrt{N - 1} = 2.24$ (lesson 02).
#
# </details>
#
# ## How much is left
#
# With $N$ values there are $N$ directions, and BN takes two. We measure a gradient by its *squared length*, the sum
# of the squares of its entries, and draw dy at random.
#
# **Predict.** What share of the squared length of $\frac{\gamma}{s}\,dy$ is left in dx, for $N = 2$ and for $N = 32$?

# %%
rng = np.random.default_rng(0)
for n in (2, 3, 4, 8, 32):
    many, upstream = rng.normal(5, 2, size=(n, 4000)), rng.normal(size=(n, 4000))  # 4 000 experiments
    _, x_hat, s = forward(many)
    whole = gamma / s * upstream
    dx = whole - whole.mean(axis=0) - x_hat * (whole * x_hat).mean(axis=0)
    left = ((dx**2).sum(axis=0) / (whole**2).sum(axis=0)).mean()
    print(f"N = {n:2d}: {left:.2f} is left   (N − 2)/N = {(n - 2) / n:.2f}")
    assert abs(left - (n - 2) / n) < 0.02

# %% [markdown]
# <details><summary>Answer</summary>
#
# For $N = 2$ nothing, for $N = 32$ nearly all: on average $(N-2)/N$. A random dy has on average the same share, $1/N$, of
# its squared length along each of $N$ perpendicular directions, and BN takes two of them.
#
# </details>
#
# ## A batch of two, a batch of one
#
# The two normalized values of a batch of two are −1 and 1, whatever the two values were. So the layers before BN learn
# nothing.
#
# **Predict.** The last pair lies very close together. Does a gradient come through?

# %%
for pair in ([1.0, 5.0], [1.0, 5000.0], [1.0, 1.002]):
    two = np.array(pair)[:, None]
    y2, cache = bnteach.batch_norm_forward(two, None, None)  # None: γ = 1 and β = 0
    dx2, _, _ = bnteach.batch_norm_backward(np.array([[3.0], [-1.0]]), cache)
    print(f"x = {pair!s:14} x̂ = {y2.ravel().round(3)!s:16} dx = {dx2.ravel().round(4) + 0.0}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Yes. Here the variance is $10^{-6}$, smaller than $\varepsilon$, and a stretch changes $\hat{x}$. (This dx is large
# because $1/\sqrt{\sigma^2 + \varepsilon}$ is.)
#
# </details>
#
# A **batch of one** is its own mean: $\hat{x} = 0$ and $y = \beta$, whatever $x$ is. The formula gives $dy - dy = 0$. Such
# a layer would be useless, so PyTorch refuses ([what it says](diagnose_the_batch.ipynb#A-crash-at-the-end-of-an-epoch)), and so
# does bnteach.
#
# ## A bias before BN
#
# Lesson 02 measured that a bias before BN does nothing. Here is why: a linear layer gives BN its input $x = aW + b$. The bias $b$ adds the same number to all rows of a channel: a move along
# $\mathbf{1}$.
#
# **Predict.** What is the gradient of the bias, for a random batch and a random dy?

# %%
_ = torch.manual_seed(0)
linear = torch.nn.Linear(5, 3, dtype=torch.float64)
norm = torch.nn.BatchNorm1d(3, dtype=torch.float64)
inputs, upstream = torch.randn(8, 5, dtype=torch.float64), torch.randn(8, 3, dtype=torch.float64)
norm(linear(inputs)).backward(upstream)
print(f"gradient of the weights, largest: {linear.weight.grad.abs().max():.2f}")
print(f"gradient of the bias, largest:    {linear.bias.grad.abs().max():.12f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 0: it is dx · **1**. This is no bug. Such layers are written with `bias=False`.
#
# </details>
#
# ## What was shown
#
# - BN closes two of $N$ directions to a gradient: a batch of 32 loses 6 % of its squared length, a batch of two loses all.
# - Practice: the [exercises of lesson 04](../exercises/04_derive_the_backward_pass.ipynb) (40 minutes).
# - Back to [04 · Derive the backward pass](../04_derive_the_backward_pass.ipynb).
