# %% [markdown]
# # 00 · Meet batch normalization
#
# *40 minutes · next: [01 · Measure a batch](01_measure_a_batch.ipynb)*
#
# There is a layer that changed how deep networks are built: **batch normalization**, **BN** for short. In this lesson
# you put it into a network and see what happens.
#
# ## What you will be able to do
#
# - see that a deep network does not learn, and find where its signal is lost
# - put batch normalization into a network, and measure what it changes over several seeds
# - say what a BN layer computes, and check it against PyTorch
# - translate between the names that the paper, PyTorch and Keras use
#
# You need Python, and a rough idea of a neural network: layers, a loss, gradient descent.
# A little NumPy and PyTorch helps. What comes from the package of this course is explained where it is first used.

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %% [markdown]
# ## How these lessons work
#
# - Run the cells from top to bottom (**Shift + Enter**).
# - Where you read **Predict**, stop and make a guess before you run the next cell.
#   An explanation is folded under the cell. A wrong guess is worth more than no guess.
# - A **lab** is a picture with controls. Move them with the mouse or the keyboard: **Tab** goes to the next
#   control, the **arrow keys** move a slider. (Jupyter Notebook 7 keeps the arrow keys for itself; there use
#   **Page Up**, **Page Down**, **Home** and **End**.) A line of words under each lab says what it shows.

# %%
import numpy as np
import torch

from bnteach import figures, labs
from bnteach.data import digits
from bnteach.training import mlp, over_seeds, train

_ = torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## The data: real digits
#
# 1 797 handwritten digits, each a picture of 8 × 8 gray values between 0 and 1. They come with scikit-learn.
# 1 347 are for training, 450 for the test.

# %%
data = digits()
figures.show(
    figures.pictures(data.x_train[:8], titles=[str(label) for label in data.y_train[:8]]),
    alt="Eight handwritten digits in 8 by 8 gray squares, each with its label above it.",
)

# %% [markdown]
# The row shows eight of them with their labels. A network gets the 64 gray values and must say which digit it is.
# There are ten digits, about equally many of each. So a network that only guesses is right about 10 % of the time.
# We call this **chance**.
#
# ## A deep network that should work
#
# Eight hidden layers of 100 units with the *sigmoid* activation, $\sigma(z) = 1 / (1 + e^{-z})$.
# A sigmoid turns any number into one between 0 and 1.

# %%
widths = [64] + [100] * 8 + [10]
plain = mlp(widths, batch_norm=False, seed=0)
print(*(name for name, _ in plain.named_children()), sep=" · ")

# %% [markdown]
# The names stand in the order in which the data goes through: a `linear` layer multiplies by weights, an
# `activation` layer is the sigmoid, and so on eight times. The last linear layer, `output`, gives ten numbers,
# one for each digit.
#
# Nothing is wrong with this network. The weights of each layer are drawn at random with mean 0 and standard deviation
# $1/\sqrt{\text{number of inputs}}$, a usual choice. We train it as usual too: the loss is the *cross-entropy*,
# and each step of gradient descent uses a **batch** of 60 pictures. One pass through all pictures is an **epoch**;
# we train for 15 epochs.
#
# **Predict.** How many of the test digits will it name correctly: about 10 %, 50 % or 95 %?

