# %% [markdown]
# # 01b · See why it may help
#
# *35 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) · next: [02 · Normalize](02_normalize.ipynb) ·
# [exercise](exercises/01b_see_why_it_helps.ipynb)*
#
# Why should it matter that numbers have mean 0 and standard deviation 1? You see one reason where it is easiest, for one feature:
# normalizing turns a ravine into a bowl. Then you measure the same in a network, with BN and without.

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
# With the age, 100 steps are not enough: the best $b$ is near 72. With a larger rate the steps lead farther and farther away: it **diverges**. With the z-score one step
# arrives. The picture shows why. Each line joins points of equal loss; white is low.

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
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
figures.frame(axes[0], title="Age: 100 steps", x="w", y="b")
figures.frame(axes[1], title="z-score: 1 step", x="w", y="b")
figures.show(figure)

# %% [markdown]
# With the age the loss is a **ravine**, a narrow valley with steep walls. The first step goes to the right, down the wall. All
# others creep along the floor. With the z-score the loss is a round **bowl**. (The star has moved: $b$ is now the price at the mean age.)
#
# ## How steep: the curvatures
#
# The ravine has two special directions: along the floor, and across the walls. In each of them the loss is a parabola. Its second derivative is the
# **curvature** $c$: at the distance $d$ from the lowest point the slope is $c\,d$. So a step gives
#
# $$\text{new } d = d - \text{rate}\cdot c\,d = (1 - \text{rate}\cdot c)\,d$$
#
# With the rate $1/c$ it arrives at 0. With a rate above $2/c$ it lands farther away than before: it diverges.
#
# The second derivatives of our loss form a matrix, which has only means in it:
#
# $$\begin{pmatrix} \partial^2 L/\partial w^2 & \partial^2 L/\partial w\,\partial b \\
# \partial^2 L/\partial w\,\partial b & \partial^2 L/\partial b^2 \end{pmatrix}
# = \begin{pmatrix} \text{mean of } x^2 & \text{mean of } x \\ \text{mean of } x & 1 \end{pmatrix}$$
#
# The gradient at a point is this matrix times the vector from the lowest point to it. In a special direction the gradient is $c$ times this vector. That is what
# an **eigenvalue** is: so the curvatures are the eigenvalues of the matrix.
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
# Between $2/0.015 = 133$ and $2/0.007 = 286$. It is 143, so the rate 0.007 is about $1/143$: the best across the ravine.
#
# </details>
#
# But both directions share one rate. With the rate 1/largest, a step along the floor leaves the share $1 - \text{smallest}/\text{largest}$ of the distance.
# The largest curvature divided by the smallest is the **condition number** $\kappa$ (kappa). So one step leaves $1 - 1/\kappa$, and $\kappa$ steps
# leave $(1 - 1/\kappa)^\kappa$: for a large $\kappa$ about $1/e$, that is about a third. A round bowl has $\kappa = 1$.
#
# **Predict.** Is it enough to subtract the mean, so that the age has mean 0, and its variance of 44 stays?

# %%
for name, x in {"age": age, "mean subtracted": age - age.mean(), "z-score": z_score(age)}.items():
    low, high = curvatures(x)
    kappa = high / low
    left = (1 - 1 / kappa) ** kappa
    print(f"{name:15}: curvatures {low:.1f}, {high:5.1f}; κ = {kappa:3.0f}; {left:.2f} is left after κ steps")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. The matrix has 44 and 1 on its diagonal and zeros elsewhere, so $\kappa = 44$. A z-score divides as well, and both curvatures are 1.
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
# ## Two features
#
# A second feature of the cars is the mileage. We measure it in km, or in 10 000 km. Now there are two weights and $b$, so three curvatures.
#
# **Predict.** Age and mileage have the correlation $r = 0.8$. With the z-scores of both, is $\kappa$ equal to 1?

# %%
km = cars.features  # shape (500, 2): age in years, mileage in km
min_max = (km - km.min(axis=0)) / (km.max(axis=0) - km.min(axis=0))  # each column from 0 to 1
for name, x in {"km": km, "10 000 km": km / [1, 10_000], "min–max": min_max, "z-score": z_score(km)}.items():
    three = curvatures(x)
    print(f"{name:9}: κ = {three[-1] / three[0]:.3g}")
