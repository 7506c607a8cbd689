# %% [markdown]
# # 08 · Choose a norm
#
# *40 minutes · previous: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · next:
# [09 · Slim and fold](09_slim_and_fold.ipynb)*
#
# Every norm takes a set of values and standardizes it; the norms differ in the set. BN takes one channel of all samples,
# others take one sample alone. You write five norms with two functions, see what each of them forgets, and get a table to
# choose by.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs, training
from bnteach.trials import norms

# %% tags=["draws"] alt="Four cubes of small blocks, with channels C across, positions H·W upward and samples N to the back. BatchNorm: one channel of all samples is blue. LayerNorm: all channels of the first sample. InstanceNorm: one channel of the first sample. GroupNorm: half of the channels of the first sample."
figures.show(figures.norm_cubes())

# %% [markdown]
# One batch of pictures, drawn four times: channels C across, samples N to the back, height and width as one axis, H·W.
# Blue is one set: its values share a mean and a variance.
#
# | norm | its set |
# |---|---|
# | **batch normalization (BN)** | one channel of all samples |
# | **layer normalization (LN)** | one sample |
# | **instance normalization (IN)** | one channel of one sample |
# | **group normalization (GN)** | a group of channels of one sample |
# | **RMSNorm** | that of LN, so it has no cube; it subtracts no mean, and divides by the *root of the mean square* |
#
# ## Two functions, five norms
#
# One function **standardizes** over any axes; its backward pass is that of
# [lesson 04](04_derive_the_backward_pass.ipynb). $m$ is the number of values in a set. (`has_mean=False` is for RMSNorm.)
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} \qquad
# dx = \frac{1}{\sqrt{\sigma^2 + \varepsilon}}\left(d\hat{x} - \frac{\sum d\hat{x}}{m} - \hat{x}\,\frac{\sum d\hat{x}\cdot\hat{x}}{m}\right)$$


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
# In a table of shape $(N, C)$, a set of BN is a column (`axes=0`), a set of LN a row (`axes=1`). Now pictures, and all five norms against
# PyTorch. For each norm, `sets` holds a shape of the batch, the axes of a set in it, and PyTorch's layer. Only GN needs a new shape:
# 6 channels become 3 groups of 2.

