# %% [markdown]
# # 02 · Normalize
#
# *35 minutes · previous: [01b · See why it helps](01b_see_why_it_helps.ipynb) · next: [03 · Scale and shift](03_scale_and_shift.ipynb) ·
# [exercises](exercises/02_normalize.ipynb)*
#
# Batch Normalization (BN) subtracts the mean of each channel and divides by its standard deviation. You write this step in two lines.
# Then you test what is often said about it: what values it gives, and what becomes of the biases and the weights before it.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import batch_norm_forward, figures, labs
from bnteach.data import digits

# %% [markdown]
# ## Subtract, divide
#
# For each channel, with the mean $\mu$ and the variance $\sigma^2$ of its $N$ values in the batch:
#
# $$\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}}$$
#
# $\hat{x}$ is read "x hat". It is the z-score of lesson 01, with a small number $\varepsilon = 0.00001$ added to the variance.


# %%
def normalize(x, eps=1e-5):
    mean, var = x.mean(axis=0), x.var(axis=0)  # of each column; var divides by N
    return (x - mean) / np.sqrt(var + eps)


x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])
x_hat = normalize(x)
print(x_hat.round(3))
assert np.allclose(x_hat, batch_norm_forward(x, gamma=None, beta=None)[0])  # the package's BN

# %% [markdown]
# Two common mistakes raise no error: to divide by the variance, and to use the variance with $N - 1$. The standard deviations
# of the result, which should be 1, show them:

# %%
centered = x - x.mean(axis=0)
print("right:              ", x_hat.std(axis=0).round(3))
print("divided by σ²:      ", (centered / x.var(axis=0)).std(axis=0).round(3))
print("variance with N − 1:", (centered / x.std(axis=0, ddof=1)).std(axis=0).round(3))

# %% [markdown]
# The first mistake gives $1/\sigma$. The second gives $\sqrt{(N-1)/N}$, which is hard to see in a large batch: for $N = 60$ it is 0.992.
#
# <details><summary>With a matrix</summary>
#
# Some write $Hx$ for $x - \mu$, with the **centering matrix** $H = I - \frac{1}{N}\mathbf{1}\mathbf{1}^\top$ ($\mathbf{1}$ is a column of $N$ ones).
#
# </details>
#
# ## Does the shape change?
#
# Take three channels: a bell curve, a skewed one, and one with two unequal humps. In the bell curve 50 % of the values lie above the mean,
# in the skewed channel 37 %.
#
# **Predict.** After normalizing the mean is 0. Which share of the skewed channel lies above 0: 37 %, 50 %, or something between?

# %%
rng = np.random.default_rng(0)
channels = {
    "bell curve": rng.normal(5, 2, 20_000),
    "skewed": rng.exponential(2, 20_000),
    "unequal humps": np.concatenate([rng.normal(-4, 1, 12_000), rng.normal(6, 1, 8_000)]),
}
print("               x above its mean   x̂ above 0   x̂ outside (−1, 1)")
for name, x in channels.items():
    x_hat = normalize(x)
    above, above_zero = np.mean(x > x.mean()), np.mean(x_hat > 0)
    print(f"{name:13} {above:17.0%} {above_zero:11.0%} {np.mean(abs(x_hat) > 1):19.0%}")

# %% tags=["draws"] alt="Two panels, for a skewed channel and for one with two unequal humps. In each, the wide gray histogram of x and the narrow blue one of x-hat stand on the same axis. They have the same shape; x-hat is centered at 0 and narrower."
figure, axes = figures.new_figure(columns=2, size=(7.0, 2.8))
for ax, name, limits in zip(axes, ("skewed", "unequal humps"), ((-2, 10), (-8, 10)), strict=True):
    for values, role in ((channels[name], "before"), (normalize(channels[name]), "with_bn")):
        figures.histogram(values, ax=ax, limits=limits, bins=72, role=role)
    figures.frame(ax, title=f"{name}: the shape stays", x="value", xlim=limits)
    figures.key(ax, {"before": "x", "with_bn": "x̂"})
    ax.set_yticks([])
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# 37 %. Subtracting moves a histogram, and dividing makes it narrower or wider. Neither changes its shape.
#
# </details>
#
# So two common sentences are false:
#
# - "BN brings the values into $(-1, 1)$": about a third of a bell curve lies outside.
# - "After BN the values follow $N(0, 1)$", the bell curve with mean 0 and variance 1: what was skewed stays skewed.
#
# Deeper: [Does a layer's distribution stay the same in training?](deeper/does_the_distribution_stay.ipynb) ·
# [Does a ReLU after BN drop half of the values?](deeper/does_a_relu_drop_half.ipynb)
#
# ## How large can it get?
#
# **Predict.** A batch has nine zeros and one value of **1 000 000**. How large is its $\hat{x}$: about 3, about 1 000, or about 1 000 000?


