# %% [markdown]
# # 15 · Fine-tune and adapt
#
# *35 minutes · previous: [14b · Weight decay in front of BN](14b_decay_in_front_of_bn.ipynb) ·
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
# A network learns the digits 0 to 4. Then it is fine-tuned on ten pictures of each of 5 to 9. The batches are small, as they often are: a large network leaves little memory for pictures. All linear layers learn. For BN
# there are three ways:
#
# - **Training.** BN normalizes with the batch; the running averages move toward the new digits. The gradient also goes through mean and variance (lesson 04).
# - **Evaluation.** BN uses the statistics stored for 0 to 4, in fine-tuning and in the test. The gradient takes the direct path alone. γ and β learn.
# - **Frozen.** As in evaluation, but γ and β do not learn, either.


# %%
def norms(network):
    return [layer for layer in network if isinstance(layer, nn.BatchNorm1d)]


def set_way(network, way):
    network.train()
    for bn in norms(network):
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
# The cell trains five networks in each way, and prints a table. A fourth row, **recalibrated**, is the network of the way *training*, whose statistics are measured again at the end, on all 50 pictures (lesson 04b).
#
# **Predict.** One of the three ways does much worse in batches of 2 than in batches of 4. Which one? And does recalibrating help it?


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
    for way in ("training", "evaluation", "frozen"):
        tuned[way] = learn(deepcopy(base), x, y, seed, epochs=20, size=size, rate=rate, way=way)
    tuned["recalibrated"] = recalibrated(tuned["training"], x)
    old = {"0–4 before": percent(base, ~new), "0–4 after": percent(tuned["evaluation"], ~new)}
    return {way: percent(network, new) for way, network in tuned.items()} | old


five = training.run_seeds(trial, range(5), size=[4, 2], rate=0.05, progress=False)
print("right answers, %")
print(five.drop(columns="rate").set_index(["size", "seed"]).T.round().astype(int).to_string())

# %% [markdown]
# <details><summary>Answer</summary>
#
# Training. A likely reason: of two values BN leaves −1 and +1 (lesson 02), so the layer cannot see how far they are apart. Recalibrating gives seed 0 back a half of what it lost, and the other seeds little.
#
# </details>
#
# The last two rows show the *old* digits, before and after fine-tuning in evaluation. Nearly all are lost. This is called **catastrophic forgetting**: the network now knows 5 to 9 alone.
#
# Now 20 seeds, stored. A dot is the difference of two ways in one seed. The margin is 2 points, the gray band. The words on the right are the answer by the rule of [lesson 07](07_put_the_claims_on_trial.ipynb): where the dots disagree, the dark bar
# decides, the 95 % interval of their mean.


# %%
def says(gain):
    word = training.outcome(gain, margin=2)
    return {"for it": "first is better", "against it": "second is better"}.get(word, word)


# %% tags=["draws", "nbval-ignore-output"] alt="Differences of two ways of fine-tuning, 20 dots each. Batches of 4: evaluation − training and frozen − evaluation lie around 0: no difference. Batches of 2: evaluation − training lies between 5 and 55 points: the first is better. Frozen − evaluation: no difference. Recalibrated − training lies between −8 and 30: undecided. Evaluation − recalibrated lies between 4 and 25: the first is better."
def in_twenty():
    runs = training.run_seeds(trial, range(20), size=[4, 2], rate=[0.02, 0.05], progress=False)
    return runs.to_dict("list")


twenty = pd.DataFrame(training.stored("results/15_fine_tuning.json", in_twenty, again=False)["results"])
pairs = [("evaluation", "training"), ("frozen", "evaluation")]
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
figure, (ax,) = figures.new_figure(size=(7.2, 3.0))
dots, bars = ({name: getattr(gain, of) for name, gain in gains.items()} for of in ("values", "interval"))
figures.effects(dots, margin=2, limits=(-10, 60), intervals=bars, ax=ax)
for row, gain in enumerate(gains.values(), start=1):
    ax.text(62, row, says(gain), va="center")