# %%
N, C, H, W = 4, 6, 5, 3
sets = {
    "BN": ((N, C, H, W), (0, 2, 3), nn.BatchNorm2d(C)),
    "LN": ((N, C, H, W), (1, 2, 3), nn.LayerNorm((C, H, W))),
    "IN": ((N, C, H, W), (2, 3), nn.InstanceNorm2d(C, affine=True)),
    "GN": ((N, 3, C // 3, H, W), (2, 3, 4), nn.GroupNorm(3, C)),  # 3 groups of 2 channels
    "RMSNorm": ((N, C, H, W), (1, 2, 3), nn.RMSNorm((C, H, W), eps=1e-5)),
}
rng = np.random.default_rng(0)
x, dy = rng.normal(3, 2, size=(N, C, H, W)), rng.normal(size=(N, C, H, W))
for name, (shape, axes, layer) in sets.items():
    has_mean = name != "RMSNorm"
    x_hat, inv_std = standardize(x.reshape(shape), axes, has_mean=has_mean)
    dx = standardize_backward(dy.reshape(shape), x_hat, inv_std, axes, has_mean)
    tensor = torch.tensor(x, requires_grad=True)
    y = layer.double()(tensor)
    y.backward(torch.tensor(dy))
    assert np.allclose(x_hat.reshape(x.shape), y.detach(), rtol=0, atol=1e-9)
    assert np.allclose(dx.reshape(x.shape), tensor.grad, rtol=0, atol=1e-9)
    print(f"{name:8} agrees with PyTorch to 1e-9;  shape of γ: {tuple(layer.weight.shape)}")

# %% [markdown]
# (In a new layer γ is 1 and β is 0, so $y = \hat{x}$.) The shape of γ is a second difference: BN, IN and GN have one γ and β **for each
# channel**, LN and RMSNorm **for each value of a sample**. RMSNorm has no β.
#
# ## Lab: who shares a mean with whom
#
# The lab of lesson 06: 3 samples, 4 channels, 2 × 3 positions.
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
# What all values of a set have in common is lost: it is subtracted, or divided away. We change the first sample, one of its
# channels, or all other samples (its *neighbors*), and print how far the $\hat{x}$ of the first sample moves.
#
# **Predict.** The changes are: sample × 0.3, sample + 5, channel × 0.3, channel + 5, neighbors + 5.
# Which of them give 0, for each norm?


# %%
def x_hat_of(name, x):
    shape, axes, _ = sets[name]
    return standardize(x.reshape(shape), axes, has_mean=name != "RMSNorm")[0].reshape(x.shape)


changes = {  # what is changed, times, plus
    "the sample times 0.3": (np.s_[0], 0.3, 0),
    "the sample plus 5": (np.s_[0], 1, 5),
    "one channel times 0.3": (np.s_[0, 1], 0.3, 0),
    "one channel plus 5": (np.s_[0, 1], 1, 5),
    "its neighbors plus 5": (np.s_[1:], 1, 5),
}
print(" " * 21, *(f"{name:>8}" for name in sets))
for words, (where, times, plus) in changes.items():
    changed = x.copy()
    changed[where] = times * x[where] + plus
    moved = [abs(x_hat_of(name, changed) - x_hat_of(name, x))[0].max() for name in sets]
    print(f"{words:21}", *(f"{far:8.2f}" for far in moved))

# %% [markdown]
# <details><summary>Answer</summary>
#
# - **BN** forgets nothing of a single sample, but it alone looks at the neighbors.
# - **LN** and **GN** forget brightness (plus) and contrast (times) of the whole sample.
# - **IN** forgets them for each channel.
# - **RMSNorm** forgets contrast, but not brightness.
#
# </details>
#
# Where no neighbor counts, there are no running statistics, and evaluation equals training. What BN alone offers: its
# statistics are fixed after training, so it can be [folded](09_slim_and_fold.ipynb#Fold) into a linear or convolution layer
# directly before it, and costs nothing.
#
# ## A table to choose by
#
# | what you build | take | because |
# |---|---|---|
# | a convolutional network, large batches | BN | here no worse than GN; costs nothing once it is folded |
# | the same, few pictures in a batch | measure BN against GN (Wu and He found GN better) | [How small may a batch be?](#How-small-may-a-batch-be?) |
# | pictures whose contrast must not count | IN, or IN with BN | [Two norms in one layer](#Two-norms-in-one-layer) |
# | a transformer | LN, RMSNorm | [Why transformers use LN or RMSNorm](#Why-transformers-use-LN-or-RMSNorm) |
#
# Measured in excursions: [sequences of different length](deeper/does_padding_matter.ipynb) (LN, or BN with a mask), [recurrent
# networks](deeper/may_all_steps_share_one_bn.ipynb) (LN, or a BN for each step), [very few
# units](deeper/what_does_ln_leave_of_a_code.ipynb) (BN or none), [GANs](deeper/is_bn_harmless_in_a_discriminator.ipynb) (LN or none).
#
# ## How small may a batch be?
#
# "BN fails in batches below 16." Wu and He trained 50 layers on photographs: in batches of 2 the error was 34.7 % with BN,
# 24.1 % with GN. Is it a law? Here are three small networks for digits of 8 × 8 places:
#
# | network | hidden layers | the other norm |
# |---|---|---|
# | table | two linear | LN |
# | pictures | two convolutions, on maps of 8 × 8 and 4 × 4 | GN |
# | pictures, then table | the same, then one linear | GN, LN |
#
# Each was trained with five seeds and four learning rates; for each norm and batch size we took the rate that did best on the test digits,
# which flatters all norms alike.
# By the rule of [lesson 07](07_put_the_claims_on_trial.ipynb), "BN is worse" *holds* when all dots lie more than 2 points below 0.
#
# **Predict.** What is $m$ of each hidden layer in batches of 2? So in which networks is BN worse there?

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

# %% tags=["draws"] alt="Accuracy with BN minus accuracy with the other norm, five dots at each batch size from 2 to 64, for three networks. Nearly all dots lie near 0 or a little above. At batch size 2 they lie 18 to 36 points below 0 for the table and for the pictures, then table."
figure, axes = figures.new_figure(columns=3, size=(7.2, 2.7))
for ax, (kind, gap) in zip(axes, gaps.items(), strict=True):
    ax.axhspan(-2, 2, color="#D5D5D5", lw=0)
    for n, seeds in zip(norms.BATCH_SIZES, gap, strict=True):
        figures.dots([n] * 5, seeds, limits=(-45, 10), ax=ax, role="with_bn", size=4)
    figures.frame(ax, title=kind, x="batch size", ylim=(-45, 10), log="x")
    ax.set_xticks(norms.BATCH_SIZES, norms.BATCH_SIZES)
    ax.minorticks_off()
axes[0].set_ylabel("BN − other, points")
figures.numbers(["gray: margin ±2"], [2], [-6], ax=axes[0], align="left")
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
# So here "fails below 16" **holds in batches of 2 where a layer has $m = 2$**: BN loses 18 to 36 points. From batches of 4 on, where the smallest
# $m$ is 4, it does not hold. That is no safe limit: Wu and He's smallest $m$ was 98 (2 maps of 7 × 7), and BN lost more than 10 points. Why, our trial
# does not tell. With few pictures in a batch, measure BN against GN.
#
# ## Two norms in one layer
#
# BN keeps contrast, IN forgets it. **Batch-instance normalization** mixes the two; each channel learns a share $\rho$ of BN.


# %%
class Joined(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, affine=False)
        self.instance = nn.InstanceNorm2d(channels)  # BN with LN: nn.GroupNorm(1, channels, affine=False)
        self.rho = nn.Parameter(torch.full((channels, 1, 1), 0.5))
        self.gamma = nn.Parameter(torch.ones(channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        rho = self.rho.clamp(0, 1)
        x_hat = rho * self.bn(x) + (1 - rho) * self.instance(x)
        return self.gamma * x_hat + self.beta


# %% [markdown]
# Two tasks. *Pale digits*: a network learns the digits, and is tested on pale ones (times 0.25). *Pale or not*: every second picture
# is pale, and it learns which. BN should fail in the first, where contrast must not count; IN in the second, where
# it is asked for.
#
# **Predict.** Does the joined layer manage both tasks, one, or none?


# %% tags=["nbval-ignore-output"]
def every_second_pale(pictures):
    pictures = pictures.copy()
    pictures[1::2] *= 0.25
    return pictures, np.arange(len(pictures)) % 2


digits = data.digits().images()
tasks = {
    "pale digits": data.Digits(digits.x_train, digits.y_train, 0.25 * digits.x_test, digits.y_test),
    "pale or not": data.Digits(*every_second_pale(digits.x_train), *every_second_pale(digits.x_test)),
}


def trained(norm, task, seed):
    network = training.small_cnn(seed=seed)  # convolution, BN, ReLU, pooling, twice; then ten logits
    network.bn_1, network.bn_2 = norm(8), norm(16)
    training.train(network, task, epochs=4, seed=seed, every=1000, progress=False)
    return network


joined = {}
for words, task in tasks.items():
    for name, norm in {"BN": nn.BatchNorm2d, "IN": nn.InstanceNorm2d, "joined": Joined}.items():
        networks = [trained(norm, task, seed) for seed in range(5)]
        right = [training.accuracy(network, task.x_test, task.y_test) for network in networks]
        print(f"{words}, {name:7}", *(f"{share:4.0%}" for share in right))
    joined[words] = networks, right  # the last ones

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both, with all five seeds. The price: of the pale digits it reads 75 to 89 %, IN alone 89 to 94 %.
#
# </details>
#
# Why BN fails: in evaluation its mean and variance are those of digits in full contrast. So a pale digit comes out with a
# quarter of the spread, and with another mean than the later layers were trained on.
#
# Which share ρ of BN did the channels learn?

# %% tags=["nbval-ignore-output"]
for words, (networks, right) in joined.items():
    layers = [layer for network in networks for layer in (network.bn_1, network.bn_2)]
    rho = torch.cat([layer.rho.flatten() for layer in layers]).clamp(0, 1)
    print(f"{words}: ρ from {rho.min():.2f} to {rho.max():.2f}")
    assert min(right) > 0.6

# %% [markdown]
# No channel became an IN; in *pale or not*, ρ goes up to 1, which is BN. For *pale digits* it stays near its start of 0.5: in training no
# digit is pale.
#
# ## Why transformers use LN or RMSNorm
#
# A transformer handles tensors of shape $(N, \text{tokens}, C)$. One that writes is trained to guess the next token. So a token should
# depend neither on later ones nor on the other sentences of the batch. We change the other sentence, then the last token, and print how far the $\hat{x}$
# of the first token moves.
#
# **Predict.** BN in training, BN in evaluation, LN of a sentence, LN of each token: which rows have two zeros?

# %%
tokens = rng.normal(size=(2, 5, 4))  # 2 sentences, 5 tokens, 4 channels
other, later = tokens.copy(), tokens.copy()
other[1] *= 3
later[0, 4] *= 3
x_hat_in = {
    "BN in training": lambda x: standardize(x, (0, 1))[0],
    "BN in evaluation": lambda x: (x - 0) / np.sqrt(1 + 1e-5),  # running mean 0, running variance 1
    "LN of a sentence": lambda x: standardize(x, (1, 2))[0],
    "LN of each token": lambda x: standardize(x, 2)[0],
}
for name, norm in x_hat_in.items():
    moved = [abs(norm(changed) - norm(tokens))[0, 0].max() for changed in (other, later)]
    print(f"{name}: other sentence {moved[0]:.2f}   later token {moved[1]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# LN of each token, over the channels alone: the LN of transformers. And BN in evaluation, because its statistics are fixed.
#
# </details>
#
# A network that writes is in evaluation, so BN would be safe there. Two things speak against it:
#
# - **In training it leaks.** Through the mean and the variance a token sees later ones, which the network has to guess. When it writes, these do
#   not exist yet: it was trained for another task.
# - **Training is not evaluation** (lesson 05). The running statistics must fit sentences of every length, and
#   [padding](deeper/does_padding_matter.ipynb) changes those of a batch. In language they vary much from batch to batch (Shen et al.).
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
# - Joined norms: Nam and Kim 2018, arXiv:1805.07925. BN in transformers: Shen et al. 2020, arXiv:2003.07845.
# - Networks with BN: ResNet, arXiv:1512.03385. With GN: diffusion models, arXiv:2006.11239. With RMSNorm: LLaMA, arXiv:2302.13971.
