# %% [markdown]
# # 12 · The same layer elsewhere
#
# *45 minutes · previous: [11 · Put it in a detector](11_put_it_in_a_detector.ipynb) · builds on
# [05 · Train and infer](05_train_and_infer.ipynb) and [06 · Normalize channels](06_normalize_channels.ipynb) ·
# [exercises](exercises/12_the_same_layer_elsewhere.ipynb)*
#
# BN has the same formula in every framework, and other defaults. A model that is carried from one to another with the same numbers can
# be wrong in four places. Three of them never raise an error; the fourth, the layout, raises one only when the sizes differ. In this
# lesson you translate a BN layer between three frameworks: PyTorch, Keras and ONNX (a file format for networks that are finished).
#
# ## What you will be able to do
#
# - name the four places where Keras and PyTorch differ, and what each costs when it is forgotten
# - translate momentum, ε, layout and the stored variance, until all outputs and gradients agree
# - read the parameter counts of a Keras model with BN
# - carry a trained Keras model over to PyTorch
# - compute ONNX's BatchNormalization with the functions of bnteach

# %%
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None

# %% [markdown]
# Keras and ONNX are not needed for the course. Where they are installed, this lesson runs them; where not, it shows results that are stored
# beside it, with their date and versions. To install both in a copy of the project: type `pip install -e ".[keras]"` in its top folder,
# then restart the kernel.

# %% tags=["nbval-ignore-output"]
import os

import numpy as np
import torch
from torch import nn

from bnteach import figures
from bnteach.data import digits
from bnteach.training import stored

os.environ["KERAS_BACKEND"] = "torch"  # Keras 3 computes with PyTorch, TensorFlow or JAX
try:
    import keras
    import onnx.reference

    print("live, with Keras", keras.__version__, "and ONNX", onnx.__version__)
except ImportError:
    keras = None
    print("Keras or ONNX is not installed: results that need them are the stored ones.")

FULL = False  # True: compute the results again and store them (needs both packages)


def results_of(name, compute):
    """Live results where the packages are there, else the stored ones."""
    return (
        compute() if keras and not FULL else stored(f"results/12_{name}.json", compute, again=FULL)["results"]
    )


# %% [markdown]
# ## One layer, three sets of defaults
#
# | | PyTorch | Keras | ONNX |
# |---|---|---|---|
# | scale γ, shift β | `weight`, `bias` | `gamma`, `beta` | `scale`, `B` |
# | stored mean, variance | `running_mean`, `running_var` | `moving_mean`, `moving_variance` | `mean`, `var` |
# | ε | 0.00001 | 0.001 | 0.00001 |
# | momentum weighs | the new batch: 0.1 | the old value: 0.99 | the old value: 0.9 |
# | channels | axis 1 | last axis | axis 1 |
# | variance that is stored | unbiased (m − 1) | biased (m) | biased (m) |
#
# The defaults, not from the manuals but from the programs themselves. (The other rows follow below.)


# %%
def defaults():
    config = keras.layers.BatchNormalization().get_config()
    attributes = onnx.defs.get_schema("BatchNormalization").attributes
    return {
        "Keras": {name: config[name] for name in ("epsilon", "momentum", "axis")},
        "ONNX": {name: round(attributes[name].default_value.f, 6) for name in ("epsilon", "momentum")},
    }


print("PyTorch", {"epsilon": nn.BatchNorm2d(3).eps, "momentum": nn.BatchNorm2d(3).momentum})
for name, values in results_of("defaults", defaults).items():
    print(f"{name:7}", values)

# %% [markdown]
# ## What each difference costs
#
# The four experiments need no Keras: bnteach can take Keras' numbers.
#
# **ε.** A channel has a standard deviation of 0.01; that is usual for values after a small initialization.
#
# **Predict.** How large is the standard deviation of $\hat{x}$ with PyTorch's ε, and with that of Keras?

