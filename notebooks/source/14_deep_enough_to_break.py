# %% [markdown]
# # 14 · Deep enough to break
#
# *40 minutes · previous: [13 · Make it fast](13_make_it_fast.ipynb) · next: [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb)*
#
# BN is said to keep gradients at a good size. But before training, each ReLU layer with BN makes them 1.21 times as long, and 50 layers
# about 10 000 times: you compute this number, measure it, and see what a skip connection changes. Then you count dead units, and find out
# what weight decay does in front of BN.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs, training

# %%
torch.set_num_threads(1)  # the fastest for networks this small
torch.set_default_dtype(torch.float64)


def predicted_growth(activation):
    shares = (torch.arange(100_000) + 0.5) / 100_000
    x_hat = torch.special.ndtri(shares).requires_grad_()  # standard normal values, evenly spread
    h = activation(x_hat)
    (slope,) = torch.autograd.grad(h.sum(), x_hat)  # of the activation, at each x_hat
    return (slope.square().mean() / h.var()).sqrt().item()


for activation in (torch.sigmoid, torch.tanh, torch.relu):
    print(f"predicted for BN with {activation.__name__:8} × {predicted_growth(activation):.2f} a layer")

# %% [markdown]
# ## Where the 1.21 comes from
#
# Follow the *mean square* of a gradient back through linear → BN → ReLU:
#
# 1. **ReLU** has the slope 1 for $\hat{x} > 0$, half of the values, and else 0: the mean square is halved.
# 2. **BN** divides the gradient by the standard deviation $\sigma$ of its input, so the mean square by $\sigma^2$.
# 3. **The linear layer** with $n$ inputs has random weights with the variance $s^2/n$: the mean square is multiplied by $s^2$.
#
# And $\sigma^2$? The input of BN is a sum of $n$ outputs $h$ of the layer before, times such weights: its variance is $s^2\,\mathrm{Var}(h)$. So $s$ cancels:
#
# $$\text{growth}^2 = \frac{1/2}{\mathrm{Var}(h)} = \frac{1/2}{1/2 - 1/(2\pi)} = \frac{\pi}{\pi - 1} \approx 1.467,
# \qquad \text{growth} \approx 1.211$$
#
# $\hat{x}$ is taken as standard normal: then $h = \mathrm{ReLU}(\hat{x})$ has the mean $1/\sqrt{2\pi}$, and $h^2$ the mean 1/2.
# BN subtracts the mean of $h$ and enlarges the rest to the size 1. The gradient is enlarged by the same factor: more than the ReLU took.
#
# For another activation $\varphi$, the mean of $\varphi'(\hat{x})^2$ replaces the 1/2. It is never below $\mathrm{Var}(\varphi(\hat{x}))$ (the *Poincaré inequality*), so
# the growth is never below 1.
#
# This holds nearly, for **wide layers** ($\hat{x}$ is normal, sums are near their averages), **large batches** (the paths
# through mean and variance carry little), and **random weights**, as before training.
#
# ## Five kinds of blocks
#
# A network begins with a linear layer and BN; then come 10, 24 or 50 blocks of 100 units, with He's weights ($s = \sqrt 2$,
# [lesson 00](00_meet_batch_normalization.ipynb)).
# 256 digits go in, and a random gradient behind the last block. How many times as long is it behind the first?
#
# Three kinds have a **skip connection**, $h + F(h)$: on the path past the **branch** $F$, nothing changes the gradient.


# %%
def linear(inputs=100, outputs=100):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5)
    return layer


def bn():
    return nn.BatchNorm1d(100, eps=1e-12)  # hardly any ε: we need that in the last part


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


def network(kind, depth, seed):
    torch.manual_seed(seed)
    first = nn.Sequential(linear(64), bn())
    return nn.Sequential(first, *(blocks[kind]() for _ in range(depth)), linear(100, 10))


def relative_lengths(kind, depth, seed):
    h, outputs = x_train[:256], []
    for part in network(kind, depth, seed)[:-1]:
        h = part(h)
        h.retain_grad()
        outputs.append(h)
    h.backward(torch.randn(h.shape))
    return [(at.grad.norm() / h.grad.norm()).item() for at in outputs[1:]]  # h: the last