# %%
def x_hat_of_one(value, n):
    """The value stands among n − 1 zeros."""
    batch = np.zeros(n)
    batch[0] = value
    return normalize(batch)[0]


for n in (2, 5, 10, 101):
    thousand, million = x_hat_of_one(1e3, n), x_hat_of_one(1e6, n)
    print(f"N = {n:3}: 1 000 becomes {thousand:.3f}, 1 000 000 becomes {million:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 3, and for 1 000 too. A larger value makes the standard deviation larger as well, and by this it is divided.
#
# </details>
#
# In each row $\hat{x}$ is $\sqrt{N - 1}$. Can another batch give more? For each batch size we search among 4 000 channels of wild values.

# %%
sizes = np.array([2, 3, 5, 9, 17, 33, 65])
found = [abs(normalize(rng.standard_cauchy((n, 4000)))).max() for n in sizes]  # a few values are enormous
print("largest found:", np.round(found, 3))

# %% tags=["draws"] alt="The largest normalized value found in 4000 wild channels for each batch size, as large points, and the thin curve square root of N minus 1. Each point lies on the curve."
assert (found < np.sqrt(sizes - 1)).all()
ax, n = figures.new_axes(size=(5.0, 2.8)), np.linspace(1, 70, 300)
ax.plot(n, np.sqrt(n - 1), color=figures.role("truth").color, lw=1, label="√(N − 1)")
color = figures.role("with_bn").color
ax.plot(sizes, found, "o", ms=8, color=color, clip_on=False, label="largest in 4 000 wild channels")
figures.frame(ax, title="The largest |x̂| is √(N − 1)", x="batch size N", y="largest |x̂|", ylim=(0, 9))
ax.legend(loc="lower right", frameon=False)
figures.show(ax)

# %% [markdown]
# No channel gives more, and no batch can. The proof has three steps. Call one of the normalized values $t$.
#
# 1. The normalized values sum to 0. So the other $N - 1$ values sum to $-t$, and their mean is $-\frac{t}{N-1}$.
# 2. The mean of squares is never below the square of the mean, because the difference is a variance. So the mean of the other squares is at
#    least $\frac{t^2}{(N-1)^2}$. There are $N - 1$ of them, so their sum is at least $\frac{t^2}{N-1}$.
# 3. The mean of all $N$ squares is the variance, 1 (with $\varepsilon$ a little less). So their sum is at most $N$:
#    $t^2 + \frac{t^2}{N-1} \le N$. Multiply by $\frac{N-1}{N}$, and you have $t^2 \le N - 1$.
#
# So in a batch of 2, $\hat{x}$ is always −1 and 1 (unless the values are so close that $\varepsilon$ matters).
#
# ## What does ε do?
#
# Some channels are constant, such as a pixel in the corner of all pictures. Without $\varepsilon$ their $\hat{x}$ would be 0/0, "not a number", and
# this `nan` would spread through the whole network:

# %%
constant = np.full(4, 7.0)
with np.errstate(invalid="ignore"):  # no warning for 0/0
    print("ε = 0:      ", normalize(constant, eps=0))
print("ε = 0.00001:", normalize(constant))

# %% [markdown]
# $\varepsilon$ stands **inside** the root. So the standard deviation of $\hat{x}$ is $\sigma / \sqrt{\sigma^2 + \varepsilon}$, a little below 1. Some
# programs divide by $\sigma + \varepsilon$: **outside** the root. Compare the two formulas:

# %%
print("     σ   std of x̂, ε inside   ε outside")
for std in (1, 0.1, 0.01, 0.001):
    print(f"{std:6}   {std / np.sqrt(std**2 + 1e-5):17.3f}   {std / (std + 1e-5):9.3f}")

# %% [markdown]
# Inside the root $\varepsilon$ is added to the *variance*, so it matters once $\sigma$ comes near $\sqrt{0.00001} \approx 0.003$: a channel that hardly
# varies is not blown up to full size. Outside, it matters only near $\sigma = 0.00001$. If you train with one formula and run with the other, no error tells you.
#
# ## Lab: under the microscope
#
# One channel goes through BN and an activation. A value is **saturated** where the activation is nearly flat (its slope is
# below a tenth of its largest slope). Little gradient comes back from there.
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
# 2. None: the reading of $\hat{x}$ stays the same.
# 3. About half for the Gaussian and for the two humps, about 60 % for the skewed input.
# 4. The values come out small: with ε = 10 and σ = 2 their standard deviation is $2/\sqrt{4 + 10} = 0.53$.
#
# </details>
#
# Deeper: [Does BN prevent saturation?](deeper/does_bn_prevent_saturation.ipynb) ·
# [Does BN destroy the non-linearity?](deeper/does_bn_destroy_the_non_linearity.ipynb)
#
# ## "BN makes the bias redundant"
#
# A linear layer computes $hW + b$. The **bias** $b$ is one number for each unit, the same for all samples.
#
# If BN comes next, $b$ has no effect: it moves all values *and their mean* by $b$, and the mean is subtracted. What has no effect on the
# loss has the gradient 0.
#
# The network below has two biases. After the first, BN comes directly. After the second comes a ReLU, then BN.
#
# **Predict.** Is the gradient of the second bias 0 too?

# %% tags=["nbval-ignore-output"]
data = digits(dtype=np.float64)
pictures, labels = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)


