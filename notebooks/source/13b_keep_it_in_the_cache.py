# %% [markdown]
# # 13b · Keep it in the cache
#
# *30 minutes · previous: [13 · Make it fast](13_make_it_fast.ipynb) ·
# next: [14 · Deep enough to break](14_deep_enough_to_break.ipynb) · [exercises](exercises/13b_keep_it_in_the_cache.ipynb)*
#
# The folded layer of lesson 13 is fast, but loses all digits where the mean is large. You take one channel at a time, so that it stays in the cache, and get the
# digits back. Then you see how near NumPy, a compiler and PyTorch come to the limit that memory sets.

# %%
import numpy as np

from bnteach import figures, labs
from bnteach.trials import speed

# %% [markdown]
# ## A block that stays in the cache
#
# The fold loses digits because $x$ is far from 0. So subtract a number near the mean first: from each channel its first value. The variance stays the same. What is
# left is near 0, unless the first value itself is far from all others.
#
# With whole arrays this costs two more passes forward and two backward, because each time $x$ is read and the difference is written: 22 instead of 18. But BN needs only one channel at a time. One channel is
# a **block** of 32 × 3136 values, or 0.4 MB, and fits in the cache. It is read from memory once, and all later passes over it stay in the cache.
#
# Here are the folded lines of lesson 13 for one channel. `x`, `y`, `dy` and `dx` have the shape (32, 3136); `gamma` and `beta` are numbers.
# `np.vecdot` with `ones` is the sum of each row.

# %%
eps, ones = 1e-5, np.ones(3136, np.float32)


def total(a, b):  # the sum of all products; no product is written
    return np.vecdot(a, b).sum()


def forward(x, gamma, beta, y):
    block = x - x[0, 0]
    mean = total(block, ones) / x.size
    var = total(block, block) / x.size - mean**2
    inv_std = 1 / np.sqrt(var + eps)
    block *= gamma * inv_std
    np.add(block, beta - gamma * inv_std * mean, out=y)  # writes into y
    return mean, inv_std


# %% [markdown]
# Backward it is the line of lesson 13, with the block in the place of $x$ and the mean of the block in the place of $\mu$:
#
# $$dx = \frac{\gamma}{s}\Big(dy + k\cdot\text{block} - \big(\tfrac{d\beta}{m} + k\cdot\text{mean}\big)\Big) \qquad k = -\frac{d\gamma}{s\,m}$$


# %%
def backward(dy, x, gamma, mean, inv_std, dx):
    block = x - x[0, 0]
    dbeta = total(dy, ones)
    dgamma = inv_std * (total(dy, block) - mean * dbeta)
    slope = -inv_std * dgamma / x.size
    block *= slope
    block += dy
    block -= dbeta / x.size + slope * mean
    np.multiply(block, gamma * inv_std, out=dx)  # writes into dx
    return dgamma, dbeta


# %% [markdown]
# `blocked` calls these for one channel after the other; `x[:, c]` is channel `c`, without a copy. Only five passes go through memory: $x$ and $y$, then $x$, $dy$ and $dx$.
# These are the five that every way needs, if its arrays do not fit in the cache.
#
# **Predict.** `folded` has 18 passes through memory, `blocked` has five. Is `blocked` **A** about 18/5 = 3.6 times as fast, **B** about twice as fast, or **C** about as fast?


# %%
def blocked(x, gamma, beta, dy):
    y, dx = np.empty_like(x), np.empty_like(x)
    gamma, beta = gamma.ravel(), beta.ravel()
    dgamma, dbeta, kept = np.empty_like(gamma), np.empty_like(beta), []
    for c in range(64):
        kept.append(forward(x[:, c], gamma[c], beta[c], y[:, c]))
    for c in range(64):
        dgamma[c], dbeta[c] = backward(dy[:, c], x[:, c], gamma[c], *kept[c], dx[:, c])
    return y, dx, dgamma, dbeta


# %% tags=["nbval-ignore-output"]
speed.steady()  # one thread
np.setbufsize(512)  # as in lesson 13
layer = speed.batch(mean=0.5)
passes = {"folded": 18, "blocked": 5, "engine": 8}  # through memory
speed.table({"folded": speed.folded, "blocked": blocked}, passes, layer)  # speed.folded: from lesson 13

# %% [markdown]
# <details><summary>Answer</summary>
#
# C, on the machine that built this page.
#
# </details>
#
# The 22 passes are all still made. Five go through memory and 17 through the cache, which is faster, but not free. And NumPy is called some 40 times for each of the
# 64 channels. So in NumPy a block gains no time over the fold. But it makes four passes more, those that subtract the first value, in about the same time.
#
# ## Are the digits back?
#
# At mean/std = 10 000 `folded` lost all digits. `textbook` kept three: it subtracts the mean, which float32 can store there only in steps of 0.001.
#
# **Predict.** `blocked` subtracts the first value. Is it there **A** as bad as `folded`, **B** as good as `textbook`, **C** better than both?


