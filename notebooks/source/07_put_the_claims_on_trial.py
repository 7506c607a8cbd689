# %% [markdown]
# # 07 · Put the claims on trial
#
# *35 minutes · previous: [06 · Normalize channels](06_normalize_channels.ipynb) · next: [08 · Choose a norm](08_choose_a_norm.ipynb) ·
# [exercises](exercises/07_put_the_claims_on_trial.ipynb)*
#
# BN is said to allow higher learning rates, to need less care with the initial weights, to make training faster, to reduce internal covariate
# shift, to make the loss smoother, and to regularize. Here you measure all six, each with several seeds.

# %%
from copy import deepcopy
from itertools import islice, pairwise

import numpy as np
import torch

from bnteach import data, figures, labs, training
from bnteach.trials.claims import along_gradient, fewer, insert_after, noisy_pixels, wrong_labels

# %% [markdown]
# ## How a claim is tried
#
# We make a number of a claim, its **effect**. For "BN learns more" that is the test accuracy with BN minus the one without, with the same seed. It is above 0 if
# the claim is right.
#
# Five seeds give five dots. The **margin** is the smallest effect that anyone should care about. It makes the
# gray band. By the rule of the whole course, the dots are **for** the claim if all lie right of the band, and **against** it if all lie left of it. If all lie inside,
# there is **no difference**. Anywhere else, they are **undecided**.

# %% tags=["draws"] alt="Four rows of five dots beside a gray band from −1 to 1. A, for it: all dots lie right of the band, between 3 and 6. B, against it: all lie left of it, between −4 and −1.5. C, no difference: all lie inside it. D, undecided: the dots lie between −3 and 8, on both sides of the band."
made_up = {
    "A: for it": [4, 6, 5, 3, 5.5],
    "B: against it": [-2, -4, -1.5, -3, -2.5],
    "C: no difference": [0.2, -0.3, 0.4, 0.1, 0],
    "D: undecided": [-3, 8, 1, 7, 2],
}
ax = figures.effects(made_up, margin=1, limits=(-5, 9), ax=figures.new_axes(size=(6.0, 2.1)))
figures.frame(ax, title="Four made-up effects, and the margin", x="effect")
figures.show(ax)

# %% [markdown]
# The mean of D is 3, but one of five seeds says −3. "Undecided" is not "no difference".
#
# A claim is tried under several conditions, such as two activations. It **holds** if all are for it, and is **false** if all are against it. If none is for it
# and none against it, it is **not seen** here. Else we name the conditions.
#
# Where five seeds are undecided, we take 20. Then the 95 % interval of their mean stands in the place of the dots: $\bar d \pm t \, s / \sqrt n$, with
# the mean $\bar d$ of the $n$ effects and their standard deviation $s$ (divided by $n - 1$). Student's distribution gives $t = 2.09$ for 20 seeds.
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
# A rate *works* if more than 85 % of the test digits are right after 110 steps, five epochs. We try five rates; and six
# scales, at the rate 0.3.

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

# %% tags=["draws", "nbval-ignore-output"] alt="Four panels of test accuracy after 110 steps, one dot for each of five seeds. Left, against the learning rate from 0.1 to 10: without BN the accuracy falls to 20 percent and less beyond 0.3, with BN only beyond 3. Right, against a factor on the initial weights: without BN there is a narrow peak around 1, with BN a broad plateau that falls off toward 10. Above a dotted line at 85 percent a network works."
figure, axes = figures.new_figure(columns=2, rows=2, size=(7.0, 4.4))
runs = {"rate": (by_rate, "learning rate"), "scale": (by_scale, "initial weights ×")}
panels = [(activation, setting) for activation in ("ReLU", "tanh") for setting in runs]
for ax, (activation, setting) in zip(axes, panels, strict=True):
    for bn, role in ((False, "without_bn"), (True, "with_bn")):
        x, found = training.along(runs[setting][0], setting, "result", activation=activation, bn=bn)
        figures.curve(x, found.mean, ax=ax, role=role)
        for seed in range(5):
            figures.dots(x, found.values[seed], limits=(0, 100), ax=ax, role=role, size=4, alpha=0.6)
    figures.frame(ax, title=f"{activation}, test accuracy, %", x=runs[setting][1], ylim=(0, 104), log="x")
    ax.axhline(85, color="black", linewidth=1, linestyle=":")
    ax.set_xticks(x, x)
    ax.minorticks_off()
