"""Lesson 08: which norm, where BN has too few values or the wrong ones.

small_batches.py  how small a batch may be
gan.py            a generator and its discriminator; gan_trials.py: what the discriminator's norm does
"""

from bnteach.trials.norms.gan import discriminator, generator
from bnteach.trials.norms.gan_trials import (
    DISCRIMINATORS,
    digits_classifier,
    score_pictures,
    sweep_of_gans,
)
from bnteach.trials.norms.small_batches import BATCH_SIZES, KINDS, sweep_of_batches

__all__ = [
    "BATCH_SIZES",
    "DISCRIMINATORS",
    "KINDS",
    "digits_classifier",
    "discriminator",
    "generator",
    "score_pictures",
    "sweep_of_batches",
    "sweep_of_gans",
]
