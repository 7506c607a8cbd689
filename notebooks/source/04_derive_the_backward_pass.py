# %% [markdown]
# # 04 · Derive the backward pass
#
# *35 minutes · previous: [03 · Scale and shift](03_scale_and_shift.ipynb) · next:
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
# We can *measure* dx without a formula. The loss $L = \sum y \cdot dy$, summed over all entries, has just this
# gradient dy. Move one entry of $x$ up and down by a small step $h$. This is a **finite difference**:
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
# From two nodes *two* arrows start: from `x` and from `x_centered`. Remember these two places. In Python the graph has
# one line for each node.
#
# **Predict.** A node has the shape $(N, C)$, one number for each entry, or $(C,)$, one number for each channel. Which
# nodes have the shape $(C,)$?


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


nodes = forward(x, gamma, beta)
for name, value in nodes.items():
    print(f"{name:10} {value.shape!s:7} channel 1: {value[..., 0].round(3)}")

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
# $\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}\cdot\frac{\partial y}{\partial x}$. For each node we
# want its gradient, given the gradients of the nodes that use it. Five rules are enough:
#
# | | forward | backward |
# |---|---|---|
# | **plus, minus** | `out = a + b` or `out = a - b` | `da = dout`, and `db = dout` or `db = -dout` |
# | **product** | `out = a * b` | `da = dout * b` and `db = dout * a` |
# | **function** | `out = f(a)` | `da = dout * f'(a)` |
# | **two uses** | `a` is used twice | the two gradients **add up** |
# | **sum and copy** | a sum over the rows; or one number used in all rows | the gradient of the sum is **copied** to all rows; the gradients of the copies are **summed** |
#
# Two gradients add up because a small step of `a` moves both nodes, and the loss changes by both effects. The last
# rule follows: a number used in all $N$ rows is used $N$ times. And a gradient has the **shape of its node**.
#
# For comparison, PyTorch runs the *same* `forward` with tensors and keeps the gradient of each node.

# %%
tensors = forward(*(torch.tensor(array, requires_grad=True) for array in (x, gamma, beta)))
for tensor in tensors.values():
    tensor.retain_grad()
tensors["y"].backward(torch.tensor(dy))


def compare(**ours):
    """Print our gradients of these nodes in channel 1, with PyTorch's beside them."""
    for name, gradient in ours.items():
        theirs = tensors[name].grad.numpy()
        print(f"d{name:10} {gradient[..., 0].round(3)!s:30} PyTorch: {theirs[..., 0].round(3)}")
        assert np.allclose(gradient, theirs)


# %% [markdown]
# ## Back, part 1: from y to x_hat
#
# `y = scaled + beta` is a plus: it passes the gradient on. `beta` was copied to all rows, so its gradients are summed.
# `scaled = gamma * x_hat` is a product: each factor gets the other one. `gamma` was copied too.

# %%
dscaled = dy
dbeta = dy.sum(axis=0)
dgamma = (dscaled * nodes["x_hat"]).sum(axis=0)
dx_hat = dscaled * gamma
compare(beta=dbeta, gamma=dgamma, x_hat=dx_hat)

# %% [markdown]
# ## Back, part 2: the path square, var, std, inv_std
#
# `x_hat = x_centered * inv_std` is a product, and `inv_std` was copied to all rows: its gradient is a sum. Then come
# two functions and a sum:
#
# - $1/s$ has the derivative $-1/s^2$, where $s$ is our `std`
# - $\sqrt{v + \varepsilon}$ has the derivative $1/(2\sqrt{v + \varepsilon})$, that is $1/(2s)$
# - `var` is a sum divided by $N$: each row of `square` gets $1/N$ of its gradient
#
# **Predict.** Does `dstd` have the same sign as `dinv_std`, or the other one?

# %%
N, s = len(x), nodes["std"]
dinv_std = (dx_hat * nodes["x_centered"]).sum(axis=0)
dstd = -dinv_std / s**2
dvar = dstd / (2 * s)
dsquare = np.ones((N, 1)) * dvar / N
compare(inv_std=dinv_std, std=dstd, var=dvar, square=dsquare)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The other one: when `std` grows, `inv_std` falls.
#
# </details>
#
# ## Back, part 3: two gradients meet
#
# `x_centered` was used twice: in `x_hat`, and in the square, whose derivative is $2 \cdot$ `x_centered`. The two
# gradients add up. `mean` was subtracted from all rows: a minus, and a copy. And `x` was used twice: in `x_centered`,
# and in the mean, where each row has a share of $1/N$.

