# %% [markdown]
# # 06 · Normalize channels
#
# *35 minutes · previous: [05 · Train and infer](05_train_and_infer.ipynb) ·
# next: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · [exercises](exercises/06_normalize_channels.ipynb)*
#
# In a network for pictures BN takes **one mean and one variance for each channel, over all axes but that of the channels**. You see why it takes
# these axes, and what a wrong axis does.

# %%
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bnteach import batch_norm_backward, batch_norm_forward, data, figures, labs, training

# %% [markdown]
# ## What is a channel?
#
# A batch of pictures has the shape $(N, C, H, W)$: $N$ pictures, $C$ channels, height $H$, width $W$. A color picture has three
# channels; our gray digits, of 8 × 8 pixels, have one.
#
# A **convolution** makes new channels. It slides a **filter**, here of 3 × 3 weights, over the picture. At each position the filter
# gives one number: the sum of weight times gray value. These numbers are its **feature map**. With **padding**, zeros around the
# picture, the map is 8 × 8, too. If several channels come in, a filter has 3 × 3 weights for each of them, and all products are
# added up to one number.
#
# Here are four filters with random weights and no bias (lesson 02).

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits().images()
conv = training.small_cnn(channels=(4, 16), seed=0).conv_1  # a convolution with 4 filters
maps = conv(torch.from_numpy(digits.x_train)).detach().numpy()
filter_3 = conv.weight[3, 0].detach().numpy()
pixels = digits.x_train[0, 0, 2:5, 3:6]  # 3 × 3, around row 3, column 4
print("pictures", digits.x_train.shape, "  feature maps", maps.shape)
print(f"by hand {(filter_3 * pixels).sum():.4f}   in the map {maps[0, 3, 3, 4]:.4f}")

# %% tags=["draws"] alt="Three digits, one in each row. To the right of each stand its four feature maps, one for each filter. The three maps of filter 3, one in each row, have black frames: they are one channel."
figure, (ax,) = figures.new_figure(size=(5.4, 3.0))
one_channel = np.zeros((3, 4), bool)
one_channel[:, 3] = True
figures.feature_maps(maps[:3], limit=1.5, framed=one_channel, digits=digits.x_train[:3, 0], ax=ax)
figure.colorbar(ax.collections[0], ax=ax, ticks=[-1, 0, 1], extend="both", label="output of the filter")
figures.frame(ax, title="The framed maps are one channel", xlim=(-1.2, 4.05), ylim=(3.05, -0.05))
ax.set_xticks([-0.7, *(np.arange(4) + 0.44)], ["picture", *(f"filter {c}" for c in range(4))])
ax.set_yticks([])
ax.grid(False)
figures.show(ax)

# %% [markdown]
# A filter has the **same weights at every position**. So if a digit moves, its map moves along (except at the border). BN
# should keep this: a number in the map must get the same $\hat{x}$ wherever it stands. So all positions share one mean and one
# variance. All pictures of the batch share them, too, as all rows of a table did in lesson 02. All outputs of a filter, at all
# positions of all pictures, are one **channel**:
#
# $$\mu_c = \frac{1}{m}\sum_{n,h,w} x_{n,c,h,w} \qquad \sigma^2_c = \frac{1}{m}\sum_{n,h,w} (x_{n,c,h,w} - \mu_c)^2
# \qquad \hat{x}_{n,c,h,w} = \frac{x_{n,c,h,w} - \mu_c}{\sqrt{\sigma^2_c + \varepsilon}}$$
#
# A channel has $m = N\cdot H\cdot W$ values: 3 840 for 60 pictures and maps of 8 × 8.
#
# ## The table of lesson 00 again
#
# Here are two pictures with three channels. `as_table` moves the channel axis to the end; then each position of each
# picture becomes a row.


# %%
def as_table(x):
    return np.moveaxis(x, 1, -1).reshape(-1, 3)


first = np.array([[[1.0, 2, 3], [4, 5, 6]], [[3, 4, 5], [6, 7, 8]]])
x = np.stack([first, 10 * first, 100 * first], axis=1)
print(x.shape, "->", as_table(x).shape)
print("mean of each column:", as_table(x).mean(axis=0))
print("mean over (0, 2, 3):", x.mean(axis=(0, 2, 3)))