# %%
plain_history = train(plain, data, epochs=15, learning_rate=0.1, every=11, progress=False)
print(f"test accuracy: {plain_history.test_accuracy[-1]:.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Chance. After 15 epochs the network is no better than before the first step.
#
# </details>
#
# ## Where is the signal lost?
#
# Let us follow the pictures through the *untrained* network, all 1 347 at once. After each activation we ask one question:
# **how much do the outputs differ from picture to picture?** We measure it with the standard deviation over the
# pictures, averaged over the 100 units, and call it the **spread**. If all pictures give the same output, no later
# layer can tell them apart.


# %%
def difference_between_pictures(network):
    """The spread after each activation."""
    h, spreads = torch.from_numpy(data.x_train), []
    for name, layer in network.named_children():
        h = layer(h)
        if name.startswith("activation"):
            spreads.append(h.std(dim=0).mean().item())
    return spreads


# %% [markdown]
# **Predict.** The spread after the first sigmoid is about 0.06. What is it after the eighth?

# %%
untrained = mlp(widths, batch_norm=False, seed=0)
spread_plain = difference_between_pictures(untrained)
print(*(f"layer {k}: {spread_plain[k - 1]:.0e}" for k in (1, 2, 4, 8)), sep="   ")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 0.000002. Each layer makes the spread about four times smaller. The last layer sees
# practically the same numbers for a 3 and for an 8.
#
# </details>
#
# Why does it shrink? A sigmoid is never steeper than 1/4, so it makes every difference at least four times smaller,
# and the weights do not make up for it.
#
# The gradient takes the same path back, and shrinks in the same manner. The **length** of a gradient is the square
# root of the sum of its squares. Here it is for the weights of some layers, at the end of the training above.
#
# **Predict.** Where is it longest: in the first layer, in the middle, or at the output?

# %%
gradients = plain_history.gradient_norms[-1]  # from the first layer to the output
print("more than ten thousand times longer at the output:", gradients[-1] > 10_000 * gradients[0])
print("growing from each layer to the next:", (np.diff(gradients) > 0).all())

# %% [markdown]
# <details><summary>Answer</summary>
#
# At the output. On the path back to the first layer it gets shorter at each step.
#
# </details>
#
# The first layers are told almost nothing about what they should change. This is called a **vanishing gradient**.
#
# ## The same network with batch normalization
#
# We put a BN layer between each linear layer and its sigmoid. The weights start from the same random numbers,
# and training is the same. Only BN is new.

# %%
with_bn = mlp(widths, batch_norm=True, seed=0)
print(*(name for name, _ in with_bn.named_children()), sep=" · ")

# %% [markdown]
# **Predict.** What is the test accuracy after 15 epochs now?

# %% tags=["nbval-ignore-output"]
bn_history = train(with_bn, data, epochs=15, learning_rate=0.1, every=11, progress=False)
print(f"test accuracy: {bn_history.test_accuracy[-1]:.0%}")

# %%
epochs = (
    bn_history.recorded_at / 22
)  # 1 347 pictures make 22 full batches of 60; the rest waits for another epoch
ax = figures.curve(epochs, 100 * plain_history.test_accuracy, role="without_bn")
figures.curve(epochs, 100 * bn_history.test_accuracy, ax=ax, role="with_bn")
figures.frame(ax, title="Only one of them learns", x="epoch", y="test accuracy, %", ylim=(0, 100))
figures.key(ax, {"with_bn": "with BN", "without_bn": "without BN"}, place="center right")
figures.show(
    ax,
    alt="Test accuracy over 15 epochs. With BN it rises within a few epochs to well above 90 percent. "
    "Without BN it stays at about 10 percent.",
)

# %% [markdown]
# The solid blue line is the network with BN: after two or three epochs it names more than 90 % of the digits. The
# dashed orange line is the network without: it stays at chance.
#
# ## Was it luck?
#
# One training is an anecdote. Other random weights could give another picture. So we repeat it with five *seeds*:
# each seed gives other starting weights and another order of the pictures. In this course we compare two trainings
# only in this way.


# %%
def final_accuracy(seed, batch_norm):
    network = mlp(widths, batch_norm=batch_norm, seed=seed)
    history = train(network, data, epochs=15, learning_rate=0.1, seed=seed, every=1000, progress=False)
    return history.test_accuracy[-1]


without = over_seeds(lambda seed: final_accuracy(seed, batch_norm=False), range(5), progress=False)
with_ = over_seeds(lambda seed: final_accuracy(seed, batch_norm=True), range(5), progress=False)

# %% tags=["nbval-ignore-output"]
print("without BN:", *(f"{value:.1%}" for value in without.values))
print("with BN:   ", *(f"{value:.1%}" for value in with_.values))

# %% [markdown]
# Your numbers may differ in the last digit: two processors do not round in the same way. What must not differ is
# the verdict.

# %%
print("without BN, every seed at chance (below 12 %):", (without.values < 0.12).all())
print("with BN, every seed above 90 %:", (with_.values > 0.9).all())

# %% [markdown]
# It was not luck: five out of five, on both sides. And what did BN do to the signal? We ask the same question as
# before, of untrained networks again.

# %%
spread_bn = difference_between_pictures(mlp(widths, batch_norm=True, seed=0))
limits = (1e-7, 1)
ax = figures.layer_sizes(spread_plain, limits=limits, role="without_bn")
figures.layer_sizes(spread_bn, limits=limits, ax=ax, role="with_bn")
figures.frame(ax, title="How much the pictures still differ", x="hidden layer", y="spread", log="y")
figures.key(ax, {"with_bn": "with BN", "without_bn": "without BN"}, markers=True, place="lower left")
figures.show(
    ax,
    alt="The spread between pictures after each of eight layers, on a logarithmic axis. With BN it stays near 0.2 "
    "in all layers. Without BN it falls on a straight line from 0.06 to about 0.000002.",
)

# %% [markdown]
# The vertical axis counts in powers of ten. Without BN the spread falls by about the same factor at each layer.
# With BN it stays at 0.2: each BN layer stretches the differences to a spread of 1, the sigmoid after it makes them
# smaller again, and the next BN layer stretches them back. The loss is repaired before it can add up.
#
# **A fair question: is BN the only cure?** No. Here is the same deep network without BN, with another
# activation: the *hyperbolic tangent*, tanh. It looks like a sigmoid, but its slope is up to 1 instead of 1/4.


# %%
def tanh_accuracy(seed):
    network = mlp(widths, torch.nn.Tanh, batch_norm=False, seed=seed)
    history = train(network, data, epochs=15, learning_rate=0.1, seed=seed, every=1000, progress=False)
    return history.test_accuracy[-1]


tanh = over_seeds(tanh_accuracy, range(5), progress=False)
print("tanh without BN, five seeds, all above 90 %:", (tanh.values > 0.9).all())

# %% [markdown]
# It learns too. So we have *not* shown that deep networks need BN. We have shown that BN repaired this one, with the
# same activation and the same starting weights. What else BN is good for, and what it is not good for, needs more
# care. Several lessons of this course do nothing else.
#
# ## What a BN layer computes
#
# What a BN layer gets is a table: one row for each picture of the batch, one column for each unit. In this course the
# table is $x$, with $N$ rows and $C$ columns. A column is also called a **channel**. BN treats each channel on its own:
#
# $$\mu = \frac{1}{N}\sum_i x_i \qquad \sigma^2 = \frac{1}{N}\sum_i (x_i - \mu)^2 \qquad
# \hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}} \qquad y_i = \gamma\,\hat{x}_i + \beta$$
#
# In words: take the mean and the variance of the channel **over the batch**. Subtract the mean, divide by the
# standard deviation. Then multiply by a number $\gamma$ (*gamma*) and add a number $\beta$ (*beta*).
# The network learns $\gamma$ and $\beta$; they start at 1 and 0. The tiny number $\varepsilon$ (*epsilon*) keeps us
# from dividing by zero.
#
# Now with numbers, small enough to check in your head: $N = 4$ rows, $C = 2$ channels.

# %%
x = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])
mean = x.mean(axis=0)  # over the rows: one number for each column
variance = x.var(axis=0)
print("mean:", mean, "  variance:", variance)

