# %% [markdown]
# # 01 · Measure a batch
#
# *60 minutes · previous: [00 · Meet batch normalization](00_meet_batch_normalization.ipynb) ·
# next: [02 · Normalize](02_normalize.ipynb) ·
# [exercises](exercises/01_measure_a_batch.ipynb)*
#
# Batch normalization begins with two numbers for each channel: a mean and a variance. This lesson is about
# these two numbers alone. How do you get them, along which axis, with which divisor?
# And how far can you trust them, when the batch is small?
#
# ## What you will be able to do
#
# - bring features to one scale with min–max and with the z-score, and say what an outlier does to each
# - compute mean and variance for each channel, and notice when you took the wrong axis
# - say how noisy the statistics of a batch are, and check it: σ/√N
# - choose between dividing by N and by N − 1, and say which one BN uses where
# - compute a variance in three ways, and say when one of them becomes negative
# - merge the statistics of two batches without their values
# - recognize data that breaks the assumption behind all this, and see what it costs

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
from dataclasses import replace

import numpy as np
import torch
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from bnteach import figures, labs
from bnteach.data import digits, rental_cars
from bnteach.training import accuracy, mlp, over_seeds, train

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## Scale matters
#
# A firm rents out 500 cars. Of each we know the age in years, between 0 and 30, and the mileage in kilometers,
# between 0 and 300 000. (The cars are made up; `help(rental_cars)` shows the recipe.) A **feature** is one such
# column; later we say **channel** for the same thing inside a network.

# %%
cars = rental_cars(500)
x = cars.features
print("shape:", x.shape, " one row a car, one column a feature")
for name, column in (("age, years", x[:, 0]), ("mileage, km", x[:, 1])):
    print(f"{name:12}  mean {column.mean():8.1f}   standard deviation {column.std():8.1f}")

# %% [markdown]
# Which cars are alike? Car A is 2 years old with 50 000 km. Car B is **25 years old**, with 50 500 km.
# Car C is 2 years old, with 52 000 km.
#
# **Predict.** Measured by the straight-line distance between the rows, which one is nearer to A: B or C?

# %%
a, b, c = np.array([2, 50_000]), np.array([25, 50_500]), np.array([2, 52_000])
print(f"distance A–B: {np.linalg.norm(a - b):.0f}   distance A–C: {np.linalg.norm(a - c):.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# B, the car that is 23 years older! The distance hardly sees the age: 23 years count as much as 23 km.
#
# </details>
#
# Gradient descent has the same trouble. We ask it for the daily price: `price ≈ w₁·age + w₂·mileage + w₃`.
# The loss is half the mean of the squared errors. The step size is a usual safe choice: one divided by the largest
# **curvature** of the loss, that is by its largest second derivative over all directions. With a step of more than twice
# that size, gradient descent diverges.


# %%
def typical_error(features, steps):
    """Fit the price by gradient descent; return the root mean square error, in euros."""
    rows = np.column_stack([features, np.ones(len(features))])
    step_size = (
        1 / np.linalg.eigvalsh(rows.T @ rows / len(rows))[-1]
    )  # the last eigenvalue is the largest curvature
    w = np.zeros(3)
    for _ in range(steps):
        w -= step_size * rows.T @ (rows @ w - cars.price) / len(rows)
    return np.sqrt(np.mean((rows @ w - cars.price) ** 2))


# %% [markdown]
# **Predict.** With the features as they are: what is the error after 100 steps? And after 10 000?
# For comparison: whoever always says the mean price is wrong by 12.4 euros.

# %%
print(f"100 steps: {typical_error(x, 100):.1f} euros   10 000 steps: {typical_error(x, 10_000):.1f} euros")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 37 euros, far worse than the mean price, and 9 900 more steps change nothing that one could see.
# The mileage makes the loss so steep that only a tiny step is safe: the curvature in its direction is the
# mean of mileage², and in the direction of the constant $w_3$ it is 1. So for $w_3$ the step is several
# thousand million times too small.
#
# </details>

# %%
curvature = np.mean(x**2, axis=0)
print(f"curvature along the age: {curvature[0]:.0e}   the mileage: {curvature[1]:.0e}   w₃: 1")

# %% [markdown]
# ## Two ways to one scale
#
# **Min–max scaling** puts the smallest value at 0 and the largest at 1.
# The **z-score** subtracts the mean $\mu$ and divides by the standard deviation $\sigma$:
#
# $$\text{min–max:}\quad \frac{x - \min x}{\max x - \min x} \qquad\qquad
# \text{z-score:}\quad \frac{x - \mu}{\sigma}$$
#
# Each column gets its own numbers.

# %%
minmax = (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))
z = (x - x.mean(axis=0)) / x.std(axis=0)
print("min–max agrees with scikit-learn:", np.allclose(minmax, MinMaxScaler().fit_transform(x)))
print("z-score agrees with scikit-learn:", np.allclose(z, StandardScaler().fit_transform(x)))

