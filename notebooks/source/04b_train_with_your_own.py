# %% [markdown]
# # 04b · Train with your own backward pass
#
# *30 minutes · previous: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) · next:
# [05 · Train and infer](05_train_and_infer.ipynb)*
#
# The network of lesson 00, with eight hidden layers, learned only with BN. Here it learns with *your* BN, forward and
# backward, in plain NumPy. Then you leave out one path of the backward pass, and see what it was good for.
#
# ```python
# y, cache = bn_forward(x @ W, gamma, beta)       # forward through one layer
# dz, dgamma, dbeta = bn_backward(dy, cache)      # and back
# W -= rate * x.T @ dz                            # a step of gradient descent
# ```

# %%
from copy import deepcopy

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bnteach import figures, labs
from bnteach.data import digits

# %% [markdown]
# ## BN from memory
#
# **Write it yourself.** Open an empty cell here. Write `bn_forward(x, gamma, beta)`, which returns `y` and a `cache` of
# what the backward pass needs, and `bn_backward(dy, cache)`, which returns `dx`, `dgamma`, `dbeta`. Then compare with the
# next cell. There `bn_backward` has two more arguments, for later: a 0 in place of the 1 leaves a path out.

# %%
eps = 1e-5


def bn_forward(x, gamma, beta):
    mean, var = x.mean(axis=0), x.var(axis=0)
    s = np.sqrt(var + eps)
    x_hat = (x - mean) / s
    y = gamma * x_hat + beta
    return y, (x_hat, gamma, s)


def bn_backward(dy, cache, mean_path=1, variance_path=1):
    x_hat, gamma, s = cache
    N = len(dy)
    dbeta = dy.sum(axis=0)
    dgamma = (dy * x_hat).sum(axis=0)
    dx = gamma / s * (dy - mean_path * dbeta / N - variance_path * x_hat * dgamma / N)
    return dx, dgamma, dbeta


# %% [markdown]
# PyTorch must agree, on a random batch with a random dy. To test *your* functions, and to train with them, run your
# cell once more before you go on.

# %%
rng = np.random.default_rng(0)
x, dy = rng.normal(5, 3, size=(9, 4)), rng.normal(size=(9, 4))
gamma, beta = rng.normal(size=4), rng.normal(size=4)
y, cache = bn_forward(x, gamma, beta)

tensors = [torch.tensor(array, requires_grad=True) for array in (x, gamma, beta)]
theirs = torch.nn.functional.batch_norm(tensors[0], None, None, *tensors[1:], training=True, eps=eps)
theirs.backward(torch.tensor(dy))
for name, ours, tensor in zip(("dx", "dgamma", "dbeta"), bn_backward(dy, cache), tensors, strict=True):
    print(f"{name:6} largest difference: {abs(ours - tensor.grad.numpy()).max():.9f}")
    assert np.allclose(ours, tensor.grad)
assert np.allclose(y, theirs.detach())

# %% [markdown]
# ## A layer
#
# A hidden layer multiplies by its weights $W$, normalizes, and applies a sigmoid, $a = 1/(1 + e^{-y})$. Backward is the
# same in reverse order: the sigmoid has the derivative $a(1 - a)$; then BN; then the product $z = aW$ of the layer's
# input and $W$. Each parameter takes a step against its gradient.
#
# After training there may be only one picture, and no batch to take a mean of. So each layer keeps a **running
# average** of the mean and the variance of its batches, and uses it when `training` is `False`. (Lesson 05 is about
# these averages. PyTorch averages the variance with $N - 1$ in place of $N$.)


# %%
class Layer:
    def __init__(self, rng, inputs, outputs, paths):
        self.W = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        self.gamma, self.beta = np.ones(outputs), np.zeros(outputs)
        self.running_mean, self.running_var = np.zeros(outputs), np.ones(outputs)
        self.paths = paths  # for later: which paths bn_backward leaves out

    def forward(self, inputs, training):
        z = inputs @ self.W
        if training:
            y, cache = bn_forward(z, self.gamma, self.beta)
            self.running_mean = 0.9 * self.running_mean + 0.1 * z.mean(axis=0)
            self.running_var = 0.9 * self.running_var + 0.1 * z.var(axis=0)
        else:
            cache = None
            y = self.gamma * (z - self.running_mean) / np.sqrt(self.running_var + eps) + self.beta
        a = 1 / (1 + np.exp(-y))
        self.z, self.kept = z, (inputs, cache, a)
        return a

    def backward(self, da, rate):
        inputs, cache, a = self.kept
        dy = da * a * (1 - a)
        dz, dgamma, dbeta = bn_backward(dy, cache, **self.paths)
        dinputs = dz @ self.W.T  # with the W of the forward pass, so before W changes
        self.W -= rate * inputs.T @ dz
        self.gamma -= rate * dgamma
        self.beta -= rate * dbeta
        return dinputs


