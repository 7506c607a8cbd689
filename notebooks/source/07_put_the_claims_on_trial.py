# %% [markdown]
# # 07 · Put the claims on trial
#
# *70 minutes · previous: [06 · Normalize channels](06_normalize_channels.ipynb) · next: [08 · Choose a norm](08_choose_a_norm.ipynb) ·
# [exercises](exercises/07_put_the_claims_on_trial.ipynb)*
#
# Whoever explains BN also says what it is good for: training is faster, higher learning rates work, it regularizes, … Some of this has been
# measured. Much of it is only repeated. In this lesson you try these claims yourself. Each one gets an experiment, five seeds, an
# interval, and a verdict. The verdict follows from a rule. The rule and all its numbers are written down before the first result.
#
# ## What you will be able to do
#
# - turn a sentence about BN into a number that can be measured
# - give a verdict by a rule: an effect, a margin, an interval, several conditions
# - say what BN does for speed, learning rates and initial weights, and where this ends
# - measure internal covariate shift, and test whether it is the reason why BN works
# - look along the gradient, and say what "a smoother loss" means
# - say when BN regularizes, and what happens when it meets dropout
# - say which batches BN needs
# - tell a clear result from a close call
#
# You need lessons 00 to 06.

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
import time
from functools import partial

import numpy as np
import pandas as pd
import torch

from bnteach import figures, labs
from bnteach.training import (
    Claim,
    SeedSummary,
    Table,
    along,
    outcome,
    paired_difference,
    run_seeds,
    stored,
    stored_claims,
    summarize,
)
from bnteach.trials.claims import (
    answers_changed_by_biases,
    dropout_shift,
    learn,
    learning_curve,
    share_outside_one,
    smoothness_and_shift,
)

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
FULL = False  # True: 20 seeds instead of 5. It takes 5 to 15 minutes; results are stored.
seeds = range(20) if FULL else range(5)
run = partial(run_seeds, seeds=seeds, n_jobs=2)  # an experiment with all seeds, in two processes
both = [False, True]  # without BN, with BN

# %% [markdown]
# ## How a claim is tried
#
# Take the claim "BN learns more". We turn it into a number, the **effect**: for example the test accuracy with BN minus the one without, in percentage
# points. The effect is above 0 if the claim is right. Both networks of a pair have the same seed, so what the seed alone changes
# cancels. Then we need two more things.
#
# - An **interval**. Five seeds give five effects. Their mean is not the whole truth: five other seeds would give another mean. The 95 % interval
#   is $\text{mean} \pm 2.78\, s/\sqrt{5}$, with $s$ the standard deviation of the five. In 95 of 100 such experiments it holds the mean over all
#   seeds there could be. (2.78 is *Student's t* for five values.)
# - A **margin**: the smallest effect that anyone should care about. It depends on what is measured. These are all the margins of this lesson, each with its
#   reason. (The last two are a matter of judgment. You may set others, and see which verdicts change.)

# %%
margins = {
    "points": 1,  # of accuracy, in percent: four or five of the 450 test pictures
    "steps": 11,  # we look at the accuracy every 11 steps
    "tens": 0.3,  # learning rates, in factors of ten: 0.3 is a factor of 2
    "scales": 1,  # one of the six initial scales that we try
    "share": 1,  # of answers or of values, in percent
    "shift": 0.05,  # how much of a gradient others change, in lengths of the gradient: a twentieth
    "change": 0.1,  # how much a gradient changes along a step, in its own lengths: a tenth
}

# %% [markdown]
# Now the rule. Most claims say that something is *more*: the effect is above 0. A few say that there is *none*, for example that the size of the weights makes no
# difference. Against those is an effect on either side.
#
# | the whole interval lies | the claim says *more* | the claim says *none* |
# |---|---|---|
# | above the margin | **for it** | **against it** |
# | below −margin | **against it** | **against it** |
# | between −margin and margin | **no difference** | **for it** |
# | anywhere else | **undecided** | **undecided** |
#
# Undecided means: more seeds are needed.
#
# **Predict.** Here are three made-up effects. What does the rule say about each, with a margin of 1?

# %%
made_up = {"A": [4, 6, 5, 3, 5], "B": [0.2, -0.3, 0.4, 0.1, 0], "C": [-3, 8, 1, 7, 2]}
effects = {name: SeedSummary(np.array(values)) for name, values in made_up.items()}
for name, values in made_up.items():
    mean, half = np.mean(values), 2.776 * np.std(values, ddof=1) / np.sqrt(5)  # n − 1: lesson 01
    print(f"{name}: {mean:.1f} ± {half:.1f}, that is {mean - half:.1f} to {mean + half:.1f}:", end=" ")
    print(outcome(effects[name], margin=1))

