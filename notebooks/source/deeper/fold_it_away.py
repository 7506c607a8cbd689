# %% [markdown]
# # Fold it away: a network without its BN layers
#
# *15 minutes · after lesson [06 · Normalize channels](../06_normalize_channels.ipynb)*
#
# After training, BN multiplies each channel by one fixed number and adds another, and so it can be merged into the convolution
# before it. You type this **fold** in four lines, and the network without BN gives the same outputs. Then you measure how much time it
# saves.

# %%
from copy import deepcopy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bnteach import data, training

# %% [markdown]
# ## The fold
#
# In evaluation mode BN is a straight line with fixed numbers (lesson 05):
#
# $$y = a\,x + b \qquad a = \frac{\gamma}{\sqrt{\text{running var} + \varepsilon}} \qquad b = \beta - a\cdot\text{running mean}$$
#
# A convolution multiplies by weights and adds a bias. Two such steps in a row are one: multiply the weights of each filter by its
# $a$, and the new bias is $a\cdot\text{bias} + b$.


# %%
def fold(conv, bn):
    """One convolution that does what conv and then bn do in evaluation mode."""
    a = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    b = bn.bias - a * bn.running_mean
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
    folded.weight.data = a.data.reshape(-1, 1, 1, 1) * conv.weight.data
    folded.bias.data = b.data if conv.bias is None else a.data * conv.bias.data + b.data
    return folded


# %% [markdown]
# BN must come *directly* after the convolution, with no ReLU between. (BN *before* a convolution with padding does not fold
# so simply: its $b$ would be added to the picture, but not to the zeros around it.)

# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits().images()
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
network = training.small_cnn(channels=(6, 16), seed=0)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
shuffle = torch.Generator().manual_seed(0)
for _epoch in range(3):
    for batch in torch.randperm(1347, generator=shuffle).split(60)[:22]:
        loss = nn.functional.cross_entropy(network(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
network.eval()
print(f"right: {training.accuracy(network, digits.x_test, digits.y_test):.0%}")

# %%
folded = deepcopy(network)
folded.conv_1, folded.bn_1 = fold(network.conv_1, network.bn_1), nn.Identity()
folded.conv_2, folded.bn_2 = fold(network.conv_2, network.bn_2), nn.Identity()
without_b = deepcopy(folded)
for conv in (without_b.conv_1, without_b.conv_2):
    nn.init.zeros_(conv.bias)
print("layers:", *(type(layer).__name__ for layer in folded))

# %% [markdown]
# We compare the outputs for the test pictures with those of the network with BN: of the folded one, of the folded one without $b$, and of the network
# with BN left in training mode.
#
# **Predict.** Which of the three differ in more than the last digits of float32?


# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def apart(other):
    """The largest difference of the outputs, as a share of the largest output."""
    expected = network(x_test)
    return ((other(x_test) - expected).abs().max() / expected.abs().max()).item()


x_test = torch.from_numpy(digits.x_test)
in_training = deepcopy(network).train()
print(f"folded:                       {apart(folded):.5%}")
print(f"folded, b forgotten:          {apart(without_b):.0%}")
print(f"not folded, in training mode: {apart(in_training):.0%}")
assert apart(folded) < 1e-6
assert apart(without_b) > 0.1
assert apart(in_training) > 0.01

# %%
theirs = fuse_conv_bn_eval(network.conv_2, network.bn_2)  # PyTorch has the fold too
print("typed  ", folded.conv_2.bias[:4].detach().numpy().round(3))
print("PyTorch", theirs.bias[:4].detach().numpy().round(3))
assert torch.allclose(theirs.bias, folded.conv_2.bias, atol=1e-6)

# %% [markdown]
# <details><summary>Answer</summary>
#
# The second and the third. On paper folding is exact; here the same numbers are multiplied in another order and rounded. In training
# mode BN uses the statistics of these 450 pictures. **A fold is right for evaluation only**, and the BN layer is gone: you cannot
# go on training with BN.
#
# </details>
#
# ## What does it save?
#
# One value after `conv_2` costs 6 · 3 · 3 = 54 multiplications, and BN one more: 2 %. In larger layers the share is smaller still: with 64
# maps coming in, 0.2 %.
#
# **Predict.** Does folding save as little *time*?

# %% tags=["nbval-ignore-output"]
conv, bn = nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64).eval()
pair = nn.Sequential(conv, bn, nn.ReLU()), nn.Sequential(fold(conv, bn), nn.ReLU())
for words, models, pictures, repeat in (
    ("small_cnn, 1 picture", (network, folded), x_test[:1], 10),
    ("small_cnn, 64 pictures", (network, folded), x_test[:64], 10),
    ("64 filters on 64 maps, 8 pictures of 28 × 28", pair, torch.randn(8, 64, 28, 28), 1),
):
    _, share = training.time_ratios(models, pictures, rounds=40, repeat=repeat)
    print(f"{words:45} folded takes {share:.0%} of the time")

# %% [markdown]
# <details><summary>How to read this</summary>
#
# These are medians of 40 rounds on your own machine. Run the cell again: what changes by itself is noise.
#
# With one picture you will mostly see far more saved than 2 %. A layer costs time even if it computes little: it must be called, and
# its numbers must be carried to the processor and back. With more work in each call, less of that is left.
#
# </details>
#
# **Shown:** BN after a convolution costs nothing in use, if it is folded in evaluation mode, with its $b$.
#
# **Practice:** write the fold in NumPy: `fold_batch_norm(weight, bias, gamma, beta, running_mean, running_var, eps)`, which returns the new weight and
# the new bias. `bnteach.check.fold_batch_norm(fold_batch_norm)` says what it sees. Then [the exercises of lesson 06](../exercises/06_normalize_channels.ipynb), 30 minutes.
#
# **Back to** [06 · Normalize channels](../06_normalize_channels.ipynb); [lesson 09](../09_slim_and_fold.ipynb) folds what is left after channels are cut.
