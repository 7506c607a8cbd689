# %% [markdown]
# # 01b · See why it may help
#
# *25 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) · next:
# [01c · See why in a network](01c_see_why_in_a_network.ipynb) · [exercises](exercises/01b_see_why_it_helps.ipynb)*
#
# Why should it matter that numbers have mean 0 and standard deviation 1? You fit one line to 500 cars twice: with their age in
# years, and with its z-score. The first fit needs more than a thousand steps, the second needs one. At the end you can tell this from the
# feature alone.

# %%
import numpy as np

from bnteach import figures, labs
from bnteach.data import rental_cars

# %% [markdown]
# ## One line, two scales
#
# We want to tell the daily price of car $i$ from its age $x_i$: `price ≈ w · age + b`. The loss is half the mean of the squared errors:
#
# $$L(w, b) = \frac{1}{2N} \sum_i (w\,x_i + b - \text{price}_i)^2$$
#
# Its derivative with respect to $w$ is the mean of error times $x$, and with respect to $b$ the mean of the error. `descend` is gradient
# descent with these two, from $w = b = 0$.


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
# After 100 steps $b$ is 14, and it should be 72. That is slow.
#
# **Predict.** We double the rate, to 0.014. After 100 steps, is $w$ (A) nearer to −1.76, (B) as far from it, or (C) farther away than at
# the start?

