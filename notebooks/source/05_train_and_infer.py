# %% [markdown]
# # 05 · Train and infer
#
# *35 minutes · previous: [04b · Train with your own](04b_train_with_your_own.ipynb) ·
# next: [06 · Normalize channels](06_normalize_channels.ipynb) ·
# [exercises](exercises/05_train_and_infer.ipynb)*
#
# In **training mode** BN normalizes with the mean and the variance of the batch, and keeps a running average of both. In
# **evaluation mode** it normalizes with this running average, so that a network can answer for one picture alone. Therefore
# nearly every bug with BN is one of two: the wrong mode, or a wrong running average.

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
# We take 448 digits for the test, so that they make 56 full batches of eight:

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits()
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
x_test, y_test = torch.from_numpy(digits.x_test[:448]), torch.from_numpy(digits.y_test[:448])

# %% [markdown]
# With the 1 347 training digits we train five small networks, one for each seed. Each has two hidden layers, with BN before each ReLU.
# `network.train()` puts all its layers in training mode; `network.eval()`, the same as `network.train(False)`, puts them in
# evaluation mode.


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
networks = [learn(seed) for seed in range(5)]
good = [share_right(network) for network in networks]
print("right in evaluation mode, five seeds:", *(f"{share:.0%}" for share in good))
assert min(good) > 0.93

# %% [markdown]
# Now we forget `eval()`. Each test digit is shown 20 times in training mode, each time in a batch with seven
# other digits. Neither the digit nor the weights change.
#
# **Predict.** For how many digits are the 20 answers not all the same: 1 %, 10 %, or more than a third?


# %%
def twenty_answers(network):
    network = deepcopy(network).train()  # a copy: the network itself stays as it is
    shuffle = torch.Generator().manual_seed(0)
    answers = torch.empty(20, 448, dtype=torch.int64)
    for k in range(20):
        for batch in torch.randperm(448, generator=shuffle).split(8):
            answers[k, batch] = network(x_test[batch]).argmax(dim=1)
    return answers


# %% tags=["nbval-ignore-output"]
answers = [twenty_answers(network) for network in networks]
unlike_the_first = [(a != a[0]).float() for a in answers]  # 20 rows of 0 and 1, a column for each digit
not_all_same = [unlike.amax(dim=0).mean().item() for unlike in unlike_the_first]
right = [(a == y_test).float().mean().item() for a in answers]
print("not all 20 answers the same:", *(f"{share:.0%}" for share in not_all_same))
print("right in batches of eight:  ", *(f"{share:.0%}" for share in right))
print("right in one batch of 448:  ", *(f"{share_right(deepcopy(n).train()):.0%}" for n in networks))

# %% [markdown]
# These are the first eight test digits, and what the network of seed 0 says to each. Orange: wrong.

# %% tags=["draws", "nbval-ignore-output"] alt="Eight test digits, one in each row with its true class, and the 20 answers to each. Some digits always get the same answer. Others get several answers, the wrong ones on orange."
assert min(not_all_same) > 1 / 3
figure, (ax,) = figures.new_figure(size=(6.4, 3.1))
for i in range(8):
    ax.imshow(x_test[i].reshape(8, 8), cmap="gray_r", extent=(-0.6, 0.4, i + 0.95, i + 0.05))
    for k, said in enumerate(answers[0][:, i].tolist(), start=1):
        look = {} if said == y_test[i] else {"color": "white", "backgroundcolor": "#D55E00"}
        ax.text(k, i + 0.5, said, ha="center", va="center", fontsize=10, **look)
figures.frame(ax, title="Eight digits in 20 batches: what the network says", xlim=(-0.8, 20.6), ylim=(8, 0))
ax.set(xlabel="batch", ylabel="true digit", xticks=[1, 5, 10, 15, 20])
ax.set_yticks(np.arange(8) + 0.5, y_test[:8].tolist())
ax.grid(False)
ax.set_aspect("equal")
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# For about half of them. And three times as many answers are wrong as in evaluation mode. In one batch of all 448 the
# effect is gone, because one digit hardly changes the mean of so many.
#
# </details>
#
# So the answer to my digit depends on the other seven, because all eight make the mean and the variance.
# If the pictures come from several people, information **leaks** from one person to another. How much? In each batch of eight
# we replace the last picture by its negative, white on black.
#
# **Predict.** How many of the answers to the *other seven* change?


# %% tags=["nbval-ignore-output"]
def changed_by_one_neighbor(network):
    network = deepcopy(network).train()
    changed = []
    for batch in x_test.split(8):
        other = torch.cat([batch[:7], 1 - batch[7:]])
        changed.append(network(batch).argmax(dim=1)[:7] != network(other).argmax(dim=1)[:7])
    return torch.cat(changed).float().mean().item()


changed = [changed_by_one_neighbor(network) for network in networks]
print("answers changed by one neighbor:", *(f"{share:.0%}" for share in changed))

