# %% [markdown]
# # Carry a Keras model over
#
# *25 minutes · after lesson [12 · The same layer elsewhere](../12_the_same_layer_elsewhere.ipynb)*
#
# A BN layer of Keras 3 becomes one of PyTorch and one of bnteach, and y, all gradients and the running statistics agree. Then a whole trained
# model is carried over. Its stored variance must be translated in one case, and must not be in the other.

# %%
from importlib import import_module

import numpy as np
import torch
from torch import nn

import bnteach
from bnteach.training import stored

# %% [markdown]
# Keras is not needed: the results shown are stored, with their date and versions. With Keras installed and `KERAS_BACKEND=torch`
# in the environment, `FULL = True` computes and stores them again.

# %%
FULL = False
keras = import_module("keras") if FULL else None

# %% [markdown]
# ## One layer
#
# Three of the differences of lesson 12 fit into one function: ε, momentum and the stored variance. (If you have not done the exercise of lesson
# 12, do it first: this is its solution.) Keras' moving variance began at 1. After $t$ batches, that 1 has the weight $k = \text{momentum}^t$. Only the
# rest comes from batches, and only that is divided by $m$ in Keras and by $m - 1$ in PyTorch:
#
# $$\text{running\_var} = k + (\text{moving\_variance} - k)\,\frac{m}{m-1}$$


# %%
def translate(gamma, beta, moving_mean, moving_variance, *, eps, keras_momentum, n_batches, m=None):
    """Keras' BN layer after n_batches training batches -> (options, state).

    m is the number of values of a channel in a batch; without it the variance is carried over as it is."""
    k = keras_momentum**n_batches  # what is left of the start value 1
    running_var = k + (moving_variance - k) * m / (m - 1) if m else moving_variance
    options = {"eps": eps, "momentum": 1 - keras_momentum}
    state = {"weight": gamma, "bias": beta, "running_mean": moving_mean, "running_var": running_var}
    return options, {**state, "num_batches_tracked": np.array(n_batches)}


def tensors(**arrays):
    return {name: torch.tensor(array) for name, array in arrays.items()}


# %% [markdown]
# The test: Keras, PyTorch and bnteach get the same five batches of pictures, the same γ and β, the same upstream gradient. First Keras.


# %%
rng = np.random.default_rng(1)
five = rng.normal([2, -1, 4], [1, 3, 0.5], size=(5, 6, 4, 5, 3)).astype(np.float32)  # (N, H, W, C) each
dy = rng.normal(size=five[0].shape).astype(np.float32)
gamma, beta = np.float32([0.5, 2, 1.5]), np.float32([1, -1, 0.3])


def arrays(**values):
    return {name: value.detach().numpy() for name, value in values.items()}


