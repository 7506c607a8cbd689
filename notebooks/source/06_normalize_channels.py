# %% [markdown]
# # 06 · Normalize channels
#
# *75 minutes · previous: [05 · Train and infer](05_train_and_infer.ipynb) ·
# next: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · [exercises](exercises/06_normalize_channels.ipynb)*
#
# So far a batch was a table: $N$ rows, $C$ columns. A network for pictures has no such table. Its layers pass on whole stacks
# of small pictures, with four axes. Which values share one mean now? How many numbers does BN learn and store there, and what does it save to take it out after training?
#
# ## What you will be able to do
#
# - say what a channel is in a network for pictures, and why all values of one channel share a mean
# - name the axes for both layouts, (N, C, H, W) and (N, H, W, C), and notice when you took the wrong ones
# - measure what goes wrong when each place of a picture gets statistics of its own
# - count the parameters and the statistics of a BN layer
# - foresee when PyTorch says "Expected more than 1 value per channel"
# - write the backward pass for pictures, and put NumPy's BN into a real PyTorch network
# - fold BN into the convolution before it, for use after training, and measure what that saves
#
# You need lessons 00 and 01. Two things more are used, and repeated where they come: the formula of the backward pass
# ([lesson 04](04_derive_the_backward_pass.ipynb)), and that BN uses **stored statistics** (`running_mean`, `running_var`) in
# evaluation, that is after training ([lesson 05](05_train_and_infer.ipynb)).

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
import copy
import time
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn.functional import batch_norm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bnteach import figures, labs
from bnteach.data import digits
from bnteach.torch_bridge import compare, replace_batch_norm
from bnteach.training import accuracy, over_seeds, small_cnn, train

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## What is a channel?
#
# The digits again, this time as pictures. Their shape is $(N, C, H, W)$: $N$ pictures, $C$ channels, height $H$ and
# width $W$. A gray picture has one channel. A color picture has three: red, green, blue.
#
# `small_cnn` is a small **convolutional network**. Its first layer `conv_1` has 6 filters here. A **filter** is 3 × 3 weights. It
# slides over the picture, and at each place it gives one number: the sum of weight times gray value. All these
# numbers together are again a picture, the **feature map** of this filter. Around the picture stands a frame of zeros (the
# **padding**), so the map is again 8 × 8.

# %%
data = digits().images()
network = small_cnn(channels=(6, 16), seed=0)  # 6 filters in conv_1, 16 in conv_2; not trained yet
pictures = torch.from_numpy(data.x_train)
with torch.no_grad():  # no gradients wanted: PyTorch hands out plain numbers
    maps = network.conv_1(pictures).numpy()
print(*(name for name, _ in network.named_children()), sep=" · ")
print("pictures:", tuple(pictures.shape), "  filters:", tuple(network.conv_1.weight.shape))
print("feature maps:", maps.shape)

# %% [markdown]
# The names stand in the order in which the pictures go through. `pool` keeps the largest of each 2 × 2 values and so halves
# height and width; `flatten` lays all values in a row for `output`.
#
# One value of a map by hand: the map of filter 5, at row 3, column 4, in the first picture (all counted from 0). The filter
# lies over rows 2 to 4 and columns 3 to 5.

# %%
weights = network.conv_1.weight.detach().numpy()
by_hand = (weights[5, 0] * data.x_train[0, 0, 2:5, 3:6]).sum()
print(f"by hand {by_hand:.4f}   conv_1 {maps[0, 5, 3, 4]:.4f}")

# %% [markdown]
# For the value at the next place, the filter moves on by one column, **with the same nine weights**. This is the point of a
# convolution: what the filter looks for, it looks for at every place. If the digit moves, its map moves along.

# %%
figure, (ax,) = figures.new_figure(size=(5.6, 2.6))
one_channel = np.zeros((3, 6), bool)
one_channel[:, 5] = True  # filter 5, in each of the three pictures
figures.feature_maps(
    maps[:3], limit=1.5, framed=one_channel, chosen=(0, 5), digits=data.x_train[:3, 0], ax=ax
)
figures.frame(
    ax, title="Three digits, six feature maps each", x="filter", xlim=(-1.2, 6.05), ylim=(3.05, -0.05)
)
ax.set_xticks([-0.7, *(np.arange(6) + 0.44)], ["digit", *range(6)])
ax.set_yticks([0.44, 1.44, 2.44], [f"a {digit}" for digit in data.y_train[:3]])
ax.grid(False)
figures.show(
    ax,
    alt="Three digits, one in each row. Right of each stand its six feature maps, one for each filter. The "
    "maps of filter 5, one in each row, have thick frames, the first one in orange, the others in black.",
)

# %% [markdown]
# A row is a picture, a column is a filter. White is 0, blue above, orange below. The frames mark what filter 5 gave in all
# three pictures; the value by hand is in the orange one.
#
# So in a network for pictures **a channel is a filter**, or the map that it gives. In the tables of lesson 00 a column was
# all that one unit said about the batch. Here, what one filter says about the batch is its map in all pictures: $N$ maps of
# $H \times W$ values. BN takes one mean and one variance of all of them:
#
# $$\mu_c = \frac{1}{m}\sum_{n,h,w} x_{n,c,h,w} \qquad \sigma^2_c = \frac{1}{m}\sum_{n,h,w} (x_{n,c,h,w} - \mu_c)^2
# \qquad m = N\cdot H\cdot W$$
#
# $m$ is the number of values of a channel. For a table it was $N$.
#
# ## On a batch small enough to read
#
# Two pictures with three channels of 2 × 3 values. The second channel is ten times the first, the third a hundred times.

