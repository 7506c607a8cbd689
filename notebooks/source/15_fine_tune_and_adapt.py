# %% [markdown]
# # 15 · Fine-tune and adapt
#
# *40 minutes · previous: [14b · Weight decay in front of BN](14b_decay_in_front_of_bn.ipynb) ·
# [exercises](exercises/15_fine_tune_and_adapt.ipynb)*
#
# Few people train a network from nothing. They **fine-tune** a trained one on a few pictures of their own, or use it on another kind of pictures. In both
# cases they choose: should BN use the statistics of the batch, the stored ones, or new ones?

# %%
from copy import deepcopy

import numpy as np
import pandas as pd
import torch
from torch import nn

from bnteach import data, figures, labs, training

# %% [markdown]
# ## Three ways to fine-tune
#
# A network learns the digits 0 to 4. Then it is fine-tuned on ten pictures of each of 5 to 9, in small batches. (Where a large network fills the memory, there is
# no room for more pictures.) All linear layers learn. For BN there are three ways:
#
# - **Training.** BN normalizes with the batch; the running averages move toward the new digits. The gradient also goes through mean and variance (lesson 04).
# - **Evaluation.** BN uses the statistics stored for 0 to 4, in fine-tuning and in the test. The gradient takes the direct path alone. γ and β learn.
# - **Frozen.** As in evaluation, but γ and β do not learn, either.


# %%
def norms(network):
    return [layer for layer in network if isinstance(layer, nn.BatchNorm1d)]


def set_way(network, way):
    for bn in norms(network.train()):
        if way != "training":
            bn.eval()
        if way == "frozen":
            bn.requires_grad_(False)


