# %% [markdown]
# # 07 · Put the claims on trial
#
# *35 minutes · previous: [06 · Normalize channels](06_normalize_channels.ipynb) · next: [07b · Ask why it helps](07b_ask_why_it_helps.ipynb) ·
# [exercises](exercises/07_put_the_claims_on_trial.ipynb)*
#
# People say that BN allows higher learning rates, needs less care with the initial weights, and makes training faster. You
# try these claims with small networks, and judge all of them by one rule. The next lesson asks *why* BN helps.

# %%
import numpy as np
from torch import nn

from bnteach import data, figures, labs, training

# %% [markdown]
# ## How a claim is tried
#
# We begin with the claim "With BN, a network is more accurate". We train two networks with the same initial weights and the same batches of 60 digits, one
# with BN and one without. The **effect** is the test accuracy with BN minus the test accuracy without BN, counted in percentage points, or **points**. If the
# claim is right, the effect is above 0.
#
# Each network has three hidden layers of 50 units, and trains for 5 epochs, 110 steps. The seed sets the weights and the batches. One seed
# may be lucky for one of the two networks, so we look at five.

# %%
digits = data.digits()


def network(seed, bn, activation="ReLU"):
    layer, scale = (nn.Tanh, 1) if activation == "tanh" else (nn.ReLU, 2**0.5)
    return training.mlp([64, 50, 50, 50, 10], layer, bn, init_scale=scale, seed=seed)


def trained_accuracy(model, seed, rate=0.3, epochs=5):
    training.train(model, digits, learning_rate=rate, epochs=epochs, seed=seed, every=1000, progress=False)
    return 100 * training.accuracy(model, digits.x_test, digits.y_test)


def both(seed, epochs):
    """The accuracies with BN and without."""
    return [trained_accuracy(network(seed, bn), seed, epochs=epochs) for bn in (True, False)]


# %% tags=["nbval-ignore-output"]
after_110 = np.array([both(seed, epochs=5) for seed in range(20)])  # 20 seeds, for later
effects_110 = after_110[:, 0] - after_110[:, 1]
print("with BN:   ", *(f"{percent:5.1f}" for percent in after_110[:5, 0]))
print("without BN:", *(f"{percent:5.1f}" for percent in after_110[:5, 1]))
print("effect:    ", *(f"{points:5.1f}" for points in effects_110[:5]))

# %% [markdown]
# ## A margin and four answers
#
# All five effects are above 0. But an effect can be too small to matter. So we choose a **margin**, the largest effect that does not matter
# to us. For accuracies it is 1 point here: four or five of the 450 test digits. Five effects get one of four answers:
#
# - **for it**: all effects are above the margin;
# - **against it**: all effects are below minus the margin;
# - **no difference**: all effects lie between minus the margin and the margin;
# - **undecided**: anything else.
#
# `training.outcome` is this rule:


# %% tags=["nbval-ignore-output"]
def judge(name, effects, margin):
    answer = training.outcome(training.SeedSummary(effects), margin)
    print(f"{name}: effects from {effects.min():.1f} to {effects.max():.1f} → {answer}")


judge("110 steps, 5 seeds", effects_110[:5], margin=1)

# %% [markdown]
# One of the five effects, 0.9, is not above the margin.
#
# ## When five seeds do not decide
#
# Then we take 20 seeds and try the same rule. If the 20 effects are undecided, too, a second rule asks about their *mean*.
#
# The mean of 20 effects is not exact: 20 other seeds would give another mean. Typically it differs by $s/\sqrt{n}$ from the mean of all possible seeds. Here $n$ is the
# number of seeds, and $s$ the standard deviation of their effects (lesson 01). So we put a range around our mean that is about twice as wide on each side, the **95 % interval**:
#
# $$\text{mean} \pm t\,\frac{s}{\sqrt{n}}$$
#
# For $n = 20$, $t$ is 2.09, from Student's t distribution, and $s$ is computed with $n - 1$. About 95 of 100 such intervals contain the mean of all possible seeds. (This holds for roughly
# normal effects. The interval covers other seeds, not other test pictures or other networks.)
#
# Now the answer goes by the whole interval: **for it** if the interval is above the margin, **against it** if it is below minus the margin, **no difference** if it lies between the
# two. Otherwise the claim stays **undecided**. `training.outcome` knows both rules.
#
# **Predict.** We do this for 110 steps, and for six times as many, 660. Are the two answers the same?


