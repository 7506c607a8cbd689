# %% [markdown]
# # Can one layer join two norms?
#
# *20 minutes · deeper, after lesson [08 · Choose a norm](../08_choose_a_norm.ipynb)*
#
# BN keeps the contrast of a picture, instance normalization (IN) forgets it. **Batch-instance normalization** mixes the two. You
# write it, and try it in a task in which BN should fail and in one in which IN must.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, training

# %% [markdown]
# ## One layer, two norms
#
# Each channel learns a share $\rho$ of BN, between 0 and 1. The rest is IN:
#
# $$\hat{x} = \rho\,\hat{x}_\text{BN} + (1 - \rho)\,\hat{x}_\text{IN} \qquad y = \gamma\,\hat{x} + \beta$$


# %%
class Joined(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, affine=False)
        self.instance = nn.InstanceNorm2d(channels)  # BN with LN: nn.GroupNorm(1, channels, affine=False)
        self.rho = nn.Parameter(torch.full((channels, 1, 1), 0.5))
        self.gamma = nn.Parameter(torch.ones(channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        rho = self.rho.clamp(0, 1)
        x_hat = rho * self.bn(x) + (1 - rho) * self.instance(x)
        return self.gamma * x_hat + self.beta


# %% [markdown]
# ## What a pale digit changes
#
# A new convolution, then a norm. BN takes its running statistics from the training digits, in full contrast. In evaluation the norm sees the
# test digits twice: as they are, and pale (times 0.25). How far does its output move? We print the length of the change as a share of the length of the
# output.
#
# **Predict.** It is 0 for IN, up to ε. Is the joined layer, with ρ = 0.5, nearer to IN or to BN?

# %% tags=["nbval-ignore-output"]
digits = data.digits().images()
convolution = training.small_cnn(seed=0).conv_1
maps_train = convolution(torch.tensor(digits.x_train)).detach()
maps, pale_maps = (convolution(torch.tensor(c * digits.x_test)).detach() for c in (1, 0.25))
norms = {"BN": nn.BatchNorm2d, "IN": nn.InstanceNorm2d, "joined": Joined}
moves = {}
for name, norm in norms.items():
    layer = norm(8)
    for _ in range(100):
        layer(maps_train)  # the running statistics become those of all training digits
    y, y_pale = layer.eval()(maps), layer(pale_maps)
    moves[name] = ((y_pale - y).norm() / y.norm()).item()
    print(f"{name:7} moves by {moves[name]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# It lies between them. The part of IN stays where it was, and only the part of BN moves.
#
# </details>
#
# Why does BN move? In evaluation its mean and variance are those of digits in full contrast. So a pale digit comes out with a
# quarter of the spread, and with another mean than the later layers were trained on.
#
# ## Two tasks
#
# *Pale digits*: a network learns the digits in full contrast, and is tested on pale ones. Contrast must not count, so BN should fail. *Pale or not*: every second
# picture is pale, in training and in the test, and the network learns which. Here contrast is asked for, so IN should fail.
#
# We say that a norm *manages* a task when the networks of all five seeds are right for more than two thirds of the test pictures. By guessing they would be right for 10 % of the pale
# digits, and for 50 % in *pale or not*.
#
# **Predict.** Does the joined layer manage both tasks, one, or none?


# %% tags=["nbval-ignore-output"]
def every_second_pale(pictures):
    pictures = pictures.copy()
    pictures[1::2] *= 0.25
    return pictures, np.arange(len(pictures)) % 2


tasks = {
    "pale digits": data.Digits(digits.x_train, digits.y_train, 0.25 * digits.x_test, digits.y_test),
    "pale or not": data.Digits(*every_second_pale(digits.x_train), *every_second_pale(digits.x_test)),
}


def trained(norm, task, seed):
    network = training.small_cnn(seed=seed)  # convolution, BN, ReLU, pooling, twice; then logits
    network.bn_1, network.bn_2 = norm(8), norm(16)
    training.train(network, task, epochs=4, seed=seed, every=1000, progress=False)
    return network


networks, right = {}, {}
for words, task in tasks.items():
    for name, norm in norms.items():
        networks[words, name] = [trained(norm, task, seed) for seed in range(5)]
        right[words, name] = [training.accuracy(n, task.x_test, task.y_test) for n in networks[words, name]]
        print(f"{words}, {name:7}", *(f"{share:4.0%}" for share in right[words, name]))
managed = {case for case, shares in right.items() if min(shares) > 2 / 3}
print("managed:", *(f"{words}, {name};" for words, name in sorted(managed)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both. The price: it reads fewer of the pale digits than IN alone.
#
# </details>
#
# It reads pale digits because the part of IN comes out as in training, and the later layers can recognize them by it. It sees what is pale because the part of
# BN keeps the contrast.
#
# ## Which share did the channels learn?
#
# **Predict.** Each ρ began at 0.5. In which task does it move further?

# %% tags=["nbval-ignore-output"]
for words in tasks:
    layers = [layer for network in networks[words, "joined"] for layer in (network.bn_1, network.bn_2)]
    rho = torch.cat([layer.rho.flatten() for layer in layers]).clamp(0, 1)
    print(f"{words}: ρ from {rho.min():.2f} to {rho.max():.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# In *pale or not*, where some channels come near ρ = 1, which is BN. In *pale digits* it stays nearer to its start: in training no digit is pale, so
# nothing asks for IN. No channel became an IN in either task.
#
# </details>
#
# **Shown:** a layer of two norms does what each of them does, less well than the better one: its part of IN reads pale digits, its part of BN sees that they are pale.
#
# **Practice:** [the exercises of lesson 08](../exercises/08_choose_a_norm.ipynb), 30 minutes.
#
# **Back to** [08 · Choose a norm](../08_choose_a_norm.ipynb).
#
# Source: H. Nam and H.-E. Kim, "Batch-Instance Normalization for Adaptively Style-Invariant Neural Networks", 2018, arXiv:1805.07925.
