# %% [markdown]
# # 04 · Derive the backward pass
#
# *90 minutes · previous: [03 · Scale and shift](03_scale_and_shift.ipynb) · next: [05 · Train and infer](05_train_and_infer.ipynb) ·
# [exercises](exercises/04_derive_the_backward_pass.ipynb)*
#
# PyTorch computes gradients for you. Why derive this one by hand? Because in batch normalization each output depends on
# the whole batch, and so does each gradient. Once you have seen how, you can say what a bias before BN learns, what a
# batch of two teaches, and which tests of BN miss faults.
#
# ## What you will be able to do
#
# - split BN's forward pass into single operations, and say the shape of each value
# - send a gradient back through them, one operation at a time
# - multiply the steps out to the compact formula, line by line
# - check a backward pass with finite differences, and choose the step h
# - draw what BN does to a gradient: it takes two directions out of it
# - say what follows: for a bias before BN, for batches of one and two, for tests of BN
# - find the fault in a wrong backward pass by its symptoms
#
# You need the forward pass of [lesson 00](00_meet_batch_normalization.ipynb), the normalized value $\hat{x}$ from
# [lesson 02](02_normalize.ipynb), and the chain rule: if $L$ depends on $y$ and $y$ on $x$, then
# $\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}\cdot\frac{\partial y}{\partial x}$. Here
# $\frac{\partial L}{\partial x}$ is the derivative of $L$ when $x$ alone moves and the other inputs stay.

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
import random

import numpy as np
import torch

from bnteach import figures, labs

# %% [markdown]
# ## What we are looking for
#
# Here is the batch of lesson 00 again: $N = 4$ rows, $C = 2$ channels, with $\gamma$ and $\beta$ for each channel.
#
# In training, BN stands in the middle of a network. From the layers after it comes **dy**, the **upstream gradient**:
# for each entry of $y$ one number, $\partial L/\partial y_i$, that says how the loss $L$ changes when this entry grows
# a little. BN must give back **dx**, that is $\partial L/\partial x_i$, for the layers before it, and **dgamma** and
# **dbeta** for its own parameters. In code, a `d` in front of a name always means "the derivative of the loss with
# respect to it".

# %%
x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])
gamma, beta, eps = np.array([2.0, 3.0]), np.array([-1.0, 10.0]), 1e-5
dy = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0], [2.0, -1.0]])  # any numbers will do

# %% [markdown]
# Without formulas, we can *measure* dx. We need a loss whose gradient with respect to $y$ is this dy. The simplest one
# is $L = \sum y \cdot dy$, the sum over all entries. Then we move one entry of $x$ up and down by a small step $h$, and
# see how much $L$ changes:
#
# $$\frac{\partial L}{\partial x_i} \approx \frac{L(x_i + h) - L(x_i - h)}{2h}$$
#
# This is called a **finite difference**.


# %%
def loss(x):
    y = gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps) + beta
    return (y * dy).sum()


def measure(row, column, h=1e-5):
    step = np.zeros_like(x)
    step[row, column] = h
    return (loss(x + step) - loss(x - step)) / (2 * h)


# %% [markdown]
# A first idea for a formula: $y = \gamma\,(x - \mu)/\sqrt{\sigma^2 + \varepsilon} + \beta$, so the slope of $y$ is
# $\gamma/\sqrt{\sigma^2 + \varepsilon}$, and dx must be $\gamma/\sqrt{\sigma^2 + \varepsilon} \cdot dy$. Here are both
# for the four rows of the first channel.
#
# **Predict.** Look at the second row: its dy is 0. What does the first idea give there? And the measurement?

