# %% [markdown]
# # Does BN prevent saturation?
#
# *15 minutes · deeper than [02 · Normalize](../02_normalize.ipynb)*
#
# "BN keeps activations out of saturation" is one of the reasons that are often given for BN. We count saturated values in a deep tanh network, with BN and
# without, before training and after it. The answer depends on what BN is compared with.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures
from bnteach.data import digits
from bnteach.training import mlp, over_seeds, train

# %% [markdown]
# ## Before training
#
# A value is **saturated** where the slope of the activation is below a tenth of its largest slope. For tanh the slope is $1 - \tanh^2$, and the largest is 1.
# We take six tanh layers, with weights of the usual size and with weights that are 4 times too large.

# %%
data = digits(dtype=np.float64)
widths = [64] + [100] * 6 + [10]


def saturated_share(net):
    """For each tanh layer of the network: the share of its outputs where the slope is below 0.1."""
    h, shares = torch.from_numpy(data.x_train), []
    for layer in net:
        h = layer(h)
        if isinstance(layer, nn.Tanh):
            shares.append(((1 - h**2) < 0.1).double().mean().item())
    return shares


starts = {
    "no BN, usual weights": (False, 1),
    "no BN, 4 × too large": (False, 4),
    "BN, usual weights": (True, 1),
    "BN, 4 × too large": (True, 4),
}


def at_start(seed):
    nets = [mlp(widths, nn.Tanh, bn, init_scale=scale, seed=seed).double() for bn, scale in starts.values()]
    return [saturated_share(net) for net in nets]


# %% [markdown]
# **Predict.** In which of the four networks are more than half of the outputs saturated? Which one has the fewest?

# %% tags=["nbval-ignore-output"]
shares = over_seeds(at_start, range(5), progress=False)
for name, layers in zip(starts, shares.mean, strict=True):
    print(f"{name:21}", *(f"{share:4.0%}" for share in layers))

usual, large, bn_usual, bn_large = shares.values.transpose(1, 0, 2)  # each: (seeds, layers)
assert (usual < 0.01).all()
assert (large > 0.3).all()
assert (abs(np.array([bn_usual, bn_large]) - 0.065) < 0.015).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# Layers 1 to 6, means of five seeds: with large weights and no BN, more than half is saturated from the second layer on. With BN it is about 7 %,
# whatever the weights. The usual weights without BN have the fewest: hardly any.
#
# </details>
#
# The 7 % is simply what tanh does to a bell curve with standard deviation 1:

# %%
bell = np.random.default_rng(0).normal(size=100_000)
print(f"share of a standard bell curve that saturates tanh: {((1 - np.tanh(bell) ** 2) < 0.1).mean():.0%}")

# %% [markdown]
# ## After training
#
# In training the weights move, and so do $\gamma$ and $\beta$: nothing keeps the values where they were. We train for 5 epochs. Without BN
# we try two learning rates.

# %%
trainings = {
    "no BN, usual weights, rate 0.1": (False, 1, 0.1),
    "no BN, usual weights, rate 0.5": (False, 1, 0.5),
    "BN, 4 × too large, rate 0.5": (True, 4, 0.5),
}


def after_training(seed):
    shares = []
    for bn, scale, rate in trainings.values():
        net = mlp(widths, nn.Tanh, bn, init_scale=scale, seed=seed).double()
        train(net, data, epochs=5, learning_rate=rate, seed=seed, every=1000, progress=False)
        shares.append(saturated_share(net.train()))
    return shares


# %% [markdown]
# **Predict.** Does the share with BN stay small? Do the others?

# %% tags=["nbval-ignore-output"]
shares = over_seeds(after_training, range(5), progress=False)
for name, layers in zip(trainings, shares.mean, strict=True):
    print(f"{name:31}", *(f"{share:4.0%}" for share in layers))

small_rate, large_rate, bn_large = shares.values.transpose(1, 0, 2)
assert (bn_large < 0.15).all()
assert (small_rate < 0.15).all()
assert (large_rate[:, -1] > 0.5).all()

# %% tags=["draws"] alt="The saturated share of each of the six layers after training. Without BN and with rate 0.5 it climbs from about 3 percent in layer 1 to about 95 percent in layer 6. Without BN and with rate 0.1, and with BN, it stays near 0 and near 6 percent."
ax = figures.new_axes()
roles = ("before", "without_bn", "with_bn")
for name, mean, role in zip(trainings, shares.mean, roles, strict=True):
    figures.curve(range(1, 7), 100 * mean, ax=ax, role=role, label=name)
figures.frame(ax, title="After training", x="layer", y="saturated outputs in %", ylim=(0, 105))
ax.legend(loc="upper left", frameon=False)
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With BN it stays below 15 % in each layer, for every seed. Without BN it depends on the learning rate: with the small one hardly
# anything saturates, with the large one the last layers do almost completely.
#
# </details>
#
# ---
# **Shown:** the sentence is **partly true**. With BN about 7 % of a tanh is saturated, whatever the weights. That is much less than without BN after a bad start or with too large a rate, and more than
# after a good start. This is a finding about one network and these digits, not a law.
#
# **Back to** [02 · Normalize](../02_normalize.ipynb); what $\gamma$ does in a training: [03 · Scale and shift](../03_scale_and_shift.ipynb).
