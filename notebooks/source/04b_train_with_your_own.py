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
# next cell. There `bn_backward` has two more arguments for later: with a 0 in place of the 1, a path is left out.

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
gradients = zip(("dx", "dgamma", "dbeta"), bn_backward(dy, cache), tensors, strict=True)
for name, ours, tensor in gradients:
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
# these averages.)


# %%
class Layer:
    def __init__(self, rng, inputs, outputs):
        self.W = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        self.gamma, self.beta = np.ones(outputs), np.zeros(outputs)
        self.running_mean, self.running_var = np.zeros(outputs), np.ones(outputs)

    def forward(self, inputs, training):
        z = inputs @ self.W
        if training:
            y, cache = bn_forward(z, self.gamma, self.beta)
            self.mean, self.var = z.mean(axis=0), z.var(axis=0)
            self.running_mean = 0.9 * self.running_mean + 0.1 * self.mean
            self.running_var = 0.9 * self.running_var + 0.1 * self.var
        else:
            cache = None
            y = self.gamma * (z - self.running_mean) / np.sqrt(self.running_var + eps) + self.beta
        a = 1 / (1 + np.exp(-y))
        self.kept = inputs, cache, a
        return a

    def backward(self, da, rate, **paths):
        inputs, cache, a = self.kept
        dy = da * a * (1 - a)
        dz, dgamma, dbeta = bn_backward(dy, cache, **paths)
        dinputs = dz @ self.W.T
        self.W -= rate * inputs.T @ dz
        self.gamma -= rate * dgamma
        self.beta -= rate * dbeta
        return dinputs


# %% [markdown]
# ## The network
#
# Eight such layers with 100 units each, and a linear layer for the ten digits. Its scores go through a **softmax**,
# which makes probabilities $p$ of them, and the loss is the **cross-entropy**. The gradient of this loss with respect
# to the scores is simple: $p$ minus 1 for the right digit, divided by the number of pictures.


# %%
class Network:
    def __init__(self, rng):
        self.layers = [Layer(rng, inputs, 100) for inputs in [64] + 7 * [100]]
        self.W, self.b = rng.normal(size=(100, 10)) / np.sqrt(100), np.zeros(10)

    def forward(self, a, training):
        for layer in self.layers:
            a = layer.forward(a, training)
        return a, a @ self.W + self.b

    def step(self, pictures, labels, rate=0.1, **paths):
        a, scores = self.forward(pictures, training=True)
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        dscores = (p - np.eye(10)[labels]) / len(labels)
        da = dscores @ self.W.T
        self.W -= rate * a.T @ dscores
        self.b -= rate * dscores.sum(axis=0)
        for layer in reversed(self.layers):
            da = layer.backward(da, rate, **paths)


# %% [markdown]
# Training is gradient descent on batches of about 60 pictures, 15 times through the digits, as in lesson 00. There the
# same network without BN only guessed: 10 %.
#
# **Predict.** What test accuracy does it reach with your BN?

# %% tags=["nbval-ignore-output"]
_ = threadpool_limits(1)  # so small a network is fastest on one thread
data = digits(dtype=np.float64)


def train(seed, **paths):
    rng = np.random.default_rng(seed)
    network = Network(rng)
    for _ in range(15):
        for rows in np.array_split(rng.permutation(len(data.x_train)), 22):
            network.step(data.x_train[rows], data.y_train[rows], **paths)
    return network


def accuracy(network, training=False):
    _, scores = deepcopy(network).forward(data.x_test, training)  # a copy: its averages may change
    return (scores.argmax(axis=1) == data.y_test).mean()


print(f"test accuracy: {accuracy(train(seed=0)):.1%}")

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
# five seeds each. The forward pass stays right. (In PyTorch both are missing when the mean and the standard deviation are
# computed inside `torch.no_grad()`, or detached. No error message comes.) If you train with your own `bn_backward`,
# give it the two arguments now.
#
# **Predict.** Which path is missed more: that through the mean, or that through the variance?

# %% tags=["nbval-ignore-output"]
MISSING = {
    "nothing": {},
    "mean path": {"mean_path": 0},
    "variance path": {"variance_path": 0},
    "both": {"mean_path": 0, "variance_path": 0},
}
networks = {missing: [train(seed, **paths) for seed in range(5)] for missing, paths in MISSING.items()}


def accuracies(training):
    table = {}
    for missing, five in networks.items():
        table[missing] = [accuracy(network, training) for network in five]
        print(f"missing: {missing:14}", *(f"{share:.2f}" for share in table[missing]))
    return table


averaged = accuracies(training=False)
assert min(averaged["nothing"]) > 0.95
assert min(averaged["variance path"]) > 0.93
assert max(averaged["mean path"]) < 0.5

# %% [markdown]
# <details><summary>Answer</summary>
#
# The path through the mean, by far: without it most networks do little better than guessing. Without the path through
# the variance they lose one or two points.
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
assert min(own["mean path"]) > 0.8

