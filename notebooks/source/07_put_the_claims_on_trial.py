# %% [markdown]
# # 07 · Put the claims on trial
#
# *40 minutes · previous: [06 · Normalize channels](06_normalize_channels.ipynb) · next: [08 · Choose a norm](08_choose_a_norm.ipynb) ·
# [exercises](exercises/07_put_the_claims_on_trial.ipynb)*
#
# BN is said to allow higher learning rates, to need less care with the initial weights, to make training faster, to reduce internal covariate
# shift, to make the loss smoother, and to regularize. Here you measure all six, with five seeds each.

# %%
from copy import deepcopy
from itertools import islice, pairwise

import numpy as np
import torch

from bnteach import data, figures, labs, training
from bnteach.trials.claims import fewer, insert_after, noisy_pixels, wrong_labels

# %% [markdown]
# ## How a claim is tried
#
# We make a number of a claim, its **effect**. For "BN learns more" that is the test accuracy with BN minus the one without, both with the same seed. It is above 0 if
# the claim is right.
#
# Five seeds give five dots. The **margin** is the smallest effect that anyone should care about; it makes the
# gray band. This is the rule of the whole course:
#
# | all dots lie | they are |
# |---|---|
# | right of the band | **for it** |
# | left of the band | **against it** |
# | inside the band | **no difference** |
# | anywhere else | **undecided** |
#
# A claim **holds** if all its conditions are for it. Where five seeds are undecided, we take 20, and the
# 95 % interval of their mean stands in the place of the dots:
#
# $$\bar d \pm t \, \frac{s}{\sqrt n}$$
#
# $\bar d$ is the mean of the $n$ effects and $s$ their standard deviation (divided by $n - 1$). $t$ comes from Student's distribution with $n - 1$
# degrees of freedom: 2.09 for 20 seeds.

# %% tags=["draws"] alt="Three rows of five dots beside a gray band from −1 to 1. A, for it: all dots lie right of the band, between 3 and 6. B, no difference: all dots lie inside it. C, undecided: the dots lie between −3 and 8, on both sides of the band."
made_up = {
    "A: for it": [4, 6, 5, 3, 5.5],
    "B: no difference": [0.2, -0.3, 0.4, 0.1, 0],
    "C: undecided": [-3, 8, 1, 7, 2],
}
ax = figures.effects(made_up, margin=1, limits=(-4, 9), ax=figures.new_axes(size=(6.0, 1.9)))
figures.frame(ax, title="Three made-up effects, and the margin", x="effect")
figures.show(ax)

# %% [markdown]
# The mean of C is 3, but one of five seeds says −3. "Undecided" is not "no difference".
#
# ## The networks
#
# All have three hidden layers of 50 units, with ReLU or tanh, and BN before each activation or no BN. `scale` multiplies
# the usual size of the initial weights. `steps` trains by plain gradient descent, in shuffled batches of 60. It stops after each step, so that we can measure.


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
#
# **Predict.** Without BN, rates up to 0.3 work. And with BN: up to 0.3, 3, or 10?

# %% tags=["nbval-ignore-output"]
digits = data.digits()
rates, scales = [0.1, 0.3, 1, 3, 10], [0.03, 0.1, 0.3, 1, 3, 10]
conditions = {"activation": ["ReLU", "tanh"], "bn": [True, False], "progress": False}


def learn(seed, bn, activation, rate=0.3, scale=1):
    model = network(seed, bn, activation, scale)
    for _ in islice(steps(model, seed, rate, digits), 110):
        pass
    return 100 * training.accuracy(model, digits.x_test, digits.y_test)


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
# At 0 % the outputs are NaN, which counts as wrong; guessing would give 10 %.
#
# Now the rule. The effect of claim 1 is $\log_{10}$(highest working rate with BN / without): 1 means ten times as high; the margin 0.3 means twice as high. The effect of
# claim 2 is how many more scales work, with the margin 1.


# %% tags=["nbval-ignore-output"]
def judge(name, values, margin):
    print(f"{name:27}", *(f"{value:6.2f}" for value in values), end="   ")
    print(training.outcome(training.SeedSummary(np.array(values)), margin))
    effects[name] = values / margin


