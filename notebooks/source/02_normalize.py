# %% [markdown]
# # 02 · Normalize
#
# *60 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) ·
# next: [03 · Scale and shift](03_scale_and_shift.ipynb) ·
# [exercises](exercises/02_normalize.ipynb)*
#
# A mean and a variance are measured. Now BN uses them: subtract, divide. The result is called $\hat{x}$ ("x hat"). It looks like
# a small step, and many sentences about it are repeated that are not quite true. In this lesson you test nine of them.
#
# ## What you will be able to do
#
# - say what $\hat{x}$ has, what it keeps, and how large it can get
# - put ε in the right place, and say when it matters
# - show that a bias before BN does nothing, and what the scale of the weights does and does not change
# - measure how much of an activation is saturated, with and without BN
# - tell which of the usual sentences about normalization are true

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %%
import numpy as np
import torch
from torch import nn

from bnteach import figures, labs
from bnteach.data import digits
from bnteach.training import mlp, over_seeds, train, training_steps

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## Subtract, divide
#
# For each channel, over the $N$ samples of a batch:
#
# $$\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}}$$
#
# with $\varepsilon = 0.00001$ unless we say otherwise. This is the z-score of lesson 01, but for the $\varepsilon$.


# %%
def normalize(x, eps=1e-5):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)


x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])
x_hat = normalize(x)
print(x_hat.round(3))
print("bnteach agrees:", np.allclose(x_hat, bnteach.batch_norm_forward(x, gamma=None, beta=None)[0]))

# %% [markdown]
# **Predict.** The mean of each column is 0. Is the variance exactly 1?

# %%
print("variance of x_hat:", x_hat.var(axis=0))
print("σ² / (σ² + ε):    ", x.var(axis=0) / (x.var(axis=0) + 1e-5))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not quite: it is $\sigma^2/(\sigma^2 + \varepsilon)$, a little below 1. The smaller $\sigma^2$, the farther below. More about this soon.
#
# </details>
#
# ## "BN shrinks each layer's inputs to (−1, 1)"
#
# You can read this sentence often. Look at the table above: is it true there? Let us count, for a channel
# whose values follow the bell curve.

# %%
rng = np.random.default_rng(0)
bell = normalize(rng.normal(5, 2, size=100_000))
print(f"outside (−1, 1): {(abs(bell) > 1).mean():.0%}   largest: {abs(bell).max():.0f}")

# %% [markdown]
# A standard deviation of 1 does not mean that values stay within 1. About a third lies outside. **The sentence is false.**
#
# ## How large can it get?
#
# Is there any limit? We try to build an extreme batch: $N - 1$ zeros, and one value that is different.
#
# **Predict.** $N = 10$, nine zeros, and one value of **1 000 000**. How large is its $\hat{x}$: about 3, about 1 000, or about
# 1 000 000?


# %%
def x_hat_of_one(value, n):
    """One value among n − 1 zeros, normalized."""
    return normalize(np.array([value, *[0.0] * (n - 1)]))[0]


