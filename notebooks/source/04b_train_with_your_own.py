# %% [markdown]
# # 04b · Train with your own backward pass
#
# *40 minutes · previous: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) · next:
# [05 · Train and infer](05_train_and_infer.ipynb) · [exercises](exercises/04b_train_with_your_own.ipynb)*
#
# The network of lesson 00, with eight hidden layers, learned only with BN. Here it learns with *your* BN, in plain NumPy. Then
# you leave out one path of the backward pass, and see what this path is needed for.
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
#   terms. Multiply the term of the mean by `mean_path`, the term of the variance by `variance_path`: a 0 leaves this path out.
#
# The first cell below is a solution, folded in JupyterLab. Run it, but do not read it yet. The second cell is yours. While it is
# empty, the lesson runs with the solution.


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
# Is it right? First $y$, for channel 1 of lesson 04. Then the checker tries both functions on several batches.

# %%
x, gamma, beta = np.array([[1.0], [2.0], [3.0], [6.0]]), np.array([2.0]), np.array([-1.0])
print("y:", bn_forward(x, gamma, beta)[0][:, 0].round(3), " in lesson 04: -3.138 -2.069 -1. 2.207")


# %%
def forward_and_back(dy, x, gamma, eps):
    _, cache = bn_forward(x, gamma, 0, eps)  # beta is 0: no gradient depends on it
    dx, dgamma, dbeta = bn_backward(dy, cache)
    no_mean, no_variance = (bn_backward(dy, cache, *paths)[0] for paths in ((0, 1), (1, 0)))
    assert abs(no_mean.sum(axis=0)).max() > 1e-9, "without the path through the mean, dx must not sum to 0"
    assert not np.allclose(no_variance, dx), "without the path through the variance, dx must be another one"
    return dx, dgamma, dbeta


check.batch_norm_backward(forward_and_back)

# %% [markdown]
# ## A layer
#
# A hidden layer multiplies its input by the weights $W$, normalizes the product $z$, and applies a sigmoid,
# $a = 1/(1 + e^{-y})$. The backward pass goes the other way: the sigmoid, whose derivative is $a(1 - a)$; BN; the product.
# Each parameter takes a step against its gradient.
#
# After training there may be only one picture, and no batch to take a mean of. So each layer keeps **running averages**
# of the means and the variances of its batches, and uses them when `training` is `False`. Lesson 05 is about them.


# %%
class Layer:
    def __init__(self, rng, inputs, outputs, paths):
        self.W = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        self.gamma, self.beta = np.ones(outputs), np.zeros(outputs)
        self.running_mean, self.running_var = np.zeros(outputs), np.ones(outputs)
        self.paths = paths  # for later: {} leaves no path out
        self.history = []  # for a picture below

    def forward(self, a_before, training):
        z = a_before @ self.W
        if training:
            y, self.cache = bn_forward(z, self.gamma, self.beta)
            self.running_mean = 0.9 * self.running_mean + 0.1 * z.mean(axis=0)
            self.running_var = 0.9 * self.running_var + 0.1 * z.var(axis=0)
            self.history.append((z.mean(axis=0), self.running_mean))
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
# Its gradient with respect to the scores is $(p - t)/N$: $t$ is 1 for the right digit and 0 for the others, and $N$ counts the pictures.


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
# Training is gradient descent on batches of about 60 pictures, 15 times through the digits (15 **epochs**), as in lesson 00.
# There the same network without BN only guessed: 10 %.
#
# **Predict.** What test accuracy does it reach with your BN?

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
# <details><summary>Answer</summary>
#
# About 97 %. The backward pass that you derived trains a deep network.
#
# </details>
#
# ## Lab: a step without one of the paths
#
# dx is the sum of three paths: direct, through the mean, through the variance. Each has a row in the table of this lab.
#
# 1. Choose *all the same*. What is dx without the path through the mean? What does a step along this dx do to the channel?
# 2. Choose *value · x̂*. The same questions, without the path through the variance.
#
# (To leave a path out, add up the two other rows.)

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
# Now we train four kinds of network: with all paths, without the path through the mean, without the path through the
# variance, without both. The forward pass stays right. Five seeds each: this takes about 20 seconds.
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