# %%
figure, (ax,) = figures.new_figure(size=(6.0, 1.9))
ends = [effect.interval for effect in effects.values()]
figures.intervals(list(effects), [effect.mean for effect in effects.values()], ends, margin=1, ax=ax)
figures.frame(ax, title="Three made-up effects, and the margin", x="effect")
figures.show(
    ax,
    alt="Three rows. A: an interval from about 3 to 6, right of the gray band from −1 to 1. B: a short interval "
    "inside the band. C: a long interval from below −2 to above 8 that covers the band.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# A is for the claim, B shows no difference, C is undecided. Mean 3 looks good for C, but with these five values anything from −2.6 to 8.6 is possible. The gray
# band is the margin.
#
# </details>
#
# A claim is tried under several **conditions**, such as another activation or a harder task. The verdict joins them:
#
# | verdict | when |
# |---|---|
# | **holds** | all conditions are for it |
# | **holds under …** | some are for it, but not all; they are named |
# | **… ; the opposite under …** | some are for it, and others against it |
# | **false under …** | some are against it, but not all; none is for it |
# | **false** | all are against it |
# | **not seen here** | none is for it, none against it |
#
# Conditions that are undecided are added in brackets: **(undecided: …)**. Where conditions are named, those left out showed no difference.
#
# If nothing else is said, a run of this lesson is this: a network with three hidden layers of 50 ReLU units, BN before each ReLU or no BN,
# batches of 60, learning rate 0.1, 200 steps of plain gradient descent. The weights start with the standard deviation $\sqrt{2/n}$ that is usual for ReLU,
# $\sqrt{1/n}$ for sigmoid and tanh ($n$ is the number of inputs).
#
# `learn` makes one such run. `run` makes all of them: every seed with every combination of the settings that have a list of values. It works in two processes, which need a few seconds to start. The
# result is a table with one row for each run. A very short example, with 20 steps:

# %% tags=["nbval-ignore-output"]
Table(run(learn, steps=20, batch_norm=both))

# %% [markdown]
# The accuracies are in percent. `gap` and `best_accuracy` come in section 6.
#
# ## 1 · "Training is faster"
#
# The first figure of the paper of 2015 shows it. Three hidden layers of 100 sigmoid units, batches of 60, with BN and without. We repeat it on our digits, for 220 steps. Two remarks before
# you see it. In lesson 00 a deep sigmoid network did not learn at all without BN. That makes the comparison cheap. So we run it twice: with
# the usual weights, and with weights four times as large, which suit a sigmoid network without BN much better. The learning rate is 0.3 for both.

# %% tags=["nbval-ignore-output"]
curves = run(
    learning_curve,
    activation="sigmoid",
    width=100,
    learning_rate=0.3,
    steps=220,
    init_scale=[1, 4],
    batch_norm=both,
)

# %%
figure, axes = figures.new_figure(columns=3, size=(7.2, 2.7))
step = np.arange(11, 221, 11)
for role, bn, ax in zip(("without_bn", "with_bn"), both, axes[1:], strict=True):
    summary = summarize(curves, "accuracy", init_scale=4, batch_norm=bn)
    bands = np.stack([summary.interval[0], summary.mean, summary.interval[1]], axis=1)
    figures.percentiles(step, bands, ax=axes[0], role=role)
    entering = summarize(curves, "percentiles", init_scale=4, batch_norm=bn).values[0]  # of seed 0
    figures.percentiles(step, entering, ax=ax, role=role)
    title = "with BN" if bn else "without BN"
    figures.frame(ax, title=f"Into a sigmoid, {title}", x="step", ylim=(-3.5, 3.5))
figures.frame(axes[0], title="Test accuracy, %", x="step", ylim=(0, 100))
figures.key(axes[0], {"with_bn": "with BN", "without_bn": "without"}, place="lower right")
figures.show(
    figure,
    alt="Left: test accuracy over 220 steps. With BN it is near 90 percent after about 50 steps, without BN after "
    "about 140. Middle and right: the 15th, 50th and 85th percentile of what enters one sigmoid. Without BN they "
    "lie between 1 and 2 at first and drift. With BN they stay near −1, 0 and 1.",
)

# %% [markdown]
# Left: the accuracy with weights × 4, mean and interval. Middle and right: what enters the first sigmoid of the last hidden layer in seed 0. The line is the
# middle value over the batch. 15 % of the values lie below the band, 15 % above it. As in the paper's figure, the values drift without BN, and
# stay with it.
#
# The effect: how many steps earlier are 90 % of the test pictures right? (A network that does not get there at all counts as if it got there
# at step 220. That is kind to the slower one.) We looked every 11 steps, so the margin is 11.

# %% tags=["nbval-ignore-output"]
claims = {}
saved = {
    f"sigmoid, weights × {scale}": paired_difference(
        curves, "steps_to_90", batch_norm=(False, True), init_scale=scale
    )
    for scale in (1, 4)
}
claims["faster"] = Claim(
    "Faster, at the same rate.", "steps saved on the way to 90 %", margins["steps"], saved
)
claims["faster"]

# %%
print("Faster, at the same rate:", claims["faster"].verdict)

# %% [markdown]
# But a step with BN takes more time. How much more?

# %% tags=["nbval-ignore-output"]
for bn in both * 2:  # the first two runs only warm up
    start = time.perf_counter()
    learn(0, batch_norm=bn, activation="sigmoid", width=100)
    print(f"BN {bn!s:5}  200 steps and a test: {time.perf_counter() - start:.2f} s")

# %% [markdown]
# So part of what is saved in steps is paid back in seconds. (These are small networks on a processor; lesson 13 will look at BN's own speed.) But with
# weights × 4 the other network needed more than twice as many steps.
#
# And another objection stands in the claim itself: at the *same* learning rate. What if each network gets the rate that is best for it?
#
# ## 2 · "Higher learning rates work"
#
# **Predict.** Without BN the usual network still learns with a learning rate of 0.3. With BN: up to 0.3 too, up to 3, or up to 100? (From here on
# most runs have 110 steps instead of 200: five epochs. That is to save time. Where it changes a verdict, we will say so.)

# %% tags=["nbval-ignore-output"]
rates = [0.1, 0.3, 1, 3, 10]
by_rate = run(learn, steps=110, activation=["ReLU", "tanh"], learning_rate=rates, batch_norm=both)

# %% [markdown]
# In the same way we vary the *initial weights*, at the learning rate 0.3: a factor on their usual size, from 0.03 to 10. We need this table for the
# next claim, and draw both at once.

# %% tags=["nbval-ignore-output"]
scales = [0.03, 0.1, 0.3, 1, 3, 10]
by_scale = run(
    learn, steps=110, learning_rate=0.3, activation=["ReLU", "tanh"], init_scale=scales, batch_norm=both
)

# %%
figure, axes = figures.new_figure(columns=2, rows=2, size=(7.0, 4.4))
tables = {"learning_rate": by_rate, "init_scale": by_scale}
panels = [(activation, setting) for activation in ("ReLU", "tanh") for setting in tables]
for ax, (activation, setting) in zip(axes, panels, strict=True):
    for role, bn in zip(("without_bn", "with_bn"), both, strict=True):
        x, accuracy = along(tables[setting], setting, "accuracy", activation=activation, batch_norm=bn)
        low, high = np.clip(accuracy.interval, 0, 100)
        figures.percentiles(x, np.stack([low, accuracy.mean, high], axis=1), ax=ax, role=role)
    words = "learning rate" if setting == "learning_rate" else "initial weights ×"
    figures.frame(ax, title=f"{activation}, test accuracy, %", x=words, ylim=(0, 100), log="x")
figures.key(axes[0], {"with_bn": "with BN", "without_bn": "without"}, place="lower left")
figures.show(
    figure,
    alt="Four panels of test accuracy after 110 steps. Left, against the learning rate from 0.1 to 10: without BN "
    "the accuracy falls to 10 percent beyond 0.3, with BN only beyond 3. Right, against a factor on the initial "
    "weights: without BN there is a narrow peak around 1, with BN a broad plateau that falls off toward 10.",
)

# %% [markdown]
# Line and band are mean and interval. Left: with BN the useful rates reach further to the right, up to the rate where that network falls too. Right:
# with BN a wide plateau, without it a peak.
#
# A rate *works* if the network names more than 85 % of the test digits after 110 steps. The effect: the highest rate that works, with BN and without, in factors of
# ten. And the objection from above: let each network have the rate with the best accuracy. (The best on the test digits. So both accuracies are a little too
# good, and we look only at their difference.)


# %% tags=["nbval-ignore-output"]
def works(table, setting, activation, bn):
    """The values of the setting, and where the accuracy is above 85 %: (seeds, values)."""
    x, accuracy = along(table, setting, "accuracy", activation=activation, batch_norm=bn)
    return np.array(x), accuracy.values > 85


def best_accuracy(table, activation, bn):
    """The accuracies at the rate with the best mean: (seeds,)."""
    _, accuracy = along(table, "learning_rate", "accuracy", activation=activation, batch_norm=bn)
    return accuracy.values[:, accuracy.mean.argmax()]


highest, best = {}, {}
for activation in ("ReLU", "tanh"):
    top = []
    for bn in both:
        x, ok = works(by_rate, "learning_rate", activation, bn)
        top.append(np.where(ok, np.log10(x), -np.inf).max(axis=1))
    highest[activation] = SeedSummary(top[1] - top[0])
    with_bn, without = (best_accuracy(by_rate, activation, bn) for bn in (True, False))
    best[activation] = SeedSummary(with_bn - without)
claims["rates"] = Claim(
    "Higher learning rates work.", "highest rate, factors of ten", margins["tens"], highest
)
claims["best rate"] = Claim(
    "Faster, each with its best rate.", "accuracy after 110 steps, points", margins["points"], best
)
print(claims["rates"], claims["best rate"], sep="\n\n")

# %%
print("Higher learning rates work:", claims["rates"].verdict)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Up to 3, of the five rates we tried: about ten times as far. Not without end: at 10 both networks are lost.
#
# </details>
#
# An interval from 1 to 1? All five seeds fall on the same of our five rates. That does not make the factor exact. Without BN the limit lies somewhere between 0.3 and
# 1, with BN between 3 and 10. So the true factor may lie anywhere between 3 and 30. All of these are above the margin.
#
# The second claim is the fair form of "faster", and there the gain is only a few points. Five seeds can hardly decide it. (20 seeds: at the
# end of the lesson.) A good part of "BN is faster" is "BN stands a rate that would be too high without it", and "the rate did not suit the other network".
#
# ## 3 · "The initial weights no longer matter"
#
# We split this claim in two: that *more* of our six scales work, and that the scale makes *no difference*. The second one says *none*: all scales beside 1 should give
# the accuracy that scale 1 gives. We ask it of the ReLU network.

# %% tags=["nbval-ignore-output"]
more = {}
for activation in ("ReLU", "tanh"):
    without, with_bn = (works(by_scale, "init_scale", activation, bn)[1].sum(axis=1) for bn in both)
    more[activation] = SeedSummary(with_bn - without)
relu = {"activation": "ReLU", "batch_norm": True}
others = [scale for scale in scales if scale != 1]
lost = {
    f"ReLU × {scale}": paired_difference(by_scale, "accuracy", init_scale=(1, scale), **relu)
    for scale in others
}
claims["scales"] = Claim(
    "More initial scales work.", "of the six scales, with BN − without", margins["scales"], more
)
claims["any scale"] = Claim(
    "The scale makes no difference.", "accuracy lost, points", margins["points"], lost, expects="none"
)
print(claims["scales"], claims["any scale"], sep="\n\n")

# %%
print("More initial scales work:", claims["scales"].verdict)
print("Weights × 10 cost accuracy:", claims["any scale"].outcomes["ReLU × 10"] == "against it")

# %% [markdown]
# The first half holds. (Again all five seeds may give the same whole number.) The second is false for large weights. For small ones five seeds leave it open, most of all
# at × 0.03, where the seeds differ a lot. What large weights do, [lesson 02](02_normalize.ipynb) explains: the *output* does not feel the scale
# $a$ of the weights, but the *gradient* is multiplied by $1/a$. Weights ten times as large turn a hundred times more slowly (a gradient 10 times smaller, for weights 10 times longer).
#
# ## 4 · "BN reduces internal covariate shift, and that is why it works"
#
# This is the reason in the paper's title. While a layer learns, the layers below it change too, so its inputs shift. The paper calls this **internal covariate
# shift**. Santurkar and others (2018) gave it a number. Take a layer $i$ and two gradients for its weights, on the same batch:
#
# - $G$: with all layers as they are. This is the gradient that the layer follows.
# - $G'$: the same after all layers *below* have made their step. This is the one it should have followed.
#
# The shift is $\lVert G - G'\rVert / \lVert G\rVert$: 0 if the layers below do not disturb at all. We measure it at four moments of a training of 80 steps, for four networks.
#
# To find out whether the shift *matters*, they put it back: after each BN layer comes **noise** that moves and stretches each channel, and differently in every
# step. That is just what BN is said to prevent. Our strength of the noise is 0.5, as in their paper: a channel's mean moves by up to 0.5, and its values are stretched by up to a
# quarter. It is there in training only; the test has no noise. So each network is trained in three ways.


# %%
networks = {
    "sigmoid, 3 layers": {"activation": "sigmoid", "init_scale": 4, "learning_rate": 0.3},
    "ReLU, 3 layers": {},
    "tanh, 8 layers": {"activation": "tanh", "layers": 8},
    "ReLU, 8 layers": {"layers": 8},
}
ways = {"plain": {"batch_norm": False}, "BN": {}, "BN + noise": {"noise": 0.5}}


def ahead(seed, network, way):
    return smoothness_and_shift(seed, steps=80, every=20, **networks[network], **ways[way])


# %% [markdown]
# **Predict.** Two guesses. Is the shift smaller with BN than without? And does BN + noise learn as well as BN?

# %% tags=["nbval-ignore-output"]
looks = run(ahead, network=list(networks), way=list(ways))
for network in networks:
    print(network)
    for way in ways:
        shift, accuracy = (
            summarize(looks, name, network=network, way=way).mean for name in ("shift", "accuracy")
        )
        print(f"   {way:10}  shift {shift:.2f}   test accuracy {accuracy:.1f} %")

# %% [markdown]
# Two claims come out of these runs: that the shift is smaller with BN, and that noise which brings it back costs accuracy. "That is why it works" is not
# a number, so it gets no verdict. But if it is true, the noise must cost what BN has gained.

# %% tags=["nbval-ignore-output"]
less, cost = {}, {}
for network in networks:
    less[network] = paired_difference(looks, "shift", way=("plain", "BN"), network=network)
    cost[network] = paired_difference(looks, "accuracy", way=("BN", "BN + noise"), network=network)
claims["shift"] = Claim("BN reduces internal covariate shift.", "shift, plain − BN", margins["shift"], less)
claims["shift back"] = Claim(
    "Bringing the shift back costs accuracy.", "accuracy that noise costs, points", margins["points"], cost
)
print(claims["shift"], claims["shift back"], sep="\n\n")

# %% [markdown]
# Three of four are undecided for the second claim. So we look at the same with 20 seeds, computed before and stored. (All claims with 20 seeds come at the end.)

# %%
about, with_20 = stored_claims("results/07_claims.json")
print("stored:", about["date"], "from", about["command"])
print(with_20["shift back"])

# %%
print("The shift is smaller with BN, mean of each network:", all(less[name].mean > 0 for name in networks))
shift = looks.pivot(index=["network", "seed"], columns="way", values="shift")
noisy = shift["BN + noise"] > shift["BN"]
print("The noise brings the shift back, in every network and seed:", noisy.all())
for name in ("sigmoid, 3 layers", "ReLU, 3 layers"):
    gain = paired_difference(looks, "accuracy", way=("BN", "plain"), network=name).mean
    print(f"With the noise most of BN's gain is left, {name}:", cost[name].mean < gain / 4)
lead = paired_difference(looks, "accuracy", way=("BN + noise", "plain"), network="ReLU, 8 layers")
costs = claims["shift back"].outcomes["ReLU, 8 layers"] == "for it"
print("The noise costs accuracy, ReLU, 8 layers:", costs)
print("… but less than BN gains:", lead.mean > 0)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Yes: in the mean of each network the shift is smaller with BN, though five seeds leave tanh, 8 layers, undecided. (Santurkar and others did not see that in their much larger networks.) The noise brings it back, to
# about the level of the plain network or more. In the networks with three layers BN + noise keeps most of what BN has gained.
#
# </details>
#
# What do the noise and the returned shift cost? Five seeds see no cost in three networks, but cannot exclude one: *undecided*. With 20 seeds there is *no difference* in the two networks with three
# layers. So there BN does not owe its gain to the smaller shift. In tanh, 8 layers, it stays undecided; if there is a cost, it is about 1 point at most. The ReLU network with eight layers
# does suffer from the noise. Is this the shift, or simply the noise, eight times over? This experiment cannot tell. But even there the network is still ahead of the plain one, with a
# shift that is about as large. So less shift is not *needed* for BN to help. What else the reason is, this does not say.
#
# ## 5 · "BN makes the loss smoother"
#
# If it is not the shift, what is it? Santurkar and others propose: with BN the gradient can be *trusted* further. A gradient says which way is down from here. After a step,
# does it still point there? We take steps of 1, 2 and 4 times the learning rate along the gradient $g$, compute the new gradient $g'$, and ask how
# much it has changed: $\lVert g' - g\rVert / \lVert g\rVert$, the largest of the three. The runs above have measured this on the way, after 20, 40, 60 and 80 steps. The effect
# is the mean of these four moments.

# %% tags=["nbval-ignore-output"]
changes = {
    network: paired_difference(looks, "change", way=("plain", "BN"), network=network) for network in networks
}
claims["smooth"] = Claim(
    "The loss is smoother (mean, 20 to 80 steps).",
    "change of the gradient, plain − BN",
    margins["change"],
    changes,
)
claims["smooth"]

# %%
print("The loss is smoother, as a mean:", claims["smooth"].verdict)

# %% [markdown]
# It holds in all four networks, as a mean of the moments from step 20 on. It fits number 2: where the gradient can be trusted further, longer steps are safe. Is it so from the first step? The lab lets
# you look at single moments.
#
# ### Lab: how far may a step go?
#
# Two real networks stand at the same step of their training. You look along the gradient before anyone moves. Try this:
#
# 1. Make the *learning rate of the next step* larger. Which of the two losses turns up first? Where is the cosine then?
# 2. Choose later *training steps*. Which network can go as far as before, and which cannot?
# 3. Now eight layers: compare *tanh, 8 layers* with *ReLU, 8 layers*, after 160 steps. Is the difference as large as with ReLU? As large as with three layers?
# 4. Look at the first steps of both. Does BN have more room there, and the better cosine?

# %% tags=["nbval-ignore-output"]
labs.Landscape()

# %% [markdown]
# Left: the loss on one batch after a step of this length (a triangle: more than 5). Middle: the cosine of the angle between the gradient here and there: 1 is
# the same direction, below 0 means that one has gone too far. Right: where in the training we stand. The line of words says up to which rate the step still lowers the loss.
#
# <details><summary>What you may have found</summary>
#
# 1. With 3 layers and 20 steps done, steps up to 0.68 lower the loss without BN, and up to 3.3 with BN. The cosine of the plain network falls below 0 at about a quarter
#    of the rate at which that of the network with BN does.
# 2. After 160 steps the plain network is down to 0.1, the rate it is trained with. The network with BN still has 3.3.
# 3. No, twice. tanh: 0.33 with BN against 0.1. ReLU: 0.47 against 0.1. With ReLU and three layers it was 3.3 against 0.1. So it is above all the depth that makes the difference
#    smaller.
# 4. Not always. Before the first step of tanh, BN has *less* room: 0.68 against 1.5. With ReLU it has more. But 0.1 ahead, the cosine of ReLU, 8 layers, is lower with BN at steps
#    0, 5 and 20, and higher at step 10 and from step 40 on. So "smoother" is true of the mean of later moments, not of every moment. (The lab shows one seed.)
#
# </details>
#
# ## 6 · "BN regularizes"
#
# To **regularize** is to keep a network from learning its training set by heart, so that it does better on the test. The usual sign is the **gap**: training accuracy minus test
# accuracy. All the digits together leave little room: every network names nearly all of them. So we make two harder tasks, where there is much to be learned by heart and little that is true:
#
# - *wrong labels*: only 400 training pictures, and 20 % of them with a wrong label. (The test pictures keep the right ones. So the gap can be below 0.)
# - *noisy pixels*: only 200 training pictures, and noise with standard deviation 0.5 on all pixels, of the test pictures too
#
# Each is learned by a plain network, by one with BN, and by three relatives of it: BN in groups of 6 (explained below), BN with **dropout**, which sets a
# fifth of the units to zero, at random in each step, and BN with ten times the learning rate. All have 200 steps.


# %%
tasks = {
    "all digits": {},
    "wrong labels": {"samples": 400, "wrong": 0.2},
    "noisy pixels": {"samples": 200, "pixel_noise": 0.5},
}
kinds = {"plain": {"batch_norm": False}, "BN": {}, "groups": {"group": 6}, "dropout": {"dropout": 0.2}}
kinds["BN, rate 1"] = {"learning_rate": 1.0}


def by_heart(seed, task, kind, steps=200):
    return learn(seed, steps=steps, test_every=20, **tasks[task], **kinds[kind])


# %% [markdown]
# **Predict.** On which tasks is the gap smaller with BN than without: on all, on the harder ones, on none?

# %% tags=["nbval-ignore-output"]
hearts = run(by_heart, task=list(tasks), kind=list(kinds))
for task in tasks:
    for kind in kinds:
        train, test = (
            summarize(hearts, name, task=task, kind=kind).mean for name in ("train_accuracy", "accuracy")
        )
        print(f"{task:13} {kind:10} training {train:5.1f} %   test {test:5.1f} %")

# %% [markdown]
# The plain network and the one with BN, as two claims:

# %% tags=["nbval-ignore-output"]
gap = {task: paired_difference(hearts, "gap", kind=("plain", "BN"), task=task) for task in tasks}
test = {task: paired_difference(hearts, "best_accuracy", kind=("BN", "plain"), task=task) for task in tasks}
claims["gap"] = Claim(
    "BN regularizes (200 steps).", "how much smaller the gap is, points", margins["points"], gap
)
claims["test"] = Claim(
    "BN generalizes better.", "test accuracy at the best moment, points", margins["points"], test
)
print(claims["gap"], claims["test"], sep="\n\n")

# %%
for task in ("wrong labels", "noisy pixels"):
    print(f"BN makes the gap larger after 200 steps, {task}:", claims["gap"].outcomes[task] == "against it")

# %% [markdown]
# <details><summary>Answer</summary>
#
# On none that we could show. On both hard tasks it is *larger*, by far.
#
# </details>
#
# Was the plain network just stopped earlier? The second table compares both at their best moment (the best of ten tests on the way). Even so BN is not better on the hard tasks. Nor
# is it with the learning rate that only BN stands (the last line of each task).
#
# And is it only *speed*? On the wrong labels, the network with BN already knows nearly all of them by heart, and the plain one has not yet got there. So we let both train ten times as long, until both
# are there. That takes minutes, so these runs are stored, too. (They hold four of the five kinds; two come later.)


# %%
def longer(name, experiment, **settings):
    """Runs with more steps, 5 seeds: read from a file, or made again if FULL is True."""

    def make():
        return {"rows": run(experiment, seeds=range(5), **settings).to_dict("records")}

    kept = stored(f"results/07_{name}.json", make, again=FULL)
    print("stored:", kept["date"], "from", kept["command"])
    return pd.DataFrame(kept["results"]["rows"])


four = ["plain", "BN", "groups", "dropout"]
late_hearts = longer("by_heart", by_heart, task=list(tasks), kind=four, steps=[2000])
for task in tasks:
    for kind in ("plain", "BN"):
        train, test = (
            summarize(late_hearts, name, task=task, kind=kind).mean for name in ("train_accuracy", "accuracy")
        )
        print(f"{task}, 2000 steps: {kind:5}  training {train:5.1f} %   test {test:5.1f} %")
    smaller = paired_difference(late_hearts, "gap", kind=("plain", "BN"), task=task)
    print(f"   gap, plain − BN: {smaller}: {outcome(smaller, margins['points'])}")

# %% [markdown]
# All know their training pictures by heart now.
#
# - *All digits*: less than a point between the two gaps, undecided.
# - *Wrong labels*: most of the difference is gone, and what is left is undecided. So most of it was speed: BN makes training faster, and that includes what should not be learned.
# - *Noisy pixels*: both knew all by heart already after 200 steps, and BN is about 10 points worse, then and now. That is not speed. We have no explanation for it here.
#
# Then where does the claim come from? [Lesson 01](01_measure_a_batch.ipynb) showed that batch statistics are noisy. Noise can regularize: the network cannot
# count on exact values. With 60 samples there is little noise. So we make more of it and change nothing else: the step still uses 60 samples, but the mean and the
# variance are taken over groups of 6 of them.

# %% tags=["nbval-ignore-output"]
groups = {task: paired_difference(hearts, "gap", kind=("BN", "groups"), task=task) for task in tasks}
gains = {task: paired_difference(hearts, "accuracy", kind=("dropout", "BN"), task=task) for task in tasks}
claims["noise"] = Claim(
    "Noise of the statistics regularizes (200 steps).",
    "gap, BN − groups of 6, points",
    margins["points"],
    groups,
)
claims["dropout"] = Claim(
    "Dropout still helps beside BN (200 steps).",
    "accuracy that dropout gains, points",
    margins["points"],
    gains,
)
print(claims["noise"], claims["dropout"], sep="\n\n")

# %%
for task in ("wrong labels", "noisy pixels"):
    print(f"Noise makes the gap smaller, 200 steps, {task}:", claims["noise"].outcomes[task] == "for it")
    print(f"Dropout gains accuracy, 200 steps, {task}:", claims["dropout"].outcomes[task] == "for it")

# %% [markdown]
# All three in one picture, after 200 steps:

# %%
rows = [(name, task) for name in ("gap", "noise", "dropout") for task in tasks]
effects = [claims[name].evidence[task] for name, task in rows]
words = {"gap": "BN: gap smaller", "noise": "groups: gap smaller", "dropout": "dropout: gains"}
figure, (ax,) = figures.new_figure(size=(7.0, 3.9))
figures.intervals(
    [f"{words[name]}, {task}" for name, task in rows],
    [effect.mean for effect in effects],
    [effect.interval for effect in effects],
    margin=1,
    roles=["with_bn"] * 3 + ["unbiased"] * 3 + ["biased"] * 3,
    ax=ax,
)
figures.frame(ax, title="Three claims, three tasks", x="effect, percentage points")
figures.show(
    figure,
    alt="Nine effects with their intervals. On the two hard tasks BN makes the gap much larger, groups of 6 make it "
    "smaller again by nearly as much, and dropout gains accuracy. On all digits the three effects are near 0.",
)

# %% [markdown]
# Right of the gray band is for the claim, left is against it. **After 200 steps, on the two hard tasks, BN as such does not regularize; noisy batch statistics do.** With fewer samples behind each mean
# there is more of this noise. (We changed the groups, not the batch size of the step.) But look at the first table again: the noise brings the network with BN back to about where the plain one is,
# and no further. Its training accuracy on the wrong labels, too. Is the noise just *slower*? The same question as before, and the same stored runs:

# %%
for task in ("wrong labels", "noisy pixels"):
    smaller = paired_difference(late_hearts, "gap", kind=("BN", "groups"), task=task)
    gain = paired_difference(late_hearts, "accuracy", kind=("dropout", "BN"), task=task)
    print(f"{task}, 2000 steps")
    print(f"   gap, BN − groups:         {smaller}: {outcome(smaller, margins['points'])}")
    print(f"   test, BN + dropout − BN:  {gain}: {outcome(gain, margins['points'])}")

# %% [markdown]
# On the wrong labels most of the effect of the noise is gone, and the rest is undecided. So most of it was slower learning. On the noisy pixels the noise still makes the gap smaller. And dropout on top
# of BN still gains accuracy on both hard tasks.
#
# ### "BN and dropout do not go together"
#
# Now half of the units are dropped. Dropout sets them to zero *in training*, and doubles the others. So the next BN layer meets a larger variance in training than in evaluation, where dropout is off.
# It stores the one of training. Li and others (2018) call this **variance shift**. We measure the ratio of the two variances. And we **mend** it as in
# [lesson 05](05_train_and_infer.ipynb): re-estimate the running statistics with dropout off. What is regained is what the wrong statistics have cost. First after the usual 200 steps:

# %% tags=["nbval-ignore-output"]
pairs = {
    "ReLU, 3 layers": {},
    "ReLU, 5 layers": {"layers": 5},
    "tanh, 3 layers": {"activation": "tanh"},
    "sigmoid, 3 layers": {"activation": "sigmoid"},
}
shifts = run(lambda seed, pair: dropout_shift(seed, **pairs[pair]), pair=list(pairs))
regained = {}
for pair in pairs:
    results = "variance_ratio", "accuracy", "mended"
    ratio, before, after = (summarize(shifts, name, pair=pair) for name in results)
    regained[pair] = SeedSummary(after.values - before.values)
    print(f"{pair:18} variance in use / in training {ratio.mean:.2f}   ", end="")
    print(f"test {before.mean:.1f} %, mended {after.mean:.1f} %")
claims["clash"] = Claim(
    "BN and dropout clash (200 steps).", "accuracy regained by mending, points", margins["points"], regained
)
print(claims["clash"])

# %%
print("The variance shrinks, in every network and seed:", (shifts["variance_ratio"] < 0.9).all())
for pair in ("ReLU, 5 layers", "sigmoid, 3 layers"):
    print(f"Mending helps, {pair}:", claims["clash"].outcomes[pair] == "for it")

# %% [markdown]
# The variance is off in all four networks. In the usual network it is off by a factor of two, and that does *no* harm there. With two layers more, or with sigmoids, it costs about 25 to 30 points. But look at
# the accuracies: also after mending, these two have learned only half. Is this a matter of time? The same two for longer, stored:

# %%
runs = {f"{steps} steps": {"steps": steps} for steps in (200, 1000, 3000)}
runs["200 steps, no dropout"] = {"steps": 200, "dropout": 0.0}
late = longer(
    "dropout",
    lambda seed, pair, how: dropout_shift(seed, **pairs[pair], **runs[how]),
    pair=["ReLU, 5 layers", "sigmoid, 3 layers"],
    how=list(runs),
)
for pair in late["pair"].unique():
    print(pair)
    for how in runs:
        ratio, before, after = (summarize(late, name, pair=pair, how=how).mean for name in results)
        print(f"   {how:21}  variance {ratio:.2f}   test {before:.1f} %, mended {after:.1f} %")

# %% [markdown]
# After 3000 steps the variance is less off, and there is little left to regain. (With sigmoids mending even costs one to three points from 1000 steps on.) So the verdict above is one
# about networks that have learned half. The larger loss is dropout itself: half of the units is too much for these two. Without it they are far better after 200 steps already. So the shift is real, and
# whether it hurts is another question. It is cheap to ask it: mend, and compare.
#
# ## 7 · "BN needs large, well-mixed batches"
#
# Two claims: that BN fails in batches below 16, and that each batch must be a fair sample of the data (**IID**; see [Is a batch a fair sample?](deeper/is_a_batch_a_fair_sample.ipynb)). For the second one
# we let each batch hold only 1, 2, 5 or all 10 of the digits, drawn anew for every batch.

# %% tags=["nbval-ignore-output"]
by_size = run(learn, steps=150, batch_size=[2, 4, 8, 16], batch_norm=both)
by_classes = run(learn, steps=150, classes=[1, 2, 5, 10], batch_norm=both)

# %%
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.7))
panels = (by_size, "batch_size", "batch size"), (by_classes, "classes", "digits in a batch of 60")
for ax, (table, setting, words) in zip(axes, panels, strict=True):
    for role, bn in zip(("without_bn", "with_bn"), both, strict=True):
        x, accuracy = along(table, setting, "accuracy", batch_norm=bn)
        low, high = accuracy.interval
        figures.percentiles(x, np.stack([low, accuracy.mean, high], axis=1), ax=ax, role=role)
    figures.frame(ax, title="Test accuracy, %", x=words, ylim=(0, 100), log="x")
    ax.set_xticks(x, x)
    ax.minorticks_off()
