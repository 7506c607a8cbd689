# %% [markdown]
# # 03 · Scale and shift
#
# *30 minutes · previous: [02 · Normalize](02_normalize.ipynb) · next: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) ·
# [exercises](exercises/03_scale_and_shift.ipynb)*
#
# After normalizing, BN multiplies by $\gamma$ and adds $\beta$, and with the right values these two undo the whole normalization. Then why
# normalize at all? You write the complete forward pass, and find one answer in a picture and another in an experiment.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import batch_norm_backward, batch_norm_forward, figures, labs
from bnteach.data import digits
from bnteach.training import mlp

# %% [markdown]
# ## Two numbers for each channel
#
# Each channel gets a factor $\gamma$ (gamma) and a shift $\beta$ (beta):
#
# $$y_i = \gamma\,\hat{x}_i + \beta$$
#
# **Predict.** $\hat{x}$ has mean 0 and standard deviation 1. With $\gamma = 3$ and $\beta = -2$: what are the mean and the standard deviation of
# $y$? And with $\gamma = -3$?


# %%
def batch_norm(x, gamma, beta, eps=1e-5):
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    return gamma * x_hat + beta


x = np.random.default_rng(0).exponential(4, size=(1000, 1))  # one channel, skewed
for gamma in (3, -3):
    y = batch_norm(x, gamma, beta=-2)
    print(f"γ = {gamma:2d}, β = −2:   mean {y.mean():.2f}   standard deviation {y.std():.2f}")
y, _ = batch_norm_forward(x, gamma=np.array([3.0]), beta=np.array([-2.0]))  # the package's BN
assert np.allclose(batch_norm(x, 3, -2), y)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The mean is $\beta$ and the standard deviation is $|\gamma|$, whatever $x$ was (as long as it varies enough for $\varepsilon$ not to matter). A
# negative $\gamma$ mirrors the values, and the standard deviation does not notice.
#
# </details>
#
# This is all of BN's forward pass. It returns $y$, not $\gamma$ and $\beta$: these are **parameters** of the layer, like weights. They start at 1 and 0. BN itself changes no
# parameter; that is the work of the optimizer.
#
# ## Undo it
#
# **Predict.** Which $\gamma$ and which $\beta$ give back $x$? And do the same two numbers give back the next batch?

# %%
rng = np.random.default_rng(1)
x, x_next = rng.normal([5, -20, 300], [2, 0.1, 40], size=(2, 64, 3))  # two batches, three channels
gamma, beta = np.sqrt(x.var(axis=0) + 1e-5), x.mean(axis=0)
for name, batch in (("this batch", x), ("the next one", x_next)):
    difference = abs(batch_norm(batch, gamma, beta) - batch).max(axis=0)
    print(f"{name:12}  largest difference in σ: {(difference / x.std(axis=0)).round(6)}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\gamma = \sqrt{\sigma^2 + \varepsilon}$ and $\beta = \mu$: multiply by what you divided by, add what you subtracted. The next batch has another
# mean and another variance, so it comes back only about as well as the two batches agree.
#
# </details>
#
# So a BN layer *can* be the identity, for one batch. After training, BN uses stored numbers for $\mu$ and $\sigma^2$, the same for
# every batch (lesson 05); then it can be the identity for all.
#
# ## Lab: move γ and β
#
# 1. Move $\gamma$, then $\beta$. Predict each time what $y$ will do.
# 2. Press *Undo the normalization*. How large is the difference that is left?
# 3. Set $\gamma = 0$. What does the next layer get?
# 4. Choose ReLU and $\gamma = 1$. Move $\beta$ to −2, and to 2. What does $\beta$ decide?

# %% tags=["nbval-ignore-output"]
labs.GammaBeta()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. $\beta$ is where the middle of $y$ is, $|\gamma|$ is how wide it is.
# 2. Only rounding: the reading gives the largest difference in float64 and in float32.
# 3. The same number, $\beta$, for every sample. The channel is switched off.
# 4. How many values the ReLU lets through: 4 % with $\beta = -2$, nearly all with $\beta = 2$. There the layer is almost linear.
#
# </details>
#
# ## "If γ and β can undo it, why bother?"
#
# A first answer: with $\gamma$ and $\beta$, BN does not change *which* functions a network can express. It changes **which parameter controls what**. Take one unit of
# the second layer of a small network, with random weights. We change the weights of the **first** layer by half of their size, 60 times.
#
# **Predict.** After each change we draw a histogram of the unit's 1 347 values. How do the 60 histograms differ without BN, and
# with BN, $\gamma = 1$ and $\beta = 0.5$?

# %%
data = digits()
w_1, w_2 = rng.normal(size=(64, 50)) / 4, rng.normal(size=(50, 1)) / 4
without, with_bn = [], []
for _ in range(60):
    h = np.maximum(data.x_train @ (w_1 + 0.5 * rng.normal(size=w_1.shape) / 4), 0)  # ReLU
    without.append(h @ w_2)
    with_bn.append(batch_norm(h @ w_2, gamma=1.0, beta=0.5))
print("            mean of the unit   standard deviation")
for name, unit in (("without BN", without), ("with BN", with_bn)):
    means, stds = np.mean(unit, axis=(1, 2)), np.std(unit, axis=(1, 2))
    print(
        f"{name:10}    {means.min():5.2f} to {means.max():4.2f}         {stds.min():.2f} to {stds.max():.2f}"
    )

# %% tags=["draws"] alt="Two panels on the same axes with 60 thin histograms each. Without BN they form a broad fan: each has another center and another width. With BN they lie on each other in one narrow bundle around 0.5."
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.8))
edges = np.linspace(-4.5, 4.5, 31)
for ax, units, role in zip(axes, (without, with_bn), ("without_bn", "with_bn"), strict=True):
    for unit in units:
        density, _ = np.histogram(unit, edges, density=True)
        ax.plot((edges[1:] + edges[:-1]) / 2, density, lw=0.9, alpha=0.6, color=figures.role(role).color)
    ax.set_yticks([])
