# %% [markdown]
# # 12 · The same layer elsewhere
#
# *35 minutes · previous: [11 · Put it in a detector](11_put_it_in_a_detector.ipynb) ·
# next: [13 · Make it fast](13_make_it_fast.ipynb)*
#
# BN has the same formula in every framework, but other names, other defaults and another idea of momentum. You see what some of the
# differences cost, meet two models as tutorials publish them, and write PyTorch's own layer yourself. At the end there is a list of what to look at when a
# BN layer moves from one framework to another.
#
# | | PyTorch | Keras 3 | Flax linen (JAX) | ONNX |
# |---|---|---|---|---|
# | scale γ, shift β | `weight`, `bias` | `gamma`, `beta` | `scale`, `bias` | `scale`, `B` |
# | running mean, variance | `running_mean`, `running_var` | `moving_mean`, `moving_variance` | `mean`, `var` | `input_mean`, `input_var` |
# | ε | 0.00001 | **0.001** | 0.00001 | 0.00001 |
# | momentum, and whose weight it is | 0.1, the new batch's | 0.99, **the old average's** | 0.99, **the old average's** | 0.9, **the old average's** |
# | axis of the channels | 1 | **last** | **last** | 1 |
# | the variance that it stores | divided by $m - 1$ | by $m$ | by $m$ | by $m$ |

# %%
import numpy as np
import torch
from torch import nn

import bnteach
from bnteach import data, figures, labs, training

# %% [markdown]
# ## Momentum and ε
#
# A wrong momentum or ε raises no error. In the lab, the same momentum is typed into a layer of PyTorch and into one of Keras.
#
# 1. Momentum 0.99, Keras' default: what does PyTorch's running mean do?
# 2. Momentum 0.1, PyTorch's default: what does Keras' do now?
# 3. Which momentum means the same in both?
# 4. A channel with a standard deviation of 0.01 is usual behind small weights. What does Keras' ε do to it?

# %%
labs.Momentum()

# %% [markdown]
# <details><summary>Answers</summary>
#
# 1. It jumps: 99 % of it is the last batch. With 0.01, which is $1 - 0.99$, it does what Keras does.
# 2. Keras' jumps: 90 % of it is the last batch.
# 3. 0.5 only.
# 4. $\hat{x}$ has a standard deviation of 0.30 instead of 1: $\sigma^2 = 0.0001$ is a tenth of $\varepsilon = 0.001$.
#
# </details>
#
# What does it cost to copy Keras' 0.99 into PyTorch? A small network learns the digits in batches of 4, once with the momentum copied, once with it translated to
# 0.01: the test accuracy, for five seeds.

# %% tags=["nbval-ignore-output"]
digits = data.digits()
x_train, y_train = torch.tensor(digits.x_train), torch.tensor(digits.y_train)
x_test, y_test = torch.tensor(digits.x_test), torch.tensor(digits.y_test)


def test_accuracy(momentum, seed):
    torch.manual_seed(seed)
    norm = nn.BatchNorm1d(32, momentum=momentum)
    network = nn.Sequential(nn.Linear(64, 32), norm, nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        for rows in torch.randperm(1280).split(4):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x_train[rows]), y_train[rows]).backward()
            optimizer.step()
    return (network.eval()(x_test).argmax(dim=1) == y_test).float().mean().item()


accuracies = {}
for words, momentum in {"copied, 0.99": 0.99, "translated, 0.01": 0.01}.items():
    accuracies[words] = [test_accuracy(momentum, seed) for seed in range(5)]
    print(f"{words:17}", *(f"{share:4.0%}" for share in accuracies[words]))
copied, translated = map(np.array, accuracies.values())
assert (translated - copied > 0.02).all()

# %% [markdown]
# With all five seeds the copied number costs more than 2 points. In training nothing looks wrong, because there BN takes the batch. In evaluation the copied layer normalizes
# with statistics that are nearly those of the last four digits.
#
# ## Layout
#
# Keras and Flax keep pictures as (N, H, W, C). bnteach takes the axis of the channels as an argument, `channel_axis`. Here are four landscapes of 12 rows,
# normalized with the right axis, the last, and with axis 1.
#
# **Predict.** What does axis 1 count? So what gets the mean 0?


# %%
def landscape(sun):
    picture = np.empty((12, 16, 3))
    picture[:8], picture[8:] = (0.45, 0.7, 1.0), (0.2, 0.5, 0.15)  # sky, ground
    picture[2:5, sun : sun + 3] = 1.0, 0.9, 0.2
    return picture


pictures = np.stack([landscape(sun) for sun in (1, 5, 9, 12)])  # (N, H, W, C)
normalized = {}
for axis in (-1, 1):
    y, _ = bnteach.batch_norm_forward(pictures, None, None, channel_axis=axis)
    normalized[axis] = y
    print(f"channel_axis={axis:2}: means of the channels", y.mean(axis=(0, 1, 2)).round(2) + 0.0)

