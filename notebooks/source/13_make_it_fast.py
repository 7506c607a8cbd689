# %% [markdown]
# # 13 · Make it fast
#
# *30 minutes · previous: [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb) ·
# next: [13b · Keep it in the cache](13b_keep_it_in_the_cache.ipynb) · [exercises](exercises/13_make_it_fast.ipynb)*
#
# BN needs little arithmetic, but written as in a textbook it takes NumPy clearly longer than PyTorch. You find out where the time
# goes, and rewrite the layer twice, until NumPy is about as fast as PyTorch on one thread. The last step loses digits, and you see which.

# %%
import numpy as np

from bnteach import figures
from bnteach.trials import speed

# %% [markdown]
# ## The textbook
#
# Our layer has 32 pictures, 64 channels and 56 × 56 positions: `x` and `dy` have the shape (32, 64, 3136), `gamma` and `beta` have
# (1, 64, 1). All are float32. The lines are those of lesson 04:

# %%
eps = 1e-5


def textbook(x, gamma, beta, dy):
    m = x[:, 0].size  # values of a channel
    mean = x.mean((0, 2), keepdims=True)
    var = x.var((0, 2), keepdims=True)
    std = np.sqrt(var + eps)
    x_hat = (x - mean) / std
    y = gamma * x_hat + beta
    dbeta = dy.sum((0, 2), keepdims=True)
    dgamma = (dy * x_hat).sum((0, 2), keepdims=True)
    dx = gamma / std * (dy - dbeta / m - x_hat * (dgamma / m))
    return y, dx, dgamma, dbeta


layer = x, gamma, beta, dy = speed.batch(mean=0.5)  # random numbers; the std of x is 1
print(f"x, y, dx and dy have {x.nbytes / 1e6:.1f} MB each")

# %% [markdown]
# ## Count the passes
#
# Each core of a processor has a small, fast memory of its own, the **cache**. Our arrays are much too large for it. So a line such
# as `x - mean` brings all of `x` from the large **main memory**, and sends the whole difference back.
#
# A **pass** is one array of this size, read or written from end to end. What has only one number for each channel does not count.
#
# - `x - mean` has two passes: `x` is read, and the difference is written.
# - `(x - mean) / std` has four. The difference has no name, but it is an array: it is written, and then read again.
#
# Every BN layer has to read $x$ and write $y$; going backward, it has to read $x$ and $dy$ and to write $dx$.
# `speed.least` makes only these five passes, by a copy and a sum. A fifth of its time is our unit, **the time of a pass**.
#
# `speed.lines` runs a function line by line on one thread, seven times, and prints the shortest time of each line in this unit.
#
# **Predict.** `x.var` takes the mean, then the differences $x - \mu$, then their squares, then the mean of the squares. How many passes are
# that: **A** 2, **B** 4, **C** 6?

# %% tags=["nbval-ignore-output"]
speed.steady()  # from here on one thread
counted = [0, 1, 6, 0, 4, 4, 1, 4, 9]  # the passes of each line
speed.lines(textbook, counted, layer)

# %% [markdown]
# <details><summary>Answer</summary>
#
# C: one for the mean, two for the differences, two for the squares, one for their mean.
#
# </details>
#
# Together the lines have 29 passes. The times follow the count, but two things take longer:
#
# - **Sums.** `x.mean` and `dy.sum` have one pass, and take the time of more than two: NumPy adds more slowly than memory delivers.
# - **Stretched arrays.** `x - mean` stretches `mean` to the shape of `x`. This takes nearly three instead of two: NumPy copies `x`
#   through a small buffer. (Try `np.setbufsize(512)` above `speed.lines`: it avoids the copy.)
#
# ## Why memory decides
#
# Is it really the moving that takes so long, and not the arithmetic? We measure both speeds: that of the arithmetic in a product of matrices, which uses each
# number many times while it is in the cache.

# %% tags=["nbval-ignore-output"]
least = speed.shortest({"least": lambda: speed.least(*layer)})["least"]
value = least / 5 / x.size  # seconds in which memory moves one number, 4 bytes
print(f"memory moves {4 / value / 1e9:.0f} billion bytes in a second")
print(f"while it moves one number, the core can make {value / speed.arithmetic(1):.0f} operations")

