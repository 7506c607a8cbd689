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
# y, cache = bn_forward(x @ W, gamma, beta)       # forward through one layer
# dz, dgamma, dbeta = bn_backward(dy, cache)      # and back
# W -= rate * x.T @ dz                            # a step of gradient descent
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
# **Write it yourself**, without looking back:
#
# - `bn_forward(x, gamma, beta, eps=1e-5)` returns `y` and a `cache`: what the backward pass needs.
# - `bn_backward(dy, cache, mean_path=1, variance_path=1)` returns `dx`, `dgamma`, `dbeta`. The formula for dx has three
#   terms. Multiply the term of the mean by `mean_path` and that of the variance by `variance_path`: a 0 leaves this path out.
#
# If you do not remember the formula, look at [Multiply it out](04_derive_the_backward_pass.ipynb#Multiply-it-out) in lesson 04.
#
# The next cell has a solution. It is folded: run it, but do not open it before you have tried. The cell after it is yours.
# While that is empty, the lesson runs with the solution.


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
# Is it right? Try it on channel 1 of lesson 04. In each line the two lists must agree:

# %%
x, dy = np.array([[1.0], [2.0], [3.0], [6.0]]), np.array([[1.0], [0.0], [-1.0], [2.0]])
y, cache = bn_forward(x, np.array([2.0]), np.array([-1.0]))  # gamma, beta
print("y               ", y[:, 0].round(3), " right: -3.138 -2.069 -1.     2.207")
print("dx              ", bn_backward(dy, cache)[0][:, 0].round(3), " right:  1.145 -0.229 -1.604  0.687")
no_mean, _, _ = bn_backward(dy, cache, mean_path=0)
print("no mean path    ", no_mean[:, 0].round(3), " right:  1.68   0.305 -1.069  1.222")
no_variance, _, _ = bn_backward(dy, cache, variance_path=0)
print("no variance path", no_variance[:, 0].round(3), " right:  0.535 -0.535 -1.604  1.604")

# %% [markdown]
# Then the checker tries both functions together on several batches:


# %%
def forward_and_back(dy, x, gamma, eps):
    _, cache = bn_forward(x, gamma, beta=0, eps=eps)  # any beta will do: it only shifts y
    return bn_backward(dy, cache)


check.batch_norm_backward(forward_and_back)

# %% [markdown]
# This is the formula that you have written, with its three paths:
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
# A trained network may get a single picture, and then there is no batch to take a mean of. So each layer also keeps **running
# averages** of the means and variances of its batches: after each batch, 0.9 times the old average plus 0.1 times the new
# value. When `training` is `False`, it normalizes with them. (More in lesson 05.)


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
        # ** makes arguments of a dict; {} leaves no path out.
        self.dz, dgamma, dbeta = bn_backward(dy, self.cache, **self.paths)
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
# ## Lab: a step without one of the paths
#
# The table of this lab has a row for each path: direct, through the mean, through the variance. Their sum is dx. To see dx
# without one path, add up only the two other rows.
#
# 1. For *Gradient dy* choose *all the same*. What is dx without the path through the mean? If each value of x makes a step
#    along this dx, what happens to the channel?
# 2. For *Gradient dy* choose *value · x̂*: now dy is a multiple of x̂. What is dx without the path through the variance, and
#    what does a step along this dx do to the channel?

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The same number for each sample. The step **shifts** the whole channel.
# 2. A multiple of x̂. The step **stretches** the channel away from its mean, or toward it.
#
# With all paths, dx is 0 in both cases (in the second up to $\varepsilon$).
#
# </details>
#
# ## Leave a path out
#
# Now we train four kinds of network: with all paths, without the path through the mean, without that through the variance,
# and without both. The forward pass is right in all of them. Five seeds of each kind take about 20 seconds.

# %% tags=["nbval-ignore-output"]
MISSING = {
    "nothing": {},
    "mean path": {"mean_path": 0},
    "variance path": {"variance_path": 0},
    "both": {"mean_path": 0, "variance_path": 0},
}
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
ax.set_xticks([1, 5, 10, 15])
figures.frame(ax, title="Median of five seeds", x="epoch", y="training loss", ylim=(0, 1.8))
figures.key(ax, names)
figures.show(ax)

