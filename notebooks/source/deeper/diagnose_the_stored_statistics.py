# %% [markdown]
# # Clinic: what is wrong with the stored statistics?
#
# *30 minutes · after lesson [05 · Train and infer](../05_train_and_infer.ipynb)*
#
# Five networks with BN have good weights and bad running statistics. For each you see the symptom, cause it in a few lines,
# and repair it. What can be wrong with the batch has [a notebook of its own](diagnose_the_batch.ipynb).

# %%
from copy import deepcopy

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bnteach import data, figures, training

# %% [markdown]
# All cases use the network of lesson 05: two hidden layers with BN before each ReLU. All lines show five seeds, left to right.


# %%
def new_network(seed, **settings):
    return training.mlp([64, 100, 100, 10], nn.ReLU, init_scale=2**0.5, seed=seed, **settings)


def learn(network, batches, epochs, seed):
    """Gradient descent; in each epoch the batches come in another order. Returns the last loss."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    shuffle = torch.Generator().manual_seed(seed)
    network.train()
    for _epoch in range(epochs):
        for k in torch.randperm(len(batches), generator=shuffle):
            loss = cross_entropy(network(batches[k][0]), batches[k][1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return loss.item()


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
# ## Training fine, evaluation far worse
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
# ## Two kinds of input, both worse
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
# <details><summary>Answer</summary>
#
# Neither. They are an average over the last batches of both kinds.
#
# </details>
#
# **Repair:** a set of statistics for each kind, here by
# recalibration. Think of day and night, or of real and generated pictures.
#
# ## Worse after loading
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
tracked = [network.bn_1.num_batches_tracked.item() for network in (healthy[0], incomplete[0])]
print("batches tracked:", *tracked)
print("parameters:", *(name for name, _ in healthy[0].bn_1.named_parameters()))
print("buffers:   ", *(name for name, _ in healthy[0].bn_1.named_buffers()))
assert (good - right(incomplete, x_test) > 0.1).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# The **buffers**: they belong to the state of a layer, but no gradient reaches them and no optimizer moves them. The new network
# evaluates with mean 0 and variance 1. `num_batches_tracked` is 0, and so shows the fault. (After a training with
# `momentum=0` it is not 0. There look at the running statistics themselves: they are still 0 and 1.)
#
# </details>
#
# **Repair:** save the whole `state_dict()`, and load it with `strict=True`, the default.
#
# ## Good on the test set, bad in use
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
# <details><summary>Answer</summary>
#
# Their own. The sentence is **partly true**. The stored numbers are an average over the last batches, close to those of the training set: off by
# no more than the noise of the batches. (A batch mean has the noise $\sigma/\sqrt{60}$, and momentum 0.1 leaves $\sqrt{0.1/1.9}$
# of it: 3 %, if the batches are independent.) If the data in use have shifted, their own statistics are much better.
#
# </details>
#
# **Repair:** recalibrate on a good number of new pictures, without labels, and mixed: [batches of one class](diagnose_the_batch.ipynb) mislead.
#
# ## The memory grows
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
# <details><summary>Answer</summary>
#
# Nearly 100 times as many: each batch adds six nodes, and none can be freed.
#
# </details>
#
# **Repair:** the average must take the number, not its history: `mean.detach()`, or the update under `torch.no_grad()`.
#
# **Shown:** the weights can be good and the stored statistics bad; recalibration needs no labels.
#
# **Practice:** [the exercises of lesson 05](../exercises/05_train_and_infer.ipynb), 45 minutes.
#
# **Next:** [06 · Normalize channels](../06_normalize_channels.ipynb).
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, algorithm 2 (statistics measured after training).
# - Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021, arXiv:2105.07576 (precise BN, two kinds of input).
# - Y. Li et al., "Revisiting Batch Normalization for Practical Domain Adaptation", 2016, arXiv:1603.04779 (statistics of the new data).
