# %% [markdown]
# # 01c · See why in a network
#
# *25 minutes · previous: [01b · See why BN may help](01b_see_why_it_helps.ipynb) · next: [02 · Normalize](02_normalize.ipynb) ·
# [exercises](exercises/01c_see_why_in_a_network.ipynb)*
#
# For a layer, the outputs of the layer before it are features. You measure their curvatures with BN and without, over five seeds, and predict
# how fast the next layer learns. Then you let it learn, and see how much comes true.

# %%
import numpy as np

from bnteach import figures
from bnteach.data import digits

# %% [markdown]
# ## The features inside
#
# We send 1 347 pictures of digits through four layers of 100 units: linear, then BN or not, then **ReLU**, $\max(0, z)$. A BN
# layer starts with $\gamma = 1$ and $\beta = 0$, so it is a z-score of each channel.
#
# The weights are random. The 2 in their size makes up for the ReLU, which makes about half of the values 0. So without BN the outputs
# neither grow nor shrink much from layer to layer.


# %%
pictures = digits(dtype=np.float64).x_train  # shape (1347, 64)


def four_layers(seed, batch_norm):
    """The outputs of the fourth layer, shape (1347, 100)."""
    random, h = np.random.default_rng(seed), pictures
    for _ in range(4):
        inputs = h.shape[1]
        z = h @ random.normal(0, (2 / inputs) ** 0.5, size=(inputs, 100))
        if batch_norm:
            z = (z - z.mean(axis=0)) / z.std(axis=0)
        h = np.maximum(z, 0)
    return h


features = {
    "without BN": [four_layers(seed, batch_norm=False) for seed in range(5)],
    "with BN": [four_layers(seed, batch_norm=True) for seed in range(5)],
}

# %% [markdown]
# Each output has a mean and a variance over the pictures. In 01b a mean that is large beside the standard deviation made a ravine. So
# we compare the squared means with the variances, added up over the 100 outputs.
#
# **Predict.** With BN the squared means are about 16 in all (not 0: the ReLU comes after BN), and the variances about 34. Without BN the
# squared means are 11 to 16. Are the variances (A) about 34, too, (B) larger, or (C) much smaller?

# %%
for name, five in features.items():
    print(name)
    print("  squared means:", *(f"{(h.mean(axis=0) ** 2).sum():5.1f}" for h in five))
    print("  variances:    ", *(f"{h.var(axis=0).sum():5.1f}" for h in five))
    print("  dead outputs: ", *(f"{(h.max(axis=0) == 0).sum():5}" for h in five))

# %% [markdown]
# <details><summary>Answer</summary>
#
# C: about a tenth. What all pictures share is at most a third smaller than with BN; what makes them differ is ten times smaller.
#
# </details>
#
# And without BN, 7 to 16 of the 100 outputs are **dead**: they are 0 for all pictures. With BN none is: some values of each
# channel lie above its mean, and the ReLU lets them through.
#
# ## The curvatures
#
# A fifth layer, linear with one output, gets these features. With the squared loss it is the fit of 01b, with 100 weights and $b$: 101
# curvatures. They depend on the features alone, and not on what is to be learned.
#
# - The largest belongs to the means: along it all answers change alike. It is about the squared means plus 1 (for $b$).
# - The others share the variances: along them the answers for different pictures change differently.
# - A dead output adds a curvature of 0, because its weight changes no answer. So $\kappa$ would be infinite.
#
# Therefore we divide the largest by the **middle** one, the 51st. This is the number of steps until a good third is left along the
# middle direction.
#
# **Predict.** With BN this ratio is about 120. Without BN the variances are a tenth. Is the ratio (A) about 120, (B) about 1 200, or
# (C) far more than 1 200?


# %%
def curvatures_of(x):
    columns = np.column_stack([x, np.ones(len(x))])
    return np.linalg.eigvalsh(columns.T @ columns / len(x))  # the smallest first


curvatures = {name: np.array([curvatures_of(h) for h in five]) for name, five in features.items()}
for name, five in curvatures.items():
    print(name)
    print("  largest:         ", *(f"{c[-1]:7.1f}" for c in five))
    print("  middle:          ", *(f"{c[50]:7.4f}" for c in five))
    print("  largest / middle:", *(f"{c[-1] / c[50]:7.0f}" for c in five))

