# %% [markdown]
# # 14 · Deep enough to break
#
# *35 minutes · previous: [13b · Keep it in the cache](13b_keep_it_in_the_cache.ipynb) · next: [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb)*
#
# BN is said to keep gradients at a good size. But before training, each ReLU layer with BN makes them 1.21 times as long, and 49 layers
# about 10 000 times: you derive this, and find blocks that avoid it. Then you see what weight decay does in front of BN.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, labs, training

# %% [markdown]
# ## Where the 1.21 comes from
#
# A layer is linear → BN → ReLU, with $n$ units. Its input $h$ is the output of such a layer. We follow the *mean square* of a gradient on its way back to $h$:
#
# 1. **ReLU** has the slope 1 where its input $\hat{x}$ is above 0, for half of the values, else 0: the mean square is halved.
# 2. **BN** divides the gradient by the standard deviation $\sigma$ of its input: the mean square is divided by $\sigma^2$.
# 3. **The linear layer** has random weights with the variance $s^2/n$. Each unit of $h$ gets a sum of $n$ gradients times weights: the mean square is multiplied by $s^2$.
#
# Together: $\frac12 \cdot \frac{1}{\sigma^2} \cdot s^2$. Forward, the input of BN is a sum of $n$ values of $h$ times the same weights. So $\sigma^2 = s^2\,\mathrm{Var}(h)$, and $s^2$ cancels.
#
# For a standard normal $\hat{x}$, $h = \mathrm{ReLU}(\hat{x})$ has the mean square 1/2 and the mean $1/\sqrt{2\pi}$:
#
# $$\text{growth}^2 = \frac{1/2}{\mathrm{Var}(h)} = \frac{1/2}{1/2 - 1/(2\pi)} = \frac{\pi}{\pi - 1} \approx 1.467,
# \qquad \text{growth} \approx 1.211$$
#
# In words: the ReLU halves the mean square of the gradient. Forward, BN takes away the mean of $h$, and has to enlarge what is left by more than a factor of 2. The gradient is enlarged
# by the same factor, so it grows.
#
# For another activation, the mean of its squared slope replaces the 1/2. We compute it for random numbers:

# %%
torch.set_num_threads(1)  # the fastest for networks this small
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


def predicted_growth(activation):
    x_hat = torch.randn(1_000_000, requires_grad=True)
    h = activation(x_hat)
    h.sum().backward()  # now x_hat.grad is the slope of the activation at each x_hat
    return (x_hat.grad.square().mean() / h.var()).sqrt().item()


for activation in (torch.sigmoid, torch.tanh, torch.relu):
    print(f"predicted for BN with {activation.__name__:8} × {predicted_growth(activation):.2f} a layer")

# %% [markdown]
# The growth is never below 1 (by the *Poincaré inequality*). The prediction holds nearly, for **wide layers** ($\hat{x}$ is normal, sums are near their averages), **large batches** (the paths
# through mean and variance carry little), and **random weights**, as before training.
#
# ## Five kinds of blocks
#
# After a linear layer and BN come 50 blocks of one kind, of 100 units, with He's weights ($s^2 = 2$,
# [lesson 00](00_meet_batch_normalization.ipynb)). In three kinds a **skip connection** adds $h$ to the output of a **branch**.

# %% tags=["draws"] alt="Five blocks, each from left to right. No BN: linear, ReLU. BN: linear, BN, ReLU. Skip, no BN: the branch is ReLU, linear; the skip connection adds h at the end. Skip, BN on the sum: the branch is linear, the skip connection adds h, then come BN and ReLU. Skip, BN in the branch: the branch is BN, ReLU, linear; the skip connection adds h at the end."
figures.show(figures.block_kinds())


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


# %% [markdown]
# A random gradient starts at the output of block 50. We compare its length at the output of block 1, 49 blocks earlier.
#
# **Predict.** In which of the five does the gradient keep about its length?

# %% tags=["nbval-ignore-output"]
digits = data.digits(dtype=np.float64)
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
test = digits.x_test, digits.y_test