# %% [markdown]
# <details><summary>Answer</summary>
#
# The two rows without the path through the mean: they rise to about 90 % and more. So these networks *have* learned.
# Their weights are good, but their running averages are not.
#
# </details>
#
# ## What each path is for
#
# For each layer we look at the values $z$ that enter BN. How far are their means from 0? How large are their standard
# deviations? And how far is the running average from the mean, in standard deviations?


# %% tags=["nbval-ignore-output"]
def statistics(network):
    averages = [layer.running_mean for layer in network.layers]
    network.forward(data.x_train, training=True)
    means = np.array([layer.mean for layer in network.layers])
    stds = np.sqrt([layer.var for layer in network.layers])
    lags = abs(averages - means) / stds
    return [abs(means).mean(axis=1), stds.mean(axis=1), lags.mean(axis=1)]


found = {}
for missing, five in networks.items():
    found[missing] = np.mean([statistics(network) for network in five], axis=0)
    print(f"missing: {missing:14}", "  mean, std, lag in layer 5:", found[missing][:, 4].round(2))

# %% tags=["draws", "nbval-ignore-output"] alt="Three panels over the eight hidden layers, averages over five seeds. Size of the means: about 0.4 as long as the path through the mean is there, one to two without it. Standard deviation: near 0.23 with the right backward pass, rising to 0.6 in layer 8 without the path through the variance. Lag of the running average, in standard deviations: near 0 as long as the path through the mean is there, about 0.4 from layer 2 on without it."
figure, axes = figures.new_figure(columns=3, size=(8.4, 3.0))
roles = dict(zip(MISSING, ("truth", "theory", "with_bn", "before"), strict=True))
titles = ("The means run away", "The values spread out", "The average lags behind")
labels = ("size of the means", "standard deviation", "lag, in standard deviations")
for row, (ax, title, top) in enumerate(zip(axes, titles, (2.5, 0.7, 0.8), strict=True)):
    for missing, role in roles.items():
        figures.curve(range(1, 9), found[missing][row], ax=ax, role=role)
    figures.frame(ax, title=title, x="hidden layer", y=labels[row], ylim=(0, top))
figures.key(axes[2], {role: f"missing: {missing}" for missing, role in roles.items()}, place="upper right")
figures.show(figure)

# %% [markdown]
# - **Nothing missing** (black). dx has no part along $\mathbf{1}$ and none along $\hat{x}$. So the steps neither shift a
#   channel nor stretch it: means and standard deviations stay nearly what they were before training.
# - **The path through the mean** is missing (brown). dx keeps its part along $\mathbf{1}$, and each step shifts whole
#   channels. (The outputs of a sigmoid are positive, so the weights of a unit together act like a bias.) BN subtracts the
#   shift again, so the loss does not change, and no gradient corrects it: the means run away. The running average remembers
#   some ten batches and comes too late: it lags by some 0.4 standard deviations, in one layer after another. (Such
#   steps also make the weights longer, so the values spread out as well.)
# - **The path through the variance** is missing (blue). dx keeps its part along $\hat{x}$, and each step stretches
#   channels. BN divides the stretch away again. The running average keeps up, and little is lost.
#
# This is one network with one learning rate. Other networks will give other numbers.
#
# ## Lab: what a missing part lets through
#
# The table of all $\partial y_i/\partial x_j$ in a channel is called the **Jacobian**, $J$, and $dx = J\,dy$. The
# lab shows it for $\gamma = 1$, with the three paths as parts that you can switch off. On the right: what $J$ makes of a dy
# along $\mathbf{1}$, and of a dy along $\hat{x}$. With all parts on, both are 0: nothing comes through.
#
# 1. Switch *Mean part* off. Does a dy along $\mathbf{1}$ come through now? And one along $\hat{x}$?
# 2. Switch it on again, and *Variance part* off. Which direction comes through?
# 3. Which switches give the *first idea* of lesson 04?

# %% tags=["nbval-ignore-output"]
labs.Jacobian()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. $J\mathbf{1}$ is the same number, $1/s$, in each row: the whole channel is shifted. $J\hat{x}$ is still 0.
# 2. $\hat{x}$: now $J\hat{x}$ is $\hat{x}/s$, a stretch.
# 3. The diagonal part alone. Both directions come through.
#
# </details>
#
# ## What was shown
#
# - The BN that you derived trains a deep network in plain NumPy. The path through the mean keeps the steps from shifting
#   a channel, the path through the variance from stretching it.
# - The [exercises of lesson 04](exercises/04_derive_the_backward_pass.ipynb), if not done yet (60 minutes). Deeper:
#   [Which test catches a wrong backward pass?](deeper/test_a_backward_pass.ipynb) and
#   [What does a batch of two teach?](deeper/what_a_small_batch_teaches.ipynb).
# - Next: [05 · Train and infer](05_train_and_infer.ipynb). Why are there running averages, and what can go wrong with them?
#
# *Source of the digits: UCI "Optical Recognition of Handwritten Digits", as in scikit-learn.*