# %%
w = descend(age, price, 0.014, 100)[:, 0]
print(f"rate 0.014: w after 1, 50 and 100 steps: {w[1]:.2f}, {w[50]:.2f}, {w[100]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. It jumps from side to side, a little farther each time: it **diverges**.
#
# </details>
#
# Now the same with the **z-score** of the age: minus the mean, divided by the standard deviation.


# %%
def z_score(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


print("lowest loss at w, b:", np.polyfit(z_score(age), price, 1).round(2))
print("rate 1, 1 step:     ", descend(z_score(age), price, 1, 1)[-1].round(2))
print(f"w for a year, times the standard deviation: {best[0]:.2f} · {age.std():.2f} = {best[0] * age.std():.2f}")

# %% [markdown]
# One step arrives. It is the same line, with other numbers: now $w$ is the price for one standard deviation of age, and $b$ the
# price at the mean age. In the picture each gray line joins points of equal loss; white is low.

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
# On the left the loss is a **ravine**, a narrow valley with steep walls. The first step goes down the wall, the others creep along the
# floor. On the right it is a round **bowl**.
#
# ## How steep: the curvatures
#
# Walk along a straight line through the lowest point. The loss is quadratic in $w$ and $b$, so along this line it is a parabola. At the
# distance $d$ from the lowest point it is higher by $\frac{1}{2} c\,d^2$, and its slope is $c\,d$. The second derivative $c$ is called the
# **curvature**. If a step of gradient descent stays on this line, it gives
#
# $$\text{new } d = d - \text{rate}\cdot c\,d = (1 - \text{rate}\cdot c)\,d$$
#
# - With the rate $1/c$ it arrives at 0.
# - With a rate above $2/c$ it lands farther away than before: it diverges.
#
# **Predict.** With the age, the rate 0.007 does not diverge, and 0.014 does. If the walls of the ravine are such a line, between which two numbers is
# their curvature?
#
# On which lines does a step stay? Only where the gradient points along the line. We are at $(v_w, v_b)$, seen from the lowest point. There each error
# is larger by $v_w x_i + v_b$ than at the lowest point, where the gradient is 0. So here the gradient is the mean of
# $(v_w x_i + v_b)\,x_i$, and the mean of $v_w x_i + v_b$. That is a matrix times $v$:
#
# $$\text{gradient} = \begin{pmatrix} \text{mean of } x^2 & \text{mean of } x \\ \text{mean of } x & 1 \end{pmatrix}
# \begin{pmatrix} v_w \\ v_b \end{pmatrix}$$
#
# (The matrix holds the second derivatives of the loss.) It turns most vectors $v$ into another direction. But two directions, at a right angle, it only
# *stretches*: there the gradient is $c\,v$. They are called its **eigenvectors**, and the factors $c$ its **eigenvalues**. So
# the eigenvalues are the curvatures we look for. NumPy finds both:

# %%
matrix = np.array([[(age**2).mean(), age.mean()], [age.mean(), 1.0]])
curvatures, directions = np.linalg.eigh(matrix)  # the smallest curvature first
for c, v in zip(curvatures, directions.T, strict=True):  # each column is one direction
    v = v / v[np.argmax(abs(v))]  # so long that its larger entry is 1
    print(f"v = {v.round(2)}, matrix times v = {(matrix @ v).round(2)}: curvature {c:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Between $2/0.014 = 143$ and $2/0.007 = 286$. It is 143.12, just above the lower end.
#
# </details>
#
# The first $v$ is the floor of the picture: it goes up, and a little to the left. The second is the way down the wall, nearly straight to the side. The wall is 467 times as
# steep as the floor.
#
# ## How many steps: the condition number
#
# Both directions share one rate. The rate 1/largest is best for the wall: one step. On the floor each step then leaves
# $1 - \text{smallest}/\text{largest}$ of the distance. The largest curvature divided by the smallest is the **condition
# number** $\kappa$ (kappa). So a step leaves $1 - 1/\kappa$. What do $\kappa$ steps leave?

# %%
for kappa in (10, 100, 467):
    print(f"κ = {kappa:3}: κ steps leave {(1 - 1 / kappa) ** kappa:.2f} of the distance")
path = descend(age, price, 1 / curvatures[-1], 468)
distance = np.sqrt(((path - best) ** 2).sum(axis=1))
print(f"age: step 1 leads to the floor, and 467 more leave {distance[468] / distance[1]:.2f}")

# %% [markdown]
# A good third each time. So $\kappa$ is **the number of steps until a good third of the distance is left**, and the cars agree.
# A round bowl has $\kappa = 1$: one step arrives.
#
# For more features the matrix has the same form: `columns.T @ columns / N`, where the last column is 1 and belongs to $b$.
#
# **Predict.** The variance of the age is 44. We subtract its mean, and do not divide. What is $\kappa$ then: (A) 467 as before, (B) 44, or
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
# B. The mean of $x$ is 0, so the matrix has 44 and 1 on its diagonal and zeros elsewhere. The z-score makes 1 of the 44.
#
# </details>
#
# To subtract the mean makes the ravine ten times rounder, and to divide makes it a bowl.
#
# ## Lab: from a ravine to a bowl
#
# One feature, with any mean and standard deviation.
#
# 1. Start with mean 2, standard deviation 0.5 and the rate 0.3. Make the mean 0 in steps. What becomes of the lines?
# 2. Now the standard deviation 1. Which rate arrives in one step, and which is the largest that does not diverge?
# 3. Move the mean alone, to 3. Which rate of the slider is the largest that does not diverge now?

# %%
labs.Ravine()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. They turn and become rounder, but stay longer in one direction: the standard deviation is not 1 yet.
# 2. The rate 1 arrives. All below 2 come nearer, and with exactly 2 the path jumps to and fro for ever.
# 3. 0.1. The limit $2/c$ is 0.18, and the slider's next rate is 0.2.
#
# </details>
#
# ## Two features
#
# A second feature of the cars is their mileage. Now there are two weights and $b$, so three curvatures. For z-scores the matrix has ones on
# its diagonal, and the correlation $r = 0.8$ of age and mileage twice:
#
# $$\begin{pmatrix} 1 & r & 0 \\ r & 1 & 0 \\ 0 & 0 & 1 \end{pmatrix}$$
#
# **Predict.** Multiply it by $(1, 1, 0)$, by $(1, -1, 0)$ and by $(0, 0, 1)$: it only stretches them. So what are the curvatures, and what is $\kappa$?

# %%
in_km = cars.features  # shape (500, 2): age in years, mileage in km
in_10_000_km = in_km / [1, 10_000]
for name, x in {"km": in_km, "10 000 km": in_10_000_km, "z-scores": z_score(in_km)}.items():
    three = curvatures_of(x)
    print(f"{name:9}: κ = {three[-1] / three[0]:.3g}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# $1 + r = 1.8$, $1 - r = 0.2$ and 1, so $\kappa$ is about 9.
#
# </details>
#
# Another unit for the mileage changes $\kappa$ by a factor of many millions. With z-scores the unit does not matter. The correlation stays, because a
# z-score treats each feature alone, and so does BN.
#
# **What was shown.** One rate must serve the largest and the smallest curvature, so gradient descent needs about $\kappa$ steps. The curvatures
# come from the features alone: a mean far from 0, unequal scales and correlation make $\kappa$ large. z-scores remove the first two.
#
# **Exercises.** [See why it may help](exercises/01b_see_why_it_helps.ipynb): 15 minutes.
#
# **Next.** [01c · See why in a network](01c_see_why_in_a_network.ipynb)
#
# *Source: Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", 1998, section 5.*
