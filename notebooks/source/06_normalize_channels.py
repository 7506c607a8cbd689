# %% [markdown]
# # 06 · Normalize channels
#
# *35 minutes · previous: [05 · Train and infer](05_train_and_infer.ipynb) ·
# next: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · [exercises](exercises/06_normalize_channels.ipynb)*
#
# In a network for pictures each filter gives one channel, and BN takes **one mean and one variance for each channel, over
# all axes but that of the channels**. You write it, and see why a wrong axis often raises no error. Then you measure
# what the wrong axis costs: little in the usual test, and most of the answers when a digit moves by one column.

# %%
import numpy as np
import torch
from torch import nn

import bnteach
from bnteach import data, figures, labs, training


# %%
def batch_norm_2d(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    var = x.var(axis=(0, 2, 3), keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gamma.reshape(1, -1, 1, 1) * x_hat + beta.reshape(1, -1, 1, 1)


x = np.random.default_rng(0).normal(3, 2, size=(4, 3, 5, 2))  # pictures, channels, height, width
gamma, beta = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -0.5])
layer = nn.BatchNorm2d(3, dtype=torch.float64)
# PyTorch calls γ weight and β bias
layer.load_state_dict({"weight": torch.tensor(gamma), "bias": torch.tensor(beta)}, strict=False)
theirs = layer(torch.from_numpy(x)).detach().numpy()
print("typed  ", batch_norm_2d(x, gamma, beta)[0, :, 0, 0].round(4))
print("PyTorch", theirs[0, :, 0, 0].round(4))
assert np.allclose(batch_norm_2d(x, gamma, beta), theirs)

# %% [markdown]
# Why these axes?
#
# ## What is a channel?
#
# A batch of pictures has the shape $(N, C, H, W)$: $N$ pictures, $C$ channels, height $H$, width $W$. A gray picture
# has one channel, a color picture three. A **convolution** has **filters**, here of 3 × 3 weights. A filter slides over the
# picture and gives one number at each position: the sum of weight times gray value. These numbers are again a
# picture, the **feature map** of this filter. With **padding**, a frame of zeros around the picture, the map is again 8 × 8.

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits().images()
conv = training.small_cnn(channels=(6, 16), seed=0).conv_1  # 6 filters, not trained
maps = conv(torch.from_numpy(digits.x_train)).detach().numpy()
by_hand = (conv.weight[5, 0].detach().numpy() * digits.x_train[0, 0, 2:5, 3:6]).sum()
print("pictures", digits.x_train.shape, "  feature maps", maps.shape)
print(f"filter 5 at row 3, column 4 of the first picture: {by_hand:.4f} = {maps[0, 5, 3, 4]:.4f}")

# %% tags=["draws"] alt="Three digits, one in each row. To the right of each stand its six feature maps, one for each filter. The three maps of filter 5, one in each row, have thick black frames: they are one channel."
figure, (ax,) = figures.new_figure(size=(5.8, 2.7))
one_channel = np.zeros((3, 6), bool)
one_channel[:, 5] = True
shown = {"limit": 1.5, "framed": one_channel, "chosen": (0, 5), "digits": digits.x_train[:3, 0]}
figures.feature_maps(maps[:3], **shown, ax=ax)
figures.frame(ax, title="The framed maps are one channel", x="filter", xlim=(-1.2, 6.05), ylim=(3.05, -0.05))
ax.set_xticks([-0.7, *(np.arange(6) + 0.44)], ["picture", *range(6)])
ax.set_yticks([])
ax.grid(False)
figures.show(ax)

# %% [markdown]
# White is 0, blue is above, orange is below. The filter has the **same nine weights at every position**. Therefore all
# its values, at all positions of all pictures, are one channel, and share one mean and one variance:
#
# $$\mu_c = \frac{1}{m}\sum_{n,h,w} x_{n,c,h,w} \qquad \sigma^2_c = \frac{1}{m}\sum_{n,h,w} (x_{n,c,h,w} - \mu_c)^2
# \qquad m = N\cdot H\cdot W$$
#
# BN learns two numbers for each channel, $\gamma$ and $\beta$, and stores two, the running mean and variance, whatever $H$ and $W$ are.
#
# ## On a batch small enough to read
#
# Two pictures, three channels of 2 × 3 values. The second channel is ten times the first, the third 100 times.
#
# **Predict.** After `x - mean`, without `keepdims`, what is the mean of each channel?

