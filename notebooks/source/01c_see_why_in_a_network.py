# %% [markdown]
# # 01c · See why in a network
#
# *20 minutes · previous: [01b · See why BN may help](01b_see_why_it_helps.ipynb) · next: [02 · Normalize](02_normalize.ipynb) ·
# [exercises](exercises/01c_see_why_in_a_network.ipynb)*
#
# In a network, the outputs of one layer are the features of the next. Do they make a ravine, as the age of the cars did, and does BN change this? You measure the curvatures, and then you let a layer learn.

# %%
import numpy as np

from bnteach import figures
from bnteach.data import digits

# %% [markdown]
# ## Four layers
#
# We send 1 347 pictures of digits through four layers of 100 units. Each layer has random weights, then BN or not, then the **ReLU**,
# $\max(0, z)$. At the start of a training BN makes a z-score of each channel, as in 01b. We build five networks with BN and five without.

# %%
pictures = digits(dtype=np.float64).x_train  # shape (1347, 64)


def z_score(z):
    return (z - z.mean(axis=0)) / z.std(axis=0)


def four_layers(seed, batch_norm):
    """The outputs of the fourth layer, shape (1347, 100)."""
    random, h = np.random.default_rng(seed), pictures
    for _ in range(4):
        W = random.normal(0, np.sqrt(2 / h.shape[1]), size=(h.shape[1], 100))
        z = h @ W
        h = np.maximum(z_score(z) if batch_norm else z, 0)
    return h


outputs = {
    "without BN": [four_layers(seed, batch_norm=False) for seed in range(5)],
    "with BN": [four_layers(seed, batch_norm=True) for seed in range(5)],
}

# %% [markdown]
# (The variance of the weights is 2 / inputs. The 2 makes up for the ReLU, which sets about half of the values to 0.)
#
# ## The curvatures
#
# A fifth layer gets the outputs of the fourth as its features. It is linear and gives one number for each picture, and its loss is half the mean of the squared errors. This is the fit of 01b, but with about
# 100 weights, one for each feature, and $b$. So there are about 101 directions, each with its own curvature.
#
# One rate must serve all directions. We take the rate 1/(largest curvature). By 01b, a direction with the curvature $c$ then needs about
#
# $$\text{steps} = \frac{\text{largest curvature}}{c}$$
#
# until $1/e$ of the distance along it is left. We compute this number for each direction, and print it for the **middle** direction: half of the directions need fewer steps, and half need more.
#
# In 01b, a mean that was large beside the standard deviation made a ravine. So we look at the means here, too. We add up the squared means of the 100 outputs, and we add up their variances:

# %%
for name, five in outputs.items():
    squared_means = [(h.mean(axis=0) ** 2).sum() for h in five]
    variances = [h.var(axis=0).sum() for h in five]
    print(f"{name:10}: squared means {np.mean(squared_means):4.1f}, variances {np.mean(variances):4.1f}")

# %% [markdown]
# Outputs of a ReLU are never negative, so in both networks the means are above 0. With BN, each layer subtracts the mean of its $z$, and its ReLU makes a new one. Without BN nothing is subtracted, and the pictures differ
# little beside what they have in common.
#
# **Predict.** With BN the middle direction needs about 120 steps. How many without BN: (A) fewer, (B) about 120, (C) about 300, or (D) more than 2 000?


# %%
def curvatures_of(x):
    columns = np.column_stack([x, np.ones(len(x))])
    return np.linalg.eigvalsh(columns.T @ columns / len(x))  # the smallest first


def alive(h):
    """Without the outputs that are 0 for all pictures: their weights cannot learn anything."""
    return h[:, h.max(axis=0) > 0]


features = {name: [alive(h) for h in five] for name, five in outputs.items()}
steps = {name: [c[-1] / c for c in map(curvatures_of, five)] for name, five in features.items()}
for name, five in steps.items():
    print(f"{name:10}, seeds 0 to 4, middle direction:", *(f"{np.median(of_seed):5.0f}" for of_seed in five))

# %% tags=["draws"] alt="Steps until 1/e of the distance is left, for each direction of the fifth layer, the steepest first, on a logarithmic axis. Five lines with BN lie close together: they rise from 1 over 120 in the middle, a dot, to about 500, and at the last direction, which is mostly b, jump above 1 000. Five lines without BN rise much faster: 2 700 to 3 900 at the dots in the middle, and at their ends, between 85 and 94 directions, above one million."
ax = figures.new_axes(size=(6.4, 3.4))
for role, name in {"without_bn": "without BN", "with_bn": "with BN"}.items():
    look = figures.role(role)
    for of_seed in steps[name]:
        ax.plot(np.arange(len(of_seed), 0, -1), of_seed, ls=look.line, lw=1.3, color=look.color)
        ax.plot((len(of_seed) + 1) / 2, np.median(of_seed), "o", ms=5, color=look.color)
