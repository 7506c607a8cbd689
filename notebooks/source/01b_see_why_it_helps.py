# %% [markdown]
# # 01b · See why it may help
#
# *40 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) · next: [02 · Normalize](02_normalize.ipynb) ·
# [exercises](exercises/01b_see_why_it_helps.ipynb)*
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
# Go along the floor of the ravine, or straight across it. In these two directions the gradient points along the way itself, so a step stays on it. The loss there is a parabola; its second
# derivative is the **curvature** $c$: at the distance $d$ from the lowest point the slope is $c\,d$. So a step gives
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
# Let $v$ be the vector from the lowest point to where we are. At the lowest point the gradient is 0. The second derivatives say how the gradient
# changes on the way, so where we are the gradient is this matrix times $v$. Along the floor and across it the gradient points along $v$ itself, so it is $c\,v$. Such directions are the
# **eigenvectors** of the matrix, and the curvatures are its **eigenvalues**.
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
# But both directions share one rate. With the rate 1/largest, a step along the floor leaves $1 - \text{rate}\cdot c$, that is $1 - \text{smallest}/\text{largest}$, of
# the distance. The largest curvature divided by the smallest is the **condition number** $\kappa$ (kappa). So each step leaves $1 - 1/\kappa$, and $\kappa$
# steps leave about $1/e$, a good third, if $\kappa$ is large. A round bowl has $\kappa = 1$: one step arrives.
#
# **Predict.** The variance of the age is 44. We subtract the mean from the age, and do not divide. What is $\kappa$ then?

