# %% [markdown]
# # Clinic: what is wrong with the batch?
#
# *30 minutes · after lesson [05 · Train and infer](../05_train_and_infer.ipynb)*
#
# Five networks with BN fail because of what is in a batch, or because of how many values are in it. For each you see the
# symptom, cause it in a few lines, and repair it. What can be wrong with the stored statistics has
# [a notebook of its own](diagnose_the_stored_statistics.ipynb).

# %%
from copy import deepcopy

import numpy as np
import torch
from torch import nn
from torch.nn.functional import batch_norm, cross_entropy

from bnteach import data, training

# %% [markdown]
# All cases use the network of lesson 05: two hidden layers with BN before each ReLU. All lines show five seeds, left to right.


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
    return np.array([training.accuracy(network, pictures.numpy(), digits.y_test) for network in networks])


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
# ## Worse after every validation
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
# <details><summary>Answer</summary>
#
# Yes: eight batches moved the running statistics toward the bright pictures.
#
# </details>
#
# **Repair:** `eval()` before every validation, `train()` after it.
#
# ## A stranger changes your answer
#
# Pictures of several people are tested together, in batches of eight, and somebody forgot `eval()`. We replace the last
# picture of each batch by its negative, white on black. The other seven pictures stay.
#
# **Predict.** How many of the answers to these seven change?


# %% tags=["nbval-ignore-output"]
def changed_by_one_neighbor(network):
    network = deepcopy(network).train()
    changed = []
    for batch in x_test[:448].split(8):  # 56 full batches
        other = torch.cat([batch[:7], 1 - batch[7:]])
        changed.append(network(batch).argmax(dim=1)[:7] != network(other).argmax(dim=1)[:7])
    return torch.cat(changed).float().mean().item()


def right_in_one_batch(network):
    answers = deepcopy(network).train()(x_test).argmax(dim=1)
    return (answers == y_test).float().mean().item()


changed = [changed_by_one_neighbor(network) for network in healthy]
show("answers changed by one neighbor", changed)
show("right in one batch of 450", [right_in_one_batch(network) for network in healthy])
assert min(changed) > 1 / 30

# %% [markdown]
# <details><summary>Answer</summary>
#
# About one in ten: the last picture moves the mean and the variance of all eight. So information **leaks** from one person
# to another. In one batch of all 450 digits as many are right as in evaluation: one digit hardly changes the
# mean of so many.
#
# </details>
#
# **Repair:** `eval()`. With the running statistics, no picture sees another.
#
# ## A crash at the end of an epoch
#
# 1 347 digits in batches of 2 leave one over. One value has no variance to divide by, so PyTorch refuses it in training. Its message speaks of *values
# per channel*.
#
# **Predict.** Which of these shapes are refused: (1, 2), (2, 2), (1, 2, 1, 1), (1, 2, 1, 2)? Axis 0 is the sample, axis 1 the channel.

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
# But they always become −1 and +1 ([and no gradient comes through](what_a_small_batch_teaches.ipynb#A-batch-of-two,-a-batch-of-one)).
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
# <details><summary>Answer</summary>
#
# Not at all: alone, a picture loses its contrast and its brightness. In evaluation both are divided by the same number,
# and the difference is back.
#
# </details>
#
# **Repair:** `drop_last=True` in PyTorch's `DataLoader`. It also avoids a last batch
# of two or three, which would weigh as much in the running averages as a full one.
#
# ## The training loss stays at guessing
#
# Every batch holds one digit only: all zeros, all ones, and so on; the batches come in random order.
#
# **Predict.** What does the mean of the batch take away from each three in a batch of threes?


# %% tags=["nbval-ignore-output"]
sorted_batches = []  # 20 batches of some 67 digits
for digit in range(10):
    pictures = x_train[y_train == digit]
    labels = y_train[y_train == digit]
    sorted_batches += zip(pictures.chunk(2), labels.chunk(2), strict=True)
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
# ## Four parts of 15 are not a batch of 60
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
# **Shown:** what is in the batch is in every answer, in every gradient and in the running averages.
#
# **Practice:** [the exercises of lesson 05](../exercises/05_train_and_infer.ipynb), 45 minutes.
#
# **Next:** [what can be wrong with the stored statistics](diagnose_the_stored_statistics.ipynb).
#
# Source:
#
# - Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, arXiv:2105.07576.
