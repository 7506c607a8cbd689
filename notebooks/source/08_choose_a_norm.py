# %% [markdown]
# # 08 · Choose a norm
#
# *90 minutes · previous: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · next: [09 · Slim and fold](09_slim_and_fold.ipynb) ·
# [exercises](exercises/08_choose_a_norm.ipynb)*
#
# BN takes its mean over the batch. Nearly all the trouble of [lesson 05](05_train_and_infer.ipynb) came from that. There are other
# norms, and they take other values together. Is one of them better? It depends on what you build. In this lesson you write
# five norms, and try them where they meet trouble: in small batches, in sequences, in a network that makes pictures.
#
# ## What you will be able to do
#
# - write five norms with the same two functions, and hold each of them against PyTorch
# - say which values share one mean in each norm, and what each norm forgets
# - measure how small a batch may be for BN
# - say what padding does to BN's statistics, and leave it out
# - put a norm into a recurrent network, and see why one set of running statistics is not enough
# - see LN destroy what a layer knows, in the code of an autoencoder
# - show how BN couples the samples in the discriminator of a GAN, and what comes of it
# - choose a norm, and say why
#
# You need lessons 00 to 06. What a recurrent network, an autoencoder and a GAN are is explained where they come.

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bnteach import figures, labs
from bnteach.data import digits
from bnteach.training import SeedSummary, accuracy, over_seeds, stored, train
from bnteach.trials.norms import (
    BATCH_SIZES,
    DISCRIMINATORS,
    KINDS,
    ColumnReader,
    RowReader,
    accuracy_after,
    autoencoder,
    columns,
    digits_classifier,
    discriminator,
    generator,
    padded,
    score_pictures,
    scores_after_training,
    small_network,
    sweep_of_batches,
    sweep_of_gans,
    train_autoencoder,
    train_column_reader,
)

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
data = digits()

# %% [markdown]
# ## Two functions, five norms
#
# Four of the five norms do the same thing: they take a set of values, subtract its mean and divide by its standard deviation. We call
# this **standardize**. (The fifth, RMSNorm, leaves out the mean.) They differ in *which* set. So one function is enough, with the axes of the set as an argument.
# Its backward pass is the formula of [lesson 04](04_derive_the_backward_pass.ipynb), with the same axes. $m$ is the number of values in
# a set:
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} \qquad
# dx = \frac{1}{\sqrt{\sigma^2 + \varepsilon}}\left(d\hat{x} - \frac{\sum d\hat{x}}{m} - \hat{x}\,\frac{\sum d\hat{x}\cdot\hat{x}}{m}\right)$$


# %%
def mean_over(values, axes):
    return values.mean(axis=axes, keepdims=True)


def standardize(x, axes, eps=1e-5, has_mean=True):
    mean = mean_over(x, axes) if has_mean else 0.0
    centered = x - mean
    var = mean_over(centered**2, axes)
    inv_std = 1 / np.sqrt(var + eps)
    return centered * inv_std, inv_std


def standardize_backward(dx_hat, x_hat, inv_std, axes, has_mean=True):
    through_mean = mean_over(dx_hat, axes) if has_mean else 0.0
    through_var = x_hat * mean_over(dx_hat * x_hat, axes)
    return inv_std * (dx_hat - through_mean - through_var)


# %% [markdown]
# (`has_mean=False` leaves the mean out. One of the five norms wants that.) The package has the same pair in `bnteach/core/functional.py`.
# Its `standardize` also returns $\mu$ and $\sigma^2$, for the running statistics.
#
# Now a batch of 3 samples with 4 channels.
#
# - **Batch normalization (BN)** takes the values of a column: all samples, one channel. `axes=0`.
# - **Layer normalization (LN)** takes the values of a row: one sample, all channels. `axes=1`.
#
# **Predict.** What do the three rows look like after LN? Compare the second row with the first.

