# %% [markdown]
# # 08 · Choose a norm
#
# *35 minutes · previous: [07b · Ask why it helps](07b_ask_why_it_helps.ipynb) · next:
# [09 · Slim and fold](09_slim_and_fold.ipynb)*
#
# Every norm standardizes a set of values; the norms differ in the set. You write five norms with two functions, see what each of
# them forgets, and get a table to choose by.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, labs, training
from bnteach.trials import norms

# %% tags=["draws"] alt="Four cubes of small blocks, with channels C across, positions H·W upward and samples N to the back. BatchNorm: one channel of all samples is blue. LayerNorm and RMSNorm: all channels of the first sample. InstanceNorm: one channel of the first sample. GroupNorm: half of the channels of the first sample."
figures.show(figures.norm_cubes())

# %% [markdown]
# One batch of pictures, drawn four times: channels C across, samples N to the back, height and width as one axis, H·W. Blue is
# one **set**: the values that share a mean and a variance.
#
# | norm | its set |
# |---|---|
# | **batch normalization (BN)** | one channel of all samples |
# | **layer normalization (LN)**, **RMSNorm** | one sample |
# | **instance normalization (IN)** | one channel of one sample |
# | **group normalization (GN)** | a group of channels of one sample |
#
# ## Two functions, five norms
#
# BN, LN, IN and GN have one formula. $\mu$ and $\sigma^2$ are the mean and the variance of a set, $m$ is the number of its values:
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}$$
#
# RMSNorm subtracts no mean, and divides by the *root of the mean square*: $\hat{x} = x\,/\sqrt{\overline{x^2} + \varepsilon}$, where
# $\overline{x^2}$ is the mean of $x^2$ over the set. So one function standardizes for all five; `axes` says which values are a set. Its backward
# pass has the two paths of [lesson 04](04_derive_the_backward_pass.ipynb).


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
# Four pictures with 6 channels of 5 × 3 values. Only GN needs another shape: 3 groups of 2 channels, with an axis for the groups.
#
# **Predict.** How many sets does each norm have here, and how many values has a set?

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
# Now both functions against PyTorch. In a new layer γ is 1 and β is 0, so $y = \hat{x}$ and $dy = d\hat{x}$.

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
    dx_hat, has_mean = dy.reshape(x_hat.shape), name != "RMSNorm"
    dx = standardize_backward(dx_hat, x_hat, inv_std, axes_of[name], has_mean)
    tensor = torch.tensor(x, requires_grad=True)
    y = layer.double()(tensor)
    y.backward(torch.tensor(dy))
    assert np.allclose(x_hat.reshape(x.shape), y.detach(), rtol=0, atol=1e-9)
    assert np.allclose(dx.reshape(x.shape), tensor.grad, rtol=0, atol=1e-9)
    print(f"{name:8} agrees with PyTorch to 1e-9;  shape of γ: {tuple(layer.weight.shape)}")

# %% [markdown]
# BN, IN and GN have one γ and one β **for each channel**, LN and RMSNorm one **for each value of a set**, here of a sample. RMSNorm has
# no β.
#
# ## Lab: who shares a mean with whom
#
# The lab of lesson 06. Its GN has 2 groups of 2 channels.
#
# 1. Choose *layer*, then *instance*, then *group*: which values turn blue?
# 2. One digit is dimmed. Under which norms do the $\hat{x}$ of the *other* digits change?

# %% tags=["nbval-ignore-output"]
labs.WhichValues(norm="batch")

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The whole sample; one channel of it; two channels of it.
# 2. Under *batch* alone.
#
# </details>
#
# ## What each norm forgets
#
# A norm **forgets** what all values of a set have in common: a number added to all of them is subtracted with the mean (not by RMSNorm), a factor
# of all of them is divided away. We make five changes, and print how far the $\hat{x}$ of the *first sample* moves. 0 means forgotten.
#
# **Predict.** The first sample × 0.3, or + 5; one of its channels × 0.3, or + 5; all other samples, its *neighbors*, + 5: which changes
# give 0, for each norm?


# %%
def move(name, x, changed):
    before, _ = forward(name, x)
    after, _ = forward(name, changed)
    return abs(after - before)


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
    print(f"{words:21}", *(f"{move(name, x, changed)[0].max():8.2f}" for name in axes_of))

