# %% [markdown]
# # 01b · See why BN may help
#
# *35 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) · next:
# [01c · See why in a network](01c_see_why_in_a_network.ipynb) · [exercises](exercises/01b_see_why_it_helps.ipynb)*
#
# BN gives each channel the mean 0 and the standard deviation 1: why should this help? You fit one line to 500 cars: 1 000 steps of gradient descent are not enough
# with their age in years, and one step is enough with the normalized age. At the end you can tell roughly from the feature alone how many steps are needed.

# %%
import numpy as np

from bnteach import figures, labs
from bnteach.data import rental_cars

# %% [markdown]
# ## One line, two scales
#
# We fit the daily price of a car to its age $x$ with a line: `price ≈ w · age + b`. The loss is half the mean of the squared errors. Its
# derivative with respect to $w$ is the mean of error · $x$, and that with respect to $b$ is the mean of the error.
#
# `descend` is gradient descent from $w = b = 0$. The cell prints the best $w$ and $b$, and those that gradient descent reaches.


# %%
def descend(x, price, rate, steps):
    """w and b at the start and after each step, shape (steps + 1, 2)."""
    w, b = 0.0, 0.0
    path = [(w, b)]
    for _ in range(steps):
        error = w * x + b - price
        w = w - rate * (error * x).mean()
        b = b - rate * error.mean()
        path.append((w, b))
    return np.array(path)


cars = rental_cars(500)
age, price = cars.age, cars.price  # shape (500,) each
best = np.polyfit(age, price, 1)  # w and b where the loss is lowest
path = descend(age, price, 0.007, 1000)
print("lowest loss at w, b:", best.round(1))
for steps in (1, 100, 1000):
    print(f"rate 0.007, after {steps:4} steps: w {path[steps, 0]:4.1f}, b {path[steps, 1]:4.1f}")

# %% [markdown]
# After 1 000 steps $b$ is still far from 72.3. The first step moves $w$ from 0 to 3.3, and from there $w$ and $b$ change slowly.
#
# **Predict.** We take a little more than twice the rate, 0.015, so the first step is a little more than twice as long. Does $w$
# (A) settle sooner, (B) become too large and too small in turn, but nearer to a fixed value each time, or (C) too large and too small in turn, and farther away each time?

