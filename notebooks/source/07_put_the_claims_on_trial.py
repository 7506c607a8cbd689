# %% [markdown]
# # 07 · Put the claims on trial
#
# *40 minutes · previous: [06 · Normalize channels](06_normalize_channels.ipynb) · next: [08 · Choose a norm](08_choose_a_norm.ipynb) ·
# [exercises](exercises/07_put_the_claims_on_trial.ipynb)*
#
# BN is said to allow higher learning rates, to need less care with the initial weights, to make training faster, to reduce internal covariate
# shift, to make the loss smoother, and to regularize. Here you measure all six.

# %%
from copy import deepcopy
from itertools import islice, pairwise, product

import numpy as np
import torch

from bnteach import data, figures, labs, training
from bnteach.trials.claims import along_gradient, fewer, insert_after, noisy_pixels, wrong_labels

# %% [markdown]
# ## How a claim is tried
#
# We turn a claim into a number, its **effect**. For "BN learns more" that is the test accuracy with BN minus the one without, with the same seed. It is above 0 if
# the claim is right.
#
# Five seeds give five dots. The **margin** is the smallest effect that matters; it makes the gray band. The rule
# of the course has four answers:

# %% tags=["draws"] alt="Four rows of five dots beside a gray band from −1 to 1. All right of the band: for it, dots between 3 and 6. All left of it: against it, between −4 and −1.5. All inside: no difference. Anything else: undecided, dots between −3 and 8, on both sides of the band."
made_up = {
    "all right of the band: for it": [4, 6, 5, 3, 5.5],
    "all left of it: against it": [-2, -4, -1.5, -3, -2.5],
    "all inside: no difference": [0.2, -0.3, 0.4, 0.1, 0],
    "anything else: undecided": [-3, 8, 0.3, 7, 2.7],
}
ax = figures.effects(made_up, margin=1, limits=(-5, 9), ax=figures.new_axes(size=(7.0, 2.1)))
figures.frame(ax, title="Four made-up effects, and the margin", x="effect")
figures.show(ax)

# %% [markdown]
# The mean of the last row is 3, but one of five seeds says −3.
#
# A claim **holds** if all conditions that we try, such as two activations, are for it. Otherwise we give the answer of each.
#
# Where five seeds are undecided, we take 20, and the 95 % interval of their mean in place of the dots: $\bar d \pm t \, s / \sqrt n$, with
# the mean $\bar d$ of the $n$ effects and their standard deviation $s$ (divided by $n - 1$). Student's distribution gives $t = 2.09$ for 20 seeds.
# (This is a second look, so wrong answers are somewhat more likely than with one.)
#
# ## The networks
#
# All have three hidden layers of 50 units, with ReLU or tanh, and BN before each activation or no BN. `scale` multiplies
# the usual size of the initial weights. `steps` trains by plain gradient descent, in batches of 60, and stops after each step.


# %%
def network(seed, bn, activation="ReLU", scale=1):
    layer, usual = {"ReLU": (torch.nn.ReLU, 2**0.5), "tanh": (torch.nn.Tanh, 1)}[activation]
    return training.mlp([64, 50, 50, 50, 10], layer, bn, init_scale=scale * usual, seed=seed)


def steps(model, seed, rate, data):
    return training.training_steps(model, data, learning_rate=rate, epochs=1000, seed=seed)


# %% [markdown]
# ## 1 and 2 · "Higher learning rates work", "the initial weights matter less"
#
# A rate *works* if more than 85 % of the test digits are right after 110 steps. We try five rates; and six
# scales, at the rate 0.3.
#
# **Predict.** Which of the six scales work with BN, and which without? (What does BN make of outputs that are ten times as large?)

# %% tags=["nbval-ignore-output"]
digits = data.digits()
rates, scales = [0.1, 0.3, 1, 3, 10], [0.03, 0.1, 0.3, 1, 3, 10]
conditions = {"activation": ["ReLU", "tanh"], "bn": [True, False], "progress": False}


