# %% [markdown]
# # 04b · Train with your own backward pass
#
# *35 minutes · previous: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) · next:
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
#   terms. Multiply the term of the mean by `mean_path` and that of the variance by `variance_path`: a 0 leaves this path out.
#
# If you have forgotten the formula, see [Multiply it out](04_derive_the_backward_pass.ipynb#Multiply-it-out) in lesson 04.
#
# The next cell has a solution, folded: run it, and open it only after you have tried. The cell after it is yours. While that
# is empty, the lesson runs with the solution.


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
# On channel 1 of lesson 04 the two lists in each line must agree:

# %%
x, dy = np.array([[1.0], [2.0], [3.0], [6.0]]), np.array([[1.0], [0.0], [-1.0], [2.0]])
y, cache = bn_forward(x, np.array([2.0]), np.array([-1.0]))  # gamma, beta
no_mean, no_variance = (bn_backward(dy, cache, *paths)[0] for paths in ([0, 1], [1, 0]))
print("y               ", y.ravel().round(3), " right: -3.138 -2.069 -1.     2.207")
print("no mean path    ", no_mean.ravel().round(3), " right:  1.68   0.305 -1.069  1.222")
print("no variance path", no_variance.ravel().round(3), " right:  0.535 -0.535 -1.604  1.604")

# %% [markdown]
# The checker tries more batches:


# %%
def forward_and_back(dy, x, gamma, eps):
    _, cache = bn_forward(x, gamma, beta=0, eps=eps)  # any beta will do: it only shifts y
    return bn_backward(dy, cache)


check.batch_norm_backward(forward_and_back)

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
# In the test there may be only one picture, and no batch to take a mean of. For this each layer keeps **running averages** of
# the means and variances: after each batch, 0.9 times the old average plus 0.1 times the new value. It uses them when
# `training` is `False`.


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
        self.dz, dgamma, dbeta = bn_backward(dy, self.cache, **self.paths)  # {}: no path is left out
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
# [lesson 00](00_meet_batch_normalization.ipynb) the same network without BN only guessed: 10 %. And with your BN?

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
    _, scores = network.forward(data.x_test, training=False)
    return (scores.argmax(axis=1) == data.y_test).mean()


print(f"test accuracy: {accuracy(train(seed=0, paths={})):.1%}")

# %% [markdown]
# The backward pass that you derived trains a deep network.
#
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
# Without a path the loss at the end is two to three times as high. A wrong dz makes the gradients of all earlier layers wrong.
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
figures.frame(ax, title="Five seeds", x="missing", y="test accuracy", xlim=(-0.5, 3.5), ylim=(0, 1))
assert min(tested["nothing"] + tested["variance path"]) > 0.93
assert max(tested["mean path"]) < 0.25
assert max(tested["both"]) < 0.9
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With all paths, and without the path through the variance. Without the path through the mean the networks hardly do better than
# guessing.
#
# </details>
#
# ## Weights or running averages?
#
# Training normalizes with the batch, the test with the running averages. So the fault can be the weights, the averages, or both.
#
# We **recalibrate** the networks: they see the training pictures three times more, in training mode, but without a step. The
# weights stay as they are, and the running averages become right for them.
#
# **Predict.** Without the path through the mean the test gave 10 to 20 %. What does it give after recalibrating: still that,
# about 50 %, or about 90 %?


# %% tags=["nbval-ignore-output"]
def recalibrated(network, means=True):
    fresh = deepcopy(network)
    for _ in range(3):
        for pictures in np.array_split(data.x_train, 22):
            fresh.forward(pictures, training=True)  # no step
    for layer, old in zip(fresh.layers, network.layers, strict=True):
        layer.running_mean = layer.running_mean if means else old.running_mean
    return fresh


def test_again(missing, words, **which):
    results = [accuracy(recalibrated(network, **which)) for network in networks[missing]]
    print(f"missing: {missing:9}   fresh: {words:20}", *(f"{share:4.0%}" for share in results))
    return results


repaired = test_again("mean path", "means and variances"), test_again("both", "means and variances")
old_means = test_again("mean path", "variances", means=False)

