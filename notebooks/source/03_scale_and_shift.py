# %% [markdown]
# # 03 · Scale and shift
#
# *40 minutes · previous: [02 · Normalize](02_normalize.ipynb) · next: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) ·
# [exercises](exercises/03_scale_and_shift.ipynb)*
#
# After normalizing, BN multiplies by $\gamma$ and adds $\beta$: this makes the forward pass complete. But these two steps can undo the normalization. You see what they are
# for, and train networks to find out which of them is needed.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import batch_norm_forward, figures, labs
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
# Normalizing subtracts $\mu$ and divides by $\sqrt{\sigma^2 + \varepsilon}$. So with $\gamma = \sqrt{\sigma^2 + \varepsilon}$ and $\beta = \mu$ we get $x$ back.
#
# **Predict.** We keep these two numbers, and take the next batch. Does BN give back this batch, too?

# %%
rng = np.random.default_rng(1)
means, spreads = [5, -20, 300], [2, 0.1, 40]  # of three channels
x, x_next = rng.normal(means, spreads, size=(2, 64, 3))  # two batches
gamma, beta = np.sqrt(x.var(axis=0) + 1e-5), x.mean(axis=0)
for name, batch in (("this batch", x), ("the next one", x_next)):
    difference = abs(batch_norm(batch, gamma, beta) - batch).max(axis=0)
    print(f"{name:12}  largest difference, in σ: {(difference / x.std(axis=0)).round(3)}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only roughly: the next batch gets the mean and the standard deviation of the *first batch*.
#
# </details>
#
# After training, BN uses stored numbers for $\mu$ and $\sigma^2$ (lesson 05). With $\gamma$ and $\beta$ computed from the stored numbers, BN gives back every batch.
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
# $a\,(wx + b) + d = (aw)\,x + (ab + d)$. So BN adds no new functions. What it changes is the **training**.
#
# Take one unit in layer 2. Each training step changes the weights of layer 1, and this can change the mean and the standard
# deviation of our unit. With BN, they are $\beta$ and $|\gamma|$ in each batch, whatever the weights of layer 1 are.
#
# To see this, we add noise to the weights of layer 1 in 60 different ways. (It is half as large as the weights, far more than one step would change them, so that the difference is easy to see.) The weights of layer 2 stay the same. For each of these 60 versions we
# compute the unit's values for all digits.

# %%
w_1, w_2 = rng.normal(size=(64, 50)) / 4, rng.normal(size=50) / 4
noise = 0.5 * rng.normal(size=(60, 64, 50)) / 4
layer_1 = np.maximum(digits().x_train @ (w_1 + noise), 0)  # linear, ReLU
without = layer_1 @ w_2  # 60 versions, a column for each picture
gamma, beta = without.std(axis=1).mean(), without.mean()  # of a similar size as without BN
with_bn = np.array([batch_norm(row, gamma, beta) for row in without])
for name, rows in (("without BN", without), ("with BN", with_bn)):
    means, stds = rows.mean(axis=1), rows.std(axis=1)
    print(f"{name:10}  60 means from {means.min():.2f} to {means.max():.2f}", end=", ")
    print(f"60 standard deviations from {stds.min():.2f} to {stds.max():.2f}")

# %% tags=["draws"] alt="Two panels on the same axes with 60 thin histograms each. Without BN the histograms form a broad fan: each has another center and another width. With BN they lie on each other in one narrow bundle around a vertical line at beta = -0.73."
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.6))
edges = np.linspace(-3.5, 2.5, 31)
panels = {"without_bn": (without, "Without BN: 60 versions"), "with_bn": (with_bn, "With BN (black line: β)")}
for ax, (role, (rows, title)) in zip(axes, panels.items(), strict=True):
    heights = np.transpose([np.histogram(row, edges, density=True)[0] for row in rows])
    ax.plot(edges[1:] - 0.1, heights, color=figures.role(role).color, lw=0.9, alpha=0.6)
    figures.frame(ax, title=title, x="value of the unit", y="density", ylim=(0, 1)).set_yticks([])
axes[1].axvline(beta, color="black", lw=1)
figures.show(figure)

