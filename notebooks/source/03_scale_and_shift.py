# %% [markdown]
# # 03 · Scale and shift
#
# *50 minutes · previous: [02 · Normalize](02_normalize.ipynb) ·
# next: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) ·
# [exercises](exercises/03_scale_and_shift.ipynb)*
#
# After normalizing, BN multiplies by $\gamma$ and adds $\beta$. With the right values these two undo the whole normalization. Then why
# normalize at all? You will see one answer in a picture, and another one in an experiment that goes wrong without $\beta$.
#
# ## What you will be able to do
#
# - choose γ and β so that BN gives its input back, up to rounding
# - say what γ and β are good for although they could undo everything, with an experiment that fails without β
# - compute the gradients of γ and β, and follow γ and β through a training
# - start a residual block as the identity, and say when that helps and when it costs
# - decide whether γ and β get weight decay, knowing what your framework does by itself

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, labs
from bnteach.data import digits
from bnteach.training import mlp, over_seeds, train

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## Two numbers for each channel
#
# $$y_i = \gamma\,\hat{x}_i + \beta$$
#
# $\hat{x}$ has mean 0 and standard deviation 1.
#
# **Predict.** With $\gamma = 3$ and $\beta = -2$: what are the mean and the standard deviation of $y$? And with $\gamma = -3$?

