# %% [markdown]
# # 12 · The same layer elsewhere
#
# *45 minutes · previous: [10 · Across devices](10_across_devices.ipynb) · builds on
# [05 · Train and infer](05_train_and_infer.ipynb) and [06 · Normalize channels](06_normalize_channels.ipynb) ·
# [exercises](exercises/12_the_same_layer_elsewhere.ipynb)*
#
# BN has the same formula in every framework, and other defaults. A model that is carried from one to another with the same numbers can
# be wrong in four places, and none of them raises an error. In this lesson you translate a BN layer between three of them: PyTorch,
# Keras and ONNX (a file format for networks that are finished).
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
# beside it, with their date and versions. To install both: `pip install "bnteach[keras]"`, or in a copy of the project
# `%pip install -e "..[keras]"`.

# %% tags=["nbval-ignore-output"]
import os

import numpy as np
import torch
from torch import nn

from bnteach import figures
from bnteach.data import digits
from bnteach.training.norm_trials import stored

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
# We check the Keras column, not with its manual but with the layer:


# %%
def keras_defaults():
    config = keras.layers.BatchNormalization().get_config()
    return {name: config[name] for name in ("epsilon", "momentum", "axis")}


for name, value in results_of("defaults", keras_defaults).items():
    print(f"{name:9}", value)

