# %% [markdown]
# # Clinic: what is wrong with this network?
#
# *45 minutes · after lesson [05 · Train and infer](../05_train_and_infer.ipynb)*
#
# Nine networks with BN fail, each in another way. For each you see the symptom, cause it in a few lines, and repair it. Come back to
# this table when a network of your own fails.
#
# | you see | ask | |
# |---|---|---|
# | answers change from call to call | `eval()` forgotten? | lesson 05 |
# | the running mean is that of the last batch | momentum copied from Keras? | lesson 05 |
# | a frozen network still changes | only `requires_grad=False`? `train()` called again? | lesson 05 |
# | worse after every validation | validated in training mode? | [1](#1-·-Worse-after-every-validation) |
# | a crash at the end of an epoch | a last batch of one? | [2](#2-·-A-crash-at-the-end-of-an-epoch) |
# | the training loss stays at guessing | batches sorted by class? | [3](#3-·-The-training-loss-stays-at-guessing) |
# | four parts of 15 are not a batch of 60 | gradients accumulated? | [4](#4-·-Four-parts-of-15-are-not-a-batch-of-60) |
# | training fine, evaluation far worse | too few steps for the momentum? | [5](#5-·-Training-fine,-evaluation-far-worse) |
# | two kinds of input, both worse | one set of statistics for both? | [6](#6-·-Two-kinds-of-input,-both-worse) |
# | worse after loading | buffers not loaded? | [7](#7-·-Worse-after-loading) |
# | good on the test set, bad in use | have the data shifted? | [8](#8-·-Good-on-the-test-set,-bad-in-use) |
# | the memory grows | running statistics kept with their graph? | [9](#9-·-The-memory-grows) |

# %%
from copy import deepcopy

import numpy as np
import torch
from torch import nn
from torch.nn.functional import batch_norm, cross_entropy

from bnteach import data, figures, training

# %% [markdown]
# All cases use lesson 05's network: two hidden layers with BN before each ReLU, five seeds. A batch is a pair of pictures and labels.


# %%
def new_network(seed, **settings):
    return training.mlp([64, 100, 100, 10], nn.ReLU, init_scale=2**0.5, seed=seed, **settings)