def relative_lengths(kind, seed):
    h, outputs = x_train[:256], []
    for part in network(kind, 50, seed)[:-1]:
        h = part(h)
        h.retain_grad()
        outputs.append(h)
    h.backward(torch.randn(h.shape))
    return [(at.grad.norm() / h.grad.norm()).item() for at in outputs[1:]]  # h: of block 50


for kind in blocks:
    five = [relative_lengths(kind, seed)[0] for seed in range(5)]
    print(f"{kind:23} × {min(five):12,.1f} to {max(five):12,.1f}")
print(f"BN, predicted: 1.211^49 × {1.211**49:12,.1f}")

# %% tags=["draws", "nbval-ignore-output"] alt="Length of the gradient at the output of each of 50 blocks, divided by that at block 50, on a logarithmic axis; the gradient runs from right to left. Without BN it stays near 1. With BN it rises on a straight line to about 10 000, close to the line of 1.211 a block. With a skip connection and no BN it rises to more than ten million, with BN on the sum to several hundred. With BN in the branch it rises to about 10, and less and less."
ax = figures.new_axes(size=(6.4, 3.4))
looks = ("without_bn", "with_bn", "biased", "data", "unbiased")
for kind, look in zip(blocks, looks, strict=True):
    figures.curve(range(1, 51), relative_lengths(kind, seed=0), ax=ax, role=look)
figures.curve([1, 50], [1.211**49, 1], ax=ax, role="theory")
figures.frame(ax, title="← Length of the gradient ÷ that at block 50", x="block", log="y", ylim=(0.1, 1e9))
figures.key(ax, dict(zip(looks, blocks, strict=True)) | {"theory": "1.211 a block"}, place="upper right")
assert 1.19 < relative_lengths("BN", seed=0)[0] ** (1 / 49) < 1.23
assert relative_lengths("skip, BN in the branch", seed=0)[0] < 15
figures.show(ax)

# %% [markdown]
# <details><summary>Answer</summary>
#
# In "no BN". With BN in the branch it becomes about 10 times as long, in the others far longer.
#
# </details>
#
# - **Skip, no BN:** a branch adds as much as comes in. Forward and backward, each block doubles the mean square.
# - **BN on the sum** divides the gradient of the skip connection, too, so it grows. (By the same reckoning it would grow by 1.21 a block. It grows less, perhaps because the sums are no longer normal.)
# - **BN in the branch:** $h$ grows from block to block. BN divides by its size, so a late branch adds little to the gradient.
#
# So a skip connection and BN are not enough: it is the place of BN that counts.
#
# ## Does it matter for learning?
#
# Two epochs with 50 blocks. `decay` and `rates_of_w` are for later.


# %%
def fit(net, rate, epochs, decay=0.0, rates_of_w=None):
    *weights, output = [p for p in net.parameters() if p.ndim == 2]
    others = [output, *(p for p in net.parameters() if p.ndim == 1)]  # with γ and β
    groups = [{"params": weights, "weight_decay": decay}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=rate)
    losses, w = [], [weights[1].detach().flatten().clone()]  # w: of the first block
    for _ in range(epochs):
        for batch in torch.randperm(len(x_train)).split(60)[:22]:  # full batches
            if rates_of_w:
                optimizer.param_groups[0]["lr"] = rates_of_w[len(losses)]
            loss = nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            w.append(weights[1].detach().flatten().clone())
    return net, losses, torch.stack(w)


# %% [markdown]
# **Predict.** Which learn, at the rate 0.03: "no BN", "BN", "skip, BN in the branch"?

# %% tags=["nbval-ignore-output"]
for kind in ("no BN", "BN", "skip, BN in the branch"):
    nets = [fit(network(kind, 50, seed), rate=0.03, epochs=2)[0] for seed in range(5)]
    right = [training.accuracy(net, *test) for net in nets]
    last = network(kind, 50, seed=0)[:-1](x_train[:256])
    alike = torch.cosine_similarity(last[:, None], last, dim=2).mean()
    print(f"{kind:23} cosine at the start {alike:.2f}, test accuracy", *(f"{share:4.0%}" for share in right))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the last, in all seeds.