# %% [markdown]
# `x - mean` makes one operation for every two numbers that are moved. So the core waits nearly all the time: the line is **bound by memory**.
#
# In general a program takes at least the time of its arithmetic, and at least that of its moving. The longer one decides: this is the
# **roofline** model. So to make BN faster, move less.
#
# ## Fewer passes
#
# Two tools help:
#
# - `np.vecdot(a, b)` adds up the products $a_i b_i$ of each row, and writes no product. With ones for $b$ it is a sum, faster than
#   NumPy's `sum`. `total` below makes it a sum for each channel.
# - `x_hat *= inv_std` computes **in place**: the result goes into the old array. This saves memory, but no pass: the array is read and written
#   as before.


# %%
def total(a, b=None):
    """The sum of a·b of each channel, or of a; shaped as gamma."""
    if b is None:
        b = np.ones(a.shape[2], a.dtype)
    of_rows = np.vecdot(a, b)
    return of_rows.sum(axis=0, keepdims=True)[..., np.newaxis]


# %% tags=["nbval-ignore-output"]
def in_place(x, gamma, beta, dy):
    m = x[:, 0].size
    x_hat = x - total(x) / m
    inv_std = 1 / np.sqrt(total(x_hat, x_hat) / m + eps)
    x_hat *= inv_std
    y = gamma * x_hat
    y += beta
    dbeta = total(dy)
    dgamma = total(dy, x_hat)
    dx = x_hat * (-dgamma / m)
    dx += dy
    dx -= dbeta / m
    dx *= gamma * inv_std
    return y, dx, dgamma, dbeta


counted = [0, 3, 1, 2, 2, 2, 1, 2, 2, 3, 2, 2]
speed.lines(in_place, counted, layer)

# %% [markdown]
# These are 22 passes, 7 fewer. `total` saves them all: five at the variance, because the differences are there already, and two at `dgamma`. Now
# most times are near the count.
#
# ## Fold
#
# Do we need $\hat{x}$ at all? Put $\hat{x} = (x - \mu)/\sigma$, with $\sigma = \sqrt{\mathrm{var} + \varepsilon}$, into $y$, $d\gamma$ and $dx$, and multiply out:
#
# $$\begin{aligned}
# y &= \frac{\gamma}{\sigma}\,x + \Big(\beta - \frac{\gamma}{\sigma}\,\mu\Big) \qquad \mathrm{var} = \frac{1}{m}\sum x^2 - \mu^2 \\
# d\gamma &= \frac{1}{\sigma}\Big(\sum dy\cdot x - \mu\,d\beta\Big) \qquad \text{slope} = -\frac{1}{\sigma}\,\frac{d\gamma}{m} \\
# dx &= \frac{\gamma}{\sigma}\Big(dy + \text{slope}\cdot x - \big(\tfrac{d\beta}{m} + \text{slope}\cdot\mu\big)\Big)
# \end{aligned}$$
#
# For each channel $y$ is $x$ times one number, plus another: BN is **folded** into one product and one sum.
#
# **Predict.** `folded` has 18 passes, and `textbook` has 29. How many times faster is it: **A** 29/18 = 1.6 times, **B** more, **C** less?


# %%
def folded(x, gamma, beta, dy):
    m = x[:, 0].size
    mean = total(x) / m
    var = total(x, x) / m - mean**2
    inv_std = 1 / np.sqrt(var + eps)
    y = x * (gamma * inv_std)
    y += beta - gamma * inv_std * mean
    dbeta = total(dy)
    dgamma = inv_std * (total(dy, x) - mean * dbeta)
    slope = -inv_std * dgamma / m
    dx = x * slope
    dx += dy
    dx -= dbeta / m + slope * mean
    dx *= gamma * inv_std
    return y, dx, dgamma, dbeta


# %% tags=["nbval-ignore-output"]
ways = {"textbook": textbook, "in place": in_place, "folded": folded}
passes = {"textbook": 29, "in place": 22, "folded": 18}
speed.table({**ways, "again": folded}, passes, layer)

# %% [markdown]
# <details><summary>Answer</summary>
#
# B: it has fewer passes, and none of NumPy's slow sums.
#
# </details>
#
# The table has `folded` twice, to show the noise of the measurement. **Memory** is the most that new arrays take at
# once, in units of $x$: `folded` makes only $y$ and $dx$.

