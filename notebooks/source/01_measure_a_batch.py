# %% [markdown]
# # 01 · Measure a batch
#
# *35 minutes · previous: [00 · Meet batch normalization](00_meet_batch_normalization.ipynb) ·
# next: [02 · Normalize](02_normalize.ipynb)*
#
# Batch normalization begins with two numbers for each channel: a mean and a variance. This lesson shows why it helps
# gradient descent to subtract the one and divide by the root of the other, first for rental cars, then inside a deep network. Then it
# asks how far you can trust these two numbers when they come from a small batch.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, labs
from bnteach.data import digits, rental_cars

# %% [markdown]
# ## A ravine and a bowl
#
# A firm rents out 500 cars. (They are made up; `help(rental_cars)` shows the recipe.) We fit their daily price from their
# age, `price ≈ w · age + b`, by gradient descent. The loss is half the mean of the squared errors.


# %%
def z_score(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def with_ones(features):
    return np.column_stack([features, np.ones(len(features))])  # the column of ones belongs to b


def curvatures(features):
    """From the smallest to the largest; explained below the picture."""
    rows = with_ones(features)
    return np.linalg.eigvalsh(rows.T @ rows / len(rows))


def descend(features, steps):
    """Fit the price by gradient descent; return the weights after each step."""
    rows, rate = with_ones(features), 1 / curvatures(features)[-1]
    path = [np.zeros(rows.shape[1])]
    for _ in range(steps):
        gradient = rows.T @ (rows @ path[-1] - cars.price) / len(rows)
        path.append(path[-1] - rate * gradient)
    return np.array(path)


cars = rental_cars(500)

# %% tags=["draws"] alt="Two contour plots of the loss over w and b. Left, with the age in years: the lines are narrow and almost parallel, a ravine, and 100 steps of gradient descent end far from the lowest point. Right, with the z-score of the age: circles, a bowl, and one step arrives in the center."
figure, axes = figures.new_figure(columns=2, size=(6.4, 3.5))
for ax, feature, steps in zip(axes, (cars.age, z_score(cars.age)), (100, 1), strict=True):
    path = descend(feature, steps)
    lowest = np.polyfit(feature, cars.price, 1)
    w, b = np.meshgrid(np.linspace(-60, 60, 120), np.linspace(-15, 105, 120))
    loss = np.sqrt(np.mean((w[..., None] * feature + b[..., None] - cars.price) ** 2, axis=-1))
    levels = np.linspace(loss.min(), loss.max(), 14)
    ax.contourf(w, b, loss, levels=levels, cmap="gray_r", alpha=0.6)
    ax.contour(w, b, loss, levels=levels, colors="#8A8A8A", linewidths=1)
    ax.plot(*path.T, "o-", ms=4, color=figures.role("moved").color, label="steps")
    ax.plot(*lowest, "k*", ms=13, label="lowest loss")
    ax.set_aspect("equal")
axes[0].legend(loc="upper left", framealpha=0.9)
figures.frame(axes[0], title="Age in years: 100 steps", x="w", y="b")
figures.frame(axes[1], title="z-score of the age: 1 step", x="w")
figures.show(figure)

# %% [markdown]
# Each line joins points of equal loss; the lowest are white. With the age in years the loss is a **ravine**: gradient descent
# is down the wall at once, but after 100 steps it has hardly moved along the floor. With the **z-score** of the age,
# $(x - \mu)/\sigma$, the loss is a **bowl**, and one step arrives.
#
# Why? The **curvature** of the loss along a direction is its second derivative in this direction. Linear algebra tells us that all
# curvatures of our loss lie between the smallest and the largest eigenvalue of the matrix `rows.T @ rows / N`. With a step size
# above 2 / (largest curvature), gradient descent diverges, so `descend` takes 1 / (largest curvature). This suits the steepest
# direction. For the flattest one it is too small, by a factor called the **condition number**: the largest curvature divided by the
# smallest. For the age in years it is 467.
#
# **Predict.** Now we fit the price from the age (0 to 30 years) *and* the mileage (0 to 300 000 km). What is the condition number? What
# is the error after 10 000 steps, if always guessing the mean price gives an error of 12.4 euros?


# %%
def condition_number(features):
    return curvatures(features)[-1] / curvatures(features)[0]


def error(features, steps):
    """Root mean square, in euros."""
    return np.sqrt(np.mean((with_ones(features) @ descend(features, steps)[-1] - cars.price) ** 2))


x = cars.features  # one row a car; two columns, age and mileage
print(f"condition number: age {condition_number(x[:, 0]):.0f}, age and mileage {condition_number(x):.0e}")
for steps in (100, 10_000):
    print(f"error after {steps:5} steps: {error(x, steps):.1f} euros")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 40 billion. The curvature along the mileage is the mean of mileage², so only a tiny step is safe, and for $b$ that step is
# billions of times too small. The error stays near 37 euros, far worse than the mean price.
#
# </details>
#
# Age and mileage are two **features** of a car; in a network we say channels. Two usual cures bring each feature to one scale, with
# numbers of its own:
#
# $$\text{min–max scaling:}\quad \frac{x - \min x}{\max x - \min x} \qquad\qquad
# \text{z-score:}\quad \frac{x - \mu}{\sigma}$$
#
# **Predict.** What is the error now, after 10 steps and after 100? (3 euros is the noise in the prices: nothing better is possible.)

# %%
min_max = (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))
for name, features in {"min–max": min_max, "z-score": z_score(x)}.items():
    condition, after_10, after_100 = condition_number(features), error(features, 10), error(features, 100)
    print(f"{name}: condition number {condition:3.0f}, error {after_10:4.1f}, then {after_100:.1f} euros")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both arrive at 3 euros; the z-score is there after 10 steps. Scaling added no information. It only made the curvatures more alike, so
