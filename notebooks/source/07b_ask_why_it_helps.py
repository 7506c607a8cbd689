# %% [markdown]
# # 07b · Ask why it helps
#
# *35 minutes · previous: [07 · Put the claims on trial](07_put_the_claims_on_trial.ipynb) · next: [08 · Choose a norm](08_choose_a_norm.ipynb) ·
# [exercises](exercises/07b_ask_why_it_helps.ipynb)*
#
# In lesson 07, networks with BN learned faster and tolerated higher rates. People give three reasons: the inputs of the layers move less, the loss is
# smoother, and BN regularizes. You try these reasons as claims 4 to 6.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs, training
from bnteach.trials.claims import along_gradient, fewer, insert_after, noisy_pixels

# %% [markdown]
# We keep the ReLU network of lesson 07, with three hidden layers, and train it with the rate 0.1 and 20 seeds. The rule stays the same, too:
#
# - Look at all 20 effects. If all lie above the margin, the answer is *for it*; if all lie below minus the margin, *against it*; if all lie between the two, *no
#   difference*.
# - If the 20 effects disagree, judge the 95 % interval of their mean in the same way. If the interval crosses the margin, the answer is *undecided*.


# %%
def judge(claim, effects, margin):
    effect = training.SeedSummary(effects)
    low, high = effect.interval
    answer = training.outcome(effect, margin)
    print(f"{claim}: mean {effect.mean:.2f}, interval {low:.2f} to {high:.2f}, margin {margin} → {answer}")


# %% [markdown]
# ## 4 · "It helps because the inputs move less"
#
# While a layer learns, the layers before it learn too, and so its inputs move. The title of the BN paper calls this
# **internal covariate shift**, and the paper says that BN reduces it. We try this first.
#
# The last layer has 50 inputs. After every step of the training, we send one batch of 60 digits through the network, in training mode, and take the mean of each input over this
# batch. The **shift** is how far these 50 means move in a step, divided by their standard deviations. The margin is 0.05.
#
# **Predict.** Without BN, the means move by 0.31 standard deviations in a step. BN gives each channel the mean $\beta$ and the standard deviation $|\gamma|$, and then
# comes the ReLU. With BN, do the means behind the ReLU move by (A) about 0.3, (B) about 0.1, or (C) almost 0?


# %%
def network(seed, kind):
    model = training.mlp([64, 50, 50, 50, 10], nn.ReLU, kind.startswith("BN"), init_scale=2**0.5, seed=seed)
    torch.manual_seed(seed)  # of the noise
    if kind == "BN + noise":
        return insert_after(model, "bn", Noise)  # a Noise, see below, behind each layer named bn_…
    return insert_after(model, "linear", Noise) if kind == "noise" else model


digits = data.digits()
x, y = torch.from_numpy(digits.x_train[:60]), torch.from_numpy(digits.y_train[:60])


def means_and_stds(seed, kind):
    model, means, stds = network(seed, kind), [], []
    for _ in training.training_steps(model, digits, learning_rate=0.1, epochs=4, seed=seed):
        inputs = model[:-1](x).detach()  # all layers but the last
        means.append(inputs.mean(axis=0))
        stds.append(inputs.std(axis=0))
    return np.stack(means), np.stack(stds)


def shift(seed, kind):
    means, stds = means_and_stds(seed, kind)
    moves = np.linalg.norm(np.diff(means, axis=0), axis=1)  # for each step, over the 50 inputs
    return (moves / np.linalg.norm(stds[1:], axis=1)).mean()


# %% tags=["nbval-ignore-output"]
def twenty(run, kind):
    return np.array([run(seed, kind) for seed in range(20)])


def print_means(found):
    print(", ".join(f"{kind} {values.mean():.2f}" for kind, values in found.items()))


shifts = {kind: twenty(shift, kind) for kind in ("without BN", "BN")}
print_means(shifts)
judge("BN reduces the shift", shifts["without BN"] - shifts["BN"], margin=0.05)

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C). In one step $\beta$ and $\gamma$ change little, and so does what the ReLU makes of them.
#
# </details>
#
# So BN reduces the shift. But is this *why* BN helps? If it is, the gain of BN must be lost when the inputs move again. Santurkar and others (2018) had an idea for this:
# they put **noise** behind each BN layer. It moves and stretches each channel in training mode, with new random numbers in
# each call. In evaluation mode it does nothing.


# %% tags=["nbval-ignore-output"]
class Noise(nn.Module):
    def forward(self, x):
        if not self.training:
            return x
        move, stretch = torch.rand(2, x.shape[1])  # for each channel, from 0 to 1
        return (1 + stretch / 4) * x + move - 0.5


shifts["BN + noise"] = twenty(shift, "BN + noise")
print_means(shifts)

