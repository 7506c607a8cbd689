# %% [markdown]
# # 14b · Weight decay in front of BN
#
# *30 minutes · previous: [14 · Deep enough to break](14_deep_enough_to_break.ipynb) · next:
# [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb) · [exercises](exercises/14b_decay_in_front_of_bn.ipynb)*
#
# **Weight decay** makes the weights a little shorter in each step, and is meant to keep a network simple. But right before BN the length of the weights does not change the
# function ([lesson 02](02_normalize.ipynb)). You find out what decay does there.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs, training

# %% [markdown]
# ## A network and its training
#
# Four linear layers have BN behind them, and a last one has not. So that the length of the weights counts for nothing there, $\varepsilon$ is nearly 0.

# %%
torch.set_num_threads(1)  # the fastest for networks this small
torch.set_default_dtype(torch.float64)
digits = data.digits(dtype=np.float64)
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5)  # He's weights
    return layer


def network(seed, batch_norm=True):
    torch.manual_seed(seed)
    parts = [nn.Sequential(linear(64, 100), nn.BatchNorm1d(100, eps=1e-12))]
    for _ in range(3):
        norm = [nn.BatchNorm1d(100, eps=1e-12)] if batch_norm else []
        parts.append(nn.Sequential(linear(100, 100), *norm, nn.ReLU()))
    return nn.Sequential(*parts, linear(100, 10))


# %% [markdown]
# With the learning rate $\eta$ and the decay $\lambda$, a step multiplies the weights by $1 - \eta\lambda$, and then subtracts $\eta$ times the gradient:
# $w \leftarrow (1 - \eta\lambda)\,w - \eta\,dw$. Only the weights in front of BN decay. We follow those of the second layer: $w$ is all 10 000 of them, as one arrow.


# %%
def gradient_descent(net, rate, decay):
    decaying = [part[0].weight for part in net[:-1]]
    others = [p for p in net.parameters() if p.ndim == 1] + [net[-1].weight]  # γ and β; the last layer
    groups = [{"params": decaying, "weight_decay": decay}, {"params": others}]
    return torch.optim.SGD(groups, lr=rate)


def train(net, rate, decay, epochs, rates_of_weights=None):
    """Return the loss of each step, and w before the first step and after each."""
    optimizer = gradient_descent(net, rate, decay)
    second = net[1][0].weight
    losses, w = [], [second.detach().flatten().clone()]
    for _ in range(epochs):
        for batch in torch.randperm(len(x_train)).split(60)[:22]:  # 22 full batches
            if rates_of_weights is not None:  # we need this later
                optimizer.param_groups[0]["lr"] = rates_of_weights[len(losses)]
            loss = nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            w.append(second.detach().flatten().clone())
    return np.array(losses), torch.stack(w)


# %% [markdown]
# ## Three starts
#
# We train three times, with the same batches. The weights start with 3 times their usual length, with this length, and with a tenth of it. Because of BN, all three
# are the same function at the start.
#
# **Predict.** At the start the longest $w$ is 30 times as long as the shortest. And after 660 steps with decay: still about 30 times, about 5 times, or about as long?

