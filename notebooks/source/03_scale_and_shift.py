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
# The mean is $\beta$ and the standard deviation is $|\gamma|$, whatever $x$ was (unless it varies so little that $\varepsilon$ matters). A
# negative $\gamma$ also mirrors the values.
#
# </details>
#
# The picture changes one at a time, from $\gamma = 1$ and $\beta = 0$:

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
# $\gamma$ and $\beta$ are **parameters**, like weights: $\gamma$ starts at 1 and $\beta$ at 0, and the optimizer changes them
# after each backward pass. BN itself returns $y$ and changes no parameter.
#
# ## Undo it
#
# Multiply by what you divided by, and add what you subtracted: $\gamma = \sqrt{\sigma^2 + \varepsilon}$ and $\beta = \mu$ give back $x$. We try it with three
# channels, and then use the same $\gamma$ and $\beta$ for the next batch.

# %%
rng = np.random.default_rng(1)
means, stds = [5, -20, 300], [2, 0.1, 40]  # of three channels
x, x_next = rng.normal(means, stds, (64, 3)), rng.normal(means, stds, (64, 3))
gamma, beta = np.sqrt(x.var(axis=0) + 1e-5), x.mean(axis=0)
for name, batch in (("this batch", x), ("the next one", x_next)):
    difference = abs(batch_norm(batch, gamma, beta) - batch).max(axis=0)
    print(f"{name:12}  largest difference, in σ: {(difference / x.std(axis=0)).round(3)}")

# %% [markdown]
# The next batch comes back only roughly: its values get the mean and the standard deviation of the *first* batch, and its own are a little different.
# After training, BN uses stored numbers for $\mu$ and $\sigma^2$ (lesson 05). With these every batch can come back.
#
# ## Lab: move γ and β
#
# 1. Press *Undo the normalization*. How large is the difference that is left?
# 2. Set $\gamma = 0$. What does the next layer get?
# 3. Choose ReLU and $\gamma = 1$. Move $\beta$ to −2, and to 2. What does $\beta$ decide?

# %% tags=["nbval-ignore-output"]
labs.GammaBeta()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Only rounding errors.
# 2. The same number for every sample: what the activation gives for $\beta$. The channel is switched off.
# 3. How many values the ReLU lets through: few with $\beta = -2$, nearly all with $\beta = 2$ (then it is almost linear).
#
# </details>
#
# ## "If γ and β can undo it, why bother?"
#
# After training, BN multiplies each channel by a fixed number and adds another one. A linear layer with a bias, right before it, could do both. So
# BN lets the network compute nothing new.
#
# The difference is in **training**: there, $\beta$ and $|\gamma|$ are the mean and the standard deviation of a unit over each batch, whatever
# the weights before it are.
#
# Take one unit in the second layer of a network with random weights, and the digits as one batch. Sixty times we add noise to the same weights of
# layer 1, and look at the unit without BN and with BN.
#
# **Predict.** With BN the mean of the unit stays the same all 60 times. Does its value for one single picture stay the same, too?

# %%
pictures = digits().x_train
w_1, w_2 = rng.normal(size=(64, 50)) / 4, rng.normal(size=50) / 4
noise = 0.5 * rng.normal(size=(60, 64, 50)) / 4
layer_1 = np.maximum(pictures @ (w_1 + noise), 0)  # linear, ReLU
without = layer_1 @ w_2  # 60 rows, a column for each picture
gamma, beta = without.std(axis=1).mean(), without.mean()  # the average of the 60
with_bn = np.array([batch_norm(row, gamma, beta) for row in without])
for name, rows in (("without BN", without), ("with BN", with_bn)):
    mean, single = np.ptp(rows.mean(axis=1)), np.ptp(rows[:, 7])  # ptp: largest minus smallest
    print(f"{name:10}  the mean varies by {mean:.2f}, the value of a picture by {single:.2f}")

# %% tags=["draws"] alt="Two panels on the same axes with 60 thin histograms each, and a vertical line at beta = -0.73. Without BN the histograms form a broad fan: each has another center and another width. With BN they lie on each other in one narrow bundle around the line."
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.6))
edges = np.linspace(-3.5, 2.5, 31)
panels = {"without_bn": (without, "60 changes, without BN"), "with_bn": (with_bn, "The same with BN")}
for ax, (role, (rows, title)) in zip(axes, panels.items(), strict=True):
    heights = np.transpose([np.histogram(row, edges, density=True)[0] for row in rows])
    ax.plot(edges[1:] - 0.1, heights, color=figures.role(role).color, lw=0.9, alpha=0.6)
    ax.axvline(beta, color="black", lw=1)
    figures.frame(ax, title=title, x="value of the unit (line: β)", ylim=(0, 1)).set_yticks([])
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. Only the mean and the standard deviation over all pictures stay. The weights still decide which pictures get high values.
#
# </details>
#
# Without BN, 3 250 weights together decide the mean and the standard deviation. With BN each has a parameter of its own. This is a
# **reparameterization**: the same functions, described by other parameters. Lesson 07 measures whether it helps training.
#
# ## Are γ and β needed?
#
# Two rings of points lie around 0. A network should say whether a point lies on the inner one. Each point $p$ has an opposite, $-p$, on the same ring.