# %%
first = np.array([[[1.0, 2, 3], [4, 5, 6]], [[3, 4, 5], [6, 7, 8]]])
x = np.stack([first, 10 * first, 100 * first], axis=1)
mean = x.mean(axis=(0, 2, 3))
print("mean of each channel:        ", mean, "  shape", mean.shape)
print("after x - mean:              ", (x - mean).mean(axis=(0, 2, 3)))
mean = x.mean(axis=(0, 2, 3), keepdims=True)
print("after x - mean with keepdims:", (x - mean).mean(axis=(0, 2, 3)), "  shape", mean.shape)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not 0, 0, 0. NumPy aligns shapes at their **last** axis. So 4.5 was taken from the first *column* of every picture, 45 from
# the second, 450 from the third. There is no error, because $W = C = 3$. With `keepdims=True` the means stay at the axis of the
# channels.
#
# </details>
#
# Two habits help: **check the property** (each channel has mean 0), and test with sizes that all **differ**.
#
# ## Nothing new: a table with N·H·W rows
#
# Take each position of each picture as a row. Then it is a table as in lesson 00, and BN of the table is BN of the pictures:

# %%
table = np.moveaxis(x, 1, -1).reshape(-1, 3)  # channels last, then one row for each position
from_table, _ = bnteach.batch_norm_forward(table, gamma, beta)
print("table", table.shape, " its first row after BN:", from_table[0].round(3))
print("pictures", x.shape, "   first position:", batch_norm_2d(x, gamma, beta)[0, :, 0, 0].round(3))

# %% [markdown]
# | data | shape | in PyTorch | $m$ |
# |---|---|---|---|
# | table | $(N, C)$ | `BatchNorm1d` | $N$ |
# | sound | $(N, C, L)$ | `BatchNorm1d` | $N\cdot L$ |
# | pictures | $(N, C, H, W)$ | `BatchNorm2d` | $N\cdot H\cdot W$ |
# | films, scans | $(N, C, D, H, W)$ | `BatchNorm3d` | $N\cdot D\cdot H\cdot W$ |
#
# ## Channels last: the same function
#
# PyTorch writes $(N, C, H, W)$, **NCHW** for short. Keras and most libraries for images write $(N, H, W, C)$, **NHWC**. The
# rule stays: all axes but that of the channels.

# %%
x_last = np.moveaxis(x, 1, -1)
y_last, _ = bnteach.batch_norm_forward(x_last, gamma, beta, channel_axis=-1)
print("NHWC", y_last.shape, "  first position:", y_last[0, 0, 0].round(3))
try:
    bnteach.batch_norm_forward(x_last, gamma, beta)  # channel_axis forgotten: 1
except ValueError as error:
    print(error)

# %% [markdown]
# The shape of $\gamma$ has found the mistake, since $H = 2$ and $C = 3$. With $H = C$ nothing would. Text and data from sensors often come as $(N, L, C)$,
# channels last, and `nn.BatchNorm1d` always takes axis 1. Here $L = C = 5$, and the channels have the means 0, 10, 20, 30, 40.
#
# **Predict.** What are the means of the channels after `nn.BatchNorm1d`?

