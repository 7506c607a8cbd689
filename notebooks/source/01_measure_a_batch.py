# %% [markdown]
# # 01 · Measure a batch
#
# *20 minutes · previous: [00 · Meet batch normalization](00_meet_batch_normalization.ipynb) ·
# next: [01b · See why BN may help](01b_see_why_it_helps.ipynb)*
#
# BN takes a mean and a variance from a batch. You compute them along the right axis, measure how far they are from
# those of all data, and see why there are two variances. At the end you know which of the two BN uses where.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import labs
from bnteach.data import rental_cars

# %% [markdown]
# ## Along which axis?
#
# A batch is a table $x$ of shape $(N, C)$: $N$ samples and $C$ channels. BN wants **one mean for each channel**, so the mean runs over the
# samples: `axis=0`. The axis that you name disappears.
#
# With the other axis NumPy often refuses to subtract, because the shapes $(N, C)$ and $(N,)$ do not fit. But if $N = C$ they do:

# %%
square = np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0], [3.0, 30.0, 300.0]])
print("column means, right axis:", (square - square.mean(axis=0)).mean(axis=0))
print("column means, wrong axis:", (square - square.mean(axis=1)).mean(axis=0))

# %% [markdown]
# No error, and a wrong result. NumPy stretches a small array to the shape of a large one (**broadcasting**), and this hid the mistake. So test with
# $N \ne C$, and check that each column has mean 0 afterwards.
#
# ## A batch is a guess
#
# The mean of a batch is only a guess at the mean of all data. How good is it? Our data are 500 rental cars. (They are made up;
# `help(rental_cars)` shows how.) We draw 10 000 batches of them and take the mean age of each batch. How much do these means differ? We ask for
# their standard deviation.
#
# **Predict.** For batches of 4 it is 3.3 years. For batches of 16, is it a half, a quarter, or a sixteenth of this?

# %%
age = rental_cars(500).age  # in years, shape (500,)
random = np.random.default_rng(0)
for n in (4, 16, 64):
    means = random.choice(age, size=(10_000, n)).mean(axis=1)
    print(f"N = {n:2}: standard deviation of the means {means.std():.1f} years")

# %% [markdown]
# <details><summary>Answer</summary>
#
# A half. For independent samples with standard deviation $\sigma$ (here 6.6 years) it is $\sigma/\sqrt{N}$.
#
# </details>
#
# But the batch must be a fair sample, which digits sorted by their label are not:
# [Is a batch a fair sample?](deeper/is_a_batch_a_fair_sample.ipynb)
#
# ## Divide by N or by N − 1?
#
# A variance is the mean of the squared distances from the mean. But from *which* mean? A batch knows only its own, and that lies in the middle of
# its own samples, nearer to them than the mean of all data. So the squared distances come out too small.
#
# Take batches of two values, $a$ and $b$. Both are half of $a - b$ away from their mean, so the variance of the batch is
# $(a - b)^2/4$. And the difference of two independent values has twice the variance of one: $(a - b)^2$ is $2\sigma^2$ on average.
#
# **Predict.** So which share of the true variance $\sigma^2$ do you get from batches of 2, on average?

# %%
for n in (2, 4, 32):
    batches = random.choice(age, size=(40_000, n))
    biased = batches.var(axis=1).mean() / age.var()
    unbiased = batches.var(axis=1, ddof=1).mean() / age.var()  # ddof=1: divided by N − 1
    print(f"N = {n:2}: divided by N {biased:.2f}, by N − 1 {unbiased:.2f} of the true variance")

# %% [markdown]
# <details><summary>Answer</summary>
#
# $2\sigma^2/4$, that is half. For batches of $N$ the share is $(N - 1)/N$.
#
# </details>
#
# The variance divided by $N$ is therefore called **biased**. Divided by $N - 1$ it is **unbiased**: right on average. PyTorch's BN uses **both**, as the
# paper does:
#
# - In training it *normalizes* with the biased one. Then the normalized values of the batch have exactly the variance 1.
# - It *stores* the unbiased one, the better guess at the variance of all data. The stored one is used after the training (lesson 05).
#
# One step of PyTorch's layer shows both:

# %%
values = torch.tensor([[1.0], [2.0], [3.0], [6.0]])  # variance: 3.5 by N, 4.667 by N − 1
layer = nn.BatchNorm1d(1, momentum=1.0)  # momentum 1: it stores only the last batch
normalized = layer(values).detach().numpy()  # detach: without the record for gradients
print(f"variance of BN's output, divided by N: {normalized.var():.3f}")
print(f"variance that BN stored:               {layer.running_var.item():.3f}")

# %% [markdown]
# If you do not say the divisor, `np.var` divides by $N$, and `torch.var` by $N - 1$. No error tells you.
#
# ## Lab: each batch guesses
#
# The black line is the truth. In the middle and on the right each dot is one of 400 batches.
#
# 1. Go from a batch size of 2 to 256. What happens to the means? And to the variances?
# 2. Look at the right panel with small batches. Which divisor gives the truth, on average?
# 3. Make the population skewed. Which of the two suffers more, the means or the variances?

# %% tags=["nbval-ignore-output"]
labs.Sampler()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Both come closer to the truth. In batches of 2 many variances are near 0, and others far too large.
# 2. $N - 1$. A single batch is still far off.
# 3. The variances: a few values far out in the tail are squared. For the means $\sigma/\sqrt{N}$ holds as before.
#
# </details>
#
# **What was shown.** BN takes one mean and one variance for each channel, over the samples. The mean of a batch is off by about
# $\sigma/\sqrt{N}$. BN normalizes with the variance divided by $N$, and stores the one divided by $N - 1$.
#
# **Exercises.** [Measure a batch](exercises/01_measure_a_batch.ipynb), 20 minutes.
#
# **Next.** [01b · See why BN may help](01b_see_why_it_helps.ipynb). **Deeper.**
# [What does one outlier do?](deeper/what_does_one_outlier_do.ipynb) ·
# [Which variance survives float32?](deeper/which_variance_survives_float32.ipynb) ·
# [How do two batches become one?](deeper/how_do_two_batches_become_one.ipynb)
