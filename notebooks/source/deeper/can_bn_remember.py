# %% [markdown]
# # Can BN remember earlier batches?
#
# *30 minutes · from [10 · Across devices](../10_across_devices.ipynb)*
#
# A device with memory for two pictures only gets poor statistics. **Cross-iteration BN** (CBN) adds those of the batches before,
# **cross mini-batch BN** (CmBN) those of the earlier parts of the same step. You write both as one layer, see how far old
# statistics can be trusted, and measure with 20 seeds what they are worth.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, training
from bnteach.data import digits

# %% [markdown]
# ## Old statistics belong to old weights
#
# BN stands after a linear layer, $z = Wx$. A batch from some steps ago left its statistics behind: $\mu$, the mean of $z$, and its variance.
# But since then the weights have moved, by $\Delta W$. What would the statistics of the old batch be with the weights of today? The variance is $\nu - \mu^2$, where
# $\nu$ is the mean of $z^2$. For each unit, $W$ has one row, and $\Delta W$ too:
#
# $$\mu_\text{now} = \mu + \Delta W\,\overline{x} \qquad
# \nu_\text{now} = \nu + 2\,\Delta W\,\overline{z\,x} + \overline{(\Delta W\,x)^2}$$
#
# The bar is the mean over the old batch. So it is enough to remember $\mu$, the variance, $\overline{x}$, $\overline{zx}$ and the old
# $W$. CBN leaves the last term out: it takes the first derivative with respect to $W$, as in Taylor's series. (In deeper layers $x$
# has moved as well; CBN leaves that out, too.)
#
# The variance of several batches together has two parts: the mean of their variances, and the variance of their means. (Neither is ever
# below 0. $\nu - \mu^2$ of two values can be, by rounding.)


# %%
class MemoryBN(nn.Module):
    """A linear layer, and BN over this batch and the `window - 1` batches before it."""

    def __init__(self, inputs, outputs, window=8, correct=True):
        super().__init__()
        self.linear, self.bn = nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs)
        self.window, self.correct, self.memory = window, correct, []

    def forward(self, x):
        z = self.linear(x)
        if not self.training:
            return self.bn(z)
        now = z.mean(0), z.var(0, correction=0)  # gradients flow through these alone
        then = [self.with_weights_of_today(*old) for old in self.memory]
        means, variances = (torch.stack(each) for each in zip(now, *then, strict=True))
        mean, var = means.mean(0), variances.mean(0) + means.var(0, correction=0)
        self.remember(x, z, *now)
        n = len(x) * len(means)
        self.bn.running_mean.lerp_(mean.detach(), 0.1)
        self.bn.running_var.lerp_(var.detach() * n / (n - 1), 0.1)
        return self.bn.weight * (z - mean) / torch.sqrt(var + self.bn.eps) + self.bn.bias

    def with_weights_of_today(self, mean, var, mean_x, mean_zx, W):
        if not self.correct:
            return mean, var
        moved = self.linear.weight.detach() - W
        square = var + mean**2 + 2 * (moved * mean_zx).sum(1)
        mean = mean + moved @ mean_x
        return mean, torch.clamp(square - mean**2, min=0)

    def remember(self, x, z, mean, var):
        now = mean, var, x.mean(0), z.T @ x / len(x), self.linear.weight
        self.memory = [[t.detach().clone() for t in now], *self.memory][: self.window - 1]


# %% [markdown]
# `lerp_(new, 0.1)` is the running average: 0.9 of the old value plus 0.1 of the new one. With `window=1` nothing is remembered, and
# the layer is plain BN. PyTorch must agree:

# %%
x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
ours, theirs = MemoryBN(4, 3, window=1), nn.BatchNorm1d(3)
y, expected = ours(x), theirs(ours.linear(x))
print(f"largest difference of y: {(y - expected).abs().max():.5f}")
assert torch.allclose(y, expected, atol=1e-5)
assert torch.allclose(ours.bn.running_var, theirs.running_var, atol=1e-5)

# %% [markdown]
# ## How good is the correction?
#
# We train one such layer in batches of 4 for 60 steps. Then we take the batch from 7 steps ago, compute its mean and its variance with
# the weights of today, and compare: with the remembered numbers, and with the corrected ones.
#
# **Predict.** Which of the two is nearer, for the mean? For the variance?

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
data = digits()
x_train, y_train = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
x_test, y_test = torch.from_numpy(data.x_test), torch.from_numpy(data.y_test)


