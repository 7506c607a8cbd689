# %% [markdown]
# # 04b · Train with your own backward pass
#
# *40 minutes · previous: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) · next:
# [05 · Train and infer](05_train_and_infer.ipynb) · [exercises](exercises/04b_train_with_your_own.ipynb)*
#
# The network of lesson 00, with eight hidden layers, learned only with BN. Here it learns with *your* BN, in plain NumPy. Then
# you leave out one path of the backward pass, and see what it is needed for.
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
#   terms. Multiply the term of the mean by `mean_path`, that of the variance by `variance_path`: a 0 leaves this path out.
#
# If you do not remember the formula, look at [Multiply it out](04_derive_the_backward_pass.ipynb#Multiply-it-out) in lesson 04.
#
# The first cell below is a solution, folded in JupyterLab. Run it, but read it only when your rows below are right, or after
# 15 minutes. The second cell is yours. While it is empty, the lesson runs with the solution.


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
# Is it right? With channel 1 of lesson 04, both lists of a row must agree:

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
# Then the checker tries both functions on several batches:


# %%
def forward_and_back(dy, x, gamma, eps):
    _, cache = bn_forward(x, gamma, 0, eps)  # beta is 0: no gradient depends on it
    return bn_backward(dy, cache)


check.batch_norm_backward(forward_and_back)

# %% [markdown]
# ## A layer
#
# A hidden layer multiplies its input $a$ by the weights $W$, normalizes the product $z = a\,W$, and applies a sigmoid,
# $1/(1 + e^{-y})$. Its derivative is sigmoid · (1 − sigmoid). The backward pass goes the other way: sigmoid, BN, product.
# The product gives two gradients: $dW = a^{\mathsf T} dz$ for its weights, and $da = dz\,W^{\mathsf T}$ for the layer before.
#
# After training there may be only one picture, and no batch to take a mean of. So each layer keeps **running averages**
# of the means and variances of its batches, and uses them when `training` is `False` (more in lesson 05).


# %%
class Layer:
    def __init__(self, rng, inputs, outputs, paths):
        self.W = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        self.gamma, self.beta = np.ones(outputs), np.zeros(outputs)
        self.running_mean, self.running_var = np.zeros(outputs), np.ones(outputs)
        self.paths = paths  # for later: {} leaves no path out
        self.distances = []  # for a picture below

    def forward(self, a_before, training):
        z = a_before @ self.W
        if training:
            y, self.cache = bn_forward(z, self.gamma, self.beta)
            self.distances.append((abs(z.mean(axis=0) - self.running_mean) / z.std(axis=0)).mean())
            self.running_mean = 0.9 * self.running_mean + 0.1 * z.mean(axis=0)
            self.running_var = 0.9 * self.running_var + 0.1 * z.var(axis=0)
        else:
            x_hat = (z - self.running_mean) / np.sqrt(self.running_var + 1e-5)
            y = self.gamma * x_hat + self.beta
        self.a_before, self.a = a_before, 1 / (1 + np.exp(-y))
        return self.a

    def backward(self, da, rate):
        dy = da * self.a * (1 - self.a)
        dz, dgamma, dbeta = bn_backward(dy, self.cache, **self.paths)  # ** makes arguments of a dict
        da_before = dz @ self.W.T  # with the W of the forward pass, so before W changes
        self.W -= rate * self.a_before.T @ dz
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
# The table of this lab has a row for each of the three paths: direct, through the mean, through the variance. To leave a path
# out, add up the two other rows.
#
# 1. For *Gradient dy* choose *all the same*. What is dx without the path through the mean? What does a step along it do to the
#    channel?
# 2. Choose *value · x̂* there. The same questions, without the path through the variance.

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The same number for each sample. The step **shifts** the whole channel.
# 2. A multiple of x̂. The step **stretches** the channel away from its mean (or toward it).
#
# With all paths, dx is 0 in both cases (in the second up to $\varepsilon$).
#
# </details>
#
# ## Leave a path out
#
# Now we train four kinds of network: with all paths, without the path through the mean, without that through the variance,
# without both. The forward pass of all is right. Five seeds each take about 20 seconds.
#
# **Predict.** For which kinds does the training loss fall?