# %% tags=["draws"] alt="The second landscape three times: as it is, with a blue sky, a yellow sun and dark green ground; normalized over the last axis, where the sky is still lighter than the ground; normalized over axis 1, where the ground is as light as the sky and the rows of the sun make a stripe."
figure, axes = figures.new_figure(columns=3, size=(7.2, 2.1))
shown = {"x": pictures, "axis −1, the channels": normalized[-1], "axis 1, the rows": normalized[1]}
for ax, (title, values) in zip(axes, shown.items(), strict=True):
    picture = values[1] if title == "x" else np.clip(0.5 + values[1] / 4, 0, 1)
    ax.imshow(picture)
    figures.frame(ax, title=title)
    ax.set_axis_off()
figures.show(figure)

# %% [markdown]
# ($\hat{x} = 0$ is drawn as a middle gray.)
#
# <details><summary>Answer</summary>
#
# Axis 1 counts the rows. So each *row* of the pictures gets the mean 0: the ground becomes as light as the sky, and the rows of the sun make a stripe. The channels
# keep their differences.
#
# </details>
#
# `nn.BatchNorm2d(3)` has no such argument: its channels are on axis 1. Pictures of height 12 raise an error, for 12 is not 3. Pictures of height 3 raise
# none, and their rows are normalized.
#
# The layout also decides the order behind a `Flatten`. Here is a picture of 2 × 2 places and 3 channels:

# %%
picture = np.arange(12).reshape(2, 2, 3)  # (H, W, C)
print("Flatten in Keras:  ", picture.reshape(-1))
print("Flatten in PyTorch:", picture.transpose(2, 0, 1).reshape(-1))

# %% [markdown]
# So the weights of the linear layer behind it need the other order, too.
#
# ## Which variance is stored
#
# All frameworks normalize a training batch with the variance divided by $m$, the number of values of a channel. What they store for evaluation
# differs: PyTorch multiplies it by $m/(m-1)$ first. For a batch of 8 values that is 14 % more, for 32 pictures of 28 × 28 it is nothing.
#
# - **To predict** in the other framework, copy the stored variance as it is: the layer has to compute what it computed before.
# - **To go on training** as if the training had begun there, translate it ([exercise 1](exercises/12_the_same_layer_elsewhere.ipynb)).
#
# One exception has the other variance under the same name: for pictures, tf.keras 2 used a fused kernel by default, which stores the variance divided by $m - 1$.
#
# ## Which mode is a new layer in?
#
# In PyTorch a new layer is in training mode, until you call `eval()`. In Keras `layer(x)` alone means evaluation; only
# `layer(x, training=True)`, or `fit`, takes the batch. Flax has no default: `use_running_average` must be given.
#
# To freeze parameters, you write `requires_grad = False` in PyTorch and `trainable = False` in Keras.
#
# **Predict.** Which of these frozen layers still normalizes with the batch, so that the means become 0: PyTorch's `layer(x)`,
# Keras' `layer(x)`, Keras' `layer(x, training=True)`?


# %%
def keras_calls():
    import keras  # with KERAS_BACKEND=torch in the environment

    x = np.float32([[1, 10], [3, 30]])
    frozen = keras.layers.BatchNormalization(trainable=False)
    ways = {"layer(x)": {}, "layer(x, training=True)": {"training": True}}
    return {way: frozen(x, **how).numpy(force=True).mean(axis=0).tolist() for way, how in ways.items()}


FULL = False  # True, with Keras installed: run Keras again and store what it gives
in_keras = training.stored("results/12_calls.json", keras_calls, again=FULL)["results"]
for way, means in in_keras.items():
    print(f"Keras, trainable = False, {way:23} means", np.round(means, 2))
