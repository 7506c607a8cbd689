# %% [markdown]
# # 06 · Normalize channels
#
# *35 minutes · previous: [05 · Train and infer](05_train_and_infer.ipynb) ·
# next: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · [exercises](exercises/06_normalize_channels.ipynb)*
#
# In a network for pictures each filter gives one channel, and BN takes **one mean and one variance for each channel, over
# all axes but that of the channels**. You see why it takes these axes, and what a wrong axis does.

# %%
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs, training

# %% [markdown]
# ## What is a channel?
#
# A batch of pictures has the shape $(N, C, H, W)$: $N$ pictures, $C$ channels, height $H$, width $W$. A gray picture
# has one channel, a color picture three.
#
# A **convolution** makes new channels. It slides a **filter**, here of 3 × 3 weights, over the picture. At each position the
# filter gives one number: the sum of weight times gray value. All these numbers together are the **feature map** of the
# filter. **Padding**, zeros around the picture, keeps the map at 8 × 8. If several channels come in, a filter has 3 × 3
# weights for each of them, and the sum runs over all.
#
# Here are six filters, not trained, without a bias (lesson 02). We compute one number by hand, then look at maps: white is 0,
# blue above, orange below.

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits().images()
conv = training.small_cnn(channels=(6, 16), seed=0).conv_1  # a convolution with 6 filters
maps = conv(torch.from_numpy(digits.x_train)).detach().numpy()
filter_5 = conv.weight[5, 0].detach().numpy()
pixels = digits.x_train[0, 0, 2:5, 3:6]  # 3 × 3, around row 3, column 4
print("pictures", digits.x_train.shape, "  feature maps", maps.shape)
print(f"by hand {(filter_5 * pixels).sum():.4f}   in the map {maps[0, 5, 3, 4]:.4f}")

# %% tags=["draws"] alt="Three digits, one in each row. To the right of each stand its six feature maps, one for each filter. The three maps of filter 5, one in each row, have black frames: they are one channel."
figure, (ax,) = figures.new_figure(size=(5.8, 2.7))
one_channel = np.zeros((3, 6), bool)
one_channel[:, 5] = True
figures.feature_maps(maps[:3], limit=1.5, framed=one_channel, digits=digits.x_train[:3, 0], ax=ax)
figure.colorbar(ax.collections[0], ax=ax, ticks=[-1, 0, 1], extend="both", label="output of the filter")
figures.frame(ax, title="The framed maps are one channel", x="filter", xlim=(-1.2, 6.05), ylim=(3.05, -0.05))
ax.set_xticks([-0.7, *(np.arange(6) + 0.44)], ["picture", *range(6)])
ax.set_yticks([])
ax.grid(False)
figures.show(ax)

# %% [markdown]
# A filter has the **same nine weights at every position**, so it measures the same thing everywhere: if the digit moves, its
# map moves along, except at the border, where zeros come in. All outputs of a filter, at all positions of all
# pictures, are one **channel**. Since they measure the same thing, BN lets them share one mean and one variance:
#
# $$\mu_c = \frac{1}{m}\sum_{n,h,w} x_{n,c,h,w} \qquad \sigma^2_c = \frac{1}{m}\sum_{n,h,w} (x_{n,c,h,w} - \mu_c)^2
# \qquad m = N\cdot H\cdot W$$
#
# For 60 pictures and maps of 8 × 8, $m$ is 3 840; on maps of 1 × 1 it is only 60.
#
# ## The table of lesson 00 again
#
# Take two pictures with three channels of 2 × 3 values. One line makes a table of them: the channel axis goes to the end,
# then each position of each picture becomes a row.

# %%
first = np.array([[[1.0, 2, 3], [4, 5, 6]], [[3, 4, 5], [6, 7, 8]]])
x = np.stack([first, 10 * first, 100 * first], axis=1)
table = np.moveaxis(x, 1, -1).reshape(-1, 3)
print(x.shape, "->", table.shape)
print("mean of each column: ", table.mean(axis=0))
print("mean over (0, 2, 3): ", x.mean(axis=(0, 2, 3)))

# %% tags=["draws"] alt="Left the batch x: two pictures, each with three channels, each a map of 2 times 3 numbers. The two maps of channel 0 are blue. Right the table of 12 rows and three columns: the twelve blue numbers are its first column; a black line stands between the rows of picture 0 and those of picture 1."
figure, (left, right) = figures.new_figure(columns=2, size=(7.0, 3.0))
for n, c in np.ndindex(2, 3):
    figures.small_table(x[n, c], corner=(3.4 * c, 2.6 * n), is_colored=c == 0, ax=left)
