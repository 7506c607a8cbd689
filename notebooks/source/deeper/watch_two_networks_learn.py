# %% [markdown]
# # Watch two networks learn
#
# *10 minutes · from [00 · Meet batch normalization](../00_meet_batch_normalization.ipynb)*
#
# Two networks with five sigmoid layers learn the digits side by side, one without and one with BN. You watch them live, and you
# change one thing at a time to find what makes them differ.

# %%
from bnteach import labs

# %% [markdown]
# ## Lab: the training, live
#
# Both networks start from the same weights and see the same batches. The picture shows what comes out after
# 30 epochs. Press **Reset**, then **Start**, to watch it happen; other cells can run meanwhile.
#
# 1. Which network learns first? What happens to the input of the last sigmoid, on the right?
# 2. Choose a learning rate ten times larger. Does the network with BN still learn?
# 3. Tick *Batch normalization* for both networks. Do they still differ?

# %% tags=["nbval-ignore-output"]
training = labs.Training()
training.advance(epochs=30)
training

# %% [markdown]
# From left to right: the loss on the training batches, the accuracy on the test digits, and the values that enter the last
# sigmoid; the band holds the middle 70 % of them. (A network that gives each of ten digits the same chance has a loss of
# $\ln 10 \approx 2.3$.)
#
# <details><summary>What you may have found</summary>
#
# 1. B, with BN, learns at once. A stays at a loss of 2.3 and an accuracy of 10 %. The values that enter B's last sigmoid
#    spread wider while it learns: $\gamma$ of that layer is learned too, and grows.
#    ([Lesson 03](../03_scale_and_shift.ipynb) shows what $\gamma$ is for.)
# 2. Yes, though it ends a little lower. The network without BN does not learn at either rate.
# 3. No. They have the same weights and see the same batches: BN was the only difference.
#
# </details>
#
# **What was shown.** The same weights, the same batches, the same learning rate: the networks differ in BN alone, and so does
# the result.
#
# **Back to** [00 · Meet batch normalization](../00_meet_batch_normalization.ipynb)
#
# Source:
#
# - S. Ioffe and C. Szegedy, 2015, arXiv:1502.03167, figure 1