# %%
for name, x in {"age": age, "mean subtracted": age - age.mean(), "z-score": z_score(age)}.items():
    low, high = curvatures(x)
    print(f"{name:15}: curvatures {low:.1f} and {high:5.1f}, κ = {high / low:.0f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 44. The matrix has 44 and 1 on its diagonal and zeros elsewhere: these are the curvatures. A z-score divides as well, and both are 1.
#
# </details>
#
# ## Lab: from a ravine to a bowl
#
# One feature, with any mean and standard deviation. The path starts on the left; the star is the lowest point.
#
# 1. Start with mean 2, standard deviation 0.5 and the rate 0.3. Then make the mean 0 in steps. What becomes of the lines?
# 2. Now the standard deviation 1. What is the largest rate that does not diverge? Which one arrives in one step?
# 3. Move the mean alone, to 3. Which is the largest rate of the slider that does not diverge now?

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
# A second feature of the cars is the mileage, in km. Now there are two weights and $b$, so three curvatures. For z-scores the matrix has a 1 in each place of
# its diagonal. The correlation $r = 0.8$ of age and mileage stands in two other places, and the rest is 0:
#
# $$\begin{pmatrix} 1 & r & 0 \\ r & 1 & 0 \\ 0 & 0 & 1 \end{pmatrix}$$
#
# **Predict.** Multiply it by $(1, 1, 0)$, by $(1, -1, 0)$ and by $(0, 0, 1)$. What are the curvatures, and what is $\kappa$?

# %%
km = cars.features  # shape (500, 2): age in years, mileage in km
min_max = (km - km.min(axis=0)) / (km.max(axis=0) - km.min(axis=0))  # each column from 0 to 1
for name, x in {"km": km, "10 000 km": km / [1, 10_000], "min–max": min_max, "z-score": z_score(km)}.items():
    three = curvatures(x)
    print(f"{name:9}: κ = {three[-1] / three[0]:.3g}")
print(f"r = {np.corrcoef(km.T)[0, 1]:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# $1 + r = 1.8$, $1 - r = 0.2$ and 1, so $\kappa$ is about 9.
#
# </details>
#
# To measure the mileage in another unit is enough to change $\kappa$ by a factor of many millions. With z-scores the unit does not matter. The correlation stays,
# because a z-score treats each feature alone; and BN treats each channel alone. (**Min–max scaling** leaves a mean above 0.)
#
# ## Inside a network
#
# To a linear layer, the outputs of the layer before it are features. What are their curvatures, with BN and without?
#
# We send 1 347 pictures of digits through four layers with random weights: linear, then BN or not, then **ReLU**, $\max(0, z)$. A new BN layer is a z-score for
# each channel ($\gamma = 1$, $\beta = 0$). Each layer has 100 outputs, and each output has a mean and a variance over the pictures.


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
    return h  # shape (1347, 100)


networks = {"without BN": False, "with BN": True}
for name, batch_norm in networks.items():
    h = four_layers(0, batch_norm)
    print(
        f"{name:10}: squared means {(h.mean(axis=0) ** 2).sum():.1f}, variances {h.var(axis=0).sum():.1f} in all"
    )

# %% [markdown]
# Without BN the means are large and the variances small: the outputs are nearly the same for all pictures. With the age it was so, too: its mean was large beside its standard deviation. With
# BN the pictures differ more. (The last ReLU comes after BN, so the means are not 0.)
#
# Now a fifth layer, linear with one output, is to learn something with the squared loss. It has 100 weights and $b$, so 101 curvatures, and their matrix
# does not depend on what is to be learned. The largest belongs to the means, as for the age. The others belong to the differences between pictures.
#
# **Predict.** With BN the largest curvature is about 120 times the middle one. And without BN: less, about the same, or many times more?

# %%
sorted_curvatures = {
    name: np.array([curvatures(four_layers(seed, batch_norm)) for seed in range(5)])
    for name, batch_norm in networks.items()
}
for name, five in sorted_curvatures.items():
    print(f"{name:10}: largest {five[0, -1]:.1f}, middle {five[0, 50]:.4f}")
    print(f"{'':10}  largest / middle, five seeds:", *(f"{c[-1] / c[50]:.0f}" for c in five))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Many times more: 3 800 to 5 000 times the middle one.
#
# </details>
#
# The largest curvature is about the squared means plus 1, for $b$: 15.5 + 1 and 15.7 + 1. Why the middle, and not the smallest? Without BN some units are 0 for all pictures, and
# their curvature is 0: such a weight changes no answer, and $\kappa$ would be infinite. With the rate 1/largest, a direction with the curvature $c$ needs
# largest/$c$ steps until a good third of its distance is left: for the middle one 120 steps with BN, and some 4 000 without. Is it seen in the
# loss? We let the fifth layer learn which digits are odd.


# %%
odd = digits().y_train % 2


def loss_above_lowest(h, rate, steps):
    """Gradient descent for the fifth layer; returns how far its loss is above the lowest, after each step."""
    columns = np.column_stack([h, np.ones(len(h))])
    best = np.linalg.lstsq(columns, odd)[0]
    w, above = np.zeros(101), []
    for _ in range(steps):
        above.append(((columns @ (w - best)) ** 2).mean() / 2)
        w -= rate * columns.T @ (columns @ w - odd) / len(h)
    return np.array(above)


learned = {
    name: [
        loss_above_lowest(four_layers(seed, batch_norm), 1 / sorted_curvatures[name][seed, -1], 300)
        for seed in range(5)
    ]
    for name, batch_norm in networks.items()
}
for name, five in learned.items():
    print(f"{name:10}: left after 100 steps, five seeds:", *(f"{one[100] / one[0]:.0%}" for one in five))

# %% tags=["draws"] alt="Two panels, five lines without BN and five with BN in each. Left: the steps that each of the 101 directions needs, the fastest first, on a logarithmic axis. With BN they rise from 1 to about 1 000, and the middle direction needs about 120. Without BN the middle one needs about 4 000, and the last twenty lie above 100 000. Right: the loss above the lowest, as a share of the start. After 300 steps it is about 1 hundredth with BN, and 6 to 10 hundredths without."
figure, (left, right) = figures.new_figure(columns=2, size=(6.6, 3.2))
for role, name in {"without_bn": "without BN", "with_bn": "with BN"}.items():
    look = {"ls": figures.role(role).line, "lw": 1.2, "color": figures.role(role).color}
    for curve, above in zip(sorted_curvatures[name], learned[name], strict=True):
        left.plot(np.arange(1, 102), curve[-1] / np.maximum(curve[::-1], 1e-12), **look)
        right.plot(above / above[0], **look)
left.axvline(51, color="#8A8A8A", lw=1, ls=":")
left.annotate("middle", (51, 1.3), xytext=(4, 0), textcoords="offset points")
figures.frame(
    left,
    title="Steps that a direction needs",
    x="direction, the fastest first",
    y="largest / c",
    log="y",
    ylim=(1, 1e5),
)
figures.frame(
    right, title="Loss above the lowest", x="step", y="share of the start", log="y", ylim=(1e-3, 1.2)
)
figures.key(right, {"without_bn": "without BN", "with_bn": "with BN"}, place="lower left")
ratios = {name: five[:, -1] / five[:, 50] for name, five in sorted_curvatures.items()}
assert ratios["without BN"].min() > 20 * ratios["with BN"].max()
left_over = {name: [one[100] / one[0] for one in five] for name, five in learned.items()}
assert min(left_over["without BN"]) > 2 * max(left_over["with BN"])
figures.show(figure)

# %% [markdown]
# After 100 steps less is left with BN, for all five seeds. On the left, the curves without BN end where the curvature is 0. (How low the lowest loss is, is another question.)
#
# This is one reason why BN may help. We measured it for random weights, before any training, for one layer, and for the squared loss.
# Lesson 07 measures how much faster a training becomes. Which part of BN makes the difference? Find out in the
# [exercises](exercises/01b_see_why_it_helps.ipynb).
#
# **What was shown.** One rate must serve the largest and the smallest curvature, so a large condition number makes gradient descent slow. A z-score
# of each feature made it smaller. Without BN the means of a layer's outputs are large beside their variances, as the age's mean was: one large curvature, and
# many small ones. BN makes the variances larger beside the means.
#
# **Exercises.** [See why it may help](exercises/01b_see_why_it_helps.ipynb): 25 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb)
#
# Sources:
#
# - Step sizes and curvatures: Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", 1998, section 5
# - Curvature inside a network: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate
#   Curvature", 2015, arXiv:1503.05671
