# %% [markdown]
# # 10 · Across devices
#
# *40 minutes · previous: [09 · Slim and fold](09_slim_and_fold.ipynb) · next:
# [11 · Put it in a detector](11_put_it_in_a_detector.ipynb) · [exercises](exercises/10_across_devices.ipynb)*
#
# Large networks are trained on several **devices** at once, each with a copy of the network and a share of every batch: **data parallelism**. To most layers
# this makes no difference; to BN it does, because a device knows only its share. You write a BN whose devices tell each other their sums, run it in two real
# processes, measure what it costs, and see what else helps small shares.

# %%
import numpy as np
import torch
from torch import distributed

import bnteach
from bnteach import figures, labs, training
from bnteach.trials import devices

# %% tags=["draws"] alt="Five grids, device 0 and device 1 across eight moments of time; the share of device 0 at moment 7 has a frame. Plain BN: only this share is blue. Gradient accumulation: only this share. SyncBN: the shares of both devices at moment 7. CBN: device 0 at the moments 4 to 7, across three steps of the weights. CmBN: device 0 at the moments 5 to 7, since the last step."
figure, (ax,) = figures.new_figure(size=(7.0, 3.4))
now, every, steps_of_four = (0, 7), range(1, 9), (4, 8)
rows = {
    "plain BN": ({now}, every),
    "gradient\naccumulation": ({now}, steps_of_four),
    "SyncBN": ({now, (1, 7)}, every),
    "CBN": ({(0, t) for t in range(4, 8)}, every),
    "CmBN": ({(0, t) for t in range(5, 8)}, steps_of_four),
}
for k, (name, (used, steps)) in enumerate(rows.items()):
    ax.text(-0.6, 3 * k + 1, name, ha="right", va="center", weight="bold")
    for device in (0, 1):
        ax.text(0.35, 3 * k + device + 0.5, f"device {device}", ha="right", va="center", fontsize=8)
        for t in range(1, 9):
            color = figures.role("with_bn").color if (device, t) in used else "#E4E4E4"
            frame = {"edgecolor": "black", "linewidth": 2, "zorder": 3} if (device, t) == now else {}
            ax.bar(t, 0.84, 0.84, bottom=3 * k + device + 0.08, color=color, **frame)
    ax.vlines(
        np.array(steps) + 0.5, 3 * k - 0.1, 3 * k + 2.1, color=figures.role("moved").color, linewidth=1.5
    )
title = "Whose statistics normalize the share in the black frame?"
figures.frame(ax, title=title, x="time", xlim=(-2.3, 8.8), ylim=(14.2, -0.3))
ax.set_xticks(every)
ax.set_yticks([])
ax.grid(False)
ax.spines["left"].set_visible(False)
figures.show(figure)

# %% [markdown]
# Each box is a share: what one device handles at one moment. Blue: its mean and variance are used. At an orange line the optimizer makes a step, and
# the weights move.
#
# - **Plain BN**: each device takes its own share alone.
# - **Gradient accumulation** adds up the gradients of several shares before a step. BN takes no notice ([shown here](deeper/what_goes_wrong_between_devices.ipynb)).
# - **Synchronized BN (SyncBN)** takes the shares of all devices at the same moment.
# - **Cross-iteration BN (CBN)** remembers earlier shares. Their statistics belong to older weights, so it corrects them; the [deeper notebook](deeper/can_bn_remember.ipynb) shows how.
# - **Cross mini-batch BN (CmBN)** remembers only back to the last step, and needs no correction.
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
# To average the two variances is no help: the result is below 1, far from 9.61, since it forgets how far apart the two means are.
#
# ## Lab: share a batch
#
# 32 values of one channel are shared among the devices. Blue: each device alone. Black: SyncBN.
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
# 2. With 2 devices little. With 8, four values on each, the lines differ again: now it is the noise of small batches (lesson 01).
# 3. Each device has two values, and two values become −1 and +1 (lesson 02), or a little less where they are so close that ε counts.
#
# </details>
#
# ## SyncBN: what must travel?
#
# Forward, each device needs the mean and the variance of *all* values. Backward, the formula of lesson 04 holds, where $m$ counts the samples of all
# devices:
#
# $$dx = \frac{\gamma}{\sqrt{\sigma^2+\varepsilon}}
# \left(dy - \frac{1}{m}\sum dy - \hat{x}\,\frac{1}{m}\sum dy\,\hat{x}\right)$$
#
# **Predict.** A device knows its own $dy$ and $\hat{x}$. What does it need from the others for its $dx$?
#
# <details><summary>Answer</summary>
#
# The two sums: two numbers for each channel, however large the batch. They are $d\beta$ and $d\gamma$.
#
# </details>
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
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    all_dgamma, all_dbeta = sum_over_devices(np.stack([dgamma, dbeta]))
    dx = gamma / s * (dy - all_dbeta / m - x_hat * all_dgamma / m)
    return dx, dgamma, dbeta


