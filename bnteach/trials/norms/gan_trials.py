"""GANs with different norms in the discriminator, scored by a classifier of digits."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from bnteach.data import Digits, digits
from bnteach.training.evaluation import evaluating
from bnteach.training.networks import mlp
from bnteach.training.train import train
from bnteach.trials.norms.gan import discriminator, fakes, generator, train_gan

__all__ = [
    "DISCRIMINATORS",
    "PictureScores",
    "digits_classifier",
    "pictures_after_training",
    "score_pictures",
    "scores_after_training",
    "sweep_of_gans",
]

DISCRIMINATORS = {  # the norms of the discriminator's two layers; real and fake pictures in one batch?
    "no norm": (nn.Identity, nn.Identity, False),
    "LN": (nn.LayerNorm, nn.LayerNorm, False),
    "BN, mixed batches": (nn.BatchNorm1d, nn.BatchNorm1d, True),
    "BN in layer 2, separate batches": (nn.Identity, nn.BatchNorm1d, False),
    "BN, separate batches": (nn.BatchNorm1d, nn.BatchNorm1d, False),
}


class PictureScores(NamedTuple):
    """What a classifier of digits says about a set of pictures.

    Attributes:
        sure: the share of pictures for which the classifier gives one digit more than 90 %.
        classes: how many digits are there, as if all were equally frequent: e^(entropy of the mean answer),
            1 for a single digit, 10 for all ten.
        off: how far the mean picture is from that of the real ones; mean over the pixels, in gray values.
    """

    sure: float
    classes: float
    off: float


def score_pictures(pictures: torch.Tensor, classifier: nn.Module, real: np.ndarray) -> PictureScores:
    """Cheap measures of a set of pictures (n, 64) beside real ones.

    What they do not see: whether a picture looks good to a human, whether the pictures of one digit differ
    from each other, whether they are copies of the training pictures.

    Source: in the spirit of the inception score, Salimans et al. 2016, arXiv:1606.03498, section 4.
    """
    with evaluating(classifier), torch.no_grad():
        answers = classifier(pictures).double().softmax(dim=1)
    mean = answers.mean(dim=0)
    entropy = -torch.special.xlogy(mean, mean).sum()
    off = (pictures.mean(dim=0) - torch.from_numpy(real).mean(dim=0)).abs().mean()
    sure = (answers.max(dim=1).values > 0.9).double().mean()
    return PictureScores(sure.item(), entropy.exp().item(), off.item())


@cache
def _digits() -> Digits:
    return digits()


def digits_classifier() -> nn.Module:
    """A classifier of the digits, in evaluation mode: it scores what a generator makes."""
    classifier = mlp([64, 100, 100, 10], nn.ReLU, init_scale=2**0.5, seed=99)
    train(classifier, _digits(), epochs=10, every=1000, progress=False)
    return classifier.eval()


def pictures_after_training(pair: str, seed: int, steps: int) -> torch.Tensor:
    """1 000 pictures of a generator that was trained against one of `DISCRIMINATORS`."""
    first, second, mixed = DISCRIMINATORS[pair]
    network = generator(seed=seed)
    train_gan(
        network,
        discriminator(first, second, seed=seed),
        _digits().x_train,
        mixed=mixed,
        steps=steps,
        seed=seed,
    )
    return fakes(network, 1000)


def scores_after_training(pair: str, seed: int, steps: int, classifier: nn.Module) -> PictureScores:
    """What the classifier says about `pictures_after_training`."""
    return score_pictures(pictures_after_training(pair, seed, steps), classifier, _digits().x_train)


def sweep_of_gans(seeds: Iterable[int] = range(5), steps: int = 2000) -> dict[str, list]:
    """For each of `DISCRIMINATORS` its `PictureScores`, (seeds, 3), and eight pictures of the first seed."""
    classifier, results, seeds = digits_classifier(), {}, list(seeds)
    for pair in DISCRIMINATORS:
        scores = np.array([scores_after_training(pair, seed, steps, classifier) for seed in seeds])
        results[pair] = scores.round(4).tolist()
        results[f"{pair}, pictures"] = (
            pictures_after_training(pair, seeds[0], steps)[:8].numpy().round(2).tolist()
        )
    return results
