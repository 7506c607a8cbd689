# %% [markdown]
# # 13 · Make it fast
#
# *40 minutes · previous: [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb) ·
# next: [14 · Deep enough to break](14_deep_enough_to_break.ipynb)*
#
# BN needs little arithmetic, but the textbook's lines send large arrays through memory again and again. You make them faster step by step,
# and measure the time, the memory and the correct digits of each step beside PyTorch. The last step comes near the limit, which is the
# time to move the data once.
#
# Four lines are the whole layer, forward and backward, once a few numbers of each channel are known:
#
# ```python
# scale = gamma / np.sqrt(var + eps)
# y = scale * x + (beta - scale * mean)
# slope = -dgamma / np.sqrt(var + eps) / m
# dx = scale * (dy + slope * x - (dbeta / m + slope * mean))
# ```

# %%
import numpy as np
import torch

from bnteach import figures, labs
from bnteach.trials import speed

# %% [markdown]
# ## The textbook
#
# Our layer has 32 pictures, 64 channels and 56 × 56 positions, as in the first stage of a ResNet: $x$ has the shape $(32, 64, 3136)$, $\gamma$ and $\beta$
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
# ## How to measure
#
# Other programs run on the machine too. So we run each way and PyTorch **in turn**, on one thread, and compare the medians. `speed.clock` runs only while
# our program does (but not on Windows); `speed.steady` has freed memory kept, so that new arrays cost all ways the same. The **peak memory** is the most that
# NumPy's new arrays took at once.


# %% tags=["nbval-ignore-output"]
def medians(ways, rounds=5):
    seconds = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first round warms up
        for name, way in ways.items():
            begin = speed.clock()
            way(*layer)
            seconds[name].append(speed.clock() - begin)
    return {name: np.median(times[1:]) for name, times in seconds.items()}


def compare(name, way):
    speed.assert_same(way(*layer), speed.pytorch(*layer))
    seconds, ways[name] = medians({name: way, "PyTorch": speed.pytorch}), way
    ratio, peak = seconds[name] / seconds["PyTorch"], speed.peak(way, layer)
    print(f"{name:9} time {ratio:.2f} of PyTorch's   peak memory {peak:.1f} times x")
    return ratio, peak


speed.steady()
ways = {"PyTorch": speed.pytorch}
_ = compare("textbook", textbook)

# %% [markdown]
# ## In place
#
# `x - mean` makes a new array; `x_hat *= inv_std` writes into the old one. And $\sum dy\cdot\hat{x}$ needs no array of products: `np.vecdot` multiplies
# and adds in one go.


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
# ## Folded
#
# $\hat{x}$ itself is not needed. Put $\hat{x} = (x - \mu)/\sigma$ into $y$ and $dx$, and collect what is one number for each channel: these are the four
# lines above. The sums run over $x$ itself:
#
# $$\sigma^2 = \frac{1}{m}\sum x^2 - \mu^2 \qquad d\gamma = \frac{1}{\sigma}\left(\sum dy\cdot x - \mu\sum dy\right)$$
#
# **Predict.** The peak memory of `textbook` was 4 or 5 times $x$. What is it for `in_place`, and for `folded`? Count the arrays as large as $x$ that
# each makes. (`speed.as_way` makes `y` and `dx`, and calls both functions.)


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


assert round(compare("in place", in_place)[1], 1) == 3
assert round(compare("folded", speed.as_way(forward, backward))[1], 1) == 2

# %% [markdown]
# <details><summary>Answer</summary>
#
# 3: $\hat{x}$, $y$ and $dx$. Then 2: $y$ and $dx$, the results.
#
# </details>
#
# ## Count the bytes
#
# A **pass** is one array read from end to end, or one array written. An array of 25.7 MB is too large for the cache of a core, so each pass goes to memory.
# `x - mean` has two passes; `x.var` has six, because it makes an array of squares. The least that any way needs is five: read $x$, write $y$; read $x$ and
# $dy$, write $dx$. `speed.least` does just that, by `np.copyto` and `np.add`.
#
# | | forward: reads, writes | backward: reads, writes | passes |
# |---|---|---|---|
# | textbook | 9, 6 | 9, 5 | 29 |
# | in place | 6, 4 | 8, 4 | 22 |
# | least | 1, 1 | 2, 1 | 5 |
#
# **Predict.** Count the passes of `forward` and `backward` above. If moving the data takes all the time, how many times as fast as
# `textbook` is `folded`?