# %% tags=["draws", "nbval-ignore-output"] alt="Left, the training loss over 15 epochs, five lines for each kind of network. All lines fall, from 1.7 to below 0.5. With all paths they end at 0.13, without the path through the variance at 0.25, the others at 0.3 to 0.45. Right, the test accuracy, five dots for each kind. 97 percent with all paths, 96 without the path through the variance; 10 to 20 percent without the path through the mean; 18 to 66 percent without both."
figure, (left, right) = figures.new_figure(columns=2, size=(7.2, 3.1))
roles = dict(zip(MISSING, ("with_bn", "theory", "unbiased", "before"), strict=True))
for missing, role in roles.items():
    for network in networks[missing]:
        epochs = np.reshape(network.losses, (15, 22)).mean(axis=1)
        figures.curve(range(1, 16), epochs, ax=left, role=role)
        assert epochs[-1] < 0.5
for line in left.lines:
    line.set_linewidth(1.3)
left.set_xticks([1, 5, 10, 15])
figures.frame(left, title="The training loss falls in all", x="epoch", y="training loss", ylim=(0, 1.8))
figures.key(left, {role: f"missing: {missing}" for missing, role in roles.items()})
figures.strips([(trained[missing], role) for missing, role in roles.items()], limits=(0, 1), ax=right)
right.set_xticks([1, 2, 3, 4], ["nothing", "mean\npath", "variance\npath", "both"])
figures.frame(right, title="Right in the test", x="missing", y="test accuracy", ylim=(0, 1))
assert min(trained["nothing"] + trained["variance path"]) > 0.93
assert max(trained["mean path"]) < 0.5
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# For all four (left), though less far where a path is missing. Each step now also shifts or stretches the channels, but in
# training BN takes this out again, so it does not harm the loss.
#
# </details>
#
# The test accuracy (right) is another matter. Without the path through the mean, the networks do little better than guessing.
# Without both paths they differ widely, and all are bad. Without the path through the variance they lose at most about two
# points.
#
# ## Did they learn nothing?
#
# In training BN uses the mean of the batch; the test uses the running averages. These are slow: after ten
# batches an old average still has the weight $0.9^{10} = 35\,\%$. So either the weights are bad, or the averages.
#
# To find out, we show the networks the training pictures again, in training mode, but without a step. Only the averages
# change. This is called **recalibrating**. Then comes the same test.
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
# ## The running mean comes too late
#
# Here is one channel, the first of layer 2, in two networks with the same seed. The dots are the means of the batches, the line is the
# running mean. After batch 330 the training ends and the recalibrating begins.

# %% tags=["draws", "nbval-ignore-output"] alt="The mean of channel 0 of layer 2 over 396 batches. With all paths it stays near 0, and the running mean with it. Without the path through the mean it rises to 2.7 and falls to 1.8 until batch 330, and the running mean follows late. From batch 330 on, while the network is recalibrated, both are level and equal."
figure, axes = figures.new_figure(columns=2, size=(7.2, 3.0))
for ax, missing in zip(axes, ("nothing", "mean path"), strict=True):
    layer_2 = fresh[missing][0].layers[1]
    means, running = np.array(layer_2.history)[:, :, 0].T  # of channel 0
    ax.plot(means, ls="", marker="o", ms=2.5, color=figures.role("batch").color)
    figures.curve(range(len(running)), running, ax=ax, role="with_bn")
    ax.axvline(330, color="black", linewidth=1)
    figures.numbers(["recalibrating"], [345], [2.75], ax=ax, align="left")
    figures.frame(ax, title=f"missing: {missing}", x="batch", y="mean of z", xlim=(0, 500), ylim=(-0.5, 3))
assert min(after["mean path"] + after["both"]) > 0.85
figures.show(figure)

# %% [markdown]
# With all paths the mean stays nearly where it was. Without the path through the mean it moves far away, and the running mean
# follows late. Why does it move? The sum of dz over the batch is not 0, so each step also shifts the channel (your
# first lab task). The layer has no bias, but its inputs are never negative, so larger weights make $z$ larger for all pictures. BN
# subtracts the shift again, so nothing in the loss stops the next one.
#
# Is it so in all channels? We measure how far the running mean was behind: its distance from the recalibrated one, in
# standard deviations of $z$, averaged over all channels and seeds.