figures.key(axes[1], {"with_bn": "with BN", "without_bn": "without"}, place="lower right")
figures.show(
    figure,
    alt="Left: test accuracy against the batch size 2, 4, 8, 16. With BN it is far below the other network at 2, "
    "and above it from 4 on, with bands that touch. Right: against the number of digits in a batch. With BN it is "
    "near 10 percent with 1 digit, a little below the other network with 2, and above it with 5 and 10.",
)

# %% [markdown]
# Left: in batches of 2 the network with BN is far worse. From 4 on its mean is the higher one. Right: with one digit it is as bad as guessing. With 2 its mean is a little lower than
# the other, with 5 it is higher. In numbers, for all batches smaller than 16, and for all that are not well mixed:

# %% tags=["nbval-ignore-output"]
small, mixed = {}, {}
for n in (2, 4, 8):
    small[f"size {n}"] = paired_difference(by_size, "accuracy", batch_norm=(False, True), batch_size=n)
for n in (1, 2, 5):
    name = "1 digit" if n == 1 else f"{n} digits"
    mixed[name] = paired_difference(by_classes, "accuracy", batch_norm=(False, True), classes=n)
loss = "accuracy that BN costs, points"
claims["size"] = Claim("BN fails in batches below 16.", loss, margins["points"], small)
claims["mixed"] = Claim("BN needs well-mixed batches.", loss, margins["points"], mixed)
print(claims["size"], claims["mixed"], sep="\n\n")
print("\nFor comparison, the same where both claims say that all is well (below 0: BN gains):")
print("   size 16:  ", paired_difference(by_size, "accuracy", batch_norm=(False, True), batch_size=16))
print("   10 digits:", paired_difference(by_classes, "accuracy", batch_norm=(False, True), classes=10))