figures.frame(axes[0], title="60 changes below, without BN", x="value of the unit", ylim=(0, 0.9))
figures.frame(axes[1], title="The same 60 changes, with BN", x="value of the unit", ylim=(0, 0.9))
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without BN the mean and the standard deviation of the unit depend on **all weights below**. With BN they are $\beta$ and $\gamma$, and
# nothing below changes them. (A bias would also move the mean, but could not *keep* it in place.)
#
# </details>
#
# This is called a **reparameterization**. The unit can compute the same functions as before; but its mean and standard deviation, which resulted from thousands
# of weights, are now two parameters of its own, and gradient descent sets them directly. The weights below still decide the *pattern*: which samples are high and which are low.
#
# The picture explains what $\gamma$ and $\beta$ are. It does not prove that they help. For that we need an experiment.
#
# ## Are γ and β needed?
#
# Two rings of points lie around 0. To which ring does a point belong? Each point $p$ has its opposite $-p$ in the data.


# %%
def rings(seed):
    """600 points in the plane, and the ring of each: 1 is the inner one, 0 the outer one."""
    rng = np.random.default_rng(seed)
    ring, angle = rng.integers(0, 2, 300), rng.uniform(0, 2 * np.pi, 300)
    radius = np.where(ring == 1, 0.5, 1.0) + 0.08 * rng.normal(size=300)
    p = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]).astype(np.float32)
    return torch.from_numpy(np.concatenate([p, -p])), torch.from_numpy(np.concatenate([ring, ring]))