# that one step size suits all the weights.
#
# </details>
#
# Why is the condition number 9 and not 1? Old cars have driven far: the two columns are correlated, and the z-score
# treats each column alone.
#
# ## Inside a network: why BN helps
#
# A linear layer in a network is such a fit, too; its features are the outputs of the layer before it. BN puts a z-score in
# between. It does so in each step of the training again, because these values change while the network learns.
#
# Does it turn ravines into bowls? We send the digits through four layers with random weights: linear, then BN or not, then
# **ReLU**, $\max(0, z)$. After each we compute the curvatures for the linear layer that would come next, as for the cars. (With a
# squared error these are exactly its curvatures; inside a network they are one factor of them.) A few are nearly 0, so
# we compare the largest with the *median*.

# %%
pictures = digits(dtype=np.float64).x_train


def curvature_ratio(features):
    """The largest curvature divided by the median one."""
    return curvatures(features)[-1] / np.median(curvatures(features))


def ratios_by_layer(seed, batch_norm):
    random, h, ratios = np.random.default_rng(seed), pictures, []
    for _ in range(4):
        inputs = h.shape[1]
        h = h @ random.normal(0, (2 / inputs) ** 0.5, size=(inputs, 100))  # the linear layer
        if batch_norm:
            h = z_score(h)
        h = np.maximum(h, 0)  # the ReLU
        ratios.append(curvature_ratio(h))
    return ratios


# %% [markdown]
# **Predict.** For the digits themselves the ratio is about 700. Does it grow or shrink from layer to layer, without BN and
# with BN?

# %%
without_bn = np.array([ratios_by_layer(seed, batch_norm=False) for seed in range(5)])
with_bn = np.array([ratios_by_layer(seed, batch_norm=True) for seed in range(5)])
print(f"the digits: {curvature_ratio(pictures):.0f}")
for k in range(4):
    print(f"layer {k + 1} without BN:", *(f"{ratio:5.0f}" for ratio in without_bn[:, k]))
    print("        with BN:   ", *(f"{ratio:5.0f}" for ratio in with_bn[:, k]))
assert (with_bn < without_bn / 5).all()