# %% [markdown]
# ## What each difference costs
#
# These four experiments need no Keras: bnteach can take Keras' numbers.
#
# **ε.** A channel has a standard deviation of 0.01; that is usual for values after a small initialisation.
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
figures.frame(ax, title="The true mean is 5", x="batches", y="stored mean", ylim=(0, 8))
figures.key(ax, {"without_bn": "0.99, as it was", "with_bn": "0.01, translated"}, place="lower right")
figures.show(
    ax,
    alt="Stored mean over 50 batches. With momentum 0.99 it jumps up and down around 5. With 0.01 it rises "
    "slowly and smoothly from 0 to about 2.",
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# With 0.99 the layer forgets all but the last batch: its stored mean is that batch's mean, and jumps with each. Translated to 0.01 it is
# smooth, but it is not at 5 yet: $0.99^{50}$, that is 61 %, is left of the 0 it began with. Keras' default is made for long trainings.
#
# </details>
#
# **Layout.** Keras pictures are (N, H, W, C). bnteach takes the axis by name:

# %%
pictures = rng.normal([1, 5, 9], 1, size=(4, 6, 5, 3))  # (N, H, W, C), three channels
for axis in (-1, 1):
    y, _ = bnteach.batch_norm_forward(pictures, None, None, channel_axis=axis)
    print(f"channel_axis={axis:2}: means of the three channels", abs(y.mean(axis=(0, 1, 2)).round(2)))

# %% [markdown]
# Axis 1 is the height here. Each row of the pictures got mean 0; the channels did not.
#
# **The stored variance.** Each batch gives $\sigma^2$ (divided by $m$) to Keras and $\sigma^2\,m/(m-1)$ to PyTorch. For batches of
# 8 values this is 14 % more. It can be translated if all batches had the same $m$. After $t$ batches the stored value is part start value 1, with
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
# ## The translation
#
# All four together, in one function. It takes what a Keras layer has, and gives the arguments and the state of a bnteach layer. The
# state has PyTorch's names, so `nn.BatchNorm2d` loads the same dictionary.


# %%
def translate(gamma, beta, moving_mean, moving_variance, *, eps, momentum, batches, m):
    """Keras' BN layer after `batches` training batches of m values a channel -> (options, state)."""
    left = momentum**batches  # what is left of the start value 1
    running_var = left + (moving_variance - left) * m / (m - 1)
    options = {"eps": eps, "momentum": 1 - momentum}
    state = {"weight": gamma, "bias": beta, "running_mean": moving_mean, "running_var": running_var}
    return options, {**state, "num_batches_tracked": np.array(batches)}


# %% [markdown]
# Now the test. Keras, PyTorch and bnteach get the same five batches of pictures, the same γ and β, the same upstream gradient. We compare
# the last batch's outputs and gradients, and the stored statistics.


# %%
def three_layers():
    rng = np.random.default_rng(1)
    five = rng.normal([2, -1, 4], [1, 3, 0.5], size=(5, 6, 4, 5, 3)).astype(np.float32)  # (N, H, W, C) each
    dy = rng.normal(size=five[0].shape).astype(np.float32)
    gamma, beta = np.float32([0.5, 2, 1.5]), np.float32([1, -1, 0.3])
    layer = keras.layers.BatchNormalization()
    layer.build(five[0].shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    for batch in five:
        x = torch.tensor(batch, requires_grad=True)
        y = layer(x, training=True)
    y.backward(torch.from_numpy(dy))
    theirs = {"y": y, "dx": x.grad, "dgamma": layer.gamma.value.grad, "dbeta": layer.beta.value.grad}
    theirs = {name: value.detach().numpy() for name, value in theirs.items()}
    return differences(theirs, five, dy, layer)


# %% [markdown]
# `differences` does the rest: it makes a PyTorch and a bnteach layer with the translated momentum and ε, shows them the same
# batches, and takes the largest difference of each quantity, as a share of the quantity's largest value.


# %%
def differences(theirs, five, dy, layer):
    read = {
        n: getattr(layer, n).value.detach().numpy()
        for n in ("gamma", "beta", "moving_mean", "moving_variance")
    }
    m = five[0].size // 3
    options, state = translate(**read, eps=layer.epsilon, momentum=layer.momentum, batches=5, m=m)
    ours = bnteach.BatchNorm(3, channel_axis=-1, **options)
    module = nn.BatchNorm2d(3, **options)
    ours.gamma[:], ours.beta[:] = read["gamma"], read["beta"]
    module.load_state_dict({**module.state_dict(), **tensors(weight=read["gamma"], bias=read["beta"])})
    for batch in five:
        x = torch.tensor(batch.transpose(0, 3, 1, 2), requires_grad=True)  # PyTorch wants (N, C, H, W)
        y_ours, y_torch = ours.forward(batch), module(x)
    y_torch.backward(torch.from_numpy(dy.transpose(0, 3, 1, 2)))
    dx, dgamma, dbeta = ours.backward(dy)
    nhwc = {"y": y_torch.detach().permute(0, 2, 3, 1), "dx": x.grad.permute(0, 2, 3, 1)}
    in_torch = {**nhwc, "dgamma": module.weight.grad, "dbeta": module.bias.grad}
    in_torch |= {name: module.state_dict()[name] for name in ("running_mean", "running_var")}
    in_ours = {"y": y_ours, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}
    in_ours |= {"running_mean": ours.running_mean, "running_var": ours.running_var}
    theirs = theirs | {"running_mean": state["running_mean"], "running_var": state["running_var"]}
    return {
        name: [
            float(abs(theirs[name] - np.asarray(other[name])).max() / abs(theirs[name]).max())
            for other in (in_torch, in_ours)
        ]
        for name in theirs
    }


def tensors(**arrays):
    return {name: torch.tensor(array) for name, array in arrays.items()}


agreement = results_of("agreement", three_layers)
for name, (to_torch, to_ours) in agreement.items():
    print(f"{name:13} Keras to PyTorch below 1e-5: {to_torch < 1e-5}   Keras to bnteach: {to_ours < 1e-5}")

# %% [markdown]
# Outputs, gradients and stored statistics agree, once the four differences are translated.
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
    rows = [[layer.name.split("_")[0], layer.count_params()] for layer in model.layers]
    stays = sum(int(np.prod(weight.shape)) for weight in model.non_trainable_weights)
    return {"layers": rows, "all": model.count_params(), "not trained": stays}


dense_counts = results_of("dense_counts", lambda: counted(dense_model()))
for name, parameters in dense_counts["layers"]:
    print(f"{name:8} {parameters}")
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


def to_pytorch(model, batches, m):
    """A Keras model of Dense(relu), BN and a last Dense layer, as a PyTorch model."""
    built = []
    for layer in model.layers:
        w = [weight.value.detach().numpy() for weight in layer.weights]
        if len(w) == 2:
            linear = nn.Linear(*w[0].shape)
            linear.load_state_dict(tensors(weight=w[0].T, bias=w[1]))
            built += [linear, nn.ReLU()] if layer is not model.layers[-1] else [linear]
        else:
            options, state = translate(
                *w, eps=layer.epsilon, momentum=layer.momentum, batches=batches, m=m
            )
            norm = nn.BatchNorm1d(len(w[0]), **options)
            norm.load_state_dict(tensors(**state))
            built.append(norm)
    return nn.Sequential(*built).eval()


# %% [markdown]
# One trap remains. The stored variance is *used* in evaluation. Keras uses its biased one. If we translate it to the unbiased one, the
# outputs in evaluation differ a little; if we carry it over as it is, they agree. So which is right? It depends on what comes next: to go on
# **training** in PyTorch, translate; to **predict** as Keras did, carry it over. (`m` very large does the latter.)


# %%
def carried_over():
    keras.utils.set_random_seed(0)
    data, model = digits(), dense_model()
    x, y = sixteen_values(data.x_train), data.y_train % 2
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(x[:1280], y[:1280], batch_size=32, epochs=5, verbose=0)
    x_test = sixteen_values(data.x_test)
    theirs = np.asarray(model.predict(x_test, verbose=0))
    x_torch = torch.from_numpy(x_test)
    found = {}
    for way, m in (("carried over", 10**9), ("translated", 32)):
        logits = to_pytorch(model, batches=200, m=m)(x_torch).detach().numpy()
        found[way] = float(abs(logits - theirs).max())
    accuracy = float((theirs.argmax(1) == data.y_test % 2).mean())
    return {"accuracy": accuracy, "differences": found}


# %% [markdown]
# **Predict.** How good is a guess? And which of the two ways agrees with Keras?

# %% tags=["nbval-ignore-output"]
dense = results_of("dense", carried_over)
print(f"test accuracy: {dense['accuracy']:.0%}")
for way, difference in dense["differences"].items():
    print(f"variance {way:12}: largest difference of the logits {difference:.1e}")

# %%
print("carried over, the logits agree to 1e-4:", dense["differences"]["carried over"] < 1e-4)
print("translated, they differ by more than 1e-3:", dense["differences"]["translated"] > 1e-3)

# %% [markdown]
# The second usual model is convolutional: two 3×3 convolutions of 32 filters on pictures of 28×28×3, BN after each.
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
    history = model.fit(x, data.y_train[:256], batch_size=32, epochs=2, verbose=0).history["loss"]
    return {**counted(model), "loss": [float(loss) for loss in history]}


conv = results_of("conv", conv_trained)
for name, parameters in conv["layers"]:
    print(f"{name:8} {parameters}")
print("not trained by gradients:", conv["not trained"])
print("the loss falls:", conv["loss"][1] < conv["loss"][0])

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
def by_the_standard():
    from onnx import TensorProto, helper

    rng = np.random.default_rng(2)
    x = rng.normal(3, 2, size=(5, 3, 4, 2)).astype(np.float32)
    scale, b, mean = (rng.normal(size=3).astype(np.float32) for _ in range(3))
    var = rng.uniform(0.5, 2, size=3).astype(np.float32)
    feeds = {"x": x, "scale": scale, "B": b, "mean": mean, "var": var}
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in feeds.items()
    ]

    def run(outputs, **attributes):
        node = helper.make_node("BatchNormalization", list(feeds), list(outputs), epsilon=1e-3, **attributes)
        gives = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()
        ]
        model = helper.make_model(helper.make_graph([node], "bn", given, gives))
        onnx.checker.check_model(model)
        return onnx.reference.ReferenceEvaluator(model).run(None, feeds)

    (y,) = run({"y": x.shape})
    y_train, new_mean, new_var = run(
        {"y": x.shape, "new_mean": (3,), "new_var": (3,)}, training_mode=1, momentum=0.7
    )
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
# A trained PyTorch layer, in evaluation mode, is carried to ONNX without any loss: `weight`, `bias`, `running_mean`, `running_var` and
# `eps` are just the four arrays and ε of that formula.
#
# ## Where the stored results come from

# %% tags=["nbval-ignore-output"]
about = stored(
    "results/12_versions.json", lambda: {"keras": keras.__version__, "onnx": onnx.__version__}, again=FULL
)
print(about["command"], "|", about["date"], "|", about["versions"], about["results"])

# %% [markdown]
# ## What you can do now
#
# - ✓ name the four places where Keras and PyTorch differ, and what each costs when it is forgotten: ε, momentum, layout, stored variance
# - ✓ translate momentum, ε, layout and the stored variance, until all outputs and gradients agree: to 0.00001
# - ✓ read the parameter counts of a Keras model with BN: 4C, half of them not trained
# - ✓ carry a trained Keras model over to PyTorch: the variance as it is to predict, translated to train on
# - ✓ compute ONNX's BatchNormalization with the functions of bnteach
#
# **Practise:** [the exercises of this lesson](exercises/12_the_same_layer_elsewhere.ipynb).
#
# *Sources: the documentation of `keras.layers.BatchNormalization` (Keras 3), of `torch.nn.BatchNorm2d`, and of the operator
# BatchNormalization (version 15) in the ONNX standard.*
