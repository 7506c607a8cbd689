# %% [markdown]
# # 14 · Deep enough to break
#
# *30 minutes · previous: [13 · Make it fast](13_make_it_fast.ipynb) · next:
# [14b · Weight decay in front of BN](14b_decay_in_front_of_bn.ipynb) · [exercises](exercises/14_deep_enough_to_break.ipynb)*
#
# BN is said to keep gradients at a good size. But before training, a ReLU layer with BN makes the gradient about a fifth longer.
# You see what that means in 50 layers, derive the factor, and find a block that avoids the growth and learns.

# %%
import torch
from torch import nn

from bnteach import data, figures, labs, training

# %% [markdown]
# ## A fifth longer in each layer
#
# Our network has 50 equal **blocks**: linear → BN → ReLU, with 100 units. The weights are He's: random, with the variance 2 divided by the
# number of inputs ([lesson 00](00_meet_batch_normalization.ipynb)). Before the blocks stands a linear layer with BN.


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
# 256 digits go forward. A random gradient starts at the output of block 50 and goes back. We measure its length at the output of each block.

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
# We follow the **mean square** of the gradient's entries back through one block. (BN comes last here, because it needs one more number.)
#
# 1. **ReLU.** Its input $\hat{x}$ comes from BN. It has mean 0 and variance 1, and in a wide layer it is nearly normal. The gradient passes where
#    $\hat{x} > 0$, for half of the values: the mean square is multiplied by $\frac12$.
# 2. **The linear layer.** Each input gets the sum of 100 gradients times weights of variance 2/100: the mean square is multiplied by $100 \cdot \frac{2}{100} = 2$.
#    This is what He's weights are made for: they undo the $\frac12$ of the ReLU.
# 3. **BN** divides the gradient by the standard deviation $\sigma$ of its own input: the mean square is divided by $\sigma^2$.
#
# Only $\sigma^2$ is left to find. The input of BN is a sum of 100 values $h$ times the same weights, and $h = \mathrm{ReLU}(\hat{x})$ comes from the block before. So
# $\sigma^2 = 2\,\mathrm{Var}(h)$. We take ten million normal numbers for $\hat{x}$:

# %%
x_hat = torch.randn(10_000_000)
h = x_hat.relu()
print(f"share of the values that is above 0: {(h > 0).double().mean():.2f}")
print(f"mean square of h {h.square().mean():.2f}, mean {h.mean():.2f}, variance {h.var():.2f}")
sigma = (2 * h.var()) ** 0.5
print(f"σ² is {sigma**2:.2f}: mean square × {1 / sigma**2:.2f}, length × {1 / sigma:.2f}")

# %% [markdown]
# Exactly, the mean of $h$ is $1/\sqrt{2\pi}$. (It is the integral of $x\,e^{-x^2/2}/\sqrt{2\pi}$ from 0 on.) The variance is the mean square minus the squared mean:
#
# $$\text{growth of the length} = \frac{1}{\sigma} = \frac{1}{\sqrt{2\left(\frac12 - \frac{1}{2\pi}\right)}} = \sqrt{\frac{\pi}{\pi - 1}} \approx 1.211$$
#
# In words: BN takes away the mean of $h$, and has to enlarge the rest more. The gradient is enlarged by the same factor.
#
# (Larger weights change nothing: in step 2 they multiply, in step 3 they divide by the same factor.) This holds nearly: for wide layers, for large batches, where the paths
# through mean and variance carry little, and for random weights, as before training.
#
# ## Lab: other activations
#
# Twelve layers, each with 64 units, before training. The last words of the reading give the growth of the gradient; in this small network it is a bit more than 1.21 a layer.
#
# 1. Change ReLU to tanh and to sigmoid. Where does the gradient grow least?
# 2. Back to ReLU. Switch BN off and take the weight scale 1.4 (He's weights). What do the gradient and the signal do?

# %% tags=["nbval-ignore-output"]
labs.Depth(activation="ReLU", batch_norm=True)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. With sigmoid: 1.05 a layer, tanh 1.11, ReLU 1.23. (In step 1 the mean of the squared slope replaces the $\frac12$. By the *Poincaré inequality* the growth is never below 1.)
# 2. The gradient nearly keeps its length. But the signal falls to about a third: the pictures become more alike.
#
# </details>
#
# ## Five kinds of blocks
#
# Deep networks usually have **skip connections**: $h$, the input of a block, is added to the output of a **branch**. Then the gradient has two paths back, through the
# branch and past it.

# %% tags=["draws"] alt="Five blocks, each from left to right. No BN: linear, ReLU. BN: linear, BN, ReLU. Skip, no BN: the branch is ReLU, linear; the skip connection adds h at the end. Skip, BN on the sum: the branch is linear, the skip connection adds h, then come BN and ReLU. Skip, BN in the branch: the branch is BN, ReLU, linear; the skip connection adds h at the end."
ax = figures.block_kinds()
figures.frame(ax, title="Two blocks without a skip connection, three with one")
figures.show(ax)


# %%
class Skip(nn.Sequential):  # the parts are those of the branch
    def forward(self, h):
        return h + super().forward(h)


