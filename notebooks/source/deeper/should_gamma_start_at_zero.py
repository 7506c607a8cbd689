# %% [markdown]
# # Should γ start at 0?
#
# *20 minutes · deeper than [03 · Scale and shift](../03_scale_and_shift.ipynb)*
#
# Very deep networks are often built from **residual blocks**: $\text{output} = h + F(h)$. If $F$ ends with BN, then with $\gamma = 0$ the block starts as the identity, and learns to do more.
# You will see when this helps, when it costs, and why.

# %%
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bnteach import figures
from bnteach.data import digits
from bnteach.training import over_seeds, train

# %% [markdown]
# ## Twenty blocks
#
# **Predict.** 20 blocks in a row. How does the standard deviation of the values grow with $\gamma = 1$ at the start, and with $\gamma = 0$?


# %%
class Block(nn.Module):
    """h + BN(ReLU(h) W)"""

    def __init__(self, gamma):
        super().__init__()
        self.linear, self.bn = nn.Linear(100, 100, bias=False), nn.BatchNorm1d(100)
        nn.init.constant_(self.bn.weight, gamma)

    def forward(self, h):
        return h + self.bn(self.linear(torch.relu(h)))


class ResidualNetwork(nn.Module):
    """A linear layer, 20 blocks, and an output layer; the values may be divided before the output layer."""

    def __init__(self, gamma, seed, divide_by=1.0):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.blocks = nn.Linear(64, 100), nn.Sequential(*[Block(gamma) for _ in range(20)])
        self.output, self.divide_by = nn.Linear(100, 10), divide_by

    def forward(self, x):
        return self.output(self.blocks(self.first(x)) / self.divide_by)