figures.small_table(table[:, :1], corner=(0, 0), is_colored=True, ax=right)
figures.small_table(table[:, 1:], corner=(1, 0), is_colored=False, ax=right)
figures.frame(left, title="x: the maps", x="channel", y="picture", ylim=(4.7, -0.1))
left.set(xticks=[1.5, 4.9, 8.3], xticklabels=range(3), yticks=[1, 3.6], yticklabels=range(2))
figures.frame(right, title="table: a channel is a column", x="channel", y="picture", ylim=(12.1, -0.1))
right.axhline(6, color="black", linewidth=2)
right.set(xticks=[0.5, 1.5, 2.5], xticklabels=range(3), yticks=[3, 9], yticklabels=range(2))
figures.show(figure)

# %% [markdown]
# So BN for pictures is BN for this table. NumPy needs no table: a mean over the axes (0, 2, 3) is the mean of a column.
# `keepdims=True` keeps these axes, with length 1. Then the mean has the shape (1, 3, 1, 1), and NumPy can subtract it from
# $x$. $\gamma$ and $\beta$ get this shape, too.


# %%
def batch_norm_2d(x, gamma, beta, eps=1e-5):
    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gamma.reshape(1, -1, 1, 1) * x_hat + beta.reshape(1, -1, 1, 1)


gamma, beta = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -0.5])
y = batch_norm_2d(x, gamma, beta)
layer = nn.BatchNorm2d(3, dtype=torch.float64)
layer.weight.data, layer.bias.data = torch.from_numpy(gamma), torch.from_numpy(beta)
theirs = layer(torch.from_numpy(x)).detach()
print("y, typed  ", y[0, :, 0, 0].round(4))
print("y, PyTorch", theirs[0, :, 0, 0].numpy().round(4))
print("shape of running_mean:", tuple(layer.running_mean.shape))
assert np.allclose(y, theirs)

# %% [markdown]
# One running mean for each channel, whatever height and width are. The backward pass is that of lesson 04, with sums over
# (0, 2, 3) and $m$ in the place of $N$.


# %%
def dx_2d(dy, x, gamma, eps=1e-5):
    m, axes = x.size / x.shape[1], (0, 2, 3)
    s = np.sqrt(x.var(axes, keepdims=True) + eps)
    x_hat = (x - x.mean(axes, keepdims=True)) / s
    dbeta, dgamma = dy.sum(axes, keepdims=True), (dy * x_hat).sum(axes, keepdims=True)
    return gamma.reshape(1, -1, 1, 1) / s * (dy - dbeta / m - x_hat * dgamma / m)


dy = np.random.default_rng(0).normal(size=x.shape)
x_torch = torch.from_numpy(x).requires_grad_()
layer(x_torch).backward(torch.from_numpy(dy))
print("dx, typed  ", dx_2d(dy, x, gamma)[0, :, 0, 0].round(4))
print("dx, PyTorch", x_torch.grad[0, :, 0, 0].numpy().round(4))
assert np.allclose(dx_2d(dy, x, gamma), x_torch.grad)

# %% [markdown]
# ## Subtract the mean
#
# `x` has the shape (2, 3, 2, 3). Without `keepdims` the mean has the shape (3,): 4.5, 45 and 450.
#
# **Predict.** What does `x - mean` do then: raise an error, give each channel the mean 0, or neither?