def accuracy_after_110(model, seed, rate):
    for _ in islice(steps(model, seed, rate, digits), 110):
        pass
    return 100 * training.accuracy(model, digits.x_test, digits.y_test)


def learn(seed, bn, activation, rate=0.3, scale=1):
    return accuracy_after_110(network(seed, bn, activation, scale), seed, rate)


by_rate = training.run_seeds(learn, rate=rates, **conditions)
by_scale = training.run_seeds(learn, scale=scales, **conditions)

# %% tags=["draws", "nbval-ignore-output"] alt="Four panels of test accuracy after 110 steps, one dot for each of five seeds. Left, against the learning rate from 0.1 to 10: without BN the accuracy falls to 20 percent and less beyond 0.3, with BN only beyond 3. Right, against a factor on the initial weights: without BN there is a narrow peak around 1, with BN a broad plateau that falls off toward 10. Above a dotted line at 85 percent a network works. Some outputs without BN are NaN."
figure, axes = figures.new_figure(columns=2, rows=2, size=(7.4, 5.0))
runs = {"rate": (by_rate, "learning rate"), "scale": (by_scale, "initial weights ×")}
for ax, (activation, setting) in zip(axes, product(("ReLU", "tanh"), runs), strict=True):
    for bn, role in ((False, "without_bn"), (True, "with_bn")):
        x, found = training.along(runs[setting][0], setting, "result", activation=activation, bn=bn)
        figures.curve(x, found.mean, ax=ax, role=role)
        found.values[found.values == 0] = np.nan
        for seed in range(5):
            figures.dots(x, found.values[seed], limits=(0, 100), ax=ax, role=role, size=4, alpha=0.6)
        for place in np.array(x)[np.isnan(found.values).any(axis=0)]:
            ax.text(place, 0, "NaN", ha="center", va="bottom", fontsize=8)
    figures.frame(ax, title=f"{activation}, test accuracy, %", x=runs[setting][1], ylim=(0, 104), log="x")
    ax.axhline(85, color="black", linewidth=1, linestyle=":")
    ax.text(x[0], 83, "above: works", va="top", fontsize=9)
    ax.set_xticks(x, [f"{value:g}" for value in x])
    ax.minorticks_off()
figures.key(axes[0], {"with_bn": "with BN", "without_bn": "without BN"}, markers=True, place="lower left")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With BN all six with tanh, and five with ReLU (not × 10). Without BN only the usual size, with tanh also × 3.
#
# </details>
#
# (NaN counts as 0 %; guessing gives 10 %.)
#
# The effect is how many more values work with BN. The margin is 1: one more may be chance.


# %% tags=["nbval-ignore-output"]
def judge(name, values, margin):
    effect = training.SeedSummary(np.array(values[:5]))
    shown = " ".join(f"{value:6.2f}" for value in effect.values)
    if training.outcome(effect, margin) == "undecided" and len(values) == 20:
        effect = training.SeedSummary(np.array(values))
        shown = f"mean of 20: {effect.mean:.2f} ± {effect.half_width:.2f}"
    print(f"{name:30} {shown:36}", training.outcome(effect, margin))
    effects[name] = effect.values / margin


effects, setting = {}, ["activation", "bn", "seed"]
for claim, runs in (("1 more rates", by_rate), ("2 more scales", by_scale)):
    working = runs[runs.result > 85].groupby(setting).result.count()
    for name in ("ReLU", "tanh"):
        judge(f"{claim}, {name}", working[name, True] - working[name, False], margin=1)

# %% [markdown]
# Both claims **hold**. Two rates more are a rate ten times as high.
# But at × 10, ReLU with BN loses more than ten points (perhaps because long weights turn slowly: lesson 02).
#
# ## 3 · "Training is faster"
#
# How many steps does BN save until 90 % of the *training* pictures are right, each network at its best rate?
# We look every five steps, so the margin is 5, and stop at 300.