# %% tags=["nbval-ignore-output"]
def both_after_660():
    return [both(seed, epochs=30) for seed in range(20)]


after_660 = np.array(training.stored("results/07_660_steps.json", both_after_660, again=False)["results"])
effects_660 = after_660[:, 0] - after_660[:, 1]
for steps, pairs, effects in ((110, after_110, effects_110), (660, after_660, effects_660)):
    print(f"{steps} steps: with BN {pairs[:, 0].mean():.1f} %, without {pairs[:, 1].mean():.1f} %")
    summary = training.SeedSummary(effects)
    low, high = summary.interval
    print(f"  20 effects from {effects.min():.1f} to {effects.max():.1f}, their mean: ", end="")
    print(f"{low:.1f} to {high:.1f} → {training.outcome(summary, margin=1)}")

# %% tags=["draws", "nbval-ignore-output"] alt="Three rows of dots beside a gray band from −1 to 1 point. 110 steps, 5 seeds: four dots right of the band and one just inside it, undecided. 110 steps, 20 seeds: dots from 1 to 17, and under them a dark bar, the interval of the mean, from 1.9 to 5.2, right of the band: for it. 660 steps, 20 seeds: dots from −2 to 2, and a short dark bar inside the band: no difference."
names = "110 steps, 5 seeds: undecided", "110 steps, 20 seeds: for it", "660 steps, 20 seeds: no difference"
rows = dict(zip(names, (effects_110[:5], effects_110, effects_660), strict=True))
bars = {name: training.SeedSummary(rows[name]).interval for name in names[1:]}
assert effects_110[:5].min() < 1 < 1.9 < bars[names[1]][0] < np.sort(effects_110)[:-1].mean()
ax = figures.new_axes(size=(7.4, 2.7))
figures.effects(rows, margin=1, limits=(-3, 18), intervals=bars, ax=ax)
words = "effect, points (gray: too small to matter; bar: interval, with the mean)"
figures.frame(ax, title="BN is ahead after 110 steps, and no longer after 660", x=words)
ax.set_xticks(range(-2, 19, 2))
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. After 110 steps the answer is *for it*, after 660 steps *no difference*.
#
# </details>
#
# So with this rate, BN makes the network more accurate after 110 steps. After 660 steps there is no difference that matters to us. (The 20 effects of 660 steps are stored. One effect after 110 steps is 17 points. Without this seed, the answer stays *for it*.)
#
# We looked at five seeds and then at 20, which gives a claim two chances. A strict trial fixes the number of seeds at the start.
#
# From now on we try each claim with ReLU and tanh, and with five seeds. If both answers are *for it*, the claim **holds**.
#
# ## 1 · "Higher learning rates work"
#
# A rate *works* if more than 85 % of the test digits are right after 110 steps. We try the rates 0.1, 0.3, 1, 3 and 10. The effect is counted in rates: how
# many more of the five work with BN. The margin is 1 rate, so the effect must be 2 rates or more.
#
# **Predict.** Which of the five rates work without BN, and which with BN?
#
# The next cell makes a table for each kind of network: a row for each seed, a column for each rate. Then it counts the rates that work in each row.


# %% tags=["nbval-ignore-output"]
def try_all(run, values):
    kinds = [(activation, bn) for activation in ("ReLU", "tanh") for bn in (True, False)]
    return {kind: np.array([[run(seed, *kind, v) for v in values] for seed in range(5)]) for kind in kinds}


def accuracy_at(seed, activation, bn, rate):
    return trained_accuracy(network(seed, bn, activation), seed, rate)


