# %% [markdown]
# # 09 · Slim and fold
#
# *40 minutes · previous: [08 · Choose a norm](08_choose_a_norm.ipynb) · next: [10 · Across devices](10_across_devices.ipynb) ·
# [exercises](exercises/09_slim_and_fold.ipynb)*
#
# A trained network is often larger than it needs to be, and where it has BN, the $\gamma$ of a channel tells whether it can go. You
# press $\gamma$ toward 0 while the network learns, cut out the channels that got there, and train a little more
# (**fine-tune**): this is **network slimming** (Liu and others, 2017). At the end you merge BN into the convolutions (**fold**), and you test
# over several seeds what slimming is good for.

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
# Four samples, two channels: BN in evaluation mode, then ReLU. The second channel has $\gamma = 0$.
# What does it give for each sample?

# %%
x_hat = np.array([[1.0, -1.0], [-1.0, 1.0], [1.2, 0.4], [-1.2, -0.4]])
gamma, beta = np.array([2.0, 0.0]), np.array([0.5, 0.7])
h = np.maximum(gamma * x_hat + beta, 0)
print(h)

# %% [markdown]
# For each sample the same: the constant $\text{ReLU}(\beta) = 0.7$. If the channel is cut, each output of the next layer lacks this
# constant, times a weight. But that is the same number for all samples, so we can add it to the **bias** of the next layer:

# %%
W, b = np.array([[1.0, -3.0], [0.5, 2.0], [-1.0, 1.0]]), np.array([0.1, 0.2, 0.3])  # three outputs
print("whole:           ", (h @ W.T + b)[0])
print("cut:             ", (h[:, :1] @ W[:, :1].T + b)[0])
print("cut and repaired:", (h[:, :1] @ W[:, :1].T + b + 0.7 * W[:, 1])[0])

# %% [markdown]
# If the next layer has no bias because a BN follows it, the number is *subtracted from the running mean* of that BN: in evaluation mode,
# $a\,(z + c - \text{mean})$ is the same as $a\,(z - (\text{mean} - c))$. (Near the edge of a padded picture the repair is not exact: [what does a cut channel leave
# behind?](deeper/what_does_a_cut_channel_leave.ipynb))
#
# ## The L1 penalty
#
# By itself no $\gamma$ becomes 0. So we add the sum of all $|\gamma|$ to the loss, times a small number $\lambda$. This is an
# **L1 penalty**:
#
# $$L = \text{loss} + \lambda \sum |\gamma| \qquad\quad \frac{\partial L}{\partial\gamma} = \frac{\partial\,\text{loss}}{\partial\gamma} + \lambda\,\text{sign}(\gamma)$$
#
# It pulls with the same force $\lambda$ however small $\gamma$ is, so it can bring $\gamma$ down to where it jumps around 0. (A $\gamma^2$ penalty pulls
# less and less.) In the loop below it is one line. **L1 on $\gamma$ is
# no part of BN.** Some tutorials say that YOLOv2 uses it; its paper does not.


# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits().images()
x_train, y_train, x_test = map(torch.from_numpy, (digits.x_train, digits.y_train, digits.x_test))


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
# 0.5. We train it without the penalty, and with $\lambda = 0.03$, which is much: the training is short.

# %% tags=["nbval-ignore-output"]
KIND = "convolutions"
networks = {"without L1": learn(slimming.new_network(KIND, 0), 0, epochs=30)}
networks["with L1"] = learn(slimming.new_network(KIND, 0), 0, epochs=30, strength=0.03)
for name, network in networks.items():
    print(f"{name:10}  {slimming.score(network, KIND):.1f} % right")

# %% tags=["draws", "nbval-ignore-output"] alt="The sizes of all gammas on a logarithmic axis, a column for each of three layers. Without L1 all lie between 0.2 and 1.2. With L1 those of layers 1 and 2 lie near 0.02, and a dozen of layer 3 near 0.5. Below a dashed line at 0.002 the others are counted: 2 of 16 in layer 1, 10 of 32 in layer 2, 51 of 64 in layer 3."
figure, axes = figures.new_figure(columns=2, size=(7.4, 3.0))
for ax, (name, network) in zip(axes, networks.items(), strict=True):
    sizes = [bn.weight.detach().abs().numpy() for bn in norms(network)]
    figures.strips([(size[size >= 0.002], "data") for size in sizes], limits=(0.002, 3), ax=ax)
    for layer, size in enumerate(sizes, start=1):
        ax.text(layer, 0.001, f"{(size < 0.002).sum()} of {len(size)}", ha="center", va="center")
    ax.axhline(0.002, color="0.5", ls="--", lw=1)
    figures.frame(ax, title=f"Sizes of γ, {name}", x="layer", ylim=(5e-4, 3), log="y")
    ax.set_xticks([1, 2, 3])
