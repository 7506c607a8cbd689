# %% [markdown]
# # 04b · Train with your own backward pass
#
# *40 minutes · previous: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) · next:
# [05 · Train and infer](05_train_and_infer.ipynb) · [exercises](exercises/04b_train_with_your_own.ipynb)*
#
# In lesson 00 a network with eight hidden layers learned only with BN. Here you train this network in plain NumPy, with a BN
# that you write from memory. Then you leave out one path of the backward pass, and find out what it is needed for.
#
# ```python
# y, cache = bn_forward(x @ W, gamma, beta)    # forward
# dz, dgamma, dbeta = bn_backward(dy, cache)   # backward
# W -= rate * x.T @ dz                         # a step
# ```

# %%
from copy import deepcopy

import numpy as np
from threadpoolctl import threadpool_limits

from bnteach import check, figures, labs
from bnteach.data import digits

# %% [markdown]
# ## BN from memory
#
# **Write it yourself:**
#
# - `bn_forward(x, gamma, beta, eps=1e-5)` returns `y` and a `cache`: what the backward pass needs.
# - `bn_backward(dy, cache, mean_path=1, variance_path=1)` returns `dx`, `dgamma`, `dbeta`. The formula for dx has three
#   terms, one for each path: the direct path, the path through the mean, the path through the variance. Multiply the term of
#   the mean by `mean_path` and that of the variance by `variance_path`: 1 keeps a path, 0 leaves it out.
#
# If you have forgotten the formula, see [Multiply it out](04_derive_the_backward_pass.ipynb#Multiply-it-out) in lesson 04.
#
# 1. Run the next cell, but do not open it: it holds a solution.
# 2. Write yours in the cell after it. As long as your cell is empty, the lesson runs with the solution.
# 3. When your numbers are right, compare with the solution.


# %% jupyter={"source_hidden": true}
def bn_forward(x, gamma, beta, eps=1e-5):
    s = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / s
    return gamma * x_hat + beta, (x_hat, gamma, s)


def bn_backward(dy, cache, mean_path=1, variance_path=1):
    x_hat, gamma, s = cache
    N = len(dy)
    dbeta = dy.sum(axis=0)
    dgamma = (dy * x_hat).sum(axis=0)
    dx = gamma / s * (dy - mean_path * dbeta / N - variance_path * x_hat * dgamma / N)
    return dx, dgamma, dbeta


# %%
# Your bn_forward and bn_backward:

# %% [markdown]
# Try it on four values, those of channel 1 in lesson 04. In each line, your numbers on the left must agree with those on the right:

# %%
x, dy = np.array([[1.0], [2.0], [3.0], [6.0]]), np.array([[1.0], [0.0], [-1.0], [2.0]])
y, cache = bn_forward(x, np.array([2.0]), np.array([-1.0]))  # gamma, beta
no_mean, _, _ = bn_backward(dy, cache, mean_path=0)
no_variance, _, _ = bn_backward(dy, cache, variance_path=0)
print("y               ", y.ravel().round(3), " right: -3.138 -2.069 -1.     2.207")
print("no mean path    ", no_mean.ravel().round(3), " right:  1.68   0.305 -1.069  1.222")
print("no variance path", no_variance.ravel().round(3), " right:  0.535 -0.535 -1.604  1.604")

# %% [markdown]
# The checker tries more batches. (A beta only shifts y, so 0 will do. As long as your cell is empty, this checks the solution.)


# %%
def my_backward(dy, x, gamma, eps):
    return bn_backward(dy, bn_forward(x, gamma, 0, eps)[1])


check.batch_norm_backward(my_backward)

# %% [markdown]
# You have written this formula, with its three paths:
#
# $$dx = \frac{\gamma}{s}\,\big(\underbrace{dy}_{\text{direct}} - \underbrace{\operatorname{mean}(dy)}_{\text{through the mean}}
# - \underbrace{\hat{x}\operatorname{mean}(dy\,\hat{x})}_{\text{through the variance}}\big)$$
#
# ## A layer
#
# A hidden layer multiplies its input $a$ by the weights $W$, normalizes the product $z = a\,W$, and applies a sigmoid,
# $1/(1 + e^{-y})$. Its derivative is sigmoid · (1 − sigmoid). The backward pass goes the other way: sigmoid, BN, product.
# The product gives two gradients: $dW = a^{\mathsf T} dz$ for its weights, and $da = dz\,W^{\mathsf T}$ for the layer before.
#
# In the test there may be only one picture, and no batch to take a mean of. For this case each layer keeps **running averages**
# of the means and variances: after each batch, 0.9 times the old average plus 0.1 times the new value. When `training` is
# `False`, the layer normalizes with these averages.