#
# </details>
#
# Why not "no BN"? A likely reason is the cosine: before training, the outputs of block 50
# for two pictures point nearly the same way. So the last layer can hardly tell pictures apart.
# And "BN"? There the gradient is 10 000 times as long at block 1 as at block 50, and one rate serves both. We did not test that this is why.
#
# **Dead units** are ReLUs above 0 for no picture. At the rate 3 all are dead without BN, and few with it: [Does BN keep units alive?](deeper/does_bn_keep_units_alive.ipynb)
#
# ## Weight decay in front of BN
#
# **Weight decay** multiplies weights by $1 - \eta\lambda$ in each step, with the rate $\eta$ and the decay $\lambda$. But in front of BN
# the length of the weights $w$ does not change the function ([lesson 02](02_normalize.ipynb)). What does decay do there?
#
# - A step makes $w$ longer: the gradient $dw$ is [perpendicular](deeper/do_the_weights_grow.ipynb) to $w$, so $\|w\|^2$ grows by $\eta^2\|dw\|^2$.
# - Decay makes $w$ shorter: $\|w\|^2$ shrinks by about $2\eta\lambda\|w\|^2$.
#
# In **equilibrium** both are equal. That gives the **turn** in radians, the angle between $w$ before and after a step:
#
# $$\eta^2\|dw\|^2 = 2\eta\lambda\,\|w\|^2 \quad\Rightarrow\quad \text{turn} \approx \frac{\eta\,\|dw\|}{\|w\|} = \sqrt{2\eta\lambda}$$
#
# Only the product $\eta\lambda$ counts. With $\eta = 0.5$ and $\lambda = 0.02$ the turn is $\sqrt{0.02} \approx 0.141$, or 8.1°.
# We start with the usual weights, with three times and a third of their length.

# %% tags=["nbval-ignore-output"]
lengths, turns = {}, {}
for start in (3, 1, 1 / 3):
    net = network("BN", 3, seed=0)
    for part in net[:-1]:
        part[0].weight.data *= start
    _, _, w = fit(net, rate=0.5, epochs=30, decay=0.02)
    lengths[start] = w.norm(dim=1)
    angles = torch.rad2deg(torch.cosine_similarity(w[:-1], w[1:]).arccos())
    turns[start] = angles.reshape(30, 22).square().mean(dim=1).sqrt()  # of each epoch
    print(f"start × {start:.2f}: length {w[-1].norm():.1f}, turn {turns[start][-10:].mean():.1f}° a step")

# %% tags=["draws", "nbval-ignore-output"] alt="Two panels over 660 steps, for weights from three starts nine times apart. Left, their length on a logarithmic axis: after about 350 steps all three curves have met, near 3. Right, the turn of a step: all three curves come to the dash-dotted line at 8.1 degrees and stay there."
figure, (left, right) = figures.new_figure(columns=2, size=(7.2, 3))
for start, look in zip(lengths, ("without_bn", "with_bn", "biased"), strict=True):
    figures.curve(range(661), lengths[start], ax=left, role=look)
    figures.curve(np.arange(30) * 22 + 11, turns[start], ax=right, role=look)
figures.curve([0, 660], [8.1, 8.1], ax=right, role="theory")
figures.frame(left, title="Length of the weights", x="step", log="y", ylim=(1, 100))
figures.frame(right, title="Turn of a step, degrees", x="step", log="y", ylim=(0.1, 100))
names = {"without_bn": "start × 3", "with_bn": "start × 1", "biased": "start × 1/3"}
figures.key(left, names, place="upper right")
figures.key(right, {"theory": "equilibrium: 8.1°"}, place="lower right")
ends = [length[-1].item() for length in lengths.values()]
assert max(ends) < 1.5 * min(ends)
assert all(abs(turn[-10:].mean() - 8.1) < 0.5 for turn in turns.values())
figures.show(figure)

# %% [markdown]
# The start is forgotten, and the turn is nearly the predicted one.
#
# ## Can a rate do the same?
#
# Without decay, can another rate give $w$ the same *direction* after every step? Then the function is the same, too.
#
# 1. Decay multiplies $w$ by $k = 1 - \eta\lambda$ in each step. Without it, $w$ is $c = 1/k^t$ times as long as with it after $t$ steps.
# 2. To turn it by the same angle, a step must be $c$ times as long, too.
# 3. But the gradient is $c$ times *shorter* (lesson 02). So the rate must be $c^2$ times as large, and grow by $1/k^2$ a step.
#
# The first rate is $\eta/k$: decay has already shrunk $w$ when the step is added. So step $t$, counted from 0, has $\eta\,k^{-(2t + 1)}$.

