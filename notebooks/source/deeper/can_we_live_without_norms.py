# %% [markdown]
# # Can we live without norms?
#
# *20 minutes · deeper than [14 · Deep enough to break](../14_deep_enough_to_break.ipynb)*
#
# In lesson 14 a network with 50 skip connections learned with BN in its branches, and not without. Here three later proposals stand in the place of BN, each in a
# few lines. You see what each of them takes over from BN, and try them by the rule of the course.

# %%
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bnteach import data, figures, training

# %% [markdown]
# ## What BN does in a branch
#
# A block computes $h + F(h)$. Without BN, $F(h)$ is as large as $h$, and each block doubles the mean square. BN gives every branch an input of the same size. So a branch
# adds little compared with all those before it, and $h$ grows slowly. Three ways to get there without statistics of the batch:
#
# - **SkipInit** multiplies the branch by a learned number $\alpha$ that starts at 0: the network starts as the identity.
# - **Weight standardization** standardizes the *weights* of each unit instead of its values. If $h$ grows by 1 in each block, its variance is known before block $k$: it is $k$. We divide by $\sqrt{k}$.
# - **Dynamic tanh (DyT)** replaces $\hat{x}$ by $\tanh(\alpha h)$, with a learned $\alpha$. It limits the size, and has γ and β as BN.


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

# %% [markdown]
# ## The trial
#
# 24 blocks, three epochs, 20 seeds, and five rates. The pictures are standardized once, with the training set, for all alike: that needs no norm. For each kind we take the rate with the
# best median on the test digits, which flatters all alike.
#
# **Predict.** Which of the five learn? Does one come within two points of BN, or beat it?

# %%
digits = data.digits()
mean, std = digits.x_train.mean(axis=0), digits.x_train.std(axis=0) + 0.1  # some places are always 0
x_train, y_train = torch.from_numpy((digits.x_train - mean) / std), torch.from_numpy(digits.y_train)


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
best = {}
for kind, by_rate in kept.items():
    rate = max(by_rate, key=lambda rate: np.median(by_rate[rate]))
    best[kind] = 100 * np.array(by_rate[rate])
    medians = "  ".join(f"{np.median(values):4.0%}" for values in by_rate.values())
    print(f"{kind:23} median at the rates {', '.join(by_rate)}: {medians}")

# %% tags=["draws"] alt="XX"
gains = {kind: right - best["BN"] for kind, right in best.items() if kind not in ("BN", "no norm")}
