# %% [markdown]
# # 00 · Meet batch normalization: exercises
#
# *25 minutes · after the lesson [00 · Meet batch normalization](../00_meet_batch_normalization.ipynb)*
#
# A row that changes the others, an experiment of your own, and a question to answer in words.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your function on several inputs and says what it sees. If you are stuck, open a hint.
# Afterward, read [the solutions, explained](../solutions/00_meet_batch_normalization.ipynb).

# %%
import torch

from bnteach import check
from bnteach.data import digits

# %% [markdown]
# ## Exercise 1: make a picture average
#
# *8 minutes · difficulty: 2 of 4*
#
# You may put one more row into somebody's batch. Choose it so that BN takes the **first** row for perfectly average: in every
# channel its output becomes $\beta$, whatever it was before.
#
# Write `row_to_add(x)`.
#
# - `x` is the batch without your row: shape $(N, C)$, at least one row.
# - Return your row, shape $(C,)$. It is put below `x`, so the batch becomes $(N + 1, C)$.
#
# <details><summary>Hint 1</summary>
#
# The first row gives β when its value is exactly the mean. The mean of how many rows?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The mean of all rows, with a new row r, is (sum of x + r) / (N + 1). Set it equal to row 0.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Solve for r: multiply by N + 1, then subtract the sum over `axis=0`.
#
# </details>


# %% tags=["solution", "points-2"]
def row_to_add(x):
    """The row with which the first row of x becomes the mean of the batch; shape (C,)."""
    ### BEGIN SOLUTION
    return (len(x) + 1) * x[0] - x.sum(axis=0)
    ### END SOLUTION


check.row_to_add(row_to_add)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# The output is $\beta$ where $\hat{x} = 0$, and that is where the value equals the mean. From $\frac{1}{N+1}\left(\sum_i x_i + r\right) = x_0$ follows
# $r = (N + 1)\,x_0 - \sum_i x_i$. The variance does not matter.
#
# Also right: `x[0] + (x[0] - x).sum(axis=0)`. Read it so: the new row makes up for all the distances of the others.
#
# What goes wrong most often:
#
# - A copy of `x[0]`. It pulls the mean toward the first row, but the other rows still pull it away.
# - `2 * x[0] - x.mean(axis=0)`. That would be right if the old rows together counted as one.
# - `len(x)` in place of `len(x) + 1`: the new row is in the mean, too.

# %% [markdown]
# ## Exercise 2: an experiment of your own
#
# *12 minutes · difficulty: 2 of 4*
#
# In the lesson, eight sigmoid layers learned without BN when the weights were 8 times larger. Is there **one** weight scale with which
# eight layers *and* sixteen learn? The function `train` below trains such a network without BN and gives its test accuracy.

# %%
torch.set_num_threads(1)
data = digits()
x_train, y_train = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
x_test, y_test = torch.from_numpy(data.x_test), torch.from_numpy(data.y_test)
accuracies = {}


def train(layers, scale, seed):
    torch.manual_seed(seed)
    parts = []
    for inputs in [64] + [100] * (layers - 1):
        parts += [torch.nn.Linear(inputs, 100), torch.nn.Sigmoid()]
    net = torch.nn.Sequential(*parts, torch.nn.Linear(100, 10))
    for layer in net[::2]:
        torch.nn.init.normal_(layer.weight, std=scale / layer.in_features**0.5)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(15):  # epochs
        for batch in torch.randperm(len(x_train)).split(60):
            loss = torch.nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    accuracy = (net(x_test).argmax(dim=1) == y_test).double().mean().item()
    accuracies[layers, scale, seed] = accuracy
    return accuracy


# %% [markdown]
# **Predict,** and write it down: of the scales 6, 10 and 16, which is the best for eight layers? And for sixteen: the same, a larger
# one, a smaller one?
#
# Write `best_scale(train, scales)`.
#
# - `train(layers, scale, seed)` gives an accuracy between 0 and 1. (The check has a `train` of its own, which is fast.)
# - A scale is as good as the **lowest** accuracy of its ten trainings: 8 and 16 layers, each with five seeds.
# - Return the best of the `scales`.
#
# <details><summary>Hint 1</summary>
#
# How many trainings does a scale need? Which of their accuracies says that all have learned?
#
# </details>
# <details><summary>Hint 2</summary>
#
# For each scale a loop over two depths, in it one over five seeds. Keep the lowest of the ten.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `lowest = [min(...) for scale in scales]`. Where it is largest, `np.argmax` gives the position.
#
# </details>


# %% tags=["solution", "points-2"]
def best_scale(train, scales):
    """The scale whose lowest accuracy, over two depths and five seeds, is the highest."""

    ### BEGIN SOLUTION
    def lowest(scale):
        return min(train(layers, scale, seed) for layers in (8, 16) for seed in range(5))

    return max(scales, key=lowest)
    ### END SOLUTION


check.best_scale(best_scale)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# `max` with a `key` asks `lowest` once for each scale. A list of the lowest accuracies and `np.argmax` are right as well.
#
# Why the lowest? You want a scale with which the network learns, not one with which it learns on average. The mean of 0.9, 0.9, 0.9, 0.9
# and 0.1 is 0.74, and one training in five has failed.
#
# What goes wrong most often: one seed for all; the best of five in place of the worst; and `range(5)` in one place, but always
# `train(layers, scale, 0)` in the other.

# %% [markdown]
# When your function has passed, this cell runs it for real (about half a minute). What about your prediction? Then try scales
# of your own.

# %% tags=["nbval-ignore-output"]
if check.best_scale(best_scale).state == "passed":
    print("best scale:", best_scale(train, [6, 10, 16]))
    for layers, scale in dict.fromkeys(key[:2] for key in accuracies):
        five = [accuracies[key] for key in accuracies if key[:2] == (layers, scale)]
        print(f"{layers:2} layers, scale {scale:2}:", *(f"{accuracy:4.0%}" for accuracy in five))

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 10. Of the three, 6 is the best for eight layers (about 85 %), and the worst for sixteen (about 35 %), which need 10 and then differ a lot from
# seed to seed. The deeper the network, the fewer scales are left. With BN and the scale 1, sixteen layers reach 91 to 98 % (ten seeds), and nothing
# has to be searched.
#
# </details>
#
# ## In words
#
# *5 minutes*
#
# With BN in training, why does the output for one picture depend on the other pictures of the batch, and through what exactly? Does it also
# depend on their *order*? Answer in three sentences, then compare.
#
# <details><summary>A model answer</summary>
#
# The mean and the variance of each channel are taken over the batch, so every picture has a part in both; BN subtracts this mean
# from all pictures and divides all by the root of this variance. If one picture changes, these two numbers change, and with them the output
# for every picture, though only in the channels in which the one picture has changed. The order does not matter: a sum is the same in any
# order, so the outputs change places with the pictures, and nothing else.
#
# </details>
#
# ## How far you are

# %%
check.report()
