"""Lessons 07, 07b and the labs of training and landscape: what is said about BN, measured.

experiments.py      a network learns the digits, with one setting or another
harder_digits.py    the digits with fewer pictures, wrong labels, noise, few classes in a batch
layers.py           layers put into a network: noise, dropout, ghost batches, biases
measurements.py     a network learns, and something in it is measured
landscape.py        loss and gradient along the gradient; internal covariate shift
snapshots.py        the landscape at several steps of a training, for its lab
effects.py          effects of one seed, made of two runs or a sweep
conditions.py       the conditions of the eighteen claims
eighteen.py         the eighteen claims; `python -m bnteach.trials.claims FILE` tries them with 20 seeds
paired_training.py  two networks trained side by side, for the lab of training
"""

from bnteach.trials.claims.experiments import learn, learn_until
from bnteach.trials.claims.harder_digits import fewer, noisy_pixels, wrong_labels
from bnteach.trials.claims.landscape import along_gradient
from bnteach.trials.claims.layers import insert_after
from bnteach.trials.claims.measurements import (
    answers_changed_by_biases,
    dropout_shift,
    smoothness_and_shift,
)

__all__ = [
    "along_gradient",
    "answers_changed_by_biases",
    "dropout_shift",
    "fewer",
    "insert_after",
    "learn",
    "learn_until",
    "noisy_pixels",
    "smoothness_and_shift",
    "wrong_labels",
]
