# %% [markdown]
# # 14 · Deep enough to break
#
# *35 minutes · previous: [13b · Keep it in the cache](13b_keep_it_in_the_cache.ipynb) · next:
# [14b · Weight decay in front of BN](14b_decay_in_front_of_bn.ipynb) · [exercises](exercises/14_deep_enough_to_break.ipynb)*
#
# BN is said to keep gradients at a good size. But before training, each ReLU layer with BN makes the gradient about a fifth longer.
# You see what that means in 50 layers, derive the factor, and find a block with which 50 layers learn.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs, training

# %% [markdown]
# ## A fifth longer in each layer
#
# Our network has 50 equal **blocks**: linear → BN → ReLU, with 100 units. The weights are He's: random, with the variance 2 divided by the
# number of inputs ([lesson 00](00_meet_batch_normalization.ipynb)). A linear layer with BN stands before the blocks.


# %%
def linear(inputs=100, outputs=100):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5)  # He's weights
    return layer


def bn_block():
    return nn.Sequential(linear(), nn.BatchNorm1d(100), nn.ReLU())


def network(block, seed):
    torch.manual_seed(seed)
    blocks = [block() for _ in range(50)]
    return nn.Sequential(linear(64), nn.BatchNorm1d(100), *blocks, linear(100, 10))


# %% [markdown]
# 256 digits go forward. A random gradient starts at the output of block 50 and goes back. `growth` measures its length at the output of each block, down to block 1:
# the gradient has then passed 49 blocks.

# %%
torch.set_num_threads(1)  # the fastest for networks this small
digits = data.digits()
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)


def growth(block, seed=0):
    """Entry b: how many times as long the gradient is after b blocks on its way back."""
    net = network(block, seed)
    h = net[:2](x_train[:256])
    outputs = []
    for part in net[2:-1]:
        h = part(h)
        h.retain_grad()  # keep the gradient of this output
        outputs.append(h)
    h.backward(torch.randn(h.shape))
    lengths = torch.stack([h.grad.norm() for h in reversed(outputs)])
    return lengths / lengths[0]


# %% [markdown]
# **Predict.** After 10 blocks the gradient is about 7 times as long as at the start. And after 49 blocks: about 35, about 350, or about 10 000 times?

