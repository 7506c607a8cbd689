# %% [markdown]
# # 07 · Put the claims on trial
#
# *30 minutes · previous: [06 · Normalize channels](06_normalize_channels.ipynb) · next: [07b · Ask why it helps](07b_ask_why_it_helps.ipynb) ·
# [exercises](exercises/07_put_the_claims_on_trial.ipynb)*
#
# BN is said to allow higher learning rates, to need less care with the initial weights, and to make training faster. You put these
# three claims on trial with small networks, and judge them by one rule. The next lesson asks *why* BN helps.

# %%
import numpy as np
from torch import nn

from bnteach import data, figures, labs, training

# %% [markdown]
# ## How a claim is tried
#
# A claim must become a number. We begin with an easy one: "With BN, a network learns more in 110 steps."
#
# We train two networks with the same seed, one with BN and one without. They start from the same weights and see the same batches of 60
# digits, so they differ in BN alone. The **effect** of BN is the test accuracy with BN minus the one without. If the claim is right, it is above 0.
#
# Each network has three hidden layers of 50 units, and BN before each activation or no BN. One seed may be lucky, so we take five.

# %%
digits = data.digits()


def network(seed, bn, activation="ReLU", scale=1):  # scale: of the initial weights, for claim 2
    layer, usual = (nn.Tanh, 1) if activation == "tanh" else (nn.ReLU, 2**0.5)
    return training.mlp([64, 50, 50, 50, 10], layer, bn, init_scale=scale * usual, seed=seed)


def accuracy(seed, bn, activation="ReLU", rate=0.1, scale=1):
    """The percentage of the test digits that are right after 5 epochs of 22 steps."""
    model = network(seed, bn, activation, scale)
    training.train(model, digits, learning_rate=rate, epochs=5, seed=seed, progress=False)
    return 100 * training.accuracy(model, digits.x_test, digits.y_test)


# %% tags=["nbval-ignore-output"]
with_bn = np.array([accuracy(seed, bn=True) for seed in range(5)])
without = np.array([accuracy(seed, bn=False) for seed in range(5)])
print("with BN:   ", with_bn.round(1))
print("without BN:", without.round(1))
print("effect:    ", (with_bn - without).round(1))

# %% [markdown]
# Each column is a seed. The first one says that BN gains 9 points (percentage points), the last one that it gains nothing. Is the claim right? We
# need a rule.
#
# ## A margin and four answers
#
# How large must an effect be to count? There are 450 test pictures, and another 450 would move an effect by about 1 point (measured in
# [Which of eighteen claims hold?](deeper/which_claims_hold.ipynb)). So effects between −1 and 1 do not count. This limit is the **margin**. It
# makes the gray band below. The five dots get one of four answers:

# %% tags=["draws"] alt="Four rows of five dots beside a gray band from −1 to 1. For it: all dots right of the band, between 3 and 6. Against it: all left of it, between −4 and −1.5. No difference: all inside. Undecided, anything else: dots between −3 and 8, on both sides of the band."
made_up = {
    "all right of the band: for it": [4, 6, 5, 3, 5.5],
    "all left of it: against it": [-2, -4, -1.5, -3, -2.5],
    "all inside: no difference": [0.2, -0.3, 0.4, 0.1, 0],
    "anything else: undecided": [-3, 8, 0.3, 7, 2.7],
}
ax = figures.effects(made_up, margin=1, limits=(-5, 9), ax=figures.new_axes(size=(7.0, 2.1)))
figures.frame(ax, title="Four made-up effects, five seeds each, and what the rule says", x="effect, points")
figures.show(ax)

# %% [markdown]
# Our five effects are **undecided**: four lie right of the band, and one lies inside.
#
# ## When five seeds do not decide
#
# Then we take 20 seeds, and judge their mean. The mean of $n$ values with the standard deviation $s$ is off by about
# $s/\sqrt{n}$ (lesson 01). So we give it some room on both sides, the **95 % interval**:
#
# $$\text{mean} \pm t\,\frac{s}{\sqrt{n}}$$
#
# With $t = 2.09$ for $n = 20$, about 95 of 100 such intervals contain the mean of all seeds. (Student's distribution gives $t$, and $s$ is divided by $n - 1$.)
# The place of the interval beside the band gives one of the same four answers. `outcome` is this rule:


# %% tags=["nbval-ignore-output"]
def judge(name, effect, margin):
    summary = training.SeedSummary(np.array(effect))  # of the seeds: mean, interval
    answer = training.outcome(summary, margin)
    print(f"{name}: lowest effect {min(effect):.1f}, highest {max(effect):.1f} → {answer}")
    return answer


effect = np.array([accuracy(seed, bn=True) - accuracy(seed, bn=False) for seed in range(20)])
assert judge("5 seeds", effect[:5], margin=1) == "undecided"  # as the text says
low, high = training.SeedSummary(effect).interval
print(f"mean of 20: {effect.mean():.1f}, s = {effect.std(ddof=1):.1f}, interval from {low:.1f} to {high:.1f}")
assert judge("20 seeds", effect, margin=1) == "for it"

# %% tags=["draws", "nbval-ignore-output"] alt="Two rows beside the gray band from −1 to 1. Five seeds: four dots right of the band and one inside it, undecided. Twenty seeds: dots from 0 to 9, and a dark bar, the interval of their mean, from 3.5 to 5.9, right of the band: for it."
rows, bars = {"5 seeds: undecided": effect[:5], "20 seeds: for it": effect}, {"20 seeds: for it": (low, high)}
ax = figures.new_axes(size=(7.0, 1.6))
figures.effects(rows, margin=1, limits=(-5, 11), intervals=bars, ax=ax)
figures.frame(ax, title="The dark bar, the interval, lies right of the band", x="effect, points")
figures.show(ax)

# %% [markdown]
# The interval is much shorter than the row of dots, and lies right of the band. So 20 seeds are **for it**. (The interval is about other seeds, not about
# other test pictures or networks. And a second look is a second chance of a wrong answer.)
#
# From now on we try each claim twice, with ReLU and with tanh. If both answers are *for it*, the claim **holds**.
#
# ## 1 · "Higher learning rates work"
#
# A rate *works* if more than 85 % of the test digits are right after 110 steps. We try five rates; `run_seeds` calls `accuracy` for five seeds and all
# combinations. The effect is how many more rates work with BN than without. The margin is 1: if a rate ends near 85 %, chance decides whether it works.
#
# **Predict.** Without BN, the rates 0.1 and 0.3 work. What is the highest rate that works with BN: (A) 0.3, (B) 1, (C) 3, (D) 10?

# %% tags=["nbval-ignore-output"]
both = {"activation": ["ReLU", "tanh"], "bn": [True, False], "progress": False}
by_rate = training.run_seeds(accuracy, rate=[0.1, 0.3, 1, 3, 10], **both)  # a table of 100 runs


def judge_working(runs):
    works = runs.result > 85  # True or False for each run
    count = works.groupby([runs.activation, runs.bn, runs.seed]).sum()  # how many rates
    for name in ("ReLU", "tanh"):
        assert judge(name, count[name, True] - count[name, False], margin=1) == "for it"


judge_working(by_rate)


# %% tags=["draws", "nbval-ignore-output"] alt="Two panels, ReLU and tanh: test accuracy after 110 steps against the learning rate from 0.1 to 10, one mark for each of five seeds. Without BN the marks lie above the dotted line at 85 percent for 0.1 and 0.3, and fall to 35 percent and less from 1 on. With BN they lie above the line up to 3, and fall to 25 percent and less at 10."
def show_working(runs, setting, words, place):
    figure, axes = figures.new_figure(columns=2, size=(7.4, 2.8))
    for ax, activation in zip(axes, ("ReLU", "tanh"), strict=True):
        for bn, role in ((False, "without_bn"), (True, "with_bn")):
            x, found = training.along(runs, setting, "result", activation=activation, bn=bn)
            figures.curve(x, found.mean, ax=ax, role=role)
            for seed in found.values:
                figures.dots(x, seed, limits=(0, 100), ax=ax, role=role, size=4, alpha=0.6)
        figures.frame(ax, title=f"{activation}: test accuracy, %", x=words, ylim=(0, 104), log="x")
        ax.axhline(85, color="black", linewidth=1, linestyle=":")
        ax.text(x[0], 83, "works ↑", va="top", fontsize=9)
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.minorticks_off()
    figures.key(axes[0], {"with_bn": "with BN", "without_bn": "without BN"}, markers=True, place=place)
    figures.show(figure)


