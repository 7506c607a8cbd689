# %% [markdown]
# # Which variance survives float32?
#
# *15 minutes · from [01 · Measure a batch](../01_measure_a_batch.ipynb) and [13 · Make it fast](../13_make_it_fast.ipynb)*
#
# There are three well-known formulas for a variance, equal on paper. In float32, the usual precision of networks, one of them can
# give a negative variance. You find out which one, and when.

# %%
import numpy as np
import torch

from bnteach import figures
from bnteach.trials import speed

# %% [markdown]
# ## Three ways to a variance
#
# We write $S$ for the sum of squared distances from the mean; the variance is $S/N$.
#
# - **Naive**: $S = \sum x^2 - N\mu^2$. One pass over the data.
# - **Two-pass**: first $\mu$, then $S = \sum (x - \mu)^2$. Two passes.
# - **Welford**: start with $\mu = 0$, $S = 0$. For the $k$-th value: $d = x - \mu$, then $\mu \leftarrow \mu + d/k$, then
#   $S \leftarrow S + d\,(x - \mu)$ with the *new* $\mu$. One pass, a value at a time.


# %%
def naive(x):
    mean = x.sum() / len(x)
    return ((x * x).sum() - len(x) * mean * mean) / len(x)


def two_pass(x):
    return ((x - x.mean()) ** 2).sum() / len(x)


def welford(x):
    mean = s = x.dtype.type(0)  # in the precision of x
    for k, value in enumerate(x, start=1):
        d = value - mean
        mean = mean + d / x.dtype.type(k)
        s = s + d * (value - mean)
    return s / len(x)


values = np.array([1.0, 2.0, 3.0, 6.0])
for variance in (naive, two_pass, welford):
    print(f"{variance.__name__:8} {variance(values):.4f}")

# %% [markdown]
# "The mean of the squares minus the square of the mean" is what many people write first. We take 1 000 values
# around 10 000 with a standard deviation of 1, in float32.
#
# **Predict.** Which of the three will be wrong?


# %%
def batch_far_away(seed, mean=10_000):
    return np.random.default_rng(seed).normal(mean, 1, size=1000).astype(np.float32)


batch = batch_far_away(seed=0)
print(f"in float64: {batch.astype(np.float64).var():.3f}")
print(f"two-pass:   {two_pass(batch):.3f}")
print(f"Welford:    {welford(batch):.3f}")

# %% tags=["nbval-ignore-output"]
print(f"naive:      {naive(batch):.3f}")
negative = sum(naive(batch_far_away(seed)) < 0 for seed in range(200))
print(f"naive: negative in {negative} of 200 batches")
assert negative >= 20

# %% [markdown]
# <details><summary>Answer</summary>
#
# The naive one; its number is an accident of rounding, and another machine may show another. $\sum x^2$ is about $10^{11}$. A float32
# keeps about 7 decimal digits, so this sum is only known to within some 10 000. $N\mu^2$ is as large and as uncertain. Their
# difference should be 1 000; instead it is what is left of two rounding errors. This is called **cancellation**.
#
# </details>
#
# A variance is a mean of squares, so it cannot be negative. With a negative one the square root gives `nan`, and the network is lost.
#
# ## How far away is too far?
#
# We measure the relative error for means from 1 to 100 000, as the median over 20 batches.


# %% tags=["nbval-ignore-output"]
def typical_error(variance, mean):
    batches = [batch_far_away(seed, mean) for seed in range(20)]
    return np.median([abs(variance(batch) / batch.astype(np.float64).var() - 1) for batch in batches])


mean_over_std = [1, 10, 100, 1e3, 1e4, 1e5]
errors = {f: [typical_error(f, mean) for mean in mean_over_std] for f in (naive, welford, two_pass)}
print("mean/std ", *(f"{ratio:7.0e}" for ratio in mean_over_std))
for variance, error in errors.items():
    print(f"{variance.__name__:9}", *(f"{value:7.0e}" for value in error))
assert 50 < (errors[naive][4] / errors[naive][1]) ** (1 / 3) < 200  # for ten times the mean
assert max(errors[two_pass]) < 1e-4

# %% tags=["draws", "nbval-ignore-output"] alt="Relative error of three ways to a variance against mean over standard deviation, both axes logarithmic. The naive error starts near one ten-millionth and grows a hundredfold for each step of ten in the mean; it passes 1, that is 100 percent, between 1000 and 10000. The two-pass error stays below one ten-thousandth. Welford lies between them for large means."
ax = figures.new_axes()
names = {"moved": (naive, "naive"), "theory": (welford, "Welford"), "before": (two_pass, "two-pass")}
for role, (variance, _) in names.items():
    figures.curve(mean_over_std, errors[variance], ax=ax, role=role)
ax.axhline(1, color="black", lw=1)
ax.text(1, 1.5, "100 %", size=9.5)
figures.frame(ax, title="Error of the variance in float32", x="mean / std", y="relative error", log="xy")
figures.key(ax, {role: name for role, (_, name) in names.items()})
figures.show(ax)

# %% [markdown]
# The naive error grows with the *square* of the mean: ten times the mean, a hundred times the error. The two-pass error stays small.
# Welford lies between, once the mean is large: its running mean is rounded at each of the 1 000 steps.
#
# Is mean/std = 10 000 a case from real life? A time in seconds since 1970 is about $1.8 \cdot 10^9$; within a day it has a standard deviation
# of 25 000 seconds, and a ratio of 70 000. (Years are harmless: 2001 to 2026 have a ratio of 270, and the naive variance is half a percent off.)
#
# ## Long sums
#
# A sum of many values loses digits, too. Added one after the other, each value is rounded to the steps of a large sum. Where the values lie side by side, NumPy's `sum`
# adds **pairwise**: the sum of one half plus that of the other (down to 128 values). Or make short sums in float32, and add those in float64. Here is the
# mean of 25 088 values with mean/std 1 000.


# %% tags=["nbval-ignore-output"]
x, gamma, beta, _ = layer = speed.batch(mean=1e3, samples=8)
values = x[:, 0].ravel()
sums = np.cumsum(values)[-1], values.sum(), values.reshape(-1, 512).sum(axis=1).sum(dtype=float)
for name, found in zip(("one after the other", "pairwise", "short sums"), sums, strict=True):
    print(f"{name:19} the mean is off by {abs(found - values.sum(dtype=float)) / values.size:.6f}")

# %% [markdown]
# PyTorch's layer shows it. We compare its $y$ on a CPU with that of float64, for pictures with the channels on axis 1 or last in memory.

# %% tags=["nbval-ignore-output"]
exact = x.astype(float)
exact -= exact.mean((0, 2), keepdims=True)
exact = gamma * exact / np.sqrt(exact.var((0, 2), keepdims=True) + 1e-5) + beta
for order in (torch.contiguous_format, torch.channels_last):
    print(f"{order}: y is off by {abs(speed.y_of_pytorch(layer, order) - exact).max():.6f}")

# %% [markdown]
# On the machine that built this page, at mean/std 1 000 and on its CPU, only two digits after the point are right with `channels_last`: the sums
# over the samples and positions are made there in float32, a value after the other.
#
# **What was shown.** Subtract the mean first, then square. The layers of this course do it so, and the package has all
# three for whole batches: `naive_moments`, `two_pass_moments`, `welford_moments`.
#
# **Back to** [01 · Measure a batch](../01_measure_a_batch.ipynb) or [13 · Make it fast](../13_make_it_fast.ipynb)
#
# Sources:
#
# - T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for Computing the Sample Variance: Analysis and Recommendations",
#   The American Statistician 37, 1983
# - B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products", Technometrics 4, 1962
