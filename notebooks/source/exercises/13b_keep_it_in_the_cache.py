# %% [markdown]
# # 13b · Keep it in the cache: exercises
#
# *25 minutes · after the lesson [13b · Keep it in the cache](../13b_keep_it_in_the_cache.ipynb)*
#
# You compute a variance that keeps its digits without a second look at the data, measure how large a block should be, and say which way gains most from many cores.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/13b_keep_it_in_the_cache.ipynb).

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# ## Exercise 1: one look, and all digits
#
# *12 minutes · difficulty: 3 of 4*
#
# `blocks` is an iterator: `for block in blocks` gives you the rows of $x$, with the shape $(N, C)$, a few at a time, and only once.
# So there is no mean first and squares afterward. But $\frac{1}{N}\sum x^2 - \mu^2$ loses its digits where mean/std is large.
#
# Write `shifted_statistics(blocks)`: it returns the mean and the variance (divided by $N$) of each channel. Use sums over $x - s$ alone, where the
# shift $s$ is known before any sum. The check also tries float32 at mean/std 10 000, and float64 at $10^8$.
#
# **Predict first:** how must the mean be corrected for the shift, and how the variance?
#
# <details><summary>Hint 1</summary>
#
# Subtract something near the values first. Which value of a channel do you have before any sum?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The shift is the first row of the first block. With `near = block - shift`, add up the rows, `near` and its squares. How does a mean change when all values move? And a variance?
#
# </details>
# <details><summary>Hint 3</summary>
#
# With `average = total / n`, the mean is `shift + average`, and the variance is `squares / n - average**2`.
#
# </details>


# %% tags=["solution", "points-3"]
def shifted_statistics(blocks):
    """The mean and the variance of each channel, from sums over x minus a shift."""
    ### BEGIN SOLUTION
    shift, n, total, squares = None, 0, 0, 0
    for block in blocks:
        if shift is None:
            shift = block[0]
        near = block - shift
        n += len(block)
        total += near.sum(axis=0)
        squares += (near**2).sum(axis=0)
    average = total / n
    return shift + average, squares / n - average**2
    ### END SOLUTION


check.shifted_statistics(shifted_statistics)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - When all values move by $s$, the mean moves by $s$, and the variance does not change. So only the mean is corrected.
# - The difference $\frac{1}{N}\sum (x-s)^2 - (\mu - s)^2$ is harmless, because $\mu - s$ is a few standard deviations at most.
# - $x - s$ costs no digits where $x$ and $s$ are near each other: such a difference is exact (within a factor of 2).
# - `near` is as large as a block, so it stays in the cache.
# - Sums in float64 would pass at 10 000 without a shift, but not at $10^8$.
#
# Another way is **Welford's**: move the mean a little with each value. It looks once, too, but each value has to wait for the one before.

# %% [markdown]
# ## Exercise 2: measure the block
#
# *8 minutes · difficulty: 2 of 4 · no check: the clock answers*
#
# The lab of the lesson only reckons. Here you measure. `variances` takes a block of `few` channels at a time:


# %%
from bnteach.trials import speed


def variances(x, few):
    found = []
    for c in range(0, x.shape[1], few):
        block = x[:, c : c + few] - x[:1, c : c + few, :1]
        m = block[:, 0].size
        mean = speed.total(block) / m
        found.append(speed.total(block, block) / m - mean**2)
    return np.concatenate(found, axis=1)


# %% [markdown]
# Two layers: one with 64 channels of 3 136 positions, one with 512 channels of 49 positions. Both have 32 pictures.
#
# **Predict first**, and write it down: which `few` is best for each layer, and how many times slower is `few=1`? Then run the cell.

# %% tags=["nbval-ignore-output"]
speed.steady()
for channels, positions in ((64, 3136), (512, 49)):
    x = speed.batch(mean=0.5, channels=channels, positions=positions)[0]
    tasks = {few: lambda few=few, x=x: variances(x, few) for few in (1, 8, 64, 512) if few <= channels}
    seconds = speed.shortest(tasks)
    best = min(seconds.values())
    print(f"{channels} channels:", *(f"  {few} at a time {seconds[few] / best:.1f}" for few in seconds))

# %% [markdown]
# <details><summary>What it means</summary>
#
# The printed numbers are times, in units of the best. On the machine that built this page:
#
# - 64 channels of 3 136 positions: 8 at a time are best, and neither 1 nor 64 is much slower. One channel is 0.4 MB, and only one array has to stay in the cache here.
# - 512 channels of 49 positions: the larger the block, the better, and `few=1` is about nine times slower. The whole array has only 3 MB, and a block of one channel has 6 kB: the calls
#   take nearly all the time.
#
# </details>
#
# **In words.** On one core `folded` and `blocked` take about the same time. Now 16 cores work at once, each on channels of its own. Each core has its own cache, but all share one main
# memory, and a single core already uses a good part of what that memory can deliver. Which of the two ways gains more from the 16 cores, and why? Three or four sentences, before you open the answer.
#
# <details><summary>A model answer</summary>
#
# `blocked`. Nearly all the time of `folded` is memory: 18 passes. As soon as a few cores take all that memory can deliver, more cores only wait for each other. `blocked` sends five passes
# through memory. The rest of its time is spent in the cache and in calls, and each core has its own cache and makes its own calls; so this part is divided by 16. Only
# when the five passes of all cores take all that memory can deliver, it gains no more.
#
# </details>
#
# ## How far you are

# %%
check.report()
