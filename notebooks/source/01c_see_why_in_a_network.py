# %% [markdown]
# # 01c · See why in a network
#
# *30 minutes · previous: [01b · See why BN may help](01b_see_why_it_helps.ipynb) · next: [02 · Normalize](02_normalize.ipynb) ·
# [exercises](exercises/01c_see_why_in_a_network.ipynb)*
#
# In a network, the outputs of one layer are the features of the next layer. You measure the curvatures of these features with BN and
# without, and predict how many steps the next layer needs. Then you let it learn, and see how much of the prediction comes true.

# %%
import numpy as np

from bnteach import figures
from bnteach.data import digits

# %% [markdown]
# ## The features inside
#
# We send 1 347 pictures of digits through four layers of 100 units. Each layer has random weights, then BN or not, then the **ReLU**,
# $\max(0, z)$. A BN layer starts with $\gamma = 1$ and $\beta = 0$, so it makes a z-score of each channel.
#
# The cell builds the network with BN and without BN, for five seeds.

# %%
pictures = digits(dtype=np.float64).x_train  # shape (1347, 64)


def four_layers(seed, batch_norm):
    """The outputs of each of the four layers, shape (1347, 100) each."""
    random, h, outputs = np.random.default_rng(seed), pictures, []
    for _ in range(4):
        inputs = h.shape[1]
        z = h @ random.normal(0, (2 / inputs) ** 0.5, size=(inputs, 100))
        if batch_norm:
            z = (z - z.mean(axis=0)) / z.std(axis=0)
        h = np.maximum(z, 0)
        outputs.append(h)
    return outputs


layers = {
    "without BN": [four_layers(seed, batch_norm=False) for seed in range(5)],
    "with BN": [four_layers(seed, batch_norm=True) for seed in range(5)],
}

# %% [markdown]
# The random weights have the variance 2 / inputs. The 2 makes up for the ReLU, which sets about half of the values to 0. So without BN the
# outputs neither grow nor shrink much from layer to layer.
#
# In 01b a mean that is large beside the standard deviation made a ravine. Here the mean of an output is what all pictures have in
# common, and its variance is how much they differ. So we compare two numbers for each layer: the squared means of its 100 outputs, added
# up, and their variances, added up.
#
# An output of a ReLU is never negative, so its mean is above 0. BN subtracts the mean in each layer, before the ReLU; without BN
# nothing subtracts it.
#
# **Predict.** In the pictures themselves the squared means are twice the variances. With BN they are half of the variances, in each layer.
# In the fourth layer *without* BN, are they (A) half of the variances, too, (B) about as large as the variances, or (C) more than twice as large?


# %%
def means_and_variances(h):
    return (h.mean(axis=0) ** 2).sum(), h.var(axis=0).sum()


def show(name, means, variances):
    print(f"{name:19}: squared means {means:4.1f}, variances {variances:4.1f}")


show("pictures", *means_and_variances(pictures))
for name, five in layers.items():
    for layer in range(4):
        of_seeds = [means_and_variances(outputs[layer]) for outputs in five]
        show(f"{name}, layer {layer + 1}", *np.mean(of_seeds, axis=0))  # over the five seeds

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. In the fourth layer the squared means are about four times the variances.
#
# </details>
#
# Without BN the squared means are about three times the variances in layer 1 and four times in layer 4: beside what they have in
# common, the pictures become more alike. With BN the numbers stay at about 16 and 34, because the mean is taken away each time. They come from the ReLU: for a standard normal number it gives a squared mean of 0.16 and a variance of 0.34,
# and there are 100 outputs.
#
# So in the fourth layer the squared means are of a similar size with BN and without, but without BN **the variances are only a tenth**.
#
# An output that is 0 for all pictures is **dead**. Its weight in the next layer changes no answer and cannot learn: it only adds a curvature of 0. We
# leave the dead outputs out, and count the others:

# %%
features = {
    name: [outputs[-1][:, outputs[-1].max(axis=0) > 0] for outputs in five] for name, five in layers.items()
}
for name, five in features.items():
    print(f"{name:10}: outputs of layer 4 that are not dead:", *(h.shape[1] for h in five))

# %% [markdown]
# Each number belongs to one seed. With BN no output is dead: some values of each channel lie above its mean, and the ReLU lets them through.
#
# ## The curvatures
#
# A fifth layer gets these features. It is linear and has one output. With the squared loss it is the fit of 01b, with 84 to 100 weights and
# $b$, and one curvature for each of them. The curvatures depend on the features alone, and not on what is to be learned.
#
# - The *largest* curvature belongs to what the pictures have in common. In its direction all answers change alike. It is about the
#   squared means plus the 1 of $b$.
# - The *other* curvatures add up to about the variances. In their directions the answers for different pictures change differently.
#
# There are many directions, so we take the **middle** curvature: half of the curvatures are larger, and half are smaller. The largest divided by
# the middle one is the number of steps that leave $1/e$ of the distance along the middle direction, with the rate 1/largest.
#
# **Predict.** With BN this ratio is about 120. Without BN the largest curvature is about as large, and the others add up to a tenth.
# Is the ratio without BN (A) about 12, (B) about 120, or (C) 1 200 or more?