# %%
class Layer:
    def __init__(self, rng, inputs, outputs, paths):
        self.W = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        self.gamma, self.beta = np.ones(outputs), np.zeros(outputs)
        self.running_mean, self.running_var = np.zeros(outputs), np.ones(outputs)
        self.paths = paths

    def forward(self, a_before, training):
        self.z = z = a_before @ self.W
        if training:
            y, self.cache = bn_forward(z, self.gamma, self.beta)
            self.running_mean = 0.9 * self.running_mean + 0.1 * z.mean(axis=0)
            self.running_var = 0.9 * self.running_var + 0.1 * z.var(axis=0)
        else:
            x_hat = (z - self.running_mean) / np.sqrt(self.running_var + 1e-5)
            y = self.gamma * x_hat + self.beta
        self.a_before, self.a = a_before, 1 / (1 + np.exp(-y))
        return self.a

    def backward(self, da, rate):
        dy = da * self.a * (1 - self.a)
        self.dz, dgamma, dbeta = bn_backward(dy, self.cache, **self.paths)  # such as mean_path=0
        da_before = self.dz @ self.W.T  # with the W of the forward pass, so before W changes
        self.W -= rate * self.a_before.T @ self.dz
        self.gamma -= rate * dgamma
        self.beta -= rate * dbeta
        return da_before


# %% [markdown]
# ## The network
#
# Eight such layers with 100 units each, then a linear layer that gives ten scores, one for each digit. A **softmax** makes
# probabilities $p$ of the scores. The loss is the **cross-entropy**: the mean of $-\log p$, with the $p$ of the right digit.
# Its gradient with respect to the scores is $(p - t)/N$, with $t = 1$ for the right digit and 0 for the others, and $N$ pictures.


# %%
class Network:
    def __init__(self, rng, paths):
        self.layers = [Layer(rng, inputs, 100, paths) for inputs in [64] + 7 * [100]]
        self.W, self.b = rng.normal(size=(100, 10)) / np.sqrt(100), np.zeros(10)
        self.losses = []

    def forward(self, a, training):
        for layer in self.layers:
            a = layer.forward(a, training)
        return a, a @ self.W + self.b

    def step(self, pictures, labels, rate=0.1):
        a, scores = self.forward(pictures, training=True)
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)  # keepdims: a column of sums
        t = np.eye(10)[labels]  # a row for each picture, with a 1 at its label
        self.losses.append(-np.log(p[t == 1]).mean())
        dscores = (p - t) / len(labels)
        da = dscores @ self.W.T  # again before W changes
        self.W -= rate * a.T @ dscores
        self.b -= rate * dscores.sum(axis=0)
        for layer in reversed(self.layers):
            da = layer.backward(da, rate)


# %% [markdown]
# We train on batches of about 60 pictures, 15 times through the digits (15 **epochs**). In
# [lesson 00](00_meet_batch_normalization.ipynb) the same network without BN only guessed: 10 %. Now it has your BN.

# %% tags=["nbval-ignore-output"]
_ = threadpool_limits(1)  # so small a network is fastest on one thread
data = digits(dtype=np.float64)


def train(seed, paths):
    rng = np.random.default_rng(seed)
    network = Network(rng, paths)
    for _ in range(15):
        for rows in np.array_split(rng.permutation(len(data.x_train)), 22):
            network.step(data.x_train[rows], data.y_train[rows])
    return network


def accuracy(network):
    scores = network.forward(data.x_test, training=False)[1]
    return (scores.argmax(axis=1) == data.y_test).mean()


print(f"test accuracy: {accuracy(train(seed=0, paths={})):.1%}")

# %% [markdown]
# ## Leave a path out
#
# We train four kinds of network: with all paths, without the path through the mean, without that through the variance, and
# without both. The forward pass stays right. This takes about 20 seconds.

# %% tags=["nbval-ignore-output"]
MISSING = {"nothing": {}, "mean path": {"mean_path": 0}, "variance path": {"variance_path": 0}}
MISSING["both"] = MISSING["mean path"] | MISSING["variance path"]
networks = {missing: [train(seed, paths) for seed in range(5)] for missing, paths in MISSING.items()}