# %% tags=["nbval-ignore-output"]
def print_errors(name, way):
    near, far = speed.error(way, mean=1), speed.error(way, mean=10_000)
    print(f"{name:9} mean/std 1: {near:.0e}   mean/std 10 000: {far:.0e}")


print_errors("textbook", speed.textbook)
print_errors("folded", speed.folded)
print_errors("blocked", blocked)
assert speed.error(blocked, mean=10_000) < 1e-4 < speed.error(speed.textbook, mean=10_000)

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. A difference of two stored numbers that are near each other is exact. (The *mean* of $x$ is not a stored number: it has to be rounded.) The
# mean of the differences is near 0, where float32 has small steps.
#
# </details>
#
# At mean/std 1 `blocked` is a little worse than the others: the first value can be farther from the mean than 0 is.
#
# ## Lab: how large should a block be?
#
# `blocked` takes one channel. Would two or ten be better? The lab reckons the time from three speeds, near those of the machine that built this page: 40 billion bytes a second from memory,
# 100 billion from the cache, and a microsecond for each call of NumPy.
#
# 1. *32 × 64 × 56 × 56*, cache 2 MB: what happens at 2 channels?
# 2. *32 × 512 × 7 × 7*: why is 1 channel slow, though it fits?
# 3. *32 × 256 × 14 × 14*: why is the best block neither the smallest nor the largest?

# %% tags=["nbval-ignore-output"]
labs.Blocks()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. `blocked` works on three arrays at once, and three blocks of 0.8 MB do not fit: all 22 passes go to memory.
# 2. 512 blocks cost 20 480 calls of NumPy, and a call takes longer than its 1 568 values.
# 3. Up to 16 channels fit in the 2 MB. Smaller blocks cost calls, larger ones go to memory.
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
# **Numba** compiles such loops into machine code (`speed.loops` has all of them). Where it is not installed, you see stored numbers.


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
# ## The engine of bnteach
#
# `bnteach.BatchNorm` computes large arrays with an engine in plain NumPy, `bnteach/core/fast.py`. It differs from `blocked` in two things:
#
# - Its pieces are **tiles** of 1 MB: many rows, of several channels, from a part of the batch. So it needs fewer calls. But all sums have to be finished before $y$ or $dx$ can be
#   computed. So it reads $x$ twice in the forward pass, and $x$ and $dy$ twice in the backward pass: 3 + 5 passes.
# - It makes the sums of $x$ first. Only if they show a mean larger than the standard deviation, it subtracts the mean and makes the sums again. In our layer it does not subtract.
#
# **Predict.** It has eight passes through memory, and `blocked` has five. Does the engine take **A** 8/5 of the time of `blocked`, **B** a little more, **C** less?

# %% tags=["nbval-ignore-output"]
speed.table({"blocked": blocked, "engine": speed.engine}, passes, layer)
print_errors("engine", speed.engine)

# %% [markdown]
# <details><summary>Answer</summary>
#
# C, on the machine that built this page. The engine makes fewer calls, and it does not subtract here. That saves more than its three more passes through memory cost.
#
# </details>
#
# ## The limit
#
# While the arrays do not fit in the cache, no way is faster than five passes through memory. Each bar is the time of one way. Its orange part is the passes through memory that we counted, each
# taken as one unit, or the whole bar where the measured time is less than this count. The rest is the cache, the calls and slow sums. PyTorch's passes are not counted. Where Numba is not installed, the bar of the compiled loops is the stored number.

# %% tags=["draws", "nbval-ignore-output"] alt="A bar for each way, the slowest on top: textbook, PyTorch, in place, blocked, folded, engine, compiled. Each is its measured time, in passes, and is split into the passes through memory and the rest; PyTorch's is in one piece. For textbook, in place and folded all or nearly all is memory. For blocked most of the bar is the rest, for engine and compiled about half. A dashed line at 5 passes is the limit, and no bar reaches it."
passes |= {"textbook": 29, "in place": 22, "compiled": 5}
ways = {"textbook": speed.textbook, "in place": speed.in_place, "folded": speed.folded}
ways |= {"blocked": blocked, "engine": speed.engine, "PyTorch": speed.pytorch}
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
# With whole arrays most of the time is memory. With blocks and tiles a large part is the cache and the calls. The compiled loops make few calls and need few passes
# through the cache, so they come nearest to the limit.
#
# **What was shown.** Subtracting a value near the mean keeps the digits. A block in the cache makes this affordable: here it takes about the time of the fold. A good block fits in the cache, and
# is so large that calls are few.
#
# **Exercises.** [Keep it in the cache](exercises/13b_keep_it_in_the_cache.ipynb), 25 minutes.
#
# **Next.** [14 · Deep enough to break](14_deep_enough_to_break.ipynb).