def bias_gradients(seed):
    """The length of the gradient of each of the two biases, before any training."""
    torch.manual_seed(seed)
    linear_1, linear_2 = nn.Linear(64, 50), nn.Linear(50, 50)
    part_1 = [linear_1, nn.BatchNorm1d(50), nn.ReLU()]
    part_2 = [linear_2, nn.ReLU(), nn.BatchNorm1d(50)]
    net = nn.Sequential(*part_1, *part_2, nn.Linear(50, 10)).double()
    nn.functional.cross_entropy(net(pictures), labels).backward()
    return [linear.bias.grad.norm().item() for linear in (linear_1, linear_2)]


gradients = np.array([bias_gradients(seed) for seed in range(5)])
print("linear → BN:       ", *(f"{length:.0e}" for length in gradients[:, 0]))
print("linear → ReLU → BN:", *(f"{length:.0e}" for length in gradients[:, 1]))

# %% [markdown]
# <details><summary>Answer</summary>
#
# No, only that of the first (up to rounding), for every seed. The second bias decides which values the ReLU sets to 0, and subtracting a
# mean cannot undo that.
#
# </details>
#
# So the sentence is **true when BN follows directly**: write `bias=False`, and $\beta$ (lesson 03) does the work of a bias. With an
# activation in between it is **false**.
#
# ## "The scale of the weights does not matter"
#
# Multiply all weights of a unit by 10. Its values, their mean and their standard deviation become 10 times larger, so $\hat{x}$
# stays the same. (Here $\varepsilon$ is 0. With $\varepsilon$ all this is nearly true.)
#
# **Predict.** Is the gradient of the loss with respect to these weights then 10 times larger, the same, or 10 times smaller?

# %%
h, factors = torch.from_numpy(rng.normal(3, 2, (8, 5))), torch.from_numpy(rng.normal(size=8))
start = torch.from_numpy(rng.normal(size=5))  # the five weights of one unit
for a in (1, 10):
    w = (a * start).requires_grad_()
    z = h @ w  # the unit's values for 8 samples
    x_hat = (z - z.mean()) / z.std(correction=0)  # correction=0: divides by N
    loss = (factors * x_hat).sum()  # any loss will do
    loss.backward()
    print(f"weights × {a:2}: loss {loss:.4f}, length of the gradient {w.grad.norm():.4f}")
assert gradients[:, 0].max() < 1e-12 < 0.01 < gradients[:, 1].min()  # of the two biases above

# %% [markdown]
# <details><summary>Answer</summary>
#
# 10 times smaller.
#
# </details>
#
# Why? Write $L(w)$ for the loss as a function of the weights. Since $\hat{x}$ stays the same, $L(10\,w) = L(w)$ for all $w$. Differentiate both
# sides with respect to $w$. On the left the chain rule gives a factor 10:
#
# $$10\,L'(10\,w) = L'(w)$$
#
# Now compare a training step from $w$ with one from $10\,w$, at the same learning rate:
#
# - The gradient is 10 times smaller, so the step is 10 times shorter.
# - The weights are 10 times longer. As a share of their length, the step is 100 times shorter: it **turns** them 100 times less. (For a factor $a$
#   it is $a^2$ times.)
#
# Only turning the weights changes $\hat{x}$; making them longer does not. So the sentence is **true for the output** of the layer and **false for its
# training**: long weights learn more slowly.
#
# Deeper: [Do the weights before BN grow?](deeper/do_the_weights_grow.ipynb)
#
# ---
# **Shown:** $\hat{x}$ has mean 0 and, unless $\sigma^2$ is near $\varepsilon$, standard deviation 1. It keeps the shape of $x$ and stays within $\sqrt{N-1}$. A bias right before BN
# does nothing; the scale of the weights changes only how fast the layer learns.
#
# **Practice:** [the exercises](exercises/02_normalize.ipynb), 30 minutes.
#
# **Next:** [03 · Scale and shift](03_scale_and_shift.ipynb).
#
# Sources:
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.
# - On the scale of the weights: T. van Laarhoven, "L2 Regularization versus Batch and Weight Normalization", 2017, arXiv:1706.05350.