# %% [markdown]
# <details><summary>Answer</summary>
#
# - **BN** forgets none of these five (only what a whole batch has in common), and it alone looks at the neighbors.
# - **LN** and **GN** forget brightness (plus) and contrast (times) of the sample.
# - **IN** forgets them for each channel.
# - **RMSNorm** forgets contrast alone.
#
# </details>
#
# A norm that looks at no neighbors needs no running statistics. BN needs them; but after training they are fixed, so BN can be
# [folded](09_slim_and_fold.ipynb#Fold) into a linear or convolution layer directly before it, and then costs nothing.
#
# ## A brighter picture
#
# Pictures become brighter by 0.3, then a convolution makes six channels of them. What does this add to each channel, and how far do
# the $\hat{x}$ of IN and GN move?

# %%
pictures = torch.tensor(rng.uniform(size=(N, 1, H + 2, W + 2)))
filters = torch.tensor(rng.normal(size=(C, 1, 3, 3)))
maps, brighter = (nn.functional.conv2d(p, filters).numpy() for p in (pictures, pictures + 0.3))
print("added to each channel:", (brighter - maps).mean(axis=(0, 2, 3)).round(2))
for name in ("IN", "GN"):
    print(f"{name}: x̂ moves by up to {move(name, maps, brighter).max():.2f}")

# %% [markdown]
# Each filter adds another number: 0.3 times the sum of its weights. IN takes it out, because each channel is a set. (Without padding, as here. With zeros around the picture, the edges get less.) GN does not: the
# channels of a group get different numbers.
#
# ## A table to choose by
#
# | what you build | take | because |
# |---|---|---|
# | a convolutional network, large batches | BN | no worse than GN in our trial; free once folded |
# | the same, few pictures in a batch | measure BN against GN | [How small may a batch be?](#How-small-may-a-batch-be?) |
# | pictures whose brightness must not count | IN | a brighter picture adds another number to each channel; IN forgets each |
# | the same, where contrast counts for a second task | IN joined with BN | [excursion](deeper/can_one_layer_join_two_norms.ipynb) |
# | a transformer | LN, RMSNorm | [Why transformers use LN or RMSNorm](#Why-transformers-use-LN-or-RMSNorm) |
# | sequences of different length | LN, or BN with a mask | [excursion](deeper/does_padding_matter.ipynb) |
# | a recurrent network | LN, or a BN for each step | [excursion](deeper/may_all_steps_share_one_bn.ipynb) |
# | a layer of very few units | BN or none | [excursion](deeper/what_does_ln_leave_of_a_code.ipynb) |
# | the discriminator of a GAN | LN or none | [excursion](deeper/is_bn_harmless_in_a_discriminator.ipynb) |
#
# ## How small may a batch be?
#
# Wu and He trained a network of 50 layers on photographs with 8 GPUs; BN's statistics were those of each GPU's pictures. With 32
# pictures on each, the error was 23.6 % with BN and 24.1 % with GN; with 2, it was 34.7 % and 24.1 %.
#
# We compare BN with another norm in three small networks for digits. $N$ is the batch size:
#
# | network | hidden layers | $m$ of BN in them | the other norm |
# |---|---|---|---|
# | table | two linear | $N$, $N$ | LN |
# | pictures | two convolutions, maps of 8 × 8 and 4 × 4 | $64 N$, $16 N$ | GN |
# | pictures, then table | the same, then one linear | $64 N$, $16 N$, $N$ | GN, LN |
#
# Each was trained for 600 steps, with five seeds, at the best of four learning rates (on training digits that were held out). We
# print BN's test accuracy minus that of the other norm. "BN is worse" *holds* ([lesson 07](07_put_the_claims_on_trial.ipynb)) when
# all five differences lie more than 2 points below 0.

# %%
FULL = False  # the results are stored; True: train for ten minutes
kept = training.stored("results/08_batch_size.json", norms.sweep_of_batches, again=FULL)["results"]
gaps = {}  # BN − other in points: for each network an array (batch sizes, seeds)
for kind in norms.KINDS:
    bn = np.array([kept[f"{kind}, BN True, {n}"] for n in norms.BATCH_SIZES])
    other = np.array([kept[f"{kind}, BN False, {n}"] for n in norms.BATCH_SIZES])
    gaps[kind] = 100 * (bn - other)
    print(f"{kind:21} batches of 2:", *(f"{gap:+4.0f}" for gap in gaps[kind][0]))

