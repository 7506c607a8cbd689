# %% [markdown]
# # 04 · Derive the backward pass
#
# *30 minutes · previous: [03 · Scale and shift](03_scale_and_shift.ipynb) · next:
# [04b · Train with your own](04b_train_with_your_own.ipynb) ·
# [exercises](exercises/04_derive_the_backward_pass.ipynb)*
#
# In batch normalization each output depends on the whole batch, and so does each gradient. You send a gradient back
# through BN, one small operation at a time, with PyTorch's number beside each of yours. Multiplied out, the steps give
# these lines, with $s = \sqrt{\sigma^2 + \varepsilon}$. At the end you can write them from memory:
#
# ```python
# dbeta = dy.sum(axis=0)
# dgamma = (dy * x_hat).sum(axis=0)
# dx = gamma / s * (dy - dbeta / N - x_hat * dgamma / N)
# ```

# %%
import numpy as np
import torch

from bnteach import figures, labs

# %% [markdown]
# ## What we are looking for
#
# Here is the batch of lesson 00 again: $N = 4$ rows, $C = 2$ channels. From the layers after BN comes the **upstream
# gradient** `dy`: for each entry of $y$ the derivative $\partial L/\partial y_i$ of the loss $L$. BN must return `dx`,
# that is $\partial L/\partial x_i$, and `dgamma` and `dbeta`. In code, a `d` in front of a name always means "the
# derivative of the loss with respect to it".
#
# We can *measure* dx without a formula. By the chain rule, any loss with the same dy gives the same dx, so we take the
# simplest one: $L = \sum y \cdot dy$, summed over all entries. Its derivative with respect to $y_i$ is $dy_i$. Now move one
# entry of $x$ up and down by a small step $h$. This is a **finite difference**:
#
# $$\frac{\partial L}{\partial x_i} \approx \frac{L(x_i + h) - L(x_i - h)}{2h}$$
#
# A first idea for a formula: $y = \gamma\,(x - \mu)/s + \beta$ has the slope $\gamma/s$, so dx must be
# $\frac{\gamma}{s}\,dy$. Here are both for the first channel.
#
# **Predict.** In the second row dy is 0. What does the first idea give there? And the measurement?

# %%
x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])
gamma, beta, eps = np.array([2.0, 3.0]), np.array([-1.0, 10.0]), 1e-5
dy = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0], [2.0, -1.0]])  # any numbers will do


def loss(x):
    y = gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps) + beta
    return (y * dy).sum()


def measure(row, channel=0, h=1e-5):
    step = np.zeros_like(x)
    step[row, channel] = h
    return (loss(x + step) - loss(x - step)) / (2 * h)


