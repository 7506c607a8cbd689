"""YOLOv1 as published: 24 convolutions, two dense layers; and YOLOv2's step to batch normalization.

Sources: J. Redmon, S. Divvala, R. Girshick and A. Farhadi, "You Only Look Once: Unified, Real-Time Object
Detection", 2016, arXiv:1506.02640, figure 3 and section 2.2. J. Redmon and A. Farhadi, "YOLO9000: Better,
Faster, Stronger", 2017, arXiv:1612.08242, section 2.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

__all__ = ["CONVOLUTIONS", "parameters", "yolo_v1"]

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