def errors_of_an_old_batch(seed, rate):
    torch.manual_seed(seed)
    layer = MemoryBN(64, 64)
    network = nn.Sequential(layer, nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    batches = torch.randperm(len(x_train)).split(4)[:60]
    for rows in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x_train[rows]), y_train[rows]).backward()
        optimizer.step()
    z = layer.linear(x_train[batches[-7]]).detach()
    errors = []
    for layer.correct in (False, True):
        found, right = layer.with_weights_of_today(*layer.memory[6]), (z.mean(0), z.var(0, correction=0))
        errors += [(f - r).norm() / r.norm() for f, r in zip(found, right, strict=True)]
    return [error.item() for error in errors]


# %% tags=["nbval-ignore-output"]
names = ("mean, remembered", "variance, remembered", "mean, corrected", "variance, corrected")
errors = {}
for rate in (0.05, 0.002):
    errors[rate] = np.array([errors_of_an_old_batch(seed, rate) for seed in range(5)]).T
    print(f"learning rate {rate}: error as a share of the true length, five seeds")
    for words, row in zip(names, errors[rate], strict=True):
        print(f"  {words:21}", *(f"{error:.3f}" for error in row))
assert errors[0.05][2].max() < errors[0.05][0].min() / 100
assert (errors[0.05][3] > errors[0.05][1]).all()
assert errors[0.002][3].mean() < errors[0.002][1].mean()

# %% [markdown]
# <details><summary>Answer</summary>
#
# The corrected mean is exact: the first formula has no more terms, and this is the first layer. The corrected variance is worse than the
# remembered one at the learning rate 0.05 in all five seeds; at 0.002 it is better on average. What CBN leaves out is the mean of $(\Delta W x)^2$, never
# below 0. So $\nu$ comes out too small, while the exact $\mu^2$ is subtracted from it. The term shrinks with the *square* of the steps.
#
# </details>
#
# ## What is it worth?
#
# We train two such layers and an output layer, once through the digits, in batches of 2 and of 4, at two learning rates. There are four
# kinds of layers: BN; *remembered*, which is CBN without the correction; CBN; and layer normalization (LN), which needs no batch.


# %%
KINDS = {
    "BN": lambda: MemoryBN(64, 64, window=1),
    "remembered": lambda: MemoryBN(64, 64, correct=False),
    "CBN": lambda: MemoryBN(64, 64),
    "CmBN": lambda: MemoryBN(64, 64),
    "LN": lambda: nn.Sequential(nn.Linear(64, 64, bias=False), nn.LayerNorm(64)),
}


def learn(seed, kind, part, parts, rate):
    """Percent of the test digits that are right; a step adds up the gradients of `parts` parts."""
    torch.manual_seed(seed)
    first, second = KINDS[kind](), KINDS[kind]()
    network = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    for rows in torch.randperm(len(x_train)).split(part * parts)[:-1]:  # the last one is not full
        optimizer.zero_grad()
        if kind == "CmBN":
            first.memory, second.memory = [], []  # a new step forgets the parts of the old one
        for few in rows.split(part):
            loss = nn.functional.cross_entropy(network(x_train[few]), y_train[few]) / parts
            loss.backward()
        optimizer.step()
    return 100 * (network.eval()(x_test).argmax(1) == y_test).float().mean().item()


# %% [markdown]
# Each run has 20 seeds. (The results are stored; with `FULL = True` they take three minutes.)
#
# **The rule for verdicts.** "CBN is better" *holds* when the dots of all seeds lie more than 2 points (percentage points) above 0. The
# seeds do not vary the 450 test pictures, which leave about one point uncertain: hence this margin.
#
# **Predict.** In batches of 2 plain BN passes on only which of two values is larger. Does CBN mend that? And in batches of 4?

# %%
FULL = False  # True: train them now
KINDS_ALONE = ("BN", "remembered", "CBN", "LN")
RUNS = [(kind, n, 1, rate) for n in (2, 4) for rate in (0.05, 0.01) for kind in KINDS_ALONE]
OF_16 = (("BN", 2, 8), ("CmBN", 2, 8), ("BN", 16, 1))  # for the next section
RUNS += [(*run, rate) for rate in (0.2, 0.05) for run in OF_16]


def words_for(kind, part, parts, rate):
    return f"{kind}, {parts} × {part}, rate {rate}"


def all_runs():
    return {words_for(*run): [round(learn(seed, *run), 1) for seed in range(20)] for run in RUNS}


right = training.stored("results/10_cross_iteration.json", all_runs, again=FULL)["results"]


# %% [markdown]
# These are the gains over plain BN, and that of the correction, in points: for each the mean over 20 seeds, the lowest, and the highest.


# %%
def gain(run, other):
    return np.subtract(right[words_for(*run)], right[words_for(*other)])


