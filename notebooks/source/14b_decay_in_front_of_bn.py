# %% [markdown]
# # 14b · Weight decay in front of BN
#
# *30 minutes · previous: [14 · Deep enough to break](14_deep_enough_to_break.ipynb) · next:
# [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb) · [exercises](exercises/14b_decay_in_front_of_bn.ipynb)*
#
# **Weight decay** makes the weights a little shorter in each step. Decay is meant to keep a network simple. But right before BN the length of the weights does not change the
# function ([lesson 02](02_normalize.ipynb)). In this lesson you find out what decay does there.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs

# %% [markdown]
# ## A network and its training
#
# The network has four blocks, linear → BN → ReLU, and a last linear layer. We make $\varepsilon$ of BN nearly 0, so that the length of the weights in front of BN
# has no effect.

# %%
torch.set_num_threads(1)  # the fastest for networks this small
torch.set_default_dtype(torch.float64)
digits = data.digits(dtype=np.float64)
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5)  # He's weights
    return layer


def network(seed):
    torch.manual_seed(seed)
    blocks = []
    for inputs in (64, 100, 100, 100):
        blocks.append(nn.Sequential(linear(inputs, 100), nn.BatchNorm1d(100, eps=1e-12), nn.ReLU()))
    return nn.Sequential(*blocks, linear(100, 10))


# %% [markdown]
# With the learning rate $\eta$ and the decay $\lambda$, a step multiplies the weights by $1 - \eta\lambda$, and then subtracts $\eta$ times the gradient:
# $w \leftarrow (1 - \eta\lambda)\,w - \eta\,dw$.
#
# Only the weights of the four blocks decay, because BN follows them. Later we let their learning rate change from step to step: it is `rate` times a factor. Until then all factors are 1. Everything else, which is $\gamma$, $\beta$ and the last layer, keeps `rate`.
# We follow the weights of the second block: $w$ is all 10 000 of them, as one arrow.


# %%
def train(net, rate, decay, factors):
    """Return the loss of each step, and w before the first step and after each."""
    decaying = [block[0].weight for block in net[:-1]]
    others = [p for p in net.parameters() if p.ndim == 1] + [net[-1].weight]  # γ and β; the last layer
    groups = [{"params": decaying, "weight_decay": decay}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=rate)
    losses, w = [], [decaying[1].detach().flatten().clone()]
    for step, factor in enumerate(factors):
        if step % 22 == 0:  # a new epoch
            batches = torch.randperm(len(x_train)).split(60)
        batch = batches[step % 22]
        optimizer.param_groups[0]["lr"] = factor * rate  # of the weights that decay
        loss = nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        w.append(decaying[1].detach().flatten().clone())
    return np.array(losses), torch.stack(w)


# %% [markdown]
# ## Three starts
#
# We train three times with the same batches, for 660 steps. The weights of the blocks start with 3 times their usual length, with their usual length, and with a tenth of it. Because of BN, all three networks
# are the same function at the start.
#
# **Predict.** At the start the longest $w$ is 30 times as long as the shortest. And after 660 steps with decay: still about 30 times, about 5 times, or about as long?

# %% tags=["nbval-ignore-output"]
arrows = {}  # start -> w before the first step and after each
for start in (3, 1, 0.1):
    net = network(seed=0)
    for part in net[:-1]:
        part[0].weight.data *= start
    _, w = train(net, 0.5, decay=0.02, factors=np.ones(660))
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
# Why do the lengths meet? In front of BN, $dw$ is perpendicular to $w$: if $w$ becomes a little longer, the loss stays the same, so the loss has no slope along $w$. Then decay, step and new weights form a
# right triangle:

# %% tags=["draws"] alt="A right triangle. The arrow w points to the right; decay shortens it to the arrow (1 − ηλ)w. At its tip the step −η dw stands upright. The arrow of the new w leads from the start to the tip of the step. The turn is the angle between the old and the new w."
ax = figures.new_axes(size=(6.4, 1.9))
figures.arrow((0, 0), (10, 0), ax=ax, role="before", words="w", place=(9.7, 0.2))
figures.arrow((0, 0), (8.6, 0), ax=ax, role="data", words="with decay: (1 − ηλ) w", place=(3.6, -0.9))
figures.arrow((8.6, 0), (8.6, 3), ax=ax, role="backward", words="step: −η dw", place=(8.8, 1.6))
figures.arrow((0, 0), (8.6, 3), ax=ax, role="with_bn", words="new w", place=(3.6, 1.8))
ax.text(1.9, 0.15, "turn")
figures.frame(ax, title="Decay shortens w, and the step makes it longer", xlim=(-0.2, 12), ylim=(-1.1, 3.2))
ax.axis("off")
figures.show(ax)