def fit(net, inputs, labels, epochs, batch_size, rate):
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(batch_size):
            loss = nn.functional.cross_entropy(net(inputs[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


# %% [markdown]
# We train five networks with BN. In the first one $\gamma$ and $\beta$ are learned; in the others one or both stay at 1 and 0. The last one has ReLU instead of sigmoid.

# %%
networks = {
    "sigmoid, γ and β": (nn.Sigmoid, "γβ"),
    "sigmoid, β only": (nn.Sigmoid, "β"),
    "sigmoid, γ only": (nn.Sigmoid, "γ"),
    "sigmoid, neither": (nn.Sigmoid, ""),
    "ReLU, neither": (nn.ReLU, ""),
}


def trained(activation, learned, seed):
    net = mlp([2, 50, 50, 2], activation, batch_norm=True, seed=seed)
    for bn in (net.bn_1, net.bn_2):
        bn.weight.requires_grad_("γ" in learned)  # PyTorch calls γ weight,
        bn.bias.requires_grad_("β" in learned)  # and β bias
    fit(net, *rings(seed), epochs=300, batch_size=600, rate=1.0)
    return net.eval()  # with stored means and variances: lesson 05


# %% [markdown]
# **Predict.** Guessing gives about 50 %. Which of the five solve the problem, for each of five seeds?


# %% tags=["nbval-ignore-output"]
def score(net, points):
    """Above 0 where the network says "inner ring"."""
    logits = net(points).detach()
    return logits[:, 1] - logits[:, 0]


torch.set_num_threads(1)  # so small a network is fastest on one thread
nets = {name: [trained(*network, seed) for seed in range(5)] for name, network in networks.items()}
accuracy = {}
new_points, new_ring = rings(100)
for name, five in nets.items():
    right = [(score(net, new_points) > 0) == (new_ring == 1) for net in five]
    accuracy[name] = [of_points.double().mean().item() for of_points in right]
    print(f"{name:17}", *(f"{value:4.0%}" for value in accuracy[name]))
assert min(accuracy["sigmoid, β only"] + accuracy["ReLU, neither"]) > 0.95
assert max(accuracy["sigmoid, γ only"] + accuracy["sigmoid, neither"]) < 0.6

# %% tags=["draws"] alt="Three pictures of the two rings with the region that the network takes for the inner ring. Sigmoid with beta: a disk around the inner ring. Sigmoid without beta: the whole plane belongs to one class. ReLU without beta: a disk again."
figure, axes = figures.new_figure(columns=3, size=(7.0, 2.7))
grid = np.stack(np.meshgrid(*[np.linspace(-1.4, 1.4, 141, dtype=np.float32)] * 2), axis=-1)
points, ring = (tensor.numpy() for tensor in rings(0))
shown = {
    "sigmoid, β only": "Sigmoid with β",
    "sigmoid, neither": "Sigmoid without β",
    "ReLU, neither": "ReLU without β",
}
for ax, name in zip(axes, shown, strict=True):
    scores = score(nets[name][0], torch.from_numpy(grid.reshape(-1, 2))).reshape(141, 141)
    inner = figures.role("biased").color
    ax.contourf(*grid.T, scores.T, levels=[0, np.inf], colors=[inner], alpha=0.3)
    for number, role in ((1, "biased"), (0, "population")):
        figures.points(*points[ring == number].T, ax=ax, role=role)
    figures.frame(ax, title=shown[name], xlim=(-1.4, 1.4), ylim=(-1.4, 1.4))
    ax.set(aspect="equal", xticks=[], yticks=[])
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With sigmoid it is $\beta$ that decides: with it every seed solves the problem, without it every point gets the same class
# (one ring has 56 % of the new points, the other 44 %). $\gamma$ makes no such difference. With ReLU neither is needed.
#
# </details>
#
# The pictures show seed 0; the shaded region is what the network takes for the inner ring. Why is it so? BN sets every mean to 0, so before the activation **no bias is left** but $\beta$. A sigmoid is symmetric:
# $\text{sigmoid}(-z) = 1 - \text{sigmoid}(z)$. Without $\beta$, each $\hat{x}$ of the first layer has the opposite sign for $-p$, and so it goes on through all hidden
# layers. Only the output layer has a bias. So the score for "inner ring" is $c + f(p)$, with one number $c$ for all points, and $f(-p) = -f(p)$.
# But $p$ and $-p$ lie on the same ring: what $f$ adds to the score of one it takes from the other, and the cross-entropy of the one rises by more than that of the other
# falls. So the loss is lowest with $f = 0$. What is left is $c$: one class for all.
#
# If the score is $c + f(p)$, then over the points its values at $p$ and at $-p$ have the correlation −1:

# %% tags=["nbval-ignore-output"]
for name, five in nets.items():
    scores = [score(net, new_points).reshape(2, 300) for net in five]  # of p, and of −p
    correlation = [np.corrcoef(*both)[0, 1] for both in scores]
    print(f"{name:17}", *(f"{value:5.2f}" for value in correlation))
    assert (np.array(correlation) < -0.99).all() == (name in ("sigmoid, γ only", "sigmoid, neither"))

# %% [markdown]
# Without $\beta$ it is −1, with $\gamma$ or without: $\gamma$ stretches $f(p)$ and cannot change its symmetry. $\beta$ breaks the symmetry. ReLU is not symmetric, and
# breaks it without help. So normalization alone can take something away, the **bias**, and $\beta$ gives it back.
#
# ## The gradients of γ and β
#
# With $dy_i$ for the gradient of the loss with respect to $y_i$, the chain rule gives
#
# $$d\gamma = \sum_i dy_i\,\hat{x}_i \qquad\qquad d\beta = \sum_i dy_i$$
#
# Both are **sums** over the batch, because one $\gamma$ and one $\beta$ serve all samples. Here is the 4 × 2 batch of lesson 00:

# %%
x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])
dy = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, -1.0], [-1.0, 0.0]])
x_hat = batch_norm(x, gamma=1, beta=0)
dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
print("dγ:", dgamma.round(3), "  dβ:", dbeta)
_, cache = batch_norm_forward(x, gamma=np.array([2.0, 3.0]), beta=np.array([-1.0, 10.0]))
assert np.allclose([dgamma, dbeta], batch_norm_backward(dy, cache)[1:])

