"""The digits made harder: fewer of them, wrong labels, noise on the pixels, batches of few classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from bnteach.data import Digits

__all__ = ["few_classes", "fewer", "noisy_pixels", "wrong_labels"]


def fewer(data: Digits, n: int, seed: int = 0) -> Digits:
    """Keep n training pictures, chosen at random. The test set stays."""
    if not 1 <= n <= len(data.x_train):
        raise ValueError(f"n is {n}, expected 1 to {len(data.x_train)}, the number of training pictures")
    chosen = np.random.default_rng(seed).permutation(len(data.x_train))[:n]
    return replace(data, x_train=data.x_train[chosen], y_train=data.y_train[chosen])


def wrong_labels(data: Digits, share: float, seed: int = 0) -> Digits:
    """Give a share of the training pictures a label that is wrong, each as likely. The test set stays."""
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}, expected 0 to 1")
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(data.y_train))[: round(share * len(data.y_train))]
    labels = data.y_train.copy()
    labels[chosen] = (labels[chosen] + random.integers(1, 10, len(chosen))) % 10
    return replace(data, y_train=labels)


def noisy_pixels(data: Digits, std: float, seed: int = 0) -> Digits:
    """Add Gaussian noise to every gray value, of training and test pictures. Nothing is clipped."""
    if std < 0:
        raise ValueError(f"std is {std}, expected 0 or more")
    random = np.random.default_rng(seed)

    def noisy(x):
        return (x + random.normal(0, std, x.shape)).astype(x.dtype)

    return replace(data, x_train=noisy(data.x_train), x_test=noisy(data.x_test))


def few_classes(classes: int, batch_size: int) -> Callable[[torch.Tensor, torch.Generator], torch.Tensor]:
    """An `order` for `training_steps` in which every batch holds a few of the ten digits only.

    What surprises: each batch is drawn anew, so in one epoch a picture may come twice, or not at all.
    """
    if not 1 <= classes <= 10:
        raise ValueError(f"classes is {classes}, expected 1 to 10")

    def order(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        places = [torch.nonzero(labels == digit)[:, 0] for digit in range(10)]
        batches = []
        for _ in range(len(labels) // batch_size):
            chosen = torch.randperm(10, generator=generator)[:classes]
            those = torch.cat([places[digit] for digit in chosen.tolist()])
            if len(those) < batch_size:
                raise ValueError(
                    f"batch_size is {batch_size}, but the digits of a batch have {len(those)} pictures"
                )
            batches.append(those[torch.randperm(len(those), generator=generator)[:batch_size]])
        return torch.cat(batches)

    return order
