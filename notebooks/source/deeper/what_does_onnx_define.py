# %% [markdown]
# # What does ONNX define?
#
# *15 minutes · after lesson [12 · The same layer elsewhere](../12_the_same_layer_elsewhere.ipynb)*
#
# ONNX is a file format for finished networks, with a written definition of each operation. Its BatchNormalization is computed here by ONNX's own reference
# program, and by the functions of bnteach. Then a trained PyTorch layer is carried over.

# %%
import numpy as np
import torch
from torch import nn

import bnteach
from bnteach.training import stored

# %% [markdown]
# ONNX is not needed: the results shown are stored, with their date and versions. With `onnx` installed, `FULL = True` computes and stores them again.
#
# ## The definition
#
# In its usual mode the operation takes four arrays of shape (C,):
#
# $$y = \text{scale}\,\frac{x - \text{mean}}{\sqrt{\text{var} + \varepsilon}} + B$$
#
# With `training_mode = 1` it normalizes with the batch, and also returns new running statistics; `momentum` weighs the *old* ones. A file
# holds a graph of such nodes. This function makes one with a single node, and runs it.

# %%
FULL = False


def in_onnx(feeds, outputs, **attributes):
    """Run ONNX's BatchNormalization; outputs are names and shapes."""
    import onnx.reference
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


# %% [markdown]
# **Predict.** Which variance goes into the running variance of ONNX: divided by $m$, or by $m - 1$?


# %%
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


for name, difference in stored("results/12_onnx.json", by_the_standard, again=FULL)["results"].items():
    print(f"{name:20} ONNX and bnteach differ by {difference:.5f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The biased one, divided by $m$. Only the last line, with the unbiased variance, differs.
#
# </details>
#
# ## From PyTorch to ONNX
#
# To predict, nothing needs a translation: `weight`, `bias`, `running_mean`, `running_var` and `eps` are the four arrays and the ε of
# the formula. A layer learns for 20 steps (toward a random target); then both predict.


# %%
rng = np.random.default_rng(1)
five = rng.normal([2, -1, 4], [1, 3, 0.5], size=(5, 6, 4, 5, 3)).astype(np.float32)  # (N, H, W, C) each
dy = rng.normal(size=five[0].shape).astype(np.float32)


def arrays(**values):
    return {name: value.detach().numpy() for name, value in values.items()}


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


difference = stored("results/12_pytorch_to_onnx.json", pytorch_to_onnx, again=FULL)["results"]["difference"]
print(f"ONNX and PyTorch differ by {difference:.5f}")
assert difference < 1e-5

# %% [markdown]
# **What was shown.** ONNX's BatchNormalization is `bnteach.batch_norm_inference`. In training it differs from PyTorch in the meaning of momentum and in the
# variance that it stores. (An exporter may leave no BN at all: where BN follows a convolution, it can be folded into it,
# [lesson 09](../09_slim_and_fold.ipynb#Fold).)
#
# **Back to** [12 · The same layer elsewhere](../12_the_same_layer_elsewhere.ipynb)
#
# *Source: the operator BatchNormalization (version 15) in the ONNX standard.*