# %% tags=["draws", "nbval-ignore-output"] alt="For textbook, in place and folded a bar for the passes that were counted, 29, 22 and 18, and below it a bar for the measured time, in passes. Each measured bar is longer than the counted one, by far most for the textbook. Both become shorter from textbook to folded. A dashed line shows the time of PyTorch."
times = speed.in_passes({**ways, "PyTorch": speed.pytorch}, layer)
assert times["folded"] < times["textbook"]
ax, rows = figures.new_axes(size=(6.8, 2.8)), np.arange(3)
bars = [
    (-0.2, [passes[name] for name in ways], "moved", "{:.0f} passes, counted"),
    (0.2, [times[name] for name in ways], "with_bn", "the time of {:.0f} passes, measured"),
]
for above, lengths, role, words in bars:
    ax.barh(rows + above, lengths, 0.36, color=figures.role(role).color)
    for row, length in enumerate(lengths):
        look = {"color": "white", "weight": "bold", "va": "center", "size": 9.5}
        ax.text(0.5, row + above, (words if row == 0 else "{:.0f}").format(length), **look)
ax.axvline(times["PyTorch"], color="black", ls="--", lw=1.2)
ax.text(times["PyTorch"] + 0.5, 2.75, "PyTorch's time", va="center", size=9.5)
figures.frame(ax, title="Fewer passes, less time", x="passes", xlim=(0, 46), ylim=(3, -0.6))
ax.set_yticks(rows, ways)
ax.grid(False)
figures.show(ax)

# %% [markdown]
# ## Which digits the fold loses
#
# Float32 keeps about 7 digits. The **step** from a number to the next one that it can store grows with the number:

# %%
for number in (1.0, 1e4, 1e8):
    print(f"near {number:11,.0f} the step is {np.spacing(np.float32(number)):.1g}")

# %% [markdown]
# So far $x$ had the mean 0.5 and the variance 1. Now the mean is 10 000.
#
# **Predict.** `folded` computes the variance as the mean of $x^2$ minus $\mu^2$. Both are near 100 000 000. What does it get: **A** 1, right to three digits, **B** 1, but only
# roughly, **C** a number that has nothing to do with 1?

# %% tags=["nbval-ignore-output"]
ways["PyTorch"] = speed.pytorch
print("mean/std        1      100   10 000")
for name, way in ways.items():
    errors = [speed.error(way, mean) for mean in (1, 100, 10_000)]
    print(f"{name:8}", *(f"{error:8.0e}" for error in errors))
    assert errors[0] < 1e-5
    assert (errors[2] > 0.1) == (name == "folded")

# %% [markdown]
# <details><summary>Answer</summary>
#
# C: the step is 8 there, so a difference of 1 is lost. If it comes out negative, its root is not a number, and the table shows `inf`.
#
# </details>
#
# Each number is the largest error of a result, over its root mean square (float64 says what is right). Why do they grow? Write $u = 1.2\cdot 10^{-7}$ for the
# step at 1, so that it is about $a\,u$ at $a$, and compare it with what the subtraction leaves:
#
# - `textbook`, `in_place`: $\mu$ has an error of about $\mu u$, and $x - \mu$ has the size $\sigma$. The relative error is about $\frac{\mu}{\sigma}\,u$, here $10^{-3}$.
# - `folded`: $\mu^2$ has an error of about $\mu^2 u$, and the variance is $\sigma^2$. The relative error is about $\frac{\mu^2}{\sigma^2}\,u$, here above 1.
#
# Even with the right variance, the two terms of $y$ are near $\pm\frac{\gamma}{\sigma}\,\mu$ and nearly cancel. This costs $\frac{\mu}{\sigma}\,u$ again, in PyTorch too, which computes $y$ in this way.
# More: [Which variance survives float32?](deeper/which_variance_survives_float32.ipynb)
#
# **What was shown.** On whole arrays BN is bound by memory: its time follows the passes. `total` and the fold leave 18 of 29 passes, and
# NumPy takes about PyTorch's time. Where mean/std is large, the fold loses all digits.
#
# **Exercises.** [Make it fast](exercises/13_make_it_fast.ipynb), 20 minutes.
#
# **Next.** [13b · Keep it in the cache](13b_keep_it_in_the_cache.ipynb)
#
# *Source of the roofline: Williams, Waterman and Patterson 2009, Communications of the ACM 52(4).*