# %% [markdown]
# **Predict.** What is the error of gradient descent now: after 10 steps, and after 100?

# %%
for steps in (10, 100):
    print(
        f"{steps:3d} steps:  min–max {typical_error(minmax, steps):4.1f}   z-score {typical_error(z, steps):4.1f} euros"
    )

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both arrive at 3 euros, and 3 euros is the noise in the recipe of the prices: nothing better is possible. Scaling
# added no information at all; it made the curvatures alike, so that one step size suits all of $w_1, w_2, w_3$.
# The z-score is there first. It also puts the mean at 0, and then the constant and the features do not get into each
# other's way.
#
# </details>
#
# This is the idea that BN takes over: it puts a z-score between the layers of a network. Not once before the
# training, but for each batch again, because the values inside a network change while it learns.
#
# ## One wrong number
#
# Somebody types one zero too many for the car that has driven farthest: it now has more than 2 000 000 km. Such a value
# is called an **outlier**.
#
# **Predict.** What does it do to the *other* 499 values: under min–max, and under the z-score?

# %%
farthest = x[:, 1].argmax()
mileage = x[:, 1].copy()
mileage[farthest] *= 10
minmax_with = (mileage - mileage.min()) / (mileage.max() - mileage.min())
z_with = (mileage - mileage.mean()) / mileage.std()
others = np.arange(len(x)) != farthest

# %%
print(f"min–max: the others now lie between 0 and {minmax_with[others].max():.2f}")
print(f"z-score: the others now spread by {z_with[others].std():.2f} instead of {z[others, 1].std():.2f}")

# %% [markdown]
# In a picture: gray, the other 499 values as they were scaled before. Orange, the same values after the wrong number
# came in.

# %%
figure, (left, right) = figures.new_figure(columns=2)
figures.histogram(minmax[others, 1], ax=left, limits=(0, 1), role="before")
figures.histogram(minmax_with[others], ax=left, limits=(0, 1), role="moved")
figures.frame(left, title="min–max", x="scaled mileage", xlim=(0, 1), ylim=(0, 25))
figures.histogram(z[others, 1], ax=right, limits=(-3, 3), role="before")
figures.histogram(z_with[others], ax=right, limits=(-3, 3), role="moved")
figures.frame(right, title="z-score", x="scaled mileage", xlim=(-3, 3), ylim=(0, 1.5))
figures.key(left, {"before": "before", "moved": "after"}, place="upper right")
figures.show(
    figure,
    alt="Two histograms of 499 sound mileages, gray before and orange after one other value became an outlier. "
    "Under min-max the orange histogram is squeezed into the lowest tenth. Under the z-score it is less than half "
    "as wide as before and shifted a little to the left.",
)

