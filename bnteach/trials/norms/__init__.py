"""Lesson 08: which norm, where BN has too few values or the wrong ones.

small_batches.py  how small a batch may be
sequences.py      networks that read a digit step by step, and padding
autoencoder.py    a norm in the code and in the hidden layers
gan.py            a generator and its discriminator; gan_trials.py: what the discriminator's norm does
"""

from bnteach.trials.norms.autoencoder import autoencoder, train_autoencoder
from bnteach.trials.norms.gan import discriminator, generator
from bnteach.trials.norms.gan_trials import (
    DISCRIMINATORS,
    digits_classifier,
    score_pictures,
    scores_after_training,
    sweep_of_gans,
)
from bnteach.trials.norms.sequences import ColumnReader, RowReader, columns, padded, train_column_reader
from bnteach.trials.norms.small_batches import (
    BATCH_SIZES,
    KINDS,
    accuracy_after,
    small_network,
    sweep_of_batches,
)

__all__ = [
    "BATCH_SIZES",
    "DISCRIMINATORS",
    "KINDS",
    "ColumnReader",
    "RowReader",
    "accuracy_after",
    "autoencoder",
    "columns",
    "digits_classifier",
    "discriminator",
    "generator",
    "padded",
    "score_pictures",
    "scores_after_training",
    "small_network",
    "sweep_of_batches",
    "sweep_of_gans",
    "train_autoencoder",
    "train_column_reader",
]
