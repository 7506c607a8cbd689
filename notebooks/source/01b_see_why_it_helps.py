# %% [markdown]
# # 01b · See why it may help
#
# *30 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) · next:
# [01c · See why in a network](01c_see_why_in_a_network.ipynb) · [exercises](exercises/01b_see_why_it_helps.ipynb)*
#
# Does it matter that numbers have mean 0 and standard deviation 1? You fit one line to 500 cars twice: with their age in years it takes
# more than a thousand steps, with its z-score one. At the end you can tell this from the feature alone.

# %%
import numpy as np

from bnteach import figures, labs
from bnteach.data import rental_cars

# %% [markdown]
# ## One line, two scales
#
# We fit the daily price of a car to its age $x$: `price ≈ w · age + b`. The loss is half the mean of the squared errors. Its
# derivatives with respect to $w$ and $b$ are the means of error · $x$ and of the error. `descend` is gradient descent with them.


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
best = np.polyfit(age, price, 1)  # where the loss is lowest
print("lowest loss at w, b:  ", best.round(2))
print("rate 0.007, 100 steps:", descend(age, price, 0.007, 100)[-1].round(2))

# %% [markdown]
# After 100 steps $b$ is 14, and it should be 72.
#
# **Predict.** We take about twice the rate, 0.015. After 100 steps, is $w$ (A) nearer to −1.76, (B) as far away as now, or (C) much farther?

