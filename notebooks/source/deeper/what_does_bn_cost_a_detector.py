# %% [markdown]
# # What does BN cost a detector?
#
# *20 minutes · after [lesson 11](../11_put_it_in_a_detector.ipynb)*
#
# BN after each of YOLOv1's 24 convolutions: what does it cost in parameters, in multiplications, in time, and what does it ask of the batch? The network is counted without
# any memory, then run with its 272 million parameters if your computer has 2 GB free. In use BN costs nothing, once it is folded away.

# %%
import time

import psutil  # it comes with Jupyter
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

# %%
from bnteach.training import stored
from bnteach.trials.detector import parameters, yolo_v1

picture = torch.empty(1, 3, 448, 448, device="meta")  # a shape, no numbers
published, with_bn = (yolo_v1(batch_norm, device="meta") for batch_norm in (False, True))
dense = parameters(published.dense_1) + parameters(published.dense_2)

# %% [markdown]
# ## Counted
#
# **Predict.** Which have most of the parameters, the 24 convolutions or the two dense layers? (Then look at the multiplications.)

# %%
with FlopCounterMode(display=False) as counter:
    answer = published(picture)
products = {name: flops / 2e9 for name, flops in counter.get_flop_counts()["Global"].items()}
print(f"convolutions: {parameters(published) - dense:11,} parameters")
print(f"dense layers: {dense:11,} parameters")
print("multiplications, in thousand million:", *(f"{name} {number:.2f}" for name, number in products.items()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The dense layers have three quarters of the parameters, nearly all in the first. (In PyTorch's words they are `addmm`.) The convolutions do 99 % of the
# multiplications: a filter has few weights, but is applied at every place of its map.
#
# </details>
#
# **Predict.** BN has a $\gamma$ and a $\beta$ for each filter; the biases of the convolutions go. How many parameters does it add to the 272
# million?

# %%
values = 0
x = picture
for layer in with_bn:
    x = layer(x)
    values += x.numel() if isinstance(layer, nn.BatchNorm2d) else 0
more = parameters(with_bn) - parameters(published)
print(f"BN adds {more:,} parameters, {more / parameters(published):.3%}")
stored_numbers = sum(buffer.numel() for buffer in with_bn.buffers())
print(f"and stores {stored_numbers:,} numbers: means, variances, 24 counters")
print(f"it normalizes {values / 1e6:.1f} million values")

# %% [markdown]
# <details><summary>Answer</summary>
#
# One for each of the 13,184 filters. And it normalizes 14 million values, each with one multiplication and one addition in evaluation: less than a thousandth of the work.
#
# </details>
#
# ## Run
#
# The photo is random, since only the time counts. Each network is timed twice, and the faster counts. To **fold** is to merge each BN into the convolution before it, as in [lesson 09](../09_slim_and_fold.ipynb).
#
# **Predict.** Which of the three takes longest: as published, with BN, with BN folded?


# %% tags=["nbval-ignore-output"]
def folded(network):
    layers = []
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


@torch.no_grad()
def seconds(network, rounds=2):
    photo, times = torch.rand(1, 3, 448, 448), []
    for _round in range(rounds):
        start = time.perf_counter()
        network(photo)
        times.append(time.perf_counter() - start)
    return round(min(times), 2)


def times_of_three():
    times = {"as published": seconds(yolo_v1().eval())}
    network = yolo_v1(batch_norm=True).eval()
    return times | {"with BN": seconds(network), "folded": seconds(folded(network))}


if psutil.virtual_memory().available > 2e9:
    print("here:  ", times_of_three())
kept = stored("results/11_full_network.json", times_of_three)
print("stored:", kept["results"], kept["date"])

# %% [markdown]
# <details><summary>Answer</summary>
#
# They are nearly the same: the multiplications of the convolutions take the time. Run it again to see what is noise. In small networks, or with a single small picture, a layer less counts for more.
#
# </details>
#
# So fold it: the answers stay the same up to rounding (exercise 3). But measure before you promise speed.
#
# ## What BN asks of the batch
#
# In training each channel is normalized over $m = N\cdot H\cdot W$ values. The maps of the first BN layer are 224 × 224, those of the last 7 × 7.

# %%
for N in (64, 2, 1):  # 64: the batch of the paper
    print(f"N = {N:2}: m = {N * 224 * 224:9,} in the first BN layer, {N * 7 * 7:5,} in the last")

# %% [markdown]
# The large pictures of detectors leave room for few of them on a device. Then the values are still many, but come from one or two pictures, and are much alike. That is where people turn to SyncBN
# ([lesson 10](../10_across_devices.ipynb)) or GN ([lesson 08](../08_choose_a_norm.ipynb)).
#
# ## What BN pulls apart
#
# In [lesson 11](../11_put_it_in_a_detector.ipynb), two photos stay apart in 24 untrained layers with BN. Now the two are nearly the same: a photo, and a copy with a little noise.
#
# **Predict.** With BN, how much do they differ after 24 layers: less than after the first, as much, or more?

# %% tags=["nbval-ignore-output"]
from sklearn.datasets import load_sample_image


@torch.no_grad()
def differences(network, x):
    _ = torch.manual_seed(0)
    convolutions = network[: list(dict(network.named_children())).index("flatten")].to_empty(device="cpu")
    for layer in convolutions:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            yield ((x[0] - x[1]).square().mean() / x.square().mean()).sqrt().item()


_ = torch.manual_seed(1)
photo = torch.tensor(load_sample_image("china.jpg")[:224, :224] / 255).float().permute(2, 0, 1)
pair = torch.stack([photo, photo + 0.01 * torch.randn_like(photo)])  # a pixel is between 0 and 1
found = list(differences(with_bn, pair))
print(f"difference / maps, with BN: layer 1 {found[0]:.2f}, layer 24 {found[-1]:.2f}")
assert found[-1] > 0.5 > 0.1 > found[0]

# %% [markdown]
# <details><summary>Answer</summary>
#
# More. BN subtracts from each map the mean over *both* pictures, a part of what they share, and scales up what is left. The difference is not subtracted, so its share
# grows in each layer.
#
# </details>
#
# So an untrained network with BN keeps different photos apart, but makes alike ones different, too (Yang and others explain it).
#
# **Shown:** BN costs a detector 0.005 % more parameters and hardly any time; what it needs is a batch that is not too small.
#
# **Practice:** fold a whole network: [the exercises of lesson 11](../exercises/11_put_it_in_a_detector.ipynb), 30 minutes.
#
# **Back to** [11 · Put it in a detector](../11_put_it_in_a_detector.ipynb).
#
# Sources:
#
# - J. Redmon and A. Farhadi, "YOLO9000", 2017, arXiv:1612.08242, section 2.
# - G. Yang and others, "A Mean Field Theory of Batch Normalization", 2019, arXiv:1902.08129 (BN pulls inputs apart).
