# %% [markdown]
# # 02 · Normalize
#
# *35 minutes · previous: [01 · Measure a batch](01_measure_a_batch.ipynb) · next: [03 · Scale and shift](03_scale_and_shift.ipynb) ·
# [exercises](exercises/02_normalize.ipynb)*
#
# Batch Normalization (BN) subtracts the mean of each channel and divides by its standard deviation. You write this step in two lines.
# Then you test what is said about it: that the result lies between −1 and 1 and follows a bell curve, that biases are
# useless before it, that the scale of the weights no longer matters.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import batch_norm_forward, figures, labs
from bnteach.data import digits
from bnteach.training import over_seeds

# %% [markdown]
# ## Subtract, divide
#
# For each channel, with the mean $\mu$ and the variance $\sigma^2$ of its $N$ values in the batch:
#
# $$\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}}$$
#
# $\hat{x}$ is read "x hat". It is the z-score of lesson 01, with a small number $\varepsilon = 0.00001$ added to the variance. The variance divides by $N$, not by $N - 1$.


# %%
def normalize(x, eps=1e-5):
    mean, var = x.mean(axis=0), x.var(axis=0)
    return (x - mean) / np.sqrt(var + eps)


x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])
x_hat = normalize(x)
print(x_hat.round(3))
print("standard deviations:", x_hat.std(axis=0).round(3))
assert np.allclose(x_hat, batch_norm_forward(x, gamma=None, beta=None)[0])

# %% [markdown]
# **Predict.** Two mistakes raise no error: dividing by the variance, and using a variance that divides by $N - 1$. The first column has
# $\sigma^2 = 3.5$. Which standard deviation does each mistake give it?

# %%
centered = x - x.mean(axis=0)
print("divided by σ²:       ", (centered / x.var(axis=0)).std(axis=0).round(3))
print("variance with N − 1: ", (centered / x.std(axis=0, ddof=1)).std(axis=0).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# $1/\sigma = 0.535$, and $\sqrt{(N-1)/N} = 0.866$. The second mistake is hard to see in a large batch: for $N = 60$ it gives 0.992.
#
# </details>
#
# **As a matrix.** Subtracting the mean is a product with the **centering matrix** $H = I - \frac{1}{N}\mathbf{1}\mathbf{1}^\top$, where $\mathbf{1}$ is a
# column of $N$ ones. Centering a second time changes nothing: $HH = H$.

# %%
H = np.eye(4) - 1 / 4
print(H @ x)
assert np.allclose(H @ x, centered)
assert np.allclose(H @ H, H)

# %% [markdown]
# ## Does the shape change?
#
# Three channels: a bell curve, a skewed one, one with two humps. One number for the shape is the **skewness**, the mean of the third
# powers of the z-scores: 0 for everything symmetric.
#
# **Predict.** What happens to the skewness? And which share of the bell curve lies outside $(-1, 1)$ after BN?

# %%
rng = np.random.default_rng(0)
channels = {
    "bell curve": rng.normal(5, 2, 20_000),
    "skewed": rng.exponential(2, 20_000),
    "two humps": np.concatenate([rng.normal(-4, 1, 12_000), rng.normal(6, 1, 8_000)]),
}


def skewness(x):
    return np.mean(((x - x.mean()) / x.std()) ** 3)


print("             skewness of x   of x̂   outside (−1, 1)")
for name, x in channels.items():
    x_hat = normalize(x)
    print(f"{name:12} {skewness(x):13.2f} {skewness(x_hat):6.2f} {np.mean(abs(x_hat) > 1):17.0%}")

# %% tags=["draws"] alt="Two panels, for a skewed channel and for one with two humps. In each, the wide gray histogram of x and the narrow blue one of x-hat stand on the same axis. They have the same shape; x-hat is centered at 0 and narrower."
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.8))
for ax, name, limits in zip(axes, ("skewed", "two humps"), ((-2, 10), (-8, 10)), strict=True):
    for values, role in ((channels[name], "before"), (normalize(channels[name]), "with_bn")):
        figures.histogram(values, ax=ax, limits=limits, bins=72, role=role)
    figures.frame(ax, title=f"{name}: the shape stays", x="value", xlim=limits)
    figures.key(ax, {"before": "x", "with_bn": "x̂"})
    ax.set_yticks([])
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Two sentences that you can often read are false. "BN brings the values into $(-1, 1)$": about a third of a bell curve lies
# outside. "After BN the values follow $N(0, 1)$", the bell curve with mean 0 and variance 1: mean and variance are right, but what was skewed stays skewed. Subtracting and dividing moves and stretches a histogram; it cannot bend it.
#
# </details>
#
# Deeper: [Does a layer's distribution stay the same in training?](deeper/does_the_distribution_stay.ipynb) and
# [Does a ReLU after BN drop half of the values?](deeper/does_a_relu_drop_half.ipynb)
#
# ## How large can it get?
#
# **Predict.** A batch has nine zeros and one value of **1 000 000**. How large is its $\hat{x}$: about 3, about 1 000, or about 1 000 000?


# %%
def x_hat_of_one(value, n):
    """One value among n − 1 zeros, normalized."""
    return normalize(np.array([value, *[0.0] * (n - 1)]))[0]


