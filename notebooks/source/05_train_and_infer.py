# %% [markdown]
# # 05 · Train and infer
#
# *75 minutes · previous: [04 · Derive the backward pass](04_derive_the_backward_pass.ipynb) ·
# next: [06 · Normalize channels](06_normalize_channels.ipynb) ·
# [exercises](exercises/05_train_and_infer.ipynb)*
#
# In training, BN uses the mean and the variance of the batch. A network in use gets one picture at a time. It
# needs other numbers, and they must be ready when the training ends. Most of the trouble that people have with BN
# comes from here. In this lesson you cause that trouble yourself, understand it, and repair it.
#
# ## What you will be able to do
#
# - compute the running averages by hand, batch by batch
# - translate the momentum of one library into that of another
# - say why training and evaluation differ, even with momentum 1
# - tell evaluation mode from three things that look like it, and freeze a BN layer properly
# - recognize the failures that come from the batch
# - recognize the failures that come from the stored statistics, and re-estimate them
# - carry a BN layer from bnteach to PyTorch and back

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
import copy

import numpy as np
import torch
from torch import nn
from torch.nn.functional import batch_norm, cross_entropy

from bnteach import figures, labs
from bnteach.data import digits
from bnteach.training import accuracy, mlp, over_seeds, train

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## A network that changes its mind
#
# We train five small networks on the digits: one for each seed, two hidden layers, BN before each ReLU. A network in
# PyTorch has two modes: `network.train()` switches to **training mode**, in which BN uses the batch. `network.eval()`
# switches to **evaluation mode**, in which BN uses stored numbers. Nothing switches by itself.


# %% tags=["nbval-ignore-output"]
def trained(seed, momentum=0.1):
    network = mlp([64, 100, 100, 10], nn.ReLU, init_scale=2**0.5, seed=seed)
    network.bn_1.momentum = network.bn_2.momentum = momentum  # 0.1 is PyTorch's default
    return network, train(network, data, epochs=5, seed=seed, every=11, progress=False)


def accuracies(networks, pictures):
    """One test accuracy for each network. `accuracy` switches to evaluation mode, and back."""
    return np.array([accuracy(network, pictures, data.y_test) for network in networks])


def line(words, values, form="5.0%"):
    """The results of five seeds, from left to right."""
    print(f"{words:46}", *(f"{value:{form}}" for value in values))


data = digits()
x_train, y_train, x_test, y_test = map(
    torch.from_numpy, (data.x_train, data.y_train, data.x_test, data.y_test)
)
usual = [trained(seed) for seed in range(5)]  # (network, history) for each seed
networks = [network for network, _ in usual]
good = accuracies(networks, data.x_test)
line("seed", range(5), "5d")
line("test accuracy in evaluation mode", good)

# %% [markdown]
# Good networks. (All lines of this form are read so: five seeds, from left to right.) Now we forget `eval()`. Each of 448 test
# digits is shown to a network 20 times, in training mode, in a batch with seven others. The digit is the same each time;
# only its neighbors change.
#
# **Predict.** For how many of the digits are the 20 answers not all the same: 1 %, 10 %, or more than a third?
# And if *one* of the seven neighbors becomes its own negative, white on black: how many answers change?


# %% tags=["nbval-ignore-output"]
def answers(network, size, rounds):
    """What the network says to 448 test digits in training mode, each time with other neighbors."""
    network = copy.deepcopy(network).train()  # a copy: the network itself stays as it is
    random, said = torch.Generator().manual_seed(0), torch.empty(rounds, 448, dtype=torch.int64)
    for k in range(rounds):
        for batch in torch.randperm(448, generator=random).split(size):  # 56 batches of 8
            said[k, batch] = network(x_test[batch]).argmax(dim=1)
    return said


def changed_by_one_neighbor(network):
    network, changed = copy.deepcopy(network).train(), []
    for batch in x_test[:448].split(8):
        other = torch.cat([batch[:7], 1 - batch[7:]])  # the last picture becomes its negative
        changed += network(batch).argmax(dim=1)[:7] != network(other).argmax(dim=1)[:7]
    return np.mean(changed)


said = [answers(network, size=8, rounds=20) for network in networks]
at_once = [answers(network, size=448, rounds=1) for network in networks]
undecided = np.array([(a != a[0]).any(dim=0).float().mean() for a in said])
leaks = np.array([changed_by_one_neighbor(network) for network in networks])
right_8, right_448 = ([(a == y_test[:448]).float().mean() for a in given] for given in (said, at_once))
line("digits whose 20 answers are not all the same", undecided)
line("answers changed by one neighbor", leaks)
line("right answers in training mode, batches of 8", right_8)
line("right answers in training mode, one batch", right_448)