# %% [markdown]
# A negative $dy_i$ means that the loss falls when $y_i$ rises. $d\gamma$ asks whether such samples lie above the mean: then a larger $\gamma$ helps, and $d\gamma$ is negative. The third gradient,
# $dx$, is a longer story: lesson 04.
#
# ## What γ and β become
#
# They start at 1 and 0. We train a network with three hidden ReLU layers on the digits, with five seeds.
#
# **Predict.** How far do $\gamma$ and $\beta$ move: by 0.1, by 1, or by 10?


# %% tags=["nbval-ignore-output"]
def learned(seed):
    """γ and β of the three BN layers after training: shape (3, 2, 100)."""
    torch.manual_seed(seed)
    net = mlp([64, 100, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed)
    inputs, labels = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    fit(net, inputs, labels, epochs=20, batch_size=60, rate=0.2)
    return [[bn.weight.tolist(), bn.bias.tolist()] for bn in (net.bn_1, net.bn_2, net.bn_3)]


parameters = np.array([learned(seed) for seed in range(5)])  # (5, 3, 2, 100)
for layer in (0, 1, 2):
    moved_gamma, moved_beta = abs(parameters[:, layer] - [[1], [0]]).mean(axis=(0, 2))
    print(f"layer {layer + 1}: γ moved by {moved_gamma:.2f} on average, β by {moved_beta:.2f}")
assert abs(parameters - [[1], [0]]).mean(axis=(0, 3)).max() < 0.1

# %% tags=["draws"] alt="Histograms of gamma and beta after training, for the first and the third hidden layer. All values stay near their start, 1 and 0, within about 0.2. In the third layer gamma has moved up a little."
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.8))
for ax, which, start, name in zip(axes, (0, 1), (1, 0), ("γ", "β"), strict=True):
    limits = (start - 0.4, start + 0.4)
    for layer, role in ((0, "before"), (2, "data")):
        figures.histogram(parameters[:, layer, which], ax=ax, bins=32, limits=limits, role=role)
    figures.frame(ax, title=f"{name} after training", x=f"{name} (start: {start})", xlim=limits)
    ax.set_yticks([])
figures.key(axes[0], {"before": "layer 1", "data": "layer 3"}, place="upper left")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# They hardly move: by less than 0.1 on average.
#
# </details>
#
# So in *this* network $\gamma$ and $\beta$ do not undo the normalization, though they
# could. Lesson 09 has trainings in which $\gamma$ moves much farther.
#
# Deeper: [Should γ start at 0?](deeper/should_gamma_start_at_zero.ipynb) and [Should γ and β decay?](deeper/should_gamma_and_beta_decay.ipynb)
#
# ---
# **Shown:** $\beta$ is the mean of $y$ and $|\gamma|$ its standard deviation, whatever the layers below do. They can undo the normalization, and $\beta$ is the only bias that is left before the
# activation.
#
# **Practice:** [the exercises](exercises/03_scale_and_shift.ipynb), 30 minutes.
#
# **Next:** [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb).
#
# Sources:
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.
