# %% [markdown]
# # 01 · Measure a batch
#
# *35 minutes · previous: [00 · Meet batch normalization](00_meet_batch_normalization.ipynb) ·
# next: [02 · Normalize](02_normalize.ipynb)*
#
# BN subtracts a mean and divides by a standard deviation. First you see why this helps gradient descent: for rental cars, then
# inside a network. Then you measure how well a small batch knows these two numbers.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, labs
from bnteach.data import digits, rental_cars

# %% [markdown]
# ## A ravine and a bowl
#
# A firm rents out 500 cars. (They are made up; `help(rental_cars)` shows how.) We fit the daily price of car $i$ from its age
# $x_i$: `price ≈ w · age + b`. The loss is half the mean of the squared errors:
#
# $$L(w, b) = \frac{1}{2N} \sum_i (w\,x_i + b - \text{price}_i)^2$$
#
# `descend` is gradient descent from $w = 0$, $b = 0$. We give it the age in years, and then the **z-score** of the age: minus the mean,
# divided by the standard deviation.


# %%
def descend(x, rate, steps):
    """Fit price ≈ w x + b by gradient descent; return w and b after each step."""
    w, b = 0.0, 0.0
    path = [(w, b)]
    for _ in range(steps):
        error = w * x + b - cars.price
        w, b = w - rate * (error * x).mean(), b - rate * error.mean()
        path.append((w, b))
    return np.array(path)


def z_score(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


cars = rental_cars(500)
age = cars.age  # shape (500,)
print("age,     rate 0.007, 100 steps: w, b =", descend(age, 0.007, 100)[-1].round(2))
print("age,     rate 0.015, 100 steps: w, b =", descend(age, 0.015, 100)[-1].round(2))
print("z-score, rate 1,       1 step:  w, b =", descend(z_score(age), 1, 1)[-1].round(2))

# %% [markdown]
# With the age, 100 steps are not enough: the best $b$ is near 72. A larger rate **diverges**. With the z-score one step arrives. The
# picture shows why. Each line joins points of equal loss; the lowest are white.

# %% tags=["draws"] alt="Two contour plots of the loss over w and b. Left, with the age in years: the lines are long and narrow, a ravine. Gradient descent goes a short way sideways, down to the floor, and after 100 steps it is still far from the lowest point. Right, with the z-score of the age: circles, a bowl, and one step arrives in the center."
figure, axes = figures.new_figure(columns=2, size=(5.2, 3.7))
w, b = np.meshgrid(np.linspace(-30, 30, 120), np.linspace(-15, 90, 120))
for ax, x, rate, steps in zip(axes, (age, z_score(age)), (0.007, 1), (100, 1), strict=True):
    error = np.sqrt(np.mean((w[..., None] * x + b[..., None] - cars.price) ** 2, axis=-1))
    ax.contourf(w, b, error, levels=14, cmap="gray_r", alpha=0.6)
    ax.contour(w, b, error, levels=14, colors="#8A8A8A", linewidths=0.8)
    path = descend(x, rate, steps)
    ax.plot(*path.T, "o-", ms=4, color=figures.role("moved").color, label="steps")
    ax.plot(*np.polyfit(x, cars.price, 1), "k*", ms=13, ls="", label="lowest loss")
    ax.set_aspect("equal")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
figures.frame(axes[0], title="Age: 100 steps", x="w", y="b")
figures.frame(axes[1], title="z-score: 1 step", x="w", y="b")
figures.show(figure)

# %% [markdown]
# With the age in years the loss is a **ravine**, a narrow valley with steep walls. The first steps go to the right, down the wall. All
# others creep along the floor. With the larger rate, each step jumps across the ravine and lands higher on the other side. With the
# z-score the loss is a round **bowl**.
#
# ## How long and how wide: the curvatures
#
# The **curvature** is the second derivative: large across the ravine, small along its floor. Where it is $c$, the derivative at distance
# $d$ from the lowest point is $c\,d$, so a step leads from $d$ to $d - \text{rate} \cdot c\,d$. With rate $1/c$ it arrives. Above $2/c$ it
# lands farther away than before.
#
# But all directions share one rate, and the *largest* curvature limits it. Where the curvature is 100 times smaller, such a step covers
# only 1/100 of the distance. So what counts is the largest curvature divided by the smallest, the **condition number**. The picture shows it: a
# round bowl has 1, and a ravine 10 times as long as wide has $10^2 = 100$, because the loss grows with the square of the distance.
#
# To compute it, we write the second derivatives as a matrix:
#
# $$\begin{pmatrix} \partial^2 L/\partial w^2 & \partial^2 L/\partial w\,\partial b \\
# \partial^2 L/\partial w\,\partial b & \partial^2 L/\partial b^2 \end{pmatrix}
# = \begin{pmatrix} \text{mean of } x^2 & \text{mean of } x \\ \text{mean of } x & 1 \end{pmatrix}$$
#
# `np.linalg.eigvalsh(matrix)` gives the two curvatures, along the floor and across it, the smallest first. (They are called the
# **eigenvalues** of the matrix.)
#
# **Predict.** A z-score has mean 0, and its square has mean 1. What is its condition number?


# %%
def curvatures(x):
    columns = np.column_stack([x, np.ones(len(x))])  # the ones belong to b
    matrix = columns.T @ columns / len(x)  # the matrix above, for any number of features
    return np.linalg.eigvalsh(matrix)


for name, x in {"age": age, "z-score": z_score(age)}.items():
    low, high = curvatures(x)
    print(f"{name:7}: curvatures {low:.1f} and {high:.1f}, condition number {high / low:.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# It is 1: the matrix has ones on its diagonal and zeros elsewhere. For the age the largest curvature is 143. The rate 0.007 is about 1/143,
# and 0.015 is more than 2/143.
#
# </details>
#
# A second **feature** makes it far worse: the mileage, up to 300 000 km. Two cures are usual, and each treats every feature (in a network:
# every channel) on its own: the z-score, and **min–max scaling**, $(x - \min x)/(\max x - \min x)$.

# %%
x = cars.features  # shape (500, 2): age and mileage
min_max = (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))
for name, features in {"no cure": x, "min–max": min_max, "z-score": z_score(x)}.items():
    all_three = curvatures(features)  # two features and b
    print(f"{name}: condition number {all_three[-1] / all_three[0]:.3g}")

# %% [markdown]
# Scaling added no information. It only made the curvatures more alike. Why 9 and not 1? Old cars have driven far: the two features are
# correlated, and a z-score treats each feature alone.
#
# ## Inside a network
#
# To a linear layer, the outputs of the layer before it are features, as the age was for us. BN gives each of them a z-score. (Here
# $\gamma = 1$, $\beta = 0$, and no $\varepsilon$.) Does this make the curvatures more alike?
#
# We send the digits through four layers with random weights: linear, then BN or not, then **ReLU**, $\max(0, z)$. After each layer
# its 100 outputs are our features, and `curvatures` gives 101 numbers, one more for $b$. Some are nearly 0: a step in these directions
# hardly changes the loss. We leave them aside, and divide the largest curvature by the one in the middle, the **median**.

# %%
pictures = digits(dtype=np.float64).x_train


def curvature_ratio(features):
    return curvatures(features)[-1] / np.median(curvatures(features))


def ratios_by_layer(seed, batch_norm):
    random, h, ratios = np.random.default_rng(seed), pictures, []
    for _ in range(4):
        inputs = h.shape[1]
        weights = random.normal(size=(inputs, 100)) * (2 / inputs) ** 0.5  # as in 00's lab
        h = h @ weights
        if batch_norm:
            h = z_score(h)
        h = np.maximum(h, 0)  # the ReLU
        ratios.append(curvature_ratio(h))
    return ratios


# %% [markdown]
# **Predict.** For the digits themselves the ratio is about 700. Is it larger or smaller after four layers, without BN and with BN?

# %%
without_bn = np.array([ratios_by_layer(seed, batch_norm=False) for seed in range(5)])
with_bn = np.array([ratios_by_layer(seed, batch_norm=True) for seed in range(5)])
print(f"the digits:          {curvature_ratio(pictures):5.0f}")
print("layer 4, without BN:", *(f"{ratio:5.0f}" for ratio in without_bn[:, 3]))
print("layer 4, with BN:   ", *(f"{ratio:5.0f}" for ratio in with_bn[:, 3]))

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
# Without BN larger: several thousand. With BN smaller: little more than 100. This holds for all five seeds.
#
# </details>
#
# With BN the curvatures are more alike, though not equal: the channels are still correlated, and the ReLU makes all means positive
# again. This is one reason why BN may help. We measured it on random weights, and for the inputs of one layer at a time; lesson 07
# measures how much faster a training becomes.
#
# ## Along which axis?
#
# Now to the two numbers themselves. In a training, BN takes them from one batch of shape $(N, C)$: $N$ samples, $C$ channels. It
# wants **one mean for each channel**, so the mean runs over the samples: `axis=0`. The axis that you name disappears. With the other
# axis NumPy often refuses, because the shapes $(N, C)$ and $(N,)$ do not fit. But if $N = C$ they do:

# %%
square = np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0], [3.0, 30.0, 300.0]])
print("column means, right axis:", (square - square.mean(axis=0)).mean(axis=0))
print("column means, wrong axis:", (square - square.mean(axis=1)).mean(axis=0))

