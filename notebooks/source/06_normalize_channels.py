# %% [markdown]
# # 06 · Normalize channels
#
# *30 minutes · previous: [05 · Train and infer](05_train_and_infer.ipynb) ·
# next: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · [exercises](exercises/06_normalize_channels.ipynb)*
#
# In a network for pictures each filter gives one channel, and BN takes **one mean and one variance for each channel, over
# all axes but that of the channels**. You see why these axes, what a wrong axis does, and how to find it. Then you measure
# what statistics for each *position* cost.

# %%
import numpy as np
import torch
from torch import nn

import bnteach
from bnteach import data, figures, labs, training

# %% [markdown]
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

# %% tags=["draws"] alt="Three digits, one in each row. To the right of each stand its six feature maps, one for each filter. The three maps of filter 5, one in each row, have black frames: they are one channel."
figure, (ax,) = figures.new_figure(size=(5.8, 2.7))
one_channel = np.zeros((3, 6), bool)
one_channel[:, 5] = True
figures.feature_maps(maps[:3], limit=1.5, framed=one_channel, digits=digits.x_train[:3, 0], ax=ax)
figures.frame(ax, title="The framed maps are one channel", x="filter", xlim=(-1.2, 6.05), ylim=(3.05, -0.05))
ax.set_xticks([-0.7, *(np.arange(6) + 0.44)], ["picture", *range(6)])
ax.set_yticks([])
ax.grid(False)
figures.show(ax)

# %% [markdown]
# White is 0, blue is above, orange is below. A filter has the **same nine weights at every position**. Therefore all
# its values, at all positions of all pictures, are one channel, and share one mean and one variance:
#
# $$\mu_c = \frac{1}{m}\sum_{n,h,w} x_{n,c,h,w} \qquad \sigma^2_c = \frac{1}{m}\sum_{n,h,w} (x_{n,c,h,w} - \mu_c)^2
# \qquad m = N\cdot H\cdot W$$
#
# So each channel has two learned numbers, $\gamma$ and $\beta$, and two stored ones, the running mean and variance, whatever
# $H$ and $W$ are. For 60 pictures and maps of 8 × 8, $m$ is 3 840.
#
# ## On a batch small enough to read
#
# Two pictures, three channels of 2 × 3 values. The second channel is ten times the first, the third 100 times. In BN
# itself only the axes are new. `keepdims=True` keeps the reduced axes with length 1: here the mean has the shape (1, 3, 1, 1).


# %%
def batch_norm_2d(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    var = x.var(axis=(0, 2, 3), keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gamma.reshape(1, -1, 1, 1) * x_hat + beta.reshape(1, -1, 1, 1)


# %%
first = np.array([[[1.0, 2, 3], [4, 5, 6]], [[3, 4, 5], [6, 7, 8]]])
x = np.stack([first, 10 * first, 100 * first], axis=1)
gamma, beta = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -0.5])
y = batch_norm_2d(x, gamma, beta)
theirs = nn.functional.batch_norm(
    *(torch.tensor(x), None, None), weight=torch.tensor(gamma), bias=torch.tensor(beta), training=True
).numpy()
print("typed  ", y[0, :, 0, 0].round(4))
print("PyTorch", theirs[0, :, 0, 0].round(4))
assert np.allclose(y, theirs)

# %% [markdown]
# Without `keepdims` the mean has the shape (3,), and the three means are 4.5, 45 and 450.
#
# **Predict.** What does `x - mean` do then: raise an error, give each channel the mean 0, or neither?