# %% tags=["draws"] alt="Accuracy with BN minus accuracy with the other norm, five dots at each batch size N from 2 to 64, for three networks. Nearly all dots lie near 0 or a little above. At batch size 2 they lie 18 to 50 points below 0 for the table and for the pictures, then table, whose smallest m is N."
figure, axes = figures.new_figure(columns=3, size=(7.2, 2.9))
smallest_m = ["N", "16 N", "N"]
for ax, m, (kind, gap) in zip(axes, smallest_m, gaps.items(), strict=True):
    ax.axhspan(-2, 2, color="#D5D5D5", lw=0)
    for n, seeds in zip(norms.BATCH_SIZES, gap, strict=True):
        figures.dots([n] * 5, seeds, limits=(-55, 10), ax=ax, role="with_bn", size=4)
    title = f"{kind}\nsmallest m: {m}"
    figures.frame(ax, title=title, x="batch size N", xlim=(1.6, 85), ylim=(-55, 10), log="x")
    ax.set_xticks(norms.BATCH_SIZES, norms.BATCH_SIZES)
    ax.minorticks_off()
axes[0].set_ylabel("BN − other, points")
words = ["gray: margin ±2", "below 0: BN is worse"]
assert all(gap[0].max() < -2 for kind, gap in gaps.items() if "table" in kind)
assert not any((seeds < -2).all() for gap in gaps.values() for seeds in gap[1:])
figures.numbers(words, [3.6, 3.6], [-12, -20], ax=axes[0], align="left")
figures.show(figure)

# %% [markdown]
# A dot for each seed. In batches of 2, "BN is worse" holds in the two networks that have a layer with $m = 2$: BN loses 18 to 50 points. (A
# set of two values gives only −1 and +1, lesson 02.) In batches of 4 and more it holds in none of the three.
#
# But 4 is no safe limit: with Wu and He BN lost nearly 11 points, though the smallest $m$ was 98 (2 maps of 7 × 7). Our trial does not tell
# why. So with few pictures in a batch, measure.
#
# ## Why transformers use LN or RMSNorm
#
# A transformer reads a text as a row of **tokens**: words or pieces of words. Its tensors have shape $(N, \text{tokens}, C)$. One that
# writes is trained to guess each next token. So the $\hat{x}$ of a token should depend neither on later tokens nor on other texts.
#
# The set of *LN of a text* is a whole text, that of *LN of each token* the channels of one token. We change the other text, then the last
# token, and print how far the $\hat{x}$ of the first token moves.
#
# **Predict.** BN in training, BN in evaluation, LN of a text, LN of each token: which rows have two zeros?

# %%
tokens = rng.normal(size=(2, 5, 4))  # 2 texts, 5 tokens, 4 channels
other, later = tokens.copy(), tokens.copy()
other[1] *= 3
later[0, 4] *= 3
bn = nn.BatchNorm1d(4).double().eval()  # a new layer: running mean 0, running variance 1
x_hat_in = {
    "BN in training": lambda x: standardize(x, (0, 1))[0],
    "BN in evaluation": lambda x: bn(torch.tensor(x).transpose(1, 2)).transpose(1, 2).detach().numpy(),
    "LN of a text": lambda x: standardize(x, (1, 2))[0],
    "LN of each token": lambda x: standardize(x, 2)[0],
}
for name, norm in x_hat_in.items():
    moved = [abs(norm(changed) - norm(tokens))[0, 0].max() for changed in (other, later)]
    print(f"{name:16}  other text {moved[0]:.2f}   last token {moved[1]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# LN of each token, and BN in evaluation, because its statistics are fixed.
#
# </details>
#
# A network that writes is in evaluation, so BN would be safe there. But:
#
# - **In training it leaks.** Through the mean and the variance a token sees later ones, which the network has to guess.
# - **Training is not evaluation** (lesson 05). One running mean must serve all texts. But in language the statistics of a batch are often
#   far from it (Shen et al.).
#
# So transformers use LN of each token, with one γ and one β for each channel. RMSNorm has the same set and saves the mean; LLaMA uses it.
#
# **Shown:** five norms are two functions over other axes; each forgets what its set has in common; BN lost where $m = 2$.
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
# - A network with RMSNorm: LLaMA, arXiv:2302.13971.
