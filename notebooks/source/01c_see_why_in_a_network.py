# %% [markdown]
# # 01c · See why in a network
#
# *25 minutes · previous: [01b · See why BN may help](01b_see_why_it_helps.ipynb) · next: [02 · Normalize](02_normalize.ipynb) ·
# [exercises](exercises/01c_see_why_in_a_network.ipynb)*
#
# In a network, the outputs of one layer are the features of the next. Without BN, do these features make a ravine, and with BN a bowl? You
# measure the curvatures, predict how many steps the next layer needs, and let it learn.

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
    """The outputs of each of the four layers, shape (1347, 100) each."""
    random, h, outputs = np.random.default_rng(seed), pictures, []
    for _ in range(4):
        W = random.normal(0, np.sqrt(2 / h.shape[1]), size=(h.shape[1], 100))
        z = h @ W
        h = np.maximum(z_score(z) if batch_norm else z, 0)
        outputs.append(h)
    return outputs


layers = {
    "without BN": [four_layers(seed, batch_norm=False) for seed in range(5)],
    "with BN": [four_layers(seed, batch_norm=True) for seed in range(5)],
}

# %% [markdown]
# The weights have the variance 2 / inputs. The 2 makes up for the ReLU, which sets about half of the values to 0: without it the
# outputs would become smaller and smaller.
#
# In 01b, a mean that is large beside the standard deviation made a ravine. Here each of the 100 outputs has a mean $m_i$ and a variance. We
# add up the 100 squared means $m_i^2$, and we add up the 100 variances. The means are what all pictures have in common. The variances are
# how much the pictures differ.
#
# An output of a ReLU is never negative, so its mean is above 0. With BN, each layer subtracts the mean before its ReLU. Without BN, nothing subtracts
# it.
#
# **Predict.** For the pictures themselves the squared means are twice as large as the variances. With BN they are half as large, in each layer.
# How is it in the fourth layer *without* BN: are the squared means (A) half as large as the variances, (B) about as large, or (C) more than twice as large?


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
# C: about four times as large.
#
# </details>
#
# Without BN, the pictures become more and more alike: in the fourth layer their variances are only a tenth of those with BN. The squared means
# are of a similar size in both networks.
#
# ## The curvatures
#
# A fifth layer gets the outputs of the fourth as its features. It is linear and has a single output, so with the squared loss it is the fit of 01b. Its matrix
# holds the mean of $x_i x_j$ for each pair of features. This mean is the product of the two means plus the covariance:
#
# $$\text{mean of } x_i x_j = m_i\,m_j + \text{covariance}_{ij}$$
#
# So the matrix is a sum of two matrices.
#
# - The first one holds the products of the **means**. Only one of its curvatures is not 0: it is $\sum m_i^2 + 1$, and the 1 belongs to $b$.
#   In its direction the answers for all pictures change alike.
# - The second one holds the **covariances**. The sum of its curvatures is the sum of its diagonal, and that is the sum of the variances. In
#   its directions the answers for different pictures change differently.
#
# If the means are large, the largest curvature of the whole matrix is nearly that of the first, and the other ones are nearly those of the second.
# As there are about 100 of them, we look at the **middle** one: half of the curvatures are larger than it, half are smaller. By 01b, with the rate 1/largest
# it takes about largest/middle steps until $1/e$ of the distance along the middle direction is left.
#
# **Predict.** With BN largest/middle is about 120. Without BN the squared means are as large, and the variances a tenth.
# Is largest/middle then (A) about 12, (B) about 120, or (C) 1 200 or more?


# %%
def curvatures_of(x):
    columns = np.column_stack([x, np.ones(len(x))])
    return np.linalg.eigvalsh(columns.T @ columns / len(x))  # the smallest first


def alive(h):
    """Without the outputs that are 0 for all pictures: their weights cannot learn anything."""
    return h[:, h.max(axis=0) > 0]


features = {name: [alive(outputs[-1]) for outputs in five] for name, five in layers.items()}
curvatures = {name: [curvatures_of(h) for h in five] for name, five in features.items()}
ratio = {name: [c[-1] / np.median(c) for c in five] for name, five in curvatures.items()}
for name, five in curvatures.items():
    print(f"{name:10}: largest       ", *(f"{c[-1]:6.1f}" for c in five))
    print(f"{name:10}: middle        ", *(f"{np.median(c):6.4f}" for c in five))
    print(f"{name:10}: largest/middle", *(f"{of_seed:6.0f}" for of_seed in ratio[name]))

