# %% [markdown]
# # 07b · Ask why it helps
#
# *30 minutes · previous: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · next: [08 · Choose a norm](08_choose_a_norm.ipynb) ·
# [exercises](exercises/07b_ask_why_it_helps.ipynb)*
#
# Why does BN make training faster and less delicate? People give three reasons: the inputs of the layers move less, the loss is
# smoother, and BN regularizes. You try them as claims 4 to 6, by the rule of lesson 07.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs, training
from bnteach.trials.claims import along_gradient, fewer, insert_after, noisy_pixels, wrong_labels

# %% [markdown]
# ## 4 · "It helps because the inputs move less"
#
# While a layer learns, the layers below it learn too, and so its inputs move. The title of the BN paper calls this
# **internal covariate shift**, and says that BN reduces it.
#
# If this is *why* BN helps, then the gain must go when the inputs move again. Santurkar and others (2018) tried it: behind each BN layer they put
# **noise**, which moves and stretches every channel at random in each step.


# %%
class Noise(nn.Module):
    def forward(self, x):
        if not self.training:
            return x
        move, stretch = torch.rand(2, x.shape[1])  # for each channel, from 0 to 1
        return (1 + stretch / 4) * x + move - 0.5


# %%
def network(seed, kind, activation="ReLU"):
    layer, scale = (nn.Tanh, 1) if activation == "tanh" else (nn.ReLU, 2**0.5)
    model = training.mlp([64, 50, 50, 50, 10], layer, kind != "without BN", init_scale=scale, seed=seed)
    torch.manual_seed(seed)  # of the noise
    return insert_after(model, "bn", Noise) if kind == "BN + noise" else model


# %% [markdown]
# ### Does the noise move the inputs?
#
# We watch the inputs of the last layer for one batch. How far do their means move in a step, in standard deviations? (Margin 0.05: hardly a
# move.) We take 20 seeds at once; `judge` prints mean ± half of the interval.

# %%
digits, kinds, activations = data.digits(), ["without BN", "BN", "BN + noise"], ["ReLU", "tanh"]
x, y = torch.from_numpy(digits.x_train[:60]), torch.from_numpy(digits.y_train[:60])


def mean_shift(seed, kind, activation):
    model, means, stds = network(seed, kind, activation), [], []
    for _ in training.training_steps(model, digits, learning_rate=0.1, epochs=4, seed=seed):
        inputs = model[:-1](x).detach()  # all layers but the last
        means.append(inputs.mean(axis=0).numpy())
        stds.append(inputs.std(axis=0).numpy())
    moves = np.diff(means, axis=0)  # from step to step
    return np.mean(np.linalg.norm(moves, axis=1) / np.linalg.norm(stds[1:], axis=1))


# %% tags=["nbval-ignore-output"]
def judge(runs, first, second, margin):
    for name in activations:
        effect = training.paired_difference(runs, "result", kind=(first, second), activation=name)
        interval = f"{effect.mean:.2f} ± {effect.half_width:.2f}"
        print(f"{name}, {first} minus {second}: {interval} →", training.outcome(effect, margin))


shifts = training.run_seeds(mean_shift, range(20), kind=kinds, activation=activations, progress=False)
print(shifts.pivot_table("result", "activation", "kind").round(3))
judge(shifts, "without BN", "BN", margin=0.05)

# %% [markdown]
# "BN reduces this shift" **holds**. It can hardly fail: behind a BN layer, only $\gamma$ and $\beta$ change the standard deviation and the mean.
# With the noise, the inputs move about as much as without BN, or more.
#
# ### Does BN still help?
#
# We compare the test accuracy after 110 steps, with the margin of 1 point. The rate is 0.3, the best one without BN in lesson 07.
#
# **Predict.** How good is the network with BN and noise: (A) about as good as with BN, (B) about as good as without BN, (C) worse than both?


# %% tags=["nbval-ignore-output"]
def accuracy(seed, kind, activation):
    model = network(seed, kind, activation)
    training.train(model, digits, learning_rate=0.3, epochs=5, seed=seed, progress=False)
    return 100 * training.accuracy(model, digits.x_test, digits.y_test)


