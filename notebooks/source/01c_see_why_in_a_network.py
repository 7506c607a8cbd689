# %% [markdown]
# # 01c · See why in a network
#
# *25 minutes · previous: [01b · See why BN may help](01b_see_why_it_helps.ipynb) · next: [02 · Normalize](02_normalize.ipynb) ·
# [exercises](exercises/01c_see_why_in_a_network.ipynb)*
#
# In a network, the outputs of one layer are the features of the next. Do they make a ravine, as the age of the cars did? You measure this with BN and without, predict
# how many steps the next layer needs, and let it learn.

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
# ## What the pictures have in common
#
# In 01b, a mean that is large beside the standard deviation made a ravine. Each of the 100 outputs of a layer has a mean and a variance over the pictures. The mean is what all
# pictures have in common, and the variance is how much they differ. We square the 100 means and add them up, and we add up the 100 variances.
#
# For the pictures themselves, with their 64 gray values, the squared means are twice as large as the variances. Now think of the layers. The ReLU makes the outputs 0 or
# positive, so nearly all of them have a mean above 0. BN subtracts the mean of each $z$ in the next layer. Without BN, nothing subtracts it.
#
# **Predict.** In the fourth layer with BN, the squared means are half as large as the variances. And in the fourth layer *without* BN: are they (A) half as large, too, (B) about twice as
# large, as for the pictures, or (C) more than three times as large?


# %%
def means_and_variances(h):
    return (h.mean(axis=0) ** 2).sum(), h.var(axis=0).sum()


