# %% [markdown]
# # 10 · Across devices: exercises
#
# *30 minutes · after the lesson [10 · Across devices](../10_across_devices.ipynb)*
#
# You merge what two devices know, mend a backward pass for shares of different sizes, and try what sharing does to a training.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function and says what it sees. If you are stuck, open a hint.
# Afterward there are [the solutions, explained](../solutions/10_across_devices.ipynb).

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# Two shares of one batch, to try your functions on.

# %%
rng = np.random.default_rng(0)
share_a, share_b = rng.normal(2, 1, size=(6, 3)), rng.normal(-2, 3, size=(4, 3))
print("device a: mean", share_a.mean(axis=0).round(2), " var", share_a.var(axis=0).round(2))
print("device b: mean", share_b.mean(axis=0).round(2), " var", share_b.var(axis=0).round(2))

# %% [markdown]
# ## Exercise 1: merge
#
# *10 minutes · difficulty: 2 of 4*
#
# The SyncBN of the lesson sends three messages: for the count, for the mean, and for the variance. PyTorch sends one: each device tells its count, its mean and its
# variance. Write `merge_statistics(count_a, mean_a, var_a, count_b, mean_b, var_b)`: the statistics of both devices together, without their values.
#
# - `count_a` and `count_b` are whole numbers; the others have shape $(C,)$. The variances are divided by the count.
# - Return `count`, `mean`, `var` of all values; the variance divided by `count`.
#
# <details><summary>Hint 1</summary>
#
# The larger device counts more. And how far are the two means apart?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The variance has two parts: what is inside the devices (a weighted mean of the variances), and what is between them.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The part between is $\frac{n_a n_b}{n^2}(\mu_b - \mu_a)^2$.
#
# </details>


# %% tags=["solution", "points-2"]
def merge_statistics(count_a, mean_a, var_a, count_b, mean_b, var_b):
    """count, mean and variance of the values of both devices."""
    ### BEGIN SOLUTION
    count, delta = count_a + count_b, mean_b - mean_a
    mean = mean_a + delta * count_b / count
    var = (count_a * var_a + count_b * var_b) / count + delta**2 * count_a * count_b / count**2
    return count, mean, var
    ### END SOLUTION


check.merge_statistics(merge_statistics)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Try it: all ten values together must have this mean and this variance. The average of the two variances is always too small, unless the means are equal.
#
# With sums of squared deviations in place of variances you get the formula of Chan, Golub and LeVeque.

# %% [markdown]
# ## Exercise 2: mend a backward pass for unequal shares
#
# *10 minutes · difficulty: 3 of 4*
#
# On each device the loss is the mean over *its own* share, and `dy` is the gradient of that loss. The shares may have different sizes. Wanted are
# the gradients of the mean over *all* samples. This BN is the only one in the network, and the loss comes directly after it. A colleague wrote this. It runs, and nothing warns:
#
# ```python
# def sync_backward(dy, x_hat, gamma, std, count, all_reduce):
#     sums = np.stack([(dy * x_hat).sum(axis=0), dy.sum(axis=0)])
#     dgamma, dbeta = all_reduce(sums)
#     dx = gamma / std * (dy - dbeta / len(dy) - x_hat * dgamma / len(dy))
#     return dx, dgamma, dbeta
# ```
#
# Three things are wrong. Find them, and write the function anew.
#
# - `dy` and `x_hat` are this device's share, shape $(n, C)$. `gamma` and `std` have shape $(C,)$; `std` is $\sqrt{\sigma^2 + \varepsilon}$ of all samples.
# - `count` is the number of samples of *all* devices.
# - `all_reduce(sums)` **returns** the totals of all devices (the one in the lesson writes them into its tensor). It wants shape $(2, C)$: Σ dy·x̂ in row 0, Σ dy in row 1.
# - Return `dx` of this share, `dgamma` and `dbeta`. Later the gradients of all parameters are added up over the devices.
#
# <details><summary>Hint 1</summary>
#
# Which $m$ belongs to the sums of all devices? Who adds up $d\gamma$ and $d\beta$ later? And how much does this share count in the mean over all samples?
#
# </details>
# <details><summary>Hint 2</summary>
#
# In dx, the two sums and the count come from all devices. `dgamma` and `dbeta` stay this device's own. Before anything else, `dy` gets the weight of the share.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Begin with `dy = dy * len(dy) / count`. In dx, divide what `all_reduce` returns by `count`.
#
# </details>


# %% tags=["solution", "points-3"]
def sync_backward(dy, x_hat, gamma, std, count, all_reduce):
    """dx of this share, and this device's part of dgamma and dbeta."""
    ### BEGIN SOLUTION
    dy = dy * len(dy) / count  # from the mean over the share to the mean over all
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    all_dgamma, all_dbeta = all_reduce(np.stack([dgamma, dbeta]))
    dx = gamma / std * (dy - all_dbeta / count - x_hat * all_dgamma / count)
    return dx, dgamma, dbeta
    ### END SOLUTION