# %% [markdown]
# Min–max squeezes them into a tenth of the range. The z-score makes them less than half as wide. So the z-score suffers
# less, but it suffers too: neither is *robust*.
#
# ## Along which axis?
#
# A batch has shape $(N, C)$: $N$ samples, $C$ channels. BN wants **one mean for each channel**, so the mean runs
# over the samples: `axis=0`. The axis that you name is the one that disappears.
#
# **Predict.** The batch below has shape (4, 2). What are the shapes of `x.mean(axis=0)` and `x.mean(axis=1)`?

# %%
batch = x[:4]
print("axis=0:", batch.mean(axis=0).shape, "  axis=1:", batch.mean(axis=1).shape)
print("the mean over axis 1 of the first car:", batch.mean(axis=1)[0].round())

# %% [markdown]
# <details><summary>Answer</summary>
#
# `(2,)` and `(4,)`. The second one adds years to kilometers and divides by two. It is a number, but it means nothing.
#
# </details>
#
# With the wrong axis NumPy often refuses, because (4, 2) and (4,) do not fit. But not always. Here is a **square**
# batch, $N = C = 3$:

# %%
square = np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0], [3.0, 30.0, 300.0]])
right_axis = square - square.mean(axis=0)
wrong_axis = square - square.mean(axis=1)  # no error!
print("column means, right axis:", right_axis.mean(axis=0))
print("column means, wrong axis:", wrong_axis.mean(axis=0))

# %% [markdown]
# No error, and a wrong result. *Broadcasting*, NumPy's way to stretch small shapes to large ones, hid the mistake.
# Two habits protect you:
#
# - **Check the property, not the code**: after centering, each column must have mean 0.
# - **Test with $N \ne C$**, so that a wrong axis does not fit. (Not if you write `keepdims=True`: then a mean over
#   axis 1 has shape $(N, 1)$ and fits always. Only the first habit sees that.)
#
# ## A batch is a guess
#
# In training, a network never sees all data at once, only a batch. So BN does not use *the* mean. It uses the mean of
# $N$ samples, and that is a guess. How good is the guess?
#
# Statistics has an answer. If the samples are drawn independently from a population with standard deviation $\sigma$,
# then the means of batches of size $N$ spread with a standard deviation of
#
# $$\sigma_{\text{mean}} = \frac{\sigma}{\sqrt{N}}$$
#
# **Predict.** To halve the spread, how much larger must the batch be?

# %%
rng = np.random.default_rng(0)
population = x[:, 0]  # the ages of the 500 cars
for n in (4, 16, 64, 256):
    means = rng.choice(population, size=(10_000, n)).mean(axis=1)
    print(f"N = {n:3d}:  measured {means.std():.1f} years   σ/√N = {population.std() / n**0.5:.1f} years")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Four times: each line has four times the samples of the one above, and half its spread.
#
# </details>
#
# Each line draws 10 000 batches. Measurement and theory agree. The formula asks for independent samples and a
# finite variance, and for nothing more: the distribution need not be bell-shaped.
#
# (Here a car may be drawn twice. In training, an epoch draws each picture once. Then the batch means spread a little
# less; the difference is small while the batch is a small part of the data.)
#
# ## Divide by N or by N − 1?
#
# The sum of squared deviations from the batch's *own* mean is a little too small, since that mean was chosen by
# the same samples: it lies in their middle. On average, dividing by $N$ gives $\frac{N-1}{N}\sigma^2$. This is the
# **biased** variance. Dividing by $N - 1$ makes up for it: the **unbiased** variance. NumPy's argument `ddof` is what is
# taken from $N$ ("delta degrees of freedom").
#
# **Predict.** For batches of 2: which share of the true variance does the biased one give, on average?