# %% tags=["nbval-ignore-output"]
seconds = medians({**ways, "least": speed.least, "product": speed.product})
passes = {"textbook": 29, "in place": 22, "folded": (4 + 2) + (8 + 4), "least": 5}
for name, count in passes.items():
    predicted, measured = count / 5 * seconds["least"], seconds[name]
    print(f"{name:8} {count:2} passes: {1e3 * predicted:3.0f} ms predicted, {1e3 * measured:3.0f} measured")
print(f"memory: {5 * x.nbytes / seconds['least'] / 1e9:.0f} billion bytes in a second;", end=" ")
print(f"processor: {speed.OPERATIONS / seconds['product'] / 1e9:.0f} billion operations")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 6 and 12, so 18 instead of 29: 1.6 times as fast.
#
# </details>
#
# Where the two columns are near each other, moving the data is the limit. (On the machine that built this page `textbook` takes longer: the sums of NumPy itself
# are slower than the memory.) The **roofline** model says when that happens: divide the operations that the processor makes in a second (here in a
# product of matrices) by the bytes that memory moves. A program that makes fewer for each byte is **bound by memory**, one that makes more by the processor. BN
# makes about 12 for each value, and moves 20 bytes (five passes of 4): less than one for each byte.
#
# ## Which digits are lost
#
# So far mean/std was 0.5. Now it is 10 000. We print the largest error of each way over the root mean square of the result, in units of eps, the
# precision of float32 ($1.2\cdot 10^{-7}$). `textbook` in float64 says what is right.
#
# **Predict.** One of the three ways gives nonsense. Which, and at which line?

# %% tags=["nbval-ignore-output"]
for name, way in ways.items():
    near, far = (speed.digits(way, textbook, mean) for mean in (0.5, 1e4))
    print(f"{name:9} mean/std 0.5: {near:3.0f} eps   mean/std 10 000: {far:6.0f} eps")
assert far > 1e5  # of folded

# %% [markdown]
# <details><summary>Answer</summary>
#
# `folded`, at the variance (*inf* stands for `nan`, too). $\frac{1}{m}\sum x^2$ and $\mu^2$ are both near $10^8$. Float32 has about 7 digits, so their
# difference of 1 is lost. Where it comes out negative, its root is `nan`.
#
# </details>
#
# The others take the variance from $x - \mu$, in two passes. They lose less: near 10 000 float32 has steps of 0.001, and the mean is rounded to one of them.
#
# Long sums lose digits as well. Added one after the other, each value is rounded to the steps of a large sum. NumPy adds
# **pairwise**: the sum of one half plus that of the other, each made in the same way. Or make short sums in float32, and add those in float64.
# We try all three at mean/std 1 000; then PyTorch, with the channels on axis 1 or last in memory.

# %% tags=["nbval-ignore-output"]
far = speed.batch(mean=1e3, samples=8)
values = far[0][:, 0].ravel()
sums = np.cumsum(values)[-1], values.sum(), values.reshape(-1, 512).sum(axis=1).sum(dtype=float)
for name, found in zip(("one after the other", "pairwise", "short sums"), sums, strict=True):
    print(f"{name:19} the mean is off by {abs(found - values.sum(dtype=float)) / values.size:.6f}")
exact = textbook(*(a.astype(float) for a in far))[0]
for order in (torch.contiguous_format, torch.channels_last):
    print(f"PyTorch, {order}: y is off by {abs(speed.y_of_pytorch(far, order) - exact).max():.6f}")

# %% [markdown]
# On the machine that built this page, only two or three digits of PyTorch's $y$ were right with `channels_last`.
#
# ## Blocked
#
# A **block** is a part of the layer that fits in a core's cache, here one channel: 0.4 MB. It comes from memory once, and goes through all steps. Further
# passes over it cost less, so we can afford to subtract the channel's first value first: this brings the values near 0, and saves the digits.


# %% tags=["nbval-ignore-output"]
def blocked(x, gamma, beta, dy):
    y, dx, block = np.empty_like(x), np.empty_like(x), np.empty_like(x[:, :1])
    first, kept, sums = x[:1, :, :1], [], []
    for c in channels:
        np.subtract(x[c], first[c], out=block)
        kept.append(forward(block, gamma[c], beta[c], y[c]))
    for c, statistics in zip(channels, kept, strict=True):
        np.subtract(x[c], first[c], out=block)
        sums.append(backward(dy[c], block, gamma[c], statistics, dx[c]))
    return y, dx, *np.concatenate(sums, axis=2)


channels = [np.s_[:, c : c + 1] for c in range(64)]
_ = compare("blocked", blocked)

