"""YOLOv1 as published: 24 convolutions, two dense layers; and YOLOv2's step to batch normalization.

Sources: J. Redmon, S. Divvala, R. Girshick and A. Farhadi, "You Only Look Once: Unified, Real-Time Object
Detection", 2016, arXiv:1506.02640, figure 3 and section 2.2. J. Redmon and A. Farhadi, "YOLO9000: Better,
Faster, Stronger", 2017, arXiv:1612.08242, section 2.
"""

from __future__ import annotations

from collections import OrderedDict

import pandas as pd
import torch
from torch import nn

from bnteach.training.evaluation import evaluating

__all__ = ["CONVOLUTIONS", "layer_table", "parameters", "yolo_v1"]

POOL = "pool"
CONVOLUTIONS = [  # filters, side of the filter, stride
    *[(64, 7, 2), POOL, (192, 3, 1), POOL],
    *[(128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1), POOL],
    *[(256, 1, 1), (512, 3, 1)] * 4,
    *[(512, 1, 1), (1024, 3, 1), POOL],
    *[(512, 1, 1), (1024, 3, 1)] * 2,
    *[(1024, 3, 1), (1024, 3, 2), (1024, 3, 1), (1024, 3, 1)],
]
CELLS, BOXES, CLASSES = 7, 2, 20  # of the grid, both ways; of a cell; of PASCAL VOC
HIDDEN = 4096


def yolo_v1(batch_norm: bool = False, *, device: str | None = None) -> nn.Sequential:
    """The network of the paper, or the same with batch normalization after every convolution.

    24 convolutions (`conv_1` … `conv_24`), each with LeakyReLU(0.1); four max-poolings; dense layers of 4096
    and of 7 · 7 · 30 values. Without BN the convolutions have biases, and dropout of one half stands between
    the dense layers. With BN, as in the first step of YOLOv2, both are gone.

    What surprises: three quarters of the parameters are in one layer, the first dense one. The whole takes
    1.1 GB in float32. With `device="meta"` it takes nothing: layers have shapes there, but no numbers.

    Args:
        batch_norm: put an `nn.BatchNorm2d` between each convolution and its activation.
        device: "meta" for shapes alone; None is PyTorch's default.

    Returns:
        The network, with PyTorch's initial weights. It maps (n, 3, 448, 448) to (n, 7, 7, 30).

    Example:
        >>> yolo_v1(device="meta")(torch.empty(1, 3, 448, 448, device="meta")).shape
        torch.Size([1, 7, 7, 30])
    """
    with torch.device(device or torch.get_default_device()):
        return nn.Sequential(OrderedDict([*_convolutions(batch_norm), *_dense(dropout=not batch_norm)]))


def _convolutions(batch_norm: bool):
    maps_in, number, pools = 3, 0, 0
    for layer in CONVOLUTIONS:
        if layer == POOL:
            pools += 1
            yield f"pool_{pools}", nn.MaxPool2d(2)
            continue
        (maps, side, stride), number = layer, number + 1
        yield f"conv_{number}", nn.Conv2d(maps_in, maps, side, stride, side // 2, bias=not batch_norm)
        if batch_norm:
            yield f"bn_{number}", nn.BatchNorm2d(maps)
        yield f"activation_{number}", nn.LeakyReLU(0.1)
        maps_in = maps


def _dense(dropout: bool):
    numbers = 5 * BOXES + CLASSES
    yield "flatten", nn.Flatten()
    yield "dense_1", nn.Linear(1024 * CELLS * CELLS, HIDDEN)
    yield "activation_25", nn.LeakyReLU(0.1)
    if dropout:
        yield "dropout", nn.Dropout(0.5)
    yield "dense_2", nn.Linear(HIDDEN, CELLS * CELLS * numbers)
    yield "grid", nn.Unflatten(1, (CELLS, CELLS, numbers))


def parameters(module: nn.Module) -> int:
    """How many numbers training can change.

    Example:
        >>> parameters(nn.Conv2d(3, 64, 7)), parameters(nn.BatchNorm2d(64))
        (9472, 128)
    """
    return sum(parameter.numel() for parameter in module.parameters())


def layer_table(network: nn.Sequential, picture: torch.Tensor) -> pd.DataFrame:
    """A row for each layer that has parameters or changes the shape; activations and dropout are left out.

    Args:
        network: for example `yolo_v1(device="meta")`.
        picture: (1, maps, height, width), on the same device.

    Returns:
        pandas.DataFrame with the columns layer, kind, output (without the batch axis), parameters, and
        multiplications in millions. A BN layer is counted as folded away: no multiplications.

    Example:
        >>> table = layer_table(nn.Sequential(nn.Conv2d(3, 8, 3, stride=2)), torch.empty(1, 3, 9, 9))
        >>> print(table.to_string(index=False))
        layer                 kind    output  parameters  multiplications (millions)
            0 conv 3 × 3, stride 2 8 × 4 × 4         224                    0.003456
    """
    rows, x = [], picture
    with evaluating(network), torch.no_grad():
        for name, layer in network.named_children():
            x = layer(x)
            if not isinstance(layer, (nn.LeakyReLU, nn.Dropout, nn.Flatten, nn.Unflatten)):
                rows.append(_row(name, layer, x))
    return pd.DataFrame(rows)


def _row(name: str, layer: nn.Module, output: torch.Tensor) -> dict[str, str | int | float]:
    weights = layer.weight.numel() if isinstance(layer, (nn.Conv2d, nn.Linear)) else 0
    places = output[0, 0].numel()  # a filter is applied at each place; a dense layer has one
    return {
        "layer": name,
        "kind": _kind(layer),
        "output": " × ".join(map(str, output.shape[1:])),
        "parameters": parameters(layer),
        "multiplications (millions)": weights * places / 1e6,
    }


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d):
        side, stride = layer.kernel_size[0], layer.stride[0]
        return f"conv {side} × {side}" + (f", stride {stride}" if stride > 1 else "")
    names = {nn.MaxPool2d: "max-pooling", nn.Linear: "dense", nn.BatchNorm2d: "BN"}
    return names.get(type(layer), type(layer).__name__)
