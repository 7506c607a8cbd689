# %% [markdown]
# # 00 · Meet batch normalization
#
# *35 minutes · next: [01 · Measure a batch](01_measure_a_batch.ipynb)*
#
# Some deep networks do not learn until one kind of layer is added: **batch normalization**, **BN** for short.
# In this lesson you see such a network, type BN in five lines of NumPy, and measure what it changes. At the end you know what
# BN computes, where the signal was lost without it, and that it is not the only cure.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, labs
from bnteach.data import digits
from bnteach.training import mlp, train

# %% [markdown]
# You need Python, some NumPy, and a rough idea of a neural network: layers, a loss, gradient descent. Run the cells from top
# to bottom with **Shift + Enter**. Where you read **Predict**, make a guess before you run the next cell.
#
# ## Two networks, one difference
#
# Both networks read handwritten digits, 8 × 8 gray values each:

# %% alt="Eight handwritten digits in 8 by 8 gray squares, each with its label above it."
data = digits()  # 1 347 pictures for training, 450 for the test
figures.show(figures.pictures(data.x_train[:8], titles=[str(label) for label in data.y_train[:8]]))

# %% [markdown]
# Both have eight hidden layers of 100 units. Each is a linear layer, followed by a **sigmoid**,
# $\sigma(z) = 1 / (1 + e^{-z})$, which turns any number into one between 0 and 1. Both start from the same random
# weights and see the same **batches** of 60 pictures. An **epoch** is one pass through all training pictures. One of the
# two has a BN layer between each linear layer and its sigmoid. `mlp` builds a network and `train` trains it; below you type
# both yourself.

# %%
torch.set_num_threads(1)  # the fastest for networks this small
widths = [64] + [100] * 8 + [10]
settings = {"epochs": 15, "every": 22, "progress": False}  # measure once an epoch, every 22 batches
without = train(mlp(widths, batch_norm=False), data, **settings)
with_bn = train(mlp(widths, batch_norm=True), data, **settings)

# %% tags=["draws", "nbval-ignore-output"] alt="Test accuracy over 15 epochs. With BN it rises within a few epochs to well above 90 percent. Without BN it stays at about 10 percent."
epochs = range(1, 16)
ax = figures.curve(epochs, 100 * without.test_accuracy, role="without_bn")
figures.curve(epochs, 100 * with_bn.test_accuracy, ax=ax, role="with_bn")
figures.frame(ax, title="Only one of them learns", x="epoch", y="test accuracy, %", ylim=(0, 100))
figures.key(ax, {"with_bn": "with BN", "without_bn": "without BN"}, place="center right")
figures.show(ax)

# %% [markdown]
# There are ten digits, so a network that only guesses is right for about 10 % of them. We call this **chance**. The
# network without BN (dashed, orange) stays there. The network with BN (solid, blue) names more than 90 % of the
# digits after a few epochs. What does this layer compute?
#
# ## Batch normalization in five lines
#
# BN gets a table $x$ with $N$ rows, one for each picture of the batch, and $C$ columns, one for each unit. A column is also
# called a **channel**. BN treats each channel on its own:
#
# $$\mu = \frac{1}{N}\sum_i x_i \qquad \sigma^2 = \frac{1}{N}\sum_i (x_i - \mu)^2 \qquad
# \hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}} \qquad y_i = \gamma\,\hat{x}_i + \beta$$
#
# In words: take the mean and the variance of the channel **over the batch**. Subtract the mean, and divide by the
# standard deviation. Then multiply by $\gamma$ (*gamma*) and add $\beta$ (*beta*): two numbers for each channel that the
# network learns, like its weights. They start at 1 and 0. The small $\varepsilon$ (*epsilon*) prevents a division by zero.


# %%
def batch_norm(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=0)  # over the rows: one number for each channel
    var = x.var(axis=0)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gamma * x_hat + beta


x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])  # N = 4, C = 2

