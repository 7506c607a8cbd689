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
# In 01b, a mean that is large beside the standard deviation made a ravine. Here each of the 100 outputs has a mean $m_i$ and a variance. The means are
# what all pictures have in common; the variances are how much the pictures differ. The mean of the squares of an output is $m_i^2$ plus its variance. So we add up
# over all outputs, and call
#
# $$\frac{\sum m_i^2}{\sum m_i^2 + \sum \text{variances}}$$
#
# the **common part**. For the pictures themselves it is 69 %.
#
# An output of a ReLU is never negative. So its mean is above 0, unless it is 0 for all pictures. With BN, the next layer subtracts the mean of its $z$ before
# its own ReLU. Without BN, nothing subtracts it.
#
# **Predict.** With BN the common part is 31 % or 32 % in each layer. How large is it in the fourth layer *without* BN: (A) about 30 %, (B) about 50 %, or (C) about 80 %?


# %%
def common_part(h):
    squared_means, variances = (h.mean(axis=0) ** 2).sum(), h.var(axis=0).sum()
    return squared_means / (squared_means + variances)


print(f"pictures: {common_part(pictures):.0%}")
for name, five in layers.items():
    by_layer = np.array([[common_part(h) for h in outputs] for outputs in five])
    print(
        f"{name:10}, layers 1 to 4:", *(f"{part:.0%}" for part in by_layer.mean(axis=0))
    )  # over the five seeds

# %% [markdown]
# <details><summary>Answer</summary>
#
# C. Without BN the pictures keep what they have in common, and the ReLU adds to it.
#
# </details>
#
# ## The curvatures
#
# A fifth layer gets these outputs as its features. It is linear and has a single output, a number for each picture, and we use the squared loss. So it is the fit of 01b, with about
# 100 features. The matrix of 01b holds the mean of $x_i x_j$ for each pair of features, and this mean has two parts:
#
# $$\text{mean of } x_i x_j = m_i\,m_j + \text{covariance}_{ij}$$
#
# - **The means** make *one* steep direction. The products $m_i\,m_j$ are those of the vector $m = (m_1, m_2, \ldots, 1)$ with itself; the 1 is the column of $b$. A matrix of such
#   products multiplies $m$ by the sum of its squares, and a vector at a right angle to $m$ by 0. So it has the curvature $\sum m_i^2 + 1$, and otherwise only zeros.
# - **The covariances** make about 100 directions. Their curvatures add up to the sum of the diagonal, and that is the sum of the variances.
#
# So a large common part means one large curvature, and little that is left for all others. Among the others we look at the **middle** one: half of the
# curvatures are larger, half are smaller. By 01b, the rate 1/largest needs about largest/middle steps until $1/e$ of the distance along this direction is left.
#
# **Predict.** With BN largest/middle is about 120. By the common parts, 31 % and 80 %, the squared means over the variances are 31/69 = 0.45 with BN and 80/20 = 4 without: about 9
# times as large. Is largest/middle without BN (A) the same, because BN only changes the size of the outputs, (B) about 9 times as large, or (C) more than 9 times as large?


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
for name, five in ratio.items():
    print(f"{name:10}, seeds 0 to 4: largest/middle", *(f"{of_seed:5.0f}" for of_seed in five))
times = ratio["without BN"] / ratio["with BN"]
print(f"{times.min():.1f} to {times.max():.1f} times as large without BN")

# %% [markdown]
# <details><summary>Answer</summary>
#
# C.
#
# </details>
#
# So the common part is not all. The variances are also divided less evenly among the directions. Here is what the five steepest directions have of all curvatures but the largest:

# %%
for name, five in curvatures.items():
    shares = [c[-6:-1].sum() / c[:-1].sum() for c in five]
    print(f"{name:10}: five of some 100 directions have", *(f"{share:.0%}" for share in shares))

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
title = "With the rate 1/largest, BN saves steps in all directions but the first"
figures.frame(ax, title=title, **axis, log="y", ylim=(1, 1e8))
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper left")
figures.show(ax)

# %% [markdown]
# The picture has a line for each seed. The lines without BN are shorter because the outputs that are always 0 are left out. The last direction
# with BN, where the lines jump, is mostly that of $b$.
#
# ## Let the fifth layer learn
#
# The fifth layer learns whether a digit is odd (1) or even (0). Each network gets its own rate 1/largest.
#
# The **excess** is the loss minus the lowest loss that this layer can reach with any weights. With BN, 2 to 3 % of the first excess is left after 100 steps.
# We count the steps until as much of its own excess is left without BN.
#
# **Predict.** In the middle direction, without BN 23 to 33 times as many steps are needed. Is it for the excess (A) about the same, (B) less, or (C) more? Look at all
# directions in the picture.

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
# B: 7 to 27 times as many. The excess is spread over all directions. In the steep ones the lines of the picture are closer together.
#
# </details>
#
# How much of the excess lies along steep and along flat directions depends on what is to be learned. The curvatures cannot know this. They do not know either how low the
# loss can become. The left picture shows the training loss. The right one shows the lowest training loss that any weights of the fifth layer can give; each gray line
# joins the two networks of one seed.

# %% tags=["draws"] alt="Left, the training loss over 3000 steps on a logarithmic axis, five lines for each network. With BN the lines are nearly level after some 100 steps. Without BN they fall more slowly, and in the end most of them lie lower. Right, the lowest training loss possible: for each of five seeds a line from a mark without BN to a mark with BN. Four of the five lines rise."
pairs = list(zip(learned["without BN"], learned["with BN"], strict=True))
behind = [np.flatnonzero(without[0] > with_bn[0]) for without, with_bn in pairs]  # steps with a higher loss
assert [3000 in steps for steps in behind].count(True) == 1
assert sum(w[1] < p[1] for p, w in pairs) == 1
figure, (course, low) = figures.new_figure(columns=2, size=(6.8, 3.2))
looks = {name: figures.role(name.lower().replace(" ", "_")) for name in learned}
for name, five in learned.items():
    for loss, _ in five:
        course.plot(loss, ls=looks[name].line, lw=1.3, color=looks[name].color)
for without, with_bn in pairs:
    low.plot([0, 1], [without[1], with_bn[1]], color="#8A8A8A", lw=1)
    for place, name in enumerate(learned):
        low.plot(place, (without, with_bn)[place][1], looks[name].marker, ms=5, color=looks[name].color)
figures.frame(
    course, title="With BN it falls sooner", x="step", y="training loss", log="x", ylim=(0.03, 0.15)
)
figures.frame(low, title="The lowest possible", xlim=(-0.4, 1.4), ylim=(0.03, 0.06))
low.set_xticks([0, 1], list(learned))
figures.key(course, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper right")
figures.show(figure)

# %% [markdown]
# At 100 steps the loss is lower with BN for all five seeds. Then four of the networks without BN catch up, because their lowest possible loss is lower.
#
# This is one reason why BN may help. It was measured before any training of the four layers, and with the squared loss. Lesson 07 measures
# whole trainings.
#
# **What was shown.**
#
# - Without BN, the outputs of the fourth layer have a large common part. So one curvature is large beside all others.
# - With BN, largest/middle was 23 to 33 times smaller.
# - Without BN, the next layer needed 7 to 27 times as many steps to the same share of its excess, in this task.
#
# **Exercises.** Which part of BN does it? [See why in a network](exercises/01c_see_why_in_a_network.ipynb): 15 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb)
#
# *Source, for the matrix of a layer's inputs as its curvature: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored
# Approximate Curvature", 2015, arXiv:1503.05671.*