# %% tags=["nbval-ignore-output"]
measured = growth(bn_block)
for b in (1, 10, 24, 49):
    print(f"after {b:2} blocks: × {measured[b]:8,.1f}      1.211^{b}: {1.211**b:8,.1f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 10 000 times. Each block multiplies, so it is about $7^{4.9}$ and not 4.9 times 7.
#
# </details>
#
# ## Where the 1.21 comes from
#
# We follow the **mean square** of the gradient's entries, the mean of their squares, back through one block. The block is linear → BN → ReLU.
# On the way back the gradient meets its parts in the opposite order:
#
# 1. **ReLU.** Its input $\hat{x}$ comes from BN: $\hat{x}$ has mean 0 and variance 1, and in a wide layer $\hat{x}$ is nearly normal. ReLU lets the gradient pass
#    where $\hat{x} > 0$. That is half of the values, so the mean square is multiplied by $\frac12$.
# 2. **BN** divides its input by the standard deviation $\sigma$. So it divides the gradient by $\sigma$, too, and the mean square by $\sigma^2$.
# 3. **The linear layer.** Each input of the linear layer gets back a sum of 100 terms, gradient times weight. The weights are random with the variance 2/100,
#    so the mean square is multiplied by $100 \cdot \frac{2}{100} = 2$.
#
# He's weights are made so that their 2 cancels the $\frac12$ of the ReLU. Only BN is left: the length is multiplied by $1/\sigma$.
#
# ## How large is σ?
#
# The input of BN is $z = w_1 h_1 + \dots + w_{100} h_{100}$, where each $h = \mathrm{ReLU}(\hat{x})$ comes from the block before. We need $\sigma^2$, the variance of $z$ over the batch:
#
# - **The mean of $h$ does not count.** From picture to picture $h$ changes, but the weights stay. So the mean of $h$ adds the same number to $z$ for each picture, and BN subtracts it. Only $\mathrm{Var}(h)$ counts.
# - **The 100 variances add up.** A term $w h$ has the variance $w^2\,\mathrm{Var}(h)$. The variance of a sum also has the covariances of its terms. Here they have random signs, because the weights do, and nearly cancel. So only the
#   variances of the 100 terms are left: $\sigma^2 = 100 \cdot \frac{2}{100}\,\mathrm{Var}(h) = 2\,\mathrm{Var}(h)$.
#
# The next cell takes ten million normal numbers for $\hat{x}$. Then it measures $\sigma^2$ in block 2 of a real network, as the mean over its 100 units.

# %% tags=["nbval-ignore-output"]
h = torch.randn(10_000_000).relu()
print(f"mean square of h {h.square().mean():.2f}, mean {h.mean():.2f}, variance {h.var():.2f}")
std = (2 * h.var()) ** 0.5
print(f"σ² is {std**2:.2f}: the mean square × {1 / std**2:.2f}, the length × {1 / std:.2f}")

net = network(bn_block, seed=0)
z = net[3][0](net[:3](x_train[:256]))  # the linear layer of block 2
print(f"σ² in block 2 of the network: {z.var(dim=0).mean():.2f}")

# %% [markdown]
# The network nearly has the $\sigma^2$ of the random numbers. With the mean square in the place of the variance, $\sigma$ would be 1, and nothing would grow. But the outputs of ReLU have a mean above 0, and this mean
# does not count for $\sigma$. So $\sigma$ is below 1, and BN makes the gradient longer.
#
# For normal $\hat{x}$ the mean of $h$ is exactly $1/\sqrt{2\pi}$, the integral of $x\,e^{-x^2/2}/\sqrt{2\pi}$ from 0 on. The variance is the mean square minus the squared mean:
#
# $$\text{growth of the length} = \frac{1}{\sigma} = \frac{1}{\sqrt{2\left(\frac12 - \frac{1}{2\pi}\right)}} = \sqrt{\frac{\pi}{\pi - 1}} \approx 1.211$$
#
# Weights of twice the size change nothing: step 3 gives twice the gradient, and $\sigma$ in step 2 is twice as large. The formula is an approximation, for wide layers, random weights as before training,
# and large batches. (BN's [paths](04_derive_the_backward_pass.ipynb) through mean and variance carry little there.)
#
# ## Lab: other activations
#
# Twelve layers, each with 64 units, before training. The words under the picture end with the growth of the gradient in one layer: for ReLU it is a bit more than 1.21 in this small network. (The curve of the gradient looks nearly flat,
# because its axis covers twelve powers of ten.)
#
# 1. Change ReLU to tanh and to sigmoid. With which activation does the gradient grow least?
# 2. Back to ReLU. Switch BN off and take the weight scale 1.4 (He's weights). What do the gradient and the signal do?

# %% tags=["nbval-ignore-output"]
labs.Depth(activation="ReLU", batch_norm=True)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The gradient grows least with sigmoid: 1.05 a layer. Tanh has 1.11, and ReLU 1.23.
# 2. The gradient nearly keeps its length. But the signal falls to about a third: the outputs for different pictures become more alike.
#
# </details>
#
# ## Four kinds of blocks
#
# Deep networks usually have **skip connections**: the input $h$ of a block is added to the output of a **branch**. The gradient then comes back on two paths, through the branch and past it. The two parts are nearly independent of each other, so
# their mean squares add up. (The branches end with the linear layer. If they ended with the ReLU, they could only add to $h$, and never subtract.)

# %% tags=["draws"] alt="Four blocks, each from left to right. No BN: linear, ReLU. BN: linear, BN, ReLU. Skip, no BN: the branch is ReLU, linear; the skip connection adds h at the end. Skip, BN in the branch: the branch is BN, ReLU, linear; the skip connection adds h at the end."
ax = figures.block_kinds()
figures.frame(ax, title="Two blocks without a skip connection, two with one")
figures.show(ax)


# %%
class Skip(nn.Sequential):  # the parts are those of the branch
    def forward(self, h):
        return h + super().forward(h)


blocks = {
    "no BN": lambda: nn.Sequential(linear(), nn.ReLU()),
    "BN": bn_block,
    "skip, no BN": lambda: Skip(nn.ReLU(), linear()),
    "skip, BN in the branch": lambda: Skip(nn.BatchNorm1d(100), nn.ReLU(), linear()),
}

# %% [markdown]
# We measure the growth over 49 blocks with five seeds. The last column is the growth in one block, on average, for the middle one of the seeds.
#
# **Predict.** In one kind the gradient grows even more than in "BN". In which? Use the three steps above, and add up the two paths.

# %% tags=["nbval-ignore-output"]
for kind, block in blocks.items():
    five = sorted(growth(block, seed)[49].item() for seed in range(5))
    print(f"{kind:23} × {five[0]:12,.1f} to {five[-1]:12,.1f}     in a block × {five[2] ** (1 / 49):.2f}")

# %% tags=["draws", "nbval-ignore-output"] alt="Length of the gradient over the number of blocks on its way back, on a logarithmic axis; four curves start at 1. At the right end, from top to bottom: skip, no BN at more than ten million; BN at about 10 000, on the dash-dotted line of 1.211 a block; skip, BN in the branch at about 10, flat at first and steeper toward block 1; no BN near 1."
ax = figures.new_axes(size=(7.0, 3.6))
looks = ("without_bn", "with_bn", "biased", "unbiased")
for (kind, block), look in zip(blocks.items(), looks, strict=True):
    lengths = growth(block)
    figures.curve(range(50), lengths, ax=ax, role=look)
    ax.text(50, lengths[49], kind, color=figures.role(look).color, va="center")
figures.curve([0, 49], [1, 1.211**49], ax=ax, role="theory")
title = "BN and skip connection together decide how much the gradient grows"
ax.set_xlim(0, 68)
figures.frame(ax, title=title, x="blocks on the way back", y="length, × that at block 50", log="y")
ax.set_xticks([0, 10, 20, 30, 40, 49])
figures.key(ax, {"theory": "1.211 a block"}, place="upper left")
assert 1.19 < growth(bn_block)[49] ** (1 / 49) < 1.23
assert growth(blocks["skip, BN in the branch"])[49] < 15
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# "Skip, no BN": its branch gives back as much as its skip connection, so each block doubles the mean square.
#
# </details>
#
# What do the three steps predict for each kind?
#
# - **No BN.** The ReLU multiplies the mean square by $\frac12$, and the linear layer by 2. So the length stays.
# - **BN.** The length is multiplied by $1/\sigma = 1.21$.
# - **Skip, no BN.** Each of the two paths multiplies the mean square by 1. Their sum is 2, so the length is multiplied by $\sqrt{2} = 1.41$. Over 49 blocks that is 24 million, somewhat more than the 11 to 21 million measured.
# - **Skip, BN in the branch.** BN divides by the standard deviation of $h$. Each block adds its output to $h$, so this becomes larger from block to block, and the branches of late blocks give back
#   little. In the end the gradient is only about 10 times as long. You compute this in the exercises.
#
# ## Which of them learn?
#
# We train each kind for two epochs, with one learning rate and five seeds, and measure the accuracy on the test digits. Guessing gives about 10 %.


# %% tags=["nbval-ignore-output"]
def train(net):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.03)
    for _ in range(2):
        for batch in torch.randperm(len(x_train)).split(60)[:22]:  # full batches
            loss = nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return training.accuracy(net, digits.x_test, digits.y_test)


