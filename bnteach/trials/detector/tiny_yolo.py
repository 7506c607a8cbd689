"""A YOLO small enough to train in seconds: it searches scenes of 32 x 32 pixels for digits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bnteach.training.evaluation import evaluating
from bnteach.trials.detector.boxes import keep_best
from bnteach.trials.detector.mean_average_precision import Found, mean_average_precision
from bnteach.trials.detector.scenes import CELLS, Scenes
from bnteach.trials.detector.yolo_loss import boxes_of, split, targets, yolo_loss

__all__ = ["DetectorStep", "detect", "detector_steps", "mean_ap", "tiny_yolo"]

CLASSES, BOXES = 10, 2
POOL = "pool"
LAYERS = [(8, 3), POOL, (32, 3), POOL, (64, 3), POOL, (128, 3), (64, 1), (128, 3)]  # filters, their side
LAST = 0.1  # the last layer starts this much smaller, so that the first boxes are small


class CellsLast(nn.Module):
    """(n, numbers, S, S) → (n, S, S, numbers): all numbers of a cell side by side."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)


def tiny_yolo(batch_norm: bool, *, seed: int = 0) -> nn.Sequential:
    """Six convolutions with LeakyReLU(0.1), three max-poolings, and a last convolution: 32 x 32 → 4 x 4 x 20.

    The same seed gives the same weights with BN and without (Normal with variance 2 / fan_in, biases 0; the
    last layer a tenth of that), so that nothing but BN differs. With BN the convolutions have no bias; the
    last one, which has no BN, keeps it. There are no dense layers: each cell is answered by the last filters.

    Args:
        batch_norm: an `nn.BatchNorm2d` after each convolution but the last.
        seed: of the weights. PyTorch's global random state is not touched.

    Example:
        >>> tiny_yolo(batch_norm=True)(torch.zeros(5, 1, 32, 32)).shape
        torch.Size([5, 4, 4, 20])
    """
    with torch.random.fork_rng(devices=[]):  # new layers draw weights, which are replaced
        layers = list(_layers(batch_norm))
    random = torch.Generator().manual_seed(seed)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            _initialize(layer, random)
    layers[-2].weight.data *= LAST
    return nn.Sequential(*layers)


def _layers(batch_norm: bool) -> Iterator[nn.Module]:
    maps_in = 1
    for layer in LAYERS:
        if layer == POOL:
            yield nn.MaxPool2d(2)
            continue
        maps, side = layer
        yield nn.Conv2d(maps_in, maps, side, padding=side // 2, bias=not batch_norm)
        if batch_norm:
            yield nn.BatchNorm2d(maps)
        yield nn.LeakyReLU(0.1)
        maps_in = maps
    yield nn.Conv2d(maps_in, 5 * BOXES + CLASSES, 1)
    yield CellsLast()


def _initialize(conv: nn.Conv2d, random: torch.Generator) -> None:
    nn.init.normal_(conv.weight, std=(2 / conv.weight[0].numel()) ** 0.5, generator=random)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


class DetectorStep(NamedTuple):
    """What one optimization step leaves behind: its number, from 1, and its loss, which may be nan."""

    number: int
    loss: float


def detector_steps(
    network: nn.Module,
    scenes: Scenes,
    *,
    steps: int,
    learning_rate: float,
    batch_size: int = 32,
    seed: int = 0,
) -> Iterator[DetectorStep]:
    """Train with Adam, and hand control back after every step.

    (The paper takes gradient descent with momentum, for 135 epochs. Adam gets further in few steps.)
    The rate falls along half a cosine to 0 at the last step.

    Args:
        network: such as `tiny_yolo`; put in training mode once, by this call.
        scenes: to learn from.
        steps: in all.
        learning_rate: at the first step.
        batch_size: scenes in a step, drawn at random.
        seed: of the drawing.
    """
    wanted, random = targets(scenes, CELLS, CLASSES), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    network.train()
    for number in range(1, steps + 1):
        chosen = torch.randint(len(scenes), (batch_size,), generator=random)
        loss = yolo_loss(network(scenes.pictures[chosen]), wanted.at(chosen))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falling.step()
        yield DetectorStep(number, loss.item())


@torch.no_grad()
def detect(network: nn.Module, pictures: Tensor, *, least: float = 0.05) -> list[Found]:
    """The boxes, classes and scores that `network` finds in each picture, in evaluation mode.

    The score of a box is its confidence times the score of the cell's best class. Of boxes of one class that
    overlap by more than one half, the best is kept.

    Args:
        network: such as `tiny_yolo`.
        pictures: (n, 1, 32, 32).
        least: boxes with a lower score are left out, and so is what is not a number.
    """
    with evaluating(network):
        centers, roots, confidence, scores = split(network(pictures), CLASSES)
    best, labels = scores.max(dim=-1)
    boxes, score = (
        boxes_of(centers, roots**2).flatten(1, 3),
        (confidence.clamp(0) * best[..., None]).flatten(1),
    )
    labels = labels[..., None].expand_as(confidence).flatten(1)
    return [_kept(*one, least) for one in zip(boxes, labels, score, strict=True)]


def _kept(boxes: Tensor, labels: Tensor, scores: Tensor, least: float) -> Found:
    sure = scores > least
    boxes, labels, scores = boxes[sure].clamp(0, 1), labels[sure], scores[sure]
    # boxes of different classes are moved apart, so that each suppresses those of its own class alone
    kept = keep_best(boxes + 2 * labels[:, None], scores)
    return Found(boxes[kept], labels[kept], scores[kept])


def mean_ap(network: nn.Module, scenes: Scenes) -> float:
    """The mAP of `network` on scenes, in percent."""
    return 100 * mean_average_precision(detect(network, scenes.pictures), scenes.boxes, scenes.labels)