# %% [markdown]
# <details><summary>Answer</summary>
#
# 86 to 96 %. So the running averages were the larger fault. But the weights are worse, too: the training loss is higher, and one
# seed stays at 86 %.
#
# </details>
#
# In the last row the means stay old, and nothing gets better. So what is wrong with the running *means*?
#
# ## What moves the mean of a channel?
#
# A step moves it. Take layer 4, and say that all its 100 inputs are 0.5. (They come from sigmoids.)
#
# - The step `W -= rate * a.T @ dz` adds $-0.1 \cdot 0.5\sum dz$ to each weight. The sum runs over the pictures of the batch.
# - $z$ is the sum of 100 products, each 0.5 times a weight. So the mean of $z$ moves by
#   $-100 \cdot 0.5 \cdot 0.1 \cdot 0.5\sum dz = -2.5\sum dz$.
#
# ## Lab: the sum of dx
#
# In this lab the gradient that BN hands back is called dx. The table has a row for each path and one for dx; the last column has
# the sums.
#
# 1. Move *Value of dy*. Which of the four sums stay 0? What is the sum of dx if the path through the mean is missing?
# 2. For *Gradient dy* choose *all the same*. What is dx without the path through the mean?

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The sum of dx, and that of the path through the variance. Without the path through the mean it is the sum of the direct
#    path, $\frac{\gamma}{s}\sum dy$.
# 2. The same number for each sample. A step along it **shifts** the channel: its mean moves, and BN's output stays as it is.
#
# </details>
#
# With all paths $\sum dz$ is 0, and the mean should stay where it is. Without the path through the mean it should move by
# $-2.5\,\frac{\gamma}{s}\sum dy$. Does it? We train each network on 30 more batches, and watch layer 4. Here is the
# first channel of seed 0, without the path through the mean, in standard deviations of $z$:


# %% tags=["nbval-ignore-output"]
def thirty_more(network):
    network, rng = deepcopy(network), np.random.default_rng(0)
    layer, seen = network.layers[3], []
    for _ in range(30):
        rows = rng.permutation(len(data.x_train))[:60]
        network.step(data.x_train[rows], data.y_train[rows])
        seen.append([layer.z.mean(axis=0), layer.z.std(axis=0), layer.running_mean, layer.dz.sum(axis=0)])
    return np.array(seen).swapaxes(0, 1)  # four arrays of 30 batches and 100 channels


watched = {missing: [thirty_more(network) for network in five] for missing, five in networks.items()}
mean, std, _, sum_dz = watched["mean path"][0]  # seed 0
print("the mean moves by  ", (np.diff(mean, axis=0) / std[:-1])[:8, 0].round(2))
print("−2.5 · sum of dz   ", (-2.5 * sum_dz / std)[:8, 0].round(2))

# %% [markdown]
# It does, nearly. The mean jumps up and down: $\sum dy$ is positive in one batch and negative in another. All 30 batches of this
# channel, beside one with all paths:

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels: the mean of a channel in 30 batches as dots, and its running mean as a line. With all paths dots and line stay at 0. Without the path through the mean the dots jump up and down, by up to half a standard deviation, and wander from minus 0.7 to 0.6; the line stays below most of them."
figure, axes = figures.new_figure(columns=2, size=(7.0, 3.0))
jumps = [np.mean([abs(np.diff(m, axis=0) / s[1:]) for m, s, *_ in five]) for five in watched.values()]
misses = [abs(running[:-1] - mean[1:]) / std[1:] for mean, std, running, _ in watched["mean path"]]
for ax, missing, jump in zip(axes, ["nothing", "mean path"], jumps[:2], strict=True):
    mean, std, running, _ = watched[missing][0][:, :, 0]  # seed 0, channel 1
    dots, line = ((values - mean.mean()) / std.mean() for values in (mean, running))
    figures.dots(range(1, 31), dots, limits=(-1, 1), ax=ax, role="batch", size=4, label="mean of the batch")
    figures.curve(range(1, 31), line, ax=ax, role="with_bn", label="running mean")
    title = f"missing: {missing}\naverage jump of all channels: {jump:.2f}"
    figures.frame(ax, title=title, x="batch", y="mean of z (unit: its std)", xlim=(0, 31), ylim=(-1, 1))
axes[0].legend(loc="upper right", frameon=False, fontsize=9.5)
assert max(old_means) < 0.25 < 0.8 < np.min(repaired) < 0.9
assert 0.15 < jumps[1] > 10 * jumps[0]
assert round(np.mean(misses), 1) == 0.3
assert round(jumps[3], 2) == 0.07
figures.show(figure)

# %% [markdown]
# With all paths a jump is more than ten times smaller. (It is not 0, because real inputs are not exactly 0.5.)
#
# The running mean averages some ten batches, and cannot follow such jumps: it misses the next mean by 0.3 on average.
# The test uses it with the weights of the last step.
#
# Without both paths the average jump is smaller, 0.07. We do not know why.
#
# **In practice**: if you write BN in PyTorch and compute the mean and the standard deviation inside `torch.no_grad()`, both
# paths are missing. There is no error, and the training loss falls.
#
# ## What was shown
#
# - Your BN trains a deep network. The path through the mean keeps the steps from moving the mean of a channel. Without it the
#   running means are wrong, and the test fails.
# - **Practice:** [the exercises](exercises/04b_train_with_your_own.ipynb), 30 minutes. What changes with tanh?
# - **Next:** [05 · Train and infer](05_train_and_infer.ipynb)
