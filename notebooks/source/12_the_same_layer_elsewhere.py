# %% [markdown]
# # 12 · The same layer elsewhere
#
# *35 minutes · previous: [11 · Put it in a detector](11_put_it_in_a_detector.ipynb) ·
# next: [13 · Make it fast](13_make_it_fast.ipynb)*
#
# BN has the same formula in every framework, but other names and other defaults. You see what some of the differences cost, write PyTorch's own layer, and
# carry a small model from Keras to PyTorch.
#
# | | PyTorch | Keras 3 | Flax linen (JAX) | ONNX |
# |---|---|---|---|---|
# | scale γ, shift β | `weight`, `bias` | `gamma`, `beta` | `scale`, `bias` | `scale`, `B` |
# | running mean, variance | `running_mean`, `running_var` | `moving_mean`, `moving_variance` | `mean`, `var` | `input_mean`, `input_var` |
# | ε | 0.00001 | **0.001** | 0.00001 | 0.00001 |
# | momentum | 0.1, for the **new batch** | 0.99, for the **old average** | 0.99, for the old average | 0.9, for the old average |
# | axis of the channels | 1 | **last** | **last** | 1 |
# | the variance that it stores | divided by $m - 1$ | by $m$ | by $m$ | by $m$ |

# %%
import numpy as np
import torch
from torch import nn

import bnteach
from bnteach import data, figures, labs, training
from bnteach.trials import elsewhere

# %% [markdown]
# ## Momentum and ε
#
# The new running mean is a mixture of the old one and the mean of the new batch. In PyTorch the momentum is the weight of the new batch, elsewhere it is the weight of the old average. A wrong momentum or ε raises
# no error. In the lab you type the same momentum into PyTorch and Keras.
#
# 1. Momentum 0.99, Keras' default: what does PyTorch's running mean do?
# 2. Which momentum means the same in both?
# 3. A channel has a standard deviation of 0.01. What does Keras' ε do to it?

# %%
labs.Momentum()

# %% [markdown]
# <details><summary>Answers</summary>
#
# 1. It jumps: 99 % of it is the last batch. With 0.01, which is $1 - 0.99$, it does what Keras does.
# 2. 0.5 only.
# 3. $\hat{x}$ has a standard deviation of 0.30 instead of 1: $\sigma^2 = 0.0001$ is a tenth of $\varepsilon = 0.001$.
#
# </details>
#
# What does it cost to copy Keras' 0.99 into PyTorch? A small network learns the digits in batches of 4, with the momentum copied, with it translated to
# 0.01, and with PyTorch's default 0.1. For five seeds: the training loss of the last epoch, and the test accuracy.
#
# **Predict.** Where does the copied momentum show: in the training loss, in the test accuracy, or in both?

# %% tags=["nbval-ignore-output"]
digits = data.digits()
x_train, y_train = torch.tensor(digits.x_train), torch.tensor(digits.y_train)
x_test, y_test = torch.tensor(digits.x_test), torch.tensor(digits.y_test)


