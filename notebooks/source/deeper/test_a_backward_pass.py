# %% [markdown]
# # Which test catches a wrong backward pass?
#
# *35 minutes · deeper, after lesson [04 · Derive the backward pass](../04_derive_the_backward_pass.ipynb)*
#
# You wrote a backward pass of batch normalization and tested it, and the test is green. Is it right? Here are six wrong
# ones and seven tests: most of the tests see only a part of the faults.
#
# $$dx = \frac{\gamma}{s}\big(dy - \operatorname{mean}(dy) - \hat{x}\operatorname{mean}(dy\,\hat{x})\big)
# \qquad s = \sqrt{\sigma^2 + \varepsilon}$$

# %%
import random

import numpy as np
import torch

from bnteach import figures, finite_differences, relative_error

# %% [markdown]
# ## Six wrong ones
#
# The formula of lesson 04 has three terms, one for each path: direct, through the mean, through the variance. Here
# it has switches, so that it can be made wrong: a path can be left out or get the wrong sign, a sum can be divided by
# another power of $N$, and the factor $\gamma/s$ can be replaced.

# %%
eps = 1e-5


def normalize(x):
    s = np.sqrt(x.var(axis=0) + eps)
    return (x - x.mean(axis=0)) / s, s


def dx_of(dy, x, gamma, mean_path=1, variance_path=1, power=1, factor=lambda gamma, s: gamma / s):
    x_hat, s = normalize(x)
    through_mean = dy.sum(axis=0) / len(x) ** power
    through_variance = x_hat * (dy * x_hat).sum(axis=0) / len(x) ** power
    return factor(gamma, s) * (dy - mean_path * through_mean - variance_path * through_variance)


FAULTS = {
    "path through the mean missing": {"mean_path": 0},
    "path through the variance missing": {"variance_path": 0},
    "both paths missing": {"mean_path": 0, "variance_path": 0},
    "wrong sign of dvar": {"variance_path": -1},
    "√N in place of N": {"power": 0.5},
    "γ forgotten": {"factor": lambda gamma, s: 1 / s},
}

rng = np.random.default_rng(0)
x, dy = rng.normal(5, 3, size=(9, 2)), rng.normal(size=(9, 2))  # 9 rows, 2 channels
gamma, beta = np.array([2.0, 3.0]), np.array([-1.0, 10.0])

# %% [markdown]
# ## Who is who?
#
# The formula subtracts from $\frac{\gamma}{s}\,dy$ its part along $\mathbf{1} = (1, \dots, 1)$ and its part along $\hat{x}$.
# (The part along $u$ is the projection $\frac{dy \cdot u}{u \cdot u}\,u$.) So we ask each wrong dx: which share of the part
# along $\mathbf{1}$ is still there? Of the part along $\hat{x}$? Of the rest? The right answer is 0, 0, 1. The computer
# shuffles the six faults and calls them A to F.
#
# **Predict.** First write down the three shares for each of the six faults ($N = 9$, $\gamma = 2$). Then run the cell, and find
# out which letter has which fault.
#
# <details><summary>Hint</summary>
#
# Which path subtracts which part? Start from 0, 0, 1 and undo one path.
#
# </details>


# %%
def show_shares(name, fault):
    dx, right = dx_of(dy, x, gamma, **fault), dx_of(dy, x, gamma)
    x_hat, s = normalize(x)
    directions = (np.ones_like(x), x_hat, right)
    shares = [(dx * u).sum(axis=0) / (gamma / s * dy * u).sum(axis=0) for u in directions]
    print(f"{name:8}", *(f"{share[0] + 1e-9:9.2f}" for share in shares))  # + 1e-9: no "-0.00"


suspects = dict(zip("ABCDEF", random.Random(4).sample(list(FAULTS), k=6), strict=True))  # letter -> fault
print(f"{'':8}  along 1   along x̂     rest")
for letter, name in suspects.items():
    show_shares(letter, FAULTS[name])
show_shares("right", {})

# %% [markdown]
# Do you have all six? Here is the solution:

# %%
for letter, name in suspects.items():
    print(letter, name)

