# %% [markdown]
# # 10 · Across devices
#
# *40 minutes · previous: [09 · Slim and fold](09_slim_and_fold.ipynb) · next:
# [11 · Put it in a detector](11_put_it_in_a_detector.ipynb) · [exercises](exercises/10_across_devices.ipynb)*
#
# Large networks are trained on several **devices** at once, each with a copy of the network and a **share** of every batch: **data parallelism**. To most
# layers this makes no difference, but BN needs the mean of the batch, and a device knows only its share. You write a BN whose devices share
# their sums, run it in two real processes, and measure what it costs.

# %%
import numpy as np
import torch
from torch import distributed

import bnteach
from bnteach import figures, labs, training
from bnteach.trials import devices


# %% tags=["draws"] alt="Two grids, device 0 and device 1 across eight moments of time; the share of device 0 at moment 7 has a frame. Plain BN: only this share is blue. SyncBN: the shares of both devices at moment 7 are blue."
def show_shares(rows, devices, height):
    figure, (ax,) = figures.new_figure(size=(7.0, height))
    for k, (name, (used, steps)) in enumerate(rows.items()):
        top = k * (len(devices) + 1)
        ax.text(-0.6, top + len(devices) / 2, name, ha="right", va="center", weight="bold")
        for device in devices:
            ax.text(0.35, top + device + 0.5, f"device {device}", ha="right", va="center", fontsize=8)
            for t in range(1, 9):
                color = figures.role("with_bn").color if (device, t) in used else "#E4E4E4"
                is_now = {"edgecolor": "black", "linewidth": 2, "zorder": 3} if (device, t) == (0, 7) else {}
                ax.bar(t, 0.84, 0.84, bottom=top + device + 0.08, color=color, **is_now)
        ends = top - 0.1, top + len(devices) + 0.1
        ax.vlines(np.array(steps) + 0.5, *ends, color=figures.role("moved").color, linewidth=1.5)
    title = "Whose statistics normalize the share in the black frame?"
    figures.frame(
        ax,
        title=title,
        x="time (orange: a step of the optimizer)",
        xlim=(-2.3, 8.8),
        ylim=(ends[1] + 0.1, -0.3),
    )
    ax.set(xticks=range(1, 9), yticks=[])
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    figures.show(figure)


plain, sync = {(0, 7)}, {(0, 7), (1, 7)}
show_shares({"plain BN": (plain, range(1, 9)), "SyncBN": (sync, range(1, 9))}, devices=(0, 1), height=1.9)

# %% [markdown]
# Each box is a share: what one device handles at one moment. Blue: its mean and variance are used.
#
# - **Plain BN**: each device normalizes with the statistics of its own share.
# - **Synchronized BN (SyncBN)**: each device normalizes with those of all devices at the same moment.
#
# ## Two shares are not one batch
#
# Eight samples with two channels. Device 0 gets five of them, device 1 three.
#
# **Predict.** The first channel is 1, 2, 3, 2, 1 on device 0 and 7, 9, 8 on device 1. Each device normalizes alone. Which gets the larger
# $\hat{x}$, the 3 or the 7?