blocks = {
    "no BN": lambda: nn.Sequential(linear(), nn.ReLU()),
    "BN": bn_block,
    "skip, no BN": lambda: Skip(nn.ReLU(), linear()),
    "skip, BN on the sum": lambda: nn.Sequential(Skip(linear()), nn.BatchNorm1d(100), nn.ReLU()),
    "skip, BN in the branch": lambda: Skip(nn.BatchNorm1d(100), nn.ReLU(), linear()),
}

# %% [markdown]
# **Predict.** In one kind the gradient grows even more than in "BN". In which?

# %% tags=["nbval-ignore-output"]
for kind, block in blocks.items():
    five = [growth(block, seed)[49].item() for seed in range(5)]
    print(f"{kind:23} after 49 blocks × {min(five):12,.1f} to {max(five):12,.1f}")

# %% tags=["draws", "nbval-ignore-output"] alt="Length of the gradient over the number of blocks on its way back, on a logarithmic axis; five curves start at 1. At the right end, from top to bottom: skip, no BN at more than ten million; BN at about 10 000, on the dash-dotted line of 1.211 a block; skip, BN on the sum at several hundred; skip, BN in the branch at about 10, flat at first and steeper toward block 1; no BN near 1."
ax = figures.new_axes(size=(7.0, 3.6))
looks = ("without_bn", "with_bn", "biased", "data", "unbiased")
for (kind, block), look in zip(blocks.items(), looks, strict=True):
    lengths = growth(block)
    figures.curve(range(50), lengths, ax=ax, role=look)
    ax.text(50, lengths[49], kind, color=figures.role(look).color, va="center")
figures.curve([0, 49], [1, 1.211**49], ax=ax, role="theory")
title = "The place of BN decides how much the gradient grows"
ax.set_xlim(0, 68)
figures.frame(ax, title=title, x="blocks on the way back", y="length, × that at block 50", log="y")
ax.set_xticks(range(0, 50, 10))
figures.key(ax, {"theory": "1.211 a block"}, place="upper left")
assert 1.19 < growth(bn_block)[49] ** (1 / 49) < 1.23
assert growth(blocks["skip, BN in the branch"])[49] < 15
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In "skip, no BN".
#
# </details>
#
# - **No BN:** the $\frac12$ of the ReLU and the 2 of the weights, and nothing else.
# - **Skip, no BN:** the branch gives back as much as the skip connection, so each block doubles the mean square.
# - **Skip, BN on the sum:** BN divides the gradient of the skip connection, too. It still grows like a power.
# - **Skip, BN in the branch:** from block to block $h$ becomes larger, and BN divides by its size. So a late branch adds little to the gradient.
#
# ## Which of them learn?
#
# We train three of the kinds for two epochs.
#
# **Predict.** Which learn: "no BN", "BN", "skip, BN in the branch"?


# %% tags=["nbval-ignore-output"]
def train(net):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.03)
    for _ in range(2):
        for batch in torch.randperm(len(x_train)).split(60)[:22]:  # full batches
            loss = nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net


for kind in ("no BN", "BN", "skip, BN in the branch"):
    nets = [train(network(blocks[kind], seed)) for seed in range(5)]
    right = [training.accuracy(net, digits.x_test, digits.y_test) for net in nets]
    print(f"{kind:23} test accuracy", *(f"{share:4.0%}" for share in right))
    assert min(right) > 0.85 if kind == "skip, BN in the branch" else max(right) < 0.3

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only "skip, BN in the branch", in all seeds.
#
# </details>
#
# So it is not enough to keep the gradient's length: "no BN" does, and only guesses. What is missing? Take the outputs of block 50 *before* training. How well can
# a linear layer read the digit from them? We fit one by least squares:


# %% tags=["nbval-ignore-output"]
def read_digits(net):
    with torch.no_grad():
        h_train, h_test = net[:-1](x_train), net[:-1](torch.from_numpy(digits.x_test))
    weights = torch.linalg.lstsq(h_train, torch.eye(10)[y_train], driver="gelsd").solution
    answers = (h_test @ weights).argmax(dim=1)
    return (answers.numpy() == digits.y_test).mean()


for kind in ("no BN", "BN", "skip, BN in the branch"):
    right = [read_digits(network(blocks[kind], seed)) for seed in range(5)]
    print(f"{kind:23} read before training", *(f"{share:4.0%}" for share in right))
    assert min(right) > 0.8 if kind == "skip, BN in the branch" else max(right) < 0.4

# %% [markdown]
# Guessing would be 10 %. After 50 blocks of "BN" a linear layer reads nothing, and after "no BN" little. The kind that learns is good in both directions: forward the
# digits stay readable, and backward the gradient grows little. (Whether the growth alone would stop "BN" too, we do not know.)
#
# ---
# **Shown:** before training, a ReLU layer with BN makes the gradient about 1.21 times as long. With skip connections and BN in the branch it grows
# far less, the digits stay readable, and 50 blocks learn.
#
# **Practice:** [the exercises](exercises/14_deep_enough_to_break.ipynb), 25 minutes. **Deeper:** [Does BN keep units alive?](deeper/does_bn_keep_units_alive.ipynb) ·
# [Can we live without norms?](deeper/can_we_live_without_norms.ipynb)
#
# **Next:** [14b · Weight decay in front of BN](14b_decay_in_front_of_bn.ipynb).
#
# Sources:
#
# - Growth: Yang et al. 2019, arXiv:1902.08129. BN in the branch: De and Smith 2020, arXiv:2002.10444.
