# %% [markdown]
# # 09 · Slim and fold
#
# *40 minutes · previous: [08 · Choose a norm](08_choose_a_norm.ipynb) · next: [10 · Across devices](10_across_devices.ipynb) ·
# [exercises](exercises/09_slim_and_fold.ipynb)*
#
# A trained network is often larger than it needs to be, and where it has BN, the $\gamma$ of a channel shows whether it can go. You
# press the $\gamma$ toward 0 while the network learns, cut out the channels that got there, train a little more
# (**fine-tune**), and merge BN into the convolutions (**fold**). This is **network slimming** (Liu and others, 2017), and at the
# end you test over several seeds what it is good for.

# %%
from copy import deepcopy

import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs, torch_bridge, training
from bnteach.trials import slimming

# %% [markdown]
# ## A channel with γ = 0
#
# Four samples, two channels: BN in evaluation mode, then ReLU. The second channel has $\gamma = 0$. What does the next layer get from it?

# %%
x_hat = np.array([[1.0, -1.0], [-1.0, 1.0], [1.2, 0.4], [-1.2, -0.4]])
gamma, beta = np.array([2.0, 0.0]), np.array([0.5, 0.7])
h = np.maximum(gamma * x_hat + beta, 0)
print(h)

# %% [markdown]
# 0.7 for each sample: the constant $\text{ReLU}(\beta)$. Without this channel each output of the next layer loses a constant: 0.7
# times the weight from the channel to this output. But what adds the same constant for all samples is a **bias**, so we can repair that:

# %%
W, b = np.array([[1.0, -3.0], [0.5, 2.0], [-1.0, 1.0]]), np.array([0.1, 0.2, 0.3])  # three outputs
print("whole:           ", (h @ W.T + b)[0])
print("cut:             ", (h[:, :1] @ W[:, :1].T + b)[0])
print("cut and repaired:", (h[:, :1] @ W[:, :1].T + b + 0.7 * W[:, 1])[0])

# %% [markdown]
# (In a convolution with padding this repair is exact except near the edge: [what does a cut channel leave
# behind?](deeper/what_does_a_cut_channel_leave.ipynb))
#
# ## The L1 penalty
#
# By itself no $\gamma$ becomes 0. So we add the sum of all $|\gamma|$ to the loss, times a small number $\lambda$: an **L1 penalty**.
# Its slope is the same near 0 as far away, so it can bring $\gamma$ all the way to 0. (The slope of
# $\gamma^2$ goes to 0 with $\gamma$, so a $\gamma^2$ penalty cannot.)
#
# $$L = \text{loss} + \lambda \sum |\gamma| \qquad\quad \frac{\partial L}{\partial\gamma} = \frac{\partial\,\text{loss}}{\partial\gamma} + \lambda\,\text{sign}(\gamma)$$
#
# In the training loop this is one line between `backward()` and `step()`. **L1 on $\gamma$ is no part of BN.** Some tutorials say that
# YOLOv2 uses it; its paper does not.


# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits().images()
arrays = digits.x_train, digits.y_train, digits.x_test
x_train, y_train, x_test = (torch.from_numpy(array) for array in arrays)


def norms(network):
    return [network.bn_1, network.bn_2, network.bn_3]