# %% tags=["draws"] alt="The curvature ratio after each of four layers, for five seeds, on a logarithmic axis. Without BN the five points of a layer lie between 2000 and 5000 and rise with depth. With BN they lie at 200 in layer 1 and fall to about 115 in layer 4."
ax = figures.new_axes(size=(6.0, 2.8))
for role, ratios in {"without_bn": without_bn, "with_bn": with_bn}.items():
    figures.points(np.tile([1, 2, 3, 4], 5), ratios.ravel(), ax=ax, role=role)
ax.axhline(curvature_ratio(pictures), color="black", lw=1)
ax.text(4.45, 800, "the digits themselves", ha="right", size=9.5)
ax.set_xticks([1, 2, 3, 4])
figures.frame(
    ax,
    title="Curvature: the largest over the median",
    x="layer",
    y="ratio",
    log="y",
    xlim=(0.5, 4.5),
    ylim=(50, 10_000),
)
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, markers=True, place="lower left")
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without BN it grows, to several thousand. With BN it shrinks, to little more than 100. All five seeds agree.
#
# </details>
#
# This is one reason **why BN helps**: a step size that is safe for the steepest direction is too small for a typical one by a
# factor of about a hundred, and no longer by thousands. The ratio does not become 1: the channels are still correlated, as age and
# mileage are, and the ReLU after BN makes all means positive again. (How much faster a training gets is measured in lesson 07.)
#
# So a lot depends on the mean and the variance of a batch. The rest of this lesson is about measuring them.
#
# ## Along which axis?
#
# A batch has shape $(N, C)$: $N$ samples, $C$ channels. BN wants **one mean for each channel**, so the mean runs
# over the samples: `axis=0`. The axis that you name is the one that disappears.
#
# **Predict.** Four cars are a batch of shape (4, 2). What are the shapes of `mean(axis=0)` and `mean(axis=1)`?

# %%
batch = x[:4]
print("axis=0:", batch.mean(axis=0).shape, "  axis=1:", batch.mean(axis=1).shape)
print("mean over axis 1 of the first car:", batch.mean(axis=1)[0].round())

# %% [markdown]
# <details><summary>Answer</summary>
#
# `(2,)` and `(4,)`. The second adds years to kilometers and divides by two. It is a number, but it means nothing.
#
# </details>
#
# With the wrong axis NumPy often refuses, because the shapes (4, 2) and (4,) do not fit. Here is a **square** batch,
# $N = C = 3$:

# %%
square = np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0], [3.0, 30.0, 300.0]])
right_axis = square - square.mean(axis=0)
wrong_axis = square - square.mean(axis=1)
print("column means, right axis:", right_axis.mean(axis=0))
print("column means, wrong axis:", wrong_axis.mean(axis=0))

# %% [markdown]
# No error, and a wrong result: **broadcasting**, by which NumPy stretches a small shape to a large one, hid the mistake.
# Two habits protect you:
#
# - **Check the property**: after the mean is subtracted, each column must have mean 0.
# - **Test with $N \ne C$**, so that a wrong axis does not fit. (With `keepdims=True` a mean over axis 1 has
#   shape $(N, 1)$ and always fits. Then only the first habit sees the mistake.)
#
# ## A batch is a guess
#
# In training, BN sees only a batch. Its mean is a guess at the mean of all data. How good is the guess? If the $N$ samples are drawn
# independently from a population with standard deviation $\sigma$, the means of batches have the standard deviation
#
# $$\sigma_{\text{mean}} = \frac{\sigma}{\sqrt{N}}$$
#
# **Predict.** To halve it, how much larger must the batch be?

# %%
random = np.random.default_rng(0)
for n in (4, 16, 64, 256):
    means = random.choice(cars.age, size=(10_000, n)).mean(axis=1)  # 10 000 batches
    print(f"N = {n:3}: measured {means.std():.1f} years, σ/√N = {cars.age.std() / n**0.5:.1f} years")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Four times larger.