# %% [markdown]
# <details><summary>Answer</summary>
#
# C: 3 800 to 5 000, that is 33 to 43 times as large.
#
# </details>
#
# The smaller variances explain a factor of about 10. Where does the other factor of 4 come from? Perhaps the variances are shared out
# less evenly. If all 100 directions had the same share, each curvature would be a hundredth of the variances:

# %%
for name in features:
    variances = np.array([h.var(axis=0).sum() for h in features[name]])
    print(f"{name:10}: middle / (variances / 100):", (curvatures[name][:, 50] / (variances / 100)).round(2))

# %% [markdown]
# Yes: with BN the middle direction has nearly half of an equal share, without BN a tenth. There, a few directions take most of
# the variances. All 101 directions:

# %% tags=["draws"] alt="Steps until a third is left, for each of the 101 directions, the steepest first, on a logarithmic axis. Five lines with BN lie close together: they rise from 1 to about 500, and pass 120 in the middle. Five lines without BN rise faster: 4 000 to 5 000 in the middle, and far above 10 000 for the last thirty, where they end, because the curvature is 0 there."
ax = figures.new_axes(size=(6.4, 3.2))
for role, name in {"without_bn": "without BN", "with_bn": "with BN"}.items():
    look = {"ls": figures.role(role).line, "lw": 1.4, "color": figures.role(role).color}
    for c in curvatures[name]:
        c = c[c > 1e-9 * c[-1]][::-1]  # the steepest first, without the zeros
        ax.plot(np.arange(1, len(c) + 1), c[0] / c, **look)
ax.axvline(51, color="#8A8A8A", lw=1, ls=":")
ax.annotate("middle", (51, 1.5), xytext=(4, 0), textcoords="offset points")
axis = {"x": "direction, the steepest first", "y": "steps (largest / curvature)"}
figures.frame(ax, title="Steps until a third is left, in each direction", **axis, log="y", ylim=(1, 1e8))
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper left")
ratio = {name: five[:, -1] / five[:, 50] for name, five in curvatures.items()}
assert ratio["without BN"].min() > 30 * ratio["with BN"].max()
figures.show(ax)

# %% [markdown]
# The dashed lines end where the curvature is 0: there no number of steps is enough.
#
# ## What comes true
#
# Now the fifth layer learns: is the digit odd (1) or even (0)? We use the rate 1/largest of each network.
#
# We look at how far the loss is above its lowest value. With BN, 2 to 3 % of this remains after 100 steps.
#
# **Predict.** Without BN the middle direction needs some 40 times as many steps. What remains after 100 steps: (A) also 2 to 3 %, (B) 10 to
# 20 %, or (C) more than half?

# %%
odd = digits().y_train % 2


def learn(h, steps):
    """The loss at the start and after each step, and the lowest loss that any weights can give."""
    columns = np.column_stack([h, np.ones(len(h))])
    rate, w = 1 / curvatures_of(h)[-1], np.zeros(101)  # the last weight is b
    losses = []
    for _ in range(steps + 1):
        error = columns @ w - odd
        losses.append((error**2).mean() / 2)
        w = w - rate * columns.T @ error / len(h)
    best = np.linalg.lstsq(columns, odd, rcond=None)[0]
    return np.array(losses), ((columns @ best - odd) ** 2).mean() / 2


learned = {name: [learn(h, 300) for h in five] for name, five in features.items()}
for name, five in learned.items():
    remains = [(loss[100] - lowest) / (loss[0] - lowest) for loss, lowest in five]
    print(f"{name:10}: remains after 100 steps:", *(f"{share:.0%}" for share in remains))

# %% [markdown]
# <details><summary>Answer</summary>
#
# B: 12 to 16 %, about five times as much as with BN.
#
# </details>
#
# With BN less remains for all five seeds, as predicted. But by the middle direction the difference should be much larger. Perhaps
# little of the loss lies along the slow directions. Along each one it is $\frac{1}{2} c\,d^2$, so we can count it.