# %%
print("Worse with BN in batches of 2:", claims["size"].outcomes["size 2"] == "for it")
print("Worse with BN in batches of 8:", claims["size"].outcomes["size 8"] == "for it")
print("Worse with BN, one digit per batch:", claims["mixed"].outcomes["1 digit"] == "for it")
print("Worse with BN, five digits per batch:", claims["mixed"].outcomes["5 digits"] == "for it")

# %% [markdown]
# Batches of 2 are a disaster. You know why from [lesson 05](05_train_and_infer.ipynb), whatever the two values are:

# %%
print(bnteach.batch_norm_forward(np.array([[3.0], [700.0]]), None, None)[0].ravel().round(3))

# %% [markdown]
# From 4 on there is no harm that we could see, and [lesson 08](08_choose_a_norm.ipynb) looks closer. One digit per
# batch is a disaster too. But half of the digits in each batch is mixed enough here.
#
# ## 8 · Three short ones
#
# **"BN before the ReLU is better than BN after it."** **"A bias before BN is useless."** **"BN squeezes the values into (−1, 1)."** The last two were answered in [lesson 02](02_normalize.ipynb) by
# thinking. Here they are measured on trained networks: the share of answers that change when the trained biases are set to 0, and the share of $\hat{x}$ outside (−1, 1). Both
# claims say *none*. (For the biases, all test pictures are asked in one batch in training mode, so that BN takes the statistics of the values that it gets. The stored ones would still belong to the old
# biases.)

