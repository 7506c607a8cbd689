# %% [markdown]
# # 10 · Across devices
#
# *55 minutes · previous: [09 · Slim and fold](09_slim_and_fold.ipynb) · next: [11 · Put it in a detector](11_put_it_in_a_detector.ipynb) ·
# builds on [04](04_derive_the_backward_pass.ipynb) and [05](05_train_and_infer.ipynb) ·
# [exercises](exercises/10_across_devices.ipynb)*
#
# A large network is trained on several **devices** at once: processors or computers, each with a copy of the network. Every batch is
# cut into shares, one for each device. This is **data parallelism**. For most layers it makes no difference. For BN it does, because BN
# looks at the whole batch, and a device sees only its share.
#
# In this lesson you run two real processes, each in the part of a device. They talk to each other through
# `torch.distributed`, as the devices of a cluster do.
#
# ## What you will be able to do
#
# - merge the statistics of two devices without sending a single value of the batch
# - write SyncBN, forward and backward, in a few lines, and say which sums must travel
# - show what plain data parallelism does to BN, in numbers
# - say what gradient accumulation does not do for BN
# - explain cross-iteration BN, and test what it is worth for batches of 2 and of 4

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import distributed, nn

from bnteach import figures
from bnteach.core.statistics import Moments, merge_moments, two_pass_moments
from bnteach.data import digits
from bnteach.training import SeedSummary, accuracy, over_seeds, training_steps
from bnteach.trials.devices import ProcessError, run_processes

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## Two shares are not one batch
#
# Eight samples of two channels. The first device gets five of them, the second three.

# %%
x = np.array([[1, 10], [2, 12], [3, 9], [2, 11], [1, 13], [7, 10], [9, 12], [8, 14]], dtype=float)
shares = [x[:5], x[5:]]
for rank, share in enumerate(shares):
    print(f"device {rank}: mean {share.mean(axis=0).round(2)}, variance {share.var(axis=0).round(2)}")
print(f"together: mean {x.mean(axis=0).round(2)}, variance {x.var(axis=0).round(2)}")

# %% [markdown]
# A device is called by its **rank**: 0, 1, and so on.
#
# **Predict.** A colleague says: "Take the average of the two variances." What does she get for the first channel, and why is it so far
# from the variance of all eight, 9.61?