# %% tags=["draws"] alt="Left the batch x: two pictures, each with three channels, each a map of 2 times 3 numbers. The two maps of channel 0 are blue. Right the table of 12 rows and three columns: the twelve blue numbers are its first column; a black line stands between the rows of picture 0 and those of picture 1."
figure, (left, right) = figures.new_figure(columns=2, size=(7.0, 3.0))
for n, c in np.ndindex(2, 3):
    figures.small_table(x[n, c], corner=(3.4 * c, 2.6 * n), is_colored=c == 0, ax=left)
for c in range(3):
    figures.small_table(as_table(x)[:, [c]], corner=(c, 0), is_colored=c == 0, ax=right)
figures.frame(left, title="x: the maps", x="channel", y="picture", ylim=(4.7, -0.1))
left.set(xticks=[1.5, 4.9, 8.3], xticklabels=range(3), yticks=[1, 3.6], yticklabels=range(2))
figures.frame(right, title="table: a channel is a column", x="channel", y="picture", ylim=(12.1, -0.1))
right.axhline(6, color="black", linewidth=2)
right.set(xticks=[0.5, 1.5, 2.5], xticklabels=range(3), yticks=[3, 9], yticklabels=range(2))
figures.show(figure)

# %% [markdown]
# So BN for pictures is BN for this table, and its backward pass is that of lesson 04, with $m$ in the place of the batch size $N$. NumPy needs no table: the
# mean of a column is a mean over the axes (0, 2, 3).
#
# ## Subtract the mean
#
# These means have the shape (3,), and `x` has the shape (2, 3, 2, 3).
#
# **Predict.** What does `x - mean` do: raise an error, give each channel the mean 0, or neither?

# %%
mean = x.mean(axis=(0, 2, 3))
print("means after x - mean:", (x - mean).mean(axis=(0, 2, 3)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Neither. NumPy aligns shapes at their **last** axis, here the width. So 4.5 was taken from the first *column* of every map,
# 45 from the second, and so on. There is no error, because $W = C = 3$.
#
# </details>
#
# Two tests find this bug: each channel of $\hat{x}$ must have mean 0, and with sizes that all **differ**, and none of them 1, NumPy raises an error.
#
# `keepdims=True` repairs it: the mean keeps all axes, and its shape (1, 3, 1, 1) lines up with the channels. $\gamma$ and $\beta$ get this shape, too.


# %%
def batch_norm_2d(x, gamma, beta, eps=1e-5):
    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gamma.reshape(1, -1, 1, 1) * x_hat + beta.reshape(1, -1, 1, 1)


gamma, beta = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -0.5])
y = batch_norm_2d(x, gamma, beta)
y_table, cache = batch_norm_forward(as_table(x), gamma, beta)
print("y, typed  ", y[0, :, 0, 0].round(4))
print("y, table  ", y_table[0].round(4))
assert np.allclose(as_table(y), y_table)

# %%
layer = nn.BatchNorm2d(3, dtype=torch.float64)
layer.weight.data, layer.bias.data = torch.from_numpy(gamma), torch.from_numpy(beta)
x_torch, dy = torch.from_numpy(x).requires_grad_(), np.cos(x)  # any dy will do
y_torch = layer(x_torch)
y_torch.backward(torch.from_numpy(dy))
dx_table = batch_norm_backward(as_table(dy), cache)[0]  # lesson 04
print("y, PyTorch", y_torch[0, :, 0, 0].detach().numpy().round(4))
print("dx, table, first row:", dx_table[0].round(4), "  PyTorch:", x_torch.grad[0, :, 0, 0].numpy().round(4))
print("shape of running_mean:", tuple(layer.running_mean.shape))
assert np.allclose(y, y_torch.detach())
assert np.allclose(dx_table, as_table(x_torch.grad.numpy()))

# %% [markdown]
# One running mean is stored for each channel.
#
# ## Other layouts: the same rule
#
# PyTorch writes $(N, C, H, W)$, **NCHW** for short. Keras usually writes $(N, H, W, C)$, **NHWC**. The rule stays: all axes but that
# of the channels, so here `axis=(0, 1, 2)`.
#
# | data | shape | in PyTorch | $m$ |
# |---|---|---|---|
# | table | $(N, C)$ | `BatchNorm1d` | $N$ |
# | sound | $(N, C, L)$ | `BatchNorm1d` | $N\cdot L$ |
# | pictures | $(N, C, H, W)$ | `BatchNorm2d` | $N\cdot H\cdot W$ |
# | films ($D$ pictures) | $(N, C, D, H, W)$ | `BatchNorm3d` | $N\cdot D\cdot H\cdot W$ |
#
# Data from sensors often come as $(N, L, C)$: $L$ time steps, then the channels. But `nn.BatchNorm1d` always takes axis 1
# as the channels. Here are six samples of five time steps and five channels; the channels have means near 0, 10, 20, 30 and 40. We
# give them to the layer twice: as they are, and turned. Turned means: we exchange the two axes before the layer, and exchange them
# back after it.
#
# **Predict.** As they are: what gets the mean 0, each channel or each time step, or is there an error?