# %%
rng = np.random.default_rng(0)
small = rng.normal(0, 0.01, size=(1000, 1))
for name, eps in [("PyTorch", 1e-5), ("Keras", 1e-3)]:
    y, _ = bnteach.batch_norm_forward(small, None, None, eps=eps)
    print(f"ε of {name:7}: standard deviation of x_hat {y.std():.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\sigma^2 = 0.0001$. With $\varepsilon = 0.00001$ the result is $\sqrt{0.0001 / 0.00011} = 0.95$; with $0.001$ it is
# $\sqrt{0.0001 / 0.0011} = 0.30$. (The batch's own σ is near 0.01, not exactly that.)
#
# </details>
#
# **Momentum.** A Keras user writes `momentum=0.99` into PyTorch. The layer sees 50 batches of 8 values with mean 5.
#
# **Predict.** What does the stored mean become, and how much does it still jump?

# %%
batches = rng.normal(5, 2, size=(50, 8, 1))
histories = {0.01: [], 0.99: []}
for momentum, history in histories.items():
    bn = bnteach.BatchNorm(1, momentum=momentum, dtype=np.float64)
    for batch in batches:
        bn.forward(batch)
        history.append(bn.running_mean[0])
    print(f"momentum {momentum}: after 48, 49, 50 batches", np.round(history[-3:], 2))
print(f"mean of the last batch: {batches[-1].mean():.2f}")

# %% [markdown]
# The picture shows the stored mean after each batch.

# %%
steps = np.arange(1, 51)
ax = figures.curve(steps, histories[0.99], role="without_bn")
figures.curve(steps, histories[0.01], ax=ax, role="with_bn")
_ = ax.axhline(5, color="black", lw=1)
figures.frame(ax, title="The stored mean, with two momenta", x="batches", y="stored mean", ylim=(0, 11))
names = {"without_bn": "0.99 (copied)", "with_bn": "0.01 (1 − 0.99)", "truth": "true mean"}
figures.key(ax, names, place="upper right")
figures.show(
    ax,
    alt="Stored mean over 50 batches, and the true mean 5 as a thin line. With momentum 0.99 it jumps up and down "
    "around this line. With 0.01 it rises slowly and smoothly from 0 to about 2.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With 0.99 the layer forgets all but the last batch: its stored mean is that batch's mean, and jumps with each. Translated to 0.01 it is
# smooth, but it is not at 5 yet: $0.99^{50}$, that is 61 %, is left of the 0 it began with. Keras' default is made for long trainings.
#
# </details>
#
# **Layout.** Keras pictures are (N, H, W, C). bnteach takes the axis by name. The three channels below have the means 1, 5 and 12.
#
# **Predict.** What are their means afterward, with the last axis and with axis 1?

# %%
pictures = rng.normal([1, 5, 12], 1, size=(4, 6, 5, 3))  # (N, H, W, C), three channels
for axis in (-1, 1):
    y, _ = bnteach.batch_norm_forward(pictures, None, None, channel_axis=axis)
    print(f"channel_axis={axis:2}: means of the three channels", y.mean(axis=(0, 1, 2)).round(2) + 0.0)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With the last axis 0, 0, 0. Axis 1 is the height here: each *row* of the pictures got mean 0, and the channels did not.
#
# </details>
#
# Does PyTorch notice? Pictures of height 6, then of height 3:

# %%
for height in (6, 3):
    try:
        nn.BatchNorm2d(3)(torch.zeros(4, height, 5, 3))
        print(f"height {height}: no error")
    except RuntimeError as error:
        print(f"height {height}: RuntimeError: {error}")

# %% [markdown]
# Only where the height is not the number of channels.
#
# **The stored variance.** Each batch gives $\sigma^2$ (divided by $m$) to Keras and $\sigma^2\,m/(m-1)$ to PyTorch.
#
# **Predict.** By how many per cent is PyTorch's larger, for batches of 8 values?
#
# <details><summary>Answer</summary>
#
# $8/7 = 1.14$: by 14 %.
#
# </details>
#
# It can be translated if all batches had the same $m$. After $t$ batches the stored value is part start value 1, with
# the weight $k = (1 - \text{momentum})^t$ (PyTorch's momentum), and part batches. Only the batches' part is stretched:
#
# $$\text{running\_var} = k + (\text{moving\_variance} - k)\,\frac{m}{m-1}$$

# %%
momentum, m = 0.1, 8
moving_variance, running_var = 1.0, 1.0
for batch in batches:
    moving_variance += momentum * (batch.var() - moving_variance)
    running_var += momentum * (batch.var(ddof=1) - running_var)
k = (1 - momentum) ** len(batches)
print("moving_variance", round(moving_variance, 4))
print("running_var    ", round(running_var, 4))
print("translated     ", round(k + (moving_variance - k) * m / (m - 1), 4))

# %% [markdown]
# **Not a default, but a trap.** A new layer is called, `layer(x)`, and nothing else is said. In PyTorch it is in training mode. Two samples,
# two channels with the means 2 and 20.
#
# **Predict.** Which of the calls in the next cell normalize with the batch, so that the means become 0?


# %%
def means_after_calls():
    x, layer = np.float32([[1, 10], [3, 30]]), keras.layers.BatchNormalization()
    frozen = keras.layers.BatchNormalization(trainable=False)
    calls = {
        "Keras, layer(x)": layer(x),
        "Keras, layer(x, training=True)": layer(x, training=True),
        "Keras, trainable=False, then the same": frozen(x, training=True),
    }
    return {name: y.detach().numpy().mean(axis=0).tolist() for name, y in calls.items()}


x = torch.tensor([[1.0, 10], [3, 30]])
ways = {"PyTorch, layer(x)": nn.BatchNorm1d(2), "PyTorch, requires_grad=False": nn.BatchNorm1d(2)}
_ = ways["PyTorch, requires_grad=False"].requires_grad_(False)
means = {name: layer(x).detach().mean(dim=0).tolist() for name, layer in ways.items()}
for name, values in (means | results_of("calls", means_after_calls)).items():
    print(f"{name:38} means {np.round(values, 1) + 0.0}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both of PyTorch, and of Keras only the second. Keras, called plainly, predicts: it takes the stored numbers. (Inside `fit` it trains.) And
# `trainable=False` makes it take the stored numbers even with `training=True`.
#
# </details>
#
# ## The translation
#
# Three of the four differences fit in one function: it takes what a Keras layer has, and gives the options and the state of a PyTorch or
# bnteach layer. The fourth, the layout, is a transpose of the data. The state has PyTorch's names; after `tensors(**state)`,
# `nn.BatchNorm2d` loads it.


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
# Now the test. Keras, PyTorch and bnteach get the same five batches of pictures, the same γ and β, the same upstream gradient. First Keras.


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
# The other two, with the translated options. PyTorch wants (N, C, H, W).


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
# Last, Keras' state is translated and loaded into a new PyTorch layer. Its stored statistics should be those of the layer that
# saw the five batches in PyTorch. The differences are shares of the largest value of each quantity.
#
# **Predict.** All computes with float32, some seven decimal digits. How large are the differences?


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


for name, (to_torch, to_ours) in results_of("agreement", agreement).items():
    print(f"{name:13} Keras to PyTorch below 1e-5: {to_torch < 1e-5}   Keras to bnteach: {to_ours < 1e-5}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Of the size of rounding: below 0.00001. Outputs, gradients and stored statistics agree, once the four differences are translated.
#
# </details>
#
# ## From bnteach to PyTorch and back
#
# bnteach uses PyTorch's names for the entries of the state: $\gamma$ is called `weight`, and $\beta$ `bias`. So a layer that was trained here can be used there.

# %%
batches = np.random.default_rng(0).normal(3, 2, size=(6, 8, 2))
ours = bnteach.BatchNorm(2, dtype=np.float64)
for batch in batches[:5]:
    ours.forward(batch)
layer = nn.BatchNorm1d(2, dtype=torch.float64)
layer.load_state_dict({name: torch.as_tensor(value) for name, value in ours.state_dict().items()})
there = layer.eval()(torch.from_numpy(batches[0])).detach().numpy()
print("bnteach → PyTorch, largest difference:", abs(ours.eval()(batches[0]) - there).max().round(9))
_ = layer.train()(torch.from_numpy(batches[5]))  # one more batch in PyTorch ...
back = bnteach.BatchNorm(2, dtype=np.float64)
back.load_state_dict(layer.state_dict())  # ... and back again
there = layer.eval()(torch.from_numpy(batches[0])).detach().numpy()
print("PyTorch → bnteach, largest difference:", abs(back.eval()(batches[0]) - there).max().round(9))
print("batches tracked:", ours.num_batches_tracked, "then", back.num_batches_tracked)

# %% [markdown]
# The state holds $\gamma$, $\beta$, both running statistics and the number of batches. It does **not** hold $\varepsilon$ and the momentum: give the new layer the same ones.
#
# ## Two usual models
#
# Many Keras tutorials build the same two models. The first is dense: 16, then 32, then 2 units, with BN after each hidden layer.
#
# **Predict.** How many parameters does Keras count for the BN layer behind 16 units? How many of them does the training change by
# gradients?


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


def counted(model):
    rows = [[type(layer).__name__, layer.count_params()] for layer in model.layers]
    stays = sum(int(np.prod(weight.shape)) for weight in model.non_trainable_weights)
    return {"layers": rows, "all": model.count_params(), "not trained": stays}


dense_counts = results_of("dense_counts", lambda: counted(dense_model()))
for name, parameters in dense_counts["layers"]:
    print(f"{name:18} {parameters}")
print("all", dense_counts["all"], "of them not trained by gradients:", dense_counts["not trained"])

# %% [markdown]
# <details><summary>Answer</summary>
#
# $4 \cdot 16 = 64$: γ, β, moving mean and moving variance. Keras counts all four as parameters, and calls half of them "non-trainable". PyTorch counts
# $2 \cdot 16 = 32$ parameters and calls the other 32 numbers (and the counter) *buffers*. So the two frameworks print different sizes for the same model.
#
# Note also the order in this model: Dense, ReLU, BN. The paper puts BN before the activation, and the bias of a Dense layer
# right before BN would be useless (lesson 02). Here, with ReLU between, the bias is not useless.
#
# </details>
#
# We train it a little: real digits, made smaller to 16 values each; is the digit odd or even? Then the model goes to PyTorch: weights
# transposed, BN translated.


# %%
def sixteen_values(x):
    """(n, 64) -> (n, 16): each value is the mean of 2 x 2."""
    return x.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16).astype(np.float32)


def layer_to_pytorch(layer, n_batches, m):
    """A Keras layer as a list of PyTorch layers."""
    kind, w = type(layer).__name__, [weight.value.detach().numpy() for weight in layer.weights]
    if kind == "GlobalAveragePooling2D":
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if kind == "BatchNormalization":
        about = {"eps": layer.epsilon, "keras_momentum": layer.momentum}
        options, state = translate(*w, **about, n_batches=n_batches, m=m)
        norm = {2: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(layer.input.shape)](len(w[0]), **options)
        norm.load_state_dict(tensors(**state))
        return [norm]
    if kind == "Dense":  # Keras keeps (in, out), PyTorch (out, in)
        ours, weight = nn.Linear(*w[0].shape), w[0].T
    else:  # Conv2D: Keras keeps (height, width, in, out), PyTorch (out, in, height, width)
        ours, weight = nn.Conv2d(*w[0].shape[2:], w[0].shape[:2]), w[0].transpose(3, 2, 0, 1)
    ours.load_state_dict(tensors(weight=weight, bias=w[1]))
    return [ours, nn.ReLU()] if layer.activation is keras.activations.relu else [ours]


def to_pytorch(model, n_batches, m=None):
    parts = [layer_to_pytorch(layer, n_batches, m) for layer in model.layers]
    return nn.Sequential(*(layer for part in parts for layer in part)).eval()


# %% [markdown]
# We carry the model over in two ways: with the variance as it is, and with the variance translated to the unbiased one. Then both predict
# the test digits.


# %%
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


# %% [markdown]
# **Predict.** How many would be right by guessing? And which of the two ways agrees with Keras?

# %% tags=["nbval-ignore-output"]
dense = results_of("dense", carried_over)
print(f"test accuracy: {dense['accuracy']:.0%}")
for way, difference in dense["differences"].items():
    print(f"variance {way:12}: largest difference of the logits {difference:.1e}")

# %%
print("as it is, the logits agree to 1e-4:", dense["differences"]["as it is"] < 1e-4)
print("translated, they differ by more than 1e-3:", dense["differences"]["translated"] > 1e-3)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Odd or even: half are right by guessing. The variance as it is agrees. In evaluation the stored variance is *used*, and Keras uses its biased
# one. So which is right depends on what comes next: to go on **training** in PyTorch, translate; to **predict** as Keras did, carry it over
# as it is.
#
# </details>
#
# The second usual model is convolutional: two 3×3 convolutions of 32 filters on pictures of 28×28×3, BN after each.
#
# We train it a little, on 256 digits drawn large, and carry it over to predict.
#
# **Predict.** How many parameters has each of its BN layers? Does the size of the picture matter?


# %%
def conv_model():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )


def conv_trained():
    keras.utils.set_random_seed(0)
    data, model = digits(), conv_model()
    large = np.kron(data.x_train[:256].reshape(-1, 8, 8), np.ones((3, 3), np.float32))  # 24 x 24
    x = np.pad(large, ((0, 0), (2, 2), (2, 2)))[..., None].repeat(3, axis=-1).astype(np.float32)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, data.y_train[:256], batch_size=32, epochs=2, verbose=0)
    theirs, x = np.asarray(model.predict(x, verbose=0)), torch.from_numpy(x).permute(0, 3, 1, 2)
    logits = to_pytorch(model, n_batches=16)(x).detach().numpy()
    return {**counted(model), "difference": float(abs(logits - theirs).max())}


conv = results_of("conv", conv_trained)
for name, parameters in conv["layers"]:
    print(f"{name:22} {parameters}")
print("not trained by gradients:", conv["not trained"])
print("in PyTorch the logits agree to 1e-4:", conv["difference"] < 1e-4)

# %% [markdown]
# <details><summary>Answer</summary>
#
# $4 \cdot 32 = 128$ each. The size of the picture does not matter: one mean for each channel, over all places (lesson 06).
#
# </details>
#
# ## ONNX: a definition in a standard
#
# ONNX is a format for finished networks, with a written definition of each operation. Its BatchNormalization has two modes. In the usual one
# it takes four arrays of shape (C,) and computes
#
# $$y = \text{scale}\,\frac{x - \text{mean}}{\sqrt{\text{var} + \varepsilon}} + B$$
#
# That is `bnteach.batch_norm_inference`, letter by letter. With `training_mode = 1` it normalizes with the batch and also gives new
# stored statistics, by `momentum` on the *old* value, with the biased variance. ONNX brings a reference program that follows the
# definition; we ask it.


# %%
def in_onnx(feeds, outputs, **attributes):
    """Run ONNX's BatchNormalization; outputs are names and shapes."""
    from onnx import TensorProto, helper

    def described(shapes):
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()
        ]

    node = helper.make_node("BatchNormalization", list(feeds), list(outputs), **attributes)
    given = described({name: value.shape for name, value in feeds.items()})
    model = helper.make_model(helper.make_graph([node], "bn", given, described(outputs)))
    onnx.checker.check_model(model)
    return onnx.reference.ReferenceEvaluator(model).run(None, feeds)


