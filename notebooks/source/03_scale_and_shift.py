# %% [markdown]
# # 03 · Scale and shift
#
# *35 minutes · previous: [02 · Normalize](02_normalize.ipynb) · next: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) ·
# [exercises](exercises/03_scale_and_shift.ipynb)*
#
# After normalizing, BN multiplies by $\gamma$ and adds $\beta$. These steps can undo the normalization. You write the complete forward
# pass, and train networks to find out which of the two is needed.

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
# **Predict.** $\hat{x}$ has mean 0 and standard deviation 1. What are the mean and the standard deviation of $y$ with $\gamma = -3$ and $\beta = -2$?


# %%
def batch_norm(x, gamma, beta, eps=1e-5):
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    return gamma * x_hat + beta


x = np.random.default_rng(0).exponential(4, size=(1000, 1))  # one channel, skewed
y = batch_norm(x, gamma=-3, beta=-2)
print(f"mean {y.mean():.2f}, standard deviation {y.std():.2f}")
assert np.allclose(y, batch_norm_forward(x, np.array([-3.0]), np.array([-2.0]))[0])  # the package's BN

# %% [markdown]
# <details><summary>Answer</summary>
#
# The mean is $\beta$, whatever $x$ was. The standard deviation is $|\gamma|$, unless $x$ varies so little that $\varepsilon$ matters.
#
# </details>
#
# Each panel starts from $\gamma = 1$ and $\beta = 0$ and changes one of the two numbers:

# %% tags=["draws"] alt="Three panels. Each has the same skewed histogram of x̂ around 0 and, over it, y. With gamma = 2 and beta = 0, y is twice as wide. With gamma = 1 and beta = 3, y has the same shape, moved to the right by 3. With gamma = -1 and beta = 0, y is mirrored."
figure, axes = figures.new_figure(columns=3, size=(7.0, 2.5))
one_each = {"γ = 2: twice as wide": (2, 0), "β = 3: moved by 3": (1, 3), "γ = −1: mirrored": (-1, 0)}
for ax, (title, (gamma, beta)) in zip(axes, one_each.items(), strict=True):
    for values, role in ((batch_norm(x, 1, 0), "before"), (batch_norm(x, gamma, beta), "with_bn")):
        figures.histogram(values, ax=ax, bins=30, limits=(-6, 9), role=role)
    figures.frame(ax, title=title, x="value", xlim=(-6, 9)).set_yticks([])
figures.key(axes[2], {"before": "x̂", "with_bn": "y"}, place="upper right")
figures.show(figure)

# %% [markdown]
# $\gamma$ and $\beta$ are **parameters**, like weights: $\gamma$ starts at 1 and $\beta$ at 0, and the optimizer (not BN) changes them
# after each backward pass.
#
# ## Undo it
#
# Multiply by what you divided by, and add what you subtracted: $\gamma = \sqrt{\sigma^2 + \varepsilon}$ and $\beta = \mu$ give back $x$. Do
# the same $\gamma$ and $\beta$ give back the next batch, too?

# %%
rng = np.random.default_rng(1)
x, x_next = rng.normal([5, -20, 300], [2, 0.1, 40], (2, 64, 3))  # three channels: means and spreads
gamma, beta = np.sqrt(x.var(axis=0) + 1e-5), x.mean(axis=0)
for name, batch in (("this batch", x), ("the next one", x_next)):
    difference = abs(batch_norm(batch, gamma, beta) - batch).max(axis=0)
    print(f"{name:12}  largest difference, in σ: {(difference / x.std(axis=0)).round(3)}")

# %% [markdown]
# The next batch comes back only roughly: it gets the mean and the standard deviation of the *first*. After training, BN uses stored numbers for
# $\mu$ and $\sigma^2$ (lesson 05): $\gamma$ and $\beta$ computed from these give back every batch.
#
# ## Lab: move γ and β
#
# 1. Set $\gamma = 0$. What does the next layer get?
# 2. Choose ReLU and $\gamma = 1$. Move $\beta$ to −2, and to 2. What does $\beta$ decide?

# %% tags=["nbval-ignore-output"]
labs.GammaBeta()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The same number for every sample: the channel is switched off.
# 2. How many values the ReLU lets through: few with $\beta = -2$, nearly all with $\beta = 2$.
#
# </details>
#
# ## "If γ and β can undo it, why bother?"
#
# After training, BN multiplies each channel by a fixed number $a$ and adds another one, $d$. The linear layer before it could do that itself:
# $a\,(wx + b) + d = (aw)\,x + (ab + d)$. So BN adds no new functions.
#
# But in **training**, $\beta$ and $|\gamma|$ are the mean and the standard deviation of a unit over each batch, whatever the weights before
# it are.
#
# We look at one unit in layer 2 of 60 copies of a network, each with its own noise in the weights of layer 1. The batch is all
# digits.