layer = nn.BatchNorm1d(2).requires_grad_(False)
means = layer(torch.tensor([[1.0, 10], [3, 30]])).mean(dim=0)
print("PyTorch, requires_grad = False, layer(x)           means", means.numpy().round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only PyTorch's. `requires_grad = False` stops the gradients of γ and β, and nothing else: the layer still normalizes with the batch, and
# still updates its running statistics. In Keras `trainable = False` means evaluation, even with `training=True`.
#
# </details>
#
# ## Two models from tutorials
#
# These two are built line by line as Keras tutorials publish them. Both classify into two classes.
#
# **Predict.** What shape does each model return for one sample? It should be two numbers.


# %%
def tutorial_models():
    import keras
    from keras.layers import BatchNormalization, Conv2D, Dense, MaxPooling2D

    dense = keras.Sequential()
    dense.add(keras.Input(shape=(1, 5)))
    dense.add(Dense(16, activation="relu"))
    dense.add(BatchNormalization())
    dense.add(Dense(32, activation="relu"))
    dense.add(BatchNormalization())
    dense.add(Dense(2, activation="softmax"))

    conv = keras.Sequential()
    conv.add(keras.Input(shape=(28, 28, 3)))
    conv.add(Conv2D(32, (3, 3), activation="relu"))
    conv.add(BatchNormalization())
    conv.add(Conv2D(32, (3, 3), activation="relu"))
    conv.add(BatchNormalization())
    conv.add(MaxPooling2D((2, 2)))
    conv.add(Dense(2, activation="softmax"))
    models = {"dense": dense, "conv": conv}
    return {
        name: [model.output_shape, [layer.count_params() for layer in model.layers]]
        for name, model in models.items()
    }


models = training.stored("results/12_tutorial_models.json", tutorial_models, again=FULL)["results"]
for name, (shape, parameters) in models.items():
    print(f"{name:6} returns {shape}   parameters of each layer {parameters}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# `None` stands for the batch. The dense model returns (1, 2): its input is declared as one row of five numbers, so each sample keeps an axis
# too many. The convolutional model returns **(12, 12, 2)**: nothing removes the two axes of the picture, so it classifies each of 144 positions.
# Both are built without an error.
#
# To mend them: `Input(shape=(5,))` for the dense one; for the other `Flatten()` or `GlobalAveragePooling2D()` before the last `Dense`.
#
# </details>
#
# The numbers show one more habit of Keras. BN behind 16 units counts $4 \cdot 16 = 64$ parameters: γ, β and both running statistics. PyTorch counts 32 parameters, and
# calls the other 32 numbers **buffers**. (And in both models BN stands behind the ReLU, not before it as in the paper.)
#
# ## Write PyTorch's layer yourself
#
# You know all that `nn.BatchNorm1d` does to a table: lessons 02, 03 and 05 are its lines. An `nn.Parameter` is trained. A buffer is stored
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

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
            self.update(mean.detach(), var.detach(), len(x))
        x_hat = (x - mean) / torch.sqrt(var + self.eps)
        return self.weight * x_hat + self.bias

    def update(self, mean, var, m):
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var * m / (m - 1) - self.running_var)


# %% [markdown]
# The names are PyTorch's, so the two layers can exchange their states. Both get the same γ and β, the same batch and the same $dy$.

# %%
torch.manual_seed(0)
mine, theirs = MyBatchNorm(5), nn.BatchNorm1d(5)
nn.init.normal_(mine.weight)
nn.init.normal_(mine.bias)
theirs.load_state_dict(mine.state_dict(), strict=False)  # theirs also counts the batches
batch, dy = 5 + 3 * torch.randn(4, 5), torch.randn(4, 5)


def passes(layer):
    x = batch.clone().requires_grad_()
    y = layer(x)
    y.backward(dy)
    gradients = {"dx": x.grad, "dgamma": layer.weight.grad, "dbeta": layer.bias.grad}
    kept = {"running_mean": layer.running_mean, "running_var": layer.running_var}
    return {"y": y, **gradients, **kept, "y in evaluation": layer.eval()(batch)}


for (name, ours), pytorch in zip(passes(mine).items(), passes(theirs).values(), strict=True):
    print(f"{name:16} largest difference {(ours - pytorch).abs().max():.5f}")
    assert torch.allclose(ours, pytorch, atol=1e-5)

# %% [markdown]
# Your layer could take the place of PyTorch's in the network above: try `MyBatchNorm(32, momentum=momentum)` in `test_accuracy`.
#
# A state holds γ, β, both running statistics and the count of the batches. It does **not** hold ε and the momentum: give the new layer the same ones. (bnteach's layer reads
# the same state. Where a tutorial writes `BatchNorm(dim=5)`, write `BatchNorm(5)` here.)
#
# ## When a layer moves
#
# | look at | if it is not translated |
# |---|---|
# | ε | a channel with a small standard deviation comes out too small, or too large |
# | momentum | if training goes on, the running statistics follow the last batch, or hardly move |
# | axis of the channels, kernels | an error, or rows are normalized instead of channels |
# | the order behind `Flatten` | each weight meets another value than it learned |
# | stored variance | small: a factor of $m/(m-1)$ |
# | mode, frozen layers | the batch is taken where the running statistics were meant |
#
# **Shown:** the formula is the same in all four frameworks; what differs raises an error only in rare cases.
#
# **Practice:** [the exercises](exercises/12_the_same_layer_elsewhere.ipynb), 30 minutes. **Deeper:**
# [Carry a Keras model over](deeper/carry_a_keras_model_over.ipynb) · [What does ONNX define?](deeper/what_does_onnx_define.ipynb)
#
# **Next:** [13 · Make it fast](13_make_it_fast.ipynb),
# [14 · Deep enough to break](14_deep_enough_to_break.ipynb), [15 · Fine-tune and adapt](15_fine_tune_and_adapt.ipynb), in any order.
#
# *Sources:*
#
# - *Documentation of `torch.nn.BatchNorm1d`, `keras.layers.BatchNormalization` (Keras 3), `flax.linen.BatchNorm`, and the operator
#   BatchNormalization (version 15) in the ONNX standard.*
# - *tf.keras 2's stored variance: tensorflow/tensorflow, issue 55545; keras-team/keras, pull request 9028.*