# %% [markdown]
# ## The network
#
# Eight such layers with 100 units each, and a linear layer for the ten digits. Its scores go through a **softmax**,
# which makes probabilities $p$ of them, and the loss is the **cross-entropy**. The gradient of this loss with respect
# to the scores is $(p - t)/N$: $t$ is 1 for the right digit and 0 for the others, $N$ counts the pictures.


# %%
class Network:
    def __init__(self, rng, paths):
        self.layers = [Layer(rng, inputs, 100, paths) for inputs in [64] + 7 * [100]]
        self.W, self.b = rng.normal(size=(100, 10)) / np.sqrt(100), np.zeros(10)

    def forward(self, a, training):
        for layer in self.layers:
            a = layer.forward(a, training)
        return a, a @ self.W + self.b

    def step(self, pictures, labels, rate=0.1):
        a, scores = self.forward(pictures, training=True)
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        dscores = (p - np.eye(10)[labels]) / len(labels)
        da = dscores @ self.W.T  # again before W changes
        self.W -= rate * a.T @ dscores
        self.b -= rate * dscores.sum(axis=0)
        for layer in reversed(self.layers):
            da = layer.backward(da, rate)


# %% [markdown]
# Training is gradient descent on batches of about 60 pictures, 15 times through the digits, as in lesson 00. There the
# same network without BN only guessed: 10 %.
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


def accuracy(network, training=False):
    _, scores = deepcopy(network).forward(data.x_test, training)  # a copy: its averages may change
    return (scores.argmax(axis=1) == data.y_test).mean()


