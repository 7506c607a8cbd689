# %% [markdown]
# # Does slimming help? Ten claims
#
# *25 minutes · after lesson [09 · Slim and fold](../09_slim_and_fold.ipynb)*
#
# Lesson 09 cut the channels at 0 out of one network and tried three claims. Here there are two networks, with 50, 75 and 90 % of
# the channels cut, twenty seeds, and ten claims. Some of the verdicts change where most of the channels go, and for one change
# there is a reason that can be repaired.

# %%
from copy import deepcopy

import numpy as np
import torch

from bnteach import data, figures, training
from bnteach.trials import slimming

# %% [markdown]
# ## What is compared
#
# The networks learn the digits: one with convolutions (16, 32 and 64 filters), one fully connected (100 and 100 units). Each is trained with L1 on $\gamma$ and without. In the network with L1, 50, 75 or 90 % of the
# channels are cut, those with the smallest $|\gamma|$ within their layer. All others are cut to the same widths:
#
# - **L1**, **no L1**: the channels with the largest $|\gamma|$ of their layer stay, in the network trained with L1 or without.
# - **random**: random channels of these networks stay.
# - **β too**: the constants of the cut channels are thrown away, too.
# - **from scratch**: a network that has the final widths from the start.
# - **rescaled**: the network with L1, and before the fine-tuning $\gamma$ and $\beta$ of each layer are multiplied so that the largest $|\gamma|$ is 0.5 again.
#
# Why the last one? L1 leaves very small $\gamma$ in all layers that have a BN behind them. Multiply $\gamma$ and $\beta$ of such a layer by $s$: the next BN divides $s$ out again. But the gradient becomes $1/s$ as large, while $\gamma$ is $s$ times as large. So after L1 a step of the usual
# size is far too large for such a $\gamma$.
#
# **Predict.** By how much do the outputs change in evaluation mode, if `rescaled` multiplies the running statistics of the next BN as well?

# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
x_test = torch.from_numpy(data.digits().images().x_test)


@torch.no_grad()
def apart(one, other):
    """The largest difference of the outputs, as a share of the largest output."""
    expected = other(x_test)
    return ((one(x_test) - expected).abs().max() / expected.abs().max()).item()


with_l1 = slimming.trained_network(with_l1=True)
larger = slimming.rescaled(with_l1)
for name, network in {"with L1": with_l1, "rescaled": larger}.items():
    print(f"{name} largest |γ|:", *(f"{size.max():.3f}" for size in slimming.gamma_sizes(network).values()))
print(f"outputs apart: {apart(larger, with_l1):.1%}")
without_eps = [deepcopy(network) for network in (larger, with_l1)]
for network in without_eps:
    network.bn_2.eps = network.bn_3.eps = 1e-12