def train(momentum, seed):
    torch.manual_seed(seed)
    norm = nn.BatchNorm1d(32, momentum=momentum)
    network = nn.Sequential(nn.Linear(64, 32), norm, nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        losses = []
        for rows in torch.randperm(1280).split(4):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(x_train[rows]), y_train[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    accuracy = (network.eval()(x_test).argmax(dim=1) == y_test).float().mean().item()
    return np.mean(losses), accuracy


found = {}
for words, momentum in {"copied, 0.99": 0.99, "translated, 0.01": 0.01, "default, 0.1": 0.1}.items():
    losses, found[words] = np.transpose([train(momentum, seed) for seed in range(5)])
    print(f"{words:17} training loss", *(f"{loss:.2f}" for loss in losses), end="   ")
    print("test accuracy", *(f"{share:4.0%}" for share in found[words]))
lost = 100 * (found["translated, 0.01"] - found["copied, 0.99"])
print(f"points lost: {lost.min():.0f} to {lost.max():.0f}")
assert (lost > 2).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# In the test accuracy only: the copied number costs 10 to 28 points. The training losses are the same, because in training BN takes the batch. In evaluation
# the copied layer normalizes with statistics that are nearly those of the last batch of four pictures. (PyTorch's default 0.1 is even a little better here than 0.01: the running statistics forget their start sooner.)
#
# </details>
#
# ## Layout
#
# Keras and Flax keep pictures as (N, H, W, C). Here are four landscapes of 12 rows and 16 columns.


# %% tags=["draws"] alt="Four landscapes: blue sky, dark green ground, and a yellow sun that moves from left to right."
def landscape(sun):
    picture = np.empty((12, 16, 3))
    picture[:8], picture[8:] = (0.45, 0.7, 1.0), (0.2, 0.5, 0.15)  # sky, ground
    picture[2:5, sun : sun + 3] = 1.0, 0.9, 0.2
    return picture


pictures = np.stack([landscape(sun) for sun in (1, 5, 9, 12)])  # (N, H, W, C)
figure, axes = figures.new_figure(columns=4, size=(7.2, 1.6))
for ax, picture in zip(axes, pictures, strict=True):
    ax.imshow(picture)
    ax.set_axis_off()
figures.show(figure)

# %% [markdown]
# bnteach takes the axis of the channels as an argument, `channel_axis`. The correct axis is the last; we also try axis 1.
#
# **Predict.** What does axis 1 count here? And what gets the mean 0, if BN takes it for the channels?

# %%
normalized = {}
for axis in (-1, 1):
    y, _ = bnteach.batch_norm_forward(pictures, None, None, channel_axis=axis)
    normalized[axis] = y
    means, rows = y.mean(axis=(0, 1, 2)), y.mean(axis=(0, 2, 3))
    print(f"channel_axis={axis:2}   means of the channels {means.round(2) + 0.0}", end="   ")
    print(f"of the top row {rows[0].round(2) + 0.0:5.2f}, of the bottom row {rows[-1].round(2) + 0.0:5.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Axis 1 counts the rows. So each *row* of the pictures gets the mean 0, over red, green and blue together. The means of the channels stay different.
#
# </details>
#
# `nn.BatchNorm2d(3)` has no such argument: its channels are on axis 1. If it is given these pictures as they are, (4, 12, 16, 3), it raises an error, because it finds 12 channels. With pictures of height 3 it would
# raise none, and normalize rows.
#
# Kernels have another layout, too: Keras' (H, W, in, out) is PyTorch's (out, in, H, W). And the layout decides the order behind a `Flatten`, here for a picture of 2 × 2 places and
# 3 channels:

# %%
print("A kernel (5, 4, 3, 8) of Keras is in PyTorch", tuple(nn.Conv2d(3, 8, (5, 4)).weight.shape))
picture = np.arange(12).reshape(2, 2, 3)  # (H, W, C)
print("Flatten in Keras:  ", picture.reshape(-1))
print("Flatten in PyTorch:", picture.transpose(2, 0, 1).reshape(-1))

# %% [markdown]
# So in the linear layer behind the `Flatten`, the columns of the weights have to be put into the other order ([a whole model](deeper/carry_a_keras_model_over.ipynb)).
#
# ## Which variance is stored
#
# All frameworks normalize a training batch with the variance divided by $m$, the number of values of a channel. What they store for evaluation
# differs: Keras and Flax store this variance, and PyTorch multiplies it by $m/(m-1)$ first. Here is a batch of two values, with a momentum of 1, so that only this batch is stored:

# %%
layer = nn.BatchNorm1d(1, momentum=1.0)
layer(torch.tensor([[1.0], [3.0]]))
print("variance of 1 and 3:", np.var([1.0, 3.0]), "  PyTorch stores:", layer.running_var.item())

# %% [markdown]
# For a batch of 8 values PyTorch stores 14 % more, for 3 000 values 0.03 %. So what do you do with a stored variance?
#
# - **To predict** in the other framework, copy it as it is: the layer has to compute what it computed before.
# - **To go on training**, translate it: what would PyTorch have stored after the same batches? You write this in
#   [exercise 1](exercises/12_the_same_layer_elsewhere.ipynb).
#
# An exception: for pictures, tf.keras 2 by default used a fused kernel, and its `moving_variance` is divided by $m - 1$.
#
# ## Which mode is a new layer in?
#
# In PyTorch a new layer is in training mode, until you call `eval()`. In Keras a call of `layer(x)` alone means evaluation; only
# `layer(x, training=True)`, or `fit`, takes the batch. Flax has no default: you give `use_running_average`; `True` is evaluation.
#
# And a frozen layer? In Keras its parameters are frozen by `trainable = False`, in PyTorch by `requires_grad = False`. For BN these two do not mean the same. We give the batch (1, 10), (3, 30) to frozen layers, and
# print the mean of each channel of the result. It is 0 if the layer normalizes with the batch. (You do not need Keras: its results are stored.)

# %%
in_keras = training.stored("results/12_calls.json", elsewhere.keras_calls)["results"]
for way, means in in_keras.items():
    print(f"Keras, trainable = False, {way:23} means", np.round(means, 2))
layer = nn.BatchNorm1d(2).requires_grad_(False)
means = layer(torch.tensor([[1.0, 10], [3, 30]])).mean(dim=0)
print("PyTorch, requires_grad = False, layer(x)           means", means.numpy().round(2))

# %% [markdown]
# In PyTorch, `requires_grad = False` stops the gradients of γ and β, and nothing else: the layer still normalizes with the batch, and
# still updates its running statistics. In Keras, `trainable = False` puts a BN layer into evaluation mode, even with `training=True`. (19.99, not 20: the new layer divides by √(1 + ε).)
#
# ## Write PyTorch's layer yourself
#
# For a table of samples and channels, `nn.BatchNorm1d` has the lines of lessons 02, 03 and 05. An `nn.Parameter` is trained. A **buffer** is stored
# with the model and moves with it to a GPU, but no gradient changes it. There is no backward pass here, because PyTorch derives it.


# %%
class MyBatchNorm(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if len(x) < 2:
                raise ValueError("Expected more than 1 value per channel when training")
            mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
            self.update(mean.detach(), var.detach(), len(x))
        x_hat = (x - mean) / torch.sqrt(var + self.eps)
        return self.weight * x_hat + self.bias

    def update(self, mean, var, m):
        self.num_batches_tracked += 1
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var * m / (m - 1) - self.running_var)


# %% [markdown]
# The names are PyTorch's, so each layer can load the other's state. (In tutorials such a layer may have the name `BatchNorm(dim=5)`.) Both get the same γ and β, the same batch of 4 × 5 and the same $dy$.

# %%
torch.manual_seed(0)
mine, theirs = MyBatchNorm(5), nn.BatchNorm1d(5)
nn.init.normal_(mine.weight)
nn.init.normal_(mine.bias)
theirs.load_state_dict(mine.state_dict())
batch, dy = 5 + 3 * torch.randn(4, 5), torch.randn(4, 5)


def passes(layer):
    x = batch.clone().requires_grad_()
    y = layer(x)
    y.backward(dy)
    gradients = {"dx": x.grad, "dgamma": layer.weight.grad, "dbeta": layer.bias.grad}
    kept = {"running_mean": layer.running_mean, "running_var": layer.running_var}
    return {"y": y, **gradients, **kept, "y in evaluation": layer.eval()(batch)}


for (name, ours), pytorch in zip(passes(mine).items(), passes(theirs).values(), strict=True):
    print(f"{name:16} largest difference {(ours - pytorch).abs().max():.0e}")
    assert torch.allclose(ours, pytorch, atol=1e-5)
_ = mine.load_state_dict(theirs.state_dict())  # and back

# %% [markdown]
# A state holds γ, β, both running statistics and the count of the batches. It does **not** hold ε and the momentum: give the new layer the same ones. (bnteach's layer reads
# the same state.)
#
# ## From Keras to PyTorch
#
# A `Dense` layer of 3 units and its BN have seen 10 batches in Keras, which keeps the weights of `Dense` as (in, out); PyTorch's `Linear` keeps (out, in).

# %%
stored = training.stored("results/12_model.json", elsewhere.keras_model)["results"]
kept = {name: torch.tensor(values) for name, values in stored.items()}
dense, norm = nn.Linear(2, 3), MyBatchNorm(3, eps=stored["epsilon"])
dense.load_state_dict({"weight": kept["kernel"].T, "bias": kept["bias"]})
state = {"weight": kept["gamma"], "bias": kept["beta"], "num_batches_tracked": torch.tensor(10)}
norm.load_state_dict(state | {"running_mean": kept["moving_mean"], "running_var": kept["moving_variance"]})
y = norm.eval()(dense(kept["x"])).detach()
print("Keras:  ", *kept["y"][0].numpy().round(4), "   PyTorch:", *y[0].numpy().round(4))
assert torch.allclose(y, kept["y"], atol=1e-5)

# %% [markdown]
# ## Two models from tutorials
#
# Keras tutorials build models like these two, and both models should give two numbers for each sample. Both have a mistake, but no error is raised.
#
# ```python
# dense = Sequential()
# dense.add(Input(shape=(1, 5)))
# dense.add(Dense(16, activation="relu"))
# dense.add(BatchNormalization())
# dense.add(Dense(32, activation="relu"))
# dense.add(BatchNormalization())
# dense.add(Dense(2, activation="softmax"))
#
# conv = Sequential()
# conv.add(Input(shape=(28, 28, 3)))
# conv.add(Conv2D(32, (3, 3), activation="relu"))
# conv.add(BatchNormalization())
# conv.add(Conv2D(32, (3, 3), activation="relu"))
# conv.add(BatchNormalization())
# conv.add(MaxPooling2D((2, 2)))
# conv.add(Dense(2, activation="softmax"))
# ```
#
# **Predict.** What shapes do they return?

# %%
models = training.stored("results/12_tutorial_models.json", None)["results"]
for name, (shape, parameters) in models.items():
    print(f"{name:6} returns {shape}   parameters of each layer {parameters}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# (None, 1, 2) and (None, 12, 12, 2).
#
# </details>
#
# The input of the dense model is declared as one row of five numbers, so it returns one row of two. With `Input(shape=(5,))` it returns two numbers. The
# convolutional model has a map of 12 · 12 positions at the end, and classifies each of them. It needs `Flatten()` or `GlobalAveragePooling2D()` before the last `Dense`.
#
# BN behind 16 units has $4 \cdot 16 = 64$ parameters in Keras: γ, β and both running statistics. In PyTorch only γ and β are parameters; the running statistics are buffers.
#
# ## When a layer moves
#
# | look at | if it is not translated |
# |---|---|
# | ε | a channel with a small standard deviation comes out too small, or too large |
# | momentum | if training goes on, the running statistics follow the last batch, or hardly move |
# | axis of the channels, kernels | an error, or rows are normalized instead of channels |
# | the order behind `Flatten` | each weight meets another value than it learned |
# | stored variance, if training goes on | a factor of $m/(m-1)$, small for large $m$ |
# | mode, frozen layers | the batch is taken where the running statistics were meant |
#
# **Shown:** many differences raise no error. A small model of Keras (its stored results) gave the same numbers in PyTorch, once ε, layout and mode were translated. The columns of Flax and ONNX are from
# their documentation.
#
# **Practice:** [the exercises](exercises/12_the_same_layer_elsewhere.ipynb), 30 minutes. **Deeper:**
# [Carry a Keras model over](deeper/carry_a_keras_model_over.ipynb) · [What does ONNX define?](deeper/what_does_onnx_define.ipynb)
#
# **Next:** [13 · Make it fast](13_make_it_fast.ipynb),
# [14 · Deep enough to break](14_deep_enough_to_break.ipynb), [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb), in any order.
#
# *Sources:*
#
# - *Documentation of PyTorch, Keras 3, Flax linen, and ONNX (BatchNormalization, version 15).*
# - *tf.keras 2's stored variance: tensorflow/tensorflow, issue 55545; keras-team/keras, pull request 9028.*
