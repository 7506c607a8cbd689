# %% [markdown]
# # Do neighbors move you?
#
# *10 minutes · from [00 · Meet batch normalization](../00_meet_batch_normalization.ipynb)*
#
# With BN the output for one sample depends on the other samples of its batch. You move one of eight numbers and see how far the
# others follow, in training and in evaluation.

# %%
from bnteach import labs

# %% [markdown]
# ## Lab: one sample moves
#
# A batch of eight numbers is normalized: minus its mean, divided by its standard deviation. You move **one** of the eight.
#
# 1. Move the value of one sample. What happens to the other seven normalized values?
# 2. Make it extreme. How far can its own normalized value get?
# 3. Switch to *stored statistics*, the mean and the variance that were kept from the training. Who moves now?

# %% tags=["nbval-ignore-output"]
labs.Coupling()

# %% [markdown]
# Left: the input, with the moved sample marked. Right: the normalized values, with arrows from where they were.
#
# <details><summary>What you may have found</summary>
#
# 1. They move too, although their own values did not change. The mean and the standard deviation belong to all eight.
# 2. It stays below 2.65, that is $\sqrt{7}$. [Lesson 02](../02_normalize.ipynb) proves it.
# 3. Only the one that you move. With stored statistics the samples are independent of each other.
#
# </details>
#
# **What was shown.** In training, the samples of a batch are coupled through its mean and its variance. With stored statistics
# they are not; [lesson 05](../05_train_and_infer.ipynb) is about this difference.
#
# **Back to** [00 · Meet batch normalization](../00_meet_batch_normalization.ipynb)