# %%
x = np.random.default_rng(0).exponential(4, size=(1000, 1))  # one channel, skewed
for gamma, beta in ((3, -2), (-3, -2)):
    y, _ = bnteach.batch_norm_forward(x, np.array([float(gamma)]), np.array([float(beta)]))
    print(f"γ = {gamma:2d}, β = {beta}:   mean {y.mean():.2f}   standard deviation {y.std():.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The mean is $\beta$ and the standard deviation is $|\gamma|$, whatever $x$ was (as long as it varies enough for $\varepsilon$ not to matter). A negative $\gamma$ turns the values around, and the standard
# deviation does not notice.
#
# </details>
#
# ## Undo it
#
# Normalizing was: subtract $\mu$, divide by $\sqrt{\sigma^2 + \varepsilon}$.
#
# **Predict.** Which $\gamma$ and which $\beta$ give back $x$, up to rounding?

# %% tags=["nbval-ignore-output"]
x = np.random.default_rng(1).normal(
    [5, -20, 300], [2, 0.1, 40], size=(64, 3)
)  # three quite different channels
worst = {}
for dtype in (np.float32, np.float64):
    x_t = x.astype(dtype)
    gamma, beta = np.sqrt(x_t.var(axis=0) + dtype(1e-5)), x_t.mean(axis=0)
    y, _ = bnteach.batch_norm_forward(x_t, gamma, beta)
    worst[dtype] = (abs(y - x_t) / abs(x_t)).max()
    print(f"{dtype.__name__}: largest relative difference {worst[dtype]:.0e}")

# %%
print("float32 below 1e-6: ", bool(worst[np.float32] < 1e-6))
print("float64 below 1e-12:", bool(worst[np.float64] < 1e-12))

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\gamma = \sqrt{\sigma^2 + \varepsilon}$ and $\beta = \mu$: multiply by what you divided by, add what you subtracted.
#
# </details>
#
# So a BN layer *can* be the identity, for this batch. The next batch has another mean and another variance, and fixed $\gamma$ and $\beta$ undo it only
# about as well as the two batches agree. After training, BN can use stored numbers for $\mu$ and $\sigma^2$, the same for
# every batch (lesson 05). Then it holds for all batches.
#
# ## Lab: turn the two knobs
#
# 1. Move $\gamma$, then $\beta$. Say beforehand what $y$ will do.
# 2. Press *Undo the normalization*. How large is the difference that is left?
# 3. Set $\gamma = 0$. What does the next layer get?
# 4. Choose ReLU and $\gamma = 1$. Move $\beta$ to −2, and to 2. What does $\beta$ decide?

# %% tags=["nbval-ignore-output"]
labs.GammaBeta()

# %% [markdown]
# The panels show the input, the normalized values, and $y$ on its way through the activation. Bars reach one standard deviation to
# each side of the mean; gray marks where the activation is flat. On the right is a histogram of the outputs, drawn to both sides.
#
# <details><summary>What you may have found</summary>
#
# 1. $\beta$ is where the middle of $y$ is, $|\gamma|$ is how wide it is.
# 2. Nothing, or nearly: the reading gives the largest difference in float64 and in float32.
# 3. The same number, $\beta$, for every sample. The channel is switched off.
# 4. How many values the ReLU lets through: 4 % with $\beta = -2$, nearly all with $\beta = 2$. There the ReLU does almost nothing, and the
#    layer is almost linear.
#
# </details>
#
# ## "If γ and β can undo it, why bother?"
#
# A first answer: it is not about *which* functions the network can express. It is about **which knob changes what**.
#
# Look at one unit in the second layer, $z = h W$, where $h$ comes from the first layer. What decides its mean and its standard deviation?
#
# To see it, we take a small network and jiggle the weights of its **first** layer, 60 times, by half of their size. Each time we ask for mean
# and standard deviation of one unit in the **second** layer.


# %%
data = digits()
rng = np.random.default_rng(0)
w_1, w_2 = rng.normal(size=(64, 50)) / 8, rng.normal(size=(50, 1)) / 7
one, half = np.array([1.0]), np.array([0.5])


def second_layer(w_1):
    """One unit of the second layer: its 1 347 values without BN, and with BN where γ = 1, β = 0.5."""
    z = np.maximum(data.x_train @ w_1, 0) @ w_2
    return z, bnteach.batch_norm_forward(z, gamma=one, beta=half)[0]


jiggled = [second_layer(w_1 + 0.5 * rng.normal(size=w_1.shape) / 8) for _ in range(60)]

# %% [markdown]
# **Predict.** In a plane with the mean to the right and the standard deviation upward: what does the cloud of 60 points look like without
# BN, and with BN?

# %%
ax = figures.points([z.mean() for z, _ in jiggled], [z.std() for z, _ in jiggled], role="without_bn")
figures.points([y.mean() for _, y in jiggled], [y.std() for _, y in jiggled], ax=ax, role="with_bn")
figures.frame(
    ax, title="60 changes in the layer below", x="mean of the unit", y="its standard deviation", ylim=(0, 1.3)
)
figures.key(ax, {"with_bn": "with BN: (β, γ)", "without_bn": "without BN"}, markers=True, place="upper left")
figures.show(
    ax,
    alt="Mean and standard deviation of one unit after 60 changes of the weights below. Without BN the points "
    "form a cloud. With BN all 60 points lie on top of each other, at mean 0.5 and standard deviation 1.",
)
for name, values in (("without BN", [z for z, _ in jiggled]), ("with BN", [y for _, y in jiggled])):
    means, stds = [v.mean() for v in values], [v.std() for v in values]
    print(
        f"{name:10}  mean {np.mean(means):.2f} ± {np.std(means):.2f}   std {np.mean(stds):.2f} ± {np.std(stds):.2f}"
    )

# %% [markdown]
# (± is the standard deviation over the 60 changes.) Without BN: a cloud. The mean moves by half of its size, the standard deviation by a
# seventh. Both depend on **all weights below**: on $W$, and on everything that made $h$. With BN all 60 points lie on one spot, at
# $(\beta, \gamma) = (0.5, 1)$. Two knobs, and nothing below touches them. (A bias would be a knob for the mean too, but it would not help
# the mean to *stay* where it is put.)
#
# This is called a **reparameterization**: what the unit can do is the same (compared with a unit that has a bias), but other numbers describe
# it. Before, its mean and spread came out of some thousand weights. Now they are two parameters of their own, which gradient descent can set directly, and which stay
# set when the layers below move. What the weights below still decide is the *pattern*: which samples are high and which are low.
#
# The picture explains what $\gamma$ and $\beta$ are. It does not prove that they help. For that we need an experiment.
#
# ## What goes wrong without them
#
# Lesson 02 found no difference on the digits, but there even a linear network was nearly as good. Here is a problem that no linear network can
# solve: two rings, one inside the other. To which ring does a point belong?

# %%
from sklearn.datasets import make_circles

from bnteach.data import Digits


def rings(seed):
    """900 points to learn from and 600 for the test, in the form that our training loop knows."""
    x, ring = make_circles(1500, noise=0.08, factor=0.5, random_state=seed)
    x, ring = x.astype(np.float32), ring.astype(np.int64)
    return Digits(x[:900], ring[:900], x[900:], ring[900:])


# %%
example = rings(0)
inner, outer = example.x_train[example.y_train == 1], example.x_train[example.y_train == 0]
ax = figures.points(inner[:, 0], inner[:, 1], role="biased", label="inner ring")
figures.points(outer[:, 0], outer[:, 1], ax=ax, role="population", label="outer ring")
ax.set_aspect("equal")
figures.frame(ax, title="Two rings around 0", x="first feature", y="second feature")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
figures.show(
    ax,
    alt="900 points in a plane: an inner ring of purple squares and an outer ring of gray dots, both around the origin.",
)

# %% [markdown]
# Both rings lie around 0. We train a sigmoid network with BN in four ways: $\gamma$ and $\beta$ learned; only $\beta$; only $\gamma$; neither.
# What is not learned stays at 1 or 0. A fifth network has ReLU instead of sigmoid, and learns neither.


# %%
def ring_results(seed):
    """For each network: the test accuracy, and how its scores for p and −p are related (explained below)."""
    ways = [
        (nn.Sigmoid, True, True),
        (nn.Sigmoid, False, True),
        (nn.Sigmoid, True, False),
        (nn.Sigmoid, False, False),
    ]
    results = []
    for activation, learn_gamma, learn_beta in [*ways, (nn.ReLU, False, False)]:
        net = mlp([2, 50, 50, 50, 2], activation, batch_norm=True, seed=seed)
        for bn in (net.bn_1, net.bn_2, net.bn_3):
            bn.weight.requires_grad_(learn_gamma)
            bn.bias.requires_grad_(learn_beta)
        history = train(net, rings(seed), epochs=40, learning_rate=0.2, seed=seed, every=1000, progress=False)
        results.append([history.test_accuracy[-1], mirror(net, rings(seed).x_test)])
    return results


def mirror(net, points):
    """The correlation of the network's scores for "inner ring" at the points p and at −p."""
    both = torch.from_numpy(np.concatenate([points, -points]))  # a batch in which each p has its −p
    scores = net.train()(both).detach().numpy()
    score = scores[:, 1] - scores[:, 0]
    return np.corrcoef(score[: len(points)], score[len(points) :])[0, 1]


# %% [markdown]
# **Predict.** Guessing gives 50 %. Which of the five solve the problem?

# %% tags=["nbval-ignore-output"]
names = ("sigmoid, γ and β", "sigmoid, β only", "sigmoid, γ only", "sigmoid, neither", "ReLU, neither")
results = over_seeds(ring_results, range(5), progress=False).values  # (seeds, networks, 2)
solved, mirrored = results[..., 0], results[..., 1]
for name, values in zip(names, solved.T, strict=True):
    print(f"{name:17}", *(f"{value:.0%}" for value in values))

# %%
print(
    "solved (every seed above 75 %):",
    *(name for name, v in zip(names, solved.T, strict=True) if v.min() > 0.75),
    sep="\n  ",
)
print(
    "guessing (every seed below 65 %):",
    *(name for name, v in zip(names, solved.T, strict=True) if v.max() < 0.65),
    sep="\n  ",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With sigmoid it is $\beta$ that decides: with it the problem is solved, without it the network
# only guesses. $\gamma$ makes no such difference. With ReLU neither is needed.
#
# </details>
#
# Why? BN sets every mean to 0, so before the activation there is **no bias left** but $\beta$. A sigmoid is symmetric:
# $\text{sigmoid}(-z) = 1 - \text{sigmoid}(z)$. Now take a point $p$ and the opposite point $-p$, on the same ring. (Our rings are symmetric
# around 0 up to chance.) Without $\beta$, each $\hat{x}$ of the first layer has the opposite sign for $-p$, and so it goes on through all hidden
# layers. Only the output layer has a bias. So the score for "inner ring" is $c + f(p)$, with one number $c$ for all points and $f(-p) = -f(p)$. To be
# right for $p$ *and* $-p$ in the inner ring, the network needs $c > 0$. In the outer ring it needs $c < 0$. One $c$ cannot be both.
#
# We can see it: if the score is $c + f(p)$, then its correlation at $p$ and at $-p$ is −1.

# %% tags=["nbval-ignore-output"]
for name, values in zip(names, mirrored.T, strict=True):
    print(f"{name:17}", *(f"{value:5.2f}" for value in values))

# %%
print("sigmoid without β: below −0.99, for every seed:", (mirrored[:, 2:4] < -0.99).all())
print("all others: above 0, for every seed:", (mirrored[:, [0, 1, 4]] > 0).all())

# %% [markdown]
# Without $\beta$ it is −1, with $\gamma$ and without. This is also why the two networks without $\beta$ guess alike: $\gamma$ stretches $f(p)$, and
# cannot change its symmetry. A $\beta$ breaks the symmetry. ReLU is not symmetric, and breaks it without help.
#
# So here is a case in which normalization alone does take something away, and $\beta$ gives it back. It is not the non-linearity as such: it is the
# **bias**, which BN had removed (lesson 02).
#
# ## The gradients of γ and β
#
# $\gamma$ and $\beta$ are learned like weights. From $y_i = \gamma \hat{x}_i + \beta$ the chain rule gives, with $dy_i$ for the gradient of the loss
# with respect to $y_i$:
#
# $$d\gamma = \sum_i dy_i\,\hat{x}_i \qquad\qquad d\beta = \sum_i dy_i$$
#
# Both are **sums** over the batch, because one $\gamma$ serves all samples. In numbers, for the 4 × 2 batch of lesson 00:

# %%
x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])
dy = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, -1.0], [-1.0, 0.0]])
y, cache = bnteach.batch_norm_forward(x, gamma=np.array([2.0, 3.0]), beta=np.array([-1.0, 10.0]))
dx, dgamma, dbeta = bnteach.batch_norm_backward(dy, cache)
x_hat = (y - [-1.0, 10.0]) / [2.0, 3.0]
print("Σ dy·x_hat:", (dy * x_hat).sum(axis=0).round(3), "  dgamma:", dgamma.round(3))
print("Σ dy:      ", dy.sum(axis=0), "  dbeta: ", dbeta)