# %% [markdown]
# From the last of 10, 24 or 50 blocks to the first, 1.211 a block makes 5.6, 82 or 12 000.
#
# **Predict.** In which of the five does the gradient keep its length, or nearly?

# %% tags=["nbval-ignore-output"]
digits = data.digits(dtype=np.float64)
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
test = digits.x_test, digits.y_test
for kind in blocks:
    print(f"{kind:23}", end="")
    for depth in (10, 24, 50):
        five = [relative_lengths(kind, depth, seed)[0] for seed in range(5)]
        print(f"{depth} blocks: {min(five):.2g} to {max(five):.2g}".ljust(30), end="")
    print()

# %% tags=["draws", "nbval-ignore-output"] alt="Length of the gradient at each of 50 blocks, relative to the last, on a logarithmic axis; the gradient runs from right to left. Without BN it stays near 1. With BN it rises on a straight line to about 10 000, close to the line of 1.211 a block. With a skip connection and BN in the branch it rises to about 10."
ax = figures.new_axes(size=(6.4, 3))
looks = {"BN": "with_bn", "skip, BN in the branch": "unbiased", "no BN": "without_bn"}
for kind, look in looks.items():
    figures.curve(range(1, 51), relative_lengths(kind, 50, seed=0), ax=ax, role=look)
figures.curve([1, 50], [1.211**49, 1], ax=ax, role="theory")
figures.frame(
    ax,
    title="← The gradient on its path back",
    x="block",
    y="length, last block: 1",
    log="y",
    ylim=(0.1, 1e5),
)
names = {"theory": "1.211 a block", **{look: kind for kind, look in looks.items()}}
figures.key(ax, names, place="upper right")
assert 1.19 < relative_lengths("BN", 50, seed=0)[0] ** (1 / 49) < 1.23
assert relative_lengths("skip, BN in the branch", 50, seed=0)[0] < 15
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In "no BN", which has neither. With BN in the branch it becomes about 10 times as long; in the others it grows by a factor in each block.
#
# </details>
#
# - **Skip, no BN:** a branch adds a signal as large as its input. Forward and backward, each block doubles the mean square.
# - **BN on the sum** divides on the path of the skip connection, too.
# - **BN in the branch:** every branch adds to $h$, so $h$ grows. BN divides by its size, so a late branch adds little to the gradient.
#
# So skip connections and BN repair what each of them breaks alone.
#
# ## Does it matter for learning?
#
# Two epochs with 50 blocks. `fit` has the usual loop; `decay` and `grow` are for later.


# %%
def fit(net, rate, epochs, decay=0.0, grow=1.0):  # the rate grows by √grow before the first step
    *weights, output = [p for p in net.parameters() if p.ndim == 2]
    others = [output, *(p for p in net.parameters() if p.ndim == 1)]  # with γ and β
    groups = [{"params": weights, "lr": rate * grow**0.5, "weight_decay": decay}, {"params": others}]
    optimizer, losses, kept = torch.optim.SGD(groups, lr=rate), [], []
    for _ in range(epochs):
        for batch in torch.randperm(len(x_train)).split(60)[:22]:  # full batches
            loss = nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            optimizer.param_groups[0]["lr"] *= grow
            losses.append(loss.item())
            kept.append(weights[1].detach().flatten().clone())
    return net, losses, torch.stack(kept)


# %% tags=["nbval-ignore-output"]
for kind in ("no BN", "BN", "skip, BN in the branch"):
    nets = [fit(network(kind, 50, seed), rate=0.03, epochs=2)[0] for seed in range(5)]
    right = [training.accuracy(net, *test) for net in nets]
    print(f"{kind:23} test accuracy", *(f"{share:4.0%}" for share in right))
    assert min(right) > 0.8 if "skip" in kind else max(right) < 0.4

# %% [markdown]
# At this rate all seeds learn with both, and none with BN alone. "No BN" does not learn either: a gradient of the right length is not enough.
#
# ## Dead units
#
# A ReLU unit is **dead** when it is above 0 for no picture. Then its weights get no gradient, and it stays dead. A step that is too large can do that.
#
# **Predict.** Three blocks, two epochs, at the rates 1, 3 and 10. Does BN keep the units of the last block alive?

