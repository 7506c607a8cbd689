# %% [markdown]
# # 04b · Train with your own backward pass
#
# *40 minutes · previous: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) · next:
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
#   terms. Multiply the term of the mean by `mean_path`, and the term of the variance by `variance_path`: a 0 will leave
#   this path out.
#
# The first cell below has a solution, folded in JupyterLab. Run it, but do not read it yet. The second cell is yours. As
# long as it is empty, the lesson runs with the solution.


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
# Is it right? First $y$, for channel 1 of lesson 04. Then the checker runs both functions on several batches. If a
# gradient is off, it says why.

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
# A hidden layer does three things. It multiplies its input by the weights $W$, normalizes the product $z$, and applies a
# sigmoid, $a = 1/(1 + e^{-y})$. The backward pass has the reverse order: the sigmoid, whose derivative is $a(1 - a)$; BN; the
# product. Each parameter takes a step against its gradient.
#
# After training there may be only one picture, and no batch to take a mean of. So each layer keeps a **running
# average** of the mean and the variance of its batches, and uses it when `training` is `False`. (Lesson 05 is about
# these averages. PyTorch divides the variance by $N - 1$ here; with 60 pictures that makes 2 %.)


# %%
class Layer:
    def __init__(self, rng, inputs, outputs, paths):
        self.W = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        self.gamma, self.beta = np.ones(outputs), np.zeros(outputs)
        self.running_mean, self.running_var = np.zeros(outputs), np.ones(outputs)
        self.paths = paths  # for later: {} leaves no path out

    def forward(self, a_before, training):
        z = a_before @ self.W
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
        dz, dgamma, dbeta = bn_backward(dy, self.cache, **self.paths)  # ** makes arguments of a dict
        da_before = dz @ self.W.T  # with the W of the forward pass, so before W changes
        self.W -= rate * self.a_before.T @ dz
        self.gamma -= rate * dgamma
        self.beta -= rate * dbeta
        return da_before


# %% [markdown]
# ## The network
#
# Eight such layers with 100 units each, then a linear layer for the ten digits. Its scores go through a **softmax**,
# which makes probabilities $p$ of them. The loss is the **cross-entropy**. Its gradient with respect to the scores is
# $(p - t)/N$: $t$ is 1 for the right digit and 0 for the others, $N$ counts the pictures. (`np.exp` would
# overflow above 709; these scores stay far below.)


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
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)  # keepdims: a column of sums
        t = np.eye(10)[labels]  # a row for each picture, with a 1 at its label
        dscores = (p - t) / len(labels)
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
# dx is the sum of three paths: direct, through the mean, through the variance. In the table of this lab each path has a row.
#
# 1. Choose *all the same*. What is dx without the path through the mean? What does a step along this dx do to the channel?
# 2. Choose *value · x̂*. The same questions, without the path through the variance.
#
# (To leave a path out, add up the rows of the two other paths.)

# %% tags=["nbval-ignore-output"]
labs.BackpropGraph()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The direct part alone: the same number for each sample. The step **shifts** the whole channel.
# 2. The direct part alone: a multiple of x̂. The step **stretches** the channel away from its mean (or toward it).
#
# With all paths, dx is 0 in both cases (in the second up to $\varepsilon$): no step asks for a shift or a stretch.
#
# </details>
#
# ## Leave a path out
#
# Now we train without the path through the mean, without the path through the variance, and without both, with five
# seeds each. The forward pass stays right: in training it still takes out every shift and every stretch.
#
# **Predict.** Which networks still learn?

# %% tags=["nbval-ignore-output"]
MISSING = {
    "nothing": {},
    "mean path": {"mean_path": 0},
    "variance path": {"variance_path": 0},
    "both": {"mean_path": 0, "variance_path": 0},
}
networks = {missing: [train(seed, paths) for seed in range(5)] for missing, paths in MISSING.items()}


def accuracies(networks):
    table = {missing: [accuracy(network) for network in five] for missing, five in networks.items()}
    for missing, shares in table.items():
        print(f"missing: {missing:14}", *(f"{share:.2f}" for share in shares))
    return table


trained = accuracies(networks)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It seems: only those without the path through the variance. They lose at most about two points. Without the path through
# the mean, these five networks do little better than guessing. Without both paths the five differ widely, but all are bad.
#
# </details>
#
# ## Did they learn nothing?
#
# In training BN subtracts the mean of the batch. The test used the running averages, and they follow slowly: after ten
# batches an old average still has the weight $0.9^{10} = 35\,\%$. So either the weights are bad, or the averages.
#
# To find out, we stop the weights. The training pictures go through the network in training mode, but no step is taken:
# only the averages change. This is called **recalibrating**. Then comes the same test.
#
# **Predict.** Which rows change?


# %% tags=["nbval-ignore-output"]
def recalibrated(network):
    copy = deepcopy(network)
    for _ in range(3):
        for pictures in np.array_split(data.x_train, 22):
            copy.forward(pictures, training=True)  # no step
    return copy


