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
# - choose γ and β so that BN gives its input back, and check it to the last digits
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
# **Predict.** Which $\gamma$ and which $\beta$ give back exactly $x$?

# %%
x = np.random.default_rng(1).normal(
    [5, -20, 300], [2, 0.1, 40], size=(64, 3)
)  # three quite different channels
for dtype, limit in ((np.float32, 1e-6), (np.float64, 1e-12)):
    x_t = x.astype(dtype)
    gamma, beta = np.sqrt(x_t.var(axis=0) + dtype(1e-5)), x_t.mean(axis=0)
    y, _ = bnteach.batch_norm_forward(x_t, gamma, beta)
    worst = (abs(y - x_t) / abs(x_t)).max()
    print(f"{dtype.__name__}: largest relative difference below {limit}:", bool(worst < limit))

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\gamma = \sqrt{\sigma^2 + \varepsilon}$ and $\beta = \mu$: multiply by what you divided by, add what you subtracted.
#
# </details>
#
# So a BN layer *can* be the identity, for this batch. The next batch has another mean and another variance, and fixed $\gamma$ and $\beta$ undo it only
# about as well as the two batches agree. In evaluation, when stored statistics take the place of the batch's own, it holds for all batches.
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
# each side of the mean; grey marks where the activation is flat.
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
# Look at one unit in the second layer, $z = h W$, where $h$ comes from the first layer. Without BN, its mean and its standard deviation
# depend on **all weights below**: on $W$, and on everything that made $h$. (A bias would be a knob for the mean too, but it would not help
# the mean to *stay* where it is put.) With BN, mean and standard deviation are $\beta$ and $|\gamma|$. Two knobs, and nothing below touches
# them.
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
# **Predict.** In a plane with the mean to the right and the standard deviation upwards: what does the cloud of 60 points look like without
# BN, and with BN?

# %%
ax = figures.points([z.mean() for z, _ in jiggled], [z.std() for z, _ in jiggled], role="without_bn")
figures.points([y.mean() for _, y in jiggled], [y.std() for _, y in jiggled], ax=ax, role="with_bn")
figures.frame(ax, title="60 changes in the layer below", x="mean of the unit", y="its std", ylim=(0, 1.3))
figures.key(ax, {"with_bn": "with BN: (β, γ)", "without_bn": "without BN"}, markers=True, place="upper left")
figures.show(
    ax,
    alt="Mean and standard deviation of one unit after 60 changes of the weights below. Without BN the points "
    "form a cloud. With BN all 60 points lie on top of each other, at mean 0.5 and standard deviation 1.",
)
print(
    f"spread of the mean: without BN {np.std([z.mean() for z, _ in jiggled]):.2f}, with BN {np.std([y.mean() for _, y in jiggled]):.2f}"
)

# %% [markdown]
# Without BN: a cloud. With BN all 60 points lie on one spot, at $(\beta, \gamma) = (0.5, 1)$.
#
# This is called a **re-parametrisation**: what the unit can do is the same, but other numbers describe it. Before, its mean and spread
# came out of some thousand weights. Now they are two parameters of their own, which gradient descent can set directly, and which stay
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
ax = figures.points(inner[:, 0], inner[:, 1], role="without_bn")
figures.points(outer[:, 0], outer[:, 1], ax=ax, role="with_bn")
ax.set_aspect("equal")
figures.frame(ax, title="Two rings around 0")
figures.show(
    ax,
    alt="900 points in a plane: an inner ring of orange squares and an outer ring of blue dots, both around the origin.",
)

# %% [markdown]
# Both rings lie around 0. We train a sigmoid network with BN in four ways: $\gamma$ and $\beta$ learnt; only $\beta$; only $\gamma$; neither.
# What is not learnt stays at 1 or 0. A fifth network has ReLU instead of sigmoid, and learns neither.


# %%
def ring_accuracy(seed):
    ways = [
        (nn.Sigmoid, True, True),
        (nn.Sigmoid, False, True),
        (nn.Sigmoid, True, False),
        (nn.Sigmoid, False, False),
    ]
    accuracies = []
    for activation, learn_gamma, learn_beta in [*ways, (nn.ReLU, False, False)]:
        net = mlp([2, 50, 50, 50, 2], activation, batch_norm=True, seed=seed)
        for bn in (net.bn_1, net.bn_2, net.bn_3):
            bn.weight.requires_grad_(learn_gamma)
            bn.bias.requires_grad_(learn_beta)
        history = train(net, rings(seed), epochs=40, learning_rate=0.2, seed=seed, every=1000, progress=False)
        accuracies.append(history.test_accuracy[-1])
    return accuracies


# %% [markdown]
# **Predict.** Guessing gives 50 %. Which of the five solve the problem?

