# %% [markdown]
# # 13b · Keep it in the cache
#
# *30 minutes · previous: [13 · Make it fast](13_make_it_fast.ipynb) ·
# next: [14 · Deep enough to break](14_deep_enough_to_break.ipynb) · [exercises](exercises/13b_keep_it_in_the_cache.ipynb)*
#
# The folded layer of lesson 13 is fast, but where the mean is large it loses all digits. You get the digits back, which costs time,
# and then the time, with blocks that stay in the cache. At the end you see how near NumPy, a compiler and PyTorch come to the limit that memory sets.

# %%
import numpy as np

from bnteach import figures, labs
from bnteach.trials import speed
from bnteach.trials.speed import total  # as in lesson 13: the sum of a·b of each channel, or of a

# %% [markdown]
# ## Get the digits back
#
# The fold loses digits because $x$ is far from 0. But if we subtract the same number from all values of a channel, $\hat{x}$ does not change, and neither do $y$ and $dx$. So we
# subtract a number near the mean before we fold: the first value of each channel. Then all values lie near 0. (This needs a first value that is not
# itself far from the others.)
#
# In lesson 13, folding made of BN one product and one sum for each channel, and of the backward pass
#
# $$dx = \frac{\gamma}{s}\Big(dy + k\,x - \big(\tfrac{d\beta}{m} + k\,\mu\big)\Big) \qquad k = -\frac{d\gamma}{s\,m}$$
#
# Here are these lines with $x$ minus the first value (`near`) in the place of $x$. `x`, `y`, `dy` and `dx` have the shape (samples, channels, positions). The results are written into `y` and
# `dx`.

# %%
eps = 1e-5


def forward(x, gamma, beta, y):
    m = x[:, 0].size  # values of a channel
    near = x - x[:1, :, :1]  # minus the first value of each channel
    mean = total(near) / m
    var = total(near, near) / m - mean**2
    inv_std = 1 / np.sqrt(var + eps)
    near *= gamma * inv_std
    np.add(near, beta - gamma * inv_std * mean, out=y)
    return mean, inv_std


def backward(dy, x, gamma, mean, inv_std, dx):
    m = x[:, 0].size
    near = x - x[:1, :, :1]  # once more: it was not kept
    dbeta = total(dy)
    dgamma = inv_std * (total(dy, near) - mean * dbeta)
    slope = -inv_std * dgamma / m
    near *= slope
    near += dy
    near -= dbeta / m + slope * mean
    np.multiply(near, gamma * inv_std, out=dx)
    return dgamma, dbeta


# %% [markdown]
# `shifted` calls both for the whole arrays. At mean/std = 10 000 `folded` lost all digits. `textbook` kept three: it subtracts the mean, and
# near 10 000 float32 can store the mean only in steps of 0.001.
#
# **Predict.** Is `shifted` at mean/std = 10 000 **A** as bad as `folded`, **B** about as good as `textbook`, **C** better than both?


# %% tags=["nbval-ignore-output"]
def shifted(x, gamma, beta, dy):
    y, dx = np.empty_like(x), np.empty_like(x)
    mean, inv_std = forward(x, gamma, beta, y)
    return y, dx, *backward(dy, x, gamma, mean, inv_std, dx)


def print_errors(name, way):
    near, far = speed.error(way, mean=1), speed.error(way, mean=10_000)
    print(f"{name:9} error at mean/std 1: {near:.0e}   at mean/std 10 000: {far:.0e}")


print_errors("textbook", speed.textbook)
print_errors("folded", speed.folded)
print_errors("shifted", shifted)
assert speed.error(shifted, mean=10_000) < 1e-4 < speed.error(speed.textbook, mean=10_000)

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. (`inf`: the variance of `folded` came out negative, and has no root.) The difference of two stored numbers that are near each other is exact. The mean of $x$ is not a stored number: it has to be rounded first. And the mean of the
# differences is near 0, where float32 has small steps.
#
# </details>
#
# At mean/std 1 `shifted` is a little worse than the others: there the first value can be farther from the mean than 0 is.
#
# ## One block at a time
#
# The digits have a price. A **pass** is the reading or the writing of one large array (lesson 13). For `near`, $x$ is read and the difference is written: two passes more forward, and two more backward. So `shifted` has 22 passes, and `folded` 18.
#
# But BN needs only one channel at a time. Eight channels of our layer are a **block** of 32 × 8 × 3136 values, or 3.2 MB. The cache of the machine that built this page has 32 MB. So a block can stay in the cache: it is read from memory
# once, and all later passes over it are in the cache. `blocked` calls `forward` and `backward` for one block after the other. `x[:, b]` is the block, without a copy.
#
# All 22 passes are still made. But only five of them go through memory: $x$ is read and $y$ is written, then $x$ and $dy$ are read and $dx$ is written.
#
# **Predict.** Is `blocked` **A** about 22/5 = 4.4 times as fast as `shifted`, **B** faster, but less than twice, **C** slower?


