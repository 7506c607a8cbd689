# %% [markdown]
# # 13 · Make it fast: exercises
#
# *25 minutes · after the lesson [13 · Make it fast](../13_make_it_fast.ipynb)*
#
# You count the passes of six lines, rewrite a function with fewer passes, and change one thing about PyTorch's layer.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/13_make_it_fast.ipynb).

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# ## Exercise 1: count the passes
#
# *8 minutes · difficulty: 2 of 4*
#
# `x`, `y` and `z` are arrays of the same large size; `a`, `b` and `c` are numbers. How many passes over an array that large does each line make?
#
# | | the line |
# |---|---|
# | A | `y = x + 1` |
# | B | `x += y` |
# | C | `y = np.sqrt(x - a)` |
# | D | `y = x[:, 1:]` |
# | E | `y = a * x + b * z + c` |
# | F | `total = np.vecdot(x, z).sum()` |
#
# <details><summary>Hint 1</summary>
#
# Take the operations of a line one by one. Which whole arrays does each read, and which does it write?
#
# </details>
# <details><summary>Hint 2</summary>
#
# A number, or one number for each channel, is no pass. What has no name is written, too.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `a * x + b * z + c` has the operations `a * x`, `b * z`, the sum of both, and `+ c`.
#
# </details>


# %% tags=["solution", "points-2"]
def count_passes():
    """A dictionary: the letters "A" to "F", and for each a whole number."""
    ### BEGIN SOLUTION
    return {"A": 2, "B": 3, "C": 4, "D": 0, "E": 9, "F": 2}
    ### END SOLUTION


check.count_passes(count_passes)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - **B** reads `x` and `y`, and writes `x`. In place saves a new array, not a pass.
# - **C**: `x - a` is written and read again, though it has no name.
# - **D** moves nothing: a slice is a view of the same memory.
# - **E**: 2 + 2 for the products, 3 for their sum, 2 for `+ c`. The least would be 3: read `x` and `z`, write `y`. Compiled code does that.
# - **F** reads both. A number for each row is so small that it does not count.
#
# What goes wrong most often is C and E: the arrays without a name are forgotten.

# %% [markdown]
# ## Exercise 2: fewer passes
#
# *8 minutes · difficulty: 3 of 4 · no check: the clock answers*
#
# `step` is one step of gradient descent with weight decay, and the squared length of the new weights. It has 13 passes:

# %%
from bnteach.trials import speed

speed.steady()
layer = w, _, _, gradient = speed.batch(mean=0)  # two large arrays
decay, rate = np.float32(0.1), np.float32(0.01)


def step(w, gradient):
    decayed = decay * w
    direction = gradient + decayed
    move = rate * direction
    new = w - move
    squares = new * new
    return new, squares.sum()


def compare(faster):
    """Are the results the same, and what is the time of both, in passes?"""
    if any(
        not np.allclose(*pair, rtol=1e-3) for pair in zip(step(w, gradient), faster(w, gradient), strict=True)
    ):
        return print("the results differ")
    ways = {"step": lambda *_: step(w, gradient), "faster": lambda *_: faster(w, gradient)}
    print({name: round(time, 1) for name, time in speed.in_passes(ways, layer).items()})


# %% [markdown]
# Write `faster(w, gradient)`: the same results with at most 8 passes. `w` and `gradient` must stay as they are. First multiply out: by which number is each of the two arrays multiplied in `new`?

# %%
# Your function, and then: compare(faster)

# %% [markdown]
# <details><summary>A solution</summary>
#
# Multiplied out, `new` is $(1 - \text{rate}\cdot\text{decay})\,w - \text{rate}\cdot\text{gradient}$. The factor of $w$ is one number.
#
# ```python
# def faster(w, gradient):
#     new = (1 - rate * decay) * w               # 2 passes
#     new -= rate * gradient                     # 2 + 3
#     return new, np.vecdot(new, new).sum()      # 1: both arguments are the same array
# ```
#
# These are 8 passes. On the machine that built this page they take about half the time of `step`.
#
# Can you save one more array? Take `rate` out of both terms: `new = ((1 - rate * decay) / rate) * w`, then `new -= gradient`, then `new *= rate`. These are
# 8 passes, too, but all results but the first are in place. They take about a quarter less.
#
# </details>