# %%
print("more than a third of the digits, every seed:", (undecided > 1 / 3).all())
print("one neighbor changes at least one answer in thirty, every seed:", (leaks > 1 / 30).all())
print("batches of 8 cost every seed more than 3 %:", (good - right_8 > 0.03).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# For about half of them. One neighbor alone changes about one answer in ten. And three times as many answers are wrong as in
# evaluation mode. In one batch of all 448 nothing of this is seen: the mean of so many hardly depends on one.
#
# </details>
#
# The pictures did not change, and neither did the weights. But the batch of eight is in the mean and in the variance,
# so it is in the answer. If the pictures come from several people, each gets an answer in which the pictures of
# the others take part. Information **leaks** from one to the other. The last lab of [lesson 01](01_measure_a_batch.ipynb)
# shows it on a small scale.
#
# For use we need numbers that depend on no batch. Where do they come from?
#
# ## The running averages
#
# BN collects them while it trains. It keeps two numbers for each channel, the **running statistics**, and moves them a
# little with every batch:
#
# $$\text{running mean} \leftarrow (1 - \text{momentum})\cdot\text{running mean} + \text{momentum}\cdot\mu$$
# $$\text{running var} \leftarrow (1 - \text{momentum})\cdot\text{running var} + \text{momentum}\cdot\tfrac{N}{N-1}\,\sigma^2$$
#
# They start at 0 and 1, and **momentum** is 0.1 in PyTorch. The factor $\frac{N}{N-1}$ turns the variance
# divided by $N$ into the one divided by $N - 1$ (lesson 01). Here are five batches of shape (4, 2).
#
# **Predict.** The first channel has a mean of about 5. What is its running mean after the first batch? And after the
# fifth?

# %%
batches = np.random.default_rng(0).normal([5, -3], [2, 1], size=(5, 4, 2))
running_mean, running_var = np.zeros(2), np.ones(2)
theirs, ours = nn.BatchNorm1d(2, dtype=torch.float64), bnteach.BatchNorm(2, dtype=np.float64)
print("batch   batch mean         by hand            PyTorch            bnteach")
for t, x in enumerate(batches, start=1):
    running_mean = 0.9 * running_mean + 0.1 * x.mean(axis=0)
    running_var = 0.9 * running_var + 0.1 * x.var(axis=0, ddof=1)
    _ = theirs(torch.from_numpy(x)), ours(x)
    means = x.mean(axis=0), running_mean, theirs.running_mean.numpy(), ours.running_mean
    print(t, *np.round(means, 3), sep="   ")
    if t in (1, 5):
        variances = running_var, theirs.running_var.numpy(), ours.running_var
        print("    running variances", *np.round(variances, 3), sep="   ")
first = batches[0].var(axis=0, ddof=1)[0]
print(f"first channel after batch 1: 0.9 · 1 + 0.1 · {first:.3f} = {0.9 + 0.1 * first:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 0.5 after the first: a tenth of the way from 0. After the fifth it is still not half way.
#
# </details>
#
# All three agree. And all three are wrong, so far! The start at 0 must be forgotten first: after $t$ batches
# $(1 - \text{momentum})^t$ of it is left. After five batches that is $0.9^5 = 59\,\%$. Remember it: it comes back as a failure.
#
# ## Three conventions of momentum
#
# The word does not mean the same everywhere.
#
# | | running mean ← | default |
# |---|---|---|
# | PyTorch, bnteach | (1 − momentum) · old + momentum · **new** | 0.1 |
# | Keras, TensorFlow | momentum · **old** + (1 − momentum) · new | 0.99 |
# | `momentum=None` in PyTorch, bnteach | old + (new − old) / t: the plain average of all $t$ batches so far | |
#
# (It is not the momentum of an optimizer. That is one more thing of this name.)
#
# **Predict.** You read "momentum 0.99" in the code of a Keras model and type `nn.BatchNorm1d(2, momentum=0.99)`. What
# does your running mean become, after the same five batches?


# %%
def to_pytorch(keras_momentum):
    return 1 - keras_momentum


def running_mean_of(momentum):
    layer = nn.BatchNorm1d(2, momentum=momentum, dtype=torch.float64)
    for x in batches:
        layer(torch.from_numpy(x))
    return layer.running_mean.numpy()


keras_mean = np.zeros(2)
for x in batches:
    keras_mean = 0.99 * keras_mean + 0.01 * x.mean(axis=0)
for words, mean in {
    "Keras' formula with 0.99": keras_mean,
    "PyTorch, to_pytorch(0.99)": running_mean_of(to_pytorch(0.99)),
    "PyTorch, 0.99 as it stands": running_mean_of(0.99),
    "the last batch alone": batches[-1].mean(axis=0),
    "PyTorch, None": running_mean_of(None),
    "mean of the five batch means": batches.mean(axis=(0, 1)),
}.items():
    print(f"{words:30}", mean.round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Practically the mean of the last batch: a hundredth is all that it remembers of those before. The conversion is
# $1 - \text{momentum}$, both ways. (Copied from PyTorch to Keras, 0.1 keeps a tenth of the old: nearly the same harm.)
#
# </details>
#
# The last two lines show the third convention. It does not know its start at all: the first batch has the weight 1/1.
#
# ## Momentum 1: do both modes agree?
#
# With momentum 1 the running statistics are those of the last batch. So the same batch should give the same output in
# both modes.
#
# **Predict.** Does it? In training the outputs have a standard deviation of 1. What is it in evaluation, for $N = 2$?

# %%
random = np.random.default_rng(1)
for n in (2, 4, 32, 1000):
    x, layer = random.normal(5, 2, size=(n, 1)), bnteach.BatchNorm(1, momentum=1.0, dtype=np.float64)
    in_training, in_evaluation = layer(x), layer.eval()(x)
    print(
        f"N = {n:4d}:  std {in_training.std():.3f} in training, {in_evaluation.std():.3f} in evaluation",
        end="",
    )
    print(f"   √((N − 1)/N) = {((n - 1) / n) ** 0.5:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# It does not: 0.707. **Biased in, unbiased kept:** a batch is normalized with the variance divided by $N$ (*biased*), and the one divided by $N - 1$
# (*unbiased*) is kept. In evaluation we divide by a number that is larger by the factor $\sqrt{N/(N-1)}$.
#
# </details>
#
# Is that a mistake of PyTorch? No: the paper does the same (its algorithm 2). The stored number is to describe all the
# data, and for that the unbiased variance is right on average. But "momentum 1 makes both modes agree" is false for the
# variance. You see it in small batches only: at $N = 1000$ nearly nothing is left of it.
#
# ## Lab: the statistics follow the batches
#
# 100 batches, one after the other. The lab starts at the last one, with batches of 2.
#
# 1. The line of words ends with the variance of a batch, on average: divided by $N$ and by $N - 1$. Which is nearer to the truth?
# 2. Drag *Batches seen*. What does the sample $x = 7$ give in training? And in evaluation?
# 3. Take batches of 8 and compare the momenta. Which arrives first? Which is the quietest at the end?
# 4. Let the data jump at batch 40. Which momentum finds the new truth, and which does not?

# %% tags=["nbval-ignore-output"]
labs.RunningStats(batches=100, batch_size=2)

# %% [markdown]
# Dots: the statistic of each batch; a triangle at the edge stands for a value outside. Blue line: the running one. Black: the truth. On the
# right, the output for one sample of value 7: a dot for each batch in which it took part, the blue line for evaluation. (The truth is 1 there, and
# lies under the upper dots.)
#
# <details><summary>What you may have found</summary>
#
# 1. By $N - 1$: 3.72, by $N$ only 1.86; the truth is 4. (With batches of 8 they are 4.50 and 3.94. Theory says 4 and 3.5: there
#    the noise of these 100 batches is as large as the difference, and hides it.)
# 2. In training always −1 or +1, whatever the other value is: two values know no other z-score. In evaluation it
#    comes to a number not far from 1, and no longer depends on who comes along.
# 3. Momentum 0.5 is there after a few batches, but it never rests. 0.1 needs some 30 batches and
#    is quieter. 0.01 has not arrived after 100. *None* is near the truth at once, and the quietest at the end. 0 never moves.
# 4. 0.1 has found the new mean some 30 batches later. *None* has not, even at batch 100: it holds on to all the old
#    batches. This is why it is not the default: while a network learns, what enters its layers moves.
#
# </details>
#
# ## "BN does nothing at test time"
#
# You can read this often. Let us compute it. With stored numbers the formula of BN is a straight line,
# $y = a\,x + b$, with two fixed numbers for each channel:
#
# $$a = \frac{\gamma}{\sqrt{\text{running var} + \varepsilon}} \qquad b = \beta - a\cdot\text{running mean}$$

# %%
ours.gamma, ours.beta = np.array([2.0, 3.0]), np.array([-1.0, 10.0])  # the layer of the five batches
a = ours.gamma / np.sqrt(ours.running_var + ours.eps)
b = ours.beta - a * ours.running_mean
x = batches[0]
print("a =", a.round(3), "  b =", b.round(3))
print("largest difference from the layer:", abs(a * x + b - ours.eval()(x)).max().round(9))

# %% [markdown]
# So the sentence is **false**: it multiplies and adds. But it is nothing more than that, and a line can be merged into the layer before
# it. That is called *folding*, and belongs to lesson 06. Note also what is gone: each row is now computed without the others.
#
# ## Is this evaluation?
#
# People try to switch BN to its stored statistics in several ways. We give each way two tests. First, the same row with
# *other neighbors*: how far does its output move? Second, how far does the running mean move?
#
# **Predict.** Fill this table yourself first: zero or not zero?
#
# | | output moves | running mean moves |
# |---|---|---|
# | training mode | | |
# | training mode, under `torch.no_grad()` | | |
# | training mode, after `requires_grad_(False)` | | |
# | training mode, with `momentum=0` | | |
# | evaluation mode, after `eval()` | | |


# %%
def probe(layer, gradients=True):
    other_neighbors = np.concatenate([batches[0][:1], batches[1][1:]])  # the same first row
    before = layer.running_mean.clone()
    with torch.set_grad_enabled(gradients):
        outputs = [layer(torch.from_numpy(x))[0] for x in (batches[0], other_neighbors)]
    moved = (outputs[0] - outputs[1]).abs().max().item()
    return f"output moves by {moved:.2f}   running mean by {(layer.running_mean - before).abs().max().item():.2f}"


def new_layer(**settings):
    return nn.BatchNorm1d(2, dtype=torch.float64, **settings)


print("training mode                 ", probe(new_layer()))
print("training, torch.no_grad()     ", probe(new_layer(), gradients=False))
print("training, requires_grad=False ", probe(new_layer().requires_grad_(False)))
print("training, momentum=0          ", probe(new_layer(momentum=0.0)))
print("evaluation mode, eval()       ", probe(new_layer().eval()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the last line has two zeros.
#
# - `no_grad` keeps PyTorch from recording gradients. It does not touch the mode: the statistics are the batch's, *and the
#   running ones still move*.
# - `requires_grad=False` stops $\gamma$ and $\beta$ from learning. The running statistics are no parameters; they move.
# - `momentum=0` stops the running statistics. But the batch still normalizes.
#
# </details>
#
# How much harm is done? Somebody measures the accuracy on brighter pictures (all gray values + 0.5), with `no_grad` but
# in training mode. Only to look! Afterwards the network is used as it should be, in evaluation mode, on the
# ordinary test digits.


# %% tags=["nbval-ignore-output"]
def after_a_look(network):
    network = copy.deepcopy(network).train()
    with torch.no_grad():
        for batch in x_test.split(60):
            network(batch + 0.5)
    return accuracy(network, data.x_test, data.y_test)  # this function does use evaluation mode


after = np.array([after_a_look(network) for network in networks])
line("before the look", good)
line("after the look, weights untouched", after)

# %%
print("every seed loses at least two test digits in a hundred:", (good - after > 0.02).all())

# %% [markdown]
# Eight batches were enough: each moved the running statistics a tenth of the way to the bright pictures. Repair: `eval()` before every validation, `train()` after it.
#
# ## Freeze it properly
#
# To **freeze** a layer means that it stays as it is while the others learn. One does this when a trained network is
# trained further on little data. For a BN layer this needs both: `requires_grad_(False)` for $\gamma$ and $\beta$, and
# `eval()` for the statistics.
#
# **Predict.** A training loop calls `network.train()` at the start of every epoch. Is the layer still frozen after it?


# %%
def freeze_bn(network):
    for layer in network.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            layer.eval().requires_grad_(False)


def moved(network):
    """How far one batch of digits moves the running mean of the first BN layer."""
    before = network.bn_1.running_mean.clone()
    network(x_train[:60])
    return f"{(network.bn_1.running_mean - before).abs().max().item():.2f}"


network = mlp([64, 100, 100, 10], nn.ReLU, seed=0)
print("requires_grad_(False) alone: ", moved(network.requires_grad_(False)))
freeze_bn(network)
print("frozen:                      ", moved(network))
print("then network.train():        ", moved(network.train()))
freeze_bn(network)
print("frozen again after it:       ", moved(network))

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. `network.train()` wakes every layer. Freeze *after* each call of it, or write a class of your own whose `train`
# leaves these layers in evaluation mode.
#
# </details>
#
# ## Trouble with the batch
#
# **A batch of one, and the last odd batch.** One value has no spread, and $N/(N-1)$ would be 1/0. PyTorch refuses it, and the
# message speaks of *values per channel*. It often comes as a surprise at the end of an epoch: 1 347 pictures in
# batches of 2 leave one over.
#
# **Predict.** Which of these four shapes are refused? Axis 0 is the sample, axis 1 the channel, the others are height and
# width. Then: a digit and a pale copy of it, 0.3 · x + 0.2, are each normalized alone. How far apart are the two outputs?

# %%
random = torch.Generator().manual_seed(0)
for shape in [(1, 2), (2, 2), (1, 2, 1, 1), (1, 2, 1, 2)]:
    try:
        # None, None: no running mean, no running variance
        y = batch_norm(torch.randn(shape, generator=random), None, None, training=True)
        print(f"{shape!s:14} the first channel becomes", *(f"{v:+.3f}" for v in y[:, 0].flatten().tolist()))
    except ValueError as error:
        print(f"{shape!s:14} {error}")

# %%
layer, digit = nn.BatchNorm2d(1), x_test[:1].reshape(1, 1, 8, 8)
pale = 0.3 * digit + 0.2
both = layer(torch.cat([digit, pale]))
print(f"the two inputs differ by up to          {(digit - pale).abs().max().item():.2f}")
print(f"their outputs, together in one batch:   {(both[0] - both[1]).abs().max().item():.2f}")
print(f"their outputs, each in a batch of one:  {(layer(digit) - layer(pale)).abs().max().item():.2f}")
_ = layer.eval()
print(f"their outputs, in evaluation:           {(layer(digit) - layer(pale)).abs().max().item():.2f}")
print("pictures left over in batches of 2:    ", len(x_train) % 2)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Refused are those with one value per channel: (1, 2), and also (1, 2, 1, 1), a picture that was reduced to a single pixel.
# Two values are accepted, from two samples or from two pixels. But look at them: −1 and +1, whatever they were. All that is
# left of the input is which of the two was larger.
#
# The digit and its pale copy become the same: 0.00.
#
# </details>
#
# So for pictures "BN cannot work with a batch of one" is false: the values come from the pixels. It works, but it does
# something else. Each picture is normalized *by itself*, and its contrast and brightness are gone. In evaluation both pictures are
# divided by the same stored number, so the difference is back. (The stored variance after these three calls is about 0.75, and 0.50 / √0.75 is 0.58.)
#
# For the picture that is left over, PyTorch's `DataLoader` has `drop_last=True`. It also avoids a last batch of two or three,
# which would have the same weight in the running averages as a full one.
#
# **Batches sorted by class.** Now every batch holds one digit only: all zeros, all ones, and so on. First we
# *test* the good networks in this way, in training mode. Then we *train* new networks on such batches, in random order, with
# BN and without BN, and test them in evaluation mode.
#
# **Predict.** Testing in training mode: a batch of 45 threes. What does the mean of the batch take away from each of them?


# %% tags=["nbval-ignore-output"]
def tested_on_sorted(network):
    network = copy.deepcopy(network).train()
    right = [network(x_test[y_test == digit]).argmax(dim=1) == digit for digit in range(10)]
    return torch.cat(right).float().mean().item()


def fit(network, batches, epochs, seed):
    """Gradient descent; in each epoch the batches come in a new random order, but they stay together.

    Returns the order and the mean loss of the last epoch."""
    optimizer, random = torch.optim.SGD(network.parameters(), lr=0.1), torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order, losses = torch.randperm(len(batches), generator=random), []
        for k in order:
            x, y = batches[k]
            optimizer.zero_grad()
            loss = cross_entropy(network(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return order.numpy(), np.mean(losses)


def trained_on_sorted(seed):
    # 20 batches, some 67 samples each.
    halves = [half for d in range(10) for half in torch.where(y_train == d)[0].chunk(2)]
    batches = [(x_train[k], y_train[k]) for k in halves]
    pair = [mlp([64, 100, 100, 10], nn.ReLU, bn, init_scale=2**0.5, seed=seed) for bn in (True, False)]
    losses = [fit(network, batches, 10, seed)[1] for network in pair]
    return [*losses, *accuracies(pair, data.x_test)]


tested = np.array([tested_on_sorted(network) for network in networks])
values = over_seeds(trained_on_sorted, range(5), progress=False).values
loss_bn, loss_plain, sorted_bn, sorted_plain = values.T
line("good networks, tested on sorted batches", tested)
line("trained on sorted batches, with BN", sorted_bn)
line("trained on sorted batches, without BN", sorted_plain)
line("training loss, with BN (guessing: ln 10 = 2.30)", loss_bn, "5.2f")
line("training loss, without BN", loss_plain, "5.2f")

# %%
print("tested on sorted batches, every seed below 25 %:", (tested < 0.25).all())
print("trained on them, every seed is below 25 % with BN, above 75 % without:", end=" ")
print((sorted_bn < 0.25).all(), (sorted_plain > 0.75).all())
print("training loss with BN above 2, without BN below 1, every seed:", end=" ")
print((loss_bn > 2).all(), (loss_plain < 1).all())

# %% [markdown]
# <details><summary>What happened</summary>
#
# The mean takes away what the threes have in common: just what makes them threes. What is left is how each differs
# from the other threes. So a network with BN does not get to see the class. In training its loss does not get
# below that of guessing, and in evaluation it guesses: 10 % are right by luck. The network without BN gets the same sorted batches, and learns. Repair: shuffle.
#
# </details>
#
# **Gradient accumulation.** The memory is too small for a batch of 60. So one takes four parts of 15, calls `backward()`
# for each, lets PyTorch add the gradients, and only then makes a step. "The same as a batch of 60." Is it?
#
# **Predict.** By how much does the added gradient differ from that of the 60: without BN, and with BN?


# %% tags=["nbval-ignore-output"]
def gradient(network, parts):
    network.zero_grad()
    for x, y in zip(x_train[:60].chunk(parts), y_train[:60].chunk(parts), strict=True):
        (cross_entropy(network(x), y) / parts).backward()
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


def difference(seed, with_bn):
    network = mlp([64, 100, 100, 10], nn.ReLU, batch_norm=with_bn, init_scale=2**0.5, seed=seed)
    whole, added = gradient(network, parts=1), gradient(network, parts=4)
    return ((added - whole).norm() / whole.norm()).item()  # as a share of its length


plain, with_bn = ([difference(seed, bn) for seed in range(5)] for bn in (False, True))
line("difference without BN", plain)
line("difference with BN", with_bn)

# %%
print("without BN below one part in a hundred thousand, every seed:", max(plain) < 1e-5)
print("with BN above a quarter of its length, every seed:", min(with_bn) > 0.25)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without BN not at all. With BN by some 40 % of its length: each part was normalized by its own 15 pictures.
# Accumulation averages the *loss* over 60 pictures. BN's batch stays 15. (The running statistics are moved four times, too, not once.)
#
# </details>
#
# ## Trouble with the stored statistics
#
# **Another momentum.** Our training has 110 steps. We repeat it with the momentum 0.01 (Keras' default, translated)
# and with 0.001.
#
# **Predict.** What happens to the training loss? And to the test accuracy, in evaluation mode?

# %%
runs = {0.1: usual}  # for each momentum, (network, history) of five seeds
for momentum in (0.01, 0.001):
    runs[momentum] = [trained(seed, momentum) for seed in range(5)]
usual_loss = np.array([history.loss for _, history in usual])
for momentum, five in runs.items():
    loss = np.array([history.loss for _, history in five])
    print(f"momentum {momentum}: loss differs by {abs(loss - usual_loss).max()},", end=" ")
    print(f"{(1 - momentum) ** 110:.0%} of the start is left")

# %%
# Three different lines; all three networks have BN.
looks = {0.1: "with_bn", 0.01: "theory", 0.001: "without_bn"}
ax = None  # the first curve makes the axes
for momentum, role in looks.items():
    test = np.mean([history.test_accuracy for _, history in runs[momentum]], axis=0)  # over five seeds
    ax = figures.curve(np.arange(11, 111, 11), 100 * test, ax=ax, role=role)
figures.frame(ax, title="Evaluated while it learns", x="step", y="test accuracy, %", ylim=(0, 100))
figures.key(ax, {role: f"momentum {momentum}" for momentum, role in looks.items()}, place="lower right")
figures.show(
    ax,
    alt="Test accuracy in evaluation mode against the step, mean of five seeds. With momentum 0.1 it is above 90 "
    "percent after 44 steps. With 0.01 it lags behind, and with 0.001 it stays far below until the end.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The loss is the same to the last digit: in training the batch normalizes, so the momentum does not touch the weights. The test
# accuracy is not the same. The picture shows the mean over the five seeds: with
# 0.01 it comes late, with 0.001 it is far below until the end. There, 90 % of the start (mean 0, variance 1) is still in the
# running statistics.
#
# </details>
#
# "Training is fine, evaluation is far worse" is a common complaint about BN, and this is its simplest cause. It hits
# short trainings, and whoever evaluates early.
#
# **The repair: re-estimate.** The weights are good. Only the stored numbers are not. So: forget them, take the plain
# average (`momentum=None`), and show the training pictures once more, without learning. To **re-estimate** in this way is what the
# paper itself does after training; later it was called *precise BN*.


# %% tags=["nbval-ignore-output"]
def re_estimated(network, pictures):
    network = copy.deepcopy(network).train()
    for layer in (network.bn_1, network.bn_2):
        layer.reset_running_stats()  # back to 0 and 1
        layer.momentum = None
    with torch.no_grad():
        for batch in pictures.split(60):
            network(batch)
    return network.eval()


late = [network for network, _ in runs[0.001]]
late_before = accuracies(late, data.x_test)
repaired = [re_estimated(network, x_train) for network in late]
late_after = accuracies(repaired, data.x_test)
good_after = accuracies([re_estimated(network, x_train) for network in networks], data.x_test)
line("momentum 0.001", late_before)
line("momentum 0.001, re-estimated", late_after)
line("momentum 0.1", good)
line("momentum 0.1, re-estimated", good_after)
print("first BN layer of seed 0, average over its channels:")
stored = {f"momentum {momentum}, stored": five[0][0] for momentum, five in runs.items()}
for words, network in {**stored, "re-estimated": repaired[0]}.items():
    mean, var = network.bn_1.running_mean.abs().mean().item(), network.bn_1.running_var.mean().item()
    print(f"{words:24} |mean| {mean:.2f}   variance {var:.2f}")

# %%
print("re-estimation lifts every seed by more than 5 %:", (late_after - late_before > 0.05).all())
print("it changes the good networks by less than 2 %:", (abs(good_after - good) < 0.02).all())

# %% [markdown]
# The repair is complete, and it needs no labels. Where nothing was broken, it changes next to nothing. The last lines, of seed 0, show how wrong the
# stored numbers were. (The weights are the same for all three momenta, so one line of true numbers serves them all.) With momentum 0.001 the variance is about six times too large, and
# the means have hardly left 0. With 0.01 a third of the start is left; the variance is still too large, and yet the curve above ends near the good one: a network bears that much. (The last of our batches has 27 pictures, and the same weight in
# the average as the others. Here this does no harm.)
#
# **One layer, two kinds of input.** One network learns black digits on white and white digits on black. Each batch holds
# one kind, and the batches come in random order. In training every batch is normalized by itself.
#
# **Predict.** In evaluation there is one set of running statistics. Which kind do they suit?


# %% tags=["nbval-ignore-output"]
def two_kinds(seed):
    network = mlp([64, 100, 100, 10], nn.ReLU, init_scale=2**0.5, seed=seed)
    shuffled = torch.randperm(len(x_train), generator=torch.Generator().manual_seed(seed)).split(60)
    black = [(x_train[k], y_train[k]) for k in shuffled]
    white = [(1 - x, y) for x, y in black]
    order, _ = fit(network, black + white, 5, seed)
    memory = 0.9 ** np.arange(len(order))[::-1]  # how much the running averages remember of each batch
    share = memory[order < len(black)].sum() / memory.sum()
    own = re_estimated(network, x_train), re_estimated(network, 1 - x_train)
    on_black = accuracies([network, own[0]], data.x_test)
    on_white = accuracies([network, own[1]], 1 - data.x_test)
    return [share, *on_black, *on_white]


values = over_seeds(two_kinds, range(5), progress=False).values
share, black_one, black_own, white_one, white_own = values.T
line("share of black-on-white in the one set", share)
line("one set of statistics, black on white", black_one)
line("one set of statistics, white on black", white_one)
line("its own set, black on white", black_own)
line("its own set, white on black", white_own)

# %%
print("its own set is better by more than 5 %, every seed:", end=" ")
print((black_own - black_one > 0.05).all(), (white_own - white_one > 0.05).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# Neither of the two. They are an average over the last batches, about half of it of each kind (first line). How much
# each kind suffers differs from seed to seed, but it never comes near what it can be. With a set of statistics for each kind (here: re-estimated on it) all is well. Think of day and
# night, or of real and generated pictures.
#
# </details>
#
# **Saved, loaded, and wrong.** Somebody saves the parameters, since "that is what was learned", and loads them into a new
# network.
#
# **Predict.** What is missing? And does the new network evaluate well?


# %% tags=["nbval-ignore-output"]
def only_parameters(network):
    new = mlp([64, 100, 100, 10], nn.ReLU)
    new.load_state_dict(dict(network.named_parameters()), strict=False)  # strict=False hides the mistake
    return new


incomplete = [only_parameters(network) for network in networks]
without_buffers = accuracies(incomplete, data.x_test)
line("all loaded", good)
line("only the parameters loaded", without_buffers)

# %%
print("every seed loses more than 10 %:", (good - without_buffers > 0.1).all())
for words, network in {"trained:": networks[0], "incomplete:": incomplete[0]}.items():
    print(f"{words:12} {network.bn_1.num_batches_tracked} batches tracked")
layer = nn.BatchNorm1d(2)
print("state:", list(layer.state_dict()))
print("parameters, gradient wanted:", {name: value.requires_grad for name, value in layer.named_parameters()})
print("buffers, gradient wanted:   ", {name: value.requires_grad for name, value in layer.named_buffers()})

# %% [markdown]
# <details><summary>Answer</summary>
#
# The running statistics are missing. They are **buffers**: they belong to the state of a layer, but they are no
# parameters. No gradient reaches them (the `False` above), and no optimizer moves them. The new network evaluates with the
# mean 0 and the variance 1 that every BN layer is born with.
#
# </details>
#
# Here `num_batches_tracked`, the count of the batches seen, tells: it is 0. The same happens after a training with
# `momentum=0`. There the counter counts, and nothing else does: look at the numbers, they are still 0 and 1. Repair: save the whole
# `state_dict()`, and load it with `strict=True`, the default.
#
# **A running average that never lets go.** You write a layer of your own in PyTorch. To find gradients, PyTorch
# remembers how each tensor was computed: the **graph**. We count its nodes behind the running mean.


# %%
def graph_size(value):
    """How many nodes the graph behind this value has."""
    found, waiting = set(), [value.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += [earlier for earlier, _ in node.next_functions]
    return len(found)


for detach in (False, True):
    linear, running_mean, sizes = nn.Linear(64, 10), torch.zeros(10), []
    for batch in x_train[:1200].split(12):
        mean = linear(batch).mean(dim=0)
        running_mean = 0.9 * running_mean + 0.1 * (mean.detach() if detach else mean)
        sizes.append(graph_size(running_mean))
    print(f"detach {detach!s:5}  1, 10, 100 batches -> {sizes[0]}, {sizes[9]}, {sizes[99]} nodes")

# %% [markdown]
# Seven after the first batch: weight, bias, the weight transposed, the product, the mean, the factor 0.1, the sum. Each
# later batch adds six: weight and bias are there already, and the old average gets its factor 0.9.
#
# Without `detach()` each batch adds its nodes, and none can be freed: the memory grows until it is full. The
# average must take the *number*, not its history: `mean.detach()`, or the update under `torch.no_grad()`.
#
# ## Two sentences on trial
#
# **"At inference, use the statistics of the training set."** Three questions. Are the stored numbers those of the
# training set? Does the difference matter? And are they the best ones? For the last we take the brighter pictures of lesson 01:
# once with the stored statistics, once re-estimated on the bright test pictures, without their labels.

# %% tags=["nbval-ignore-output"]
bright = data.x_test + np.float32(0.5)
z = [network.linear_1(x_train) for network in networks]  # what enters the first BN layer
errors = [(n.bn_1.running_mean - v.mean(dim=0)) / v.std(dim=0) for n, v in zip(networks, z, strict=True)]
off = [error.square().mean().sqrt().item() for error in errors]  # root mean square over the channels
memory = 0.1 * 0.9 ** np.arange(110)  # what is left of the last batch, the one before it, ...
line("stored mean: its error as a part of σ", off)
print(f"noise of 60 values a batch alone: {np.sqrt((memory**2).sum() / 60):.0%}")
bright_stored = accuracies(networks, bright)
adapted = [re_estimated(network, torch.from_numpy(bright)) for network in networks]
bright_own = accuracies(adapted, bright)
line("bright pictures, stored statistics", bright_stored)
line("bright pictures, re-estimated on them", bright_own)

# %%
print("stored mean off by less than 5 % of σ, every seed:", max(off) < 0.05)
print("stored statistics: the light costs every seed more than 10 %:", (good - bright_stored > 0.1).all())
print("their own statistics: less than 3 %:", (good - bright_own < 0.03).all())

# %% [markdown]
# **Partly true.** The stored numbers are an average over the last batches: not the statistics of the training set, but close.
# The noise of the batches alone makes an error of this size (each batch mean has the noise $\sigma/\sqrt{60}$, and
# the average with these weights leaves $\sqrt{0.1/1.9}$ of it). Re-estimating them did not help (we saw it above). If the data in use
# are like the training data, the sentence is good advice. If they have shifted, the statistics of the *new* data can be
# much better. But then you need a good number of new pictures first, and they must be mixed: sorted batches have just shown why.
#
# **"BN cannot be used with batches under 16."** The noise of a batch mean is $\sigma/\sqrt{N}$ ([lesson 01](01_measure_a_batch.ipynb)).
# We measure it on what enters the first BN layer of the trained network: 200 batches of each size.
#
# **Predict.** Is there a step at 16?

# %%
values, generator = z[0].detach().numpy(), np.random.default_rng(0)
noise = {}
for size in (2, 4, 8, 16, 32, 64):
    chosen = generator.integers(len(values), size=(200, size))
    errors = (values[chosen].mean(axis=1) - values.mean(axis=0)) / values.std(axis=0)
    noise[size] = np.sqrt((errors**2).mean())
    print(f"batches of {size:2}: the mean is off by {noise[size]:.0%} of σ,   1/√N = {size**-0.5:.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. Each doubling of the batch divides the noise by $\sqrt{2}$. It grows smoothly as the batch shrinks, and nothing special happens at 16:
# as a rule with a limit there, the sentence is false. What the noise does to the *training* is the question of
# [lesson 07](07_put_the_claims_on_trial.ipynb).
#
# </details>
#
# ## From bnteach to PyTorch and back
#
# Both call the entries of the state by the same names. (γ is called `weight` there, and β `bias`.)
# So a layer trained here can be used there.

# %%
print("bnteach:", *ours.state_dict())  # still the layer of the five batches
print("PyTorch:", *nn.BatchNorm1d(2).state_dict())
layer = nn.BatchNorm1d(2, dtype=torch.float64)
layer.load_state_dict({name: torch.as_tensor(value) for name, value in ours.state_dict().items()})
there = layer.eval()(torch.from_numpy(batches[0])).detach().numpy()
print("bnteach → PyTorch, largest difference:", abs(ours.eval()(batches[0]) - there).max().round(9))
_ = layer.train()(torch.from_numpy(batches[1]))  # one more batch in PyTorch ...
back = bnteach.BatchNorm(2, dtype=np.float64)
back.load_state_dict(layer.state_dict())  # ... and home again
there = layer.eval()(torch.from_numpy(batches[0])).detach().numpy()
print("PyTorch → bnteach, largest difference:", abs(back.eval()(batches[0]) - there).max().round(9))
print("batches tracked:", ours.num_batches_tracked, "then", back.num_batches_tracked)

# %% [markdown]
# The state holds $\gamma$, $\beta$, both running statistics and the number of batches. It does **not** hold $\varepsilon$
# and the momentum: give the new layer the same ones.
#
# ## A list for the wall
#
# | you see | ask |
# |---|---|
# | answers change from call to call | `eval()` forgotten? |
# | training fine, evaluation far worse | too few steps for the momentum? two kinds of input? statistics not loaded? |
# | the running mean is that of the last batch | momentum copied from Keras? |
# | worse after every validation | validated in training mode? |
# | a crash at the end of the epoch | a last batch of one? |
# | a frozen network still changes | only `requires_grad=False`? `train()` called again? |
# | the training loss stays at guessing | batches sorted by class? |
# | four parts of 15 are not a batch of 60 | gradients accumulated? |
# | good on the test set, bad in use | have the data shifted? |
# | the memory grows | statistics kept with their graph? |
#
# ## What you can do now
#
# - ✓ compute the running averages by hand, batch by batch: a tenth of the new, nine tenths of the old
# - ✓ translate the momentum of one library into that of another: 1 − momentum; None is the plain average
# - ✓ say why training and evaluation differ, even with momentum 1: biased in, unbiased kept
# - ✓ tell evaluation mode from three things that look like it, and freeze a BN layer properly: `eval()` and
#   `requires_grad_(False)`, after every `train()`
# - ✓ recognize the failures that come from the batch: one value, the odd rest, a neighbor, sorted classes, accumulation
# - ✓ recognize the failures that come from the stored statistics, and re-estimate them: reset, momentum None, one pass
# - ✓ carry a BN layer from bnteach to PyTorch and back: the same names, and ε and momentum by hand
#
# **Practice:** [the exercises of this lesson](exercises/05_train_and_infer.ipynb).
#
# **Go on with [06 · Normalize channels](06_normalize_channels.ipynb).**
#
# *Sources: S. Ioffe and C. Szegedy, "Batch Normalization", 2015, algorithm 2. Y. Wu and J. Johnson, "Rethinking 'Batch' in
# BatchNorm", 2021 (re-estimation, leaks, two kinds of input). Y. Li et al., "Revisiting Batch Normalization for
# Practical Domain Adaptation", 2016 (statistics of the new data).*