# %%
first_idea = gamma / np.sqrt(x.var(axis=0) + eps) * dy
print("dy        ", dy[:, 0])
print("first idea", first_idea[:, 0].round(3))
print("measured  ", np.array([measure(row, 0) for row in range(4)]).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The first idea gives 0, and it is wrong: the measurement says −0.229. It is wrong in the other rows too. The first
# idea forgot that $x_2$ is also in $\mu$ and in $\sigma^2$. If $x_2$ moves, they move, and with them all four outputs.
#
# </details>
#
# ## One operation at a time
#
# To forget nothing, we split the forward pass into operations so small that each derivative is known from school. Each
# value along the way is called a **node**, and the nodes with their arrows are the **graph**:
#
# ```text
# x ──┬────────────► x_centered ──┬───────────────────────────────► x_hat ─► scaled ─► y
#     │                  ▲        │                                    ▲       ▲       ▲
#     └──► mean ─────────┘        └─► square ─► var ─► std ─► inv_std ─┘     gamma    beta
# ```
#
# From two nodes *two* arrows start. `x` goes into the mean, and into the difference to the mean. `x_centered` goes into
# the square, and into `x_hat`. Remember these two places.
#
# Here is the graph as Python, a line for each node.


# %%
def forward(x, gamma, beta):
    mean = x.sum(axis=0) / len(x)
    x_centered = x - mean
    square = x_centered**2
    var = square.sum(axis=0) / len(x)
    std = (var + eps) ** 0.5
    inv_std = 1 / std
    x_hat = x_centered * inv_std
    scaled = gamma * x_hat
    y = scaled + beta
    return locals()  # a dictionary: each name above, and its value


# %% [markdown]
# A node has one of two shapes: $(N, C)$, one number for each entry of the batch, or $(C,)$, one number for each
# channel.
#
# **Predict.** Which nodes have shape $(C,)$?

# %%
nodes = forward(x, gamma, beta)


def show(formulas, values):
    """For each node: its formula, its shape, and its values in channel 1."""
    width = max(map(len, formulas.values()))
    for name, formula in formulas.items():
        channel_1 = values[name].T[0].round(3) + 0.0  # + 0.0: no "-0."
        print(f"{formula:{width}}  {values[name].shape!s:7}", channel_1)


show({name: node.forward for name, node in bnteach.NODES.items()}, nodes)

# %% [markdown]
# <details><summary>Answer</summary>
#
# `mean`, `var`, `std`, `inv_std`: what is computed over the whole batch. And `gamma` and `beta`, which were given with
# this shape.
#
# </details>
#
# `bnteach.NODES` keeps the formulas, and `bnteach.forward_steps` has the same lines as `forward` above. Check a few
# numbers in your head: this is the first channel, with mean 3 and variance 3.5, as in lesson 00.
#
# ## Five rules for the backward pass
#
# Now we go from right to left. For each node we ask for its gradient, given the gradients of the nodes that it goes
# into. Five rules are enough. (`d` before a name is the derivative of the loss with respect to it, as above.)
#
# | | forward | back |
# |---|---|---|
# | **plus, minus** | `out = a + b` or `out = a - b` | `da = dout`, and `db = dout` or `db = -dout` |
# | **product** | `out = a * b` | `da = dout * b` and `db = dout * a` |
# | **function** | `out = f(a)` | `da = dout * f'(a)` |
# | **two uses** | `a` goes into two nodes | the two gradients **add up** |
# | **sum and copy** | a sum over the batch; or one number used for all rows | the gradient of the sum is **copied** to all rows; the gradient of the copied number is **summed** over the rows |
#
# *Why two gradients add up:* a small step of `a` moves both nodes, and the loss changes by the sum of both effects. For
# example, `out = a * a` uses `a` twice. Each use is a product and gives `dout * a`, so `da = 2 * a * dout`: the
# derivative of $a^2$, as in school.
#
# The last rule is nothing new. A sum over the batch is *plus*, many times. A number that is used for all $N$ rows is
# used $N$ times.
#
# A check that costs nothing: a gradient always has the **shape of its node**.
#
# ## Back, part 1: from y to x_hat
#
# `y = scaled + beta`: plus passes the gradient on as it is. `beta` was copied to all rows, so its gradient is summed.
# `scaled = gamma * x_hat` is a product: each factor gets the other one. `gamma` was copied too.
#
# $$\frac{\partial L}{\partial \beta} = \sum_i dy_i \qquad
# \frac{\partial L}{\partial \gamma} = \sum_i dy_i\,\hat{x}_i \qquad
# \frac{\partial L}{\partial \hat{x}_i} = dy_i\,\gamma$$

# %%
dbeta = dy.sum(axis=0)
dscaled = dy
dgamma = (dscaled * nodes["x_hat"]).sum(axis=0)
dx_hat = dscaled * gamma
print("dbeta", dbeta, "  dgamma", dgamma.round(3))
print("dx_hat, channel 1:", dx_hat[:, 0])

# %% [markdown]
# dbeta and dgamma are done: two of the three results. Only dx is hard.
#
# ## Back, part 2: the path `square`, `var`, `std`, `inv_std`
#
# `x_hat = x_centered * inv_std` is a product again. `inv_std` is one number for all rows, so its gradient is a sum.
# Then come two functions of one number, and a sum:
#
# - $1/s$ has the derivative $-1/s^2$, where $s$ is our `std`
# - $\sqrt{v + \varepsilon}$ has the derivative $1/(2\sqrt{v + \varepsilon})$, and this root is $s$ itself
# - `var` is a sum divided by $N$: so $1/N$ of its gradient is copied to each row of `square`
#
# **Predict.** `dinv_std` is 8 in channel 1. Does `dstd` have the same sign, or the other one?

# %%
N, std = len(x), nodes["std"]
dinv_std = (dx_hat * nodes["x_centered"]).sum(axis=0)
dstd = -dinv_std / std**2
dvar = dstd / (2 * std)
dsquare = np.ones((N, 1)) * dvar / N
print("dinv_std", dinv_std, "  dstd", dstd.round(3), "  dvar", dvar.round(3))
print("dsquare, channel 1:", dsquare[:, 0].round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The other one: if `std` grows, `inv_std` falls. This minus sign is easily forgotten; you will meet a backward pass
# without it.
#
# </details>
#
# ## Back, part 3: two gradients meet
#
# `x_centered` was used twice: in the product that gives `x_hat`, and in the square. The two gradients add up. The
# derivative of the square is $2 \cdot$ `x_centered`.
#
# Then `x_centered = x - mean`. The mean is subtracted from all rows: a minus, and a copy. And `x` was used twice as
# well: directly, and in the mean, where each row has a share of $1/N$.

# %%
dx_centered = dx_hat * nodes["inv_std"] + 2 * nodes["x_centered"] * dsquare
dmean = -dx_centered.sum(axis=0)
dx = dx_centered + dmean / N
print("dx, channel 1:", dx[:, 0].round(3))
print("measured:     ", np.array([measure(row, 0) for row in range(4)]).round(3))

# %% [markdown]
# The same numbers, the −0.229 included. That is the whole backward pass.
#
# Do all the nodes have the right gradient, or did two faults cancel? PyTorch can tell. We run the *same* function
# `forward` with tensors, and ask PyTorch to keep the gradient of each node. `bnteach.backward_steps` has the lines that
# you just ran, and returns the gradients of all nodes.

# %%
tensors = forward(*(torch.tensor(array, requires_grad=True) for array in (x, gamma, beta)))
for tensor in tensors.values():
    tensor.retain_grad()
tensors["y"].backward(torch.tensor(dy))
theirs = {name: tensor.grad.numpy() for name, tensor in tensors.items()}

# %%
gradients = bnteach.backward_steps(dy, nodes)
show({name: node.backward for name, node in reversed(bnteach.NODES.items())}, gradients)
print("dx from PyTorch:", theirs["x"][:, 0].round(3))
print("all twelve agree:", all(np.allclose(theirs[name], gradients[name]) for name in bnteach.NODES))

# %% [markdown]
# Read the table from the top down: it is the backward pass, with the formula and the shape of each node, and its
# values in channel 1.
# Compare it with the table of the forward pass: each gradient has the shape of its node.
#
# ## Lab: forward through the graph, and back
#
# The same batch, the same dy, the same graph. Each box is a node: on the left its value, on the right its gradient,
# once the backward pass has reached it. Below, dx is taken apart into the paths that lead to it.
#
# 1. Put *Step* to 1 and walk on to 24. Which boxes are reached by two arrows in the backward pass?
# 2. Choose for *dy*: *one, the others 0*, with sample 2 and the value 1. Three samples have a dy of 0. Which of them
#    have a dx of 0? One of them gets nothing through the variance: which one, and why?
# 3. Choose *all the same*. Which paths cancel? Then *value · x̂*: which paths cancel now?

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph()

# %% [markdown]
# The table at the bottom has a column for each sample, and the sum over the samples at its end.
#
# <details><summary>What you may have found</summary>
#
# 1. `x_centered` and `x`: the two nodes that were used twice in the forward pass.
# 2. None. The dx of channel 1 is −0.420, 0.725, −0.267, −0.038: each sample moves the mean. Sample 3 gets nothing
#    through the variance, because it lies exactly at the mean: a small step of it does not change the variance.
# 3. With the same dy everywhere, the direct path and the path through the mean cancel, and nothing goes through the
#    variance. With dy = value · x̂, the direct path and the path through the variance cancel, and nothing goes through
#    the mean. In both cases dx is 0. Keep this in mind.
#
# </details>
#
# ## Multiply it out
#
# Twelve steps are good for understanding. For computing there is a shorter way: we put them into each other, one
# channel at a time. On paper, names of one letter are handy:
#
# | `x_centered` | `square` | `var` | `std` | `inv_std` | `mean` |
# |---|---|---|---|---|---|
# | $c_i$ | $q_i$ | $v$ | $s$ | $r$ | $\mu$ |
#
# As before, $d$ in front means the derivative of the loss: $dv$ is `dvar`, that is
# $\partial L/\partial v$. We need two facts: $c_i = s\,\hat{x}_i$, and
# $\sum_j \hat{x}_j = 0$.
#
# **First**, the gradient that comes through `inv_std`, from part 2:
#
# $$\begin{aligned}
# dr &= \sum_j d\hat{x}_j\,c_j = s \sum_j d\hat{x}_j\,\hat{x}_j \\
# dv &= -\frac{dr}{s^2}\cdot\frac{1}{2s} = -\frac{1}{2s^2}\sum_j d\hat{x}_j\,\hat{x}_j \\
# 2\,c_i\,dq_i &= 2\,s\,\hat{x}_i\cdot\frac{dv}{N} = -\frac{1}{s}\,\hat{x}_i\,\frac{1}{N}\sum_j d\hat{x}_j\,\hat{x}_j
# \end{aligned}$$
#
# **Second**, the sum of the two gradients that meet at `x_centered`, from part 3:
#
# $$dc_i = \frac{d\hat{x}_i}{s} + 2\,c_i\,dq_i = \frac{1}{s}\Big(d\hat{x}_i - \hat{x}_i\,\frac{1}{N}\sum_j d\hat{x}_j\,\hat{x}_j\Big)$$
#
# **Third**, the mean. The second term of $dc_i$ drops out of the sum, because $\sum_i \hat{x}_i = 0$:
#
# $$d\mu = -\sum_i dc_i = -\frac{1}{s}\sum_j d\hat{x}_j$$
#
# **Fourth**, both together. In the last line we put in $d\hat{x}_i = \gamma\,dy_i$:
#
# $$\begin{aligned}
# dx_i &= dc_i + \frac{d\mu}{N} \\
# &= \frac{1}{s}\Big(d\hat{x}_i - \frac{1}{N}\sum_j d\hat{x}_j - \hat{x}_i\,\frac{1}{N}\sum_j d\hat{x}_j\,\hat{x}_j\Big)
# \\
# &= \frac{\gamma}{s}\Big(dy_i - \frac{1}{N}\sum_j dy_j - \hat{x}_i\,\frac{1}{N}\sum_j dy_j\,\hat{x}_j\Big)
# \end{aligned}$$
#
# The two sums we know already: they are $d\beta$ and $d\gamma$. So
#
# $$\boxed{\;dx_i = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}\Big(dy_i - \frac{d\beta}{N} - \hat{x}_i\,\frac{d\gamma}{N}\Big)\;}$$
#
# Each of the four lines can be typed and compared with the nodes. In channel 1:

# %%
x_hat = nodes["x_hat"]
first = -x_hat / std * (dx_hat * x_hat).mean(axis=0)
second = (dx_hat - x_hat * (dx_hat * x_hat).mean(axis=0)) / std
third = -dx_hat.sum(axis=0) / std
fourth = gamma / std * (dy - dbeta / N - x_hat * dgamma / N)
for name, line in (("first ", first), ("second", second), ("third ", third), ("fourth", fourth)):
    print(name, line.T[0].round(3) + 0.0)
print("the sum of the first:", first[:, 0].sum().round(9) + 0.0)

# %% [markdown]
# *Second* is the row `dx_centered` of the table above, *third* is `dmean`, and *fourth* is `dx`. (*First* has no row of
# its own: it is one of the two gradients that meet in `dx_centered`.)
#
# Look at the last formula once more: it has three terms, and each is a path from $x$ to the loss.
#
# - $\frac{\gamma}{s}\,dy_i$: the **direct** path. It is the first idea from the beginning.
# - $-\frac{\gamma}{s}\cdot\frac{d\beta}{N}$: **through the mean**. The same for each row.
# - $-\frac{\gamma}{s}\cdot\hat{x}_i\,\frac{d\gamma}{N}$: **through the variance**. The farther a row lies from the
#   mean, the more it moves the variance.
#
# The graph has two places where two arrows start, so there should be four paths. The fourth goes through the mean *and
# then* through the variance. It is the term that dropped out in the third line, the sum that was printed last: it is 0.
#
# Each path as a function of dy and the nodes of a batch, and the three together, which is dx:


# %%
def direct(dy, nodes):
    return nodes["gamma"] / nodes["std"] * dy


def via_mean(dy, nodes):
    return -direct(dy, nodes).mean(axis=0) * np.ones_like(dy)


def via_variance(dy, nodes):
    return -nodes["x_hat"] * (direct(dy, nodes) * nodes["x_hat"]).mean(axis=0)


def together(dy, nodes):
    return direct(dy, nodes) + via_mean(dy, nodes) + via_variance(dy, nodes)


# %%
for path in (direct, via_mean, via_variance, together):
    print(f"{path.__name__:12}", path(dy, nodes)[:, 0].round(3) + 0.0)

# %% [markdown]
# The last line is the sum of the three above it: the table of the lab. Look at the second row of the batch, the second
# number in each line: its dy is 0, so the direct part is 0, and all of its dx comes through the mean and the variance.
#
# With dbeta and dgamma, the whole backward pass is a function of three lines. PyTorch's own BN layer must agree.


# %%
def compact(dy, x_hat, gamma, std):
    dbeta, dgamma = dy.sum(axis=0), (dy * x_hat).sum(axis=0)
    dx = gamma / std * (dy - dbeta / len(dy) - x_hat * dgamma / len(dy))
    return dx, dgamma, dbeta


# %%
layer = torch.nn.BatchNorm1d(2, eps=eps, dtype=torch.float64)
state = {"weight": torch.tensor(gamma), "bias": torch.tensor(beta)}
_ = layer.load_state_dict(state, strict=False)  # not strict: the rest of the layer's state stays as it is
tensor = torch.tensor(x, requires_grad=True)
layer(tensor).backward(torch.tensor(dy))
for ours, theirs in zip(compact(dy, x_hat, gamma, std), (tensor, layer.weight, layer.bias), strict=True):
    print("ours:   ", ours.round(3).tolist(), "\nPyTorch:", theirs.grad.numpy().round(3).tolist())

# %% [markdown]
# From top to bottom: dx, dgamma, dbeta. `bnteach.batch_norm_backward` computes the same formula for any shape.
#
# ## Measure it right
#
# A backward pass of your own should be checked by measurement: finite differences know nothing of your derivation. But
# they have an error of their own, and it depends on the step $h$. How large should $h$ be?
#
# To see it we take a larger batch: 9 rows, drawn at random, far from mean 0. The package has `finite_differences`: it
# does what `measure` did, for each entry. How far is it from our dx? We take the largest difference, and divide it by
# the typical size of dx, its *root mean square*: `abs(measured - dx).max() / sqrt(mean(dx**2))`. It is called
# `relative_error` in the package. (Not each entry divided by itself: an entry of dx may be near 0 by accident.)
#
# **Predict.** Which step gives the smallest error: 0.1, 0.00001, or 0.0000000001?

# %%
rng = np.random.default_rng(0)
x9, dy9 = rng.normal(5, 3, size=(9, 2)), rng.normal(size=(9, 2))
nodes9 = forward(x9, gamma, beta)
dx9 = together(dy9, nodes9)


def error_of_measurement(h, dtype):
    """How far a measurement with step h, with BN computed in dtype, is from dx."""

    def bn(x):
        return forward(x.astype(dtype), gamma.astype(dtype), beta.astype(dtype))["y"]

    return bnteach.relative_error(bnteach.finite_differences(bn, x9, dy9, h), dx9)


# %% [markdown]
# We try steps from 1 down to $10^{-12}$, in float64 and in float32. Both axes of the picture count in powers of ten.

# %%
steps = 10.0 ** np.arange(0, -12.5, -0.5)
in_64 = np.array([error_of_measurement(h, np.float64) for h in steps])
in_32 = np.array([error_of_measurement(h, np.float32) for h in steps])
ax = figures.curve(steps, in_32, role="theory")
figures.curve(steps, in_64, ax=ax, role="data")
figures.frame(ax, title="Not too large, not too small", x="step h", y="relative error", log="xy")
figures.key(ax, {"theory": "float32", "data": "float64"}, place="lower left")
figures.show(
    ax,
    alt="The error of a finite difference against the step h, both axes logarithmic. Both curves are valleys. In float64 "
    "the bottom is near one ten-thousand-millionth, at a step near one hundred-thousandth. In float32 the bottom is "
    "higher by many powers of ten, at a step near one hundredth. On the right side the curves are the same.",
)

# %% [markdown]
# The three steps of the question, and two more for comparison:

# %% tags=["nbval-ignore-output"]
for h in (1, 1e-1, 1e-2, 1e-5, 1e-10):
    print(f"float64, h = {h:5.0e}: error {error_of_measurement(h, np.float64):.0e}")

# %%
at_1, at_2, at_5, at_10 = (error_of_measurement(h, np.float64) for h in (1e-1, 1e-2, 1e-5, 1e-10))
print(f"from h = 0.1 to 0.01 the error becomes {at_1 / at_2:.0f} times smaller")
print("h = 1e-5 is more than 1 000 times better than 0.1 and 1e-10:", 1000 * at_5 < min(at_1, at_10))
print("float64, the best step lies between 1e-6 and 1e-3:", 1e-6 <= steps[in_64.argmin()] <= 1e-3)
print("at the best step, float32 is more than 1 000 times worse:", in_32.min() > 1000 * in_64.min())

# %% [markdown]
# <details><summary>Answer</summary>
#
# 0.00001. The curve for float64 (solid) is a **valley**, with two different sides:
#
# - On the right $h$ is too large. The loss is a curve, and we took it for a straight line. Both $L(x + h)$ and
#   $L(x - h)$ bend away from the line by the same term in $h^2$, and in the difference it cancels. A term in $h^3$ is
#   left, and we divide it by $2h$. So this error falls with $h^2$: a step ten times smaller, an error a hundred times
#   smaller.
# - On the left $h$ is too small. The two losses are nearly equal, and their difference drowns in rounding: it is the
#   cancellation of lesson 01. The rounding error stays the same, and is divided by an ever smaller $2h$: so this error
#   grows with $1/h$.
#
# </details>
#
# In float32 (dashes and dots) the left side begins much earlier, so the bottom lies higher: a small fault could hide there.
# (The peak near $h = 10^{-8}$: float32 can move $x$ only in rounding steps that are larger than $h$, so an entry moves much too
# far, or not at all. At the far left, float32 does not see the step: $x + h$ is rounded to $x$.) So **check gradients in float64**.
#
# ## The formula is a picture
#
# Take one channel. Its gradient is a list of $N$ numbers: an arrow in a space with $N$ dimensions. Two arrows in this
# space are special: $\mathbf{1} = (1, 1, \dots, 1)$ and $\hat{x}$. The dot between two arrows is the sum of the products, entry
# by entry.
#
# **Predict.** For our batch of 4 × 2: what is dx · **1** in each channel? And dx · x̂?

# %%
print("dx · 1: ", dx.sum(axis=0).round(9) + 0.0)
print("dx · x̂: ", *(f"{number:.0e}" for number in (dx * x_hat).sum(axis=0)))
print("from ε: ", *(f"{number:.0e}" for number in gamma / std * dgamma * eps / std**2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# dx is perpendicular to both: the products are 0, and a few millionths or less. The first is 0 up to rounding. The
# second is not quite 0, because $\hat{x} \cdot \hat{x} = N\,\sigma^2/(\sigma^2 + \varepsilon)$ is a little less
# than $N$. Put into the compact formula, this leaves
# $\frac{\gamma}{s}\,d\gamma\,\frac{\varepsilon}{\sigma^2 + \varepsilon}$, the third line.
#
# </details>
#
# Why is it so? The part of an arrow $g$ that points along another arrow $u$ is $\frac{g \cdot u}{u \cdot u}\,u$. This is called the
# **projection** of $g$ onto $u$. Now
#
# - $\mathbf{1} \cdot \mathbf{1} = N$. So the part of $dy$ along $\mathbf{1}$ is
#   $\frac{1}{N}\sum_j dy_j = \frac{d\beta}{N}$, in each entry.
# - $\hat{x} \cdot \hat{x} = N$, up to $\varepsilon$, because the variance of $\hat{x}$ is 1. So the part of $dy$ along
#   $\hat{x}$ is $\frac{d\gamma}{N}\,\hat{x}$.
# - $\mathbf{1} \cdot \hat{x} = \sum_j \hat{x}_j = 0$: the two arrows are perpendicular.
#
# So the compact formula says: **take $\frac{\gamma}{s}\,dy$. Subtract its part along $\mathbf{1}$ and its part along
# $\hat{x}$.** What is left is dx. (We may subtract both parts of the same $dy$ because $\mathbf{1}$ and $\hat{x}$ are
# perpendicular: taking one part away does not change the other.)
#
# With $N = 3$ it can be drawn, in two views. We choose $\gamma = s$, so that $\frac{\gamma}{s}\,dy$ is $dy$ itself.

# %%
x3, dy3 = np.array([1.0, 2.0, 6.0]), np.array([2.0, -1.0, 3.0])
x_hat3 = (x3 - x3.mean()) / x3.std()  # without ε: it is too small to be drawn
dx3 = dy3 - dy3.mean() - x_hat3 * (dy3 * x_hat3).mean()
along_1, along_x_hat = np.ones(3) / 3**0.5, x_hat3 / 3**0.5  # arrows of length 1
across = np.cross(along_1, along_x_hat)  # perpendicular to both
directions = np.array([along_1, along_x_hat, across])
print("along 1, along x̂, across both")
print("dy:", (directions @ dy3).round(2))
print("dx:", (directions @ dx3).round(2) + 0.0)

# %%
part_1, part_x_hat, rest = directions @ dy3
flat = np.hypot(part_x_hat, rest)  # the length of what is left after the first step
figure, (side, above) = figures.new_figure(columns=2, size=(6.4, 3.0))
start, low, tip, end = (0, 0), (flat, 0), (part_x_hat, rest), (0, rest)
figures.arrow(start, (flat, part_1), ax=side, role="before", words="dy", place=(1.1, 1.5))
figures.arrow((flat, part_1), low, ax=side, role="without_bn", words="− part\nalong 1", place=(3.1, 0.9))
figures.arrow(start, low, ax=side, role="with_bn", words="what is left", place=(0.7, -0.5))
figures.arrow(start, tip, ax=above, role="with_bn", words="what is left", place=(0.95, 1.0))
figures.arrow(tip, end, ax=above, role="without_bn", words="− part along x̂", place=(0.2, 2.65))
figures.arrow(start, end, ax=above, role="truth", words="dx", place=(-0.6, 1.2))
limits = {"xlim": (-0.9, 4.4), "ylim": (-0.9, 3.2)}
figures.frame(side, title="1. Seen from the side", x="across 1", y="along 1", **limits).set_aspect("equal")
figures.frame(
    above, title="2. From above (looking along 1)", x="along x̂", y="across both", **limits
).set_aspect("equal")
figures.show(
    figure,
    alt="Two views of an arrow dy in a space with three dimensions. Seen from the side, its part along the all-ones arrow is taken "
    "away, and an arrow that lies flat is left. From above, looking along the all-ones arrow, the part of this flat arrow along x-hat is taken "
    "away. What is left is dx, perpendicular to both.",
)

# %% [markdown]
# On the left, dy (gray, dotted) loses its part along $\mathbf{1}$ (orange, dashed). What is left (blue) lies flat. On
# the right you look down on it. It loses its part along $\hat{x}$. What is left is dx (black). The mean of the batch
# took one direction, its variance took another one.
#
# **Why must it be so?** Because of what BN does forward. Two moves of $x$ leave $y$ as it is, the second up to
# $\varepsilon$:
#
# - add the same number $t$ to all values of a channel: a move along $\mathbf{1}$
# - stretch the channel, so that each value is $1 + t$ times as far from the mean. It moves by
#   $t\,(x_i - \mu) = t\,s\,\hat{x}_i$: a move along $\hat{x}$
#
# Now a small move $t\,u$ changes the loss by $t\,(dx \cdot u)$. If $y$ does not change, the loss does not, and
# $dx \cdot u = 0$.

# %%
print("y, channel 1:        ", forward(x, gamma, beta)["y"][:, 0].round(3))
print("after x + 100:       ", forward(x + 100, gamma, beta)["y"][:, 0].round(3))
wider = x.mean(axis=0) + 3 * nodes["x_centered"]
print("three times as wide: ", forward(wider, gamma, beta)["y"][:, 0].round(3))

# %% [markdown]
# The same as a table: $\partial y_i / \partial x_j$, for each output $i$ and each input $j$. Such a table is called the
# **Jacobian**, $J$. The compact formula gives it: let dy be 1 for output $i$ and 0 for the others. Then $dx_j$ is
#
# $$\frac{\partial y_i}{\partial x_j} = \frac{\gamma}{s}\Big([i = j] - \frac{1}{N} - \frac{\hat{x}_i\,\hat{x}_j}{N}\Big)
# \qquad [i = j]\text{ is 1 on the diagonal and 0 elsewhere}$$

# %%
J = gamma[0] / std[0] * (np.eye(4) - 1 / 4 - np.outer(x_hat[:, 0], x_hat[:, 0]) / 4)
print(J.round(3) + 0.0)
print("J times 1: ", J.sum(axis=1).round(4) + 0.0, "  J times x̂:", (J @ x_hat[:, 0]).round(4) + 0.0)
print("J times dy:", (J @ dy[:, 0]).round(3))

# %% [markdown]
# You have seen row 2 before, −0.420, 0.725, −0.267, −0.038: in the first lab, with a dy of 1 for sample 2 alone. In
# this batch no entry is 0: each output depends on each input.
#
# `J @ dy` is dx. Why? $x_j$ reaches the loss through all outputs, so $dx_j = \sum_i dy_i\,J_{ij}$. This sum goes down
# column $j$. But $J$ is symmetric, so row $j$ holds the same numbers.
#
# ## Lab: how each y depends on each x
#
# The Jacobian as a picture, for one channel with $\gamma = 1$; as above, $s = \sqrt{\sigma^2 + \varepsilon}$. You can switch the three terms on and off. Below you
# also read the **rank** of $J$: in how many directions a gradient can come through. (What only $\varepsilon$ leaves
# counts as 0 here.)
#
# 1. Switch the part through the mean off. What happens to $J\mathbf{1}$, and to the rank? Then the part through the
#    variance: what happens to $J\hat{x}$?
# 2. With all parts on: go down to a batch of 2. What is left?
# 3. Go back to 6, and move the last sample far out. How much does it still move its own $y$?

# %% tags=["nbval-ignore-output"]
labs.Jacobian()

# %% [markdown]
# Left: the batch, each value with its x̂. Middle: the Jacobian, row $i$ for $y_i$, column $j$ for $x_j$; blue is
# positive, orange negative. Right: what $J$ makes of the directions $\mathbf{1}$ and $\hat{x}$, in units of $1/s$
# (at the start 0.83).
#
# <details><summary>What you may have found</summary>
#
# 1. Without the mean's part, every entry of $J\mathbf{1}$ is $1/s$ instead of 0 (1 in the picture, 0.83 in the reading), and
#    the rank is 5 instead of 4. Without the variance's part, $J\hat{x}$ is $\hat{x}/s$: its largest entry is $-1.59/s = -1.32$.
#    Each of the two parts closes one direction.
# 2. Nothing: all entries are 0 up to $\varepsilon$, and the rank is 0.
# 3. At 20 spreads 0, to two digits. It has pulled the standard deviation with it, and its $\hat{x}$ is 2.22, close to the
#    bound $\sqrt{N - 1} = 2.24$ of lesson 02. Its $\hat{x}$ can hardly grow, so its own $y$ hardly moves.
#
# </details>
#
# ## What follows: a bias before BN
#
# A linear layer with the input $a$ gives BN its input $x = aW + b$. The bias $b$ adds the same number to all rows of a
# channel. So its gradient is the sum of dx over the batch: $\sum_i dx_i = dx \cdot \mathbf{1}$, and that is 0. In
# lesson 02 you saw it in a trained network. Now you can say why, for any data and any loss. Once more, with a random
# dy:

# %%
_ = torch.manual_seed(0)
linear = torch.nn.Linear(5, 3, dtype=torch.float64)
norm = torch.nn.BatchNorm1d(3, dtype=torch.float64)
inputs, upstream = torch.randn(8, 5, dtype=torch.float64), torch.randn(8, 3, dtype=torch.float64)
norm(linear(inputs)).backward(upstream)
print(f"gradient of the weights, largest: {linear.weight.grad.abs().max():.2f}")
print(f"gradient of the bias, largest:    {linear.bias.grad.abs().max():.12f}")

# %% [markdown]
# It looks like a bug, and is none. That is why such layers are written with `bias=False`.
#
# ## What follows: batches of one and two
#
# With $N$ values there are $N$ directions, and BN takes two. When $N$ is small, that is a large share. We measure it with the
# *squared length* of an arrow, the sum of the squares of its entries, and draw dy at random.
#
# **Predict.** What share of the squared length of $\frac{\gamma}{s}\,dy$ is left in dx, for $N = 2$ and for $N = 32$?

# %%
for n in (2, 3, 4, 8, 32):
    ones, dys = np.ones(4000), rng.normal(size=(n, 4000))  # 4 000 channels: 4 000 experiments
    many = forward(rng.normal(5, 2, size=(n, 4000)), ones, ones)
    left = (together(dys, many) ** 2).sum(axis=0) / (direct(dys, many) ** 2).sum(axis=0)  # squared lengths
    print(f"N = {n:2d}: {left.mean():.2f} of the squared length is left   (N − 2)/N = {(n - 2) / n:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# For $N = 2$ nothing, for $N = 32$ nearly all: on average $(N-2)/N$. A random dy points in all directions alike. Along
# each of $N$ perpendicular directions lies $1/N$ of its squared length on average, and BN takes two of them.
#
# </details>
#
# A **batch of two** looks harmless. But its two normalized values are −1 and 1, whatever the two values were. So
# the layers before BN learn nothing. Only where the spread is so small that $\varepsilon$ counts does something come through. (This
# dx is large, because $1/\sqrt{\sigma^2 + \varepsilon}$ is.)

# %%
for pair in ([1.0, 5.0], [1.0, 5000.0], [1.0, 1.002]):
    two = np.array(pair)[:, None]
    y2, cache = bnteach.batch_norm_forward(two, None, None)  # None: γ = 1 and β = 0
    dx2, _, _ = bnteach.batch_norm_backward(np.array([[3.0], [-1.0]]), cache)
    print(f"x = {pair!s:14} x̂ = {y2.ravel().round(3)!s:16} dx = {dx2.ravel().round(4) + 0.0}")

# %% [markdown]
# A **batch of one** is its own mean: $\hat{x} = 0$ and $y = \beta$, whatever $x$ is. The formula gives $dy - dy = 0$. A
# layer that gives this answer would be useless, and bnteach and PyTorch both refuse.

# %%
x1 = x[:1]
print("the formula: dx =", compact(dy[:1], 0 * x1, gamma, eps**0.5)[0] + 0.0)
for bn in (lambda: bnteach.batch_norm_forward(x1, gamma, beta), lambda: layer(torch.tensor(x1))):
    try:
        bn()
    except ValueError as error:
        print("refused:", str(error).split(",")[0])

# %% [markdown]
# ## What follows: tests that see little
#
# You wrote a backward pass, you tested it, the test is green. Is it right? A handy loss for a test is `y.sum()`. Its
# gradient is a dy of ones. Another one is $\frac{1}{2}\sum y^2$, with the gradient $dy = y$.
#
# **Predict.** What is the *right* dx in these two cases? Think of the picture: where does dy point?

# %%
for name, upstream in (("dy = 1", np.ones_like(x)), ("dy = y", nodes["y"])):
    right_dx, _, _ = compact(upstream, x_hat, gamma, std)
    print(f"{name}:  dx = {(right_dx.round(4) + 0.0).tolist()}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Zero in both cases! $dy = \mathbf{1}$ points along $\mathbf{1}$, and $dy = y = \gamma\hat{x} + \beta$ is made of
# $\hat{x}$ and $\mathbf{1}$. BN takes out just these two. So such a test compares with 0, and whatever is 0 for another
# reason passes too.
#
# </details>
#
# Let us put such tests on trial. For that we need wrong backward passes. Here are six, made of the three paths from
# above. The fifth divides the two sums by $\sqrt{N}$ instead of $N$, which makes both terms $\sqrt{N}$ times too large.

# %%
wrong = {
    "path through the mean missing": lambda dy, nodes: direct(dy, nodes) + via_variance(dy, nodes),
    "path through the variance missing": lambda dy, nodes: direct(dy, nodes) + via_mean(dy, nodes),
    "both paths missing": lambda dy, nodes: direct(dy, nodes),
    "wrong sign of dvar": lambda dy, nodes: direct(dy, nodes) + via_mean(dy, nodes) - via_variance(dy, nodes),
    "√N in place of N": lambda dy, nodes: (
        direct(dy, nodes) + len(dy) ** 0.5 * (via_mean(dy, nodes) + via_variance(dy, nodes))
    ),
    "γ forgotten": lambda dy, nodes: together(dy, nodes) / nodes["gamma"],
}

# %% [markdown]
# ### Who is who?
#
# The computer shuffles the six and calls them A to F. You see only their symptoms. For this we split what comes out
# along the three kinds of directions of the picture, and compare with what went in, $\frac{\gamma}{s}\,dy$: **which
# share of its part along $\mathbf{1}$ is still there? Of its part along $\hat{x}$? Of the rest?** The right answer is
# 0, 0, 1.


# %%
def shares(backward, dy, nodes):
    """The shares along 1, along x̂ and of the rest that are left, in channel 1."""
    # γ/s · dy has three parts. The right dx subtracts the first two (hence the minus signs), and is the third.
    parts = (-via_mean(dy, nodes), -via_variance(dy, nodes), together(dy, nodes))
    dx = backward(dy, nodes)
    return [(dx * part).sum(axis=0)[0] / (part**2).sum(axis=0)[0] for part in parts]


def symptoms(name, backward):
    left = shares(backward, dy9, nodes9)
    print(f"{name:8}", *(f"{share + 1e-9:9.2f}" for share in left))  # 1e-9: no "-0.00"


# %% [markdown]
# The batch is the one with $N = 9$ rows, dy is random, and $\gamma$ is 2 in this channel.
#
# **Predict.** First write down for each of the six faults its three numbers: along $\mathbf{1}$, along $\hat{x}$, rest.
# Then run the cell, and find out which letter has which fault.
#
# <details><summary>Hint</summary>
#
# Which path takes out which part? Start from 0, 0, 1 and undo one path.
#
# </details>

# %%
suspects = dict(zip("ABCDEF", random.Random(4).sample(list(wrong), k=6), strict=True))  # letter -> fault
print(f"{'':8}  along 1   along x̂     rest")
for letter, name in suspects.items():
    symptoms(letter, wrong[name])
symptoms("right", together)

# %% [markdown]
# Do you have all six? Here is the solution:

# %%
for letter, name in suspects.items():
    print(letter, name)

# %% [markdown]
# <details><summary>Why</summary>
#
# - *Path through the mean missing*: 1, 0, 1. *Path through the variance missing*: 0, 1, 1. *Both*: 1, 1, 1.
# - *Wrong sign of dvar*: 0, 2, 1. The part along $\hat{x}$ is added where it should be subtracted.
# - *√N*: $1 - \sqrt{9} = -2$, twice. Too much is subtracted.
# - *γ forgotten*: 0, 0, and $1/\gamma = 0.5$. The directions are right, only the length is wrong. So dx · **1** and dx
#   · x̂ cannot see it.
#
# </details>
#
# **A seventh.** Somebody writes $\gamma/s^2$ in front of the compact formula, where $\gamma/s$ should be. **Predict** its
# three shares; the standard deviation of the channel is printed with them.

# %%
symptoms("seventh", lambda dy, nodes: together(dy, nodes) / nodes["std"])
print(f"std: {nodes9['std'][0]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 0, 0 and $1/s$. If the batch had a standard deviation of 1, nothing would be seen: so test with data that is not
# normalized already.
#
# </details>
#
# ### Which test catches what?
#
# Six tests. The first three compare with finite differences and differ in dy and in the batch: a dy of ones; $dy = y$
# with $\beta = 0$ (the loss $\frac{1}{2}\sum y^2$ when training begins); a random dy with a batch of two. The fourth
# has a random dy and nine rows. The last two need no measurement: they only check whether dx · **1**
# and dx · x̂ are 0.
#
# A fault is *caught* if the number that should be 0 is more than a thousandth of the size of $\frac{\gamma}{s}\,dy$.
# (Not of the size of dx, as above: for a dy of ones the right dx is 0, and nothing can be divided by it.)


# %%
def off(backward, dy, nodes):
    """The largest difference to finite differences, beside the size of γ/s · dy."""
    measured = bnteach.finite_differences(
        lambda x: forward(x, nodes["gamma"], nodes["beta"])["y"], nodes["x"], dy
    )
    return abs(backward(dy, nodes) - measured).max() / abs(direct(dy, nodes)).max()


two_rows, size = forward(x9[:2], gamma, beta), abs(direct(dy9, nodes9)).max()
tests = {
    "dy = 1": lambda backward: off(backward, np.ones_like(dy9), nodes9),
    "dy=y, β=0": lambda backward: off(backward, nodes9["scaled"], nodes9),
    "N = 2": lambda backward: off(backward, dy9[:2], two_rows),
    "random": lambda backward: off(backward, dy9, nodes9),
    "dx · 1": lambda backward: abs(backward(dy9, nodes9).sum(axis=0)).max() / size,
    "dx · x̂": lambda backward: abs((backward(dy9, nodes9) * nodes9["x_hat"]).sum(axis=0)).max() / size,
}

# %% [markdown]
# **Predict.** Which test catches all six? Which fault slips through most of them?

# %%
print(f"{'':34}", *(f"{name:10}" for name in tests))
for name, backward in {**wrong, "right": together}.items():
    verdicts = ("caught" if test(backward) > 1e-3 else "-" for test in tests.values())
    print(f"{name:34}", *(f"{verdict:10}" for verdict in verdicts))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the random dy with nine rows and finite differences catches all six.
#
# - **dy = 1** does not see a missing path through the variance, nor its wrong sign: a dy of ones has no part along
#   $\hat{x}$.
# - **dy=y, β=0** does not see a missing path through the mean: this dy has no part along $\mathbf{1}$.
# - **N = 2** has no rest. So a fault that changes only the length of the rest is not seen.
# - **dx · 1** and **dx · x̂** together catch all but a wrong length.
# - **γ forgotten** slips through all of them but one. And with $\gamma = 1$, where a layer usually starts, even
#   through that one: $1/\gamma$ is 1.
#
# You may read that a test with ones passes *anything*. That is too strong: it catches three of the six. But it looks
# along one direction out of nine, and along this one the right answer is 0.
#
# </details>
#
# Why $\beta = 0$ in the second test? With another $\beta$ the right dx is 0 too. But then $dy = y$ also has a part along $\mathbf{1}$,
# and the missing path through the mean would be caught:

# %%
missing = wrong["path through the mean missing"]
print(f"dy = y, β = 0:      off by {off(missing, nodes9['scaled'], nodes9):.4f}")
print(f"dy = y, β = −1, 10: off by {off(missing, nodes9['y'], nodes9):.4f}")

# %% [markdown]
# **A checklist.** Test a backward pass of BN
#
# 1. with a **random dy**, not ones and not $y$: or a fault in one of the two paths is not seen
# 2. with **N ≥ 3**: or there is no rest, and a wrong length is not seen
# 3. with **γ ≠ 1**: or a forgotten γ is not seen
# 4. with a **standard deviation that is not 1**: or the seventh fault is not seen
# 5. in **float64**, with a step $h$ in the valley: or a small fault is lost in the error of the measurement
# 6. with the error **beside a size that is not 0**, of dx or of $\frac{\gamma}{s}\,dy$
#
# ## One of the six, in PyTorch
#
# In PyTorch, `detach()` tells the program to treat a value as a constant: the forward pass stays as it is, and no gradient
# goes through it. The same happens with `.data`, with `.item()`, and inside `torch.no_grad()`. Somebody detaches the mean and
# the standard deviation.
#
# **Predict.** Which of the rows at the start of this lesson will this dx look like: the first idea, or the measurement?

# %%
tensor = torch.tensor(x, requires_grad=True)
mean = tensor.mean(dim=0).detach()
spread = torch.sqrt(tensor.var(dim=0, unbiased=False) + eps).detach()  # divided by N, not N - 1
y_detached = torch.tensor(gamma) * (tensor - mean) / spread + torch.tensor(beta)
y_detached.backward(torch.tensor(dy))
values = y_detached.detach().numpy()  # NumPy takes no tensor that still waits for gradients
print("y, channel 1:      ", values[:, 0].round(3))
print("dx, detached:      ", tensor.grad[:, 0].numpy().round(3))
print("both paths missing:", wrong["both paths missing"](dy, nodes)[:, 0].round(3))
print("right:             ", together(dy, nodes)[:, 0].round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The first idea: both paths are missing, without any wrong formula. The forward pass is right ($y$ is the one of the table at the beginning), and no error message comes.
# But it is not the gradient of this loss.
#
# </details>
#
# There is one place where this formula *is* right: when the mean and the variance are stored numbers that do not depend
# on the batch. That is the case after training, the subject of [lesson 05](05_train_and_infer.ipynb).
#
# ## What you can do now
#
# - ✓ split BN's forward pass into single operations, and say the shape of each value: $(N, C)$ or $(C,)$
# - ✓ send a gradient back through them, one operation at a time: where a value is used twice, two gradients add up
# - ✓ multiply the steps out to the compact formula, line by line: three terms, three paths from $x$ to the loss
# - ✓ check a backward pass with finite differences, and choose the step h: float64, and the bottom of the valley
# - ✓ draw what BN does to a gradient: it takes two directions out of it, $\mathbf{1}$ and $\hat{x}$
# - ✓ say what follows: for a bias before BN, for batches of one and two, for tests of BN
# - ✓ find the fault in a wrong backward pass by its symptoms: three shares tell which one it is
#
# **Practice:** [the exercises of this lesson](exercises/04_derive_the_backward_pass.ipynb).
#
# **Go on with [05 · Train and infer](05_train_and_infer.ipynb).**
#
# *Source: S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
# Covariate Shift", 2015, arXiv:1502.03167, section 3: the six equations of the backward pass.*
