# %% [markdown]
# # 00 · Meet batch normalization
#
# *40 minutes · next: [01 · Measure a batch](01_measure_a_batch.ipynb)*
#
# Some deep networks do not learn, and one cure is a kind of layer: **batch normalization**, **BN** for short.
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
# to bottom with **Shift + Enter**. Where you read **Predict**, write down a guess before you run the next cell.
#
# ## Two networks, one difference
#
# Both networks read handwritten digits, 8 × 8 gray values each (dark is ink):

# %% alt="Eight handwritten digits in 8 by 8 gray squares, each with its label above it."
data = digits()  # 1 347 pictures for training, 450 for the test
figures.show(figures.pictures(data.x_train[:8], titles=[str(label) for label in data.y_train[:8]]))

# %% [markdown]
# Both have eight hidden layers of 100 units. Each is a linear layer, followed by a **sigmoid**,
# $\mathrm{sigmoid}(z) = 1 / (1 + e^{-z})$, which turns any number into one between 0 and 1. One of the networks also has a
# BN layer between each linear layer and its sigmoid. Nothing else differs: both start from the same random weights and see the
# same **batches** of 60 pictures. An **epoch** is one pass through the training pictures, 22 batches.
#
# For now `mlp` builds a network, and `train` trains it. Further down you write both yourself.

# %%
torch.set_num_threads(1)  # the fastest for networks this small
widths = [64] + [100] * 8 + [10]
settings = {"epochs": 15, "every": 22, "progress": False}  # test after every 22 batches: an epoch
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
# A network that only guesses is right for about one digit of ten. We call this **chance**. The network without BN (dashed,
# orange) stays there. The network with BN (solid, blue) is right for more than 90 % after a few epochs. (Why not already after the first? See lesson 05.) What does this layer compute?
#
# ## Batch normalization in five lines
#
# BN gets a table $x$ with $N$ rows, one for each picture of the batch, and $C$ columns, one for each unit. A column is also
# called a **channel**. BN treats each channel on its own:
#
# $$\mu = \frac{1}{N}\sum_i x_i \qquad \sigma^2 = \frac{1}{N}\sum_i (x_i - \mu)^2 \qquad
# \hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}} \qquad y_i = \gamma\,\hat{x}_i + \beta$$
#
# Take the mean $\mu$ and the variance $\sigma^2$ of the channel **over the batch**. Subtract the mean, and divide by the
# standard deviation. Then multiply by $\gamma$ (*gamma*) and add $\beta$ (*beta*): two numbers for each channel that the
# network learns, like its weights. They start at 1 and 0. The small $\varepsilon$ (*epsilon*) prevents a division by zero.
#
# The next cell defines BN and a small table. In the picture of the table, the colored values are channel 1: they share one mean
# and one variance.


# %%
def batch_norm(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=0)  # over the rows: one number for each channel
    var = x.var(axis=0)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gamma * x_hat + beta


x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])  # N = 4, C = 2

# %% tags=["draws"] alt="A table of four rows, picture 1 to picture 4, and two columns, channel 1 and channel 2. The column of channel 1 is colored: its values 1, 2, 3 and 6 share the mean 3 and the variance 3.5, which stand below it. Channel 2 has the mean 40 and the variance 500."
ax = figures.new_axes(size=(4.4, 2.4))
rows = ["picture 1", "picture 2", "picture 3", "picture 4", "mean μ", "variance σ²"]
cells = [[f"{value:g}" for value in values] for values in [*x, x.mean(axis=0), x.var(axis=0)]]
look = {"cellLoc": "center", "bbox": [0.25, 0, 0.75, 1]}
table = ax.table(cells, rowLabels=rows, colLabels=["channel 1", "channel 2"], **look)
for row in range(1, 7):
    table[row, 0].set_facecolor("#BFE3F7")
ax.axis("off")
figures.show(ax)

# %% [markdown]
# **Predict.** With $\gamma = 1$ and $\beta = 0$, what are the mean and the standard deviation of each column of the result?

# %%
y = batch_norm(x, gamma=1, beta=0)
print(y.round(2))
print("means:              ", y.mean(axis=0).round(3) + 0.0)  # + 0.0 turns −0 into 0
print("standard deviations:", y.std(axis=0).round(3))
by_pytorch = nn.functional.batch_norm(torch.from_numpy(x), None, None, training=True)
assert np.allclose(y, by_pytorch)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Mean 0 and standard deviation 1 in both columns, although the values of the second were at least ten times larger.
#
# </details>
#
# (The last two lines check that PyTorch's BN gives the same numbers.)
#
# **Predict.** We change one number: picture 4 gets 60 instead of 6 in channel 1. Which outputs change?