# %% [markdown]
# So each step changes the squared length $\|w\|^2$ twice:
#
# - **Decay takes from it.** Decay leaves $(1 - \eta\lambda)^2\|w\|^2$, so it takes about $2\eta\lambda\|w\|^2$.
# - **The gradient adds to it.** By Pythagoras the step adds $\eta^2\|dw\|^2$.
#
# The next cell prints both, for the first step and for the mean of the last 220 steps.

# %% tags=["nbval-ignore-output"]
for start, w in arrows.items():
    squared = w.square().sum(dim=1)  # ‖w‖²
    taken = (1 - (1 - 0.5 * 0.02) ** 2) * squared[:-1]
    added = squared[1:] - (squared[:-1] - taken)
    print(f"start × {start:3}: first step {taken[0]:5.2f} taken, {added[0]:5.2f} added;", end="   ")
    print(f"at the end {taken[-220:].mean():.2f} taken, {added[-220:].mean():.2f} added")

# %% [markdown]
# Decay takes much from long weights, and their gradient is short (lesson 02), so it adds little. With short weights the opposite happens. In the end decay takes as much as the steps add, on average: the
# weights are in an **equilibrium**.
#
# The equilibrium decides the **turn** of a step, the angle between $w$ before and after the step. The turn is mostly small, so in radians it is about $\eta\|dw\|/\|w\|$:
#
# $$\eta^2\|dw\|^2 = 2\eta\lambda\,\|w\|^2 \quad\Rightarrow\quad \text{turn} \approx \frac{\eta\,\|dw\|}{\|w\|} = \sqrt{2\eta\lambda}$$
#
# **Predict.** Here $\eta = 0.5$ and $\lambda = 0.02$. How many degrees does a step turn $w$ at the end, for each of the three starts? (1 radian is 57.3°.)


# %% tags=["nbval-ignore-output"]
def turns(w):
    """The turn of each step, in degrees."""
    return torch.rad2deg(torch.cosine_similarity(w[:-1], w[1:]).arccos())


for start, w in arrows.items():
    end = turns(w)[-220:]
    print(f"start × {start:3}: first step {turns(w)[0]:4.1f}°", end="   ")
    print(f"end: {end.square().mean().sqrt():.1f}° (single steps {end.min():.1f}° to {end.max():.1f}°)")

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels over 660 steps, for weights from three starts, up to 30 times apart. Left, their length on a logarithmic axis: the shortest jump to 8 in the first step; then all three curves fall, and after about 350 steps they have met, near 3. Right, the turn of a step, a root mean square for each epoch: all three curves come to the dash-dotted line at 8.1 degrees and stay near it."
figure, (left, right) = figures.new_figure(columns=2, size=(7.2, 3))
looks = {"without_bn": "start × 3", "with_bn": "start × 1", "biased": "start × 0.1"}
for w, look in zip(arrows.values(), looks, strict=True):
    of_epochs = turns(w).reshape(30, 22).square().mean(dim=1).sqrt()
    assert abs(w[-1].norm() - 3) < 0.8 > abs(of_epochs[-10:].mean() - 8.1)
    figures.curve(range(661), w.norm(dim=1), ax=left, role=look)
    figures.curve(np.arange(30) * 22 + 11, of_epochs, ax=right, role=look)