# %% tags=["nbval-ignore-output"]
places = {
    "ReLU, 3 layers": {},
    "ReLU, 8 layers": {"layers": 8},
    "ReLU, 100 pictures": {"samples": 100},
    "sigmoid, 3 layers": {"activation": "sigmoid"},
}


def before_or_after(seed, place, bn_position, steps=110):
    return learn(seed, steps=steps, bn_position=bn_position, **places[place])


order = run(before_or_after, place=list(places), bn_position=["before", "after"])
better = {}
for place in places:
    better[place] = paired_difference(order, "accuracy", bn_position=("before", "after"), place=place)
claims["before"] = Claim(
    "BN before the activation is better (110 steps).",
    "accuracy, before − after, points",
    margins["points"],
    better,
)
claims["before"]

# %% [markdown]
# In the usual network five seeds leave it undecided. Two conditions stand out, in opposite directions: few pictures and sigmoids. Both were measured after 110 steps. And later? Stored runs:

# %%
late = longer(
    "place",
    before_or_after,
    place=["ReLU, 100 pictures", "sigmoid, 3 layers"],
    bn_position=["before", "after"],
    steps=[110, 200, 600],
)
for place in late["place"].unique():
    for steps in late["steps"].unique():
        lead = paired_difference(late, "accuracy", bn_position=("before", "after"), place=place, steps=steps)
        print(f"{place}, {steps} steps, before − after: {lead}: {outcome(lead, margins['points'])}")

