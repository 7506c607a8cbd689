# %% [markdown]
# # 13 · Make it fast
#
# *30 minutes · previous: [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb) ·
# next: [13b · Keep it in the cache](13b_keep_it_in_the_cache.ipynb) · [exercises](exercises/13_make_it_fast.ipynb)*
#
# BN needs little arithmetic. Yet a textbook's lines in NumPy take longer than PyTorch's layer. You find out where the time goes, and rewrite the lines twice.
# They become about twice as fast. The second rewriting has a price: it loses digits.

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
# A processor computes only with what is in its **cache**, a small and fast memory. Each core has one or two MB of its own. The four arrays are
# much larger, so they lie in the slow **main memory**, and each operation of NumPy brings its arrays from there and sends its result back.
#
# A **pass** is one large array that is read once, or written once, from end to end. An array with only one number for each channel is too small to count.
# The line `x_hat = (x - mean) / std` has four passes:

# %% tags=["draws"] alt="On the left, in main memory, three arrays: x, x minus mean, and x-hat. On the right, in the core and its cache, two operations: minus mean, and divided by std. Arrow 1 goes from x to the first operation, arrow 2 from there to the array x minus mean, arrow 3 from this array to the second operation, and arrow 4 from there to x-hat."
ax, moved = figures.new_axes(size=(6.4, 2.7)), figures.role("moved").color
arrays, operations = ["x", "x − mean\n(has no name)", "x̂"], ["− mean", "÷ std"]
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
# The difference has no name, but it is an array: NumPy writes the whole array, and reads it again.
#
# Now we measure. `speed.lines` runs each line alone, seven times on one thread, and keeps the shortest time. Our unit is **the time of a pass**. To find it,
# `speed.least` makes the five passes that every BN layer needs. It copies `x` to `y` (one array read, one written), and adds `x` and `dy` into
# `dx` (two read, one written). A fifth of its time is one unit.
#
# `np.setbufsize` is a setting of NumPy. Where `mean` is stretched to the shape of `x`, NumPy first copies values into a buffer, if a row is shorter than the
# buffer. A buffer of 512 values is shorter than our rows, so nothing is copied. (Later, leave this line out, and see what becomes slower.)
#
# **Predict.** How many passes has the line of `dx`: **A** 4, **B** 7, **C** 9?

# %% tags=["nbval-ignore-output"]
speed.steady()  # from here on one thread
np.setbufsize(512)
speed.lines(textbook, speed.counted["textbook"], layer)  # lines without a pass are left out

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. `dy - …` has two passes, and `x_hat * …` has two. The second minus reads both results and writes one array: three. The product with
# `gamma / std` has two.
#
# </details>
#
# `x.var` has six: one for the mean, two for the differences, two for their squares, and one for the mean of the squares. All lines together have 29.
#
# The times follow the count, with one exception: sums. `x.mean` and `dy.sum` have one pass each and take the time of more than two. NumPy adds more slowly than
# memory delivers.
#
# ## Why memory decides
#
# Does the moving take the time, or the arithmetic? We measure the speed of both. For the arithmetic we take a product of matrices, because it uses each
# number many times while the number is in the cache.

# %% tags=["nbval-ignore-output"]
least = speed.shortest({"least": lambda: speed.least(*layer)})["least"]
value = least / 5 / x.size  # seconds in which memory moves one number, 4 bytes
print(f"memory moves {4 / value / 1e9:.0f} billion bytes in a second")
print(f"while it moves one number, the core can make {value / speed.arithmetic(1):.0f} operations")

# %% [markdown]
# `x - mean` makes one operation for two numbers that are moved: for one that is read, and for one that is written. In that time the core could make many more. So it waits nearly all the time:
# the line is **bound by memory**.
#
# In general a program takes at least the time of its arithmetic, and at least the time of its moving. The longer of the two decides. This is the
# **roofline** model. For BN it says: move less.
#
# ## Fewer passes
#
# `np.vecdot(a, b)` adds up the products $a_i b_i$ of each row, without an array for the products. So a sum of products has two passes instead of four.
# If all $b_i$ are 1, it is a plain sum. `vecdot` calls BLAS, a library for products of matrices, and here BLAS adds faster than NumPy's `sum`.
# Our function `total` gives such a sum for each channel:


# %%
def total(a, b=None):
    """The sum of a·b of each channel, or of a; shaped as gamma."""
    if b is None:
        b = np.ones(a.shape[2], a.dtype)
    of_rows = np.vecdot(a, b)
    return of_rows.sum(axis=0, keepdims=True)[..., np.newaxis]