# %% tags=["nbval-ignore-output"]
MISSING = {
    "nothing": {},
    "mean path": {"mean_path": 0},
    "variance path": {"variance_path": 0},
    "both": {"mean_path": 0, "variance_path": 0},
}
networks = {missing: [train(seed, paths) for seed in range(5)] for missing, paths in MISSING.items()}
trained = {missing: [accuracy(network) for network in five] for missing, five in networks.items()}

# %% tags=["draws", "nbval-ignore-output"] alt="The training loss over 15 epochs for four kinds of network. All four curves fall, from about 1.7. At the end they lie, from top to bottom: without the path through the mean at 0.38, without both at 0.35, without the path through the variance at 0.26, with all paths at 0.14."
roles = {"mean path": "theory", "both": "before", "variance path": "biased", "nothing": "with_bn"}
names = {role: f"missing: {missing}" for missing, role in roles.items()}  # in the order of the curves
ax = figures.new_axes(size=(6.0, 2.9))
for missing, role in roles.items():
    epochs = np.array([np.reshape(network.losses, (15, 22)).mean(axis=1) for network in networks[missing]])
    figures.percentiles(range(1, 16), np.quantile(epochs, [0, 0.5, 1], axis=0).T, ax=ax, role=role)
    assert epochs[:, -1].max() < 0.5
    assert (epochs[:, -1].min() > 0.2) == (missing != "nothing")
ax.set_xticks([1, 5, 10, 15])
figures.frame(ax, title="Median and range of five seeds", x="epoch", y="training loss", ylim=(0, 1.8))
figures.key(ax, names)
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# For all four. With a missing path it ends about two to three times as high. BN takes each shift or stretch out of its own layer
# again, so the networks can learn. But the wrong dz also goes to the earlier layers, through `dz @ self.W.T`: their gradients
# are wrong, too.
#
# </details>
#
# **Predict.** All four learn. Which of them reach 90 % in the test?

# %% tags=["draws", "nbval-ignore-output"] alt="The test accuracy, five dots for each kind of network. 97 percent with all paths, 96 without the path through the variance. Without the path through the mean 10 to 20 percent, without both 18 to 66 percent."
ax = figures.new_axes(size=(6.0, 2.6))
for place, missing in enumerate(MISSING):
    seeds = place + np.linspace(-0.2, 0.2, 5)
    figures.dots(seeds, trained[missing], limits=(0, 1), ax=ax, role=roles[missing], size=6)
ax.axhline(0.1, color="black", linewidth=1)
figures.numbers(["guessing"], [2], [0.15], ax=ax)
ax.set_xticks(range(4), MISSING)
figures.frame(ax, title="Test accuracy of seeds 0 to 4", x="missing", xlim=(-0.5, 3.5), ylim=(0, 1))
assert min(trained["nothing"] + trained["variance path"]) > 0.93
assert max(trained["mean path"]) < 0.5
assert max(trained["both"]) < 0.9
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Those with all paths, and those without the path through the variance. Without the path through the mean the networks do
# little better than guessing. Without both paths they differ widely, and all are bad.
#
# </details>
#
# ## Did they learn nothing?
#
# In training BN uses the mean and the variance of the batch; the test uses the running averages. These are slow: after ten
# batches an old average still has the weight $0.9^{10} = 35\,\%$. So either the weights are bad, or the averages.
#
# To find out, we **recalibrate** the networks: we show them the training pictures again, in training mode, but without a step.
# Only the averages change. Then comes the same test.
#
# **Predict.** Which of the four kinds get better?


# %% tags=["nbval-ignore-output"]
def recalibrated(network):
    copy = deepcopy(network)
    for _ in range(3):
        for pictures in np.array_split(data.x_train, 22):
            copy.forward(pictures, training=True)  # no step
    return copy


