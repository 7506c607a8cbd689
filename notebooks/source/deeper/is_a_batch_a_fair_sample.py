# %% [markdown]
# # Is a batch a fair sample?
#
# *10 minutes · from [01 · Measure a batch](../01_measure_a_batch.ipynb)*
#
# The rule $\sigma/\sqrt{N}$ assumes that the samples of a batch are drawn independently and from one distribution. You measure what
# happens when they are sorted, and when the test set comes from another distribution than the training set.

# %%
import numpy as np
import torch
from torch import nn

from bnteach.data import digits

# %% [markdown]
# ## When a batch is not a fair sample
#
# Samples that are *independent and identically distributed* are called **IID**. Shuffling makes batches nearly IID. Take the
# digits, 64 values each, in batches of 60. How far is the mean of a batch from the mean of all pictures? We ask it of
# shuffled pictures, and of pictures sorted by their digit.
#
# **Predict.** How many times larger is this distance with sorted pictures?


# %%
def miss(pictures, size=60):
    """The distance between the mean of a batch and the mean of all: root mean square over batches and pixels."""
    batches = pictures[: len(pictures) // size * size].reshape(-1, size, 64)  # full batches only
    return np.sqrt(np.mean((batches.mean(axis=1) - pictures.mean(axis=0)) ** 2))


data = digits()  # shuffled
sorted_by_digit = data.x_train[np.argsort(data.y_train, kind="stable")]
print(f"σ/√N:     {np.sqrt(np.mean(data.x_train.var(axis=0) / 60)):.3f}")
print(f"shuffled: {miss(data.x_train):.3f}")
print(f"sorted:   {miss(sorted_by_digit):.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About five times. Shuffled, the distance is what $\sigma/\sqrt{N}$ says. Sorted, a batch holds one digit, or two where one ends and
# the next begins: its mean describes this digit, not all digits. [A clinic](diagnose_the_batch.ipynb#The-training-loss-stays-at-guessing)
# shows what this does to a network with BN.
#
# </details>
#
# ## Another light
#
# Training and test must come from *one* distribution, too. We train a small network without BN on z-scores: each pixel has the mean and the
# variance of the *training* pictures. (Some pixels are 0 in all pictures; adding 0.01 to the variance prevents a
# division by 0.) Then we make the test pictures brighter, as if the lamp had changed: we add 0.5 to every pixel. You would
# still read every digit.


# %%
def z_score(pictures, like):
    """The z-score of each pixel, with the mean and the variance of the pictures `like`."""
    return torch.from_numpy((pictures - like.mean(axis=0)) / np.sqrt(like.var(axis=0) + np.float32(0.01)))


def trained_network(seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x, y = z_score(data.x_train, like=data.x_train), torch.from_numpy(data.y_train)
    for _ in range(15):
        for batch in torch.randperm(len(x)).split(60):
            loss = nn.functional.cross_entropy(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net


# %% [markdown]
# **Predict.** In the same light the accuracy is above 95 %. What is it in the brighter light, with the statistics of the
# training set? And when the bright test pictures get their own mean and variance?

# %% tags=["nbval-ignore-output"]
torch.set_num_threads(1)  # the fastest for networks this small
brighter = data.x_test + np.float32(0.5)
tests = {
    "same light, statistics of the training set": z_score(data.x_test, like=data.x_train),
    "brighter,   statistics of the training set": z_score(brighter, like=data.x_train),
    "brighter,   statistics of its own         ": z_score(brighter, like=brighter),
}
networks, accuracies = [trained_network(seed) for seed in range(5)], []
for name, pictures in tests.items():
    right = [(net(pictures).argmax(dim=1).numpy() == data.y_test).mean() for net in networks]
    accuracies.append(np.array(right))
    print(name, *(f"{accuracy:4.0%}" for accuracy in right))
same, shifted, its_own = accuracies
assert (same - shifted > 0.05).all()
assert (same - its_own < 0.03).all()

# %% [markdown]
# <details><summary>What happened</summary>
#
# With the stored statistics ten to twenty points are lost, with its own less than one. The distribution of the input moved, and the stored statistics did not. Pixels at the edge are hit hardest: they hardly varied
# in training, so their z-score divides by a small number. This is called a **shift** of the distribution. With its own
# mean, whatever was added to all pictures is subtracted again.
#
# </details>
#
# Should we then always use the test set's own statistics? They have a price: each prediction depends on which other
# pictures are tested with it, and a single picture has no statistics at all.
#
# **What was shown.** Sorted batches miss the mean five times as far, and stored statistics do not fit another light. Stored
# statistics or the batch's own: this choice comes back in [lesson 05](../05_train_and_infer.ipynb).
#
# **Back to** [01 · Measure a batch](../01_measure_a_batch.ipynb)