# %% tags=["nbval-ignore-output"]
k = 1 - 0.2 * 0.01
_, with_decay, _ = fit(network("BN", 3, seed=0), rate=0.2, epochs=20, decay=0.01)
rates = [0.2 * k ** -(2 * t + 1) for t in range(440)]
_, with_rate, _ = fit(network("BN", 3, seed=0), rate=0.2, epochs=20, rates_of_w=rates)
for name, losses in {"decay": with_decay, "growing rate": with_rate}.items():
    print(f"{name:13}", *(f"step {step}: {losses[step - 1]:.6f}  " for step in (1, 10, 100, 440)))
assert np.allclose(with_decay, with_rate, rtol=0, atol=1e-6)

# %% [markdown]
# All 440 losses are the same, but for rounding. In front of BN, decay *is* a growing rate: for plain gradient descent, and a tiny ε.
#
# ## Does decay restrain the training?
#
# It is meant to, for a better test. We judge 20 seeds by the rule of [lesson 07](07_put_the_claims_on_trial.ipynb), with the margins of a factor of 2 in the loss (1 in $\log_2$), and a point of accuracy.
#
# **Predict.** Does decay make the training loss larger without BN? With BN?


# %% tags=["nbval-ignore-output"]
def trial(kind, decay, seed):
    net, losses, _ = fit(network(kind, 3, seed), rate=0.1, epochs=20, decay=decay)
    return np.mean(losses[-22:]), training.accuracy(net, *test)


def trials():
    settings = [(kind, decay) for kind in ("no BN", "BN") for decay in (0.0, 0.02)]
    return {f"{kind}, decay {decay}": [trial(kind, decay, s) for s in range(20)] for kind, decay in settings}


kept = training.stored("results/14_decay.json", trials, again=False)["results"]  # True: train for a minute
says = {}
for kind in ("no BN", "BN"):
    decays, stays = (np.transpose(kept[f"{kind}, decay {decay}"]) for decay in (0.02, 0.0))
    factor, gain = decays[0] / stays[0], 100 * (decays[1] - stays[1])
    says[kind] = [training.outcome(training.SeedSummary(x), margin=1) for x in (np.log2(factor), gain)]
    print(f"{kind:5} larger loss, × {factor.min():.1f} to {factor.max():.1f}: {says[kind][0]:13}", end="   ")
    print(f"better test, {gain.min():+.1f} to {gain.max():+.1f} points: {says[kind][1]}")

# %% tags=["draws"]
assert says == {"no BN": ["for it", "no difference"], "BN": ["no difference", "no difference"]}

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without BN it does, in each seed. With BN it makes a difference of less than a factor of 2 on average; single seeds go both ways.
#
# </details>
#
# In the test decay makes no difference here, with or without BN.
#
# ## Lab: rate, decay, and the turn of a step
#
# A linear layer with BN reads the digits. With the first settings a step turns its weights by about 25°, and the accuracy (axis from 70 %) ends at 85 %.
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
# **Shown:** before training, BN lets gradients grow by 1.21 in a ReLU layer; skip connections with BN in the branch slow that down. In front of BN, decay
# is a growing rate, in plain gradient descent.
#
# **Practice:** [the exercises](exercises/14_deep_enough_to_break.ipynb), 30 minutes. **Deeper:** [Can we live without norms?](deeper/can_we_live_without_norms.ipynb)
#
# **Next:** [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb), BN on other data.
#
# Sources:
#
# - Growth: Yang et al. 2019, arXiv:1902.08129. BN in the branch: De and Smith 2020, arXiv:2002.10444.
# - Decay: van Laarhoven 2017, arXiv:1706.05350. Growing rate: Li and Arora 2019, arXiv:1910.07454. Equilibrium: Wan et al. 2021, arXiv:2006.08419.
