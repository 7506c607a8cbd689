"""The digits made harder: fewer of them, wrong labels, noise on the pixels, batches of few classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from bnteach.data import Digits

__all__ = ["few_classes", "fewer", "noisy_pixels", "wrong_labels"]


def fewer(data: Digits, n: int, seed: int = 0) -> Digits:
    """Keep n training pictures, chosen at random. The test set stays.

    Raises:
        ValueError: n is not between 1 and the number of training pictures.

    Example:
        >>> from bnteach.data import digits
        >>> fewer(digits(), 100)
        Digits(x_train (100, 64) float32, x_test (450, 64))
    """
    if not 1 <= n <= len(data.x_train):
        raise ValueError(f"n is {n}, expected 1 to {len(data.x_train)}, the number of training pictures")
    chosen = np.random.default_rng(seed).permutation(len(data.x_train))[:n]
    return replace(data, x_train=data.x_train[chosen], y_train=data.y_train[chosen])


def wrong_labels(data: Digits, share: float, seed: int = 0) -> Digits:
    """Give a share of the training pictures a label that is wrong, each as likely. The test stays.

    Raises:
        ValueError: share is not between 0 and 1.

    Example:
        >>> from bnteach.data import digits
        >>> data = digits()
        >>> print(f"{(wrong_labels(data, 0.2).y_train != data.y_train).mean():.2f}")
        0.20
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}, expected 0 to 1")
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(data.y_train))[: round(share * len(data.y_train))]
    labels = data.y_train.copy()
    labels[chosen] = (labels[chosen] + random.integers(1, 10, len(chosen))) % 10
    return replace(data, y_train=labels)


def noisy_pixels(data: Digits, std: float, seed: int = 0) -> Digits:
    """Add Gaussian noise to every grey value, of the training and of the test pictures. Nothing is clipped.

    Raises:
        ValueError: std is negative.

    Example:
        >>> from bnteach.data import digits
        >>> bool(noisy_pixels(digits(), 0.5).x_test.min() < -1)
        True
    """
    if std < 0:
        raise ValueError(f"std is {std}, expected 0 or more")
    random = np.random.default_rng(seed)

    def noisy(x):
        return (x + random.normal(0, std, x.shape)).astype(x.dtype)

    return replace(data, x_train=noisy(data.x_train), x_test=noisy(data.x_test))


def few_classes(classes: int, batch_size: int) -> Callable[[torch.Tensor, torch.Generator], torch.Tensor]:
    """An order of the training pictures in which every batch holds a few of the ten digits only.

    For each batch the digits are drawn at random, and then its pictures among all those of these digits. What
    surprises: each batch is drawn anew, so in one epoch a picture may come twice, or not at all.

    Args:
        classes: how many digits a batch may hold, 1 to 10.
        batch_size: as it is given to `training_steps`, together with this order.

    Returns:
        A function for the argument `order` of `training_steps`.

    Raises:
        ValueError: classes is not between 1 and 10; later, when the order is asked for: the digits of a batch
            have fewer pictures than a batch needs.

    Example:
        >>> labels = torch.arange(200) % 10
        >>> order = few_classes(2, batch_size=20)(labels, torch.Generator().manual_seed(0))
        >>> labels[order[:20]].unique().numel()
        2
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
