# %% [markdown]
# # 13 · Make it fast
#
# *30 minutes · previous: [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb) ·
# next: [13b · Keep it in the cache](13b_keep_it_in_the_cache.ipynb) · [exercises](exercises/13_make_it_fast.ipynb)*
#
# BN needs little arithmetic. Yet a textbook's lines in NumPy take longer than PyTorch's layer. You find out where the time of these lines goes, and rewrite them twice, until they
# take about half the time.

# %%
import numpy as np

from bnteach import figures
from bnteach.trials import speed

# %% [markdown]
# ## The textbook
#
# Our layer has 32 pictures, 64 channels and 56 × 56 positions. So `x` and `dy` have the shape (32, 64, 3136), and `gamma` and `beta` have the shape
# (1, 64, 1). All numbers are float32. These are the lines of lesson 04:

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
# A core computes with what is in its **cache**, a small and fast memory. Our four arrays have more than 100 MB together, and even large caches have 32 MB or so. So most of their values lie in the slow **main memory**:
# each operation of NumPy reads its arrays from there, and writes its result there.
#
# A **pass** is the reading, or the writing, of one large array from end to end. Arrays with one number for each channel, such as `mean`, are too small to count.
# `x_hat = (x - mean) / std` has four passes:

# %% tags=["draws"] alt="On the left, in main memory, three arrays: x, x minus mean, and x-hat. On the right, in the core and its cache, two operations: minus mean, and divided by std. Arrow 1 goes from x to the first operation, arrow 2 from there to the array x minus mean, arrow 3 from this array to the second operation, and arrow 4 from there to x-hat."
ax, moved = figures.new_axes(size=(6.4, 2.7)), figures.role("moved").color
arrays, operations = [f"{'x':^23}", "x − mean\n(has no name)", f"{'x̂':^24}"], ["− mean", "÷ std"]
look = {"ha": "center", "va": "center", "size": 10.5}
for y, name in zip((2, 1, 0), arrays, strict=True):
    ax.text(1, y, name, bbox={"fc": "white", "ec": moved, "lw": 1.5, "pad": 6}, **look)
for y, name in zip((1.5, 0.5), operations, strict=True):
    ax.text(5, y, name, bbox={"fc": "#E6E6E6", "ec": "#8A8A8A", "pad": 6}, **look)
passes = [(1.7, 2, 4.5, 1.6), (4.5, 1.4, 1.7, 1.05), (1.7, 0.95, 4.5, 0.6), (4.5, 0.4, 1.7, 0)]
for number, (left, top, right, bottom) in enumerate(passes, start=1):
    arrow = {"arrowstyle": "-|>", "color": moved, "lw": 2}
    ax.annotate("", (right, bottom), (left, top), arrowprops=arrow)
    words = f"{number}: {'read' if number % 2 else 'written'}"
    ax.text((left + right) / 2, (top + bottom) / 2 + 0.17, words, **look)
ax.text(1, 2.6, "main memory", weight="bold", **look)
ax.text(5, 2.6, "core and cache", weight="bold", **look)
figures.frame(ax, xlim=(-0.2, 6), ylim=(-0.4, 2.8))
ax.axis("off")
figures.show(ax)

# %% [markdown]
# Our unit of time is **the time of a pass**. Every layer has to read `x` and write `y`, and later to read `x` and `dy` and write `dx`: five passes at least. `speed.least` does this and nothing else (it copies `x`
# to `y`, and adds `x` and `dy` into `dx`). A fifth of its time is the unit. `speed.lines` measures each line alone, on one thread.
#
# **Predict.** How many passes has the line of `dx`: **A** 4, **B** 7, **C** 9?

# %% tags=["nbval-ignore-output"]
speed.steady()  # from here on one thread
np.setbufsize(512)  # a buffer shorter than a row: else NumPy copies small arrays such as mean through it
speed.lines(textbook, speed.counted["textbook"], layer)  # lines without a pass are left out

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. `dy - dbeta / m` reads and writes: 2. `x_hat * (dgamma / m)`: 2. The minus between them reads both results and writes one array: 3. The product with
# `gamma / std`: 2.
#
# </details>
#
# `x.var` has six: one for the mean, two for the differences, two for their squares, one for the mean of the squares. All lines have 29.
#
# For lines without a sum, the times are near the count. A plain sum has one pass, and takes the time of more than two: NumPy adds more slowly than
# memory delivers.
#
# ## Why memory decides
#
# What takes the time in a line such as `x - mean`: to move the numbers, or to compute with them? `speed.least` tells how fast memory moves numbers. How fast the core can compute, we measure with a product of
# two matrices: it uses each number many times while it is in the cache.