# %%
def blocked(x, gamma, beta, dy):
    y, dx = np.empty_like(x), np.empty_like(x)
    dgamma, dbeta, kept = np.empty_like(gamma), np.empty_like(beta), []
    blocks = [slice(c, c + 8) for c in range(0, 64, 8)]
    for b in blocks:
        kept.append(forward(x[:, b], gamma[:, b], beta[:, b], y[:, b]))
    for b, (mean, inv_std) in zip(blocks, kept, strict=True):
        dgamma[:, b], dbeta[:, b] = backward(dy[:, b], x[:, b], gamma[:, b], mean, inv_std, dx[:, b])
    return y, dx, dgamma, dbeta


# %% tags=["nbval-ignore-output"]
speed.steady()  # one thread
np.setbufsize(512)  # as in lesson 13
layer = speed.batch(mean=0.5)
ways = {"folded": speed.folded, "shifted": shifted, "blocked": blocked}
passes = {"folded": 18, "shifted": 22, "blocked": 5}  # through memory
speed.table(ways, passes, layer)

# %% [markdown]
# <details><summary>Answer</summary>
#
# B, on the machine that built this page.
#
# </details>
#
# The 17 passes through the cache are faster than those through memory, but they are not free. So blocks save about as much time as the subtraction costs: `blocked` takes about the time of
# `folded`, and keeps its digits. (From run to run, these times change by a pass or so. **Memory** is the most that new arrays take at once, in units of $x$.)
#
# ## Lab: how large should a block be?
#
# `blocked` takes eight channels. Would one or 32 be better? The lab reckons the time from three speeds: 40 billion bytes a second from memory,
# 100 billion from the cache, and a microsecond for each call of NumPy, of which a block needs some 40. A block counts as being in the cache if three arrays of its size fit: $x$, `near` and the result. A real machine has several caches, and a call often takes
# longer, so the clock decides (exercise 2).
#
# 1. *32 × 64 × 56 × 56*, cache 32 MB: which block is best? Why neither a smaller nor a larger one?
# 2. The same with a cache of 2 MB: which blocks still fit?
# 3. *32 × 512 × 7 × 7*: why is 1 channel slow, though it fits?

# %% tags=["nbval-ignore-output"]
labs.Blocks(cache=32)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. 16 channels. Smaller blocks cost more calls. With 32 channels three arrays do not fit, and all 22 passes go to memory.
# 2. Only those of 1 channel.
# 3. 512 blocks cost 20 480 calls of NumPy, and a call takes longer than the work on its 1 568 values.
#
# </details>
#
# ## Compiled loops
#
# NumPy makes one operation for all values, writes all results (to memory, or to the cache if they fit), and goes on to the next operation. Compiled code can make several operations for one value before it
# takes the next. What lies between stays in the core's **registers**, which are faster than the cache. Forward, three loops run over a channel: for $\mu$, for
# the variance, and for $y$. The third is
#
# ```python
# for n in range(N):
#     for i in range(L):
#         y[n, c, i] = (x[n, c, i] - mean) * scale + shift
# ```
#
# **Numba** compiles such loops into machine code. `speed.loops` has all of them: they subtract the mean, and add up in float64, so they keep their digits. Where it is not installed, you see stored numbers.


# %% tags=["nbval-ignore-output"]
def with_numba():
    import numba

    jit = numba.njit(fastmath={"reassoc"})  # may add in any order, so several values at once
    way = speed.as_way(jit(speed.loops.forward), jit(speed.loops.backward))
    time = speed.in_passes({"compiled": way}, layer)["compiled"]
    return {"passes": time, "error": speed.error(way, mean=10_000)}


