# %% [markdown]
# # Does BN keep units alive?
#
# *15 minutes · deeper than [14 · Deep enough to break](../14_deep_enough_to_break.ipynb)*
#
# A ReLU unit is **dead** when it is above 0 for no training picture. Then no gradient reaches its own weights.
# You count dead units with and without BN, and see how many of them come back.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, training

# %% [markdown]
# ## How many die?
#
# A step that is too large can kill a unit. The networks have four layers of 100 units, and start with He's weights. We look at the last layer before the output.

# %%
_ = torch.set_num_threads(1)  # the fastest for networks this small
digits = data.digits()
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5)
    return layer


def network(batch_norm, seed):
    torch.manual_seed(seed)
    parts = []
    for inputs in (64, 100, 100, 100):
        norm = [nn.BatchNorm1d(100)] if batch_norm else []
        parts += [linear(inputs, 100), *norm, nn.ReLU()]
    return nn.Sequential(*parts, linear(100, 10))


def train_an_epoch(net, rate):
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    for batch in torch.randperm(len(x_train)).split(60)[:22]:  # full batches
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x_train[batch]), y_train[batch]).backward()
        optimizer.step()


def dead_units(net):
    with torch.no_grad():
        return ~(net.train()[:-1](x_train) > 0).any(dim=0)


# %% [markdown]
# **Predict.** Two epochs, at the rates 1, 3 and 10. Does BN keep the units alive?

# %% tags=["nbval-ignore-output"]
for rate in (1.0, 3.0, 10.0):
    for batch_norm in (False, True):
        nets = [network(batch_norm, seed) for seed in range(5)]
        for net in nets:
            train_an_epoch(net, rate)
            train_an_epoch(net, rate)
        right = [training.accuracy(net, digits.x_test, digits.y_test) for net in nets]
        dead = [dead_units(net).double().mean() for net in nets]
        print(f"rate {rate:<4g}", "BN   " if batch_norm else "no BN", end="  dead")
        print(*(f"{share:5.0%}" for share in dead), end="     test accuracy")
        print(*(f"{share:5.0%}" for share in right))
        assert max(dead) < 0.2 or rate == 10 if batch_norm else min(dead) > 0.3

# %% [markdown]
# <details><summary>Answer</summary>
#
# At rate 1 all of them, at rate 3 most, at rate 10 few. Without BN, a third of the units or more are dead at each of these rates.
#
# </details>
#
# So BN allows higher rates, but a rate can be too high for it, too. (Accuracy 0: the loss became infinite; we count all units of that network as dead.)
#
# ## Which units are dead, with BN?
#
# Whatever a step does to the weights, BN gives a unit the mean β and the standard deviation |γ|. So a unit can only be dead if β is far below 0, compared with |γ|.

# %% tags=["nbval-ignore-output"]
in_dead, in_others = [], []
for seed in range(5):
    net = network(True, seed)
    for _ in range(2):
        train_an_epoch(net, rate=3.0)
    bn, dead = net[-3], dead_units(net)
    ratio = (bn.bias / bn.weight.abs()).detach()
    in_dead += ratio[dead].tolist()
    in_others += ratio[~dead].tolist()
for name, ratios in {"dead units": in_dead, "others": in_others}.items():
    print(f"{len(ratios):3} {name}: median of β/|γ| {np.median(ratios):.1f}")
assert np.median(in_dead) < -2 < np.median(in_others)

# %% [markdown]
# So a large step can still kill a unit: it moves β and γ.
#
# ## Do they come back?
#
# No gradient reaches the weights, γ and β of a dead unit. We count over four epochs, at rates at which most units live.
#
# **Predict.** Does a dead unit stay dead?

# %% tags=["nbval-ignore-output"]
for batch_norm, rate in ((False, 0.3), (True, 3.0)):
    nets = [network(batch_norm, seed) for seed in range(5)]
    dead = [dead_units(net) for net in nets]
    for epoch in range(1, 5):
        before = dead
        for net in nets:
            train_an_epoch(net, rate)
        dead = [dead_units(net) for net in nets]
        number = sum(was.sum() for was in before)
        back = sum((was & ~now).sum() for was, now in zip(before, dead, strict=True))
        print("BN   " if batch_norm else "no BN", f"rate {rate:g}, epoch {epoch}:", end=" ")
        print(f"{number:2} of 500 units dead before, {back:2} of them alive afterwards")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not always. Without BN most are alive again after an epoch: some units even *start* dead, and nearly all of these come back. With BN few do.
#
# </details>
#
# The unit's own weights stay as they are. But the layers before it still learn, so its *input* changes, and it may be above 0 for a picture again. With BN this is
# harder: whatever the input, the unit's mean stays β, and β does not move. Only the *shape* of the distribution can change.
#
# **Back to** [14 · Deep enough to break](../14_deep_enough_to_break.ipynb).
#
# Source: dying ReLUs, Lu et al. 2019, arXiv:1903.06733.