fresh = {missing: [recalibrated(network) for network in five] for missing, five in networks.items()}
after = accuracies(fresh)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The two rows without the path through the mean: they rise to between 86 % and 96 %. No weight has changed, so these
# networks *had* learned. Their running averages came too late.
#
# </details>
#
# ## How late?
#
# Without the path through the mean, the sum of dz over the batch is not 0, so a step also shifts the channel, as in your first lab task. (No bias is
# needed for this: the weights change by `a_before.T @ dz`, and the inputs `a_before` are never negative.) BN subtracts the shift, so the loss does not see it, and the next
# step may shift the channel again. The running mean is an average over old batches, whose means were different.
#
# How far is it behind? For each channel we take the distance between the running mean and the mean of $z$ over the training pictures, in standard
# deviations of $z$. The picture shows the average over 100 channels and five seeds.
#
# **Predict.** Where is the running mean far behind: in the first layers, in the last ones, or in all?


# %% tags=["nbval-ignore-output"]
def distances(network):
    h, found = data.x_train, []
    for layer in network.layers:
        z = h @ layer.W
        found.append((abs(layer.running_mean - z.mean(axis=0)) / z.std(axis=0)).mean())
        y, _ = bn_forward(z, layer.gamma, layer.beta)  # the next layer gets what it got in training
        h = 1 / (1 + np.exp(-y))
    return found


behind = {missing: np.mean([*map(distances, five)], axis=0) for missing, five in networks.items()}

# %% tags=["draws", "nbval-ignore-output"] alt="How far the running mean is behind, over the eight hidden layers, averages over five seeds. With the path through the mean it is about 0.01 standard deviations in every layer. Without it, about 0.15 in layer 1 and 0.4 in all others; 0.05 to 0.2 when both paths are missing."
ax = figures.new_axes(size=(6.0, 3.0))
roles = {"variance path": "with_bn", "nothing": "truth", "mean path": "theory", "both": "before"}
for missing, role in roles.items():
    figures.curve(range(1, 9), behind[missing], ax=ax, role=role)
ax.lines[0].set_linewidth(6)  # so that it shows on both sides of the black line
figures.frame(
    ax, title="The running mean is behind", x="hidden layer", y="standard deviations", ylim=(0, 0.65)
)
figures.key(ax, {roles[missing]: f"missing: {missing}" for missing in MISSING}, place="upper left")
assert min(trained["nothing"]) > 0.95
assert min(trained["variance path"]) > 0.93
assert max(trained["mean path"]) < 0.5
assert min(after["mean path"] + after["both"]) > 0.8
assert behind["mean path"][1:].min() > 0.2
assert max(behind["nothing"].max(), behind["variance path"].max()) < 0.05
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In all layers. Where the path through the mean alone is missing, it is behind by about 0.4 standard deviations, in layer 1 by 0.15. Where both paths are missing, by
# 0.05 to 0.2; why less, we do not know. (The running variance is late, too.)
#
# </details>
#
# How much harm does one late layer do? We recalibrate the networks without the path through the mean. Then we put one layer
# back, with its late averages: layer 1 alone, layer 2 alone, and so on. Each line is one network.


# %% tags=["nbval-ignore-output"]
def one_late(network, k):
    copy = recalibrated(network)
    copy.layers[k] = network.layers[k]  # the same weights, but late averages
    return accuracy(copy)


for network in networks["mean path"]:
    print("late in layer 1, 2, ..., 8:", *(f"{one_late(network, k):.2f}" for k in range(8)))

# %% [markdown]
# In most cases more than half of the digits are still right, though not in every network. With all eight layers late it was 20 % or less: in evaluation each
# layer gets its input from the layer before, so the errors come together.
#
# Without the path through the variance alone, the running averages keep up. Why this path is missed so little here, we do
# not know. (Another network or learning rate will give other numbers.)
#
# **In practice**: if you write BN in PyTorch and compute the mean and the standard deviation inside `torch.no_grad()`, or
# detach them, both paths are missing. No error message comes, and such a network may learn, as ours did. A test of the
# gradient shows the fault at once.
#
# ## What was shown
#
# The BN that you derived trains a deep network in plain NumPy. Without the path through the mean it learned, too, but its
# channels shifted, and the running averages came too late. So far, the lessons have measured five effects of BN:
#
# | what BN does | lesson |
# |---|---|
# | It keeps the signal and the gradient in a deep network. | [00](00_meet_batch_normalization.ipynb) |
# | It makes the condition number smaller (in a ReLU network with random weights). | [01b](01b_see_why_it_helps.ipynb) |
# | The scale of the weights before it drops out. | [02](02_normalize.ipynb) |
# | Mean and standard deviation of a channel get parameters of their own. | [03](03_scale_and_shift.ipynb) |
# | dx loses its parts along $\mathbf{1}$ and $\hat{x}$. | [04](04_derive_the_backward_pass.ipynb) |
# - Now the [exercise after 04b](exercises/04_derive_the_backward_pass.ipynb), at the end of those of lesson 04 (5 minutes).
# - Next: [05 · Train and infer](05_train_and_infer.ipynb). Why are there running averages, and what can go wrong with them?
#
# *Source of the digits: UCI "Optical Recognition of Handwritten Digits", as in scikit-learn.*