# %% tags=["nbval-ignore-output"]
names = ("sigmoid, γ and β", "sigmoid, β only", "sigmoid, γ only", "sigmoid, neither", "ReLU, neither")
solved = over_seeds(ring_accuracy, range(5), progress=False).values
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
# With sigmoid it is $\beta$ that decides: with it the problem is solved (one seed or another may need a longer training), without it the network
# only guesses. $\gamma$ makes no such difference. With ReLU neither is needed.
#
# </details>
#
# Why? BN sets every mean to 0, so before the activation there is **no bias left** but $\beta$. A sigmoid is symmetric: $\sigma(-z) = 1 - \sigma(z)$. Now
# take a point $p$ and the opposite point $-p$. Without any bias, each unit of the first layer does the opposite for $-p$, and so does each unit of every
# later layer. But the two points lie on the *same* ring! The network cannot say the same for both. (Our rings are symmetric around 0 up to chance;
# that is why the means are near 0 to begin with.) A $\beta$ breaks the symmetry. ReLU is not symmetric, and breaks it without help.
#
# So here is a case in which normalization alone does take something away, and $\beta$ gives it back. It is not the non-linearity as such: it is the
# **bias**, which BN had removed (lesson 02).
#
# ## The gradients of γ and β
#
# $\gamma$ and $\beta$ are learnt like weights. From $y_i = \gamma \hat{x}_i + \beta$ the chain rule gives, with $dy_i$ for the gradient of the loss
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
def learnt(seed):
    """γ and β of the three BN layers after training: shape (3, 2, 100)."""
    net = mlp([64, 100, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed)
    train(net, data, epochs=20, learning_rate=0.2, seed=seed, every=1000, progress=False)
    layers = (net.bn_1, net.bn_2, net.bn_3)
    return [[layer.weight.detach().numpy(), layer.bias.detach().numpy()] for layer in layers]


trained = over_seeds(learnt, range(5), progress=False).values  # (5, 3, 2, 100)

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


def residual_network(gamma, seed):
    _ = torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 100), *[Block(100, gamma) for _ in range(20)], nn.Linear(100, 10))


# %%
for gamma in (1.0, 0.0):
    h, spreads = torch.from_numpy(data.x_train), []
    for layer in residual_network(gamma, seed=0)[:-1]:
        h = layer(h)
        spreads.append(h.std(dim=0).mean().item())
    print(f"γ = {gamma:.0f}: spread after 0, 1, 5, 20 blocks:", *(f"{spreads[k]:.1f}" for k in (0, 1, 5, 20)))

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
def early_loss(seed, gamma, rate):
    net = residual_network(gamma, seed)
    return (
        train(net, data, epochs=2, learning_rate=rate, seed=seed, every=1000, progress=False).loss[22:].mean()
    )


# %% [markdown]
# **Predict.** Which start has the lower loss in the second epoch: at the small rate 0.05? At the large one, 0.3?

# %% tags=["nbval-ignore-output"]
early = {}
for rate in (0.05, 0.3):
    for gamma in (1.0, 0.0):
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
# At the small rate $\gamma = 1$ is far ahead, at the large rate $\gamma = 0$. One reason stands in the table above: with $\gamma = 1$ the values that reach the output
# layer are about 20 times larger at the start, so the same learning rate makes much larger steps there. What is too much for one start is what the
# other needs.
#
# </details>
#
# So it is not simply better. In this network the zero start *moves the learning rates that work* upwards. Published recipes for large batches and large rates use it for
# their stability.
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
# **Weight decay** pulls parameters towards 0: each step multiplies them by a number a little below 1. For weights that is usual. For $\gamma$ it means: towards
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
    return [net.bn_1.weight.median().item(), net.bn_3.weight.median().item(), history.test_accuracy[-1]]


# %% [markdown]
# **Predict.** Where does $\gamma$ end with decay on everything? And what does it do to the test accuracy?

# %% tags=["nbval-ignore-output"]
spared = over_seeds(lambda seed: gamma_and_accuracy(seed, decay_all=False), range(5), progress=False)
decayed = over_seeds(lambda seed: gamma_and_accuracy(seed, decay_all=True), range(5), progress=False)
for name, result in (("γ, β spared", spared), ("γ, β decayed", decayed)):
    first, third, right = result.mean
    print(
        f"{name:13} median γ: layer 1 {first:.2f}, layer 3 {third:.2f}   test accuracy {right:.1%} ± {result.half_width[2]:.1%}"
    )

# %%
print(
    "decay makes γ of layer 1 less than half, for every seed:",
    bool((decayed.values[:, 0] < 0.5 * spared.values[:, 0]).all()),
)
print(
    "and the accuracy changes by less than 3 %, for every seed:",
    bool((abs(decayed.values[:, 2] - spared.values[:, 2]) < 0.03).all()),
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\gamma$ shrinks to about 0.4 in the first layer and to about 0.6 in the third. The accuracy does not suffer.
#
# </details>
#
# Can we explain the 0.4? If the loss did not care about $\gamma$ at all, decay alone would multiply it by $1 - 0.2 \cdot 0.01$ in each of the 440 steps:

# %%
print(f"decay alone: {(1 - 0.2 * 0.01) ** 440:.2f}")

# %% [markdown]
# That is what $\gamma$ of layer 1 became. The loss did not push back, and lesson 02 says why: after this layer come a ReLU, a linear layer and *another BN*. If all $\gamma$ and
# $\beta$ of a layer shrink together, the next BN divides the factor out. After layer 3 there is no BN. There the loss pushed back, and $\gamma$ stayed larger; and what it lost,
# the weights of the output layer can make up for.
#
# So here it is nearly a matter of taste. Where single $\gamma$ matter, as in a zero start, or when channels are removed by their $\gamma$, decay on $\gamma$ is a decision. Know what your
# optimizer does.
#
# ## What you can do now
#
# - ✓ choose γ and β so that BN gives its input back, and check it to the last digits: $\sqrt{\sigma^2 + \varepsilon}$ and $\mu$
# - ✓ say what γ and β are good for although they could undo everything, with an experiment that fails without β: two knobs that nothing below touches,
#   and the only bias that is left
# - ✓ compute the gradients of γ and β, and follow γ and β through a training: they moved by less than 0.1
# - ✓ start a residual block as the identity, and say when that helps and when it costs: large rates, small rates
# - ✓ decide whether γ and β get weight decay, knowing what your framework does by itself
#
# **Practise:** [the exercises of this lesson](exercises/03_scale_and_shift.ipynb).
#
# **Go on with [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb).**
#
# *Sources: Ioffe & Szegedy 2015, arXiv:1502.03167, section 3. Zero start: P. Goyal et al., "Accurate, Large Minibatch SGD", 2017, arXiv:1706.02677,
# section 5.1.*