# %% tags=["nbval-ignore-output"]
for rate in (1.0, 3.0, 10.0):
    for kind in ("no BN", "BN"):
        nets = [fit(network(kind, 3, seed), rate, epochs=2)[0] for seed in range(5)]
        right = [training.accuracy(net, *test) for net in nets]
        is_dead = [1 - (net[:-1](x_train) > 0).any(dim=0).double().mean() for net in nets]
        print(f"rate {rate:<4g} {kind:6} dead", *(f"{share:5.0%}" for share in is_dead), end="     ")
        print("test accuracy", *(f"{share:4.0%}" for share in right))

# %% [markdown]
# <details><summary>Answer</summary>
#
# At rate 1 all of them, at rate 3 most, at rate 10 nearly none.
#
# </details>
#
# Whatever a step does to the weights, BN gives a unit the mean $\beta$. It is dead only if $\beta$ is far below 0; but a large step moves $\beta$, too.
# So BN allows higher rates, and does not rule dead units out. (Accuracy 0: the loss became infinite; we count all its units as dead.)
#
# ## Weight decay in front of BN
#
# **Weight decay** multiplies weights by $1 - \eta\lambda$ in each step, with the rate $\eta$ and the decay $\lambda$. It is meant to keep the function simple. But by
# [lesson 02](02_normalize.ipynb) the length of weights $w$ in front of BN does not change the function. What does decay do there?
#
# - A step makes $w$ longer: the gradient $dw$ is [perpendicular](deeper/do_the_weights_grow.ipynb) to $w$, so $\|w\|^2$ grows by $\eta^2\|dw\|^2$.
# - Decay makes $w$ shorter: $\|w\|^2$ shrinks by about $2\eta\lambda\|w\|^2$.
#
# In the **equilibrium** both are equal. That gives the angle by which a step turns $w$, in radians:
#
# $$\eta^2\|dw\|^2 = 2\eta\lambda\,\|w\|^2 \quad\Rightarrow\quad \text{turn} \approx \frac{\eta\,\|dw\|}{\|w\|} = \sqrt{2\eta\lambda}$$
#
# With $\eta = 0.5$ and $\lambda = 0.02$ that is $\sqrt{0.02} \approx 0.141$, or 8.1°. In three networks, the weights in front of BN start as usual, a third as long, or three times as long.
#
# **Predict.** Which network ends with the longest weights?

# %% tags=["nbval-ignore-output"]
lengths = {}
for start in (1 / 3, 1, 3):
    net = network("BN", 3, seed=0)
    for part in net[:-1]:
        part[0].weight.data *= start
    _, _, w = fit(net, rate=0.5, epochs=30, decay=0.02)
    lengths[start] = w.norm(dim=1)
    turns = torch.rad2deg(torch.cosine_similarity(w[-221:-1], w[-220:]).arccos())
    print(f"start × {start:.2f}: length {w[-1].norm():.1f}, turn {turns.square().mean().sqrt():.1f}° a step")

# %% tags=["draws", "nbval-ignore-output"] alt="Length of the weights of the first block over 660 steps, from three starts nine times apart, on a logarithmic axis. After about 350 steps all three curves have met, near 3."
ax = figures.new_axes(size=(6.4, 2.8))
for length, look in zip(lengths.values(), ("biased", "with_bn", "without_bn"), strict=True):
    figures.curve(range(1, len(length) + 1), length, ax=ax, role=look)
figures.frame(ax, title="Length of the weights in front of BN", x="step", y="length", log="y", ylim=(1, 100))
names = {"without_bn": "start × 3", "with_bn": "start × 1", "biased": "start × 1/3"}
figures.key(ax, names, place="upper right")
ends = [length[-1].item() for length in lengths.values()]
assert max(ends) < 1.5 * min(ends)
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# None, or nearly. The start is forgotten, and the turn is the predicted one: decay decides how far a step turns $w$, as a rate does.
#
# </details>
#
# ## A rate in disguise?
#
# **Predict.** One network has $\eta = 0.2$ and $\lambda = 0.01$. In the other $w$ does not decay, but you may choose its rate anew for each step. Can you make the loss the same in all of
# 440 steps?

