# %% [markdown]
# # 08 · Choose a norm
#
# *40 minutes · previous: [07b · Ask why it helps](07b_ask_why_it_helps.ipynb) · next:
# [09 · Slim and fold](09_slim_and_fold.ipynb)*
#
# Batch normalization (BN) has relatives. These **norms** standardize different sets of values.
# You write five norms with two functions, and see what each norm forgets and when to choose it.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, labs, training
from bnteach.trials import norms

# %% [markdown]
# A **set** holds the values that share one mean and one variance. In the figure the batch has 4 pictures (samples, N) with 6 channels (C).
# Height and width are one axis, H·W, with 4 positions. One set is blue.

# %% tags=["draws"] alt="Four cubes of small blocks, with channels C across, positions H·W upward and samples N to the back. BatchNorm: one channel of all samples is blue. LayerNorm and RMSNorm: all channels of the first sample. InstanceNorm: one channel of the first sample. GroupNorm: half of the channels of the first sample."
figures.show(figures.norm_cubes())

# %% [markdown]
# | norm | its set |
# |---|---|
# | **batch normalization (BN)** | one channel of all samples |
# | **layer normalization (LN)**, **RMSNorm** | one sample, or one token of it |
# | **instance normalization (IN)** | one channel of one sample |
# | **group normalization (GN)** | a group of channels of one sample |
#
# With LN you choose the axes of the set. `nn.LayerNorm((C, H, W))` takes a whole picture. In a transformer a sample is a text, a row of **tokens**, and `nn.LayerNorm(C)` takes
# the channels of one token.
#
# ## Two functions, five norms
#
# BN, LN, IN and GN have one formula. $\mu$ and $\sigma^2$ are the mean and the variance of a set:
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}$$
#
# RMSNorm subtracts no mean. It divides by the *root of the mean square*: $\hat{x} = x\,/\sqrt{\overline{x^2} + \varepsilon}$, where
# $\overline{x^2}$ is the mean of $x^2$ over the set.
#
# `standardize` gets the axes of a set; for RMSNorm `has_mean` is False. `standardize_backward` is the formula of lesson 04, with the means over a set:
#
# $$dx = \frac{1}{\sqrt{\sigma^2 + \varepsilon}}\,\big(d\hat{x} - \text{mean}(d\hat{x}) - \hat{x}\,\text{mean}(d\hat{x}\,\hat{x})\big)$$
#
# RMSNorm subtracts no mean, so it has no path through the mean, and no middle term.


# %%
def mean_over(values, axes):
    return values.mean(axis=axes, keepdims=True)


def standardize(x, axes, eps=1e-5, has_mean=True):
    if has_mean:
        x = x - mean_over(x, axes)
    inv_std = 1 / np.sqrt(mean_over(x**2, axes) + eps)
    return x * inv_std, inv_std


def standardize_backward(dx_hat, x_hat, inv_std, axes, has_mean=True):
    middle_term = mean_over(dx_hat, axes) if has_mean else 0.0
    return inv_std * (dx_hat - middle_term - x_hat * mean_over(dx_hat * x_hat, axes))


# %% [markdown]
# The cell counts the sets in a batch like that of the figure, and the values in each set, $m$. For GN, `reshape` divides the 6 channels into 2 groups of 3: one axis more.

# %%
N, C, H, W = 4, 6, 2, 2
rng = np.random.default_rng(0)
x = rng.normal(3, 2, size=(N, C, H, W))
axes_of = {"BN": (0, 2, 3), "LN": (1, 2, 3), "IN": (2, 3), "GN": (2, 3, 4), "RMSNorm": (1, 2, 3)}


def forward(name, x):
    values = x.reshape(N, 2, 3, H, W) if name == "GN" else x
    return standardize(values, axes_of[name], has_mean=name != "RMSNorm")


for name in axes_of:
    x_hat, inv_std = forward(name, x)
    print(f"{name:8} {inv_std.size:2} sets of m = {x.size // inv_std.size} values")

# %% [markdown]
# These are the blue blocks of the figure. You choose the number of groups. One group gives
# the sets of LN, a group for each channel those of IN. Wu and He, who introduced GN, took 32 groups.
#
# Now we compare with PyTorch. In a new layer γ is 1 and β is 0, so $y = \hat{x}$ and $dy = d\hat{x}$.