# %%
w_1, w_2 = rng.normal(size=(64, 50)) / 4, rng.normal(size=50) / 4
noise = 0.5 * rng.normal(size=(60, 64, 50)) / 4
layer_1 = np.maximum(digits().x_train @ (w_1 + noise), 0)  # linear, ReLU
without = layer_1 @ w_2  # 60 rows, a column for each picture
gamma, beta = without.std(axis=1).mean(), without.mean()  # averages: so the two panels are comparable
with_bn = np.array([batch_norm(row, gamma, beta) for row in without])
for name, rows in (("without BN", without), ("with BN", with_bn)):
    mean, single = np.ptp(rows.mean(axis=1)), np.ptp(rows[:, 7])  # ptp: largest minus smallest
    print(f"{name:10}  the mean varies by {mean:.2f}, the value of a picture by {single:.2f}")

# %% tags=["draws"] alt="Two panels on the same axes with 60 thin histograms each. Without BN the histograms form a broad fan: each has another center and another width. With BN they lie on each other in one narrow bundle around a vertical line at beta = -0.73."
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.6))
edges = np.linspace(-3.5, 2.5, 31)
panels = {"without_bn": (without, "60 copies, without BN"), "with_bn": (with_bn, "With BN (line: β)")}
for ax, (role, (rows, title)) in zip(axes, panels.items(), strict=True):
    heights = np.transpose([np.histogram(row, edges, density=True)[0] for row in rows])
    ax.plot(edges[1:] - 0.1, heights, color=figures.role(role).color, lw=0.9, alpha=0.6)
    figures.frame(ax, title=title, x="value of the unit", y="density", ylim=(0, 1)).set_yticks([])
axes[1].axvline(beta, color="black", lw=1)
figures.show(figure)

# %% [markdown]
# With BN, only the value of a single picture varies. All copies have the same mean and standard deviation: without BN, 3 250 weights decide these two
# numbers, with BN each has a parameter of its own. This is a **reparameterization**: the trained network computes the same kind of
# function, but training moves other parameters. Lesson 07 measures whether it helps.
#
# ## Are γ and β needed?
#
# Two rings of points lie around 0. A network should say whether a point lies on the inner one. Each point $p$ has an opposite, $-p$, on the same ring.


# %%
def rings(seed, number=2):
    """300 points p, then their opposites −p; the label is 0 on the second ring, 1 on the others."""
    rng = np.random.default_rng(seed)
    ring, angle = rng.integers(1, number + 1, 300), rng.uniform(0, 2 * np.pi, 300)
    radius = ring / 2 + 0.08 * rng.normal(size=300)
    p = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    points, label = np.concatenate([p, -p]), np.concatenate([ring, ring]) != 2
    return torch.tensor(points).float(), torch.tensor(label).float()


# %% [markdown]
# The network has one hidden layer, linear → BN → sigmoid, and a linear output layer with a bias. Its output is the **score**: above 0 it
# means "inner". (The hidden linear layer has no bias: BN would subtract it.) A $\gamma$ that is not learned stays at 1, a $\beta$ at 0.
#
# **Predict.** Which of $\gamma$ and $\beta$ can be left out? Remember that each point has an opposite.


