# %% [markdown]
# # 08 · Choose a norm
#
# *35 minutes · previous: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · next:
# [09 · Slim and fold](09_slim_and_fold.ipynb)*
#
# Every norm takes a set of values and standardizes it; the norms differ in the set. BN takes one channel of all samples,
# others take one sample alone. You write five norms with two functions, see what each of them forgets, and get a table to
# choose by.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, labs, training
from bnteach.trials import norms

# %% tags=["draws"] alt="Four cubes of small blocks, with channels C across, positions H·W upward and samples N to the back. BatchNorm: one channel of all samples is blue. LayerNorm: all channels of the first sample. InstanceNorm: one channel of the first sample. GroupNorm: half of the channels of the first sample."
figures.show(figures.norm_cubes())

# %% [markdown]
# One batch of pictures, drawn four times: channels C across, samples N to the back, height and width as one axis, H·W.
# Blue is one **set**: the values that share a mean and a variance.
#
# | norm | its set |
# |---|---|
# | **batch normalization (BN)** | one channel of all samples |
# | **layer normalization (LN)** | one sample |
# | **instance normalization (IN)** | one channel of one sample |
# | **group normalization (GN)** | a group of channels of one sample |
# | **RMSNorm** | one sample, as in LN |
#
# ## Two functions, five norms
#
# BN, LN, IN and GN have one formula. $\mu$ and $\sigma^2$ are the mean and the variance of a set, $m$ is the number of its values:
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}$$
#
# RMSNorm subtracts no mean, and divides by the *root of the mean square*: $\hat{x} = x\,/\sqrt{\overline{x^2} + \varepsilon}$, where
# $\overline{x^2}$ is the mean of $x^2$ over the set. So one function standardizes for all five; `axes` says which values are a set. Its backward
# pass is that of [lesson 04](04_derive_the_backward_pass.ipynb):
#
# $$dx = \frac{1}{\sqrt{\sigma^2 + \varepsilon}}\left(d\hat{x} - \frac{\sum d\hat{x}}{m} - \hat{x}\,\frac{\sum d\hat{x}\cdot\hat{x}}{m}\right)$$


# %%
def mean_over(values, axes):
    return values.mean(axis=axes, keepdims=True)


def standardize(x, axes, eps=1e-5, has_mean=True):
    centered = x - mean_over(x, axes) if has_mean else x
    inv_std = 1 / np.sqrt(mean_over(centered**2, axes) + eps)
    return centered * inv_std, inv_std


def standardize_backward(dx_hat, x_hat, inv_std, axes, has_mean=True):
    through_mean = mean_over(dx_hat, axes) if has_mean else 0.0
    through_var = x_hat * mean_over(dx_hat * x_hat, axes)
    return inv_std * (dx_hat - through_mean - through_var)


# %% [markdown]
# Four pictures with 6 channels of 5 × 3 values. Only GN needs another shape: 6 channels become 3 groups of 2, and
# the groups get an axis of their own.

# %%
N, C, H, W = 4, 6, 5, 3
rng = np.random.default_rng(0)
x = rng.normal(3, 2, size=(N, C, H, W))
axes_of = {"BN": (0, 2, 3), "LN": (1, 2, 3), "IN": (2, 3), "GN": (2, 3, 4), "RMSNorm": (1, 2, 3)}


