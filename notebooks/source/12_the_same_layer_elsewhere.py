# %% [markdown]
# # 12 · The same layer elsewhere
#
# *40 minutes · previous: [11 · Put it in a detector](11_put_it_in_a_detector.ipynb) ·
# next: [13 · Make it fast](13_make_it_fast.ipynb)*
#
# BN has the same formula in every framework, but other names, other defaults and another idea of momentum. You see what the
# differences cost, meet two models as tutorials publish them, and write PyTorch's own layer yourself. At the end you know what to look at when a
# BN layer moves from one framework to another.
#
# | | PyTorch | Keras 3 | Flax linen (JAX) | ONNX |
# |---|---|---|---|---|
# | scale γ, shift β | `weight`, `bias` | `gamma`, `beta` | `scale`, `bias` | `scale`, `B` |
# | running mean, variance | `running_mean`, `running_var` | `moving_mean`, `moving_variance` | `mean`, `var` | `input_mean`, `input_var` |
# | ε | 0.00001 | **0.001** | 0.00001 | 0.00001 |
# | the momentum is the weight of | the new batch: 0.1 | **the old average**: 0.99 | **the old average**: 0.99 | **the old average**: 0.9 |
# | axis of the channels | 1 | **last** | **last** | 1 |
# | the variance that it stores | divided by $m - 1$ | by $m$ | by $m$ | by $m$ |

# %%
import numpy as np
import torch
from torch import nn

import bnteach
from bnteach import labs, torch_bridge
from bnteach.training import stored

# %% [markdown]
# ## Momentum and ε
#
# None of these differences raises an error. In the lab, the same momentum is typed into both layers.
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
# ## Layout
#
# Keras and Flax keep pictures as (N, H, W, C). Here are three channels with the means 1, 5 and 12. bnteach takes the axis of the channels
# as an argument.
#
# **Predict.** What are the means of the three channels afterward, with the last axis, and with axis 1?

# %%
rng = np.random.default_rng(0)
pictures = rng.normal([1, 5, 12], 1, size=(4, 6, 5, 3))  # (N, H, W, C)
for axis in (-1, 1):
    y, _ = bnteach.batch_norm_forward(pictures, None, None, channel_axis=axis)
    print(f"channel_axis={axis:2}: means of the channels", y.mean(axis=(0, 1, 2)).round(2) + 0.0)

# %% [markdown]
# <details><summary>Answer</summary>
#
# 0, 0, 0 with the last axis. Axis 1 is the height here: each *row* of the pictures gets the mean 0, and the channels keep their differences.
#
# </details>
#
# `nn.BatchNorm2d(3)` has no such argument: its channels are on axis 1. Pictures of height 6 raise an error, for 6 is not 3. Pictures of height 3 raise
# none, and their rows are normalized.
#
# ## Which variance is stored
#
# All frameworks normalize a training batch with the variance divided by $m$, the number of values of a channel. What they store for evaluation
# differs: PyTorch multiplies it by $m/(m-1)$ first. For a batch of 8 values that is 14 % more, for 32 pictures of 28 × 28 it is nothing.
#
# To carry a trained layer over **for prediction**, copy the stored variance as it is: the layer has to compute what it computed before. To go on
# **training** in the other framework as if it had begun there, translate it; that is [an exercise](exercises/12_the_same_layer_elsewhere.ipynb).
#
# > **tf.keras 2 stores something else.** For pictures it used a fused kernel by default, and that one stores the variance divided by
# > $m - 1$, as PyTorch does. A model saved by it has the other variance under the same name.
#
# ## Which mode is a new layer in?
#
# In PyTorch a new layer is in training mode, until you call `eval()`. In Keras `layer(x)` alone means evaluation; only
# `layer(x, training=True)`, or `fit`, takes the batch. Flax has no default: `use_running_average` must be given.
#
# **Predict.** In PyTorch one freezes parameters by `requires_grad = False`, in Keras by `trainable = False`. Which of these three still normalizes with the
# batch, so that the means become 0: PyTorch's `layer(x)`, Keras' `layer(x)`, Keras' `layer(x, training=True)`?