# %%
first = np.array([[[1.0, 2, 3], [4, 5, 6]], [[3, 4, 5], [6, 7, 8]]])  # two pictures
x = np.stack([first, 10 * first, 100 * first], axis=1)
print("shape (N, C, H, W):", x.shape)
print("channel 0:", *x[:, 0].ravel())

# %% [markdown]
# **Predict.** How large is $m$? What is the mean of each channel, and what shape has the array of the means? The axes that you
# name are the ones that disappear.

# %%
mean = x.mean(axis=(0, 2, 3))
variance = x.var(axis=(0, 2, 3))
print("m:", x[:, 0].size, "  means:", mean, "  shape:", mean.shape)
print("variances:", *variance.round(1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# $m = 2\cdot 2\cdot 3 = 12$. The means are 4.5, 45 and 450, of shape `(3,)`: one number for each channel, as in a table.
#
# </details>
#
# Now subtract the mean. **Predict.** After `x - mean`, what is the mean of each channel?

# %%
wrong = x - mean
print("means of the channels:", wrong.mean(axis=(0, 2, 3)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not 0, 0, 0. NumPy aligns shapes at their **last** axis. So the three means went along the *width*: 4.5 was taken from the
# first column of every picture, 45 from the second, 450 from the third. No error, because $W = C = 3$.
#
# </details>
#
# The repair: the means must stand at the place of the channels. `keepdims=True` keeps the summed axes, with size 1.

# %%
mean = x.mean(axis=(0, 2, 3), keepdims=True)
variance = x.var(axis=(0, 2, 3), keepdims=True)
x_hat = (x - mean) / np.sqrt(variance + 1e-5)
print("shape of the means:", mean.shape)
print("means of the channels:", abs(x_hat.mean(axis=(0, 2, 3))).round(6))

# %% [markdown]
# The two habits of lesson 01 hold here too: **check the property** (each channel has mean 0), and test with sizes that all
# **differ**: $N \ne C \ne H \ne W$.
#
# ## Nothing new: a table with N·H·W rows
#
# You can also see it in this way. Cut all pictures into their places. Each place is a row, with one value for each channel.
# Then it is a table again. So there are three ways to one result: BN of the table, the function of this course for pictures, and
# PyTorch. We take $\gamma$ and $\beta$ that differ from channel to channel, so that a mix-up would show.

# %%
gamma, beta = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -0.5])
table = np.moveaxis(x, 1, -1).reshape(-1, 3)  # channels last, then one row for each place
from_table, _ = bnteach.batch_norm_forward(table, gamma, beta)
ours, _ = bnteach.batch_norm_forward(x, gamma, beta)  # channel_axis=1
layer = nn.BatchNorm2d(3, dtype=torch.float64)
layer.load_state_dict({"weight": torch.from_numpy(gamma), "bias": torch.from_numpy(beta)}, strict=False)
theirs = layer(torch.from_numpy(x)).detach().numpy()

# %%
print("shape of the table:", table.shape, "  its first row:", table[0])
print("first row after BN:   ", from_table[0].round(3))
print("first place, bnteach: ", ours[0, :, 0, 0].round(3))
print("first place, PyTorch: ", theirs[0, :, 0, 0].round(3))

# %% [markdown]
# ## Channels last: the same function
#
# PyTorch writes $(N, C, H, W)$, **NCHW** for short. Keras and most libraries for images have the channels last: $(N, H, W, C)$, **NHWC**.
# The mathematics does not change. The rule is: *the statistics run over all axes but that of the channels.*

# %%
x_last = np.moveaxis(x, 1, -1)
y_last, _ = bnteach.batch_norm_forward(x_last, gamma, beta, channel_axis=-1)
print("shape:", y_last.shape, "  first place:", y_last[0, 0, 0].round(3))
print("largest difference to NCHW:", abs(np.moveaxis(y_last, -1, 1) - ours).max().round(12))

# %% [markdown]
# **Predict.** Somebody forgets `channel_axis=-1`. Which axis is then taken for the channels? Does anything crash?

# %%
try:
    bnteach.batch_norm_forward(x_last, gamma, beta)
except ValueError as error:
    print(error)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Axis 1, the height. It has 2 rows, $\gamma$ has 3 values: they do not fit, and $\gamma$'s shape saved you. With $H = C$ nothing
# would save you. Then only the property tells: the channels do not have mean 0.
#
# </details>
#
# (In PyTorch the words *channels last* mean something else: there the shape stays $(N, C, H, W)$, and only the order of
# the values in memory changes.)
#
# ## The mistake: statistics for each place
#
# Who knows BN from tables may write `x.mean(axis=0)` for pictures, too. It runs without complaint. It gives every place of
# every map a mean of its own: BN **per element** instead of per channel.
#
# **Predict.** The 6 feature maps have 8 × 8 values each. How many means does this give? From how many values is each of them, in a
# batch of 60?

# %%
batch = maps[:60]
per_element, per_channel = batch.mean(axis=0), batch.mean(axis=(0, 2, 3))
print(f"per element: shape {per_element.shape}, {per_element.size} means, each of {len(batch)} values")
print(f"per channel: shape {per_channel.shape}, {per_channel.size} means, each of {batch[:, 0].size} values")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 384 means instead of 6, and 60 values for each instead of 3 840.
#
# </details>
#
# Fewer values, more noise. Lesson 01: the means of batches spread by $\sigma/\sqrt{m}$, if the values are independent. We draw
# 400 batches of 60 pictures and measure the spread, in units of $\sigma$.
#
# **Predict.** For the per-element means theory says $1/\sqrt{60} \approx 0.129$. For the per-channel means it says
# $1/\sqrt{3840} \approx 0.016$. Will the measurement agree? Think of "independent".

# %%
rng = np.random.default_rng(0)
batches = [maps[rng.choice(len(maps), 60, replace=False)] for _ in range(400)]
noise_element = np.std([b.mean(axis=0) for b in batches], axis=0) / maps.std(axis=0)
noise_channel = np.std([b.mean(axis=(0, 2, 3)) for b in batches], axis=0) / maps.std(axis=(0, 2, 3))
print(f"per element: {np.median(noise_element):.3f}   per channel: {np.median(noise_channel):.3f}  (medians)")
of_places = np.median(maps.mean(axis=0).var(axis=(1, 2)) / maps.var(axis=(0, 2, 3)))
print(f"differences between places: {of_places:.0%} of the variance", end="")
print(f"   theory without them: {((1 - of_places) / 3840) ** 0.5:.3f}")
print("per channel, filters 0 to 5:", noise_channel.round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Per element, about yes. (A little less: a picture is drawn only once for a batch.) Per channel it is not. In most maps the noise is smaller than
# $\sigma/\sqrt{m}$, for two reasons. Part of $\sigma$ is that some places are always bright and others always dark. That part is the same in every
# picture, so it adds no noise to the mean. And the pictures of a batch are independent, but the 64 values of one map are not. Where dark
# and bright balance each other within a map, there is less noise; where the values of a map move together, there is more: filters 0 and 3 (last line). So for
# pictures take $\sigma/\sqrt{m}$ as a rough guide only.
#
# </details>
#
# ## What the mistake costs
#
# Noise is not the worst. A convolution treats all places alike. Statistics for each place treat them differently again.
# To see what that does, we need digits that move. We put each digit into a frame of 12 × 12. So it can move by one column and
# still does not touch the edge.


# %%
def framed(pictures, right=0):
    """Each 8 × 8 picture in the middle of 12 × 12, or one column to the right (1) or to the left (-1)."""
    return np.pad(pictures, ((0, 0), (0, 0), (2, 2), (2 + right, 2 - right)))


# replace: a copy of the data with other pictures
in_the_middle = replace(data, x_train=framed(data.x_train), x_test=framed(data.x_test))
shifts = rng.integers(-1, 2, size=len(data.x_train))  # -1, 0 or 1 for each digit
moved = np.concatenate([framed(p[None], right) for p, right in zip(data.x_train, shifts, strict=True)])
everywhere = replace(in_the_middle, x_train=moved)


# %% [markdown]
# The network has two convolutions with 5 × 5 filters. At the end it takes the largest value of each map, wherever that is. So the
# place of the digit should not matter, unless BN makes it matter. (*Adam* is a gradient descent that
# chooses its steps by itself; it learns this in four epochs.)


# %%
class PerElement(nn.BatchNorm1d):
    """The mistake: each place of each map is a column of the table, with statistics of its own."""

    def forward(self, x):
        return super().forward(x.flatten(1)).reshape(x.shape)


def build(per_element, seed):
    torch.manual_seed(seed)  # the layers below draw their weights from PyTorch's global random numbers
    norms = nn.BatchNorm2d(6), nn.BatchNorm2d(16)
    if per_element:
        norms = PerElement(6 * 12 * 12), PerElement(16 * 12 * 12)  # a column for each value of the maps
    first = nn.Conv2d(1, 6, 5, padding=2, bias=False), norms[0], nn.ReLU()
    second = nn.Conv2d(6, 16, 5, padding=2, bias=False), norms[1], nn.ReLU()
    return nn.Sequential(*first, *second, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 10))


# %%
def accuracies(seed, per_element, training_data):
    """Test accuracy with the digits in the middle, one column to the left, one to the right."""
    network = build(per_element, seed)
    how = {"epochs": 4, "learning_rate": 0.01, "optimizer": torch.optim.Adam, "every": 1000}
    train(network, training_data, seed=seed, **how, progress=False)
    return [accuracy(network, framed(data.x_test, right), data.y_test) for right in (0, -1, 1)]


def five_seeds(per_element, training_data):
    return over_seeds(lambda seed: accuracies(seed, per_element, training_data), progress=False).values


# %% [markdown]
# **Predict.** We train networks with right BN and with wrong BN, with the digits in the middle. What is the test accuracy of
# each with test digits in the middle? And when the test digits are moved by one column? A third case is only fair: how
# do both do if in training, too, the digits are moved at random?

# %% tags=["nbval-ignore-output"]
right_bn = five_seeds(False, in_the_middle)
wrong_bn = five_seeds(True, in_the_middle)
right_bn_everywhere, wrong_bn_everywhere = five_seeds(False, everywhere), five_seeds(True, everywhere)
print("mean of five seeds               middle     left    right")
for name, values in {
    "per channel": right_bn,
    "per element": wrong_bn,
    "per channel, trained on moved": right_bn_everywhere,
    "per element, trained on moved": wrong_bn_everywhere,
}.items():
    print(f"{name:29}", *(f"{value:8.0%}" for value in values.mean(axis=0)))

# %%
print("in the middle, both, every seed above 85 %:", min(right_bn[:, 0].min(), wrong_bn[:, 0].min()) > 0.85)
print("moved, per channel, every seed above 80 %:", (right_bn[:, 1:] > 0.8).all())
print("moved, per element, every seed below 50 %:", (wrong_bn[:, 1:] < 0.5).all())
print("the same, trained on moved digits, above 75 %:", (wrong_bn_everywhere[:, 1:] > 0.75).all())
print("mean accuracy, per channel above per element in every case:", end=" ")
print(right_bn.mean() > wrong_bn.mean(), right_bn_everywhere.mean() > wrong_bn_everywhere.mean())

# %% [markdown]
# <details><summary>What happened</summary>
#
# In the middle the wrong BN loses a few percent, and this is the danger: who has nothing to compare with notices nothing. One column
# to the side, it misreads most of the digits. Per-channel BN hardly notices. Trained on moved digits, the wrong BN is much better, but it still
# makes about twice as many errors as the right one. And it has more noise, more numbers, and is tied to one picture size.
#
# </details>
#
# Why so bad? Let us look at $\hat{x}$ after one convolution, an untrained one. The statistics come from all training pictures.
# We ask two things. How often is a value far out, $|\hat{x}| > 6$? And how far is the map of the moved digit from the map moved
# along? For this we take the median over all values: a few far ones do not change it.

# %%
filters = build(False, seed=0)[0]  # the first convolution


def convolve(pictures):
    with torch.no_grad():
        return filters(torch.from_numpy(pictures)).numpy()


def x_hat_with(axes, training_data, pictures):
    """x_hat of these pictures, with the mean and the variance of the training pictures over these axes."""
    z = convolve(training_data.x_train)
    mean, variance = z.mean(axis=axes, keepdims=True), z.var(axis=axes, keepdims=True)
    return (convolve(pictures) - mean) / np.sqrt(variance + 1e-5)


# %%
channel, element = (0, 2, 3), 0  # the axes of the mean
cases = {
    "per channel": (channel, in_the_middle),
    "per element": (element, in_the_middle),
    "per element, trained on moved": (element, everywhere),
}
found = {}  # name -> x_hat of the test digits in the middle, moved to the left, to the right
for name, (axes, training_data) in cases.items():
    found[name] = [x_hat_with(axes, training_data, framed(data.x_test, right)) for right in (0, -1, 1)]
print("far out                        middle    left   right")
for name, x_hats in found.items():
    print(f"{name:29}", *(f"{np.mean(abs(x_hat) > 6):7.2%}" for x_hat in x_hats))
print("off from the map moved along             left   right")
for name, (middle, *moved_maps) in found.items():
    off = [np.median(abs(x - np.roll(middle, k, axis=3))) for x, k in zip(moved_maps, (-1, 1), strict=True)]
    print(f"{name:37}", *(f"{value:7.2f}" for value in off))
spread = convolve(in_the_middle.x_train).std(axis=0)  # σ of each place
far = abs(x_hat_with(element, in_the_middle, framed(data.x_test, -1))) > 6
print(f"σ of a place, median of all: {np.median(spread):.4f}", end="")
print(f"   of the places of far values: {np.median(np.broadcast_to(spread, far.shape)[far]):.4f}")

# %% [markdown]
# <details><summary>What you see</summary>
#
# Per channel nothing is far out, wherever the digit is, and the map moves along. Per element, many values are far out after a move.
# Where the digits hardly ever came in training, the stored variance is small (last line); when ink comes there, BN divides by a
# small number.
#
# This is one reason, not the whole: to the right there are less than half as many such values as to the left, and the accuracy was
# nearly as bad. Every place also gets the mean and the variance that belonged to its neighbor: half of all values are off by more
# than half a standard deviation. Trained on moved digits, the far values are nearly gone, and the rest is about half as large.
#
# </details>

# %%
shown = np.concatenate([framed(data.x_test[:1]), framed(data.x_test[:1], right=1)])
both = [x_hat_with(axes, in_the_middle, shown)[:, 3] for axes in (channel, element)]  # filter 3
figure, (ax,) = figures.new_figure(size=(4.8, 3.2))
look = {"limit": 4, "framed": np.zeros((2, 2), bool), "chosen": (1, 1), "digits": shown[:, 0]}
figures.feature_maps(np.stack(both, axis=1), **look, ax=ax)
figures.frame(ax, title="A digit moves. Does its map move along?", xlim=(-1.2, 2), ylim=(2, -0.05))
ax.set_xticks([-0.7, 0.44, 1.44], ["digit", "per channel", "per element"])
ax.set_yticks([0.44, 1.44], ["middle", "moved"])
ax.grid(False)
figures.show(
    ax,
    alt="Two rows: a digit in the middle, and moved one column to the right. Per channel the second map is the first "
    "one moved by a column. Per element the moved digit's map has columns of very large values at its right edge.",
)

# %% [markdown]
# The picture shows a digit, its map of filter 3 per channel, and the same map per element. In the lower row the digit is moved
# to the right by one column. Per channel the map moves along. Per element (orange frame) the right edge flares up, and the rest
# is not the map of the upper row either.
#
# ## What is counted
#
# A BN layer for $C$ channels learns $\gamma$ and $\beta$, that is $2C$ **parameters**. It stores a running mean and a running
# variance for each channel, and one count of the batches: $2C + 1$ **statistics**. They are not learned by gradient descent, only
# kept up to date; PyTorch calls them *buffers*.
#
# **Predict.** The second convolution of `small_cnn` has 16 filters. Six maps come in, so each filter has 3 × 3 weights for each of
# the six, and the six results are added. The convolutions of this network have no bias; you will see why. How many parameters does this layer have? How many does its BN layer have?


# %%
def count(layer):
    learned = sum(p.numel() for p in layer.parameters())
    return f"{learned:7,} learned   {sum(b.numel() for b in layer.buffers()):6,} stored"


for name in ("conv_1", "bn_1", "conv_2", "bn_2"):
    print(f"{name:12}", count(network.get_submodule(name)))  # the layer of this name
print("per element ", count(PerElement(16 * 4 * 4)), " in the place of bn_2")

# %% [markdown]
# <details><summary>Answer</summary>
#
# $16\cdot 6\cdot 3\cdot 3 = 864$ for the convolution, $2\cdot 16 = 32$ for BN. Per channel the count does not depend on $H$ and
# $W$. Per element it does: with maps of 4 × 4, sixteen times as many are learned.
#
# </details>
#
# ## Lab: which values share one mean
#
# The block on the left is a small batch, 3 samples, 4 channels, 2 × 3 places; the places stand in one row of six. You choose one value (orange). Blue are the
# values that share its mean. On the right is another batch: three real digits go through four fixed filters, before and after the norm. (The
# controls count from 1. The index in the line of words counts from 0, as NumPy does.)
#
# 1. Move *Channel*, then *Sample*, then *Position*. When do the blue values change, under *Normalization: batch*?
# 2. Change the layout to *NHWC*. What changes in the block and in the line of code? What changes in the feature maps?
# 3. Still under *batch*, choose sample 2 and set *Contrast of this digit* to 0.25. The line of words now ends "After the norm its
#    own values have moved by up to ..., those of the other digits by ...". Do the other two digits notice?
# 4. Choose *Normalization: instance* and read these two numbers again. (The other norms are the subject of lesson 08.)

# %% tags=["nbval-ignore-output"]
labs.WhichValues()

# %% [markdown]
# Left: the batch in the order of its axes, with the line of NumPy that takes the means. Middle: the feature maps before the norm.
# Right: after it. Frames mark the maps that share the mean of the chosen one.
#
# <details><summary>What you may have found</summary>
#
# 1. Only when the channel changes. In BN each mean belongs to a channel, and to all samples and places together: 18 values.
# 2. The axes stand in another order, and `axis=(0, 2, 3)` becomes `axis=(0, 1, 2)`. The feature maps do not change.
# 3. Yes: "its own values have moved by up to 1.80, those of the other digits by 0.80", though nobody touched these.
# 4. No: "by up to 0.01, those of the other digits by 0.00". Under *instance* each digit has its own means, so
#    its contrast drops out. (The 0.01 is left by $\varepsilon$: a pale map has a small variance.)
#
# </details>
#
# ## Conv → BN → ReLU on real digits
#
# This is the usual order: convolution, BN, ReLU. **ReLU** keeps what is above 0 and sets the rest to 0. We look at the untrained
# `conv_1` and its 6 maps. BN takes its statistics from all training digits; $\gamma = 1$, $\beta = 0$.
#
# **Predict.** Without BN, is the share of values above 0 about the same in all 6 maps? And after BN?

# %%
normalized, _ = bnteach.batch_norm_forward(maps, None, None)  # None: γ = 1, β = 0
print("above 0, without BN:", *(f"{share:4.0%}" for share in (maps > 0).mean(axis=(0, 2, 3))))
print("above 0, after BN:  ", *(f"{share:4.0%}" for share in (normalized > 0).mean(axis=(0, 2, 3))))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without BN it is anything from about a fifth to three quarters: that is an accident of the random filter. After BN it is
# about 40 to 60 % for all. BN puts each map's zero at its mean, and about half of the values lie above a mean. (Exactly half lie above the
# median, which is not the mean.)
#
# </details>
#
# BN may also stand **after** the ReLU. [Lesson 02](02_normalize.ipynb) compares the two. `small_cnn` has BN before the ReLU, as in
# the paper. There a bias in the convolution would be useless, and it has none: you counted 54 parameters for `conv_1`, and
# these are the 6 · 3 · 3 weights.
#
# ## "Expected more than 1 value per channel"
#
# PyTorch refuses a channel with a single value in training, since one value has no spread ([lesson 05](05_train_and_infer.ipynb)
# shows it). What it counts is $m = N\cdot H\cdot W$, and not $N$. In a network for pictures $m$ changes from layer to layer, because the
# maps get smaller. Many networks end like this one: an average over the whole map leaves maps of 1 × 1, and after that comes another
# convolution with BN.

# %%
ending_in_1x1 = nn.Sequential(
    *(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
    *(nn.Conv2d(16, 16, 1, bias=False), nn.BatchNorm2d(16)),
)

# %% [markdown]
# **Predict.** The pictures are 8 × 8, and `MaxPool2d(2)` halves height and width. What is $m$ in the three BN layers, with 60 pictures,
# with 2, and with 1? Which of them refuses?

# %%
for n in (60, 2, 1):
    z = pictures[:n]
    for layer in ending_in_1x1:
        if isinstance(layer, nn.BatchNorm2d):
            print(f"N = {n:2d}, maps of {z.shape[2]} × {z.shape[3]}: m = {z[:, 0].numel()}")
        try:
            z = layer(z)
        except ValueError as error:
            print(error)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With one picture the first two layers have 64 and 16 values a channel, and work. The third one has a single value, and refuses. So it
# is the last layer that fails, and often only at the end of an epoch, when the last batch has one picture left.
# And even with 60 pictures the three layers see batches of very different size: 3 840, 960 and 60 values.
#
# </details>
#
# ## The backward pass: the same formula
#
# For a table, the gradient of the loss with respect to $x$ is, as [lesson 04](04_derive_the_backward_pass.ipynb) derives,
#
# $$d\beta = \sum dy \qquad d\gamma = \sum dy\cdot\hat{x} \qquad
# dx = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}\left(dy - \frac{d\beta}{m} - \hat{x}\,\frac{d\gamma}{m}\right)$$
#
# Pictures change nothing but the sums: they run over $n, h, w$, and $m = N\cdot H\cdot W$. We take sizes that all differ, and a random
# $dy$ (the gradient that comes from the layers after it).

# %%
x = rng.normal(3, 2, size=(4, 3, 5, 2))
dy = rng.normal(size=x.shape)
over = {"axis": (0, 2, 3), "keepdims": True}
inv_std = 1 / np.sqrt(x.var(**over) + 1e-5)
x_hat = (x - x.mean(**over)) * inv_std
gamma_column = gamma.reshape(1, 3, 1, 1)  # one for each channel, at the place of the channels


# %%
def dx_with(m):
    dbeta, dgamma = dy.sum(**over), (dy * x_hat).sum(**over)
    return gamma_column * inv_std * (dy - dbeta / m - x_hat * dgamma / m)


# %% [markdown]
# **Predict.** What is $\sum dx$ over $n, h, w$, for each channel? And over $n$ alone, at one place? And what if somebody takes
# $m = N$, as for a table?

# %%
dx, slip = dx_with(m=4 * 5 * 2), dx_with(m=4)
x_torch = torch.from_numpy(x).requires_grad_()
# None, None: no running mean, no running variance
y = batch_norm(x_torch, None, None, torch.from_numpy(gamma), training=True)
y.backward(torch.from_numpy(dy))  # PyTorch finds dx by itself
print("largest difference to PyTorch: ", abs(dx - x_torch.grad.numpy()).max().round(9))
print("sums over n, h, w:             ", abs(dx.sum(axis=(0, 2, 3))).round(9))
print("over n alone, at h = w = 0:    ", dx.sum(axis=0)[:, 0, 0].round(3))
print("with m = N, over n, h, w:      ", slip.sum(axis=(0, 2, 3)).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Over $n, h, w$ it is 0: a constant added to the whole channel does not change $y$, so no gradient points there. At
# one place alone it is not 0: the place shares its mean with all other places. With $m = N$ the sums are not 0 either: again the
# property shows the slip.
#
# </details>
#
# ## NumPy's BN in a real PyTorch network
#
# Is the function of this course good enough to train with? `compare` holds a layer against PyTorch: six quantities in training, three
# in evaluation. It needs an $x$ and a random $dy$.

# %% tags=["nbval-ignore-output"]
bn = bnteach.BatchNorm(3, dtype=np.float64)
bn.gamma, bn.beta = gamma, beta
print(compare(bn, x, dy))

# %% [markdown]
# *error* is the largest difference, divided by the size of the terms of the sum behind each number. A float64 keeps about 16 digits. (dbeta is missing in
# evaluation: it is the sum of dy in both modes, and already compared.)
#
# Now a whole network. `replace_batch_norm` swaps each `nn.BatchNorm2d` of a PyTorch network for one that computes in NumPy,
# forward and backward. Everything else stays PyTorch. We train the same network with both, with the same seed, in float64, and
# keep the loss of each step.
#
# **Predict.** Two epochs are 44 steps. Each step builds on the one before, so small differences could grow. How far apart are the
# two loss curves at the end: 10 %, 0.1 %, or less than a millionth?

# %% tags=["nbval-ignore-output"]
precise = digits(dtype=np.float64).images()


def loss_curve(seed, numpy):
    network = small_cnn(seed=seed).double()
    network = replace_batch_norm(network) if numpy else network
    return train(network, precise, epochs=2, seed=seed, every=1000, progress=False).loss


by_torch = over_seeds(lambda seed: loss_curve(seed, numpy=False), progress=False).values
by_numpy = over_seeds(lambda seed: loss_curve(seed, numpy=True), progress=False).values
difference = abs(by_numpy / by_torch - 1).max(axis=1)
print("largest relative difference, five seeds:", *(f"{value:.0e}" for value in difference))

# %%
print("loss, every seed: difference below 1e-9:", (difference < 1e-9).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# Much less than a millionth. One rounding in float64 is about 1e-16; in 44 steps it grew to some 1e-15.
#
# </details>
#
# ## Fold it away
#
# After training, BN uses stored statistics. These are fixed numbers. So for each channel BN multiplies by one fixed number and adds
# another:
#
# $$y = a\,x + b \qquad a = \frac{\gamma}{\sqrt{\text{running var} + \varepsilon}} \qquad b = \beta - a\cdot\text{running mean}$$
#
# A convolution multiplies by weights and adds a bias. So does this, and two such steps in a row are one: multiply the weights of
# each filter by its $a$, and take $b$ as its bias. If the convolution has a bias already, the new one is $a\cdot\text{bias} + b$.
# This is called **folding**. The network then has no BN layer any more.
#
# BN must come *directly* after the convolution, with no ReLU between. (BN *before* a convolution with padding does not fold so
# simply: its $b$ would be added to the picture, but not to the zeros around it.)


# %%
def fold(conv, bn):
    """One convolution that does what conv and then bn do in evaluation."""
    a = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    b = bn.bias - a * bn.running_mean
    # for plain convolutions: groups and dilation are not copied
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
    folded.weight.data = conv.weight.data * a.data.reshape(-1, 1, 1, 1)  # a for each filter
    folded.bias.data = b.data if conv.bias is None else a.data * conv.bias.data + b.data
    return folded


# %% tags=["nbval-ignore-output"]
network = small_cnn(channels=(6, 16), seed=0)
_ = train(network, data, epochs=3, every=1000, progress=False)
folded = small_cnn(batch_norm=False, channels=(6, 16))  # the same layers, without BN
folded.conv_1, folded.conv_2 = fold(network.conv_1, network.bn_1), fold(network.conv_2, network.bn_2)
folded.output = network.output
without_b = copy.deepcopy(folded)
for conv in (without_b.conv_1, without_b.conv_2):
    nn.init.zeros_(conv.bias)
a = folded.conv_1.weight / network.conv_1.weight  # the same for all nine weights of a filter
print("a of the first layer:", a[:, 0, 1, 1].detach().numpy().round(2))
print("b of the first layer:", folded.conv_1.bias.detach().numpy().round(2))

# %% [markdown]
# **Predict.** How far apart are the outputs of the two networks on the test pictures: in the last digits of float32, or
# in the second digit? And if you forget $b$? And against the network with BN, left in training mode?

# %% tags=["nbval-ignore-output"]
x_test = torch.from_numpy(data.x_test)
with torch.no_grad():
    expected, right, forgotten = network.eval()(x_test), folded(x_test), without_b(x_test)
    in_training = copy.deepcopy(network).train()(x_test)  # a copy: training mode moves the statistics


def gap(output):
    """The largest difference from the network with BN in evaluation, as a share of the largest output."""
    return ((output - expected).abs().max() / expected.abs().max()).item()


print(f"folded:                       {gap(right):.5%}")
print(f"folded, b forgotten:          {gap(forgotten):.0%}")
print(f"not folded, in training mode: {gap(in_training):.0%}")

# %%
print("folded: below one part in a million:", gap(right) < 1e-6)
print("b forgotten: above one part in ten:", gap(forgotten) > 0.1)
print("training mode: above one part in a hundred:", gap(in_training) > 0.01)
fused = fuse_conv_bn_eval(network.conv_2, network.bn_2)  # PyTorch has this too
print("PyTorch's biases agree to 1e-6:", torch.allclose(fused.bias, folded.conv_2.bias, atol=1e-6))

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the last digits of float32. On paper folding is exact; here the same numbers were multiplied in another order, and rounded.
# Without $b$ the result is wrong. And in training mode the network with BN gives something else, since it uses the statistics of these 450 pictures. **A fold is right for
# evaluation only**. The price: the BN layer is gone, so you can no longer train with BN.
#
# </details>
#
# ## What does it save?
#
# First we count. One value of the map after `conv_2` costs 6 · 3 · 3 multiplications (6 maps come in), and BN one more. In larger
# layers the share of BN is smaller still:

# %%
for maps_in in (1, 6, 64, 256):
    print(f"{maps_in:3d} maps in: BN's share of the multiplications is {1 / (9 * maps_in + 1):6.2%}")

# %% [markdown]
# **Predict.** Does folding save as little *time*? We measure it in 40 rounds. Each round times both networks, one right after the
# other. We take the **median** of the 40 ratios (half of them are below it), because now and then a computer does something else
# meanwhile. In brackets stands where the middle half of the rounds lies. If all of it is below 1, folding was
# faster in most rounds.


# %%
@torch.no_grad()
def seconds(network, pictures, repeat):
    start = time.perf_counter()
    for _ in range(repeat):
        network(pictures)
    return (time.perf_counter() - start) / repeat


def folded_to_plain(plain, folded, pictures, repeat):
    """The time of the folded network as a share of the time with BN: quartiles of 40 rounds."""
    times = np.array([[seconds(one, pictures, repeat) for one in (plain, folded)] for _ in range(41)])
    return np.percentile(times[1:, 1] / times[1:, 0], [25, 50, 75])  # the first round warms up


# %% tags=["nbval-ignore-output"]
conv, bn = nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64).eval()
pair = nn.Sequential(conv, bn, nn.ReLU()), nn.Sequential(fold(conv, bn), nn.ReLU())
cases = {
    "small_cnn, 1 picture": (network, folded, x_test[:1], 10),
    "small_cnn, 64 pictures": (network, folded, x_test[:64], 10),
    "64 filters on 64 maps, 8 pictures of 28 × 28": (*pair, torch.randn(8, 64, 28, 28), 1),
}
for name, case in cases.items():
    low, share, high = folded_to_plain(*case)
    verdict = "faster in most rounds" if high < 1 else "slower in most" if low > 1 else "cannot tell"
    print(f"{name}: folded takes {share:.2f} of the time ({low:.2f} to {high:.2f}): {verdict}")

# %% [markdown]
# <details><summary>How to read this</summary>
#
# These numbers are your own machine's, at this minute. Run the cell again: what changes by itself is noise. If a case shows no
# difference, then this measurement cannot tell.
#
# In the first case you will mostly see far more saved than the 2 to 10 % of the multiplications. A layer costs time even if it
# computes little: it must be called, and its numbers must be carried to the processor and back. With more work in each call, in the other cases, little of that is left.
#
# </details>
#
# ## One dimension, three dimensions
#
# The rule knows no number of axes: *all axes but the channels*. Sound has shape $(N, C, L)$: $C$ is 2 for stereo, $L$ counts the
# moments in time. A short film, or a body in a scanner, has shape $(N, C, D, H, W)$, with $D$ pictures one behind the other. PyTorch
# has a class for each; here it is one function.
#
# **Predict.** How many values share a mean, in the two cases below?

# %%
for kind, layer_class, shape in (
    ("sound", nn.BatchNorm1d, (4, 2, 1000)),
    ("film", nn.BatchNorm3d, (2, 3, 6, 8, 10)),
):
    x = rng.normal(3, 2, size=shape)
    ours, cache = bnteach.batch_norm_forward(x, None, None)
    theirs = layer_class(shape[1], dtype=torch.float64)(torch.from_numpy(x)).detach().numpy()
    print(
        f"{kind:5}  {layer_class.__name__}  m = {cache.count}  agrees: {np.allclose(ours, theirs, atol=1e-12)}"
    )

# %% [markdown]
# <details><summary>Answer</summary>
#
# $4\cdot 1000 = 4\,000$ and $2\cdot 6\cdot 8\cdot 10 = 960$.
#
# </details>
#
# One trap: text and sensor data often come as $(N, L, C)$, channels last. `nn.BatchNorm1d` always takes axis 1. If $L = C$ by chance, it
# normalizes the moments in time and says nothing:

# %%
sequence = rng.normal(size=(6, 5, 5)) + 10 * np.arange(5)  # (N, L, C): the channels have means 0, 10, 20, ...
silent = nn.BatchNorm1d(5, dtype=torch.float64)(torch.from_numpy(sequence)).detach().numpy()
right, _ = bnteach.batch_norm_forward(sequence, None, None, channel_axis=-1)
print("nn.BatchNorm1d:  means of the channels:", silent.mean(axis=(0, 1)).round(1))
print("channel_axis=-1: means of the channels:", abs(right.mean(axis=(0, 1))).round(1))

# %% [markdown]
# Once more it is the property that shows the mistake: each channel must have mean 0. In PyTorch the remedy is
# `x.transpose(1, 2)` before the layer, and again after it.
#
# ## What you can do now
#
# - ✓ say what a channel is in a network for pictures, and why all values of one channel share a mean: one filter,
#   the same weights at every place
# - ✓ name the axes for both layouts, (N, C, H, W) and (N, H, W, C), and notice when you took the wrong ones: all axes
#   but the channels; then each channel has mean 0
# - ✓ measure what goes wrong when each place of a picture gets statistics of its own: a few percent in the usual
#   test, and most of the digits misread when they move by one column
# - ✓ count the parameters and the statistics of a BN layer: 2C learned, 2C + 1 stored
# - ✓ foresee when PyTorch says "Expected more than 1 value per channel": when N·H·W is 1
# - ✓ write the backward pass for pictures, and put NumPy's BN into a real PyTorch network: the same formula with
#   m = N·H·W, the same loss curve
# - ✓ fold BN into the convolution before it, for use after training, and measure what that saves: equal to one part
#   in a million, and the time on your own machine
#
# **Practice:** [the exercises of this lesson](exercises/06_normalize_channels.ipynb).
#
# **Go on with [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb).**
#
# *Sources: S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
# Shift", 2015, arXiv:1502.03167, section 3.2 (convolutional networks). Adam: D. P. Kingma and J. Ba, "Adam: A Method for
# Stochastic Optimization", 2015, arXiv:1412.6980.*