# %% tags=["draws", "nbval-ignore-output"] alt="The training loss over 15 epochs for four kinds of network. All four curves fall, from about 1.7. At the end they lie, from top to bottom: without the path through the mean at 0.38, without both at 0.35, without the path through the variance at 0.26, with all paths at 0.14."
roles = {"mean path": "theory", "both": "forward", "variance path": "biased", "nothing": "with_bn"}
names = {role: f"missing: {missing}" for missing, role in roles.items()}  # in the order of the curves
ax = figures.new_axes(size=(6.0, 2.9))
for missing, role in roles.items():
    epochs = np.array([np.reshape(network.losses, (15, 22)).mean(axis=1) for network in networks[missing]])
    figures.curve(range(1, 16), np.median(epochs, axis=0), ax=ax, role=role)
    assert epochs[:, -1].max() < 0.5
    assert (epochs[:, -1].min() > 0.2) == (missing != "nothing")
figures.frame(ax, title="All four learn (median of five seeds)", x="epoch", y="training loss", ylim=(0, 1.8))
figures.key(ax, names)
figures.show(ax)

# %% [markdown]
# Without a path the loss at the end is about two to three times as high, but it falls in all four kinds.
#
# **Predict.** Which of the four kinds reach 90 % in the test?

# %% tags=["draws", "nbval-ignore-output"] alt="The test accuracy, five dots for each kind of network. 97 percent with all paths, 96 without the path through the variance. Without the path through the mean 10 to 20 percent, without both 18 to 66 percent."
tested = {missing: [accuracy(network) for network in five] for missing, five in networks.items()}
ax = figures.new_axes(size=(6.0, 2.6))
for place, missing in enumerate(MISSING):
    seeds = place + np.linspace(-0.2, 0.2, 5)
    figures.dots(seeds, tested[missing], limits=(0, 1), ax=ax, role=roles[missing], size=6)
ax.axhline(0.1, color="black", linewidth=1)
figures.numbers(["guessing"], [2], [0.15], ax=ax)
ax.set_xticks(range(4), MISSING)
look = {"x": "missing", "y": "test accuracy", "xlim": (-0.5, 3.5), "ylim": (0, 1.04)}
figures.frame(ax, title="Without the mean path the test fails", **look)
assert min(tested["nothing"] + tested["variance path"]) > 0.93
assert max(tested["mean path"]) < 0.25
assert max(tested["both"]) < 0.9
figures.show(ax)

# %% [markdown]
# Two kinds do: with all paths, and without the path through the variance. Without the path through the mean, or without both, the
# test is below 90 % for all five seeds, and mostly far below, although the training loss fell.
#
# ## Weights or running averages?
#
# Training normalizes with the batch, the test with the running averages. So the fault can be in the weights, in the running
# averages, or in both.
#
# To find out, we **recalibrate** the networks: we send the training pictures through them again, in training mode, but make no step. The
# weights stay as they are. After 66 batches almost nothing is left of the old running averages, and the new ones belong to these weights.
#
# **Predict.** Without the path through the mean the test gave 10 to 20 %. After recalibrating, does it give (A) still that,
# (B) about 50 %, or (C) about 90 %?


# %% tags=["nbval-ignore-output"]
def recalibrated(network, means=True, variances=True):
    fresh = deepcopy(network)
    for _ in range(3):
        for pictures in np.array_split(data.x_train, 22):
            fresh.forward(pictures, training=True)  # no step
    for layer, old in zip(fresh.layers, network.layers, strict=True):
        layer.running_mean = layer.running_mean if means else old.running_mean
        layer.running_var = layer.running_var if variances else old.running_var
    return fresh


def test_again(words, missing, **options):
    after = [accuracy(recalibrated(network, **options)) for network in networks[missing]]
    print(f"missing: {missing:9}  recalibrated: {words:19}", *(f"{share:4.0%}" for share in after))


