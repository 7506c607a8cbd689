# %% [markdown]
# # Which noise regularizes?
#
# *20 minutes · deeper than [07b · Ask why it helps](../07b_ask_why_it_helps.ipynb)*
#
# In lesson 07b, BN alone did not regularize. Here you make its statistics noisier, with **ghost batches**, and add
# **dropout**. Both help against memorizing, and you see what dropout does to the statistics that BN stores.

# %%
import pandas as pd
import torch
from torch import nn

from bnteach import data, figures, training
from bnteach.trials.claims import dropout_shift, fewer, insert_after, noisy_pixels, wrong_labels

# %% [markdown]
# ## Ghost batches
#
# The mean of a batch is an estimate, and its error is the smaller the more pictures there are (lesson 01). With 60
# pictures there is little noise in it. **Ghost batch normalization** makes more of it and changes nothing else: the step still uses 60
# pictures, but mean and variance are taken over groups of 6 of them.


# %%
class GhostBatchNorm(nn.BatchNorm1d):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        return torch.cat([nn.BatchNorm1d.forward(self, ghost) for ghost in x.split(6)])


torch.manual_seed(0)
x = torch.randn(60, 50)
ghosts, whole = GhostBatchNorm(50)(x), nn.BatchNorm1d(50)(x)
apart = (ghosts - whole).std(dim=0).mean().item()
print(f"standard deviation of the difference between the two outputs: {apart:.2f}")
assert 0.3 < apart < 0.8

# %% [markdown]
# The outputs of BN have the standard deviation 1, so this is a lot of noise.
#
# ## Does it regularize?
#
# Two tasks: 400 pictures, a fifth of them with wrong labels, and the 200 noisy digits of the lesson. Each network learns until
# 90 % or 99 % of its training pictures are right; then it is tested. So all are equally far.


# %%
TASKS = {  # the data of a seed, and the training accuracy at which to stop
    "wrong labels": (lambda seed: wrong_labels(fewer(data.digits(), 400, seed), 0.2, seed), 90),
    "noisy pixels": (lambda seed: noisy_pixels(fewer(data.digits(), 200, seed), 0.5, seed), 99),
}


def network(seed, kind):
    torch.manual_seed(seed)  # of dropout
    model = training.mlp([64, 50, 50, 50, 10], nn.ReLU, "BN" in kind, init_scale=2**0.5, seed=seed)
    if "ghosts" in kind:
        model.bn_1, model.bn_2, model.bn_3 = GhostBatchNorm(50), GhostBatchNorm(50), GhostBatchNorm(50)
    if "dropout" in kind:
        model = insert_after(model, "activation", lambda: nn.Dropout(0.2))
    return model


def test_when_learned(seed, task, kind):
    make, level = TASKS[task]
    digits, model = make(seed), network(seed, kind)
    for step in training.training_steps(model, digits, epochs=500, seed=seed):
        if step.number % 5 == 0:
            if 100 * training.accuracy(model, digits.x_train, digits.y_train) >= level:
                break
    return {"test": 100 * training.accuracy(model, digits.x_test, digits.y_test), "steps": step.number}


# %% [markdown]
# The results of 20 seeds are stored; the cell trains three of the networks here, too.
#
# **Predict.** Ghost batches against BN: on which task is the test accuracy higher?

# %% tags=["nbval-ignore-output"]
kinds = ["plain", "BN", "BN ghosts", "BN dropout", "plain dropout"]
tasks = list(TASKS)


def twenty_seeds():
    runs = training.run_seeds(test_when_learned, range(20), task=tasks, kind=kinds, progress=False)
    return runs.round(2).to_dict("list")


FULL = False  # the results are stored; True: train for a minute
ends = pd.DataFrame(training.stored("results/07_noise.json", twenty_seeds, again=FULL)["results"])
here = {kind: test_when_learned(0, "noisy pixels", kind)["test"] for kind in kinds[1:4]}
print("seed 0, noisy pixels:", *(f"{kind} {test:.1f} % right" for kind, test in here.items()), sep="   ")
assert min(here["BN ghosts"], here["BN dropout"]) > here["BN"] + 1
print(ends.pivot_table(["steps", "test"], ["task", "kind"]).round())

effects = {}
for second, first in (
    ("BN", "BN ghosts"),
    ("BN", "BN dropout"),
    ("plain", "BN ghosts"),
    ("plain", "plain dropout"),
):
    for task in TASKS:
        gain = training.paired_difference(ends, "test", kind=(first, second), task=task)
        effects[f"{first} − {second}, {task}"] = gain.values
        print(
            f"{first} − {second}, {task}:",
            f"{gain.mean:.1f} ± {gain.half_width:.1f}",
            training.outcome(gain, margin=1),
        )

