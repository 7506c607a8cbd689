# %% [markdown]
# # How do two batches become one?
#
# *5 minutes · from [01 · Measure a batch](../01_measure_a_batch.ipynb)*
#
# Two computers hold a part of a batch each. You compute the mean and the variance of the whole batch from three numbers of each
# part, without sending a single value.

# %%
import numpy as np

from bnteach.data import rental_cars

# %% [markdown]
# ## Two batches become one
#
# Here are two parts of a batch: the ages of the younger cars, and of the older cars.
#
# **Predict.** Is the variance of all 500 ages between the two variances, below both, or above both?

# %%
age = rental_cars(500).age
younger, older = age[age < 10], age[age >= 10]
print(f"{len(younger)} younger cars: variance {younger.var():.1f}")
print(f"{len(older)} older cars:   variance {older.var():.1f}")
print(f"all {len(age)} cars:     variance {age.var():.1f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Above both. The two parts have different means, and the distance between the means counts as well. An average of the
# two variances forgets it.
#
# </details>
#
# Let each part $a$ and $b$ know its count $N$, its mean $\mu$, and the sum $S$ of the squared distances from this mean. With
# $\delta = \mu_b - \mu_a$, the difference of the means, the whole has
#
# $$\mu = \mu_a + \delta\,\frac{N_b}{N_a + N_b} \qquad S = S_a + S_b + \delta^2\,\frac{N_a N_b}{N_a + N_b}$$


# %%
def moments(x):
    return len(x), x.mean(), ((x - x.mean()) ** 2).sum()


def merge(a, b):
    n_a, mean_a, s_a = a
    n_b, mean_b, s_b = b
    n, delta = n_a + n_b, mean_b - mean_a
    return n, mean_a + delta * n_b / n, s_a + s_b + delta**2 * n_a * n_b / n


n, mean, s = merge(moments(younger), moments(older))
average = (len(younger) * younger.var() + len(older) * older.var()) / n
print(f"average of the two variances: {average:.4f}")
print(f"merged:                       {s / n:.4f}")
print(f"from all values:              {age.var():.4f}")
assert np.allclose([mean, s / n], [age.mean(), age.var()])

# %% [markdown]
# **What was shown.** Three numbers for each channel are enough, whatever the size of the batch, if the distance of the means is not
# forgotten. In [lesson 10](../10_across_devices.ipynb) this makes one large batch out of many devices.
#
# **Back to** [01 · Measure a batch](../01_measure_a_batch.ipynb)
#
# Source:
#
# - T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for Computing the Sample Variance: Analysis and Recommendations",
#   The American Statistician 37, 1983
