# %% [markdown]
# # 03 · Scale and shift
#
# *35 minutes · previous: [02 · Normalize](02_normalize.ipynb) · next: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) ·
# [exercises](exercises/03_scale_and_shift.ipynb)*
#
# After normalizing, BN multiplies by $\gamma$ and adds $\beta$. With the right values, these two steps undo the whole normalization. You write the complete forward
# pass, see what $\gamma$ and $\beta$ control, and train networks to find out which of the two is needed.

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
theirs, _ = batch_norm_forward(x, gamma=np.array([-3.0]), beta=np.array([-2.0]))
assert np.allclose(y, theirs)  # the package's BN gives the same

# %% [markdown]
# <details><summary>Answer</summary>
#
# The mean is $\beta$ and the standard deviation is $|\gamma|$, whatever $x$ was (unless it varies so little that $\varepsilon$ matters). A
# negative $\gamma$ also mirrors the values.
#
# </details>
#
# The next picture changes one of the two; the other stays at $\gamma = 1$ or $\beta = 0$.

# %% tags=["draws"] alt="Three panels. Each has the same skewed histogram of x̂ around 0 and, over it, y. With gamma = 2 and beta = 0, y is twice as wide. With gamma = 1 and beta = 3, y has the same shape, moved to the right by 3. With gamma = -1 and beta = 0, y is mirrored."
figure, axes = figures.new_figure(columns=3, size=(7.0, 2.5))
one_each = {"γ = 2: twice as wide": (2, 0), "β = 3: moved by 3": (1, 3), "γ = −1: mirrored": (-1, 0)}
for ax, (title, (gamma, beta)) in zip(axes, one_each.items(), strict=True):
    for values, role in ((batch_norm(x, 1, 0), "before"), (batch_norm(x, gamma, beta), "with_bn")):
        figures.histogram(values, ax=ax, bins=30, limits=(-6, 9), role=role)
    ax.set_yticks([])
    figures.frame(ax, title=title, x="value", xlim=(-6, 9))
figures.key(axes[2], {"before": "x̂", "with_bn": "y"}, place="upper right")
figures.show(figure)

# %% [markdown]
# So $\beta$ is where $y$ lies, and $|\gamma|$ is how wide it is. Both are **parameters**, like weights: $\gamma$ starts at 1 and $\beta$ at 0, and the optimizer changes them
# after each backward pass. BN itself returns $y$ and changes no parameter.
#
# ## Undo it
#
# Multiply by what you divided by, and add what you subtracted: $\gamma = \sqrt{\sigma^2 + \varepsilon}$ and $\beta = \mu$ give back $x$.
#
# Do the same $\gamma$ and $\beta$ also give back the next batch of 64, drawn from the same data?

# %%
rng = np.random.default_rng(1)
means, stds = [5, -20, 300], [2, 0.1, 40]  # of three channels
x, x_next = rng.normal(means, stds, (64, 3)), rng.normal(means, stds, (64, 3))
gamma, beta = np.sqrt(x.var(axis=0) + 1e-5), x.mean(axis=0)
for name, batch in (("this batch", x), ("the next one", x_next)):
    difference = abs(batch_norm(batch, gamma, beta) - batch).max(axis=0)
    print(f"{name:12}  largest difference, in σ: {(difference / x.std(axis=0)).round(3)}")

# %% [markdown]
# This batch comes back exactly, the next one only roughly: the means of two batches differ by about $\sigma\sqrt{2/64} \approx 0.18\,\sigma$ (lesson 01), and their
# standard deviations differ as well.
#
# After training, BN uses stored numbers for $\mu$ and $\sigma^2$, the same for every batch (lesson 05). Then it can give back all of them.
#
# ## Lab: move γ and β
#
# As in lesson 02, a value is **saturated** where the activation is nearly flat.
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
# 3. How many values the ReLU lets through: few with $\beta = -2$, and with $\beta = 2$ nearly all, so the layer is almost linear.
#
# </details>
#
# ## "If γ and β can undo it, why bother?"
#
# After training, BN only multiplies each channel by a number and adds another one. So it computes nothing that a network without BN could not. What changes is
# **which parameter controls what**: whatever changes in the layers below, $\beta$ and $\gamma$ keep the unit where they say.
#
# Take one unit in the second layer of a network with random weights. Sixty times we add noise to its **first** layer, with half the
# standard deviation of the weights, and draw a histogram of the unit's values, without BN and with BN ($\gamma = 1$, $\beta = 0.5$).

# %%
pictures = digits().x_train
w_1, w_2 = rng.normal(size=(64, 50)) / 4, rng.normal(size=50) / 4
without, with_bn = [], []
for _ in range(60):
    change = 0.5 * rng.normal(size=(64, 50)) / 4
    layer_1 = np.maximum(pictures @ (w_1 + change), 0)  # linear, ReLU
    without.append(layer_1 @ w_2)
    with_bn.append(batch_norm(without[-1], gamma=1.0, beta=0.5))