# %% tags=["draws", "nbval-ignore-output"] alt="Mean of one input of the last layer, in standard deviations, over 88 training steps. Without BN the dashed curve wanders and jumps between 0.8 and 2.3. With BN the curve is a nearly flat line near 0.75. With BN and noise the curve jumps up and down around that line in each step, between 0.4 and 1.1."
ax = figures.new_axes(size=(6.6, 2.8))
for kind, role in zip(shifts, ("without_bn", "with_bn", "unbiased"), strict=True):
    means, stds = means_and_stds(0, kind)
    figures.curve(np.arange(1, 89), means[:, 1] / stds[:, 1], ax=ax, role=role, label=kind)
words = {"x": "step", "y": "mean, in standard deviations"}
figures.frame(ax, title="How the mean of one input of the last layer moves (seed 0)", **words)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
figures.show(ax)

# %% [markdown]
# With BN and noise, the means move nearly as far in a step as without BN. But they jump to and fro, and without BN they also drift.
#
# Now we compare the accuracies on the test digits after 110 steps. The margin is 1 point.
#
# The same noise in a network without BN tells us what the noise itself costs, so we try this, too.
#
# **Predict.** If BN helps only because the inputs move less, its gain must be lost with the noise. What will we measure: is the network with BN and noise about as accurate as (A) the network
# with BN, or (B) the network without BN?


# %% tags=["nbval-ignore-output"]
def accuracy(seed, kind):
    model = network(seed, kind)
    training.train(model, digits, learning_rate=0.1, epochs=5, seed=seed, every=1000, progress=False)
    return 100 * training.accuracy(model, digits.x_test, digits.y_test)


percent = {kind: twenty(accuracy, kind) for kind in ("without BN", "noise", "BN", "BN + noise")}
print_means(percent)
noise_costs = percent["BN"] - percent["BN + noise"]
noisy_helps = percent["BN + noise"] - percent["without BN"]
judge("The noise costs accuracy", noise_costs, margin=1)
judge("BN with noise still helps", noisy_helps, margin=1)
for kind in ("without BN", "BN"):
    print(
        f"{kind}, seed 0: the inputs of the last layer have standard deviations of {means_and_stds(0, kind)[1].mean():.2f}"
    )

# %% [markdown]
# <details><summary>Answer</summary>
#
# (A).
#
# </details>
#
# With BN the noise costs less than the margin, and BN with noise is still better than no BN. Without BN the same noise costs more than three points; but there it is also larger beside the
# inputs, whose standard deviation is smaller. So in this network, most of the gain of BN is there although noise moves the inputs. What this does not show: noise moves the inputs at random, and learning moves them in some direction. And in
# [eight layers](deeper/which_claims_hold.ipynb) the noise costs more.
#
# ## 5 · "It makes the loss smoother"
#
# This is the reason that Santurkar and others give. The gradient tells the way downhill only for the point where we are. After a step, it may point in another direction. A loss is **smooth** if
# the gradient changes little along a step. Then a longer step still goes downhill.
#
# We stop a training after 20, 40, 60 and 80 steps and look ahead: how does the gradient of one batch turn along a step of length 0.1? The length is the same for
# both networks. We measure the cosine of the angle between the gradients before and after: 1 means the same direction, 0 a right angle, −1 the opposite. The margin is 0.1.
#
# **Predict.** Without BN the mean cosine is 0.55: the gradient turns by more than 50°. With BN, is it (A) smaller, (B) about the same, or (C) above 0.9?


# %% tags=["nbval-ignore-output"]
def mean_cosine(seed, kind):
    model, cosines = network(seed, kind), []
    for step in training.training_steps(model, digits, learning_rate=0.1, epochs=4, seed=seed):
        if step.number in (20, 40, 60, 80):
            gradient = along_gradient(model, x, y, rates=[0.1]).length
            cosines.append(along_gradient(model, x, y, rates=[0.1 / gradient]).cosine)  # a step of length 0.1
    return np.mean(cosines)


cosines = {kind: twenty(mean_cosine, kind) for kind in ("without BN", "BN")}
print_means(cosines)
judge("The loss is smoother", cosines["BN"] - cosines["without BN"], margin=0.1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C): with BN the gradient turns by less than 20°.
#
# </details>
#
# For this network and this length, the claim **holds**. Along shorter steps, the gradient turns less in both networks. Whether this is *why* BN helps was not tried here.
#
# ### Lab: how far may a step go?
#
# The lab looks ahead from one place in the training of two networks. In the first two panels, the next step becomes longer from left to right. Its *rate* is shown, and not its length: with the same
# rate, a longer gradient makes a longer step. Left, the loss after the step: up to the dotted line, it is lower than before. Middle, the cosine. Right, where we are in the training.
#
# 1. After 20 *training steps*: which network has its dotted line at the smaller rate?
# 2. Go on to 160 *training steps*. The training has the rate 0.1. Where are the dotted lines now?

