# %% [markdown]
# # 05 · Train and infer
#
# *35 minutes · previous: [04b · Train with your own](04b_train_with_your_own.ipynb) ·
# next: [06 · Normalize channels](06_normalize_channels.ipynb) ·
# [exercises](exercises/05_train_and_infer.ipynb)*
#
# In **training mode** BN normalizes with the mean and the variance of the batch, and a running average follows them. In
# **evaluation mode** it normalizes with the running average, so a network can answer for one picture alone. Nearly every
# bug with BN is one of two: the wrong mode, or a wrong running average.

# %%
from copy import deepcopy

import numpy as np
import torch
from torch import nn

import bnteach
from bnteach import data, figures, labs, training

# %% tags=["draws"] alt="Training mode: the batch goes to normalize, gamma, beta, and gives y. Its mean and variance go there too, and each batch moves the running mean and variance a little. Evaluation mode: a new x is normalized with the running mean and variance."
figures.show(figures.two_modes())

# %% [markdown]
# ## A network that changes its mind
#
# We train five small networks on the digits, one for each seed: two hidden layers, BN before each ReLU.
# `network.train()` puts all layers in training mode, `network.eval()` puts them in evaluation mode. No other call
# changes the mode.


# %%
def learn(seed):
    network = training.mlp([64, 100, 100, 10], nn.ReLU, init_scale=2**0.5, seed=seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    shuffle = torch.Generator().manual_seed(seed)
    network.train()
    for _epoch in range(5):
        for batch in torch.randperm(1347, generator=shuffle).split(60)[:22]:  # full batches only
            loss = nn.functional.cross_entropy(network(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def share_right(network):
    return (network(x_test).argmax(dim=1) == y_test).float().mean().item()


# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits()
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
x_test, y_test = torch.from_numpy(digits.x_test), torch.from_numpy(digits.y_test)
networks = [learn(seed) for seed in range(5)]
good = [share_right(network) for network in networks]
print("right in evaluation mode, five seeds:", *(f"{share:.0%}" for share in good))
assert min(good) > 0.93

# %% [markdown]
# Now we forget `eval()`. Each digit is shown 20 times in training mode, each time in a batch with seven other
# digits. Neither the digit nor the weights change.
#
# **Predict.** For how many digits are the 20 answers not all the same: 1 %, 10 %, or more than a third?


# %%
def twenty_answers(network):
    network = deepcopy(network).train()  # a copy: the network itself stays as it is
    shuffle = torch.Generator().manual_seed(0)
    answers = torch.empty(20, 448, dtype=torch.int64)
    for row in answers:
        for batch in torch.randperm(448, generator=shuffle).split(8):
            row[batch] = network(x_test[batch]).argmax(dim=1)
    return answers


# %% tags=["nbval-ignore-output"]
answers = [twenty_answers(network) for network in networks]
not_all_same = [(a != a[0]).any(dim=0).float().mean().item() for a in answers]
right = [(a == y_test[:448]).float().mean().item() for a in answers]
print("not all 20 answers the same:", *(f"{share:.0%}" for share in not_all_same))
print("right in batches of eight:  ", *(f"{share:.0%}" for share in right))
print("right in one batch of 450:  ", *(f"{share_right(deepcopy(n).train()):.0%}" for n in networks))
assert min(not_all_same) > 1 / 3

# %% [markdown]
# These are the first eight test digits, and what the network of seed 0 says to each:

# %% tags=["draws", "nbval-ignore-output"] alt="Eight test digits, one in each row, and the 20 answers to each. Some digits always get the same answer. Others get several answers, the wrong ones on orange."
figure, (ax,) = figures.new_figure(size=(6.4, 2.8))
for i in range(8):
    ax.imshow(x_test[i].reshape(8, 8), cmap="gray_r", extent=(-1.9, -0.9, i + 0.95, i + 0.05))
    said = answers[0][:, i].tolist()
    wrong = [k for k in range(20) if said[k] != y_test[i]]
    ax.scatter([k + 0.5 for k in wrong], [i + 0.5] * len(wrong), marker="s", s=190, color="#D55E00")
    for k in range(20):
        ax.text(k + 0.5, i + 0.5, said[k], ha="center", va="center", color="w" if k in wrong else "k")
figures.frame(ax, title="Eight digits, each in 20 batches: what the network says", xlim=(-2, 20), ylim=(8, 0))
ax.set_axis_off()
ax.set_aspect("equal")
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# For about half of them. And three times as many answers are wrong as in evaluation mode. In one batch of all 450 the
# effect is gone: one digit hardly moves the mean of so many.
#
# </details>
#
# The batch of eight is in the mean and in the variance, so it is in the answer.
# If the pictures come from several people, information **leaks** from one to another. How much? In each batch of eight
# we replace the last picture by its negative, white on black.
#
# **Predict.** How many of the answers to the *other seven* change?


# %% tags=["nbval-ignore-output"]
def changed_by_one_neighbor(network):
    network = deepcopy(network).train()
    changed = []
    for batch in x_test[:448].split(8):
        other = torch.cat([batch[:7], 1 - batch[7:]])
        changed.append(network(batch).argmax(dim=1)[:7] != network(other).argmax(dim=1)[:7])
    return torch.cat(changed).float().mean().item()


changed = [changed_by_one_neighbor(network) for network in networks]
print("answers changed by one neighbor:", *(f"{share:.0%}" for share in changed))
assert min(changed) > 1 / 30

# %% [markdown]
# <details><summary>Answer</summary>
#
# About one in ten.
#
# </details>
#
# For use we need statistics that depend on no batch.
#
# ## The running averages
#
# While BN trains, it keeps two numbers for each channel, the **running mean** and the **running variance**. They start at 0
# and 1, and every batch moves them a little. How much is called the **momentum**; in PyTorch it is 0.1.
#
# $$\text{running mean} \leftarrow (1 - \text{momentum})\cdot\text{running mean} + \text{momentum}\cdot\mu$$
# $$\text{running var} \leftarrow (1 - \text{momentum})\cdot\text{running var} + \text{momentum}\cdot\tfrac{N}{N-1}\,\sigma^2$$
#
# Here are five batches of shape (4, 2). The first channel comes from a population with mean 5.
#
# **Predict.** What is its running mean after five batches: near 5, or near 2?

# %%
batches = np.random.default_rng(0).normal([5, -3], [2, 1], size=(5, 4, 2))
running_mean, running_var = np.zeros(2), np.ones(2)
for x in batches:
    running_mean = 0.9 * running_mean + 0.1 * x.mean(axis=0)
    running_var = 0.9 * running_var + 0.1 * x.var(axis=0, ddof=1)  # ddof=1: divided by N - 1
    print("batch mean", x.mean(axis=0).round(2), "  running mean", running_mean.round(2))

# %%
theirs, ours = nn.BatchNorm1d(2, dtype=torch.float64), bnteach.BatchNorm(2, dtype=np.float64)
for x in batches:
    theirs(torch.from_numpy(x))
    ours(x)
print("typed  ", running_mean.round(3), running_var.round(3))
print("PyTorch", theirs.running_mean.numpy().round(3), theirs.running_var.numpy().round(3))
print("bnteach", ours.running_mean.round(3), ours.running_var.round(3))
assert np.allclose(running_var, theirs.running_var)
assert np.allclose(running_var, ours.running_var)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Near 2. The start at 0 must be forgotten first: after $t$ batches $(1 - \text{momentum})^t$ of it is left, and $0.9^5 = 59\,\%$.
#
# </details>
#
# **BN normalizes with ÷N, and stores ÷(N − 1).** The stored variance has to describe all the data, and for that ÷(N − 1) is
# right on average (lesson 01). The paper does the same (its algorithm 2). So the two modes differ a little even with
# momentum 1, where the running statistics are exactly those of the last batch:

# %%
x = np.random.default_rng(1).normal(5, 2, size=(4, 1))
layer = bnteach.BatchNorm(1, momentum=1.0, dtype=np.float64)
print(f"standard deviation in training:   {layer.forward(x).std():.3f}")
print(f"standard deviation in evaluation: {layer.forward(x, training=False).std():.3f}")
print(f"√((N − 1)/N) for N = 4:           {np.sqrt(3 / 4):.3f}")

# %% [markdown]
# ## Three conventions of momentum
#
# | | running mean ← | default |
# |---|---|---|
# | PyTorch, bnteach | (1 − momentum) · old + momentum · **new** | 0.1 |
# | Keras, TensorFlow | momentum · **old** + (1 − momentum) · new | 0.99 |
# | `momentum=None` in PyTorch, bnteach | the plain average of all batches so far | |
#
# (The momentum of an optimizer is another thing of the same name.)
#
# **Predict.** You read "momentum 0.99" in a Keras model and type `nn.BatchNorm1d(2, momentum=0.99)`. Which of the
# batches does your running mean remember?


# %%
def running_mean_with(momentum):
    layer = nn.BatchNorm1d(2, momentum=momentum, dtype=torch.float64)
    for x in batches:
        layer(torch.from_numpy(x))
    return layer.running_mean.numpy().round(3)


print("momentum=0.99            ", running_mean_with(0.99))
print("mean of the last batch   ", batches[-1].mean(axis=0).round(3))
print("momentum=1 - 0.99        ", running_mean_with(1 - 0.99))
print("momentum=None            ", running_mean_with(None))
print("mean of the five batches ", batches.mean(axis=(0, 1)).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Practically only the last one: 1 % of the earlier batches is left. The conversion is $1 - \text{momentum}$, in both
# directions. With *None* the starting value 0 has no influence: the first batch has the weight 1/1.
#
# </details>
#
# ## Lab: the statistics follow the batches
#
# 100 batches come one after the other. Dots: the statistic of each batch (a triangle: outside the picture). Blue: the running one. Black: the truth.
# On the right, the output for the sample $x = 7$: dots in training, blue in evaluation.
#
# 1. Drag *Batches seen*. Does the output for $x = 7$ settle in training? In evaluation?
# 2. Compare the momenta 0.5, 0.1 and 0.01. Which arrives first? Which is the quietest at the end?
# 3. Let the data jump at batch 40. Which momentum finds the new mean? Does *None*?
# 4. Take batches of 2. What are the outputs in training? How do the two variances in the line of words differ?

# %% tags=["nbval-ignore-output"]
labs.RunningStats(batches=100)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. In training never: it depends on each batch. In evaluation it comes near 1 and stays near it.
# 2. 0.5 arrives after a few batches, and never rests. 0.1 needs some 30 batches and is quieter. 0.01 has not arrived
#    after 100. *None* is near the truth at once.
# 3. 0.1 finds it some 30 batches later. *None* does not, even at batch 100: it keeps all old batches. While a network
#    learns, what enters its layers moves; therefore *None* is not the default.
# 4. Always −1 or +1: two values always become −1 and +1. The variance divided by $N - 1$ is
#    twice the one divided by $N$.
#
# </details>
#
# ## "BN does nothing at test time"
#
# With stored numbers BN is a straight line, $y = a\,x + b$, with two fixed numbers for each channel:
#
# $$a = \frac{\gamma}{\sqrt{\text{running var} + \varepsilon}} \qquad b = \beta - a\cdot\text{running mean}$$

# %%
gamma, beta = np.array([2.0, 3.0]), np.array([-1.0, 10.0])
a = gamma / np.sqrt(running_var + 1e-5)
b = beta - a * running_mean
x = batches[0]
y = bnteach.batch_norm_inference(x, gamma, beta, running_mean, running_var)
print("a =", a.round(3), "  b =", b.round(3))
print("a x + b:", (a * x + b)[0].round(3), "  bnteach:", y[0].round(3))
assert np.allclose(a * x + b, y)

# %% [markdown]
# So the sentence is **false**: BN multiplies and adds. Since it does nothing else, it can be merged into
# the layer before it ([fold it away](deeper/fold_it_away.ipynb)).
#
# ## Is this evaluation?
#
# What switches the statistics of the batch off? We give a layer the same sample in two batches, and look at two things:
# does the sample's output depend on its neighbors, and does the running mean move?
#
# **Predict.** Which entries of the table are *no*?
#
# | | output moves | running mean moves |
# |---|---|---|
# | training mode | | |
# | training mode, under `torch.no_grad()` | | |
# | training mode, after `requires_grad_(False)` | | |
# | training mode, with `momentum=0` | | |
# | evaluation mode, after `eval()` | | |


# %%
first, second = torch.from_numpy(batches[0]), torch.from_numpy(batches[1].copy())
second[0] = first[0]  # the same sample, other neighbors


def probe(words, layer):
    before = layer.running_mean.clone()
    output = (layer(first)[0] - layer(second)[0]).abs().max()
    running = (layer.running_mean - before).abs().max()
    print(f"{words:22} output moves by {output:.2f}   running mean by {running:.2f}")


probe("training mode", nn.BatchNorm1d(2).double())
with torch.no_grad():
    probe("no_grad", nn.BatchNorm1d(2).double())
probe("requires_grad_(False)", nn.BatchNorm1d(2).double().requires_grad_(False))
probe("momentum=0", nn.BatchNorm1d(2, momentum=0).double())
probe("eval()", nn.BatchNorm1d(2).double().eval())

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the last line has two zeros.
#
# - `no_grad` keeps PyTorch from recording gradients. It does not change the mode.
# - `requires_grad_(False)` stops $\gamma$ and $\beta$ from learning. The running statistics are not parameters: they are
#   **buffers**, which no gradient reaches. They still move.
# - `momentum=0` stops the running statistics. But the batch still normalizes.
#
# </details>
#
# ## Freeze it properly
#
# To **freeze** a layer means to keep it as it is while other layers learn, for example when a trained network is
# trained further on little data. A BN layer needs both calls: `requires_grad_(False)` for $\gamma$ and $\beta$, `eval()`
# for the statistics.
#
# **Predict.** Many training loops call `network.train()` at the start of every epoch. Is the layer still frozen after it?


# %%
def freeze_bn(network):
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.eval().requires_grad_(False)


def moved_by_one_batch(network):
    before = network.bn_1.running_mean.clone()
    network(x_train[:60])
    return f"{(network.bn_1.running_mean - before).abs().max().item():.2f}"


network = training.mlp([64, 100, 100, 10], nn.ReLU, seed=0)
print("requires_grad_(False) alone:", moved_by_one_batch(network.requires_grad_(False)))
freeze_bn(network)
print("after freeze_bn:            ", moved_by_one_batch(network))
print("after network.train():      ", moved_by_one_batch(network.train()))
freeze_bn(network)
print("after freeze_bn again:      ", moved_by_one_batch(network))

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. `network.train()` puts every layer back in training mode. So freeze *after* each call of it.
#
# </details>
#
# ## When a network with BN fails
#
# | you see | ask | |
# |---|---|---|
# | answers change from call to call | `eval()` forgotten? | above |
# | the running mean is that of the last batch | momentum copied from Keras? | above |
# | a frozen network still changes | `train()` called again? | above |
# | worse after every validation | validated in training mode? | [the batch](deeper/diagnose_the_batch.ipynb) |
# | a crash at the end of an epoch | a last batch of one? | [the batch](deeper/diagnose_the_batch.ipynb) |
# | the training loss stays at guessing | batches sorted by class? | [the batch](deeper/diagnose_the_batch.ipynb) |
# | four parts of 15 are not a batch of 60 | gradients accumulated? | [the batch](deeper/diagnose_the_batch.ipynb) |
# | training fine, evaluation far worse | too few steps for the momentum? | [what is stored](deeper/diagnose_the_stored_statistics.ipynb) |
# | two kinds of input, both worse | one set of statistics for both? | [what is stored](deeper/diagnose_the_stored_statistics.ipynb) |
# | worse after loading | buffers not loaded? | [what is stored](deeper/diagnose_the_stored_statistics.ipynb) |
# | good on the test set, bad in use | have the data shifted? | [what is stored](deeper/diagnose_the_stored_statistics.ipynb) |
# | the memory grows | running statistics kept with their graph? | [what is stored](deeper/diagnose_the_stored_statistics.ipynb) |
#
# **Shown:** training normalizes with the batch, evaluation with running averages, and only `eval()` switches.
#
# **Practice:** [the exercises](exercises/05_train_and_infer.ipynb), 45 minutes.
#
# **Next:** [06 · Normalize channels](06_normalize_channels.ipynb), BN on pictures.
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, algorithm 2 (what is stored, and how it is used).
# - Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, arXiv:2105.07576 (leaks between samples).
