# %% [markdown]
# # 01 · Measure a batch
#
# *35 minutes · previous: [00 · Meet batch normalization](00_meet_batch_normalization.ipynb) ·
# next: [02 · Normalize](02_normalize.ipynb)*
#
# BN subtracts a mean and divides by a standard deviation. You see why this helps gradient descent, first for rental
# cars, then inside a network. Then you measure how well a small batch knows these two numbers.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, labs
from bnteach.data import digits, rental_cars

# %% [markdown]
# ## A ravine and a bowl
#
# A firm rents out 500 cars. (They are made up; `help(rental_cars)` shows the recipe.) We fit the daily price of car $i$ from its
# age $x_i$: `price ≈ w · age + b`. The loss is half the mean of the squared errors:
#
# $$L(w, b) = \frac{1}{2N} \sum_i (w\,x_i + b - \text{price}_i)^2$$
#
# `descend` is gradient descent: each step subtracts the derivatives of $L$, times the rate. It starts at $w = 0$, $b = 0$.


# %%
def descend(x, rate, steps):
    """Fit the price; return w and b after each step. Each column of x is a feature with its own w."""
    w, b = np.zeros(x.shape[1]), 0.0
    path = [[*w, b]]
    for _ in range(steps):
        error = x @ w + b - cars.price
        w, b = w - rate * x.T @ error / len(x), b - rate * error.mean()
        path.append([*w, b])
    return np.array(path)