# %%
def keras_calls():
    import keras  # with KERAS_BACKEND=torch in the environment

    x = np.float32([[1, 10], [3, 30]])
    frozen = keras.layers.BatchNormalization(trainable=False)
    ways = {"layer(x)": {}, "layer(x, training=True)": {"training": True}}
    return {way: frozen(x, **how).numpy(force=True).mean(axis=0).tolist() for way, how in ways.items()}


FULL = False  # True, with Keras installed: run Keras again and store what it gives
in_keras = stored("results/12_calls.json", keras_calls, again=FULL)["results"]
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


models = stored("results/12_tutorial_models.json", tutorial_models, again=FULL)["results"]
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
# The numbers show one more habit of Keras. BN behind 16 units counts $4 \cdot 16 = 64$ parameters: γ, β and both running statistics, half of them called
# *non-trainable*. PyTorch counts 32 parameters, and calls the other 32 numbers **buffers**. And in both models BN stands behind the ReLU,
# not before it as in the paper.
#
# ## Write PyTorch's layer yourself
#
# You know all that `nn.BatchNorm1d` does to a table, with its usual settings: lessons 02, 03 and 05 are its lines. An `nn.Parameter` is trained. A buffer is stored
# with the model and moves with it to a GPU, but no gradient changes it. The backward pass is missing here: PyTorch derives it.


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
# The names are PyTorch's, so the two layers can exchange their states. Both get the same γ and β, the same batch and the same upstream gradient.

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
# Now your layer in a network that learns the digits, beside the same network with PyTorch's layer.
#
# **Predict.** Five seeds, five accuracies each: do they agree only roughly, or to the digit?

# %% tags=["nbval-ignore-output"]
from bnteach.data import digits

data = digits()
x_train, y_train = torch.tensor(data.x_train), torch.tensor(data.y_train)
x_test, y_test = torch.tensor(data.x_test), torch.tensor(data.y_test)


def test_accuracy(norm, seed):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(64, 32), norm(32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(5):
        for rows in torch.randperm(1280).split(64):  # 20 full batches
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x_train[rows]), y_train[rows]).backward()
            optimizer.step()
    return (network.eval()(x_test).argmax(dim=1) == y_test).float().mean().item()


for norm in (MyBatchNorm, nn.BatchNorm1d):
    print(f"{norm.__name__:12}", *(f"{test_accuracy(norm, seed):.3f}" for seed in range(5)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# To the digit here: the two layers compute the same, but for rounding. On another machine rounding may turn one answer of 450 around.
#
# </details>
#
# The same state fits into a layer of bnteach, and back. (Where a tutorial writes `BatchNorm(dim=5)`, write `BatchNorm(5)` here.) Then `compare` holds the NumPy layer
# against PyTorch, in nine quantities.

# %%
bn = bnteach.BatchNorm(5)
bn.load_state_dict(mine.state_dict())
torch_bridge.compare(bn, batch.numpy(), dy.numpy())

# %% [markdown]
# A state holds γ, β, both running statistics and the count of the batches. It does **not** hold ε and the momentum: give the new layer the same ones.
#
# **What was shown.** Names, ε, momentum, layout, the stored variance and the mode of a new layer differ between frameworks, and most
# of it raises no error. The formula is the same in all four, and you have now written it in NumPy and in PyTorch.
#
# **Practice:** [the exercises](exercises/12_the_same_layer_elsewhere.ipynb), 30 minutes. **Deeper:**
# [Carry a Keras model over](deeper/carry_a_keras_model_over.ipynb) · [What does ONNX define?](deeper/what_does_onnx_define.ipynb)
#
# **Next:** [13 · Make it fast](13_make_it_fast.ipynb), from the textbook's lines to the limit of the memory.
#
# *Sources:*
#
# - *Documentation of `torch.nn.BatchNorm1d`, `keras.layers.BatchNormalization` (Keras 3), `flax.linen.BatchNorm`, and the operator
#   BatchNormalization (version 15) in the ONNX standard.*
# - *tf.keras 2's stored variance: tensorflow/tensorflow, issue 55545; keras-team/keras, pull request 9028.*