# %% tags=["nbval-ignore-output"]
def trained(seed, activation=nn.Sigmoid, learn_gamma=True, learn_beta=True, number=2):
    """A network that learns γ or not, β or not; the share of new points it gets right."""
    net = mlp([2, 50, 1], activation, batch_norm=True, seed=seed)
    net.bn_1.weight.requires_grad_(learn_gamma)  # PyTorch calls γ weight,
    net.bn_1.bias.requires_grad_(learn_beta)  # and β bias
    points, label = rings(seed, number)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(300):
        loss = nn.functional.binary_cross_entropy_with_logits(net(points)[:, 0], label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    new_points, new_label = rings(100, number)
    right = (net.eval()(new_points)[:, 0] > 0) == new_label  # with stored statistics, lesson 05
    return net, right.numpy().mean()


def five_seeds(name, **options):
    runs = [trained(seed, **options) for seed in range(5)]
    print(f"{name:20}  right:", *(f"{share:4.0%}" for net, share in runs))
    return [net for net, share in runs], [share for net, share in runs]


torch.set_num_threads(1)  # so small a network is fastest on one thread
both = five_seeds("γ and β")
beta_only = five_seeds("β only", learn_gamma=False)
gamma_only = five_seeds("γ only", learn_beta=False)
neither = five_seeds("neither", learn_gamma=False, learn_beta=False)
print("inner points in training:  ", *(f"{rings(seed)[1].mean():4.0%}" for seed in range(5)))
assert min(both[1] + beta_only[1]) > 0.95 > 0.6 > max(gamma_only[1] + neither[1])


# %% tags=["draws"] alt="Four pictures of the two rings with the regions where the network says inner and outer. With gamma and beta, and with beta only, it says inner in a disk that holds the inner ring. With gamma only and with neither it says outer everywhere."
figure, axes = figures.new_figure(columns=4, size=(7.0, 2.5))
results = {"γ and β": both, "β only": beta_only, "γ only": gamma_only, "neither": neither}
side, (points, label) = torch.linspace(-1.4, 1.4, 141), rings(0)
grid, colors = torch.cartesian_prod(side, side), ["#E6E6E6", "#EFC9DF"]
for ax, (name, (nets, _)) in zip(axes, results.items(), strict=True):
    regions = ax.contourf(side, side, nets[0](grid).reshape(141, 141).T > 0, [-0.5, 0.5, 1.5], colors=colors)
    for number, role in ((1, "biased"), (0, "population")):
        figures.points(*points[label == number][::3].numpy().T, ax=ax, role=role)
    figures.frame(ax, title=name).set(aspect="equal", xticks=[], yticks=[])
handles = [*reversed(axes[0].lines), *regions.legend_elements()[0]]
words = ["outer ring", "inner ring", "network says outer", "network says inner"]
figure.legend(handles, words, loc="outside lower center", ncols=4, frameon=False)
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\gamma$ can be left out, $\beta$ cannot. Without $\beta$ the network gives all points the label that is more frequent in training: "inner" for seed 3,
# "outer" for the others (seed 0 in the picture).
#
# </details>
#
# ## A point and its opposite
#
# Leave out $\beta$, and take a point $p$, its opposite $-p$, and one hidden unit:
#
# - The linear layer gives $z$ for $p$ and $-z$ for $-p$.
# - All points come in such pairs, so the mean of $z$ is 0. BN subtracts 0 and multiplies each $z$ by the same number.
# - So the sigmoid, too, gets opposite values. Its outputs for $a$ and $-a$ always add up to 1.
#
# The score is a weighted sum of 50 such outputs, plus a bias. What do the two scores of *any* pair have in common?

# %%
net = mlp([2, 50, 1], nn.Sigmoid, batch_norm=True, seed=0)  # not trained yet: each β is 0
of_p, of_opposite = net(rings(0)[0])[:, 0].detach().numpy().reshape(2, 300)
print("scores of four points p:", of_p[:4].round(3))
print("scores of the four −p:  ", of_opposite[:4].round(3))
print("sums:                   ", (of_p + of_opposite)[:4].round(3))
assert np.ptp(of_p + of_opposite) < 1e-5

# %% [markdown]
# All pairs have the same sum. Call half of it $c$. The scores of a pair lie equally far above and below $c$: they are $c + f$ and $c - f$. All pairs
# share $c$, and each has its own $f$.
#
# But both points of a pair need the same answer. On the inner ring, the loss of a point is $\ln(1 + e^{-\text{score}})$: small if the score is
# high. For $c = 0$, the figure compares $f = 2$ (the scores 2 and −2) with $f = 0$ (twice the score 0).

# %% tags=["draws"] alt="The loss of a point of the inner ring over its score: a curve that falls and bends upward. Two orange dots on it at the scores -2 and 2, named c - f and c + f, joined by a dashed line. The middle of this line, an orange dot at 1.13, lies above the black dot on the curve at score 0, at 0.69."
ax, score = figures.new_axes(size=(5.0, 2.8)), np.linspace(-3.5, 3.5, 141)
loss, orange = np.log1p(np.exp(-score)), figures.role("moved").color
zero, middle = loss[70], loss[[30, 110]].mean()  # at the scores 0; −2 and 2
ax.plot(score, loss, "k-", 0, zero, "ko")
ax.plot([-2, 0, 2], [loss[30], middle, loss[110]], "o--", color=orange)
for x, y, words in ((-1.9, 2.2, "c − f"), (2, 0.3, "c + f"), (0.15, 1.2, f"f = 2: {middle:.2f} on average")):
    ax.text(x, y, words, color=orange)
ax.text(-0.2, zero - 0.3, f"f = 0: {zero:.2f}", ha="right")
figures.frame(ax, title="A pair loses least with f = 0", x="score of a point of the inner ring", y="loss")
figures.show(ax)

# %% [markdown]
# The curve is **convex** (it bends upward): with $f = 2$ one point gains less than the other loses. This holds for every $c$, and for the outer
# ring. So training makes $f$ small, and all scores come close to $c$:

# %% tags=["nbval-ignore-output"]
after = gamma_only[0][0](rings(0)[0]).detach().numpy()
print(f"seed 0 after training: all scores lie between {after.min():.2f} and {after.max():.2f}")
assert np.ptp(after) < 0.05 < np.ptp(of_p)

# %% [markdown]
# With $\beta$, BN adds the same number for $p$ and for $-p$: the sigmoid gets no opposite values. The bias of the next layer cannot replace
# $\beta$: it acts *after* the activation, and only changes $c$.
#
# ## And with ReLU?
#
# On two rings, a ReLU network needs neither $\gamma$ nor $\beta$: two units with the weights $w$ and $-w$ give
# $\text{ReLU}(z) + \text{ReLU}(-z) = |z|$, the same for $p$ and $-p$.
#
# **Predict.** A third ring lies outside and has the label of the inner one: 1. Does the ReLU network need $\beta$ now? How does the score change from
# the middle straight outward?

# %% tags=["nbval-ignore-output"]
fixed = {"learn_gamma": False, "learn_beta": False}
_, two_rings = five_seeds("2 rings, neither", activation=nn.ReLU, **fixed)
_, with_beta = five_seeds("3 rings, β only", activation=nn.ReLU, learn_gamma=False, number=3)
nets, three_rings = five_seeds("3 rings, neither", activation=nn.ReLU, number=3, **fixed)
points, label = rings(100, 3)
print("  share of the answers 1:  ", *(f"{(net(points) > 0).float().mean():4.0%}" for net in nets))
print(f"3 rings, always 1     right: {label.mean():4.0%}")
assert min(two_rings + with_beta) > 0.9 > label.mean() > max(three_rings)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Yes. Straight outward, $z$ grows in proportion to the distance, and so does $\text{ReLU}(z)$. So without $\beta$ the score is a straight line and
# crosses 0 once at most. Three rings need two crossings: in each direction at least one ring is wrong. These networks mostly answer
# 1, and are no better than always 1 (66 %).
#
# </details>
#
# And $\gamma$? None of our networks needed it. For a ReLU and $\gamma > 0$ there is a reason:
# $\text{ReLU}(\gamma \hat{x} + \beta) = \gamma\,\text{ReLU}(\hat{x} + \beta/\gamma)$. A network without $\gamma$ gives the same with the shift $\beta/\gamma$, if the
# next layer's weights are multiplied by $\gamma$.
#
# ## The gradients of γ and β
#
# From $y = \gamma\,\hat{x} + \beta$, $\partial y_i/\partial\gamma = \hat{x}_i$ and $\partial y_i/\partial\beta = 1$. With $dy_i = \partial L/\partial y_i$ ($L$: the loss), the chain rule gives
#
# $$d\gamma = \sum_i dy_i\,\hat{x}_i \qquad\qquad d\beta = \sum_i dy_i$$
#
# Both are **sums** over the batch, because one $\gamma$ and one $\beta$ serve all samples.
#
# A channel has the values 1, 1, 3, 3, so $\hat{x}$ is −1, −1, 1, 1. The gradient $dy$ is 1, 0, 0, −1. Calculate $d\gamma$ and $d\beta$ by hand.

# %%
x = np.array([[1.0], [1.0], [3.0], [3.0]])
dy = np.array([[1.0], [0.0], [0.0], [-1.0]])
x_hat = batch_norm(x, gamma=1, beta=0)
dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
print("dγ:", dgamma.round(3), "  dβ:", dbeta)
_, cache = batch_norm_forward(x, gamma=np.array([2.0]), beta=np.array([-1.0]))
assert np.allclose([dgamma, dbeta], batch_norm_backward(dy, cache)[1:])  # whatever γ and β are

# %% [markdown]
# <details><summary>Answer</summary>
#
# $d\gamma = 1 \cdot (-1) + (-1) \cdot 1 = -2$ and $d\beta = 1 - 1 = 0$.
#
# </details>
#
# $d\gamma < 0$: a slightly larger $\gamma$ would lower the loss. $d\beta = 0$: a small change of $\beta$ (almost) keeps the loss.
#
# ---
# **Shown:** in training, $\beta$ is the mean of $y$ and $|\gamma|$ its standard deviation (unless $\varepsilon$ matters). They can undo the
# normalization. A network can need $\beta$, the only bias before the activation. These networks did not need $\gamma$.
#
# **Practice:** [the exercises](exercises/03_scale_and_shift.ipynb), 30 minutes.
#
# **Next:** [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb).
#
# **Deeper:** [Should γ and β decay?](deeper/should_gamma_and_beta_decay.ipynb) ·
# [Should γ start at 0?](deeper/should_gamma_start_at_zero.ipynb)
#
# Sources:
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.