# %% tags=["nbval-ignore-output"]
labs.Landscape()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The network without BN: at 0.68. With BN it is at 3.3.
# 2. Without BN at 0.1, the rate of the training. With BN it is still at 3.3. That the largest useful rate comes down to the rate of the training has been seen in many networks, and
#    has a name: the **edge of stability** (Cohen and others, 2021).
#
# </details>
#
# ## 6 · "It regularizes"
#
# To **regularize** is to keep a network from memorizing its training set, so that it does better in the test. Why should BN do this? The statistics change from batch to batch, which acts like
# noise, and some noise regularizes.
#
# A network with BN learns sooner, so after the same number of steps it knows more of its training set. So we stop each network at the **same training accuracy**, 99 %, and compare the
# accuracies in the test. The margin is 1 point.
#
# We do this with all digits, and with a harder task: only 200 digits to learn from, and noise on all pixels, in training and test.
#
# **Predict.** What will the answer be for each of the two tasks: for it, against it, no difference, or undecided?


# %% tags=["nbval-ignore-output"]
def noisy_digits(seed):
    return noisy_pixels(fewer(digits, 200, seed), 0.5, seed)  # noise with the standard deviation 0.5


def recalibrate(model, pictures):  # in training mode, as in lesson 05: fresh running averages
    model.train()
    for layer in (model.bn_1, model.bn_2, model.bn_3):
        layer.momentum = 1.0
    model(torch.from_numpy(pictures))


def when_learned(seed, chosen, kind):
    """The test accuracy, and the number of steps."""
    model = network(seed, kind)
    for step in training.training_steps(model, chosen, learning_rate=0.1, epochs=1000, seed=seed):
        if step.number % 5 == 0 and training.accuracy(model, chosen.x_train, chosen.y_train) >= 0.99:
            break
    if kind == "BN":
        recalibrate(model, chosen.x_train)
    return 100 * training.accuracy(model, chosen.x_test, chosen.y_test), step.number


ends = {}
for task, make in (("all digits", lambda seed: digits), ("noisy digits", noisy_digits)):
    runs = [[when_learned(seed, make(seed), kind) for kind in ("BN", "without BN")] for seed in range(20)]
    right, steps = np.transpose(runs)  # each has a row with BN and a row without, and a column for each seed
    ends[task] = right[0] - right[1]
    print(
        f"{task}, with BN and without: {right.mean(axis=1).round(1)} %, after {steps.mean(axis=1).round()} steps"
    )
    judge("BN regularizes", ends[task], margin=1)

# %% [markdown]
# <details><summary>Answer</summary>
#
# No difference with all digits, and against it with noisy digits.
#
# </details>
#
# BN regularizes in neither task, and with noisy digits it loses 12 points. Old running averages are not the reason, because we recalibrate. We do not know the reason.
# What does regularize? See [Which noise regularizes?](deeper/which_noise_regularizes.ipynb)
#
# ## The three reasons
#
# Here are the effects of all seeds. Each is divided by its margin, so that one gray band fits all. Where the single seeds do not decide, a black bar shows the interval.

# %% tags=["draws", "nbval-ignore-output"] alt="Six rows of dots, each effect divided by its margin, beside the gray band from −1 to 1. Less shift, BN with noise still helps, smoother loss: all or nearly all dots right of the band, for it. The noise costs accuracy, and BN regularizes, with all digits: dots on both sides of 0 and the black bar inside the band, no difference. BN regularizes, noisy digits: all dots far left of the band, against it."
effects = {
    "4 BN reduces the shift": (shifts["without BN"] - shifts["BN"]) / 0.05,
    "4 noise costs accuracy": noise_costs,
    "4 BN with noise still helps": noisy_helps,
    "5 the loss is smoother": (cosines["BN"] - cosines["without BN"]) / 0.1,
    "6 BN regularizes, all digits": ends["all digits"],
    "6 BN regularizes, noisy digits": ends["noisy digits"],
}
rows, bars = {}, {}
for name, values in effects.items():
    effect = training.SeedSummary(values)
    answer = training.outcome(effect, margin=1)
    rows[f"{name}: {answer}"] = values
    if not (values.min() > 1 or values.max() < -1):
        bars[f"{name}: {answer}"] = effect.interval
answers = [name.split(": ")[1] for name in rows]
assert percent["without BN"].mean() - percent["noise"].mean() > 3
assert answers == ["for it", "no difference", "for it", "for it", "no difference", "against it"]
ax = figures.effects(rows, margin=1, limits=(-18, 12), intervals=bars, ax=figures.new_axes(size=(7.4, 3.4)))
figures.frame(ax, title="The effects in 20 seeds, and the answers", x="effect ÷ margin")
ax.set_xticks(range(-18, 13, 3))
figures.show(ax)

# %% [markdown]
# **What was shown.** In this network, BN reduces the shift. But it helps although noise moves the inputs again. With BN, the loss is smoother along a step of length 0.1. BN did not regularize, and with
# noisy digits it did the opposite.
#
# **Exercises.** [Ask why it helps](exercises/07b_ask_why_it_helps.ipynb), 10 minutes, and 15 for the deeper one.
#
# **Next.** [08 · Choose a norm](08_choose_a_norm.ipynb). **Deeper.** [Which of eighteen claims hold?](deeper/which_claims_hold.ipynb)
#
# Sources:
#
# - S. Santurkar and others, "How Does Batch Normalization Help Optimization?", 2018, arXiv:1805.11604.
# - J. Cohen and others, 2021, arXiv:2103.00065 (the edge of stability).