learned = training.run_seeds(accuracy, range(20), kind=kinds, activation=activations, progress=False)
print(learned.pivot_table("result", "activation", "kind").round(1))
judge(learned, "BN", "BN + noise", margin=1)
judge(learned, "BN + noise", "without BN", margin=1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# (A): the noise costs only 0.2 points.
#
# </details>
#
# "BN needs still inputs": **no difference** at this rate. "BN gains in spite of the noise" **holds**. So here, the gain does not come from less shift.
# (But noise has no direction, as learning has. And in [eight layers of ReLU](deeper/which_claims_hold.ipynb) it costs more.)
#
# ## 5 · "It makes the loss smoother"
#
# This is the reason of Santurkar and others. A loss is **smooth** if its gradient changes little along a step. Then a step may be long.
#
# We compare the gradients of one batch before and after a step with the rate 0.3, by the cosine of the angle between them: 1 is the same direction, 0
# perpendicular, −1 opposite. (Margin 0.1: a small part of this range.)
#
# **Predict.** In the ReLU network with BN the cosine is about 0.85. Without BN, is it (A) about 0.6, (B) about 0, (C) clearly below 0?


# %% tags=["nbval-ignore-output"]
def mean_cosine(seed, kind, activation):
    model, cosines = network(seed, kind, activation), []
    for step in training.training_steps(model, digits, learning_rate=0.1, epochs=4, seed=seed):
        if step.number in (20, 40, 60, 80):
            cosines.append(along_gradient(model, x, y, rates=[0.3]).cosine)
    return np.mean(cosines)


cosines = training.run_seeds(mean_cosine, range(20), kind=kinds[:2], activation=activations, progress=False)
print(cosines.pivot_table("result", "activation", "kind").round(2))
judge(cosines, "BN", "without BN", margin=0.1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C). The step goes so far that the gradient turns back.
#
# </details>
#
# For this depth and this step, the claim **holds**. Whether it is *why* BN helps is not tried here.
#
# ### Lab: how far may a step go?
#
# A large mark is the rate that you choose. Steps up to the dotted line lower the loss. A triangle is a value outside.
#
# 1. Make the *learning rate of the next step* larger. Which loss turns up first?
# 2. Go on to 160 *training steps*. Where are the dotted lines now? The rate of the training is 0.1.
# 3. Choose *ReLU, 8 layers*, 20 *training steps*, and 0.1 as the *learning rate of the next step*. Which cosine is larger?

# %% tags=["nbval-ignore-output"]
labs.Landscape()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The one without BN: steps up to 0.68 lower the loss, with BN up to 3.3.
# 2. Without BN at 0.1, the rate of the training; with BN still at 3.3. (A training whose rate is only just stable is at the **edge of stability**: Cohen and others,
#    2021, for steps with *all* pictures.)
# 3. That without BN: 0.47, with BN 0.20. So "smoother" depends on depth and rate.
#
# </details>
#
# ## 6 · "It regularizes"
#
# To **regularize** is to keep a network from memorizing its training set, so that it does better on the test. With BN it is faster at both. So we stop
# at the **same training accuracy**, and compare the test accuracy then, in three tasks:


# %%
def task_of(name, seed):
    if name == "a fifth of 400 labels wrong":
        return wrong_labels(fewer(digits, 400, seed), 0.2, seed), 0.9  # 0.9: where to stop
    if name == "200 noisy digits":
        return noisy_pixels(fewer(digits, 200, seed), 0.5, seed), 0.99  # in the test, too
    return digits, 0.99


# %% [markdown]
# **Predict.** Both networks have learned 99 % of their 200 noisy digits. Is the test accuracy with BN (A) clearly higher, (B) the same, (C) clearly lower?


# %% tags=["nbval-ignore-output"]
def when_learned(seed, task, kind):
    model, (data, level) = network(seed, kind), task_of(task, seed)
    for step in training.training_steps(model, data, learning_rate=0.1, epochs=1000, seed=seed):
        if step.number % 5 == 0 and training.accuracy(model, data.x_train, data.y_train) >= level:
            return 100 * training.accuracy(model, data.x_test, data.y_test)


tasks = ["all digits", "a fifth of 400 labels wrong", "200 noisy digits"]
ends = training.run_seeds(when_learned, range(20), task=tasks, kind=kinds[:2], progress=False)
print(ends.pivot_table("result", "task", "kind").round(1))
for task in tasks:
    gain = training.paired_difference(ends, "result", task=task, kind=("BN", "without BN"))
    print(f"{task}: {gain.mean:.2f} ± {gain.half_width:.2f} →", training.outcome(gain, margin=1))

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C): about 12 points lower. We do not know why.
#
# </details>
#
# With ReLU and the rate 0.1, no task is for it: **no difference** with all digits, **undecided** with wrong labels, **against it** with noisy digits.
# [Which noise regularizes?](deeper/which_noise_regularizes.ipynb) shows what does help.
#
# ## All six claims
#
# With ReLU and all digits; 1 to 3 are from lesson 07. Each effect is divided by its margin, so that one band fits all.