def in_keras():
    """The layer, and y, dx, dgamma, dbeta of the last batch."""
    layer = keras.layers.BatchNormalization()
    layer.build(five[0].shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    for batch in five:
        x = torch.tensor(batch, requires_grad=True)
        y = layer(x, training=True)
    y.backward(torch.from_numpy(dy))
    return layer, arrays(y=y, dx=x.grad, dgamma=layer.gamma.value.grad, dbeta=layer.beta.value.grad)


# %% [markdown]
# The other two get the translated options. PyTorch wants (N, C, H, W).


# %%
def in_pytorch(options):
    layer = nn.BatchNorm2d(3, **options)
    layer.load_state_dict(layer.state_dict() | tensors(weight=gamma, bias=beta))
    for batch in five:
        x = torch.tensor(batch.transpose(0, 3, 1, 2), requires_grad=True)
        y = layer(x)
    y.backward(torch.from_numpy(dy.transpose(0, 3, 1, 2)))
    pictures = arrays(y=y.permute(0, 2, 3, 1), dx=x.grad.permute(0, 2, 3, 1))
    stored_ones = arrays(running_mean=layer.running_mean, running_var=layer.running_var)
    return pictures | arrays(dgamma=layer.weight.grad, dbeta=layer.bias.grad) | stored_ones


def in_bnteach(options):
    layer = bnteach.BatchNorm(3, channel_axis=-1, **options)
    layer.gamma, layer.beta = gamma, beta
    for batch in five:
        y = layer(batch)
    dx, dgamma, dbeta = layer.backward(dy)
    stored_ones = {"running_mean": layer.running_mean, "running_var": layer.running_var}
    return {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta} | stored_ones


# %% [markdown]
# Last, Keras' state is translated and loaded into a new PyTorch layer. Its running statistics should be those of the layer that saw the five
# batches in PyTorch.
#
# **Predict.** Everything is computed in float32, with some seven decimal digits. How large are the differences, as shares of the largest value?


# %%
def agreement():
    layer, theirs = in_keras()
    w = [weight.value.detach().numpy() for weight in layer.weights]
    about = {"eps": layer.epsilon, "keras_momentum": layer.momentum}
    options, state = translate(*w, **about, n_batches=5, m=6 * 4 * 5)
    loaded = nn.BatchNorm2d(3, **options)
    loaded.load_state_dict(tensors(**state))
    theirs |= arrays(running_mean=loaded.running_mean, running_var=loaded.running_var)
    others = in_pytorch(options), in_bnteach(options)
    return {
        name: [float(abs(value - other[name]).max() / abs(value).max()) for other in others]
        for name, value in theirs.items()
    }


found = stored("results/12_agreement.json", agreement, again=FULL)["results"]
for name, (to_torch, to_ours) in found.items():
    print(f"{name:13} Keras and PyTorch {to_torch:.5f}   Keras and bnteach {to_ours:.5f}")
    assert max(to_torch, to_ours) < 1e-5

# %% [markdown]
# <details><summary>Answer</summary>
#
# Of the size of rounding, below 0.00001.
#
# </details>
#
# ## A trained model
#
# The dense model of lesson 12 learns whether a digit is odd or even, from digits made smaller to 16 values. Then it goes to PyTorch: the weights
# are transposed, for Keras keeps them as (in, out), and BN is translated.


# %%
def dense_model():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(16, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(32, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )


def sixteen_values(x):
    """(n, 64) -> (n, 16): each value is the mean of 2 x 2."""
    return x.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16).astype(np.float32)


def layer_to_pytorch(layer, n_batches, m):
    """A Keras layer as a list of PyTorch layers."""
    w = [weight.value.detach().numpy() for weight in layer.weights]
    if isinstance(layer, keras.layers.BatchNormalization):
        about = {"eps": layer.epsilon, "keras_momentum": layer.momentum}
        options, state = translate(*w, **about, n_batches=n_batches, m=m)
        norm = nn.BatchNorm1d(len(w[0]), **options)
        norm.load_state_dict(tensors(**state))
        return [norm]
    linear = nn.Linear(*w[0].shape)
    linear.load_state_dict(tensors(weight=w[0].T, bias=w[1]))
    return [linear, nn.ReLU()] if layer.activation is keras.activations.relu else [linear]


def to_pytorch(model, n_batches, m=None):
    parts = [layer_to_pytorch(layer, n_batches, m) for layer in model.layers]
    return nn.Sequential(*(layer for part in parts for layer in part)).eval()


# %% [markdown]
# Once the stored variance is carried over as it is, once it is translated. Both models predict the test digits.
#
# **Predict.** Which of the two agrees with Keras?


# %% tags=["nbval-ignore-output"]
from bnteach.data import digits


def carried_over():
    keras.utils.set_random_seed(0)
    data, model = digits(), dense_model()
    x, y = sixteen_values(data.x_train), data.y_train % 2
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(x[:1280], y[:1280], batch_size=32, epochs=5, verbose=0)
    x_test = sixteen_values(data.x_test)
    theirs = np.asarray(model.predict(x_test, verbose=0))
    found = {}
    for way, m in (("as it is", None), ("translated", 32)):
        logits = to_pytorch(model, n_batches=200, m=m)(torch.from_numpy(x_test)).detach().numpy()
        found[way] = float(abs(logits - theirs).max())
    accuracy = float((theirs.argmax(1) == data.y_test % 2).mean())
    return {"accuracy": accuracy, "differences": found}


dense = stored("results/12_dense.json", carried_over, again=FULL)["results"]
print(f"test accuracy: {dense['accuracy']:.0%} (guessing: half)")
for way, difference in dense["differences"].items():
    print(f"variance {way:12} largest difference of the logits {difference:.6f}")
assert dense["differences"]["as it is"] < 1e-4 < 1e-3 < dense["differences"]["translated"]

# %% [markdown]
# <details><summary>Answer</summary>
#
# The one with the variance as it is. In evaluation the stored variance is *used*, and Keras uses its own. The translated one is right for a layer
# that goes on training in PyTorch.
#
# </details>
#
# **What was shown.** With ε, momentum, layout and the stored variance translated, the frameworks agree to rounding. To predict, carry the variance over
# as it is; to train on, translate it.
#
# **Back to** [12 · The same layer elsewhere](../12_the_same_layer_elsewhere.ipynb)
