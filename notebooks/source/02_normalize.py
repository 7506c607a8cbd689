# %% [markdown]
# # 02 · Normalize
#
# *35 minutes · previous: [01c · See why in a network](01c_see_why_in_a_network.ipynb) · next: [03 · Scale and shift](03_scale_and_shift.ipynb) ·
# [exercises](exercises/02_normalize.ipynb)*
#
# Batch Normalization (BN) subtracts the mean of each channel and divides by its standard deviation. You write this step in two lines.
# Then you test what is often said about its values, and about the biases and the weights before it.

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
# of the result show them:

# %%
centered = x - x.mean(axis=0)
print("right:              ", x_hat.std(axis=0).round(3))
print("divided by σ²:      ", (centered / x.var(axis=0)).std(axis=0).round(3))
print("variance with N − 1:", (centered / x.std(axis=0, ddof=1)).std(axis=0).round(3))

# %% [markdown]
# The first mistake gives $1/\sigma$. The second gives $\sqrt{(N-1)/N}$, which is hard to see in a usual batch: for $N = 64$ it is 0.992.
#
# Some books write $x - \mu$ as a matrix product, $Hx$: $H$ has $1 - \frac{1}{N}$ on its diagonal and $-\frac{1}{N}$ elsewhere.
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

# %% tags=["draws"] alt="Two columns, for a skewed channel and for one with two unequal humps. Above the gray histogram of x, below the blue one of x-hat, each on an axis of its own. The two in a column have exactly the same shape; only the numbers on the axes differ."
figure, axes = figures.new_figure(columns=2, rows=2, size=(7.0, 3.6))
columns = [("skewed", (-1, 10), range(0, 11, 2)), ("unequal humps", (-8, 10), range(-8, 11, 4))]
for column, (name, limits, ticks) in enumerate(columns):
    x = channels[name]
    scaled = [(limit - x.mean()) / x.std() for limit in limits]  # the same limits for x̂
    x_axes, x_hat_axes = axes[column], axes[column + 2]
    figures.histogram(x, ax=x_axes, limits=limits, bins=60, role="before")
    figures.histogram(normalize(x), ax=x_hat_axes, limits=scaled, bins=60, role="with_bn")
    figures.frame(x_axes, title=f"{name}: one shape, other numbers", x="x")
    figures.frame(x_hat_axes, x="x̂")
    x_axes.set(yticks=[], xticks=ticks, xlim=limits)
    x_hat_axes.set(yticks=[], xticks=range(-1, int(scaled[1]) + 1), xlim=scaled)
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# 37 %: a value above the mean stays above it. Subtracting and dividing change the numbers on the axis of a histogram, and not its shape.
#
# </details>
#
# So two common sentences are false:
#
# - "BN brings the values into $(-1, 1)$": about a third of a bell curve lies outside.
# - "After BN the values are normally distributed" (a bell curve): what was skewed stays skewed.
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


