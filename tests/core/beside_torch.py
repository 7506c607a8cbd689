"""One pass through bnteach, the same pass through PyTorch, and how far apart the two may be.

The data obey the law of BN tests: a random upstream gradient, three samples or more, axes of different
sizes, channels off center, γ and β away from 1 and 0, running statistics away from 0 and 1.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bnteach import BatchNorm

TORCH = tuple(int(part) for part in torch.__version__.split(".")[:2])  # where PyTorch itself has changed
PYTORCHS_LAYER = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
TOLERANCE = {np.float16: 4e-3, np.float32: 2e-5, np.float64: 1e-11}
KEPT = ("running_mean", "running_var", "num_batches_tracked")


def batch(rng, shape, channel_axis=1, dtype=np.float64, offset=3.0, spread=1.0):
    """x, each channel with a mean and a spread of its own, and a random dy."""
    one_a_channel = [1] * len(shape)
    one_a_channel[channel_axis] = shape[channel_axis]
    mean = offset * rng.uniform(-1, 1, one_a_channel)
    std = spread * rng.uniform(0.5, 2, one_a_channel)
    return (mean + std * rng.normal(size=shape)).astype(dtype), rng.normal(size=shape).astype(dtype)


def random_state(rng, state):
    """Entries for a state dict: positive, away from 0 and 1."""
    return {
        key: np.int64(3) if value.dtype == np.int64 else rng.uniform(1.2, 2, value.shape).astype(value.dtype)
        for key, value in state.items()
    }


def as_tensors(state):
    return {key: torch.tensor(value) for key, value in state.items()}


def torch_dtype(dtype):
    return getattr(torch, np.dtype(dtype).name)


def pair(rng, x, channel_axis=1, dtype=np.float64, kind=None, **options):
    """A BatchNorm for x and PyTorch's layer, with the same random state."""
    channels = x.shape[channel_axis]
    bn = BatchNorm(channels, channel_axis=channel_axis, dtype=dtype, **options)
    bn.load_state_dict(random_state(rng, bn.state_dict()))
    twin = (kind or PYTORCHS_LAYER[x.ndim])(channels, dtype=torch_dtype(dtype), **options)
    twin.load_state_dict(as_tensors(bn.state_dict()))
    return bn, twin


def our_pass(layer, x, dy):
    """Forward and backward: every quantity by its name."""
    y = layer.forward(x)
    dx, dgamma, dbeta = layer.backward(dy)
    kept = {name: getattr(layer, name, None) for name in KEPT}
    return {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta, **kept}


def pytorchs_pass(layer, x, dy, channel_axis=1):
    """The same from PyTorch, whose channels are on axis 1."""
    x, dy = (torch.tensor(np.moveaxis(a, channel_axis, 1).copy()) for a in (x, dy))
    x.requires_grad_()
    layer.zero_grad()
    y = layer(x)
    y.backward(dy)
    parameters = {"dgamma": layer.weight, "dbeta": layer.bias}
    found = {"y": y.detach(), "dx": x.grad}
    found |= {name: None if value is None else value.grad for name, value in parameters.items()}
    found |= {name: getattr(layer, name, None) for name in KEPT}
    found = {name: None if value is None else value.numpy().copy() for name, value in found.items()}
    for name in ("y", "dx"):
        found[name] = np.moveaxis(found[name], 1, channel_axis)
    return found


def in_float64(twin, bn):
    """The twin with the state of bn, in float64: a reference whose own rounding is not in the way."""
    twin.double().load_state_dict(as_tensors(bn.state_dict()))
    return twin


def assert_same(actual, expected, tolerance, units=()):
    """The same quantities with the same values, up to tolerance times 1, or times the unit that is named."""
    units = dict(units)
    assert actual.keys() == expected.keys()
    for name in expected:
        if expected[name] is None or actual[name] is None:
            assert actual[name] is expected[name], name
        else:
            assert actual[name].shape == expected[name].shape, name
            np.testing.assert_allclose(
                actual[name],
                expected[name],
                rtol=tolerance,
                atol=tolerance * units.get(name, 1),
                err_msg=name,
            )