FULL = False  # True, with Numba installed: store what is measured here
compiled = speed.live_or_stored("numba", with_numba, "results/13b_compiled.json", again=FULL)
print(f"compiled takes the time of {compiled['passes']:.0f} passes")
print(f"error at mean/std 10 000: {compiled['error']:.0e}")
assert compiled["error"] < 1e-5

# %% [markdown]
# ## The limit
#
# While the arrays do not fit in the cache, every way needs at least five passes through memory. How near do the ways come to this limit?
#
# Two more ways take part. One is PyTorch's layer. The other is the **engine** of `bnteach.BatchNorm`, in plain NumPy (`bnteach/core/fast.py`). It differs
# from `blocked` in two things:
#
# - Its blocks are **tiles**: all channels, but only a part of the batch. A channel's sums are finished only after the last tile. So each tile is read from memory twice, first for the sums and then for $y$ or $dx$: eight passes in all.
# - It subtracts only if the sums show a mean larger than the standard deviation, and then makes the sums again. In our layer it does not subtract.
#
# **Predict.** `blocked` has five passes through memory, and the engine eight. Does the engine take **A** 8/5 of the time of `blocked`, or **B** about the same time?
#
# The bars show the time of each way. Orange are the passes through memory, as we counted them, each taken as one unit. Blue is what the measured time has beyond them:
# the cache, the calls, and slow sums. (A way that writes in place can need less time than its count, lesson 13: its whole bar is orange.) PyTorch's passes are not
# counted. Without Numba, the time of the compiled loops is the stored one.

# %% tags=["draws", "nbval-ignore-output"] alt="A bar for each way, the slowest on top: textbook, PyTorch, in place, blocked, folded, engine, compiled. Each is its measured time, in passes, and is split into the passes through memory and the rest; PyTorch's is in one piece. For textbook, in place and folded all or nearly all is memory. For blocked most of the bar is the rest, for engine and compiled about half. A dashed line at 5 passes is the limit, and no bar reaches it."
passes |= {"textbook": 29, "engine": 8, "compiled": 5}
ways |= {"textbook": speed.textbook, "engine": speed.engine, "PyTorch": speed.pytorch}
times = speed.in_passes(ways, layer) | {"compiled": compiled["passes"]}
assert times["engine"] < times["textbook"]
names = sorted(times, key=times.get, reverse=True)
from_memory = [min(passes.get(name, 0), times[name]) for name in names]
rest = [times[name] - there for name, there in zip(names, from_memory, strict=True)]
ax, rows = figures.new_axes(size=(6.8, 3.4)), range(len(names))
moved, other, whole = (figures.role(role).color for role in ("moved", "data", "batch"))
ax.barh(rows, from_memory, 0.6, color=moved, label="passes through memory")
colors = [whole if name == "PyTorch" else other for name in names]
ax.barh(rows, rest, 0.6, left=from_memory, color=colors)
ax.barh([0], [0], color=other, label="the rest")
for row, name in enumerate(names):
    ax.text(times[name] + 0.5, row, f"{times[name]:.0f}", va="center", size=9.5)
ax.axvline(5, color="black", ls="--", lw=1.2)
ax.text(5.4, len(names) - 0.35, "the limit: 5 passes", va="center", size=9.5)
figures.frame(
    ax,
    title="The time of each way: memory and the rest",
    x="time, in passes",
    xlim=(0, 40),
    ylim=(len(names), -0.6),
)
ax.set_yticks(rows, names)
ax.grid(False)
ax.legend(loc="lower right", bbox_to_anchor=(1, 0.15), frameon=False)
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# B, on the machine that built this page. The engine makes fewer calls and does not subtract here, but has three more passes through memory. What each of these is worth, we have not measured.
#
# </details>
#
# If a pass through memory costs one unit, memory takes less than half of the time of `blocked` and of the compiled loops. The compiled loops come nearest to the limit. They still take about twice as long.
#
# **What was shown.** Subtracting a value near the mean keeps the digits. Here, a block that stays in the cache makes up for the time that this costs. Compiled loops come nearest to
# the limit of five passes.
#
# **Exercises.** [Keep it in the cache](exercises/13b_keep_it_in_the_cache.ipynb), 25 minutes.
#
# **Next.** [14 · Deep enough to break](14_deep_enough_to_break.ipynb).
