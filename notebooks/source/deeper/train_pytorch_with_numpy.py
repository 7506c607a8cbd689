# %% [markdown]
# # Can BN in NumPy train a PyTorch network?
#
# *15 minutes · after lesson [06 · Normalize channels](../06_normalize_channels.ipynb)*
#
# You write the backward pass of BN for pictures, in NumPy. Then it takes the place of `nn.BatchNorm2d` in a convolutional network that
# PyTorch trains, and the two loss curves agree to about 15 digits.

# %%
import numpy as np
import torch
from torch import nn

import bnteach
from bnteach import data, torch_bridge, training

# %% [markdown]
# ## The backward pass: the same formula
#
# For a table, [lesson 04](../04_derive_the_backward_pass.ipynb) derives
#
# $$d\beta = \sum dy \qquad d\gamma = \sum dy\cdot\hat{x} \qquad
# dx = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}\left(dy - \frac{d\beta}{m} - \hat{x}\,\frac{d\gamma}{m}\right)$$
#
# For pictures only the sums change: they run over $n, h, w$, and $m = N\cdot H\cdot W$.

# %%
over = {"axis": (0, 2, 3), "keepdims": True}


def forward(x, gamma, beta, eps=1e-5):
    inv_std = 1 / np.sqrt(x.var(**over) + eps)
    x_hat = (x - x.mean(**over)) * inv_std
    return gamma * x_hat + beta, (x_hat, inv_std, gamma)


def backward(dy, cache, m=None):
    x_hat, inv_std, gamma = cache
    m = m or dy[:, 0].size
    dbeta, dgamma = dy.sum(**over), (dy * x_hat).sum(**over)
    return gamma * inv_std * (dy - dbeta / m - x_hat * dgamma / m), dgamma, dbeta


# %% [markdown]
# We test with sizes that all differ and a random $dy$. $\gamma$ and $\beta$ have the shape (1, 3, 1, 1).
#
# **Predict.** What is $\sum dx$ over $n, h, w$, for each channel?

# %%
rng = np.random.default_rng(0)
x, dy = rng.normal(3, 2, size=(4, 3, 5, 2)), rng.normal(size=(4, 3, 5, 2))
gamma, beta = rng.normal(1, 0.3, size=(1, 3, 1, 1)), rng.normal(size=(1, 3, 1, 1))
_, cache = forward(x, gamma, beta)
dx, dgamma, dbeta = backward(dy, cache)
slip, _, _ = backward(dy, cache, m=4)  # m = N, as for a table
print("sum over n, h, w:            ", abs(dx.sum(axis=(0, 2, 3))).round(9))
print("sum over n alone, h = w = 0: ", dx.sum(axis=0)[:, 0, 0].round(3))
print("with m = N, over n, h, w:    ", slip.sum(axis=(0, 2, 3)).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# 0: a constant added to the whole channel does not change $y$, so no gradient points there. At one position alone it is not 0, because
# the position shares its mean with all others. With $m = N$ the sums are not 0: the property shows the slip.
#
# </details>
#
# ## As an operation of PyTorch
#
# A `torch.autograd.Function` tells PyTorch how to compute an operation and its gradients.


# %%
class BatchNormInNumPy(torch.autograd.Function):
    @staticmethod
    def forward(context, x, weight, bias):
        shape = 1, -1, 1, 1
        y, context.cache = forward(x.numpy(), weight.numpy().reshape(shape), bias.numpy().reshape(shape))
        return torch.from_numpy(y)

    @staticmethod
    def backward(context, dy):
        return tuple(
            torch.from_numpy(d if d.shape == dy.shape else d.ravel())
            for d in backward(dy.numpy(), context.cache)
        )


class NumpyBatchNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return BatchNormInNumPy.apply(x, self.weight, self.bias)


# %%
ours, theirs = NumpyBatchNorm(3).double(), nn.BatchNorm2d(3).double()
found = []
for layer in (ours, theirs):
    layer.weight.data, layer.bias.data = torch.from_numpy(gamma.ravel()), torch.from_numpy(beta.ravel())
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    layer(leaf).backward(torch.from_numpy(dy))
    found.append((leaf.grad, layer.weight.grad, layer.bias.grad))
for name, mine, torchs in zip(("dx", "dgamma", "dbeta"), *found, strict=True):
    print(f"{name:6} largest difference {(mine - torchs).abs().max():.9f}")
    assert torch.allclose(mine, torchs)

# %% [markdown]
# The layer of `bnteach` has running statistics and evaluation mode too. `compare` holds it against PyTorch.

# %% tags=["nbval-ignore-output"]
bn = bnteach.BatchNorm(3, dtype=np.float64)
bn.gamma, bn.beta = gamma.ravel(), beta.ravel()
print(torch_bridge.compare(bn, x, dy))

# %% [markdown]
# `torch_bridge.replace_batch_norm(model)` puts it in the place of every BN layer of a network. Below we use the typed one.
#
# ## A network trained with it
#
# We train the same network with both layers, in float64 and with the same seed, and keep the loss of each step.
#
# **Predict.** Each of the 44 steps builds on the one before, so small differences could grow. How far apart are the losses at the end: 10 %, 0.1 %,
# or less than a millionth?


# %% tags=["nbval-ignore-output"]
def losses(seed, in_numpy):
    network = training.small_cnn(channels=(8, 16), seed=seed)
    if in_numpy:
        network.bn_1, network.bn_2 = NumpyBatchNorm(8), NumpyBatchNorm(16)
    network.double()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    shuffle = torch.Generator().manual_seed(seed)
    found = []
    for _epoch in range(2):
        for batch in torch.randperm(1347, generator=shuffle).split(60)[:22]:
            loss = nn.functional.cross_entropy(network(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
    return np.array(found)


_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits(dtype=np.float64).images()
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
apart = [abs(losses(seed, True) / losses(seed, False) - 1).max() for seed in range(5)]
print("largest relative difference, five seeds:", *(f"{value:.0e}" for value in apart))
assert max(apart) < 1e-9

# %% [markdown]
# <details><summary>Answer</summary>
#
# Much less than a millionth. One rounding in float64 is about 1e-16; in 44 steps it grows to some 1e-15.
#
# </details>
#
# **Shown:** the backward pass of lesson 04 with other sums trains a convolutional network.
#
# **Practice:** [the exercises of lesson 06](../exercises/06_normalize_channels.ipynb), 30 minutes.
#
# **Back to** [06 · Normalize channels](../06_normalize_channels.ipynb).
