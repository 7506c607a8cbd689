# %% [markdown]
# # Can we live without norms?
#
# *20 minutes · deeper than [14 · Deep enough to break](../14_deep_enough_to_break.ipynb)*
#
# In lesson 14 the gradient exploded in a network with skip connections and no BN. Here three later proposals stand in the place of BN, each in a few
# lines. You see what each of them takes over from BN, and try them by the rule of the course.

# %%
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bnteach import data, figures, training

# %% [markdown]
# ## What BN does in a branch
#
# A block computes $h + F(h)$. Without BN, $F(h)$ is as large as $h$, so each block doubles the mean square. BN gives every branch an input of the same size. So a branch
# adds little to the sum of all those before it, and $h$ grows slowly. Three ways to get there without the statistics of a batch:
#
# - **SkipInit** multiplies the branch by a learned number $\alpha$ that starts at 0: each block starts as the identity.
# - **Weight standardization** standardizes the *weights* of each unit, instead of its values. Then, at the start, each branch adds about 1 to the variance of $h$. Before block $k$ it is about
#   $k$, known without looking, and the branch divides $h$ by $\sqrt{k}$.
# - **Dynamic tanh** replaces $\hat{x}$ by $\tanh(\alpha h)$, with a learned $\alpha$: no value is larger than 1. It has γ and β, as BN.


# %%
def linear(inputs=100, outputs=100, kind=nn.Linear):
    layer = kind(inputs, outputs)
    nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5)
    nn.init.zeros_(layer.bias)
    return layer


class Skip(nn.Sequential):
    def forward(self, h):
        return h + super().forward(h)


class SkipInit(nn.Sequential):
    def __init__(self, *branch):
        super().__init__(*branch)
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, h):
        return h + self.alpha * super().forward(h)


class StandardizedLinear(nn.Linear):
    def forward(self, h):
        centered = self.weight - self.weight.mean(dim=1, keepdim=True)
        length = centered.norm(dim=1, keepdim=True)
        size = (0.5 - 1 / (2 * np.pi)) ** 0.5  # the standard deviation of a ReLU's output, lesson 14
        return nn.functional.linear(h, centered / length / size, self.bias)


class DividedBy(nn.Module):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def forward(self, h):
        return h / self.number


class DynamicTanh(nn.Module):
    def __init__(self):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(0.5))
        self.gamma, self.beta = nn.Parameter(torch.ones(100)), nn.Parameter(torch.zeros(100))

    def forward(self, h):
        return self.gamma * torch.tanh(self.alpha * h) + self.beta


blocks = {  # k: the number of the block, from 1 on
    "no norm": lambda k: Skip(nn.ReLU(), linear()),
    "BN": lambda k: Skip(nn.BatchNorm1d(100), nn.ReLU(), linear()),
    "SkipInit": lambda k: SkipInit(nn.ReLU(), linear()),
    "weight standardization": lambda k: Skip(DividedBy(k**0.5), nn.ReLU(), linear(kind=StandardizedLinear)),
    "dynamic tanh": lambda k: Skip(DynamicTanh(), nn.ReLU(), linear()),
}

digits = data.digits()
mean, std = digits.x_train.mean(axis=0), digits.x_train.std(axis=0) + 0.1  # some places are always 0
x_train, y_train = torch.from_numpy((digits.x_train - mean) / std), torch.from_numpy(digits.y_train)

# %% [markdown]
# How large is $h$, the sum, on its way through 24 blocks?

# %% tags=["nbval-ignore-output"]
for kind, block in blocks.items():
    torch.manual_seed(0)
    h, variances = linear(64)(x_train), []
    for k in range(1, 25):
        variances.append(h.var().item())
        h = block(k)(h)
    print(
        f"{kind:23} variance before block 1, 2, 8, 24:",
        *(f"{variances[k - 1]:12,.1f}" for k in (1, 2, 8, 24)),
    )

# %% [markdown]
# With "no norm" it doubles in each block. Elsewhere it grows by about the same number in each block, or not at all.
#
# ## The trial
#
# 24 blocks, three epochs, 20 seeds, and five rates. The pictures are standardized once, with the training set, for all alike: that needs no norm. For each kind we take the rate with the
# best median on the test digits, which flatters all alike. (An infinite loss counts as an accuracy of 0.)
#
# **Predict.** Which of the five learn? Does one of them come within two points of BN?