axes[0].set_ylabel("|γ|")
figures.show(figure)

# %% [markdown]
# Each dot is a channel. A $\gamma$ seldom ends exactly at 0, so here **at 0** means $|\gamma| < 0.002$, below the dashed line;
# these channels are only counted. The penalty has brought most of layer 3 to 0, and the accuracy is the same.
#
# The other $\gamma$ of layers 1 and 2 have become small, too, but their channels are not useless. If all $\gamma$ and
# $\beta$ of a layer are a tenth as large, the next BN divides by a tenth of the standard deviation, and (apart from
# $\varepsilon$) nothing changes: the ReLU and the convolution between them pass the factor on. (Behind layer 3 there is no BN, so its $\gamma$ stay large.) So in the
# lab a $\gamma$ is compared with the largest **of its layer**. The paper uses one threshold for the whole network
# ([can γ of two layers be compared?](deeper/can_gammas_be_compared.ipynb)).
#
# ## Lab: which channels can go
#
# Two networks as above, cut at a threshold, not fine-tuned. Cost is counted in
# **multiply-adds**: a multiplication and the addition after it. The dashed curve of the lab is the cut that loses the constants.
#
# 1. *with L1*, *within each layer*: raise the threshold. How far does the accuracy hold, and how many channels are left there? And
#    *without L1*?
# 2. *with L1*, *in the whole network*: where is layer 1 nearly empty, and why so early?

# %% tags=["nbval-ignore-output"]
labs.Pruning()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. On my machine up to 0.4, where 44 of the 112 channels are left. Without L1 up to 0.5, but with 99 channels.
# 2. At 0.05: the largest $\gamma$ of layer 1 is less than a tenth of the largest of layer 3.
#
# </details>
#
# ## Cut for real
#
# `torch.nn.utils.prune` only *masks*: it sets weights to 0, and still multiplies by them. To have smaller tensors, we take a channel
# out of three places:

# %% tags=["draws"] alt="Three grids. In the first, the weights of a convolution, one row is orange: an output. In the second, the four vectors of BN with the columns gamma, beta, mean and var, the same row is orange. In the third, the weights of the next layer, one column is orange: an input."
figure, axes = figures.new_figure(columns=3, size=(7.4, 2.3))
places = {"convolution: a row": (4, 3, 0), "BN: four numbers": (4, 4, 0), "next layer: a column": (3, 4, 1)}
for ax, (title, (rows, columns, axis)) in zip(axes, places.items(), strict=True):
    for cell in np.ndindex(rows, columns):
        color = figures.role("moved").color if cell[axis] == 2 else "#DDDDDD"
        ax.bar(cell[1], 0.86, 0.86, bottom=cell[0], color=color)
    bn = title.startswith("BN")
    sides = ("", "channels") if bn else ("inputs", "outputs")
    figures.frame(ax, title=title, x=sides[0], y=sides[1], xlim=(-0.5, columns - 0.5), ylim=(4, -0.14))
    ax.set_xticks(range(4) if bn else [], ["γ", "β", "mean", "var"] if bn else [])
    ax.set(yticks=[], frame_on=False)
figures.show(figure)

# %% [markdown]
# `cut` takes the channels at 0 out of the three places, and throws their constants away.


# %%
def not_at_0(network):
    return {f"bn_{k}": bn.weight.detach().abs() >= 0.002 for k, bn in enumerate(norms(network), 1)}


def cut(network, stays):
    small = deepcopy(network)
    layers = [small.conv_1, small.conv_2, small.conv_3, small.output]
    for layer, bn, following, stay in zip(layers, norms(small), layers[1:], stays.values(), strict=False):
        layer.weight.data = layer.weight.data[stay]  # outputs: the first axis
        for vector in (bn.weight, bn.bias, bn.running_mean, bn.running_var):
            vector.data = vector.data[stay]
        following.weight.data = following.weight.data[:, stay]  # inputs: the second axis
    return small


@torch.no_grad()
def apart(other, network):
    expected = network(x_test)
    return ((other(x_test) - expected).abs().max() / expected.abs().max()).item()


# %% [markdown]
# A mask, a copy of full size with $\gamma = \beta = 0$ in the channels that go, must give the same outputs. `apart` is the
# largest difference, as a share of the largest output.