# %%
for n in (2, 4, 32):
    batches = rng.choice(population, size=(40_000, n))
    biased = batches.var(axis=1, ddof=0).mean() / population.var()
    unbiased = batches.var(axis=1, ddof=1).mean() / population.var()
    print(f"N = {n:2d}:  biased {biased:.2f}   (N − 1)/N = {(n - 1) / n:.2f}   unbiased {unbiased:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Half: $(2 - 1)/2$.
#
# </details>
#
# Libraries disagree about what "the variance" is when you do not say:

# %%
values = np.array([1.0, 2.0, 3.0, 6.0])
print("NumPy:       ", np.var(values), "             divides by N")
print("PyTorch:     ", round(torch.var(torch.from_numpy(values)).item(), 3), "           divides by N − 1")
print("scikit-learn:", StandardScaler().fit(values[:, None]).var_[0], "             divides by N")

# %% [markdown]
# And batch normalization? **It uses both.** To normalize a batch it divides by $N$: only then do the normalized
# values have variance 1. But into the running average that is kept for later it puts the variance divided by
# $N - 1$, a better guess of the population. You can see both in one step of PyTorch's layer.
# (With `momentum=1` the "average" is just the last batch. A tiny `eps` keeps it out of the numbers.)

# %%
layer = torch.nn.BatchNorm1d(1, momentum=1.0, eps=1e-12, dtype=torch.float64)
normalized = layer(torch.from_numpy(values[:, None])).detach().numpy()
print("variance of the normalized values, divided by N:", round(normalized.var(), 6))
print("variance that was stored:", round(layer.running_var.item(), 6))

# %% [markdown]
# The stored variance is 4.666667 and not 3.5. To mix up the two is an easy mistake in a BN layer of one's own, and nothing
# crashes.
#
# ## Lab: each batch guesses
#
# 400 batches, each a dot. The black line is the truth.
#
# 1. Go from batches of 2 to batches of 256. What happens to the means? And to the variances?
# 2. Look at the right panel with small batches. The thick bars are averages over all 400 batches. Which divisor hits the truth?
# 3. Make the population skewed. Which of the two suffers more, the means or the variances?

# %% tags=["nbval-ignore-output"]
labs.Sampler()

# %% [markdown]
# Left: the population, and under it the values of the first batch. Middle: the mean of each batch, with the band
# $\mu \pm \sigma/\sqrt{N}$. Right: the variance of each batch, computed with both divisors.
#
# <details><summary>What you may have found</summary>
#
# 1. Both close in on the truth. In batches of 2 the variances are all over the place: many are near 0.
# 2. Dividing by $N$ falls short, on average: with $N = 2$ by half. Dividing by $N - 1$ is right on average. Single
#    batches are still far off.
# 3. The variances. Their spread depends on the tails of the population; the spread of the means does not.
#
# </details>
#
# ## Three ways to a variance
#
# On paper these are the same. We write $S$ for the sum of squared deviations; the variance is $S/N$.
#
# - **naive**: $S = \sum x^2 - N\mu^2$. One pass over the data.
# - **two-pass**: first $\mu$, then $S = \sum (x - \mu)^2$. Two passes.
# - **Welford**: start with $\mu = 0$, $S = 0$. For the $k$-th value: $d = x - \mu$, then $\mu \leftarrow \mu + d/k$, then
#   $S \leftarrow S + d\,(x - \mu)$ with the *new* $\mu$. One pass, a value at a time.


# %%
def naive(x):
    mean = x.sum() / len(x)
    return ((x * x).sum() - len(x) * mean * mean) / len(x)


def two_pass(x):
    return ((x - x.mean()) ** 2).sum() / len(x)


def welford(x):
    mean = s = x.dtype.type(0)  # in the precision of x
    for k, value in enumerate(x, start=1):
        d = value - mean
        mean = mean + d / x.dtype.type(k)
        s = s + d * (value - mean)
    return s / len(x)


print("values 1, 2, 3, 6:", naive(values), two_pass(values), welford(values))

# %% [markdown]
# All three give 3.5, as before. The naive way is the one that many people write first: "the mean of the squares minus the
# square of the mean". Let us take float32, the usual precision of networks, and 1 000 values around 10 000 with a
# standard deviation of 1. The true variance is about 1.
#
# **Predict.** Which of the three will be wrong?

# %%
far_away = np.random.default_rng(2).normal(10_000, 1, size=1000).astype(np.float32)
print(f"in float64: {far_away.astype(np.float64).var():.2f}")
print(f"two-pass:   {two_pass(far_away):.2f}")
print(f"Welford:    {welford(far_away):.2f}")

# %% tags=["nbval-ignore-output"]
print(f"naive:      {naive(far_away):.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The naive way, and not by a little: the number that you see under it is an accident of rounding, and another machine may
# show another one. $\sum x^2$ is about $10^{11}$. A float32 keeps 24 binary digits, about 7 decimal ones, so this sum
# is only known to within some 10 000. $N\mu^2$ is as large and as uncertain. Their difference should be
# 1 000; instead it is what is left of two rounding errors. This is called **cancellation**.
#
# </details>
#
# A variance is a mean of squares, so it cannot be negative. Can the naive one? We try 200 batches:


# %%
def batch_far_away(seed, mean=10_000):
    return np.random.default_rng(seed).normal(mean, 1, size=1000).astype(np.float32)


negative = sum(naive(batch_far_away(seed)) < 0 for seed in range(200))
print("the naive variance is negative in at least one batch out of ten:", negative >= 20)

# %% [markdown]
# Then the square root gives `nan`, and the network is lost. How large may the mean be, compared with the standard
# deviation, before each way fails? We measure the relative error for means from 1 to 100 000, with 20 batches each.


# %%
def typical_relative_error(variance, mean):
    """The median over 20 batches of 1 000 values with this mean and a standard deviation of 1."""
    batches = [batch_far_away(seed, mean) for seed in range(20)]
    return np.median([abs(variance(batch) / batch.astype(np.float64).var() - 1) for batch in batches])


mean_over_std = [1, 10, 100, 1e3, 1e4, 1e5]
error = {
    way: [typical_relative_error(way, mean) for mean in mean_over_std] for way in (naive, welford, two_pass)
}

# %%
ax = figures.curve(mean_over_std, error[naive], role="moved")
figures.curve(mean_over_std, error[welford], ax=ax, role="theory")
figures.curve(mean_over_std, error[two_pass], ax=ax, role="before")
_ = ax.axhline(1, color="black", lw=1)
figures.frame(ax, title="Error of the variance in float32", x="mean / std", y="relative error", log="xy")
figures.key(ax, {"moved": "naive", "theory": "Welford", "before": "two-pass"})
figures.show(
    ax,
    alt="Relative error of three ways to a variance against mean over standard deviation, both axes logarithmic. "
    "The naive error starts near one ten-millionth and grows a hundredfold for each step of ten in the mean; it "
    "passes 1, that is 100 percent, between 1000 and 10000. The two-pass error stays below one ten-thousandth. "
    "Welford lies between them for large means.",
)

# %% [markdown]
# Both axes count in powers of ten, and the black line marks an error of 100 %. The naive error grows with the *square*
# of the mean: each step to the right multiplies the mean by 10, and the error by about 100. The two-pass error
# stays small. Welford lies between, once the mean is large: it is safe, but its running mean is rounded at each of
# the 1 000 steps. In numbers:

# %%
growth = (error[naive][4] / error[naive][1]) ** (1 / 3)  # per step, over three steps
print("naive: a step of 10 in the mean multiplies the error by about 100:", 50 < growth < 200)
print("two-pass: the error is below 0.01 % everywhere:", max(error[two_pass]) < 1e-4)

# %% [markdown]
# Is that a case from real life? Think of years: 2001 to 2026 have a mean 270 times their standard deviation. The layers of
# this course use the two-pass way with one more correction; `bnteach/core/functional.py` shows it. The package also has
# the three ways for whole batches: `naive_moments`, `two_pass_moments`, `welford_moments`.
#
# ## Two batches become one
#
# Suppose two computers hold half of a batch each. Each knows its count $N$, its mean and its $S$. Can we get the
# statistics of the whole batch without sending all values?
#
# Here are two parts of a batch: the older cars and the younger cars.

# %%
age = cars.age[:, None]
younger, older = age[cars.age < 10], age[cars.age >= 10]
print(f"{len(younger)} younger cars: variance {younger.var():.1f}")
print(f"{len(older)} older cars:   variance {older.var():.1f}")

# %% [markdown]
# **Predict.** Is the variance of all 500 ages between these two, below both, or above both?

# %%
print("all together:", age.var().round(1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Above both! The two groups have different means, and the distance between the means counts as spread too.
# An average of the two variances forgets it.
#
# </details>
#
# The correct formula has one more term, with $\delta = \mu_b - \mu_a$, the difference of the two means:
#
# $$S = S_a + S_b + \delta^2\,\frac{N_a N_b}{N_a + N_b} \qquad \mu = \mu_a + \delta\,\frac{N_b}{N_a + N_b}$$

# %%
merged = bnteach.merge_moments(bnteach.two_pass_moments(younger), bnteach.two_pass_moments(older))
average = (len(younger) * younger.var() + len(older) * older.var()) / len(age)
print("merged:", merged.variance().round(1), "  average of the two variances:", average.round(1))
print("merged = computed from all values:", np.allclose(merged.variance(), age.var()))

# %% [markdown]
# Three numbers for each channel are enough, whatever the size of the batch. In a later lesson this makes one large
# batch out of many devices.
#
# ## When a batch is not a fair sample
#
# $\sigma/\sqrt{N}$ assumed that the samples of a batch are **independent** and come from **one distribution**. This is
# called **IID**: *independent and identically distributed*. Shuffling makes batches about IID. Take the digits,
# 64 values each, in batches of 60. We ask how far the mean of a batch is from the mean of all pictures, once
# with shuffled pictures, once with the pictures sorted by their digit.

# %%
data = digits()
in_random_order = data.x_train  # digits() shuffles
sorted_by_digit = data.x_train[np.argsort(data.y_train, kind="stable")]


def miss(pictures, size=60):
    """The typical distance between the mean of a batch and the mean of all, over batches and pixels."""
    batches = pictures[: len(pictures) // size * size].reshape(-1, size, 64)  # full batches only
    return np.sqrt(np.mean((batches.mean(axis=1) - pictures.mean(axis=0)) ** 2))


# %% [markdown]
# **Predict.** How many times larger is the miss with sorted pictures?

# %%
theory = np.sqrt(np.mean(data.x_train.var(axis=0) / 60))
print(f"shuffled: {miss(in_random_order):.3f}   σ/√N: {theory:.3f}   sorted: {miss(sorted_by_digit):.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About five times. Shuffled, the miss is what $\sigma/\sqrt{N}$ says. Sorted, a batch holds one digit, or two where one
# digit ends and the next begins. Its mean says which digit it is, and not what digits are like. What this does to a
# network with BN is shown in lesson 05.
#
# </details>
#
# The other half of IID: training and test must come from the *same* distribution. We train a small network (without
# BN, to keep one thing apart from the other) on digits that are normalized: each pixel has a z-score with the mean and the
# variance of the *training* pictures. (Some pixels are 0 in all pictures. Adding 0.01 to the variance keeps us from dividing
# by 0.) Then we make the test pictures brighter, as if the lamp had changed: we add 0.5 to every pixel. You would still
# read every digit.


# %%
def standardize(pictures, like):
    """The z-score of each pixel, with the mean and the variance of the pictures `like`."""
    return (pictures - like.mean(axis=0)) / np.sqrt(like.var(axis=0) + np.float32(0.01))


def accuracy_in_other_light(seed):
    network = mlp([64, 100, 100, 10], torch.nn.ReLU, batch_norm=False, init_scale=2**0.5, seed=seed)
    normalized = replace(data, x_train=standardize(data.x_train, like=data.x_train))
    train(network, normalized, epochs=15, seed=seed, every=1000, progress=False)
    brighter = data.x_test + np.float32(0.5)
    tests = {
        "same light, statistics of the training set": standardize(data.x_test, like=data.x_train),
        "brighter, statistics of the training set": standardize(brighter, like=data.x_train),
        "brighter, statistics of its own test set": standardize(brighter, like=brighter),
    }
    return [accuracy(network, pictures, data.y_test) for pictures in tests.values()]


# %% [markdown]
# **Predict.** In the same light the accuracy is above 95 %. What is it in the brighter light, with the statistics of the
# training set? And when the bright test pictures are normalized with their own mean and variance?

# %% tags=["nbval-ignore-output"]
light = over_seeds(accuracy_in_other_light, range(5), progress=False)
same, brighter, brighter_own = light.values.T  # five seeds each
print("same light, statistics of the training set:", *(f"{value:.0%}" for value in same))
print("brighter,   statistics of the training set:", *(f"{value:.0%}" for value in brighter))
print("brighter,   its own statistics:            ", *(f"{value:.0%}" for value in brighter_own))

# %%
print("brighter light costs every seed at least a fifth of the digits:", (same - brighter > 0.2).all())
print("with its own statistics the loss is below 2 %:", (same - brighter_own < 0.02).all())

# %% [markdown]
# <details><summary>What happened</summary>
#
# The statistics of the input moved, and the stored ones did not. Pixels at the edge are hit hardest: they hardly varied
# in training, so their z-score divides by a small number. This is called a **shift** of the distribution. With its own
# mean, whatever was added to all pictures is subtracted again, and the network sees what it knows.
#
# </details>
#
# Should we then always use the test set's own statistics? They have a price: each prediction depends on which other
# pictures are tested with it, and a single picture has no statistics at all. Stored statistics or the batch's own: this
# choice is at the heart of how BN is used after training, and comes back in lesson 05.
#
# ## Lab: your neighbors move you
#
# The last lab looks ahead. A batch of eight numbers is normalized: minus its mean, divided by its standard
# deviation. You move **one** of the eight.
#
# 1. Drag the value of one sample. What happens to the other seven normalized values?
# 2. Make it extreme. How far can its own normalized value get?
# 3. Switch to *stored statistics*. Who moves now?

# %% tags=["nbval-ignore-output"]
labs.Coupling()

# %% [markdown]
# Left: the input, with the moved sample marked. Right: the normalized values, with arrows from where they were.
#
# <details><summary>What you may have found</summary>
#
# 1. They move too, though nobody touched them. The mean and the standard deviation belong to all eight.
# 2. Not as far as you would think: it stays below 2.65, that is $\sqrt{7}$. Lesson 02 finds out why.
# 3. Only the one you drag. With stored statistics the samples are independent of each other.
#
# </details>
#
# ## What you can do now
#
# - ✓ bring features to one scale with min–max and with the z-score, and say what an outlier does to each: it
#   squeezes the others, under min–max more
# - ✓ compute mean and variance for each channel, and notice when you took the wrong axis: `axis=0`, shape `(C,)`
# - ✓ say how noisy the statistics of a batch are, and check it: σ/√N, four times the batch for half the noise
# - ✓ choose between dividing by N and by N − 1, and say which one BN uses where: N to normalize, N − 1 to store
# - ✓ compute a variance in three ways, and say when one of them becomes negative: the naive one, in float32, when
#   the mean is large beside the spread
# - ✓ merge the statistics of two batches without their values: do not forget the distance of the means
# - ✓ recognize data that breaks the assumption behind all this, and see what it costs: a mean five times as far off
#   in sorted batches, a network that fails in another light
#
# **Practice:** [the exercises of this lesson](exercises/01_measure_a_batch.ipynb).
#
# **Go on with [02 · Normalize](02_normalize.ipynb).**
#
# *Sources: T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for Computing the Sample Variance: Analysis and
# Recommendations", The American Statistician 37, 1983. B. P. Welford, "Note on a Method for Calculating Corrected Sums of
# Squares and Products", Technometrics 4, 1962.*