# %%
def test_accuracy(kind, rate, seed):
    torch.manual_seed(seed)
    net = nn.Sequential(linear(64), *(blocks[kind](k) for k in range(1, 25)), linear(100, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    for _ in range(3):
        for batch in torch.randperm(len(x_train)).split(60)[:22]:  # full batches
            optimizer.zero_grad()
            cross_entropy(net(x_train[batch]), y_train[batch]).backward()
            optimizer.step()
    return training.accuracy(net, (digits.x_test - mean) / std, digits.y_test)


def sweep():
    torch.set_num_threads(1)  # the fastest for networks this small
    rates = (0.003, 0.01, 0.03, 0.1, 0.3)
    return {
        kind: {rate: [test_accuracy(kind, rate, seed) for seed in range(20)] for rate in rates}
        for kind in blocks
    }


FULL = False  # the results are stored; True: train for ten minutes
kept = training.stored("results/14_without_norms.json", sweep, again=FULL)["results"]
print("median accuracy at the rates", *(f"{rate:>6}" for rate in kept["BN"]))
for kind, by_rate in kept.items():
    print(f"{kind:28}", *(f"{np.median(values):6.0%}" for values in by_rate.values()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# All but "no norm", whose loss becomes infinite at every rate. The best medians of the three lie within two points of BN's.
#
# </details>
#
# Now the rule of [lesson 07](../07_put_the_claims_on_trial.ipynb), at the best rate of each, with a margin of two points:

# %%
best = {
    kind: 100 * np.array(max(by_rate.values(), key=np.median))
    for kind, by_rate in kept.items()
    if kind != "no norm"
}
gains = {kind: right - best["BN"] for kind, right in best.items() if kind != "BN"}
for kind, gain in gains.items():
    interval = training.SeedSummary(gain).interval
    verdict = training.outcome(training.SeedSummary(gain), margin=2)
    print(f"{kind:23} mean gain from {interval[0]:5.1f} to {interval[1]:4.1f} points: {verdict}")

# %% tags=["draws"] alt="Gain in accuracy over BN, a dot for each of 20 seeds, in three rows. SkipInit and dynamic tanh: nearly all dots lie within two points of 0. Weight standardization: most do, two are triangles at the left edge, far below."
ax = figures.effects(gains, margin=2, limits=(-8, 4), ax=figures.new_axes(size=(6.6, 2.4)))
figures.frame(ax, title="The same accuracy without BN", x="accuracy − that of BN, points; gray: margin")
assert [training.outcome(training.SeedSummary(gain), margin=2) for gain in gains.values()] == [
    "no difference",
    "undecided",
    "no difference",
]
figures.show(ax)

# %% [markdown]
# A dot for each seed; a triangle lies beyond the edge. **SkipInit** and **dynamic tanh** make no difference: they reach BN here, and do not beat it. **Weight
# standardization** is undecided: at its best rate, two of 20 trainings failed (an infinite loss); the others lie near BN.
#
# So in this network, for these digits, we can live without norms. But something must keep the branches small beside the sum. What this trial does not show:
#
# - *Large networks and large data.* The large networks of Brock et al. also needed clipped gradients. Dynamic tanh was made for transformers, in the place of LN.
# - *What BN does besides*, such as its noise ([lesson 07](../07_put_the_claims_on_trial.ipynb)), or that it can be folded away ([lesson 09](../09_slim_and_fold.ipynb)).
# - *What the three spare us*: running statistics, the difference between training and evaluation, and neighbors in the batch.
#
# **Back to** [14 · Deep enough to break](../14_deep_enough_to_break.ipynb).
#
# Sources:
#
# - SkipInit: De and Smith 2020, arXiv:2002.10444; a relative is Fixup, Zhang et al. 2019, arXiv:1901.09321.
# - Weight standardization: Qiao et al. 2019, arXiv:1903.10520. With known variances, and clipped gradients: Brock et al. 2021, arXiv:2101.08692 and 2102.06171.
# - Dynamic tanh: Zhu et al. 2025, arXiv:2503.10622.