# %% tags=["nbval-ignore-output"]
least = speed.shortest({"least": lambda: speed.least(*layer)})["least"]
value = least / 5 / x.size  # seconds in which memory moves one number, 4 bytes
print(f"memory moves {4 / value / 1e9:.0f} billion bytes in a second")
print(f"while it moves one number, the core can make {value / speed.arithmetic(1):.0f} operations")

# %% [markdown]
# For one operation, `x - mean` moves two numbers. So a core that computes so fast waits nearly all the time: the line is **bound by memory**.
#
# A program takes at least the time of its arithmetic, and at least the time of its moving. The longer one decides: this is the **roofline** model.
# To make BN faster, move less.
#
# ## Fewer passes
#
# `np.vecdot(a, b)` adds up the products $a_i b_i$ of each row, and does not write them anywhere. So the sum of `a * b` has two passes, for reading `a` and `b`, instead of four. The sum of `a * a` has one: `a` is
# read once.
#
# If all $b_i$ are 1, `np.vecdot` gives the plain sum of each row. It is faster than NumPy's `sum`, because it is computed by BLAS, a library for linear algebra. `total` adds up the rows of each channel:


# %%
def total(a, b=None):
    """The sum of a·b of each channel, or of a; shaped as gamma."""
    if b is None:
        b = np.ones(a.shape[2], a.dtype)
    of_rows = np.vecdot(a, b)
    return of_rows.sum(axis=0, keepdims=True)[..., np.newaxis]


# %% [markdown]
# The next function also computes **in place**: `x_hat *= inv_std` writes into the array that it has read.
#
# **Predict.** `y = gamma * x_hat` has two passes, and `x_hat *= inv_std` too. Does the line in place take **A** the same time, **B** clearly less, **C** clearly more?


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


speed.lines(in_place, speed.counted["in_place"], layer)

# %% [markdown]
# <details><summary>Answer</summary>
#
# B. A processor usually fetches a piece of memory before it writes to it, although nobody needs the old values. So `gamma * x_hat` moves three arrays: `x_hat`, what was in the memory of `y` before, and the new `y`. In place, the
# piece has been fetched already. And a new array takes some time to be made.
#
# </details>
#
# So not all passes cost the same. We go on counting each as one.
#
# `in_place` has 22 passes, 7 fewer than the textbook:
#
# - the mean and the differences are computed once, and not again for the variance: 3 fewer;
# - the squares for the variance are not written: 2 fewer;
# - the products for `dgamma` are not written: 2 fewer.
#
# ## Fold
#
# Do we need the array $\hat{x}$ at all? As in lesson 04, $s$ is `std`, so $\hat{x} = (x - \mu)/s$. Put this into $y$ and into $d\gamma$, and multiply out:
#
# $$\begin{aligned}
# y &= \gamma\,\frac{x - \mu}{s} + \beta = \frac{\gamma}{s}\,x + \Big(\beta - \frac{\gamma}{s}\,\mu\Big) \\
# d\gamma &= \sum dy\,\frac{x - \mu}{s} = \frac{1}{s}\Big(\sum dy\,x - \mu\,d\beta\Big)
# \end{aligned}$$
#
# So $y$ is $x$ times one number of the channel, plus another: BN is **folded** into a product and a sum. For $dx$ take the line of lesson 04,
# $\frac{\gamma}{s}\big(dy - \frac{d\beta}{m} - \hat{x}\,\frac{d\gamma}{m}\big)$, put in $\hat{x}$, and write $k = -\frac{d\gamma}{s\,m}$, the **slope**:
#
# $$dx = \frac{\gamma}{s}\Big(dy - \frac{d\beta}{m} + k\,(x - \mu)\Big) = \frac{\gamma}{s}\Big(dy + k\,x - \big(\tfrac{d\beta}{m} + k\,\mu\big)\Big)$$
#
# The variance needs no differences either: it is the mean of $x^2$ minus $\mu^2$. (This is dangerous, as we shall see.)


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


