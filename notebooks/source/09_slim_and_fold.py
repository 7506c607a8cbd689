# %% [markdown]
# # 09 · Slim and fold
#
# *75 minutes · previous: [08 · Choose a norm](08_choose_a_norm.ipynb) · next: [10 · Across devices](10_across_devices.ipynb) ·
# [exercises](exercises/09_slim_and_fold.ipynb)*
#
# A trained network is often larger than it needs to be. In a network with BN each channel has a number that says how loudly it speaks: its
# $\gamma$. So here is a plan. Make the network keep as many $\gamma$ as it can near 0. Cut those channels out. Train a little more, which is called **fine-tuning**. Then fold BN
# away. This is called **network slimming** (Liu and others, 2017). In this lesson you do it, and then you ask at each step: does it really help?
#
# ## What you will be able to do
#
# - say what a channel with γ = 0 still tells the next layer, and what to do with it
# - cut channels out for real, with smaller tensors, and show that nothing else changed
# - make γ small while the network learns, with an L1 penalty
# - say why the γ of two layers say little about each other
# - fold BN into a convolution and into a linear layer, and say when that is wrong
# - count parameters and multiply-adds, and measure the time
# - put network slimming on trial: against the same cut without L1, random channels, and a small network from the start
#
# You need lessons 00 to 06. The rule for verdicts is that of [lesson 07](07_put_the_claims_on_trial.ipynb), and is repeated where it comes.

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
import copy

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import conv2d
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from bnteach import figures, labs
from bnteach.data import digits
from bnteach.torch_bridge import fold_batch_norm
from bnteach.training import (
    Claim,
    SeedSummary,
    Table,
    cost,
    mlp,
    progress_bar,
    small_cnn,
    stored,
    summarize,
    time_ratios,
    train,
)
from bnteach.trials.slimming import (
    CUT_SHARES,
    FINE_TUNING_EPOCHS,
    L1_STRENGTH,
    channels_above,
    cut,
    gamma_sizes,
    new_network,
    rescaled,
    score,
    silenced,
    slimming_trials,
    strongest,
    threshold_for,
    train_network,
    trained_network,
)

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
FULL = (
    False  # True: the trials at the end with 20 seeds. It takes some ten minutes, and the results are stored.
)
data = digits().images()
x_test = torch.from_numpy(data.x_test)

# %% [markdown]
# ## What does a channel with γ = 0 say?
#
# BN ends with $y = \gamma\,\hat{x} + \beta$. Then comes the activation, here ReLU, and then the weights of the next layer. Take four samples and two channels. The second
# one has $\gamma = 0$.
#
# **Predict.** What does the next layer hear from the second channel?

# %%
x_hat = np.array([[1.0, -1.0], [-1.0, 1.0], [1.2, 0.4], [-1.2, -0.4]])
gamma, beta = np.array([2.0, 0.0]), np.array([0.5, 0.7])
h = np.maximum(gamma * x_hat + beta, 0)  # ReLU
print(h)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not nothing. It hears 0.7, for every sample: the constant $\text{ReLU}(\beta)$. If $\beta$ were negative, it would hear 0.
#
# </details>
#
# So such a channel carries no information about the sample, but it is not silent. Suppose that we cut it out. Then the next layer, with weights $W$ and bias $b$, loses
# $W_{\cdot 2}\cdot 0.7$. That is the same number for every sample, and a number for every sample is a **bias**. So the repair is simple:

# %%
W, b = np.array([[1.0, -3.0], [0.5, 2.0], [-1.0, 1.0]]), np.array([0.1, 0.2, 0.3])  # three outputs
whole = h @ W.T + b
thrown_away = h[:, :1] @ W[:, :1].T + b
repaired = h[:, :1] @ W[:, :1].T + (b + W[:, 1] * 0.7)
print("first sample, whole:", whole[0], "  cut:", thrown_away[0], "  cut and repaired:", repaired[0])

# %% [markdown]
# In a linear layer this is exact. Is it so in a convolution, too? There the constant is a whole map of 0.7. Take a filter of nine ones, and **padding**: a frame of zeros around the map.
#
# **Predict.** The filter adds up what lies under it. Is the result 9 · 0.7 = 6.3 at all 4 × 4 places?