r = np.corrcoef(km.T)[0, 1]
print(f"r = {r:.2f}, (1 + r)/(1 − r) = {(1 + r) / (1 - r):.1f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No, 9.1. For the two weights the matrix is $\begin{pmatrix} 1 & r \\ r & 1 \end{pmatrix}$. It multiplies the vector $(1, 1)$ by $1 + r$, and $(1, -1)$ by $1 - r$. So these
# are the curvatures, and $b$ has 1.
#
# </details>
#
# After a z-score it does not matter what we measure in: km or 10 000 km alone changes $\kappa$ by a factor of many millions. The correlation stays, because a z-score treats each
# feature alone. So does BN with its channels. (After **min–max scaling** the means and standard deviations are not 0 and 1.)
#
# ## Inside a network
#
# To a linear layer, the outputs of the layer before it are features. Does BN make their curvatures more alike?
#
# We send the digits through four layers with random weights: linear, then BN or not, then **ReLU**, $\max(0, z)$. A new BN layer is a z-score for
# each channel ($\gamma = 1$, $\beta = 0$). Each layer has 100 outputs, its **units**. A unit is **active** for a picture if its output is not 0.


# %%
pictures = digits(dtype=np.float64).x_train


def four_layers(seed, batch_norm):
    random, h = np.random.default_rng(seed), pictures
    for _ in range(4):
        inputs = h.shape[1]
        h = h @ (random.normal(size=(inputs, 100)) * (2 / inputs) ** 0.5)  # weights as in 00's lab
        if batch_norm:
            h = z_score(h)
        h = np.maximum(h, 0)  # the ReLU
    return h


for name, batch_norm in {"without BN": False, "with BN": True}.items():
    active = (four_layers(0, batch_norm) > 0).mean(axis=0)  # the share of pictures, for each unit
    print(f"{name:10}: units are active for {active.min():.0%} to {active.max():.0%} of the pictures")

# %% [markdown]
# With BN the input of each ReLU has mean 0, so each unit is active for about half of the pictures. Without BN some are active for all, and some
# never.
#
# Now a fifth layer, linear with one output, is to learn something with the squared loss. Whatever it learns, its 101 curvatures are `curvatures(h)`: they
# depend on its features alone.
#
# **Predict.** One of its weights belongs to a unit that is never active. What is the curvature in the direction of this weight?

# %%
sorted_curvatures = {
    name: np.array([curvatures(four_layers(seed, batch_norm)) for seed in range(5)])
    for name, batch_norm in {"without BN": False, "with BN": True}.items()
}
for name, five in sorted_curvatures.items():
    largest, middle, smallest = five[0, [-1, 50, 0]]
    print(f"{name:10}: largest {largest:.1f}, middle {middle:.4f}, smallest {abs(smallest):.4f}")
    print(f"{'':10}  largest / middle, five seeds:", *(f"{c[-1] / c[50]:.0f}" for c in five))

# %% tags=["draws"] alt="The 101 curvatures from the largest to the smallest, on a logarithmic axis, five lines without BN and five with BN. All begin between 12 and 18. With BN they fall slowly to about 0.01. Without BN they fall faster: the middle one is near 0.003, and the last ones leave the picture at the bottom."
ax = figures.new_axes(size=(6.0, 3.0))
for role, five in zip(("without_bn", "with_bn"), sorted_curvatures.values(), strict=True):
    shown = np.maximum(five[:, ::-1], 1e-12).T  # a curvature of 0 has no place on this axis
    ax.plot(np.arange(1, 102), shown, figures.role(role).line, lw=1.2, color=figures.role(role).color)
look = {"x": "curvatures, the largest first", "y": "curvature", "log": "y", "ylim": (1e-5, 1e2)}
figures.frame(ax, title="The curvatures of the fifth layer, five seeds", **look)
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper right")
without, with_bn = sorted_curvatures.values()
assert abs(without[:, 0]).max() < 1e-10
assert (with_bn[:, :-1].min(axis=0) > without[:, :-1].max(axis=0)).all()
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# 0. Such a weight changes no output, so the loss is flat in its direction.
#
# </details>
#
# The largest curvature is nearly the same with BN and without, so the rate can be, too. All the others are larger with BN, for all five seeds. Look at
# the middle one: with the rate 1/largest, its direction needs largest/middle steps until a third of the distance is left. That is about 120 steps with BN, and
# about 4 000 without. The flatter half of the directions needs even more.
#
# This is one reason why BN may help. We measured it for random weights, before any training, for one layer, and for the squared loss.
# Lesson 07 measures how much faster a training becomes. Which part of BN makes the difference? Find out in the
# [exercise](exercises/01b_see_why_it_helps.ipynb).
#
# **What was shown.** One rate must serve the largest and the smallest curvature, so a large condition number makes gradient descent slow. A z-score
# for each feature makes it smaller. In a ReLU network with random weights, BN makes the small curvatures larger.
#
# **Exercise.** [See why it may help](exercises/01b_see_why_it_helps.ipynb): 15 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb)
#
# Sources:
#
# - Step sizes and curvatures: Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", 1998, section 5
# - Curvature inside a network: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate
#   Curvature", 2015, arXiv:1503.05671