# %% [markdown]
# `devices.run_processes(function, ...)` starts new Python processes, calls `function(rank, ...)` in each, and returns a list of the
# results. The **rank** is the number of the device: 0, 1, and so on. The processes talk through `torch.distributed`, as the devices of a cluster do.
#
# **Predict.** Put together, how far are the results of the two from those of one device that has all eight samples?


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
# By rounding alone. **SyncBN is BN on the whole batch.**
#
# </details>
#
# $y$ and $dx$ stay where the samples are. $d\gamma$ and $d\beta$ are parts, one for each device. Data parallelism joins them as it joins the gradients of all other parameters: their sum
# for a sum of losses, their mean for a mean.
#
# In PyTorch, `nn.SyncBatchNorm.convert_sync_batchnorm(network)` puts `nn.SyncBatchNorm` in the place of each BN layer. It works between GPUs only;
# [What goes wrong between devices?](deeper/what_goes_wrong_between_devices.ipynb) compares it with BN on the whole batch, if there is a GPU.
#
# ## What does it cost?
#
# We time `all_reduce` in our two processes. A layer with 64 channels sends 128 sums in its backward pass, one with 1 024 channels sends 2 048. A small network
# has a million gradients. In the last row device 1 comes 10 milliseconds late.
#
# **Predict.** How many times longer do 2 048 numbers take than 128?

# %% tags=["nbval-ignore-output"]
from time import perf_counter, sleep


def milliseconds(rank, numbers, late=0.0):
    times, tensor = [], torch.zeros(numbers)
    for _ in range(50):
        distributed.barrier()  # both begin at the same time
        sleep(late * rank)
        start = perf_counter()
        distributed.all_reduce(tensor)
        times.append(1000 * (perf_counter() - start))
    return np.quantile(times, 0.2)  # the slow ones are disturbed by other programs


cases = {"128 numbers": (128,), "2 048": (2048,), "1 000 000": (10**6,), "128, one late": (128, 0.01)}
times = devices.run_processes(lambda rank: [milliseconds(rank, *case) for case in cases.values()])
for name, device_0 in zip(cases, times[0], strict=True):
    print(f"{name:14} device 0 takes {device_0:6.2f} ms")
assert times[0][3] > times[0][0]

# %% [markdown]
# <details><summary>Answer</summary>
#
# They take nearly the same time, a fraction of a millisecond here: the length of a message hardly counts until it is large. In the last row device 0 waits: each
# device waits for the slowest.
#
# </details>
#
# In these two processes a message costs as much for 128 numbers as for 2 048. So in a deep network it is the *number* of messages that counts, and the waiting, at
# every BN layer, forward and backward. (Our forward pass sends three messages. PyTorch sends
# one: count, mean and variance of each device, which are then [merged](deeper/how_do_two_batches_become_one.ipynb).) Other devices and networks give other times.
#
# ## Which running mean is saved?
#
# Plain BN on two devices: each keeps a running mean of its own. In the first row the shares are sorted; in the second, each step shuffles the eight
# samples.
#
# **Predict.** In which row do the running means come near the mean of all samples?