learned = {}
for kind, block in blocks.items():
    learned[kind] = [train(network(block, seed)) for seed in range(5)]
    print(f"{kind:23} test accuracy", *(f"{share:4.0%}" for share in learned[kind]))

# %% [markdown]
# In two epochs with this rate, only "skip, BN in the branch" learns, and it does with each seed. In "skip, no BN" the loss soon becomes *not a number*, and no answer is right.
#
# ## Can the digits still be read?
#
# "No BN" keeps the length of the gradient, and does not learn. So what is missing? We look at the forward pass, *before* training. Can the digits still be told from the outputs of a block? We fit a linear layer to
# these outputs, by least squares on the training digits, and measure its accuracy on the test digits.
#
# **Predict.** After block 1 it reads about 95 %, in each kind. In which of the three kinds below does it still read most digits after block 50?


# %% tags=["nbval-ignore-output"]
def read_digits(net, depth):
    with torch.no_grad():
        h_train, h_test = (net[: depth + 2](x) for x in (x_train, torch.from_numpy(digits.x_test)))
    weights = torch.linalg.lstsq(h_train, torch.eye(10)[y_train], driver="gelsd").solution
    answers = (h_test @ weights).argmax(dim=1)
    return (answers.numpy() == digits.y_test).mean()


depths, readable = (1, 5, 10, 15, 20, 30, 40, 50), {}
for kind in ("no BN", "BN", "skip, BN in the branch"):
    nets = [network(blocks[kind], seed) for seed in range(5)]
    readable[kind] = np.array([[read_digits(net, depth) for depth in depths] for net in nets])
    print(f"{kind:23} read after block 50", *(f"{share:4.0%}" for share in readable[kind][:, -1]))