def judge_working(found):
    for name in ("ReLU", "tanh"):
        with_bn, without = ((found[name, bn] > 85).sum(axis=1) for bn in (True, False))
        seen = f"{name}, for each seed: {with_bn} work with BN, {without} without"
        judge(seen, with_bn - without, margin=1)


rates = [0.1, 0.3, 1, 3, 10]
by_rate = try_all(accuracy_at, rates)
judge_working(by_rate)


# %% tags=["draws", "nbval-ignore-output"] alt="Two panels, ReLU and tanh: test accuracy after 110 steps against the learning rate from 0.1 to 10, one mark for each of five seeds. Without BN the marks lie above the dotted line at 85 percent for 0.1 and 0.3, and fall to 35 percent and less from 1 on. With BN they lie above the line up to 3, and fall to 25 percent and less at 10."
def show_all(found, values, title, x, top=104, limit=None, place="center left"):
    figure, axes = figures.new_figure(columns=2, size=(7.4, 2.8))
    for ax, activation in zip(axes, ("ReLU", "tanh"), strict=True):
        for bn, role, beside in ((False, "without_bn", 0.95), (True, "with_bn", 1.05)):
            table, places = found[activation, bn], np.array(values) * beside
            figures.curve(places, table.mean(axis=0), ax=ax, role=role)
            for row in table:
                figures.dots(places, row, limits=(0, top), ax=ax, role=role, size=4, alpha=0.6)
        figures.frame(ax, title=f"{activation}: {title}", x=x, ylim=(0, top), log="x")
        ax.set_xticks(values, [f"{value:g}" for value in values])
        ax.minorticks_off()
        if limit:
            ax.axhline(limit, color="black", linewidth=1, linestyle=":")
            ax.text(values[-1], limit + 2, "works", va="bottom", ha="right", fontsize=8)
    figures.key(axes[0], {"with_bn": "with BN", "without_bn": "without BN"}, markers=True, place=place)
    figures.show(figure)


show_all(by_rate, rates, "test accuracy, %", "learning rate", limit=85, place="lower left")
for (_, bn), found in by_rate.items():
    assert (found > 85).all(axis=0).tolist() == [True, True, bn, bn, False]

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without BN 0.1 and 0.3, with BN also 1 and 3, with each seed.
#
# </details>
#
# The claim **holds**. The effect, 2 rates, depends on our list: more rates between 0.3 and 3 would probably make it larger. (At 0 % the loss has become *not a number*, and no answer is right.)
#
# ## 2 · "The initial weights matter less"
#
# Now the rate is 0.3, and the initial weights of the three hidden layers are multiplied by one of six scales. The effect is counted in scales: how
# many more of the six work with BN. The margin is 1 scale.
#
# **Predict.** If the weights before BN are multiplied by 10, BN gives the same values (lesson 02). Does training with BN then end at the same accuracy for
# all six scales?


# %% tags=["nbval-ignore-output"]
def accuracy_from(seed, activation, bn, scale):
    model = network(seed, bn, activation)
    for linear in (model.linear_1, model.linear_2, model.linear_3):  # the layers before BN
        linear.weight.data *= scale
    return trained_accuracy(model, seed)


scales = [0.03, 0.1, 0.3, 1, 3, 10]
by_scale = try_all(accuracy_from, scales)
judge_working(by_scale)

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels, ReLU and tanh: test accuracy after 110 steps against a factor on the initial weights from 0.03 to 10. Without BN the marks lie above the dotted line at 85 percent only at 1, with tanh at 1 and 3; at 0.03 and 0.1 they lie near 10 percent. With BN they lie above 90 percent up to 3, and fall to about 86 percent with ReLU and 89 percent with tanh at 10."
show_all(by_scale, scales, "test accuracy, %", "initial weights ×", limit=85, place="lower center")
for name in ("ReLU", "tanh"):
    means = by_scale[name, True].mean(axis=0)
    assert means.argmin() == 5
    assert ((by_scale[name, True] > 85).sum(axis=1) - (by_scale[name, False] > 85).sum(axis=1)).min() > 3
    assert means.max() - means[5] > 7

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. At × 10 the networks with BN lose more than 7 points. A likely reason: a step turns long weights less (lesson 02), so 110 steps change the network less.
#
# </details>
#
# At this rate the claim **holds**: four or five more of these scales work. The initial weights matter less, but they do matter.
#
# ## 3 · "Training is faster"
#
# How many steps does a network need until 90 % of the *training* digits are right? We look every 5 steps, in evaluation mode. A good rate for one network may
# be bad for the other. So we try four rates, and keep the smallest number of steps for each network and seed. The effect is counted in
# steps that BN saves. The margin is 5 steps.
#
# **Predict.** At its best rate, how many steps does the network with BN need, compared with the one without: (A) nearly as many, (B) about two thirds, or (C) less than half?