# %% [markdown]
# For the sigmoid it was only a matter of speed: after 600 steps there is no difference. With 100 pictures BN before the ReLU stays ahead. With so
# few conditions nobody should make a rule of it.
#
# Now the two that say *none*:

# %% tags=["nbval-ignore-output"]
biases = run(answers_changed_by_biases, bn_position=["before", "after"])
outside = run(share_outside_one, activation=["ReLU", "sigmoid"])
changed = {
    "BN directly after it": summarize(biases, "changed", bn_position="before"),
    "a ReLU between": summarize(biases, "changed", bn_position="after"),
}
beyond = {name: summarize(outside, "outside", activation=name) for name in ("ReLU", "sigmoid")}
claims["bias"] = Claim(
    "A bias before BN is useless.", "answers it changes, %", margins["share"], changed, expects="none"
)
claims["squeeze"] = Claim(
    "BN squeezes values into (−1, 1).", "values outside, %", margins["share"], beyond, expects="none"
)
print(claims["bias"], claims["squeeze"], sep="\n\n")

# %%
print("A bias before BN is useless:", claims["bias"].verdict)
print("BN squeezes values into (−1, 1):", claims["squeeze"].verdict)

# %% [markdown]
# ## The verdicts
#
# Nothing in this table is typed: it is built from the results above. **Clear** means: if every interval were 1.5 times as wide, the same conditions would still be for the claim, and the same against it.
# If not, it is a **close call**. So is a claim with no condition for or against it. A clear verdict may still have undecided conditions; it names them. Five seeds on your machine
# may decide a close call differently from mine. So there is a second column: the same lesson with 20
# seeds, stored in the folder `results` with its date and versions. `FULL = True` in the first cells computes it again.