# %%
dx_centered = dx_hat * nodes["inv_std"] + 2 * nodes["x_centered"] * dsquare
dmean = -dx_centered.sum(axis=0)
dx = dx_centered + dmean / N
compare(x_centered=dx_centered, mean=dmean, x=dx)

# %% [markdown]
# The last row has the measured numbers, −0.229 included.
#
# ## Lab: forward through the graph, and back
#
# Each box is a node of the same batch: on the left its value, on the right its gradient. The table below takes dx apart
# into its paths, with a column for each sample and the sum at the end.
#
# 1. Set *Step* to 1 and press *Next step* until 24. Which boxes are reached by two arrows in the backward pass?
# 2. Choose for *Gradient dy* *one, the others 0*, with sample 2 and the value 1. Which samples have a dx of 0? Which
#    sample gets nothing through the variance, and why?
# 3. Choose *all the same*. Which paths cancel? And which with *value · x̂*?

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. `x_centered` and `x`: the two nodes that were used twice.
# 2. None: each sample moves the mean. Sample 3 gets nothing through the variance. It lies exactly at the mean, where
#    a small step does not change the variance.
# 3. With the same dy everywhere, the direct path and the path through the mean cancel. With dy = value · x̂, the direct
#    path and the path through the variance cancel. In both cases dx is 0.
#
# </details>
#
# ## Multiply it out
#
# For computing, the twelve steps are put into each other, one channel at a time. On paper letters are handy: $c$ for `x_centered`, $q$ for `square`, $v$ for `var`, $s$ for `std`, $r$ for `inv_std`. We need
# two facts: $c_i = s\,\hat{x}_i$, and $\sum_i \hat{x}_i = 0$.
#
# **First**, what reaches $c_i$ through the variance (part 2). "mean" is the mean over the rows, a sum divided by $N$.
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
# The two means are $d\beta/N$ and $d\gamma/N$. Each of the three terms is a **path** from $x$ to the loss:
#
# - $\frac{\gamma}{s}\,dy_i$ is the **direct** path, the first idea (right only for stored statistics, as after training: lesson 05)
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
# The last term of the third equation is a fourth path: through the mean *and then* through the variance. It is 0,
# because $\sum_i (x_i - \mu) = 0$. It is the term that dropped out in our third step.
#
# All of it is now one function. PyTorch's own BN layer must agree.


# %%
def batch_norm_backward(dy, x_hat, gamma, s):
    N = len(dy)
    dbeta = dy.sum(axis=0)
    dgamma = (dy * x_hat).sum(axis=0)
    dx = gamma / s * (dy - dbeta / N - x_hat * dgamma / N)
    return dx, dgamma, dbeta


layer = torch.nn.BatchNorm1d(2, eps=eps, dtype=torch.float64)
layer.weight.data[:], layer.bias.data[:] = torch.tensor(gamma), torch.tensor(beta)
inputs = torch.tensor(x, requires_grad=True)
layer(inputs).backward(torch.tensor(dy))
ours = batch_norm_backward(dy, x_hat, gamma, s)
for gradient, tensor in zip(ours, (inputs, layer.weight, layer.bias), strict=True):
    print("ours:   ", gradient.round(3).tolist())
    print("PyTorch:", tensor.grad.numpy().round(3).tolist())
    assert np.allclose(gradient, tensor.grad)

# %% [markdown]
# From top to bottom: dx, dgamma, dbeta.
#
# ## The formula is a picture
#
# One channel of a gradient is a list of $N$ numbers: an arrow in $N$ dimensions. Two arrows are special:
# $\mathbf{1} = (1, \dots, 1)$ and $\hat{x}$. The part of an arrow $g$ that points along an arrow $u$ is
# $\frac{g \cdot u}{u \cdot u}\,u$, the **projection** of $g$ onto $u$. Now $\mathbf{1}\cdot\mathbf{1} = N$, and
# $\hat{x}\cdot\hat{x} = N$ (up to $\varepsilon$), because the variance of $\hat{x}$ is 1. So the two means in the
# formula are projections:
#
# - $\operatorname{mean}(dy)$, in each row, is the part of dy along $\mathbf{1}$
# - $\hat{x}\operatorname{mean}(dy\,\hat{x})$ is the part of dy along $\hat{x}$
#
# In the picture the batch is 1, 2, 6, and dx is what is left when both parts are subtracted.