def by_the_standard():
    rng = np.random.default_rng(2)
    x = rng.normal(3, 2, size=(5, 3, 4, 2)).astype(np.float32)
    scale, b, mean = (rng.normal(size=3).astype(np.float32) for _ in range(3))
    var = rng.uniform(0.5, 2, size=3).astype(np.float32)
    feeds, shapes = {"x": x, "scale": scale, "B": b, "mean": mean, "var": var}, {"y": x.shape}
    (y,) = in_onnx(feeds, shapes, epsilon=1e-3)
    shapes |= {"new_mean": (3,), "new_var": (3,)}
    y_train, new_mean, new_var = in_onnx(feeds, shapes, epsilon=1e-3, training_mode=1, momentum=0.7)
    axes = (0, 2, 3)
    ours = {
        "evaluation: y": (y, bnteach.batch_norm_inference(x, scale, b, mean, var, eps=1e-3)),
        "training: y": (y_train, bnteach.batch_norm_forward(x, scale, b, eps=1e-3)[0]),
        "training: new mean": (new_mean, 0.7 * mean + 0.3 * x.mean(axes)),
        "training: new var": (new_var, 0.7 * var + 0.3 * x.var(axes)),
        "the same, unbiased": (new_var, 0.7 * var + 0.3 * x.var(axes, ddof=1)),
    }
    return {name: float(abs(theirs - mine).max()) for name, (theirs, mine) in ours.items()}