def forward(name, x):
    values = x.reshape(N, 3, C // 3, H, W) if name == "GN" else x
    return standardize(values, axes_of[name], has_mean=name != "RMSNorm")


for name in axes_of:
    x_hat, inv_std = forward(name, x)
    print(f"{name:8} {inv_std.size:2} sets of m = {x.size // inv_std.size} values")

# %% [markdown]
# Now both functions against PyTorch's layers. In a new layer γ is 1 and β is 0, so $y = \hat{x}$ and $dy = d\hat{x}$.

# %%
layers = {
    "BN": nn.BatchNorm2d(C),
    "LN": nn.LayerNorm((C, H, W)),
    "IN": nn.InstanceNorm2d(C, affine=True),
    "GN": nn.GroupNorm(3, C),
    "RMSNorm": nn.RMSNorm((C, H, W), eps=1e-5),
}
dy = rng.normal(size=x.shape)
for name, layer in layers.items():
    x_hat, inv_std = forward(name, x)
    dx_hat = dy.reshape(x_hat.shape)
    dx = standardize_backward(dx_hat, x_hat, inv_std, axes_of[name], has_mean=name != "RMSNorm")
    tensor = torch.tensor(x, requires_grad=True)
    y = layer.double()(tensor)
    y.backward(torch.tensor(dy))
    assert np.allclose(x_hat.reshape(x.shape), y.detach(), rtol=0, atol=1e-9)
    assert np.allclose(dx.reshape(x.shape), tensor.grad, rtol=0, atol=1e-9)
    print(f"{name:8} agrees with PyTorch to 1e-9;  shape of γ: {tuple(layer.weight.shape)}")

# %% [markdown]
# The norms also differ in the shape of γ: BN, IN and GN have one γ and one β **for each channel**, LN and RMSNorm **for each value of a
# sample**. RMSNorm has no β.
#
# ## Lab: who shares a mean with whom
#
# The lab of lesson 06: 3 samples, 4 channels, 2 × 3 positions. Its GN has 2 groups.
#
# 1. *layer*, *instance*, *group*: first say how many means there are, of how many values each. Then look.
# 2. *Contrast of this digit* is 0.25. Under which norms do the *other* digits move?

# %% tags=["nbval-ignore-output"]
labs.WhichValues(norm="batch")

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. *layer*: 3 means of 24 values. *instance*: 12 of 6. *group*: 6 of 12.
# 2. Under *batch* alone.
#
# </details>
#
# ## What each norm forgets
#
# A norm **forgets** what all values of a set have in common: a number added to all of them is subtracted with the mean, a factor
# of all of them is divided away. We make five changes, and print how far the $\hat{x}$ of the *first sample* moves. 0 means that the norm has forgotten the change.
#
# **Predict.** The changes are: the first sample × 0.3, or + 5; one of its channels × 0.3, or + 5; all other samples, its *neighbors*, + 5.
# Which of them give 0, for each norm?

# %%
changes = {  # what is changed, times, plus
    "the sample times 0.3": (np.s_[0], 0.3, 0),
    "the sample plus 5": (np.s_[0], 1, 5),
    "one channel times 0.3": (np.s_[0, 1], 0.3, 0),
    "one channel plus 5": (np.s_[0, 1], 1, 5),
    "its neighbors plus 5": (np.s_[1:], 1, 5),
}
print(" " * 21, *(f"{name:>8}" for name in axes_of))
for words, (where, times, plus) in changes.items():
    changed = x.copy()
    changed[where] = times * x[where] + plus
    moves = [abs(forward(name, changed)[0] - forward(name, x)[0])[0].max() for name in axes_of]
    print(f"{words:21}", *(f"{move:8.2f}" for move in moves))

# %% [markdown]
# <details><summary>Answer</summary>
#
# - **BN** forgets none of the five, and it alone looks at the neighbors.
# - **LN** and **GN** forget brightness (plus) and contrast (times) of the whole sample.
# - **IN** forgets them for each channel.
# - **RMSNorm** forgets contrast, but not brightness.
#
# </details>
#
# A norm that looks at no neighbors needs no running statistics: its evaluation equals its training. BN needs them, and they bring one
# advantage: after training they are fixed, so BN can be [folded](09_slim_and_fold.ipynb#Fold) into a linear or convolution layer
# directly before it, and then costs nothing.
#
# ## A table to choose by
#
# | what you build | take | because |
# |---|---|---|
# | a convolutional network, large batches | BN | no worse than GN in our trial; costs nothing once it is folded |
# | the same, few pictures in a batch | measure BN against GN | [How small may a batch be?](#How-small-may-a-batch-be?) |
# | pictures whose contrast must not count | IN, or IN joined with BN | IN forgets it |
# | a transformer | LN, RMSNorm | [Why transformers use LN or RMSNorm](#Why-transformers-use-LN-or-RMSNorm) |
#
# **Two norms in one layer.** A layer can mix the $\hat{x}$ of BN and that of IN. In [an excursion](deeper/can_one_layer_join_two_norms.ipynb) such a
# layer learned two tasks: in one BN fails, because contrast must not count, and in the other IN fails, because contrast is asked for.
#
# More excursions: [sequences of different length](deeper/does_padding_matter.ipynb) (LN, or BN with a mask), [recurrent
# networks](deeper/may_all_steps_share_one_bn.ipynb) (LN, or a BN for each step), [very few
# units](deeper/what_does_ln_leave_of_a_code.ipynb) (BN or none), [GANs](deeper/is_bn_harmless_in_a_discriminator.ipynb) (LN or none).
#
# ## How small may a batch be?
#
# "BN fails in batches below 16." Wu and He trained a network of 50 layers on photographs: in batches of 2 its error was 34.7 % with BN, and
# 24.1 % with GN. Is 16 a law? We compare BN with another norm in three small networks for digits of 8 × 8 places:
#
# | network | hidden layers | the other norm |
# |---|---|---|
# | table | two linear | LN |
# | pictures | two convolutions, on maps of 8 × 8 and 4 × 4 | GN |
# | pictures, then table | the same, then one linear | GN, LN |
#
# Each was trained for 600 steps, with five seeds. Its learning rate is the best of four on training digits that were held out; the
# accuracies are those on the test digits. "BN is worse" *holds* ([lesson 07](07_put_the_claims_on_trial.ipynb)) when all five
# dots lie more than 2 points below 0.
#
# **Predict.** What is $m$ in each hidden layer, for BN in batches of 2? So in which networks is BN worse there?

# %%
FULL = False  # the results are stored; True: train for ten minutes
kept = training.stored("results/08_batch_size.json", norms.sweep_of_batches, again=FULL)["results"]
gaps = {}  # BN − other in points: for each network an array (batch sizes, seeds)
for kind in norms.KINDS:
    bn = np.array([kept[f"{kind}, BN True, {n}"] for n in norms.BATCH_SIZES])
    other = np.array([kept[f"{kind}, BN False, {n}"] for n in norms.BATCH_SIZES])
    gaps[kind] = 100 * (bn - other)
    print(f"{kind:21} batches of 2:", *(f"{gap:+4.0f}" for gap in gaps[kind][0]), end="   ")
    print(f"from 4 on: {gaps[kind][1:].min():+.1f} to {gaps[kind][1:].max():+.1f}")

# %% tags=["draws"] alt="Accuracy with BN minus accuracy with the other norm, five dots at each batch size from 2 to 64, for three networks. Nearly all dots lie near 0 or a little above. At batch size 2 they lie 18 to 50 points below 0 for the table and for the pictures, then table."
figure, axes = figures.new_figure(columns=3, size=(7.2, 2.7))
for ax, (kind, gap) in zip(axes, gaps.items(), strict=True):
    ax.axhspan(-2, 2, color="#D5D5D5", lw=0)
    for n, seeds in zip(norms.BATCH_SIZES, gap, strict=True):
        figures.dots([n] * 5, seeds, limits=(-55, 10), ax=ax, role="with_bn", size=4)
    figures.frame(ax, title=kind, x="batch size", ylim=(-55, 10), log="x")
    ax.set_xticks(norms.BATCH_SIZES, norms.BATCH_SIZES)
    ax.minorticks_off()
axes[0].set_ylabel("BN − other, points")
figures.numbers(["gray: margin ±2"], [4], [-12], ax=axes[0], align="left")
figures.show(figure)

# %% [markdown]
# A dot for each seed.
#
# <details><summary>Answer</summary>
#
# $m$ is 2 in a linear layer, and 2 · 64 = 128 or 2 · 16 = 32 on the maps. BN is worse in the two networks with a linear layer: a set of two
# values gives only −1 and +1 (lesson 02).
#
# </details>
#
# So here BN fails **in batches of 2 where a layer has $m = 2$**: it loses 18 to 50 points. In batches of 4 and more, where the smallest
# $m$ is 4, "BN is worse" does not hold. That is no safe limit: with Wu and He the smallest $m$ was 98 (2 maps of 7 × 7), and BN lost more than 10 points. Why, our trial
# does not tell. So with few pictures in a batch, measure BN against GN.
#
# ## Why transformers use LN or RMSNorm
#
# A transformer reads a text as a row of **tokens**, which are words or pieces of words. Its tensors have shape $(N, \text{tokens}, C)$.
# One that writes is trained to guess each next token. So the $\hat{x}$ of a token should depend neither on later tokens nor on the
# other texts of the batch. We change the other text, then the last token, and print how far the $\hat{x}$ of the first token moves.
#
# **Predict.** BN in training, BN in evaluation, LN of a text, LN of each token: which rows have two zeros?

# %%
tokens = rng.normal(size=(2, 5, 4))  # 2 texts, 5 tokens, 4 channels
other, later = tokens.copy(), tokens.copy()
other[1] *= 3
later[0, 4] *= 3
x_hat_in = {
    "BN in training": lambda x: standardize(x, (0, 1))[0],
    "BN in evaluation": lambda x: (x - 0) / np.sqrt(1 + 1e-5),  # running mean 0, running variance 1
    "LN of a text": lambda x: standardize(x, (1, 2))[0],
    "LN of each token": lambda x: standardize(x, 2)[0],
}
for name, norm in x_hat_in.items():
    moved = [abs(norm(changed) - norm(tokens))[0, 0].max() for changed in (other, later)]
    print(f"{name:16}  other text {moved[0]:.2f}   last token {moved[1]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# LN of each token, over the channels alone: the LN of transformers. And BN in evaluation, because its statistics are fixed.
#
# </details>
#
# A network that writes is in evaluation, so BN would be safe there. Two things speak against it:
#
# - **In training it leaks.** Through the mean and the variance a token sees later ones, which are those that the network has to guess. When it
#   writes, they do not exist yet.
# - **Training is not evaluation** (lesson 05). The running statistics must fit texts of every length, and
#   [padding](deeper/does_padding_matter.ipynb) changes the statistics of a batch. In language these vary much from batch to batch (Shen et al.).
#
# LN of each token has neither fault. RMSNorm takes the same set, without the mean.
#
# **Shown:** five norms are two functions over other axes; each forgets what its set has in common; BN lost where a
# layer had $m = 2$.
#
# **Practice:** [the exercises](exercises/08_choose_a_norm.ipynb), 30 minutes.
#
# **Next:** [09 · Slim and fold](09_slim_and_fold.ipynb), γ as a measure of a channel.
#
# Sources:
#
# - LN: Ba, Kiros and Hinton 2016, arXiv:1607.06450. IN: Ulyanov et al. 2016, arXiv:1607.08022. GN, the cubes, batches of 2: Wu and He
#   2018, arXiv:1803.08494. RMSNorm: Zhang and Sennrich 2019, arXiv:1910.07467.
# - BN in transformers: Shen et al. 2020, arXiv:2003.07845.
# - Networks with BN: ResNet, arXiv:1512.03385. With GN: diffusion models, arXiv:2006.11239. With RMSNorm: LLaMA, arXiv:2302.13971.