# %%
changed = x.copy()
changed[3, 0] = 60
for channel in (0, 1):  # NumPy counts from 0
    print(f"channel {channel + 1} before:", batch_norm(x, 1, 0)[:, channel].round(2))
    print(f"channel {channel + 1} after: ", batch_norm(changed, 1, 0)[:, channel].round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# All four outputs of channel 1, and none of channel 2.
#
# </details>
#
# A linear layer or a sigmoid treats each picture alone. With BN the output for one picture depends on **all the
# pictures of the batch**, because they are in the mean and in the variance.
#
# ## Build it, and try five seeds
#
# Was it luck? We build the network ourselves and train it with five **seeds**: each gives other starting weights and
# another order of the pictures. `nn.BatchNorm1d` computes the five lines above, learns $\gamma$ and $\beta$, and keeps averages for the test. The last linear layer gives ten numbers, one for each digit; the largest is the answer. The
# training is gradient descent on the **cross-entropy**, the usual loss for this. The ten trainings take about ten seconds.


# %%
def linear(inputs, outputs, weight_scale):
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=weight_scale / inputs**0.5)  # random weights
    return layer


def network(use_bn, activation=nn.Sigmoid, weight_scale=1.0):
    layers = []
    for inputs in [64] + [100] * 7:
        layers.append(linear(inputs, 100, weight_scale))
        if use_bn:
            layers.append(nn.BatchNorm1d(100))
        layers.append(activation())
    return nn.Sequential(*layers, linear(100, 10, weight_scale))


# %% tags=["nbval-ignore-output"]
x_train, y_train = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
x_test, y_test = torch.from_numpy(data.x_test), torch.from_numpy(data.y_test)


def test_accuracy(seed, **choices):
    torch.manual_seed(seed)
    net = network(**choices)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(15):  # epochs
        for batch in torch.randperm(len(x_train)).split(60)[:22]:  # full batches
            loss = nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()  # for a test, BN uses stored averages: see lesson 05
    return (net(x_test).argmax(dim=1) == y_test).double().mean().item()


plain = [test_accuracy(seed, use_bn=False) for seed in range(5)]
normalized = [test_accuracy(seed, use_bn=True) for seed in range(5)]
print("without BN:", *(f"{accuracy:.1%}" for accuracy in plain))
print("with BN:   ", *(f"{accuracy:.1%}" for accuracy in normalized))
assert max(plain) < 0.12
assert min(normalized) > 0.9

# %% [markdown]
# It was not luck: without BN every seed is at chance, with BN every seed is above 90 %. (Your last digits may differ.)
#
# ## Where is the signal lost?
#
# We send all training pictures through a network **before** its training, and measure two things:
#
# - The **spread** after each sigmoid: how much do its outputs differ from picture to picture? We take the standard deviation over
#   the pictures, averaged over the 100 units.
# - The **length of the gradient** for the weights of each linear layer: the root of the sum of its squares.


# %%
def follow(net):
    """The spread after each sigmoid, and the length of the gradient at each linear layer."""
    h, spreads = x_train, []
    for layer in net:
        h = layer(h)
        if isinstance(layer, nn.Sigmoid):
            spreads.append(h.std(dim=0).mean().item())
    nn.functional.cross_entropy(h, y_train).backward()
    linears = [layer for layer in net if isinstance(layer, nn.Linear)]
    lengths = [layer.weight.grad.norm().item() for layer in linears]
    return spreads, lengths


# %% [markdown]
# Two facts help you to predict the spread:
#
# - Our linear layers hardly change the size of a difference. A sum of $n$ random numbers is about $\sqrt{n}$ times as large as one of
#   them; with $n = 100$ inputs, 10 times. So `linear` makes the weights $\sqrt{n}$ times smaller.
# - A sigmoid makes each difference at least four times smaller: it is steepest at 0, and its slope there is 1/4.
#
# **Predict.** Without BN, the spread after the first sigmoid is about 0.06. What is it after the eighth?

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
spread_plain, length_plain = follow(network(use_bn=False))
torch.manual_seed(0)  # the same weights again
spread_bn, length_bn = follow(network(use_bn=True))


def show(name, sizes):
    print(name, *(f"{size:.1e}" for size in sizes))  # layer 1 first


show("spread without BN:  ", spread_plain)
show("spread with BN:     ", spread_bn)
show("gradient without BN:", length_plain)
show("gradient with BN:   ", length_bn)

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels on a logarithmic axis, hidden layers from left to right. Forward: the spread between pictures stays near 0.2 with BN and falls on a straight line from 0.06 to about 0.000003 without. Backward: the length of the gradient stays near 0.4 with BN; without BN it falls from about 1 at the output to less than 0.00001 in layer 1."
figure, (forward, backward) = figures.new_figure(columns=2, size=(6.4, 2.8))
for role, sizes in {"without_bn": (spread_plain, length_plain), "with_bn": (spread_bn, length_bn)}.items():
    for ax, size in zip((forward, backward), sizes, strict=True):
        figures.layer_sizes(size, limits=(1e-7, 10), ax=ax, role=role)
        ax.set_xticks(range(1, len(size) + 1))