def learn(network, seed, epochs, strength=0.0):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, total_iters=22 * epochs)
    shuffle = torch.Generator().manual_seed(seed)
    network.train()
    for _epoch in range(epochs):
        for batch in torch.randperm(1347, generator=shuffle).split(60)[:22]:
            loss = nn.functional.cross_entropy(network(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            for bn in norms(network):
                bn.weight.grad += strength * bn.weight.detach().sign()  # the L1 line; bn.weight is γ
            optimizer.step()
            falling.step()  # the learning rate falls to 0, so that γ does not jump around 0 at the end
    return network.eval()


# %% [markdown]
# The network has three convolutions with 16, 32 and 64 filters, each with BN, ReLU and pooling. As in the paper, $\gamma$ starts at
# 0.5. We train it without the penalty, and with $\lambda = 0.03$, which is much: the training is short. A $\gamma$ seldom ends exactly
# at 0, so in this lesson **at 0** means $|\gamma| < 0.002$.

# %% tags=["nbval-ignore-output"]
KIND = "convolutions"
networks = {"without L1": learn(slimming.new_network(KIND, 0), 0, epochs=30)}
networks["with L1"] = learn(slimming.new_network(KIND, 0), 0, epochs=30, strength=0.03)
for name, network in networks.items():
    at_0 = [f"{(bn.weight.abs() < 0.002).sum()} of {len(bn.weight)}" for bn in norms(network)]
    print(f"{name:10}  {slimming.score(network, KIND):.1f} % right; γ at 0, layer by layer:", *at_0, sep="  ")

# %% tags=["draws", "nbval-ignore-output"] alt="The sizes of all gammas on a logarithmic axis, a column for each of three layers. Without L1 all lie between 0.2 and 1.2. With L1 those of layers 1 and 2 lie together near 0.02, with some far below, and most of layer 3 lie at the lower edge, below 0.0001, apart from a dozen near 0.5. A dashed line at 0.002."
figure, axes = figures.new_figure(columns=2, size=(7.4, 3.0))
for ax, (name, network) in zip(axes, networks.items(), strict=True):
    sizes = [(bn.weight.detach().abs().numpy(), "data") for bn in norms(network)]
    figures.strips(sizes, limits=(1e-4, 3), ax=ax)
    ax.axhline(0.002, color="0.5", ls="--", lw=1)
    figures.frame(ax, title=f"Sizes of γ, {name}", x="layer", ylim=(5e-5, 3), log="y")
    ax.set_xticks([1, 2, 3])
axes[0].set_ylabel("|γ|")
figures.show(figure)

# %% [markdown]
# Each dot is a channel; triangles are below 0.0001. Below the dashed line $\gamma$ is at 0. With L1 most of layer 3 is there. In
# layers 1 and 2 *all* $\gamma$ have become small, but that does not make all these channels useless. Multiply all $\gamma$ and
# $\beta$ of a layer by 0.1: the next BN divides by a standard deviation that is 0.1 times as large, and apart from $\varepsilon$
# nothing changes. So a $\gamma$ is compared **within its layer** ([can γ of two layers be compared?](deeper/can_gammas_be_compared.ipynb)).
#
# ## Lab: which channels can go
#
# Two networks as above, cut at a threshold, not fine-tuned; it takes some seconds to start. The cost is counted in
# **multiply-adds**: one multiplication and the addition after it.
#
# 1. *with L1*, *within each layer*: raise the threshold. How far does the accuracy hold, and how many multiply-adds are left there?
# 2. The dashed line: the constants of the cut channels are thrown away. Where do the lines part?
# 3. The same *without L1*.
# 4. *with L1*, *in the whole network*: where is layer 1 nearly empty, and why so early?

# %% tags=["nbval-ignore-output"]
labs.Pruning()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. On my machine up to 0.4, with a third of the multiply-adds. Only 44 of the 112 channels stay there.
# 2. At 0.45: 85 % right with the constants, 64 % without.
# 3. Up to 0.5. But few channels are gone there: 99 stay.
# 4. At 0.05: the largest $\gamma$ of layer 1 is less than a tenth of the largest of layer 3.
#
# </details>
#
# ## Cut for real
#
# `torch.nn.utils.prune` only *masks*: it sets weights to 0, and still multiplies by them. We want smaller tensors. A channel is in
# three places: an output of the layer before BN, an entry of BN's four vectors, an input of the next layer.
# `largest_half` says which channels stay: those with the largest $|\gamma|$, as a share of the largest in their layer.


# %%
def largest_half(network):
    shares = [bn.weight.detach().abs() / bn.weight.detach().abs().max() for bn in norms(network)]
    middle = torch.cat(shares).median()
    return {f"bn_{k}": share > middle for k, share in enumerate(shares, start=1)}


def cut(network, stays):
    small = deepcopy(network)
    layers = [small.conv_1, small.conv_2, small.conv_3, small.output]
    for layer, bn, following, stay in zip(layers, norms(small), layers[1:], stays.values(), strict=False):
        layer.weight.data = layer.weight.data[stay]  # outputs: the first axis
        for vector in (bn.weight, bn.bias, bn.running_mean, bn.running_var):
            vector.data = vector.data[stay]
        following.weight.data = following.weight.data[:, stay]  # inputs: the second axis
    return small


# %% [markdown]
# A mask is a copy of full size with $\gamma = \beta = 0$ in the channels that go. It throws their constants away, as our `cut`
# does, so both must give the same outputs.
# `apart` is the largest difference, as a share of the largest output.


# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def apart(other, network):
    expected = network(x_test)
    return ((other(x_test) - expected).abs().max() / expected.abs().max()).item()


whole = networks["with L1"]
stays = largest_half(whole)
small, mask = cut(whole, stays), slimming.silenced(whole, stays)
print("weights of conv_2:", tuple(whole.conv_2.weight.shape), "→", tuple(small.conv_2.weight.shape))
print(f"cut and mask are {apart(small, mask):.5f} apart, cut and whole {apart(small, whole):.2f}")
assert apart(small, mask) < 1e-5

# %% [markdown]
# Half of the channels go, 56 of 112. But 63 are at 0: all that go, and 7 of those that stay. The 0.10 comes from the constants that
# are lost. `slimming.cut` also moves them to the next layer, and less than 0.0001 is left. From here on we use it.
#
# ## Fold
#
# In evaluation mode BN is a straight line, $y = a\,x + b$, with fixed numbers for each channel (lesson 05):
#
# $$a = \frac{\gamma}{\sqrt{\text{running var} + \varepsilon}} \qquad b = \beta - a\cdot\text{running mean}$$
#
# A convolution multiplies and adds, too, so both together are one convolution: multiply the weights of each filter by its $a$, and
# let $b$ be the bias. (Our convolutions have none. Otherwise it becomes
# $a\cdot\text{bias} + b$.)


# %%
@torch.no_grad()
def fold(conv, bn):
    a = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    folded = deepcopy(conv)
    folded.weight.copy_(a.reshape(-1, 1, 1, 1) * conv.weight)
    folded.bias = nn.Parameter(bn.bias - a * bn.running_mean)
    return folded


ours, theirs = fold(whole.conv_2, whole.bn_2), nn.utils.fuse_conv_bn_eval(whole.conv_2, whole.bn_2)
print(f"largest difference from PyTorch's bias: {(ours.bias - theirs.bias).abs().max():.6f}")
assert torch.allclose(theirs.bias, ours.bias, atol=1e-5)

# %% [markdown]
# `torch_bridge.fold_batch_norm` folds a whole network. We compare three pairs: folded and not folded; folded, but with all $b$
# forgotten; folded, and not folded in *training* mode.
#
# **Predict.** Which pairs differ by more than rounding?

# %% tags=["nbval-ignore-output"]
folded = torch_bridge.fold_batch_norm(whole)
without_b = deepcopy(folded)
for name in ("conv_1", "conv_2", "conv_3"):
    nn.init.zeros_(without_b.get_submodule(name).bias)
print(f"folded:        {apart(folded, whole):.6f}")
print(f"b forgotten:   {apart(without_b, whole):.2f}")
print(f"training mode: {apart(folded, deepcopy(whole).train()):.2f}")
assert apart(folded, whole) < 1e-4 < apart(folded, deepcopy(whole).train())

# %% [markdown]
# <details><summary>Answer</summary>
#
# The second and the third. In training mode BN uses the statistics of the batch, which no fixed layer knows. So **fold last, and in
# evaluation mode**.
#
# </details>
#
# BN must come *directly* after the convolution. *Before* a convolution with padding it does not fold exactly: its $b$ is added to
# the picture, but not to the zeros around it.
#
# ## The whole way
#
# Cut half of the channels, fine-tune for 5 epochs, fold. What does it save?

# %% tags=["nbval-ignore-output"]
small = slimming.cut(whole, stays)
tuned = learn(deepcopy(small), 100, epochs=5)
way = {"whole": whole, "cut": small, "fine-tuned": tuned, "folded": torch_bridge.fold_batch_norm(tuned)}
times = [training.time_ratios(list(way.values()), x, repeat=20 // len(x) + 1) for x in (x_test, x_test[:1])]
for name, network, of_450, of_one in zip(way, way.values(), *times, strict=True):
    parameters, multiply_adds = training.cost(network, (1, 8, 8))
    print(f"{name:10} {slimming.score(network, KIND):.1f} % right, {parameters:6,} parameters,", end=" ")
    print(f"{multiply_adds:7,} multiply-adds; time: {of_450:4.0%} for 450 pictures, {of_one:4.0%} for one")

# %% [markdown]
# Parameters: more than two thirds, since most of the cut channels are in layer 3, which has most of the weights. Multiply-adds:
# about half. Time: cut and fine-tuned are of the same size, so their times differ by chance, in my six runs by up to 16 points. Only
# one effect is clearly larger: for one picture the folded network took about 60 % of the time.
#
# The cut has cost no accuracy here. Fine-tuning has even lowered it, by six pictures; these runs do not show why.
#
# ## Four claims
#
# Is it *L1* that does it? Is it $\gamma$ that knows which channels can go? For each seed we compare with three networks of the same
# widths:
#
# - **without L1**: cut out of a network trained without L1; in each layer the largest $|\gamma|$ stay.
# - **random**: cut out of the network with L1; random channels stay.
# - **from scratch**: a new network, trained for as many epochs in all.
#
# The next cell takes about 25 seconds.


# %% tags=["nbval-ignore-output"]
def trial(seed):
    with_l1 = learn(slimming.new_network(KIND, seed), seed, epochs=30, strength=0.03)
    without = learn(slimming.new_network(KIND, seed), seed, epochs=30)
    stays = largest_half(with_l1)
    widths = {name: int(stay.sum()) for name, stay in stays.items()}
    networks = {"L1": with_l1, "no L1": without}
    networks["L1, cut"] = slimming.cut(with_l1, stays)
    networks["no L1, cut"] = slimming.cut(without, slimming.strongest(without, widths))
    networks["random, cut"] = slimming.cut(with_l1, slimming.random_channels(stays, seed))
    for name in ("L1", "no L1", "random"):
        networks[f"{name}, tuned"] = learn(deepcopy(networks[f"{name}, cut"]), 100 + seed, epochs=5)
    networks["scratch"] = learn(slimming.new_network(KIND, seed, widths), seed, epochs=35)
    return {name: slimming.score(network, KIND) for name, network in networks.items()}


def trials(seeds):
    return training.run_seeds(trial, seeds, n_jobs=2).to_dict("list")


five = trials(range(5))

# %% [markdown]
# Now four claims, each as an effect: one number for each seed, positive if it speaks for the claim.
#
# 1. Right after the cut: with L1 it costs less accuracy.
# 2. Fine-tuned: L1 still helps.
# 3. Right after the cut, in the network with L1: channels with small $\gamma$ cost less than random ones.
# 4. Fine-tuned: the slim network is better than a small one from scratch.
#
# Effects of less than 1 point do not count. If all seeds lie above 1, the claim **holds** (*for it*). If all lie between −1 and 1,
# there is **no difference**. Where five seeds do not decide, the 95 % interval of twenty stored ones does (`again=True` runs them
# again, in two minutes).
#
# **Predict.** Which of the four hold?


# %% tags=["draws", "nbval-ignore-output"] alt="Test accuracy of five seeds, two panels. Left, from 0 to 100 percent: with L1 the dots stay near 98 percent when whole, cut and fine-tuned. Without L1 they fall to about 70 percent right after the cut, and random channels to about 20. After fine-tuning all are above 90. Right, only fine-tuned, from 92 to 100 percent: with L1, without L1 and from scratch lie at the same height, between 97.5 and 100, random channels somewhat lower, from 94 to 98."
figure, (left, right) = figures.new_figure(columns=2, size=(7.6, 3.4))
steps = {"L1": ("L1", "L1, cut", "L1, tuned"), "no L1": ("no L1", "no L1, cut", "no L1, tuned")}
steps |= {"random": ("L1", "random, cut", "random, tuned"), "scratch": (None, None, "scratch")}
roles = {"L1": "data", "no L1": "theory", "random": "before", "scratch": "truth"}
for place, (name, columns) in enumerate(steps.items()):
    look = {"role": roles[name], "size": 6, "alpha": 0.7}
    for x, column in enumerate(columns, start=1):
        if column:
            where = [x + 0.12 * (place - 1.5)] * 5
            figures.dots(where, five[column], limits=(0, 100), ax=left, **look)
    figures.dots([place] * 5, five[columns[-1]], limits=(92, 100), ax=right, **look)
words = ("with L1", "without L1", "with L1, random", "from scratch")
figures.key(left, dict(zip(roles.values(), words, strict=True)), markers=True, place="lower left")
figures.frame(left, title="Half of the channels cut", y="test accuracy, %", xlim=(0.5, 3.5), ylim=(0, 103))
figures.frame(right, title="Fine-tuned only", xlim=(-0.5, 3.5), ylim=(91.8, 100.2))
left.set_xticks([1, 2, 3], ["whole", "right after\nthe cut", "fine-\ntuned"])
right.set_xticks(range(4), ["with\nL1", "without\nL1", "with L1,\nrandom", "from\nscratch"])
figures.show(figure)


# %% tags=["nbval-ignore-output"]
def effects(right):
    r = {name: np.array(values) for name, values in right.items()}
    return {
        "1. L1: the cut costs less": (r["no L1"] - r["no L1, cut"]) - (r["L1"] - r["L1, cut"]),
        "2. L1 helps, fine-tuned": r["L1, tuned"] - r["no L1, tuned"],
        "3. small γ, not random": r["L1, cut"] - r["random, cut"],
        "4. slim, not scratch": r["L1, tuned"] - r["scratch"],
    }


twenty = training.stored("results/09_half_cut.json", lambda: trials(range(20)), again=False)["results"]
for claim, effect in effects(five).items():
    summary = training.SeedSummary(effects(twenty)[claim])
    print(f"{claim:25}   five seeds:", *(f"{value:5.1f}" for value in effect), end="")
    print(f"   twenty: {summary.mean:4.1f} ± {summary.half_width:.1f}", training.outcome(summary, margin=1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# 1 and 3 hold: L1 saves 23 points on average, and random channels would cost 70 more. But with this $\lambda$ all channels that go
# are at 0 already: in all five seeds the cut leaves the accuracy with L1 as it was. So claim 1 says little more than: removing what
# is switched off costs nothing. And claim 3: removing channels that are on does harm, in a network with L1. Whether $\gamma$ can
# choose among channels that are all on, you try in exercise 4.
#
# For 2 and 4, which compare fine-tuned networks, there is no difference: five short epochs repair the network without L1 as well, and
# a small one learns as well from scratch. (With L1, fine-tuning lowered the average of the five seeds from 98.8 to 98.3 %.) Liu and
# others found the same in 2018, on large networks. (But L1 said how wide each layer must be.)
#
# </details>
#
# So L1 on $\gamma$ pays where you cannot train again after the cut. The intervals cover other seeds, not other test pictures:
# another 450 would move each accuracy by about half a point. Where more is cut, verdicts change: [ten claims, two networks, up to 90 % cut](deeper/does_slimming_help.ipynb).
#
# **Shown:** an L1 penalty makes $\gamma$ small; channels with small $\gamma$ can be cut out, and what is left of BN folds into the convolutions.
#
# **Practice:** [the exercises](exercises/09_slim_and_fold.ipynb), 30 minutes.
#
# **Next:** [10 · Across devices](10_across_devices.ipynb), BN when a batch is shared out.
#
# Sources:
#
# - Z. Liu and others, "Learning Efficient Convolutional Networks through Network Slimming", 2017, arXiv:1708.06519.
# - Z. Liu and others, "Rethinking the Value of Network Pruning", 2018, arXiv:1810.05270.
# - J. Redmon and A. Farhadi, "YOLO9000: Better, Faster, Stronger", 2016, arXiv:1612.08242 (BN, and no penalty on γ).
