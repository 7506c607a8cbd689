# %% [markdown]
# # May all steps of a recurrent network share one BN?
#
# *20 minutes · deeper, after lesson [08 · Choose a norm](../08_choose_a_norm.ipynb)*
#
# A **recurrent network** reads a sequence step by step, with the same weights at each step. If all steps share one BN layer too, it works in training, and loses
# in evaluation. You type the network, find the step that is to blame, and test the explanation.

# %%
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bnteach import data, figures, training

# %% [markdown]
# ## The network
#
# It keeps a row of numbers $h$, the **hidden state**. At each step it mixes the new input with the hidden state before:
#
# $$h_t = \tanh(\text{norm}(W x_t + U h_{t-1})) \qquad h_0 = 0$$
#
# `norms` says how many norms there are: step $t$ takes the $t$-th, and the last one serves all later steps.


# %%
class Reader(nn.Module):
    def __init__(self, norm, norms, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.W, self.U = nn.Linear(8, 32), nn.Linear(32, 32, bias=False)
        nn.init.orthogonal_(self.U.weight)
        self.norms = nn.ModuleList(norm(32) for _ in range(norms))
        self.output = nn.Linear(32, 10)

    def forward(self, x):
        h = torch.zeros(len(x), 32)
        for t in range(x.shape[1]):
            norm = self.norms[min(t, len(self.norms) - 1)]
            h = torch.tanh(norm(self.W(x[:, t]) + self.U(h)))
        return self.output(h)


# %% [markdown]
# Without a norm this must be PyTorch's `nn.RNN`, with the same weights.

# %%
ours, theirs = Reader(nn.Identity, 1, seed=0), nn.RNN(8, 32, batch_first=True)
names = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
weights = ours.W.weight, ours.U.weight, ours.W.bias, torch.zeros(32)
theirs.load_state_dict(dict(zip(names, weights, strict=True)))
x = torch.randn(5, 6, 8)
off = (ours(x) - ours.output(theirs(x)[0][:, -1])).abs().max().item()
print(f"largest difference from nn.RNN: {off:.5f}")
assert off < 1e-5

# %% [markdown]
# ## Four readers
#
# They read digits row by row: 8 steps of 8 values. We try no norm; **one BN** for all steps; **a BN for each step**, with running statistics of its own; and LN.
#
# **Predict.** For which of them do evaluation and training mode differ?

# %% tags=["nbval-ignore-output"]
digits = data.digits()
rows = replace(digits, x_train=digits.x_train.reshape(-1, 8, 8), x_test=digits.x_test.reshape(-1, 8, 8))
test_rows, labels = torch.from_numpy(rows.x_test), torch.from_numpy(rows.y_test)


def right(network):
    return 100 * (network(test_rows).argmax(dim=1) == labels).float().mean().item()


def both_modes(seed, norm, norms=1):
    network = Reader(norm, norms, seed)
    training.train(network, rows, epochs=5, seed=seed, every=1000, progress=False)
    return right(network.eval()), right(network.train())


readers = {
    "no norm": (nn.Identity, 1),
    "one BN": (nn.BatchNorm1d, 1),
    "a BN for each step": (nn.BatchNorm1d, 8),
    "LN": (nn.LayerNorm, 1),
}
read = {}  # an array (seeds, 2 modes), in percent
for words, (norm, norms) in readers.items():
    read[words] = training.over_seeds(
        lambda seed, n=norm, k=norms: both_modes(seed, n, k), progress=False
    ).values
    print(f"{words:19} evaluation", *(f"{share:4.0f}" for share in read[words][:, 0]), end="")
    print("   training mode", *(f"{share:4.0f}" for share in read[words][:, 1]))
lost = read["one BN"][:, 1] - read["one BN"][:, 0]
assert (lost > 0).all()
assert (read["LN"][:, 0] - read["one BN"][:, 0] > 2).all()

# %% [markdown]
# Each number is the percentage right for one of five seeds.
#
# <details><summary>Answer</summary>
#
# One BN loses in evaluation, in every seed. With a BN for each step little is lost, and with LN and without a norm both modes are the same.
# LN is ahead of one BN by more than 2 points in every seed.
#
# </details>
#
# And is LN better than a BN for each step? Five seeds do not decide, so here are 20. (They are stored, and take half a minute.)

# %%
FULL = False  # True: train them now


def twenty_seeds():
    every = {}
    for words in ("LN", "a BN for each step"):
        runs = training.over_seeds(
            lambda seed, r=readers[words]: both_modes(seed, *r), range(20), progress=False
        )
        every[words] = runs.values.round(2).tolist()
    return every


kept = training.stored("results/08_recurrent.json", twenty_seeds, again=FULL)["results"]
gap = np.array(kept["LN"])[:, 0] - np.array(kept["a BN for each step"])[:, 0]
print("LN − a BN for each step, points:", *(f"{points:+.0f}" for points in sorted(gap)))

# %% [markdown]
# No: for that, all seeds would have to lie more than 2 points above 0 (lesson 08). Both are good.
#
# ## Why?
#
# We look at what enters the one BN at each step, in training mode, and divide its standard deviation by the stored one.
#
# **Predict.** At which step do the stored statistics not fit?

# %% tags=["nbval-ignore-output"]
network, entered = Reader(nn.BatchNorm1d, 1, seed=0), []
_ = training.train(network, rows, epochs=5, every=1000, progress=False)
stored_std = network.norms[0].running_var.sqrt()
hook = network.norms[0].register_forward_pre_hook(lambda layer, inputs: entered.append(inputs[0].detach()))
_ = network.train()(test_rows)  # the hook notes what enters the BN layer
hook.remove()
ratios = [(z.std(dim=0) / stored_std).mean().item() for z in entered]  # mean over the 32 units
print("standard deviation ÷ the stored one, steps 1 to 8:", *(f"{ratio:.2f}" for ratio in ratios))
assert ratios[0] < 0.5
assert all(0.8 < ratio < 1.25 for ratio in ratios[1:])

# %% [markdown]
# <details><summary>Answer</summary>
#
# At the first. There the hidden state is 0, so $U h_0$ adds nothing. In training the small values are stretched to standard deviation 1; in evaluation they are
# divided by the stored one, which fits the later steps.
#
# </details>
#
# If this is the reason, two BN layers must take away most of the loss: one for step 1, one for all later steps.
#
# **Predict.** How much of the loss is left?

# %% tags=["nbval-ignore-output"]
two = training.over_seeds(lambda seed: both_modes(seed, nn.BatchNorm1d, 2), progress=False).values
still_lost = two[:, 1] - two[:, 0]
print("one BN loses, points:", *(f"{points:5.1f}" for points in lost))
print("two BN lose, points: ", *(f"{points:5.1f}" for points in still_lost))
assert still_lost.mean() < lost.mean() / 2

# %% tags=["draws", "nbval-ignore-output"] alt="What is lost in evaluation, five dots each: with one BN for all steps the dots lie well above 0, with two BN and with a BN for each step they lie near 0."
figure, (ax,) = figures.new_figure(size=(5.0, 2.5))
each = read["a BN for each step"][:, 1] - read["a BN for each step"][:, 0]
for k, points in enumerate((lost, still_lost, each)):
    figures.dots([k] * 5, points, limits=(-5, 30), ax=ax, role="with_bn", size=5)
figures.frame(ax, title="Lost in evaluation", y="points", xlim=(-0.5, 2.5), ylim=(-5, 30))
ax.set_xticks(range(3), ["one BN", "two BN", "a BN for each step"])
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# On average less than half: the first step was the main reason.
#
# </details>
#
# With a BN for each step, a sequence longer than those of the training takes the statistics of the last known step. LN takes any length.
#
# **Shown:** the weights may be shared by all steps, the statistics may not: the first step is unlike the others. LN was made for this case.
#
# **Practice:** [the exercises of lesson 08](../exercises/08_choose_a_norm.ipynb), 30 minutes.
#
# **Back to** [08 · Choose a norm](../08_choose_a_norm.ipynb).
#
# Sources:
#
# - J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization", 2016, arXiv:1607.06450, equation 4.
# - T. Cooijmans et al., "Recurrent Batch Normalization", 2016, arXiv:1603.09025 (statistics for each step).