# %% [markdown]
# The next function also computes **in place**: `x_hat *= inv_std` writes the result into the old array, and so needs no new memory.
#
# **Predict.** `y = gamma * x_hat` reads one array and writes another. `x_hat *= inv_std` reads one array and writes the same one. Both have two passes. Does the line in
# place take **A** the same time, **B** clearly less, **C** clearly more?


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
# B: little more than half. A processor usually fetches each piece of an array before it writes to the piece, even if nobody needs the old values. Then a new array is moved
# twice. In place, the piece has been fetched already.
#
# </details>
#
# So not all passes cost the same. We still count each as one, because the count is easy and near the time.
#
# The lines have 22 passes, 7 fewer than the textbook. Three are saved because the mean and the differences are computed only once. Four are saved by `total`, which writes
# no products: two at the variance, and two at `dgamma`.
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
# So $y$ is $x$ times one number of the channel, plus another number: BN is **folded** into a product and a sum. Lesson 04 found
# $dx = \frac{\gamma}{s}\big(dy - \frac{d\beta}{m} - \hat{x}\,\frac{d\gamma}{m}\big)$. Here, too, put in $\hat{x}$. Call the factor of $x$ the slope,
# $k = -\frac{d\gamma}{s\,m}$, and collect what does not depend on the position:
#
# $$dx = \frac{\gamma}{s}\Big(dy - \frac{d\beta}{m} + k\,(x - \mu)\Big) = \frac{\gamma}{s}\Big(dy + k\,x - \big(\tfrac{d\beta}{m} + k\,\mu\big)\Big)$$
#
# The variance needs no differences either: it is the mean of $x^2$ minus $\mu^2$.


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
# The folded lines have 18 passes. The table compares the three ways with PyTorch's layer. It has `folded` twice, so that you see how exact the measurement is. **Memory** is the most
# that new arrays take at once, as a multiple of the memory of $x$.

# %% tags=["nbval-ignore-output"]
ways = {"textbook": textbook, "in place": in_place, "folded": folded}
passes = {"textbook": 29, "in place": 22, "folded": 18}
speed.table({**ways, "again": folded}, passes, layer)

# %% [markdown]
# On the machine that built this page, `folded` takes half the time of `textbook`, and half its memory: it makes only the arrays $y$ and $dx$.
#
# It also takes less time than PyTorch. But this opponent is not PyTorch at its best: the same layer takes less than half of this time with channels last
# (exercise 3). We have not measured several threads, nor a GPU.
#
# ## Which digits the fold loses
#
# So far $x$ had the mean 0.5 and the variance 1. Now the mean is 10 000. Float32 keeps about seven digits.
#
# **Predict.** `folded` computes the variance as the mean of $x^2$ minus $\mu^2$. What does it get: **A** 1, right to three digits, **B** 1, but only
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
# Each number is the largest error of a result, divided by the root mean square of this result. (`inf`: the variance came out negative, and its root is not a number.) The error grows with
# the mean, because the **step** from one number that float32 can store to the next grows with the number:

# %%
for number in (1.0, 1e4, 1e8):
    print(f"near {number:11,.0f} the step is {np.spacing(np.float32(number)):.1g}")

# %% [markdown]
# - `textbook` and `in_place` subtract the mean. Near 10 000 the mean is rounded to a step of 0.001. What is left, $x - \mu$, is near 1, so its error is about 0.001.
# - `folded` subtracts two numbers near 100 000 000, where the step is 8. What should be left is the variance, 1.
#
# This is the error of *one* rounding. A long sum is rounded many times, so the measured errors are several times as large.
#
# In practice, subtract first (the mean, or any number near it), or make the sums in float64. Lesson 13b subtracts first, at no cost in time.
# Deeper: [Which variance survives float32?](deeper/which_variance_survives_float32.ipynb)
#
# **What was shown.** On arrays larger than the cache, BN is bound by memory, and its time is near the number of passes. `total` and the fold leave 18 of 29 passes. Where
# mean/std is large, the fold loses all digits.
#
# **Exercises.** [Make it fast](exercises/13_make_it_fast.ipynb), 25 minutes.
#
# **Next.** [13b · Keep it in the cache](13b_keep_it_in_the_cache.ipynb)
#
# *Source of the roofline: Williams, Waterman and Patterson 2009, Communications of the ACM 52(4).*