# %%
constant_map = torch.full((1, 1, 4, 4), 0.7)
print(conv2d(constant_map, torch.ones(1, 1, 3, 3), padding=1)[0, 0].numpy().round(1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only inside. At the edge part of the filter lies on the zeros of the frame, and in the corner more than half of it does. There the constant was never added nine times. So one bias cannot replace it everywhere.
#
# </details>
#
# This is the price of padding: with it the repair is right away from the edge, and wrong at it. Keep this in mind. We shall measure how much it matters.
#
# ## Cut for real
#
# PyTorch has `torch.nn.utils.prune`, and it only *masks*: it sets weights to 0 and goes on computing with them. That saves nothing. We want smaller tensors. A channel lives in three places: as an output of the layer
# before BN, as an entry of BN's four vectors, and as an **input of the next layer**. We take channels 1 and 4 of the first layer out of a small network.

# %%
network = small_cnn(channels=(6, 8), seed=0)
_ = train(network, data, epochs=6, every=1000, progress=False)
_ = network.eval()
stays = torch.tensor([True, False, True, True, False, True])

by_hand = copy.deepcopy(network)
by_hand.conv_1.weight.data = network.conv_1.weight.data[stays]  # outputs: the first axis
for name in ("weight", "bias", "running_mean", "running_var"):
    getattr(by_hand.bn_1, name).data = getattr(network.bn_1, name).data[stays]
by_hand.conv_2.weight.data = network.conv_2.weight.data[:, stays]  # inputs: the second axis

# %%
for name in ("conv_1.weight", "bn_1.weight", "bn_1.running_var", "conv_2.weight", "bn_2.weight"):
    before, after = (tuple(one.state_dict()[name].shape) for one in (network, by_hand))
    print(f"{name:17} {before!s:14} → {after}")

# %% [markdown]
# Is it the same network, but for the two channels? We hold it against a copy of full size in which these two channels have $\gamma = 0$ **and** $\beta = 0$. That copy is the mask. `cut` of this
# course does what we did by hand, for a whole network. It wants to know for each BN layer which channels stay.


# %%
def gap(one, other, x=x_test):
    """The largest difference of the outputs, as a share of the largest output."""
    with torch.no_grad():
        expected = other(x)
        return ((one(x) - expected).abs().max() / expected.abs().max()).item()


keep = {"bn_1": stays, "bn_2": torch.ones(8, dtype=torch.bool)}
masked = silenced(network, keep)  # γ = β = 0 for what does not stay
small = cut(network, keep, constants=False)
print(f"by hand and mask agree to 1e-5: {gap(by_hand, masked) < 1e-5}", end="")
print(f"   cut and mask: {gap(small, masked) < 1e-5}   cut and whole: {gap(small, network) < 1e-5}")

# %% [markdown]
# The cut network does what the mask does, to rounding. (And not what the whole network did: these two channels were not idle.) This was the easy case, with $\beta = 0$.
#
# Now the real one: $\gamma = 0$, and $\beta$ is what it is. `constants=True` does the repair. The next layer here has a BN behind it and no bias. So the lost constant goes into that BN: what its input has lost is taken
# from its running mean.
#
# **Predict.** Three differences from the mask with $\gamma = 0$: the constants thrown away; the constants moved to the next layer; and the same in a fully connected network. Which of them are 0 but for
# rounding?

# %% tags=["nbval-ignore-output"]
dense = mlp([64, 20, 20, 10], nn.ReLU, seed=0)
_ = train(dense, digits(), epochs=3, every=1000, progress=False)
keep_dense = {"bn_1": torch.arange(20) < 12, "bn_2": torch.arange(20) < 12}
masked, masked_dense = silenced(network, keep, beta=False), silenced(dense.eval(), keep_dense, beta=False)
gaps = {
    "convolutions, thrown away": gap(cut(network, keep, constants=False), masked),
    "convolutions, moved": gap(cut(network, keep), masked),
    "fully connected, moved": gap(cut(dense, keep_dense), masked_dense, torch.from_numpy(digits().x_test)),
}
for name, value in gaps.items():
    print(f"{name:26} {value:.7f}")

# %%
thrown, moved, linear = gaps.values()
print("fully connected: below one part in 100 000:", linear < 1e-5)
print("convolutions: moved is better than thrown away:", moved < thrown, "  but not exact:", moved > 1e-4)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the fully connected one. In the network with padding the repair helps, and is not exact.
#
# </details>
#
# Where is it not exact? We look at what comes out of the second BN, place by place. The maps are 4 × 4 there.

# %%
with torch.no_grad():
    ends = [one[:6](x_test) for one in (cut(network, keep), masked)]  # the first six layers: up to bn_2
off = (ends[0] - ends[1]).abs().amax(dim=(0, 1))  # the largest over samples and channels
print("off by more than 1e-4:")
print((off > 1e-4).int().numpy())

# %% [markdown]
# At the edge, and nowhere else: as in the small example above.
#
# One thing more. A BN behind the lost constant subtracts a mean. In training mode that is the mean of the batch, and it has lost the same constant. In evaluation it is the running mean, which follows slowly:
# by 10 % in each step. So we throw the constants of layer 1 of the fully connected network away, without any repair. Then we show it batches in training mode, but change no weight: only the running statistics move.
#
# **Predict.** How large is the difference from the repaired network, in training mode, and in evaluation after 0, 1, 10 and 30 batches?

# %% tags=["nbval-ignore-output"]
only_first = {"bn_1": keep_dense["bn_1"], "bn_2": torch.ones(20, dtype=torch.bool)}
x_batch, x_flat = (torch.from_numpy(x) for x in (digits().x_train[:60], digits().x_test))
pair = [cut(dense, only_first, constants=yes).train() for yes in (False, True)]
differ = {"training": gap(*copy.deepcopy(pair), x_batch)}  # of copies: a pass moves the running mean
for batches in range(31):
    differ[batches] = gap(*[one.eval() for one in pair], x_flat)
    _ = [one.train()(x_batch) for one in pair]
print(f"training mode: {differ['training']:.7f}")
print("evaluation, after so many batches:", *(f"  {k}: {differ[k]:.4f}" for k in (0, 1, 10, 30)))

# %%
print("training mode: below one part in 10 000:", differ["training"] < 1e-4)
print("evaluation: at first above one part in 1000:", differ[0] > 1e-3, end="")
print("   after 1 batch still above half of that:", differ[1] > differ[0] / 2, end="")
print("   after 30 below a tenth:", differ[30] < differ[0] / 10)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In training mode it makes no difference. In evaluation it matters until the running mean has caught up, some tens of steps.
#
# </details>
#
# ## How γ becomes small
#
# By itself no $\gamma$ becomes 0. We must ask for it. Add to the loss the sum of all $|\gamma|$, times a small number $\lambda$. This is an **L1 penalty**:
#
# $$L = \text{loss} + \lambda \sum |\gamma| \qquad \frac{\partial L}{\partial\gamma} = \frac{\partial\,\text{loss}}{\partial\gamma} + \lambda\,\text{sign}(\gamma)$$
#
# At 0 the function $|\gamma|$ has a corner and no derivative. We take $\text{sign}(0) = 0$; any number from −1 to 1 would do there, and such a number is called a **subgradient**.
#
# Why not the usual square, $\lambda\gamma^2/2$? Try it with a loss that you can solve in your head: $\frac12(\gamma - t)^2$. It wants $\gamma$ at the target $t$.
#
# **Predict.** With $\lambda = 0.1$, where does $\gamma$ end for $t = 1$, 0.3 and 0.05? Once with $\lambda|\gamma|$, once with $\lambda\gamma^2/2$.


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

# %% [markdown]
# <details><summary>Answer</summary>
#
# $|\gamma|$ takes the same 0.1 from everyone. Who has less than that to give is at 0 (but for rounding). The square takes a tenth of what each one has, or a little less, so nobody ever gets to 0.
#
# A fixed learning rate would let $\gamma$ hop around 0 by about learning rate · λ. That is why the learning rate falls to 0 here, and in our trainings too.
#
# </details>
#
# In PyTorch this takes one line between `loss.backward()` and `optimizer.step()`:
#
# ```python
# for bn in the_bn_layers:
#     bn.weight.grad += strength * bn.weight.sign()
# ```
#
# `train_network` does this. It trains a network of three convolutions with 16, 32 and 64 filters, for 30 epochs. The optimizer is SGD with momentum 0.9. (That is the momentum of the steps, not the `momentum` of BN.) As in the paper $\gamma$ begins at 0.5. We take $\lambda = 0.03$, which is large; the training is short.

# %% tags=["nbval-ignore-output"]
kind = "convolutions"
# These two calls of train_network(new_network(kind, seed=0), kind, strength=…) are kept for the lab below.
plain = trained_network(with_l1=False)  # strength=0
with_l1 = trained_network(with_l1=True)  # strength=L1_STRENGTH
print(f"test accuracy: without L1 {score(plain, kind):.1f} %, with L1 {score(with_l1, kind):.1f} %")
for name, model in {"without L1": plain, "with L1": with_l1}.items():
    words = [
        f"{size.max():.2f}, {int((size < 0.002).sum())} of {len(size)}"
        for size in gamma_sizes(model).values()
    ]
    print(f"{name:11} largest |γ|, how many at 0 (below 0.002), layer by layer:", "   ".join(words))

# %%
figure, axes = figures.new_figure(columns=2, size=(6.6, 2.8))
for ax, (name, one) in zip(axes, {"without L1": plain, "with L1": with_l1}.items(), strict=True):
    figures.strips([(size.numpy(), "data") for size in gamma_sizes(one).values()], limits=(0, 1.2), ax=ax)
    figures.frame(
        ax, title=f"Sizes of γ, {name}", x="layer, and how many are at 0", y="|γ|", ylim=(-0.05, 1.25)
    )
    at_0 = [f"{int((size < 0.002).sum())} of {len(size)}" for size in gamma_sizes(one).values()]
    ax.set_xticks([1, 2, 3], [f"{layer}\n{count}" for layer, count in enumerate(at_0, start=1)])
figures.show(
    figure,
    alt="The sizes of γ as dots, a column for each of three layers. Without L1 they lie between about 0.2 and 1.2, "
    "none near 0. With L1 those of layers 1 and 2 lie all below 0.05, and those of layer 3 are most of them at 0 and a few between 0.3 and 0.7. Below each layer stands how many are at 0.",
)

# %% [markdown]
# A dot is the $\gamma$ of one channel. Below each layer stands how many are at 0.
#
# The left picture shows the usual training: all channels speak. In the right one most of layer 3 is at 0. But look at layers 1 and 2: **all** their $\gamma$ are small. In numbers:

# %%
share_at_0 = [(size < 0.002).sum() / len(size) for size in gamma_sizes(with_l1).values()]
print("with L1, more than half of layer 3 at 0:", bool(share_at_0[2] > 0.5), end="")
print("   without L1, none of any layer:", all((size > 0.002).all() for size in gamma_sizes(plain).values()))
largest = [size.max() for size in gamma_sizes(with_l1).values()]
print(
    "with L1, the largest γ of layers 1 and 2 are below a fifth of that of layer 3:",
    bool(max(largest[:2]) < largest[2] / 5),
)

# %% [markdown]
# Are all their channels useless?
#
# ## The trap: γ of different layers
#
# Multiply all $\gamma$ and all $\beta$ of layer 1 by 0.1. ReLU passes the factor on, and so does the next convolution. Then comes the next BN, and divides by a standard deviation that is smaller by just this factor.
#
# **Predict.** By how much does the output of the network change, in training mode? And in evaluation mode?


# %% tags=["nbval-ignore-output"]
def with_factor(model, factor, training, eps=1e-5):
    model = copy.deepcopy(model).train(training)
    model.bn_1.weight.data *= factor
    model.bn_1.bias.data *= factor
    model.bn_2.eps = eps
    return model


modes = ((True, 1e-5), (True, 1e-12), (False, 1e-5))
change = [gap(with_factor(plain, 0.1, *mode), with_factor(plain, 1.0, *mode)) for mode in modes]
print(f"training mode: {change[0]:.5f}, and with ε nearly 0: {change[1]:.5f}", end="")
print(f"   evaluation mode: {change[2]:.2f}   (1 is as large as the output)")

# %%
print("training mode: below one part in a hundred:", change[0] < 0.01, end="")
print("   with ε nearly 0 below a tenth of that:", change[1] < change[0] / 10, end="")
print("   evaluation mode: above a half:", change[2] > 0.5)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In training mode by almost nothing; what is left comes from ε. In evaluation mode by as much as the output itself: there the next BN divides by its *running* variance, and that is still the old one. The next training steps bring it up to date.
#
# So for a network that learns, the size that the $\gamma$ of a layer have **together** means nothing, if a BN comes after. The penalty is cheap to please there: make them all small, and the next BN makes up for it. Only behind the last
# hidden layer there is no BN. There the size counts.
#
# </details>
#
# So a $\gamma$ can be compared with the others of its layer. Compared with those of another layer it says little. What does that do to the cut? We take half of all channels, and 65 %: by one threshold on $|\gamma|$ for all layers, as the paper does, or
# on $|\gamma|$ as a share of the largest in its layer (`in_layer=True`).
#
# **Predict.** Which layers lose their channels in each case? In which cases does the accuracy hold, right after the cut?

# %% tags=["nbval-ignore-output"]
right_after = {}
for name, one in {"without L1": plain, "with L1": with_l1}.items():
    for share in (0.5, 0.65):
        for in_layer in (False, True):
            chosen = channels_above(one, threshold_for(one, share, in_layer=in_layer), in_layer=in_layer)
            right_after[name, share, in_layer] = score(cut(one, chosen), kind)
            counts = "  ".join(f"{int(mask.sum()):2} of {len(mask)}" for mask in chosen.values())
            where = "within its layer" if in_layer else "over all layers "
            print(f"{name:10}  {share:.0%} cut, γ compared {where}: {counts} stay,", end="")
            print(f" accuracy {right_after[name, share, in_layer]:5.1f} %")

# %%
half = {key[::2]: value for key, value in right_after.items() if key[1] == 0.5}  # by name and in_layer
print("half cut, with L1, both ways above 95 %:", min(half["with L1", False], half["with L1", True]) > 95)
print(
    "half cut, without L1, both ways below 80 %:",
    max(half["without L1", False], half["without L1", True]) < 80,
)
print("and over all layers below 30 %:", half["without L1", False] < 30)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without L1, one threshold for all layers nearly empties layers 1 and 2, and the network guesses. With L1 more than half of all channels are *at 0*, and 0 is 0 however you compare. So there both ways lose nothing.
#
# At 65 % the zeros are used up, and the two ways part. And here the way that looks wrong, over all layers, loses *less*.
#
# </details>
#
# Where does the other way lose so much, with L1 and 65 % cut? All zeros go, and then one layer alone is cut as far as each way wants it:

# %% tags=["nbval-ignore-output"]
living = {name: int((size > 0.002).sum()) for name, size in gamma_sizes(with_l1).items()}
for in_layer, where in ((False, "over all layers "), (True, "within its layer")):
    chosen = channels_above(with_l1, threshold_for(with_l1, 0.65, in_layer=in_layer), in_layer=in_layer)
    print(f"γ compared {where}:", end="")
    for name, mask in chosen.items():
        alone = cut(with_l1, strongest(with_l1, {**living, name: int(mask.sum())}))
        print(f"   {name}, {mask.sum():2} of {living[name]} stay: {score(alone, kind):.1f} %", end="")
    print()

# %% [markdown]
# On my machine it is the first layer. Compared within their layers, four of its 13 channels go, and that alone costs 17 points. One threshold over all layers takes one there, and more in layer 2, which can spare them. It did not *know* that: nothing in the sizes says which layer can spare what.
#
# So neither way is right in general. Over all layers, the cut depends on sizes that say little about each other. Within each layer, every layer is treated as if it could spare the same. Each way has its end, as you can try now.
#
# (On the much deeper networks of the paper, with a smaller λ and 160 epochs, one threshold over all layers works. Even so it can empty a layer, and programs guard against that. `channels_above` leaves each layer at least one channel.)
#
# ## Lab: which channels can go
#
# The two networks of above. Nothing is fine-tuned. The work of a network is counted in **multiply-adds**, one multiplication and the addition after it; how, comes below. Making the lab takes some seconds: it cuts at each threshold.
#
# 1. Trained with L1, compared within each layer: raise the threshold from 0. How far does the accuracy hold? How many multiply-adds are left there?
# 2. Look at the dashed line, the same with the constants thrown away. Where do the two lines part?
# 3. The same without L1.
# 4. With L1 again, now compared in the whole network. At which threshold is layer 1 nearly empty? Why so early?

# %% tags=["nbval-ignore-output"]
labs.Pruning()

# %% [markdown]
# Left: the sizes of all $\gamma$, a histogram for each layer, wide where there are many (each scaled to its own widest bar). What lies in the gray part goes. Middle: how many channels stay. Right: the accuracy, the accuracy with the constants thrown away, and the multiply-adds as a share of the whole
# network's, at all thresholds; the black line is yours.
#
# <details><summary>What you may have found</summary>
#
# 1. On my machine up to 0.45: the accuracy is the 98.7 % of the whole network, with 32 % of its multiply-adds. At 0.5 it falls to 86.0 %.
# 2. At 0.5: with the constants thrown away 51.8 % are left instead of 86.0 %. Up to 0.45 there is hardly a difference.
# 3. Here, too, the accuracy holds up to 0.45. But only a few channels can go for nothing: 4 of the 112 are gone there, against 68 with L1.
# 4. At 0.05. At 0.02 layer 1 still has 13 of its 16 channels, and the accuracy is 98.2 %. At 0.05 layers 1 and 2 are left with one channel each, and the network guesses: their largest $\gamma$ are less than a tenth of those of layer 3.
#
# </details>
#
# ## Fold
#
# The small network still has its BN layers. In evaluation they do nothing but multiply and add, so they can be folded into the layer before ([The fold](deeper/fold_it_away.ipynb) does it for convolutions):
#
# $$W \leftarrow a\,W \qquad b \leftarrow a\,(b - \text{running mean}) + \beta \qquad a = \frac{\gamma}{\sqrt{\text{running var} + \varepsilon}}$$
#
# Look closely: both lines are the inference formula of BN. On the left it is applied to the *parameters* of the layer. The bias goes through it as it is. The weights go through it without mean and β, for what is added goes to the bias alone. So the function that we have does it,
# for a linear layer just as well as for a convolution: axis 0 of the weights counts the outputs.
#
# And if BN comes **before** a linear layer, with no activation between? Then fold forward, into the layer behind it. Now BN's channels are the *inputs* of $W$: column $c$ of $W$ is multiplied by $a_c$, and the bias becomes $b + W(\beta - a \cdot \text{running mean})$, with the
# old $W$. (In a convolution with padding this is not exact at the edge, for the reason that you know.) You will write it in exercise 3.


# %%
def fold(layer, bn):
    """One layer that does what layer and then bn do in evaluation."""
    gamma, beta, mean, var = (
        t.detach().numpy() for t in (bn.weight, bn.bias, bn.running_mean, bn.running_var)
    )
    zero = np.zeros_like(mean)
    bias = zero if layer.bias is None else layer.bias.detach().numpy()
    weight = bnteach.batch_norm_inference(
        layer.weight.detach().numpy(), gamma, zero, zero, var, bn.eps, channel_axis=0
    )
    bias = bnteach.batch_norm_inference(bias[None], gamma, beta, mean, var, bn.eps)[0]
    folded = copy.deepcopy(layer)
    folded.weight, folded.bias = (nn.Parameter(torch.from_numpy(array)) for array in (weight, bias))
    return folded


# %% [markdown]
# PyTorch has functions for both cases. Here is what they give, and what BN's own two layers give, for a convolution and for a linear layer of our trained networks:

# %%
cases = {
    "conv + BN": (plain.eval().conv_2, plain.bn_2, fuse_conv_bn_eval, torch.rand(5, 16, 4, 4)),
    "linear + BN": (dense.eval().linear_2, dense.bn_2, fuse_linear_bn_eval, torch.rand(5, 20)),
}
for name, (layer, bn, fuse, x) in cases.items():
    ours, theirs = fold(layer, bn), fuse(layer, bn)
    same = [
        torch.allclose(one, other, atol=1e-5)
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True)
    ]
    print(f"{name:11} weight and bias as PyTorch's: {same}", end="   ")
    print("outputs as of the two layers:", torch.allclose(ours(x), bn(layer(x)), atol=1e-4))

# %% [markdown]
# `torch_bridge.fold_batch_norm` folds a whole network so. Now break it: fold a network that is in **training mode**. There BN takes the mean and the variance of the batch, and no fixed layer can know them.
#
# **Predict.** By how much do the outputs of the folded network differ from those of the network in training mode? And what does the function say?

# %% tags=["nbval-ignore-output"]
folded = fold_batch_norm(with_l1.eval())
in_training = copy.deepcopy(with_l1).train()
print(f"evaluation mode: {gap(folded, with_l1):.7f}")
print(f"training mode, the 450 test pictures as one batch: {gap(folded, in_training):.3f}")
print(f"training mode, the first 20 of them: {gap(folded, in_training, x_test[:20]):.3f}")

# %%
print("evaluation: below one part in 10 000:", gap(folded, with_l1) < 1e-4)
print(
    "training, 20 pictures: above one part in 20:",
    gap(folded, copy.deepcopy(with_l1).train(), x_test[:20]) > 0.05,
)
try:
    fold_batch_norm(copy.deepcopy(with_l1).train())
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In evaluation by rounding alone. In training mode the fold is wrong, and the more so the smaller the batch. So fold at the very end: after the fine-tuning, in evaluation mode. Our function refuses otherwise, and PyTorch's does, too.
#
# </details>
#
# ## The whole way, step by step
#
# Five seeds. Train with L1, cut, fine-tune (5 epochs, without L1), fold. At each step: the accuracy, the parameters, the multiply-adds, the time.
#
# A multiply-add is one multiplication and the addition after it. A weight of a linear layer makes one for each picture; a weight of a convolution makes one at each place of the map; BN makes one for each value. One count by hand: conv_2 of the whole
# network has 32 filters of 16 · 3 · 3 weights, and its maps have 4 · 4 places.

# %%
print("conv_2 by hand:", 32 * 16 * 3 * 3 * 4 * 4, "  all of it:", cost(plain, (1, 8, 8)))

# %% [markdown]
# The time is that of the 450 test pictures in one batch, on one thread, as a share of the time of the whole network. Each of 20 rounds times all networks, in a new order, and we take the median. Before each timing the network runs once, untimed. Without that, who comes right after the large network would find the memory full of its numbers, and pay for it.
#
# **Predict.** Three quarters of the channels are cut. What share of the multiply-adds is left? What share of the time?


# %% tags=["nbval-ignore-output"]
def path(whole, share, seed):
    """The four networks on the way."""
    chosen = channels_above(whole, threshold_for(whole, share, in_layer=True), in_layer=True)
    small = cut(whole, chosen)
    tuned = train_network(copy.deepcopy(small), kind, epochs=FINE_TUNING_EPOCHS, seed=100 + seed)
    return {"whole": whole, "cut": small, "fine-tuned": tuned, "folded": fold_batch_norm(tuned.eval())}


seeds = range(5)
others = progress_bar(seeds[1:], 4, "four more networks", show=True)
wholes = [
    with_l1,
    *(train_network(new_network(kind, seed), kind, strength=L1_STRENGTH, seed=seed) for seed in others),
]

# %% tags=["nbval-ignore-output"]
runs = []
for share in (0.5, 0.75):
    for seed, one in zip(seeds, wholes, strict=True):
        way = path(one, share, seed)
        for (step, model), time in zip(way.items(), time_ratios(list(way.values()), x_test), strict=True):
            left = 100 * np.array(cost(model, (1, 8, 8))) / cost(one, (1, 8, 8))  # % of the whole network
            numbers = {"parameters": left[0], "multiply_adds": left[1], "time": 100 * time}
            run = {"share": share, "step": step, "seed": seed, "accuracy": score(model, kind), **numbers}
            runs.append(run)
runs = pd.DataFrame(runs)
for share in (0.5, 0.75):
    print(f"{share:.0%} cut        accuracy, %      in % of the whole: parameters    multiply-adds    time")
    for step in way:
        cells = [summarize(runs, name, share=share, step=step) for name in runs.columns[3:]]
        print(f"{step:12}", *(f"{c.mean:11.1f} ± {c.half_width:<5.1f}" for c in cells))

# %% [markdown]
# After each ± is half the width of the 95 % interval over the five seeds. How many seeds bear out what one reads there?

# %% tags=["nbval-ignore-output"]
for share in (0.5, 0.75):
    of_share = runs[runs["share"] == share].set_index("seed")
    tuned, folded = (of_share[of_share["step"] == step] for step in ("fine-tuned", "folded"))
    slower = (tuned["time"] > tuned["multiply_adds"]).sum()
    quicker = (folded["time"] < tuned["time"]).sum()
    print(f"{share:.0%} cut: the share of time is above that of multiply-adds in {slower} of 5 seeds", end="")
    print(f"   folded is faster than fine-tuned in {quicker} of 5")

# %%
for share, least in ((0.5, 95), (0.75, 85)):
    tuned = runs[(runs["share"] == share) & (runs["step"] == "fine-tuned")]
    for name, most in (("parameters", 60), ("multiply_adds", 70)):
        print(f"{share:.0%} cut, every seed: {name} below {most} %: {(tuned[name] < most).all()}")
    enough = (tuned["accuracy"] > least).all()
    print(f"{share:.0%} cut, every seed: accuracy after fine-tuning above {least} %: {enough}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# With three quarters of the channels cut, an eighth of the multiply-adds is left, and a fourteenth of the parameters. The share of the time is two to three times that of the multiply-adds on my machine.
#
# The parameters shrink most, since a weight goes when its input goes *or* its output. The multiply-adds shrink less, and the time least: the last lines count in how many seeds. A network so small spends much of its time on other things than multiplying: on calling the layers, on ReLU and pooling, on moving numbers.
#
# *cut* and *fine-tuned* have the same shape. What differs between their times is mostly the clock: so far you can trust it. Folding takes away very few multiply-adds; what it saves is a pass over the memory for each BN. The times are your machine's, at this minute.
#
# With half of the channels cut, the accuracy right after the cut is that of the whole network; there is nothing to mend, and the fine-tuning mends nothing. With three quarters cut, the accuracy after the cut is very different from seed to seed (a wide interval), and fine-tuning brings most of it back.
#
# </details>
#
# ## On trial
#
# So slimming works here: half of the channels are gone, and nothing is lost that we could see. But is it *L1* that does it? Is it $\gamma$ that knows which channels can go? A claim needs a control. We make three, and one variant.
#
# - **no L1**: the same cut in a network trained without L1. In each layer as many channels stay as in the network *with* L1, those with the largest $|\gamma|$. So all widths on trial were chosen by the network with L1.
# - **random**: the same number of channels, but drawn at random.
# - **from scratch**: a network that has the final size from the start, trained as many epochs in all.
#
# The variant is **rescaled**: with L1, and before the fine-tuning the $\gamma$ and β of each layer are multiplied so that the largest $\gamma$ is 0.5 again. In training mode the next BN does not feel it (the trap of above). For evaluation its running statistics must be multiplied, too, and `rescaled` does it.
#
# But the *training* feels it. L1 left very small $\gamma$ in layers 1 and 2. A gradient becomes $1/s$ as large when a parameter is $s$ times as large, so steps of the usual rate are far too large for such small $\gamma$.

# %% tags=["nbval-ignore-output"]
larger = rescaled(with_l1)
for name, one in {"before": with_l1, "rescaled": larger}.items():
    words = [f"{size.max():.3f}" for size in gamma_sizes(one).values()]
    print(f"{name:8} largest γ, layer by layer: {'  '.join(words)}")
no_eps = [copy.deepcopy(one) for one in (larger, with_l1)]
for one in no_eps:
    one.bn_2.eps = one.bn_3.eps = 1e-12
print(f"outputs in evaluation: {gap(larger, with_l1):.1%} off, and with ε nearly 0: {gap(*no_eps):.4%}")

# %%
largest = [round(size.max().item(), 3) for size in gamma_sizes(larger).values()]
print("largest γ of layers 1 and 2:", *largest[:2], "  outputs within 10 %:", gap(larger, with_l1) < 0.1)

# %% [markdown]
# Now the trial. In this notebook it runs with the fully connected network (two hidden layers of 100), five seeds; with the convolutions it takes longer. Both are stored with 20 seeds, in the folder `results`, with date and versions. `FULL = True` computes them again.

# %% tags=["nbval-ignore-output"]
here = slimming_trials(seeds, ["fully connected"])
kept = stored("results/09_slimming.json", slimming_trials, again=FULL)
print(kept["command"], "·", kept["date"], "·", kept["versions"])

# %% [markdown]
# The mean accuracies, in percent; *conv.* is the network with convolutions, *f.c.* the fully connected one. The names of the rows: *cut* is right after the cut, *β too* the same with the constants thrown away, *tuned* after fine-tuning.

# %% tags=["nbval-ignore-output"]
SHORT = {"convolutions": "conv.", "fully connected": "f.c."}
ROWS = ("L1, cut", "L1, β too", "no L1, cut", "random, L1, cut", "random, no L1, cut")
ROWS += ("L1, tuned", "L1, rescaled and tuned", "no L1, tuned", "random, no L1, tuned", "from scratch")


def means(results):
    names = [f"{SHORT[name]} {share:.0%}" for name in results for share in CUT_SHARES]
    for row in ROWS:
        values = np.concatenate([np.mean(columns[row], axis=0) for columns in results.values()])
        rounded = (float(f"{value:.1f}") for value in values)
        yield {"20 seeds, accuracy %": row, **dict(zip(names, rounded, strict=True))}


for name, columns in kept["results"].items():
    print(f"whole, {name}: with L1 {np.mean(columns['L1']):.1f}, without {np.mean(columns['no L1']):.1f}")
Table(means(kept["results"]))

# %% [markdown]
# Now the verdicts, by the rule of [lesson 07](07_put_the_claims_on_trial.ipynb). An effect is a difference of two accuracies, in points, seed by seed. The margin is 1 point. The 95 % interval of the effect decides:
#
# - all of it above 1: *for* the claim; all of it below −1: *against* it
# - all of it between −1 and 1: *no difference*
# - otherwise: *undecided*.
#
# The conditions are the network and the share that was cut. A claim **holds** if all conditions are for it. If only some are, it **holds under** those; and if others are against it, they follow as **the opposite under**. If none is for it, it is **false (under …)** where some are against it, and otherwise **not seen here**. Undecided conditions stand in brackets.
#
# The last claim says that there is *no* difference. There the interval between −1 and 1 is *for* it, and one beyond is *against* it. A verdict is **clear** if it would be the same with intervals 1.5 times as wide; otherwise it is a **close call**.
#
# **Predict.** For each of the claims below: holds, holds under some conditions, not seen, or false?

# %%
CLAIMS = {
    "With L1 the cut loses less accuracy.": ("L1, cut", "no L1, cut"),
    "After fine-tuning L1 still helps.": ("L1, tuned", "no L1, tuned"),
    "With γ brought back, L1 still helps.": ("L1, rescaled and tuned", "no L1, tuned"),
    "Bringing γ back helps.": ("L1, rescaled and tuned", "L1, tuned"),
    "With L1, small γ are missed less than random ones.": ("L1, cut", "random, L1, cut"),
    "Without L1, small γ are missed less than random ones.": ("no L1, cut", "random, no L1, cut"),
    "The same, after fine-tuning.": ("no L1, tuned", "random, no L1, tuned"),
    "Keeping the constants helps.": ("L1, cut", "L1, β too"),
    "Slimming beats a small network from scratch.": ("L1, rescaled and tuned", "from scratch"),
    "The slim network is as good as the whole.": ("no L1", "L1, rescaled and tuned"),
}


# %%
def claim(words, results):
    one, other = CLAIMS[words]
    expects = "none" if one == "no L1" else "more"  # the last claim: no difference
    made = Claim(words, f"accuracy, {one} − {other}, points", 1, expects=expects)
    for name, columns in results.items():
        first = np.reshape(columns[one], (len(columns[one]), -1))  # one number a seed, or one for each share
        effect = first - np.array(columns[other])
        for k, share in enumerate(CUT_SHARES):
            made.evidence[f"{SHORT[name]} {share:.0%}"] = SeedSummary(effect[:, k])
    return made


# %% [markdown]
# All effects of the stored trials, 20 seeds: the mean difference in points ± half the width of its interval. And one claim in full:


# %%
def effects(claims):
    for words, one in claims.items():
        shown = {name: f"{e.mean:.1f} ± {e.half_width:.1f}" for name, e in one.evidence.items()}
        yield {"difference, points": words, **shown}


verdicts = {words: claim(words, kept["results"]) for words in CLAIMS}
Table(effects(verdicts))

# %%
print(verdicts["Bringing γ back helps."])

# %% [markdown]
# The picture shows the first three claims: how much better the network with L1 is. The gray band is the margin. Look at the numbers below the panels: the right one is enlarged some ten times, and so its band is wide. In the left one the band is hardly wider than the black line.

# %%
figure, axes = figures.new_figure(columns=3, size=(7.4, 2.7))
below = ("L1 − no L1, points",) * 2 + ("points (enlarged)",)
for ax, words, title, x in zip(
    axes, CLAIMS, ("Right after the cut", "Fine-tuned", "γ brought back, fine-tuned"), below, strict=False
):
    found = verdicts[words].evidence
    figures.intervals(
        list(found), [e.mean for e in found.values()], [e.interval for e in found.values()], margin=1, ax=ax
    )
    figures.frame(ax, title=title, x=x)
    if ax is not axes[0]:
        ax.set_yticklabels([])
figures.show(
    figure,
    alt="Three panels with six intervals each: two networks, with 50, 75 and 90 percent of the channels cut. Right after the cut "
    "all but one lie far above 0, up to 60 points; convolutions with 90 percent cut are near 0. After fine-tuning all are near 0 but "
    "convolutions with 90 percent, which are at about −17. With γ brought back to size before the fine-tuning all are within "
    "2 points of 0 in the mean; convolutions with 90 percent have a wide interval, from about −4 to 2. The third panel is enlarged.",
)

# %% [markdown]
# Left, right after the cut, the network with L1 is far better, up to some 55 points (for the convolutions with 90 % cut, both networks only guess). In the middle, after five epochs of fine-tuning, the advantage is gone, and in one
# condition it has turned into a loss. On the right, with the $\gamma$ brought back to size, that loss is no longer seen; but its interval is wide.
#
# And all verdicts. Nothing in this table is typed:

# %%
Table(
    {"claim": words, "verdict": one.verdict, "how clear": "clear" if one.clear else "close call"}
    for words, one in verdicts.items()
)

# %% [markdown]
# And what your own five seeds said, with the fully connected network:

# %% tags=["nbval-ignore-output"]
own = {words: claim(words, here) for words in CLAIMS}
Table({**row, "verdict": one.verdict} for row, one in zip(effects(own), own.values(), strict=True))

# %% [markdown]
# <details><summary>What this says</summary>
#
# - **L1 does what it is made for.** Right after the cut the network with L1 is far better, in five of six conditions.
# - **After fine-tuning nothing of it is seen.** Five short epochs mend the other network as well. Where most goes, L1 does harm.
# - **A reason is the size of $\gamma$.** Bringing it back helps the convolutions: 2 points with 75 % cut, 17 with 90 %. Then the loss is no longer seen: no condition is against L1 any more (one of them with a wide interval).
# - **A small γ marks a channel that is missed less than a random one**, with L1 and without it. Only with L1 could half of all channels go for nothing: compare *cut* with *whole* in the table of the means. After fine-tuning the choice is seen to matter only where 90 % are cut.
# - **The constants** count where much is cut: 3 to 40 points in three conditions. They cost nothing to keep.
# - **Slimming does not beat a small network from scratch**, as far as we can see: four conditions show no difference, and two are undecided. In one of these, the convolutions with 90 % cut, the small network is some 6 points better in the mean. (Liu and others found in 2018, on large networks, that training from scratch is as good.)
# - **The slim network is as good as the whole**, within a point, up to 75 %. With 90 % cut it is not.
#
# </details>
#
# So when is slimming worth it? When you cannot train again after the cut: L1 is paid for before. When you have time to fine-tune, you may cut without it. And one thing more that L1 gives was *not* on trial: it said how many channels each layer can spare. All networks here, those from scratch too, had the widths that it
# had chosen.
#
# ## How sure are we?
#
# Twenty seeds; six conditions; ten claims make 60 intervals, and some three of them may miss the truth.
#
# What is *not* covered: large networks, hard tasks, long trainings, other λ. The digits are easy, and a network of 24 000 parameters is more than they need; that makes slimming look good. The accuracies that decided this are those of 450 test pictures, where one picture is
# 0.2 points.
#
# **Your turn.** We compared $\gamma$ within each layer. Would one threshold over all layers change a verdict? Write down what you expect. Then run `here = sweep(range(5), ["fully connected"], in_layer=False)`, and the last table again.
#
# <details><summary>What you may have found</summary>
#
# On my machine, with 50 % and 75 % cut hardly anything changes: more than three quarters of the channels are at 0, and 0 is 0. With 90 % cut it does. The accuracy of L1 right after the cut is lower: its effect shrinks from 55 to 25 points. After fine-tuning "L1 still helps" is now *false* with 90 % cut, by 22 points. And "The slim network is as good as the whole" holds nowhere any more: with 50 % and
# 75 % it has become undecided, with five seeds a close call.
#
# It is the trap of above. The largest $\gamma$ of layer 1 is about a tenth of that of layer 2, so one threshold takes nearly all of layer 1: of its 100 channels 1 to 5 stay.
#
# </details>
#
# ## What you can do now
#
# - ✓ say what a channel with γ = 0 still tells the next layer, and what to do with it: the constant h(β), a bias of the next layer, exact where nothing is padded
# - ✓ cut channels out for real, with smaller tensors, and show that nothing else changed: three places, held against a mask
# - ✓ make γ small while the network learns, with an L1 penalty: λ · sign(γ) added to the gradient
# - ✓ say why the γ of two layers say little about each other: the next BN divides the size of a whole layer out
# - ✓ fold BN into a convolution and into a linear layer, and say when that is wrong: in training mode
# - ✓ count parameters and multiply-adds, and measure the time: they do not shrink alike
# - ✓ put network slimming on trial: against the same cut without L1, random channels, and a small network from the start
#
# **Practice:** [the exercises of this lesson](exercises/09_slim_and_fold.ipynb). Then go on with [10 · Across devices](10_across_devices.ipynb).
#
# *Sources: Z. Liu, J. Li, Z. Shen, G. Huang, S. Yan and C. Zhang, "Learning Efficient Convolutional Networks through Network Slimming", 2017, arXiv:1708.06519. Z. Liu, M. Sun, T. Zhou, G. Huang and T. Darrell, "Rethinking the Value of Network
# Pruning", 2018, arXiv:1810.05270 (small networks from scratch). J. Ye, X. Lu, Z. Lin and J. Z. Wang, "Rethinking the Smaller-Norm-Less-Informative Assumption in Channel Pruning of Convolution Layers", 2018, arXiv:1802.00124 (the size of γ, and the constants). S. Ioffe and C. Szegedy, "Batch
# Normalization", 2015, arXiv:1502.03167.*