# %% tags=["nbval-ignore-output"]
whole = networks["with L1"]
stays = not_at_0(whole)
small, mask = cut(whole, stays), slimming.silenced(whole, stays)
moved = slimming.cut(whole, stays)  # as `cut`, but the constants move to the next layer
print(f"cut and mask are {apart(small, mask):.5f} apart, cut and whole {apart(small, whole):.2f}")
print(f"with the constants moved, cut and whole are {apart(moved, whole):.2f} apart")
assert apart(small, mask) < 1e-5

# %% [markdown]
# So `cut` is right, but it has lost the constants. `slimming.cut` moves them to the next layer; from here on we use it.
#
# ## Fold
#
# In evaluation mode BN is a straight line for each channel, $y = a\,x + b$ (lesson 05):
#
# $$a = \frac{\gamma}{\sqrt{\text{running var} + \varepsilon}} \qquad b = \beta - a\cdot\text{running mean}$$
#
# One convolution can do both: multiply the weights of each filter by its $a$, and
# let $b$ be the bias. (Our convolutions have none. One that is there would become $a\cdot\text{bias} + b$.)


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
assert torch.allclose(theirs.weight, ours.weight)

# %% [markdown]
# `torch_bridge.fold_batch_norm` folds a whole network. Is it the same as before, in both modes?

# %% tags=["nbval-ignore-output"]
folded, in_training = torch_bridge.fold_batch_norm(whole), deepcopy(whole).train()
print(f"evaluation mode: {apart(folded, whole):.6f} apart")
print(f"training mode:   {apart(folded, in_training):.2f} apart")
assert apart(folded, whole) < 1e-4

# %% [markdown]
# In training mode BN uses the statistics of the batch, which no fixed layer knows. So **fold last, and in evaluation mode**. Only
# a BN *directly* after the convolution folds into it.
#
# ## The whole way
#
# Cut, fine-tune for 5 epochs, fold. What does it save? (The time is that for one picture.)

# %% tags=["nbval-ignore-output"]
small = slimming.cut(whole, stays)
tuned = learn(deepcopy(small), 100, epochs=5)
way = {"whole": whole, "cut": small, "fine-tuned": tuned, "folded": torch_bridge.fold_batch_norm(tuned)}
times = training.time_ratios(list(way.values()), x_test[:1], repeat=40)
for (name, network), time in zip(way.items(), times, strict=True):
    parameters, multiply_adds = training.cost(network, (1, 8, 8))
    print(f"{name:10} {slimming.score(network, KIND):.1f} % right, {parameters:6,} parameters,", end=" ")
    print(f"{multiply_adds:7,} multiply-adds, {time:4.0%} of the time")

# %% [markdown]
# Less than a quarter of the parameters is left, and 40 % of the multiply-adds. Time falls less: each layer takes time to call, however small it
# is. So the fold helps, since it leaves out three layers. **Fine-tuning did not help here**: one point less, five of 450 pictures. L1 had already brought
# the channels to 0, so the cut left nothing to repair. (*Cut* and *fine-tuned* have the same size: their times differ by chance.)
#
# ## Three claims
#
# With L1 the cut itself costs less than 1 point. But that is true by construction: the channels that go do nothing any more. So we
# ask more:
#
# 1. **γ knows.** Train *without* L1, so that all channels are at work. Cutting those with small $|\gamma|$ costs less than cutting as many
#    random ones.
# 2. **L1 helps.** After the cut *and fine-tuning*, the network that learned with L1 is better than the one without.
# 3. **Slim beats small.** After fine-tuning, the network with L1 is better than a new one of the same widths, trained from scratch
#    for as many epochs in all.
#
# **Predict.** Which of the three hold?
#
# The next cell tries seed 0, in about 6 seconds, beside what is stored of twenty seeds.
# (`again=True` runs them all again, in two minutes.)


# %% tags=["nbval-ignore-output"]
def trial(seed):
    with_l1 = learn(slimming.new_network(KIND, seed), seed, epochs=30, strength=0.03)
    without = learn(slimming.new_network(KIND, seed), seed, epochs=30)
    stays = not_at_0(with_l1)
    widths = {name: int(stay.sum()) for name, stay in stays.items()}
    networks = {"L1": with_l1, "no L1": without}
    networks["L1, cut"] = slimming.cut(with_l1, stays)
    networks["no L1, cut"] = slimming.cut(without, slimming.strongest(without, widths))
    networks["random, cut"] = slimming.cut(without, slimming.random_channels(stays, seed))
    for name in ("L1", "no L1"):
        networks[f"{name}, tuned"] = learn(deepcopy(networks[f"{name}, cut"]), 100 + seed, epochs=5)
    networks["scratch"] = learn(slimming.new_network(KIND, seed, widths), seed, epochs=35)
    return {name: slimming.score(network, KIND) for name, network in networks.items()}