# %%
x = np.array([[1.0, 10], [2, 12], [3, 9], [2, 11], [1, 13], [7, 10], [9, 12], [8, 14]])
shares = [x[:5], x[5:]]
alone = [bnteach.batch_norm_forward(share, None, None)[0] for share in shares]  # None: no γ, no β
together, _ = bnteach.batch_norm_forward(x, None, None)
print("x           ", x[:, 0])
print("x̂, alone    ", np.concatenate(alone)[:, 0].round(2))
print("x̂, together ", together[:, 0].round(2))
print("variances:  ", *(f"{share[:, 0].var():.2f}" for share in shares), f"  together {x[:, 0].var():.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The 3: it becomes 1.60 and the 7 becomes −1.22. The order is turned round, and no error message comes.
#
# </details>
#
# Could the devices send their variances, and average them? No: the average of 0.56 and 0.67 is far from 9.61, because it leaves out how far apart the two
# means are.
#
# ## Lab: share a batch
#
# 32 values of one channel are shared among the devices.
#
# 1. With 2 devices and *How sorted* 100, find a value of device 0 that ends above larger values of device 1. (In the right panel; the left line is device 0.)
# 2. Shuffle: *How sorted* 0. What is left of the difference with 2 devices? With 8?
# 3. Set *Devices* to 16, and move *How sorted*. Why is $\hat{x}$ nearly always −1 or +1?

# %% tags=["nbval-ignore-output"]
labs.Devices(devices=2)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The largest value of device 0 is 4.6, and becomes about 1.1. On device 1 all values between 5 and 6 end below 0.
# 2. With 2 devices little. With 8, four values on each, the lines differ again: small batches are noisy (lesson 01).
# 3. Each device has two values, and two values become −1 and +1 (lesson 02), or a little less where they are so close that ε counts.
#
# </details>
#
# ## SyncBN: what must travel?
#
# In the forward pass, each device needs the mean and the variance of *all* values. In the backward pass it needs the formula of lesson 04, where $m$ counts the
# samples of all devices, and the two sums run over all of them:
#
# $$dx = \frac{\gamma}{\sqrt{\sigma^2+\varepsilon}}
# \left(dy - \frac{1}{m}\sum dy - \hat{x}\,\frac{1}{m}\sum dy\,\hat{x}\right)$$
#
# Each device has $dy$ and $\hat{x}$ of its own share. So in the backward pass only the two sums have to travel: two numbers for each channel, however large the batch is.
#
# `distributed.all_reduce(t)` adds up the tensor `t` of all devices, and leaves the sum in it on each of them. With it, SyncBN is the BN of lesson 04b
# with other sums:


# %%
def sum_over_devices(values):
    tensor = torch.tensor(values)  # a copy: all_reduce writes into it
    distributed.all_reduce(tensor)
    return tensor.numpy()


def sync_forward(x, gamma, beta, eps=1e-5):
    m = sum_over_devices(len(x))
    mean = sum_over_devices(x.sum(axis=0)) / m
    var = sum_over_devices(((x - mean) ** 2).sum(axis=0)) / m
    s = np.sqrt(var + eps)
    x_hat = (x - mean) / s
    return gamma * x_hat + beta, (x_hat, gamma, s, m)


def sync_backward(dy, cache):
    x_hat, gamma, s, m = cache
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)  # of this share
    all_dgamma, all_dbeta = sum_over_devices(np.stack([dgamma, dbeta]))
    dx = gamma / s * (dy - all_dbeta / m - x_hat * all_dgamma / m)
    return dx, dgamma, dbeta


# %% [markdown]
# Now two real processes. `devices.run_processes(function, ...)` starts them, calls `function(rank, ...)` in each, and returns a list of the
# results. The **rank** is the number of the device.
#
# Each device returns $y$ and $dx$ of its own samples: we put those of the two devices one behind the other. $d\gamma$ and $d\beta$ of a device are parts of sums: we add them. Then we compare with a single
# device that has all eight samples.
#
# **Predict.** Which of the four agree, but for rounding: $y$, $dx$, $d\gamma$, $d\beta$?


# %%
def one_device(rank, shares, upstream, gamma, beta):
    y, cache = sync_forward(shares[rank], gamma, beta)
    return y, *sync_backward(upstream[rank], cache)


dy = np.random.default_rng(0).normal(size=x.shape)
gamma, beta = np.array([2.0, 0.5]), np.array([1.0, -3.0])
first, second = devices.run_processes(one_device, shares, [dy[:5], dy[5:]], gamma, beta)

y, cache = bnteach.batch_norm_forward(x, gamma, beta)
whole = (y, *bnteach.batch_norm_backward(dy, cache))
joined = [np.concatenate([first[k], second[k]]) for k in (0, 1)] + [first[k] + second[k] for k in (2, 3)]
for name, ours, expected in zip(("y", "dx", "dgamma", "dbeta"), joined, whole, strict=True):
    print(f"{name:7} largest difference {abs(ours - expected).max():.0e}")
    assert np.allclose(ours, expected)

