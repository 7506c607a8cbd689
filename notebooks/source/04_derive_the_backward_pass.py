# %% [markdown]
# # 04 · Derive the backward pass
#
# *35 minutes · previous: [03 · Scale and shift](03_scale_and_shift.ipynb) · next:
# [04b · Train with your own](04b_train_with_your_own.ipynb) ·
# [exercises](exercises/04_derive_the_backward_pass.ipynb)*
#
# These five lines are batch normalization (BN) in training. The layers after it hand back `dy`, the gradient of the
# loss with respect to `y`: how does it go on, back to `x`, `gamma` and `beta`? You find out one small operation at a
# time, with PyTorch's number beside each of yours.
#
# ```python
# mean = x.mean(axis=0)
# var = x.var(axis=0)
# s = np.sqrt(var + eps)
# x_hat = (x - mean) / s
# y = gamma * x_hat + beta
# ```

# %%
import numpy as np
import torch

from bnteach import figures, labs

# %% [markdown]
# ## What we are looking for
#
# Here is the batch of lesson 00 again: $N = 4$ rows, $C = 2$ channels. `dy` is called the **upstream gradient**: it is
# $\partial L/\partial y_i$ for each entry of $y$, where $L$ is the loss. We look for `dx`, `dgamma` and `dbeta`. (A `d` in
# front of a name always means "the derivative of the loss with respect to it".)
#
# A first idea for dx: $y = \gamma\,(x - \mu)/s + \beta$ looks like a straight line with the slope $\gamma/s$. Then dx
# would be $\frac{\gamma}{s}\,dy$.
#
# To test it, we *measure* dx: we move one entry of $x$ up and down by a small step $h$, and see how much the loss
# changes. This is a **finite difference**:
#
# $$\frac{\partial L}{\partial x_i} \approx \frac{L(x_i + h) - L(x_i - h)}{2h}$$
#
# As the loss we take $L = \sum y \cdot dy$ over all entries: its derivative with respect to $y_i$ is just $dy_i$.
#
# **Predict.** Look at channel 1, the first column. In the second row its dy is 0, so the first idea gives 0 there. Will
# the measurement be 0, too?

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
print("dy        ", dy[:, 0])  # channel 1
print("first idea", first_idea[:, 0].round(3))
print("measured  ", np.array([measure(row) for row in range(4)]).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# No, it is −0.229. The first idea forgets that $x_2$ is also in $\mu$ and in $\sigma^2$. They move with $x_2$, and move
# all four outputs.
#
# </details>
#
# ## One operation at a time
#
# To forget nothing, we split the forward pass into operations with well-known derivatives. The values are the **nodes** of
# a **graph**:
#
# ```text
# x ──┬────────────► x_centered ──┬───────────────────────────────► x_hat ─► scaled ─► y
#     │                  ▲        │                                    ▲       ▲       ▲
#     └──► mean ─────────┘        └─► square ─► var ─► std ─► inv_std ─┘     gamma    beta
# ```
#
# `x` and `x_centered` are used *twice*: two arrows start there.
#
# **Predict.** A node has the shape $(N, C)$, or $(C,)$: one number for each channel. Which nodes have the shape $(C,)$?


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
# Now we go from right to left. For each operation we know the gradient `dout` of its result. By the **chain rule**, the
# gradient of what went in is `dout` times the derivative of the operation:
#
# | | forward | backward | for example |
# |---|---|---|---|
# | **plus, minus** | `out = a + b` or `a - b` | `da = dout`, and `db = dout` or `-dout` | `y = scaled + beta` |
# | **product** | `out = a * b` | `da = dout * b` and `db = dout * a` | `scaled = gamma * x_hat` |
# | **function** | `out = f(a)` | `da = dout * f'(a)` | `inv_std = 1 / std` |
# | **sum** | `out = a.sum(axis=0)` | `da = dout` in each row | the sum in `var` |
# | **several uses** | `a` goes into several operations, or into each row | `da`: the sum of what its uses give | `beta` |
#
# Why a sum in the last rule? A small step of `a` changes the loss through each of its uses, and the changes add up. For
# `beta` it is `dout.sum(axis=0)`.
#
# We check each line twice. A gradient has the **shape of its node**. And PyTorch, which runs the *same* `forward` with
# tensors, must agree:

# %%
tensors = forward(*(torch.tensor(array, requires_grad=True) for array in (x, gamma, beta)))
for tensor in tensors.values():
    tensor.retain_grad()  # keep the gradient of this node, too
tensors["y"].backward(torch.tensor(dy))  # dy arrives at y


def compare(**ours):
    for name, gradient in ours.items():
        theirs = tensors[name].grad.numpy()
        print(f"d{name:10}", gradient[..., 0].round(3), " PyTorch:", theirs[..., 0].round(3))  # channel 1
        assert np.allclose(gradient, theirs)


# %% [markdown]
# ## Back, part 1: from y to x_hat
#
# - `y = scaled + beta` is a plus: dy goes on unchanged to `scaled`. `beta` is used in each row.
# - `scaled = gamma * x_hat` is a product, and `gamma` is used in each row.

# %%
dscaled = dy
dbeta = dy.sum(axis=0)
dgamma = (dscaled * nodes["x_hat"]).sum(axis=0)
dx_hat = dscaled * gamma
compare(beta=dbeta, gamma=dgamma, x_hat=dx_hat)

# %% [markdown]
# ## Back, part 2: the path square, var, std, inv_std
#
# `x_hat = x_centered * inv_std` is a product, and `inv_std` is used in each row. Then come two functions and a sum:
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
# - `x_centered` was used twice: in `x_hat`, and in `square`, whose derivative is `2 * x_centered`.
# - `mean` was subtracted in each row.
# - `x` was used twice: in `x_centered`, and in `mean`, where each row has a share of $1/N$.
#
# **Write it yourself**: one line each for `dx_centered`, `dmean` and `dx`. The first cell is yours. The second has a
# solution, folded in JupyterLab, and runs also if yours is empty.

# %%
# Your three lines, and then: compare(x_centered=dx_centered, mean=dmean, x=dx)

# %% jupyter={"source_hidden": true}
dx_centered = dx_hat * nodes["inv_std"] + 2 * nodes["x_centered"] * dsquare
dmean = -dx_centered.sum(axis=0)
dx = dx_centered + dmean / N  # NumPy adds dmean / N to each row
compare(x_centered=dx_centered, mean=dmean, x=dx)

# %% [markdown]
# The last row has the measured numbers, −0.229 included.
#
# ## Lab: forward through the graph, and back
#
# Each box is a node of the same batch: on the left its value, on the right its gradient. The walk starts where dy has
# arrived at `y`. The table shows the three **paths** on which dx comes back. (A fourth path, from `square` through
# `x_centered` and `mean` to `x`, carries 0: see the next section.)
#
# 1. Press *Next step* until step 24. Into which boxes do two arrows lead in the backward pass?
# 2. Choose for *Gradient dy* *one, the others 0*, with sample 2 and the value 1. Through which paths do the samples 1 and
#    4 still get a gradient? Why does sample 3 get none through the variance?

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph(step=13)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. `x_centered` and `x`: the two nodes that were used twice.
# 2. Through the mean and through the variance: their $x$ moves both, and so the $y$ of sample 2. Sample 3 lies exactly
#    at the mean, where a small step does not change the variance.
#
# </details>
#
# ## Six equations
#
# The paper that introduced BN puts several steps into one. It gives six equations, with $m$ for $N$ and $\ell$ for $L$:
#
# $$\begin{aligned}
# \frac{\partial\ell}{\partial\hat{x}_i} &= \frac{\partial\ell}{\partial y_i}\cdot\gamma \\
# \frac{\partial\ell}{\partial\sigma^2} &= \sum_i \frac{\partial\ell}{\partial\hat{x}_i}\,(x_i - \mu)\cdot\frac{-1}{2}(\sigma^2 + \varepsilon)^{-3/2} \\
# \frac{\partial\ell}{\partial\mu} &= \sum_i \frac{\partial\ell}{\partial\hat{x}_i}\cdot\frac{-1}{\sqrt{\sigma^2 + \varepsilon}} + \frac{\partial\ell}{\partial\sigma^2}\cdot\frac{\sum_i -2(x_i - \mu)}{m} \\
# \frac{\partial\ell}{\partial x_i} &= \frac{\partial\ell}{\partial\hat{x}_i}\cdot\frac{1}{\sqrt{\sigma^2 + \varepsilon}} + \frac{\partial\ell}{\partial\sigma^2}\cdot\frac{2(x_i - \mu)}{m} + \frac{\partial\ell}{\partial\mu}\cdot\frac{1}{m} \\
# \frac{\partial\ell}{\partial\gamma} &= \sum_i \frac{\partial\ell}{\partial y_i}\cdot\hat{x}_i \\
# \frac{\partial\ell}{\partial\beta} &= \sum_i \frac{\partial\ell}{\partial y_i}
# \end{aligned}$$
#
# The first and the last two are the lines of part 1. The three others follow in NumPy, where $(\sigma^2 + \varepsilon)^{-3/2}$
# is $1/s^3$. The last term of $\partial\ell/\partial\mu$, the fourth path, is left out: it is 0, because
# $\sum_i (x_i - \mu) = 0$.

# %%
x_centered, x_hat = nodes["x_centered"], nodes["x_hat"]
dvar = -(dx_hat * x_centered).sum(axis=0) / (2 * s**3)
dmean = -dx_hat.sum(axis=0) / s
dx = dx_hat / s + dmean / N + dvar * 2 * x_centered / N
compare(var=dvar, mean=dmean, x=dx)

# %% [markdown]
# ## Multiply it out
#
# The last line for `dx` has three terms. Each is one of the paths of the lab:
#
# 1. The **direct** path stays as it is: $\frac{1}{s}\,d\hat{x}_i$. This was our first idea.
# 2. The path **through the mean**: a sum divided by $N$ is a mean, so `dmean / N` is
#    $-\frac{1}{s}\operatorname{mean}(d\hat{x})$, the same for each row.
# 3. The path **through the variance**: put in $x_i - \mu = s\,\hat{x}_i$. (The sum in `dvar` runs over all rows. We call
#    them $j$ there, because $i$ is the row of dx.)
#
# $$d\sigma^2\cdot\frac{2\,(x_i - \mu)}{N}
# = -\frac{\sum_j d\hat{x}_j\,s\,\hat{x}_j}{2\,s^3}\cdot\frac{2\,s\,\hat{x}_i}{N}
# = -\frac{1}{s}\,\hat{x}_i\operatorname{mean}(d\hat{x}\,\hat{x})$$

# %%
through_mean = -dx_hat.mean(axis=0) / s
through_variance = -x_hat * (dx_hat * x_hat).mean(axis=0) / s
print("mean:    ", (dmean / N)[0].round(3), "is", through_mean[0].round(3))  # channel 1
print("variance:", (dvar * 2 * x_centered / N)[:, 0].round(3), "is", through_variance[:, 0].round(3))

# %% [markdown]
# Now put in $d\hat{x} = \gamma\,dy$. In a channel $\gamma$ is one number, so it comes out of both means:
#
# $$\boxed{\;dx_i = \frac{\gamma}{s}\big(dy_i - \operatorname{mean}(dy) - \hat{x}_i\operatorname{mean}(dy\,\hat{x})\big)\;}$$
#
# The two means are $d\beta/N$ and $d\gamma/N$. ($d\gamma$ is $\partial L/\partial\gamma$, a sum over the batch, and no small
# step.) So the whole backward pass has three lines:

# %%
dbeta = dy.sum(axis=0)
dgamma = (dy * x_hat).sum(axis=0)
dx = gamma / s * (dy - dbeta / N - x_hat * dgamma / N)
compare(beta=dbeta, gamma=dgamma, x=dx)

# %% [markdown]
# ## The formula is a picture
#
# One channel of dy has $N$ numbers: an arrow in $N$ dimensions. For three samples it can be drawn. The arrow
# $\mathbf{1} = (1, 1, 1)$ points up. The gray floor holds all arrows that are perpendicular to it, those whose numbers add
# up to 0. $\hat{x}$ is one of them.
#
# The formula takes away from dy its part along $\mathbf{1}$, $\operatorname{mean}(dy)$ in each row, and its part along
# $\hat{x}$, $\hat{x}\operatorname{mean}(dy\,\hat{x})$. Such a part is called a **projection**.

# %% tags=["draws"] alt="Three dimensions: the direction 1 points up from a gray floor, the direction x-hat lies in the floor. The arrow dy points up and to the right. A wide band on each direction marks the projection of dy onto it. First the projection onto 1 is subtracted, straight down to the floor: the path through the mean. Then the projection onto x-hat, parallel to x-hat: the path through the variance. What is left is the arrow dx in the floor. Small squares mark the two right angles."
# What lies on paper where: x̂, a second direction in the floor, and 1.
view = np.array([[0.5, -0.43], [0.87, 0.25], [0.0, 0.87]])
floor = [[-0.9, -0.9, 0], [3.9, -0.9, 0], [3.9, 4.2, 0], [-0.9, 4.2, 0]]
dy_tip, on_floor, dx_tip = np.array([[2.2, 3.2, 3.0], [2.2, 3.2, 0], [0, 3.2, 0]]) @ view
right_angles = [[2.2, 3.2, 0.4], [1.8, 3.2, 0.4], [1.8, 3.2, 0]], [[0.4, 3.2, 0], [0.4, 2.8, 0], [0, 2.8, 0]]
ax = figures.new_axes(size=(6.0, 3.6))
ax.fill(*(floor @ view).T, color="#E6E6E6")
for tip, name in (([0, 0, 3.4], "1"), ([3.4, 0, 0], "x̂")):
    ax.plot(*np.array([[0, 0], tip @ view]).T, color="#8A8A8A", linewidth=1)
    ax.text(*(tip @ view), f" {name}", size=13)
for corners in right_angles:
    ax.plot(*(corners @ view).T, color="#333333", linewidth=1)
down = "1. minus the projection onto 1:\n    the path through the mean"
across = "2. minus the projection onto x̂:\n    the path through the variance"
for tip, role in (([0, 0, 3.0], "theory"), ([2.2, 0, 0], "with_bn")):  # the two projections
    band = {"color": figures.role(role).color, "alpha": 0.35, "linewidth": 7, "solid_capstyle": "butt"}
    ax.plot(*np.array([[0, 0], tip @ view]).T, **band)
figures.arrow((0, 0), dy_tip, ax=ax, role="backward", words="dy", place=(1.6, 1.4))
figures.arrow(dy_tip, on_floor, ax=ax, role="theory", words=down, place=(4.05, 0.9))
figures.arrow(on_floor, dx_tip, ax=ax, role="with_bn", words=across, place=(3.8, -1.2))
figures.arrow((0, 0), dx_tip, ax=ax, role="truth", words="dx", place=(1.6, 0.1))
figures.frame(ax, title="What is left of dy (here γ/s = 1)", xlim=(-1.4, 7.6), ylim=(-2.0, 3.3))
ax.set_aspect("equal")
ax.axis("off")
figures.show(ax)

# %% [markdown]
# What is left, dx, is perpendicular to both: $dx \cdot \mathbf{1}$ and $dx \cdot \hat{x}$ are 0. (The second up to
# $\varepsilon$, because the variance of $\hat{x}$ is a little less than 1.)

# %%
print(f"dx · 1: {abs(dx[:, 0].sum()):.6f}   dx · x̂: {abs(dx[:, 0] @ x_hat[:, 0]):.6f}")  # channel 1; @ is ·

# %% [markdown]
# The forward pass says the same. Add a number to all values of a channel (a **shift**): $y$ stays as it is, and so does
# the loss, so along $\mathbf{1}$ it has no slope. The same holds along $\hat{x}$, if all values move away from the mean by
# the same factor (a **stretch**, up to $\varepsilon$).
#
# ## What was shown
#
# - Each operation has its rule for the backward pass. Multiplied out, three terms are left: the three paths.
# - Now the [exercises](exercises/04_derive_the_backward_pass.ipynb) (40 minutes). Deeper:
#   [Which test catches a wrong backward pass?](deeper/test_a_backward_pass.ipynb) and
#   [What does a batch of two teach?](deeper/what_a_small_batch_teaches.ipynb).
# - Next: [04b · Train with your own](04b_train_with_your_own.ipynb), where you write both passes from memory.
#
# *Source: S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
# Covariate Shift", 2015, arXiv:1502.03167, section 3.*