# %% tags=["draws"] alt="Two panels on the same axes with 60 thin histograms each. Without BN they form a broad fan: each has another center and another width. With BN they lie on each other in one narrow bundle around 0.5."
assert np.allclose(np.mean(with_bn, axis=1), 0.5)
assert np.allclose(np.std(with_bn, axis=1), 1, atol=1e-3)
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.8))
edges = np.linspace(-4.5, 4.5, 31)
for ax, units, role in zip(axes, (without, with_bn), ("without_bn", "with_bn"), strict=True):
    for unit in units:
        density, _ = np.histogram(unit, edges, density=True)
        ax.plot((edges[1:] + edges[:-1]) / 2, density, lw=0.9, alpha=0.6, color=figures.role(role).color)
    ax.set_yticks([])
figures.frame(axes[0], title="Layer 1 changed 60 times, without BN", x="value of the unit", ylim=(0, 0.9))
figures.frame(axes[1], title="The same 60 changes, with BN", x="value of the unit", ylim=(0, 0.9))
figures.show(figure)

# %% [markdown]
# Without BN, thousands of weights together decide the unit's mean and standard deviation. (A bias moves the mean, but does not hold it.) With BN each of the two has
# a parameter of its own. Does this help training? Lesson 07 measures it. The weights below still decide which samples are high and which are low. To describe the same functions by other parameters is called a
# **reparameterization**.
#
# ## Are γ and β needed?
#
# Two rings of points lie around 0. A network should say on which ring a point lies. With each point $p$, its opposite $-p$ is there as well, on the same ring.


# %%
def rings(seed):
    """300 points p, then their opposites −p; and the ring of each point: 1 is the inner ring."""
    rng = np.random.default_rng(seed)
    ring, angle = rng.integers(0, 2, 300), rng.uniform(0, 2 * np.pi, 300)
    radius = np.where(ring == 1, 0.5, 1.0) + 0.08 * rng.normal(size=300)
    p = torch.tensor(radius * [np.cos(angle), np.sin(angle)], dtype=torch.float32).T
    return torch.cat([p, -p]), torch.tensor(ring).repeat(2)


new_points, new_ring = rings(100)  # to test with


# %% [markdown]
# Each network has one hidden layer, linear → BN → activation, and a linear output layer with a bias. The hidden layer has none: BN would subtract it (lesson
# 02). A $\gamma$ that is not learned stays at 1, a $\beta$ at 0.


# %%
def trained(seed, activation, gamma, beta):
    """A network that learns gamma or not, beta or not; its last loss; the share of new points it gets right."""
    net = mlp([2, 50, 2], activation, batch_norm=True, seed=seed)
    net.bn_1.weight.requires_grad_(gamma)  # PyTorch calls γ weight,
    net.bn_1.bias.requires_grad_(beta)  # and β bias
    points, ring = rings(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(300):
        loss = nn.functional.cross_entropy(net(points), ring)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()  # now with stored means and variances, lesson 05
    return net, loss.item(), (net(new_points).argmax(dim=1) == new_ring).numpy().mean()


# %% [markdown]
# We train four kinds of networks, with five seeds each, and test them on the new points.
#
# **Predict.** Which of the four solve the problem: sigmoid with $\gamma$ and $\beta$, with $\beta$ only, with $\gamma$ only, and ReLU with neither?

# %% tags=["nbval-ignore-output"]
torch.set_num_threads(1)  # so small a network is fastest on one thread
kinds = {
    "sigmoid, γ and β": (nn.Sigmoid, True, True),
    "sigmoid, β only": (nn.Sigmoid, False, True),
    "sigmoid, γ only": (nn.Sigmoid, True, False),
    "ReLU, neither": (nn.ReLU, False, False),
}
nets, losses, accuracy = {}, {}, {}
for name, kind in kinds.items():
    runs = [trained(seed, *kind) for seed in range(5)]
    nets[name], losses[name], accuracy[name] = zip(*runs, strict=True)
    loss_row = " ".join(f"{loss:.2f}" for loss in losses[name])
    accuracy_row = " ".join(f"{value:4.0%}" for value in accuracy[name])
    print(f"{name:16}  loss {loss_row}   right {accuracy_row}")

# %% tags=["draws"] alt="Three pictures of the two rings with the region that the network takes for the inner ring. Sigmoid with beta: a disk around the inner ring. Sigmoid with gamma only: the whole plane belongs to one class. ReLU with neither: a disk again."
fails = "sigmoid, γ only"
assert max(accuracy[fails]) < 0.6
assert max(abs(loss - np.log(2)) for loss in losses[fails]) < 0.01
assert min(min(accuracy[name]) for name in kinds if name != fails) > 0.95
figure, axes = figures.new_figure(columns=3, size=(7.0, 2.9))
side = np.linspace(-1.4, 1.4, 141, dtype=np.float32)
grid = torch.from_numpy(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))
points, ring = rings(0)
inner = figures.role("biased").color
for ax, name in zip(axes, list(kinds)[1:], strict=True):
    answers = nets[name][0](grid).argmax(dim=1).reshape(141, 141)
    ax.contourf(side, side, answers, levels=[0.5, 1.5], colors=[inner], alpha=0.3)
    for number, role in ((1, "biased"), (0, "population")):
        figures.points(*points[ring == number].numpy().T, ax=ax, role=role)
    figures.frame(ax, title=name, xlim=(-1.4, 1.4), ylim=(-1.4, 1.4))
    ax.set(aspect="equal", xticks=[], yticks=[])
