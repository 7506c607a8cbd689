# %% [markdown]
# # What goes wrong between devices?
#
# *20 minutes · from [10 · Across devices](../10_across_devices.ipynb)*
#
# Even with the right formulas of SyncBN, a program for several devices can give wrong gradients, hang for ever, or run without SyncBN although you
# asked for it. You see each of these happen. At the end `nn.SyncBatchNorm` is compared with plain BN, if there is a GPU.

# %%
import numpy as np
import torch
from torch import distributed, nn

from bnteach.trials.devices import ProcessError, run_processes

# %% [markdown]
# ## A mean of means
#
# Each device computes the mean loss of *its* share. PyTorch's `DistributedDataParallel` adds up the gradients of all devices and
# divides by the number of devices. Here are the gradients that eight samples give to one weight; device 0 has five of them.
#
# **Predict.** Is the mean of the two means the mean of all eight?


# %%
def averaged(rank, shares):
    gradient = torch.tensor(shares[rank].mean())
    distributed.all_reduce(gradient)
    return gradient.item() / distributed.get_world_size()


def weighted(rank, shares):
    sums = torch.tensor([shares[rank].sum(), len(shares[rank])])
    distributed.all_reduce(sums)
    return (sums[0] / sums[1]).item()


gradients = np.array([1.0, 2, 1, 2, 1, 7, 8, 9])
shares = [gradients[:5], gradients[5:]]
print(f"mean of all eight:       {gradients.mean():.3f}")
of_means, of_sums = run_processes(lambda rank: [averaged(rank, shares), weighted(rank, shares)])[0]
print(f"mean of the two means:   {of_means:.3f}")
print(f"sums and counts:         {of_sums:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only if the shares have the same size. Otherwise the samples of the smaller share count for more. Send sums and counts, or
# make all shares equal. (`DistributedSampler` does: it repeats a few samples, or leaves them out with `drop_last=True`.)
#
# </details>
#
# ## One device does not come
#
# `all_reduce` waits for every device.
#
# **Predict.** Device 0 has three batches, device 1 only two. What happens?


# %% tags=["nbval-ignore-output"]
def uneven(rank):
    batches = [3, 2][rank]
    for _ in range(batches):
        distributed.all_reduce(torch.zeros(1))
    return batches


try:
    run_processes(uneven, seconds=5)
except (TimeoutError, ProcessError) as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[-1]}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Device 1 has finished, and waits at the exit. Device 0 waits for a third sum, for ever. Ours have a limit of 5 seconds; then both are
# stopped. (What the message says depends on who notices first.)
#
# </details>
#
# The same happens with SyncBN when only device 0 calls the network once more in training mode, for example to print its loss. So drop the
# last uneven batch, let all devices do the same, and set a time limit.
#
# ## One device, several parts
#
# A device that has no room for its share takes it in parts, one after the other, adds up their gradients, and makes one step (**gradient accumulation**). We
# compare the added gradient with that of the whole batch: 60 samples in four parts of 15.
#
# **Predict.** Is the sum the same with no norm? With LN? With BN?


# %%
random = torch.Generator().manual_seed(0)
inputs = torch.randn(60, 64, generator=random, dtype=torch.float64)
labels = torch.randint(10, (60,), generator=random)


def gradient(norm, parts):
    torch.manual_seed(0)
    layers = [nn.Linear(64, 64), *norm, nn.ReLU(), nn.Linear(64, 10)]
    network = nn.Sequential(*layers).double()
    for few in torch.arange(60).chunk(parts):
        loss = nn.functional.cross_entropy(network(inputs[few]), labels[few]) / parts
        loss.backward()
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


for words, norm in {"no norm": (), "LN": (nn.LayerNorm(64),), "BN": (nn.BatchNorm1d(64),)}.items():
    whole = gradient(norm, parts=1)
    for layer in norm:
        layer.zero_grad()
    off = (gradient(norm, parts=4) - whole).norm() / whole.norm()
    print(f"{words:8} off by {off:.0%} of its length")

# %% [markdown]
# <details><summary>Answer</summary>
#
# With no norm and with LN it is the same. With BN it is not, because each part was normalized by its own statistics. Accumulation
# makes the *step* that of 60 samples; BN's batch stays 15.
#
# </details>
#
# ## SyncBN that is none
#
# `nn.SyncBatchNorm` works between GPUs. What does it do on a CPU?
#
# **Predict.** First there is one process, then there are two. In which case does an error come?

# %%
x = torch.tensor([[1.0, 10], [2, 12], [3, 9], [2, 11], [1, 13], [7, 10], [9, 12], [8, 14]])


def on_the_cpu(rank, x):
    try:
        return f"runs, shape {(*nn.SyncBatchNorm(2)(x).shape,)}"
    except ValueError as error:
        return f"ValueError: {error}"


difference = (nn.SyncBatchNorm(2)(x) - nn.BatchNorm1d(2)(x)).abs().max()
print(f"one process:   differs from plain BN by {difference:.5f}")
print("two processes:", run_processes(on_the_cpu, x)[0])

# %% [markdown]
# <details><summary>Answer</summary>
#
# In two. In one process it is plain BN, without a word. So a layer of this name does not prove that the devices talk.
#
# </details>
#
# And between GPUs? Two processes share the eight samples, five and three, forward and backward. One device that has all eight must give
# the same.


# %% tags=["nbval-ignore-output"]
def synchronized(rank, x, upstream):
    device = torch.device("cuda", rank % torch.cuda.device_count())
    mine = [slice(0, 5), slice(5, 8)][rank]
    share = x[mine].to(device, torch.float64).requires_grad_()
    y = nn.SyncBatchNorm(2, dtype=torch.float64, device=device)(share)
    y.backward(upstream[mine].to(device))
    return y.detach().cpu(), share.grad.cpu()


if torch.cuda.is_available():
    upstream = torch.randn(8, 2, dtype=torch.float64)
    whole = x.double().requires_grad_()
    y = nn.BatchNorm1d(2, dtype=torch.float64)(whole)
    y.backward(upstream)
    joined = [torch.cat(parts) for parts in zip(*run_processes(synchronized, x, upstream), strict=True)]
    for name, ours, theirs in zip(("y", "dx"), joined, (y, whole.grad), strict=True):
        print(f"{name:2} largest difference {(ours - theirs).abs().max():.10f}")
else:
    print("There is no GPU here, so nn.SyncBatchNorm was not compared.")

# %% [markdown]
# (No GPU was at hand when this notebook was built.)
#
# **Shown:** shares of different sizes need sums and counts; all devices must make the same number of calls; `nn.SyncBatchNorm` in one
# process is plain BN.
#
# **Back to** [10 · Across devices](../10_across_devices.ipynb).
#
# Sources:
#
# - S. Li et al., "PyTorch Distributed: Experiences on Accelerating Data Parallel Training", 2020, arXiv:2006.15704.
# - PyTorch, documentation of `torch.nn.SyncBatchNorm` and `torch.nn.parallel.DistributedDataParallel`.