# %%
mean = x.mean(axis=(0, 2, 3))
print("mean of each channel:", mean)
print("after x - mean:      ", (x - mean).mean(axis=(0, 2, 3)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Neither. NumPy aligns shapes at their **last** axis, here the width. So 4.5 was taken from the first *column* of every map,
# 45 from the second, 450 from the third. There is no error, because $W = C = 3$.
#
# </details>
#
# Two habits find this bug: **check the property** (each channel has mean 0), and test with sizes that all **differ**.
#
# ## Other layouts: the same rule
#
# PyTorch writes $(N, C, H, W)$, **NCHW** for short. Keras writes $(N, H, W, C)$, **NHWC**. The rule stays: all axes but that
# of the channels, so here `axis=(0, 1, 2)`.
#
# | data | shape | in PyTorch | $m$ |
# |---|---|---|---|
# | table | $(N, C)$ | `BatchNorm1d` | $N$ |
# | sound | $(N, C, L)$ | `BatchNorm1d` | $N\cdot L$ |
# | pictures | $(N, C, H, W)$ | `BatchNorm2d` | $N\cdot H\cdot W$ |
# | films, scans ($D$ pictures each) | $(N, C, D, H, W)$ | `BatchNorm3d` | $N\cdot D\cdot H\cdot W$ |
#
# Data from sensors often come as $(N, L, C)$: $L$ time steps, and the channels last. But `nn.BatchNorm1d` always takes axis 1
# as the channels. Here $L = C = 5$, and the channels have means near 0, 10, 20, 30 and 40.

# %%
sequence = torch.from_numpy(np.random.default_rng(1).normal(size=(6, 5, 5)) + 10 * np.arange(5))
layer = nn.BatchNorm1d(5, dtype=torch.float64)
as_it_is = layer(sequence).detach()
turned = layer(sequence.transpose(1, 2)).transpose(1, 2).detach()
for words, result in (("as it is", as_it_is), ("turned  ", turned)):
    print(f"|mean| of each channel, {words}", result.mean(dim=(0, 1)).abs().numpy().round(1))

# %% [markdown]
# As it is, each time step was normalized, and the means of the channels are not 0. Again there is no error, because $L = C$.
# So turn the data before the layer, and back after it.
#
# ## Lab: which values share one mean
#
# Three digits went through four filters, and the maps were averaged to 2 × 3 positions. **Left**, the result: a block for each
# sample (digit), in it a row for each channel and a column for each position. The blue values share their mean with the
# orange one, which you choose.
#
# 1. With *Normalization: batch*, change *Channel*, then *Sample*, then *Position*. When do other values turn blue?
# 2. Change *Layout* to *NHWC*. What changes in the blocks and in the line of code?
#
# **Right**, the digits. The chosen one is dimmed: its gray values are multiplied by the contrast. Each digit has a bar: by how much does its
# $\hat{x}$ change at most, when the chosen digit is dimmed?
#
# 3. Why do the other two digits have bars, too? Do these grow if you set *Contrast of this digit* to 0.1?
# 4. Choose *Normalization: instance*, which is a norm of [lesson 08](08_choose_a_norm.ipynb). Which bars are left?

# %% tags=["nbval-ignore-output"]
labs.WhichValues()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Only when the channel changes: its mean belongs to all samples and positions, 18 values.
# 2. Rows and columns change places, and `axis=(0, 2, 3)` becomes `axis=(0, 1, 2)`.
# 3. All digits share the mean and the variance of a channel, and the dimmed digit changes these. With 0.1 all bars grow.
# 4. Only that of the dimmed digit, because each digit has statistics of its own. At contrast 0.1 it is short, 0.16: the
#    smaller values are divided by a smaller standard deviation. What is left comes from $\varepsilon$, which is not small beside
#    such a variance.
#
# </details>
#
# ## The mistake: statistics for each position
#
# If you know BN from tables, you may write `x.mean(axis=0)`, or flatten the maps for `nn.BatchNorm1d`. Then every position of
# every map has its own mean and variance, and here its own $\gamma$ and $\beta$:


# %%
class PerPosition(nn.BatchNorm1d):
    def forward(self, x):
        return super().forward(x.flatten(1)).reshape(x.shape)


# %% [markdown]
# To show the mistake, all training digits stand in the middle of a frame of 12 × 12. A filter of 5 × 5 weights, not trained,
# goes over them. We measure the variance of its output at each position of row 5.
#
# **Predict.** At which of the twelve positions is the variance small, and where is it large?


# %%
def framed(pictures, right=0):  # right: columns, from -2 to 2
    return np.pad(pictures, ((0, 0), (0, 0), (2, 2), (2 + right, 2 - right)))


in_the_middle = replace(digits, x_train=framed(digits.x_train), x_test=framed(digits.x_test))
filters = nn.Conv2d(1, 1, 5, padding=2, bias=False)
filters.weight.data = torch.randn((6, 1, 5, 5), generator=torch.Generator().manual_seed(0))[:1]
z = filters(torch.from_numpy(in_the_middle.x_train)).detach()
print("variance, row 5:", *(f"{variance:.3f}" for variance in z[:, 0, 5].var(dim=0)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Small at both ends, where hardly any digit has ink; large in the middle. At the ends BN divides by a very small number.
#
# </details>
#
# Now we train five networks with BN per channel and five with the mistake (about ten seconds). After two convolutions they take
# the largest value of each map, wherever that is. The test digits stand in the middle, then one column to the left, then one
# to the right.
#
# **Predict.** For each kind: how many percent are right in the middle, and how many after the move?


# %%
def learn(seed, per_position):
    torch.manual_seed(seed)
    norms = nn.BatchNorm2d(6), nn.BatchNorm2d(16)
    if per_position:
        norms = PerPosition(6 * 12 * 12), PerPosition(16 * 12 * 12)
    first = nn.Conv2d(1, 6, 5, padding=2, bias=False), norms[0], nn.ReLU()
    second = nn.Conv2d(6, 16, 5, padding=2, bias=False), norms[1], nn.ReLU()
    network = nn.Sequential(*first, *second, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    adam = {"optimizer": torch.optim.Adam, "learning_rate": 0.01}
    training.train(network, in_the_middle, epochs=4, seed=seed, progress=False, **adam)
    return network


def percent_right(network):
    moved = [framed(digits.x_test, right) for right in (0, -1, 1)]
    return [100 * training.accuracy(network, pictures, digits.y_test) for pictures in moved]


# %% tags=["nbval-ignore-output"]
percent = {}
print("percent right, means of five seeds:  middle, left, right")
for words, per_position in (("per channel", False), ("per position", True)):
    percent[words] = np.array([percent_right(learn(seed, per_position)) for seed in range(5)])
    print(f"{words:12}", percent[words].mean(axis=0).round())

# %% [markdown]
# <details><summary>Answer</summary>
#
# With the mistake only three points less in the middle, which is easily overlooked. After a move they misread about two digits of three.
#
# </details>
#
# Why does the move harm? We look at the 5 × 5 filter from above; the trained networks are not opened. A test digit stands in
# the middle, then one column to the right. The maps are standardized with the statistics of the training digits.


# %%
def x_hat(axes):
    mean, var = z.mean(axes, keepdim=True), z.var(axes, keepdim=True)
    return (z_moving - mean) / torch.sqrt(var + 1e-5)


moving = np.concatenate([framed(digits.x_test[:1], right) for right in (0, 1)])
z_moving = filters(torch.from_numpy(moving)).detach()
x_hats = torch.cat([x_hat((0, 2, 3)), x_hat(0)], dim=1)  # per channel, per position
print("largest |x̂|    per channel  per position")
for words, largest in zip(("middle", "moved"), x_hats.abs().amax(dim=(2, 3)), strict=True):
    print(f"{words:11}", *(f"{value:13.1f}" for value in largest))

# %% tags=["draws"] alt="Two rows: a digit in the middle, and moved one column to the right. With statistics per channel the second map is the first one, moved by a column. Per position the moved digit's map is another one, with columns of very large values at the right."
assert percent["per channel"].min() > 90
assert percent["per position"][:, 1:].max() < 50
assert round(float(largest[1] / x_hats[0, 1].abs().max())) == 4
figure, (ax,) = figures.new_figure(size=(5.6, 3.2))
another = [[False, False], [False, True]]
figures.feature_maps(x_hats, limit=4, framed=another, digits=moving[:, 0], ax=ax)
scale = figure.colorbar(ax.collections[0], ax=ax, extend="both")
scale.set_ticks([-4, 0, 4], labels=["−4 or less", "0", "4 or more"])
scale.ax.set_title("x̂")
figures.frame(ax, title="A digit moves. Does its map move along?", xlim=(-1.2, 2), ylim=(2, -0.05))
ax.set_xticks([-0.7, 0.44, 1.44], ["digit", "per channel", "per position"])
ax.set_yticks([0.44, 1.44], ["middle", "moved"])
ax.grid(False)
figures.show(ax)

# %% [markdown]
# For this filter: per channel, the map moves along, except at the border. Per position, it becomes another map (black frame), and
# the move alone makes the largest $|\hat{x}|$ four times as large: at the right the ink is divided by very small standard
# deviations.
#
# The two habits from above do not find this mistake: each channel of $\hat{x}$ has mean 0 here, too, and three different numbers of samples, channels and
# positions raise no error. So compare with `nn.BatchNorm2d`, or count the stored means: for six channels 6, and here $6 \cdot 12 \cdot 12$.
#
# ## Conv → BN → ReLU
#
# Most networks for pictures with BN have this order. A bias in the convolution would be useless there (lesson 02).
#
# **Shown:** one mean for each channel, over all other axes; a wrong axis may raise no error.
#
# **Practice:** [the exercises](exercises/06_normalize_channels.ipynb), 30 minutes. Deeper: [which does the harm, the statistics
# or γ and β?](deeper/statistics_for_each_position.ipynb), [a batch of one picture](deeper/diagnose_the_batch.ipynb), [NumPy's BN
# trains a PyTorch network](deeper/train_pytorch_with_numpy.ipynb).
#
# **Next:** [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb).
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.2 (convolutional networks).
# - D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2015, arXiv:1412.6980 (the optimizer used here).