# %%
mean = x.mean(axis=(0, 2, 3))
print("mean of each channel:", mean)
print("after x - mean:      ", (x - mean).mean(axis=(0, 2, 3)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Neither. NumPy aligns shapes at their **last** axis, which is that of the columns. So 4.5 was taken from the first *column* of
# every picture, 45 from the second, 450 from the third. There is no error, because $W = C = 3$.
#
# </details>
#
# Two habits find such a mistake: **check the property** (each channel has mean 0), and test with sizes that all **differ**.
#
# ## Other layouts: the same rule
#
# PyTorch writes $(N, C, H, W)$, **NCHW** for short. Keras and most libraries for images write $(N, H, W, C)$, **NHWC**. The
# rule stays: all axes but that of the channels. If we take each position of each picture as a row, it is even the table of
# lesson 00. All three give the same numbers:

# %%
x_last = np.moveaxis(x, 1, -1)  # channels last
table = x_last.reshape(-1, 3)  # one row for each position of each picture
from_last, _ = bnteach.batch_norm_forward(x_last, gamma, beta, channel_axis=-1)
from_table, _ = bnteach.batch_norm_forward(table, gamma, beta)
print("NCHW ", x.shape, " first position:", y[0, :, 0, 0].round(3))
print("NHWC ", x_last.shape, " first position:", from_last[0, 0, 0].round(3))
print("table", table.shape, "      first row:     ", from_table[0].round(3))

# %% [markdown]
# | data | shape | in PyTorch | $m$ |
# |---|---|---|---|
# | table | $(N, C)$ | `BatchNorm1d` | $N$ |
# | sound | $(N, C, L)$ | `BatchNorm1d` | $N\cdot L$ |
# | pictures | $(N, C, H, W)$ | `BatchNorm2d` | $N\cdot H\cdot W$ |
# | films, scans | $(N, C, D, H, W)$ | `BatchNorm3d` | $N\cdot D\cdot H\cdot W$ |
#
# Text and data from sensors often come as $(N, L, C)$: $L$ moments, one after the other, and the channels last. But
# `nn.BatchNorm1d` always takes axis 1 as the channels. In this batch $L = C = 5$, and the channels have means near 0, 10,
# 20, 30 and 40.
#
# **Predict.** Is the mean of each channel 0 after `nn.BatchNorm1d`?

# %%
sequence = np.random.default_rng(1).normal(size=(6, 5, 5)) + 10 * np.arange(5)
after = nn.BatchNorm1d(5, dtype=torch.float64)(torch.tensor(sequence)).detach().numpy()
print("mean of each channel:", after.mean(axis=(0, 1)).round(1))
print("mean of each moment: ", abs(after.mean(axis=(0, 2)).round(1)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. It has given each of the five *moments* the mean 0, over all channels, and there is no error. In PyTorch write
# `x.transpose(1, 2)` before the layer, and again after it. If $L$ and $C$ differ, the layer
# itself finds the mistake: it has $C$ values of $\gamma$, but axis 1 has $L$ channels for it, and it raises an error.
#
# </details>
#
# (PyTorch's own term *channels last* means something else: the shape stays $(N, C, H, W)$, only the order in memory changes.)
#
# ## Lab: which values share one mean
#
# Left: a batch of 3 samples, 4 channels, 2 × 3 positions in a row of six. The blue values share their mean with the orange
# one. Right: the three digits behind this batch; four filters and averages over parts of the picture make it. One digit is dimmed (its gray values are multiplied by
# the contrast). Each bar is the largest change in the $\hat{x}$ of a digit.
#
# 1. *Normalization: batch*. Move *Channel*, then *Sample*, then *Position*. When do other values turn blue?
# 2. Change the layout to *NHWC*. What changes in the block and in the line of code?
# 3. At the start *Contrast of this digit* is 0.25. Change it to 1, then to 0.1. Do the bars of the other two digits move?
# 4. Choose *Normalization: instance*. And now? (Lesson 08 has the other norms.)

# %% tags=["nbval-ignore-output"]
labs.WhichValues()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Only when the channel changes: a mean belongs to all samples and positions of a channel, 18 values.
# 2. The axes stand in another order, and `axis=(0, 2, 3)` becomes `axis=(0, 1, 2)`.
# 3. Yes, though only one digit was changed.
# 4. No, because each digit has means of its own. And since it is divided by its own spread, its contrast is nearly forgotten too.
#
# </details>
#
# ## The mistake: statistics for each position
#
# If you know BN from tables, you may write `x.mean(axis=0)` for pictures too. Then every position of every map gets a mean of its
# own. If you flatten the maps for `nn.BatchNorm1d`, every position also gets its own $\gamma$ and $\beta$. This layer can
# have the statistics, or $\gamma$ and $\beta$, or both per position:


# %%
class Norm(nn.Module):
    def __init__(self, channels, statistics, parameters, side=12):
        super().__init__()
        if statistics == "channel":
            self.norm = nn.BatchNorm2d(channels, affine=False)  # without γ and β
        else:
            self.norm = nn.BatchNorm1d(channels * side * side, affine=False)
        shape = (channels, 1, 1) if parameters == "channel" else (channels, side, side)
        self.gamma, self.beta = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        flat = isinstance(self.norm, nn.BatchNorm1d)
        x_hat = self.norm(x.flatten(1) if flat else x).reshape(x.shape)
        return self.gamma * x_hat + self.beta


# %% [markdown]
# The network has two convolutions, and then takes the largest value of each map, wherever that is. So the position of the digit
# should not matter. We put the digits into frames of 12 × 12, and train with all of them in the middle. We test with the
# digits in the middle, then one column to the left, then one to the right.


# %%
def framed(pictures, right=0):
    padded = np.pad(pictures, ((0, 0), (0, 0), (2, 2), (2 + right, 2 - right)))
    return torch.from_numpy(padded)


def learn(seed, statistics, parameters):
    torch.manual_seed(seed)
    network = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2, bias=False), Norm(6, statistics, parameters), nn.ReLU()),
        *(nn.Conv2d(6, 16, 5, padding=2, bias=False), Norm(16, statistics, parameters), nn.ReLU()),
        *(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 10)),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    shuffle = torch.Generator().manual_seed(seed)
    for _epoch in range(4):
        for batch in torch.randperm(1347, generator=shuffle).split(60)[:22]:
            loss = nn.functional.cross_entropy(network(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def percent_right(network):
    answers = [network(framed(digits.x_test, right)).argmax(dim=1) for right in (0, -1, 1)]
    return [100 * (answer == y_test).float().mean().item() for answer in answers]


# %% [markdown]
# **Predict.** The usual mistake has both per position. Where does it cost most of the answers: with the digits in the middle,
# after a move by one column, in both cases, or in neither?

# %% tags=["nbval-ignore-output"]
x_train, y_train = framed(digits.x_train), torch.from_numpy(digits.y_train)
y_test = torch.from_numpy(digits.y_test)
percent = {}
print("percent right, means of five seeds:  middle, left, right")
for statistics, parameters in [(s, p) for s in ("channel", "position") for p in ("channel", "position")]:
    runs = np.array([percent_right(learn(seed, statistics, parameters)) for seed in range(5)])
    print(f"statistics per {statistics:8}  γ, β per {parameters:8}", runs.mean(axis=0).round())
    percent[statistics, parameters] = runs

# %% [markdown]
# <details><summary>Answer</summary>
#
# After a move (last row): the network then misreads most digits. In the middle it loses only a few percent, so that you notice nothing
# if you have nothing to compare with. Statistics per position do most of the harm (third row, even in the middle). $\gamma$ and
# $\beta$ per position alone cost about 30 points after a move (second row).
#
# </details>
#
# A convolution treats all positions alike; statistics for each position treat them differently again. Here is $\hat{x}$ of one filter,
# the first of six that are not trained, with the statistics of all training digits.

# %%
assert percent["channel", "channel"].min() > 90
assert percent["channel", "position"][:, 1:].max() < 85
assert max(percent["position", p][:, 1:].max() for p in ("channel", "position")) < 50
filters = nn.Conv2d(1, 6, 5, padding=2, bias=False)
filters.weight.data = torch.randn((6, 1, 5, 5), generator=torch.Generator().manual_seed(0))
z = filters(x_train).detach()
moving = torch.cat([framed(digits.x_test[:1], right) for right in (0, 1)])


def normalized(axes):
    """Digits in the middle and moved, with the statistics of the training digits."""
    mean, var = z.mean(axes, keepdim=True), z.var(axes, keepdim=True)
    return (filters(moving).detach() - mean) / torch.sqrt(var + 1e-5)


by_channel, by_position = normalized((0, 2, 3)), normalized(0)

# %% tags=["draws"] alt="Two rows: a digit in the middle, and moved one column to the right. With statistics per channel the second map is the first one, moved by a column. Per position the moved digit's map is another one, with columns of very large values at the right."
figure, (ax,) = figures.new_figure(size=(4.8, 3.2))
pair = np.stack([by_channel[:, 0], by_position[:, 0]], axis=1)
another = [[False, False], [False, True]]
figures.feature_maps(pair, limit=4, framed=another, digits=moving[:, 0], ax=ax)
figures.frame(ax, title="A digit moves. Does its map move along?", xlim=(-1.2, 2), ylim=(2, -0.05))
ax.set_xticks([-0.7, 0.44, 1.44], ["digit", "per channel", "per position"])
ax.set_yticks([0.44, 1.44], ["middle", "moved"])
ax.grid(False)
figures.show(ax)

# %% [markdown]
# Per channel the map moves along with the digit. Per position it becomes another map (black frame): where ink hardly ever came
# in training, the variance is small, and BN divides by it. More in
# [What is wrong with statistics for each position?](deeper/statistics_for_each_position.ipynb)
#
# ## Conv → BN → ReLU
#
# This is the usual order. (A bias in the convolution would be useless there: lesson 02.)
#
# **Predict.** ReLU keeps what is above 0. Take the six channels of the first figure. Is this share more alike among them before
# BN or after it?

# %%
after_bn = batch_norm_2d(maps, np.ones(6), np.zeros(6))
print("above 0 before BN:", *(f"{share:4.0%}" for share in (maps > 0).mean(axis=(0, 2, 3))))
print("above 0 after BN: ", *(f"{share:4.0%}" for share in (after_bn > 0).mean(axis=(0, 2, 3))))

# %% [markdown]
# <details><summary>Answer</summary>
#
# After it. Before BN the share depends on the random filter, and goes from 18 to 74 %. BN moves the mean of each channel to 0, and
# then it goes from 40 to 61 %. It would be half if the values lay symmetrically about their mean
# ([how far from half?](deeper/does_a_relu_drop_half.ipynb)).
#
# </details>
#
# **Shown:** one mean for each channel, over all other axes; a wrong axis often raises no error, but the property finds it.
#
# **Practice:** [the exercises](exercises/06_normalize_channels.ipynb), 30 minutes. Deeper: [a batch of one picture](deeper/diagnose_the_batch.ipynb), [NumPy's BN trains a PyTorch network](deeper/train_pytorch_with_numpy.ipynb), [fold BN away](deeper/fold_it_away.ipynb).
#
# **Next:** [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb).
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.2 (convolutional networks).
# - D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2015, arXiv:1412.6980 (the optimizer used here).