# %% tags=["nbval-ignore-output"]
about, with_20 = stored_claims("results/07_claims.json", claims if FULL else None)
print(about)
Table(
    {
        "claim": claim.words,
        f"here, {len(seeds)} seeds": claim.verdict,
        "how clear": "clear" if claim.clear else "close call",
        "stored, 20 seeds": with_20[name].verdict,
    }
    for name, claim in claims.items()
)

# %%
conditions = sum(len(claim.evidence) for claim in claims.values())
print(f"{len(claims)} claims, {conditions} conditions, each with its interval")
for name, claim in claims.items():
    print(f"{claim.words:48} {with_20[name].verdict}")

# %% [markdown]
# ## How sure are we?
#
# Of a hundred 95 % intervals, five miss the truth. With as many conditions as we have, that makes about three. The margin helps, since an interval must not only leave out 0. But a
# single condition that is barely for or against a claim should not be believed. The second column helps more: 20 seeds, intervals
# less than half as wide.
#
# And there are things that more seeds cannot repair. These are small, fully connected networks, 8 × 8 pixels, plain gradient descent, a few hundred steps. "Holds" means: holds *here*.
# "Not seen here" is no refutation, and "false" is said of these conditions. We have seen four times that more steps change what a condition shows. The large networks of the papers are another place.
#
# What you can take along:
#
# - **Held in every condition we tried:** faster at the same rate (sigmoids), higher learning rates, more initial scales, a smoother loss (in the mean of the moments we looked at). These four fit
#   together: where the gradient can be trusted further, a step may be longer, and the start matters less. With the best rate for each network, BN was still faster, by a few points; that took 20
#   seeds to decide.
# - **Less covariate shift: held. That it is the reason: not supported.** With the shift back, 20 seeds see no difference in the two networks with three layers, and leave one open. The fourth loses
#   accuracy, and we cannot say whether to the shift or to the noise.
# - **Did not hold:** "BN regularizes". On both hard tasks its gap was larger. On the wrong labels that was mostly speed; on the noisy pixels it was not, and we do not know why. The noise of
#   small groups made the gap smaller there; on the wrong labels most of that was slower learning. Dropout on top of BN helped, later too.
# - **Held under conditions:** the small batches (only size 2), the mixed batches (only one digit), the clash with dropout (deeper, or sigmoid, and only while they had learned half), BN before the
#   activation (with 100 pictures; with sigmoids the opposite, but only early).
# - **False:** values in (−1, 1). And for large weights: a scale that makes no difference.
#

