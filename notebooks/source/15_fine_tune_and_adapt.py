# %% [markdown]
# # 15 · Fine-tune and adapt
#
# *40 minutes · previous: [14 · Deep enough to break](14_deep_enough_to_break.ipynb) ·
# [exercises](exercises/15_fine_tune_and_adapt.ipynb)*
#
# Most people meet BN in a network that somebody else has trained: they **fine-tune** it, which means to train it further on a few pictures
# of their own, or they use it on pictures from another camera. For both you choose which statistics BN uses and which of its numbers learn. You try
# these three ways on digits, work out which changes of the pictures new statistics can mend, and test that over 20 seeds.
#
# ```python
# network.train()                             # 1. training: BN takes the batch
# for bn in norms(network): bn.eval()         # 2. evaluation: the stored statistics; γ and β still learn
# for bn in norms(network): bn.eval().requires_grad_(False)   # 3. frozen: γ and β do not learn, either
# ```

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
# A network with two hidden layers learns the digits 0 to 4. Then it is fine-tuned on ten pictures of each of 5 to 9, 50 in all, in small batches: 20
# epochs. (Large networks often leave room for a few pictures only.) In every way, all weights learn.
#
# - **Training.** Each picture is normalized with the others of its small batch, and the running averages move toward the new digits. The gradient also goes through the mean
#   and the variance, to the other pictures (lesson 04).
# - **Evaluation.** The statistics stay those of 0 to 4, in fine-tuning and in the test alike. BN is a straight line, so the gradient takes the direct path alone; γ and β learn.
# - **Frozen.** The same statistics and the same path, but γ and β stay as well. Only the weights around them learn.


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
    for _epoch in range(epochs):
        for batch in torch.randperm(len(x), generator=shuffle)[: len(x) // size * size].split(size):
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
# **Predict.** In batches of 4, and in batches of 2: in which does BN in training mode do clearly worse than in evaluation? (What does BN leave of
# two values?)


# %% tags=["nbval-ignore-output"]
def trial(seed, size, rate):
    base, new = of_0_to_4(seed), y_test > 4
    right = {}
    for way in ("training", "evaluation", "frozen"):
        network = learn(deepcopy(base), *fifty(seed), seed, epochs=20, size=size, rate=rate, way=way)
        right[way] = 100 * training.accuracy(network, digits.x_test[new], digits.y_test[new])
    return right


five = training.run_seeds(trial, range(5), size=[4, 2], rate=0.05, progress=False)
assert five.evaluation[five["size"] == 2].mean() > five.training[five["size"] == 2].mean() + 5

# %% tags=["draws", "nbval-ignore-output"] alt="Right answers to the digits 5 to 9, five dots for each way. In batches of 4 all dots lie between 88 and 96 percent. In batches of 2 those of training lie between 40 and 85 percent, those of evaluation and frozen between 91 and 96."
figure, axes = figures.new_figure(columns=2, size=(6.8, 2.8))
for ax, size in zip(axes, (4, 2), strict=True):
    for place, way in enumerate(["training", "evaluation", "frozen"]):
        where = place + np.linspace(-0.15, 0.15, 5)
        figures.dots(
            where, five[way][five["size"] == size], limits=(30, 100), ax=ax, role="with_bn", size=6, alpha=0.7
        )
    figures.frame(ax, title=f"Batches of {size}", xlim=(-0.5, 2.5), ylim=(30, 100))
    ax.set_xticks(range(3), ["training", "evaluation", "frozen"])
axes[0].set_ylabel("right answers, %")
figures.show(figure)

# %% [markdown]
# A dot for each of five seeds, tested on the digits 5 to 9. Differences of less than 2 points do not count (the rule of [lesson 07](07_put_the_claims_on_trial.ipynb)). In batches of 4
# five seeds do not decide, so here are twenty; they are stored, with three learning rates. *For it* means that the first of two ways is better.


# %%
def verdict(better, worse):
    gain = training.SeedSummary(np.subtract(better, worse))
    return f"{gain.mean:6.1f} ± {gain.half_width:4.1f} {training.outcome(gain, margin=2):16}"


def in_twenty():
    runs = training.run_seeds(trial, range(20), size=[4, 2], rate=[0.02, 0.05, 0.1], progress=False)
    return runs.to_dict("list")


twenty = pd.DataFrame(training.stored("results/15_fine_tuning.json", in_twenty, again=False)["results"])
print(" " * 26, "evaluation − training         frozen − evaluation")
for (size, rate), r in twenty.groupby(["size", "rate"]):
    words = f"batches of {size}, rate {rate:4}   "
    print(words, verdict(r.evaluation, r.training), verdict(r.frozen, r.evaluation))
print("not one right answer:", (twenty == 0).sum()[["training", "evaluation", "frozen"]].to_dict())

# %% [markdown]
# <details><summary>Answer</summary>
#
# In batches of 2: there $\hat{x}$ is −1 or +1, or nearly 0 (lesson 02), so the layers learn from numbers that say only which of two is larger. Evaluation is better
# in all five seeds, and at all three rates. In batches of 4 there is no difference at two rates, and the third is undecided.
#
# </details>
#
# So "freeze BN when batches are small" **holds here in batches of 2, not in batches of 4**. It makes no difference whether γ and β learn (γ scales a row of weights, which learns
# anyway), but for one of 120 networks in evaluation: at the highest rate its weights have overflowed. With fixed statistics no layer divides by a spread that has grown too large.
#
# ## Another camera: which changes can statistics mend?
#
# Now all ten digits are learned, and the *test* pictures change. The weights are good, but the stored statistics are those of the old pictures. To measure them again on the new
# pictures, without labels, is to recalibrate (lesson 04b); as a remedy for another kind of picture it is called **AdaBN**.
#
# First on paper. Each pixel $x$ becomes $a\,x + b$. The first layer is linear, so a channel $z = w\cdot x$ becomes $a\,z + c$, where $c = b\sum w$. Its mean becomes $a\mu + c$, its variance $a^2\sigma^2$. With these
# new statistics:
#
# $$\hat{x}_\text{new} = \frac{(a\,z + c) - (a\mu + c)}{\sqrt{a^2\sigma^2 + \varepsilon}}
# \approx \frac{a}{|a|}\cdot\frac{z - \mu}{\sigma}$$
#
# For $a > 0$ that is the old $\hat{x}$, but for ε, whatever γ and β and all later layers do. Six changes:
#
# - **brighter**: $x + 0.5$; **paler**: $0.25\,x$; **negative**: $1 - x$
# - **noisy**: another random number, of standard deviation 0.3, is added to each pixel of each picture
# - **stained**: each pixel has its own number, which is added in all pictures
# - **moved**: each picture goes one pixel to the right; its last column comes in on the left
#
# We print how far $\hat{x}$ of the first layer moves: the root of the mean square, over all channels and pictures.
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
# After brighter, paler and stained. A stain is another $c$ for each channel, $w\cdot$stain, but the same for all pictures. In the negative $a = -1$: each $\hat{x}$ changes its sign. Noise and moving are no $a\,z + c$: what is added differs from
# picture to picture.
#
# </details>
#
# ## AdaBN and TENT
#
# **TENT** goes a step further. It, too, needs no labels: it lets γ and β learn, on the test pictures, and the loss is the **entropy** of the network's answers, which is small when
# the network is sure:
#
# $$H = -\sum_\text{digits} p\,\log p$$


# %%
def recalibrated(network, x):  # AdaBN
    network = deepcopy(network).train()
    for bn in norms(network):
        bn.momentum = 1  # keep this batch alone
    with torch.no_grad():
        network(x)
    return network.eval()


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
# **Predict.** TENT begins where AdaBN ends. Can it bring back the negative?

# %% tags=["nbval-ignore-output"]
networks = [learn(new_network(seed), x_train, y_train, seed, epochs=5) for seed in range(20)]
ways = {"stored": lambda network, x: network, "AdaBN": recalibrated, "TENT": tent}
right = {}
for name, x in {"as it was": x_test, **changed}.items():
    for way, adapted in ways.items():
        shares = [training.accuracy(adapted(network, x), x.numpy(), digits.y_test) for network in networks]
        right[name, way] = 100 * np.array(shares)
print(" " * 9, "AdaBN − stored                TENT − AdaBN")
for name in ("as it was", *changed):
    stored, with_adabn, with_tent = (right[name, way] for way in ways)
    print(f"{name:9}", verdict(with_adabn, stored), verdict(with_tent, with_adabn))
mended = [right[name, "AdaBN"] for name in ("as it was", "brighter", "paler", "stained")]
assert np.ptp(mended, axis=0).max() < 0.5  # points: two pictures of 450

# %% tags=["draws", "nbval-ignore-output"] alt="Right answers, 20 dots for each change of the pictures and each of three ways. As it was: all at 96 percent. Brighter, paler, stained: stored between 20 and 85 percent, AdaBN and TENT at 96. Noisy: all near 75. Moved: all near 40. Negative: all near 0."
figure, (ax,) = figures.new_figure(size=(7.2, 3.0))
roles = {"stored": "without_bn", "AdaBN": "with_bn", "TENT": "unbiased"}
for place, name in enumerate(["as it was", *changed]):
    for k, (way, role) in enumerate(roles.items()):
        where = place + 0.25 * (k - 1) + np.linspace(-0.08, 0.08, 20)
        figures.dots(where, right[name, way], limits=(0, 100), ax=ax, role=role, alpha=0.6)
figures.frame(ax, title="Changed test pictures", y="right answers, %", xlim=(-0.5, 8.3), ylim=(0, 102))
ax.set_xticks(range(7), ["as it was", *changed])
figures.key(ax, {role: way for way, role in roles.items()}, markers=True, place="upper right")
figures.show(figure)

# %% [markdown]
# A dot for each of 20 networks.
#
# <details><summary>Answer</summary>
#
# No. AdaBN gives back the accuracy under the same three changes, and little or nothing under the others. TENT's ten steps add nothing to it here. (Try `lr=0.1`: *moved* then gains in some
# seeds and loses in others.)
#
# </details>
#
# A network that is surely wrong has a small entropy, too: no label says that it is wrong. Wang and others did gain with TENT: with larger networks, on photographs with
# noise, blur and the like.
#
# All 450 pictures are one batch here. On a few pictures, or on pictures of one digit alone, the new statistics are bad themselves (lesson 05); [an exercise](exercises/15_fine_tune_and_adapt.ipynb) mixes them with
# the stored ones.
#
# ## Lab: change the pictures
#
# One channel of the first layer: black in training, blue now.
#
# 1. *Contrast* 0.25, then *Brightness* 0.5: what happens to the blue bars? Recalibrate.
# 2. *Contrast* −1 and *Brightness* 1, recalibrated: mean and standard deviation are right. What is wrong?
# 3. *Contrast* 1, *Brightness* 0, *Noise* 0.6: how much does recalibration give back?

# %% tags=["nbval-ignore-output"]
labs.Shifts()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. They become narrow, then they move to the left. Recalibrated, they lie on the black line.
# 2. They are its mirror image.
# 3. Not much: 45 % right instead of 38 %.
#
# </details>
#
# ## Train only BN
#
# How much can γ and β do alone? A network with three hidden layers of 200 channels keeps its random weights. Either only γ and β learn, $3\cdot 2\cdot 200 =
# 1\,200$ numbers; or only the last layer, $200\cdot 10 + 10 = 2\,010$; or all 96 010.


# %% tags=["nbval-ignore-output"]
def right_with(part, rate, seed):
    network = new_network(seed, widths=(64, 200, 200, 200, 10))
    for name, numbers in network.named_parameters():
        numbers.requires_grad_(part in name)
    learn(network, x_train, y_train, seed, epochs=10, rate=rate)
    return training.accuracy(network, digits.x_test, digits.y_test)


for rate in (0.1, 3):
    for words, part in {"γ and β": "bn", "last layer": "output", "all": ""}.items():
        print(f"rate {rate:3}, {words:10}", *(f"{right_with(part, rate, seed):4.0%}" for seed in range(5)))

# %% [markdown]
# With a rate of 0.1, γ and β alone look poor. With 3 they read about as many digits as the last layer, with 1 % of all numbers. So who compares ways of training has to choose a rate
# for each. In deep networks on photographs, Frankle and others found γ and β alone far above guessing, and far below all weights.
#
# **Shown:** fixed statistics save fine-tuning where a batch is tiny; new statistics mend what is $a\,x + b$ with $a > 0$, and no more.
#
# **Practice:** [the exercises](exercises/15_fine_tune_and_adapt.ipynb), 30 minutes. **Deeper:** [What is left of BN when a network is shipped?](deeper/what_is_left_of_bn.ipynb)
#
# **The end of the course.** You have built batch normalization, forward and backward, trained with it, and put on trial what people say about it.
#
# Sources:
#
# - AdaBN: Y. Li and others, "Revisiting Batch Normalization for Practical Domain Adaptation", 2016, arXiv:1603.04779.
# - TENT: D. Wang and others, "Tent: Fully Test-Time Adaptation by Entropy Minimization", 2021, arXiv:2006.10726.
# - J. Frankle, D. Schwab and A. Morcos, "Training BatchNorm and Only BatchNorm", 2020, arXiv:2003.00152.