# %% [markdown]
# <details><summary>Why</summary>
#
# - *Path through the mean missing*: 1, 0, 1. *Path through the variance missing*: 0, 1, 1. *Both*: 1, 1, 1.
# - *Wrong sign of dvar*: 0, 2, 1. The part along $\hat{x}$ is added where it should be subtracted.
# - *√N*: $1 - \sqrt{9} = -2$, twice. Too much is subtracted.
# - *γ forgotten*: 0, 0, and $1/\gamma = 0.5$. The directions are right, only the length is wrong.
#
# </details>
#
# ## Tests that see little
#
# A handy loss for a test is `y.sum()`. Its gradient is a dy of ones. Another one is $\frac{1}{2}\sum y^2$, with the
# gradient $dy = y$.
#
# **Predict.** What is the *right* dx in these two cases?

# %%
y = gamma * normalize(x)[0] + beta
for name, upstream in (("random dy", dy), ("dy = 1", np.ones_like(x)), ("dy = y", y)):
    size = abs(dx_of(upstream, x, gamma)).max()
    print(f"{name:9}  largest entry of the right dx: {size:.4f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Zero in both cases, up to $\varepsilon$: $dy = \mathbf{1}$ points along $\mathbf{1}$, and $dy = y = \gamma\hat{x} + \beta$ is
# made of $\hat{x}$ and $\mathbf{1}$. So such a test compares with 0, and passes everything that is 0 for another reason.
#
# </details>
#
# ## Which test catches what?
#
# Seven tests. The first five compare dx with **finite differences**: move one entry of $x$ by $\pm h$ and see how
# $\sum y \cdot dy$ changes. They differ in dy and in the batch: a dy of ones; $dy = y$ while $\beta = 0$, where a layer
# begins; $dy = y$ with another $\beta$; a random dy with a batch of two; a random dy with nine rows. The last two only
# check whether dx · **1** and dx · x̂ are 0.
#
# A fault is *caught* if the number that should be 0 is more than a thousandth of the largest entry of
# $\frac{\gamma}{s}\,dy$. (Not of dx: for a dy of ones the right dx is 0, and nothing can be divided by it.)


# %%
def largest(array, dy, x):
    return abs(array).max() / abs(gamma / normalize(x)[1] * dy).max()


def off(fault, dy, x):
    measured = finite_differences(lambda x: gamma * normalize(x)[0], x, dy)
    return largest(dx_of(dy, x, gamma, **fault) - measured, dy, x)


x_hat, _ = normalize(x)
TESTS = {
    "dy = 1": lambda fault: off(fault, np.ones_like(x), x),
    "dy=y, β=0": lambda fault: off(fault, gamma * x_hat, x),
    "dy = y": lambda fault: off(fault, gamma * x_hat + beta, x),
    "N = 2": lambda fault: off(fault, dy[:2], x[:2]),
    "random": lambda fault: off(fault, dy, x),
    "dx · 1": lambda fault: largest(dx_of(dy, x, gamma, **fault).sum(axis=0), dy, x),
    "dx · x̂": lambda fault: largest((dx_of(dy, x, gamma, **fault) * x_hat).sum(axis=0), dy, x),
}

# %% [markdown]
# **Predict.** Which test catches all six? Which fault is seen by only one test?

# %%
print(f"{'':34}", *(f"{name:10}" for name in TESTS))
for name, fault in {**FAULTS, "right": {}}.items():
    verdicts = ["caught" if test(fault) > 1e-3 else "-" for test in TESTS.values()]
    print(f"{name:34}", *(f"{verdict:10}" for verdict in verdicts))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the random dy with nine rows, compared with finite differences, catches all six.
#
# - **dy = 1** does not see a missing path through the variance, nor its wrong sign: a dy of ones has no part along
#   $\hat{x}$.
# - **dy = y, β = 0** does not see a missing path through the mean: this dy has no part along $\mathbf{1}$. With another
#   $\beta$ it has one. But it has no rest, so a wrong length is not seen.
# - **N = 2** has no rest either: $\mathbf{1}$ and $\hat{x}$ are all the directions there are.
# - **dx · 1** and **dx · x̂** together catch all but a wrong length.
# - **γ forgotten** is seen by one test only. With $\gamma = 1$, where a layer usually begins, even this test misses it.
#
# You may read that a test with ones passes *anything*. That is too strong: it catches three of the six.
#
# </details>
#
# **A seventh fault.** Somebody writes $\gamma/s^2$ in front of the formula, where $\gamma/s$ should be.
#
# **Predict.** What are its three shares?

# %%
show_shares("seventh", {"factor": lambda gamma, s: gamma / s**2})
print(f"s = {normalize(x)[1][0]:.2f}   1/s = {1 / normalize(x)[1][0]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 0, 0 and $1/s$. With a standard deviation of 1 nothing would be seen. So test with data that is not normalized already.
#
# </details>
#
# ## Measure it right
#
# Finite differences have an error of their own, which depends on the step $h$. We compare them with the right dx: the
# largest difference, divided by the root mean square of dx. (Not each entry divided by itself: an entry may be near 0
# by accident.)
#
# **Predict.** Which step gives the smallest error: 0.1, 0.00001, or 0.0000000001?


# %%
def error_of_measurement(h, dtype):
    def bn(x):
        return gamma.astype(dtype) * normalize(x.astype(dtype))[0]

    return relative_error(finite_differences(bn, x, dy, h), dx_of(dy, x, gamma))


steps = 10.0 ** np.arange(0, -12.5, -0.5)
in_64 = np.array([error_of_measurement(h, np.float64) for h in steps])
in_32 = np.array([error_of_measurement(h, np.float32) for h in steps])
print(f"from h = 0.1 to 0.01 the error becomes {in_64[2] / in_64[4]:.0f} times smaller")
assert 1000 * in_64[10] < min(in_64[2], in_64[20])  # h = 1e-5 against 0.1 and 1e-10
assert 1e-6 <= steps[in_64.argmin()] <= 1e-3
assert in_32.min() > 1000 * in_64.min()

# %% tags=["draws", "nbval-ignore-output"] alt="The error of a finite difference against the step h, both axes logarithmic. Both curves are valleys. In float64 the bottom is near one ten-thousand-millionth, at a step near one hundred-thousandth. In float32 the bottom is higher by many powers of ten, at a step near one hundredth. On the right side the curves are the same."
ax = figures.curve(steps, in_32, role="theory")
figures.curve(steps, in_64, ax=ax, role="data")
figures.frame(ax, title="Not too large, not too small", x="step h", y="relative error", log="xy")
figures.key(ax, {"theory": "float32", "data": "float64"}, place="lower left")
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# 0.00001. The curve is a **valley** with two different sides:
#
# - On the right $h$ is too large: the loss is a curve, and we took it for a straight line. The terms in $h^2$ cancel in the
#   difference $L(x + h) - L(x - h)$. A term in $h^3$ is left, divided by $2h$. So a step ten times smaller makes the error a
#   hundred times smaller.
# - On the left $h$ is too small: the two losses are nearly equal, and their difference is lost in rounding. The
#   rounding error stays the same and is divided by an ever smaller $2h$.
#
# </details>
#
# In float32 the left side begins much earlier, and a small fault could hide there. (Near $h = 10^{-8}$ float32 moves
# $x$ by whole rounding steps, larger than $h$; farther left $x + h$ is rounded to $x$.) So **check gradients in float64**.
#
# ## Two of the faults, without a wrong formula
#
# In PyTorch, `detach()` makes a value a constant: no gradient goes through it. The same happens with `.data`, with `.item()`, and
# inside `torch.no_grad()`. Somebody detaches the mean and the standard deviation.
#
# **Predict.** Is y still right? Which of the six faults is it?

# %%
tensor = torch.tensor(x, requires_grad=True)
mean, s = tensor.mean(dim=0).detach(), torch.sqrt(tensor.var(dim=0, unbiased=False) + eps).detach()
detached = torch.tensor(gamma) * (tensor - mean) / s + torch.tensor(beta)
detached.backward(torch.tensor(dy))
print("y:  largest difference", f"{abs(detached.detach().numpy() - y).max():.9f}")
for name in ("path through the mean missing", "path through the variance missing", "both paths missing"):
    difference = abs(tensor.grad.numpy() - dx_of(dy, x, gamma, **FAULTS[name])).max()
    print(f"dx: largest difference {difference:.3f} to: {name}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# y is right, and no error message comes. But both paths are missing, so this is not the gradient of the loss.
# It is right in one case: when the mean and the variance are stored numbers, as after training (lesson 05).
#
# </details>
#
# ## What was shown
#
# Test a backward pass of BN with
#
# 1. a **random dy**, not ones and not $y$
# 2. **N ≥ 3**
# 3. **γ ≠ 1**
# 4. a **standard deviation that is not 1**
# 5. **float64**, and a step $h$ in the valley
# 6. the error divided by a size that cannot be 0, such as that of $\frac{\gamma}{s}\,dy$
#
# Exercise 2 of [lesson 04](../exercises/04_derive_the_backward_pass.ipynb) (20 minutes) asks for such a test. Back to
# [04 · Derive the backward pass](../04_derive_the_backward_pass.ipynb).