show_working(by_rate, "rate", "learning rate", "lower left")

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C). At a rate of 10 it is near guessing, 10 %. (At a mark at 0, the outputs are NaN.)
#
# </details>
#
# The claim **holds**: two more of these five rates work, and 3 is ten times 0.3.
#
# ## 2 · "The initial weights matter less"
#
# Now the rate is 0.3, and we multiply the initial weights by six scales. The effect is how many more of them work with BN. The margin is 1 again.
#
# **Predict.** BN gives the same values if the weights before it are multiplied by 10 (lesson 02). Where does a network with BN lose most accuracy: (A)
# nowhere, all scales are equal, (B) at × 0.03, (C) at × 10?

# %% tags=["nbval-ignore-output"]
by_scale = training.run_seeds(accuracy, scale=[0.03, 0.1, 0.3, 1, 3, 10], rate=0.3, **both)
judge_working(by_scale)

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels, ReLU and tanh: test accuracy after 110 steps against a factor on the initial weights from 0.03 to 10. Without BN there is a narrow peak at 1, with tanh at 1 and 3, and at the smallest factors 10 percent. With BN the accuracy is above 85 percent nearly everywhere; it is lowest at 10, where ReLU falls to 80 percent."
show_working(by_scale, "scale", "initial weights ×", "center left")
with_bn_by_scale = by_scale[by_scale.bn].groupby(["activation", "scale"]).result.mean().unstack()
assert (with_bn_by_scale.idxmin(axis=1) == 10).all()
assert (np.ptp(with_bn_by_scale, axis=1) > 7).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C). Lesson 02 has a likely reason: long weights turn slowly.
#
# </details>
#
# The claim **holds**: four more of these six scales work. But at × 10 the networks with BN still lose more than 7 points.
#
# ## 3 · "Training is faster"
#
# How many steps does a network need until 90 % of the *training* digits are right? A rate that is good for one network may be bad for the other, so we try four, and
# take the best one for each. The effect is the number of steps that BN saves. We look every 5 steps, so the margin is 5.
#
# **Predict.** Without BN, the ReLU network needs about 60 steps. How many with BN: (A) about 60, (B) about 30, (C) about 15?


# %% tags=["nbval-ignore-output"]
def steps_to_90_percent(seed, bn, activation, rate):
    model = network(seed, bn, activation)
    for step in training.training_steps(model, digits, learning_rate=rate, epochs=14, seed=seed):
        if step.number % 5 == 0 and training.accuracy(model, digits.x_train, digits.y_train) >= 0.9:
            return step.number
    return step.number  # not there after 308 steps


needed = training.run_seeds(steps_to_90_percent, rate=[0.1, 0.3, 1, 3], **both)
fewest = needed.groupby(["activation", "bn", "seed"]).result.min()  # the best of the four rates
print(fewest.groupby(["activation", "bn"]).mean().unstack())
for name in ("ReLU", "tanh"):
    assert judge(name, fewest[name, False] - fewest[name, True], margin=5) == "for it"

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C): 14 on average.
#
# </details>
#
# At the best of these four rates, the claim **holds**: without BN a network needs more than twice as many steps. (A step with BN computes more, so in
# seconds it gains less.)
#
# ### Lab: another network
#
# Five sigmoid layers, with initial weights × 3. A has no BN, B has it. Do the three claims hold here, for one seed? After each change, press *Start*.
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
# 1. B, in the first epochs. A needs about 15 of them.
# 2. A at 10. B at no rate; at 10, too, it ends above 90 %.
# 3. A does not learn, and no rate helps it. B learns as before.
#
# </details>
#
# **What was shown.** We judge a claim by its effect over five or 20 seeds, beside a margin. In three layers, BN allows more rates and more
# initial scales, and saves steps.
#
# **Exercises.** [Put the claims on trial](exercises/07_put_the_claims_on_trial.ipynb), 20 minutes.
#
# **Next.** [07b · Ask why it helps](07b_ask_why_it_helps.ipynb).
#
# Source: S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167.