first_idea = gamma / np.sqrt(x.var(axis=0) + eps) * dy
print("dy        ", dy[:, 0])
print("first idea", first_idea[:, 0].round(3))
print("measured  ", np.array([measure(row) for row in range(4)]).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The first idea gives 0, the measurement −0.229. The other rows are wrong too. The first idea forgets that $x_2$ is
# also in $\mu$ and in $\sigma^2$. If $x_2$ moves, they move, and with them all four outputs.
#
# </details>
#
# ## One operation at a time
#
# To forget nothing, we split the forward pass into operations whose derivatives are known from school. Each value is a
# **node**; the nodes with their arrows are the **graph**:
#
# ```text
# x ──┬────────────► x_centered ──┬───────────────────────────────► x_hat ─► scaled ─► y
#     │                  ▲        │                                    ▲       ▲       ▲
#     └──► mean ─────────┘        └─► square ─► var ─► std ─► inv_std ─┘     gamma    beta
# ```
#
# *Two* arrows start from `x`, and two from `x_centered`. Remember these two nodes. In Python each node is one line.
#
# **Predict.** A node has the shape $(N, C)$, one number for each entry, or $(C,)$, one number for each channel. Which
# nodes have the shape $(C,)$?


# %%
def forward(x, gamma, beta):
    mean = x.sum(axis=0) / len(x)
    x_centered = x - mean
    square = x_centered**2
    var = square.sum(axis=0) / len(x)
    std = (var + eps) ** 0.5  # eps is a constant: it needs no gradient
    inv_std = 1 / std
    x_hat = x_centered * inv_std
    scaled = gamma * x_hat
    y = scaled + beta
    return locals()  # a dictionary: each name above, and its value


nodes = forward(x, gamma, beta)
for name, value in nodes.items():
    print(f"{name:10}", value.shape, "channel 1:", value[..., 0].round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# `mean`, `var`, `std`, `inv_std`: what is computed over the whole batch. And `gamma` and `beta`.
#
# </details>
#
# ## Five rules for the backward pass
#
# Now we go from right to left with the **chain rule**: if $L$ depends on $y$ and $y$ on $x$, then
# $\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}\cdot\frac{\partial y}{\partial x}$. For each operation we
# know the gradient `dout` of its result, and want the gradients of what went in:
#
# | | forward | backward | for example |
# |---|---|---|---|
# | **plus, minus** | `out = a + b` or `a - b` | `da = dout`, and `db = dout` or `-dout` | `y = scaled + beta` |
# | **product** | `out = a * b` | `da = dout * b` and `db = dout * a` | `scaled = gamma * x_hat` |
# | **function** | `out = f(a)` | `da = dout * f'(a)` | `inv_std = 1 / std` |
# | **sum** | `out = a.sum(axis=0)` | `da = dout` in each row | the sum in `var` |
# | **several uses** | `a` is used in each row | `da = dout.sum(axis=0)` | `beta` |
#
# Why a sum in the last rule? A small step of `a` changes the loss through each of its uses, and the changes add up. So the
# two gradients of `x_centered` will add up, too. To check a line: a gradient has the **shape of its node**.
#
# For comparison, PyTorch runs the *same* `forward` with tensors and keeps the gradient of each node. The argument of
# `backward` is the upstream gradient dy.

# %%
tensors = forward(*(torch.tensor(array, requires_grad=True) for array in (x, gamma, beta)))
for tensor in tensors.values():
    tensor.retain_grad()
tensors["y"].backward(torch.tensor(dy))


def compare(**ours):
    for name, gradient in ours.items():
        theirs = tensors[name].grad.numpy()
        print(f"d{name:10}", gradient[..., 0].round(3), " PyTorch:", theirs[..., 0].round(3))  # channel 1
        assert np.allclose(gradient, theirs)


# %% [markdown]
# ## Back, part 1: from y to x_hat
#
# `y = scaled + beta` is a plus: dy goes on unchanged to `scaled`, and for `beta`, which was copied to all rows, it is
# summed. `scaled = gamma * x_hat` is a product, and `gamma` was copied, too.

# %%
dscaled = dy
dbeta = dy.sum(axis=0)
dgamma = (dscaled * nodes["x_hat"]).sum(axis=0)
dx_hat = dscaled * gamma
compare(beta=dbeta, gamma=dgamma, x_hat=dx_hat)

# %% [markdown]
# ## Back, part 2: the path square, var, std, inv_std
#
# `x_hat = x_centered * inv_std` is a product, and `inv_std` was copied. Then come two functions and a sum:
#
# - $1/s$ has the derivative $-1/s^2$, where $s$ is our `std`
# - $\sqrt{v + \varepsilon}$ has the derivative $1/(2\sqrt{v + \varepsilon})$, that is $1/(2s)$
# - `var` is the sum of `square`, divided by $N$: each row of `dsquare` is `dvar / N`

# %%
N, s = len(x), nodes["std"]
dinv_std = (dx_hat * nodes["x_centered"]).sum(axis=0)
dstd = -dinv_std / s**2
dvar = dstd / (2 * s)
dsquare = np.tile(dvar / N, (N, 1))  # the same in all N rows
compare(inv_std=dinv_std, std=dstd, var=dvar, square=dsquare)

# %% [markdown]
# ## Back, part 3: two gradients meet
#
# `x_centered` was used twice: in `x_hat`, and in `square`, whose derivative is `2 * x_centered`. So two gradients add up.
# `mean` was copied and subtracted: a sum with a minus. And `x` was used twice: in `x_centered`, and in `mean`, where
# each row has a share of $1/N$.

# %%
dx_centered = dx_hat * nodes["inv_std"] + 2 * nodes["x_centered"] * dsquare
dmean = -dx_centered.sum(axis=0)
dx = dx_centered + dmean / N  # NumPy adds dmean / N to each row
compare(x_centered=dx_centered, mean=dmean, x=dx)

# %% [markdown]
# The last row has the measured numbers, −0.229 included.
#
# ## Lab: forward through the graph, and back
#
# Each box is a node of the same batch: on the left its value, on the right its gradient. The walk starts at step 12,
# where all values are known. The table below takes dx apart into its paths, with a column for each sample.
#
# 1. Press *Next step* until step 24. Into which boxes do two arrows lead on the way back?
# 2. Choose for *Gradient dy* *one, the others 0*, with sample 2 and the value 1. Through which paths do samples 1 and 4
#    still get a gradient? Why does sample 3 get none through the variance?

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph(step=12)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. `x_centered` and `x`: the two nodes that were used twice.
# 2. Through the mean and through the variance: their $x$ moves both, and so the $y$ of sample 2. Sample 3 lies exactly
#    at the mean, where a small step does not change the variance.
#
# </details>
#
# ## Multiply it out
#
# A program need not go through every node: we put each step into the next one, until a single line is left. On paper,
# letters are handy: $c$ for `x_centered`, $q$ for `square`, $v$ for `var`, $s$ for `std`, $r$ for `inv_std`. We look at one
# channel and need two facts: $c_i = s\,\hat{x}_i$, and $\sum_i \hat{x}_i = 0$.
#
# **First**, what reaches $c_i$ through the variance (part 2). A sum over the rows is $N$ times the mean.
#
# $$\begin{aligned}
# dr &= \textstyle\sum_i d\hat{x}_i\,c_i = s\,N\operatorname{mean}(d\hat{x}\,\hat{x}) \\
# ds &= -dr/s^2 = -\tfrac{N}{s}\operatorname{mean}(d\hat{x}\,\hat{x}) \\
# dv &= ds/(2s) = -\tfrac{N}{2s^2}\operatorname{mean}(d\hat{x}\,\hat{x}) \\
# 2\,c_i\,dq_i &= 2\,s\,\hat{x}_i\,dv/N = -\tfrac{1}{s}\,\hat{x}_i\operatorname{mean}(d\hat{x}\,\hat{x})
# \end{aligned}$$

# %%
x_hat = nodes["x_hat"]
first = -x_hat / s * (dx_hat * x_hat).mean(axis=0)
step_by_step = 2 * nodes["x_centered"] * dsquare
print("multiplied out", first[:, 0].round(3) + 0.0)  # + 0.0: no "-0."
print("step by step  ", step_by_step[:, 0].round(3) + 0.0)
assert np.allclose(first, step_by_step)

# %% [markdown]
# **Second**, the sum of the two gradients that meet at `x_centered` (part 3):
#
# $$dc_i = \tfrac{1}{s}\,d\hat{x}_i + 2\,c_i\,dq_i
# = \tfrac{1}{s}\big(d\hat{x}_i - \hat{x}_i\operatorname{mean}(d\hat{x}\,\hat{x})\big)$$

# %%
second = (dx_hat - x_hat * (dx_hat * x_hat).mean(axis=0)) / s
compare(x_centered=second)

# %% [markdown]
# **Third**, the mean. The second term of $dc_i$ drops out of the sum, because $\sum_i \hat{x}_i = 0$:
#
# $$d\mu = -\textstyle\sum_i dc_i = -\tfrac{N}{s}\operatorname{mean}(d\hat{x})$$

# %%
third = -N / s * dx_hat.mean(axis=0)
compare(mean=third)

# %% [markdown]
# **Fourth**, both together. In the last step we put in $d\hat{x} = \gamma\,dy$:
#
# $$dx_i = dc_i + \tfrac{1}{N}\,d\mu
# = \boxed{\;\tfrac{\gamma}{s}\big(dy_i - \operatorname{mean}(dy) - \hat{x}_i\operatorname{mean}(dy\,\hat{x})\big)\;}$$

# %%
fourth = gamma / s * (dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0))
compare(x=fourth)

# %% [markdown]
# The two means are $d\beta/N$ and $d\gamma/N$: these are the three lines from the first screen. Each term of dx is a
# **path** from $x$ to the loss:
#
# - $\frac{\gamma}{s}\,dy_i$ is the **direct** path, our first idea. (It is right when the statistics are stored
#   numbers, as after training: lesson 05.)
# - $-\frac{\gamma}{s}\operatorname{mean}(dy)$ is the path **through the mean**: the same for each row
# - $-\frac{\gamma}{s}\,\hat{x}_i\operatorname{mean}(dy\,\hat{x})$ is the path **through the variance**: the farther a row
#   lies from the mean, the more it moves the variance
#
# The paper that introduced BN gives the backward pass as six equations, with $m$ for $N$:
#
# | the paper | here |
# |---|---|
# | $\frac{\partial\ell}{\partial\hat{x}_i} = \frac{\partial\ell}{\partial y_i}\cdot\gamma$ | `dx_hat = dy * gamma` |
# | $\frac{\partial\ell}{\partial\sigma^2} = \sum_i \frac{\partial\ell}{\partial\hat{x}_i}(x_i - \mu)\cdot\frac{-1}{2}(\sigma^2 + \varepsilon)^{-3/2}$ | `dvar = -(dx_hat * x_centered).sum(axis=0) / (2 * s**3)` |
# | $\frac{\partial\ell}{\partial\mu} = \sum_i \frac{\partial\ell}{\partial\hat{x}_i}\frac{-1}{\sqrt{\sigma^2 + \varepsilon}} + \frac{\partial\ell}{\partial\sigma^2}\frac{\sum_i -2(x_i - \mu)}{m}$ | `dmean = -dx_hat.sum(axis=0) / s` |
# | $\frac{\partial\ell}{\partial x_i} = \frac{\partial\ell}{\partial\hat{x}_i}\frac{1}{\sqrt{\sigma^2 + \varepsilon}} + \frac{\partial\ell}{\partial\sigma^2}\frac{2(x_i - \mu)}{m} + \frac{\partial\ell}{\partial\mu}\frac{1}{m}$ | `dx = dx_hat / s + dvar * 2 * x_centered / N + dmean / N` |
# | $\frac{\partial\ell}{\partial\gamma} = \sum_i \frac{\partial\ell}{\partial y_i}\,\hat{x}_i$ | `dgamma = (dy * x_hat).sum(axis=0)` |
# | $\frac{\partial\ell}{\partial\beta} = \sum_i \frac{\partial\ell}{\partial y_i}$ | `dbeta = dy.sum(axis=0)` |
#
# One term is missing on our side, the last one of the third equation: $x$ moves $\mu$, and $\mu$ moves $\sigma^2$. It is 0,
# because $\sum_i (x_i - \mu) = 0$. It dropped out in our third step, too.
#
# ## The formula is a picture
#
# One channel of dy has $N$ numbers. We may call it an arrow in $N$ dimensions; for three samples it can be drawn. On
# the line of another arrow $u$ there is one point that lies closest to the tip of dy. The arrow to this point is the
# **projection** of dy onto $u$:
#
# $$\frac{dy \cdot u}{u \cdot u}\,u$$
#
# Subtract it, and what is left is perpendicular to $u$. The formula does this twice:
#
# - $u = \mathbf{1} = (1, \dots, 1)$. Here $\mathbf{1}\cdot\mathbf{1} = N$, so the projection is $\operatorname{mean}(dy)$ in
#   each row.
# - $u = \hat{x}$. Here $\hat{x}\cdot\hat{x} = N$ (up to $\varepsilon$), because $\hat{x}$ has the variance 1. So the
#   projection is $\hat{x}\operatorname{mean}(dy\,\hat{x})$.
#
# In the picture $\mathbf{1}$ points up. The gray floor holds all arrows perpendicular to it, $\hat{x}$ among them, because its
# sum is 0.

# %% tags=["draws"] alt="Three dimensions: the direction 1 points up from a gray floor, the direction x-hat lies in the floor. The arrow dy points up and to the right. First its projection onto 1 is subtracted, straight down to the floor: the path through the mean. Then its projection onto x-hat, parallel to x-hat: the path through the variance. What is left is the arrow dx in the floor. Small squares mark the two right angles."
# What lies on paper where: x̂, a second direction in the floor, and 1.
view = np.array([[0.5, -0.43], [0.87, 0.25], [0.0, 0.87]])
dy_tip, on_floor, dx_tip = np.array([[2.2, 3.2, 3.0], [2.2, 3.2, 0], [0, 3.2, 0]]) @ view
ax = figures.new_axes(size=(6.0, 3.6))
floor = np.array([[-0.9, -0.9, 0], [3.9, -0.9, 0], [3.9, 4.2, 0], [-0.9, 4.2, 0]]) @ view
ax.fill(*floor.T, color="#EDEDED")
for axis, name in ((np.array([0, 0, 3.4]), "1"), (np.array([3.4, 0, 0]), "x̂")):
    ax.plot(*zip((0, 0), axis @ view, strict=True), color="#8A8A8A", linewidth=1)
    ax.text(*axis @ view, f" {name}", size=13)
for corner, one_side, other_side in (
    (on_floor, (0, 0, 0.4), (-0.4, 0, 0)),
    (dx_tip, (0.4, 0, 0), (0, -0.4, 0)),
):
    sides = np.array([one_side, np.add(one_side, other_side), other_side]) @ view
    ax.plot(*(corner + sides).T, color="#333333", linewidth=1)
figures.arrow((0, 0), dy_tip, ax=ax, role="before", words="dy", place=(1.6, 1.4))
down = "1. minus the projection onto 1:\n    the path through the mean"
figures.arrow(dy_tip, on_floor, ax=ax, role="theory", words=down, place=(4.05, 0.9))
across = "2. minus the projection onto x̂:\n    the path through the variance"
figures.arrow(on_floor, dx_tip, ax=ax, role="with_bn", words=across, place=(3.8, -1.2))
figures.arrow((0, 0), dx_tip, ax=ax, role="truth", words="dx", place=(1.6, 0.1))
figures.frame(ax, title="What is left of dy (here γ/s = 1)", xlim=(-1.4, 7.6), ylim=(-2.0, 3.3))
ax.set_aspect("equal")
ax.axis("off")
figures.show(ax)

# %% [markdown]
# Back to our batch of four. Nothing of dx is left along $\mathbf{1}$ or $\hat{x}$, so both products must be 0:

# %%
for name, gradient in (("γ/s · dy", first_idea), ("dx", dx)):
    along_1, along_x_hat = gradient.sum(axis=0), (gradient * x_hat).sum(axis=0)
    print(f"{name:8}  · 1:", along_1.round(3) + 0.0, "  · x̂:", along_x_hat.round(3) + 0.0)
assert abs(along_1).max() < 1e-9
assert abs(along_x_hat).max() < 1e-4

# %% [markdown]
# (With $\hat{x}$, a few millionths are left because of $\varepsilon$.)
#
# The forward pass says the same. Add a number to all values of a channel (a move along $\mathbf{1}$), or stretch them away
# from their mean (a move along $\hat{x}$): $y$ stays as it is, and so does the loss. A loss that stays has no slope.
#
# One consequence: a bias before BN moves a channel along $\mathbf{1}$, so its gradient is dx · **1** = 0, for any data
# and any loss (lesson 02). This is not a bug: such layers are written with `bias=False`.
#
# **To remember.** From dy subtract its mean, and subtract x̂ times the mean of dy · x̂. Multiply by $\gamma/s$.
#
# ## What was shown
#
# - Each node gives one line of the backward pass. Multiplied out, three terms are left: three paths.
# - Now the [exercises](exercises/04_derive_the_backward_pass.ipynb) (30 minutes). Deeper:
#   [Which test catches a wrong backward pass?](deeper/test_a_backward_pass.ipynb) and
#   [What does a batch of two teach?](deeper/what_a_small_batch_teaches.ipynb).
# - Next: [04b · Train with your own](04b_train_with_your_own.ipynb). There you write both passes from
#   memory, and a network learns with them.
#
# *Source: S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
# Covariate Shift", 2015, arXiv:1502.03167, section 3.*