test_again("means and variances", "mean path")
test_again("means only", "mean path", variances=False)
test_again("variances only", "mean path", means=False)
test_again("means and variances", "both")

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C): 86 to 96 %. So the running averages were the larger fault. The weights are a little worse, too: with all paths the test gives about 97 %.
#
# </details>
#
# Fresh variances alone do not help. Fresh means alone help each seed, some much and some less. So above all the running *means* are wrong. Why?
#
# A running mean averages over about the last ten batches, and the weights were different for each
# of them. If the steps move the mean of a channel far, its running mean lags behind.
#
# ## What moves the mean of a channel?
#
# The step is `W -= rate * a.T @ dz`. Behind the first layer, the inputs $a$ come from sigmoids, so they lie around 0.5. What does this common 0.5 do? If an input is 0.5 for
# every picture, the step changes its weight by $-\text{rate} \cdot 0.5 \sum dz$, with the sum over the batch. The input times this change is
#
# $$-\text{rate} \cdot 0.25 \sum dz$$
#
# the same number for every picture. So the step moves the mean of $z$ by this number. With many such inputs the moves add up. Only if $\sum dz$ is 0, there is no such move.
#
# ## Lab: the sum of dx
#
# What we call dz, the gradient that BN hands back, has the name dx in this lab. Look at the table below the graph: it has a
# row for each path and one for dx, and its last column has the sums.
#
# 1. Move *Value of dy*. What is the sum of dx with all paths? What is it if the path through the mean is missing?
# 2. For *Gradient dy* choose *all the same*. What is dx without the path through the mean?

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. With all paths the sum of dx is always 0. Without the path through the mean it is $\frac{\gamma}{s}\sum dy$, and that is hardly ever 0.
# 2. The same number for each sample.
#
# </details>
#
# So without the path through the mean, a step moves the mean of $z$. In training BN subtracts the new mean at once, and the training goes on. But can the running mean follow?
#
# We train the networks for three more epochs. After each step we note, for the channels of layer 4, the mean of the batch and the running mean.


# %% tags=["nbval-ignore-output"]
def follow(network):  # the batch means and the running means of 100 channels after each of 66 steps
    network, rng = deepcopy(network), np.random.default_rng(0)
    layer_4, means, running = network.layers[3], [], []
    for _ in range(3):
        for rows in np.array_split(rng.permutation(len(data.x_train)), 22):
            network.step(data.x_train[rows], data.y_train[rows])
            means.append(layer_4.z.mean(axis=0))
            running.append(layer_4.running_mean)
    return np.array(means), np.array(running), layer_4.z.std(axis=0)


followed = {missing: [follow(network) for network in five] for missing, five in networks.items()}
for missing, five in followed.items():
    lags = (np.mean(abs(means - running) / std) for means, running, std in five)
    print(f"missing: {missing:14} difference, in standard deviations:", *(f"{lag:.2f}" for lag in lags))

# %% tags=["draws", "nbval-ignore-output"] alt="Three panels, over 66 steps: the mean of channel 0 in each batch as dots, and its running mean as a line. With all paths both stay at 0. Without the path through the mean the dots jump from step to step and rise to 3 standard deviations; the line follows below them. Without both paths the dots move a little, and the line is close to them."
figure, axes = figures.new_figure(columns=3, size=(7.2, 2.6))
titles = {"nothing": "all paths", "mean path": "no mean path", "both": "neither path"}
for ax, (missing, title) in zip(axes, titles.items(), strict=True):
    means, running, std = followed[missing][0]
    places = [(values[:, 0] - running[0, 0]) / std[0] for values in (means, running)]
    ax.plot(places[0], "o", ms=3, color=figures.role("batch").color, label="mean of the batch")
    ax.plot(places[1], color=figures.role("with_bn").color, lw=2, label="running mean")
    figures.frame(ax, title=title, x="step", y="standard deviations", ylim=(-1, 3.2))
axes[0].legend(loc="upper left", frameon=False, fontsize=8)
lags = {missing: [np.mean(abs(m - r) / std) for m, r, std in five] for missing, five in followed.items()}
assert min(lags["mean path"]) > 0.15 > max(lags["both"]) > 3 * max(lags["nothing"])
figures.show(figure)

# %% [markdown]
# The picture shows channel 0 of the network with seed 0, from its running mean at the start. With all paths the mean hardly moves. Without the path through the mean it moves in every step, and the running mean lags
# behind: on average over the channels by about 0.3 standard deviations. The test normalizes with these running means, and it fails. Without both paths the lag is smaller, and so is the harm. Why it is smaller, we do not know.
#
# **In practice**: if you write BN in PyTorch and compute the mean and the standard deviation inside `torch.no_grad()`, both
# paths are missing. There is no error, and the training loss falls. That it falls less far is easily overlooked.
#
# ## What was shown
#
# - BN in plain NumPy trains a deep network.
# - Without the path through the mean the training loss falls, too. But each step moves the means of the channels, the running means
#   lag behind, and the test fails.
#
# This was a network of sigmoids. What changes with tanh? **Practice:** [the exercises](exercises/04b_train_with_your_own.ipynb), 30 minutes.
#
# **Next:** [05 · Train and infer](05_train_and_infer.ipynb)