# %% [markdown]
# <details><summary>Answer</summary>
#
# All four: **SyncBN is BN on the whole batch.**
#
# </details>
#
# We added $d\gamma$ and $d\beta$ of the two devices. This is right if the loss is a sum over all samples. PyTorch's `DistributedDataParallel` averages them, because usually each device takes the
# *mean* loss of its share. That is right when all shares are equally large. Exercise 2 is about unequal ones.
#
# In PyTorch, `nn.SyncBatchNorm.convert_sync_batchnorm(network)` replaces each BN layer by `nn.SyncBatchNorm`, which is made for GPUs ([tried
# here](deeper/what_goes_wrong_between_devices.ipynb)).
#
# ## What does it cost?
#
# In the backward pass a layer with 64 channels sends 128 sums, and a layer with 1 024 channels sends 2 048. We time `all_reduce` between our two processes: one message of 128
# numbers, one of 6 400, fifty of 128 (which are 6 400, too), and one of 128 for which device 1 comes 10 milliseconds late.
#
# **Predict.** Which takes longer: one message of 6 400 numbers, or fifty of 128?

# %% tags=["nbval-ignore-output"]
from time import perf_counter, sleep


def milliseconds(rank, numbers, messages=1, late=0.0):
    times, tensor = [], torch.zeros(numbers)
    for _ in range(50):
        distributed.barrier()  # both begin at the same time
        sleep(late * rank)
        start = perf_counter()
        for _ in range(messages):
            distributed.all_reduce(tensor)
        times.append(1000 * (perf_counter() - start))
    return np.quantile(times, 0.2)  # the slow ones are disturbed by other programs


cases = {"128 numbers": (128,), "6 400 numbers": (6400,), "50 × 128": (128, 50), "128, late": (128, 1, 0.01)}
times = devices.run_processes(lambda rank: [milliseconds(rank, *case) for case in cases.values()])
for name, device_0 in zip(cases, times[0], strict=True):
    print(f"{name:13} device 0 takes {device_0:5.2f} ms")
assert times[0][2] > 2 * times[0][1]
assert min(times[0][2:]) > times[0][0]

# %% [markdown]
# <details><summary>Answer</summary>
#
# Fifty messages, by far.
#
# </details>
#
# So the *number* of messages counts: SyncBN sends one or more at every BN layer, forward and backward. (Our forward pass sends three; PyTorch sends one, as in exercise 1.) And each device waits for the slowest. Between GPUs the times are different; we have not measured them.
#
# ## Which running mean is saved?
#
# With plain BN, each of two devices computes a running mean of its own. SyncBN keeps the running mean of the whole batch; here a third layer, which gets the whole batch, plays this part. We make 100 steps twice. In *sorted*,
# the shares are those above. In *shuffled*, each step shuffles the eight samples.
#
# **Predict.** In *sorted*, near which numbers do the running means of the first channel come: that of device 0, that of device 1, and that of SyncBN?

# %%
rng = np.random.default_rng(0)
for words, shuffle in {"sorted": lambda x: x, "shuffled": rng.permutation}.items():
    device_0, device_1, sync_bn = (bnteach.BatchNorm(2, dtype=np.float64) for _ in range(3))
    for _ in range(100):
        batch = shuffle(x)
        device_0(batch[:5])
        device_1(batch[5:])
        sync_bn(batch)
    kept = [layer.running_mean.round(1) for layer in (device_0, device_1, sync_bn)]
    print(f"{words:9} plain BN: {kept[0]} and {kept[1]}   SyncBN: {kept[2]}")