def show(words, gains):
    print(
        f"  {words:32} mean {gains.mean():+6.1f}   lowest {gains.min():+6.1f}   highest {gains.max():+6.1f}"
    )


for n, rate in ((2, 0.05), (2, 0.01), (4, 0.05), (4, 0.01)):
    print(f"batches of {n}, learning rate {rate}")
    for kind in KINDS_ALONE[1:]:
        show(f"{kind} − BN", gain((kind, n, 1, rate), ("BN", n, 1, rate)))
    show("CBN − remembered", gain(("CBN", n, 1, rate), ("remembered", n, 1, rate)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# "CBN is better" **holds in batches of 2**, at both learning rates: each of the 20 seeds gains more than 10 points. In **batches of 4 it does not hold**: at the
# rate 0.05 each seed loses, at 0.01 most do. The correction makes no difference that we can see: the dots of CBN − remembered lie on both sides of 0. LN, too, is better
# than BN in batches of 2; in batches of 4 its dots lie on both sides.
#
# </details>
#
# This is one small network on small pictures. Yao et al. trained a large detector, began with plain BN for some time (which we left out), and found CBN
# better.
#
# ## The parts of one step
#
# A device that has no room for a batch takes it in **parts**, adds up their gradients, and makes one step (*gradient accumulation*). Plain BN
# normalizes each part alone.
#
# **CmBN** remembers the earlier parts of the same step. Between them no weight moves, so there is nothing to correct: it is our layer, if its memory is
# emptied at each step. The first part has only itself, the last part has all.
#
# We train with steps of 16 samples: plain BN on eight parts of 2, CmBN on the same parts, and BN on all 16.
#
# **Predict.** In which order do they come out?

# %%
for rate in (0.2, 0.05):
    print(f"steps of 16, learning rate {rate}")
    parts, memory, whole = ((*run, rate) for run in OF_16)
    show("CmBN − BN on the same parts", gain(memory, parts))
    show("CmBN − BN on all 16", gain(memory, whole))
assert gain(memory, parts).min() > 2
assert gain(memory, whole).max() < -2

# %% tags=["draws"] alt="Gain in points, a dot for each of 20 seeds. CBN minus BN: in batches of 2 all dots lie more than 10 points above 0, in batches of 4 around and below 0. CmBN minus BN on the same parts: all more than 10 above 0, at both rates. CmBN minus BN on all 16: all below 0."
figure, axes = figures.new_figure(columns=2, size=(7.4, 3.0))
left = {
    f"{n},\nrate {rate}": gain(("CBN", n, 1, rate), ("BN", n, 1, rate))
    for n in (2, 4)
    for rate in (0.05, 0.01)
}
against = {"same parts": ("BN", 2, 8), "all 16": ("BN", 16, 1)}
panels = {
    "CBN − BN, batches of …": left,
    "CmBN − BN on …": {
        f"{words},\nrate {rate}": gain(("CmBN", 2, 8, rate), (*run, rate))
        for words, run in against.items()
        for rate in (0.2, 0.05)
    },
}
for ax, (title, gains) in zip(axes, panels.items(), strict=True):
    ax.axhspan(-2, 2, color="#D5D5D5", linewidth=0)
    ax.axhline(0, color="black", linewidth=1)
    figures.strips([(values, "with_bn") for values in gains.values()], limits=(-20, 60), ax=ax)
    figures.frame(ax, title=title, xlim=(0.4, 4.6), ylim=(-20, 60))
    ax.set_xticks([1, 2, 3, 4], gains)
    ax.tick_params(axis="x", labelsize=8)
axes[0].set_ylabel("points")
figures.show(figure)

# %% [markdown]
# A dot for each seed; gray is the margin.
#
# <details><summary>Answer</summary>
#
# BN on the parts is the worst, BN on all 16 the best, and CmBN lies between. "CmBN is better than BN on the same parts" **holds** at both rates. "BN on all 16 is
# better than CmBN" holds at 0.05; at 0.2 all dots lie on its side, but two of them within the margin.
#
# </details>
#
# **Shown:** in batches of 2, old statistics are far better than those of the batch; in batches of 4 they were not. CmBN gives back much of what
# accumulation takes from BN, and not all.
#
# **Practice:** [the exercises of lesson 10](../exercises/10_across_devices.ipynb), 30 minutes.
#
# **Back to** [10 · Across devices](../10_across_devices.ipynb).
#
# Sources:
#
# - Z. Yao et al., "Cross-Iteration Batch Normalization", 2021, arXiv:2002.05712, section 3.
# - A. Bochkovskiy, C.-Y. Wang and H.-Y. M. Liao, "YOLOv4", 2020, arXiv:2004.10934 (CmBN, figure 4).