caption = "Seed 0 of five. Squares: the inner ring. Shaded: what the network takes for it."
figure.supxlabel(caption, fontsize=10)
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# All but the sigmoid with $\gamma$ only, for every seed. It gives one answer for all points: the inner ring is right for 56 % of the new points, the outer for 44 %. Its
# loss is about $\ln 2 \approx 0.69$, as if it guessed.
#
# </details>
#
# ## Why it fails without β
#
# The points $p$ and $-p$ lie on the same ring, but a sigmoid network without $\beta$ treats them as opposites. In three steps:
#
# 1. **BN gives opposite values.** A hidden unit computes $w \cdot p$, and for $-p$ the opposite. So its mean over the batch is 0, and BN only multiplies it by
#    a number. If this gives $z$ for $p$, it gives $-z$ for $-p$.
# 2. **The sigmoid gives values opposite around $\frac{1}{2}$.** If it gives $\frac{1}{2} + s$ for $p$, it gives $\frac{1}{2} - s$ for $-p$. The **score** is the output for "inner" minus the one for
#    "outer": a weighted sum of all units, plus a bias. The halves and the bias add up to the same number $c$ for all points; the $s$ add up to some $f$ for $p$, and to
#    $-f$ for $-p$. So the scores are $c + f$ and $c - f$.
# 3. **So $f$ does more harm than good.** $p$ and $-p$ have the same label, so if $f$ makes one score better, it makes the other worse. The loss is a convex function of
#    the score, so the worse score costs more than the better one saves. Training makes $f$ small, and $c$ is left: one answer for all points.
#
# Step 2 can be measured: as the correlation between the scores of $p$ and $-p$, over the 300 pairs of new points.
#
# **Predict.** With $\gamma$ only it is −1: where one score is above the average, the other is below it by as much. What is it, about, for the three that solve the problem?


# %% tags=["nbval-ignore-output"]
def correlation(net):
    """Of the scores at the points p, and at their opposites −p."""
    outputs = net(new_points).detach()
    score = outputs[:, 1] - outputs[:, 0]
    return np.corrcoef(score[:300], score[300:])[0, 1]


for name, five in nets.items():
    print(f"{name:16}", *(f"{correlation(net):5.2f}" for net in five))
assert max(correlation(net) for net in nets["sigmoid, γ only"]) < -0.99

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 1: both points of a pair lie on the same ring, so both scores are high or both are low.
#
# </details>
#
# What is different in the three others?
#
# - **With $\beta$**, step 1 fails: the same number is added for $p$ and for $-p$. Here $\beta$ is the only **bias** before the activation.
# - **With ReLU**, step 2 fails: of the values $z$ and $-z$, one becomes 0. Two units with the weights $w$ and $-w$ together give
#   $\text{ReLU}(z) + \text{ReLU}(-z) = |z|$, the same for $p$ and $-p$.
#
# And **$\gamma$**? Here $\beta$ alone is enough; with $\gamma$ the loss is lower after these 300 steps. If a ReLU follows, the next linear layer can do the work of a positive
# $\gamma$: $\text{ReLU}(\gamma \hat{x} + \beta) = \gamma\,\text{ReLU}(\hat{x} + \beta/\gamma)$.
#
# ## The gradients of γ and β
#
# From $y = \gamma\,\hat{x} + \beta$, $\partial y_i/\partial\gamma = \hat{x}_i$ and $\partial y_i/\partial\beta = 1$. With $dy_i$ for the gradient of the loss with respect to $y_i$, the chain rule gives
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
# So a slightly larger $\gamma$ would lower the loss. The third gradient, $dx$, takes longer: lesson 04.
#
# ---
# **Shown:** in training, $\beta$ is the mean of $y$ and $|\gamma|$ its standard deviation, whatever the layers below do. $\gamma$ and $\beta$ can undo the normalization. A sigmoid network
# can need $\beta$: it is the only bias before the activation.
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