# %% [markdown]
# These are 18 passes. **Memory** is the most that new arrays take at once, in units of $x$.
#
# **Predict.** PyTorch's layer is compiled code. On one thread, is `folded` **A** much slower than PyTorch's layer, **B** about as fast, **C** faster?

# %% tags=["nbval-ignore-output"]
ways = {"textbook": textbook, "in place": in_place, "folded": folded}
passes = {"textbook": 29, "in place": 22, "folded": 18}
speed.table(ways, passes, layer)

# %% tags=["draws", "nbval-ignore-output"] alt="A pair of bars for each way: the passes that we counted, and the time measured, in passes. Textbook 29 and about 30, in place 22 and about 17, folded 18 and about 14. PyTorch has one bar, its time, at about 22."
times = speed.in_passes({**ways, "PyTorch": speed.pytorch}, layer)
ax, looks = figures.new_axes(size=(6.4, 2.6)), [figures.role(role).color for role in ("moved", "data")]
for row, name in enumerate(times):
    for place, (value, color) in enumerate(zip((passes.get(name, 0), times[name]), looks, strict=True)):
        ax.barh(row + 0.36 * place, value, 0.34, color=color)
for color, words in zip(looks, ("counted", "measured"), strict=True):
    ax.barh([0], [0], color=color, label=words)
figures.frame(ax, title="Time, and passes counted", x="passes", ylim=(3.7, -0.4))
ax.set_yticks(np.arange(4) + 0.18, times)
ax.legend(loc="lower right", frameon=False)
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# C, on the machine that built this page.
#
# </details>
#
# There `folded` takes half of the textbook's time. A part of the gain is the faster sums, and `in place` and `folded` take less than their count, because writing in place is cheap. But this is not PyTorch at its best: if
# the channels are the last axis in memory, PyTorch's layer takes about half its time here (exercise 3). Several threads and a GPU are not measured.
#
# ## Which digits the fold loses
#
# So far $x$ had the mean 0.5 and the variance 1. Now the mean is 100, and then 10 000. Float32 keeps about seven digits. The cell prints the largest error among $y$, $dx$, $d\gamma$ and $d\beta$, each divided by
# its root mean square. (`inf` stands for a result that is not a number.)
#
# **Predict.** At the mean 10 000, `folded` computes the variance as the mean of $x^2$ minus $\mu^2$. What does it get: **A** 1, right to three digits, **B** 1, but only
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
# C. Both numbers are near 100 000 000, which has nine digits. So their difference, 1, is lost.
#
# </details>
#
# If it comes out negative, its root is not a number. The errors grow with the mean, because the
# **step** from a number to the next one that float32 can store grows:

# %%
for number in (1.0, 1e4, 1e8):
    print(f"near {number:11,.0f} the step is {np.spacing(np.float32(number)):.1g}")

# %% [markdown]
# - `textbook` and `in_place` round the mean to a step of 0.001. What is left, $x - \mu$, is near 1, so its error is about 0.001.
# - `folded` subtracts two numbers near 100 000 000, where the step is 8. The variance that should be left is 1.
#
# This reckons with one rounding. A sum is rounded many times, so the measured errors are larger.
#
# In practice, subtract the mean first, or a number near it, or make the sums in float64. Lesson 13b does this, and pays for it.
# Deeper: [Which variance survives float32?](deeper/which_variance_survives_float32.ipynb)
#
# **What was shown.** On arrays larger than the cache BN is mostly bound by memory, and fewer passes take less time. `total` and the fold leave 18 of 29. Where
# mean/std is large, the fold loses digits, and at 10 000 all of them.
#
# **Exercises.** [Make it fast](exercises/13_make_it_fast.ipynb), 25 minutes.
#
# **Next.** [13b · Keep it in the cache](13b_keep_it_in_the_cache.ipynb)
#
# *Source of the roofline: Williams, Waterman and Patterson 2009, Communications of the ACM 52(4).*