# %% [markdown]
# Without BN, all 3 250 weights before the unit take part in its mean and its standard deviation. With BN, these two numbers are parameters of their
# own, and the optimizer can change them directly. The same functions are described by other parameters: this is called a **reparameterization**. Lesson 07 measures whether it
# helps.
#
# ## Are γ and β needed?
#
# Two rings of points lie around 0. A network should say whether a point lies on the inner one. Each point $p$ has an opposite, $-p$, on the same ring.


# %%
def rings(seed):
    """300 points p, then their 300 opposites −p; the label is 1 on the inner ring, 0 on the outer."""
    rng = np.random.default_rng(seed)
    inner, angle = rng.random(300) < 0.5, rng.uniform(0, 2 * np.pi, 300)
    radius = np.where(inner, 0.5, 1.0) + 0.08 * rng.normal(size=300)
    p = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    points, label = np.concatenate([p, -p]), np.concatenate([inner, inner])
    return torch.tensor(points).float(), torch.tensor(label).float()


# %% [markdown]
# The network has one hidden layer, linear → BN → sigmoid, and a linear output layer with a bias. Its output is the **score**: above 0 it
# means "inner". (The hidden linear layer has no bias: BN would subtract it.) A $\gamma$ that is not learned stays at 1, a $\beta$ at 0.
#
# **Predict.** Which of $\gamma$ and $\beta$ can be left out? Remember that each point has an opposite.