# %%
w = descend(age, price, 0.015, 100)[:, 0]
print("rate 0.015: w after 1, 2, 3 and 4 steps:", w[1:5].round(1), f"and after 100: {w[100]:.0f}")
print("rate 0.013: b after 1000 steps:", descend(age, price, 0.013, 1000)[-1, 1].round(1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. With 0.007 the first step takes $w$ from 0 nearly to a place from which it moves only slowly. A step of a little more than twice this length lands on the other side of this place, a little farther away than it
# began. The next step lands farther away again. Gradient descent **diverges**.
#
# </details>
#
# The rate 0.013 is a little better than 0.007, but 1 000 steps do not reach 72.3 either. So we change the feature. Its **z-score** is $x$ minus the mean, divided by the standard deviation.


# %%
def z_score(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


print("lowest loss at w, b:", np.polyfit(z_score(age), price, 1).round(1))
print("rate 1, after 1 step:", descend(z_score(age), price, 1, 1)[-1].round(1))

# %% [markdown]
# One step arrives. Now $w$ is the change for one standard deviation of age, and $b$ is the price at the mean age.
#
# The picture shows the loss for both features. Each gray line joins points of equal loss, and white is low.

# %% tags=["draws"] alt="Two contour plots of the loss over w and b. Left, with the age in years: the lines are long and narrow, a ravine. A dotted line goes along its floor, nearly upright, and another one up its walls, nearly level. The path goes sideways in its first step, to the floor, then slowly up along the floor, and after 100 steps it is still far from the lowest point. Right, with the z-score of the age: circles, a bowl, and one step arrives in the center."
figure, axes = figures.new_figure(columns=2, size=(5.8, 3.9))
w, b = np.meshgrid(np.linspace(-30, 30, 120), np.linspace(-15, 90, 120))
for ax, x, rate, steps in zip(axes, (age, z_score(age)), (0.007, 1), (100, 1), strict=True):
    loss = np.mean((w[..., None] * x + b[..., None] - price) ** 2, axis=-1) / 2
    levels = np.linspace(loss.min() ** 0.5, loss.max() ** 0.5, 15) ** 2
    ax.contourf(w, b, loss, levels=levels, cmap="gray_r", alpha=0.6, vmax=2 * levels[-1])
    ax.contour(w, b, loss, levels=levels, colors="#8A8A8A", linewidths=0.8)
    walk, (w_low, b_low) = descend(x, price, rate, steps), np.polyfit(x, price, 1)
    ax.plot(w_low, b_low, "k*", ms=15, ls="", label="lowest loss")
    ax.plot(*walk.T, color=figures.role("moved").color, label="path")
    ax.plot(*walk[[0, 1]].T, "o", ms=5, color=figures.role("moved").color, label="start and step 1")
    ax.set_aspect("equal")
for along in ((-0.070, 0.998), (0.998, 0.070)):
    axes[0].axline(best, best + along, color="k", lw=1, ls=":")
axes[0].text(6, 25, "floor")
axes[0].text(29, 77, "wall", ha="right")
axes[0].set(xlim=(-30, 30), ylim=(-15, 90))
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
figures.frame(axes[0], title="Age: 100 steps", x="w", y="b")
figures.frame(axes[1], title="z-score: 1 step", x="w", y="b")
figures.show(figure)

# %% [markdown]
# On the left the loss is a **ravine**: the first step goes down its steep wall, and the other steps creep along its floor. On the right the
# loss is a round **bowl**.
#
# ## How steep: the curvatures
#
# We begin with a single weight. The loss is quadratic, so it is a parabola. Let $d$ be our distance from the lowest point, negative on the left of it and positive on the right.
# At this distance the loss is higher by $\frac{1}{2} c\,d^2$ than at the lowest point, and its slope is $c\,d$. The second derivative $c$ is the
# **curvature**: small for the floor of a ravine, large for its wall.
#
# A step of gradient descent on this parabola gives
#
# $$\text{new } d = d - \text{rate}\cdot c\,d = (1 - \text{rate}\cdot c)\,d$$
#
# So each step multiplies $d$ by $1 - \text{rate}\cdot c$:
#
# - With a rate below $1/c$ the step stays on its side, and lands nearer.
# - With the rate $1/c$ this factor is 0: one step arrives.
# - With a rate between $1/c$ and $2/c$ the step jumps to the other side, but it lands nearer.
# - With a rate above $2/c$ the step lands farther away: gradient descent diverges.
#
# Now there are two weights. Let $v = (v_w, v_b)$ be our place, seen from the lowest point. The gradient has two parts: the mean of
# error times $x$, and the mean of the error. At the lowest point both are 0. At $v$ each error differs from that by $v_w x + v_b$. So the
# gradient at $v$ is the mean of $(v_w x + v_b)\,x$, and the mean of $v_w x + v_b$. That is a matrix times $v$:
#
# $$\text{gradient} = \begin{pmatrix} \text{mean of } x^2 & \text{mean of } x \\ \text{mean of } x & 1 \end{pmatrix}
# \begin{pmatrix} v_w \\ v_b \end{pmatrix}$$
#
# For most $v$ the gradient points in another direction than $v$, and a step leaves the line to the lowest point. But linear algebra says:
# for a symmetric matrix like this one there are two directions, at a right angle to each other. If $v$ lies in one of them, the matrix only multiplies $v$ by a number $c$. In these
# directions the gradient is $c\,v$, as on our parabola. They are the **eigenvectors** of the matrix, and the numbers $c$ are its
# **eigenvalues**: the curvatures in the two directions.
#
# Any start is the sum of two parts, one in each of these two directions. Each step multiplies each part by its own factor
# $1 - \text{rate}\cdot c$. The cell prints the two directions for the age, and their curvatures.

# %%
matrix = np.array([[(age**2).mean(), age.mean()], [age.mean(), 1.0]])
curvatures, directions = np.linalg.eigh(matrix)  # the smallest curvature first
for c, v in zip(curvatures, directions.T, strict=True):  # each column is one direction
    print(f"v = {v.round(3)}, matrix times v = {(matrix @ v).round(2)}, curvature {c:.4g}")

# %% [markdown]
# The first direction is the floor of the ravine, and the second one is its wall: the dotted lines in the picture above. For the wall $1/c$ is
# $1/143.1 = 0.007$. So the rate 0.007 needs one step for the wall, and 0.015 is above the limit $2/c$.
#
# ## How many steps: the condition number
#
# Both directions share one rate. With 1/largest, one step is enough for the wall, and along the floor each step multiplies the distance by
# $1 - \text{smallest}/\text{largest}$.
#
# The largest curvature divided by the smallest is the **condition number** $\kappa$ (kappa). For the age it is
# 143.1 / 0.3067 = 467, and for a round bowl it is 1. So along the floor a step multiplies the distance by $1 - 1/\kappa$.
#
# **Predict.** The first step leads to the floor. After 467 more steps, is (A) nearly nothing, (B) about a third, or (C) nearly all of the
# distance left? Think of $(1 - 1/\kappa)^\kappa$.

# %%
path = descend(age, price, 1 / curvatures[1], 1 + 2 * 467)
distance = np.sqrt(((path - best) ** 2).sum(axis=1))  # from the lowest point
for steps in (467, 2 * 467):
    print(f"age: {steps} more steps leave {distance[1 + steps] / distance[1]:.2f} of the distance")
for kappa in (10, 100):
    print(f"κ = {kappa:3}: κ steps leave {(1 - 1 / kappa) ** kappa:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# B. For a large $\kappa$ the number $(1 - 1/\kappa)^\kappa$ is close to $1/e = 0.37$.
#
# </details>
#
# So for a large $\kappa$, with the rate 1/largest, **about $\kappa$ steps leave $1/e$ of the distance along the floor**.
#
# Which part of the z-score makes $\kappa$ small? `curvatures_of` builds the same matrix for any number of features. Its column of ones
# belongs to $b$.
#
# **Predict.** We subtract only the mean of the age; its variance is 44. Put this into the matrix with the mean of $x^2$ and the mean of
# $x$. What is $\kappa$: (A) 467 as before, (B) 44, or (C) 1?


# %%
def curvatures_of(x):
    columns = np.column_stack([x, np.ones(len(x))])
    return np.linalg.eigvalsh(columns.T @ columns / len(x))  # the smallest first


features = {"age": age, "mean subtracted": age - age.mean(), "divided by std": age / age.std()}
for name, x in {**features, "z-score": z_score(age)}.items():
    smallest, largest = curvatures_of(x)
    print(f"{name:15}: curvatures {smallest:.1f} and {largest:5.1f}, κ = {largest / smallest:.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# B. With the mean 0 the mean of $x^2$ is the variance. So the matrix has 44 and 1 on its diagonal, and zeros elsewhere.
#
# </details>
#
# If we only divide by the standard deviation, $\kappa$ is 16, so here dividing alone helps more than subtracting alone. But the mean is still 1.5 times the standard deviation. It takes both to make a bowl, with $\kappa = 1$.
#
# ## Lab: from a ravine to a bowl
#
# The lab measures $w$ and $b$ from the lowest point, so this point lies at (0, 0). The first three steps have numbers.
#
# 1. Start with mean 2, standard deviation 0.5, rate 0.3. Make the mean smaller until it is 0. What becomes of the lines?
# 2. Make the standard deviation 1. Which rate arrives in one step? What happens at 1.5?
# 3. Move the mean to 3. Which of the lab's rates is now the largest that does not diverge?

# %%
labs.Ravine()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. They turn and become rounder, but not circles.
# 2. The rate 1. At 1.5 each step jumps over the lowest point and lands nearer.
# 3. The rate 0.1. The limit $2/c$ is 0.18.
#
# </details>
#
# ## Two features
#
# With the mileage as a second feature there are two weights and $b$, so three curvatures. The matrix holds the means of all products of
# two columns. z-scores have the mean 0 and the mean square 1, and the mean of their product is their correlation, here $r = 0.8$. So
# the rows are $(1, r, 0)$, $(r, 1, 0)$ and $(0, 0, 1)$. The matrix multiplies $(1, 1, 0)$ by $1 + r = 1.8$,
# $(1, -1, 0)$ by $1 - r = 0.2$, and $(0, 0, 1)$ by 1. These numbers are the three curvatures, so $\kappa$ is $1.8 / 0.2 = 9$.
#
# Without z-scores the unit of the mileage matters. We compare km with units of 10 000 km:

# %%
in_km = cars.features  # shape (500, 2): age in years, mileage in km
for name, x in {"km": in_km, "10 000 km": in_km / [1, 10_000], "z-scores": z_score(in_km)}.items():
    three = curvatures_of(x)
    print(f"{name:9}: smallest {three[0]:.2f}, largest {three[-1]:.4g}, κ = {three[-1] / three[0]:.3g}")

# %% [markdown]
# In km the mean of $x^2$ is enormous, and with it the largest curvature. With z-scores the unit does not matter: it cancels when
# we divide. And each feature then has the mean square 1, like the column of ones that belongs to $b$. But the correlation stays: a z-score treats each feature
# alone, and so does BN.
#
# **What was shown.** One rate must serve the largest and the smallest curvature. So with plain gradient descent a large $\kappa$ means many
# steps. Three things make $\kappa$ large: means that are large beside the standard deviation; unequal scales, also beside the column of ones; and correlation.
# z-scores remove the first two. All this was for a single straight line: the [next lesson](01c_see_why_in_a_network.ipynb) looks into a
# network.
#
# **Exercises.** [See why BN may help](exercises/01b_see_why_it_helps.ipynb): 15 minutes.
#
# **Next.** [01c · See why in a network](01c_see_why_in_a_network.ipynb)
#
# *Source: Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", 1998, section 5.*