figures.curve([0, 660], [8.1, 8.1], ax=right, role="theory")
figures.frame(left, title="The lengths meet …", x="step", y="length of w", log="y", ylim=(1, 100))
figures.frame(right, title="… and so do the turns", x="step", y="turn in degrees", log="y", ylim=(0.1, 100))
figures.key(left, looks, place="upper right")
figures.key(right, {**looks, "theory": "√(2ηλ): 8.1°"}, place="lower right")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# About $\sqrt{0.02} = 0.141$ radians, or 8.1°, for all three.
#
# </details>
#
# The right panel shows the root mean square of each epoch. Single steps turn $w$ by less or more. But on average the three turns are nearly the same: the product of rate and decay decides.
#
# The shortest weights show something else: their first step makes them six times as long. Short weights have a long gradient.
#
# How long is the way to the equilibrium? Decay alone multiplies the length by $1 - \eta\lambda$ in each step, so after $1/(\eta\lambda)$ steps about $1/e = 0.37$ of the length is left. Here these are 100 steps, and the longest $w$ needs them
# about three times: $42 \cdot 0.37^3 \approx 2$. With rate 0.1 and decay 0.0005 it is 20 000 steps. So a short training may end before its equilibrium. (This is for plain gradient descent; we do not try momentum or Adam.)
#
# ## Can a rate do the same?
#
# Only the turns of $w$ change the function. So can a training *without* decay make the same turns, if we change its rate from step to step?
#
# Decay multiplies $w$ by $k = 1 - \eta\lambda$ in each step, and then the step makes $w$ longer again. Without decay, only the step is left. If both trainings make the same turns, the steps make both $w$ longer by the same factor. So after $t$
# steps, $w$ without decay is $c = 1/k^t$ times as long as $w$ with decay.
#
# **Predict.** When $w$ is $c = 2$ times as long, which rate gives the same turn $\eta\|dw\|/\|w\|$: (A) the same rate, (B) twice the rate, or (C) 4 times the rate? What does the length do to $dw$?
#
# The next cell lets the rate of the four blocks grow like $c^0 = 1$, like $c^1$, and like $c^2$. ($c$ is that before the step. Decay has made $w$ shorter by $k$ when the step is added, so each rate is divided by $k$, too.) It compares the loss of each step, and $w$ at the end, with the training with decay.

# %% tags=["nbval-ignore-output"]
k = 1 - 0.2 * 0.01
loss_decay, w_decay = train(network(seed=0), 0.2, decay=0.01, factors=np.ones(440))
c = k ** -np.arange(440.0)  # before each step
for power in (0, 1, 2):
    factors = c**power / k
    losses, w = train(network(seed=0), 0.2, decay=0, factors=factors)
    angle = torch.rad2deg(torch.cosine_similarity(w[-1], w_decay[-1], dim=0).clamp(max=1).arccos())
    print(
        f"rate × c^{power}: w × {w[-1].norm() / w_decay[-1].norm():.3f}, angle to w with decay {angle:.2f}°;",
        end="  ",
    )
    print(f"losses differ by up to {abs(losses - loss_decay).max():.6f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C): the rate must grow like $c^2$. For the same turn, the step must be $c$ times as long, as $w$ is. But the gradient is $c$ times *shorter* (lesson 02).
#
# </details>
#
# With $c^2$ all 440 losses agree, but for rounding, and the two $w$ have the same direction. (The other angles are about as large as one step turns here: $\sqrt{0.004} = 3.6°$.) So in front of BN, decay does what a growing rate does, for plain
# gradient descent and a tiny $\varepsilon$.
#
# So a decay that makes a training better may only have been a better learning rate. Does decay also restrain a training with BN? With 20 seeds, decays up to 0.02 made no difference to its training loss; 0.05 and 0.1 made it larger
# ([the trial](deeper/does_decay_restrain_the_training.ipynb)).
#
# In practice, $\gamma$ and $\beta$ are often left out of the decay, as in our `train`. BN does not cancel their size as it cancels the length of $w$. So decay would change the function there.
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
# 2. The decays are 0.03 and 0.003. So all three have nearly the same product of rate and decay, and nearly the same turn. The length differs.
# 3. Each step makes the weights longer, and the later steps turn them less.
#
# </details>
#
# ---
# **Shown:** in front of BN, decay and steps come to an equilibrium, where a step turns the weights by about $\sqrt{2\eta\lambda}$. With plain gradient descent a growing
# rate does the same.
#
# **Practice:** [the exercises](exercises/14b_decay_in_front_of_bn.ipynb), 20 minutes.
#
# **Next:** [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb), BN on other data.
#
# Sources:
#
# - Decay: van Laarhoven 2017, arXiv:1706.05350. Growing rate: Li and Arora 2019, arXiv:1910.07454. Equilibrium: Wan et al. 2021, arXiv:2006.08419.