def z_score(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


cars = rental_cars(500)
age = cars.features[:, :1]  # one feature: shape (500, 1)
for name, x, rate, steps in [
    ("age", age, 0.007, 100),
    ("age", age, 0.015, 100),
    ("z-score of the age", z_score(age), 1, 1),
]:
    w, b = descend(x, rate, steps)[-1]
    print(f"{name}, rate {rate}, {steps} steps: w = {w:.3g}, b = {b:.3g}")

# %% tags=["draws"] alt="Two contour plots of the loss over w and b. Left, with the age in years: the lines are long and narrow, a ravine. Gradient descent goes a short way sideways, down to the floor, and after 100 steps it is still far from the lowest point. Right, with the z-score of the age: circles, a bowl, and one step arrives in the center."
figure, axes = figures.new_figure(columns=2, size=(5.2, 3.7))
w, b = np.meshgrid(np.linspace(-30, 30, 120), np.linspace(-15, 90, 120))
for ax, x, rate, steps in zip(axes, (age, z_score(age)), (0.007, 1), (100, 1), strict=True):
    error = np.sqrt(np.mean((w[..., None] * x[:, 0] + b[..., None] - cars.price) ** 2, axis=-1))
    ax.contourf(w, b, error, levels=14, cmap="gray_r", alpha=0.6)
    ax.contour(w, b, error, levels=14, colors="#8A8A8A", linewidths=0.8)
    path = descend(x, rate, steps)
    ax.plot(*path.T, "o-", ms=4, color=figures.role("moved").color, label="steps")
    ax.plot(*np.polyfit(x[:, 0], cars.price, 1), "k*", ms=13, ls="", label="lowest loss")
    ax.set_aspect("equal")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
figures.frame(axes[0], title="Age: 100 steps", x="w", y="b")
figures.frame(axes[1], title="z-score: 1 step", x="w", y="b")
figures.show(figure)

# %% [markdown]
# Each line joins points of equal loss; the lowest are white. With the age in years the loss is a **ravine**. The first steps go to
# the right, down its wall. All others creep along its floor, and after 100 steps they are still far from the star. A larger rate
# does not help: with 0.015, gradient descent **diverges**. With the **z-score** of the age, $(x - \mu)/\sigma$, the loss
# is a **bowl**, and one step arrives.
#
# ## Why: the curvatures
#
# The **curvature** is the second derivative. Along a straight line through the lowest point, with curvature $c$, the derivative at
# distance $d$ is $c\,d$. So a step leads from $d$ to $d - \text{rate} \cdot c\,d = (1 - \text{rate} \cdot c)\,d$:
#
# - With rate $1/c$ one step arrives. Above $2/c$ each step makes $d$ larger: it diverges.
# - All directions share one rate. If it is 1 / (largest curvature), the flattest direction loses only the share
#   (smallest curvature) / (largest curvature) of its distance in each step.
#
# The largest curvature divided by the smallest is called the **condition number**. Near 1 is a bowl. Here are the second
# derivatives of $L$; their largest and their smallest over all directions are the **eigenvalues** of this matrix:
#
# $$\begin{pmatrix} \partial^2 L/\partial w^2 & \partial^2 L/\partial w\,\partial b \\
# \partial^2 L/\partial w\,\partial b & \partial^2 L/\partial b^2 \end{pmatrix}
# = \begin{pmatrix} \text{mean of } x^2 & \text{mean of } x \\ \text{mean of } x & 1 \end{pmatrix}$$
#
# **Predict.** A z-score has mean 0, and its square has mean 1. What is its condition number?


# %%
def curvatures(x):
    """The eigenvalues, the smallest first. The column of ones belongs to b."""
    rows = np.column_stack([x, np.ones(len(x))])
    return np.linalg.eigvalsh(rows.T @ rows / len(x))  # the matrix above, for any number of features


def condition_number(x):
    return curvatures(x)[-1] / curvatures(x)[0]


print(f"age:     curvatures {curvatures(age).round(2)}, condition number {condition_number(age):.0f}")
print(
    f"z-score: curvatures {curvatures(z_score(age)).round(2)}, condition number {condition_number(z_score(age)):.0f}"
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# 1: the matrix is the identity, all curvatures are 1, and one step with rate 1 arrives. For the age the largest is 143: 0.007 is about
# 1/143, and 0.015 is more than 2/143.
#
# </details>
#
# Now we fit the price from the age (0 to 30 years) *and* the mileage (0 to 300 000 km). Two usual cures bring each
# **feature** (in a network: each channel) to one scale, with numbers of its own:
#
# $$\text{min–max scaling:}\quad \frac{x - \min x}{\max x - \min x} \qquad\qquad
# \text{z-score:}\quad \frac{x - \mu}{\sigma}$$
#
# **Predict.** How large is the error after 10 steps, and after 100, without a cure? (Always guessing the mean price gives
# an error of 12.4 euros; 3.0 is the noise in the prices.)

# %%
x = cars.features  # shape (500, 2)
min_max = (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))
for name, features in {"no cure": x, "min–max": min_max, "z-score": z_score(x)}.items():
    path = descend(features, rate=1 / curvatures(features)[-1], steps=100)
    errors = [np.sqrt(np.mean((features @ w[:-1] + w[-1] - cars.price) ** 2)) for w in path]  # w[-1] is b
    print(
        f"{name}: {errors[10]:4.1f}, then {errors[100]:4.1f} euros; condition number {condition_number(features):.0f}"
    )

# %% [markdown]
# <details><summary>Answer</summary>
#
# 36.7 euros, and no better after 100 steps: worse than the mean price. The curvature along the mileage is the mean of mileage²,
# so only a tiny rate is safe. With it $b$, which should grow to about 75, stays near 0.
#
# </details>
#
# Both cures arrive at 3.0 euros, and the z-score is faster. Scaling added no information. It only made the curvatures more alike, so that one
# rate suits all directions. Why 9 and not 1? Old cars have driven far: the two features are correlated, and a z-score treats each
# feature alone.
#
# ## Inside a network
#
# To a linear layer, the outputs of the layer before it are features. BN gives these features a z-score, anew in each step, because they
# change while the network learns. (Here $\gamma = 1$, $\beta = 0$, and no $\varepsilon$.)
#
# We send the digits through four layers with random weights: linear, then BN or not, then **ReLU**, $\max(0, z)$. After each
# layer we ask: if we fitted something to these outputs, as the price to the cars, how different would the curvatures be? This is not
# the whole curvature of the network's loss, only the part that comes from the inputs of one layer. Some curvatures are
# nearly 0, because some sums of channels hardly vary; so we divide the largest by the *median*.

# %%
pictures = digits(dtype=np.float64).x_train


def curvature_ratio(features):
    return curvatures(features)[-1] / np.median(curvatures(features))


def ratios_by_layer(seed, batch_norm):
    random, h, ratios = np.random.default_rng(seed), pictures, []
    for _ in range(4):
        inputs = h.shape[1]
        weights = random.normal(size=(inputs, 100)) * (2 / inputs) ** 0.5  # keeps the size of h; see 00's lab
        h = h @ weights
        if batch_norm:
            h = z_score(h)
        h = np.maximum(h, 0)  # the ReLU
        ratios.append(curvature_ratio(h))
    return ratios


# %% [markdown]
# **Predict.** For the digits themselves the ratio is about 700. What is it after four layers, without BN and with BN?

# %%
without_bn = np.array([ratios_by_layer(seed, batch_norm=False) for seed in range(5)])
with_bn = np.array([ratios_by_layer(seed, batch_norm=True) for seed in range(5)])
print(f"the digits: {curvature_ratio(pictures):.0f}")
for k in range(4):
    print(f"layer {k + 1} without BN:", *(f"{ratio:5.0f}" for ratio in without_bn[:, k]))
    print("        with BN:   ", *(f"{ratio:5.0f}" for ratio in with_bn[:, k]))

# %% tags=["draws"] alt="The curvature ratio after each of four layers, for five seeds, on a logarithmic axis. Without BN the points lie between 2000 and 5000. With BN they lie at 200 in layer 1 and fall to about 115 in layer 4."
ax = figures.new_axes(size=(6.0, 2.8))
for role, ratios in {"without_bn": without_bn, "with_bn": with_bn}.items():
    figures.points(np.tile([1, 2, 3, 4], 5), ratios.ravel(), ax=ax, role=role)
ax.axhline(curvature_ratio(pictures), color="black", lw=1)
ax.text(4.45, 800, "the digits themselves", ha="right", size=9.5)
ax.set_xticks([1, 2, 3, 4])
look = {"x": "layer", "y": "ratio", "log": "y", "xlim": (0.5, 4.5), "ylim": (50, 10_000)}
figures.frame(ax, title="Curvature: the largest over the median", **look)
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, markers=True, place="lower left")
assert (with_bn < without_bn / 5).all()
assert (without_bn[:, 3] > without_bn[:, 0]).all()
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Several thousand without BN, little more than 100 with BN, for all five seeds.
#
# </details>
#
# With BN the curvatures are more alike, though not equal: the channels are still correlated, and the ReLU makes all means positive
# again. (Positive means add a large curvature, as the mean age did.) We measured one reason why BN may help, on random weights.
# How much faster a training becomes is measured in lesson 07.
#
# ## Along which axis?
#
# In a training, BN has only a batch to take its mean and its variance from. Two things can go wrong. The first is the
# axis. A batch has shape $(N, C)$: $N$ samples, $C$ channels. BN wants **one mean for each channel**, so the mean runs
# over the samples: `axis=0`. The axis that you name is the one that disappears. With the other one NumPy often
# refuses, because the shapes $(N, C)$ and $(N,)$ do not fit. But if $N = C$ they do:

