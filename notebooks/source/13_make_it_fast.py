# %% [markdown]
# # 13 · Make it fast
#
# *35 minutes · previous: [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb) ·
# next: [14 · Deep enough to break](14_deep_enough_to_break.ipynb)*
#
# BN needs little arithmetic, but a textbook's lines send large arrays through memory again and again. You count these passes, and
# take most of them away. One step loses digits, the next gets them back, and in the end NumPy is faster than PyTorch, here and on one thread.

# %%
import numpy as np

from bnteach import figures, labs
from bnteach.trials import speed

# %% [markdown]
# ## The textbook
#
# Our layer has 32 pictures, 64 channels and 56 × 56 positions: $x$ has the shape $(32, 64, 3136)$, $\gamma$ and $\beta$
# have $(1, 64, 1)$. `textbook` is what you typed in lesson 04, in float32.


# %%
def textbook(x, gamma, beta, dy):
    m = x[:, 0].size  # values of a channel
    mean, var = x.mean((0, 2), keepdims=True), x.var((0, 2), keepdims=True)
    std = np.sqrt(var + eps)
    x_hat = (x - mean) / std
    y = gamma * x_hat + beta
    dbeta, dgamma = dy.sum((0, 2), keepdims=True), (dy * x_hat).sum((0, 2), keepdims=True)
    dx = gamma / std * (dy - dbeta / m - x_hat * (dgamma / m))
    return y, dx, dgamma, dbeta


layer = x, gamma, beta, dy = speed.batch(mean=0.5)
eps = np.float32(1e-5)
print(f"x, y, dx and dy have {x.nbytes / 1e6:.1f} MB each")

# %% [markdown]
# ## Count the passes
#
# An array of 25.7 MB is too large for a core's cache, so it comes from memory each time. A **pass** is one array read from end to end, or
# one written. `x - mean` has two passes: it reads $x$ and writes the difference. `x.mean` has one. `x.var` has six: one for its mean, two for $x - \mu$, two for the squares,
# one for their sum.
#
# The next version writes less: `x_hat *= inv_std` writes into the old array. `np.vecdot(a, b)` adds the products
# $a_i b_i$ of each row without writing them; if all $b_i$ are 1, it adds the $a_i$.


# %%
def total(a, b):  # Σ a·b of each channel
    return np.vecdot(a, b).sum(axis=0, keepdims=True)[..., None]


def in_place(x, gamma, beta, dy):
    m = x[:, 0].size
    x_hat = x - total(x, ones) / m
    inv_std = 1 / np.sqrt(total(x_hat, x_hat) / m + eps)
    x_hat *= inv_std
    y = gamma * x_hat
    y += beta
    dbeta, dgamma = total(dy, ones), total(dy, x_hat)
    dx = x_hat * (-dgamma / m)
    dx += dy
    dx -= dbeta / m
    dx *= gamma * inv_std
    return y, dx, dgamma, dbeta


ones = np.ones(x.shape[2], np.float32)

# %% [markdown]
# | | forward: reads, writes | backward: reads, writes | passes |
# |---|---|---|---|
# | textbook | 9, 6 | 9, 5 | 29 |
# | in place | 6, 4 | 8, 4 | 22 |
# | least | 1, 1 | 2, 1 | 5 |
#
# No way needs fewer than five: read $x$, write $y$; read $x$ and $dy$, write $dx$. `speed.least` does just that, by a copy and a sum.
#
# ## Time follows the passes
#
# If moving the data takes all the time, a way's time is its number of passes, times a fifth of the time of `least`. `speed.table` prints this beside the measured time.
# All ways run **in turn**, seven times on one thread, and the shortest time counts. The clock is the processor time of our program (on
# Windows, the time of the wall). `textbook` runs twice: the difference is noise. The **memory** is the most that new arrays take at once, in units of $x$.
#
# **Predict.** `textbook` needs four times the memory of $x$. And `in_place`?