# %% [markdown]
# $d\gamma$ asks: do the samples that should go up (negative $dy$) lie above the mean? Then a larger $\gamma$ helps. The third gradient, $dx$, is a
# longer story: lesson 04.
#
# ## What γ and β become
#
# They start at 1 and 0. We train a network with three hidden ReLU layers on the digits for 20 epochs, with five seeds.
#
# **Predict.** Will $\gamma$ and $\beta$ move far: by 0.1, by 1, or by 10?


# %%
def learned(seed):
    """γ and β of the three BN layers after training: shape (3, 2, 100)."""
    net = mlp([64, 100, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed)
    train(net, data, epochs=20, learning_rate=0.2, seed=seed, every=1000, progress=False)
    layers = (net.bn_1, net.bn_2, net.bn_3)
    return [[layer.weight.detach().numpy(), layer.bias.detach().numpy()] for layer in layers]


trained = over_seeds(learned, range(5), progress=False).values  # (5, 3, 2, 100)

# %%
figure, (left, right) = figures.new_figure(columns=2)
for layer, role in ((0, "before"), (2, "with_bn")):
    figures.histogram(trained[:, layer, 0], ax=left, bins=30, limits=(0.7, 1.4), role=role)
    figures.histogram(trained[:, layer, 1], ax=right, bins=30, limits=(-0.3, 0.3), role=role)
figures.frame(left, title="γ, from 1", xlim=(0.7, 1.4))
figures.frame(right, title="β, from 0", xlim=(-0.3, 0.3))
figures.key(left, {"before": "layer 1", "with_bn": "layer 3"}, place="upper left")
figures.show(
    figure,
    alt="Histograms of gamma and beta after training, for the first and the third hidden layer. All values stay near "
    "their start, 1 and 0, within about 0.2. In the third layer gamma has moved up.",
)

# %% [markdown]
# In numbers:

# %% tags=["nbval-ignore-output"]
for layer in (0, 1, 2):
    away_gamma, away_beta = abs(trained[:, layer] - [[1], [0]]).mean(axis=(0, 2))
    print(
        f"layer {layer + 1}: γ is {away_gamma:.2f} away from 1 on average, β is {away_beta:.2f} away from 0"
    )

# %% [markdown]
# They hardly move: by less than 0.1 on average, in the last hidden layer a little more than in the others. So in *this* network $\gamma$ and $\beta$ do
# not undo the normalization, though they could. Lesson 09 uses trainings in which $\gamma$ moves much farther, to find channels that a network can do
# without.
#
# ## Start a block as nothing
#
# Very deep networks are often built from **residual blocks**: $\text{output} = h + F(h)$. The block adds something to what comes in. If $F$
# ends with BN, then with $\gamma = 0$ it adds nothing: the block starts as the identity, and learns to do more.
#
# **Predict.** 20 blocks in a row. How does the spread of the values grow with $\gamma = 1$ at the start, and with $\gamma = 0$?


# %%
class Block(nn.Module):
    """h + BN(ReLU(h) W)"""

    def __init__(self, width, gamma):
        super().__init__()
        self.linear, self.bn = nn.Linear(width, width, bias=False), nn.BatchNorm1d(width)
        _ = nn.init.constant_(self.bn.weight, gamma)

    def forward(self, h):
        return h + self.bn(self.linear(torch.relu(h)))


class Divide(nn.Module):
    """h / number (for a later test)"""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def forward(self, h):
        return h / self.number


def residual_network(gamma, seed, divide_by=1.0):
    _ = torch.manual_seed(seed)
    first, blocks = nn.Linear(64, 100), [Block(100, gamma) for _ in range(20)]
    return nn.Sequential(first, *blocks, Divide(divide_by), nn.Linear(100, 10))


# %%
for gamma in (1.0, 0.0):
    h, spreads = torch.from_numpy(data.x_train), []
    for layer in residual_network(gamma, seed=0)[:21]:  # the first linear layer and the 20 blocks
        h = layer(h)
        spreads.append(h.std(dim=0).mean().item())
    print(f"γ = {gamma:.0f}: spread after 0, 1, 5, 20 blocks:", *(f"{spreads[k]:.2f}" for k in (0, 1, 5, 20)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# With $\gamma = 1$ each block adds a signal of spread 1. What is added is hardly related to what was there, so the *variances* add up: after 20 blocks the variance is
# about 20, and the spread about $\sqrt{20} \approx 4.5$. With $\gamma = 0$ nothing is added: what comes out is what went in.
#
# </details>
#
# Is that good for training? We train both for 2 epochs of 22 steps, with a small and with a large learning rate, and take the mean loss of the second epoch.


# %%
def early_loss(seed, gamma, rate, divide_by=1.0):
    net = residual_network(gamma, seed, divide_by)
    history = train(net, data, epochs=2, learning_rate=rate, seed=seed, every=1000, progress=False)
    return history.loss[22:].mean()


# %% [markdown]
# **Predict.** Which start has the lower loss in the second epoch: at the small rate 0.05? At the large one, 0.3?

# %% tags=["nbval-ignore-output"]
early = {}
for rate in (0.05, 0.3):
    for gamma in (1.0, 0.0):
        # g=gamma, r=rate: the function keeps the values of this turn of the loop
        early[rate, gamma] = over_seeds(
            lambda seed, g=gamma, r=rate: early_loss(seed, g, r), range(5), progress=False
        )
        print(f"rate {rate}, γ = {gamma:.0f} at the start:  loss {early[rate, gamma]}")

# %%
for rate in (0.05, 0.3):
    better = (early[rate, 0.0].values < early[rate, 1.0].values).sum()
    print(f"rate {rate}: starting with γ = 0 is better for {better} of 5 seeds")

# %% [markdown]
# <details><summary>Answer</summary>
#
# At the small rate $\gamma = 1$ is far ahead, at the large rate $\gamma = 0$.
#
# </details>
#
# One reason could stand in the table above: with $\gamma = 1$ the values that reach the output layer are about 30 times larger at the start, so the
# same learning rate makes much larger steps there. We test it: $\gamma = 1$, but the values are divided by 30 before the output layer.
#
# **Predict.** If this is the reason, which of the numbers above will come out now?

# %% tags=["nbval-ignore-output"]
divided = {}
for rate in (0.05, 0.3):
    divided[rate] = over_seeds(
        lambda seed, r=rate: early_loss(seed, 1.0, r, divide_by=30), range(5), progress=False
    )
    print(f"rate {rate}, γ = 1, divided by 30:  loss {divided[rate]}")

# %%
nearer = [
    abs(divided[r].mean - early[r, 0.0].mean) < abs(divided[r].mean - early[r, 1.0].mean) for r in (0.05, 0.3)
]
print("at both rates nearer to γ = 0 than to γ = 1:", bool(all(nearer)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# At both rates the loss comes near the one of $\gamma = 0$. So in this network it is the size of the values before the output layer that makes most of the difference.
#
# </details>
#
# And the slow start at the small rate, does it cost anything in the end? The test accuracy after 8 epochs at rate 0.05:


# %% tags=["nbval-ignore-output"]
def final_accuracy(seed):
    results = []
    for gamma in (1.0, 0.0):
        net = residual_network(gamma, seed)
        history = train(net, data, epochs=8, learning_rate=0.05, seed=seed, every=1000, progress=False)
        results.append(history.test_accuracy[-1])
    return [*results, results[1] - results[0]]


final = over_seeds(final_accuracy, range(5), progress=False)
for name, mean, half in zip(("γ = 1", "γ = 0", "difference"), final.mean, final.half_width, strict=True):
    print(f"{name:10} {mean:5.1%} ± {half:.1%}")

# %%
print("they differ by less than 5 %, for every seed:", (abs(final.values[:, 2]) < 0.05).all())

# %% [markdown]
# So it is not simply better or worse. Of the two rates here, the large one suits the zero start better; at the small one it costs a slow start, and
# after 8 epochs no difference larger than the interval is to be seen. Published recipes for large batches and large rates use it for their stability.
#
# With $\gamma = 0$, can a block learn at all? The first gradients of one block:

# %%
net = residual_network(0.0, seed=0)
nn.functional.cross_entropy(
    net(torch.from_numpy(data.x_train[:60])), torch.from_numpy(data.y_train[:60])
).backward()
print("largest gradient of W in block 5:", net[5].linear.weight.grad.abs().max().item())
print("γ of block 5 has a gradient:", bool(net[5].bn.weight.grad.abs().max() > 0))

# %% [markdown]
# In the first step $W$ gets nothing, since $dy$ is multiplied by $\gamma = 0$ on its way through $F$. But $d\gamma = \sum dy\,\hat{x}$ is not 0. So $\gamma$ moves first, and $W$
# wakes up with the second step.
#
# ## Weight decay on γ and β?
#
# **Weight decay** pulls parameters toward 0: each step multiplies them by a number a little below 1. For weights that is usual. For $\gamma$ it means: toward
# "this channel is switched off". A PyTorch optimizer decays all parameters that it is given, and `model.parameters()` includes $\gamma$ and $\beta$. (`SGD` decays by 0
# unless you say otherwise, `AdamW` by 0.01.) In Keras a layer has arguments of its own for it, `gamma_regularizer` and `beta_regularizer`, which do nothing
# unless they are set. Many training recipes leave $\gamma$, $\beta$ and biases out. In PyTorch that takes two groups of parameters:


# %%
def sgd(decay_all):
    """An optimizer with weight decay 0.01: on everything, or on weight matrices alone."""

    def make(parameters, lr):
        parameters = list(parameters)
        matrices = [p for p in parameters if p.ndim > 1]
        vectors = [p for p in parameters if p.ndim == 1]  # γ, β, biases
        groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.01 if decay_all else 0.0}]
        return torch.optim.SGD(groups, lr=lr, weight_decay=0.01)

    return make


def gamma_and_accuracy(seed, decay_all):
    net = mlp([64, 100, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed)
    history = train(
        net,
        data,
        epochs=20,
        learning_rate=0.2,
        seed=seed,
        every=1000,
        progress=False,
        optimizer=sgd(decay_all),
    )
    medians = [bn.weight.median().item() for bn in (net.bn_1, net.bn_2, net.bn_3)]
    return [*medians, net.output.weight.norm().item(), history.test_accuracy[-1]]


# %% [markdown]
# **Predict.** Where does $\gamma$ end with decay on everything? And what does it do to the test accuracy?

# %% tags=["nbval-ignore-output"]
spared = over_seeds(lambda seed: gamma_and_accuracy(seed, decay_all=False), range(5), progress=False)
decayed = over_seeds(lambda seed: gamma_and_accuracy(seed, decay_all=True), range(5), progress=False)
for name, result in (("γ, β spared", spared), ("γ, β decayed", decayed)):
    *medians, length, right = result.mean
    print(
        f"{name:13} median γ of layers 1, 2, 3:", *(f"{m:.2f}" for m in medians),
        f"  output weights: length {length:.2f}   test accuracy {right:.1%} ± {result.half_width[-1]:.1%}",
    )  # fmt: skip

# %%
of_spared, of_decayed = spared.values, decayed.values  # (seeds, 5): three γ, length, accuracy
print(
    "decay makes γ of layers 1 and 2 less than half, for every seed:",
    (of_decayed[:, :2] < 0.5 * of_spared[:, :2]).all(),
)
print("γ of layer 3 stays larger than that of 1 and 2:", (of_decayed[:, 2:3] > of_decayed[:, :2]).all())
print("the output weights become longer:", (of_decayed[:, 3] > of_spared[:, 3]).all())
print("the accuracy changes by less than 3 %:", (abs(of_decayed[:, 4] - of_spared[:, 4]) < 0.03).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\gamma$ shrinks to about 0.4 in the first and the second layer, and to about 0.6 in the third. The accuracy does not suffer.
#
# </details>
#
# Can we explain the 0.4? If the loss did not care about $\gamma$ at all, decay alone would multiply it by $1 - 0.2 \cdot 0.01$ in each of the 440 steps:

# %%
print(f"decay alone: {(1 - 0.2 * 0.01) ** 440:.2f}")

# %% [markdown]
# That is what $\gamma$ of layers 1 and 2 became. The loss did not push back, and lesson 02 says why: after such a layer come a ReLU, a linear layer and *another BN*. If all $\gamma$ and
# $\beta$ of a layer shrink together, the next BN divides the factor out. After layer 3 there is no BN. There the loss pushed back, and $\gamma$ stayed larger. What it lost,
# the weights of the output layer made up for: they are longer, as the table shows.
#
# So here it is nearly a matter of taste. Where single $\gamma$ matter, as in a zero start, or when channels are removed by their $\gamma$, decide yourself whether $\gamma$
# decays: list it in a parameter group of its own, as above.
#
# ## What you can do now
#
# - ✓ choose γ and β so that BN gives its input back, up to rounding: $\sqrt{\sigma^2 + \varepsilon}$ and $\mu$
# - ✓ say what γ and β are good for although they could undo everything, with an experiment that fails without β: two knobs that nothing below touches,
#   and the only bias that is left
# - ✓ compute the gradients of γ and β, and follow γ and β through a training: they moved by less than 0.1
# - ✓ start a residual block as the identity, and say when that helps and when it costs: a large rate; a slow start at a small one
# - ✓ decide whether γ and β get weight decay, knowing what your framework does by itself
#
# **Practice:** [the exercises of this lesson](exercises/03_scale_and_shift.ipynb).
#
# **Go on with [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb).**
#
# *Sources: Ioffe & Szegedy 2015, arXiv:1502.03167, section 3. Zero start: P. Goyal et al., "Accurate, Large Minibatch SGD", 2017, arXiv:1706.02677,
# section 5.1.*
