# %% [markdown]
# # Does a ReLU after BN drop half of the values?
#
# *10 minutes · deeper than [02 · Normalize](../02_normalize.ipynb)*
#
# ReLU sets everything below 0 to 0, and after BN the mean is 0. So half of the values are lost, one often reads. We count: in channels of different shapes, in a
# trained network, and with BN after the ReLU instead of before it.

# %%
import numpy as np
import torch
from torch import nn

from bnteach.data import digits
from bnteach.training import mlp, over_seeds, train

# %% [markdown]
# ## In channels of different shapes
#
# **Predict.** A bell curve, two equal humps, and a skewed channel with a long tail on the right: which share of $\hat{x}$ is below 0? And which share if we turn
# the skewed one around, so that the tail lies on the left?


# %%
def normalize(x, eps=1e-5):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)


rng = np.random.default_rng(0)
skewed = rng.exponential(2, size=20_000)
channels = {
    "bell curve": rng.normal(5, 2, 20_000),
    "two humps": np.concatenate([rng.normal(-4, 1, 10_000), rng.normal(6, 1, 10_000)]),
    "skewed": skewed,
    "turned": -skewed,
}
for name, values in channels.items():
    print(f"{name:10} {(normalize(values) < 0).mean():.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Half for everything symmetric. In the skewed channel it is 63 %: many small values and a few large ones, so the mean is not the middle. Turned around it is
# the rest, 37 %.
#
# </details>
#
# ## In a trained network
#
# There $\beta$ moves the values too. We train a ReLU network with BN and count for each of the 100 units of its first layer, on all training digits.
#
# **Predict.** Is the share 50 % in each unit, only on average, or neither?


# %% tags=["nbval-ignore-output"]
def silent_share(seed):
    data = digits(dtype=np.float64)
    net = mlp([64, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed).double()
    train(net, data, epochs=15, learning_rate=0.2, seed=seed, every=1000, progress=False)
    y = net.bn_1(net.linear_1(torch.from_numpy(data.x_train)))
    return np.sort((y < 0).double().mean(dim=0).numpy())


silent = over_seeds(silent_share, range(5), progress=False).values
print("share below 0, from the least to the most silent unit, mean of five seeds:")
print(*(f"{share:.0%}" for share in silent.mean(axis=0)[[0, 25, 50, 75, 99]]))
assert (abs(silent.mean(axis=1) - 0.5) < 0.05).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# On average it is 50 %, within 5 points for every seed, and most units are near it. But it is no law: a unit with a skewed input has another share.
#
# </details>
#
# ## Before or after the activation?
#
# The paper puts BN before the activation. Many networks put it after. Which one trains better is a question for [Which of eighteen claims hold?](which_claims_hold.ipynb). What the
# next layer gets can be seen at once.
#
# **Predict.** In which of the two orders does the next layer get negative values?

# %%
z = rng.normal(1, 2, size=(1000, 1))
before_relu = np.maximum(normalize(z), 0)
after_relu = normalize(np.maximum(z, 0))
for name, h in (("BN → ReLU", before_relu), ("ReLU → BN", after_relu)):
    print(f"{name}: mean {abs(h.mean()):.2f}   std {h.std():.2f}   smallest value {h.min():.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the second. With BN before, the next layer gets no negative values, and a mean above 0. With BN after, it gets mean 0 and standard deviation 1, and the zeros
# of the ReLU have become one negative number.
#
# </details>
#
# ---
# **Shown:** "about half" **holds here**, for symmetric channels and on average in a trained network. A skewed channel has another share.
#
# **Back to** [02 · Normalize](../02_normalize.ipynb).