# %% tags=["nbval-ignore-output"]
speed.steady()
ways = {"textbook": textbook, "again": textbook, "in place": in_place, "PyTorch": speed.pytorch}
ways |= {"engine": speed.engine, "least": speed.least}
passes = {"textbook": 29, "again": 29, "in place": 22, "least": 5}
speed.table(ways, passes, layer, "textbook", "again", "in place")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 3: $\hat{x}$, $y$ and $dx$.
#
# </details>
#
# `in_place` takes little more than its passes. `textbook` takes longer. One reason is that NumPy's `x.sum` is slower than `total`; but that explains less than half. Perhaps a write to
# a new array costs more than a read: we count them alike.


# %% tags=["nbval-ignore-output"]
sums = {"x.sum": lambda x, *_: x.sum((0, 2)), "total": lambda x, *_: total(x, ones)}
seconds = speed.shortest({**sums, "product": speed.product, "least": speed.least}, layer)
print(f"x.sum {1e3 * seconds['x.sum']:.1f} ms, total {1e3 * seconds['total']:.1f} ms")
print(f"memory moves {5 * x.nbytes / seconds['least'] / 1e9:.0f} billion bytes in a second")
print(f"the processor makes {speed.OPERATIONS / seconds['product'] / 1e9:.0f} billion operations")

# %% [markdown]
# Why does memory decide? The **roofline** model compares two numbers. Divide the operations of a second (in a product of matrices) by the bytes of a second: on the machine that built
# this page it was 2 to 3 operations a byte. BN makes about 12 for each value (3 for $\sum x$ and $\sum x^2$, 2 for $y$, 3 for $\sum dy$ and $\sum dy\cdot x$, 4 for $dx$)
# and moves 20 bytes, five passes of 4: 0.6 operations a byte. Below 2 a program is **bound by memory**: the processor waits.
#
# ## Fold
#
# $\hat{x}$ itself is not needed. With $\sigma = \sqrt{\mathrm{var} + \varepsilon}$, put $\hat{x} = (x - \mu)/\sigma$ into $y$ and into the $dx$ of lesson 04:
#
# $$y = \frac{\gamma}{\sigma}\,x + \Big(\beta - \frac{\gamma}{\sigma}\,\mu\Big) \qquad dx = \frac{\gamma}{\sigma}\Big(dy + s\,x - \big(\tfrac{d\beta}{m} + s\,\mu\big)\Big),\quad s = -\frac{d\gamma}{\sigma m}$$
#
# ($s$ is `slope` in the code.) The sums run over $x$ itself, too:
#
# $$\mathrm{var} = \frac{1}{m}\sum x^2 - \mu^2 \qquad d\gamma = \frac{1}{\sigma}\left(\sum dy\cdot x - \mu\sum dy\right)$$


# %% tags=["nbval-ignore-output"]
def forward(x, gamma, beta, y):
    m = x[:, 0].size
    mean = total(x, ones) / m
    inv_std = 1 / np.sqrt(total(x, x) / m - mean**2 + eps)
    np.multiply(x, gamma * inv_std, out=y)
    y += beta - gamma * inv_std * mean
    return mean, inv_std


def backward(dy, x, gamma, kept, dx):
    m, (mean, inv_std) = x[:, 0].size, kept
    dbeta = total(dy, ones)
    dgamma = inv_std * (total(dy, x) - mean * dbeta)
    slope = -dgamma * inv_std / m
    np.multiply(x, slope, out=dx)
    dx += dy
    dx -= dbeta / m + slope * mean
    dx *= gamma * inv_std
    return dgamma, dbeta


ways["folded"] = speed.as_way(forward, backward)  # makes y and dx, and calls both
passes["folded"] = (4 + 2) + (8 + 4)  # reads and writes, forward and backward
speed.table(ways, passes, layer, "in place", "folded")