# %% [markdown]
# <details><summary>Answer</summary>
#
# About one in ten.
#
# </details>
#
# So in use we need statistics that do not depend on the batch.
#
# ## The running averages
#
# In training, BN keeps two numbers for each channel, the **running mean** and the **running variance**. They start at 0
# and 1, and every batch moves them a little toward its own mean $\mu$ and variance $\sigma^2$. How far is called the
# **momentum**; in PyTorch it is 0.1.
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
assert min(changed) > 1 / 30  # the share of answers changed by one neighbor, above
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
# **BN normalizes with ÷N, but stores ÷(N − 1)**, because the stored variance has to describe all the data, and for that ÷(N − 1) is
# right on average (lesson 01). The paper does the same (its algorithm 2). The stored variance is a little larger. So even
# with momentum 1, where mean and variance come from the last batch alone, the $\hat{x}$ of this batch is smaller in evaluation than in training,
# by the factor $\sqrt{(N-1)/N}$: 0.87 for $N = 4$, and 0.99 for $N = 60$.
#
# ## Three conventions of momentum
#
# | | running mean ← | default |
# |---|---|---|
# | PyTorch, bnteach | (1 − momentum) · old + momentum · **new** | 0.1 |
# | Keras, TensorFlow | momentum · **old** + (1 − momentum) · new | 0.99 |
# | `momentum=None` in PyTorch, bnteach | the plain average of all batches so far | |
#
# (The momentum of an optimizer is something else with the same name.)
#
# You read "momentum 0.99" in a Keras model, and type `nn.BatchNorm1d(2, momentum=0.99)`. The five batches above are the
# data; in the first channel their means were 5.77, 2.55, 4.54, 4.35 and 5.09.
#
# **Predict.** What is the running mean of the first channel at the end?


# %%
def running_mean_with(momentum):
    layer = nn.BatchNorm1d(2, momentum=momentum, dtype=torch.float64)
    for x in batches:
        layer(torch.from_numpy(x))
    return layer.running_mean.numpy().round(3)


for momentum in (0.99, 0.01, None):
    print(f"momentum={momentum!s:5}", running_mean_with(momentum))
print("plain average ", batches.mean(axis=(0, 1)).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nearly 5.09, the mean of the last batch, because only 1 % of the earlier ones is left. Type $1 - 0.99 = 0.01$ instead; the
# conversion is the same in both directions. With *None*, batch $t$ gets the weight $1/t$. So the first batch gets the weight 1, and
# nothing is left of the starting value 0.
#
# </details>
#
# ## Lab: the statistics follow the batches
#
# 100 batches come one after the other. Light dots: the statistic of each batch. Thick blue line: the running one. Black: the
# truth. The right panel shows the output for one sample, $x = 7$. For the output in training (dots), it takes the place of the
# first value of each batch. The running statistics never see it; the line is its output in evaluation.
#
# 1. Drag *Batches seen*. Does the output for $x = 7$ settle in training? In evaluation?
# 2. Compare the momenta 0.5, 0.1 and 0.01. Which arrives first? Which is the quietest at the end?
# 3. Let the data jump at batch 40. Which momentum finds the new mean? Does *None*?
# 4. Take batches of 2. What are the outputs in training? (A triangle at the edge: the dot is outside the picture.)

# %% tags=["nbval-ignore-output"]
labs.RunningStats(batches=100)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. In training never, because it depends on each batch. In evaluation it starts at 7, since mean 0 and variance 1 change
#    nothing; then it comes near 1 and stays there.
# 2. 0.5 arrives after a few batches, but never rests. 0.1 needs some 30 batches and is quieter. 0.01 has not arrived
#    after 100.
# 3. 0.1 finds it some 30 batches later. *None* does not, even at batch 100, because it keeps all old batches. While a network
#    learns, what enters its layers changes; therefore *None* is not the default.
# 4. Always −1 or +1, since two different values always become −1 and +1.
#
# </details>
#
# ## "BN does nothing at test time"
#
# So one often reads. But with stored statistics BN is a straight line, $y = a\,x + b$, with two fixed numbers for each channel:
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
# Which of these settings switches the statistics of the batch off? We give a layer the same sample in two batches, and look at two
# things: does the sample's output move with its neighbors, and does the running mean move?
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
# Three: both in the last line, and the running mean with `momentum=0`.
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
# trained further on little data. A BN layer needs two calls for this: `requires_grad_(False)` for $\gamma$ and $\beta$, and
# `eval()` for the statistics.
#
# **Predict.** Many training loops call `network.train()` at the start of every epoch. Is the layer still frozen after it?


# %%
def freeze_bn(network):
    for layer in network.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            layer.eval().requires_grad_(False)


def moved_by_one_batch(network):
    before = network.bn_1.running_mean.clone()
    network(x_train[:60])
    return f"{(network.bn_1.running_mean - before).abs().max().item():.2f}"


network = training.mlp([64, 100, 100, 10], nn.ReLU, seed=0)
print("at first:             ", moved_by_one_batch(network))
freeze_bn(network)
print("after freeze_bn:      ", moved_by_one_batch(network))
print("after network.train():", moved_by_one_batch(network.train()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. `network.train()` puts every layer back in training mode. So call `freeze_bn` again after each `network.train()`.
#
# </details>
#
# ## When a network with BN fails
#
# | you see | ask |
# |---|---|
# | answers change from call to call | `eval()` forgotten? |
# | the running mean is that of the last batch | momentum copied from Keras? |
# | a frozen network still changes | `train()` called again? |
#
# Two clinics show nine more failures, each with its cause and its repair: [the batch](deeper/diagnose_the_batch.ipynb) (for
# example a crash when the last batch holds one picture) and [the stored
# statistics](deeper/diagnose_the_stored_statistics.ipynb) (for example good in training and far worse in evaluation).
#
# **Shown:** training normalizes with the batch, evaluation with running averages; `eval()` switches, `no_grad()` does not.
#
# **Practice:** [the exercises](exercises/05_train_and_infer.ipynb), 30 minutes.
#
# **Next:** [06 · Normalize channels](06_normalize_channels.ipynb), BN on pictures.
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, algorithm 2 (what is stored, and how it is used).
# - Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, arXiv:2105.07576 (leaks between samples).
