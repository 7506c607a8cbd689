# %% [markdown]
# # Can γ of two layers be compared?
#
# *20 minutes · after lesson [09 · Slim and fold](../09_slim_and_fold.ipynb)*
#
# Network slimming cuts the channels whose $|\gamma|$ lies below a threshold, and the paper takes one threshold for the whole
# network. Here you multiply all $\gamma$ and $\beta$ of a layer by 0.1 and see what changes; then you cut by one threshold for all
# layers, and within each layer.

# %%
from copy import deepcopy

import numpy as np
import torch

from bnteach import data, figures, training
from bnteach.trials import slimming

# %% [markdown]
# ## Why |γ| gets to 0, and γ² does not
#
# First one $\gamma$ alone. The loss $\frac12(\gamma - t)^2$ wants it at a target $t$, and a penalty pulls it toward 0: $\lambda|\gamma|$
# or, as in weight decay, $\frac{\lambda}{2}\gamma^2$, with $\lambda = 0.1$.
#
# **Predict.** Where does $\gamma$ end for $t = 1$, 0.3 and 0.05, with each penalty?


# %%
def settle(target, pull, steps=400):
    """Gradient descent on (γ − target)²/2 and a penalty; the learning rate falls to 0."""
    gamma = 0.5
    for step in range(steps):
        gamma -= 0.1 * (1 - step / steps) * (gamma - target + 0.1 * pull(gamma))
    return gamma


for target in (1, 0.3, 0.05):
    l1, squared = settle(target, np.sign), settle(target, lambda gamma: gamma)
    print(f"t = {target:4}   λ|γ|: {abs(l1):.3f}   λγ²/2: {squared:.3f}")
assert abs(settle(0.05, np.sign)) < 0.001 < settle(0.05, lambda gamma: gamma)

# %% [markdown]
# <details><summary>Answer</summary>
#
# $|\gamma|$ takes 0.1 from each; a $\gamma$ that wants less than 0.1 ends at 0, but for rounding. The square takes about a tenth of what
# is there, so $\gamma$ never gets to 0. (At 0 the function $|\gamma|$ has a corner and no slope. We take $\text{sign}(0) = 0$; any number from −1 to 1
# would do, and is called a **subgradient**. With a fixed learning rate $\gamma$ would jump around 0, by about learning rate · λ. That is why the rate falls to 0.)
#
# </details>
#
# ## A factor on a whole layer
#
# Two networks of lesson 09: three convolutions with 16, 32 and 64 filters, trained on the digits without L1 and with it.

# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits().images()
x_test = torch.from_numpy(digits.x_test)
plain = slimming.trained_network(with_l1=False)
with_l1 = slimming.trained_network(with_l1=True)


def percent_right(network):
    return 100 * training.accuracy(network, digits.x_test, digits.y_test)


for name, network in (("without L1", plain), ("with L1", with_l1)):
    print(f"{name:10}  {percent_right(network):.1f} % right, largest |γ| of layers 1 to 3:", end="")
    print(*(f"  {size.max():.3f}" for size in slimming.gamma_sizes(network).values()))

# %% [markdown]
# In the network without L1 we multiply all $\gamma$ and all $\beta$ of layer 1 by 0.1. ReLU passes the factor on, and so does the next convolution. Then comes the next BN, with its mean and
# its standard deviation.
#
# **Predict.** By how much does the output of the network change in training mode? In evaluation mode?


# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def change(factor, training_mode, eps=1e-5):
    """The largest change of the outputs, as a share of the largest output."""
    network = deepcopy(plain).train(training_mode)
    network.bn_2.eps = eps
    before = network(x_test)
    network.bn_1.weight *= factor
    network.bn_1.bias *= factor
    return ((network(x_test) - before).abs().max() / before.abs().max()).item()


print(f"training mode:                  {change(0.1, training_mode=True):.5f}")
print(f"training mode, with ε nearly 0: {change(0.1, training_mode=True, eps=1e-12):.5f}")
print(f"evaluation mode:                {change(0.1, training_mode=False):.2f}")
assert change(0.1, training_mode=True, eps=1e-12) < change(0.1, training_mode=True) / 10
assert change(0.1, training_mode=True) < 0.01 < 0.5 < change(0.1, training_mode=False)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In training mode by almost nothing, because the next BN divides by a standard deviation that is 0.1 times as large. What is left comes from $\varepsilon$. In evaluation
# mode by as much as the output itself: there the *running* variance is still the old one, until new batches bring it up to date.
#
# </details>
#
# So in training the size that the $\gamma$ of a layer have **together** means nothing if a BN comes after. The penalty is cheap to please there: make them all small, and the next BN
# makes up for it. Only behind the last hidden layer is there no BN; there the size counts. That is what the two lines of largest $|\gamma|$ show.
#
# ## One threshold, or one for each layer
#
# We cut 50 % and 65 % of all channels, by one threshold on $|\gamma|$ for all layers, or on $|\gamma|$ as a share of the largest in its layer (`in_layer=True`). Each layer keeps at least one channel, and nothing is fine-tuned.
#
# **Predict.** Which layers lose their channels in each case? Where does the accuracy hold?