# %%
def curvatures_of(x):
    columns = np.column_stack([x, np.ones(len(x))])
    return np.linalg.eigvalsh(columns.T @ columns / len(x))  # the smallest first


curvatures = {name: [curvatures_of(h) for h in five] for name, five in features.items()}
ratio = {name: [c[-1] / np.median(c) for c in five] for name, five in curvatures.items()}
for name, five in curvatures.items():
    print(f"{name:10}: largest         ", *(f"{c[-1]:6.1f}" for c in five))
    print(f"{name:10}: middle          ", *(f"{np.median(c):6.4f}" for c in five))
    print(f"{name:10}: largest / middle", *(f"{of_seed:6.0f}" for of_seed in ratio[name]))

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. It is 2 700 to 3 900.
#
# </details>
#
# That is 23 to 34 times as many steps as with BN. The smaller variances explain a factor of about 10, so a factor of 2 to 3 is left. Perhaps a
# few directions take most of the variances, and little is left for the middle one. So we divide the middle curvature by the average of all but
# the largest:

# %%
for name, five in curvatures.items():
    print(f"{name:10}: middle / average:", *(f"{np.median(c) / c[:-1].mean():.2f}" for c in five))

# %% [markdown]
# With BN the middle curvature is nearly half of the average. Without BN it is about an eighth: a few directions take most of the variances. The
# picture shows all directions.

# %% tags=["draws"] alt="Steps until 1/e of the distance is left, for each direction of the fifth layer, the steepest first, on a logarithmic axis. Five lines with BN lie close together: they rise from 1 over 120 in the middle, a dot, to about 500, and at the last direction, which is mostly b, jump above 1 000. Five lines without BN rise much faster: 2 700 to 3 900 at the dots in the middle, and at their ends, between 85 and 94 directions, above one million."
ax = figures.new_axes(size=(6.4, 3.4))
for role, name in {"without_bn": "without BN", "with_bn": "with BN"}.items():
    look = figures.role(role)
    for c in curvatures[name]:
        ax.plot(np.arange(1, len(c) + 1), c[-1] / c[::-1], ls=look.line, lw=1.3, color=look.color)
        ax.plot((len(c) + 1) / 2, c[-1] / np.median(c), "o", ms=5, color=look.color)
for h in features["with BN"]:
    columns = np.column_stack([h, np.ones(len(h))])
    assert abs(np.linalg.eigh(columns.T @ columns)[1][-1, 0]) > 0.9  # the flattest direction is mostly b
assert (np.divide(ratio["without BN"], ratio["with BN"]) > 23).all()
ax.text(102, 2300, "mostly b", ha="right")
ax.text(52, 40, "middle", color=figures.role("with_bn").color)
axis = {"x": "direction, the steepest first", "y": "steps until 1/e is left"}
title = "Behind four layers: most directions need fewer steps with BN"
figures.frame(ax, title=title, **axis, log="y", ylim=(1, 1e8))
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper left")
figures.show(ax)

# %% [markdown]
# The dots are the middle directions. The dashed lines are shorter because the dead outputs are left out. With BN the last direction is mostly
# that of $b$.
#
# ## What comes true
#
# Now the fifth layer learns: is the digit odd (1) or even (0)? Each network gets its own rate 1/largest.
#
# The **excess** is the loss minus the lowest loss that any weights can give. With BN, 2 to 3 % of the first excess is left after 100 steps.
#
# **Predict.** How many steps does the network without BN need until the same share is left? Use the ratios that you have just seen, and write
# down a number.

# %%
odd = digits().y_train % 2


def learn(h, steps):
    """The loss at the start and after each step, and the lowest loss that any weights can give."""
    columns = np.column_stack([h, np.ones(len(h))])
    rate, w = 1 / curvatures_of(h)[-1], np.zeros(columns.shape[1])  # the last weight is b
    losses = []
    for _ in range(steps + 1):
        error = columns @ w - odd
        losses.append((error**2).mean() / 2)
        w = w - rate * columns.T @ error / len(h)
    best = np.linalg.lstsq(columns, odd, rcond=None)[0]
    return np.array(losses), ((columns @ best - odd) ** 2).mean() / 2


learned = {name: [learn(h, 3000) for h in five] for name, five in features.items()}
left = {name: [(loss - low) / (loss[0] - low) for loss, low in five] for name, five in learned.items()}
needed = []
for seed in range(5):
    share = left["with BN"][seed][100]
    needed.append(np.argmax(left["without BN"][seed] <= share))  # the first step that comes so far
    predicted = 100 * ratio["without BN"][seed] / ratio["with BN"][seed]
    print(
        f"seed {seed}: {share:.1%} left with BN after 100 steps, without after {needed[-1]:4} (predicted {predicted:.0f})"
    )

