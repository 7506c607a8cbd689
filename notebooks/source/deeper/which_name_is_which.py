# %% [markdown]
# # Which name is which?
#
# *5 minutes · from [00 · Meet batch normalization](../00_meet_batch_normalization.ipynb)*
#
# The paper, the libraries and the tutorials do not agree on names. This table translates; come back to it when you need it.

# %%
from torch import nn

# %% [markdown]
# ## The same thing under many names
#
# | in this course, as in the paper | PyTorch | Keras | elsewhere |
# |---|---|---|---|
# | mean of the batch, $\mu$ | (no name) | (no name) | `mu`, `batch_mean`, `sample_mean` |
# | variance of the batch, $\sigma^2$ | (no name) | (no name) | `var`, `batch_var`, `sample_var` |
# | $\varepsilon$, epsilon | `eps` = 1e-5 | `epsilon` = 1e-3 | `eps` |
# | $\gamma$, gamma: the scale | `weight` | `gamma` | `scale`, `g` |
# | $\beta$, beta: the shift | `bias` | `beta` | `offset`, `shift`, `b` |
# | $\hat{x}$: the normalized value | (no name) | (no name) | `x_hat`, `x_norm`, `x_normalized` |
# | average of the means, for use after training | `running_mean` | `moving_mean` | `population_mean` |
# | average of the variances | `running_var` | `moving_variance` | `population_var` |
# | momentum $m$: average ← … | $(1 - m)$·old + $m$·new, with $m$ = 0.1 | $m$·old + $(1 - m)$·new, with $m$ = 0.99 | both are found |
#
# Two lines are more than names: the default of $\varepsilon$ differs, and *momentum* means opposite things. The last three
# lines belong to the use of a network after its training, the subject of [lesson 05](../05_train_and_infer.ipynb).
#
# **Predict.** How many tensors does a BN layer of PyTorch store, and what are their names?

# %%
layer = nn.BatchNorm1d(num_features=2)
print("eps:", layer.eps, "  momentum:", layer.momentum)
for name, tensor in layer.state_dict().items():
    print(f"{name:20}", tensor.tolist())

# %% [markdown]
# <details><summary>Answer</summary>
#
# Five. Four are in the table; the fifth, `num_batches_tracked`, counts the batches of the training.
#
# </details>
#
# **What was shown.** Mind the momentum when you carry settings from one library to another;
# [lesson 12](../12_the_same_layer_elsewhere.ipynb) compares the libraries layer by layer.
#
# **Back to** [00 · Meet batch normalization](../00_meet_batch_normalization.ipynb)