# %% tags=["draws"] alt="Three dimensions: the direction 1 points up, the direction x-hat lies in a gray floor. An arrow, gamma over s times dy, points up from the origin. First its part along 1 is subtracted, straight down to the floor: the path through the mean. Then its part along x-hat, in the floor: the path through the variance. What is left is the arrow dx. It lies in the floor, perpendicular to x-hat."
# Where x̂, the third direction and 1 point on paper.
view = np.array([[-0.55, -0.45], [1.3, -0.06], [0.0, 0.8]])


def paper(*point):
    return tuple(point @ view)


x_hat3, one = np.array([-2.0, -1.0, 3.0]) / 14**0.5, np.ones(3) / 3**0.5  # the batch 1, 2, 6
a, b, c = np.array([x_hat3, np.cross(one, x_hat3), one]) @ [2.0, 0.0, 5.0]
tip, shadow, end = paper(a, b, c), paper(a, b, 0), paper(0, b, 0)
ax = figures.new_axes(size=(6.0, 3.8))
corners = (paper(*corner, 0) for corner in ((-1.2, -0.9), (3.4, -0.9), (3.4, 2.9), (-1.2, 2.9)))
ax.fill(*zip(*corners, strict=True), color="#EDEDED")
for axis, name in (((0, 0, 3.4), "1"), ((3.4, 0, 0), "x̂")):
    ax.plot(*zip((0, 0), paper(*axis), strict=True), color="#8A8A8A", linewidth=1)
    ax.text(*paper(*axis), f"  {name}", size=13)
figures.arrow((0, 0), tip, ax=ax, role="before", words="γ/s · dy", place=(0.75, 2.0))
down = "1. minus its part along 1:\n    the path through the mean"
figures.arrow(tip, shadow, ax=ax, role="theory", words=down, place=(1.15, 0.85))
across = "2. minus its part along x̂:\n    the path through the variance"
figures.arrow(shadow, end, ax=ax, role="with_bn", words=across, place=(2.1, -1.25))
figures.arrow((0, 0), end, ax=ax, role="truth", words="dx", place=(2.7, -0.2))
figures.frame(ax, title="dx is what is left of γ/s · dy", xlim=(-3.4, 5.6), ylim=(-2.0, 3.2))
ax.axis("off")
figures.show(ax)

# %% [markdown]
# **Predict.** Back to our batch of four: what is dx · **1**, the sum of dx over the batch? And dx · x̂?

# %%
for name, gradient in (("γ/s · dy", first_idea), ("dx", dx)):
    along_1, along_x_hat = gradient.sum(axis=0), (gradient * x_hat).sum(axis=0)
    print(f"{name:8}  · 1:", along_1.round(3) + 0.0, "  · x̂:", along_x_hat.round(3) + 0.0)
assert abs(along_1).max() < 1e-9
assert abs(along_x_hat).max() < 1e-4

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both are 0: dx is **perpendicular** to $\mathbf{1}$ and to $\hat{x}$. (To $\hat{x}$ up to $\varepsilon$: a few
# millionths are left here.)
#
# </details>
#
# It must be so, because of the forward pass. Add a number to all values of a channel (a move along $\mathbf{1}$), or
# stretch them away from their mean (a move along $\hat{x}$): $y$ stays as it is, up to $\varepsilon$. So the loss has
# no slope in these two directions.
#
# One consequence: a bias before BN moves a channel along $\mathbf{1}$, so its gradient is dx · **1** = 0, for any data
# and any loss (lesson 02). This is not a bug: such layers are written with `bias=False`.
#
# **To remember.** From dy subtract its mean, and subtract x̂ times the mean of dy · x̂. Multiply by $\gamma/s$.
#
# ## What was shown
#
# - Each node gives one line of the backward pass; multiplied out, three terms are left, one for each path.
# - Now the [exercises](exercises/04_derive_the_backward_pass.ipynb) (60 minutes). Deeper:
#   [Which test catches a wrong backward pass?](deeper/test_a_backward_pass.ipynb) and
#   [What does a batch of two teach?](deeper/what_a_small_batch_teaches.ipynb).
# - Next: [04b · Train with your own](04b_train_with_your_own.ipynb). A network learns with the function above.
#
# *Source: S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
# Covariate Shift", 2015, arXiv:1502.03167, section 3.*