figures.frame(forward, title="Spread, forward →", x="layer", y="spread", log="y", ylim=(1e-6, 3))
figures.frame(
    backward, title="← Gradient, backward", x="layer (9: output)", y="length", log="y", ylim=(1e-6, 3)
)
figures.key(forward, {"with_bn": "with BN", "without_bn": "without BN"}, markers=True, place="lower left")
assert length_plain[-1] > 100_000 * length_plain[0]
assert 0.2 < min(length_bn) < max(length_bn) < 2
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 0.000003: seven more sigmoids, and each makes it a little more than four times smaller. With BN it is 0.2 after every sigmoid.
#
# </details>
#
# **Forward, without BN.** Eight sigmoids make the differences at least $4^8 = 65\,536$ times smaller. The output layer gets nearly
# the same numbers for a 3 and for an 8, so it can hardly tell them apart.
#
# **Backward, without BN.** On its path back, the gradient is multiplied by the slope of each sigmoid, at most 1/4. (This is the chain rule. The
# weights hardly change its length.) We measured: in the first layer it is more than 100 000 times shorter than at the output. This is called a **vanishing gradient**: the first layers hardly learn.
#
# **With BN** each channel is divided by its standard deviation. Where that is small, say 0.06, the division makes the small differences 16 times larger. The
# gradient goes back through the same division, so it becomes 16 times larger, too. That makes up for the slopes of the sigmoids.
#
# ## Is BN the only cure?
#
# If the slope of 1/4 is the trouble, larger weights should help. They must be more than 4 times larger, because 1/4 is the slope at 0, and a sigmoid
# is flatter elsewhere; we try 8. Or another activation: the **hyperbolic tangent**, tanh, looks like a sigmoid, but its slope is up to 1, and its values are
# centered at 0. We try both, without BN. (About ten seconds.)
#
# **Predict.** Which of the two learns?

# %% tags=["nbval-ignore-output"]
large = [test_accuracy(seed, use_bn=False, weight_scale=8) for seed in range(5)]
tanh = [test_accuracy(seed, use_bn=False, activation=nn.Tanh) for seed in range(5)]
rows = {"sigmoid": plain, "weights × 8": large, "tanh": tanh, "sigmoid, BN": normalized}
for name, accuracies in rows.items():
    print(f"{name:12}", *(f"{accuracy:6.1%}" for accuracy in accuracies))

assert min(tanh) > 0.9
assert min(large) > 0.7

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both. tanh gets nearly as far as BN; the large weights get less far, and somebody had to find the factor 8 by trying.
#
# </details>
#
# So we have *not* shown that deep networks need BN. We have shown that BN repaired this one, with the same activation and the
# same starting weights, and without a factor to search for. (All at one rate, 0.1, and 15 epochs.)
#
# ## Lab: how deep can the signal go?
#
# 256 pictures go through twelve layers before any training. On the left, a dot is the output of one unit for one picture.
# In the middle, the differences between the pictures, compared with those of the input. On the right, a random gradient is put in at the last
# layer: how long is it when it comes back to each layer? *Weight scale* is the factor of the last section.
#
# Use the mouse or the keyboard: **Tab** goes to the next control, the **arrow keys** move it (in Jupyter Notebook 7: **Page Up**,
# **Page Down**).
#
# 1. Switch batch normalization on. What happens to the two curves, forward and backward?
# 2. Switch it off, and choose *ReLU*: $\max(0, z)$. At which weight scale do both curves stay nearly flat?
# 3. With BN on, move the weight scale from one end to the other. What happens?
# 4. Stay with BN and ReLU. Does the gradient keep its length on its path back?

# %% tags=["nbval-ignore-output"]
labs.Depth()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Without BN both fall from layer to layer. With BN both stay nearly flat, with the sigmoid.
# 2. Near 1.4, that is $\sqrt 2$. A ReLU sets about half of the values to zero, and half of the sum of squares is lost. Weights
#    $\sqrt 2$ times larger make all squares twice as large.
# 3. Nothing. BN divides by the standard deviation, so the size of the weights drops out.
# 4. No: it grows by about a fifth in each layer. If that goes on, 50 layers make it $1.2^{50}$, about 9 000 times longer;
#    [lesson 14](14_deep_enough_to_break.ipynb) says why, and what is done about it.
#
# </details>
#
# **What was shown.** BN normalizes each channel with the mean and the variance of the batch, then scales and shifts. With it, signal
# and gradient survived eight sigmoid layers, and all five seeds learned.
#
# **Exercise.** [Meet batch normalization](exercises/00_meet_batch_normalization.ipynb), 25 minutes.
#
# **Deeper.** [Watch two networks learn](deeper/watch_two_networks_learn.ipynb), live ·
# [Do neighbors move you?](deeper/do_neighbors_move_you.ipynb). The names in other libraries: [lesson 12](12_the_same_layer_elsewhere.ipynb).
#
# **Next.** [01 · Measure a batch](01_measure_a_batch.ipynb)
#
# Source:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
#   2015, arXiv:1502.03167