# %% tags=["nbval-ignore-output"]
arrows = {}  # start -> w before the first step and after each
for start in (3, 1, 0.1):
    net = network(seed=0)
    for part in net[:-1]:
        part[0].weight.data *= start
    _, w = train(net, rate=0.5, decay=0.02, epochs=30)
    arrows[start] = w
    print(f"start × {start:3}: length {w[0].norm():4.1f}, after 660 steps {w[-1].norm():.1f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About as long, near 3.
#
# </details>
#
# ## The equilibrium
#
# Why do they meet? Each step changes the squared length $\|w\|^2$ twice:
#
# - **Decay takes from it.** It leaves $(1 - \eta\lambda)^2\|w\|^2$, so it takes about $2\eta\lambda\|w\|^2$.
# - **The gradient adds to it.** In front of BN, $dw$ is [perpendicular](deeper/do_the_weights_grow.ipynb) to $w$. So by Pythagoras the step adds $\eta^2\|dw\|^2$.
#
# How much is that in the first step, and in a step near the end?

# %% tags=["nbval-ignore-output"]
for start, w in arrows.items():
    squared = w.square().sum(dim=1)  # ‖w‖²
    taken = (1 - (1 - 0.5 * 0.02) ** 2) * squared[:-1]
    added = squared[1:] - (squared[:-1] - taken)
    print(f"start × {start:3}: first step {taken[0]:5.2f} taken, {added[0]:5.2f} added;", end="   ")
    print(f"mean of the last 220: {taken[-220:].mean():.2f} taken, {added[-220:].mean():.2f} added")

# %% [markdown]
# From long weights decay takes much, and their short gradient (lesson 02) adds little. With short weights it is the other way round. In the end both are equal: an
# **equilibrium**.
#
# It gives the **turn** of a step, the angle between $w$ before and after it. In radians the turn is about $\eta\|dw\|/\|w\|$:
#
# $$\eta^2\|dw\|^2 = 2\eta\lambda\,\|w\|^2 \quad\Rightarrow\quad \text{turn} \approx \frac{\eta\,\|dw\|}{\|w\|} = \sqrt{2\eta\lambda}$$
#
# With $\eta = 0.5$ and $\lambda = 0.02$ it is $\sqrt{0.02} \approx 0.141$, or 8.1°.

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels over 660 steps, for weights from three starts, up to 30 times apart. Left, their length on a logarithmic axis: the shortest jump to 10 in the first step; then all three curves fall, and after about 350 steps they have met, near 3. Right, the turn of a step: all three curves come to the dash-dotted line at 8.1 degrees and stay there."
figure, (left, right) = figures.new_figure(columns=2, size=(7.2, 3))
ends, turns = [], []
for w, look in zip(arrows.values(), ("without_bn", "with_bn", "biased"), strict=True):
    angles = torch.rad2deg(torch.cosine_similarity(w[:-1], w[1:]).arccos())
    turns.append(angles.reshape(30, 22).square().mean(dim=1).sqrt())  # of each epoch
    ends.append(w[-1].norm())
    figures.curve(range(661), w.norm(dim=1), ax=left, role=look)
    figures.curve(np.arange(30) * 22 + 11, turns[-1], ax=right, role=look)
figures.curve([0, 660], [8.1, 8.1], ax=right, role="theory")
figures.frame(left, title="The lengths meet …", x="step", y="length of w", log="y", ylim=(1, 100))
figures.frame(right, title="… and so do the turns", x="step", y="turn in degrees", log="y", ylim=(0.1, 100))
names = {"without_bn": "start × 3", "with_bn": "start × 1", "biased": "start × 0.1"}
figures.key(left, names, place="upper right")
figures.key(right, {"theory": "equilibrium: 8.1°"}, place="lower right")
assert max(ends) < 1.5 * min(ends)
assert all(abs(turn[-10:].mean() - 8.1) < 0.5 for turn in turns)
figures.show(figure)

# %% [markdown]
# (The first step makes the shortest weights so long that they have to shrink again.) In the end neither start, length nor gradient counts for the turn, only the product of
# rate and decay.
#
# ## Can a rate do the same?
#
# Without decay, can other rates give $w$ the same *direction* after each step? Then the function is the same, too.
#
# Decay multiplies $w$ by $k = 1 - \eta\lambda$ in each step. Without it, we let $w$ be longer: after $t$ steps $c = 1/k^t$ times as long as with decay.
#
# **Predict.** Once $w$ is twice as long ($c = 2$), which rate turns it by the same angle: the same, 2 times, or 4 times the rate?

# %% tags=["nbval-ignore-output"]
k = 1 - 0.2 * 0.01
loss_decay, w_decay = train(network(seed=0), rate=0.2, decay=0.01, epochs=20)
c = k ** -np.arange(440.0)  # before each step
rates = 0.2 * c**2 / k  # / k: decay has already shrunk w when the step is added
loss_rates, w_rates = train(network(seed=0), rate=0.2, decay=0, epochs=20, rates_of_weights=rates)
for t in (0, 100, 347, 439):
    longer = w_rates[t].norm() / w_decay[t].norm()
    print(f"after {t:3} steps: w × {longer:.1f}, rate × {rates[t] / 0.2:.1f}", end="     ")
    print(f"loss with decay {loss_decay[t]:.6f}, with these rates {loss_rates[t]:.6f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 4 times. At $c$ times the length the step must be $c$ times as long for the same turn. But the gradient is $c$ times *shorter* (lesson 02). So the rate must be $c^2$ times as large.
#
# </details>
#
# All 440 losses agree, but for rounding. In front of BN, decay *is* a growing rate: for plain gradient descent, and a tiny ε.
#
# ## Does decay restrain the training?
#
# It is meant to: a larger loss in training, for a better test. We try it with 20 seeds and the rule of [lesson 07](07_put_the_claims_on_trial.ipynb). The margins are a
# factor of 2 in the loss (1 in $\log_2$) and one point of accuracy. For "no BN" only the first layer keeps its BN.


# %%
def trial(batch_norm, decay, seed):
    net = network(seed, batch_norm)
    losses, _ = train(net, rate=0.1, decay=decay, epochs=20)
    return losses[-22:].mean(), training.accuracy(net, digits.x_test, digits.y_test)


def trials():
    results = {}
    for name, batch_norm in (("no BN", False), ("BN", True)):
        for decay in (0.0, 0.02):
            results[f"{name}, decay {decay}"] = [trial(batch_norm, decay, seed) for seed in range(20)]
    return results


# %% [markdown]
# **Predict.** Does decay make the training loss more than twice as large without BN? With BN?


# %%
def verdict(effects):
    return training.outcome(training.SeedSummary(effects), margin=1)


kept = training.stored("results/14b_decay.json", trials, again=False)["results"]  # True: train for a minute
doublings = {}
for name in ("no BN", "BN"):
    loss, accuracy = np.transpose(kept[f"{name}, decay 0.02"])
    usual_loss, usual_accuracy = np.transpose(kept[f"{name}, decay 0.0"])
    doublings[name] = np.log2(loss / usual_loss)
    print(f"{name:5} larger loss: {verdict(doublings[name]):13}", end="   ")
    print("better test:", verdict(100 * (accuracy - usual_accuracy)))

# %% tags=["draws"] alt="How decay changes the training loss, on an axis of log2; a dot for each of 20 seeds. Without BN all dots lie near 3, far to the right of the margin. With BN they lie on both sides of 0, and all but one of them inside the margin."
assert np.round(np.sort(doublings["no BN"])[[0, -1]], 1).tolist() == [2.9, 3.7]
ax = figures.effects(doublings, margin=1, limits=(-2, 4), ax=figures.new_axes(size=(6.6, 2.0)))
figures.frame(ax, title="Decay makes the training loss larger only without BN")
ax.set_xlabel("log₂ (loss with decay ÷ without); gray: margin")
assert min(doublings["no BN"]) > 1 > np.mean(doublings["BN"]) > -1
assert np.allclose(loss_decay, loss_rates, rtol=0, atol=1e-6)  # of the section before
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without BN it does, in each seed: it becomes 7 to 13 times as large ($2^{2.9}$ to $2^{3.7}$). With BN not: single seeds go both ways.
#
# </details>
#
# With BN the function does not see that the weights are shorter. (In the test decay makes no difference here, with or without BN.)
#
# ## Lab: rate, decay, and the turn of a step
#
# A linear layer with BN reads the digits. At first a step turns its weights by about 25°, and the accuracy ends at 85 %.
#
# 1. Make the decay smaller, until the accuracy ends at 95 %. How large is the turn then?
# 2. Find the same accuracy with the rates 0.3 and 3. What do all three settings share?
# 3. Weight decay 0: what becomes of length and turn?

# %% tags=["nbval-ignore-output"]
labs.WeightDecay()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. About 8°, with the decay 0.01. With larger turns it is less.
# 2. The turn, and the product of rate and decay (decays 0.03 and 0.003). Only the length differs.
# 3. Each step makes the weights longer, and the later ones turn them less.
#
# </details>
#
# ---
# **Shown:** in front of BN, decay and steps come to an equilibrium, where a step turns the weights by about $\sqrt{2\eta\lambda}$. With plain gradient descent a growing
# rate does the same. In our trial decay did not make the training loss larger there.
#
# **Practice:** [the exercises](exercises/14b_decay_in_front_of_bn.ipynb), 20 minutes.
#
# **Next:** [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb), BN on other data.
#
# Sources:
#
# - Decay: van Laarhoven 2017, arXiv:1706.05350. Growing rate: Li and Arora 2019, arXiv:1910.07454. Equilibrium: Wan et al. 2021, arXiv:2006.08419.