# %% tags=["nbval-ignore-output"]
def until(model, seed, level, rate, data, most):
    for step in islice(steps(model, seed, rate, data), most):
        if step.number % 5 == 0 and 100 * training.accuracy(model, data.x_train, data.y_train) >= level:
            break
    train = 100 * training.accuracy(model, data.x_train, data.y_train)
    test = 100 * training.accuracy(model, data.x_test, data.y_test)
    return {"steps": step.number, "train": train, "test": test}


def to_90_percent(seed, bn, activation, rate):
    return until(network(seed, bn, activation), seed, 90, rate, digits, most=300)


needed = training.run_seeds(to_90_percent, rate=rates[:4], **conditions)
print(needed.pivot_table("steps", ["activation", "bn"], "rate").round())
fewest = needed.groupby(setting).steps.min()
for name in ("ReLU", "tanh"):
    judge(f"3 faster, {name}", fewest[name, False] - fewest[name, True], margin=5)

# %% [markdown]
# It **holds**: without BN, it takes more than twice as many steps.
#
# ## 4 · "BN reduces internal covariate shift"
#
# While a layer learns, the layers below it learn too. So the distribution of its inputs changes: the **internal covariate
# shift** of the paper's title.
#
# Is less shift the reason why BN helps? Santurkar and others (2018) kept BN and let the inputs move again: behind each BN layer, **noise** moves and stretches every
# channel at random in each step. So we compare three networks.


# %%
class Noise(torch.nn.Module):
    def forward(self, x):
        if not self.training:
            return x
        moved, stretched = torch.rand(2, x.shape[1])  # for each channel, from 0 to 1
        return (1 + stretched / 4) * x + moved - 0.5


def build(seed, kind, activation):
    torch.manual_seed(seed)  # of the noise
    model = network(seed, kind != "without BN", activation)
    return insert_after(model, "bn", Noise) if kind == "BN + noise" else model


kinds = {"kind": ["without BN", "BN", "BN + noise"], "activation": ["ReLU", "tanh"], "progress": False}

# %% [markdown]
# We watch the inputs of the last layer, on one batch: how far do their means move in a step, measured in their standard deviations?
# (Margin 0.05: that is hardly a move.)


# %% tags=["nbval-ignore-output"]
x, y = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)


def shift(before, after):
    return ((after.mean(0) - before.mean(0)).norm() / before.std(0).norm()).item()


def mean_shift(seed, kind, activation):
    model, inputs = build(seed, kind, activation), []
    for _ in islice(steps(model, seed, 0.1, digits), 80):
        inputs.append(deepcopy(model)[:-1](x[:60]).detach())  # of a copy: a look changes running statistics
    return np.mean([shift(before, after) for before, after in pairwise(inputs)])


shifts = training.run_seeds(mean_shift, **kinds)
print(shifts.pivot_table("result", "activation", "kind").round(3))
for name in ("ReLU", "tanh"):
    less = training.paired_difference(shifts, "result", kind=("without BN", "BN"), activation=name)
    judge(f"4 less shift, {name}", less.values, margin=0.05)

# %% [markdown]
# That BN reduces the shift **holds**. It can hardly fail: behind a BN layer, only $\gamma$ and $\beta$ move mean and variance. With the noise, the
# inputs move about as much as without BN, or more.
#
# Now the test accuracy after 110 steps, at the rate with the best *training* accuracy. The margin is 1 point: another 450 test pictures
# would move an effect by about as much (measured in the notebook linked below).
#
# **Predict.** How good is the network with BN and noise: as with BN, or as without?


# %%
def learn_as(seed, kind, activation, rate):
    return until(build(seed, kind, activation), seed, 101, rate, digits, most=110)  # 101 %: all 110 steps


def best_accuracies(seeds):
    runs = training.run_seeds(learn_as, seeds, rate=rates[:4], **kinds).sort_values("train", kind="stable")
    best = runs.groupby(["activation", "kind", "seed"]).test.last()  # best in training: sorted last
    return {name: {kind: list(best[name, kind]) for kind in kinds["kind"]} for name in ("ReLU", "tanh")}