# %% tags=["nbval-ignore-output"]
def trained(seed, learn_gamma=True, learn_beta=True, activation=nn.Sigmoid):
    net = mlp([2, 50, 1], activation, batch_norm=True, seed=seed)
    net.bn_1.weight.requires_grad_(learn_gamma)  # PyTorch calls γ weight,
    net.bn_1.bias.requires_grad_(learn_beta)  # and β bias
    points, label = rings(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(300):
        loss = nn.functional.binary_cross_entropy_with_logits(net(points)[:, 0], label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()  # from now on with stored statistics, see lesson 05


new_points, new_label = rings(100)


def five_seeds(name, **options):
    nets = [trained(seed, **options) for seed in range(5)]
    right = [((net(new_points)[:, 0] > 0) == new_label).float().mean() for net in nets]
    print(f"{name:8}  right:", *(f"{share:4.0%}" for share in right))
    return nets, right


torch.set_num_threads(1)  # so small a network is fastest on one thread
both = five_seeds("γ and β")
beta_only = five_seeds("β only", learn_gamma=False)
gamma_only = five_seeds("γ only", learn_beta=False)
neither = five_seeds("neither", learn_gamma=False, learn_beta=False)
assert min(both[1] + beta_only[1]) > 0.95 > 0.6 > max(gamma_only[1] + neither[1])


# %% tags=["draws"] alt="Four pictures of the two rings with the regions where the network says inner and outer. With gamma and beta, and with beta only, it says inner in a disk that holds the inner ring. With gamma only and with neither it gives the same answer everywhere."
figure, axes = figures.new_figure(columns=4, size=(7.0, 2.5))
results = {"γ and β": both, "β only": beta_only, "γ only": gamma_only, "neither": neither}
side, (points, label) = torch.linspace(-1.4, 1.4, 141), rings(0)
grid, colors = torch.cartesian_prod(side, side), ["#E6E6E6", "#EFC9DF"]
for ax, (name, (nets, _)) in zip(axes, results.items(), strict=True):
    regions = ax.contourf(side, side, nets[0](grid).reshape(141, 141).T > 0, [-0.5, 0.5, 1.5], colors=colors)
    for number, role in ((1, "biased"), (0, "population")):
        figures.points(*points[label == number][::3].numpy().T, ax=ax, role=role)
    (pair,) = ax.plot(*np.array([points[2], -points[2]]).T, "ko-", lw=1, ms=4)
    figures.frame(ax, title=name).set(aspect="equal", xticks=[], yticks=[])
handles = [*axes[0].lines[1::-1], *regions.legend_elements()[0], pair]
words = ["outer ring", "inner ring", "network says outer", "network says inner", "a pair"]
figure.legend(handles, words, loc="outside lower center", ncols=5, frameon=False, columnspacing=1)
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\gamma$ can be left out, $\beta$ cannot. With $\beta$, all or nearly all answers are right; without it, about half of them.
#
# </details>
#
# ## A point and its opposite
#
# Why does the network fail without $\beta$? Take a point $p$, its opposite $-p$, and one hidden unit:
#
# - The linear layer gives $z$ for $p$ and $-z$ for $-p$.
# - All points come in such pairs, so the mean of $z$ is 0. BN subtracts 0 and multiplies each $z$ by the same number.
# - So the sigmoid gets opposite values, too. Its outputs for $v$ and $-v$ always add up to 1, whatever $v$ is.
#
# The score is a weighted sum of 50 such outputs, plus a bias. What do the two scores of *any* pair have in common? We look at a network that is
# not trained yet.

# %%
net = mlp([2, 50, 1], nn.Sigmoid, batch_norm=True, seed=0)  # each β is 0
of_p, of_opposite = net(rings(0)[0])[:, 0].detach().numpy().reshape(2, 300)
print("scores of four points p:", of_p[:4].round(3))
print("scores of the four −p:  ", of_opposite[:4].round(3))
print("sums:                   ", (of_p + of_opposite)[:4].round(3))
assert np.ptp(of_p + of_opposite) < 1e-5

# %% [markdown]
# All pairs have the same sum. This holds for trained weights, too, because the steps above hold for all weights.
#
# **Predict.** We say that a pair is right if *both* its points get the right answer: two scores above 0 on the inner ring, two below 0 on the outer
# ring. Can a network without $\beta$ have right pairs on both rings?


# %% tags=["nbval-ignore-output"]
def right_pairs(net, inner):
    """The share of the pairs of one ring for which both answers are right."""
    right = ((net(new_points)[:, 0] > 0) == new_label).reshape(2, 300).all(dim=0)
    return right[new_label[:300] == inner].float().mean()


for name, nets in {"γ and β": both[0], "γ only": gamma_only[0]}.items():
    print(f"{name:8} inner ring:", *(f"{right_pairs(net, inner=1):4.0%}" for net in nets))
    print(f"{name:8} outer ring:", *(f"{right_pairs(net, inner=0):4.0%}" for net in nets))

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. Two scores above 0 have a sum above 0, and two scores below 0 a sum below 0. But without $\beta$ the sum is the same for all pairs of both rings.
#
# </details>
#
# So whatever its weights are, a network without $\beta$ has no right pair on one of the rings. These five give one answer to all points: "outer" is right for 57 % of the new points, and "inner" for 43 %.
#
# With $\beta$ the sigmoid gets $z + \beta$ and $-z + \beta$. These are no opposite numbers, and the sums differ from pair to pair. The bias of the
# output layer cannot do this: it adds the same number to all scores, so all sums stay equal.
#
# ## And with ReLU?
#
# **Predict.** Can a network with ReLU tell the two rings apart without $\gamma$ and $\beta$?

# %% tags=["nbval-ignore-output"]
_, relu = five_seeds("neither", learn_gamma=False, learn_beta=False, activation=nn.ReLU)
assert min(relu) > 0.9

# %% [markdown]
# <details><summary>Answer</summary>
#
# Yes. Take two hidden units with the weights $w$ and $-w$: $\text{ReLU}(z) + \text{ReLU}(-z) = |z|$ is the same for $p$ and $-p$, and on the whole larger on the outer ring.
#
# </details>
#
# And $\gamma$? None of these networks needed it. For a ReLU there is a reason. If $\gamma > 0$,
#
# $$\text{ReLU}(\gamma \hat{x} + \beta) = \gamma\;\text{ReLU}\Big(\hat{x} + \frac{\beta}{\gamma}\Big)$$
#
# So a layer without $\gamma$ can give the same: $\beta/\gamma$ is its shift, and the weights of the *next* layer are multiplied by $\gamma$. (If $\gamma < 0$, first turn the sign of the weights before BN.) For a sigmoid this does not hold,
# but the network did not need $\gamma$ there either.
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
print("dγ:", (dy * x_hat).sum(axis=0).round(3), "  dβ:", dy.sum(axis=0))

layer = nn.BatchNorm1d(1, dtype=torch.float64)
layer(torch.tensor(x)).backward(torch.tensor(dy))
print("PyTorch: dγ:", layer.weight.grad.numpy().round(3), "  dβ:", layer.bias.grad.numpy())

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