# %% [markdown]
# **Predict.** After BN with $\gamma = 1$ and $\beta = 0$: what is the mean of each column? And its standard deviation?

# %%
x_hat = (x - mean) / np.sqrt(variance + 1e-5)
print(x_hat.round(2))
print("means:", abs(x_hat.mean(axis=0)).round(3), "  standard deviations:", x_hat.std(axis=0).round(3))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Mean 0 and standard deviation 1, for both columns, although the second one had values twenty times larger.
#
# </details>
#
# The last step, with $\gamma = 2, 3$ and $\beta = -1, 10$ for the two channels. The package of this course does it all in
# one function. PyTorch must agree with both; there $\gamma$ is called `weight` and $\beta$ is called `bias`.

# %%
gamma, beta = np.array([2.0, 3.0]), np.array([-1.0, 10.0])
ours, _ = bnteach.batch_norm_forward(x, gamma, beta)
layer = torch.nn.BatchNorm1d(2, dtype=torch.float64)
layer.load_state_dict({"weight": torch.from_numpy(gamma), "bias": torch.from_numpy(beta)}, strict=False)
theirs = layer(torch.from_numpy(x)).detach().numpy()
print(
    "by hand = bnteach:",
    np.allclose(gamma * x_hat + beta, ours),
    "  bnteach = PyTorch:",
    np.allclose(ours, theirs),
)