effects, setting = {}, ["activation", "bn", "seed"]
highest = by_rate[by_rate.result > 85].groupby(setting).rate.max()
working = by_scale[by_scale.result > 85].groupby(setting).scale.count()
for name in ("ReLU", "tanh"):
    judge(f"1 higher rates, {name}", np.log10(highest[name, True] / highest[name, False]), margin=0.3)
    judge(f"2 more scales, {name}", working[name, True] - working[name, False], margin=1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Up to 3.
#
# </details>
#
# Both claims **hold**. (The dots of a row are equal because we tried few values. Without BN the limit lies between 0.3 and 1, with BN between 3 and 10.)
# But the initial weights do matter: at × 10, ReLU with BN loses more than ten points.
#
# ## 3 · "Training is faster"
#
# How many steps does BN save until 90 % of the *training* pictures are right? A common rate may suit one of the two better, so each gets its own best rate.
# We look every five steps, so the margin is 5.


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
# It **holds**: at the best of these rates, a network without BN needs more than twice as many steps. (We stop at 300. A mean of 292 says that few got
# there.) But a step with BN takes longer, and after 110 steps the lead is only a few points.
#
# ## 4 · "BN reduces internal covariate shift"
#
# While a layer learns, the layers below it learn too. So the distribution of its inputs changes: the **internal covariate
# shift** of the paper's title. We watch the inputs of the last layer on one batch. The vectors $\mu$ and $\sigma$ hold the mean and the standard deviation of each
# input, and $\mu'$ the mean after the next training step.
#
# $$\text{shift} = \frac{\lVert \mu' - \mu\rVert}{\lVert \sigma\rVert}$$


# %%
def last_inputs(model, batch):
    return deepcopy(model)[:-1](batch).detach()  # of a copy, for each look changes running statistics


def shift(before, after):
    return ((after.mean(0) - before.mean(0)).norm() / before.std(0).norm()).item()


# %% [markdown]
# **Is that why BN helps?** Santurkar and others (2018) took the still inputs away again. Behind each BN layer, **noise** moves and stretches every channel,
# differently in each pass of training.
#
# **Predict.** With the noise, the inputs move about as much as without BN, or more. How good is the network: as with BN, or as without?


# %% tags=["nbval-ignore-output"]
class Noise(torch.nn.Module):
    def forward(self, x):
        if not self.training:
            return x
        moved, stretched = torch.rand(2, x.shape[1])  # for each channel, from 0 to 1
        return (1 + stretched / 4) * x + moved - 0.5


x, y = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)


def watch_inputs(seed, kind, activation):
    torch.manual_seed(seed)  # of the noise, and of the batch that we watch
    model, batch = network(seed, "BN" in kind, activation), x[torch.randperm(len(x))[:60]]
    model = insert_after(model, "bn", Noise) if "noise" in kind else model  # one after each BN layer
    seen = [last_inputs(model, batch) for _ in islice(steps(model, seed, 0.1, digits), 80)]
    test = 100 * training.accuracy(model, digits.x_test, digits.y_test)
    return {"shift": np.mean([shift(*pair) for pair in pairwise(seen)]), "test": test}