print(f"with ε nearly 0: {apart(*without_eps):.4%}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# By one or two percent, and this comes from $\varepsilon$, which is not multiplied: the standard deviations behind so small $\gamma$ are small, too.
#
# </details>
#
# ## The stored trials
#
# Twenty seeds of everything take some ten minutes, so they are stored. `again=True` computes them again.

# %% tags=["nbval-ignore-output"]
kept = training.stored("results/09_slimming.json", slimming.slimming_trials, again=False)
right = {
    network: {name: np.array(values) for name, values in columns.items()}
    for network, columns in kept["results"].items()
}
print(kept["date"], kept["versions"])
for network, columns in right.items():
    whole = f"{columns['L1'].mean():.1f} % right with L1, {columns['no L1'].mean():.1f} % without"
    print(f"whole, {network}: {whole}")

# %% tags=["draws", "nbval-ignore-output"] alt="Mean accuracy of twenty seeds against the share of channels cut, four panels. Right after the cut: with L1 it holds up to half cut with convolutions and up to three quarters in the fully connected network, without L1 it falls much earlier, random channels fall earliest. Fine-tuned: all lie near 97 percent up to three quarters cut; with 90 percent cut the convolutions fall apart, L1 lowest but for random."
figure, axes = figures.new_figure(columns=2, rows=2, size=(7.4, 5.2))
roles = {"L1": "data", "no L1": "theory", "random, L1": "before", "from scratch": "truth"}
for column, (network, accuracies) in enumerate(right.items()):
    for row, (step, words) in enumerate({"cut": "right after the cut", "tuned": "fine-tuned"}.items()):
        ax = axes[2 * row + column]
        for arm, role in roles.items():
            name = arm if arm == "from scratch" else f"{arm}, {step}"
            if name in accuracies and (arm, step) != ("from scratch", "cut"):
                means = accuracies[name].mean(axis=0)
                figures.curve([50, 75, 90], means, ax=ax, role=role)
        figures.frame(ax, title=f"{network}, {words}", x="channels cut, %", y="accuracy, %", ylim=(0, 103))
        ax.set_xticks([50, 75, 90])
figures.key(axes[2], {role: arm for arm, role in roles.items()}, place="lower left")
figures.show(figure)

# %% [markdown]
# The penalty itself has a cost: whole, the fully connected network with L1 is 0.6 points worse. So "the cut costs less" must be counted from each network's own accuracy before the cut.
#
# ## Ten claims
#
# An effect is a difference of two accuracies, in points, one number for each seed, and the margin is 1 point. The rule is that of lessons 07 and 09. A condition is a network and a share that is cut. A claim *holds* if
# every condition is for it; otherwise the verdict says under which conditions it holds, and under which the opposite does. Undecided conditions stand in brackets.
#
# The last claim says that there is *no* difference: effects between −1 and 1 are for it.
#
# **Predict.** For each claim: does it hold, under some conditions, or not at all?

# %%
CLAIMS = {
    "With L1 the cut costs less accuracy.": ("L1, cost", "no L1, cost"),
    "After fine-tuning, L1 still helps.": ("L1, tuned", "no L1, tuned"),
    "With γ rescaled, L1 still helps.": ("L1, rescaled and tuned", "no L1, tuned"),
    "Rescaling γ helps.": ("L1, rescaled and tuned", "L1, tuned"),
    "With L1, cutting small γ hurts less than cutting random ones.": ("L1, cut", "random, L1, cut"),
    "Without L1, cutting small γ hurts less than random ones.": ("no L1, cut", "random, no L1, cut"),
    "Without L1 and after fine-tuning it still does.": ("no L1, tuned", "random, no L1, tuned"),
    "Keeping the constants helps.": ("L1, cut", "L1, β too"),
    "Slimming beats a small network from scratch.": ("L1, rescaled and tuned", "from scratch"),
    "The slim network is as good as the whole one.": ("L1, rescaled and tuned", "no L1"),
}
SHORT = {"convolutions": "conv.", "fully connected": "f.c."}


def column(accuracies, name):
    """A row for each seed, a column for each share that is cut."""
    if name.endswith("cost"):  # from the network's own accuracy before the cut, so it is negative
        arm = name.removesuffix(", cost")
        return accuracies[f"{arm}, cut"] - accuracies[arm][:, None]
    return accuracies[name].reshape(len(accuracies[name]), -1)


def tried(words, right):
    one, other = CLAIMS[words]
    claim = training.Claim(
        words, f"{one} − {other}, points", 1, expects="none" if other == "no L1" else "more"
    )
    for network, accuracies in right.items():
        effect = column(accuracies, one) - column(accuracies, other)
        for k, share in enumerate(slimming.CUT_SHARES):
            claim.evidence[f"{SHORT[network]} {share:.0%}"] = training.SeedSummary(effect[:, k])
    return claim


# %% [markdown]
# All effects, in points: the mean ± half the width of its 95 % interval.


# %%
def table_of_effects(claims):
    for words, claim in claims.items():
        shown = {name: f"{e.mean:.1f} ± {e.half_width:.1f}" for name, e in claim.evidence.items()}
        yield {"": words.removesuffix("."), **shown}


claims = {words: tried(words, right) for words in CLAIMS}
training.Table(table_of_effects(claims))

# %% tags=["draws"] alt="Three panels with the six conditions as rows: dots for the twenty seeds. Right after the cut: with L1 the cut costs less, by 5 to 75 points, except convolutions with 90 percent cut, which lie near 0. Fine-tuned: near 0, except convolutions with 90 percent cut, which reach from 0 to minus 58. With gamma rescaled: near 0 within 4 points; convolutions with 90 percent cut spread from minus 10 to 12."
figure, axes = figures.new_figure(columns=3, size=(7.8, 3.0))
titles = ("The cut costs less", "Fine-tuned", "Rescaled, fine-tuned")
for ax, claim, title in zip(axes, claims.values(), titles, strict=False):
    rows = {name: effect.values for name, effect in claim.evidence.items()}
    figures.effects(rows, margin=1, limits=(-82, 82), ax=ax)
    figures.frame(ax, title=title, x="L1 − no L1, points")
    if ax is not axes[0]:
        ax.set_yticklabels([])
figures.show(figure)

# %% [markdown]
# And the verdicts. Nothing in this table is typed:

# %%
training.Table({"claim": words, "verdict": claim.verdict} for words, claim in claims.items())

# %% [markdown]
# - **L1 does what it is made for.** Right after the cut the network with L1 has lost far less, in five of six conditions. (Convolutions with 90 % cut only guess, with L1 and without.)
# - **After fine-tuning nothing of it is seen.** Five short epochs repair the other network as well. Where most is cut, L1 does harm: 17 points with convolutions.
# - **A reason is the size of $\gamma$.** Rescaling helps the convolutions, by 2 points with 75 % cut and by 17 with 90 %, and then no condition is against L1 any more.
# - **A small $\gamma$ marks a channel that can go**, with L1 and without it: right after the cut, random channels are far worse. After fine-tuning the choice matters only where 90 % are cut.
# - **The constants** count where much is cut: 3 to 40 points in three conditions. They cost nothing to keep.
# - **Slimming does not beat a small network from scratch**, as far as we see: four conditions show no difference, two are undecided. (Liu and others found in 2018, on large networks, that training from scratch is as good.)
# - **The slim network is as good as the whole one**, within a point, up to 75 %. With 90 % cut it is not.
#
# So slimming pays where you cannot train again after the cut: L1 is paid for before. If you have time to fine-tune, you may cut without it. One thing more that L1 gives was *not* on trial: it said how many channels each layer can spare, and all networks here have the widths that it
# chose.
#
# **How sure is this?** Ten claims under six conditions make 60 intervals, and some three of them may miss the truth. They cover other seeds, not other test pictures: all accuracies come from 450 pictures, where one picture is 0.2 points. Large networks, hard
# tasks, long trainings and another λ are not covered. The digits are easy, and 24 000 parameters are more than they need; that makes slimming look good.
#
# **Your turn.** $\gamma$ was compared within each layer. Would one threshold for all layers change a verdict? Write down what you expect. Then run
# `slimming.slimming_trials(range(5), ["fully connected"], in_layer=False)`, turn its lists into arrays as above, and show the last table again.
#
# <details><summary>What you may have found</summary>
#
# With 50 % and 75 % cut hardly anything changes: more than three quarters of the channels are at 0, and 0 is 0. With 90 % cut it does: one threshold leaves layer 1 only 1 to 5 of its 100 channels, because its $\gamma$ are about a tenth of those of
# layer 2 ([can they be compared?](can_gammas_be_compared.ipynb)). Then fine-tuning no longer repairs it.
#
# </details>
#
# **Shown:** L1 makes the cut itself cheap; after fine-tuning, how the network was made slim hardly matters, up to three quarters cut.
#
# **Back to** [09 · Slim and fold](../09_slim_and_fold.ipynb), or on to [what does a cut channel leave behind?](what_does_a_cut_channel_leave.ipynb)
#
# Sources:
#
# - Z. Liu and others, "Learning Efficient Convolutional Networks through Network Slimming", 2017, arXiv:1708.06519.
# - Z. Liu, M. Sun, T. Zhou, G. Huang and T. Darrell, "Rethinking the Value of Network Pruning", 2018, arXiv:1810.05270.
# - J. Ye, X. Lu, Z. Lin and J. Z. Wang, 2018, arXiv:1802.00124 (the size of γ, and the constants).