# %%
rng = np.random.default_rng(0)
for words, shuffle in {"sorted": lambda x: x, "shuffled": rng.permutation}.items():
    layers = [bnteach.BatchNorm(2, dtype=np.float64) for device in (0, 1)]
    for _ in range(100):
        batch = shuffle(x)
        layers[0](batch[:5])
        layers[1](batch[5:])
    print(f"{words:9} running means {layers[0].running_mean.round(2)} {layers[1].running_mean.round(2)}")
print("mean of all samples    ", x.mean(axis=0).round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the second. Sorted, each device keeps the mean of its own share. And only one of the two is saved with the model: in PyTorch's
# `DistributedDataParallel` that of device 0, which is copied to the others before each forward pass.
#
# </details>
#
# ## When there is no other device
#
# Then CBN and CmBN look back in time. [Can BN remember earlier batches?](deeper/can_bn_remember.ipynb) writes them as one layer, and trains a small
# network once through the digits, with 20 seeds. Its results are stored. We take four differences in test accuracy:
#
# - batches of 2, and batches of 4: CBN, which remembers seven batches, minus plain BN;
# - CmBN, in steps of 16 samples in eight parts of 2, minus plain BN on the same parts;
# - the same CmBN, minus BN on all 16 samples.
#
# "It gains" *holds* when the dots of all seeds lie more than 2 points (percentage points) above 0. The seeds do not vary the 450 test pictures, which leave about
# one point uncertain: hence this margin.
#
# **Predict.** In which of the four does it hold?

# %%
right = training.stored("deeper/results/10_cross_iteration.json", None)["results"]
pairs = {
    "CBN − BN,\nbatches of 2": ("CBN, 1 × 2", "BN, 1 × 2"),
    "CBN − BN,\nbatches of 4": ("CBN, 1 × 4", "BN, 1 × 4"),
    "CmBN − BN,\nparts of 2": ("CmBN, 8 × 2", "BN, 8 × 2"),
    "CmBN − BN\non all 16": ("CmBN, 8 × 2", "BN, 1 × 16"),
}
gains = {}
for name, (memory, plain) in pairs.items():
    gain = gains[name] = np.subtract(right[f"{memory}, rate 0.05"], right[f"{plain}, rate 0.05"])
    words = name.replace("\n", " ")
    print(f"{words:24} mean {gain.mean():+6.1f}   lowest {gain.min():+6.1f}   highest {gain.max():+6.1f}")

# %% tags=["draws"] alt="Test accuracy with memory minus that of plain BN, a dot for each of 20 seeds. CBN in batches of 2: 15 to 55 points. CBN in batches of 4: -8 to -2. CmBN against BN on the same parts: 18 to 32. CmBN against BN on all 16 samples: -12 to -4."
figure, (ax,) = figures.new_figure(size=(6.4, 2.9))
ax.axhspan(-2, 2, color="#D5D5D5", linewidth=0)
ax.axhline(0, color="black", linewidth=1)
figures.strips([(gain, "with_bn") for gain in gains.values()], limits=(-15, 60), ax=ax)
figures.frame(ax, title="What a memory gains", y="points", xlim=(0.4, 4.6), ylim=(-15, 60))
ax.set_xticks([1, 2, 3, 4], gains)
figures.show(figure)

# %% [markdown]
# A dot for each seed; gray is the margin.
#
# <details><summary>Answer</summary>
#
# In the first and the third. In batches of 4, CBN *loses*: in each of the 20 seeds, and in 19 of them beyond the margin. And CmBN stays below BN on all 16 samples; its first part has
# only itself.
#
# </details>
#
# This is one small network, and one learning rate. With a large detector, the authors of CBN found it better than BN. Why it loses here, we do not know.
#
# **Shown:** alone, each device has a line of its own; SyncBN is BN on the whole batch, for a few sums at each layer; each message and each late device costs time.
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