# **Your turn.** Choose a claim that you would have bet on. Write down a condition under which it should *fail*, and the effect you expect. Then run it: `run(learn, …)` and
# `Claim(…)` are all you need.
#
# (Five seeds take a minute. For a hundred, or for larger networks, a class may have a cluster. `run_seeds` works through *joblib*, so nothing changes but the
# place: `with joblib.parallel_config(backend="dask"): run_seeds(learn, range(100), batch_norm=both)`, after a Dask client has been started.)
#
# ## What you can do now
#
# - ✓ turn a sentence about BN into a number that can be measured: an effect that is above 0 if the sentence is right
# - ✓ give a verdict by a rule: an effect, a margin, an interval, several conditions
# - ✓ say what BN does for speed, learning rates and initial weights, and where this ends: about ten times the rate here, not without end
# - ✓ measure internal covariate shift, and test whether it is the reason why BN works: put it back, and look
# - ✓ look along the gradient, and say what "a smoother loss" means: the gradient still points there after the step
# - ✓ say when BN regularizes, and what happens when it meets dropout: with noisy statistics; a variance that is off, and may cost much while a network has learned little
# - ✓ say which batches BN needs: more than 2, and not one class at a time
# - ✓ tell a clear result from a close call
#
# **Practice:** [the exercises of this lesson](exercises/07_put_the_claims_on_trial.ipynb).
#
# **Go on with [08 · Choose a norm](08_choose_a_norm.ipynb).**
#
# *Sources: S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167 (figure 1, and most of the claims). S. Santurkar, D. Tsipras, A. Ilyas and A. Madry, "How Does
# Batch Normalization Help Optimization?", 2018, arXiv:1805.11604 (shift, noise, smoothness). N. Bjorck, C. Gomes, B. Selman and K. Weinberger, "Understanding Batch Normalization", 2018,
# arXiv:1806.02375 (learning rates). E. Hoffer, I. Hubara and D. Soudry, "Train longer, generalize better", 2017, arXiv:1705.08741 (statistics over parts of a batch). X. Li, S. Chen, X. Hu
# and J. Yang, "Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift", 2018, arXiv:1801.05134.*
