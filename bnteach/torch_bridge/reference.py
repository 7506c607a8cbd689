"""The nine quantities of a batch normalization layer, asked of our layer and of PyTorch.

Each function answers with a dictionary: the name of a quantity -> its array, or None where there is none
(no dgamma without affine parameters, no running statistics without tracking).
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import nn

__all__ = ["Answers", "as_ncl", "numpy_evaluation", "numpy_training", "torch_evaluation", "torch_training"]

Answers = dict[str, "np.ndarray | None"]


def as_ncl(array: np.ndarray, channel_axis: int) -> np.ndarray:
    """Any layout as (samples, channels, the rest): the layout in which PyTorch is asked."""
    array = np.moveaxis(array, channel_axis, 1)
    return array.reshape(*array.shape[:2], math.prod(array.shape[2:]))


def numpy_training(bn, x: np.ndarray, dy: np.ndarray) -> Answers:
    """y, dx, dgamma, dbeta, running_mean and running_var after one training pass of a copy of `bn`."""
    layer = copy.deepcopy(bn).train()
    answers = _numpy_pass(layer, x, dy)
    return answers | {"running_mean": layer.running_mean, "running_var": layer.running_var}


def numpy_evaluation(bn, x: np.ndarray, dy: np.ndarray, statistics: Answers) -> Answers:
    """y, dx and dgamma of a copy of `bn` in evaluation, given the running statistics to use."""
    layer = copy.deepcopy(bn).eval()
    if bn.track_running_stats:
        layer.running_mean[...] = statistics["running_mean"]
        layer.running_var[...] = statistics["running_var"]
    return _numpy_pass(layer, x, dy)


def _numpy_pass(layer, x: np.ndarray, dy: np.ndarray) -> Answers:
    y = copy.deepcopy(layer.forward(x.copy()))  # before backward has a chance to write into it
    dx, dgamma, dbeta = layer.backward(dy.copy())
    return {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def torch_training(bn, x: np.ndarray, dy: np.ndarray, dtype: type) -> Answers:
    """The same of `nn.BatchNorm1d` with the settings and state of `bn`, computed in `dtype`.

    y and dx come as (samples, channels, the rest).
    """
    layer = _torch_layer(bn, dtype).train()
    answers = _torch_pass(layer, bn, x, dy, dtype)
    for name in ("running_mean", "running_var"):
        buffer = getattr(layer, name)
        answers[name] = None if buffer is None else buffer.numpy()
    return answers


def torch_evaluation(bn, x: np.ndarray, dy: np.ndarray, dtype: type, statistics: Answers) -> Answers:
    """The same in evaluation, given the running statistics to use."""
    layer = _torch_layer(bn, dtype).eval()
    if bn.track_running_stats:
        layer.running_mean.copy_(torch.from_numpy(statistics["running_mean"]))
        layer.running_var.copy_(torch.from_numpy(statistics["running_var"]))
    return _torch_pass(layer, bn, x, dy, dtype)


def _torch_layer(bn, dtype: type) -> nn.BatchNorm1d:
    layer = nn.BatchNorm1d(bn.num_features, bn.eps, bn.momentum, bn.affine, bn.track_running_stats)
    # The dtype first: loading into float32 would round a float64 state.
    layer.to(torch.from_numpy(np.empty(0, dtype)).dtype)
    layer.load_state_dict({name: torch.as_tensor(value) for name, value in bn.state_dict().items()})
    return layer


def _torch_pass(layer: nn.BatchNorm1d, bn, x: np.ndarray, dy: np.ndarray, dtype: type) -> Answers:
    x, dy = (torch.from_numpy(as_ncl(array, bn.channel_axis).astype(dtype)) for array in (x, dy))
    x.requires_grad_()
    y = layer(x)
    y.backward(dy)
    gradients = {"dx": x, "dgamma": layer.weight, "dbeta": layer.bias}
    return {"y": y.detach().numpy()} | {
        name: None if tensor is None else tensor.grad.numpy() for name, tensor in gradients.items()
    }
