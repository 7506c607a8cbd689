# %% [markdown]
# # 05 · Train and infer: exercises
#
# *45 minutes · after the lesson [05 · Train and infer](../05_train_and_infer.ipynb)*
#
# You find out what is wrong with four broken networks, repair what can be repaired without training, and write the whole BN
# layer.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/05_train_and_infer.ipynb).

# %%
import numpy as np
import torch

from bnteach import check, data, training

# %% [markdown]
# ## Exercise 1: four broken networks
#
# *10 minutes · difficulty: 2 of 4*
#
# The network of lesson 05 was trained four times, and each time something went wrong. The training had 5 epochs of 22 batches. Then
# the network was saved and loaded again. *Evaluation* is the share of right answers to the test digits, in evaluation mode;
# the last two columns are from the first BN layer. (Guessing has the loss 2.30.)

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
from bnteach.trials import clinic

digits = data.digits()


def share_right(network):
    return training.accuracy(network, digits.x_test, digits.y_test)


networks = clinic.broken_networks()
print(f"{'':8}{'training loss':>14}{'evaluation':>12}{'batches tracked':>17}{'running variance':>18}")
for letter, (network, loss) in networks.items():
    tracked, variance = network.bn_1.num_batches_tracked.item(), network.bn_1.running_var.mean().item()
    print(f"{letter:8}{loss:14.2f}{share_right(network):12.0%}{tracked:17}{variance:18.2f}")

# %% [markdown]
# Name the fault of each. These are the names; three of them you do not need:
#
# | name | what was done |
# |---|---|
# | `buffers_not_loaded` | only the parameters were saved and loaded |
# | `momentum_from_keras` | a momentum of 0.99 was copied from Keras |
# | `momentum_too_small` | the momentum was 0.001 |
# | `momentum_zero` | the momentum was 0 |
# | `no_training` | it was never trained |
# | `one_class_a_batch` | each batch held one digit only |
# | `validated_in_training_mode` | after each epoch it was tested on brighter pictures, without `eval()` |
#
# <details><summary>Hint 1</summary>
#
# Is the loss that of the healthy network? Then the weights are good; what is stored is not.
#
# </details>
# <details><summary>Hint 2</summary>
#
# How many batches should be counted after 110 steps? Which of the faults change the weights?
#
# </details>
# <details><summary>Hint 3</summary>
#
# With momentum m, `(1 − m)**110` of the first variance, 1, is left. With m = 0 batches do count.
#
# </details>


# %% tags=["solution", "points-2"]
def diagnose():
    """A dictionary: the letters "A" to "D", and for each the name of its fault."""
    ### BEGIN SOLUTION
    return {
        "A": "momentum_too_small",
        "B": "one_class_a_batch",
        "C": "validated_in_training_mode",
        "D": "buffers_not_loaded",
    }
    ### END SOLUTION


check.diagnose(diagnose)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - **A**: the loss is that of the healthy network to the last digit, since the momentum does not touch the weights. All 110 batches are
#   counted, but the variance has gone only a tenth of the way from 1: $0.999^{110} = 0.90$.
# - **B**: here the loss is bad too, worse than guessing. No statistics can help weights that have learned nothing. Of the faults in the
#   list, only two touch the weights, and with `no_training` no batch would be counted.
# - **C**: 150 batches are counted, 40 more than there were steps. Each test on the 450 brighter pictures had eight batches. (The variance
#   does not show it: brighter pictures have another mean, not another variance.)
# - **D**: no batch is counted. With `momentum_zero` the variance would be 1 as well, but the count 110.
#
# What goes wrong most often is to look at the accuracy alone: A and D differ little there.