# %% [markdown]
# That is the whole forward pass. Note what is unusual about it: the output for one row depends on
# **all the other rows** of the batch, because they are in the mean and in the variance. Much that is
# good about BN, and nearly all that goes wrong with it, comes from there.
#
# ## Lab: how deep can the signal go?
#
# 256 real digits go through an untrained network, and a random gradient comes back the whole way. *Weight scale* is
# a factor on the usual size of the weights. Try this:
#
# 1. Switch batch normalization on. What happens to the two curves on the right?
# 2. Switch it off, and choose *ReLU*: $\max(0, z)$. At which weight scale do both curves stay flat?
# 3. With BN on, move the weight scale from one end to the other. What happens to the curves?

# %% tags=["nbval-ignore-output"]
labs.Depth()

# %% [markdown]
# On the left there is one histogram for each layer: what one unit gives for the 256 digits. On the right you
# see how much of the difference between the digits is left in each layer, and how much of the gradient comes back.
#
# <details><summary>What you may have found</summary>
#
# 1. Without BN the signal fades layer by layer, and so does the gradient on its path back. With BN both keep their size.
# 2. Near 1.4, that is $\sqrt 2$. A ReLU sets about half of the values to zero. That halves the mean of the *squares*, and
#    a factor of $\sqrt 2$ on the weights doubles it again.
# 3. Nothing. BN divides by the standard deviation, so the size of the weights drops out, forward and backward.
#
# </details>
#
# ## Lab: watch two networks learn
#
# Two networks with five sigmoid layers learn the digits side by side. They start from the same weights and see the
# same batches. Press **Start**. The picture below shows the first epochs; Start goes on from there.
#
# 1. Which network learns first? What happens to the input of the last sigmoid, on the right?
# 2. Choose a learning rate ten times larger. Does the network with BN still learn?
# 3. Tick *Batch normalization* for both networks. Do they still differ?

# %% tags=["nbval-ignore-output"]
training = labs.Training()
training.advance(epochs=4)
training