# %% tags=["nbval-ignore-output"]
def steps_to_90_percent(seed, activation, bn, rate):
    model = network(seed, bn, activation)
    for step in training.training_steps(model, digits, learning_rate=rate, epochs=14, seed=seed):
        if step.number % 5 == 0 and training.accuracy(model, digits.x_train, digits.y_train) >= 0.9:
            return step.number
    return step.number  # not there after 308 steps


four_rates = [0.1, 0.3, 1, 3]
needed = try_all(steps_to_90_percent, four_rates)
for name in ("ReLU", "tanh"):
    with_bn, without = (needed[name, bn].min(axis=1) for bn in (True, False))  # the best rate, for each seed
    seen = f"{name}: {with_bn.mean():.0f} steps with BN, {without.mean():.0f} without"
    judge(seen, without - with_bn, margin=5)

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels, ReLU and tanh: steps until 90 percent of the training digits are right, against the learning rate from 0.1 to 3. Without BN the curve is lowest at 0.3, about 60 and 40 steps, and is at the upper end, 308 steps, from 1 on. With BN it is lowest at 1, about 15 steps, and is below 50 everywhere."
for name in ("ReLU", "tanh"):
    with_bn, without = (needed[name, bn].min(axis=1) for bn in (True, False))
    assert (without - with_bn).min() > 5
    assert 2 * with_bn.mean() < without.mean()
show_all(needed, four_rates, "steps to 90 % (308: not reached)", "learning rate", top=320)

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C), for both activations.
#
# </details>
#
# With the rate 1 for both networks, BN would seem to save nearly 300 steps. That is unfair: 1 is among the best rates with BN, and a bad one without BN.
#
# Counted in steps, the claim **holds**: at the best of these rates, a network without BN needs more than twice as many. We have not measured the time. A step with BN computes more, so BN
# saves less time than steps.
#
# ### Lab: another network
#
# Five sigmoid layers, with initial weights × 3; one seed. A has no BN, B has BN. After each change, press *Start*.
#
# 1. *Faster:* which network has 80 % of the test digits right first?
# 2. *Rates:* go up from 0.3 to 10. At which *learning rate* does A stay at guessing, 10 %? And B?
# 3. *Initial weights:* go back to 0.3, and set the *initial weight scale* to 1. What becomes of A and B?

# %% tags=["nbval-ignore-output"]
lab = labs.Training(scale=3)
lab.advance(epochs=30)
lab

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. B, in the first epochs. A needs about 15 epochs. Claim 3 counted training digits; the lab shows test digits.
# 2. A stays there at 10. B stays there at no rate: at 10 it ends above 90 %. (In claim 1 the rate 10 did not work with BN. But those networks were others, and trained for 5 epochs, not 30.)
# 3. A does not learn, and no rate helps it. B learns as before.
#
# </details>
#
# **What was shown.** We judge a claim by its effect over five or 20 seeds, beside a margin. In these networks BN allows more rates and, at one rate, more
# initial scales, and it saves steps. After 660 steps there was no difference in accuracy of a point.
#
# **Exercises.** [Put the claims on trial](exercises/07_put_the_claims_on_trial.ipynb), 20 minutes.
#
# **Next.** [07b · Ask why it helps](07b_ask_why_it_helps.ipynb).
#
# Source: S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167.