# %% tags=["draws"] alt="A table of four rows, picture 1 to picture 4, and two columns, channel 1 and channel 2. The column of channel 1 is colored: its values 1, 2, 3 and 6 share the mean 3 and the variance 3.5, which stand below it. Channel 2 has the mean 40 and the variance 500."
ax = figures.new_axes(size=(4.4, 2.6))
ax.axvspan(-0.5, 0.5, color=figures.role("data").color, alpha=0.45, lw=0)
ax.axhline(3.5, color="black", lw=1.5)
for row, values in enumerate([*x, x.mean(axis=0), x.var(axis=0)]):
    for column, value in enumerate(values):
        ax.text(column, row, f"{value:g}", ha="center", va="center", size=11)
ax.grid(False)
ax.xaxis.tick_top()
ax.set_xticks([0, 1], ["channel 1", "channel 2"])
ax.set_yticks(range(6), ["picture 1", "picture 2", "picture 3", "picture 4", "mean μ", "variance σ²"])
figures.frame(ax, title="A channel shares one mean, one variance", xlim=(-0.5, 1.5), ylim=(5.5, -0.5))
figures.show(ax)

# %% [markdown]
# **Predict.** With $\gamma = 1$ and $\beta = 0$: what is the mean of each column of the result? And its standard deviation?