# %% [markdown]
# Fewer passes, less time; new memory only for $y$ and $dx$.
#
# ## The fold loses digits
#
# So far mean/std was 0.5. Now it is 10 000. We print the largest error of each way over the root mean square of the result, in units of float32's
# **machine epsilon**, $1.2\cdot 10^{-7}$ (not the ε of BN). `textbook` in float64 says what is right.
#
# **Predict.** One of our three ways gives nonsense. Which, and at which line?


# %% tags=["nbval-ignore-output"]
def digits(name):
    near, far = (speed.digits(ways[name], textbook, mean) for mean in (0.5, 1e4))
    print(f"{name:9} mean/std 0.5: {near:3.0f}   mean/std 10 000: {far:6.0f}")
    return far


far = {name: digits(name) for name in ("textbook", "in place", "folded", "PyTorch")}
assert far["folded"] > 1e5

# %% [markdown]
# <details><summary>Answer</summary>
#
# `folded`, at the variance (*inf* stands for `nan`, too). Both terms are near $10^8$. Float32 has about 7 digits, so their
# difference of 1 is lost. Where it comes out negative, its root is `nan`.
#
# </details>
#
# The variance of the others keeps its digits, because they subtract $\mu$ first. What is left is rounding: near 10 000 float32 has steps of 0.001, or 8 192 machine epsilons, and
# the errors are one or two of these steps.
# More: [Which variance survives float32?](deeper/which_variance_survives_float32.ipynb)
#
# ## A block keeps them
#
# Subtract a number near the mean first, and the digits stay. But the difference is one more array. So take a **block** that
# fits in the cache, here one channel of 0.4 MB. It comes from memory once; further passes stay in the cache.
# `blocked` subtracts the channel's first value, works on the block, and copies the result.
#
# **Predict.** Five passes through memory instead of 18. Is `blocked` 3.6 times as fast as `folded`? Why, or why not?


# %% tags=["nbval-ignore-output"]
def blocked(x, gamma, beta, dy):
    y, dx, block = np.empty_like(x), np.empty_like(x), np.empty_like(x[:, :1])
    first, kept, sums = x[:1, :, :1], [], []
    for c in channels:
        np.subtract(x[c], first[c], out=block)
        kept.append(forward(block, gamma[c], beta[c], block))
        y[c] = block
    for c, statistics in zip(channels, kept, strict=True):
        np.subtract(x[c], first[c], out=block)
        sums.append(backward(dy[c], block, gamma[c], statistics, block))
        dx[c] = block
    return y, dx, *np.concatenate(sums, axis=2)


channels = [np.s_[:, c : c + 1] for c in range(64)]
ways["blocked"], passes["blocked"] = blocked, (1 + 1) + (2 + 1)
speed.table(ways, passes, layer, "folded", "blocked")
assert digits("blocked") < 100

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. The block still goes 21 times through the cache, which is faster than memory but not free. And some 50 calls of NumPy come 64 times.
#
# </details>
#
# The digits are back at 10 000 (at 0.5, `folded` is better). On the machine that built this page `blocked` takes a little less time than `folded`.
#
# ## Lab: how large should a block be
#
# The lab reckons the time of `blocked` from three speeds, near those of the machine that built this page: 40 GB/s from memory, 100 GB/s from the cache, 1 µs a call.
#
# 1. *32 × 64 × 56 × 56*, cache 2 MB: what happens at 2 channels?
# 2. *32 × 512 × 7 × 7*: why is 1 channel slow, though it fits?
# 3. *32 × 256 × 14 × 14*: why is the best block neither the smallest nor the largest?

# %% tags=["nbval-ignore-output"]
labs.Blocks()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. `blocked` works on three arrays at once, and three of 0.8 MB do not fit: all 26 passes go to memory.
# 2. 512 blocks cost 25 600 calls of NumPy, and a call takes longer than its 1 568 values.
# 3. Up to 16 channels fit in the 2 MB. Smaller blocks cost calls, larger ones go to memory.
#
# </details>
#
# ## Compiled
#
# In NumPy each operation is a loop of its own, and writes its result at least to the cache. In a compiled loop, results stay in the
# processor's registers, where float64 costs little. **Numba** compiles loops in Python. Forward there are three, for
# $\mu$, the variance and $y$. The third is
#
# ```python
# for n in range(N):
#     for i in range(L):
#         y[n, c, i] = (x[n, c, i] - mean) * scale + shift
# ```
#
# Without Numba you see stored numbers.


