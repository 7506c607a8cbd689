# %% [markdown]
# # Should γ and β decay?
#
# *15 minutes · deeper than [03 · Scale and shift](../03_scale_and_shift.ipynb)*
#
# **Weight decay** pulls parameters toward 0: each step multiplies them by a number a little below 1. For $\gamma$ that means: toward
# "this channel is switched off". You will see where $\gamma$ ends, explain the number, and learn what your framework does by itself.

# %%
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bnteach.data import digits
from bnteach.training import mlp, over_seeds, train

# %% [markdown]
# ## Where they end without decay
#
# A network with three hidden ReLU layers is trained on the digits, with five seeds. How far do $\gamma$ and $\beta$ move from their start, 1 and 0?

# %% tags=["nbval-ignore-output"]
data = digits()
farthest = []
for seed in range(5):
    net = mlp([64, 100, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed)
    train(net, data, epochs=20, learning_rate=0.2, seed=seed, every=1000, progress=False)
    for bn in (net.bn_1, net.bn_2, net.bn_3):  # PyTorch calls γ weight, and β bias
        farthest.append([(bn.weight - 1).abs().max().item(), bn.bias.abs().max().item()])
print("farthest from 1 and 0: γ by {:.2f}, β by {:.2f}".format(*np.max(farthest, axis=0)))
assert np.max(farthest) < 0.4

# %% [markdown]
# They hardly move. So in *this* network $\gamma$ and $\beta$ do not undo the normalization, though they could. (In [lesson 09](../09_slim_and_fold.ipynb) $\gamma$ moves much farther.)
#
# ## What the frameworks do
#
# A PyTorch optimizer decays all parameters that it is given, and `model.parameters()` includes $\gamma$ and $\beta$. (`SGD` decays by 0
# unless you say otherwise, `AdamW` by 0.01.) In Keras a layer has two arguments for it, `gamma_regularizer` and `beta_regularizer`, which do nothing
# unless they are set. Many training recipes leave $\gamma$, $\beta$ and biases out. In PyTorch that takes two groups of parameters, as below.

# %%
pictures, labels = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)


def trained(seed, decay_of_vectors):
    """A network trained with weight decay 0.01 on the weight matrices, and as given on γ, β and biases."""
    torch.manual_seed(seed)
    net = mlp([64, 100, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed)
    matrices = [p for p in net.parameters() if p.ndim > 1]
    vectors = [p for p in net.parameters() if p.ndim == 1]  # γ, β, biases
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": decay_of_vectors}]
    optimizer = torch.optim.SGD(groups, lr=0.2, weight_decay=0.01)
    for _ in range(20):
        for rows in torch.randperm(len(pictures))[:1320].split(60):  # 22 whole batches
            loss = cross_entropy(net(pictures[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval()


def gamma_and_accuracy(seed, decay_of_vectors):
    net = trained(seed, decay_of_vectors)
    medians = [bn.weight.median().item() for bn in (net.bn_1, net.bn_2, net.bn_3)]
    right = net(torch.from_numpy(data.x_test)).argmax(dim=1) == torch.from_numpy(data.y_test)
    return [*medians, net.output.weight.norm().item(), right.double().mean().item()]


# %% [markdown]
# **Predict.** Where does $\gamma$ end with decay on everything? And what does it do to the test accuracy?

# %% tags=["nbval-ignore-output"]
spared = over_seeds(lambda seed: gamma_and_accuracy(seed, 0.0), range(5), progress=False)
decayed = over_seeds(lambda seed: gamma_and_accuracy(seed, 0.01), range(5), progress=False)
print("              median γ of layers 1, 2, 3   length of the output weights   test accuracy")
for name, result in (("γ, β spared", spared), ("γ, β decayed", decayed)):
    *medians, length, accuracy = result.mean
    print(f"{name:13}", *(f"{m:8.2f}" for m in medians), f"{length:30.2f} {accuracy:17.1%}")

assert (decayed.values[:, :2] < 0.5 * spared.values[:, :2]).all()
assert (decayed.values[:, 2:3] > decayed.values[:, :2]).all()
assert (decayed.values[:, 3] > spared.values[:, 3]).all()
assert (abs(decayed.values[:, 4] - spared.values[:, 4]) < 0.03).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\gamma$ shrinks to about 0.4 in the first and the second layer, and to about 0.6 in the third. The accuracy changes by less than 3 points, for every seed.
#
# </details>
#
# ## Where the 0.4 comes from
#
# **Predict.** If the loss did not depend on $\gamma$ at all, decay alone would multiply it by $1 - 0.2 \cdot 0.01$ in each of the 440 steps. What is left?

# %%
print(f"decay alone: {(1 - 0.2 * 0.01) ** 440:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 0.41, and that is what $\gamma$ of layers 1 and 2 became.
#
# </details>
#
# [Lesson 02](../02_normalize.ipynb) says why: after such a layer come a ReLU, a linear layer and *another BN*. If all $\gamma$ and
# $\beta$ of a layer shrink together, the next BN divides the factor out, and the loss does not change. After layer 3 there is no BN. There the loss worked against the decay, $\gamma$ stayed larger, and the
# weights of the output layer became longer in return.
#
# ---
# **Shown:** here it makes little difference whether $\gamma$ and $\beta$ decay. Where single $\gamma$ matter, as when $\gamma$ [starts at 0](should_gamma_start_at_zero.ipynb), or when channels are removed by
# their $\gamma$ ([lesson 09](../09_slim_and_fold.ipynb)), decide it yourself: put $\gamma$ in a parameter group of its own.
#
# **Back to** [03 · Scale and shift](../03_scale_and_shift.ipynb).