check.sync_backward(sync_backward)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - The mean over a share divides by $n$, the mean over all samples by `count`. So each `dy` gets the factor $n$ / `count`. With equal shares it is the same on all devices, and
#   nobody notices when it is missing: the step is only larger.
#   (In a deep network, give this factor to the loss of the share instead, once: then all layers get it.)
# - The sums run over all samples, so they are divided by `count`, not by `len(dy)`.
# - `dgamma` and `dbeta` are returned as parts, because the gradients of *all* parameters are added up later. Whoever returns the totals counts them once for each device.
#   (`DistributedDataParallel` averages instead: with it, multiply the loss of each share by the number of devices, too.)
#
# What goes wrong most often is that `dy` gets its factor in `dx` only, and the two sums are made of the old one.

# %% [markdown]
# ## Exercise 3: an experiment of your own
#
# *10 minutes · difficulty: 2 of 4*
#
# `learn(seed, devices=1, by_class=False)` trains a small network on the digits, in batches of 64, and returns its test accuracy. With `devices=4` each batch
# is cut into four shares; each share is normalized alone, and the gradients are averaged, as in plain data parallelism. (One process plays all the devices, one after
# the other. The running averages are those of device 0, as in `DistributedDataParallel`.) With `by_class=True` each batch is sorted, so that a device gets few kinds of digits.

# %%
import torch
from torch import nn

from bnteach.data import digits

data = digits()
x_train, x_test = torch.tensor(data.x_train), torch.tensor(data.x_test)
y_train, y_test = torch.tensor(data.y_train), torch.tensor(data.y_test)


def learn(seed, devices=1, by_class=False):
    torch.manual_seed(seed)
    norm = nn.BatchNorm1d(32)
    network = nn.Sequential(nn.Linear(64, 32), norm, nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):
        for rows in torch.randperm(1344).split(64):
            if by_class:
                rows = rows[y_train[rows].argsort()]
            optimizer.zero_grad()
            for rank, share in enumerate(rows.chunk(devices)):
                norm.momentum = 0.1 if rank == 0 else 0.0  # only device 0's averages are kept
                loss = nn.functional.cross_entropy(network(x_train[share]), y_train[share]) / devices
                loss.backward()
            optimizer.step()
    return (network.eval()(x_test).argmax(dim=1) == y_test).float().mean().item()


# %% [markdown]
# What hurts: many devices, or sorted batches? Choose **one** change that you are curious about: `devices=4`, `devices=32`, or `by_class=True`. Write
# `effect_of_shares(learn, seed)`: it returns two accuracies, first on one device, then with the change.
#
# **Predict first**, and write it down. When the check has passed, run five seeds in a cell below:
# `for seed in range(5): print(*effect_of_shares(learn, seed))`. Then try both together: `learn(seed, devices=4, by_class=True)`.
#
# <details><summary>Hint 1</summary>
#
# The function makes two trainings that differ in one thing only.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The first training is `learn(seed)`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The second one has an argument more, such as `learn(seed, devices=4)`.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_of_shares(learn, seed):
    """The test accuracy on one device, and with one change."""
    ### BEGIN SOLUTION
    before = learn(seed)
    after = learn(seed, devices=32)
    return before, after
    ### END SOLUTION


check.effect_of_shares(effect_of_shares)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# On our machine, seeds 0 to 4 on one device: 0.94 to 0.95. Then:
#
# - `devices=4, by_class=True`: 0.81 to 0.85. Each device sees three or four kinds of digits, and normalizes away what they have in common. The averages of device 0 know its kinds only.
# - `devices=4` alone: 0.93 to 0.94. A share of 16 shuffled digits is a fair sample.
# - `by_class=True` alone: exactly the same numbers as before. One device sees the whole batch, and the order of its samples does not matter.
# - `devices=16`: 0.91 to 0.93, with four samples on each. `devices=32`: 0.77 to 0.84, with two on each, which become −1 and +1.

# %% [markdown]
# <details><summary>If you chose <code>by_class=True</code></summary>
#
# Nothing changes, for one device sees the whole batch, in whatever order. Then try `devices=4, by_class=True`.
#
# </details>
#
# **In words.** A colleague's network with BN reaches 95 % on one device. On eight devices, with the same batch for all of them together, it reaches 80 % in
# evaluation, although the training loss looks good. Which three things do you look at? Answer in three sentences before you open the answer.
#
# <details><summary>A model answer</summary>
#
# How many samples does a device have at each BN layer? If they are few, the statistics are noise, and SyncBN helps. Are the data shuffled before they are shared? If
# not, each device normalizes other kinds of samples, and the running averages that are saved, those of device 0, do not fit the rest. Is the loss weighted, or are
# the shares equal? The good training loss points to the running averages: test once with the statistics of a large batch.
#
# </details>
#
# ## How far you are

# %%
check.report()