# %%
average = np.mean([share.var(axis=0) for share in shares], axis=0)
print("average of the two variances:", average.round(2))
print("variance of all eight:       ", x.var(axis=0).round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The average of the variances says how far the values are from the mean *of their own device*. How far the two means are from each other
# is forgotten. In the first channel this is nearly all of the variance. (And an average that counts both devices equally
# is wrong also when they have different numbers of samples.)
#
# </details>
#
# [The merge of two batches](deeper/how_do_two_batches_become_one.ipynb) has the missing term. Each device needs to send three things only: its number of values $m$, its
# mean $\mu$, and its sum of squared deviations $M_2 = \sum(x-\mu)^2$:
#
# $$\delta = \mu_b - \mu_a \qquad \mu = \mu_a + \delta\,\frac{m_b}{m} \qquad M_2 = M_{2,a} + M_{2,b} + \delta^2\,\frac{m_a m_b}{m}$$

# %%
a, b = (two_pass_moments(share) for share in shares)
delta, m = b.mean - a.mean, a.count + b.count
print("mean:    ", (a.mean + delta * b.count / m).round(2))
between = delta**2 * a.count * b.count / m
print("variance:", ((a.squared_deviations + b.squared_deviations + between) / m).round(2))
print("the part between the devices:", (between / m).round(2))
print("bnteach's merge:", merge_moments(a, b).variance().round(2))

# %% [markdown]
# ## What must travel
#
# **SyncBN** (synchronized BN) is BN whose statistics are those of all devices together. Forward, we know now what travels. And backward?
# Look at the compact formula of lesson 04, with $m$ the number of values of *all* devices:
#
# $$\frac{\partial L}{\partial x} = \frac{\gamma}{\sqrt{\sigma^2+\varepsilon}}
# \left(dy - \frac{1}{m}\sum dy - \hat{x}\,\frac{1}{m}\sum dy\,\hat{x}\right)$$
#
# **Predict.** A device knows its own $dy$ and its own $\hat{x}$. What does it need from the others?
#
# <details><summary>Answer</summary>
#
# Only the two sums, $\sum dy$ and $\sum dy\,\hat{x}$: two numbers for each channel. They are old friends: the first is $d\beta$ and the
# second is $d\gamma$.
#
# </details>
#
# So both passes are short. `distributed.all_reduce(t)` adds up the tensor `t` of all devices, and leaves the sum on each of them.
# `distributed.all_gather_object` gives each device a list of what all of them have; `get_world_size()` is the number of devices.
# `Moments(m, mean, M2)` holds the three numbers that the merge needs.


# %%
def sync_forward(x, gamma, beta, eps=1e-5):
    """BN over the batches of all devices; each gives its own x and gets its own y."""
    mine, everyone = two_pass_moments(x), [None] * distributed.get_world_size()
    distributed.all_gather_object(everyone, (mine.count, mine.mean, mine.squared_deviations))
    total = Moments(*everyone[0])
    for other in everyone[1:]:
        total = merge_moments(total, Moments(*other))
    x_hat = (x - total.mean) / np.sqrt(total.variance() + eps)
    return gamma * x_hat + beta, x_hat, total


# %%
def sync_backward(dy, x_hat, gamma, total, eps=1e-5):
    """The gradients on this device: dx of its own samples, and its part of dgamma and dbeta."""
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    sums = torch.from_numpy(np.stack([dgamma, dbeta]))  # a copy: all_reduce writes into it
    distributed.all_reduce(sums)
    all_dgamma, all_dbeta = sums.numpy() / total.count
    dx = gamma / np.sqrt(total.variance() + eps) * (dy - all_dbeta - x_hat * all_dgamma)
    return dx, dgamma, dbeta


# %% [markdown]
# ## Two processes
#
# `run_processes(function, ...)` starts new Python processes, and calls `function(rank, ...)` in each of them. It waits for all and returns
# a list of what they returned. `processes` says how many, `seconds` how long they may take. The code below runs in two processes at the
# same time; each takes its own share of the data. The variance to store is the unbiased one (lesson 05), so `ddof=1`.


# %%
def one_device(rank, shares, upstream, gamma, beta):
    y, x_hat, total = sync_forward(shares[rank], gamma, beta)
    dx, dgamma, dbeta = sync_backward(upstream[rank], x_hat, gamma, total)
    return y, dx, dgamma, dbeta, total.mean, total.variance(ddof=1)


rng = np.random.default_rng(0)
gamma, beta = np.array([2.0, 0.5]), np.array([1.0, -3.0])
dy = rng.normal(size=x.shape)
upstream = [dy[:5], dy[5:]]
results = run_processes(one_device, shares, upstream, gamma, beta, processes=2, seconds=60)
y_0, y_1 = results[0][0], results[1][0]
print("y of device 0:", y_0.shape, "  y of device 1:", y_1.shape)

# %% [markdown]
# **Predict.** We put the two pieces together and compare with *one* device that gets all eight samples. By how much do they differ?

# %%
y, cache = bnteach.batch_norm_forward(x, gamma, beta)
dx, dgamma, dbeta = bnteach.batch_norm_backward(dy, cache)
pairs = {
    "y": (np.concatenate([one[0] for one in results]), y),
    "dx": (np.concatenate([one[1] for one in results]), dx),
    "dgamma, added up": (results[0][2] + results[1][2], dgamma),
    "dbeta, added up": (results[0][3] + results[1][3], dbeta),
    "mean to store": (results[0][4], x.mean(axis=0)),
    "variance to store": (results[1][5], x.var(axis=0, ddof=1)),
}
for name, (found, expected) in pairs.items():
    print(f"{name:18} below 1e-10: {abs(found - expected).max() < 1e-10}, first value {found.flat[0]:.4f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# By rounding alone, less than $10^{-10}$. SyncBN *is* BN on the large batch. Note who has what: $dx$ and $y$ stay where the samples are.
# $d\gamma$ and $d\beta$ are parts; data parallelism joins them, as it does with the gradients of all other parameters. Here we add.
# PyTorch's `DistributedDataParallel` also divides by the number of devices, because each loss is a mean over its own share. (With shares
# of 5 and 3, a mean of the two means is not the mean of the eight.)
#
# </details>
#
# ## Plain data parallelism
#
# Without SyncBN each device normalizes its own share. Nothing warns you. Our two devices have got different kinds of samples: small
# ones on device 0, large ones on device 1.
#
# **Predict.** The first channel holds 1, 2, 3, 2, 1 on device 0 and 7, 9, 8 on device 1. Which $\hat{x}$ do the values 3 and 7 get?


# %%
def alone(share, upstream, gamma, beta):
    y, cache = bnteach.batch_norm_forward(share, gamma, beta)
    return y, bnteach.batch_norm_backward(upstream, cache)[0]


apart = [alone(share, up, gamma, beta) for share, up in zip(shares, upstream, strict=True)]
x_hat_apart = (np.concatenate([one[0] for one in apart]) - beta) / gamma
x_hat_together = (y - beta) / gamma
print("x          ", x[:, 0])
print("x_hat apart", x_hat_apart[:, 0].round(2))
print("x_hat sync ", x_hat_together[:, 0].round(2))

# %%
ax = None  # the first line makes the axes; a role is a color, a line and a marker
for role, rows, x_hat in [
    ("data", slice(0, 5), x_hat_apart),
    ("moved", slice(5, 8), x_hat_apart),
    ("forward", slice(0, 8), x_hat_together),
]:
    order = np.argsort(x[rows, 0])
    ax = figures.curve(x[rows, 0][order], x_hat[rows, 0][order], ax=ax, role=role)
    figures.points(x[rows, 0], x_hat[rows, 0], ax=ax, role=role)
figures.frame(ax, title="Each device has a line of its own", x="x", y="x̂")
names = {"data": "device 0, alone", "moved": "device 1, alone", "forward": "SyncBN"}
figures.key(ax, names, markers=True, place="lower center")
figures.show(
    ax,
    alt="Normalized value against x. With SyncBN all eight points lie on one rising line. Alone, device 0 puts x = 3 "
    "above device 1's x = 7: each device has its own line.",
)

# %% [markdown]
# The figure shows $\hat{x}$ against $x$. With SyncBN all points lie on one line. Alone, each device has a line of its own.
#
# <details><summary>Answer</summary>
#
# Alone, 3 becomes 1.60 and 7 becomes −1.22: the order is turned round. The layers before BN gave 7 the larger value; the layers after BN
# get the opposite. With SyncBN 3 becomes −0.36 and 7 becomes 0.93.
#
# </details>
#
# The gradients differ as well:

# %%
dx_apart = np.concatenate([one[1] for one in apart])
print("dx apart", dx_apart[:, 0].round(2))
print("dx sync ", dx[:, 0].round(2))
print(
    "length of the difference over the length of dx:",
    (np.linalg.norm(dx_apart - dx) / np.linalg.norm(dx)).round(2),
)

# %% [markdown]
# This is the worst case: the shares are sorted. When the samples are shuffled, the shares are alike, and the statistics of a share are
# those of a smaller batch: noisier by the square root of the number of devices, as in lesson 01. With 2 on each, as with large pictures,
# that hurts: the table near the end of this lesson shows BN in batches of 2 and of 4. This is what SyncBN is made for. Its price
# (not shown here) is the waiting: at every BN layer, each device waits for the slowest.
#
# ## The running statistics
#
# **Predict.** Plain data parallelism. Each device updates its own running mean. Which one is saved with the model?
#
# <details><summary>Answer</summary>
#
# That depends on the program; nothing in BN decides it. PyTorch's `DistributedDataParallel` copies the buffers of rank 0 to all others
# before each forward pass, so the running statistics are those of *device 0's* shares. The others' are thrown away.
#
# </details>

# %%
true_mean = x.mean(axis=0)
for rank, share in enumerate(shares):
    bn = bnteach.BatchNorm(2, dtype=np.float64)
    for _ in range(100):
        bn.forward(share)
    print(
        f"running mean of device {rank} after 100 steps: {bn.running_mean.round(2)}; of all data: {true_mean.round(2)}"
    )

# %% [markdown]
# Again this is the sorted case. Now every step shuffles the eight samples anew:

# %%
layers = [bnteach.BatchNorm(2, dtype=np.float64) for _ in range(2)]
for _ in range(100):
    shuffled = rng.permutation(x)
    for bn, share in zip(layers, (shuffled[:5], shuffled[5:]), strict=True):
        bn.forward(share)
for rank, bn in enumerate(layers):
    print(
        f"shuffled, device {rank}: running mean {bn.running_mean.round(2)}; of all data: {true_mean.round(2)}"
    )

# %% [markdown]
# Both are near the truth.
#
# ## When a device does not come
#
# `all_reduce` waits for every device.
#
# **Predict.** Device 0 has three batches, device 1 only two. What happens? (The next cell takes some 8 seconds.)


# %% tags=["nbval-ignore-output"]
def uneven(rank):
    batches = [3, 2][rank]  # device 1 has one batch less
    for _ in range(batches):
        distributed.all_reduce(torch.zeros(1))
    return batches


try:
    run_processes(uneven, seconds=8)
except (TimeoutError, ProcessError) as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[-1]}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Device 1 is done, and waits at the exit. Device 0 waits for a third batch, and would wait for ever. So every program of this kind needs a
# time limit. Ours is 8 seconds: then both are stopped, and nothing is left running. (What the error says depends on who notices first.)
# In real programs one drops the last, uneven batch.
#
# </details>
#
# PyTorch has SyncBN ready: `nn.SyncBatchNorm`, and `nn.SyncBatchNorm.convert_sync_batchnorm(model)`, which puts it in place of each
# BN layer. Between processes it works on GPUs only. What does it do without one? We ask it twice: here, where there are no other processes,
# and in two processes.


# %% tags=["nbval-ignore-output"]
def on_the_cpu(rank):
    try:
        return nn.SyncBatchNorm(2)(torch.ones(4, 2)).shape
    except ValueError as error:
        return f"ValueError: {error}"


rows = torch.from_numpy(x)
sync, plain = (norm(2, dtype=torch.float64)(rows) for norm in (nn.SyncBatchNorm, nn.BatchNorm1d))
print("one process:   largest difference from plain BN", (sync - plain).abs().max().item())
print("two processes:", run_processes(on_the_cpu)[0])

# %% [markdown]
# In one process it is plain BN, without a word; between processes it refuses. So we compare it with ours where there is a GPU:


# %% tags=["nbval-ignore-output"]
def pytorch_sync(rank, shares, upstream, gamma, beta):
    device = torch.device("cuda", rank % torch.cuda.device_count())
    layer = nn.SyncBatchNorm(len(gamma), dtype=torch.float64, device=device)
    layer.weight.data, layer.bias.data = (torch.tensor(p, device=device) for p in (gamma, beta))
    mine = torch.tensor(shares[rank], device=device, requires_grad=True)
    y = layer(mine)
    y.backward(torch.tensor(upstream[rank], device=device))
    return y.detach().cpu().numpy(), mine.grad.cpu().numpy()


if torch.cuda.is_available():
    theirs = run_processes(pytorch_sync, shares, upstream, gamma, beta)
    print("y: ", abs(np.concatenate([one[0] for one in theirs]) - y).max())
    print("dx:", abs(np.concatenate([one[1] for one in theirs]) - dx).max())
else:
    print("There is no GPU here, so nn.SyncBatchNorm was not compared.")

# %% [markdown]
# ## Gradient accumulation
#
# No second device, but too little memory for a batch of 60? One takes four parts of 15, adds up their gradients, and makes one step
# (lesson 05). "That is the same as a batch of 60." You saw in lesson 05 that with BN the added gradient differs by some 40 % of its
# length, and without BN not at all.
#
# **Predict.** And with LayerNorm, which normalizes every sample by itself? (BN's number will not be the same: another network.)


# %%
def network(norm, seed):
    torch.manual_seed(seed)
    layers = []
    for _ in range(2):
        layers += [nn.Linear(64, 64), *([norm(64)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 10)).double()


def gradient(model, parts):
    x, y = torch.from_numpy(data.x_train[:60]).double(), torch.from_numpy(data.y_train[:60])
    model.zero_grad()
    for x_part, y_part in zip(x.chunk(parts), y.chunk(parts), strict=True):
        (nn.functional.cross_entropy(model(x_part), y_part) / parts).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


# %%
data = digits()
differences = {}
for name, norm in [("none", None), ("LayerNorm", nn.LayerNorm), ("BN", nn.BatchNorm1d)]:
    models = [network(norm, seed) for seed in range(5)]
    whole, added = ([gradient(model, parts) for model in models] for parts in (1, 4))
    differences[name] = [((a - w).norm() / w.norm()).item() for a, w in zip(added, whole, strict=True)]
    share = f"{np.mean(differences[name]):.0%}"
    print(f"normalization: {name:10} difference, as a share of the gradient's length: {share}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# With LayerNorm not at all; with BN again by a large share. Each part of 15 was normalized by its own statistics.
# Accumulation makes the *step* that of 60 samples. BN's batch stays 15. SyncBN does not help here: it joins devices that compute at the
# same time, and these four parts come one after the other.
#
# </details>
#
# ## Cross-iteration BN
#
# Could BN remember the batches before? Then the statistics would be those of many samples. But the weights have moved since, so old
# means are means of another layer. **Cross-iteration BN** (CBN, Yao et al. 2021) corrects the old statistics to the weights of
# today, by the first term of Taylor's series:
#
# $$\mu_{\text{then}}(W_{\text{now}}) \approx \mu_{\text{then}}
#   + \frac{\partial \mu_{\text{then}}}{\partial W}\,(W_{\text{now}} - W_{\text{then}})$$
#
# and in the same way for $\nu$, the mean of the squares; $\sigma^2 = \nu - \mu^2$. For a linear layer $z = Wx$ both derivatives are simple:
# $\partial\mu_j/\partial W_j$ is the mean of $x$, and $\partial\nu_j/\partial W_j$ is the mean of $2 z_j x$.


# %%
class CrossIterationBN(nn.Module):
    """A linear layer with BN over this batch and the batches before it (`window` in all)."""

    def __init__(self, n_in, n_out, window=8, correct=True):
        super().__init__()
        self.linear, self.bn = nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out)
        self.window, self.correct, self.memory = window, correct, []

    def forward(self, x):
        z = self.linear(x)
        if not self.training:
            return self.bn(z)
        means, squares = [z.mean(0)], [(z**2).mean(0)]  # gradients flow through this batch alone
        with torch.no_grad():
            for old_mean, old_square, mean_x, mean_2zx, old_weight in self.memory:
                moved = (self.linear.weight - old_weight) if self.correct else torch.zeros_like(old_weight)
                means.append(old_mean + moved @ mean_x)
                squares.append(old_square + (moved * mean_2zx).sum(1))
            now = (means[0], squares[0], x.mean(0), 2 * z.T @ x / len(x), self.linear.weight)
            self.memory = [tuple(t.detach().clone() for t in now), *self.memory][: self.window - 1]
        mean = sum(means) / len(means)
        # The mean of squares is never below the square of the mean. The corrected one often is, when
        # the weights move fast: then that batch adds no variance.
        square = sum(torch.maximum(s, m**2) for s, m in zip(squares, means, strict=True)) / len(means)
        var = square - mean**2
        with torch.no_grad():
            self.bn.running_mean.lerp_(mean, 0.1)
            self.bn.running_var.lerp_(var, 0.1)
        return self.bn.weight * (z - mean) / torch.sqrt(var + self.bn.eps) + self.bn.bias


# %% [markdown]
# This is the paper's rule; its authors also begin with plain BN for a while, which we leave out.
#
# First: how good is the correction? We train a network, and keep a batch from 7 steps ago. Its mean and its variance *with the weights of
# today* can be computed here, and compared with the remembered and with the corrected ones.
#
# **Predict.** $\mu$ is linear in $W$, and $\nu$ is quadratic. What does the first term of the series do for each?


# %% tags=["nbval-ignore-output"]
def errors_of_the_oldest(seed):
    """Errors of mean and variance, remembered and corrected; and the share of channels that are left at 0."""
    torch.manual_seed(seed)
    layer = CrossIterationBN(64, 64)
    model = nn.Sequential(layer, nn.ReLU(), nn.Linear(64, 10))
    kept = []
    layer.linear.register_forward_hook(lambda module, inputs, output: kept.append(inputs[0].detach()))
    for _ in islice(training_steps(model, data, batch_size=4, learning_rate=0.1, seed=seed), 60):
        pass
    mean, square, mean_x, mean_2zx, old_weight = layer.memory[-1]
    weight = layer.linear.weight.detach()
    moved, z = weight - old_weight, kept[-7] @ weight.T  # the batch of 7 steps ago, the weights of today
    means, squares = (mean, mean + moved @ mean_x), (square, square + (moved * mean_2zx).sum(1))
    variances = [torch.clamp(s - m**2, min=0) for s, m in zip(squares, means, strict=True)]
    wrong = [(found - z.mean(0)).norm() / z.mean(0).norm() for found in means]
    wrong += [(found - z.var(0, correction=0)).norm() / z.var(0, correction=0).norm() for found in variances]
    return [share.item() for share in (*wrong, (variances[1] == 0).float().mean())]


errors = np.array([errors_of_the_oldest(seed) for seed in range(5)]).T
print("Errors, as a share of the true length, for each of five seeds:")
print("mean, remembered:    ", errors[0].round(3))
print("mean, corrected:     ", errors[1].round(8))
print("variance, remembered:", errors[2].round(3))
print("variance, corrected: ", errors[3].round(3))
print("channels whose corrected variance is 0:", errors[4].round(2))

# %%
print("corrected mean a thousand times nearer, every seed:", (errors[1] < errors[0] / 1000).all())
print("corrected variance further off than the remembered one, every seed:", (errors[3] > errors[2]).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# For the *first* linear layer the corrected mean is exact. The corrected variance is worse than the remembered one. With
# $\Delta W = W_{\text{now}} - W_{\text{then}}$, the first term leaves out the mean of $(\Delta W x)^2$. That is never below 0, so $\nu$ comes out
# too small, and an exact $\mu^2$ is taken from it. Here, at the start of a training with large steps, many channels are left with a variance of 0.
# The part left out shrinks with the square of the steps.
#
# In deeper layers the inputs have moved too, and CBN leaves that out.
#
# </details>
#
# Now the training itself: two hidden layers, batches of 2 and of 4, one pass through the digits. Four ways, the same five seeds: plain
# BN, the remembered statistics without and with the correction, and LayerNorm, which needs no batch. (± is the 95 % interval of the mean
# over the seeds.)
#
# **Predict.** In batches of 2, all values of plain BN are $\pm 1$ (lesson 02). Does CBN mend that? Does it still help in batches of 4? And
# what is the correction worth?


# %% tags=["nbval-ignore-output"]
def hidden(way, n_in, n_out):
    if way == "LayerNorm":
        return [nn.Linear(n_in, n_out, bias=False), nn.LayerNorm(n_out)]
    if way == "BN":
        return [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out)]
    return [CrossIterationBN(n_in, n_out, correct=way == "CBN")]


def test_accuracy(way, batch_size, seed):
    torch.manual_seed(seed)
    layers = [*hidden(way, 64, 64), nn.ReLU(), *hidden(way, 64, 64), nn.ReLU(), nn.Linear(64, 10)]
    model = nn.Sequential(*layers)
    for _ in training_steps(model, data, batch_size=batch_size, learning_rate=0.05, epochs=1, seed=seed):
        pass
    return 100 * accuracy(model, data.x_test, data.y_test)


ways = ["BN", "remembered", "CBN", "LayerNorm"]
summaries = {}
for batch_size in (2, 4):
    for way in ways:
        runs = over_seeds(partial(test_accuracy, way, batch_size), range(5), progress=False)
        summaries[way, batch_size] = runs
        print(
            f"batches of {batch_size}, {way:10}: {runs.mean:5.1f} ± {runs.half_width:4.1f} % of the test digits"
        )

# %% [markdown]
# The same as differences, each taken within one seed (*points* are percentage points):

# %% tags=["nbval-ignore-output"]
gaps = {}
for name, one, other, size in [
    ("CBN − BN, batches of 2", "CBN", "BN", 2),
    ("CBN − BN, batches of 4", "CBN", "BN", 4),
    ("CBN − remembered, batches of 2", "CBN", "remembered", 2),
    ("CBN − remembered, batches of 4", "CBN", "remembered", 4),
]:
    gap = gaps[name] = SeedSummary(summaries[one, size].values - summaries[other, size].values)
    print(f"{name:30}: {gap.mean:+5.1f} ± {gap.half_width:.1f} points; each seed {gap.values.round(1)}")

# %%
low, high = np.array([gap.interval for gap in gaps.values()]).T
print("Whole intervals of 95 %:")
print("batches of 2: CBN gains more than 10 points:", low[0] > 10)
print("batches of 4: CBN gains less than 3 points: ", high[1] < 3)
print("batches of 2: the correction brings and costs less than 10 points:", -10 < low[2] < high[2] < 10)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Batches of 2: yes, CBN mends it. Batches of 4: no. CBN is *worse* than BN here, in all five seeds, by one or two points. (On another
# computer it may differ a little.) In the paper, with a large network that detects objects, CBN is better.
#
# And the correction: the means come out right and the variances worse, as we saw. In the accuracy no difference is shown: both
# intervals contain 0. That is what we measured, on small pictures, with a small network; it says nothing about large ones.
#
# </details>
#
# **CmBN**, cross mini-batch BN, is the form used in the detector YOLOv4 (Bochkovskiy et al. 2020). It goes with gradient accumulation: the statistics are gathered over the
# four parts of *one* batch. Between these parts the weights do not move, so nothing needs a correction.
#
# **Predict.** The last of four parts of 4 is normalized with the statistics of all 16 samples. And the first?


# %%
def cmbn_batches(parts):
    """For each part: the statistics of it and of the parts before it, merged."""
    so_far = None
    for part in parts:
        now = two_pass_moments(part)
        so_far = now if so_far is None else merge_moments(so_far, now)
        yield so_far


batch = rng.normal(5, 2, size=(16, 1))
for number, moments in enumerate(cmbn_batches(np.split(batch, 4)), start=1):
    print(
        f"part {number}: statistics of {moments.count:2} samples, mean {moments.mean[0]:.2f}, var {moments.variance()[0]:.2f}"
    )
print(f"the batch of 16:              mean {batch.mean():.2f}, var {batch.var():.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# With the statistics of its own 4 samples: there is nothing before it. So CmBN is between BN on 4 and BN on 16.
#
# </details>
#
# In a training this reads: the memory is emptied at each step. We train with steps of 16 samples, in eight parts of 2.
#
# **Predict.** Plain BN on parts of 2, CmBN on the same parts, BN on the whole 16: in which order do they come out?


# %% tags=["nbval-ignore-output"]
def accumulated(way, seed):
    torch.manual_seed(seed)
    kind = "remembered" if way == "CmBN, parts of 2" else "BN"
    model = nn.Sequential(
        *hidden(kind, 64, 64), nn.ReLU(), *hidden(kind, 64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    parts = 1 if way == "BN, whole" else 8
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    for chosen in torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)).split(16)[:-1]:
        optimizer.zero_grad()
        for layer in model:
            if kind == "remembered" and isinstance(layer, CrossIterationBN):
                layer.memory = []  # a new step: the statistics begin anew
        for part in chosen.chunk(parts):
            (nn.functional.cross_entropy(model(x[part]), y[part]) / parts).backward()
        optimizer.step()
    return 100 * accuracy(model, data.x_test, data.y_test)


steps_of_16 = {}
for way in ["BN, parts of 2", "CmBN, parts of 2", "BN, whole"]:
    steps_of_16[way] = over_seeds(partial(accumulated, way), range(5), progress=False)
    print(f"{way:16} {steps_of_16[way]}")

# %%
by_way = [summary.values for summary in steps_of_16.values()]
print("CmBN above BN on the same parts, every seed:", (by_way[1] > by_way[0]).all(), end="")
print("   by more than 10 points, in the mean:", (by_way[1] - by_way[0]).mean() > 10)
print("CmBN below BN on the whole, every seed:", (by_way[1] < by_way[2]).all())

# %% [markdown]
# So CmBN gives back much of what accumulation takes from BN, and not all of it.
#
# ## What you can do now
#
# - ✓ merge the statistics of two devices without sending a single value of the batch: number, mean and $M_2$ are enough, and the
#   distance of the means must not be forgotten
# - ✓ write SyncBN, forward and backward, in a few lines, and say which sums must travel: $d\beta$ and $d\gamma$ of all devices
# - ✓ show what plain data parallelism does to BN, in numbers: with sorted shares 3 came out above 7
# - ✓ say what gradient accumulation does not do for BN: its batch stays the part
# - ✓ explain cross-iteration BN, and test what it is worth for batches of 2 and of 4: it mended batches of 2; at 4 it was a little
#   worse than BN
#
# **Practice:** [the exercises of this lesson](exercises/10_across_devices.ipynb).
#
# **Go on with [11 · Put it in a detector](11_put_it_in_a_detector.ipynb).**
#
# *Sources: T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for Computing the Sample Variance", 1983. C. Peng et al., "MegDet: A Large
# Mini-Batch Object Detector", 2018, arXiv:1711.07240 (BN across devices). Z. Yao et al., "Cross-Iteration Batch Normalization", 2021,
# arXiv:2002.05712. A. Bochkovskiy, C.-Y. Wang and H.-Y. M. Liao, "YOLOv4", 2020, arXiv:2004.10934 (CmBN).*
