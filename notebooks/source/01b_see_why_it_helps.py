# %% [markdown]
# # 01b · See why it helps
#
# *30 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) · next: [02 · Normalize](02_normalize.ipynb)*
#
# Why should a network care whether its numbers have mean 0 and standard deviation 1? You see the answer where it is easiest, for one feature and
# two weights: normalizing turns a ravine into a bowl. Then you measure the same thing inside a network, with BN and without.

# %%
import numpy as np

from bnteach import figures, labs
from bnteach.data import digits, rental_cars

# %% [markdown]
# ## A ravine and a bowl
#
# The firm with the 500 cars wants to fit the daily price of car $i$ from its age $x_i$: `price ≈ w · age + b`. The loss is half the mean of
# the squared errors:
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
# With the age, 100 steps are not enough: the best $b$ is near 72. With a larger rate it **diverges**. With the z-score one step arrives. The
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
# others creep along the floor. With the z-score the loss is a round **bowl**.
#
# ## How steep: the curvatures
#
# The **curvature** $c$ is the second derivative of the loss: large across the ravine, small along its floor. In a direction with curvature
# $c$, at the distance $d$ from the lowest point, the derivative is $c\,d$. So a step of gradient descent leads
#
# $$\text{from } d \text{ to } d - \text{rate}\cdot c\,d = (1 - \text{rate}\cdot c)\,d$$
#
# With rate $1/c$ it arrives at 0. With a rate above $2/c$ it lands farther away than before: it diverges.
#
# All directions share one rate, so the *largest* curvature limits it. Across the ravine of the age $c$ is 143: the rate 0.007 is about $1/143$, and
# 0.015 is too large. Along the floor $c$ is 0.3. There a step with rate 0.007 covers only $0.007 \cdot 0.3$, that is 0.2 % of the distance.
#
# So what counts is the largest curvature divided by the smallest, the **condition number**. A round bowl has 1. To compute it, write the
# second derivatives as a matrix:
#
# $$\begin{pmatrix} \partial^2 L/\partial w^2 & \partial^2 L/\partial w\,\partial b \\
# \partial^2 L/\partial w\,\partial b & \partial^2 L/\partial b^2 \end{pmatrix}
# = \begin{pmatrix} \text{mean of } x^2 & \text{mean of } x \\ \text{mean of } x & 1 \end{pmatrix}$$
#
# `np.linalg.eigvalsh(matrix)` gives the two curvatures, the smallest first. (They are called the **eigenvalues** of the matrix.)
#
# **Predict.** Is it enough to subtract the mean, so that the age has mean 0 and its variance of 44 stays? What is the condition number then?


# %%
def curvatures(x):
    columns = np.column_stack([x, np.ones(len(x))])  # the ones belong to b
    matrix = columns.T @ columns / len(x)  # the matrix above, for any number of features
    return np.linalg.eigvalsh(matrix)


for name, x in {"age": age, "mean subtracted": age - age.mean(), "z-score": z_score(age)}.items():
    low, high = curvatures(x)
    print(f"{name:15}: curvatures {low:5.1f} and {high:5.1f}, condition number {high / low:.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No, it is 44: the matrix has 44 and 1 on its diagonal, and zeros elsewhere. The subtraction helps, and so does the division. A z-score does
# both.
#
# </details>
#
# ## Lab: from a ravine to a bowl
#
# One feature, with any mean and standard deviation. The star is the lowest point.
#
# 1. Start with mean 2, standard deviation 0.5 and the rate 0.3. Then make the mean 0 in steps. What becomes of the lines?
# 2. Now the standard deviation 1. What is the largest rate that does not diverge? Which one arrives in one step?
# 3. Go back to mean 3. Which rate is the largest now?

# %%
labs.Ravine()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. They turn and become rounder, but stay longer in one direction: the standard deviation is not 1 yet.
# 2. All rates up to 2, and the rate 1 arrives in one step.
# 3. 0.1: more than $2/c = 0.18$ diverges, and 50 steps with rate 0.1 are not enough.
#
# </details>
#
# ## Inside a network
#
# To a linear layer, the outputs of the layer before it are features, as the age was for us. Does BN make the curvatures of these
# features more alike?
#
# We send the digits through four layers with random weights: linear, then BN or not, then **ReLU**, $\max(0, z)$. BN is a z-score for each channel
# here ($\gamma = 1$, $\beta = 0$, no $\varepsilon$). What comes out of the ReLU are the features of the next layer.
#
# Each layer has 100 of them, so `curvatures` gives 101 numbers. The smallest are nearly 0: in these directions the loss is flat, and nothing is to be learned. So
# we do not divide by the smallest, but by the one in the middle, the **median**.

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
# With BN the curvatures are more alike. They are not equal, for two reasons: channels are correlated, and behind the ReLU no value is negative, so
# the means are not 0 again. (Divided by the mean curvature instead of the median, it is about 85 without BN and 35 with BN.)
#
# This is one reason why BN may help. We measured it for random weights, before any training, and for the inputs of one layer at a time. Lesson 07
# measures how much faster a training becomes.
#
# ## Units
#
# A second feature of the cars is the mileage. Its condition number depends on the unit in which somebody wrote it down:

# %%
km = cars.features  # shape (500, 2): age in years, mileage in km
min_max = (km - km.min(axis=0)) / (km.max(axis=0) - km.min(axis=0))  # each column from 0 to 1
for name, x in {"km": km, "10 000 km": km / [1, 10_000], "min–max": min_max, "z-score": z_score(km)}.items():
    three = curvatures(x)  # two features and b
    print(f"{name:9}: condition number {three[-1] / three[0]:.3g}")

# %% [markdown]
# After a z-score the unit does not matter. **Min–max scaling** also takes the unit away, but leaves means that are not 0. And why is it 9 for the
# z-score and not 1? Old cars have driven far. The two features are correlated, and a z-score treats each feature alone. So does BN with its channels.
#
# **What was shown.** Gradient descent is as slow as its condition number is large. A z-score for each feature makes it smaller; BN does so
# for each channel, inside a network with random weights.
#
# **Exercises.** [Measure a batch](exercises/01_measure_a_batch.ipynb), from 3 on: 15 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb)
#
# Sources:
#
# - Step sizes and curvatures: Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", 1998, section 5
# - Curvature inside a network: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate
#   Curvature", 2015, arXiv:1503.05671