for n in (5, 10, 101):
    thousand, million = x_hat_of_one(1e3, n), x_hat_of_one(1e6, n)
    print(f"N = {n:3}: 1 000 becomes {thousand:.3f}, 1 000 000 becomes {million:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 3, and for 1 000 too. If the value grows, the standard deviation by which it is divided grows with it.
#
# </details>
#
# In each row $\hat{x}$ is $\sqrt{N - 1}$. Can another batch give more? We search 4 000 random channels of each batch size, where a few values are enormous.

# %%
sizes = np.array([2, 3, 5, 9, 17, 33, 65])
found = [abs(normalize(rng.standard_cauchy((n, 4000)))).max() for n in sizes]
print("largest found:", np.round(found, 3))

# %% tags=["draws"] alt="The largest normalized value found in 4000 random channels for each batch size, as large points, and the thin curve square root of N minus 1. Each point lies just below the curve."
assert (found < np.sqrt(sizes - 1)).all()
ax, n = figures.new_axes(size=(5.0, 2.8)), np.linspace(1, 70, 300)
ax.plot(n, np.sqrt(n - 1), color=figures.role("truth").color, lw=1, label="√(N − 1)")
color = figures.role("with_bn").color
ax.plot(sizes, found, "o", ms=8, color=color, clip_on=False, label="largest in 4 000 channels")
figures.frame(ax, title="|x̂| stays below √(N − 1)", x="batch size N", y="largest |x̂|", ylim=(0, 9))
ax.legend(loc="lower right", frameon=False)
figures.show(ax)

# %% [markdown]
# No batch can give more. The proof has three steps. Call one of the normalized values $t$, and the other $N - 1$ of them $u_i$.
#
# 1. **The sum.** All $N$ values sum to 0. So the $u_i$ sum to $-t$, and their mean is $\bar{u} = -\frac{t}{N-1}$.
# 2. **The squares of the others.** The variance of the $u_i$ is the mean of their squares minus $\bar{u}^2$, and no variance is below 0. So
#    $\frac{1}{N-1}\sum u_i^2 \ge \bar{u}^2 = \frac{t^2}{(N-1)^2}$, or, times $N - 1$: $\sum u_i^2 \ge \frac{t^2}{N-1}$.
# 3. **All squares.** Their mean is the variance of $\hat{x}$: 1, or a little less because of $\varepsilon$. So their sum is at most $N$:
#    $N \ge t^2 + \sum u_i^2 \ge t^2 + \frac{t^2}{N-1} = t^2\,\frac{N}{N-1}$, and therefore $t^2 \le N - 1$.
#
# In a batch of 2, two different values become −1 and 1 (if $\sigma^2$ is much larger than $\varepsilon$): they sum to 0, and their squares to 2.
#
# ## What does ε do?
#
# Some channels are constant, such as a pixel in the corner of all pictures. Without $\varepsilon$ their $\hat{x}$ would be 0/0, not a number; with it, $\hat{x}$ is 0.
#
# $\varepsilon$ stands **inside** the root. So the standard deviation of $\hat{x}$ is $\sigma / \sqrt{\sigma^2 + \varepsilon}$, a little below 1. A common
# mistake is to divide by $\sigma + \varepsilon$, with $\varepsilon$ **outside** the root. Compare the two formulas:

# %%
assert (normalize(np.full(4, 7.0)) == 0).all()  # a constant channel
print("     σ   std of x̂, ε inside   ε outside")
for std in (1, 0.1, 0.01, 0.001):
    print(f"{std:6}   {std / np.sqrt(std**2 + 1e-5):17.3f}   {std / (std + 1e-5):9.3f}")

# %% [markdown]
# Inside the root $\varepsilon$ is added to the *variance*, so it matters once $\sigma$ comes near $\sqrt{0.00001} \approx 0.003$: a channel that hardly
# varies is not blown up to full size. Outside, it matters only near $\sigma = 0.00001$.
#
# ## Lab: under the microscope
#
# One channel goes through BN and an activation. A value is **saturated** where the activation is nearly flat: its slope there is
# below a tenth of its steepest. Little gradient comes back from there.
#
# 1. BN off, sigmoid: move the shift to one end. What happens to the output, and to the mean slope?
# 2. The same with BN on. What difference do shift and scale make?
# 3. Choose ReLU, with BN on. Which share of the values becomes 0, for each shape of the input?

# %% tags=["nbval-ignore-output"]
labs.Microscope()

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. The values slide to where the sigmoid is flat. At a shift of 5, about three quarters are saturated, and the mean slope is about 0.03 of at most 0.25.
# 2. None that one sees: the reading of $\hat{x}$ stays the same. (At a scale near $\sqrt{\varepsilon}$ it would not.)
# 3. About half for the Gaussian and for the two humps, which are symmetric around their mean; about 60 % for the skewed input.
#
# </details>
#
# Deeper: does BN [prevent saturation](deeper/does_bn_prevent_saturation.ipynb), does it [destroy the
# non-linearity](deeper/does_bn_destroy_the_non_linearity.ipynb), does a ReLU [drop half of the values](deeper/does_a_relu_drop_half.ipynb), and does a layer's
# [distribution stay the same](deeper/does_the_distribution_stay.ipynb)?
#
# ## "BN makes the bias redundant"
#
# A linear layer computes $hW + b$. The **bias** $b$ is one number for each unit, the same for all samples.
#
# If BN comes next, $b$ has no effect: it moves all values *and their mean* by $b$, and the mean is subtracted. What has no effect on the
# loss has the gradient 0.
#
# In the network below BN follows directly after the first bias. After the second comes a ReLU, then BN.
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
# No, only that of the first (up to rounding). The second bias decides which values the ReLU sets to 0, and subtracting a mean cannot undo that.
#
# </details>
#
# So the sentence is **true when BN follows directly**: write `bias=False`, and $\beta$ (lesson 03) does the work of a bias. With an
# activation in between it is **false**.
#
# ## "The scale of the weights does not matter"
#
# Multiply all weights of a unit by 3. Its values, their mean and their standard deviation become 3 times larger, so $\hat{x}$
# stays the same. (This needs a $\sigma^2$ much larger than $\varepsilon$. Here $\varepsilon$ is 0.)
#
# **Predict.** Is the gradient of the loss with respect to these weights then 3 times larger, the same, or 3 times smaller?

# %%
h, factors = torch.from_numpy(rng.normal(3, 2, (8, 5))), torch.from_numpy(rng.normal(size=8))
start = torch.from_numpy(rng.normal(size=5))  # the five weights of one unit


def loss_and_gradient(w):
    w.requires_grad_()
    z = h @ w  # the unit's values for 8 samples
    x_hat = (z - z.mean()) / z.std(correction=0)  # correction=0: divides by N
    loss = (factors * x_hat).sum()  # any loss will do
    loss.backward()
    return loss.item(), w.grad


for a in (1, 3):
    loss, gradient = loss_and_gradient(a * start)
    print(f"weights × {a}: loss {loss:.4f}, length of the gradient {gradient.norm():.4f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 3 times smaller.
#
# </details>
#
# Why? Write $L(w)$ for the loss as a function of the weights. Since $\hat{x}$ stays the same, $L(3\,w) = L(w)$ for all $w$. Take the gradient with respect to $w$
# on both sides. On the left the chain rule gives the factor 3:
#
# $$3\,L'(3\,w) = L'(w)$$
#
# Here $L'(3\,w)$ is the gradient of $L$ at the point $3\,w$: a third of that at $w$.
#
# And in training? Longer weights give the same $\hat{x}$; only **turning** them changes it. So we take one step of gradient descent from
# $w$ and one from $3\,w$, with the same learning rate, and measure the angle:

# %%
for a in (1, 3):
    w = a * start
    _, gradient = loss_and_gradient(w)
    w, step = w.detach(), 0.01 * gradient
    cosine = nn.functional.cosine_similarity(w, w - step, dim=0)
    angle = torch.rad2deg(torch.arccos(cosine))
    print(f"weights × {a}: length {w.norm():.2f}, step {step.norm():.4f}, turned by {angle:.3f}°")
assert gradients[:, 0].max() < 1e-12 < 0.01 < gradients[:, 1].min()  # of the two biases above

# %% [markdown]
# The longer weights turn 9 times less, for two reasons. Their step is 3 times shorter. And a step of the same length turns a longer arrow less: a
# step of 1 across an arrow of length 10 turns it by about 6°, across one of length 30 by about 2°.
#
# So the sentence is **true for the output** of the layer and **false for its training**: with gradient descent, long weights learn more slowly. (With the optimizer Adam only
# the second reason is left: its steps do not become shorter with the gradient.)
#
# Deeper: [Do the weights before BN grow?](deeper/do_the_weights_grow.ipynb)
#
# ---
# **Shown:** $\hat{x}$ has mean 0 and, unless $\sigma^2$ is near $\varepsilon$, standard deviation 1. It keeps the shape of $x$ and stays within $\pm\sqrt{N-1}$. A bias right before BN
# does nothing; the scale of the weights changes only how fast the layer learns.
#
# **Practice:** [the exercises](exercises/02_normalize.ipynb), 30 minutes.
#
# **Next:** [03 · Scale and shift](03_scale_and_shift.ipynb).
#
# Sources:
# - S. Ioffe and C. Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.
# - On the scale of the weights: T. van Laarhoven, "L2 Regularization versus Batch and Weight Normalization", 2017, arXiv:1706.05350.
