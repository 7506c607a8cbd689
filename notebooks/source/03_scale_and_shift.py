# %% [markdown]
# # 03 · Scale and shift
#
# *35 minutes · previous: [02 · Normalize](02_normalize.ipynb) · next: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) ·
# [exercises](exercises/03_scale_and_shift.ipynb)*
#
# After normalizing, BN multiplies by $\gamma$ and adds $\beta$. With the right values, these two steps undo the whole normalization. You write the complete forward
# pass, see what $\gamma$ and $\beta$ control, and train networks to find out which of the two they need.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import batch_norm_backward, batch_norm_forward, figures, labs
from bnteach.data import digits
from bnteach.training import mlp, train

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
# This is BN's whole forward pass. $\gamma$ and $\beta$ are **parameters**, like weights: they start at 1 and 0, and the optimizer changes them
# after each backward pass. BN itself returns $y$ and changes no parameter.
#
# ## Undo it
#
# Multiply by what you divided by, and add what you subtracted: $\gamma = \sqrt{\sigma^2 + \varepsilon}$ and $\beta = \mu$ give back $x$.
#
# **Predict.** Do the same two numbers also give back the next batch, drawn from the same data?

# %%
rng = np.random.default_rng(1)
means, stds = [5, -20, 300], [2, 0.1, 40]  # of three channels
x, x_next = rng.normal(means, stds, (64, 3)), rng.normal(means, stds, (64, 3))
gamma, beta = np.sqrt(x.var(axis=0) + 1e-5), x.mean(axis=0)
for name, batch in (("this batch", x), ("the next one", x_next)):
    difference = abs(batch_norm(batch, gamma, beta) - batch).max(axis=0)
    print(f"{name:12}  largest difference, in σ: {(difference / x.std(axis=0)).round(3)}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not exactly: the next batch has another mean and another variance.
#
# </details>
#
# So a BN layer *can* be the identity, for one batch. After training, BN uses stored numbers for $\mu$ and $\sigma^2$, the same for
# every batch (lesson 05). Then it can be the identity for all.
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
# 3. The same number for every sample: the activation of $\beta$. The channel is switched off.
# 4. How many values the ReLU lets through: few with $\beta = -2$, and with $\beta = 2$ nearly all, so the layer is almost linear.
#
# </details>
#
# ## "If γ and β can undo it, why bother?"
#
# With stored $\mu$ and $\sigma^2$, a network with BN can compute the same functions as one without. What changes is **which parameter controls
# what**.
#
# Take one unit in the second layer of a small network with random weights. We change the weights of the **first** layer at random, by half of their size, and
# draw a histogram of the unit's values. We do this 60 times, each time from the original weights, without BN and with BN ($\gamma = 1$, $\beta = 0.5$).
#
# **Predict.** Which 60 histograms have the same center and the same width: those without BN, those with BN, or both?

# %%
data = digits()
w_1, w_2 = rng.normal(size=(64, 50)) / 4, rng.normal(size=50) / 4
without, with_bn = [], []
for _ in range(60):
    change = 0.5 * rng.normal(size=(64, 50)) / 4
    h = np.maximum(data.x_train @ (w_1 + change), 0)  # layer 1: linear, ReLU
    unit = h @ w_2
    without.append(unit)
    with_bn.append(batch_norm(unit, gamma=1.0, beta=0.5))

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
# <details><summary>Answer</summary>
#
# Those with BN: the mean is $\beta$ and the standard deviation $|\gamma|$, each time.
#
# </details>
#
# Without BN, thousands of weights together decide the unit's mean and standard deviation. With BN each of the two has a parameter of its own, which gradient
# descent changes directly. The weights below still decide which samples are high and which are low. To describe the same functions by other parameters is called a
# **reparameterization**.
#
# ## Are γ and β needed?
#
# So far we know what $\gamma$ and $\beta$ control, but not that a network needs them. Two rings of points lie around 0. A network should say which ring a point belongs to. Each point $p$ has its opposite $-p$ on the same ring.


# %%
def rings(seed):
    """300 points p, then their opposites −p; and the ring of each point: 1 is the inner ring."""
    rng = np.random.default_rng(seed)
    ring, angle = rng.integers(0, 2, 300), rng.uniform(0, 2 * np.pi, 300)
    radius = np.where(ring == 1, 0.5, 1.0) + 0.08 * rng.normal(size=300)
    p = torch.tensor(radius * [np.cos(angle), np.sin(angle)], dtype=torch.float32).T
    return torch.cat([p, -p]), torch.tensor(ring).repeat(2)


# %% [markdown]
# Each network has two hidden layers, linear → BN → activation, and a linear output layer, which alone has a bias. In some networks
# $\gamma$ or $\beta$ is not learned and stays at 1 or 0.


# %%
def trained(seed, activation, gamma, beta):
    """A trained network; gamma and beta say which of the two it learns."""
    net = mlp([2, 50, 50, 2], activation, batch_norm=True, seed=seed)
    for bn in (net.bn_1, net.bn_2):
        bn.weight.requires_grad_(gamma)  # PyTorch calls γ weight,
        bn.bias.requires_grad_(beta)  # and β bias
    points, ring = rings(seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    for _ in range(300):
        loss = nn.functional.cross_entropy(net(points), ring)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()  # with stored means and variances: lesson 05


# %% [markdown]
# We train three kinds, with five seeds each:
#
# - sigmoid, only $\beta$ is learned;
# - sigmoid, only $\gamma$ is learned;
# - ReLU, neither is learned.
#
# Of the 600 points for the test, 56 % lie on the inner ring. So one answer for all points is right for 56 % or for 44 %.
#
# **Predict.** Which of the three kinds solve the problem?

# %% tags=["nbval-ignore-output"]
torch.set_num_threads(1)  # so small a network is fastest on one thread
nets = {
    "sigmoid, β only": [trained(seed, nn.Sigmoid, gamma=False, beta=True) for seed in range(5)],
    "sigmoid, γ only": [trained(seed, nn.Sigmoid, gamma=True, beta=False) for seed in range(5)],
    "ReLU, neither": [trained(seed, nn.ReLU, gamma=False, beta=False) for seed in range(5)],
}
new_points, new_ring = rings(100)
accuracy = {}
for name, five in nets.items():
    accuracy[name] = [(net(new_points).argmax(dim=1) == new_ring).numpy().mean() for net in five]
    print(f"{name:15}", *(f"{value:4.0%}" for value in accuracy[name]))

# %% tags=["draws"] alt="Three pictures of the two rings with the region that the network takes for the inner ring. Sigmoid with beta: a disk around the inner ring. Sigmoid with gamma only: the whole plane belongs to one class. ReLU with neither: a disk again."
assert min(accuracy["sigmoid, β only"] + accuracy["ReLU, neither"]) > 0.95
assert max(accuracy["sigmoid, γ only"]) < 0.6
figure, axes = figures.new_figure(columns=3, size=(7.0, 2.9))
side = np.linspace(-1.4, 1.4, 141, dtype=np.float32)
grid = torch.from_numpy(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))
points, ring = rings(0)
inner = figures.role("biased").color
for ax, name in zip(axes, nets, strict=True):
    answers = nets[name][0](grid).argmax(dim=1).reshape(141, 141)
    ax.contourf(side, side, answers, levels=[0.5, 1.5], colors=[inner], alpha=0.3)
    for number, role in ((1, "biased"), (0, "population")):
        figures.points(*points[ring == number].numpy().T, ax=ax, role=role)
    figures.frame(ax, title=name, xlim=(-1.4, 1.4), ylim=(-1.4, 1.4))
    ax.set(aspect="equal", xticks=[], yticks=[])
figure.supxlabel("Squares: the inner ring.  Shaded: what the network takes for it.", fontsize=10)
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Sigmoid with $\beta$, and ReLU, for every seed. Sigmoid with $\gamma$ only gives one answer for all points.
#
# </details>
#
# Why does a sigmoid network without $\beta$ fail? (The pictures show seed 0.)
#
# 1. **BN keeps opposites opposite.** A unit of layer 1 computes $w \cdot p$. The batch holds $-p$ for every $p$, so the mean is 0. BN subtracts this 0, divides,
#    and multiplies by $\gamma$. So its output for $-p$ is the opposite of its output for $p$.
# 2. **So does the sigmoid, around $\frac{1}{2}$.** It gives $\frac{1}{2} + s$ for $p$ and $\frac{1}{2} - s$ for $-p$. The halves are the same for all points, so
#    the BN of layer 2 subtracts what comes from them. In the end the **score** for the inner ring (its output minus that for the outer ring) is $c + f(p)$ for $p$ and
#    $c - f(p)$ for $-p$, with one $c$ for all points.
# 3. **But $p$ and $-p$ lie on the same ring.** If $f$ makes the score better for one of them, it makes it worse for the other, and that costs more. (On the inner
#    ring the scores 1 and −1 have the cross-entropies 0.31 and 1.31, while 0 and 0 have 0.69 and 0.69.) So training makes $f$ small, and $c$ is left: one answer for all points.
#
# Step 2 can be tested. The scores $c + f(p)$ and $c - f(p)$ have the correlation −1 over all points:


# %% tags=["nbval-ignore-output"]
def correlation(net):
    """Of the scores for "inner ring" at the 300 points p, and at their opposites −p."""
    outputs = net(new_points).detach()
    score = outputs[:, 1] - outputs[:, 0]
    return np.corrcoef(score[:300], score[300:])[0, 1]


for name, five in nets.items():
    print(f"{name:15}", *(f"{correlation(net):5.2f}" for net in five))
assert max(correlation(net) for net in nets["sigmoid, γ only"]) < -0.99

# %% [markdown]
# Without $\beta$ it is −1. With $\beta$ step 1 fails: the same number is added for $p$ and for $-p$. With ReLU step 2 fails: it is not symmetric. In short,
# normalization takes the **bias** away, and $\beta$ gives it back.
#
# ## What γ and β become
#
# How far do they move from their start, 1 and 0? We train a network with three hidden ReLU layers on the digits, with five seeds.

# %% tags=["nbval-ignore-output"]
five = [mlp([64, 100, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed) for seed in range(5)]
for seed, net in enumerate(five):
    train(net, data, epochs=20, learning_rate=0.2, seed=seed, every=1000, progress=False)
for layer in ("bn_1", "bn_2", "bn_3"):
    bns = [net.get_submodule(layer) for net in five]
    gamma = torch.cat([bn.weight for bn in bns]).detach().numpy()  # 500 values
    beta = torch.cat([bn.bias for bn in bns]).detach().numpy()
    print(f"{layer}: γ {gamma.min():.2f} to {gamma.max():.2f}, β {beta.min():5.2f} to {beta.max():.2f}")
    assert max(abs(gamma - 1).max(), abs(beta).max()) < 0.4

# %% [markdown]
# None moves farther than about 0.25. So in *this* network $\gamma$ and $\beta$ do not undo the normalization, though they could. In lesson 09 $\gamma$ moves much farther.
#
# Deeper: [Should γ start at 0?](deeper/should_gamma_start_at_zero.ipynb) ·
# [Should γ and β decay?](deeper/should_gamma_and_beta_decay.ipynb)
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
assert np.allclose([dgamma, dbeta], batch_norm_backward(dy, cache)[1:])  # whatever γ and β are

# %% [markdown]
# In both channels $d\gamma$ is negative: a slightly larger $\gamma$ would lower the loss. The third gradient, $dx$, takes longer: lesson 04.
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