# %% [markdown]
# ## Exercise 3: an experiment of your own
#
# *6 minutes · difficulty: 2 of 4*
#
# `seconds_of_a_value` measures PyTorch's layer, forward and backward: the least time of five runs, divided by the number of values of $x$.


# %%
import torch


def seconds_of_a_value(seed, channels=64, positions=784, samples=32, float64=False, channels_last=False):
    torch.manual_seed(seed)
    x = torch.randn(samples, channels, positions, 1, dtype=torch.float64 if float64 else torch.float32)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    layer = torch.nn.BatchNorm2d(channels, dtype=x.dtype)
    times = []
    for _ in range(5):
        begin = speed.clock()
        y = layer(x)
        y.backward(x.detach())
        times.append(speed.clock() - begin)
    return min(times) / x.numel()


# %% [markdown]
# Change **one** thing: more channels, float64, or channels last. Write `effect_on_time(seconds_of_a_value, seed)`: it returns two numbers, as usual and
# with your change.
#
# **Predict first**, and write it down: does a value take the same time, less or more, and how many times? When the check has passed, run five seeds in a cell
# below: `for seed in range(5): print(*effect_on_time(seconds_of_a_value, seed))`.
#
# <details><summary>Hint 1</summary>
#
# The function makes two measurements that differ in one thing only.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The first measurement is `seconds_of_a_value(seed)`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The second one has an argument more, such as `seconds_of_a_value(seed, channels=128)`.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_on_time(seconds_of_a_value, seed):
    """The seconds for a value, as usual and with one option changed."""
    ### BEGIN SOLUTION
    before = seconds_of_a_value(seed)
    after = seconds_of_a_value(seed, float64=True)
    return before, after
    ### END SOLUTION


check.effect_on_time(effect_on_time)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# On the machine that built this page, the time of a value was, in units of the usual one (five seeds; the usual one twice differs by a tenth):
#
# | the change | times | why |
# |---|---|---|
# | `channels=128` | 1.0–1.2 | twice as many values, and the same work for each |
# | `float64=True` | 1.4–1.8 | twice as many bytes |
# | `channels_last=True` | 0.5 | the sums are made by another loop |
#
# The last one is the surprise: the same numbers, in another order in memory, take half the time. In the usual order the values of a channel lie side by side. PyTorch
# adds them one after another, and each addition waits for the one before. With channels last the 64 channels of a position lie side by side, and several of
# the 64 sums grow at the same time.
#
# The faster sums have a price: they are made in float32, and lose digits where the mean is large. See
# [Which variance survives float32?](../deeper/which_variance_survives_float32.ipynb)
#
# What goes wrong most often is to change two things. `samples=1` and `positions=49` change more than the shape: the whole array then fits in the cache.

# %% [markdown]
# **In words.** A network has many blocks convolution → BN → ReLU. A colleague says: "A convolution makes a thousand times as many operations as BN, so making BN
# faster gains nothing." What do you answer, and what would you do for training, and for use? Three or four sentences, before you open the answer.
#
# <details><summary>A model answer</summary>
#
# Operations are not what BN waits for. It moves $x$ and the results several times through memory, and a convolution makes many operations for each byte, so its operations
# are cheap. In training, join BN and ReLU in one loop: ReLU alone has two passes forward and three backward, and joined it has none of its own. For use, fold BN into the convolution:
# then it has no pass at all (lesson 09). First measure how much of a step BN takes.
#
# </details>
#
# ## How far you are

# %%
check.report()