# %% tags=["nbval-ignore-output"]
def with_numba():
    import numba

    jit = numba.njit(fastmath={"reassoc"})  # sums in any order, so several values at once
    way = ways["compiled"] = speed.as_way(jit(speed.loops.forward), jit(speed.loops.backward))
    seconds = speed.shortest({"compiled": way, "least": speed.least}, layer)
    return {"passes": 5 * seconds["compiled"] / seconds["least"], "digits": digits("compiled")}


FULL = False  # True, with Numba installed: store what is measured here
compiled = speed.live_or_stored("numba", with_numba, "results/13_compiled.json", again=FULL)
print("compiled: the time of {passes:.0f} passes; at 10 000 off by {digits:.0f}".format(**compiled))
assert max(compiled["digits"], digits("engine")) < 100

# %% [markdown]
# `engine` is `bnteach/core/fast.py`, in NumPy. It works in tiles of 1 MB, adds short float32 sums
# in float64, and centers only where a mean is larger than the deviation. All sums come first, then $y$ or $dx$: eight
# passes through memory, but fewer calls.
#
# ## What is left
#
# All ways once more. On the line a way takes just the time of its passes.

# %% tags=["draws", "nbval-ignore-output"] alt="Measured time in units of a pass, over the passes through memory. A line shows the time of the passes alone; least, with 5 passes, lies on it. Textbook, in place and folded, with 29, 22 and 18 passes, lie a little above the line. Engine with 8 passes, blocked and compiled with 5 take less time, but lie well above the line; compiled is the nearest to it. PyTorch's time is marked at the right."
passes |= {"engine": (2 + 1) + (4 + 1), "compiled": (1 + 1) + (2 + 1)}  # reads and writes
seconds = speed.shortest(ways, layer)
times = {name: 5 * taken / seconds["least"] for name, taken in seconds.items()}
times.setdefault("compiled", compiled["passes"])
ax = figures.new_axes(size=(6.8, 3.8))
figures.curve([0, 32], [0, 32], ax=ax, role="theory")
ax.text(13, 9, "time of the passes alone", va="center", color="#555555")
for name in times.keys() - {"PyTorch", "again"}:
    role = "theory" if name == "least" else "with_bn"
    figures.dots([passes[name]], [times[name]], limits=(0, 99), ax=ax, role=role, size=8)
    is_left = name in ("textbook", "in place", "folded")
    place = {"xytext": (-9 if is_left else 9, -4), "ha": "right" if is_left else "left"}
    ax.annotate(name, (passes[name], times[name]), textcoords="offset points", **place)
ax.annotate("PyTorch", (33, times["PyTorch"]), (-6, -4), textcoords="offset points", ha="right")
ax.plot(33, times["PyTorch"], "<", color="black", ms=8, clip_on=False)
figures.frame(ax, title="Time and passes", x="passes through memory", y="measured time, in passes")
ax.set(xlim=(0, 33), ylim=(0, None))
figures.show(ax)

# %% [markdown]
# From 22 to 18 passes the time follows the passes: with whole arrays BN is nearly bound by memory. At five it does not: the cache and the calls
# are left, and compiled loops (stored) save about half of that.
#
# **Shown:** in whole arrays the time follows the passes through memory. The fold loses digits; a block in the cache keeps them, in no more time.
#
# **Practice:** [the exercises](exercises/13_make_it_fast.ipynb), 30 minutes.
#
# **Next:** [14 · Deep enough to break](14_deep_enough_to_break.ipynb).
#
# Sources:
#
# - The roofline: Williams, Waterman and Patterson 2009, Communications of the ACM 52(4).