# %%
y = batch_norm(x, gamma=1, beta=0)
print(y.round(2))
print("means:              ", abs(y.mean(axis=0)).round(3))
print("standard deviations:", y.std(axis=0).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Mean 0 and standard deviation 1 in both columns, although the values of the second were twenty times larger.
#
# </details>
#
# With other $\gamma$ and $\beta$, is it what PyTorch computes? There $\gamma$ is called `weight` and $\beta$ is called `bias`.

# %%
gamma, beta = np.array([2.0, 3.0]), np.array([-1.0, 10.0])
layer = nn.BatchNorm1d(2, dtype=torch.float64)
layer.weight.data, layer.bias.data = torch.from_numpy(gamma), torch.from_numpy(beta)
ours, theirs = batch_norm(x, gamma, beta), layer(torch.from_numpy(x)).detach().numpy()
print("ours,    channel 1:", ours[:, 0].round(4))
print("PyTorch, channel 1:", theirs[:, 0].round(4))
assert np.allclose(ours, theirs)

# %% [markdown]
# **Predict.** We change one number: picture 4 gets 60 instead of 6 in channel 1. Which outputs change?

# %%
changed = x.copy()
changed[3, 0] = 60
print("channel 1 before:", batch_norm(x, 1, 0)[:, 0].round(2))
print("channel 1 after: ", batch_norm(changed, 1, 0)[:, 0].round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# All four outputs of channel 1, and none of channel 2.
#
# </details>
#
# A linear layer or a sigmoid treats each picture alone. With BN the output for one picture depends on **all the
# pictures of the batch**, because they are in the mean and in the variance. Much that is good about BN, and nearly all that
# goes wrong with it, comes from there.
#
# ## Build it, and try five seeds
#
# Was it luck? One training can be an accident. So we build the network ourselves and train it with five **seeds**:
# each gives other starting weights and another order of the pictures.


# %%
def linear(inputs, outputs, weight_scale):
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=weight_scale / inputs**0.5)  # 1 is a usual choice
    return layer


def network(batch_norm, activation=nn.Sigmoid, weight_scale=1.0):
    layers = []
    for inputs in [64] + [100] * 7:
        layers.append(linear(inputs, 100, weight_scale))
        if batch_norm:
            layers.append(nn.BatchNorm1d(100))
        layers.append(activation())
    return nn.Sequential(*layers, linear(100, 10, weight_scale))


# %% [markdown]
# The last linear layer gives ten numbers, one for each digit; the largest is the answer. The training is gradient descent
# on the **cross-entropy**, the usual loss for this.

# %%
x_train, y_train = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
x_test, y_test = torch.from_numpy(data.x_test), torch.from_numpy(data.y_test)


def accuracy_after_training(seed, **choices):
    torch.manual_seed(seed)
    net = network(**choices)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(15):  # epochs
        for batch in torch.randperm(len(x_train)).split(60)[:22]:  # full batches
            loss = nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()  # for a test, BN uses averages that it stored during training: see lesson 05
    return (net(x_test).argmax(dim=1) == y_test).double().mean().item()


# %% tags=["nbval-ignore-output"]
plain = [accuracy_after_training(seed, batch_norm=False) for seed in range(5)]
normalized = [accuracy_after_training(seed, batch_norm=True) for seed in range(5)]
print("without BN:", *(f"{accuracy:.1%}" for accuracy in plain))
print("with BN:   ", *(f"{accuracy:.1%}" for accuracy in normalized))
assert max(plain) < 0.12
assert min(normalized) > 0.9

# %% [markdown]
# It was not luck: without BN every seed is at chance, with BN every seed is above 90 %. (Your last digits may differ:
# two processors do not round alike.) In this course we compare trainings only over several seeds.
#
# ## Where is the signal lost?
#
# We send all 1 347 training pictures through a network **before** its training. After each sigmoid we ask how much
# the outputs differ from picture to picture: the standard deviation over the pictures, averaged over the 100 units. We call
# it the **spread**. Then the gradient of the loss comes back, and for the weights of each linear layer we measure its
# **length**: the root of the sum of its squares.


# %%
def follow(net):
    """The spread after each sigmoid, and the length of the gradient of each linear layer's weights."""
    h, spreads = x_train, []
    for layer in net:
        h = layer(h)
        if isinstance(layer, nn.Sigmoid):
            spreads.append(h.std(dim=0).mean().item())
    nn.functional.cross_entropy(h, y_train).backward()
    lengths = [layer.weight.grad.norm().item() for layer in net if isinstance(layer, nn.Linear)]
    return spreads, lengths


# %% [markdown]
# **Predict.** Without BN, the spread after the first sigmoid is about 0.06. What is it after the eighth? In which layer is
# the gradient longest: in the first, in the middle, or at the output? And with BN?

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
spread_plain, length_plain = follow(network(batch_norm=False))
torch.manual_seed(0)  # the same weights again
spread_bn, length_bn = follow(network(batch_norm=True))
rows = {
    "spread without BN:  ": spread_plain,
    "spread with BN:     ": spread_bn,
    "gradient without BN:": length_plain,
    "gradient with BN:   ": length_bn,
}
for name, layers in rows.items():  # from layer 1 on
    print(name, *(f"{value:.0e}" for value in layers))
assert length_plain[-1] > 100_000 * length_plain[0]
assert length_bn[-1] < 10 * length_bn[0]

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels on a logarithmic axis, hidden layers from left to right. Forward: the spread between pictures stays near 0.2 with BN and falls on a straight line from 0.06 to about 0.000003 without. Backward: the length of the gradient stays near 0.4 with BN; without BN it falls from about 1 at the output to less than 0.00001 in layer 1."
figure, (forward, backward) = figures.new_figure(columns=2, size=(6.4, 2.8))
for role, sizes in {"without_bn": (spread_plain, length_plain), "with_bn": (spread_bn, length_bn)}.items():
    for ax, size in zip((forward, backward), sizes, strict=True):
        figures.layer_sizes(size, limits=(1e-7, 10), ax=ax, role=role)
        ax.set_xticks(range(1, len(size) + 1))
figures.frame(forward, title="Spread, forward →", x="layer", log="y", ylim=(1e-6, 3))
figures.frame(backward, title="← Gradient, backward", x="layer (9: output)", log="y", ylim=(1e-6, 3))
figures.key(forward, {"with_bn": "with BN", "without_bn": "without BN"}, markers=True, place="lower left")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without BN the spread falls to about 0.000003: the last layers see practically the same numbers for a 3 and for an 8. The
# gradient is longest at the output; in the first layer it is more than 100 000 times shorter. With BN both keep their size.
#
# </details>
#
# The vertical axes count in powers of ten: without BN, each layer makes the spread and the gradient smaller by about the same
# factor. A sigmoid is never steeper than 1/4, so it makes every difference at least four times smaller, and the weights do
# not make up for it. On its path back the gradient is multiplied by the same slopes. So the first layers learn almost nothing
# about what they should change. This is called a **vanishing gradient**.
#
# With BN the signal is repaired in every layer: BN stretches the differences to a standard deviation of 1, the
# sigmoid makes them smaller again, and the next BN layer stretches them back.
#
# ## Is BN the only cure?
#
# The diagnosis suggests two others: weights that are large enough to make up for the slope of 1/4, or an activation
# that is steeper. The **hyperbolic tangent**, tanh, looks like a sigmoid, but its slope is up to 1.
#
# **Predict.** Which of the two learns without BN: weights 8 times larger, tanh, both, or none?

# %% tags=["nbval-ignore-output"]
large = [accuracy_after_training(seed, batch_norm=False, weight_scale=8) for seed in range(5)]
tanh = [accuracy_after_training(seed, batch_norm=False, activation=nn.Tanh) for seed in range(5)]
rows = {"sigmoid": plain, "sigmoid, weights × 8": large, "tanh": tanh, "sigmoid with BN": normalized}
for name, accuracies in rows.items():
    print(f"{name:21}", *(f"{accuracy:6.1%}" for accuracy in accuracies))
assert min(large) > 0.7
assert min(tanh) > 0.9

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both. tanh gets nearly as far as BN; the large weights get less far, and the factor had to be found by trying: with 4,
# no seed reaches 50 %.
#
# </details>
#
# So we have *not* shown that deep networks need BN. We have shown that BN repaired this one, with the same activation and the same
# starting weights, and without a factor to search for. What else BN is good for, and what not, is the subject of this course.
#
# ## Lab: how deep can the signal go?
#
# 256 digits go through an untrained network, and a random gradient comes back. Use the mouse or the keyboard: **Tab** goes
# to the next control, the **arrow keys** move it (in Jupyter Notebook 7: **Page Up**, **Page Down**). *Weight scale* is the factor
# of the last section.
#
# 1. Switch batch normalization on. What happens to the two curves, forward and backward?
# 2. Switch it off, and choose *ReLU*: $\max(0, z)$. At which weight scale do both curves stay nearly flat?
# 3. With BN on, move the weight scale from one end to the other. What happens?
# 4. With BN on, compare ReLU with the sigmoid. What does the gradient do on its path back?

# %% tags=["nbval-ignore-output"]
labs.Depth()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Without BN signal and gradient fade from layer to layer. With BN both keep about their size.
# 2. Near 1.4, that is $\sqrt 2$. A ReLU sets about half of the values to zero. That halves the mean of the *squares*, and
#    a factor of $\sqrt 2$ on the weights doubles it again.
# 3. Nothing. BN divides by the standard deviation, so the size of the weights drops out, forward and backward.
# 4. With ReLU it grows, by about a fifth in each layer: to about 6 times its size after ten layers. In very deep networks this becomes
#    a problem.
#
# </details>
#
# **What was shown.** BN takes the mean and the variance of each channel over the batch, normalizes, scales and shifts; with it
# signal and gradient kept their size through eight sigmoid layers, and five seeds of five learned.
#
# **Exercise.** [Meet batch normalization](exercises/00_meet_batch_normalization.ipynb), 25 minutes.
#
# **Deeper.** [Watch two networks learn](deeper/watch_two_networks_learn.ipynb), live ·
# [Do neighbors move you?](deeper/do_neighbors_move_you.ipynb) ·
# [Which name is which?](deeper/which_name_is_which.ipynb)
#
# **Next.** [01 · Measure a batch](01_measure_a_batch.ipynb)
#
# Source:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
#   2015, arXiv:1502.03167