ax.set_title("Is the first way better? (rate 0.05)")
ax.set_xlabel("difference in right answers, points")
figures.show(figure)

# %% [markdown]
# In batches of 2, evaluation is better than training. It is better than the recalibrated networks, too, so most of what is lost is in the weights. In batches of 4 there is no difference of 2 points. Whether γ and β learn makes no difference
# in either. (With a rate of 0.02 the answers are the same.)
#
# People advise: "Freeze BN when batches are small." In batches of 2 it does help here, because the stored statistics are used. But these pictures are from the same source as those of the first training. If the source
# changes, the stored statistics may not fit.
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
# For $a > 0$ that is the old $\hat{x}$, except for ε. So all later layers answer as before. ($a$ and $c$ must be the same for all pictures.)
#
# Six changes:
#
# - **brighter**: $x + 0.5$; **paler**: $0.25\,x$; **negative**: $1 - x$
# - **stained**: a stain on the lens adds the same 64 numbers to all pictures
# - **noisy**: each pixel of each picture gets its own random number, standard deviation 0.3
# - **moved**: one pixel to the right; the last column comes in on the left
#
# The cell computes $\hat{x}$ of the first layer with the *new* statistics, and prints how far it is from $\hat{x}$ of the unchanged pictures (root mean square). The weights do not matter for this, so we take a new network.
#
# **Predict.** After which of the six changes is $\hat{x}$ as before?


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
# **each channel $z$ of the first layer becomes $a\,z + c$, with $a > 0$ and the same $a$ and $c$ for all pictures**. In the negative $a = -1$: each $\hat{x}$ changes its sign. With noise and moving, what is added
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
# The network is in training mode and gets all test pictures as one batch. So TENT begins where AdaBN ends. It takes ten steps. We compare stored statistics, AdaBN and TENT with 20 networks. Each row has the mean difference in points, ± half the 95 % interval.
#
# **Predict.** For which changes does AdaBN help by more than 2 points? And can TENT help where AdaBN does not?


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
# <details><summary>Answer</summary>
#
# AdaBN gives back all that brighter, paler and stained took. For noisy and moved pictures it is undecided whether it gains more than 2 points. TENT makes no difference in any row.
#
# </details>
#
# On the negative hardly a digit is right, fewer than by guessing: the sign of each $\hat{x}$ in the first layer is turned.
#
# TENT makes the answers surer, but a sure answer can be wrong. Wang and others gained with TENT, in larger networks, on blurred or noisy photographs. We tried one setting of it, in a small network.
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
# ## Which statistics when
#
# - **Training, large batches:** those of the batch ([05](05_train_and_infer.ipynb)); if devices share it, those of all devices together ([10](10_across_devices.ipynb)).
# - **Training, tiny batches:** none of BN's; take a norm without the batch ([08](08_choose_a_norm.ipynb)).
# - **Fine-tuning, tiny batches, pictures as before:** the stored ones; `bn.eval()` after each `network.train()`.
# - **Use, data as in training:** the stored ones; `network.eval()` ([05](05_train_and_infer.ipynb)).
# - **Use, other data:** new ones, of many mixed pictures (exercise 3). They mend changes that multiply each channel of the first layer by a number above 0, and add another one, the same for all pictures.
#
# **Practice:** [the exercises](exercises/15_fine_tune_and_adapt.ipynb), 20 minutes. **Deeper:** [What is left of BN when a network is shipped?](deeper/what_is_left_of_bn.ipynb) ·
# [Can γ and β learn alone?](deeper/can_gamma_and_beta_learn_alone.ipynb)
#
# **The end of the course.** You have built batch normalization by hand, forward and backward, and trained with it. You know which statistics it uses when, what it costs, and
# what it does not do. And you have a rule to try the next claim: two networks, one difference, all seeds shown.
#
# Sources:
#
# - AdaBN: Y. Li and others, "Revisiting Batch Normalization for Practical Domain Adaptation", 2016, arXiv:1603.04779.
# - TENT: D. Wang and others, "Tent: Fully Test-Time Adaptation by Entropy Minimization", 2021, arXiv:2006.10726.
