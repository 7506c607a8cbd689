# %% [markdown]
# # 07 · Put the claims on trial
#
# *40 minutes · previous: [06 · Normalize channels](06_normalize_channels.ipynb) · next: [08 · Choose a norm](08_choose_a_norm.ipynb) ·
# [exercises](exercises/07_put_the_claims_on_trial.ipynb)*
#
# BN is said to allow higher learning rates, to need less care with the initial weights, to make training faster and the loss smoother, to reduce covariate shift, and to regularize.
# Here you measure all six, with five seeds each. Four hold; less covariate shift is not the reason why BN works, and BN alone does not regularize.

# %%
from copy import deepcopy
from itertools import islice

import numpy as np
import torch

from bnteach import data, figures, labs, training
from bnteach.trials.claims import fewer, insert_after, noisy_pixels, wrong_labels

# %% [markdown]
# ## How a claim is tried
#
# Take the claim "BN learns more". We make a number of it, the **effect**: the test accuracy with BN minus the one without. It is above 0 if
# the claim is right. Both networks have the same seed, so what the seed alone does cancels in the difference.
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
# A claim **holds** if all its conditions are for it. Where five seeds are undecided, we take
# 20, and ask where the 95 % interval of their mean lies.

# %% tags=["draws"] alt="Three rows of five dots beside a gray band from −1 to 1. A: all dots lie right of the band, between 3 and 6. B: all dots lie inside it. C: the dots lie between −3 and 8, on both sides of the band."
made_up = {"A": [4, 6, 5, 3, 5], "B": [0.2, -0.3, 0.4, 0.1, 0], "C": [-3, 8, 1, 7, 2]}
ax = figures.effects(made_up, margin=1, limits=(-4, 9), ax=figures.new_axes(size=(6.0, 1.9)))
figures.frame(ax, title="Three made-up effects, and the margin", x="effect")
figures.show(ax)

# %% [markdown]
# **Predict.** What does the rule say about A, B and C?

