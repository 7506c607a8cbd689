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
# Each cube is a batch of pictures. Blue is one set: its values share a mean and a variance.
#
# | norm | its set |
# |---|---|
# | **batch normalization (BN)** | one channel of all samples |
# | **layer normalization (LN)** | one sample |
# | **instance normalization (IN)** | one channel of one sample |
# | **group normalization (GN)** | a group of channels of one sample |
# | **RMSNorm** | as LN, but no mean is subtracted; it divides by the *root of the mean square* |
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
# Here are three samples (rows) with four channels. BN takes a column, LN a row. For GN the channel axis becomes two: groups, and
# channels of a group.
#
# **Predict.** The second row is ten times the first. Which norms make the two equal?

# %%
rows = np.array([[1.0, 2, 3, 6], [10, 20, 30, 60], [6, 3, 2, 1]])
groups = rows.reshape(3, 2, 2)  # 3 samples, 2 groups, 2 channels in each
print("BN\n", standardize(rows, axes=0)[0].round(2))
print("LN\n", standardize(rows, axes=1)[0].round(2))
print("GN\n", standardize(groups, axes=2)[0].reshape(3, 4).round(2))
print("RMSNorm\n", standardize(rows, axes=1, has_mean=False)[0].round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# All but BN: a factor of a whole set is divided away. RMSNorm subtracts nothing, and keeps the signs. Look at GN: a set of two values
# gives only −1 and +1 (lesson 02), so almost all is lost.
#
# </details>
#
# Now pictures of shape $(N, C, H, W)$, and all five against PyTorch. For each norm we write down a shape in which its set is made of
# whole axes, and these axes.

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
    off_y = abs(x_hat.reshape(x.shape) - y.numpy(force=True)).max()
    off_dx = abs(dx.reshape(x.shape) - tensor.grad.numpy()).max()
    print(f"{name:8} y off by {off_y:.9f}  dx off by {off_dx:.9f}  shape of γ {(*layer.weight.shape,)}")
    assert max(off_y, off_dx) < 1e-9

# %% [markdown]
# (In a new layer γ is 1 and β is 0, so $y = \hat{x}$.) The last column is a second difference: BN, IN and GN have one γ and β **for each
# channel**, LN and RMSNorm **for each value of a sample**. RMSNorm has no β.
#
# ## Lab: who shares a mean with whom
#
# The lab of lesson 06: 3 samples, 4 channels, 2 × 3 positions.
#
# 1. *layer*, *instance*, *group*: first say how many means there are, of how many values each. Then look.
# 2. *Contrast of this digit* is 0.25. Under which norms do the *other* digits move?
# 3. Under *group*, move *Channel* from 1 to 4. When do the blue values change?

# %% tags=["nbval-ignore-output"]
labs.WhichValues(norm="layer")

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. *layer*: 3 means of 24 values. *instance*: 12 of 6. *group*: 6 of 12.
# 2. Under *batch* alone. (Under the other three the dimmed digit itself hardly moves.)
# 3. Once, between channels 2 and 3, where the second group begins.
#
# </details>
#
# ## What each norm forgets
#
# What all values of a set have in common is lost: it is subtracted, or divided away. We change the batch in five ways, and
# print how far the $\hat{x}$ of the first sample moves.
#
# **Predict.** Draw the table first: five changes, five norms. Where is a 0?


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
# Where no neighbor counts, there are no running statistics, and evaluation equals training. But only fixed
# numbers can be [folded into the layer before](09_slim_and_fold.ipynb#Fold): **only BN is free after training**.
#
# ## A table to choose by
#
# | what you build | take | because | seen in |
# |---|---|---|---|
# | a convolutional network, $m$ large | BN | as good as GN here; free after training | ResNet |
# | the same, $m$ very small in a layer | GN, LN | [How small may a batch be?](#How-small-may-a-batch-be?) | diffusion models (GN) |
# | pictures whose contrast must not count | IN, or IN with BN | [Two norms in one layer](#Two-norms-in-one-layer) | style transfer |
# | a transformer | LN, RMSNorm | [Why transformers use LN or RMSNorm](#Why-transformers-use-LN-or-RMSNorm) | T5, LLaMA (RMSNorm) |
# | sequences of different length | LN; BN with a mask | [Does padding matter?](deeper/does_padding_matter.ipynb) | |
# | a recurrent network | LN; a BN for each step | [May all steps share one BN?](deeper/may_all_steps_share_one_bn.ipynb) | |
# | a layer of very few units | BN or none; *not* LN, GN | [What does LN leave of a code?](deeper/what_does_ln_leave_of_a_code.ipynb) | autoencoders |
# | the discriminator of a GAN | LN or none; BN with care | [Is BN harmless in a discriminator?](deeper/is_bn_harmless_in_a_discriminator.ipynb) | spectral normalization (of the weights) |
#
# The links lead to measurements. We try three rows here.
#
# ## How small may a batch be?
#
# "BN fails in batches below 16." Wu and He trained 50 layers on photographs: in batches of 2 the error was 34.7 % with BN,
# 24.1 % with GN. Is it a law? Here are three small networks:
#
# | network | hidden layers | the other norm | $m$ of BN in batches of 2 |
# |---|---|---|---|
# | table | two linear | LN | 2, 2 |
# | pictures | two convolutions | GN | 128, 32 |
# | pictures, then table | two convolutions, one linear | GN, LN | 128, 32, 2 |
#
# Each was trained for 600 steps with five seeds and four learning rates. For each norm and batch size we took the rate that did best
# on the test digits; so look only at differences. (The results are stored; they take ten minutes.)
#
# **The rule for verdicts.** "BN is worse" *holds* when the dots of all seeds lie more than 2 percentage points below 0. The margin is for
# the 450 test pictures: seeds do not vary them, and they leave about one point uncertain.
#
# **Predict.** In which networks is BN worse in batches of 2?

# %%
FULL = False  # True: train them now
kept = training.stored("results/08_batch_size.json", norms.sweep_of_batches, again=FULL)["results"]
gaps = {}  # BN − other in points: for each network an array (batch sizes, seeds)
for kind in norms.KINDS:
    bn = np.array([kept[f"{kind}, BN True, {n}"] for n in norms.BATCH_SIZES])
    other = np.array([kept[f"{kind}, BN False, {n}"] for n in norms.BATCH_SIZES])
    gaps[kind] = 100 * (bn - other)
    print(f"{kind:21} batches of 2:", *(f"{gap:+4.0f}" for gap in gaps[kind][0]), end="   ")
    print(f"lowest dot from 4 on: {gaps[kind][1:].min():+.1f}")
    assert gaps[kind][1:].min() > -2

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
figures.show(figure)

# %% [markdown]
# A dot for each seed; gray is the margin.
#
# <details><summary>Answer</summary>
#
# In those with a layer of $m = 2$: it passes on only which of two values is larger. In batches of 4 in none.
#
# </details>
#
# So "fails below 16" **holds here for $m = 2$**, and for no batch from 4 on. Wu and He's network suffers with a smallest $m$ of
# $2\cdot 7\cdot 7 = 98$: it is deeper, its task harder. Look for the layer with the smallest $m$, and measure.
#
# ## Two norms in one layer
#
# BN keeps contrast, IN forgets it. **Batch-instance normalization** mixes the two; each channel learns a share $\rho$ of BN.


# %%
class Joined(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn, self.instance = nn.BatchNorm2d(channels, affine=False), nn.InstanceNorm2d(channels)
        self.rho = nn.Parameter(torch.full((channels, 1, 1), 0.5))
        self.gamma = nn.Parameter(torch.ones(channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        rho = self.rho.clamp(0, 1)
        x_hat = rho * self.bn(x) + (1 - rho) * self.instance(x)
        return self.gamma * x_hat + self.beta


# %% [markdown]
# Two tasks. *Pale digits*: a network learns the digits, and is tested on pale ones (times 0.25). *Pale or not*: every second picture
# is pale, and it learns which.
#
# **Predict.** Which norm fails in which task?


# %% tags=["nbval-ignore-output"]
def every_second_pale(pictures):
    pictures = pictures.copy()
    pictures[1::2] *= 0.25
    return pictures, np.arange(len(pictures)) % 2


digits = data.digits().images()
pale_or_not = data.Digits(*every_second_pale(digits.x_train), *every_second_pale(digits.x_test))


def right_in(task, x_test, norm, seed):
    network = training.small_cnn(seed=seed)  # convolution, BN, ReLU, pooling, twice; then ten logits
    network.bn_1, network.bn_2 = norm(8), norm(16)
    training.train(network, task, epochs=4, seed=seed, every=1000, progress=False)
    return training.accuracy(network, x_test, task.y_test)


for name, norm in {"BN": nn.BatchNorm2d, "IN": nn.InstanceNorm2d, "joined": Joined}.items():
    reads = [right_in(digits, 0.25 * digits.x_test, norm, seed) for seed in range(5)]
    tells = [right_in(pale_or_not, pale_or_not.x_test, norm, seed) for seed in range(5)]
    print(f"{name:7} pale digits:", *(f"{share:4.0%}" for share in reads), end="   ")
    print("pale or not:", *(f"{share:4.0%}" for share in tells))
assert min(reads + tells) > 0.6  # of the last one, the joined layer

# %% [markdown]
# <details><summary>Answer</summary>
#
# BN in the first, because it keeps the contrast; IN in the second, because it forgets what is asked, and guesses. The joined layer is far
# above the one that fails, in both tasks and with all five seeds.
#
# </details>
#
# To join BN with LN, put `nn.GroupNorm(1, channels, affine=False)` in the place of `nn.InstanceNorm2d`. **Switchable normalization** mixes all three.
#
# ## Why transformers use LN or RMSNorm
#
# A transformer handles $(N, \text{tokens}, C)$. When it writes, a token must not depend on later ones. Does the $\hat{x}$ of the first
# token move when the other sentence changes? When a later token changes? When it stands alone, as at the beginning of a text?
#
# **Predict.** Which of the three norms gives 0 three times?

# %%
tokens = rng.normal(size=(2, 5, 4))  # 2 sentences, 5 tokens, 4 channels
other, later, alone = tokens.copy(), tokens.copy(), tokens[:1, :1]
other[1] *= 3
later[0, 4] *= 3
for name, axes in {"BN": (0, 1), "LN of a sentence": (1, 2), "LN of each token": 2}.items():
    first = [standardize(a, axes)[0][0, 0] for a in (tokens, other, later, alone)]
    moved = [abs(a - first[0]).max() for a in first[1:]]
    print(f"{name:17} other sentence {moved[0]:.2f}   later token {moved[1]:.2f}   alone {moved[2]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# LN of each token, over the channels alone. That is the LN of transformers. (RMSNorm takes the same set.)
#
# </details>
#
# So nothing leaks along the batch or along time, a batch of one works, padding does not count, and no statistics are stored. RMSNorm has
# all this too, and computes less.
#
# **Shown:** five norms are two functions over other axes; each forgets what its set has in common; a set of two is too small.
#
# **Practice:** [the exercises](exercises/08_choose_a_norm.ipynb), 30 minutes.
#
# **Next:** [09 · Slim and fold](09_slim_and_fold.ipynb), γ as a measure of a channel.
#
# Sources:
#
# - LN: Ba, Kiros and Hinton 2016, arXiv:1607.06450. IN: Ulyanov et al. 2016, arXiv:1607.08022. GN, the cubes, batches of 2: Wu and He
#   2018, arXiv:1803.08494. RMSNorm: Zhang and Sennrich 2019, arXiv:1910.07467.
# - Joined norms: Nam and Kim 2018, arXiv:1805.07925; Luo et al. 2018, arXiv:1806.10779.
# - In the table: ResNet, arXiv:1512.03385; diffusion models, arXiv:2006.11239; T5, arXiv:1910.10683; LLaMA, arXiv:2302.13971; spectral
#   normalization, arXiv:1802.05957.