# %% tags=["nbval-ignore-output"]
_, with_decay, _ = fit(network("BN", 3, seed=0), rate=0.2, epochs=20, decay=0.01)
_, with_rate, _ = fit(network("BN", 3, seed=0), rate=0.2, epochs=20, grow=(1 - 0.2 * 0.01) ** -2)
for name, losses in {"decay": with_decay, "growing rate": with_rate}.items():
    print(f"{name:13}", *(f"step {step}: {losses[step - 1]:.6f}  " for step in (1, 10, 100, 440)))
assert np.allclose(with_decay, with_rate, rtol=0, atol=1e-6)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Yes, but for rounding, with a rate that grows by $(1 - \eta\lambda)^{-2}$ in each step, to 5.8 times its start.
#
# </details>
#
# Why this rate? Without decay, $w$ becomes longer by $1/(1 - \eta\lambda)$ in each step, compared with the other network, and the function is the same. To turn it as far, the step must be
# longer by this factor; but the gradient is shorter by it (lesson 02).
#
# So in front of BN, decay *is* a growing rate. (Exactly so for plain gradient descent and a tiny ε.) Does it still do what decay is meant for? 20 seeds each:


# %%
def trial(kind, decay, seed):
    net, losses, _ = fit(network(kind, 3, seed), rate=0.1, epochs=20, decay=decay)
    return np.mean(losses[-22:]), training.accuracy(net, *test)


def trials():
    settings = [(kind, decay) for kind in ("no BN", "BN") for decay in (0.0, 0.02)]
    return {f"{kind}, decay {decay}": [trial(kind, decay, s) for s in range(20)] for kind, decay in settings}


kept = training.stored("results/14_decay.json", trials, again=False)["results"]  # True: train for a minute
for words, seeds in kept.items():
    low, high = np.min(seeds, axis=0), np.max(seeds, axis=0)  # of loss and accuracy
    print(f"{words:17} loss {low[0]:.3f} to {high[0]:.3f}   test accuracy {low[1]:.1%} to {high[1]:.1%}")
gain = 100 * np.subtract(kept["BN, decay 0.02"], kept["BN, decay 0.0"])[:, 1]
print("decay helps BN in the test:", training.outcome(training.SeedSummary(gain), margin=1))

# %% [markdown]
# Without BN, decay restrains the training: the loss ends about ten times as high. With BN it does not. By the
# rule of [lesson 07](07_put_the_claims_on_trial.ipynb) decay makes no difference in the test here.
#
# ## Lab: rate, decay, and the turn of a step
#
# One linear layer, with BN behind it, reads the digits.
#
# 1. Weight decay 0: what becomes of the length, and of the turn?
# 2. Learning rate 0.3 with decay 0.1; then rate 3 with decay 0.01. Which of the three pictures ends elsewhere?
# 3. Stay there, and move the length at the start from 0.3 to 3.
# 4. When does the accuracy fall?

# %% tags=["nbval-ignore-output"]
labs.WeightDecay()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. Each step makes the weights longer, and the later ones turn them less.
# 2. Only the length. Turn and accuracy depend on the product of rate and decay.
# 3. The start is forgotten.
# 4. When steps turn the weights by more than about 8°: a rate that is too high.
#
# </details>
#
# **Shown:** BN lets gradients grow with depth, by 1.21 in a ReLU layer; skip connections with BN in the branch slow that down. BN
# kept units alive at higher rates. In front of BN, decay is a rate.
#
# **Practice:** [the exercises](exercises/14_deep_enough_to_break.ipynb), 30 minutes. **Deeper:** [Can we live without norms?](deeper/can_we_live_without_norms.ipynb)
#
# **Next:** [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb), BN on other data.
#
# Sources:
#
# - Growth: Yang et al. 2019, arXiv:1902.08129. BN in the branch: De and Smith 2020, arXiv:2002.10444.
# - Decay: van Laarhoven 2017, arXiv:1706.05350. Growing rate: Li and Arora 2019, arXiv:1910.07454. Equilibrium: Wan et al. 2021, arXiv:2006.08419.