# %% [markdown]
# <details><summary>Answer</summary>
#
# By the ratios, 23 to 34 times 100 steps. The network needs 723 to 2 674.
#
# </details>
#
# So without BN 7 to 27 times as many steps are needed: many more, as predicted, but for each seed fewer than the ratio says. The prediction
# looked at the middle direction only. The excess at the start along one direction is $\frac{1}{2} c\,d^2$, so the next cell counts how
# much of it lies in which directions.


# %%
def shares(h):
    """How much of the excess at the start lies along each direction, the flattest first."""
    columns = np.column_stack([h, np.ones(len(h))])
    c, directions = np.linalg.eigh(columns.T @ columns / len(h))
    best = np.linalg.lstsq(columns, odd, rcond=None)[0]
    d = directions.T @ best  # how far the start (w = 0) is from the lowest point
    along = c * d**2 / 2
    return along / along.sum()


for name, five in features.items():
    shared = [shares(h) for h in five]
    print(f"{name:10}: the steepest direction:", *(f"{share[-1]:5.0%}" for share in shared))
    print(
        f"{name:10}: the flatter half:      ", *(f"{share[: len(share) // 2].sum():5.1%}" for share in shared)
    )

# %% [markdown]
# More than half of the excess lies along the steepest direction, and this part needs one step. Without BN the flatter half of the directions
# holds only 2 to 4 % of the excess. Our goal was the share that is left with BN after 100 steps. For the seeds 2, 3 and 4 the flatter half
# holds less than this, so most of its slow progress is not needed: 7 to 15 times as many steps do. For the seeds 0 and 1 it holds more,
# and 24 and 27 times as many steps are needed.
#
# The curvatures told which network is faster. How much faster depends also on what is to be learned, and on the goal.
#
# ## How low is another question
#
# Until here each network was compared with its own lowest loss. The left picture shows the training loss itself. The right one shows the lowest
# training loss that any weights can give, and each gray line joins the two networks of one seed.

# %% tags=["draws"] alt="Left, the training loss over 300 steps, five lines for each network. All fall steeply in the first steps. With BN the lines are then nearly level. Without BN they lie higher at 100 steps and still fall slowly. Right, the lowest training loss possible: for each of five seeds a line from a mark without BN to a mark with BN. Four of the five lines rise."
pairs = list(zip(learned["without BN"], learned["with BN"], strict=True))
assert [sum(w[0][step] < p[0][step] for p, w in pairs) for step in (100, 300)] == [5, 4]
assert sum(w[1] < p[1] for p, w in pairs) == 1
figure, (course, low) = figures.new_figure(columns=2, size=(6.8, 3.2))
looks = {name: figures.role(name.lower().replace(" ", "_")) for name in learned}
for name, five in learned.items():
    for loss, _ in five:
        course.plot(loss[:301], ls=looks[name].line, lw=1.3, color=looks[name].color)
for without, with_bn in pairs:
    low.plot([0, 1], [without[1], with_bn[1]], color="#8A8A8A", lw=1)
    for place, name in enumerate(learned):
        low.plot(place, (without, with_bn)[place][1], looks[name].marker, ms=5, color=looks[name].color)
figures.frame(course, title="It falls faster with BN", x="step", y="training loss", ylim=(0.03, 0.15))
figures.frame(low, title="The lowest possible: five seeds", xlim=(-0.4, 1.4), ylim=(0.03, 0.06))
low.set_xticks([0, 1], list(learned))
flat = [shares(h)[: (h.shape[1] + 1) // 2].sum() for h in features["without BN"]]
waits = [held > share[100] for held, share in zip(flat, left["with BN"], strict=True)]
assert waits == [True, True, False, False, False]
assert 7 < min(needed) / 100 < max(needed) / 100 < 27
figures.key(course, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper right")
figures.show(figure)

# %% [markdown]
# After 100 steps the training loss is lower with BN for all five seeds, and after 300 steps for four. But the lowest possible loss is
# lower *without* BN for four of the five seeds. It depends on how well the features fit the labels, and the curvatures do not show this. Why the
# features without BN fit better here, we have not measured.
#
# This is one reason why BN may help. We measured it before any training of the four layers, and for the squared loss; lesson 07 measures
# whole trainings.
#
# **What was shown.** Without BN the outputs of the fourth layer have much in common for all pictures, and differ little: the curvature of
# what they have in common is large, and the others are small. With BN largest/middle was 23 to 34 times smaller. Without BN the next
# layer needed 7 to 27 times as many steps to the same share of its excess, in this task.
#
# **Exercises.** Which part of BN does it? [See why in a network](exercises/01c_see_why_in_a_network.ipynb): 15 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb)
#
# *Source, for the matrix of a layer's inputs as its curvature: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored
# Approximate Curvature", 2015, arXiv:1503.05671.*