axes[0].text(10, 87, "works", ha="right", va="bottom", fontsize=9)
figures.key(axes[0], {"with_bn": "with BN", "without_bn": "without"}, place="lower left")
figures.show(figure)

# %% [markdown]
# (At 0 % the outputs are NaN. Guessing would give 10 %.)
#
# Now the rule. The effect is how many more of the values work with BN. The margin is 1: one value more may be chance.


# %% tags=["nbval-ignore-output"]
def judge(name, values, margin):
    effect = training.SeedSummary(np.array(values))
    dots = " ".join(f"{value:6.2f}" for value in values)
    mean = f"mean of {len(values)}: {effect.mean:.2f} ± {effect.half_width:.2f}"
    print(f"{name:27}", dots if len(values) == 5 else mean, "  ", training.outcome(effect, margin))
    effects[name] = effect.values / margin


effects, setting = {}, ["activation", "bn", "seed"]
for claim, runs in (("1 more rates", by_rate), ("2 more scales", by_scale)):
    working = runs[runs.result > 85].groupby(setting).result.count()
    for name in ("ReLU", "tanh"):
        judge(f"{claim}, {name}", working[name, True] - working[name, False], margin=1)

# %% [markdown]
# Both claims **hold**. Two rates more are a rate ten times as high. (The seeds agree exactly, because we tried few values.)
# But the initial weights do matter: at × 10, ReLU with BN loses more than ten points.
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
    return {"steps": step.number, "test": 100 * training.accuracy(model, data.x_test, data.y_test)}


def to_90_percent(seed, bn, activation, rate):
    return until(network(seed, bn, activation), seed, 90, rate, digits, most=300)


needed = training.run_seeds(to_90_percent, rate=rates[:4], **conditions)
print(needed.pivot_table("steps", ["activation", "bn"], "rate").round())
fewest = needed.groupby(setting).steps.min()
for name in ("ReLU", "tanh"):
    judge(f"3 faster, {name}", fewest[name, False] - fewest[name, True], margin=5)

# %% [markdown]
# It **holds**: without BN, a network needs more than twice as many steps. But a step with BN takes longer, and after 110 steps the lead is only a
# few points, as the picture above shows.
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
# First the shift. We watch the inputs of the last layer, on one batch: how far do their means move in a step, measured in their standard deviations?


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
# **Predict.** How good is the network with BN and noise: as with BN, or as without?
#
# Each network gets 110 steps and the best of four rates. The results of 20 seeds are stored (`again=True` computes them).


# %%
def learn_as(seed, kind, activation, rate):
    return accuracy_after_110(build(seed, kind, activation), seed, rate)


def best_accuracies(seeds):
    runs = training.run_seeds(learn_as, seeds, rate=rates[:4], **kinds)
    best = runs.groupby(["activation", "kind", "seed"]).result.max()
    return {name: {kind: list(best[name, kind]) for kind in kinds["kind"]} for name in ("ReLU", "tanh")}