# %% [markdown]
# ## Exercise 2: recalibrate
#
# *10 minutes · difficulty: 2 of 4*
#
# Where the weights are good, no training is needed: what is stored can be measured again. Write `recalibrate(network, batches)`.
#
# - `network` has BN layers (`torch.nn.BatchNorm1d`), some perhaps inside other layers. `batches` is a list of tensors.
# - Afterward each BN layer stores the plain average of its statistics over the batches, and nothing of the old ones.
# - The network itself is changed; nothing is returned. Its parameters and the momentum of each layer are as before, and it is
#   in evaluation mode.
#
# When the check has passed, open a cell below: recalibrate the four networks on `torch.from_numpy(digits.x_train).split(60)`.
# Which of them are repaired? **Predict first.**
#
# <details><summary>What you should see</summary>
#
# A, C and D are repaired: 97 % right, as the healthy network. B stays near 10 %: its weights have learned nothing.
#
# </details>
# <details><summary>Hint 1</summary>
#
# Which momentum gives the plain average? In which mode do the statistics move?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `network.modules()` gives the inner layers too. Show every batch under `torch.no_grad()`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Keep each `layer.momentum` before you set it to `None`. End with `network.eval()`.
#
# </details>


# %% tags=["solution", "points-3"]
def recalibrate(network, batches):
    """Measure the stored statistics of every BN layer again, on these batches."""
    ### BEGIN SOLUTION
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm1d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    network.train()
    with torch.no_grad():
        for batch in batches:
            network(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()
    ### END SOLUTION


check.recalibrate(recalibrate)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - Without `reset_running_stats()` the old numbers stay in the average; and with `momentum=None` each new batch weighs
#   1 / `num_batches_tracked`, so after 110 old batches the new ones hardly count.
# - With the old momentum 0.1 the last ten batches or so make the result. That is often good enough, and not what was asked.
# - Without `network.train()` nothing happens at all, and nobody says so.

# %% [markdown]
# ## Exercise 3: an experiment of your own
#
# *10 minutes · difficulty: 1 of 4*
#
# `clinic.lagging_network(seed)` gives a network such as A, for any seed. How much worse is it if only 20 pictures are at hand to recalibrate it?
# Or ask something else: batches of two (of the first 1 346 pictures, as one picture alone has no variance), batches of one digit only,
# brighter pictures.
#
# Write `effect_of_batches(share_right, seed)`. Return two shares of right answers: recalibrated on the batches of 60, and on the batches that you
# chose. (The check puts a function of its own in the place of `share_right`, to see which network you measure.) **Predict first**, and write it down: which is better, and by how many percent? When the check has passed, open a cell below and run five
# seeds: `for seed in range(5): print(*effect_of_batches(share_right, seed))`.
#
# <details><summary>What you should see</summary>
#
# On batches of 60 about 96 %, on 20 pictures about 92 %. Batches of two lose nothing.
#
# </details>
# <details><summary>Hint 1</summary>
#
# Make the network from the seed, recalibrate, measure; make it again for the other batches.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.from_numpy(digits.x_train).split(60)` gives batches of 60; with `[:1]` only the first.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `share_right(network)` is the number to return: once for each list of batches.
#
# </details>


# %% tags=["solution", "points-2"]
def effect_of_batches(share_right, seed):
    """The share of right answers, recalibrated on batches of 60, and on others."""
    ### BEGIN SOLUTION
    pictures = torch.from_numpy(digits.x_train)
    shares = []
    for batches in (pictures.split(60), pictures[:20].split(20)):
        network = clinic.lagging_network(seed)
        recalibrate(network, batches)
        shares.append(share_right(network))
    return tuple(shares)
    ### END SOLUTION


check.effect_of_batches(effect_of_batches)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# Twenty pictures are nearly enough: 91 to 94 % for seeds 0 to 4, against 95 to 97 % with all of them, and 56 to 80 % before. In every seed
# they are worse, by 3 to 5 points.
#
# - Batches of two do as well as batches of 60, when all pictures are shown: both averages are right on average.
# - Batches of one digit only cost about one point. The means average out; the variances are too small, since within one digit
#   the pictures differ less.
# - Brighter pictures spoil it: 32 to 70 %. Recalibrate on pictures like those that will come.
# - What goes wrong most often: the two networks have different seeds, or the second number is measured with the first network.

# %% [markdown]
# **In words: freeze, recalibrate, or neither?** Decide for each case, in one sentence each, before you open the answer.
#
# 1. A network trained on a million photographs is trained further on 200 photographs of the same kind, in batches of four.
# 2. A network that works well gets a new camera, which makes all pictures darker. There are many new pictures, without labels.
# 3. A new network is trained from scratch on 100 000 pictures, in batches of 64, and validated after each epoch.
#
# <details><summary>A model answer</summary>
#
# 1. Freeze: statistics of four pictures are noisy, and the stored ones fit.
# 2. Recalibrate on the new pictures: the weights are good, the stored statistics are those of the old camera. No labels are needed.
# 3. Neither: the statistics must follow the weights while these learn. But call `eval()` before each validation, and `train()` after it.
#
# </details>
#
# ## Exercise 4: the whole layer
#
# *15 minutes · difficulty: 4 of 4*
#
# Write the class `BatchNorm`, for batches of shape $(N, C)$.
#
# - `BatchNorm(num_features, eps=1e-5, momentum=0.1)` has the attributes `gamma`, `beta`, `running_mean`, `running_var`, each an array of
#   shape $(C,)$: ones, zeros, zeros, ones. (The check sets `gamma` and `beta` to other values.)
# - `forward(x, training)` returns `y`. In training it uses the statistics of the batch and updates the running ones. In evaluation it uses the
#   running ones and changes nothing.
# - `backward(dy)` returns `dx, dgamma, dbeta` of the *last* forward pass, in the mode that it had.
#
# <details><summary>Hint 1</summary>
#
# The parts are in lessons 03, 04 and 05. What must `forward` keep for `backward`?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Keep `x_hat`, the standard deviation that was used, and the mode. The update stands beside it.
#
# </details>
# <details><summary>Hint 3</summary>
#
# In evaluation mean and variance are constants: of `dx`, what is left is `dx_hat` over the std.
#
# </details>


# %% tags=["solution", "points-5"]
class BatchNorm:
    """Batch normalization of (N, C), with running statistics and two modes."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        ### BEGIN SOLUTION
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        ### END SOLUTION

    def forward(self, x, training):
        ### BEGIN SOLUTION
        mean, var = self.running_mean, self.running_var
        if training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            new = x.var(axis=0, ddof=1)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * new
        self.training, self.std = training, np.sqrt(var + self.eps)
        self.x_hat = (x - mean) / self.std
        return self.gamma * self.x_hat + self.beta
        ### END SOLUTION

    def backward(self, dy):
        ### BEGIN SOLUTION
        dgamma, dbeta = (dy * self.x_hat).sum(axis=0), dy.sum(axis=0)
        dx_hat = dy * self.gamma
        if self.training:  # mean and variance depend on x: two paths more
            dx_hat = dx_hat - dx_hat.mean(axis=0) - self.x_hat * (dx_hat * self.x_hat).mean(axis=0)
        return dx_hat / self.std, dgamma, dbeta
        ### END SOLUTION


check.BatchNorm(BatchNorm)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - The layer begins with running mean 0 and variance 1: before any training, evaluation changes (nearly) nothing.
# - Two variances are computed from one batch: divided by $N$ to normalize, by $N - 1$ to store. (The layer of lesson 04b stored the
#   first one; with 60 pictures in a batch that makes 2 %.)
# - `forward` keeps `std` and `x_hat` of the statistics that it *used*. So `backward` needs no second look at the mode, but for the two paths that
#   are missing in evaluation.
# - `dgamma` and `dbeta` are the same formula in both modes.
#
# `bnteach/core/layers.py` has the same class for any layout, with checks of its arguments and a `state_dict` that PyTorch can load.

# %% [markdown]
# ## How far you are

# %%
check.report()