# %%
def shares(h):
    """How much of the loss above the lowest lies along each direction at the start, the flattest first."""
    columns = np.column_stack([h, np.ones(len(h))])
    c, directions = np.linalg.eigh(columns.T @ columns / len(h))
    best = np.linalg.lstsq(columns, odd, rcond=None)[0]
    d = directions.T @ best  # how far the start (w = 0) is from the lowest point
    along = c * d**2 / 2
    return along / along.sum()


for name, five in features.items():
    shared = [shares(h) for h in five]
    print(name)
    print("  the steepest direction:", *(f"{share[-1]:4.0%}" for share in shared))
    print("  the 50 flattest:       ", *(f"{share[:50].sum():4.0%}" for share in shared))

# %% [markdown]
# So it is. More than half of the loss lies along the steepest direction, which is done in one step. (This step moves all
# answers from 0 toward a half: about half of the digits are odd.) The 50 flattest directions have at most 7 %, with
# BN or without. So what remains without BN lies mostly along the 50 directions between.
#
# The curvatures told which network is faster, but not by how much. That depends on what is to be learned, too.
#
# ## How low is another question
#
# Until here we counted from the lowest loss that each network can reach. Here is the loss itself, with this lowest loss on the right:

# %% tags=["draws"] alt="The training loss over 300 steps, five lines for each network, with dots on the right for the lowest loss possible. All fall steeply in the first steps. With BN the lines are lower after 100 steps, and then nearly level, just above their dots. Without BN they still fall slowly after 300 steps, far above their dots, most of which lie lower than those with BN."
ax = figures.new_axes(size=(6.4, 3.2))
for role, name in {"without_bn": "without BN", "with_bn": "with BN"}.items():
    look = figures.role(role)
    for loss, lowest in learned[name]:
        ax.plot(loss, ls=look.line, lw=1.4, color=look.color)
        ax.plot(345, lowest, look.marker, ms=5, color=look.color, alpha=0.7)
figures.frame(
    ax, title="Faster with BN, but in the end seldom lower", x="step", y="loss", ylim=(0.03, 0.25), log="y"
)
ax.set_xticks([0, 100, 200, 300, 345], ["0", "100", "200", "300", "lowest"])
ax.set_yticks([0.03, 0.05, 0.1, 0.2], ["0.03", "0.05", "0.1", "0.2"])
ax.minorticks_off()
without, with_bn = learned["without BN"], learned["with BN"]
assert all(w[0][100] < p[0][100] for p, w in zip(without, with_bn, strict=True))
assert sum(w[0][300] < p[0][300] for p, w in zip(without, with_bn, strict=True)) == 4
assert sum(w[1] > p[1] for p, w in zip(without, with_bn, strict=True)) == 4
figures.key(ax, {"without_bn": "without BN", "with_bn": "with BN"}, place="upper right")
figures.show(ax)

# %%
for name, five in learned.items():
    print(name)
    for step in (100, 300):
        print(f"  after {step} steps:", *(f"{loss[step]:.3f}" for loss, _ in five))
    print("  lowest possible:", *(f"{lowest:.3f}" for _, lowest in five))

# %% [markdown]
# Each column is a seed. After 100 steps the loss is lower with BN for all five, after 300 steps for four. But the lowest possible loss
# is lower *without* BN for four of them. Curvatures say how fast the loss falls, and nothing about how low.
#
# This is one reason why BN may help. We measured it before any training of the four layers, and for the squared loss; lesson 07 measures
# whole trainings.
#
# **What was shown.** Without BN the pictures differ little in a layer's outputs, beside what they share: one large curvature, and many
# tiny ones. With BN largest/middle is some 40 times smaller. The next layer learned faster, by less than this ratio suggests, because little
# of the loss lies along the flattest directions.
#
# **Exercises.** Which part of BN does it? [See why in a network](exercises/01c_see_why_in_a_network.ipynb): 15 minutes.
#
# **Next.** [02 · Normalize](02_normalize.ipynb)
#
# *Source: J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate Curvature", 2015, arXiv:1503.05671.*