# %%
square = np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0], [3.0, 30.0, 300.0]])
print("column means, right axis:", (square - square.mean(axis=0)).mean(axis=0))
print("column means, wrong axis:", (square - square.mean(axis=1)).mean(axis=0))

# %% [markdown]
# No error, and a wrong result: **broadcasting**, by which NumPy stretches a small shape to a large one, hid the mistake.
# So test with $N \ne C$, and check that each column has mean 0 afterwards.
#
# ## A batch is a guess
#
# The second is the size of the batch. The mean of a batch is only a guess at the mean of all data. We draw 10 000 batches of cars and
# ask how much the means of their ages differ: the standard deviation of the means.
#
# **Predict.** For batches of 4 it is 3.3 years. For batches of 16, four times as many cars, is it a half, a quarter, or a sixteenth of this?

# %%
random = np.random.default_rng(0)
for n in (4, 16, 64, 256):
    means = random.choice(cars.age, size=(10_000, n)).mean(axis=1)
    print(f"N = {n:3}: standard deviation of the means {means.std():.1f} years")

# %% [markdown]
# <details><summary>Answer</summary>
#
# A half. For samples drawn independently from data with standard deviation $\sigma$ (here 6.6 years), it is
#
# $$\sigma_{\text{mean}} = \frac{\sigma}{\sqrt{N}}$$
#
# </details>
#
# The distribution need not be bell-shaped. But the batch must be a fair sample, which digits sorted by their label are not:
# [Is a batch a fair sample?](deeper/is_a_batch_a_fair_sample.ipynb)
#
# ## Divide by N or by N − 1?
#
# A variance is the sum of the squared distances from the mean, divided by $N$. But a batch knows only its *own* mean, which lies in the
# middle of its own samples. So the distances are a little too small.
#
# **Predict.** Think of batches of 2. Which share of the true variance do they give, on average?

# %%
for n in (2, 4, 32):
    batches = random.choice(cars.age, size=(40_000, n))
    biased = batches.var(axis=1).mean() / cars.age.var()
    unbiased = batches.var(axis=1, ddof=1).mean() / cars.age.var()  # ddof=1: divided by N − 1
    print(f"N = {n:2}: divided by N {biased:.2f}, by N − 1 {unbiased:.2f} of the true variance")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Half. In general the share is $(N - 1)/N$.
#
# </details>
#
# Divided by $N$ the variance is called **biased**; dividing by $N - 1$ makes up for it: **unbiased**. BN uses **both**. To
# normalize, it divides by $N$: only then is the variance of the normalized values 1. For the average that it stores for later, it
# divides by $N - 1$, the better guess at the variance of all data. One step of PyTorch's layer shows both:

# %%
values = torch.tensor([[1.0], [2.0], [3.0], [6.0]])
layer = nn.BatchNorm1d(1, momentum=1.0)  # momentum 1: it stores only the last batch
normalized = layer(values).detach().numpy()  # detach: without the record for gradients
print(f"variance of the values, divided by N:     {values.numpy().var():.3f}")
print(f"variance of the values, divided by N − 1: {values.numpy().var(ddof=1):.3f}")
print(f"variance of BN's output, divided by N:    {normalized.var():.3f}")
print(f"variance that BN stored:                  {layer.running_var.item():.3f}")

# %% [markdown]
# `np.var` divides by $N$, `torch.var` by $N - 1$, when you do not say the divisor. If you mix them up, no error tells you.
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
# **What was shown.** A z-score for each channel makes curvatures more alike, for cars and inside a network of random weights. A batch of
# $N$ misses the mean by about $\sigma/\sqrt{N}$. BN normalizes with the variance divided by $N$, and stores the one divided by $N - 1$.
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