print("pictures: squared means {:.1f}, variances {:.1f}".format(*means_and_variances(pictures)))
for name, five in layers.items():
    for layer in (1, 4):
        found = np.mean(
            [means_and_variances(outputs[layer - 1]) for outputs in five], axis=0
        )  # over the seeds
        print(f"{name:10}, layer {layer}: squared means {found[0]:.1f}, variances {found[1]:.1f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# C: four times as large.
#
# </details>
#
# The squared means are of a similar size in both networks. But without BN, the variances in the fourth layer are only a tenth of those with BN: there the pictures differ little beside what they have in
# common.
#
# ## The curvatures
#
# A fifth layer gets the outputs of the fourth as its features. It is linear and gives one number for each picture, its answer, and its loss is the squared one. So it is the fit of 01b, but with
# about 100 weights and $b$. The matrix of 01b becomes one of about 101 rows and columns. Its eigenvalues are the curvatures, and `curvatures_of` of 01b computes them.
#
# What do we know about them? The sum of all eigenvalues is the sum of the diagonal. On the diagonal are the means of $x^2$, and the 1 of $b$. The mean of $x^2$ is the squared mean plus the variance. So
#
# $$\text{sum of all curvatures} = \Big(\sum \text{squared means} + 1\Big) + \sum \text{variances}$$
#
# - Along the *steepest* direction, the answers for all pictures change alike. Its curvature is about the first part.
# - Along the *other* directions, the answers for different pictures change differently. So about the second part is left for all these 100 curvatures.
#
# We look at the **middle** curvature: half of the curvatures are larger, and half are smaller. By 01b, with the rate 1/largest it takes about largest/middle steps until $1/e$ of the distance along the middle
# direction is left.
#
# **Predict.** With BN, largest/middle is about 120. Without BN the variances are a tenth, so it should be about 1 200, *if* the 100 curvatures share the variances in the same way. Is it (A) smaller,
# (B) about 1 200, or (C) larger?


# %%
def curvatures_of(x):
    columns = np.column_stack([x, np.ones(len(x))])
    return np.linalg.eigvalsh(columns.T @ columns / len(x))  # the smallest first


def alive(h):
    """Without the outputs that are 0 for all pictures: their weights cannot learn anything."""
    return h[:, h.max(axis=0) > 0]


features = {name: [alive(outputs[-1]) for outputs in five] for name, five in layers.items()}
curvatures = {name: [curvatures_of(h) for h in five] for name, five in features.items()}
ratio = {name: np.array([c[-1] / np.median(c) for c in five]) for name, five in curvatures.items()}
for name, five in curvatures.items():
    print(f"{name:10}: largest       ", *(f"{c[-1]:6.1f}" for c in five))
    print(f"{name:10}: middle        ", *(f"{np.median(c):6.4f}" for c in five))
    print(f"{name:10}: largest/middle", *(f"{of_seed:6.0f}" for of_seed in ratio[name]))

# %% [markdown]
# <details><summary>Answer</summary>
#
# C: 2 700 to 3 900, which is 23 to 34 times as large as with BN.
#
# </details>
#
# Each column is one seed. As expected, the largest curvature is about the same. But without BN, the other curvatures share the variances less evenly: a few of them take most. Here is what the second to the
# sixth curvature have of all but the largest:

# %%
for name, five in curvatures.items():
    shares = [c[-6:-1].sum() / c[:-1].sum() for c in five]
    print(f"{name:10}: five of some 100 have", *(f"{share:.0%}" for share in shares), "of the sum")

# %% tags=["draws"] alt="Steps until 1/e of the distance is left, for each direction of the fifth layer, the steepest first, on a logarithmic axis. Five lines with BN lie close together: they rise from 1 over 120 in the middle, a dot, to about 500, and at the last direction, which is mostly b, jump above 1 000. Five lines without BN rise much faster: 2 700 to 3 900 at the dots in the middle, and at their ends, between 85 and 94 directions, above one million."
ax = figures.new_axes(size=(6.4, 3.4))
for role, name in {"without_bn": "without BN", "with_bn": "with BN"}.items():
    look = figures.role(role)
    for c in curvatures[name]:
        ax.plot(np.arange(1, len(c) + 1), c[-1] / c[::-1], ls=look.line, lw=1.3, color=look.color)
        ax.plot((len(c) + 1) / 2, c[-1] / np.median(c), "o", ms=5, color=look.color)
ax.text(52, 40, "middle", color=figures.role("with_bn").color)
ax.text(41, 12_000, "middle", ha="right", color=figures.role("without_bn").color)
axis = {"x": "direction, the steepest first", "y": "steps until 1/e is left"}
title = "With BN, fewer steps: the curvatures are closer to each other"
figures.frame(ax, title=title, **axis, log="y", ylim=(1, 1e8))
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper left")
figures.show(ax)

# %% [markdown]
# The picture has a line for each seed, and shows all curvatures as steps, the steepest direction first. (The lines without BN are shorter: some outputs are 0 for all pictures, and we left these
# out. The last direction with BN, where the lines jump, is mostly that of $b$.)
#
# Which part of BN makes the difference? That is the exercise of this lesson.
#
# ## Let the fifth layer learn
#
# The fifth layer learns whether a digit is odd (1) or even (0). Each network gets its own rate 1/largest. The **excess** is the loss minus the lowest loss that this fifth layer can reach. With BN, 2 to 3 % of
# the excess is left after 100 steps.
#
# **Predict.** After how many steps is the same share of the excess left without BN? Take the ratio of the two ratios, and write down a number.

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
    print(f"seed {seed}: {share:.1%} left with BN after 100 steps, ", end="")
    print(f"without BN after {needed[-1]} (predicted: {predicted:.0f})")
assert 7 < min(needed) / 100 < max(needed) / 100 < 27


# %% [markdown]
# <details><summary>Answer</summary>
#
# By the ratios, 2 300 to 3 400. The layer needs 723 to 2 674, for each seed fewer than predicted.
#
# </details>
#
# So the curvatures tell which network is slower. How much slower, they tell only roughly: we looked at the middle direction alone, and which directions hold the last 2 to 3 % of the excess depends on what is to be
# learned.
#
# The curvatures do not tell either how low the loss can become. The left picture shows the training loss. The right one shows the lowest training loss that the fifth layer can reach; each gray line
# joins the two networks of one seed.

# %% tags=["draws"] alt="Left, the training loss over 3000 steps on a logarithmic axis, five lines for each network. With BN the lines are nearly level after some 100 steps. Without BN they fall more slowly, and in the end most of them lie lower. Right, the lowest training loss possible: for each of five seeds a line from a mark without BN to a mark with BN. Four of the five lines rise."
pairs = list(zip(learned["without BN"], learned["with BN"], strict=True))
overtakes = [np.flatnonzero(without[0] > with_bn[0])[-1] + 1 for without, with_bn in pairs]
assert sorted(overtakes)[0] > 150
assert sorted(overtakes)[3] < 1050 < 3000 < sorted(overtakes)[4]  # one of them never
assert sum(w[1] < p[1] for p, w in pairs) == 1
figure, (course, low) = figures.new_figure(columns=2, size=(6.8, 3.2))
looks = {name: figures.role(name.lower().replace(" ", "_")) for name in learned}
for name, five in learned.items():
    for loss, _ in five:
        course.plot(np.arange(1, 3001), loss[1:], ls=looks[name].line, lw=1.3, color=looks[name].color)
for without, with_bn in pairs:
    low.plot([0, 1], [without[1], with_bn[1]], color="#8A8A8A", lw=1)
    for place, name in enumerate(learned):
        low.plot(place, (without, with_bn)[place][1], looks[name].marker, ms=5, color=looks[name].color)
figures.frame(
    course, title="With BN, it falls sooner", x="step", y="training loss", log="x", ylim=(0.03, 0.15)
)
figures.frame(low, title="The lowest training loss", xlim=(-0.4, 1.4), ylim=(0.03, 0.06))
low.set_xticks([0, 1], list(learned))
figures.key(course, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper right")
figures.show(figure)

# %% [markdown]
# At 100 steps the loss is lower with BN for all five seeds. But for four of them the lowest loss is lower *without* BN, and these four networks get ahead between step 150 and step 1 050. Why their
# features fit better, we have not measured.
#
# This is one reason why BN may help. It was measured before any training of the four layers, and with the squared loss. Lesson 07 measures
# whole trainings.
#
# **What was shown.**
#
# - Without BN, the outputs of the fourth layer differ little from picture to picture, beside what all pictures have in common.
# - So the middle curvature of the next layer is small beside the largest: largest/middle is 23 to 34 times as large as with BN.
# - In this task, the next layer needed 7 to 27 times as many steps to the same share of its excess.
#
# **Exercises.** Which part of BN does it? [See why in a network](exercises/01c_see_why_in_a_network.ipynb): 15 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb)
#
# *Source, for the matrix of a layer's inputs as its curvature: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored
# Approximate Curvature", 2015, arXiv:1503.05671.*