# %% tags=["draws", "nbval-ignore-output"] alt="Test accuracy of a linear layer over the number of the block whose outputs it reads, before training; five seeds for each of three kinds. All begin near 95 percent at block 1. Skip, BN in the branch falls slowly to about 85 percent at block 50. No BN falls to about 25 percent. BN falls fastest: from block 20 on it is at the line of guessing, 10 percent."
ax = figures.new_axes(size=(7.0, 3.2))
for (kind, shares), look in zip(readable.items(), ("without_bn", "with_bn", "unbiased"), strict=True):
    for line in 100 * shares:
        figures.curve(depths, line, ax=ax, role=look)
    ax.text(51, 100 * shares[:, -1].mean(), kind, color=figures.role(look).color, va="center")
figures.curve([1, 50], [10, 10], ax=ax, role="before")
ax.text(1, 3, "guessing: 10 %", color=figures.role("before").color)
figures.frame(
    ax, title="Of three kinds, only one keeps the digits readable", x="block", y="read correctly, %"
)
ax.set(xlim=(0, 70), ylim=(0, 100), xticks=[1, 10, 20, 30, 40, 50])
good = "skip, BN in the branch"
assert min(learned[good]) > 0.85
assert readable[good][:, -1].min() > 0.8
assert all(max(right) < 0.3 for kind, right in learned.items() if kind != good)
assert readable["BN"][:, 4:].max() < 0.3
assert readable["no BN"][:, -1].max() < 0.4
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only in "skip, BN in the branch".
#
# </details>
#
# After 20 blocks of "BN" a linear layer can hardly read new digits, and after 50 blocks of "no BN" it reads few. The kind that learns is good in both directions: forward the
# digits stay readable, and backward the gradient grows little. Whether the growth alone would be enough to stop "BN" is not shown here.
#
# ---
# **Shown:** before training, a ReLU layer with BN makes the gradient about 1.21 times as long. With skip connections and BN in the branch the gradient grows
# far less, the digits stay readable, and a network of 50 blocks learns.
#
# **Practice:** [the exercises](exercises/14_deep_enough_to_break.ipynb), 25 minutes. **Deeper:** [Does BN keep units alive?](deeper/does_bn_keep_units_alive.ipynb) ·
# [Can we live without norms?](deeper/can_we_live_without_norms.ipynb)
#
# **Next:** [14b · Weight decay in front of BN](14b_decay_in_front_of_bn.ipynb).
#
# Sources:
#
# - Growth: Yang et al. 2019, arXiv:1902.08129. BN in the branch: De and Smith 2020, arXiv:2002.10444.