# %% tags=["nbval-ignore-output"]
for missing in MISSING:
    pairs = zip(networks[missing], fresh[missing], strict=True)
    layers = [both for late, new in pairs for both in zip(late.layers, new.layers, strict=True)]
    behind = [abs(late.running_mean - new.running_mean) / np.sqrt(new.running_var) for late, new in layers]
    print(f"missing: {missing:14} behind by {np.mean(behind):.2f} standard deviations")
    assert (np.mean(behind) > 0.05) == ("mean_path" in MISSING[missing])

# %% [markdown]
# It keeps up where the path through the mean is there. Without this path it is behind. (Less so where both paths are
# missing; why, we do not know.)
#
# How much harm does *one* late layer do? We take the recalibrated networks without the path through the mean, and give only
# layer 1 its late averages back, then only layer 2, and so on.
#
# **Predict.** With eight late layers the accuracy was 20 % or less. With one: 20 % or less, above 80 %, or between?


# %% tags=["nbval-ignore-output"]
def one_late(late, fresh, k):
    copy = deepcopy(fresh)
    copy.layers[k] = late.layers[k]  # the same weights, but late averages
    return accuracy(copy)


pairs = zip(networks["mean path"], fresh["mean path"], strict=True)
shares = np.array([[one_late(*pair, k) for k in range(8)] for pair in pairs])

# %% tags=["draws", "nbval-ignore-output"] alt="The test accuracy of five networks, without the path through the mean, over the layer that is late. With no late layer it is 0.86 to 0.96. With one it falls, in most cases to between 0.2 and 0.8, in layer 2 the most on average. With all layers late it is 0.1 to 0.2."
ax = figures.new_axes(size=(6.0, 2.8))
for five in shares:
    figures.curve(range(1, 9), five, ax=ax, role="theory")
for line in ax.lines:
    line.set(linewidth=1.3, linestyle="-")
for place, five in ((0, after["mean path"]), (9, trained["mean path"])):
    figures.dots([place] * 5, five, limits=(0, 1), ax=ax, role="theory", size=5)
ax.set_xticks(range(10), ["none", *range(1, 9), "all"])
figures.frame(ax, title="One late layer, in five networks", x="late layer", y="test accuracy", ylim=(0, 1))
assert ((shares > 0.2) & (shares < 0.8)).mean() > 0.6
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In most cases between, but the networks differ much. With eight late layers the errors come together, because each layer gets
# its input from the layer before.
#
# </details>
#
# We do not know why leaving out the path through the variance does so little harm here. (Another network or learning rate
# will give other numbers.)
#
# **In practice**: if you write BN in PyTorch and compute the mean and the standard deviation inside `torch.no_grad()`, both
# paths are missing. There is no error, and the training loss falls. A test of the gradient shows the fault at once: you write
# one in the exercise.
#
# ## What was shown
#
# The BN that you derived trains a deep network. Without the path through the mean it learned, too, but its channels shifted,
# and the running averages came too late. So far, the lessons have measured five effects of BN:
#
# | what BN does | lesson |
# |---|---|
# | It keeps the signal and the gradient in a deep network of sigmoids ([with ReLU the gradient grows](14_deep_enough_to_break.ipynb)). | [00](00_meet_batch_normalization.ipynb) |
# | It makes the condition number smaller (in a ReLU network with random weights). | [01b](01b_see_why_it_helps.ipynb) |
# | The scale of the weights before it drops out. | [02](02_normalize.ipynb) |
# | Mean and standard deviation of a channel get parameters of their own. | [03](03_scale_and_shift.ipynb) |
# | dx loses its parts along $\mathbf{1}$ and $\hat{x}$. | [04](04_derive_the_backward_pass.ipynb) |
#
# **Practice:** [the exercises](exercises/04b_train_with_your_own.ipynb), 25 minutes.
#
# **Next:** [05 · Train and infer](05_train_and_infer.ipynb). Why are there running averages, and what can go wrong with them?
#
# *Source of the digits: UCI "Optical Recognition of Handwritten Digits", as in scikit-learn.*