# %%
layers = {
    "BN": nn.BatchNorm2d(C),
    "LN": nn.LayerNorm((C, H, W)),
    "IN": nn.InstanceNorm2d(C, affine=True),
    "GN": nn.GroupNorm(2, C),
    "RMSNorm": nn.RMSNorm((C, H, W), eps=1e-5),
}
dy = rng.normal(size=x.shape)
for name, layer in layers.items():
    x_hat, inv_std = forward(name, x)
    dx_hat = dy.reshape(x_hat.shape)
    dx = standardize_backward(dx_hat, x_hat, inv_std, axes_of[name], name != "RMSNorm")
    tensor = torch.tensor(x, requires_grad=True)
    y = layer.double()(tensor)
    y.backward(torch.tensor(dy))
    assert np.allclose(x_hat.reshape(x.shape), y.detach(), rtol=0, atol=1e-9)
    assert np.allclose(dx.reshape(x.shape), tensor.grad, rtol=0, atol=1e-9)
    print(f"{name:8} agrees with PyTorch to 1e-9;  shape of γ: {tuple(layer.weight.shape)}")

# %% [markdown]
# LN and RMSNorm have a γ for each place in a sample, here 24, the others one for each channel. RMSNorm has no β.
#
# ## Lab: who shares a mean with whom
#
# You know this lab from lesson 06. On the left are the outputs of four filters for three digits. The set of the orange value is blue. On the right are the three digits. One of them is
# made dimmer, and the bars show by how much this changes the $\hat{x}$ of each digit.
#
# 1. Go through the norms, and say before each click which values will be blue.
# 2. Under which norms do the *other* digits have bars?

# %% tags=["nbval-ignore-output"]
labs.WhichValues(norm="batch")

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. As in the cubes above.
# 2. Under *batch* alone: the other norms have no set with values of two digits.
#
# </details>
#
# ## What each norm forgets
#
# A norm **forgets** what all values of a set have in common. A number added to all of them is subtracted with the mean.
# A positive factor of all of them is divided away (up to ε).
#
# The cell changes the input of the norm in six ways: it multiplies by 0.3 or adds 5, in sample 0, in some of its channels, or in others. For each norm it prints how far the $\hat{x}$ of
# *sample 0* moves at most.
#
# **Predict.** Which of the six changes does each norm forget, so that the cell prints 0.00?


# %%
def largest_move(name, x, changed):
    before, _ = forward(name, x)
    after, _ = forward(name, changed)
    return abs(after - before)[0].max()  # of the first sample


changes = {  # what is changed, times, plus
    "sample 0 times 0.3": (np.s_[0], 0.3, 0),
    "sample 0 plus 5": (np.s_[0], 1, 5),
    "its channels 0 to 2 plus 5": (np.s_[0, :3], 1, 5),
    "its channel 1 plus 5": (np.s_[0, 1], 1, 5),
    "channel 1 of all plus 5": (np.s_[:, 1], 1, 5),
    "all other samples plus 5": (np.s_[1:], 1, 5),
}
print(" " * 26, *(f"{name:>8}" for name in axes_of))
for words, (where, times, plus) in changes.items():
    changed = x.copy()
    changed[where] = times * x[where] + plus
    print(f"{words:26}", *(f"{largest_move(name, x, changed):8.2f}" for name in axes_of))

# %% [markdown]
# <details><summary>Answer</summary>
#
# - **BN** forgets what is added to a channel of *all* samples, and only BN looks at the other samples.
# - **LN** forgets what is added to the sample or multiplies it, **GN** the same for each group, **IN** for each channel.
# - **RMSNorm** forgets only a factor of the sample.
#
# </details>
#
# Forgetting has a price: the next layers cannot use what is forgotten. After IN they cannot see how strongly a filter answered to this
# picture, because a channel and 0.3 times this channel give the same $\hat{x}$.
#
# A norm that does not look at other samples needs no running statistics. Those of BN are fixed
# after training, so BN can be [folded](09_slim_and_fold.ipynb#Fold) into the layer directly before it. Then it costs nothing.
#
# ## A brighter picture
#
# So far the change came directly before the norm. Now a convolution lies between: pictures become brighter by 0.3, and the norm
# gets the six channels that the convolution makes of them.
#
# **Predict.** Do both IN and GN forget the brightness here?

