# %% [markdown]
# # Does a layer's distribution stay the same in training?
#
# *5 minutes · deeper than [02 · Normalize](../02_normalize.ipynb)*
#
# The title of the BN paper speaks of **internal covariate shift**: the distribution of a layer's inputs changes while the network learns. After BN the mean is 0
# and the variance is 1 in every batch, all through the training. Is that "the same distribution"?

# %%
import numpy as np
import torch
from torch import nn

from bnteach.data import digits
from bnteach.training import mlp, over_seeds, train

# %% [markdown]
# We look at one layer before and after training. How far do the mean and the standard deviation move, *before* BN removes them? And does the
# **shape** stay? One number for it is the **skewness**, the mean of the third powers of the z-scores. BN cannot change it.


# %%
def skewness(values):
    return np.mean(((values - values.mean(axis=0)) / values.std(axis=0)) ** 3, axis=0)


def moved(seed):
    """How one layer's values change in training: the mean (in σ), σ (a factor), the size of the skewness."""
    data = digits(dtype=np.float64)
    net = mlp([64, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed).double()

    def statistics():
        z = net[:4](torch.from_numpy(data.x_train)).detach().numpy()  # up to linear_2, before its BN
        return z.mean(axis=0), z.std(axis=0), abs(skewness(z)).mean()

    mean_0, std_0, skewness_0 = statistics()
    train(net, data, epochs=15, learning_rate=0.2, seed=seed, every=1000, progress=False)
    mean_1, std_1, skewness_1 = statistics()
    return [np.mean(abs(mean_1 - mean_0) / std_0), np.mean(std_1 / std_0), skewness_0, skewness_1]


# %% [markdown]
# **Predict.** Which of the three changes in training: the mean, the standard deviation, the skewness?

# %% tags=["nbval-ignore-output"]
summary = over_seeds(moved, range(5), progress=False)
shift, factor, skewness_0, skewness_1 = summary.mean
print(f"mean:                moves by {shift:.2f} σ")
print(f"standard deviation:  becomes {factor:.2f} times as large")
print(f"skewness:            {skewness_0:.2f} untrained, {skewness_1:.2f} trained")
assert (summary.values[:, 3] > summary.values[:, 2]).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# All three. BN removes the first two again in each batch. It cannot remove the third, which grows for every seed.
#
# </details>
#
# ---
# **Shown:** the sentence "every layer's inputs keep the same distribution" is **partly true**. The mean and the variance of $\hat{x}$ are the same at all times; the shape is not. And what leaves the layer has passed through $\gamma$
# and $\beta$, which change too. Whether a steady distribution is even the reason for BN's success: [07b · Ask why it helps](../07b_ask_why_it_helps.ipynb).
#
# **Back to** [02 · Normalize](../02_normalize.ipynb).
#
# Sources:
# - S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", 2015, arXiv:1502.03167.