print(f"test accuracy: {accuracy(train(seed=0, paths={})):.1%}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 97 %. The backward pass that you derived trains a deep network.
#
# </details>
#
# ## Leave a path out
#
# dx has three paths: direct, through the mean, through the variance. We leave out the second, the third, or both, with
# five seeds each. The forward pass stays right. If you train with your own `bn_backward`, give it the two arguments now.
#
# **Predict.** Which path is missed more: that through the mean, or that through the variance?

# %% tags=["nbval-ignore-output"]
MISSING = {
    "nothing": {},
    "mean path": {"mean_path": 0},
    "variance path": {"variance_path": 0},
    "both": {"mean_path": 0, "variance_path": 0},
}
networks = {missing: [train(seed, paths) for seed in range(5)] for missing, paths in MISSING.items()}


def accuracies(training):
    table = {}
    for missing, five in networks.items():
        table[missing] = [accuracy(network, training) for network in five]
        print(f"missing: {missing:14}", *(f"{share:.2f}" for share in table[missing]))
    return table


averaged = accuracies(training=False)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The path through the mean, by far. Without it these networks do little better than guessing. Without both paths they do a
# little better than that, but still badly. Without the path through the variance they lose at most two points.
#
# </details>
#
# ## Did they learn nothing?
#
# The test used the running averages. Let us test the same networks once more, and normalize the test pictures with
# their *own* mean and variance, as in training.
#
# **Predict.** Which numbers change?

# %% tags=["nbval-ignore-output"]
own = accuracies(training=True)
assert min(averaged["nothing"]) > 0.95
assert min(averaged["variance path"]) > 0.93
assert max(averaged["mean path"]) < 0.5

# %% [markdown]
# <details><summary>Answer</summary>
#
# The two rows without the path through the mean: nearly all rise to 90 % and more. So these networks *have* learned.
# Their weights are good. What is wrong is the running averages.
#
# </details>
#
# ## Lab: a step without one of the paths
#
# What does dx look like when a path is missing? The lab of lesson 04 shows it, now at its last step: add up the rows of its
# table without the one that is missing.
#
# 1. Choose *all the same*. What is dx without the path through the mean? What does a step along this dx do to the channel?
# 2. Choose *value · x̂*. The same questions, without the path through the variance.

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The direct part alone: the same number for each sample. The step **shifts** the whole channel.
# 2. The direct part alone: a multiple of x̂. The step **stretches** the channel away from its mean (or toward it).
#
# With all paths, dx is 0 in both cases: nothing of dx asks for a shift or a stretch.
#
# </details>
#
# ## Where the shift goes
#
# BN subtracts each shift again, with the mean of the batch. So in training the loss does not see it, and nothing stops it.
# In evaluation, however, BN subtracts the running mean. Three numbers for each layer show what happens to the values $z$
# that enter BN, here of the training pictures: how far their means lie from 0, how large their standard deviations are, and
# how far the mean of $\hat{x}$ lies from 0 when the running averages normalize.


# %% tags=["nbval-ignore-output"]
def statistics(network):
    network = deepcopy(network)  # the running averages of the original stay as they are
    network.forward(data.x_train, training=False)
    x_hats = [(each.z - each.running_mean) / np.sqrt(each.running_var + eps) for each in network.layers]
    network.forward(data.x_train, training=True)
    zs = [each.z for each in network.layers]  # 8 layers, N pictures, 100 units
    means, stds, means_in_test = np.mean(zs, axis=1), np.std(zs, axis=1), np.mean(x_hats, axis=1)
    return np.mean(np.abs([means, stds, means_in_test]), axis=2)


found = {}
for missing, five in networks.items():
    found[missing] = np.mean([statistics(network) for network in five], axis=0)
    print(f"missing: {missing:14}", "mean, std, mean of x̂ in layer 5:", found[missing][:, 4].round(2))
assert min(own["mean path"]) > 0.8

# %% tags=["draws", "nbval-ignore-output"] alt="Three panels over the eight hidden layers, averages over five seeds. Size of the means: about 0.4 with the path through the mean, one to two without it. Standard deviation: near 0.23 when nothing is missing, rising to 0.6 in layer 8 without the path through the variance; without the path through the mean about 0.4, falling to 0.22 in layer 8. Mean of x-hat in evaluation: near 0 with the path through the mean; without it, it grows from layer to layer, to 2 standard deviations, and to 1 when both paths are missing."
figure, axes = figures.new_figure(columns=3, size=(8.4, 3.0))
roles = dict(zip(MISSING, ("truth", "theory", "with_bn", "before"), strict=True))
titles = ("The means run away", "The values spread out", "Evaluation sees a shift")
labels = ("size of the means", "standard deviation", "mean of x̂, evaluation")
for row, (ax, title, top) in enumerate(zip(axes, titles, (3.4, 0.7, 2.6), strict=True)):
    for missing, role in roles.items():
        figures.curve(range(1, 9), found[missing][row], ax=ax, role=role)
    figures.frame(ax, title=title, x="hidden layer", y=labels[row], ylim=(0, top))
figures.key(axes[0], {role: f"missing: {missing}" for missing, role in roles.items()}, place="upper right")
figures.show(figure)

# %% [markdown]
# - **Nothing is missing** (black). The means and the standard deviations stay small, and in evaluation the mean of
#   $\hat{x}$ is close to 0.
# - **The path through the mean is missing** (brown). Each step shifts whole channels, and the means run away. (There is no
#   bias. But the inputs from a sigmoid are all positive, so weights that grow together shift $z$.) The running mean
#   remembers some ten batches, so it comes too late: in layer 1 it is wrong by about 0.15 standard deviations. Layer 2
#   gets these wrong values and adds an error of its own, and so on. From layer 5 on, the error is about 2 standard
#   deviations: too much for the test.
# - **The path through the variance is missing** (blue). Each step stretches channels, so the standard deviations grow, up
#   to 0.6 in layer 8. But the running averages keep up, and little is lost.
# - **Both are missing** (gray). The means run away here, too, but the errors add up to about 1 standard deviation only. So
#   the accuracies lie above those of the brown networks.
#
# (In the middle panel the brown line lies above the black one as well, except in layer 8: steps that shift a channel also
# make its weights longer.) This is one network with one learning rate. Others will give other numbers.
#
# **In practice**: if you write BN in PyTorch and compute the mean and the standard deviation inside `torch.no_grad()`, or
# detach them, both paths are missing. No error message comes, the network learns, and only the test shows the fault.
#
# ## What was shown
#
# - The BN that you derived trains a deep network in plain NumPy. The path through the mean keeps a step from shifting a
#   channel, the path through the variance from stretching it.
# - The [exercises of lesson 04](exercises/04_derive_the_backward_pass.ipynb), if not done yet (30 minutes). Deeper:
#   [Which test catches a wrong backward pass?](deeper/test_a_backward_pass.ipynb) and
#   [What does a batch of two teach?](deeper/what_a_small_batch_teaches.ipynb).
# - Next: [05 · Train and infer](05_train_and_infer.ipynb). Why are there running averages, and what can go wrong with them?
#
# *Source of the digits: UCI "Optical Recognition of Handwritten Digits", as in scikit-learn.*