kinds = {"activation": ["ReLU", "tanh"], "kind": ["plain", "BN", "BN + noise"]}
watched = training.run_seeds(watch_inputs, **kinds, progress=False)
print(watched.pivot_table(["shift", "test"], "activation", "kind").round(3))
for name in ("ReLU", "tanh"):
    less = training.paired_difference(watched, "shift", kind=("plain", "BN"), activation=name)
    judge(f"4 less shift, {name}", less.values, margin=0.05)
    gain = training.paired_difference(watched, "test", kind=("BN + noise", "plain"), activation=name)
    judge(f"4 gain with noise, {name}", gain.values, margin=1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# As with BN, within half a point on average.
#
# </details>
#
# The claim **holds**. It can hardly fail: only γ and β move mean and variance behind a BN layer. But with noise the inputs move again, and the
# network still gains in each seed. So here BN does **not need** inputs that stay where they are. (At the rate 0.1; at 0.3 we found
# tanh undecided.)
#
# Two limits: noise has no direction, unlike the learning of the layers below. And with eight layers of ReLU it does cost
# ([deeper](deeper/which_claims_hold.ipynb), with the measure of shift that Santurkar and others use).
#
# ## 5 · "The loss is smoother"
#
# Santurkar and others propose another reason: with BN the gradient changes less along a step. Let $g$ be the gradient of a batch for all
# parameters, and $g'$ the one after a step with the rate 0.3.
#
# $$\text{change} = \frac{\lVert g' - g\rVert}{\lVert g\rVert}$$


# %% tags=["nbval-ignore-output"]
def gradient(model, batch):
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def change(model, batch):
    model = deepcopy(model)  # the network itself makes no step
    g = gradient(model, batch)
    torch.optim.SGD(model.parameters(), lr=0.3).step()
    return ((gradient(model, batch) - g).norm() / g.norm()).item()


def watch_gradient(seed, bn, activation):
    torch.manual_seed(seed)  # of the batches
    model = network(seed, bn, activation)
    every_20 = islice(steps(model, seed, 0.1, digits), 19, 80, 20)  # after 20, 40, 60, 80 steps
    return np.mean([change(model, torch.randperm(len(x))[:60]) for _ in every_20])


changes = training.run_seeds(watch_gradient, **conditions)
for name in ("ReLU", "tanh"):
    less = training.paired_difference(changes, "result", bn=(False, True), activation=name)
    judge(f"5 smoother, {name}", less.values, margin=0.1)

# %% [markdown]
# It **holds** for this step (with the rate 0.1, tanh is undecided). It fits claim 1: where the gradient changes less, a step may be longer. Whether it is
# the *cause* is not tried here.
#
# ### Lab: how far may a step go?
#
# Left: the loss of two networks after one more step, over its rate. Middle: the cosine of the angle
# between the gradients before and after it; below 0, the step is too long. The large mark is the rate that you choose, a triangle a value outside the picture.
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
#    only just stable, the **edge of stability**. It looks alike here, with batches, in one network. So training at a rate may itself shape the network until only about this rate is stable.
# 3. The one without BN: 0.47, with BN 0.20. "Smoother" is not true of each network at each moment.
#
# </details>
#
# ## 6 · "BN regularizes"
#
# To **regularize** is to keep a network from memorizing its training set, so that it does better on the test. After the same number of
# steps the network with BN has learned more, so we stop both at the **same training accuracy** and compare the test
# accuracy there. All networks here have ReLU. The tasks: all digits; 400 pictures, a fifth of them with wrong labels; and 200 noisy pictures.
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
# On none: no difference; undecided, [with 20 stored seeds](deeper/which_claims_hold.ipynb) too (−1.6 ± 1.5); and worse in each seed.
#
# </details>
#
# And it memorizes **faster**: with BN a network reaches the same training accuracy in fewer steps, with wrong labels in about a fifth.
# [Which noise regularizes?](deeper/which_noise_regularizes.ipynb) shows what does help.
#
# ## All in one picture
#
# Each effect is divided by its margin, so one gray band serves all; a line parts two claims.

# %% tags=["draws", "nbval-ignore-output"] alt="Fifteen rows of five dots, each effect divided by its margin, with a line between two claims and the verdict beside each name. Higher rates, more scales, faster, less shift, gain with noise and smoother: for it, all dots right of the gray band. Regularizes: all digits inside the band, wrong labels on both sides, noisy pixels left of it."
assert all(min(values) > 1 for name, values in effects.items() if name[0] in "12345")
assert max(effects["6 regularizes, noisy pixels"]) < -1
said = {name: training.outcome(training.SeedSummary(np.array(v)), margin=1) for name, v in effects.items()}
in_order = sorted(effects, key=lambda name: name[0])  # claim 1 first
rows = {f"{name}: {said[name]}": effects[name] for name in in_order}
ax = figures.effects(rows, margin=1, limits=(-8, 16), ax=figures.new_axes(size=(7.6, 4.8)))
for row, (above, below) in enumerate(pairwise(rows), start=1):
    if above[0] != below[0]:
        ax.axhline(row + 0.5, color="black", linewidth=0.5)
figures.frame(ax, title="What five seeds say", x="effect ÷ margin (a triangle: further out)")
figures.show(ax)

# %% [markdown]
# **How sure are we?** Dots and intervals cover other seeds, not other test pictures. Another 450 would move an effect by about one point
# ([measured here](deeper/which_claims_hold.ipynb)). And networks and pictures are small: "holds" means *here*.
#
# **Shown:** how a sentence about BN becomes a number with a verdict. Deeper: [Which of eighteen claims
# hold?](deeper/which_claims_hold.ipynb)
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