# %%
sequence = torch.from_numpy(np.random.default_rng(1).normal(size=(6, 5, 5)) + 10 * np.arange(5))
layer = nn.BatchNorm1d(5, dtype=torch.float64)
as_they_are = layer(sequence).detach()
turned = layer(sequence.transpose(1, 2)).transpose(1, 2).detach()
print("as they are, |mean| of each channel:  ", as_they_are.mean(dim=(0, 1)).abs().numpy().round(1))
print("as they are, |mean| of each time step:", as_they_are.mean(dim=(0, 2)).abs().numpy().round(1))
print("turned, |mean| of each channel:       ", turned.mean(dim=(0, 1)).abs().numpy().round(1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Each time step. Again there is no error, because $L = C$.
#
# </details>
#
# ## Lab: which values share one mean
#
# Three digits went through four filters; the maps were averaged to 2 × 3 positions.
#
# **Left**, the values: a block for each sample (digit), a row for each channel, a column for each of the six positions. The orange
# value is chosen; the blue ones share its mean.
#
# **Right**, the digits. *Contrast of this digit* multiplies the gray values of the chosen sample. The bars show the largest change of
# $\hat{x}$ that this makes in each digit.
#
# 1. Change *Channel*, then *Sample*, then *Position*. When do other values turn blue?
# 2. Set the contrast to 0.1, then to 1. Why do the other two digits have bars, too?
# 3. Choose *Layout: NHWC*. What changes?

# %% tags=["nbval-ignore-output"]
labs.WhichValues()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Only when the channel changes. One mean belongs to all samples and positions of a channel: 18 values, the orange one included.
# 2. All digits share the mean and the variance of a channel, and the dimmed digit changes these.
# 3. Rows and columns change places, and `(0, 2, 3)` becomes `(0, 1, 2)`. The same 18 values share a mean.
#
# </details>
#
# ## One mean for each position?
#
# If you know BN from tables, you may write `x.mean(axis=0)` for pictures, too. Then every position has its own mean and variance. What
# is wrong with that?
#
# Take the simplest channel, the gray values themselves. The digits stand in the middle of an empty frame of 12 × 12, so
# that they have room to move. We normalize the test digits with the mean and the variance of the training digits: first in
# the middle, then moved by one column.
#
# **Predict.** Per channel, the largest $|\hat{x}|$ of a digit stays the same. Does it per position, too?


# %%
def framed(pictures, right=0):  # right: columns, from -2 to 2
    return np.pad(pictures, ((0, 0), (0, 0), (2, 2), (2 + right, 2 - right)))


train = framed(digits.x_train)


def x_hat(pictures, axes):
    return (pictures - train.mean(axes)) / np.sqrt(train.var(axes) + 1e-5)


largest = {}
print("largest |x̂|, median of the test digits:  middle, left, right")
for words, axes in (("per channel", (0, 2, 3)), ("per position", 0)):
    moved = [x_hat(framed(digits.x_test, right), axes) for right in (0, -1, 1)]
    largest[words] = np.median([abs(values).max(axis=(1, 2, 3)) for values in moved], axis=1)
    print(f"{words:12}", largest[words].round(1))
assert np.ptp(largest["per channel"]) < 0.001
assert largest["per position"][1:].min() > 20 * largest["per position"][0]

# %% tags=["draws"] alt="Two rows: a digit in the middle, and moved one column to the right. With statistics per channel the second map is the first one, moved by a column. Per position the moved digit's map is another one, with very large values at the edge of the digit."
pictures = np.concatenate([framed(digits.x_test[:1], right) for right in (0, 1)])
x_hats = np.concatenate([x_hat(pictures, (0, 2, 3)), x_hat(pictures, 0)], axis=1)
figure, (ax,) = figures.new_figure(size=(5.6, 3.2))
another = [[False, False], [False, True]]
figures.feature_maps(x_hats, limit=4, framed=another, digits=pictures[:, 0], ax=ax)
scale = figure.colorbar(ax.collections[0], ax=ax, extend="both")
scale.set_ticks([-4, 0, 4], labels=["−4 or less", "0", "4 or more"])
scale.ax.set_title("x̂")
figures.frame(ax, title="A digit moves. Does its x̂ move along?", xlim=(-1.2, 2), ylim=(2, -0.05))
ax.set_xticks([-0.7, 0.44, 1.44], ["digit", "per channel", "per position"])
ax.set_yticks([0.44, 1.44], ["middle", "moved"])
ax.grid(False)
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# No, it becomes more than twenty times as large. At the edge of the digits hardly any training picture has ink, so the variance is
# nearly 0. Ink that comes there is divided by a very small number.
#
# </details>
#
# So per position, $\hat{x}$ does not move along (black frame). In the maps per channel an empty pixel is pale orange, because it lies
# below the mean of the channel.
#
# Does this harm a network? We train five networks with BN per channel and five with BN per position. In training all digits stand
# in the middle. Each network has **Conv → BN → ReLU**, the order of the BN paper, twice. After two filters of 5 × 5 one value depends on
# 9 × 9 pixels, so on a whole digit. Then the network takes the largest value of each map, wherever it is. The training takes ten
# seconds.


# %%
class PerPosition(nn.BatchNorm1d):  # each position is a column of a table
    def forward(self, x):
        return super().forward(x.flatten(1)).reshape(x.shape)


def learn(seed, per_position):
    torch.manual_seed(seed)
    norms = nn.BatchNorm2d(6), nn.BatchNorm2d(16)
    if per_position:
        norms = PerPosition(6 * 12 * 12), PerPosition(16 * 12 * 12)
    first = nn.Conv2d(1, 6, 5, padding=2, bias=False), norms[0], nn.ReLU()
    second = nn.Conv2d(6, 16, 5, padding=2, bias=False), norms[1], nn.ReLU()
    network = nn.Sequential(*first, *second, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    in_the_middle = replace(digits, x_train=train, x_test=framed(digits.x_test))
    adam = {"optimizer": torch.optim.Adam, "learning_rate": 0.01}
    training.train(network, in_the_middle, epochs=4, seed=seed, progress=False, **adam)
    return network


def percent_right(network):
    moved = [framed(digits.x_test, right) for right in (0, -1, 1)]
    return [100 * training.accuracy(network, pictures, digits.y_test) for pictures in moved]


# %% tags=["nbval-ignore-output"]
percent = {}
print("percent right, five seeds from low to high")
for words, per_position in (("per channel", False), ("per position", True)):
    percent[words] = np.array([percent_right(learn(seed, per_position)) for seed in range(5)])
    for place, five in zip(("middle", "left", "right"), percent[words].T, strict=True):
        print(f"{words:12} {place:6}", *(f"{share:4.0f}" for share in sorted(five)))
assert percent["per channel"].min() > 90
assert 0 < (percent["per channel"] - percent["per position"])[:, 0].mean() < 5
assert percent["per position"][:, 1:].max() < 50

# %% [markdown]
# In the middle, statistics per position cost a few points on average. After a move of one column these networks misread more than half
# of the digits, with each seed.
#
# The two tests of the section "Subtract the mean" do not find this bug. In training each channel of $\hat{x}$ has mean 0, and sizes
# that differ raise no error. So compare with `nn.BatchNorm2d`, or count the stored means: six channels have 6, and
# `PerPosition` stores $6 \cdot 12 \cdot 12$.
#
# `PerPosition` also has its own $\gamma$ and $\beta$ for each position. A [deeper notebook](deeper/statistics_for_each_position.ipynb)
# leaves these out and keeps the statistics per position: the networks do no better.
#
# ---
# **Shown:** one mean and one variance for each channel, because a filter works in the same way at all positions. A wrong
# axis may raise no error.
#
# **Practice:** [the exercises](exercises/06_normalize_channels.ipynb), 30 minutes. Deeper: [a batch of one
# picture](deeper/diagnose_the_batch.ipynb), [NumPy's BN trains a PyTorch network](deeper/train_pytorch_with_numpy.ipynb).
#
# **Next:** [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb).
#
# Sources:
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.2.
# - D. P. Kingma and J. Ba, "Adam", 2015, arXiv:1412.6980.
