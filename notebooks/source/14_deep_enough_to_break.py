# %% [markdown]
# # 14 · Deep enough to break
#
# *40 minutes · previous: [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb)*
#
# BN is said to keep gradients at a good size, but in a network before training each ReLU layer with BN makes them 1.21 times as long, and 50 layers
# about 10 000 times. You compute this number before you measure it, and see what a skip connection changes. Then you count dead units, and find out
# what weight decay does in front of BN.

# %%
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bnteach import data, figures, labs, training

# %%
torch.set_num_threads(1)  # the fastest for networks this small
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


def predicted_growth(activation):
    x_hat = torch.randn(1_000_000, requires_grad=True)
    h = activation(x_hat)
    (slope,) = torch.autograd.grad(h.sum(), x_hat)  # of the activation, at each x_hat
    return (slope.square().mean() / h.var()).sqrt().item()


print(f"a ReLU layer with BN: × {predicted_growth(torch.relu):.2f}")

# %% [markdown]
# ## Where the 1.21 comes from
#
# A layer is linear → BN → ReLU. Follow the *mean square* of a gradient back through one layer:
#
# 1. **ReLU** has the slope 1 where $\hat{x} > 0$, for half of the values, and else 0. The mean square is halved.
# 2. **BN** divides the gradient by the standard deviation $\sigma$ of its input, as it divided the values: the mean square by $\sigma^2$.
# 3. **The linear layer** with $n$ inputs has random weights with the variance $s^2/n$: the mean square is multiplied by $s^2$.
#
# And $\sigma^2$? The input of BN is a sum of $n$ outputs $h$ of the layer before, times those weights. Its variance is $s^2\,\mathrm{Var}(h)$. So $s$ cancels:
#
# $$\text{growth}^2 = \frac{1/2}{\mathrm{Var}(h)} = \frac{1/2}{1/2 - 1/(2\pi)} = \frac{\pi}{\pi - 1} \approx 1.467,
# \qquad \text{growth} \approx 1.211$$
#
# Here $h = \mathrm{ReLU}(\hat{x})$ with a standard normal $\hat{x}$, so $h^2$ has the mean 1/2, and $h$ the mean $1/\sqrt{2\pi}$. In words: going forward, BN subtracts the mean of $h$ and
# enlarges what is left; going back, the gradient is enlarged by the same factor, which is more than the ReLU has taken.
#
# Three approximations are in it: **wide layers** ($\hat{x}$ is normal, and sums are near their averages), **large batches** (the paths
# through the mean and the variance of lesson 04 carry little), and **random weights**, as before training.
#
# For another activation $\varphi$, the mean of $\varphi'(\hat{x})^2$ stands in place of the 1/2: that is `predicted_growth`.
#
# **Predict.** Sort by their growth: no activation ($\varphi(\hat{x}) = \hat{x}$), ReLU, sigmoid, tanh.