def run_twenty():
    return training.run_seeds(trial, range(20), n_jobs=2).to_dict("list")


twenty = training.stored("results/09_cut_at_0.json", run_twenty, again=False)["results"]
five = {name: values[:5] for name, values in twenty.items()}
here = trial(0)
for name, accuracy in here.items():
    print(f"{name:12} seed 0: here {accuracy:5.1f} % right, stored {twenty[name][0]:5.1f}")
assert here["L1"] - here["L1, cut"] < 1
assert max(np.subtract(twenty["L1"], twenty["L1, cut"])) < 1

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels, a line for each of five seeds. Left, test accuracy before the cut and right after it, from 0 to 100 percent: with L1 the lines stay level near 99. Without L1 they fall to between 35 and 64, with random channels to between 15 and 38. Right, only fine-tuned, from 96 to 100 percent: with L1, without L1 and from scratch lie between 97.7 and 99.4, and the lines cross."
figure, (left, right) = figures.new_figure(columns=2, size=(7.6, 3.3))
cuts = {"L1": "data", "no L1": "theory", "random": "before"}
for seed in range(5):
    for place, (name, role) in enumerate(cuts.items()):
        look = {"color": figures.role(role).color, "marker": figures.role(role).marker, "ms": 5}
        ends = five["L1" if name == "L1" else "no L1"][seed], five[f"{name}, cut"][seed]
        left.plot([3 * place + 0.15 * seed, 3 * place + 1.5 + 0.15 * seed], ends, **look)
    tuned_ones = [five[name][seed] for name in ("L1, tuned", "no L1, tuned", "scratch")]
    right.plot(np.arange(3) + 0.1 * (seed - 2), tuned_ones, color="0.6", marker="o", ms=5)
left.set_xticks([1.05, 4.05, 7.05], ["with L1", "without L1,\nsmall γ", "without L1,\nrandom"])
right.set_xticks(range(3), ["with\nL1", "without\nL1", "from\nscratch"])
figures.frame(left, title="Before the cut, and right after it", y="test accuracy, %", ylim=(0, 103))
figures.frame(right, title="Fine-tuned", ylim=(96, 100.2))
figures.show(figure)

# %% [markdown]
# Each line is one of the first five seeds. Now each claim as an effect: one number for each seed, positive if it speaks for the claim. Less than
# 1 point does not count. If all seeds lie above 1, the claim **holds** (*for it*); if all lie between −1 and 1, there is **no
# difference**. Where five seeds do not decide, the 95 % interval of
# all twenty does: it must lie above 1, or between −1 and 1.


# %% tags=["nbval-ignore-output"]
def effects(right):
    return {
        "1. small γ, not random": np.subtract(right["no L1, cut"], right["random, cut"]),
        "2. L1, fine-tuned": np.subtract(right["L1, tuned"], right["no L1, tuned"]),
        "3. slim, not scratch": np.subtract(right["L1, tuned"], right["scratch"]),
    }


for claim, effect in effects(five).items():
    summary = training.SeedSummary(effects(twenty)[claim])
    print(f"{claim:22}   five seeds:", *(f"{value:5.1f}" for value in effect), end="")
    print(f"   twenty: {summary.mean:4.1f} ± {summary.half_width:.1f}", training.outcome(summary, margin=1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the first: random channels cost 23 points more on average. So $\gamma$ tells what a channel is worth, also where nothing pressed
# it to 0. It is no sure sign: in one of the twenty seeds random channels were better.
#
# For 2 and 3 there is no difference: five epochs repair the network without L1 as well, and
# a small one learns as well from scratch. Another group of authors (Liu and others, 2018) found the latter on large networks. (The widths were still found with L1.)
#
# </details>
#
# So L1 on $\gamma$ pays where you cannot train after the cut, if you cut what L1 has brought to 0. The intervals cover other seeds, not other test pictures.
# Where more is cut, verdicts change: [ten claims, two networks, up to 90 % cut](deeper/does_slimming_help.ipynb).
#
# **Shown:** an L1 penalty brings $\gamma$ to 0; these channels can be cut out, and what is left of BN folds into the convolutions.
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