best = training.stored("results/07_noise.json", lambda: best_accuracies(range(20)), again=False)["results"]
for name, found in best.items():
    print(f"{name}, test accuracy:", *(f"{kind} {np.mean(right):.1f} " for kind, right in found.items()))
    for seeds in (5, 20):
        judge(f"4 noise costs, {name}", np.subtract(found["BN"], found["BN + noise"])[:seeds], margin=1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# As with BN: the difference is less than one point.
#
# </details>
#
# That BN *needs* inputs that stay where they are is **not seen**. (Noise has no direction, unlike the learning of the
# layers below. And in [eight layers of ReLU](deeper/which_claims_hold.ipynb) it does cost.)
#
# ## 5 · "The loss is smoother"
#
# Santurkar and others propose another reason. A loss is **smooth** if its gradient changes little along a step. `along_gradient` takes the gradients of a batch before and
# after a step with the rate 0.3. We look at the cosine of the angle between them: 1 is the same direction, 0 perpendicular; below 0, the step was too long.


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
# It **holds** for this step, and fits claim 1: where the gradient keeps its direction, a step may be longer. Whether it is the *cause* is not tried here.
#
# ### Lab: how far may a step go?
#
# Left: the loss of two networks after one more step, over its rate. Middle: the cosine.
# A large mark is the rate that you choose; a triangle is a value outside the picture.
#
# 1. Make the *learning rate of the next step* larger. Which of the two losses turns up first?
# 2. Go on to 160 *training steps*. How far can the network without BN go now? It was trained with the rate 0.1.
# 3. Choose *ReLU, 8 layers*, 20 *training steps* and, as the *learning rate of the next step*, 0.1. Which network has the larger cosine?

# %% tags=["nbval-ignore-output"]
labs.Landscape()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The one without BN: steps up to 0.68 lower the loss, with BN up to 3.3.
# 2. Up to 0.1; with BN it is still 3.3. Cohen and others (2021) found that gradient descent with all pictures in each step drives a network to where its rate is
#    only just stable: the **edge of stability**.
# 3. The one without BN: 0.47, with BN 0.20. So "smoother" is not always true.
#
# </details>
#
# ## 6 · "BN regularizes"
#
# To **regularize** is to keep a network from memorizing its training set, so that it does better on the test. After the same number of
# steps the network with BN has learned more. So we stop both at the **same training accuracy**, and compare the test
# accuracy there. The tasks: all digits; 400 pictures, a fifth with wrong labels; 200 noisy pictures.
#
# **Predict.** On which of the three tasks is BN better?

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
print(ends.pivot_table(["steps", "test"], "task", "bn").round())
for task in tasks:
    gain = training.paired_difference(ends, "test", bn=(True, False), task=task)
    judge(f"6 regularizes, {task}", gain.values, margin=1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# On none of them.
#
# </details>
#
# The claim is **false for noisy pixels**. With all digits there is no difference; with wrong labels it is undecided.
# BN even memorizes **faster**: it needs fewer steps to the same training accuracy, with wrong labels about a fifth.
# [Which noise regularizes?](deeper/which_noise_regularizes.ipynb) shows what does help.
#
# ## All in one picture
#
# Each effect is divided by its margin, so one gray band serves all. Where there are 20 dots, the dark bar is their interval, and it decides.

# %% tags=["draws", "nbval-ignore-output"] alt="Fifteen rows of dots, each effect divided by its margin, with a line between two claims and the verdict beside each name. More rates, more scales, faster, less shift and smoother: for it, all dots right of the gray band. Noise costs: no difference, a short bar inside the band. Regularizes: all digits inside the band, wrong labels on both sides, noisy pixels left of it."
said = {name: training.outcome(training.SeedSummary(np.array(v)), margin=1) for name, v in effects.items()}
assert all(word == "for it" for name, word in said.items() if name[0] in "1235" or "shift" in name)
assert said["4 noise costs, ReLU"] == said["4 noise costs, tanh"] == "no difference"
assert said["6 regularizes, noisy pixels"] == "against it"
rows = {f"{name}: {said[name]}": effects[name] for name in effects}
bars = {name: training.SeedSummary(v).interval for name, v in rows.items() if len(v) > 5}
ax = figures.new_axes(size=(7.6, 4.8))
figures.effects(rows, margin=1, limits=(-16, 16), intervals=bars, ax=ax)
for row, (above, below) in enumerate(pairwise(rows), start=1):
    if above[0] != below[0]:
        ax.axhline(row + 0.5, color="black", linewidth=0.5)
figures.frame(ax, title="The six claims", x="effect ÷ margin")
figures.show(ax)

# %% [markdown]
# **How sure are we?** Dots and intervals cover other seeds, not other test pictures: another 450 would move an effect by about one point
# ([measured here](deeper/which_claims_hold.ipynb)). And networks and pictures are small. "Holds" means *here*.
#
# **Shown:** how a sentence about BN becomes a number with a verdict. Higher rates, more initial scales, faster training and a smoother loss hold. BN reduces the
# shift, but does not need that; it does not regularize. Deeper: [Which of eighteen claims hold?](deeper/which_claims_hold.ipynb)
#
# **Practice:** [the exercises](exercises/07_put_the_claims_on_trial.ipynb), 30 minutes.
#
# **Next:** [08 · Choose a norm](08_choose_a_norm.ipynb).
#
# Sources:
#
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167 (most of the claims).
# - S. Santurkar and others, "How Does Batch Normalization Help Optimization?", 2018, arXiv:1805.11604 (shift, noise, smoothness).
# - J. Cohen and others, "Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability", 2021, arXiv:2103.00065.