print(f"N = 10: 1 000 000 becomes {x_hat_of_one(1e6, 10):.3f}, 1 000 becomes {x_hat_of_one(1e3, 10):.3f}")
print("N = 2, 5, 10, 17, 101:", *(f"{x_hat_of_one(1e6, n):.3f}" for n in (2, 5, 10, 17, 101)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# It is 3, for 1 000 too. The extreme value pulls the mean, and even more the standard deviation, along with it. All five numbers
# are $\sqrt{N - 1}$.
#
# </details>
#
# Is this the limit for *every* batch? We look for a counterexample among 4 000 channels of very wild values, for several batch sizes. (In a *Cauchy*
# distribution most values are moderate, and now and then one is enormous.)

# %%
sizes = np.array([2, 3, 5, 9, 17, 33, 65])
found = [abs(normalize(rng.standard_cauchy(size=(n, 4000)))).max() for n in sizes]
print("largest found:", np.round(found, 3))
print("√(N − 1):     ", np.sqrt(sizes - 1).round(3))
assert (found < np.sqrt(sizes - 1)).all()

# %% tags=["draws"] alt="The largest normalized value found in 4000 wild channels for each batch size, as large points, and the thin curve square root of N minus 1. Each point lies on the curve, and none above."
ax, n = figures.new_axes(), np.linspace(1, 70, 300)
ax.plot(n, np.sqrt(n - 1), color=figures.role("truth").color, lw=1, label="√(N − 1)")
color = figures.role("with_bn").color
ax.plot(sizes, found, "o", ms=8, color=color, clip_on=False, label="largest in 4 000 wild channels")
figures.frame(ax, title="No |x̂| gets above √(N − 1)", x="batch size N", y="largest |x̂|", ylim=(0, 9))
ax.legend(loc="lower right", frameon=False)
figures.show(ax)

# %% [markdown]
# A proof takes three lines. Call one of the normalized values $t$.
#
# 1. The normalized values sum to 0. So the other $N - 1$ values sum to $-t$.
# 2. The squares of $N - 1$ numbers that sum to $-t$ add up to at least $t^2/(N-1)$. That is their sum when all are equal; if two of
#    them differ, replacing both by their average keeps the sum and makes the squares smaller.
# 3. All $N$ squares together add up to $N$, or a little less because of $\varepsilon$. So
#    $t^2 + \frac{t^2}{N-1} \le N$, which means $t^2 \le N - 1$.
#
# So in a batch of 2, every $\hat{x}$ is −1 or 1 (unless the two values are so close that $\varepsilon$ counts).
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
# $\varepsilon$ stands **inside** the root: the standard deviation of $\hat{x}$ is $\sigma / \sqrt{\sigma^2 + \varepsilon}$, a little below 1. Some write
# $\sigma + \varepsilon$ instead, outside the root. Here are channels that vary less and less.

# %%
print("     σ   std of x̂, ε inside   ε outside")
for std in (1, 0.1, 0.01, 0.001, 0.0001):
    print(f"{std:6}   {std / np.sqrt(std**2 + 1e-5):17.3f}   {std / (std + 1e-5):9.3f}")

# %% [markdown]
# Inside the root $\varepsilon$ is compared with the *variance*, so it matters once $\sigma$ comes near $\sqrt{0.00001} \approx 0.003$. A channel that
# hardly varies is not blown up to full size. Outside the root the same $\varepsilon$ matters only at a $\sigma$ 300 times smaller. A network
# trained with one formula and run with the other gives other results, and no error.
#
# ## Lab: under the microscope
#
# One channel of 4 000 values goes through BN and an activation. The reading counts how many values are **saturated**: they lie where the
# activation is nearly flat, with a slope below a tenth of its largest slope. Little gradient comes back from there.
#
# 1. BN off, sigmoid: move the shift to one end. What happens to the output, and to the mean slope?
# 2. The same with BN on. What difference do shift and scale make?
# 3. Choose ReLU, with BN on. Which share of the values becomes 0? Change the shape of the input.
# 4. Make ε very large. What does BN do now?

# %% tags=["nbval-ignore-output"]
labs.Microscope()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The values slide to where the sigmoid is flat. At a shift of 5, with scale 2, about three quarters are saturated, and the mean slope
#    is about 0.03 of at most 0.25.
# 2. None: the reading of $\hat{x}$ stays the same wherever you put the input.
# 3. About half for the Gaussian and for the two humps, about 60 % for the skewed input.
# 4. The values come out small: with ε = 10 and σ = 2 their standard deviation is $2/\sqrt{4 + 10} = 0.53$.
#
# </details>
#
# Deeper: [Does BN prevent saturation?](deeper/does_bn_prevent_saturation.ipynb) and
# [Does BN destroy the non-linearity?](deeper/does_bn_destroy_the_non_linearity.ipynb)
#
# ## "BN makes the bias redundant"
#
# A linear layer computes $xW + b$. The **bias** $b$ is one number for each unit, added to all samples alike.
#
# **Predict.** Does $b$ make any difference to the output of BN?

# %%
x, w = rng.normal(3, 2, size=(8, 5)), rng.normal(size=(5, 4))
b = np.array([0.0, 1.0, -20.0, 300.0])
print("largest difference:", abs(normalize(x @ w + b) - normalize(x @ w)).max().round(9))

# %% [markdown]
# <details><summary>Answer</summary>
#
# None. Adding $b$ moves all values *and their mean* by $b$, and the mean is subtracted.
#
# </details>
#
# What makes no difference gets no gradient. We train a network in which the first bias meets BN directly, and the second one a ReLU first.
# We also keep the length of the first layer's weights (the root of the sum of their squares), for the next section.
#
# **Predict.** Which of the two biases has a gradient at the end of the training?

# %% tags=["nbval-ignore-output"]
data = digits(dtype=np.float64)
pictures, labels = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)


def train_and_watch(seed):
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(64, 50), nn.BatchNorm1d(50), nn.ReLU(),
        nn.Linear(50, 50), nn.ReLU(), nn.BatchNorm1d(50),
        nn.Linear(50, 10),
    ).double()  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    lengths = [net[0].weight.norm().item()]
    for _ in range(10):
        for rows in torch.randperm(len(pictures)).split(60):
            loss = nn.functional.cross_entropy(net(pictures[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        lengths.append(net[0].weight.norm().item())
    return [*(net[k].bias.grad.abs().max().item() for k in (0, 3)), *lengths]


runs = over_seeds(train_and_watch, range(5), progress=False).values  # a row for each seed
print("linear → BN:       ", *(f"{gradient:.0e}" for gradient in runs[:, 0]))
print("linear → ReLU → BN:", *(f"{gradient:.0e}" for gradient in runs[:, 1]))
assert (runs[:, 0] < 1e-14).all()
assert (runs[:, 1] > 1e-5).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the second. The first is zero to rounding, for every seed. This is not a bug in the network but a theorem.
#
# </details>
#
# So the sentence is **true when BN follows directly**: write `bias=False`, and $\beta$ (lesson 03) does the work of a bias. With an activation in between it is
# **false**: the bias decides where the ReLU cuts, and subtracting a mean cannot undo that.
#
# ## "The scale of the weights does not matter"
#
# Multiply all weights of a unit by the same number $a > 0$. Its values, their mean and their standard deviation all grow by $a$.
#
# **Predict.** What happens to $\hat{x}$? And is the gradient of the loss with respect to the weights larger, smaller or the same?


# %%
dy = torch.from_numpy(rng.normal(size=(8, 4)))  # the gradient that comes back to BN


def output_and_gradient(w):
    w = torch.tensor(w, requires_grad=True)
    z = torch.from_numpy(x) @ w
    x_hat = (z - z.mean(dim=0)) / z.std(dim=0, correction=0)
    x_hat.backward(dy)
    return x_hat.detach().numpy(), w.grad.numpy()


x_hat, dw = output_and_gradient(w)
x_hat_10, dw_10 = output_and_gradient(10 * w)
print("largest change of x̂: ", abs(x_hat_10 - x_hat).max().round(9))
print("gradients, divided:  ", (dw_10 / dw)[:, 0].round(6))
print("Σ w·dw of each unit: ", abs((w * dw).sum(axis=0)).round(9))

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\hat{x}$ stays. The gradient becomes 10 times *smaller*. In a line: the loss has $L(aw) = L(w)$ for all $w$; differentiate both sides with respect to
# $w$, and you get $a\,L'(aw) = L'(w)$. ($\varepsilon$ is 0 in this cell, so that the numbers are exact.)
#
# </details>
#
# The last row says more. Longer weights do not change the loss, so the gradient has no part along the weights: the two are **perpendicular**. Each
# step of gradient descent is then perpendicular to the weights, and makes them *longer* (Pythagoras). Here is their length in the training above.

# %% tags=["nbval-ignore-output"]
growth = runs[:, 2:] / runs[:, 2:3]
print("length / length at the start, epochs 0 to 10, mean of five seeds:")
print(*(f"{factor:.2f}" for factor in growth.mean(axis=0)))
assert (np.diff(growth) > 0).all()

# %% [markdown]
# They grow in every epoch, for every seed: fast at first, then more slowly. What matters for $\hat{x}$ is only the *direction* of the weights. With $a$ times longer
# weights the step is $a$ times shorter, so it turns them $a^2$ times less: learning slows down by itself. The sentence is **true forward**. Backward, the scale decides how fast
# the layer learns.
#
# ---
# **Shown:** $\hat{x}$ has mean 0 and, unless $\sigma^2$ is near $\varepsilon$, standard deviation 1; it keeps its shape and stays within $\sqrt{N-1}$. A bias right before BN does nothing; the scale
# of the weights changes only how fast they turn.
#
# **Practice:** [the exercises](exercises/02_normalize.ipynb), 30 minutes.
#
# **Next:** [03 · Scale and shift](03_scale_and_shift.ipynb).
#
# Sources:
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.
# - On the scale of the weights: T. van Laarhoven, "L2 Regularization versus Batch and Weight Normalization", 2017, arXiv:1706.05350.