# %%
activations = {"none": lambda z: z, "ReLU": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
for name, activation in activations.items():
    print(f"{name:8} × {predicted_growth(activation):.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# None, sigmoid, tanh, ReLU: the more an activation bends where $\hat{x}$ lies, the more it grows. It is never below 1: the variance of
# $\varphi(\hat{x})$ is at most the mean of $\varphi'(\hat{x})^2$ (the *Poincaré inequality* of the normal distribution).
#
# </details>
#
# ## Five kinds of blocks
#
# Now we measure. A network begins with a linear layer and BN; then come 10, 24 or 50 blocks of 100 units, with He's weights ($s = \sqrt 2$, lesson 00).
# We send 256 digits in, put in a random gradient at the end, and divide its length at the first block by its length at the last.
#
# Three blocks have a **skip connection**, $h + F(h)$: the gradient gets a second path, on which nothing changes it. $F$ is the **branch**.


# %%
def linear(inputs=100, outputs=100):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5)
    return layer


def bn():
    return nn.BatchNorm1d(100, eps=1e-12)  # hardly any ε: see the last part


class Skip(nn.Sequential):
    def forward(self, h):
        return h + super().forward(h)


blocks = {
    "no BN": lambda: nn.Sequential(linear(), nn.ReLU()),
    "BN": lambda: nn.Sequential(linear(), bn(), nn.ReLU()),
    "skip, no BN": lambda: Skip(nn.ReLU(), linear()),
    "skip, BN on the sum": lambda: nn.Sequential(Skip(linear()), bn(), nn.ReLU()),
    "skip, BN in the branch": lambda: Skip(bn(), nn.ReLU(), linear()),
}


def network(block, depth, seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Sequential(linear(64), bn()), *(block() for _ in range(depth)))


def gradient_lengths(block, depth, seed):
    h, outputs = x_train[:256], []
    for part in network(block, depth, seed):
        h = part(h)
        h.retain_grad()
        outputs.append(h)
    h.backward(torch.randn(h.shape))
    return [h.grad.norm().item() for h in outputs[1:]]


# %% [markdown]
# From the last of 50 blocks to the first are 49 steps: $1.211^{49} \approx 12\,000$; for 10 and 24 blocks it is 5.6 and 82.
#
# **Predict.** In which of the five does the gradient keep its length, or nearly?

# %% tags=["nbval-ignore-output"]
digits = data.digits(dtype=np.float64)
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
for name, block in blocks.items():
    print(f"{name:23}", end="")
    for depth in (10, 24, 50):
        five = [gradient_lengths(block, depth, seed) for seed in range(5)]
        grown = [lengths[0] / lengths[-1] for lengths in five]
        print(f"{depth:4} blocks: {min(grown):.3g} to {max(grown):.3g}".ljust(32), end="")
    print()

# %% tags=["draws", "nbval-ignore-output"] alt="Length of the gradient at each of 50 blocks, relative to the last, on a logarithmic axis; the gradient runs from right to left. Without BN it stays near 1. With BN it rises on a straight line to about 10 000, and lies on the line of 1.21 for each block. With a skip connection and BN in the branch it rises to about 10."
ax = figures.new_axes(size=(6, 3))
looks = {"no BN": "without_bn", "BN": "with_bn", "skip, BN in the branch": "unbiased"}
for name, look in looks.items():
    lengths = np.array(gradient_lengths(blocks[name], 50, seed=0))
    figures.curve(range(1, 51), lengths / lengths[-1], ax=ax, role=look)
figures.curve([1, 50], [1.211**49, 1], ax=ax, role="truth")
figures.frame(ax, title="← The gradient on its path back", x="block", y="length", log="y", ylim=(0.1, 1e5))
figures.key(
    ax, {"truth": "1.211 a block", **{look: name for name, look in looks.items()}}, place="upper right"
)
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only without BN and without a skip connection. With BN in the branch it grows to 10, far less than 12 000. In the three others it grows by a factor in each block.
#
# </details>
#
# - **Skip, no BN**: each block adds a signal as large as its input, so forward and backward the mean square doubles.
# - **BN on the sum** divides the path of the skip connection too, in each block.
# - **BN in the branch**: what flows past the branches grows from block to block, and BN divides each branch by the size of what comes in. So a late branch adds little to the gradient: its growth slows down.
#
# So skip connections and BN in the branch each repair what the other breaks. (The first ResNet has BN in the branch, too, but a ReLU on the sum.)
#
# ## Does it matter for learning?
#
# Two epochs with 50 blocks. In `fit` stands the usual loop; `decay` and `grow` concern only the weights in front of BN, and we need them later.


# %%
def fit(net, rate, epochs, decay=0.0, grow=1.0):
    *weights, output = [p for p in net.parameters() if p.ndim == 2]
    others = [output, *(p for p in net.parameters() if p.ndim == 1)]  # γ and β
    groups = [{"params": weights, "lr": rate * grow**0.5, "weight_decay": decay}, {"params": others}]
    optimizer, history = torch.optim.SGD(groups, lr=rate), []
    for _ in range(epochs):
        for batch in torch.randperm(len(x_train)).split(60)[:22]:  # full batches
            loss = cross_entropy(net(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            optimizer.param_groups[0]["lr"] *= grow
            history.append((loss.item(), weights[1].detach().clone()))
    return history


def classifier(block, depth, seed):
    return nn.Sequential(*network(block, depth, seed), linear(100, 10))


# %% tags=["nbval-ignore-output"]
for name in ("no BN", "BN", "skip, BN in the branch"):
    nets = [classifier(blocks[name], 50, seed) for seed in range(5)]
    for net in nets:
        fit(net, rate=0.03, epochs=2)
    right = [training.accuracy(net, digits.x_test, digits.y_test) for net in nets]
    print(f"{name:23} test accuracy", *(f"{share:4.0%}" for share in right))
    assert min(right) > 0.8 if "skip" in name else max(right) < 0.4

# %% [markdown]
# All five seeds learn with both, and none with BN alone. (At this rate. "No BN" does not learn either: a gradient of a good length is not enough.)
#
# ## Dead units
#
# A ReLU unit is **dead** when it gives 0 for every picture. Then its weights get no gradient, and it stays dead. One step that is too large can do it.
#
# **Predict.** Three blocks, rate 1, five epochs. Which share of the last block's 100 units is dead at the end, without BN and with BN?

# %% tags=["nbval-ignore-output"]
for name in ("no BN", "BN"):
    nets = [classifier(blocks[name], 3, seed) for seed in range(5)]
    for net in nets:
        fit(net, rate=1.0, epochs=5)
    is_dead = [(net.eval()[:-1](x_train) == 0).all(dim=0).double().mean().item() for net in nets]
    right = [training.accuracy(net, digits.x_test, digits.y_test) for net in nets]
    print(f"{name:6} dead", *(f"{share:4.0%}" for share in is_dead), end="     ")
    print("test accuracy", *(f"{share:4.0%}" for share in right))

# %% [markdown]
# <details><summary>Answer</summary>
#
# 12 to 100 % without BN, none with BN.
#
# </details>
#
# BN gives each unit values with the mean $\beta$, whatever a step has done to its weights. Only a $\beta$ far below 0 could keep all of them below 0.
#
# ## Weight decay in front of BN
#
# **Weight decay** multiplies weights by $1 - \eta\lambda$ in each step, with the rate $\eta$ and the decay $\lambda$. It is meant to keep the function simple. But by [lesson 02](02_normalize.ipynb) the function
# does not see the length of weights $w$ in front of BN, only their direction. So what does decay do there?
#
# - A step makes $w$ longer. The gradient $dw$ is [perpendicular](deeper/do_the_weights_grow.ipynb) to $w$, so $\|w\|^2$ grows by $\eta^2\|dw\|^2$.
# - Decay makes $w$ shorter: $\|w\|^2$ shrinks by about $2\eta\lambda\|w\|^2$.
#
# In the **equilibrium** the two are equal. Then the angle by which a step turns $w$ is known (in radians):
#
# $$\eta^2\|dw\|^2 = 2\eta\lambda\,\|w\|^2 \quad\Rightarrow\quad \text{turn} \approx \frac{\eta\,\|dw\|}{\|w\|} = \sqrt{2\eta\lambda}$$
#
# **Predict.** Three networks, $\eta = 0.5$, $\lambda = 0.02$. In one the weights in front of BN start 3 times as long, in one 3 times as short. Which ends with the longest?

# %% tags=["nbval-ignore-output"]
lengths = {}
for start in (1 / 3, 1, 3):
    net = classifier(blocks["BN"], 3, seed=0)
    with torch.no_grad():
        for part in net[:-1]:
            part[0].weight *= start
    w = torch.stack([w for _, w in fit(net, rate=0.5, epochs=30, decay=0.02)]).flatten(1)
    lengths[start] = w.norm(dim=1)
    turns = torch.rad2deg(torch.arccos(torch.cosine_similarity(w[:-1], w[1:])))
    late = turns[-220:].square().mean().sqrt()
    print(f"start × {start:.2f}: length {lengths[start][-1]:.2f} at the end, {late:.1f}° a step")
print(f"predicted: {np.degrees(np.sqrt(2 * 0.5 * 0.02)):.1f}° a step")

# %% tags=["draws", "nbval-ignore-output"] alt="Length of the weights of one layer over 660 steps, from three starts. All three curves meet."
ax = figures.new_axes(size=(6, 2.8))
for (start, length), look in zip(lengths.items(), ("biased", "with_bn", "without_bn"), strict=True):
    figures.curve(range(1, len(length) + 1), length, ax=ax, role=look, label=f"start × {start:.2g}")
figures.frame(ax, title="Length of the weights in front of BN", x="step", y="‖w‖", log="y", ylim=(1, 100))
ax.legend(loc="upper right")
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# None: all three end with the same length, and the same turn.
#
# </details>
#
# ## A rate in disguise
#
# So decay decides how far a step turns $w$: that is what a learning rate does. Is it *nothing but* a rate? Take a training with decay, and multiply $w$ by $(1 - \eta\lambda)^{-t}$ after $t$ steps, so
# that the decay is undone. The function is the same. The gradient of longer weights is shorter (lesson 02), so the steps need a rate that grows by $(1 - \eta\lambda)^{-2}$ from step to step.
#
# **Predict.** One network has $\lambda = 0.01$; the other has no decay, but this growing rate. $\eta = 0.2$, 440 steps. How far do their losses come apart?

# %% tags=["nbval-ignore-output"]
keep = 1 - 0.2 * 0.01
with_decay = fit(classifier(blocks["BN"], 3, seed=0), rate=0.2, epochs=20, decay=0.01)
with_rate = fit(classifier(blocks["BN"], 3, seed=0), rate=0.2, epochs=20, grow=keep**-2)
losses = np.array([[loss for loss, _ in history] for history in (with_decay, with_rate)])
print("decay 0.01:  ", *(f"{loss:.6f}" for loss in losses[0, [0, 10, 100, 439]]))
print("growing rate:", *(f"{loss:.6f}" for loss in losses[1, [0, 10, 100, 439]]))
print(
    f"the rate grew {keep ** (-2 * 440):.1f} times; the losses differ by {abs(losses[0] - losses[1]).max():.0e}"
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not at all, but for rounding.
#
# </details>
#
# So in front of BN, this decay *is* a growing rate. (Where ε is not tiny, nearly.) Does it still do what decay is meant for?

# Each row has 20 seeds.


# %%
def trial(name, decay, seed):
    net = classifier(blocks[name], 3, seed)
    losses = [loss for loss, _ in fit(net, rate=0.1, epochs=20, decay=decay)]
    return np.mean(losses[-22:]), training.accuracy(net, digits.x_test, digits.y_test)


def trials():
    kinds = [(name, decay) for name in ("no BN", "BN") for decay in (0.0, 0.02)]
    return {f"{name}, decay {decay}": [trial(name, decay, s) for s in range(20)] for name, decay in kinds}


FULL = False  # the results are stored; True: train for two minutes
kept = training.stored("results/14_decay.json", trials, again=FULL)["results"]
for words, seeds in kept.items():
    loss, right = np.transpose(seeds)
    print(f"{words:17} loss in training {loss.min():.3f} to {loss.max():.3f}", end="   ")
    print(f"test accuracy {right.min():.1%} to {right.max():.1%}")
gain = 100 * np.subtract(kept["BN, decay 0.02"], kept["BN, decay 0.0"])[:, 1]
print("BN, decay helps by more than a point:", training.outcome(training.SeedSummary(gain), margin=1))

# %% [markdown]
# Without BN, decay restrains: the loss ends at least 7 times as high, in each seed. With BN it does not. And by the
# rule of [lesson 07](07_put_the_claims_on_trial.ipynb) it makes no difference to the test accuracy here: no seed gains or loses a point.
#
# ## Lab: rate, decay, and the turn of a step
#
# One linear layer with BN reads the digits, from NumPy.
#
# 1. Decay 0: what becomes of the length, and of the turn?
# 2. Learning rate 0.3, decay 0.1; then rate 3, decay 0.01. Which of the three pictures change?
# 3. Stay there, and move the length at the start from 0.3 to 3.
# 4. When does the accuracy fall?

# %% tags=["nbval-ignore-output"]
labs.WeightDecay()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The weights become longer, so a step turns them less and less.
# 2. Only the length. Turn and accuracy depend on the product of rate and decay.
# 3. The start is forgotten: all three curves end where they ended before.
# 4. When the equilibrium turns the weights by more than about 8° a step: a rate that is too large.
#
# </details>
#
# **Shown:** BN lets gradients grow with depth, in ReLU layers by 1.21; skip connections with BN in the branch slow that down. BN
# kept all units alive. In front of BN, decay is a learning rate.
#
# **Practice:** [the exercises](exercises/14_deep_enough_to_break.ipynb), 30 minutes. **Deeper:** [Life without norms](deeper/live_without_norms.ipynb).
#
# Sources:
#
# - Growth: Yang et al. 2019, "A mean field theory of batch normalization", arXiv:1902.08129. BN in the branch: De and Smith 2020, arXiv:2002.10444; He et al. 2016,
#   arXiv:1603.05027.
# - Decay: van Laarhoven 2017, arXiv:1706.05350. The growing rate: Li and Arora 2019, arXiv:1910.07454. Equilibrium: Wan et al. 2021, arXiv:2006.08419.