# %% [markdown]
# From left to right: the loss on the training batches, the accuracy on the test digits, and where the middle 70 %
# of the values lie that enter the last sigmoid. You can pause at any time and run other cells meanwhile.
# (A network that gives each of ten digits the same chance has a loss of $\ln 10 \approx 2.3$.)
#
# <details><summary>What you may have found</summary>
#
# 1. B, with BN, learns at once. A stays at a loss of 2.3 and 10 %. The values that enter B's last sigmoid spread wider as it
#    learns: $\gamma$ of that layer is learned too, and grows. (Lesson 03 follows $\gamma$ through a training.)
# 2. Yes, though it ends a little lower. The network without BN does not learn at either rate.
# 3. No. They have the same weights and see the same batches: BN was the only difference.
#
# </details>
#
# ## The same thing under many names
#
# The paper, the libraries and the tutorials do not agree on names. You need not learn this table: come back to it. Two
# lines are more than names: the default of $\varepsilon$ differs, and *momentum* means opposite things. The last three
# lines belong to the use of a network after its training, the subject of lesson 05.
#
# | in this course, as in the paper | PyTorch | Keras | elsewhere |
# |---|---|---|---|
# | mean of the batch, $\mu$ | (no name) | (no name) | `mu`, `batch_mean`, `sample_mean` |
# | variance of the batch, $\sigma^2$ | (no name) | (no name) | `var`, `batch_var`, `sample_var` |
# | $\varepsilon$, epsilon | `eps` = 1e-5 | `epsilon` = 1e-3 | `eps` |
# | $\gamma$, gamma: the scale | `weight` | `gamma` | `scale`, `g` |
# | $\beta$, beta: the shift | `bias` | `beta` | `offset`, `shift`, `b` |
# | $\hat{x}$: the normalized value | (no name) | (no name) | `x_hat`, `x_norm`, `x_normalized` |
# | average of the means, for use after training | `running_mean` | `moving_mean` | `population_mean` |
# | average of the variances | `running_var` | `moving_variance` | `population_var` |
# | momentum $m$: average ← … | $(1 - m)$·old + $m$·new, with $m$ = 0.1 | $m$·old + $(1 - m)$·new, with $m$ = 0.99 | both are found |
#
# PyTorch's defaults and names can be asked of a layer:

# %%
layer = torch.nn.BatchNorm1d(num_features=2)
print("eps:", layer.eps, "  momentum:", layer.momentum)
print(list(layer.state_dict()))

# %% [markdown]
# ## The course
#
# | | lesson | its question |
# |---|---|---|
# | 00 | Meet batch normalization | what does it do for a network? |
# | 01 | [Measure a batch](01_measure_a_batch.ipynb) | how do we get a mean and a variance, and how far can we trust them? |
# | 02 | [Normalize](02_normalize.ipynb) | what does the normalized value have, and what not? |
# | 03 | [Scale and shift](03_scale_and_shift.ipynb) | why learn γ and β, if they can undo it all? |
# | 04 | [Derive the backward pass](04_derive_the_backward_pass.ipynb) | how does the gradient go through a mean and a variance? |
# | 05 | [Train and infer](05_train_and_infer.ipynb) | what replaces the batch when there is none? |
# | 06 | [Normalize channels](06_normalize_channels.ipynb) | how does it work on pictures? |
# | 07 | [Put the claims on trial](07_put_the_claims_on_trial.ipynb) | which of the things people say about BN can be measured? |
# | 08 | [Choose a norm](08_choose_a_norm.ipynb) | which values should share a mean, and when is BN the wrong choice? |
# | 09 | [Slim and fold](09_slim_and_fold.ipynb) | which channels can go, and what does that save? |
# | 10 | [Across devices](10_across_devices.ipynb) | what becomes of BN when a batch is cut into shares? |
# | 11 | [Put it in a detector](11_put_it_in_a_detector.ipynb) | what did BN change in YOLO? |
# | 12 | [The same layer elsewhere](12_the_same_layer_elsewhere.ipynb) | how do PyTorch, Keras and ONNX differ? |
# | 13 | Make it fast (in preparation) | how fast can NumPy's BN be, and what bounds it? |
#
# Lessons 01 to 10 and 12 have [exercises](exercises/01_measure_a_batch.ipynb), which check themselves and name the mistake. Lessons 07 to 12
# stand on lessons 00 to 06; their order is free.
#
# ## What you can do now
#
# - ✓ see that a deep network does not learn, and find where its signal is lost: accuracy at chance, a spread
#   that falls to a few millionths, a gradient that vanishes on the path back
# - ✓ put batch normalization into a network, and measure what it changes over several seeds: five of five learned
# - ✓ say what a BN layer computes, and check it against PyTorch: mean, variance, normalize, scale and shift
# - ✓ translate between the names that the paper, PyTorch and Keras use: mind the momentum
#
# **Go on with [01 · Measure a batch](01_measure_a_batch.ipynb).**
#
# *Source: S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
# Covariate Shift", 2015, arXiv:1502.03167.*