# %% tags=["draws", "nbval-ignore-output"] alt="Six rows of dots, each effect divided by its margin, beside the gray band. Higher rates work, initial weights matter less, training is faster, the loss is smoother: for it, all dots right of the band. BN needs still inputs and BN regularizes: no difference, with dots on both sides of 0 and the dark bar of the interval inside the band."
def effect(runs, first, second, **condition):
    return training.paired_difference(runs, "result", kind=(first, second), **condition).values


effects = {
    "1 higher rates work": np.array([2, 2, 2, 2, 2]),  # 1 to 3: as printed in lesson 07
    "2 initial weights matter less": np.array([4, 4, 4, 4, 4]),
    "3 training is faster": np.array([50, 45, 50, 50, 50]) / 5,
    "4 BN needs still inputs": effect(learned, "BN", "BN + noise", activation="ReLU"),
    "5 the loss is smoother": effect(cosines, "BN", "without BN", activation="ReLU") / 0.1,
    "6 BN regularizes": effect(ends, "BN", "without BN", task="all digits"),
}
answers = [training.outcome(training.SeedSummary(values), margin=1) for values in effects.values()]
assert answers == ["for it", "for it", "for it", "no difference", "for it", "no difference"]
rows = dict(zip(map(": ".join, zip(effects, answers, strict=True)), effects.values(), strict=True))
bars = {row: training.SeedSummary(rows[row]).interval for row in rows if "no difference" in row}
ax = figures.effects(rows, margin=1, limits=(-4, 18), intervals=bars, ax=figures.new_axes(size=(7.4, 3.0)))
words = "effect ÷ margin (gray: does not count; dark: interval)"
figures.frame(ax, title="Four of the six claims are seen in these networks", x=words)
ax.set_xticks(range(-4, 19, 2))
figures.show(ax)

# What the text says of tanh, and of the other tasks.
for name in activations:
    assert min(effect(shifts, "without BN", "BN", activation=name)) > 0.05
    assert min(effect(cosines, "BN", "without BN", activation=name)) > 0.1
    noise = training.SeedSummary(effect(learned, "BN + noise", "without BN", activation=name))
    assert training.outcome(noise, margin=1) == "for it"
still = training.SeedSummary(effect(learned, "BN", "BN + noise", activation="tanh"))
assert training.outcome(still, margin=1) == "no difference"
labels, noisy = (training.SeedSummary(effect(ends, "BN", "without BN", task=t)) for t in tasks[1:])
assert (training.outcome(labels, 1), training.outcome(noisy, 1)) == ("undecided", "against it")

# %% [markdown]
# **What was shown.** In three layers, BN gains although the inputs move, and the loss is smoother along one step. It was not shown to regularize.
#
# **Exercises.** [Ask why it helps](exercises/07b_ask_why_it_helps.ipynb), 10 minutes, and 15 for the deeper one.
#
# **Next.** [08 · Choose a norm](08_choose_a_norm.ipynb). **Deeper.** [Which of eighteen claims hold?](deeper/which_claims_hold.ipynb)
#
# Sources:
#
# - S. Santurkar and others, "How Does Batch Normalization Help Optimization?", 2018, arXiv:1805.11604.
# - J. Cohen and others, 2021, arXiv:2103.00065 (the edge of stability).