for name, difference in results_of("onnx", by_the_standard).items():
    print(f"{name:18} agrees with bnteach to 1e-5: {difference < 1e-5}")

# %% [markdown]
# Four times yes, and a no: the variance that ONNX stores is the biased one, as the last line shows.
#
# To carry a PyTorch layer to ONNX for prediction, nothing needs a translation: `weight`, `bias`, `running_mean`, `running_var` and
# `eps` are just the four arrays and ε of that formula. A layer learns for 20 steps
# (toward a random target); then both predict.


# %%
def pytorch_to_onnx():
    layer, x = nn.BatchNorm2d(3), torch.from_numpy(five).permute(0, 1, 4, 2, 3)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for step in range(20):
        optimizer.zero_grad()
        ((layer(x[step % 5]) - torch.from_numpy(dy).permute(0, 3, 1, 2)) ** 2).mean().backward()
        optimizer.step()
    y = layer.eval()(x[0])
    trained = arrays(scale=layer.weight, B=layer.bias, mean=layer.running_mean, var=layer.running_var)
    (theirs,) = in_onnx({"x": x[0].numpy(), **trained}, {"y": y.shape}, epsilon=layer.eps)
    return {"difference": float(abs(theirs - y.detach().numpy()).max())}


difference = results_of("pytorch_to_onnx", pytorch_to_onnx)["difference"]
print("ONNX computes what PyTorch computes, to 1e-5:", difference < 1e-5)

# %% [markdown]
# ## Where the stored results come from

# %% tags=["nbval-ignore-output"]
about = stored(
    "results/12_versions.json", lambda: {"keras": keras.__version__, "onnx": onnx.__version__}, again=FULL
)
print(about["command"], "|", about["date"], "|", about["versions"], about["results"])

# %% [markdown]
# ## What you can do now
#
# - ✓ name the four places where Keras and PyTorch differ, and what each costs when it is forgotten: ε, momentum, layout, stored
#   variance
# - ✓ translate momentum, ε, layout and the stored variance, until all outputs and gradients agree: to 0.00001
# - ✓ read the parameter counts of a Keras model with BN: 4C, half of them not trained
# - ✓ carry a trained Keras model over to PyTorch: the variance as it is to predict, translated to go on training
# - ✓ compute ONNX's BatchNormalization with the functions of bnteach
#
# **Practice:** [the exercises of this lesson](exercises/12_the_same_layer_elsewhere.ipynb).
#
# *Sources: the documentation of `keras.layers.BatchNormalization` (Keras 3), of `torch.nn.BatchNorm2d`, and of the operator
# BatchNormalization (version 15) in the ONNX standard.*