ratio = [np.median(w) / np.median(b) for w, b in zip(steps["without BN"], steps["with BN"], strict=True)]
assert 23 < min(ratio) < max(ratio) < 34
ax.text(52, 40, "middle", color=figures.role("with_bn").color)
ax.text(41, 12_000, "middle", ha="right", color=figures.role("without_bn").color)
axis = {"x": "direction, the steepest first", "y": "steps until 1/e is left"}
title = "With BN, all directions but the first need fewer steps"
figures.frame(ax, title=title, **axis, log="y", ylim=(1, 1e8))
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper left")
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# D: 2 700 to 3 900.
#
# </details>
#
# That is 23 to 34 times as many as with BN. The picture has a line for each seed. (Without BN the lines are shorter, because some outputs are 0 for all pictures, and we left these out. The jump at the end of the lines with BN is a
# direction that is mostly $b$.)
#
# Is it because BN subtracts the mean, or because it divides? You find out in the exercise.
#
# ## Let the fifth layer learn
#
# The fifth layer learns whether a digit is odd (1) or even (0). Each network gets its own rate, 1/(largest curvature). For each seed, we take the loss that the network with BN has after 100 steps, and count the steps until the
# network without BN has this loss, too.
#
# **Predict.** By the middle direction it should be 23 to 34 times as many steps, so 2 300 to 3 400. But a part of the loss lies along steeper directions. There the two networks differ less: see the left end of the picture. So do you
# expect (A) 100 to 600 steps, (B) 600 to 2 300, or (C) 2 300 to 3 400?

# %%
odd = digits().y_train % 2


def losses_of(h, steps=3000):
    """The loss at the start and after each step of gradient descent."""
    columns = np.column_stack([h, np.ones(len(h))])
    rate, w, losses = 1 / curvatures_of(h)[-1], np.zeros(columns.shape[1]), []  # w: 100 weights, and b
    for _ in range(steps + 1):
        error = columns @ w - odd
        losses.append((error**2).mean() / 2)
        w = w - rate * columns.T @ error / len(h)
    return np.array(losses)


losses = {name: [losses_of(h) for h in five] for name, five in features.items()}
for seed in range(5):
    goal = losses["with BN"][seed][100]
    there = np.flatnonzero(losses["without BN"][seed] <= goal)  # the steps at which it is there
    print(f"seed {seed}: without BN after", there[0] if len(there) else "more than 3000", "steps")


def lowest_loss(h):
    columns = np.column_stack([h, np.ones(len(h))])
    best = np.linalg.lstsq(columns, odd, rcond=None)[0]
    return ((columns @ best - odd) ** 2).mean() / 2


for name, five in features.items():
    print(f"{name:10}: lowest loss that any weights can give", *(f"{lowest_loss(h):.3f}" for h in five))

# %% tags=["draws"] alt="The training loss over 3000 steps on a logarithmic axis, five lines for each network. With BN the lines fall sooner and are nearly level after some 100 steps. Without BN they fall more slowly, and in the end most of them lie lower."
ax = figures.new_axes(size=(6.0, 3.2))
for role, name in {"without_bn": "without BN", "with_bn": "with BN"}.items():
    look = figures.role(role)
    for of_seed in losses[name]:
        ax.plot(np.arange(1, 3001), of_seed[1:], ls=look.line, lw=1.3, color=look.color)
pairs = list(zip(losses["without BN"], losses["with BN"], strict=True))
assert all(without[100] > with_bn[100] for without, with_bn in pairs)
assert sum(without[3000] < with_bn[3000] for without, with_bn in pairs) == 4
title = "With BN the loss falls sooner; without BN four of five end lower"
figures.frame(ax, title=title, x="step", y="training loss", log="x", ylim=(0.03, 0.15))
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper right")
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# A, for four seeds: 130 to 515 steps. The network with seed 1 does not come so far within 3 000 steps.
#
# </details>
#
# So the network with BN is faster, in the direction that the curvatures say. But for four seeds the factor is 1.3 to 5, far below 23, and for seed 1 it is more than 30. How large it is depends on the goal, too: we took the loss after 100
# steps with BN.
#
# The curvatures say nothing about how low the training loss can become: for four of the five seeds, the lowest loss is lower *without* BN. After 3 000 steps these networks have overtaken those with BN.
#
# So curvatures that are closer to each other are one reason why BN may help. We measured them with random weights in the four layers, and with the squared loss. Lesson 07 measures whole trainings.
#
# **What was shown.** Behind four layers with BN, the curvatures are closer to each other: the middle direction needs 23 to 34 times fewer steps. In our task the loss fell sooner with BN, mostly by a smaller factor, and for four of five
# seeds the lowest loss was lower without BN.
#
# **Exercises.** Which part of BN does it? [See why in a network](exercises/01c_see_why_in_a_network.ipynb): 15 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb)
#
# *Source, for the matrix of a layer's inputs as its curvature: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored
# Approximate Curvature", 2015, arXiv:1503.05671.*