# %%
def rings(seed, number=2):
    """300 points p, then their opposites −p; and the labels: 1 for the inner ring (and for a third one)."""
    rng = np.random.default_rng(seed)
    ring, angle = rng.integers(0, number, 300), rng.uniform(0, 2 * np.pi, 300)
    radius = (ring + 1) / 2 + 0.08 * rng.normal(size=300)
    p = torch.tensor(radius * [np.cos(angle), np.sin(angle)], dtype=torch.float32).T
    return torch.cat([p, -p]), torch.tensor(ring % 2 == 0).float().repeat(2)


# %% [markdown]
# The network has one hidden layer, linear → BN → sigmoid, and a linear output layer with a bias. Its output is one number, the **score**: above 0 it
# means "inner". (The hidden linear layer has no bias: BN would subtract it.) A $\gamma$ that is not learned stays at 1, a $\beta$ at 0.


# %% tags=["nbval-ignore-output"]
def trained(seed, activation, gamma, beta, number=2):
    """A network that learns γ or not, β or not; the share of new points it gets right."""
    net = mlp([2, 50, 1], activation, batch_norm=True, seed=seed)
    net.bn_1.weight.requires_grad_(gamma)  # PyTorch calls γ weight,
    net.bn_1.bias.requires_grad_(beta)  # and β bias
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


def five_seeds(name, *kind):
    nets, right = zip(*(trained(seed, *kind) for seed in range(5)), strict=True)
    print(f"{name:20}  right:", *(f"{share:4.0%}" for share in right))
    return nets, right


torch.set_num_threads(1)  # so small a network is fastest on one thread
kinds = {"γ and β": (True, True), "β only": (False, True), "γ only": (True, False), "neither": (False, False)}
results = {name: five_seeds(name, nn.Sigmoid, *kind) for name, kind in kinds.items()}


# %% tags=["draws"] alt="Four pictures of the two rings with the regions where the network says inner and outer. With gamma and beta, and with beta only, it says inner in a disk that holds the inner ring. With gamma only and with neither it says outer everywhere."
assert all(min(right) > 0.95 if kinds[name][1] else max(right) < 0.6 for name, (_, right) in results.items())
figure, axes = figures.new_figure(columns=4, size=(7.0, 2.7))
side, (points, label) = torch.linspace(-1.4, 1.4, 141), rings(0)
grid, colors = torch.cartesian_prod(side, side), ["#E6E6E6", "#EFC9DF"]
for ax, (name, (nets, _)) in zip(axes, results.items(), strict=True):
    regions = ax.contourf(side, side, nets[0](grid).reshape(141, 141).T > 0, [-0.5, 0.5, 1.5], colors=colors)
    for number, role in ((1, "biased"), (0, "population")):
        figures.points(*points[label == number][::3].numpy().T, ax=ax, role=role)
    figures.frame(ax, title=name).set(aspect="equal", xticks=[], yticks=[])
handles = [*reversed(axes[0].lines), *regions.legend_elements()[0]]
words = ["outer ring", "inner ring", "network says outer", "network says inner"]
figure.legend(handles, words, loc="outside lower center", ncols=4, frameon=False, title="seed 0")
figures.show(figure)

# %% [markdown]
# Without $\beta$ the network gives one answer for all points: "outer" is right for 56 % of the new points, "inner" for 44 %.
#
# ## Why it fails without β
#
# Take a point $p$, its opposite $-p$, and one hidden unit. The linear layer gives opposite values for the two. All points come in such pairs, so
# the unit's mean is 0, and BN without $\beta$ only multiplies by a number. So if the sigmoid gets 1.2 for $p$, it gets −1.2 for $-p$.
#
# What does the sigmoid give for this pair? And a whole network (not trained yet, so each $\beta$ is 0)?

# %%
print("sigmoid of 1.2 and −1.2:", torch.sigmoid(torch.tensor([1.2, -1.2])).numpy().round(2))
scores = mlp([2, 50, 1], nn.Sigmoid, batch_norm=True, seed=1)(rings(0)[0])
of_p, of_opposite = scores.detach().numpy().reshape(2, 300)
print("scores of four points p:", of_p[:4].round(3))
print("scores of the four −p:  ", of_opposite[:4].round(3))
print("sums:                   ", (of_p + of_opposite)[:4].round(3))