data = digits()
pictures, labels = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
for gamma in (1.0, 0.0):
    net = ResidualNetwork(gamma, seed=0)
    h = net.first(pictures)
    spreads = [h.std(dim=0).mean().item()]
    for block in net.blocks:
        h = block(h)
        spreads.append(h.std(dim=0).mean().item())
    print(f"γ = {gamma:.0f}: after 0, 1, 5, 20 blocks:", *(f"{spreads[k]:.2f}" for k in (0, 1, 5, 20)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# With $\gamma = 1$ each block adds a signal with standard deviation 1. It is hardly related to what was there, so the *variances* add up: after 20 blocks the
# variance is about 20, and the standard deviation about $\sqrt{20} \approx 4.5$. With $\gamma = 0$ nothing is added.
#
# </details>
#
# ## Can a block with γ = 0 learn?
#
# **Predict.** Which gets a gradient in the first step: the weights $W$ of a block, its $\gamma$, both, or neither?

# %% tags=["nbval-ignore-output"]
net = ResidualNetwork(0.0, seed=0)
cross_entropy(net(pictures[:60]), labels[:60]).backward()
of_w, of_gamma = (p.grad.abs().max().item() for p in (net.blocks[5].linear.weight, net.blocks[5].bn.weight))
print(f"largest gradient in block 5:   of W {of_w:.4f}   of γ {of_gamma:.4f}")
assert of_w == 0
assert of_gamma > 0

# %% [markdown]
# <details><summary>Answer</summary>
#
# $W$ gets nothing: $dy$ is multiplied by $\gamma = 0$ on its path back through $F$. But $d\gamma = \sum dy\,\hat{x}$ is not 0. So $\gamma$ moves first, and $W$ follows from the second
# step on.
#
# </details>
#
# ## Is it a better start?
#
# We train both for 2 epochs of 22 steps, with a small and with a large learning rate, and print the mean loss of the second epoch for each of five seeds.
#
# **Predict.** Which start has the lower loss in the second epoch: at the small rate 0.05? At the large one, 0.3?


# %% tags=["nbval-ignore-output"]
def losses(seed, gamma, rate, divide_by=1.0):
    net = ResidualNetwork(gamma, seed, divide_by)
    return train(net, data, epochs=2, learning_rate=rate, seed=seed, every=1000, progress=False).loss


early, second_epoch = {}, {}
for rate in (0.05, 0.3):
    for gamma in (1.0, 0.0):
        runs = over_seeds(lambda seed, g=gamma, r=rate: losses(seed, g, r), range(5), progress=False).values
        early[rate, gamma], second_epoch[rate, gamma] = runs, runs[:, 22:].mean(axis=1)
        print(f"rate {rate}, γ = {gamma:.0f}:  loss {second_epoch[rate, gamma].round(2)}")
assert (second_epoch[0.05, 1.0] < second_epoch[0.05, 0.0]).all()
assert (second_epoch[0.3, 1.0] > second_epoch[0.3, 0.0]).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# At the small rate $\gamma = 1$ is far ahead, at the large rate $\gamma = 0$, for each of the five seeds.
#
# </details>
#
# ## Why?
#
# One reason could stand in the first table: with $\gamma = 1$ the values that reach the output layer are about 30 times larger at the start, so the
# same learning rate makes much larger steps there. We test it: $\gamma = 1$, but the values are divided by 30 before the output layer.
#
# **Predict.** If this is the reason, which of the numbers above will come out now?

# %% tags=["nbval-ignore-output"]
for rate in (0.05, 0.3):
    runs = over_seeds(lambda seed, r=rate: losses(seed, 1.0, r, 30.0), range(5), progress=False).values
    early[rate, "divided"], divided = runs, runs[:, 22:].mean(axis=1)
    print(f"rate {rate}, γ = 1, divided by 30:  loss {divided.round(2)}")
    to_zero, to_one = (abs(divided - second_epoch[rate, gamma]) for gamma in (0.0, 1.0))
    assert (to_zero < to_one).all()

# %% tags=["draws"] alt="The loss over 44 steps, mean of five seeds. At rate 0.05 the curve of gamma 1 falls fast; those of gamma 0 and of gamma 1 with divided values fall slowly, near each other. At rate 0.3 gamma 1 stays high, and the other two fall to near 0, again near each other."
figure, axes = figures.new_figure(columns=2, size=(7.0, 3.0))
looks = {1.0: "before", 0.0: "data", "divided": "unbiased"}
for ax, rate in zip(axes, (0.05, 0.3), strict=True):
    for key, role in looks.items():
        figures.curve(range(1, 45), early[rate, key].mean(axis=0), ax=ax, top=8, role=role)
    figures.frame(ax, title=f"learning rate {rate}", x="step", y="loss", ylim=(0, 8 if rate == 0.3 else 4))
words = {"before": "γ = 1", "data": "γ = 0", "unbiased": "γ = 1, divided by 30"}
figures.key(axes[0], words, place="upper right")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# At both rates the loss comes near the one of $\gamma = 0$. So in this network it is the size of the values before the output layer that makes most of the difference.
#
# </details>
#
# ## What is left in the end?
#
# **Predict.** Does the slow start at rate 0.05 cost accuracy after 8 epochs? (± is the 95 % interval of the mean over five seeds.)


# %% tags=["nbval-ignore-output"]
def final_accuracy(seed):
    results = []
    for gamma in (1.0, 0.0):
        net = ResidualNetwork(gamma, seed)
        history = train(net, data, epochs=8, learning_rate=0.05, seed=seed, every=1000, progress=False)
        results.append(history.test_accuracy[-1])
    return [*results, results[1] - results[0]]


final = over_seeds(final_accuracy, range(5), progress=False)
for name, mean, half in zip(("γ = 1", "γ = 0", "difference"), final.mean, final.half_width, strict=True):
    print(f"{name:10} {mean:5.1%} ± {half:.1%}")
assert (abs(final.values[:, 2]) < 0.05).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# No difference larger than the interval is to be seen.
#
# </details>
#
# ---
# **Shown:** starting with $\gamma = 0$ is not simply better or worse. Of the two rates here, the large one suits it better; at the small one it costs a slow start that is made up after 8 epochs. Published recipes for large
# batches and large rates use it for their stability.
#
# **Back to** [03 · Scale and shift](../03_scale_and_shift.ipynb).
#
# Sources:
# - P. Goyal et al., "Accurate, Large Minibatch SGD", 2017, arXiv:1706.02677, section 5.1.