def learn(network, x, y, seed, *, epochs, size=60, rate=0.1, way="training"):
    shuffle = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    set_way(network, way)
    whole_batches = len(x) // size * size  # the pictures left over wait for the next epoch
    for _epoch in range(epochs):
        for batch in torch.randperm(len(x), generator=shuffle)[:whole_batches].split(size):
            loss = nn.functional.cross_entropy(network(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits()
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
x_test, y_test = torch.from_numpy(digits.x_test), torch.from_numpy(digits.y_test)


def new_network(seed, widths=(64, 100, 100, 10)):
    return training.mlp(widths, nn.ReLU, init_scale=2**0.5, seed=seed)


def of_0_to_4(seed):
    return learn(new_network(seed), x_train[y_train < 5], y_train[y_train < 5], seed, epochs=5)


def fifty(seed):
    order = torch.randperm(len(y_train), generator=torch.Generator().manual_seed(seed))
    rows = torch.cat([order[y_train[order] == digit][:10] for digit in range(5, 10)])
    return x_train[rows], y_train[rows]


# %% [markdown]
# Two more, to compare with: **last layer** (as evaluation, but only the last layer learns) and **recalibrated** (as training; at the end the statistics are measured again, on
# all 50 pictures, lesson 04b).
#
# **Predict.** One way of the three does much worse in batches of 2 than in batches of 4. Which one? Why?


# %% tags=["nbval-ignore-output"]
def recalibrated(network, x):
    network = deepcopy(network).train()
    for bn in norms(network):
        bn.momentum = 1  # keep this batch alone
    with torch.no_grad():
        network(x)
    return network.eval()


def percent(network, rows):
    return 100 * training.accuracy(network, digits.x_test[rows], digits.y_test[rows])


def trial(seed, size, rate):
    base, (x, y), new = of_0_to_4(seed), fifty(seed), y_test > 4
    tuned = {}
    for way in ("training", "evaluation", "frozen", "last layer"):
        network = deepcopy(base).requires_grad_(way != "last layer")
        network.output.requires_grad_()
        tuned[way] = learn(network, x, y, seed, epochs=20, size=size, rate=rate, way=way)
    tuned["recalibrated"] = recalibrated(tuned["training"], x)
    old = {"0–4 before": percent(base, ~new), "0–4 after": percent(tuned["evaluation"], ~new)}
    return {way: percent(network, new) for way, network in tuned.items()} | old


five = training.run_seeds(trial, range(5), size=[4, 2], rate=0.05, progress=False)
print("right answers, %")
print(five.drop(columns="rate").set_index(["size", "seed"]).T.round().astype(int).to_string())

# %% [markdown]
# <details><summary>Answer</summary>
#
# Training. Of two values BN leaves −1 and +1, or both near 0 if they are nearly equal (lesson 02): a layer learns which is larger, and hardly by how much.
#
# </details>
#
# The last two rows show the old digits, before and after fine-tuning in evaluation. Nearly all are lost (**catastrophic forgetting**): the network is now for 5 to 9 alone.
#
# Now 20 seeds, stored. A dot is the difference of two ways in one seed. Less than 2 points do not count (gray band; [lesson 07](07_put_the_claims_on_trial.ipynb)). The dark bar is the 95 %
# interval of the mean. Where the dots are undecided, this interval decides: it must lie inside the band, or beyond it.


# %%
def says(gain):
    word = training.outcome(gain, margin=2)
    return {"for it": "first is better", "against it": "second is better"}.get(word, word)


# %% tags=["draws", "nbval-ignore-output"] alt="Differences of two ways of fine-tuning, 20 dots each. Batches of 4: evaluation − training, frozen − training and frozen − evaluation all lie around 0: no difference. Batches of 2: evaluation − training and frozen − training lie between 5 and 55 points: the first is better. Frozen − evaluation: no difference. Recalibrated − training lies between −8 and 30: undecided. Evaluation − recalibrated lies between 4 and 25: the first is better."
def in_twenty():
    runs = training.run_seeds(trial, range(20), size=[4, 2], rate=[0.02, 0.05], progress=False)
    return runs.to_dict("list")


twenty = pd.DataFrame(training.stored("results/15_fine_tuning.json", in_twenty, again=False)["results"])
pairs = [("evaluation", "training"), ("frozen", "training"), ("frozen", "evaluation")]
late = [("recalibrated", "training"), ("evaluation", "recalibrated")]
rows = [(size, *pair) for size in (4, 2) for pair in pairs] + [(2, *pair) for pair in late]
gains = {}
for rate in (0.02, 0.05):  # the last one is drawn
    for size, first, second in rows:
        runs = twenty[(twenty["size"] == size) & (twenty["rate"] == rate)]
        gain = training.SeedSummary((runs[first] - runs[second]).to_numpy())
        name = f"batches of {size}: {first} − {second}"
        assert rate == 0.02 or says(gain) == says(gains[name])
        gains[name] = gain
figure, (ax,) = figures.new_figure(size=(7.2, 3.4))
dots, bars = ({name: getattr(gain, of) for name, gain in gains.items()} for of in ("values", "interval"))
figures.effects(dots, margin=2, limits=(-10, 60), intervals=bars, ax=ax)
for row, gain in enumerate(gains.values(), start=1):
    ax.text(62, row, says(gain), va="center")
ax.set_title("Is the first way better? (rate 0.05)")
ax.set_xlabel("difference in right answers, points")
figures.show(figure)

# %% [markdown]
# "Freeze BN when batches are small" **holds here in batches of 2**; in batches of 4 it makes **no difference**. Whether γ and β learn makes none, either: the linear layers learn
# anyway. (With a rate of 0.02 it is the same.)
#
# Or are the weights good, and the running averages, taken from pairs, do not fit them? Recalibration replaces them and lifts seed 0 from 41 to 70 %. But over 20 seeds its gain is undecided, and evaluation stays better
# (last row). So most of the loss is in the weights, which learned from pairs; but in seed 0 most of it is in the averages.
#
# ## Another camera: which changes can statistics mend?
#
# Now a network knows all ten digits, and the *test* pictures change. The stored statistics are those of the old pictures. To recalibrate on the new ones, which needs no labels, is
# called **AdaBN**.
#
# Each pixel $x$ becomes $a\,x + b$. The first layer is linear, so a channel $z = w\cdot x$ becomes $a\,z + c$, where $c = b\sum w$. Its mean becomes $a\mu + c$, its variance $a^2\sigma^2$. With these
# new statistics:
#
# $$\hat{x}_\text{new} = \frac{(a\,z + c) - (a\mu + c)}{\sqrt{a^2\sigma^2 + \varepsilon}}
# \approx \frac{a}{|a|}\cdot\frac{z - \mu}{\sigma}$$
#
# For $a > 0$ that is the old $\hat{x}$, except for ε. So all later layers answer as before.
#
# Six changes:
#
# - **brighter**: $x + 0.5$; **paler**: $0.25\,x$; **negative**: $1 - x$
# - **stained**: a stain on the lens adds the same 64 numbers to all pictures
# - **noisy**: each pixel of each picture gets its own random number, standard deviation 0.3
# - **moved**: one pixel to the right; the last column comes in on the left
#
# Printed is how far $\hat{x}$ of the first layer, made with the *new* statistics, moves, as root mean square. (The weights do not matter for this: a new network will do.)
#
# **Predict.** After which changes is $\hat{x}$ as before?


# %%
def x_hat(x):
    z = w @ x.T  # a row for each channel
    return (z - z.mean(dim=1, keepdim=True)) / torch.sqrt(z.var(dim=1, correction=0, keepdim=True) + 1e-5)


random = torch.Generator().manual_seed(0)
changed = {
    "brighter": x_test + 0.5,
    "paler": 0.25 * x_test,
    "stained": x_test + torch.rand(64, generator=random),
    "noisy": x_test + 0.3 * torch.randn(450, 64, generator=random),
    "moved": x_test.reshape(-1, 8, 8).roll(1, dims=2).flatten(1),
    "negative": 1 - x_test,
}
w = new_network(seed=0).linear_1.weight.detach()
for name, x in changed.items():
    print(f"{name:9} x̂ moves by {(x_hat(x) - x_hat(x_test)).square().mean().sqrt():.2f}")


# %% [markdown]
# <details><summary>Answer</summary>
#
# After brighter, paler and stained. A stain is no $a\,x + b$ with one $b$, but it, too, adds the same number to a channel in all pictures. So what counts is that
# **each channel of the first layer becomes $a\,z + c$ with $a > 0$**. In the negative $a = -1$: each $\hat{x}$ changes its sign. With noise and moving, what is added
# differs from picture to picture.
#
# </details>
#
# ## AdaBN and TENT
#
# **TENT** goes a step further, also without labels: γ and β learn on the test pictures. The loss is the **entropy** of the answers, $-\sum p\,\log p$ over the ten digits. It is small
# when the network is sure.
# %%
def tent(network, x):
    network = deepcopy(network).train().requires_grad_(False)
    learning = [p for bn in norms(network) for p in bn.requires_grad_().parameters()]
    optimizer = torch.optim.Adam(learning, lr=0.01)
    for _step in range(10):
        log_p = network(x).log_softmax(dim=1)
        entropy = -(log_p.exp() * log_p).sum(dim=1).mean()
        optimizer.zero_grad()
        entropy.backward()
        optimizer.step()
    return recalibrated(network, x)


# %% [markdown]
# TENT begins where AdaBN ends, and takes ten steps. Each row: mean differences over 20 networks, in points, ± half the 95 % interval.


# %% tags=["nbval-ignore-output"]
def verdict(first, second):
    gain = training.SeedSummary(np.subtract(first, second))
    return f"{gain.mean:6.1f} ± {gain.half_width:3.1f} {says(gain):16}"


networks = [learn(new_network(seed), x_train, y_train, seed, epochs=5) for seed in range(20)]
ways = {"stored": lambda network, x: network, "AdaBN": recalibrated, "TENT": tent}
right = {}
for name, x in {"as it was": x_test, **changed}.items():
    for way, adapted in ways.items():
        shares = [training.accuracy(adapted(network, x), x.numpy(), digits.y_test) for network in networks]
        right[name, way] = 100 * np.array(shares)
print(" " * 11, "AdaBN − stored                TENT − AdaBN")
for name in ("as it was", *changed):
    stored, with_adabn, with_tent = (right[name, way] for way in ways)
    print(f"{name:9}", verdict(with_adabn, stored), verdict(with_tent, with_adabn))

# %% tags=["draws", "nbval-ignore-output"] alt="Right answers, 20 dots for each change of the pictures and each of three ways, and a dashed line at 96 percent. As it was: all on the line. Brighter, paler, stained: stored between 20 and 85 percent, AdaBN and TENT on the line. Noisy: all near 75. Moved: all near 40. Negative: all near 0."
mended = [right[name, "AdaBN"] for name in ("as it was", "brighter", "paler", "stained")]
assert np.ptp(mended, axis=0).max() < 0.5  # points: two pictures of 450
assert all(
    says(training.SeedSummary(right[n, "TENT"] - right[n, "AdaBN"])) == "no difference" for n in changed
)
figure, (ax,) = figures.new_figure(size=(7.2, 3.2))
roles = {"stored": "without_bn", "AdaBN": "with_bn", "TENT": "unbiased"}
ax.axhline(right["as it was", "stored"].mean(), color="black", ls="--", lw=1)
for place, name in enumerate(["as it was", *changed]):
    for k, (way, role) in enumerate(roles.items()):
        where = place + 0.27 * (k - 1) + 0.11 * np.random.default_rng(k).uniform(-1, 1, 20)
        figures.dots(where, right[name, way], limits=(0, 100), ax=ax, role=role, alpha=0.6)
figures.frame(ax, y="right answers, %", xlim=(-0.7, 6.5), ylim=(-2, 102))
ax.set_title("Changed test pictures; dashed: as it was, stored statistics")
ax.set_xticks(range(7), ["as it was", *changed])
figures.key(ax, {role: way for way, role in roles.items()}, markers=True, place="lower left")
figures.show(figure)

# %% [markdown]
# AdaBN gives back all that brighter, paler and stained took. On noisy and moved pictures it gains a little;
# if it is more than 2 points is undecided. On the negative, where hardly a digit is right, it loses a little (−1.2 ± 0.9).
#
# TENT adds less than 2 points, or takes away: no difference in all rows. A network that is sure but wrong has a small entropy, too. Our TENT is gentle: ten steps of 0.01 change γ by about 0.1 at most, so they
# turn no sign. Wang and others gained with it, in larger networks, on blurred or noisy photographs.
#
# ## Lab: change the pictures
#
# In the middle: one channel of the first layer, normalized; black line for training, blue bars for the pictures shown.
#
# 1. *Contrast* is 0.25: why are the blue bars narrow? Now *Brightness* 0.5: what changes? Recalibrate.
# 2. *Contrast* −1 and *Brightness* 1, recalibrated: mean and standard deviation are right. What is wrong?
# 3. *Contrast* 1, *Brightness* 0, *Noise* 0.6: how much does recalibration give back?

# %% tags=["nbval-ignore-output"]
labs.Shifts(contrast=0.25)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The values lie four times closer; the stored deviation is the old one. Brighter, they move left (in this channel: the sum of its weights is negative). Recalibrated, they lie on the black line.
# 2. They are its mirror image.
# 3. A little: 45 % right instead of 38 %.
#
# </details>
#
# ## Train only BN
#
# A network with three hidden layers of 200 channels keeps its random weights. Only γ and β learn: $3\cdot 2\cdot 200 = 1\,200$ numbers, 1.2 % of all. To compare: only the last layer
# learns (2 010 numbers, 2.1 %), or all 96 010.
#
# **Predict.** What do γ and β reach alone: about 10 % (guessing), 50 %, or 90 %?


# %% tags=["nbval-ignore-output"]
def right_with(part, rate, seed):
    network = new_network(seed, widths=(64, 200, 200, 200, 10))
    for name, numbers in network.named_parameters():
        numbers.requires_grad_(part in name)
    learn(network, x_train, y_train, seed, epochs=10, rate=rate)
    return training.accuracy(network, digits.x_test, digits.y_test)


print("right answers, five seeds")
for rate in (0.1, 3):
    for words, part in {"γ and β": "bn", "last layer": "output", "all": ""}.items():
        print(f"rate {rate:3}, {words:10}", *(f"{right_with(part, rate, seed):4.0%}" for seed in range(5)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both: 52 to 64 % with a rate of 0.1, and 94 to 96 % with 3.
#
# </details>
#
# With 0.1 the last layer looks far better; with 3 the two are about equal (five seeds). So choose a rate for each before you compare. In deep networks on photographs, γ and β alone
# stayed far below all weights (Frankle and others).
#
# ## Which statistics when
#
# - **Training, large batches:** those of the batch ([05](05_train_and_infer.ipynb)); if devices share it, those of all devices together ([10](10_across_devices.ipynb)).
# - **Training, tiny batches:** none of BN's; take a norm without the batch ([08](08_choose_a_norm.ipynb)).
# - **Fine-tuning, tiny batches:** the stored ones; `bn.eval()` after each `network.train()`.
# - **Use, data as in training:** the stored ones; `network.eval()` ([05](05_train_and_infer.ipynb)).
# - **Use, other data:** new ones, of many mixed pictures (exercise 3). They mend each change that makes $a\,z + c$ with $a > 0$ of every channel $z$ of the first layer.
#
# **Practice:** [the exercises](exercises/15_fine_tune_and_adapt.ipynb), 20 minutes. **Deeper:** [What is left of BN when a network is shipped?](deeper/what_is_left_of_bn.ipynb)
#
# **The end of the course.** You have built batch normalization by hand, forward and backward, and trained with it. You know which statistics it uses when, what it costs, and
# what it does not do. And you have a rule to try the next claim: two networks, one difference, all seeds shown.
#
# Sources:
#
# - AdaBN: Y. Li and others, "Revisiting Batch Normalization for Practical Domain Adaptation", 2016, arXiv:1603.04779.
# - TENT: D. Wang and others, "Tent: Fully Test-Time Adaptation by Entropy Minimization", 2021, arXiv:2006.10726.
# - J. Frankle, D. Schwab and A. Morcos, "Training BatchNorm and Only BatchNorm", 2020, arXiv:2003.00152.