# %% [markdown]
# No error, and a wrong result: NumPy stretches a small array to a large shape (**broadcasting**), and this hid the mistake. So test
# with $N \ne C$, and check that each column has mean 0 afterwards.
#
# ## A batch is a guess
#
# The mean of a batch is only a guess at the mean of all data. We draw 10 000 batches of cars and take the mean age of each. How much do
# these means differ? We ask for their standard deviation.
#
# **Predict.** For batches of 4 it is 3.3 years. For batches of 16, is it a half, a quarter, or a sixteenth of this?

# %%
random = np.random.default_rng(0)
for n in (4, 16, 64):
    means = random.choice(cars.age, size=(10_000, n)).mean(axis=1)
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
# A variance is the sum of the squared distances from the mean, divided by $N$. But a batch knows only its *own* mean, in the middle of
# its own samples. So the distances are a little too small.
#
# **Predict.** For batches of 2, which share of the true variance do you get, on average?

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
# Divided by $N$ the variance is called **biased**; dividing by $N - 1$ makes up for it: **unbiased**. BN uses **both**. It normalizes
# with the first, so that the normalized values have the variance 1. It stores the second for later, as the better guess at the
# variance of all data. One step of PyTorch's layer shows both:

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
# **What was shown.** A z-score for each channel makes curvatures more alike, for cars and inside a network with random weights. The mean
# of a batch is off by about $\sigma/\sqrt{N}$. BN normalizes with the variance divided by $N$, and stores the one divided by $N - 1$.
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
# - Step sizes and curvatures: Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", 1998, section 5
# - Curvature inside a network: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate
#   Curvature", 2015, arXiv:1503.05671