# %%
sequence = np.random.default_rng(1).normal(size=(6, 5, 5)) + 10 * np.arange(5)
silent = nn.BatchNorm1d(5, dtype=torch.float64)(torch.from_numpy(sequence)).detach().numpy()
right, _ = bnteach.batch_norm_forward(sequence, None, None, channel_axis=-1)
print("nn.BatchNorm1d: ", silent.mean(axis=(0, 1)).round(1))
print("channel_axis=-1:", abs(right.mean(axis=(0, 1))).round(1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not 0: it has normalized the five moments in time, and says nothing. In PyTorch write `x.transpose(1, 2)` before the layer, and again
# after it.
#
# </details>
#
# (PyTorch's own term *channels last* means something else: the shape stays $(N, C, H, W)$, only the order in memory changes.)
#
# ## Lab: which values share one mean
#
# The block is a small batch: 3 samples, 4 channels, 2 × 3 positions in a row of six. Blue are the values that share the mean
# of the orange one.
#
# 1. *Normalization: batch*. Move *Channel*, then *Sample*, then *Position*. When do the blue values change?
# 2. Change the layout to *NHWC*. What changes in the block and in the line of code?
# 3. Choose sample 2, and set *Contrast of this digit* to 0.25. Does $\hat{x}$ of the other two digits move?
# 4. Choose *Normalization: instance*. And now? (Lesson 08 has the other norms.)

# %% tags=["nbval-ignore-output"]
labs.WhichValues()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Only when the channel changes: a mean belongs to all samples and positions of a channel, 18 values.
# 2. The axes stand in another order, and `axis=(0, 2, 3)` becomes `axis=(0, 1, 2)`.
# 3. Yes, though nobody touched them.
# 4. No: each digit has means of its own. So its contrast is forgotten.
#
# </details>
#
# ## The mistake: statistics for each position
#
# If you know BN from tables, you may write `x.mean(axis=0)` for pictures too. That gives every position of every map a mean of its own.
# If you flatten the maps for `nn.BatchNorm1d`, every position also gets its own $\gamma$ and $\beta$. Which of the two does harm? This layer can do either:


# %%
class Norm(nn.Module):
    def __init__(self, channels, statistics, parameters, side=12):
        super().__init__()
        self.per_position = statistics == "position"
        self.norm = nn.BatchNorm2d(channels, affine=False)
        if self.per_position:
            self.norm = nn.BatchNorm1d(channels * side**2, affine=False)
        shape = (channels, side, side) if parameters == "position" else (channels, 1, 1)
        self.gamma, self.beta = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        table = x.flatten(1) if self.per_position else x
        x_hat = self.norm(table).reshape(x.shape)
        return self.gamma * x_hat + self.beta


# %% [markdown]
# The network has two convolutions, and then takes the largest value of each map, wherever that is. So the position of the digit
# should not matter. We put the digits into frames of 12 × 12, train with all of them in the middle, and test with the
# digits in the middle, one column to the left, one to the right.
#
# **Predict.** When the test digits are in the middle, as usual, does every mistake show?


# %%
def framed(pictures, right=0):
    return np.pad(pictures, ((0, 0), (0, 0), (2, 2), (2 + right, 2 - right)))


def learn(seed, statistics, parameters):
    torch.manual_seed(seed)
    first = nn.Conv2d(1, 6, 5, padding=2, bias=False), Norm(6, statistics, parameters), nn.ReLU()
    second = nn.Conv2d(6, 16, 5, padding=2, bias=False), Norm(16, statistics, parameters), nn.ReLU()
    network = nn.Sequential(*first, *second, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    shuffle = torch.Generator().manual_seed(seed)
    for _epoch in range(4):
        for batch in torch.randperm(1347, generator=shuffle).split(60)[:22]:
            loss = nn.functional.cross_entropy(network(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    tests = {"middle": 0, "left": -1, "right": 1}
    return {
        name: 100 * training.accuracy(network, framed(digits.x_test, k), digits.y_test)
        for name, k in tests.items()
    }


# %% tags=["nbval-ignore-output"]
x_train, y_train = torch.from_numpy(framed(digits.x_train)), torch.from_numpy(digits.y_train)
both = ["channel", "position"]
runs = training.run_seeds(learn, range(5), statistics=both, parameters=both, progress=False)
by_norm = runs.drop(columns="seed").groupby(["statistics", "parameters"])
lowest, highest = by_norm.min(), by_norm.max()
assert lowest.loc[("channel", "channel")].min() > 90
assert highest.loc[("channel", "position"), ["left", "right"]].max() < 85
assert highest.loc["position", ["left", "right"]].max().max() < 50
by_norm.mean().round(0).astype(int)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The numbers are percent right, means of five seeds. No. The third shows it. But the usual mistake is the fourth, with both per position, and
# it loses only a few percent: if you have nothing to compare with, you notice nothing. One column to the side it misreads most
# of the digits. The statistics do most of the harm; $\gamma$ and $\beta$ per position alone cost about 30 points.
#
# </details>
#
# A convolution treats all positions alike. Statistics for each position treat them differently again. Here is $\hat{x}$ after one
# untrained convolution, with the statistics of all training digits.

# %%
filters = nn.Conv2d(1, 6, 5, padding=2, bias=False)
filters.weight.data = torch.randn((6, 1, 5, 5), generator=torch.Generator().manual_seed(0))
z = filters(x_train).detach()
moving = torch.cat([torch.from_numpy(framed(digits.x_test[:1], right)) for right in (0, 1)])
z_moving = filters(moving).detach()
by_channel = (z_moving - z.mean((0, 2, 3), keepdim=True)) / z.std((0, 2, 3), keepdim=True)
by_position = (z_moving - z.mean(0)) / torch.sqrt(z.var(0) + 1e-5)

# %% tags=["draws"] alt="Two rows: a digit in the middle, and moved one column to the right. With statistics per channel the second map is the first one, moved by a column. Per position the moved digit's map is another one, with columns of very large values at the right."
figure, (ax,) = figures.new_figure(size=(4.8, 3.2))
pair = np.stack([by_channel[:, 0], by_position[:, 0]], axis=1)
shown = {"limit": 4, "framed": np.zeros((2, 2), bool), "chosen": (1, 1), "digits": moving[:, 0]}
figures.feature_maps(pair, **shown, ax=ax)
figures.frame(ax, title="A digit moves. Does its map move along?", xlim=(-1.2, 2), ylim=(2, -0.05))
ax.set_xticks([-0.7, 0.44, 1.44], ["digit", "per channel", "per position"])
ax.set_yticks([0.44, 1.44], ["middle", "moved"])
ax.grid(False)
figures.show(ax)

# %% [markdown]
# Per channel the map moves along with the digit. Per position it becomes another map (thick frame): where ink hardly ever came
# in training, the variance is small, and BN divides by it. More in
# [What is wrong with statistics for each position?](deeper/statistics_for_each_position.ipynb)
#
# ## Conv → BN → ReLU
#
# This is the usual order. (A bias in the convolution would be useless there: lesson 02.)
#
# **Predict.** ReLU keeps what is above 0. Is that the same share in all six maps, before BN or after it?

# %%
normalized = batch_norm_2d(maps, np.ones(6), np.zeros(6))
print("above 0 before BN:", *(f"{share:4.0%}" for share in (maps > 0).mean(axis=(0, 2, 3))))
print("above 0 after BN: ", *(f"{share:4.0%}" for share in (normalized > 0).mean(axis=(0, 2, 3))))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Before BN it is an accident of the random filter: from about a fifth to three quarters. After BN it is 40 to 60 % in every map,
# since BN moves the mean of each map to 0. So every ReLU keeps about half.
#
# </details>
#
# ## "Expected more than 1 value per channel"
#
# In training, PyTorch refuses a channel with one value, since one value has no spread. What it counts is $m = N\cdot H\cdot W$, and $m$
# changes from layer to layer, because the maps get smaller.
#
# **Predict.** The pictures are 8 × 8. With one picture in the batch, which of these three BN layers refuses?

# %%
network = nn.Sequential(
    *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
    *(nn.Conv2d(16, 16, 1), nn.BatchNorm2d(16)),
)
for n in (60, 1):
    z = torch.from_numpy(digits.x_train[:n])
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            print(f"N = {n:2d}, maps of {z.shape[2]} × {z.shape[3]}: m = {z[:, 0].numel()}")
        try:
            z = layer(z)
        except ValueError as error:
            print(error)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The last one: it has maps of 1 × 1, and so a single value. It often fails at the end of an epoch, when the last batch has one picture
# left. Even with 60 pictures the three layers see batches of very different size: 3 840, 960 and 60 values.
#
# </details>
#
# **Shown:** one mean for each channel, over all other axes; a wrong axis is found by the property, not by an error.
#
# **Practice:** [the exercises](exercises/06_normalize_channels.ipynb), 30 minutes. Deeper: [NumPy's BN trains a PyTorch network](deeper/train_pytorch_with_numpy.ipynb), [fold BN away](deeper/fold_it_away.ipynb).
#
# **Next:** [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb).
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.2 (convolutional networks).
# - D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2015, arXiv:1412.6980 (the optimizer used here).