# %% tags=["nbval-ignore-output"]
def cut_share(network, share, in_layer):
    threshold = slimming.threshold_for(network, share, in_layer=in_layer)
    stays = slimming.channels_above(network, threshold, in_layer=in_layer)
    return stays, percent_right(slimming.cut(network, stays))


right = {}
for name, network in (("without L1", plain), ("with L1", with_l1)):
    for share in (0.5, 0.65):
        for in_layer in (False, True):
            stays, right[name, share, in_layer] = cut_share(network, share, in_layer)
            counts = "  ".join(f"{int(stay.sum()):2} of {len(stay)}" for stay in stays.values())
            where = "each layer" if in_layer else "all layers"
            print(
                f"{name:10}  {share:.0%} cut, {where}: {counts}  {right[name, share, in_layer]:5.1f} % right"
            )
assert min(right["with L1", 0.5, False], right["with L1", 0.5, True]) > 95
assert right["without L1", 0.5, False] < 30

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without L1, one threshold for all layers nearly empties layers 1 and 2, and the network only guesses. With L1 more than half of all channels are *at* 0, and 0 is 0 however you compare. So
# with half cut both ways lose nothing. With 65 % the zeros are used up. And here the way that looks wrong, over all layers, loses *less*.
#
# </details>
#
# Where does the other way lose so much? We cut all zeros, and then one layer alone as far as each way wants it:

# %% tags=["nbval-ignore-output"]
living = {name: int((size > 0.002).sum()) for name, size in slimming.gamma_sizes(with_l1).items()}
for in_layer, where in ((False, "all layers"), (True, "each layer")):
    stays, _ = cut_share(with_l1, 0.65, in_layer)
    for name, stay in stays.items():
        left = int(stay.sum())
        alone = slimming.cut(with_l1, slimming.strongest(with_l1, {**living, name: left}))
        print(f"{where}, {name} alone: {left:2} of {living[name]} stay, {percent_right(alone):.1f} % right")

# %% [markdown]
# It is the first layer: compared within their layers, a third of its channels that are left go, and that alone costs more than ten points on my machine. One threshold over
# all layers takes two channels there, and more in layer 2, which can spare them. It did not *know* that. Nothing in the sizes says which layer can spare what.
#
# ## At every share
#
# The same two networks, at all shares:

# %% tags=["draws", "nbval-ignore-output"] alt="Accuracy without fine-tuning against the share of channels that is cut, two panels. Without L1, compared within each layer, the accuracy falls slowly from 20 percent on; by one threshold for all layers it falls at once. With L1 both lines stay at 99 percent up to about 60 percent cut, and then fall."
figure, axes = figures.new_figure(columns=2, size=(7.4, 3.0))
shares = np.linspace(0, 0.95, 20)
for ax, (name, network) in zip(axes, {"without L1": plain, "with L1": with_l1}.items(), strict=True):
    for in_layer, role in ((False, "theory"), (True, "data")):
        figures.curve(100 * shares, [cut_share(network, s, in_layer)[1] for s in shares], ax=ax, role=role)
    figures.frame(ax, title=name, x="channels cut, %", ylim=(0, 102))
axes[0].set_ylabel("right without fine-tuning, %")
figures.key(axes[1], {"theory": "one threshold", "data": "each layer"}, place="lower left")
figures.show(figure)

# %% [markdown]
# Neither way is right in general. Over all layers, the cut depends on sizes that say little about each other. Within each layer, every layer is treated as if it could spare the same. (On the much deeper networks of the paper, with a smaller λ and 160 epochs,
# one threshold works. Even so it can empty a layer, and programs guard against that.)
#
# **Shown:** a factor on all $\gamma$ and $\beta$ of a layer is taken out by the next BN, so a $\gamma$ is compared within its layer; L1 makes the choice easy by bringing many to 0.
#
# **Back to** [09 · Slim and fold](../09_slim_and_fold.ipynb), or on to [does slimming help?](does_slimming_help.ipynb)
#
# Sources:
#
# - Z. Liu and others, "Learning Efficient Convolutional Networks through Network Slimming", 2017, arXiv:1708.06519.
# - J. Ye, X. Lu, Z. Lin and J. Z. Wang, "Rethinking the Smaller-Norm-Less-Informative Assumption in Channel Pruning of Convolution Layers", 2018, arXiv:1802.00124.