print("mean of all samples:", x.mean(axis=0).round(1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# 1.8 and 8, the means of the two shares, and 4.1, the mean of all.
#
# </details>
#
# Shuffled, the running means of both devices come near 4.1, too. Only one running mean is saved with the model. In PyTorch's
# `DistributedDataParallel` it is that of device 0: before each forward pass it is copied to the other devices, so what they have computed is lost.
#
# ## When to use SyncBN
#
# With plain BN, $m$ is that of one share. So what lesson 08 found for small batches concerns the share, not the batch.
#
# - Few samples on each device, such as large pictures for a detector: SyncBN (or group norm, lesson 08; frozen BN, lesson 15).
# - Shares that are sorted and cannot be shuffled: SyncBN.
# - Many samples, shuffled: plain BN, which sends no messages for the statistics of the batch.
#
# ## When there is no other device
#
# A single device with memory for few samples can do one of three things:

# %% tags=["draws"] alt="Three grids of one device across eight moments of time; the share at moment 7 has a frame. Gradient accumulation: only this share is blue, and a step comes after the moments 4 and 8. CmBN: the shares 5 to 7, since the last step. CBN: the shares 4 to 7, across three steps."
since_4, since_5 = ({(0, t) for t in range(first, 8)} for first in (4, 5))
rows = {"gradient\naccumulation": (plain, (4, 8)), "CmBN": (since_5, (4, 8)), "CBN": (since_4, range(1, 9))}
show_shares(rows, devices=(0,), height=2.1)

# %% [markdown]
# - **Gradient accumulation** adds up the gradients of several shares before a step. It does not change BN ([shown
#   here](deeper/what_goes_wrong_between_devices.ipynb)): each share is normalized alone.
# - **Cross mini-batch BN (CmBN)** also takes the statistics of the shares since the last step. The weights are still the same.
# - **Cross-iteration BN (CBN)** also takes those of some shares before the last step. Their weights were older. So CBN corrects their statistics first: with
#   the gradient of an old mean with respect to the weights, it estimates how the mean has changed since then.
#
# Does this help? A small network learned the digits, with 20 seeds ([the experiment](deeper/can_bn_remember.ipynb)). We look at three gains in test accuracy; the margin is 2 points. (The picture shows three earlier shares, and steps of four. Here CBN used seven, and CmBN had steps of eight.)
#
# - A: CBN instead of BN, for shares of 2 samples.
# - B: CBN instead of BN, for shares of 4 samples.
# - C: CmBN instead of BN, for steps of 8 shares of 2 samples.
#
# **Predict.** BN normalizes 2, 4 and 2 samples together. Where do you expect large gains?

# %%
right = training.stored("deeper/results/10_cross_iteration.json", None)["results"]
pairs = {
    "A: CBN and BN,\nshares of 2": ("CBN, 1 × 2", "BN, 1 × 2"),
    "B: CBN and BN,\nshares of 4": ("CBN, 1 × 4", "BN, 1 × 4"),
    "C: CmBN and BN,\n8 shares of 2": ("CmBN, 8 × 2", "BN, 8 × 2"),
}
gains = {}
for name, runs in pairs.items():
    first, second = (np.array(right[f"{run}, rate 0.05"]) for run in runs)
    gain = gains[name] = first - second
    means = f"{first.mean():.0f} % and {second.mean():.0f} %"
    print(f"{' '.join(name.split()):32} {means}   gains from {gain.min():+5.1f} to {gain.max():+5.1f}")

# %% tags=["draws"] alt="Gain in test accuracy, a dot for each of 20 seeds. CBN over BN in shares of 2: 15 to 55 points. CBN over BN in shares of 4: -8 to -2. CmBN over BN on the same shares: 18 to 32."
figure, (ax,) = figures.new_figure(size=(7.0, 2.9))
ax.axhspan(-2, 2, color="#D5D5D5", linewidth=0)
ax.axhline(0, color="black", linewidth=1)
figures.strips([(gain, "with_bn") for gain in gains.values()], limits=(-15, 60), ax=ax)
figures.frame(ax, title="Gain in test accuracy (20 seeds)", y="points", xlim=(0.4, 3.6), ylim=(-15, 60))
ax.set_xticks([1, 2, 3], gains, fontsize=9)
figures.show(figure)

# %% [markdown]
# A dot for each seed; gray is the margin of 2 points.
#
# <details><summary>Answer</summary>
#
# In A and C, with all 20 seeds. In B, CBN *loses*: with each of the 20 seeds, and with 19 of them more than 2 points.
#
# </details>
#
# So older statistics helped where a share had two samples. Why CBN loses in B, we do not know. This is one small network with one learning rate; the authors of CBN found it better in a large detector.
#
# **Shown:** with plain BN each device normalizes with its own mean and variance; SyncBN is BN on the whole batch, for a few sums at each layer; each message
# and each late device costs time.
#
# **Practice:** [the exercises](exercises/10_across_devices.ipynb), 30 minutes.
#
# **Next:** [11 · Put it in a detector](11_put_it_in_a_detector.ipynb).
#
# Sources:
#
# - C. Peng et al., "MegDet: A Large Mini-Batch Object Detector", 2018, arXiv:1711.07240 (BN across devices).
# - Z. Yao et al., "Cross-Iteration Batch Normalization", 2021, arXiv:2002.05712.
# - A. Bochkovskiy, C.-Y. Wang and H.-Y. M. Liao, "YOLOv4", 2020, arXiv:2004.10934 (CmBN, figure 4).