def learn(network, batches, epochs, seed):
    """Gradient descent; in each epoch the batches come in another order. Returns the last epoch's mean loss."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    shuffle = torch.Generator().manual_seed(seed)
    network.train()
    for _epoch in range(epochs):
        losses = []
        for k in torch.randperm(len(batches), generator=shuffle):
            loss = cross_entropy(network(batches[k][0]), batches[k][1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return np.mean(losses)


def right(networks, pictures):
    """The share of right answers of each network, in evaluation mode."""
    return np.array([training.accuracy(network, pictures.numpy(), y_test.numpy()) for network in networks])


def show(words, shares):
    print(f"{words:40}", *(f"{share:4.0%}" for share in shares))


# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits()
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
x_test, y_test = torch.from_numpy(digits.x_test), torch.from_numpy(digits.y_test)
batches = list(zip(x_train.split(60)[:22], y_train.split(60)[:22], strict=True))
healthy = [new_network(seed) for seed in range(5)]
for seed, network in enumerate(healthy):
    learn(network, batches, epochs=5, seed=seed)
good = right(healthy, x_test)
show("healthy networks, five seeds", good)
assert good.min() > 0.93

# %% [markdown]
# ## 1 · Worse after every validation
#
# Somebody measures the accuracy on brighter pictures (all gray values + 0.5), under `no_grad`, but in training mode. Only to
# look. Afterward the network is used correctly: in evaluation mode, on the ordinary test digits.
#
# **Predict.** Has the look changed it?


# %% tags=["nbval-ignore-output"]
def after_a_look(network):
    network = deepcopy(network).train()
    with torch.no_grad():
        for pictures in x_test.split(60):
            network(pictures + 0.5)
    return network


looked = right([after_a_look(network) for network in healthy], x_test)
show("before the look", good)
show("after the look", looked)
assert (good - looked > 0.02).all()

# %% [markdown]
# Yes. Eight batches moved the running statistics toward the bright pictures. **Repair:** `eval()` before every validation,
# `train()` after it.
#
# ## 2 · A crash at the end of an epoch
#
# 1 347 digits in batches of 2 leave one over. One value has no spread, so PyTorch refuses it in training. Its message speaks of *values
# per channel*.
#
# **Predict.** Which of these four shapes (sample, channel, height, width) are refused?

# %%
random = torch.Generator().manual_seed(0)
for shape in [(1, 2), (2, 2), (1, 2, 1, 1), (1, 2, 1, 2)]:
    try:
        y = batch_norm(torch.randn(shape, generator=random), None, None, training=True)
        print(f"{shape!s:14} channel 0 becomes", *(f"{value:+.2f}" for value in y[:, 0].flatten()))
    except ValueError as error:
        print(f"{shape!s:14} {error}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Those with one value per channel: (1, 2), and also (1, 2, 1, 1). Two values are accepted, from two samples or from two pixels.
# But they always become −1 and +1.
#
# </details>
#
# So for pictures "BN cannot work with a batch of one" is false: the values come from the pixels. But it does something else then.
# Here are a digit and a pale copy of it, 0.3 · x + 0.2.
#
# **Predict.** Each is normalized alone. How far apart are the two outputs?

# %%
layer = nn.BatchNorm2d(1)
digit = x_test[:1].reshape(1, 1, 8, 8)
pale = 0.3 * digit + 0.2
together = layer(torch.cat([digit, pale]))
print(f"inputs differ by up to                {(digit - pale).abs().max():.2f}")
print(f"outputs, together in one batch        {(together[0] - together[1]).abs().max():.2f}")
print(f"outputs, each alone in training mode  {(layer(digit) - layer(pale)).abs().max():.2f}")
layer.eval()
print(f"outputs, in evaluation mode           {(layer(digit) - layer(pale)).abs().max():.2f}")

# %% [markdown]
# Not at all: alone, a picture loses its contrast and its brightness. In evaluation both are divided by the same number,
# and the difference is back. **Repair:** `drop_last=True` in PyTorch's `DataLoader`. It also avoids a last batch
# of two or three, which would weigh as much in the running averages as a full one.
#
# ## 3 · The training loss stays at guessing
#
# Every batch holds one digit only: all zeros, all ones, and so on; the batches come in random order.
#
# **Predict.** What does the mean of the batch take away from each three in a batch of threes?


# %% tags=["nbval-ignore-output"]
halves = [half for digit in range(10) for half in torch.where(y_train == digit)[0].chunk(2)]
sorted_batches = [(x_train[half], y_train[half]) for half in halves]  # 20 batches of some 67 digits
for with_bn in (True, False):
    sorted_networks = [new_network(seed, batch_norm=with_bn) for seed in range(5)]
    losses = [learn(network, sorted_batches, 10, seed) for seed, network in enumerate(sorted_networks)]
    sorted_right = right(sorted_networks, x_test)
    show(f"trained on sorted batches, {'with' if with_bn else 'without'} BN", sorted_right)
    print("its training loss (guessing is 2.30)    ", *(f"{loss:4.1f}" for loss in losses))
    assert sorted_right.max() < 0.25 if with_bn else sorted_right.min() > 0.75


# %% tags=["nbval-ignore-output"]
def right_on_sorted(network):
    network = deepcopy(network).train()
    hits = [network(x_test[y_test == digit]).argmax(dim=1) == digit for digit in range(10)]
    return torch.cat(hits).float().mean().item()


tested = [right_on_sorted(network) for network in healthy]
show("healthy, tested on sorted, training mode", tested)
assert max(tested) < 0.25

# %% [markdown]
# <details><summary>Answer</summary>
#
# It takes away what the threes have in common, which is what makes them threes. What is left is how each differs from the
# others. So a network with BN never sees the class, in training or in a test in training mode. The network without BN gets
# the same batches, and learns.
#
# </details>
#
# **Repair:** shuffle.
#
# ## 4 · Four parts of 15 are not a batch of 60
#
# The memory is too small for a batch of 60. So one calls `backward()` for four parts of 15, lets PyTorch add the gradients, and then
# makes one step: **gradient accumulation**.
#
# **Predict.** By how much does the added gradient differ from that of the 60, without BN and with BN, at the start of training?


# %% tags=["nbval-ignore-output"]
def gradient(network, parts):
    network.zero_grad()
    for x, y in zip(x_train[:60].chunk(parts), y_train[:60].chunk(parts), strict=True):
        (cross_entropy(network(x), y) / parts).backward()
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


for with_bn in (False, True):
    untrained = [new_network(seed, batch_norm=with_bn) for seed in range(5)]
    whole = [gradient(network, parts=1) for network in untrained]
    added = [gradient(network, parts=4) for network in untrained]
    off = [((a - w).norm() / w.norm()).item() for a, w in zip(added, whole, strict=True)]
    show(f"off, as a share of its length, {'with' if with_bn else 'without'} BN", off)
    assert min(off) > 0.25 if with_bn else max(off) < 1e-5

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without BN not at all, with BN by some 40 % of its length: each part is normalized by its own 15 pictures. And the running
# statistics move four times, not once.
#
# </details>
#
# **Repair:** none within BN. Accumulation averages the *loss* over 60 pictures; BN's batch stays 15. [Lesson 10](../10_across_devices.ipynb) has more about
# it.
#
# ## 5 · Training fine, evaluation far worse
#
# The five trainings had 110 steps. We repeat them with momentum 0.01 (Keras' default, converted) and 0.001, and evaluate after every
# epoch.
#
# **Predict.** What happens to the training loss?


# %% tags=["nbval-ignore-output"]
def learn_with(momentum, seed):
    """The network, its last loss, and its accuracy after each epoch."""
    network = new_network(seed)
    network.bn_1.momentum = network.bn_2.momentum = momentum
    course = []
    for epoch in range(5):
        loss = learn(network, batches, 1, seed=10 * seed + epoch)
        course.append(right([network], x_test)[0])
    return network, loss, course


runs = {momentum: [learn_with(momentum, seed) for seed in range(5)] for momentum in (0.1, 0.01, 0.001)}
for momentum, five in runs.items():
    print(f"momentum {momentum:5}: loss", *(f"{loss:.6f}" for _, loss, _ in five), end="")
    print(f"   of the start is left {(1 - momentum) ** 110:.0%}")
    assert [loss for _, loss, _ in five] == [loss for _, loss, _ in runs[0.1]]

# %% tags=["draws", "nbval-ignore-output"] alt="Test accuracy in evaluation mode after each of five epochs, mean of five seeds. Momentum 0.1 is above 90 percent from the second epoch on. 0.01 comes late, 0.001 stays far below."
figure, (ax,) = figures.new_figure(size=(5.4, 2.8))
for momentum, line, lift in ((0.1, "-", 3), (0.01, "--", -3), (0.001, ":", 0)):
    course = 100 * np.mean([course for _, _, course in runs[momentum]], axis=0)
    ax.plot(range(1, 6), course, line, color="#0072B2", marker="o")
    ax.text(5.1, course[-1] + lift, f"momentum {momentum}", va="center", color="#0072B2")
figures.frame(ax, title="Evaluated while it learns", x="epoch", y="right, %", xlim=(0.9, 6.7), ylim=(0, 100))
ax.set_xticks(range(1, 6))
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nothing, to the last digit: in training the batch normalizes, so the momentum does not touch the weights. But the evaluation lags
# behind. With 0.001, 90 % of the start (mean 0, variance 1) is still in the running statistics at the end.
#
# </details>
#
# **Repair: recalibrate.** The weights are good. Only the stored numbers are not. So forget them, take the plain average
# (`momentum=None`), and show the training pictures once more, without learning. The paper itself does so after training; later it
# was called *precise BN*.


# %% tags=["nbval-ignore-output"]
def recalibrated(network, pictures):
    network = deepcopy(network).train()
    for layer in (network.bn_1, network.bn_2):
        layer.reset_running_stats()  # back to 0 and 1
        layer.momentum = None
    with torch.no_grad():
        for batch in pictures.split(60):
            network(batch)
    return network.eval()


late = [network for network, _, _ in runs[0.001]]
repaired = right([recalibrated(network, x_train) for network in late], x_test)
healthy_again = right([recalibrated(network, x_train) for network in healthy], x_test)
show("momentum 0.001", right(late, x_test))
show("momentum 0.001, recalibrated", repaired)
show("healthy networks, recalibrated", healthy_again)
assert (repaired - right(late, x_test) > 0.05).all()
assert (abs(healthy_again - good) < 0.02).all()

# %% [markdown]
# It needs no labels, and where nothing is broken it changes next to nothing.
#
# ## 6 · Two kinds of input, both worse
#
# One network learns black digits on white and white digits on black. Each batch holds one kind, and in training it is normalized by
# itself. In evaluation there is one set of running statistics.
#
# **Predict.** Which kind do they suit?

# %% tags=["nbval-ignore-output"]
mixed = [new_network(seed) for seed in range(5)]
for seed, network in enumerate(mixed):
    learn(network, batches + [(1 - x, y) for x, y in batches], 5, seed)
one_set = right(mixed, x_test), right(mixed, 1 - x_test)
own_set = (
    right([recalibrated(network, x_train) for network in mixed], x_test),
    right([recalibrated(network, 1 - x_train) for network in mixed], 1 - x_test),
)
for kind, one, own in zip(("black on white", "white on black"), one_set, own_set, strict=True):
    show(f"{kind}, one set of statistics", one)
    show(f"{kind}, a set of its own", own)
    assert (own - one > 0.05).all()

# %% [markdown]
# Neither. They are an average over the last batches of both kinds. **Repair:** a set of statistics for each kind, here by
# recalibration. Think of day and night, or of real and generated pictures.
#
# ## 7 · Worse after loading
#
# Somebody saves the parameters, "since that is what was learned", and loads them into a new network.
#
# **Predict.** What is missing?


# %% tags=["nbval-ignore-output"]
def only_parameters(network):
    new = new_network(seed=9)
    new.load_state_dict(dict(network.named_parameters()), strict=False)  # strict=False hides the mistake
    return new


incomplete = [only_parameters(network) for network in healthy]
show("only the parameters loaded", right(incomplete, x_test))
print(
    "batches tracked:",
    healthy[0].bn_1.num_batches_tracked.item(),
    incomplete[0].bn_1.num_batches_tracked.item(),
)
print("parameters:", *(name for name, _ in healthy[0].bn_1.named_parameters()))
print("buffers:   ", *(name for name, _ in healthy[0].bn_1.named_buffers()))
assert (good - right(incomplete, x_test) > 0.1).all()

# %% [markdown]
# The **buffers**: they belong to the state of a layer, but no gradient reaches them and no optimizer moves them. The new network
# evaluates with mean 0 and variance 1. `num_batches_tracked` is 0, and so shows the fault. (After a training with
# `momentum=0` it is not 0. There look at the running statistics themselves: they are still 0 and 1.) **Repair:**
# save the whole `state_dict()`, and load it with `strict=True`, the default.
#
# ## 8 · Good on the test set, bad in use
#
# "At inference, use the statistics of the training set." First: are the stored numbers those of the training set? Then: in
# use the pictures are brighter, by 0.5.
#
# **Predict.** Which statistics serve the bright pictures better: the stored ones, or their own?

# %% tags=["nbval-ignore-output"]
z = [network.linear_1(x_train) for network in healthy]  # what enters the first BN layer
errors = [(n.bn_1.running_mean - v.mean(dim=0)) / v.std(dim=0) for n, v in zip(healthy, z, strict=True)]
off = [error.square().mean().sqrt().item() for error in errors]
bright = x_test + 0.5
stored = right(healthy, bright)
own = right([recalibrated(network, bright) for network in healthy], bright)
show("stored mean off, as a share of σ", off)
show("bright, stored statistics", stored)
show("bright, recalibrated on them", own)
assert max(off) < 0.05
assert (good - stored > 0.1).all()
assert (good - own < 0.03).all()

# %% [markdown]
# The sentence is **partly true**. The stored numbers are an average over the last batches, close to those of the training set: off by
# no more than the noise of the batches. (A batch mean has the noise $\sigma/\sqrt{60}$, and momentum 0.1 leaves $\sqrt{0.1/1.9}$
# of it: 3 %, if the batches are independent.) If the data in use have shifted, their own statistics are much better. **Repair:** recalibrate on a good number of
# new pictures, without labels, and mixed: case 3 shows why.
#
# ## 9 · The memory grows
#
# You write a BN layer of your own in PyTorch. To find gradients, PyTorch remembers how each tensor was computed: the **graph**. We
# count its nodes behind the running mean.
#
# **Predict.** How many are there after 100 batches: as many as after one, or 100 times as many?


# %%
def graph_size(value):
    found = set()
    waiting = [value.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += [earlier for earlier, _ in node.next_functions]
    return len(found)


for detach in (False, True):
    linear = nn.Linear(64, 10)
    running_mean = torch.zeros(10)
    sizes = []
    for batch in x_train[:1200].split(12):
        mean = linear(batch).mean(dim=0)
        running_mean = 0.9 * running_mean + 0.1 * (mean.detach() if detach else mean)
        sizes.append(graph_size(running_mean))
    print(f"detach: {detach!s:5}   nodes after 1, 10, 100 batches: {sizes[0]}, {sizes[9]}, {sizes[99]}")

# %% [markdown]
# Nearly 100 times as many: each batch adds six nodes, and none can be freed. **Repair:** the average must take the number, not its
# history: `mean.detach()`, or the update under `torch.no_grad()`.
#
# **Shown:** nine failures, in two groups: what the batch does (1 to 4), and what is stored (5 to 9).
# **Practice:** [the exercises of lesson 05](../exercises/05_train_and_infer.ipynb), 45 minutes.
# **Next:** [06 · Normalize channels](../06_normalize_channels.ipynb).
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, algorithm 2 (statistics measured after training).
# - Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, arXiv:2105.07576 (precise BN, two kinds of input).
# - Y. Li et al., "Revisiting Batch Normalization for Practical Domain Adaptation", 2016, arXiv:1603.04779 (statistics of the new data).