# %% tags=["draws", "nbval-ignore-output"] alt="Eight rows of twenty dots beside a margin of one point. Ghosts minus BN: with noisy pixels all dots between 5 and 16, with wrong labels most dots above the margin. Dropout with BN minus BN: all dots right of the margin in both tasks. Ghosts minus the plain network: dots on both sides of 0. Dropout minus the plain network: nearly all right of the margin."
ax = figures.effects(effects, margin=1, limits=(-8, 18), ax=figures.new_axes(size=(7.2, 3.4)))
figures.frame(ax, title="Test accuracy at the same training accuracy", x="difference, percentage points")
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# On both: on the noisy pixels in each seed, on the wrong labels by some two and a half points on average.
#
# </details>
#
# So what regularizes is the **noise of the statistics**, not the normalization. But look at the third pair of rows: that the ghosts gain anything against the plain
# network, twenty seeds do not show. The noise takes back what BN had lost, and costs steps: the ghosts need two to four times as many.
#
# **Dropout** sets a fifth of the units to zero in training, at random in each step. It still helps beside BN, and on the wrong labels it helps most. "BN makes
# dropout unnecessary" does not hold here.
#
# ## Do BN and dropout clash?
#
# Dropout with the probability $p$ multiplies the values that it keeps by $1/(1 - p)$, so that the mean stays. The variance does not stay: it
# becomes larger. So the next BN layer meets a larger variance in training, and stores it; in evaluation, dropout is off and the variance is smaller. This is
# called **variance shift** (Li and others, 2018).
#
# **Predict.** Half of the units are dropped. How large is the variance that enters the second BN layer in evaluation, as a part of
# the one in training?


# %% tags=["nbval-ignore-output"]
def variance_ratio(seed):
    torch.manual_seed(seed)
    model = insert_after(network(seed, "BN"), "activation", lambda: nn.Dropout(0.5))
    for _ in training.training_steps(model, data.digits(), epochs=9, seed=seed):
        pass
    before_bn_2 = model[: list(dict(model.named_children())).index("bn_2")]
    pictures = torch.from_numpy(data.digits().x_train)
    with torch.no_grad():
        in_training = before_bn_2.train()(pictures).var(dim=0)
        in_evaluation = before_bn_2.eval()(pictures).var(dim=0)
    return (in_evaluation / in_training).mean().item()


print("evaluation / training:", *(f"{variance_ratio(seed):.2f}" for seed in range(5)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# About a half. BN divides by a standard deviation that is about 1.4 times too large.
#
# </details>
#
# Does it do harm? We **recalibrate** as in the [clinic](diagnose_the_stored_statistics.ipynb), with dropout off. What the accuracy gains
# is what the wrong statistics have cost.

# %% tags=["nbval-ignore-output"]
cases = {
    "ReLU, 3 layers": {},
    "ReLU, 5 layers": {"layers": 5},
    "ReLU, 5 layers, 1000 steps": {"layers": 5, "steps": 1000},
}
for name, settings in cases.items():
    five = [dropout_shift(seed, **settings) for seed in range(5)]
    print(f"{name}: before", *(f"{run['accuracy']:.0f}" for run in five), end="  ")
    print("recalibrated", *(f"{run['mended']:.0f}" for run in five))

# %% [markdown]
# With three layers there is nothing to regain, although the variance is off. With five layers it costs some 30 points after 200 steps, but at most 5
# after 1000. (What is still missing then is lost to dropout itself: half of the units is too much for this network.) So the variance shift is real, and whether
# it hurts is another question. It is cheap to ask: recalibrate, and compare. Dropout behind the last BN layer does no such harm: no BN layer meets it.

# %%
assert min(effects["BN ghosts − BN, noisy pixels"]) > 1
assert min(effects["BN dropout − BN, wrong labels"]) > 1

# %% [markdown]
# **Shown:** noise regularizes, that of ghost batches and that of dropout; BN without it does not. Dropout and BN get along once the network has learned, or
# after a recalibration.
#
# **Back to** [07b · Ask why it helps](../07b_ask_why_it_helps.ipynb), or on to [Which of eighteen claims
# hold?](which_claims_hold.ipynb)
#
# Sources:
#
# - E. Hoffer, I. Hubara and D. Soudry, "Train longer, generalize better", 2017, arXiv:1705.08741 (ghost batches).
# - P. Luo, X. Wang, W. Shao and Z. Peng, 2019, arXiv:1809.00846 (how BN regularizes, in theory).
# - X. Li and others, "Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift", 2018, arXiv:1801.05134.