# %%
x = np.array([[1.0, 2, 3, 6], [10, 20, 30, 60], [6, 3, 2, 1]])
print("BN\n", standardize(x, axes=0)[0].round(2))
print("LN\n", standardize(x, axes=1)[0].round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The second row is ten times the first, and LN makes them the same: each row is divided by its own standard deviation. The third row has
# the values of the first in another order. Under BN the second row stays apart.
#
# </details>
#
# The next norm lies between a whole row and a single value.
#
# - **Group normalization (GN)** cuts the channels of a sample into groups. Each group has a mean of its own.
# - **RMSNorm** is LN without the mean: it divides by the *root of the mean square* and subtracts nothing.
#
# For groups the channel axis is split in two, (groups, channels of a group), and the second one is summed.
#
# **Predict.** GN with 2 groups: what are the first two values of each row? And are there negative values after RMSNorm?

# %%
groups = x.reshape(3, 2, 2)  # 3 samples, 2 groups of 2 channels
print("GN\n", standardize(groups, axes=2)[0].reshape(3, 4).round(2))
print("RMSNorm\n", standardize(x, axes=1, has_mean=False)[0].round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# −1 and +1, or +1 and −1. Two values know no other z-score (lesson 02). A group needs more than two values to say
# anything. RMSNorm keeps the order, and all values stay positive: nothing was subtracted.
#
# </details>
#
# The fifth one needs pictures. **Instance normalization (IN)** takes one channel of one sample: all places of a single map. In a table that
# would be one value alone, and one value has no spread.
#
# ## All five against PyTorch
#
# Pictures of shape $(N, C, H, W)$, sizes that all differ, and a random $dy$ (the gradient that comes from the layers after it). For each
# norm we write down the shape in which its sets are whole axes, and these axes.

# %%
N, C, H, W = 4, 6, 5, 3
sets = {  # the shape, and its axes that share a mean
    "BN": ((N, C, H, W), (0, 2, 3)),
    "LN": ((N, C, H, W), (1, 2, 3)),
    "IN": ((N, C, H, W), (2, 3)),
    "GN": ((N, 3, C // 3, H, W), (2, 3, 4)),  # 3 groups of 2 channels
    "RMSNorm": ((N, C, H, W), (1, 2, 3)),
}
for name, (shape, axes) in sets.items():
    m = np.prod([shape[axis] for axis in axes])
    print(f"{name:8} {N * C * H * W // m:2d} sets of m = {m} values")

# %% [markdown]
# After this come $\gamma$ and $\beta$, and here lies a second difference: who shares a $\gamma$. BN, IN and GN have one $\gamma$ **a channel**. LN and RMSNorm have
# one **for each place of a sample**: $\gamma$ has the shape $(C, H, W)$. (RMSNorm has no $\beta$.) From $y = \gamma\hat{x} + \beta$ follows
# $d\hat{x} = \gamma\,dy$, and $d\gamma = \sum dy\cdot\hat{x}$ over all values that share a $\gamma$.


# %%
def normalized(name, x, dy=None, gamma=1.0):
    """x̂, dx and dy · x̂ of a norm, all of the shape of x."""
    (shape, axes), has_mean = sets[name], name != "RMSNorm"
    dy = np.zeros_like(x) if dy is None else dy
    x_hat, inv_std = standardize(x.reshape(shape), axes, has_mean=has_mean)
    dx = standardize_backward((gamma * dy).reshape(shape), x_hat, inv_std, axes, has_mean)
    x_hat = x_hat.reshape(x.shape)
    return x_hat, dx.reshape(x.shape), dy * x_hat


in_torch = {
    "BN": nn.BatchNorm2d(C),
    "LN": nn.LayerNorm((C, H, W)),
    "IN": nn.InstanceNorm2d(C, affine=True),
    "GN": nn.GroupNorm(3, C),
    "RMSNorm": nn.RMSNorm((C, H, W), eps=1e-5),
}

# %% [markdown]
# PyTorch gets the same $x$, $\gamma$ and $dy$, and finds the gradients by itself. For each norm we print one value of $y$, of $dx$
# and of $d\gamma$ from both, and then the largest difference of all values.

# %%
rng = np.random.default_rng(0)
x, dy = rng.normal(3, 2, size=(N, C, H, W)), rng.normal(size=(N, C, H, W))
print("            y ours, PyTorch   dx ours, PyTorch   dγ ours, PyTorch   largest difference")
for name, layer in in_torch.items():
    a_place = name in ("LN", "RMSNorm")  # one γ for each place
    gamma = rng.normal(size=(C, H, W) if a_place else (C, 1, 1))
    x_hat, dx, products = normalized(name, x, dy, gamma)
    ours = gamma * x_hat, dx, products.sum(axis=0 if a_place else (0, 2, 3))
    layer.double().weight.data = torch.from_numpy(gamma).reshape(layer.weight.shape)
    x_torch = torch.from_numpy(x).requires_grad_()
    y = layer(x_torch)
    y.backward(torch.from_numpy(dy))
    theirs = [t.detach().numpy() for t in (y, x_torch.grad, layer.weight.grad)]
    pairs = [f"{a.flat[0]:8.4f} {b.flat[0]:8.4f}" for a, b in zip(ours, theirs, strict=True)]
    largest = max(abs(a - b).max() for a, b in zip(ours, theirs, strict=True))
    print(f"{name:8}", *pairs, f"{largest:12.9f}", sep="  ")

# %% [markdown]
# The differences are 0 to nine digits, forward and backward: five norms, one pair of functions. The package has them as finished layers
# (BN you know).

# %%
finished = {
    "LN": bnteach.LayerNorm((C, H, W), dtype=np.float64),
    "IN": bnteach.InstanceNorm(C),
    "GN": bnteach.GroupNorm(3, C, dtype=np.float64),
    "RMSNorm": bnteach.RMSNorm((C, H, W), eps=1e-5, dtype=np.float64),
}
for name, layer in finished.items():
    x_hat, dx, _ = normalized(name, x, dy)
    far = abs(layer(x) - x_hat).max(), abs(layer.backward(dy)[0] - dx).max()
    print(f"{name:8} differs by {far[0]:.9f} in y, {far[1]:.9f} in dx")

# %% [markdown]
# In lesson 04 $\sum dx = 0$ over a channel of BN showed that a backward pass is right.
#
# **Predict.** For LN, over which values is $\sum dx$ zero? And for RMSNorm?

# %%
for name in ("BN", "LN", "RMSNorm"):
    dx = normalized(name, x, dy)[1]
    print(f"{name:8} sums over a channel: {(abs(dx.sum(axis=(0, 2, 3))) + 0).round(3)[:3]}", end="   ")
    print(f"over a sample: {abs(dx.sum(axis=(1, 2, 3))).round(3)[:3]}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Always over the values that share a mean: a channel under BN, a sample under LN. Under RMSNorm over none of them, because nothing is
# subtracted there: if you add a constant to $x$, $y$ does change.
#
# </details>
#
# ## Lab: who shares a mean with whom
#
# You know this lab from lesson 06. A block of 3 samples, 4 channels, 2 × 3 positions; blue are the values that share a mean with the orange one.
#
# 1. Before you touch it, say for *layer*, *instance* and *group*: how many means are there, and of how many values? Then look.
# 2. Set *Contrast of this digit* to 0.25. Under which norms do the *other* digits notice?
# 3. And under which norms does the digit itself come out as before?
# 4. Under *group*, move *Channel* from 1 to 4. When do the blue values change?

# %% tags=["nbval-ignore-output"]
labs.WhichValues(norm="layer")

# %% [markdown]
# Left: the batch, with the line of NumPy that takes the means; blue values share the mean of the chosen one (orange). It is made from the three digits on the right;
# the bars beside them say how far the $\hat{x}$ of each digit moves when one of them is dimmed.
#
# <details><summary>What you may have found</summary>
#
# 1. *layer*: 3 means of 24 values. *instance*: 12 means of 6. *group*: 6 means of 12. (*batch*: 4 means of 18.)
# 2. Under *batch* alone: the values of the other digits move by up to 1.18. Under the three others by 0.00.
# 3. Under the same three: its own values move by 0.03 or less. Under *batch* by up to 1.63.
# 4. Once, between channel 2 and channel 3: there the second group begins.
#
# </details>
#
# ## What each norm forgets
#
# Whatever is the same for all values of a set is lost in that set: it is subtracted, or divided away. We change the first sample of
# the batch in five ways, and look how far its $\hat{x}$ moves.
#
# **Predict.** Draw the table yourself first: five norms, five changes. Where do you expect 0?

# %%
sample, channel, neighbors = 0, (0, 1), slice(1, None)  # x[0], x[0, 1], x[1:]
changes = {  # where, times, plus
    "whole sample · 0.3": (sample, 0.3, 0),
    "whole sample + 5": (sample, 1, 5),
    "one channel · 0.3": (channel, 0.3, 0),
    "one channel + 5": (channel, 1, 5),
    "its neighbors + 5": (neighbors, 1, 5),
}
print(" " * 18, *(f"{name:>8}" for name in sets))
for words, (where, times, plus) in changes.items():
    changed = x.copy()
    changed[where] = times * x[where] + plus
    moved = [abs(normalized(name, changed)[0][0] - normalized(name, x)[0][0]).max() for name in sets]
    print(f"{words:18}", *(f"{far:8.2f}" for far in moved))

# %% [markdown]
# <details><summary>Answer</summary>
#
# - **BN** forgets nothing of a single sample, but it is the only one that looks at the neighbors.
# - **LN** and **GN** forget the brightness and the contrast of the whole sample. They keep how its channels differ, GN within a group.
# - **IN** forgets brightness and contrast of *each channel*. So it forgets most.
# - **RMSNorm** forgets the contrast (a factor), but not a constant that is added.
#
# </details>
#
# So the question is not which norm is the best. The question is what may be forgotten. A network that paints a photo in the
# style of a painter should forget the contrast of the photo: IN was made for this. A network that must tell a bright lamp from a dark one
# should not.
#
# Two more differences follow from the table. Where the neighbors do not count, there is nothing to store: four of the five norms have
# **no running statistics**, and evaluation is the same as training. And where the statistics are not fixed numbers, the norm cannot be folded into the
# layer before it ([the fold](deeper/fold_it_away.ipynb)): **only BN is free after training**.
#
# ## How small may a batch be
#
# "BN fails in batches below 16." You can read this often. It comes from Wu and He, who trained a network of 50 layers on more than a million
# photos: in batches of 2 its error with BN was 34.7 %, and 24.1 % with GN (their table 2). Is it a law? We take three small networks:
#
# - **table**: two hidden layers on the 64 pixels. BN against LN.
# - **pictures**: two convolutions. BN against GN.
# - **pictures, then table**: the same two convolutions, then a hidden layer. BN everywhere, against GN and LN.
#
# Before you guess: of how many values $m$ does a BN layer take its mean (lesson 06), in batches of 2?

# %%
kinds, x = KINDS, torch.from_numpy(data.x_train[:2])
for kind in kinds:
    z, counts = x if kind == "table" else x.reshape(2, 1, 8, 8), []
    for layer in small_network(kind, with_bn=True):
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            counts.append(z[:, 0].numel())
        z = layer(z)
    print(f"{kind:21} m of its BN layers:", *counts)

# %% [markdown]
# **Predict.** Batches of 2 and of 4, 200 steps each. In which of the three networks is BN worse than the other norm, and in which batches?

# %% tags=["nbval-ignore-output"]
by_seed = {}
for kind in kinds:
    for size in (2, 4):

        def both(seed, kind=kind, size=size):
            return [accuracy_after(kind, with_bn, size, seed, steps=200) for with_bn in (True, False)]

        by_seed[kind, size] = over_seeds(both, progress=False).values.T
        bn, other = 100 * by_seed[kind, size]
        gap = SeedSummary(bn - other)
        print(f"{kind:21} batches of {size}: BN {bn.mean():.0f} %, other {other.mean():.0f} %", end="   ")
        print(f"BN − other: {gap.mean:+.0f} ± {gap.half_width:.0f} points")

# %%
print("BN is worse in every seed:")
for case, (bn, other) in by_seed.items():
    if (bn < other).all():
        print("{}, batches of {}".format(*case))

# %% [markdown]
# (*Points* are percentage points. ± is the 95 % interval for the mean of five seeds; the difference is taken within each seed.)
#
# <details><summary>Answer</summary>
#
# In batches of 2, in both networks that have a layer with $m = 2$, and nowhere else. Two values become −1 and +1 ([lesson 05](05_train_and_infer.ipynb)): such a layer
# only passes on which of the two was larger. The convolutions alone do not mind: *pictures* learns in batches of 2 with BN.
#
# </details>
#
# Was it the learning rate? A small batch may need another one. So here is a larger sweep: batches from 2 to 64, four learning rates, 600 steps, five
# seeds. It takes about ten minutes, so its result is stored, with its date and versions. `FULL = True` computes it again.

# %%
FULL = False
sweep = stored("results/08_batch_size.json", sweep_of_batches, again=FULL)
print("stored:", sweep["date"], sweep["versions"])
sizes, gaps = BATCH_SIZES, {}
for kind in kinds:
    bn, other = (
        np.array([sweep["results"][f"{kind}, BN {with_bn}, {n}"] for n in sizes]) for with_bn in (True, False)
    )
    gaps[kind] = SeedSummary(100 * (bn - other).T)  # a row for each seed
    low, high = gaps[kind].interval
    print(f"{kind:21} BN − other, in batches of 2: {low[0]:+.1f} to {high[0]:+.1f} points", end="   ")
    print("BN worse at batch size", np.array(sizes)[high < 0])

# %% [markdown]
# BN counts as worse where the whole interval is below 0. For each batch size each norm has the rate that was best for it. (The best on the test digits. So both accuracies are a little too good, and
# only their difference is worth looking at.)

# %%
figure, axes = figures.new_figure(columns=3, size=(7.2, 2.7))
for ax, kind in zip(axes, kinds, strict=True):
    low, high = gaps[kind].interval
    figures.percentiles(sizes, np.stack([low, gaps[kind].mean, high], axis=1), ax=ax, role="with_bn")
    _ = ax.axhline(0, color="black", lw=1)
    figures.frame(ax, title=kind, x="batch size", ylim=(-50, 10), log="x")
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
axes[0].set_ylabel("BN − other, points")
figures.show(
    figure,
    alt="The difference in accuracy between BN and the other norm against the batch size from 2 to 64, for three "
    "networks. It lies near 0 everywhere, with two exceptions: in batches of 2 it is far below 0 for the table and "
    "for the pictures, then table.",
)

# %% [markdown]
# The line is the mean difference in percentage points, the band its 95 % interval. Below the black line BN is worse.
#
# The sweep says the same as our small test. In these networks BN fails where a layer has $m = 2$, also at the learning rate that suits it best. From batches of 4 on it is
# never shown to be worse. So "fails below 16" **holds here for batches of 2**, where a layer has $m = 2$, and is **not seen** from 4 on. It is no refutation of Wu and He either: their network has at least
# $m = 2\cdot 7\cdot 7 = 98$, and suffers. It is much deeper, the task is harder, and the values of one map are not independent (lesson 06). What you can take along: look for
# the layer with the smallest $m$, and measure.
#
# ## Padding
#
# Sequences have different lengths: words, sounds, movements. To put several of them into one tensor, one fills up the short ones with zeros.
# This is **padding**, here of steps (in lesson 06 it was a frame of zeros). What does BN make of it? Three sequences of one channel, with 4, 2 and 1 real values:

# %%
real_values = np.array([1.0, 2, 3, 6, 4, 2, 3])
with_padding = np.array([[1.0, 2, 3, 6], [4, 2, 0, 0], [3, 0, 0, 0]])
p = 5 / 12  # the share of the padding
mean, var = real_values.mean(), real_values.var()
print(f"real values:  mean {mean:.3f}  variance {var:.3f}")
print(f"with padding: mean {with_padding.mean():.3f}  variance {with_padding.var():.3f}")

# %% [markdown]
# The zeros are values like any others: **padding enters the statistics**. With a share $p$ of zeros, the sums do not change, but there are more
# values to divide by. The mean becomes $(1 - p)\,\mu$. The mean of the squares becomes $(1-p)(\sigma^2 + \mu^2)$, and from this we take the square of the mean:
#
# $$\mu_\text{padded} = (1 - p)\,\mu \qquad \sigma^2_\text{padded} = (1 - p)\,(\sigma^2 + p\,\mu^2)$$
#
# **Predict.** Here the variance grew. For which means $\mu$ does padding make it smaller?

# %%
print(f"by the formula: mean {(1 - p) * mean:.3f}  variance {(1 - p) * (var + p * mean**2):.3f}")
for far in (0, 3, 30):
    print(f"μ = {far:2d}, σ² = 1, p = 0.5: variance {(1 - 0.5) * (1 + 0.5 * far**2):6.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# For means near 0: where $\mu^2 < \sigma^2 / (1 - p)$, as the formula says if you solve it. Farther away the zeros are outliers, and the variance grows.
#
# </details>
#
# The mend: **masked statistics**. The mask says which steps are real, and only these go into BN. For this the real steps of all sequences
# become the rows of a table. Here are three norms for sequences of shape $(N, \text{steps}, C)$.


# %%
class AllSteps(nn.BatchNorm1d):
    """BN as usual: each step is a row of the table, padding too."""

    def forward(self, x, real):
        return super().forward(x.flatten(0, 1)).reshape(x.shape)


class RealSteps(nn.BatchNorm1d):
    """BN with masked statistics."""

    def forward(self, x, real):
        y = torch.zeros_like(x)
        y[real] = super().forward(x[real])  # x[real]: a table with one row for each real step
        return y


class EachStep(nn.LayerNorm):
    """LN over the channels of each step, as in a transformer. It needs no mask."""

    def forward(self, x, real):
        return super().forward(x)


# %% [markdown]
# 30 digits are read column by column. A digit is as long as it is wide, so there are 3 to 8 steps of 8 values. We fill them up to 8 steps, and then
# to 40. The digits are the same both times.
#
# **Predict.** For each of the three: how far does the result for the real steps move, if there is more padding behind them?

# %%
few = columns(data.x_train[:30], repeats=[1] * 30)
for words, norm in {"all steps": AllSteps(8), "real steps": RealSteps(8), "LN": EachStep(8)}.items():
    x_8, real_8 = padded(few, length=8)
    x_40, real_40 = padded(few, length=40)
    y_8, y_40 = norm(x_8, real_8)[real_8], norm(x_40, real_40)[real_40]
    print(f"{words:11} moved by up to {(y_8 - y_40).abs().max().item():.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# BN over all steps: by more than a standard deviation. The two others: not at all. In practice the 40 comes from a neighbor: the longest sequence of a batch
# decides how much padding all others get.
#
# </details>
#
# ## What padding costs
#
# Does this matter for learning? Some writers are slow: the columns of each digit come once, twice or four times. We make batches of 30 in two ways:
#
# - **mixed**: shuffled;
# - **similar**: digits of similar length together. This saves work.


# %%
def slow_columns(pictures, seed):
    return columns(pictures, np.random.default_rng(seed).choice([1, 1, 1, 2, 4], len(pictures)))


lengths = np.array([len(sequence) for sequence in slow_columns(data.x_train, seed=0)])
for words, order in {"mixed": lengths, "similar": np.sort(lengths)}.items():
    batches = order[:1320].reshape(-1, 30)
    share = 1 - batches.mean() / batches.max(axis=1).mean()
    print(f"{words:8} {share:.0%} of the steps are padding")

# %% [markdown]
# `ColumnReader` looks at each step and its two neighbors, with two layers, and takes the mean over the real steps. Only its norms may look at the padding. We train
# it in both ways, for three epochs, and test it in evaluation mode.
#
# The network trained on *similar* batches gets one more test. Now the 450 test digits come in one padded batch, and BN takes its statistics from
# this batch. That happens when somebody forgets `eval()`, or re-estimates the running statistics (lesson 05).
#
# **Predict.** In which of the three tests does BN over all steps lose against BN over the real steps?


# %%
def trained_reader(norm, similar, seed):
    network, sequences = ColumnReader(norm, seed=seed), slow_columns(data.x_train, seed)
    train_column_reader(network, sequences, data.y_train, similar_lengths=similar, seed=seed)
    return network


def read_columns(seed):
    """The share of right answers: a row for each norm, a column for each test."""
    x, real = padded(slow_columns(data.x_test, seed + 100))
    results = []
    for norm in (AllSteps, RealSteps, EachStep):
        mixed, similar = trained_reader(norm, False, seed).eval(), trained_reader(norm, True, seed).eval()
        logits = mixed(x, real), similar(x, real), similar.train()(x, real)
        results.append([(z.argmax(dim=1).numpy() == data.y_test).mean() for z in logits])
    return np.array(results)


# %% tags=["nbval-ignore-output"]
read = over_seeds(read_columns, progress=False).values  # (seeds, norms, tests)
tests = "mixed batches", "similar batches", "similar, statistics of the padded test batch"
for test, words in enumerate(tests):
    all_steps, real_steps, layer_norm = read[:, :, test].mean(axis=0)
    gap = SeedSummary(100 * (read[:, 1, test] - read[:, 0, test]))
    print(f"{words:45} all steps {all_steps:.0%}, real {real_steps:.0%}, LN {layer_norm:.0%}", end="   ")
    print(f"real − all: {gap.mean:+.1f} ± {gap.half_width:.1f} points")

# %% [markdown]
# (A column for each norm, mean of five seeds; then the difference between the two kinds of BN, with its 95 % interval.)

# %%
loss = read[:, 0, 1] - read[:, 0, 2], read[:, 1, 1] - read[:, 1, 2]
print("the padded batch costs more than 5 points: all steps, every seed:", (loss[0] > 0.05).all())
print("                                           real steps, any seed:", (loss[1] > 0.05).any())
print("LN: exactly the same in both modes:", np.array_equal(read[:, 2, 1], read[:, 2, 2]))

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the last one, and by far. For the first two look at the intervals: where one reaches from below 0 to above it, five seeds cannot tell. In mixed batches the
# padding is in the batches of the training *and* in the running statistics, about the same share each time. But when the
# share of the padding changes, the statistics change with it, and the network answers wrongly.
#
# </details>
#
# So "padding does not matter" is **false** for the statistics. For the accuracy it depends on whether the share stays the same. Masked statistics cost
# one line, and the question does not come up. With LN it never does.
#
# ## A recurrent network
#
# A **recurrent network** reads a sequence step by step, and keeps a row of numbers $h$ in mind. At each step it mixes the new input with what it has in mind:
#
# $$h_t = \tanh(\text{norm}(W x_t + U h_{t-1})) \qquad h_0 = 0$$
#
# The same $W$ and $U$ are used at each step. We let it read digits row by row: 8 steps of 8 values. After the last step a linear layer names the digit.
# Where the norm is BN, there is a question: may all steps share one BN layer, as they share $W$ and $U$? We try
#
# - no norm;
# - **one BN** for all steps, with one set of running statistics;
# - **a BN for each step**: 8 layers, 8 sets;
# - LN.
#
# **Predict.** Which one is the best in evaluation mode? And for which of them do evaluation and training mode differ?

# %% tags=["nbval-ignore-output"]
rows = replace(data, x_train=data.x_train.reshape(-1, 8, 8), x_test=data.x_test.reshape(-1, 8, 8))


def read_rows(seed, norm, norms):
    """Accuracy in evaluation and in training mode, in percent."""
    network = RowReader(norm, norms, seed=seed)
    train(network, rows, epochs=5, seed=seed, every=1000, progress=False)
    in_evaluation = accuracy(network, rows.x_test, rows.y_test)
    answers = network.train()(torch.from_numpy(rows.x_test)).argmax(dim=1).numpy()
    return 100 * in_evaluation, 100 * (answers == rows.y_test).mean()


def readers(words, norm, norms=1):
    summary = over_seeds(lambda seed: read_rows(seed, norm, norms), progress=False)
    (evaluated, batch), (half, _) = summary.mean, summary.half_width
    print(f"{words:19} evaluation {evaluated:.1f} ± {half:.1f} %   training mode {batch:.1f} %")
    return summary.values.T


_ = readers("no norm", nn.Identity)
one_bn, bn_each = readers("one BN", nn.BatchNorm1d), readers("a BN for each step", nn.BatchNorm1d, norms=8)
layer_norm = readers("LN", nn.LayerNorm)

# %%
lost, lost_each = (in_training - in_evaluation for in_evaluation, in_training in (one_bn, bn_each))
print(
    "one BN loses in evaluation, every seed:",
    (lost > 0).all(),
    "  on average more than 5 points:",
    lost.mean() > 5,
)
print("a BN for each step loses on average less than 3 points:", lost_each.mean() < 3)
print("LN is better than one BN in evaluation, every seed:", (layer_norm[0] > one_bn[0]).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# LN and a BN for each step are the highest, and their intervals overlap: undecided. One BN for all steps works in training mode, and loses in evaluation. With a BN
# for each step hardly anything is lost. With LN both modes are the same.
#
# </details>
#
# Why? We look at what enters the one BN at each step, in training mode, on the test digits.
#
# **Predict.** At which step does the stored spread not fit?

# %% tags=["nbval-ignore-output"]
network, entered = RowReader(nn.BatchNorm1d), []
_ = train(network, rows, epochs=5, every=1000, progress=False)
stored_std = network.norms[0].running_var.sqrt()
hook = network.norms[0].register_forward_pre_hook(lambda layer, inputs: entered.append(inputs[0].detach()))
_ = network.train()(torch.from_numpy(rows.x_test))  # the hook notes what enters the BN layer
hook.remove()
ratios = [(h.std(dim=0) / stored_std).mean().item() for h in entered]  # mean over the 32 units
print("spread ÷ stored spread, steps 1 to 8:", *(f"{ratio:.2f}" for ratio in ratios))

# %%
print("step 1: below one half:", ratios[0] < 0.5)
print("steps 2 to 8: between 0.8 and 1.25:", all(0.8 < ratio < 1.25 for ratio in ratios[1:]))

# %% [markdown]
# <details><summary>Answer</summary>
#
# At the first one. There nothing is in mind yet: $h_0 = 0$, so $U h_0$ adds nothing to the spread. In training
# this small spread is stretched to 1. In evaluation it is divided by the stored one, which is made for the later steps.
#
# </details>
#
# If this is the reason, then two BN layers must take away most of the loss: one for step 1, one for all later steps.

# %% tags=["nbval-ignore-output"]
two = readers("two BN", nn.BatchNorm1d, norms=2)

# %%
print(
    "two BN lose less than half of what one BN loses, on average:", (two[1] - two[0]).mean() < lost.mean() / 2
)

# %% [markdown]
# On average most of the loss is gone: the first step was the main reason for it.
#
# Statistics for each step are due to Cooijmans and others. A sequence may be longer than those of the training; they then take the numbers of the last
# step that is known. LN has no such question, and takes any length. Ba, Kiros and Hinton made it for just this case.
#
# ## An autoencoder
#
# An **autoencoder** squeezes a picture through a few numbers, the **code**, and makes the picture again from them. The loss is the mean squared difference between the
# picture and what comes out. Here: 64 pixels, two hidden layers, a code of only **two numbers**, two hidden layers, 64 pixels. First we put a norm into the
# four hidden layers, then into the code as well. The yardstick: whoever answers every time with the mean picture gets

# %%
x_test = torch.from_numpy(data.x_test)
mean_error = ((data.x_test - data.x_train.mean(axis=0)) ** 2).mean()
print(f"mean squared error of the mean picture: {mean_error:.4f}")

# %% [markdown]
# **Predict.** Does BN help in the hidden layers? Does LN? And what does LN do to a code of two numbers? (Think of GN with two values in a group.)

# %% tags=["nbval-ignore-output"]
coders, errors = {}, {}
for hidden, code in (("-", "-"), ("BN", "-"), ("LN", "-"), ("BN", "BN"), ("BN", "LN")):

    def coder(seed, hidden=hidden, code=code):
        kinds_of = {"-": nn.Identity, "BN": nn.BatchNorm1d, "LN": nn.LayerNorm}
        network = autoencoder(kinds_of[hidden], kinds_of[code], seed=seed)
        train_autoencoder(network, data.x_train, seed=seed)
        coders[hidden, code] = network.eval()  # the one of the last seed is kept
        return ((network(x_test) - x_test) ** 2).mean().item()

    errors[hidden, code] = over_seeds(coder, progress=False)
    print(f"hidden layers {hidden:2}  code {code:2}  error {errors[hidden, code]}")

# %%
error = {case: summary.values for case, summary in errors.items()}
for norm in ("BN", "LN"):
    helps = (error[norm, "-"] < error["-", "-"]).all()
    print(f"{norm} in the hidden layers: a smaller error than without, every seed: {helps}")
gain = {norm: mean_error - error["BN", norm] for norm in ("-", "LN")}
print(
    "LN in the code: at least two thirds of the gain are lost, every seed:",
    (gain["LN"] < gain["-"] / 3).all(),
)
for norm in ("BN", "LN"):
    codes = coders["BN", norm][:8](x_test).detach().numpy().round(1)  # layers 0 to 7 make the code
    _, counts = np.unique(codes, axis=0, return_counts=True)
    share = np.sort(counts)[-2:].sum() / len(codes)
    print(f"{norm} in the code: the two most frequent codes are those of 95 % of the digits: {share > 0.95}")
exact = coders["BN", "BN"][:8](x_test).detach()
print("BN in the code: different values of each number:", *(len(exact[:, k].unique()) for k in (0, 1)))

# %% [markdown]
# Four test digits, what comes out with no norm in the code, and with LN in the code:


# %%
def mosaic(pictures, rows=2):
    """Pictures in rows, with a white line between them."""
    lined = np.pad(np.reshape(pictures, (rows, -1, 8, 8)), ((0, 0), (0, 0), (0, 1), (0, 1)))
    return lined.transpose(0, 2, 1, 3).reshape(9 * rows, -1)


made = [coders["BN", code](x_test[:4]).detach() for code in ("-", "LN")]
figures.show(
    figures.pictures(
        [mosaic(four) for four in (x_test[:4], *made)],
        ["test", "no norm in the code", "LN in the code"],
    ),
    alt="Four test digits; then what the autoencoder makes of them. Without a norm in the code they are four "
    "different blurred digits. With LN in the code there are at most two different shapes.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the hidden layers both help. In a code of two numbers LN leaves only (−1, +1) and (+1, −1), times $\gamma$ plus $\beta$: one bit. (Between them
# are only the few digits whose two numbers are nearly the same, so that $\varepsilon$ has a say. The *gain* is what an error is below that of the mean picture.) BN in the code does no such harm: in evaluation
# it is a straight line for each of the two numbers, and keeps their 450 different values.
#
# </details>
#
# In the right part of the picture four digits have become two shapes, or one. What to learn from it: LN, GN and IN **take two degrees of freedom from each set**, its mean and its
# spread. In a set of 100 nobody notices. In a set of 2 only a sign is left. For BN the same holds along the batch.
#
# ## A GAN
#
# A **GAN** (*generative adversarial network*) is a pair of networks. The **generator** makes pictures out of random numbers. The **discriminator** gives each picture a *score*:
# high for "real", low for "generated". They learn by turns, each against the other. In the usual program a batch of real pictures passes through
# the discriminator, and then a batch of generated ones. Many put BN into it: what can go wrong?
#
# First: what is a score? We take a generated (*fake*) picture, and let a discriminator (not trained yet) score it in training mode, in three companies.
#
# **Predict.** Does its score change with BN? And with LN?

# %%
torch.manual_seed(0)
real, fake = torch.from_numpy(data.x_train[:60]), generator()(torch.randn(60, 16)).detach()
for words, norm in {"BN": nn.BatchNorm1d, "LN": nn.LayerNorm}.items():
    judge = discriminator(norm)
    companies = fake, torch.cat([fake[:1], real[1:]]), torch.cat([fake[:1], fake.flip(0)[:29], real[:30]])
    scores = [judge(batch)[0].item() for batch in companies]
    print(words, "  with generated ones {:.2f}, with real ones {:.2f}, with both {:.2f}".format(*scores))

# %% [markdown]
# <details><summary>Answer</summary>
#
# With BN the same picture gets three scores. With LN it gets one. BN **couples the samples**: the discriminator does not judge pictures but batches.
#
# </details>
#
# Now suppose that the generator makes all its pictures too bright, by 0.3, or too pale, all values halved. Anybody sees that. The two kinds can pass in two ways:
# each kind **alone**, or both **mixed** in one batch.
#
# **Predict.** With BN, how much do the scores of the generated pictures change when all of them get brighter? (Radford and others, who made BN popular
# here, advise to leave it out of the first layer of the discriminator. That is the second line.)


# %%
def scores_of_fake(judge, fake, mixed):
    return judge(torch.cat([real, fake]))[len(real) :] if mixed else judge(fake)


brighter, paler = fake + 0.3, 0.5 * fake
for words, norms, mixed in (
    ("BN, alone", (nn.BatchNorm1d, nn.BatchNorm1d), False),
    ("BN in layer 2, alone", (nn.Identity, nn.BatchNorm1d), False),
    ("BN, mixed", (nn.BatchNorm1d, nn.BatchNorm1d), True),
):
    judge = discriminator(*norms)
    before = scores_of_fake(judge, fake, mixed)
    changes = [(scores_of_fake(judge, new, mixed) - before).abs().max().item() for new in (brighter, paler)]
    print(f"{words:21} scores change by up to {changes[0]:.2f} (brighter), {changes[1]:.2f} (paler)")

# %% [markdown]
# <details><summary>Answer</summary>
#
# With BN in both layers and each kind alone: not at all. The brightness moves the whole batch by the same amount in each unit, and BN subtracts it. The halving is divided away.
# A discriminator with BN after its first linear layer is **blind to whatever moves or stretches all generated pictures alike**. It can never tell the generator
# about such a mistake. In a mixed batch the real pictures are the measure, and the brightness shows. Without BN in the first layer it shows, too: there
# the leaky ReLU comes before BN, and bends what the brightness moves.
#
# </details>
#
# So we can foretell what training will do: with BN in both layers and each kind alone, nobody corrects the mean picture. To check it we need a
# measure. A classifier, trained on the digits, looks at 1 000 generated pictures. It tells three things:
#
# - **sure**: the share of pictures for which it gives one digit more than 90 %;
# - **classes**: how many of the ten digits there are ($e^\text{entropy}$ of its mean answer; 10 if all are equally frequent, 1 if there is only one);
# - **off**: how far the mean picture is from the real one, in gray values (mean over the pixels).

# %% tags=["nbval-ignore-output"]
classifier = digits_classifier()
first_of_each = torch.from_numpy(data.x_train[[np.argmax(data.y_train == digit) for digit in range(10)]])
for words, shown in {
    "real test digits": x_test,
    "random noise": torch.rand(1000, 64, generator=torch.Generator().manual_seed(0)),
    "ten training digits, copied": first_of_each.repeat(100, 1),
}.items():
    print(
        "{:28} sure {:4.0%}   classes {:4.1f}   off {:.3f}".format(
            words, *score_pictures(shown, classifier, data.x_train)
        )
    )

# %% [markdown]
# The last line is a warning: ten copied pictures get nearly full marks. **The measure does not see** whether pictures are beautiful, whether they are copies, or
# whether two generated threes differ. It is good enough to notice that something is missing.
#
# We train four pairs, 300 steps each, over five seeds. The generator is always the same; only the discriminator differs: it has LN in both layers; BN in both, each kind
# alone; BN in layer 2, each kind alone; BN in both, mixed batches.
#
# **Predict.** Which of the four has a mean picture far off?


# %% tags=["nbval-ignore-output"]
def table(looks_of):
    """Print the three measures for each pair, and return them: (seeds, 3)."""
    values = {}
    for pair in DISCRIMINATORS:
        look = over_seeds(lambda seed, p=pair: looks_of(p, seed), progress=False)
        (sure, classes, off), half = look.mean, look.half_width
        print(f"{pair:21} sure {sure:.0%} ± {half[0]:.0%}   classes {classes:.1f} ± {half[1]:.1f}", end="")
        print(f"   off {off:.3f} ± {half[2]:.3f}")
        values[pair] = look.values
    return values


short = table(lambda pair, seed: scores_after_training(pair, seed, 300, classifier))
print("BN in layer 2, alone: off in five seeds", *short["BN in layer 2, alone"][:, 2].round(2))

# %%
off = {pair: values[:, 2] for pair, values in short.items()}
for pair in ("LN", "BN, mixed"):
    print(f"BN alone is further off than {pair}, every seed:", (off["BN, alone"] > off[pair]).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# The two with BN and each kind alone. *BN in both layers* as foretold. *BN in layer 2* was not foretold: this discriminator can see the brightness.
#
# </details>
#
# After 300 steps seeing it has helped two of its seeds a little, and none enough (last line). But 300 steps are few. Here are 2 000, stored as above (`FULL = True` computes them
# again, in about two minutes).
#
# **Predict.** Does more training help the two that lag behind?


# %%
gans = stored("results/08_gan.json", sweep_of_gans, again=FULL)["results"]
_ = table(lambda pair, seed: gans[pair][seed])
shown = ("LN", "BN, alone", "BN in layer 2, alone", "BN, mixed")
figures.show(
    figures.pictures([mosaic(gans[f"{pair}, pictures"], rows=4) for pair in shown], shown),
    alt="Eight generated pictures for each of four discriminators. With LN, with BN in layer 2 alone, and with BN on mixed "
    "batches one can recognize digits. With BN in both layers and each kind alone the pictures are full of gray pixels.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both get better, and only one gets there. With BN in the second layer alone the mean picture is right in the end, and the generated pictures are at least as good as the others:
# the advice of Radford and others holds here. With BN in both layers the mean picture stays far off. (It does improve. A guess, not tested: the generator ends in a sigmoid, so it
# cannot move all its pixels by exactly the same amount, and what is not the same can be seen.)
#
# </details>
#
# The picture shows eight generated digits of seed 0 for each. With BN in both layers and each kind alone, nobody took the gray away. So "BN in the discriminator is harmless" is **false**; and "BN must
# not be in a discriminator" is **not seen here**: mixed batches, or no BN in the first layer, and it works.
#
# ## A table to choose by
#
# Start with the line that fits what you build. The third column leads to the cells that show the reason. The last one names well-known networks that do so, with
# their papers; these we have not measured.
#
# | what you build | take | because | who does so |
# |---|---|---|---|
# | a convolutional network, $m$ large in every layer | BN | as good as GN here, and [free after training](deeper/fold_it_away.ipynb); see [How small may a batch be](#How-small-may-a-batch-be) | ResNet (He et al. 2015) |
# | the same, with a layer of very small $m$ | GN or LN | [How small may a batch be](#How-small-may-a-batch-be) | a detector with GN (Wu and He 2018); GN in diffusion models (Ho et al. 2020) |
# | sequences of different length | LN or RMSNorm; BN with masked statistics | [Padding](#Padding), [What padding costs](#What-padding-costs) | LN: transformer (Vaswani et al. 2017). RMSNorm: T5 (Raffel et al. 2019), LLaMA (Touvron et al. 2023) |
# | a recurrent network | LN; a BN for each step | [A recurrent network](#A-recurrent-network) | Ba et al. 2016; Cooijmans et al. 2016 |
# | pictures whose contrast should be forgotten (style) | IN | [What each norm forgets](#What-each-norm-forgets) | Ulyanov et al. 2016; CycleGAN (Zhu et al. 2017) |
# | a layer of very few units | BN or nothing; *not* LN, GN | [An autoencoder](#An-autoencoder) | |
# | the discriminator of a GAN | LN; BN, but not in its first layer, or in mixed batches | [A GAN](#A-GAN) | LN: Gulrajani et al. 2017. BN, not in the first layer: Radford et al. 2015 |
# | no sample may have a say in the answer of another, in training too | any but BN | the last line of [What each norm forgets](#What-each-norm-forgets) | |
#
# LN or RMSNorm? RMSNorm needs one mean instead of two and has no $\beta$, so it has less to compute; in this lesson we saw what it forgets less, and nothing that would decide between them. And
# for all cases: **measure it, over several seeds**.
#
# ## What you can do now
#
# - ✓ write five norms with the same two functions, and hold each of them against PyTorch: only the set changes, and who shares a γ
# - ✓ say which values share one mean in each norm, and what each norm forgets: what is the same in the whole set
# - ✓ measure how small a batch may be for BN: here 4, and 2 where the maps give enough values; look for the smallest $m$
# - ✓ say what padding does to BN's statistics, and leave it out: it counts as values, unless a mask says which steps are real
# - ✓ put a norm into a recurrent network, and see why one set of running statistics is not enough: the first step is not like the others
# - ✓ see LN destroy what a layer knows, in the code of an autoencoder: two numbers become one bit
# - ✓ show how BN couples the samples in the discriminator of a GAN, and what comes of it: it is blind to what moves all generated pictures alike
# - ✓ choose a norm, and say why
#
# **Practice:** [the exercises of this lesson](exercises/08_choose_a_norm.ipynb).
#
# **Go on with [09 · Slim and fold](09_slim_and_fold.ipynb).**
#
# *Sources. The norms: J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization", 2016, arXiv:1607.06450. D. Ulyanov, A. Vedaldi and V. Lempitsky,
# "Instance Normalization", 2016, arXiv:1607.08022. Y. Wu and K. He, "Group Normalization", 2018, arXiv:1803.08494. B. Zhang and R. Sennrich, "Root Mean Square Layer
# Normalization", 2019, arXiv:1910.07467. Recurrent networks: T. Cooijmans, N. Ballas, C. Laurent, Ç. Gülçehre and A. Courville, "Recurrent Batch Normalization", 2016,
# arXiv:1603.09025. GANs: I. Goodfellow et al., "Generative Adversarial Networks", 2014, arXiv:1406.2661. A. Radford, L. Metz and S. Chintala (DCGAN), 2015, arXiv:1511.06434.
# T. Salimans et al., "Improved Techniques for Training GANs", 2016, arXiv:1606.03498. I. Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, arXiv:1704.00028. J.-Y. Zhu et al. (CycleGAN),
# 2017, arXiv:1703.10593. Others: K. He et al. (ResNet), 2015, arXiv:1512.03385. A. Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762. C. Raffel et al. (T5), 2019,
# arXiv:1910.10683. H. Touvron et al. (LLaMA), 2023, arXiv:2302.13971. J. Ho, A. Jain and P. Abbeel, "Denoising Diffusion Probabilistic Models", 2020, arXiv:2006.11239.*
