# %% [markdown]
# # What does a cut channel leave behind?
#
# *20 minutes · after lesson [09 · Slim and fold](../09_slim_and_fold.ipynb)*
#
# A channel with $\gamma = 0$ gives the constant $h(\beta)$, with $h$ the activation, and whoever cuts it out must give this constant to
# the next layer. You see where that is exact, and where **padding** spoils it, place by place. And you see what happens if the constant is simply
# thrown away.

# %%
from copy import deepcopy

import torch
from torch import nn

from bnteach import data, training
from bnteach.trials import slimming

# %% [markdown]
# ## The smallest case
#
# One map, 4 × 4, with the constant 0.7 everywhere. A filter of nine ones adds up what lies under it. Padding puts a frame of zeros around the map.
#
# **Predict.** Is the result 9 · 0.7 = 6.3 at all places?

# %%
constant_map = torch.full((1, 1, 4, 4), 0.7)
print(nn.functional.conv2d(constant_map, torch.ones(1, 1, 3, 3), padding=1)[0, 0].numpy().round(1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only inside. At the edge part of the filter lies on the zeros of the frame, in a corner more than half of it. So what the constant adds is not the same everywhere, and one bias cannot replace it.
#
# </details>
#
# ## Two networks
#
# A convolutional network and a fully connected one, trained for a few epochs. In both, some channels get $\gamma = 0$ and keep their $\beta$. `slimming.cut` takes
# these channels out, with `constants=False` and nothing else, or with their constants moved to the next layer. That layer has no bias but a BN, so the constant is taken from its running
# mean: $z$ has become smaller by so much, and so must its mean.
#
# **Predict.** Which of the three cut networks below gives the same outputs as before, but for rounding?


# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def apart(one, other, x):
    """The largest difference of the outputs, as a share of the largest output."""
    expected = other(x)
    return ((one(x) - expected).abs().max() / expected.abs().max()).item()


_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
flat, pictures = data.digits(), data.digits().images()
x_flat, x_pictures = torch.from_numpy(flat.x_test), torch.from_numpy(pictures.x_test)
network = training.small_cnn(channels=(6, 8), seed=0)
dense = training.mlp([64, 20, 20, 10], nn.ReLU, seed=0)
_ = training.train(network, pictures, epochs=6, every=1000, progress=False)
_ = training.train(dense, flat, epochs=3, every=1000, progress=False)

stays = {"bn_1": torch.tensor([True, False, True, True, False, True]), "bn_2": torch.arange(8) < 8}
dense_stays = {"bn_1": torch.arange(20) < 12, "bn_2": torch.arange(20) < 12}
masked = slimming.silenced(network.eval(), stays, beta=False)  # γ = 0, and β as it is
dense_masked = slimming.silenced(dense.eval(), dense_stays, beta=False)
thrown = apart(slimming.cut(network, stays, constants=False), masked, x_pictures)
moved = apart(slimming.cut(network, stays), masked, x_pictures)
dense_moved = apart(slimming.cut(dense, dense_stays), dense_masked, x_flat)
print(f"convolutions, thrown away: {thrown:.7f}")
print(f"convolutions, moved:       {moved:.7f}")
print(f"fully connected, moved:    {dense_moved:.7f}")
assert dense_moved < 1e-5 < 1e-4 < moved < thrown

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the fully connected one. In the network with padding the repair helps, and is not exact.
#
# </details>
#
# Where is it not exact? We look at what comes out of the second BN. The maps have 4 × 4 places there.

# %%
with torch.no_grad():
    ends = [one[:6](x_pictures) for one in (slimming.cut(network, stays), masked)]  # up to bn_2
off = (ends[0] - ends[1]).abs().amax(dim=(0, 1))  # the largest over pictures and channels
print("off by more than 1e-4:")
print((off > 1e-4).int().numpy())

# %% [markdown]
# At the edge, and nowhere else.
#
# ## If the constant is thrown away
#
# The BN behind it subtracts a mean. In training mode that is the mean of the batch, which has lost the same constant. In evaluation it is the running mean, which follows by 10 % in each step. So we throw
# the constants of layer 1 of the fully connected network away. Then we show it batches in training mode, and change no weight.
#
# **Predict.** How far is it from the repaired network in training mode? In evaluation mode, after 0, 1, 10 and 30 batches?

# %% tags=["nbval-ignore-output"]
only_first = {"bn_1": dense_stays["bn_1"], "bn_2": torch.arange(20) < 20}
x_batch = torch.from_numpy(flat.x_train[:60])
pair = [slimming.cut(dense, only_first, constants=moved).train() for moved in (False, True)]
print(f"training mode: {apart(*deepcopy(pair), x_batch):.7f}")  # of copies: a pass moves the running mean
distances = {}
for batches in range(31):
    distances[batches] = apart(*(one.eval() for one in pair), x_flat)
    for one in pair:
        one.train()(x_batch)
for batches in (0, 1, 10, 30):
    print(f"evaluation, after {batches:2} batches: {distances[batches]:.4f}")
assert distances[0] > 1e-3
assert distances[30] < distances[0] / 10

# %% [markdown]
# <details><summary>Answer</summary>
#
# In training mode it makes no difference. In evaluation it matters until the running mean has caught up, some tens of steps.
#
# </details>
#
# So who fine-tunes may throw the constants away. Who does not, should keep them: in lesson 09's trials with 20 seeds that is worth up to 40 points, where much is cut ([does slimming help?](does_slimming_help.ipynb)).
#
# **Shown:** a cut channel leaves a constant; the next layer's bias or running mean takes it over, exactly where nothing is padded.
#
# **Back to** [09 · Slim and fold](../09_slim_and_fold.ipynb); its [exercises](../exercises/09_slim_and_fold.ipynb) ask you to write such a cut.
#
# Source: J. Ye, X. Lu, Z. Lin and J. Z. Wang, "Rethinking the Smaller-Norm-Less-Informative Assumption in Channel Pruning of Convolution Layers", 2018, arXiv:1802.00124.