# %%
w = descend(age, price, 0.015, 100)[:, 0]
print(f"rate 0.015: w after 1, 10, 11 and 100 steps: {w[1]:.0f}, {w[10]:.0f}, {w[11]:.0f}, {w[100]:.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. It jumps from side to side, farther each time: it **diverges**.
#
# </details>
#
# Now with the **z-score** of the age: minus the mean, divided by the standard deviation.


# %%
def z_score(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


print("lowest loss at w, b:", np.polyfit(z_score(age), price, 1).round(2))
print("rate 1, 1 step:     ", descend(z_score(age), price, 1, 1)[-1].round(2))
print(f"w for a year · std of the age: {best[0]:.2f} · {age.std():.2f} = {best[0] * age.std():.2f}")

# %% [markdown]
# One step arrives. Now $w$ is for one standard deviation of age, and $b$ is the price at the mean age. In the
# picture each gray line joins points of equal loss; white is low.

# %% tags=["draws"] alt="Two contour plots of the loss over w and b. Left, with the age in years: the lines are long and narrow, a ravine. The path goes sideways in its first step, to the floor, then slowly up along the floor, and after 100 steps it is still far from the lowest point. Right, with the z-score of the age: circles, a bowl, and one step arrives in the center."
figure, axes = figures.new_figure(columns=2, size=(5.6, 3.7))
w, b = np.meshgrid(np.linspace(-30, 30, 120), np.linspace(-15, 90, 120))
for ax, x, rate, steps in zip(axes, (age, z_score(age)), (0.007, 1), (100, 1), strict=True):
    error = np.sqrt(np.mean((w[..., None] * x + b[..., None] - price) ** 2, axis=-1))
    ax.contourf(w, b, error, levels=14, cmap="gray_r", alpha=0.6)
    ax.contour(w, b, error, levels=14, colors="#8A8A8A", linewidths=0.8)
    path = descend(x, price, rate, steps)
    ax.plot(*path.T, color=figures.role("moved").color, label="path")
    ax.plot(*path[[0, 1]].T, "o", ms=5, color=figures.role("moved").color, label="start, and after 1 step")
    ax.plot(*np.polyfit(x, price, 1), "k*", ms=13, ls="", label="lowest loss")
    ax.set_aspect("equal")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
figures.frame(axes[0], title="Age, rate 0.007: 100 steps", x="w", y="b")
figures.frame(axes[1], title="z-score, rate 1: 1 step", x="w", y="b")
figures.show(figure)

# %% [markdown]
# On the left the loss is a **ravine**: the first step goes down its steep wall, the others creep along its floor. On the right it is a
# round **bowl**.
#
# ## How steep: the curvatures
#
# Walk on a straight line through the lowest point. The loss is quadratic in $w$ and $b$, so on this line it is a parabola: at the distance $d$
# from the lowest point it is higher by $\frac{1}{2} c\,d^2$, and its slope is $c\,d$. The second derivative $c$ is the **curvature**. A step
# that stays on this line gives
#
# $$\text{new } d = d - \text{rate}\cdot c\,d = (1 - \text{rate}\cdot c)\,d$$
#
# - With the rate $1/c$ it arrives at 0.
# - With a rate above $2/c$ it lands farther away: it diverges.
#
# On which lines does a step stay? Where the gradient points along the line. Seen from the lowest point we are at $v = (v_w, v_b)$. At the
# lowest point the gradient is 0, and at $v$ each error is larger by $v_w x + v_b$. So our gradient is the mean of $(v_w x + v_b)\,x$ and
# of $v_w x + v_b$. That is a matrix times $v$:
#
# $$\text{gradient} = \begin{pmatrix} \text{mean of } x^2 & \text{mean of } x \\ \text{mean of } x & 1 \end{pmatrix}
# \begin{pmatrix} v_w \\ v_b \end{pmatrix}$$
#
# (It holds the second derivatives of the loss.) Most $v$ it turns into another direction. In two directions, at a right angle, it
# only *stretches* $v$: there the gradient is $c\,v$. These $v$ are its **eigenvectors**. The factors $c$, our curvatures, are its **eigenvalues**.
#
# **Predict.** With the age, the rate 0.007 does not diverge, and 0.015 does. Between which two numbers is the larger curvature?

# %%
matrix = np.array([[(age**2).mean(), age.mean()], [age.mean(), 1.0]])
curvatures, directions = np.linalg.eigh(matrix)  # the smallest curvature first
for c, v in zip(curvatures, directions.T, strict=True):  # each column is one direction
    v = v / v[np.argmax(abs(v))]  # so long that its larger entry is 1
    print(f"v = {v.round(2)}, matrix times v = {(matrix @ v).round(2)}: curvature {c:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Between $2/0.015 = 133$ and $2/0.007 = 286$. It is 143, so 0.007 was about $1/c$.
#
# </details>
#
# The first $v$ is the floor of the ravine: up, and a little to the left. The second is the wall, to the side.
#
# ## How many steps: the condition number
#
# Both directions share one rate. With 1/largest one step is enough for the wall, and on the floor it leaves
# $1 - \text{smallest}/\text{largest}$ of the distance. The largest curvature divided by the smallest is the **condition
# number** $\kappa$ (kappa), 467 for the age. So a step leaves $1 - 1/\kappa$. And $\kappa$ steps?

# %%
for kappa in (10, 100):
    print(f"κ = {kappa:3}: κ steps leave {(1 - 1 / kappa) ** kappa:.2f} of the distance")
path = descend(age, price, 1 / curvatures[-1], 468)
distance = np.sqrt(((path - best) ** 2).sum(axis=1))
print(f"age: step 1 leads to the floor, and 467 more leave {distance[468] / distance[1]:.2f}")

# %% [markdown]
# So $\kappa$ is **the number of steps until a good third is left**. A bowl has $\kappa = 1$.
#
# `curvatures_of` takes any number of features. Its column of ones belongs to $b$.
#
# **Predict.** The variance of the age is 44. We only subtract its mean. What is $\kappa$ then: (A) 467 as before, (B) 44, or
# (C) 1?


# %%
def curvatures_of(x):
    columns = np.column_stack([x, np.ones(len(x))])
    return np.linalg.eigvalsh(columns.T @ columns / len(x))  # the smallest first


for name, x in {"age": age, "mean subtracted": age - age.mean(), "z-score": z_score(age)}.items():
    smallest, largest = curvatures_of(x)
    print(f"{name:15}: curvatures {smallest:.1f} and {largest:5.1f}, κ = {largest / smallest:.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# B. With the mean 0 the matrix has 44 and 1 on its diagonal and zeros elsewhere. Dividing makes 1 of the 44.
#
# </details>
#
# ## Lab: from a ravine to a bowl
#
# 1. Start with mean 2, standard deviation 0.5, rate 0.3. Make the mean 0 in steps. What becomes of the lines?
# 2. Make the standard deviation 1. Which rate arrives in one step?
# 3. Move the mean to 3. Which is now the largest rate that does not diverge?

# %%
labs.Ravine()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. They turn and become rounder, but not yet circles.
# 2. The rate 1.
# 3. 0.1. The limit $2/c$ is 0.18.
#
# </details>
#
# ## Two features
#
# With the mileage as a second feature there are two weights and $b$, so three curvatures. For z-scores the matrix has ones on
# its diagonal, and the correlation $r = 0.8$ of age and mileage:
#
# $$\begin{pmatrix} 1 & r & 0 \\ r & 1 & 0 \\ 0 & 0 & 1 \end{pmatrix}$$
#
# Multiply it by $(1, 1, 0)$, $(1, -1, 0)$ and $(0, 0, 1)$: it only stretches them, by $1 + r = 1.8$, $1 - r = 0.2$ and 1. So $\kappa$ is
# about 9.

# %%
in_km = cars.features  # shape (500, 2): age in years, mileage in km
for name, x in {"km": in_km, "10 000 km": in_km / [1, 10_000], "z-scores": z_score(in_km)}.items():
    three = curvatures_of(x)
    print(f"{name:9}: κ = {three[-1] / three[0]:.3g}")

# %% [markdown]
# Another unit changes $\kappa$ by a factor of many millions; with z-scores the unit does not matter. But the correlation
# stays: a z-score treats each feature alone, and so does BN.
#
# **What was shown.** One rate must serve the largest and the smallest curvature, so a large $\kappa$ means many steps. A
# mean far from 0, unequal scales and correlation make $\kappa$ large; z-scores remove the first two.
#
# **Exercises.** [See why it may help](exercises/01b_see_why_it_helps.ipynb): 15 minutes.
#
# **Next.** [01c · See why in a network](01c_see_why_in_a_network.ipynb)
#
# *Source: Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", 1998, section 5.*