print(
    f"N = 10: a value of 1 000 000 becomes {x_hat_of_one(1_000_000, 10):.3f}, one of 1 000 becomes {x_hat_of_one(1_000, 10):.3f}"
)
print("N = 2, 5, 10, 17, 101:", *(f"{x_hat_of_one(1_000_000, n):.3f}" for n in (2, 5, 10, 17, 101)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# It is 3, and with 1 000 instead of 1 000 000 it is 3 too. The extreme value pulls the mean, and even more the standard
# deviation, along with it.
#
# </details>
#
# The numbers 1, 2, 3, 4, 10 belong to $N$ = 2, 5, 10, 17, 101. They are $\sqrt{N - 1}$. Is that the limit for *every* batch? We
# look for a counterexample among batches with very wild values. (They come from the *Cauchy* distribution: most of its values are
# moderate, and now and then one is enormous.)

# %%
sizes = np.array([2, 3, 5, 9, 17, 33, 65])
found = [max(abs(normalize(rng.standard_cauchy(n))).max() for _ in range(4000)) for n in sizes]
limit = np.sqrt(sizes - 1)
ax = figures.curve(sizes, limit, role="truth", label="√(N − 1)")
figures.points(sizes, found, ax=ax, role="without_bn", label="largest of 4 000 wild batches")
figures.frame(ax, title="No batch gets above √(N − 1)", x="batch size N", y="largest |x̂| found", ylim=(0, 9))
ax.legend(loc="upper left", frameon=False)
figures.show(
    ax,
    alt="Largest normalized value found among 4000 wild batches of each size, as points, and the curve square root "
    "of N minus 1. All points lie on the curve, as far as the eye can tell.",
)
print("a counterexample was found:", bool((found > limit + 1e-9).any()))
print(f"the farthest point lies {(limit - found).max():.6f} below the curve")

# %% [markdown]
# The points come very close to the curve and none lies above. Now that we believe it, a proof takes three lines. Take any batch,
# and call one of its normalized values $t$.
#
# 1. The normalized values sum to 0. So the other $N - 1$ values sum to $-t$.
# 2. The squares of $N - 1$ numbers that sum to $-t$ add up to at least $t^2/(N-1)$. That is what they give when all are equal; and if two of
#    them differ, putting their average in the place of both keeps the sum and makes the squares smaller.
# 3. All $N$ squares together add up to $N$, or a little less because of $\varepsilon$. So
#    $t^2 + \frac{t^2}{N-1} \le N$, which means $t^2 \le N - 1$.
#
# This is why the sample you dragged in the lab of lesson 01 never got beyond $\sqrt{7} = 2.65$: there were eight. And it says
# what small batches do: in a batch of 2, every $\hat{x}$ is −1 or 1, unless the two values are so close that $\varepsilon$ counts.
#
# ## "After normalization the values follow N(0, 1)"
#
# $N(0, 1)$ is the bell curve with mean 0 and variance 1. Here are two channels that are not bells: one skewed, one with two humps.

# %%
skewed = rng.exponential(2, size=20_000)
two_humps = np.concatenate([rng.normal(-4, 1, 10_000), rng.normal(6, 1, 10_000)])
figure, axes = figures.new_figure(columns=2, rows=2, size=(6.0, 4.0))
for row, values in zip(axes.reshape(2, 2), (skewed, two_humps), strict=True):
    figures.histogram(values, ax=row[0], bins=60, role="before")
    figures.histogram(normalize(values), ax=row[1], bins=60, role="with_bn")
    figures.frame(row[0], title="before: x")
    figures.frame(row[1], title="after: x̂")
figures.show(
    figure,
    alt="Four histograms. Above, a skewed channel before and after normalization; below, one with two humps before "
    "and after. The scale of the horizontal axis changes, the shape does not.",
)

# %% [markdown]
# Only the numbers on the axes change. Subtracting and dividing moves and stretches a picture; it cannot bend it. One number for the
# shape is the **skewness**: take the deviations from the mean, in units of the standard deviation, and average their third powers. It is
# 0 for everything symmetric.


# %%
def skewness(values):
    return np.mean((values - values.mean(axis=0)) ** 3, axis=0) / values.std(axis=0) ** 3


for name, values in (("skewed", skewed), ("two humps", two_humps)):
    print(f"{name:10} skewness before {skewness(values):5.2f}   after {skewness(normalize(values)):5.2f}")

# %% [markdown]
# **The sentence is false.** Mean and variance become 0 and 1. The shape stays: what was not a bell is not one afterward.
#
# ## "After BN the standard deviation is 1": where ε goes, and when it matters
#
# Some channels are constant: a pixel in the corner of all pictures, a unit that gives 0 for the whole batch.
#
# **Predict.** What is $\hat{x}$ of a constant channel, with $\varepsilon = 0$ and with $\varepsilon = 0.00001$?

# %%
constant = np.full(4, 7.0)
with np.errstate(invalid="ignore"):
    print("ε = 0:      ", normalize(constant, eps=0))
print("ε = 0.00001:", normalize(constant))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without $\varepsilon$ it is 0/0, "not a number", and this `nan` would spread through the whole network. With $\varepsilon$ it is 0.
#
# </details>
#
# $\varepsilon$ stands **inside** the root, beside the variance. Some write $\sigma + \varepsilon$ instead. For channels with
# a large $\sigma$ nobody notices. We take channels that vary less and less.

# %%
print("     σ   inside the root   outside: σ + ε")
for std in (1, 0.1, 0.01, 0.001, 0.0001):
    inside, outside = std / np.sqrt(std**2 + 1e-5), std / (std + 1e-5)
    print(f"{std:6}   std of x_hat {inside:.3f}   std of x_hat {outside:.3f}")

# %% [markdown]
# $\varepsilon = 0.00001$ inside the root compares with the *variance*. So it matters once $\sigma$ is near $\sqrt{0.00001} \approx 0.003$:
# a channel with $\sigma = 0.001$ comes out with a standard deviation of 0.3 and not 1. A channel that hardly varies is not blown up to full
# size. Outside the root, the same $\varepsilon$ compares with $\sigma$ itself, and matters only at a $\sigma$ 300 times smaller. A network that was
# trained with one formula and is run with the other gives other results, and no error.
#
# **The sentence is true for most channels, and false for those that hardly vary.**
#
# ## Lab: under the microscope
#
# One channel of a few thousand values goes through BN and an activation. Move the shift and the scale of the
# input, and switch BN on and off. The reading counts how many values are **saturated**: they lie where the activation is nearly flat, with
# a slope below a tenth of its largest slope. There the gradient hardly gets through.
#
# 1. BN off, sigmoid: move the shift to one end. What happens to the output? How large is the slope now?
# 2. The same with BN on. What difference do shift and scale make?
# 3. Choose ReLU, with BN on. Which share of the values becomes 0? Change the shape of the input.
# 4. Make ε very large. What does BN do now?

# %% tags=["nbval-ignore-output"]
labs.Microscope()

# %% [markdown]
# The panels follow the values: the input, what BN makes of it together with the activation, and what comes out. Gray marks where the
# activation is flat. On the right is a histogram of the outputs, drawn to both sides: where it is wide, outputs are frequent.
#
# <details><summary>What you may have found</summary>
#
# 1. The values slide into the gray part. At a shift of 5, with scale 2, about three quarters of them are saturated, and the mean slope
#    is about 0.03 of at most 0.25.
# 2. None: with BN on, the reading of $\hat{x}$ stays the same wherever you put the input.
# 3. About half for the Gaussian and for the two humps, about 60 % for the skewed input.
# 4. The values come out small: with ε = 10 and σ = 2 their standard deviation is $2/\sqrt{4 + 10} = 0.53$. ε is no longer small beside σ².
#
# </details>
#
# ## "BN makes the bias redundant"
#
# A linear layer computes $xW + b$. The **bias** $b$ is one number for each unit, added to all samples alike. Then BN subtracts the mean.
#
# **Predict.** Does $b$ make any difference to the output of BN?

# %%
x, w = rng.normal(3, 2, size=(8, 5)), rng.normal(size=(5, 4))
b = np.array([0.0, 1.0, -20.0, 300.0])
print("largest difference:", abs(normalize(x @ w + b) - normalize(x @ w)).max().round(9))

# %% [markdown]
# <details><summary>Answer</summary>
#
# None but rounding. Adding $b$ moves all values *and their mean* by $b$, and the mean is subtracted.
#
# </details>
#
# And the gradient of such a bias? We look at two biases in a real network, trained on the digits in float64: one right before BN, the
# other with a ReLU between.


# %%
data = digits(dtype=np.float64)


def two_biases(seed):
    """Train, and return the largest gradient of each of the two biases on a batch afterward."""
    _ = torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(64, 50), nn.BatchNorm1d(50), nn.ReLU(),  # linear, BN
        nn.Linear(50, 50), nn.ReLU(), nn.BatchNorm1d(50),  # linear, ReLU, BN
        nn.Linear(50, 10),
    ).double()  # fmt: skip
    train(net, data, epochs=3, seed=seed, every=1000, progress=False)
    net.zero_grad()
    logits = net.train()(torch.from_numpy(data.x_train[:60]))
    nn.functional.cross_entropy(logits, torch.from_numpy(data.y_train[:60])).backward()
    return [net[0].bias.grad.abs().max().item(), net[3].bias.grad.abs().max().item()]


gradients = over_seeds(two_biases, range(5), progress=False).values

# %% [markdown]
# **Predict.** Which of the two biases has a gradient?

# %% tags=["nbval-ignore-output"]
print("linear → BN:       ", *(f"{g:.0e}" for g in gradients[:, 0]))
print("linear → ReLU → BN:", *(f"{g:.0e}" for g in gradients[:, 1]))

# %%
print("linear → BN: zero to rounding (below 1e-14):", (gradients[:, 0] < 1e-14).all())
print("linear → ReLU → BN: above 1e-5:", (gradients[:, 1] > 1e-5).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the second. What makes no difference gets no gradient: the first one is zero to rounding, for every seed. That is no bug in the network: it is a theorem.
#
# </details>
#
# **The sentence is true when BN follows directly.** Then write `bias=False` and save the memory; $\beta$ does the work of a bias. With an
# activation in between it is **false**: the bias decides where the ReLU cuts, and no mean can undo that.
#
# ## "The scale of the weights does not matter"
#
# Multiply all weights of a unit by the same number $a > 0$. Its values, their mean and their standard deviation all grow by $a$.
#
# **Predict.** What happens to $\hat{x}$? And to the gradient of the loss with respect to the weights: is it larger, smaller or the same?


# %%
def output_and_gradient(w):
    """BN(xW), and the gradient of a loss with respect to W. (PyTorch computes it; lesson 04 shows how.)"""
    w = torch.tensor(w, requires_grad=True)
    y = nn.functional.batch_norm(torch.from_numpy(x) @ w, None, None, training=True, eps=1e-12)
    (y * direction).sum().backward()  # some loss
    return y.detach().numpy(), w.grad.numpy()


direction = torch.from_numpy(rng.normal(size=(8, 4)))
y_1, dw_1 = output_and_gradient(w)
y_10, dw_10 = output_and_gradient(10 * w)
print("largest change of the output:", abs(y_10 - y_1).max().round(6))
print("the gradients of the first unit, divided:", (dw_10 / dw_1)[:, 0].round(6))

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\hat{x}$ stays. The gradient becomes 10 times *smaller*: it is multiplied by $1/a$. To change the output by the same amount, weights
# that are 10 times larger must move 10 times farther. In a line: the loss $L$ has $L(aw) = L(w)$ for all $w$; differentiate both sides by
# $w$, and you get $a\,L'(aw) = L'(w)$.
#
# (The $\varepsilon$ in this cell is tiny, so that it does not disturb the numbers.)
#
# </details>
#
# There is more in it. If making the weights longer does not change the loss, then the gradient has no part along the weights: the two
# are at right angles, their product sums to 0 for each unit.

# %%
print("|Σ w·dw| of each unit:", abs((w * dw_1).sum(axis=0)).round(9))

# %% [markdown]
# Now think of gradient descent. Each step goes at a right angle to the weights. A step at a right angle makes them *longer*
# (Pythagoras). So with BN and plain gradient descent, the weights before BN can only grow. Is that so in a training?


# %%
def growth(seed):
    """The length of the weights before BN, after each epoch, as a multiple of the start."""
    net, lengths = mlp([64, 50, 10], nn.ReLU, batch_norm=True, seed=seed).double(), []
    start = net.linear_1.weight.norm().item()
    for step in training_steps(net, data, epochs=10, learning_rate=0.5, seed=seed):
        if step.number % 22 == 0:  # the end of an epoch
            lengths.append(net.linear_1.weight.norm().item() / start)
    return np.array(lengths)


lengths = over_seeds(growth, range(5), progress=False)

# %%
ax = figures.new_axes()
for one_seed in lengths.values:
    figures.curve(np.arange(11), [1, *one_seed], ax=ax, role="with_bn")
figures.frame(ax, title="The weights before BN only grow", x="epoch", y="length / length at start")
figures.show(
    ax,
    alt="Length of the weight matrix before BN over ten epochs, five seeds. All five lines rise all the time, "
    "fast at first and then more slowly.",
)
print("longer after every epoch, for every seed:", (np.diff(lengths.values, axis=1) > 0).all())
print(f"after 10 epochs, mean of the seeds: {lengths.mean[-1]:.2f} times as long")

# %% [markdown]
# All five lines rise all the time, though not far. What matters to the function is the *direction* of the weights. How far does one step
# turn it? Compare the length of the step with the length of the weights, for $a = 1$ and $a = 10$:

# %%
turn_1 = np.linalg.norm(dw_1) / np.linalg.norm(w)
turn_10 = np.linalg.norm(dw_10) / np.linalg.norm(10 * w)
print(f"with weights 10 times longer, one step turns them {turn_1 / turn_10:.2f} times less")

# %% [markdown]
# The gradient is $a$ times smaller, and the weights are $a$ times longer: one step turns them $a^2$ times less. So the learning slows down
# a little by itself.
#
# **The sentence is true forward. Backward the scale decides how fast the network learns.**
#
# ## "BN keeps activations out of saturation"
#
# Saturated means, as in the lab, a slope below a tenth of the largest. For tanh the slope is $1 - \tanh^2$, and the largest is 1. We take
# a deep tanh network, with weights of the usual size and with weights that are 4 times too large.


# %%
def saturated_share(net):
    """For each tanh layer of the network: the share of its outputs where the slope is below 0.1."""
    h, shares = torch.from_numpy(data.x_train), []
    for name, layer in net.named_children():
        h = layer(h)
        if name.startswith("activation"):
            shares.append(((1 - h**2) < 0.1).double().mean().item())
    return shares


widths = [64] + [100] * 6 + [10]
ways = {
    "no BN, usual": (False, 1),
    "no BN, 4 × too large": (False, 4),
    "BN, usual": (True, 1),
    "BN, 4 × too large": (True, 4),
}


def at_start(seed):
    """The saturated shares of the four networks before any training: shape (4, 6)."""
    return [
        saturated_share(mlp(widths, nn.Tanh, bn, init_scale=scale, seed=seed).double())
        for bn, scale in ways.values()
    ]


# %% [markdown]
# **Predict.** In which of the four networks will more than half of the outputs be saturated? In which one are the fewest?

# %% tags=["nbval-ignore-output"]
start = over_seeds(at_start, range(5), progress=False)
for name, layers in zip(ways, start.mean, strict=True):
    print(f"{name:21}", *(f"{share:4.0%}" for share in layers))

# %%
usual, large, bn_usual, bn_large = start.values.transpose(1, 0, 2)  # each: (seeds, layers)
print(
    "BN: between 5 % and 8 %, for every seed:",
    all(((s > 0.05) & (s < 0.08)).all() for s in (bn_usual, bn_large)),
)
print("no BN, usual: below 1 %:", (usual < 0.01).all(), "  4 × too large: above 30 %:", (large > 0.3).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# From the first hidden layer to the sixth, means of five seeds: with large weights and no BN, more than half is saturated from the second
# layer on. With BN it is about 7 %, whatever the weights. But the usual weights without BN have the fewest: hardly any.
#
# </details>
#
# This is the *start*. In training the weights move, and so do $\gamma$ and $\beta$: nothing keeps the values where they were. We train the
# network with BN and the large weights for 10 epochs, and the one without BN and the usual weights too, this one with two learning rates.


# %%
trials = {
    "no BN, usual, rate 0.1": (False, 1, 0.1),
    "no BN, usual, rate 0.5": (False, 1, 0.5),
    "BN, 4 ×, rate 0.5": (True, 4, 0.5),
}


def after_training(seed):
    shares = []
    for bn, scale, rate in trials.values():
        net = mlp(widths, nn.Tanh, bn, init_scale=scale, seed=seed).double()
        train(net, data, epochs=10, learning_rate=rate, seed=seed, every=1000, progress=False)
        shares.append(saturated_share(net.train()))
    return shares


# %% [markdown]
# **Predict.** Does BN's share stay small? Do the others?

# %% tags=["nbval-ignore-output"]
trained = over_seeds(after_training, range(5), progress=False)
for name, layers in zip(trials, trained.mean, strict=True):
    print(f"{name:23}", *(f"{share:4.0%}" for share in layers))

# %%
small_rate, large_rate, bn_large = trained.values.transpose(1, 0, 2)
print("BN: below 15 % in each layer, for every seed:", (bn_large < 0.15).all())
print("no BN, rate 0.1: below 15 %:", (small_rate < 0.15).all())
print("no BN, rate 0.5: last layer above 50 %:", (large_rate[:, -1] > 0.5).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# BN's share does, here. (What $\gamma$ does in a training: lesson 03.) Without BN it depends on the learning rate: with the small one hardly
# anything saturates, with the large one the last layers do almost completely. This is a finding about one network and these digits, not a law.
#
# </details>
#
# **Partly true:** with BN it is about 7 %, whatever the weights. That is much less than without BN after a bad start or with a rate that is too
# large, and more than after a good start. And 7 % is simply what tanh does to a bell curve with standard deviation 1:

# %%
print(f"share of a standard bell curve that saturates tanh: {((1 - np.tanh(bell) ** 2) < 0.1).mean():.0%}")

# %% [markdown]
# ## "Normalization pulls the data into the linear region and destroys the non-linearity; γ and β restore it"
#
# Three claims in one: **(1)** the activation becomes nearly linear; **(2)** so the network loses its non-linearity; **(3)** $\gamma$ and $\beta$
# bring it back. We begin with (1): is a sigmoid or tanh linear on values with standard deviation 1? We fit a straight line and ask which
# share of the output's variance the line explains (the square of the correlation). 100 % would be linear.

# %%
for name, f in (("sigmoid", lambda z: 1 / (1 + np.exp(-z))), ("tanh", np.tanh)):
    print(f"{name:8} a straight line explains {np.corrcoef(bell, f(bell))[0, 1] ** 2:.0%}")

# %% [markdown]
# Nearly linear, but not quite. For (2) and (3): does the rest matter? We train three networks with five hidden layers on the digits: with sigmoid, $\gamma$ and
# $\beta$; with sigmoid, but *without* $\gamma$ and $\beta$ (`affine=False` in PyTorch); and one *without any activation*. The third one is
# linear altogether, however many layers it has.


# %%
def three_networks(seed):
    accuracies = []
    for activation, affine in ((nn.Sigmoid, True), (nn.Sigmoid, False), (nn.Identity, True)):
        net = mlp([64] + [100] * 5 + [10], activation, batch_norm=True, seed=seed)
        for k in range(1, 6):  # `mlp` has no switch for γ and β: put other BN layers in the place of its own
            setattr(net, f"bn_{k}", nn.BatchNorm1d(100, affine=affine))
        history = train(net, digits(), epochs=15, learning_rate=0.2, seed=seed, every=1000, progress=False)
        accuracies.append(history.test_accuracy[-1])
    return [*accuracies, accuracies[1] - accuracies[0]]


# %% [markdown]
# **Predict.** The first one reaches about 97 %. And the two others?

# %% tags=["nbval-ignore-output"]
accuracies = over_seeds(three_networks, range(5), progress=False)
for name, mean, half in zip(
    ("with γ, β", "without γ, β", "linear", "without − with"),
    accuracies.mean,
    accuracies.half_width,
    strict=True,
):
    print(f"{name:14} {mean:5.1%} ± {half:.1%} (95 % interval of the mean, five seeds)")

# %%
_, _, linear, difference = accuracies.values.T
print("without γ, β: within 2 % of the first, for every seed:", (abs(difference) < 0.02).all())
print("linear: above 90 %, for every seed:", (linear > 0.9).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 97 % and 95 %. The interval of the difference leaves no room for a loss larger than about 1 % without $\gamma$ and $\beta$. But look at the third line: on these digits even a *linear* network is nearly as good. So this
# experiment cannot tell us much about non-linearity! Without the third network, we might have been proud of the second.
#
# </details>
#
# **Partly true.** (1) Nearly linear: yes. (2) Is the non-linearity lost, and (3) do $\gamma$ and $\beta$ bring it back? Neither can be seen on the
# digits. Lesson 03 takes a problem that no linear network can solve, and there the answer is surprising.
#
# ## "Before a ReLU, about half of the values are suppressed"
#
# ReLU sets everything below 0 to 0. After BN the mean is 0. So half of the values are below it? In the lab it was half for the two symmetric
# shapes, and more for the skewed one.
#
# **Predict.** The skewed channel of this lesson is another one. Which share is below 0? And which share if we turn it around, so that the
# long tail lies on the left?

# %%
for name, values in (("bell", bell), ("two humps", two_humps), ("skewed", skewed), ("turned", -skewed)):
    print(f"{name:10} {(normalize(values) < 0).mean():.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the skewed channel it is 63 %: many small values, a few large ones; the mean is not the middle. Turned around it is the rest, 37 %. Half is
# right for everything symmetric.
#
# </details>
#
# And inside a network, where $\beta$ moves the values after training? We take a trained ReLU network with BN and count for each of
# 100 units, on all training digits.


# %%
def silent_share(seed):
    net = mlp([64, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed).double()
    train(net, data, epochs=15, learning_rate=0.2, seed=seed, every=1000, progress=False)
    y = net.bn_1(net.linear_1(torch.from_numpy(data.x_train)))
    return np.sort((y < 0).double().mean(dim=0).detach().numpy())


# %% [markdown]
# **Predict.** Is the share 50 % in each unit, or only on average, or not even so?

# %% tags=["nbval-ignore-output"]
silent = over_seeds(silent_share, range(5), progress=False).values
print("share below 0, from the least to the most silent unit, mean of five seeds:")
print(*(f"{share:.0%}" for share in silent.mean(axis=0)[[0, 25, 50, 75, 99]]))

# %%
print(
    "mean over all units between 45 % and 55 %, for every seed:",
    (abs(silent.mean(axis=1) - 0.5) < 0.05).all(),
)

# %% [markdown]
# **True here:** on average, and for most units nearly so. But it is no law: a channel of another shape has another share, as the skewed one shows.
#
# **Before or after the activation?** The paper puts BN before the activation. Many networks put it after. Which one trains better is a
# question for lesson 07. What can be seen at once is what the next layer gets:

# %%
z = rng.normal(1, 2, size=(1000, 1))
before_relu = np.maximum(normalize(z), 0)
after_relu = normalize(np.maximum(z, 0))
for name, h in (("BN → ReLU", before_relu), ("ReLU → BN", after_relu)):
    print(f"{name}: mean {abs(h.mean()):.2f}   std {h.std():.2f}   smallest value {h.min():.2f}")

# %% [markdown]
# BN before: the next layer gets no negative values, and a mean above 0. BN after: it gets mean 0 and standard deviation 1, and the zeros
# of the ReLU have become one negative number.
#
# ## "Every layer's inputs keep the same distribution"
#
# The paper's title speaks of *internal covariate shift*: its word for layer inputs whose distribution changes while the network learns. After BN the mean is 0 and the variance is 1, in every batch, all through the training. Is that
# "the same distribution"? We look at one layer before and after training: how far do mean and standard deviation move, *before* BN
# takes them out? And does the **shape** stay? We measure the shape by the skewness, which BN cannot change.


# %%
def moved(seed):
    """How one layer's values change in training: the mean (in σ), the σ (a factor), the size of the skewness."""
    net = mlp([64, 100, 100, 10], nn.ReLU, batch_norm=True, seed=seed).double()

    def statistics():
        z = net[:4](torch.from_numpy(data.x_train)).detach().numpy()  # up to linear_2, before its BN
        return z.mean(axis=0), z.std(axis=0), abs(skewness(z)).mean()

    mean_0, std_0, skewness_0 = statistics()
    train(net, data, epochs=15, learning_rate=0.2, seed=seed, every=1000, progress=False)
    mean_1, std_1, skewness_1 = statistics()
    return [np.mean(abs(mean_1 - mean_0) / std_0), np.mean(std_1 / std_0), skewness_0, skewness_1]


# %% [markdown]
# **Predict.** Which of the three changes in training: the mean, the standard deviation, the skewness?

# %% tags=["nbval-ignore-output"]
summary = over_seeds(moved, range(5), progress=False)
shift, factor, skewness_0, skewness_1 = summary.mean
print(f"before BN: mean moves by {shift:.2f} σ, σ becomes {factor:.2f} times as large   (BN takes both out)")
print(f"skewness: {skewness_0:.2f} untrained, {skewness_1:.2f} trained   (BN leaves it as it is)")

# %%
print("the skewness grows in training, for every seed:", (summary.values[:, 3] > summary.values[:, 2]).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# All three. BN takes the first two out again in each batch. The third it cannot take out.
#
# </details>
#
# **Partly true:** mean and variance of $\hat{x}$ are the same at all times. The shape is not. And what leaves the layer has passed through
# $\gamma$ and $\beta$, which change too. Whether a steady distribution is even the reason for BN's success is another question: lesson 07.
#
# ## The nine sentences
#
# | the sentence | what we found |
# |---|---|
# | "BN shrinks each layer's inputs to (−1, 1)" | **false**: a third of a bell curve lies outside; the bound is $\sqrt{N-1}$ |
# | "after normalization the values follow $N(0, 1)$" | **false**: mean 0, variance 1, but the shape stays |
# | "after BN the standard deviation is 1" | **partly**: not where $\sigma^2$ is as small as $\varepsilon$ |
# | "BN makes the bias redundant" | **true** when BN follows directly; **false** with an activation between |
# | "the scale of the weights does not matter" | **true** forward; backward the gradient is multiplied by $1/a$ |
# | "BN keeps activations out of saturation" | **partly**: 7 % of a tanh, whatever the weights; a bad start without BN has far more, a good one less |
# | "it destroys the non-linearity, and γ and β restore it" | **partly**: nearly linear; the rest in lesson 03 |
# | "before a ReLU about half of the values are suppressed" | **holds here**; not for a skewed channel |
# | "every layer's inputs keep the same distribution" | **partly**: mean and variance of $\hat{x}$ do, the shape does not |
#
# ## What you can do now
#
# - ✓ say what $\hat{x}$ has, what it keeps, and how large it can get: mean 0 and variance 1, the shape, $\sqrt{N-1}$
# - ✓ put ε in the right place, and say when it matters: inside the root; when $\sigma$ is not large beside $\sqrt\varepsilon$
# - ✓ show that a bias before BN does nothing, and what the scale of the weights does and does not change: the output
#   stays, the gradient is multiplied by $1/a$
# - ✓ measure how much of an activation is saturated, with and without BN: before training and after it
# - ✓ tell which of the usual sentences about normalization are true: few are, without a condition
#
# **Practice:** [the exercises of this lesson](exercises/02_normalize.ipynb).
#
# **Go on with [03 · Scale and shift](03_scale_and_shift.ipynb).**
#
# *Sources: Ioffe & Szegedy 2015, arXiv:1502.03167, section 3. On scale and the effective learning rate: T. van Laarhoven, "L2
# Regularization versus Batch and Weight Normalization", 2017, arXiv:1706.05350.*