# %% [markdown]
# ## Lab: how large should a block be
#
# The lab reckons, for `blocked` with one or more channels in a block, which passes go to memory.
#
# 1. *32 × 64 × 56 × 56*, cache 2: which block is quickest? What happens at 2 channels?
# 2. *32 × 512 × 7 × 7*: why is a block of 1 channel slow, though it fits?
# 3. *32 × 256 × 14 × 14*: why is the best block neither the smallest nor the largest?

# %% tags=["nbval-ignore-output"]
labs.Blocks(cache=2)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. One channel. With two the blocks do not fit, and all 22 passes go to memory.
# 2. 512 blocks cost 25 600 calls of NumPy, and a call takes longer than its 1 568 values.
# 3. Up to 16 channels fit. Smaller blocks cost calls, larger ones go to memory.
#
# </details>
#
# The engine, `bnteach/core/fast.py`, takes any layout. It works in blocks too, and joins short rows (of 7 values, say) to long ones, since each
# inner loop of NumPy costs a start. It makes short sums, adds them in float64, and centers only where the mean is large.
#
# ## Compiled
#
# In NumPy each operation is a loop of its own, and writes its result to the cache at least. In a compiled loop of several operations, results stay in the
# processor's registers. There float64 costs little: only what is read and written is float32. **Numba** compiles loops in Python
# (where it is not installed, you see stored numbers):

# %% tags=["nbval-ignore-output"]
from inspect import getsource

print(getsource(speed.loops.forward), getsource(speed.loops.backward), sep="\n")


def with_numba():
    import numba

    jit = numba.njit(fastmath={"reassoc"})
    way = speed.as_way(jit(speed.loops.forward), jit(speed.loops.backward))
    ratio, peak = compare("compiled", way)
    return {"ratio": ratio, "peak": peak, "digits": speed.digits(way, textbook, 1e4)}


FULL = False  # True, with Numba installed: store what is measured here
_ = compare("engine", speed.engine)
kept = speed.live_or_stored("numba", with_numba, "results/13_compiled.json", again=FULL)
far = [speed.digits(ways[name], textbook, 1e4) for name in ("blocked", "engine")] + [kept["digits"]]
print("mean/std 10 000:  blocked {:.0f} eps   engine {:.0f} eps   compiled {:.0f} eps".format(*far))
assert max(far) < 100

# %% [markdown]
# `"reassoc"` allows the compiler to change the order of a sum, so that it can add several values at once.
#
# ## The limit
#
# All ways once more, in turn. The line has the speed of `least`.

# %% tags=["draws", "nbval-ignore-output"] alt="Time in units of PyTorch's, over the passes that go to memory. Textbook, in place and folded, with 29, 22 and 18 passes, lie at a straight line from the origin or a little above it. Blocked and compiled have 5 passes and lie well above the line, compiled nearer to it. Least lies on the line."
passes |= {"blocked": 5, "compiled": 5}
seconds = medians({**ways, "least": speed.least})
times = {name: seconds[name] / seconds["PyTorch"] for name in passes if name in seconds}
times.setdefault("compiled", kept["ratio"])
ax = figures.new_axes(size=(6.4, 3.0))
figures.curve([0, 31], [0, 6.2 * times["least"]], ax=ax, role="theory")
for name, time in times.items():
    role = "truth" if name == "least" else "with_bn"
    figures.dots([passes[name]], [time], limits=(0, 9), ax=ax, role=role, size=8)
    ax.annotate(name, (passes[name], time), (8, 2 if name == "compiled" else -13), textcoords="offset points")
ax.axhline(1, color="#8A8A8A", ls=":")
ax.text(0.3, 1.03, "PyTorch", color="#555555")
figures.frame(ax, title="From the textbook to the limit", x="passes through memory", y="time / PyTorch's")
ax.set(xlim=(0, 33), ylim=(0, None))
figures.show(ax)

# %% [markdown]
# From 29 to 18 passes, the time falls with the bytes. `blocked` has the digits that `folded` lost, and the fewest passes through memory, but those through the
# cache and its calls take time as well. The compiled loops save both, and come nearest to the limit.
#
# **Shown:** BN is bound by memory; fewer passes make it faster, and a block in the cache makes further passes cheap, also those that save digits.
#
# **Practice:** [the exercises](exercises/13_make_it_fast.ipynb), 30 minutes.
#
# **Next:** [14 · Deep enough to break](14_deep_enough_to_break.ipynb).
#
# Sources:
#
# - The roofline: Williams, Waterman and Patterson 2009, Communications of the ACM 52(4).
# - Sums: Higham 1993, "The accuracy of floating point summation", SIAM Journal on Scientific Computing 14(4).
