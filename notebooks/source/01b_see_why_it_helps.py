# %% [markdown]
# # 01b · See why it may help
#
# *35 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) · next: [02 · Normalize](02_normalize.ipynb)*
#
# Why should it matter that numbers have mean 0 and standard deviation 1? You see one reason where it is easiest, for one feature and
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
cars = rental_cars(500)
age, price = cars.age, cars.price  # shape (500,) each


def descend(x, rate, steps):
    """Fit price ≈ w x + b by gradient descent; return w and b after each step."""
    w, b = 0.0, 0.0
    path = [(w, b)]
    for _ in range(steps):
        error = w * x + b - price
        w, b = w - rate * (error * x).mean(), b - rate * error.mean()
        path.append((w, b))
    return np.array(path)


def z_score(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


print("age,     rate 0.007, 100 steps: w, b =", descend(age, 0.007, 100)[-1].round(2))
print("age,     rate 0.015, 100 steps: w, b =", descend(age, 0.015, 100)[-1].round(2))
print("z-score, rate 1,       1 step:  w, b =", descend(z_score(age), 1, 1)[-1].round(2))

# %% [markdown]
# With the age, 100 steps are not enough: the best $b$ is near 72. With a larger rate it **diverges**. With the z-score one step arrives. (There $w$
# is the price for one standard deviation of age, and $b$ the price at the mean age.) The picture shows why. Each line joins points of equal loss;
# white is low.

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
# With the age in years the loss is a **ravine**, a narrow valley with steep walls. The first step goes to the right, down the wall. All
# others creep along the floor. With the z-score the loss is a round **bowl**.
#
# ## How steep: the curvatures
#
# This loss is a quadratic function. Such a surface has two special directions, perpendicular to each other: along the floor, and across the walls. In
# each of them it is a parabola, with its own **curvature** $c$, the second derivative. At the distance $d$ from the lowest point the slope is $c\,d$. So a
# step, new $d$ = $d$ − rate · slope, gives
#
# $$\text{new } d = d - \text{rate}\cdot c\,d = (1 - \text{rate}\cdot c)\,d$$
#
# With rate $1/c$ it arrives at 0. With a rate above $2/c$ it lands farther away than before: it diverges.
#
# The curvatures are the **eigenvalues** of the matrix of second derivatives: the factors by which it stretches the two special directions. Here it has
# only means in it:
#
# $$\begin{pmatrix} \partial^2 L/\partial w^2 & \partial^2 L/\partial w\,\partial b \\
# \partial^2 L/\partial w\,\partial b & \partial^2 L/\partial b^2 \end{pmatrix}
# = \begin{pmatrix} \text{mean of } x^2 & \text{mean of } x \\ \text{mean of } x & 1 \end{pmatrix}$$
#
# **Predict.** With the age, the rate 0.007 does not diverge, and 0.015 does. Between which two numbers must the larger curvature lie?


# %%
def curvatures(x):
    columns = np.column_stack([x, np.ones(len(x))])  # the ones belong to b
    second_derivatives = columns.T @ columns / len(x)  # the matrix above, for any number of features
    return np.linalg.eigvalsh(second_derivatives)  # the smallest first


print("curvatures for the age:", curvatures(age).round(1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Between $2/0.015 = 133$ and $2/0.007 = 286$. It is 143, so the rate 0.007, about $1/143$, is the best across the ravine.
#
# </details>
#
# But both directions share one rate. Along the floor $c$ is 0.3, and a step with rate 0.007 covers only $0.007 \cdot 0.3$, that is 0.2 % of the distance. What counts
# is the largest curvature divided by the smallest, the **condition number**: about so many steps does the floor need. A round bowl has 1.
#
# **Predict.** Is it enough to subtract the mean, so that the age has mean 0, and its variance of 44 stays?

# %%
for name, x in {"age": age, "mean subtracted": age - age.mean(), "z-score": z_score(age)}.items():
    low, high = curvatures(x)
    print(f"{name:15}: curvatures {low:5.1f} and {high:5.1f}, condition number {high / low:.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. The matrix has 44 and 1 on its diagonal and zeros elsewhere, so the condition number is 44. A z-score divides as well, and both are 1.
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
# 2. All below 2, and the rate 1 arrives in one step. (With exactly 2 it jumps to and fro for ever.)
# 3. 0.1. The limit $2/c$ is 0.18, and the slider's next rate is 0.2.
#
# </details>
#
# ## Inside a network
#
# To a linear layer, the outputs of the layer before it are features, as the age was for us. Does BN make the curvatures of these
# features more alike?
#
# We send the digits through four layers with random weights: linear, then BN or not, then **ReLU**, $\max(0, z)$. A new BN layer is a z-score for
# each channel ($\gamma = 1$, $\beta = 0$). After each layer we compute the condition number of its 100 outputs, the features of the next layer. For
# the squared loss it depends on the features alone, not on what the next layer has to learn.
#
# A unit is **active** for a picture where its output is not 0. A unit that is never active has the curvature 0, and the condition number would be infinite. So
# we compare the units that are active for at least a tenth of the pictures, and count them.

# %%
pictures = digits(dtype=np.float64).x_train


def used(features):
    active = (features > 0).mean(axis=0)  # the share of pictures, for each unit
    return features[:, active >= 0.1]


def condition_number(features):
    return curvatures(used(features))[-1] / curvatures(used(features))[0]


def layers(seed, batch_norm):
    random, h, outputs = np.random.default_rng(seed), pictures, []
    for _ in range(4):
        inputs = h.shape[1]
        h = h @ (random.normal(size=(inputs, 100)) * (2 / inputs) ** 0.5)  # weights as in 00's lab
        if batch_norm:
            h = z_score(h)
        h = np.maximum(h, 0)  # the ReLU
        outputs.append(h)
    return outputs


# %% [markdown]
# **Predict.** With BN the condition number in layer 4 is about 1 400. Without BN, is it smaller, about the same, or larger?

# %%
without_bn = np.array([[condition_number(h) for h in layers(seed, False)] for seed in range(5)])
with_bn = np.array([[condition_number(h) for h in layers(seed, True)] for seed in range(5)])
print("layer 4, without BN:", *(f"{condition:6.0f}" for condition in without_bn[:, 3]))
print("layer 4, with BN:   ", *(f"{condition:6.0f}" for condition in with_bn[:, 3]))

# %% tags=["draws"] alt="The condition number after each of four layers, for five seeds, on a logarithmic axis. Without BN the points lie between 8000 and 26 000 in all layers. With BN they fall from about 3000 in layer 1 to 1400 in layer 4."
ax = figures.new_axes(size=(6.0, 2.8))
for role, conditions in {"without_bn": without_bn, "with_bn": with_bn}.items():
    figures.points(np.tile([1, 2, 3, 4], 5), conditions.ravel(), ax=ax, role=role)
ax.set_xticks([1, 2, 3, 4])
look = {"x": "layer", "y": "condition number", "log": "y", "xlim": (0.5, 4.5), "ylim": (1e3, 1e5)}
figures.frame(ax, title="Condition number of a layer's outputs, five seeds", **look)
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, markers=True, place="upper right")
assert without_bn.min() > 2 * with_bn.max()
assert without_bn[:, 3].min() > 6 * with_bn[:, 3].max()
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Larger: in layer 4 about ten times, for all five seeds. (The factor depends on our limit of a tenth: it is about 45 with a fiftieth, and 6 with
# three tenths.)
#
# </details>
#
# One thing that BN changes is easy to see: for which share of the pictures is a unit active?

# %%
for name, batch_norm in {"without BN": False, "with BN": True}.items():
    h = layers(0, batch_norm)[3]
    active = (h > 0).mean(axis=0)
    print(
        f"{name:10}: active for {active.min():.0%} to {active.max():.0%} of the pictures; compared: {used(h).shape[1]} units"
    )

# %% [markdown]
# With BN the input of each ReLU has the mean 0, and each unit is active for about half of the pictures. Without BN some are active for all, and 27 of the 100 for less than a tenth. In
# [exercise 3](exercises/01_measure_a_batch.ipynb) you find out which part of BN it is that changes the condition number.
#
# This is one reason why BN may help. We measured it for random weights, before any training, for one layer at a time, and for the squared loss.
# Lesson 07 measures how much faster a training becomes.
#
# ## Units
#
# A second feature of the cars is the mileage, in km, or in units of 10 000 km.
#
# **Predict.** With the z-score of both features, is the condition number 1?

# %%
km = cars.features  # shape (500, 2): age in years, mileage in km
min_max = (km - km.min(axis=0)) / (km.max(axis=0) - km.min(axis=0))  # each column from 0 to 1
for name, x in {"km": km, "10 000 km": km / [1, 10_000], "min–max": min_max, "z-score": z_score(km)}.items():
    three = curvatures(x)  # two features and b
    print(f"{name:9}: condition number {three[-1] / three[0]:.3g}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No, 9. Old cars have driven far: the two features are correlated, and a z-score treats each feature alone. So does BN with its channels.
#
# </details>
#
# The unit alone changes it by a factor of many millions. After a z-score the unit does not matter. **Min–max scaling** also takes the unit away, but it leaves other means and other
# standard deviations (about 0.2).
#
# **What was shown.** One rate must serve the largest and the smallest curvature, so a large condition number makes gradient descent slow. A z-score
# for each feature makes it smaller. In a ReLU network with random weights BN also made it smaller: after four
# layers about ten times, among the units that are active for at least a tenth of the pictures.
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