# %% [markdown]
# The sigmoid's two values always add up to 1. The score is a weighted sum of such values, plus a bias. So the two scores of a pair add up to the same
# number for *all* pairs. Call it $2c$: if $p$ has the score $c + f$, then $-p$ has $c - f$. Only $f$ depends on $p$.
#
# But both lie on the same ring, say the inner one. Then the loss of each is $\ln(1 + e^{-\text{score}})$: small if the score is high. Take $c = 0$, and compare
# $f = 2$ with $f = 0$:

# %% tags=["draws"] alt="The loss of a point of the inner ring over its score: a curve that falls and bends upward. Two dots on it at the scores -2 and 2, joined by a dashed line. The middle of this line, at 1.13, lies above the dot on the curve at score 0, at 0.69."
assert np.ptp(of_p + of_opposite) < 1e-5
ax, score = figures.new_axes(size=(5.0, 2.8)), np.linspace(-3.5, 3.5, 141)
loss = np.log1p(np.exp(-score))
pair, zero, middle = [30, 110], loss[70], loss[[30, 110]].mean()  # scores −2 and 2; score 0
ax.plot(score, loss, "k-", [0, 0], [zero, middle], "ko")
ax.plot(score[pair], loss[pair], "o--", color=figures.role("moved").color)
ax.text(0.2, middle + 0.05, f"f = 2: {middle:.2f} on average")
ax.text(-0.2, zero - 0.3, f"f = 0: {zero:.2f}", ha="right")
figures.frame(ax, title="A pair loses least with f = 0", x="score of a point of the inner ring", y="loss")
figures.show(ax)

# %% [markdown]
# The curve is **convex** (it bends upward): with $f = 2$ one point gains less than the other loses. This holds for every $c$, and for the outer
# ring. So training makes $f$ small for all pairs. What is left is $c$: one score for all points.
#
# With $\beta$ the first step fails: BN adds the same number for $p$ and for $-p$, so its outputs are not opposite.
#
# ## And with ReLU?
#
# A ReLU replaces the sigmoid. We also try three rings: the third lies outside and has the label of the inner one.
#
# **Predict.** Does a ReLU network with neither $\gamma$ nor $\beta$ fail on two rings?

# %% tags=["nbval-ignore-output"]
_, two_neither = five_seeds("two rings, neither", nn.ReLU, False, False)
_, three_neither = five_seeds("three rings, neither", nn.ReLU, False, False, 3)
_, three_beta = five_seeds("three rings, β only", nn.ReLU, False, True, 3)
assert min(two_neither + three_beta) > 0.9 > 0.7 > max(three_neither)

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. Two units with the weights $w$ and $-w$ together give $\text{ReLU}(z) + \text{ReLU}(-z) = |z|$, the same for $p$ and $-p$.
#
# </details>
#
# On three rings it fails without $\beta$. From the middle straight outward, $z$ grows in proportion to the distance, and so does $\text{ReLU}(z)$. So the score
# is a straight line and crosses 0 once at most. Three rings need two crossings.
#
# And $\gamma$? These networks do without it. Before a ReLU, the next linear layer can take over a positive $\gamma$, if $\beta$ becomes
# $\beta/\gamma$: $\text{ReLU}(\gamma \hat{x} + \beta) = \gamma\,\text{ReLU}(\hat{x} + \beta/\gamma)$.
#
# ## The gradients of γ and β
#
# From $y = \gamma\,\hat{x} + \beta$, $\partial y_i/\partial\gamma = \hat{x}_i$ and $\partial y_i/\partial\beta = 1$. With $dy_i = \partial L/\partial y_i$, where $L$ is the loss, the chain rule gives
#
# $$d\gamma = \sum_i dy_i\,\hat{x}_i \qquad\qquad d\beta = \sum_i dy_i$$
#
# Both are **sums** over the batch, because one $\gamma$ and one $\beta$ serve all samples.
#
# **Predict.** A channel has the values 1, 1, 3, 3, so $\hat{x}$ is −1, −1, 1, 1. The gradient $dy$ is 1, 0, 0, −1. What are $d\gamma$ and $d\beta$?

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
# So a slightly larger $\gamma$ would lower the loss. The gradient $dx$ takes longer: lesson 04.
#
# ---
# **Shown:** in training, $\beta$ is the mean of $y$ and $|\gamma|$ its standard deviation. They can undo the normalization. A network can need $\beta$: it was the only bias before the activation.
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