# %% [markdown]
# All four learn. Without a path the loss at the end is about two to three times as high: the gradients are wrong, also those
# of the earlier layers, which get theirs from the wrong dz, through `dz @ self.W.T`.
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
figures.frame(ax, title="Seeds 0 to 4", x="missing", y="test accuracy", xlim=(-0.5, 3.5), ylim=(0, 1))
assert min(tested["nothing"] + tested["variance path"]) > 0.93
assert max(tested["mean path"]) < 0.5
assert max(tested["both"]) < 0.9
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Those with all paths, and those without the path through the variance. Without the path through the mean the networks do
# little better than guessing. Without both paths they differ widely, and all are bad.
#
# </details>
#
# ## Weights or running averages?
#
# The training loss is computed with the mean and the variance of the batch, the test accuracy with the running averages. So
# in the test the weights can be bad, or the running averages, or both.
#
# To find out, we **recalibrate** the networks: we show them the training pictures three times more, in training mode, but
# without a step. The weights stay as they are, and the running averages become those of these weights.
#
# **Predict.** Without the path through the mean, the test gave 10 to 20 %. What does it give with fresh running averages: still
# that, or about 50 %, or about 90 %?


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


def test(words, missing, **which):
    results = [accuracy(recalibrated(network, **which)) for network in networks[missing]]
    print(f"missing: {missing:10} fresh: {words:20}", np.round(results, 2))
    return results


neither = test("nothing", "mean path", means=False, variances=False)
only_means = test("means", "mean path", variances=False)
only_variances = test("variances", "mean path", means=False)
fresh = test("means and variances", "mean path")
fresh_both = test("means and variances", "both")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 86 to 96 %. So the running averages were the larger fault. The weights are a smaller one: the training loss was two to three times
# as high as with all paths, and one seed stays at 86 %.
#
# </details>
#
# Fresh means are necessary: without them nothing gets better. They are not enough: two of the five seeds need the fresh
# variances, too. So most of all we have to ask what is wrong with the running *means*.
#
# ## What moves the mean of a channel
#
# Take a layer whose 100 inputs come from sigmoids, and say that they are all 0.5. The step `W -= rate * a.T @ dz`
# then adds $-0.1 \cdot 0.5\sum dz$ to each of the 100 weights of a channel. $z$ is the sum of 100 products, each 0.5 times
# a weight. So the mean of $z$ moves by
#
# $$-100 \cdot 0.5 \cdot 0.1 \cdot 0.5 \sum dz = -2.5 \sum dz$$
#
# The sum runs over the pictures of the batch. To see whether real inputs do the same, we train each network on 30 more batches,
# and look at layer 4.
#
# **Predict.** With all paths: how far does the mean move from batch to batch?


# %% tags=["nbval-ignore-output"]
def thirty_more(network):
    network, rng = deepcopy(network), np.random.default_rng(0)
    layer, seen = network.layers[3], []
    for _ in range(30):
        rows = rng.permutation(len(data.x_train))[:60]
        network.step(data.x_train[rows], data.y_train[rows])
        seen.append([layer.z.mean(axis=0), layer.z.std(axis=0), layer.running_mean, layer.dz.sum(axis=0)])
    return np.array(seen).swapaxes(0, 1)  # four arrays: 30 batches, 100 channels


seen = {missing: [thirty_more(network) for network in five] for missing, five in networks.items()}
mean, std, running_mean, sum_dz = seen["mean path"][0]
print("channel 1, mean path missing")
print("the mean moves by   ", (mean[1:] - mean[:-1])[:8, 0].round(2))
print("−2.5 · the sum of dz", (-2.5 * sum_dz)[:8, 0].round(2))

# %% tags=["draws", "nbval-ignore-output"] alt="x"
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.8))
for ax, missing in zip(axes, ["nothing", "mean path"], strict=True):
    mean, std, running_mean, _ = (values[:, 0] for values in seen[missing][0])
    middle, unit = mean.mean(), std.mean()
    ax.plot(range(1, 31), (mean - middle) / unit, "o", ms=4, color=figures.role("batch").color, label="mean of the batch")
    figures.curve(range(1, 31), (running_mean - middle) / unit, ax=ax, role=roles[missing], label="running mean")
    figures.frame(ax, title=f"missing: {missing}", x="batch", ylim=(-1.5, 1.5))
axes[0].set_ylabel("standard deviations of z")
axes[0].legend()
figures.show(figure)

# %%
for missing in MISSING:
    jumps = [abs(np.diff(mean, axis=0) / std[1:]).mean() for mean, std, _, _ in seen[missing]]
    offs = [abs((running[:-1] - mean[1:]) / std[1:]).mean() for mean, std, running, _ in seen[missing]]
    print(missing, np.round(jumps, 3), np.round(offs, 3))
    print([np.corrcoef(np.diff(m, axis=0).ravel(), s[:-1].ravel())[0, 1].round(3) for m, _, _, s in seen[missing]])
    print([abs(np.diff(m[:, 0])/s[1:,0]).mean().round(3) for m, s, _, _ in seen[missing]])