# %%
for name, values in made_up.items():
    print(name, training.outcome(training.SeedSummary(np.array(values)), margin=1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# For it; no difference; undecided. The mean of C is 3, but one of five seeds says −3. "Undecided" is not
# "no difference".
#
# </details>
#
# ## The networks
#
# All have three hidden layers of 50 units, with ReLU or tanh, and BN before each activation or no BN. `scale` multiplies
# the usual size of the initial weights. `steps` is the training loop; it hands control back after each step, so that we can measure.


# %%
def network(seed, bn, activation="ReLU", scale=1):
    layer, usual = {"ReLU": (torch.nn.ReLU, 2**0.5), "tanh": (torch.nn.Tanh, 1)}[activation]
    return training.mlp([64, 50, 50, 50, 10], layer, bn, init_scale=scale * usual, seed=seed)


def steps(model, seed, rate, data):
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    shuffle = torch.Generator().manual_seed(seed)
    while True:
        for batch in torch.randperm(len(x), generator=shuffle).split(60)[: len(x) // 60]:
            loss = torch.nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield


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

# %% tags=["draws", "nbval-ignore-output"] alt="Four panels of test accuracy after 110 steps, one dot for each of five seeds. Left, against the learning rate from 0.1 to 10: without BN the accuracy falls to 20 percent and less beyond 0.3, with BN only beyond 3. Right, against a factor on the initial weights: without BN there is a narrow peak around 1, with BN a broad plateau that falls off toward 10. A dotted line marks 85 percent."
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
figures.key(axes[0], {"with_bn": "with BN", "without_bn": "without"}, place="lower left")
figures.show(figure)

# %% [markdown]
# The effects: how much higher the highest working rate is, in factors of ten (margin 0.3, a factor of 2); and how many more
# scales work (margin 1).


# %% tags=["nbval-ignore-output"]
def judge(name, values, margin):
    print(f"{name:25}", *(f"{value:6.2f}" for value in values), end="   ")
    print(training.outcome(training.SeedSummary(np.array(values)), margin))
    effects[name] = values / margin


effects, setting = {}, ["activation", "bn", "seed"]
highest = by_rate[by_rate.result > 85].groupby(setting).rate.max()
working = by_scale[by_scale.result > 85].groupby(setting).scale.count()
for name in ("ReLU", "tanh"):
    judge(f"higher rates, {name}", np.log10(highest[name, True] / highest[name, False]), margin=0.3)
    judge(f"more scales, {name}", working[name, True] - working[name, False], margin=1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Up to 3: about ten times as far, but not without end.
#
# </details>
#
# Both claims **hold**. (All dots of a row are equal because we tried few values. The true factor may lie anywhere between 3 and 30.)
# But the initial weights do matter: at × 10, ReLU with BN loses more than ten points. Large weights have
# small gradients and learn slowly (lesson 02).
#
# ## 3 · "Training is faster"
#
# One common rate may suit one of the two better, so each gets its own best rate. The
# effect: how many steps BN saves until 90 % of the *training* pictures are right. We look every five steps, so the margin is 5.


# %% tags=["nbval-ignore-output"]
def until(model, seed, level, rate, data, most):
    for step, _ in enumerate(islice(steps(model, seed, rate, data), most), start=1):
        if step % 5 == 0 and 100 * training.accuracy(model, data.x_train, data.y_train) >= level:
            break
    return {"steps": step, "test": 100 * training.accuracy(model, data.x_test, data.y_test)}


def to_90_percent(seed, bn, activation, rate):
    return until(network(seed, bn, activation), seed, 90, rate, digits, most=300)


needed = training.run_seeds(to_90_percent, rate=rates[:4], **conditions)
print(needed.pivot_table("steps", ["activation", "bn"], "rate").round())
fewest = needed.groupby(setting).steps.min()
for name in ("ReLU", "tanh"):
    judge(f"faster, {name}", fewest[name, False] - fewest[name, True], margin=5)

# %% [markdown]
# It **holds**: without BN a network needs more than twice as many steps (300: not
# reached). But a step with BN takes longer, and after 110 steps the lead is only a few points.
#
# ## 4 · "BN reduces covariate shift, and that is why it works"
#
# While a layer learns, the layers below it change too, so its inputs shift: the **internal covariate
# shift** of the paper's title. Santurkar and others (2018) measure it with two gradients of a layer, on the same batch: $G$ is the one it follows, and
# $G'$ the one after all layers *below* it have made their step.
#
# $$\text{shift} = \frac{\lVert G' - G\rVert}{\lVert G\rVert}$$
#
# `look_ahead` measures a second number, too, for claim 5: the **change** $\lVert g' - g\rVert / \lVert g\rVert$, where $g$ and $g'$ are the gradients of *all*
# parameters before and after a step that is four times as long.


# %%
x, y = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)


def gradients(model, batch):
    loss = torch.nn.functional.cross_entropy(model(x[batch]), y[batch])
    return torch.autograd.grad(loss, list(model.parameters()))


def look_ahead(model, rate, batch):
    model = deepcopy(model)  # the network itself makes no step
    now, shifts = gradients(model, batch), []
    for i, parameter in enumerate(model.parameters()):
        if i > 0 and parameter.ndim == 2:  # the weights of a layer; all layers below have moved
            shifts.append((gradients(model, batch)[i] - now[i]).norm() / now[i].norm())
        parameter.data -= rate * now[i]
    for parameter, gradient in zip(model.parameters(), now, strict=True):
        parameter.data -= 3 * rate * gradient  # four times the rate in all
    now, after = (torch.cat([g.flatten() for g in each]) for each in (now, gradients(model, batch)))
    return np.mean(shifts), ((after - now).norm() / now.norm()).item()


# %% [markdown]
# Does the shift *matter*? To find out, they put it back: in training, **noise** after each BN layer moves and stretches every channel, anew in each
# step. Each network makes 80 steps, and we look ahead after 20, 40, 60 and 80.
#
# **Predict.** With the noise, the shift is as large as without BN, or larger. How good is the network: as with BN, or as without?


# %% tags=["nbval-ignore-output"]
class Noise(torch.nn.Module):
    def forward(self, x):
        if not self.training:
            return x
        moved, stretched = torch.rand(2, x.shape[1])  # for each channel, from 0 to 1
        return (1 + stretched / 4) * x + moved - 0.5


def eighty_steps(seed, kind, activation):
    torch.manual_seed(seed)  # of the noise, and of the batches that we look at
    model = network(seed, "BN" in kind, activation)
    model = insert_after(model, "bn", Noise) if "noise" in kind else model  # one after each BN layer
    seen = []
    for step, _ in enumerate(islice(steps(model, seed, 0.1, digits), 80), start=1):
        if step % 20 == 0:
            seen.append(look_ahead(model, 0.1, torch.randperm(len(x))[:60]))
    shift, change = np.mean(seen, axis=0)
    test = 100 * training.accuracy(model, digits.x_test, digits.y_test)
    return {"shift": shift, "change": change, "test": test}


variants = {"activation": ["ReLU", "tanh"], "kind": ["plain", "BN", "BN + noise"]}
looks = training.run_seeds(eighty_steps, **variants, progress=False)
print(looks.pivot_table(["shift", "test"], "activation", "kind").round(2))
for name in ("ReLU", "tanh"):
    less = training.paired_difference(looks, "shift", kind=("plain", "BN"), activation=name)
    judge(f"less shift, {name}", less.values, margin=0.05)
    gain = training.paired_difference(looks, "test", kind=("BN + noise", "plain"), activation=name)
    judge(f"gain with noise, {name}", gain.values, margin=1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# As with BN, within a point on average.
#
# </details>
#
# Less shift: for it with ReLU, undecided with tanh (20 seeds, in [the deeper notebook](deeper/which_claims_hold.ipynb): no difference). And with the noise
# the shift is back, but the network is still ahead in each seed. So the smaller shift is **not the reason** here.
#
# ## 5 · "The loss is smoother"
#
# Then what is the reason? Santurkar and others propose that with BN the gradient changes less in a step. The margin is a
# tenth of the gradient's length.

# %% tags=["nbval-ignore-output"]
for name in ("ReLU", "tanh"):
    less = training.paired_difference(looks, "change", kind=("plain", "BN"), activation=name)
    judge(f"smoother, {name}", less.values, margin=0.1)

# %% [markdown]
# It **holds**, and it fits claim 1: where the gradient changes less, a step may be longer.
#
# ### Lab: how far may a step go?
#
# Left: the loss of two networks after one more step. Middle: the cosine
# of the angle between the gradients before and after it; below 0, the step is too long.
#
# 1. Make the *learning rate of the next step* larger. Which of the two losses turns up first?
# 2. Go on to 160 *training steps*. How far can the network without BN go now? It was trained with the rate 0.1.
# 3. Choose *ReLU, 8 layers*, and look 0.1 ahead after 0, 5 and 20 steps. Is the cosine better with BN?

# %% tags=["nbval-ignore-output"]
labs.Landscape()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The one without BN: steps up to 0.68 lower the loss, with BN up to 3.3.
# 2. Up to 0.1; with BN it is still 3.3. This is no coincidence: gradient descent drives a network to where its rate is only just stable, the **edge of
#    stability** (Cohen and others, 2021). So the rate itself makes a part of this roughness.
# 3. No. "Smoother" is true of the mean over later moments, not of each moment.
#
# </details>
#
# ## 6 · "BN regularizes"
#
# To **regularize** is to keep a network from memorizing its training set, so that it does better on the test. After the same number of
# steps the network with BN has learned more, so we stop both at the **same training accuracy**, and compare the test
# accuracy there. There are three tasks: all digits; 400 pictures, a fifth of them with wrong labels; and 200 noisy pictures. The last two
# leave much to memorize.
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
    judge(f"regularizes, {task}", gain.values, margin=1)
more = training.run_seeds(memorize, range(20), task="wrong labels", bn=[True, False], progress=False)
twenty = training.paired_difference(more, "test", bn=(True, False))
print("wrong labels, 20 seeds:", twenty, training.outcome(twenty, margin=1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# On none: no difference, undecided even with 20 seeds, and worse in each seed.
#
# </details>
#
# One also reads that BN "lowers the ability to fit". Here it is **the opposite**: it reaches the same training accuracy in fewer steps,
# with wrong labels in about a fifth. It also learns faster what it should not learn.
# [Which noise regularizes?](deeper/which_noise_regularizes.ipynb) shows what does help.
#
# ## All in one picture

# %% tags=["draws", "nbval-ignore-output"] alt="Fifteen rows of five dots, each effect divided by its margin. Higher rates, more scales, faster, gain with noise and smoother: all dots lie right of the gray band. Less shift: right of it with ReLU, around its edge with tanh. Regularizes: all digits inside the band, wrong labels on both sides, noisy pixels left of it."
claims = ("higher", "more", "faster", "less", "gain", "smoother", "regularizes")
rows = {name: effects[name] for claim in claims for name in effects if name.startswith(claim)}
for name, values in rows.items():
    assert min(values) > 1 or not name.startswith(("higher", "more", "faster", "smoother"))
assert max(rows["regularizes, noisy pixels"]) < -1
ax = figures.effects(rows, margin=1, limits=(-8, 16), ax=figures.new_axes(size=(7.2, 4.6)))
figures.frame(ax, title="What five seeds say", x="effect ÷ margin (a triangle: further out)")
figures.show(ax)

# %% [markdown]
# **How sure are we?** Dots and intervals cover other seeds, not other test pictures. All seeds are
# tested on the same 450; others would move an effect by about one point, however many seeds there are
# ([measured here](deeper/which_claims_hold.ipynb)). And the networks and pictures are small, the conditions chosen by us: "holds" means *here*.
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