# Stored are 20 seeds; again=True computes them, in a minute.
best = training.stored("results/07_noise.json", lambda: best_accuracies(range(20)), again=False)["results"]
for name, found in best.items():
    print(f"{name}, test accuracy:", *(f"{kind} {np.mean(right):.1f} " for kind, right in found.items()))
    judge(f"4 needs still inputs, {name}", np.subtract(found["BN"], found["BN + noise"]), margin=1)
    judge(f"4 gains with noise, {name}", np.subtract(found["BN + noise"], found["without BN"]), margin=1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Almost as with BN: 0.6 points less with ReLU, as much with tanh.
#
# </details>
#
# That BN gains in spite of the noise **holds**: by more than 2 points, which other test pictures could hardly undo.
# That BN *needs* still inputs: **no difference** with tanh; **undecided** with ReLU, even with 20 seeds.
# (But noise has no direction, as learning has; and in [eight layers of ReLU](deeper/which_claims_hold.ipynb) it costs more.)
#
# ## 5 · "The loss is smoother"
#
# Santurkar and others propose another reason. A loss is **smooth** if its gradient changes little along a step. `along_gradient` takes the gradients of a batch before and
# after a step with the rate 0.3. We compare their directions, not their lengths, by the cosine of the angle: 1 is the same direction, 0 perpendicular, −1 opposite.
# The margin is 0.1, a small part of that range.


# %% tags=["nbval-ignore-output"]
def mean_cosine(seed, bn, activation):
    model = network(seed, bn, activation)
    every_20 = islice(steps(model, seed, 0.1, digits), 19, 80, 20)  # after 20, 40, 60, 80 steps
    return np.mean([along_gradient(model, x[:60], y[:60], rates=[0.3]).cosine for _ in every_20])


cosines = training.run_seeds(mean_cosine, **conditions)
print(cosines.pivot_table("result", "activation", "bn").round(2))
for name in ("ReLU", "tanh"):
    more = training.paired_difference(cosines, "result", bn=(True, False), activation=name)
    judge(f"5 smoother, {name}", more.values, margin=0.1)

# %% [markdown]
# It **holds** for this depth and this step, in networks trained with the rate 0.1. (Below 0 the gradient points back. But this is one step along one line:
# ReLU without BN can still train with 0.3, as in claim 3.) Whether this is *why* BN helps is not tried here.
#
# ### Lab: how far may a step go?
#
# A large mark is the rate that you choose. Steps up to the dotted line lower the loss. A triangle is a value outside the picture.
#
# 1. Make the *learning rate of the next step* larger. Which loss turns up first?
# 2. Go on to 160 *training steps*. Where are the dotted lines now? Compare with the rate of the training, 0.1.
# 3. Choose *ReLU, 8 layers*, 20 *training steps* and, as the *learning rate of the next step*, 0.1. Which network has the larger cosine?

# %% tags=["nbval-ignore-output"]
labs.Landscape()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The one without BN: steps up to 0.68 lower the loss, with BN up to 3.3.
# 2. Without BN at 0.1, the rate of the training; with BN still at 3.3. (Cohen and others, 2021, found such an **edge of stability**, where the rate is only just stable, for steps
#    with *all* pictures. Ours take batches.)
# 3. The one without BN: 0.47, with BN 0.20. So "smoother" depends on depth and rate.
#
# </details>
#
# ## 6 · "BN regularizes"
#
# To **regularize** is to keep a network from memorizing its training set, so that it does better on the test. With BN a
# network learns more in the same steps. So we stop both at the **same training accuracy**, and compare the test
# accuracy (margin 1). The tasks: all digits; 400 pictures, a fifth with wrong labels; 200 pictures with noise
# of standard deviation 0.5 on each pixel (which is from 0 to 1), also in the test.

# %% tags=["nbval-ignore-output"]
tasks = {  # the data of a seed, and the training accuracy at which to stop
    "all digits": (lambda seed: digits, 99),
    "wrong labels": (lambda seed: wrong_labels(fewer(digits, 400, seed), 0.2, seed), 90),
    "noisy pixels": (lambda seed: noisy_pixels(fewer(digits, 200, seed), 0.5, seed), 99),
}


def memorize(seed, task, bn):
    make, level = tasks[task]
    return until(network(seed, bn), seed, level, 0.1, make(seed), most=2000)


ends = training.run_seeds(memorize, task=list(tasks), bn=[True, False], progress=False)
print(ends.pivot_table(["steps", "train", "test"], "task", "bn").round(1))


def wrong_labels_of_20():
    runs = training.run_seeds(memorize, range(20), task="wrong labels", bn=[True, False])
    return list(training.paired_difference(runs, "test", bn=(True, False)).values)


gains = {task: training.paired_difference(ends, "test", bn=(True, False), task=task).values for task in tasks}
gains["wrong labels"] = training.stored("results/07_wrong_labels.json", wrong_labels_of_20)["results"]
for task, values in gains.items():
    judge(f"6 regularizes, {task}", values, margin=1)

# %% [markdown]
# No task is for it. All digits: **no difference**. Wrong labels: **undecided**, even with 20 seeds. Noisy pixels: **against it**, by far more than
# other test pictures could change. We do not know why.
#
# BN even memorizes **faster**: wrong labels in about a fifth of the steps.
# [Which noise regularizes?](deeper/which_noise_regularizes.ipynb) shows what does help.
#
# ## All in one picture
#
# All effects are divided by their margins. A dark bar is the interval of 20 seeds; it decides.

# %% tags=["draws", "nbval-ignore-output"] alt="Seventeen rows of dots, each effect divided by its margin, with a line between two claims and the verdict beside each name. More rates, more scales, faster, less shift and smoother: for it, all dots right of the gray band. Gains with noise: for it, two bars right of the band. Needs still inputs: ReLU undecided, a bar across the edge of the band; tanh no difference. Regularizes: all digits inside the band, wrong labels a bar across its left edge, noisy pixels left of it."
said = {name: training.outcome(training.SeedSummary(v), margin=1) for name, v in effects.items()}
other = {"6 regularizes, noisy pixels": "against it"}
other |= dict.fromkeys(["4 needs still inputs, tanh", "6 regularizes, all digits"], "no difference")
other |= dict.fromkeys(["4 needs still inputs, ReLU", "6 regularizes, wrong labels"], "undecided")
assert said == {**dict.fromkeys(effects, "for it"), **other}
rows = {f"{name}: {said[name]}": effects[name] for name in effects}
bars = {name: training.SeedSummary(v).interval for name, v in rows.items() if len(v) > 5}
ax = figures.effects(rows, margin=1, limits=(-16, 16), intervals=bars, ax=figures.new_axes(size=(7.6, 5.4)))
for row, (above, below) in enumerate(pairwise(rows), start=1):
    if above[0] != below[0]:
        ax.axhline(row + 0.5, color="black", linewidth=0.5)
figures.frame(ax, title="The six claims", x="effect ÷ margin")
figures.show(ax)

# %% [markdown]
# **How sure are we?** Dots and intervals cover other seeds, not other test pictures or networks.
#
# **Shown:** in three layers, BN allows more rates and more initial scales, is faster, and has less shift and a smoother loss
# along one step. It gains in spite of moving inputs. It was not shown to regularize. Deeper: [Which of eighteen claims hold?](deeper/which_claims_hold.ipynb)
#
# **Practice:** [the exercises](exercises/07_put_the_claims_on_trial.ipynb), 25 minutes, and 10 for the deeper one.
#
# **Next:** [08 · Choose a norm](08_choose_a_norm.ipynb).
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167.
# - S. Santurkar and others, "How Does Batch Normalization Help Optimization?", 2018, arXiv:1805.11604.
# - J. Cohen and others, "Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability", 2021, arXiv:2103.00065.