# %% [markdown]
# <details><summary>Answer</summary>
#
# C: 2 700 to 3 900.
#
# </details>
#
# Each column is one seed. Without BN largest/middle is 23 to 34 times as large as with BN. The smaller variances make a factor of about 10 of this. Where does
# the rest come from? The picture shows all curvatures, as the number of steps that each direction needs.

# %% tags=["draws"] alt="Steps until 1/e of the distance is left, for each direction of the fifth layer, the steepest first, on a logarithmic axis. Five lines with BN lie close together: they rise from 1 over 120 in the middle, a dot, to about 500, and at the last direction, which is mostly b, jump above 1 000. Five lines without BN rise much faster: 2 700 to 3 900 at the dots in the middle, and at their ends, between 85 and 94 directions, above one million."
ax = figures.new_axes(size=(6.4, 3.4))
for role, name in {"without_bn": "without BN", "with_bn": "with BN"}.items():
    look = figures.role(role)
    for c in curvatures[name]:
        ax.plot(np.arange(1, len(c) + 1), c[-1] / c[::-1], ls=look.line, lw=1.3, color=look.color)
        ax.plot((len(c) + 1) / 2, c[-1] / np.median(c), "o", ms=5, color=look.color)
assert (np.divide(ratio["without BN"], ratio["with BN"]) > 23).all()
ax.text(52, 40, "middle", color=figures.role("with_bn").color)
axis = {"x": "direction, the steepest first", "y": "steps until 1/e is left"}
title = "The fifth layer: most directions need fewer steps with BN"
figures.frame(ax, title=title, **axis, log="y", ylim=(1, 1e8))
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper left")
figures.show(ax)

# %% [markdown]
# Without BN the lines rise much faster: a few directions take most of the variances, and little is left for the other ones. (These lines are
# shorter because some outputs without BN are 0 for all pictures, and we left them out.)
#
# ## Let the fifth layer learn
#
# The fifth layer learns whether a digit is odd (1) or even (0). Each network gets its own rate 1/largest.
#
# The **excess** is the loss minus the lowest loss that this layer can reach with any weights. With BN, 2 to 3 % of the first excess is left after 100 steps.
#
# **Predict.** How many steps does the layer without BN need until the same share of its own excess is left? Use the ratios above, and write
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
    print(f"seed {seed}: {share:.1%} left with BN after 100 steps, without BN after {needed[-1]}")
assert 7 < min(needed) / 100 < max(needed) / 100 < 27

# %% [markdown]
# <details><summary>Answer</summary>
#
# By the ratios, about 2 300 to 3 400. The layer needs 723 to 2 674.
#
# </details>
#
# So without BN 7 to 27 times as many steps are needed: many more, as predicted, but fewer than the ratios say. The ratio is about the middle
# direction. How much of the excess lies along this direction, and how much along steeper and flatter ones, depends on what is to be learned. The
# curvatures cannot know this.
#
# They do not know either how low the loss can become. The left picture shows the training loss. The right one shows the lowest
# training loss that any weights of the fifth layer can give; each gray line joins the two networks of one seed.

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
figures.key(course, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper right")
figures.show(figure)

# %% [markdown]
# After 100 steps the loss is lower with BN for all five seeds, and after 300 steps for four. But the lowest possible loss is
# lower *without* BN for four of the five. So after enough steps the layer without BN has the lower loss in these four.
#
# This is one reason why BN may help. It was measured before any training of the four layers, and with the squared loss. Lesson 07 measures
# whole trainings.
#
# **What was shown.**
#
# - Without BN, the outputs of the fourth layer have large means and small variances. So one curvature is large, and the others are small.
# - With BN, largest/middle was 23 to 34 times smaller.
# - Without BN, the next layer needed 7 to 27 times as many steps to the same share of its excess, in this task.
#
# **Exercises.** Which part of BN does it? [See why in a network](exercises/01c_see_why_in_a_network.ipynb): 15 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb)
#
# *Source, for the matrix of a layer's inputs as its curvature: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored
# Approximate Curvature", 2015, arXiv:1503.05671.*