#
# </details>
#
# The formula needs no bell-shaped distribution, only independent samples and a finite variance. (In a training, each picture is
# drawn once an epoch; then the means differ a little less.) It fails when a batch is not a fair sample, such as digits sorted by
# their label: [Is a batch a fair sample?](deeper/is_a_batch_a_fair_sample.ipynb)
#
# ## Divide by N or by N − 1?
#
# A variance is the sum of the squared distances from the mean, divided by $N$. But a batch knows only its *own* mean, which lies in the
# middle of its own samples. So the distances are a little too small, and on average the result is
# $\frac{N-1}{N}\sigma^2$. This is the **biased** variance. Dividing by $N - 1$ makes up for it: the **unbiased** variance. In
# NumPy `ddof` says what is subtracted from $N$.
#
# **Predict.** In batches of 2, which share of the true variance does the biased one give, on average?

# %%
for n in (2, 4, 32):
    batches = random.choice(cars.age, size=(40_000, n))
    biased, unbiased = (batches.var(axis=1, ddof=ddof).mean() / cars.age.var() for ddof in (0, 1))
    print(f"N = {n:2}: biased {biased:.2f}, (N − 1)/N = {(n - 1) / n:.2f}, unbiased {unbiased:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Half: $(2 - 1)/2$.
#
# </details>
#
# Which one does BN use? **Both.** To normalize, it divides by $N$: only then is the variance of the normalized values 1.
# For the average that it stores for later, it divides by $N - 1$, the better guess of the population.
# One step of PyTorch's layer shows both. (With `momentum=1.0` the stored average is just the last batch.)

# %%
values = torch.tensor([[1.0], [2.0], [3.0], [6.0]], dtype=torch.float64)
layer = nn.BatchNorm1d(1, momentum=1.0, eps=1e-12, dtype=torch.float64)
normalized = layer(values).detach().numpy()
print(f"np.var of the values, divided by N:        {np.var(values.numpy()):.4f}")
print(f"torch.var of the values, divided by N − 1: {torch.var(values).item():.4f}")
print(f"np.var of BN's output:                     {np.var(normalized):.4f}")
print(f"variance that BN stored:                   {layer.running_var.item():.4f}")

# %% [markdown]
# `np.var` and `torch.var` disagree when you do not say the divisor. If you mix up the two in a BN layer of your own, no error
# tells you; with $N - 1$ in the place of $N$ its output is wrong by a factor of $\sqrt{(N-1)/N}$.
#
# ## Lab: each batch guesses
#
# 400 batches, each a dot. The black line is the truth; the band in the middle is $\mu \pm \sigma/\sqrt{N}$.
#
# 1. Go from a batch size of 2 to 256. What happens to the means? And to the variances?
# 2. Look at the right panel with small batches. The thick bars are averages over all 400 batches. Which divisor
#    gives the truth?
# 3. Make the population skewed. Which of the two suffers more, the means or the variances?

# %% tags=["nbval-ignore-output"]
labs.Sampler()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Both come closer to the truth. In batches of 2 many variances are near 0, and others far too large.
# 2. Dividing by $N - 1$, on average. A single batch is still far off.
# 3. The variances. How much they differ depends on the tails of the population; for the means $\sigma/\sqrt{N}$ holds as before.
#
# </details>
#
# **What was shown.** A z-score for each channel makes curvatures alike, for cars and inside a network. A batch of $N$ misses the mean by
# about $\sigma/\sqrt{N}$. BN normalizes with the variance divided by $N$, and stores the one divided by $N - 1$.
#
# **Exercise.** [Measure a batch](exercises/01_measure_a_batch.ipynb), 30 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb). **Deeper.**
# [What does one outlier do?](deeper/what_does_one_outlier_do.ipynb) ·
# [Which variance survives float32?](deeper/which_variance_survives_float32.ipynb) ·
# [How do two batches become one?](deeper/how_do_two_batches_become_one.ipynb)
#
# Sources:
#
# - On step sizes and curvatures: Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", 1998, section 5
# - On curvature inside a network: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate
#   Curvature", 2015, arXiv:1503.05671
