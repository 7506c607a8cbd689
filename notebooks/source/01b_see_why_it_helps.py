# %% [markdown]
# # 01b · See why it helps
#
# *30 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) · next: [02 · Normalize](02_normalize.ipynb)*
#
# Why should a network care whether its numbers have mean 0 and standard deviation 1? You see the answer where it is easiest, for one feature and
# two weights: normalizing turns a ravine into a bowl. Then you measure the same number inside a network, with BN and without.

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
# The **curvature** $c$ is the second derivative of the loss in one direction: large across the ravine, small along its floor. In these two
# directions, at the distance $d$ from the lowest point, the slope is $c\,d$. So a step of gradient descent leads
#
# $$\text{from } d \text{ to } d - \text{rate}\cdot c\,d = (1 - \text{rate}\cdot c)\,d$$
#
# With rate $1/c$ it arrives at 0. With a rate above $2/c$ it lands farther away than before: it diverges.
#
# All directions share one rate, so the *largest* curvature limits it, and along the floor the steps are too short. What counts is the largest
# curvature divided by the smallest, the **condition number**. A round bowl has 1.
#
# How large are they here? In the direction $(v_w, v_b)$ the loss has the second derivative "mean of $(v_w x_i + v_b)^2$": differentiate $L$ twice along
# it. So we try 1000 directions, and take the smallest and the largest.

# %%
angles = np.linspace(0, np.pi, 1000)
in_w, in_b = np.cos(angles), np.sin(angles)
in_each_direction = ((np.outer(age, in_w) + in_b) ** 2).mean(axis=0)
print(f"from {in_each_direction.min():.1f} to {in_each_direction.max():.1f}")

# %% [markdown]
# Across the ravine of the age $c$ is 143: the rate 0.007 is about $1/143$, and 0.015 is more than $2/143$. Along the floor $c$ is 0.3. There a step with
# rate 0.007 covers only $0.007 \cdot 0.3$, that is 0.2 % of the distance.
#
# NumPy finds the two without trying: they are the **eigenvalues** of the matrix of second derivatives, the smallest first. That works for any number of
# features.
#
# **Predict.** Is it enough to subtract the mean, so that the age has mean 0 and its variance of 44 stays? (Its curvatures are then 1 in the direction of $b$, and
# the mean of $x^2$ in the direction of $w$.)


# %%
def curvatures(x):
    columns = np.column_stack([x, np.ones(len(x))])  # the ones belong to b
    second_derivatives = columns.T @ columns / len(x)
    return np.linalg.eigvalsh(second_derivatives)


for name, x in {"age": age, "mean subtracted": age - age.mean(), "z-score": z_score(age)}.items():
    low, high = curvatures(x)
    print(f"{name:15}: curvatures {low:5.1f} and {high:5.1f}, condition number {high / low:.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No, the condition number is 44. The subtraction helps, and so does the division. A z-score does both.
#
# </details>
#
# ## Lab: from a ravine to a bowl
#
# One feature, with any mean and standard deviation. The path starts on the left; the star is the lowest point.
#
# 1. Start with mean 2, standard deviation 0.5 and the rate 0.3. Then make the mean 0 in steps. What becomes of the lines?
# 2. Now the standard deviation 1. What is the largest rate that does not diverge? Which one arrives in one step?
# 3. Move the mean alone, to 3. Which of the slider's rates is the largest now?

# %%
labs.Ravine()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. They turn and become rounder, but stay longer in one direction: the standard deviation is not 1 yet.
# 2. All rates up to 2, and the rate 1 arrives in one step.
# 3. 0.1. The limit $2/c$ is 0.18, and the slider's next rate is 0.2.
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
# What we ask is the condition number of these features: for a linear layer with the squared loss, as above.
#
# Without BN a few units give 0 for every picture. Such a **dead** unit has no curvature at all, and we leave it out.

# %%
pictures = digits(dtype=np.float64).x_train


def condition_number(features):
    alive = features[:, features.any(axis=0)]  # the units that are not always 0
    return curvatures(alive)[-1] / curvatures(alive)[0]


def conditions_by_layer(seed, batch_norm):
    random, h, conditions = np.random.default_rng(seed), pictures, []
    for _ in range(4):
        inputs = h.shape[1]
        weights = random.normal(size=(inputs, 100)) * (2 / inputs) ** 0.5  # as in 00's lab
        h = h @ weights
        if batch_norm:
            h = z_score(h)
        h = np.maximum(h, 0)  # the ReLU
        conditions.append(condition_number(h))
    return conditions


# %% [markdown]
# **Predict.** With BN the condition number is about 1 000 to 3 000. Without BN, is it about the same, ten times larger, or more than a hundred times
# larger?

# %% tags=["nbval-ignore-output"]
without_bn = np.array([conditions_by_layer(seed, batch_norm=False) for seed in range(5)])
with_bn = np.array([conditions_by_layer(seed, batch_norm=True) for seed in range(5)])
print("layer 4, without BN:", *(f"{condition:.0e}" for condition in without_bn[:, 3]))
print("layer 4, with BN:   ", *(f"{condition:.0e}" for condition in with_bn[:, 3]))

# %% tags=["draws"] alt="The condition number after each of four layers, for five seeds, on a logarithmic axis. Without BN the points scatter between half a million and six billion. With BN they lie close together and fall from about 3000 in layer 1 to 1400 in layer 4."
ax = figures.new_axes(size=(6.0, 2.8))
for role, conditions in {"without_bn": without_bn, "with_bn": with_bn}.items():
    figures.points(np.tile([1, 2, 3, 4], 5), conditions.ravel(), ax=ax, role=role)
ax.set_xticks([1, 2, 3, 4])
look = {"x": "layer", "y": "condition number", "log": "y", "xlim": (0.5, 4.5), "ylim": (100, 1e11)}
figures.frame(ax, title="Condition number of a layer's outputs", **look)
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, markers=True, place="upper right")
assert without_bn.min() > 100 * with_bn.max()
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# More than a hundred times larger: between half a million and six billion, in every layer and for all five seeds.
#
# </details>
#
# Why? Without BN the inputs of a ReLU have any mean. So some units are active for every picture, and others for almost none: such a unit hardly ever
# changes the answer, and its curvature is tiny. BN gives each input mean 0. Then each unit is active for about half of the pictures.
#
# The condition number is not 1, for two reasons: the channels are correlated, and behind the ReLU no value is negative, so the means are not 0 again.
#
# This is one reason why BN may help. We measured it for random weights, before any training, for one layer at a time, and for the squared loss.
# Lesson 07 measures how much faster a training becomes.
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
# After a z-score the unit does not matter. **Min–max scaling** also takes the unit away, but leaves means that are not 0. And why 9 for the z-score,
# and not 1? Old cars have driven far: the two features are correlated, and a z-score treats each feature alone. So does BN with its channels.
#
# **What was shown.** One rate must serve the largest and the smallest curvature, so a large condition number makes gradient descent slow. A z-score
# for each feature makes it smaller. Inside a network with random weights it is more than a hundred times smaller with BN.
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