# %%
pictures = torch.tensor(rng.uniform(size=(N, 1, H + 2, W + 2)))
filters = torch.tensor(rng.normal(size=(C, 1, 3, 3)))
maps, brighter = (nn.functional.conv2d(p, filters).numpy() for p in (pictures, pictures + 0.3))
print("added to each channel:", (brighter - maps).mean(axis=(0, 2, 3)).round(2))
for name in ("IN", "GN"):
    print(f"{name}: x̂ of the first picture moves by up to {largest_move(name, maps, brighter):.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only IN does. A filter adds 0.3 times the sum of its weights, and each filter has another sum. So the channels of a group get
# different numbers, and one mean cannot subtract them all.
#
# </details>
#
# (Without padding: zeros around the picture would not become brighter.)
#
# ## How small may a batch be?
#
# Wu and He trained a network of 50 layers with ImageNet, on 8 GPUs, and BN used the pictures of each GPU alone. With 32 pictures on each,
# the error was 23.6 % with BN and 24.1 % with GN. With 2, it was 34.7 % and 24.1 %.
#
# We train three small networks for digits in batches of $N$ pictures, once with BN, and once with other norms that do not look at the batch: LN after a linear
# layer, and GN with 4 groups after a convolution. The last column has $m$, the number of values in a set of BN, for each hidden layer.
#
# | network | hidden layers | $m$ |
# |---|---|---|
# | table | two linear | $N$, $N$ |
# | pictures | two convolutions, maps of 8 × 8 and 4 × 4 | $64 N$, $16 N$ |
# | pictures, then table | the same, then one linear | $64 N$, $16 N$, $N$ |
#
# There are five seeds. The learning rate is the best of four for each network, norm and $N$, chosen on held-out training digits. All
# trainings have 600 steps, so a small $N$ means fewer digits: compare only at the same $N$.
# The cell reads the stored results.

# %%
FULL = False  # the results are stored; True: train for ten minutes
kept = training.stored("results/08_batch_size.json", norms.sweep_of_batches, again=FULL)["results"]


def accuracies(kind, with_bn):  # in percent: a row for each N, a column for each seed
    return 100 * np.array([kept[f"{kind}, BN {with_bn}, {n}"] for n in norms.BATCH_SIZES])


for kind in norms.KINDS:
    with_bn, other = accuracies(kind, True)[-1].mean(), accuracies(kind, False)[-1].mean()
    print(f"{kind:20} N = 64: {with_bn:.1f} % right with BN, {other:.1f} % with the other norms")

# %% [markdown]
# At $N = 64$ BN is about one point better. That is less than our margin for this trial, 2 points. The figure shows BN's accuracy minus that of the other norms, a dot
# for each seed. The claim "BN is worse" holds where all five dots lie below the gray band.
#
# **Predict.** In which of the three networks is BN worse at $N = 2$?

# %% tags=["draws"] alt="Accuracy with BN minus accuracy with the other norms, five dots at each batch size N from 2 to 64, for three networks. Nearly all dots lie near 0 or a little above. At batch size 2 they lie 18 to 50 points below 0 for the table and for the pictures, then table, whose smallest m is N."
figure, axes = figures.new_figure(columns=3, size=(7.2, 2.9))
others = ["LN", "GN", "GN and LN"]
side_by_side = 1.08 ** np.arange(-2, 3)  # the five seeds
for ax, kind, other in zip(axes, norms.KINDS, others, strict=True):
    gaps = accuracies(kind, True) - accuracies(kind, False)
    ax.axhspan(-2, 2, color="#D5D5D5", lw=0)
    for n, seeds in zip(norms.BATCH_SIZES, gaps, strict=True):
        figures.dots(n * side_by_side, seeds, limits=(-55, 10), ax=ax, role="with_bn", size=4)
    assert (gaps[0].max() < -2) == ("table" in kind)
    assert not any((seeds < -2).all() for seeds in gaps[1:])
    title = f"{kind}\nBN minus {other}"
    figures.frame(ax, title=title, x="batch size N", xlim=(1.6, 85), ylim=(-55, 10), log="x")
    ax.set_xticks(norms.BATCH_SIZES, norms.BATCH_SIZES)
    ax.minorticks_off()
axes[0].set_ylabel("points (gray: −2 to 2)")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the two that have a layer with $m = 2$: BN loses 18 to 50 points. A set of two different values gives only −1 and +1, up to ε (lesson 02).
#
# </details>
#
# From $N = 4$ on, BN is not shown to be worse in any. But other networks may need more than 4: with Wu and He the smallest $m$ was 98 (2 maps of 7 × 7), and BN lost
# nearly 11 points. So $m$ does not explain everything, and our trial does not tell what else does.
#
# ## Why transformers use LN or RMSNorm
#
# A transformer reads a sentence as a row of tokens, words or pieces of words: $x$ has the shape $(N, \text{tokens}, C)$.
# A transformer that writes is trained to guess each next token. So what it computes for a token must not depend on later tokens: these are what it has to guess. And a
# sentence should not depend on which other sentences are in the batch.
#
# We try BN, and LN with two choices of axes: the set is a whole sentence, or one token. The cell changes the other sentence, and then the last token. It prints how far
# the $\hat{x}$ of the first token moves.
#
# **Predict.** Which of the four rows have two zeros?

# %%
sentences = rng.normal(size=(2, 5, 4))  # 2 sentences, 5 tokens, 4 channels
other_changed, last_changed = sentences.copy(), sentences.copy()
other_changed[1] *= 3
last_changed[0, 4] *= 3
running_mean, running_var = np.zeros(4), np.ones(4)  # of a new layer
x_hat_in = {
    "BN in training": lambda x: standardize(x, (0, 1))[0],
    "BN in evaluation": lambda x: (x - running_mean) / np.sqrt(running_var + 1e-5),
    "LN of a sentence": lambda x: standardize(x, (1, 2))[0],
    "LN of each token": lambda x: standardize(x, 2)[0],
}
for name, norm in x_hat_in.items():
    moved = [abs(norm(changed) - norm(sentences))[0, 0].max() for changed in (other_changed, last_changed)]
    print(f"{name:16}  other sentence changed: {moved[0]:.2f}   last token changed: {moved[1]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# LN of each token, and BN in evaluation, because its statistics are fixed.
#
# </details>
#
# So BN does not suit the *training* of a transformer that writes: through the mean and the variance, the first token depends on later ones. A
# transformer that only reads may see later tokens. For it BN has another drawback: in language the statistics of a batch are often far from the running ones
# (Shen et al.), so evaluation differs from training (lesson 05).
#
# Most transformers use LN of each token, or RMSNorm of each token, which does not have to compute a mean.
#
# Short sentences are filled with zeros, the **padding**. A **mask** is True where a token is real. BN can take its statistics over these tokens
# alone: you write this in the exercises.
#
# ## A table to choose by
#
# | what you build | take | because |
# |---|---|---|
# | a convolutional network, large batches | BN | no worse than GN in our trial; free once folded |
# | the same, few pictures in a batch | GN | its set does not depend on the batch |
# | pictures whose brightness must not count | IN | each channel forgets its own number |
# | a transformer | LN or RMSNorm, of each token | no later token is in the set |
# | sequences of different length, norm free after training | BN with a mask | folds; padding is not in the set |
# | a layer of one or two units | none of these | LN of two values gives only −1 and +1 |
#
# **Shown:** two functions give five norms. A norm forgets what all values of a set have in common. In our trial BN was worse where $m = 2$; elsewhere, measure.
#
# **Practice:** [the exercises](exercises/08_choose_a_norm.ipynb), 30 minutes. **Deeper:** [padding](deeper/does_padding_matter.ipynb),
# [recurrent networks](deeper/may_all_steps_share_one_bn.ipynb), [IN joined with BN](deeper/can_one_layer_join_two_norms.ipynb), [few
# units](deeper/what_does_ln_leave_of_a_code.ipynb), [GANs](deeper/is_bn_harmless_in_a_discriminator.ipynb).
#
# **Next:** [09 · Slim and fold](09_slim_and_fold.ipynb), γ as a measure of a channel.
#
# Sources:
#
# - LN: Ba, Kiros and Hinton 2016, arXiv:1607.06450. IN: Ulyanov et al. 2016, arXiv:1607.08022. GN: Wu and He
#   2018, arXiv:1803.08494. RMSNorm: Zhang and Sennrich 2019, arXiv:1910.07467.
# - BN in transformers: Shen et al. 2020, arXiv:2003.07845.
