# %% [markdown]
# # 05 · Train and infer: exercises
#
# *45 minutes · after the lesson [05 · Train and infer](../05_train_and_infer.ipynb)*
#
# Two functions and a class to write. You will practice:
#
# - the running averages, with PyTorch's momentum
# - BN after the training
# - a whole BN layer with both modes, forward and backward
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint.
# The solutions, explained, are in the folder `solutions`.

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# ## Exercise 1: the running averages
#
# *10 minutes · difficulty: 2 of 4*
#
# Write `update_running_statistics(x, running_mean, running_var, momentum)`, as PyTorch does it in training.
#
# - `x` is a batch of shape $(N, C)$; `running_mean` and `running_var` have shape $(C,)$. They must stay as they are.
# - Return the new running mean and the new running variance, both of shape $(C,)$.
#
# <details><summary>Hint 1</summary>
#
# New average = a share of the old one + a share of the batch's. The two shares add up to 1.
#
# </details>
# <details><summary>Hint 2</summary>
#
# PyTorch's momentum is the share of the new batch. The variance that is stored is an estimate for all data: divided by
# N − 1, not by N.
#
# </details>
# <details><summary>Hint 3</summary>
#
# For the mean: `(1 - momentum) * running_mean + momentum * x.mean(axis=0)`. With `ddof=1` NumPy's variance divides by N
# − 1.
#
# </details>


# %% tags=["solution", "points-2"]
def update_running_statistics(x, running_mean, running_var, momentum):
    """The running mean and variance after one more batch; two arrays of shape (C,)."""
    ### BEGIN SOLUTION
    new_mean = (1 - momentum) * running_mean + momentum * x.mean(axis=0)
    new_var = (1 - momentum) * running_var + momentum * x.var(axis=0, ddof=1)
    return new_mean, new_var
    ### END SOLUTION


check.update_running_statistics(update_running_statistics)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - Keras and ONNX weigh the *old* average with their momentum: their 0.9 is PyTorch's 0.1.
# - The batch is normalized with the variance divided by $N$; what is stored is divided by $N - 1$. Both are right, each for its purpose.
# - Also right: `running_mean + momentum * (x.mean(axis=0) - running_mean)`. But not with `+=`: that changes the caller's array.

# %% [markdown]
# ## Exercise 2: after the training
#
# *5 minutes · difficulty: 1 of 4*
#
# Write `batch_norm_inference(x, gamma, beta, running_mean, running_var, eps)`: BN in evaluation mode.
#
# - `x` has shape $(N, C)$, and $N$ may be 1. All others have shape $(C,)$, but for the number `eps`.
# - Return `y`, shape $(N, C)$.
#
# <details><summary>Hint 1</summary>
#
# It is the formula of the forward pass. Where do the mean and the variance come from now?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Nothing may be measured on `x`: no `x.mean`, no `x.var`, not even `len(x)`. A batch of one must work.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Subtract `running_mean`, divide by `np.sqrt(running_var + eps)`, then γ and β.
#
# </details>


# %% tags=["solution", "points-1"]
def batch_norm_inference(x, gamma, beta, running_mean, running_var, eps):
    """y of each sample by itself, with the stored statistics; shape (N, C)."""
    ### BEGIN SOLUTION
    x_hat = (x - running_mean) / np.sqrt(running_var + eps)
    return gamma * x_hat + beta
    ### END SOLUTION


check.batch_norm_inference(batch_norm_inference)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# With fixed numbers BN is a factor and a shift for each channel: `scale = gamma / np.sqrt(running_var + eps)`, then `x * scale + (beta - running_mean * scale)`.
# So each sample stands for itself, and a batch of one works. Lesson 06 folds this factor into the layer before.

# %% [markdown]
# ## Exercise 3: the whole layer
#
# *30 minutes · difficulty: 4 of 4*
#
# Write the class `BatchNorm`, for batches of shape $(N, C)$.
#
# - `BatchNorm(num_features, eps=1e-5, momentum=0.1)` has the attributes `gamma`, `beta`, `running_mean`, `running_var`, each an array of
#   shape $(C,)$: ones, zeros, zeros, ones. (The check sets `gamma` and `beta` to other values.)
# - `forward(x, training)` returns `y`. In training it uses the statistics of the batch and updates the running ones. In evaluation it uses the
#   running ones and changes nothing.
# - `backward(dy)` returns `dx, dgamma, dbeta` of the *last* forward pass, in the mode that it had.
#
# <details><summary>Hint 1</summary>
#
# You have all the parts: the forward pass, the compact formula of [lesson 04](../04_derive_the_backward_pass.ipynb) for
# the backward pass, and the two functions above. `forward` must keep what `backward` needs.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Keep three things: `x_hat`, the standard deviation that was used, and the mode. In training, normalize with the batch
# itself; the running statistics are updated beside it.
#
# </details>
# <details><summary>Hint 3</summary>
#
# In evaluation mean and variance are constants. Two of the three parts of `dx` are gone: what is left is `dx_hat`
# divided by the standard deviation that was used.
#
# </details>


# %% tags=["solution", "points-5"]
class BatchNorm:
    """Batch normalization of (N, C), with running statistics and two modes."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        ### BEGIN SOLUTION
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        ### END SOLUTION

    def forward(self, x, training):
        ### BEGIN SOLUTION
        mean, var = self.running_mean, self.running_var
        if training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            new = x.var(axis=0, ddof=1)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * new
        self.training, self.std = training, np.sqrt(var + self.eps)
        self.x_hat = (x - mean) / self.std
        return self.gamma * self.x_hat + self.beta
        ### END SOLUTION

    def backward(self, dy):
        ### BEGIN SOLUTION
        dgamma, dbeta = (dy * self.x_hat).sum(axis=0), dy.sum(axis=0)
        dx_hat = dy * self.gamma
        if self.training:  # mean and variance depend on x: two paths more
            dx_hat = dx_hat - dx_hat.mean(axis=0) - self.x_hat * (dx_hat * self.x_hat).mean(axis=0)
        return dx_hat / self.std, dgamma, dbeta
        ### END SOLUTION


check.BatchNorm(BatchNorm)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - The layer begins with running mean 0 and variance 1: before any training, evaluation changes (nearly) nothing.
# - Two variances are computed from one batch: divided by $N$ to normalize, by $N - 1$ to store.
# - `forward` keeps `std` and `x_hat` of the statistics that it *used*. So `backward` needs no second look at the mode, but for the two paths that
#   are missing in evaluation.
# - `dgamma` and `dbeta` are the same formula in both modes.
#
# `bnteach/core/layers.py` has the same class for any layout, with checks of its arguments and a `state_dict` that PyTorch can load.

# %% [markdown]
# ## How far you are

# %%
check.report()