fresh = {missing: [recalibrated(network) for network in five] for missing, five in networks.items()}
after = {missing: [accuracy(network) for network in five] for missing, five in fresh.items()}
print("test accuracy, five seeds:     before                     recalibrated")
for missing in MISSING:
    print(f"missing: {missing:14}", np.round(trained[missing], 2), np.round(after[missing], 2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The two without the path through the mean: they rise to 86–96 %. No weight has changed, so these networks *had*
# learned. Only their running averages were wrong.
#
# </details>
#
# **Predict.** Was it the running means, or the running variances? The networks without the path through the mean now get only the one, or only the other.

# %% tags=["nbval-ignore-output"]
copies = deepcopy(fresh["mean path"])
for copy, old in zip(copies, networks["mean path"], strict=True):
    for layer, old_layer in zip(copy.layers, old.layers, strict=True):
        layer.running_var = old_layer.running_var
print("fresh means:              ", np.round([accuracy(copy) for copy in copies], 2))
for copy, new, old in zip(copies, fresh["mean path"], networks["mean path"], strict=True):
    for layer, new_layer, old_layer in zip(copy.layers, new.layers, old.layers, strict=True):
        layer.running_mean, layer.running_var = old_layer.running_mean, new_layer.running_var
print("fresh variances:          ", np.round([accuracy(copy) for copy in copies], 2))
print("fresh means and variances:", np.round(after["mean path"], 2))

# %% [markdown]
# It was the means, in all five networks: fresh variances alone repair nothing. With both, more is right than with the means alone.
#
# ## The running averages come too late
#
# How far is the running mean from the mean of the next batch? Each layer notes this in `distances`, in standard deviations of
# $z$. Here is the average over all channels, layers and seeds. At the black line the training ended, and the test was made.

# %% tags=["draws", "nbval-ignore-output"] alt="The distance between the running mean and the mean of the next batch, over 396 batches, for four kinds of network. All start above 1. With all paths, and without the path through the variance, it is near 0 from batch 50 on. Without the path through the mean it falls from 0.6 to 0.3 and is 0.4 at batch 330, where the test is; without both it is 0.1 there. While the network is recalibrated, it falls to 0 in 30 batches."
ax = figures.new_axes(size=(6.0, 3.0))
at_test = {}
for missing, role in roles.items():
    each = np.array([[layer.distances for layer in network.layers] for network in fresh[missing]])
    distances = each.mean(axis=(0, 1))
    figures.curve(range(1, 397), distances, ax=ax, role=role)
    at_test[role] = distances[330]
ax.axvline(330.5, color="black", linewidth=1)
figures.numbers(["recalibrating"], [335], [0.95], ax=ax, align="left")
title = "The running mean is late without the mean path"
figures.frame(ax, title=title, x="batch", y="standard deviations", xlim=(0, 440), ylim=(0, 1))
figures.key(ax, names, place="upper center")
assert [round(at_test[role], 1) for role in names] == [0.4, 0.1, 0, 0]
assert min(after["mean path"] + after["both"]) > 0.85
figures.show(ax)

# %% [markdown]
# With all paths the running mean keeps up. (The two lowest curves lie on each other.) Without the path through the mean it comes
# late: at the test by about 0.4 standard deviations. Without both paths it is 0.1, and the test went better. (It is a mean over all channels: eight layers add up what
# each is late, and some channels are later than others.)
#
# Why do the means move so fast? Without this path, dz no longer adds up to 0. Say that dz is the same number $c$ for each
# picture (your first lab task). Then the step `W -= rate * a.T @ dz` subtracts `rate` · $c$ · (a sum of inputs) from each weight of
# the channel. No input is negative, so all these weights move to the same side, and $z$ with them: the mean shifts. Pictures with
# larger inputs shift more, so the variance changes, too. BN takes both out again, so nothing in the loss stops the next such step.
#
# We do not know why the path through the variance matters so little here. (Another network gives other numbers.)
#
# **In practice**: if you write BN in PyTorch and compute the mean and the standard deviation inside `torch.no_grad()`, both
# paths are missing. There is no error, and, as here, the training loss falls. You write a test that finds
# either missing path in the exercise.
#
# ## What was shown
#
# - The BN that you derived trains a deep network of sigmoids. (For ReLU see [lesson 14](14_deep_enough_to_break.ipynb).) Without
#   the path through the mean the network learned, too, but the channels shifted, and the running averages came too late.
# - **Practice:** [the exercises](exercises/04b_train_with_your_own.ipynb), 25 minutes.
# - **Next:** [05 · Train and infer](05_train_and_infer.ipynb). Why are there running averages, and what can go wrong with them?
#
# *Source of the digits: UCI "Optical Recognition of Handwritten Digits", as in scikit-learn.*
