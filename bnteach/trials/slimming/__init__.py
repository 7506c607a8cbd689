"""Lesson 09 and the lab of pruning: network slimming.

gamma.py       L1 on γ; which channels stay, by their |γ| or at random
cutting.py     a network without the channels that do not stay
rescaling.py   γ brought back to its size after L1
comparison.py  with L1 and without, cut by |γ| and at random, and from scratch
thresholds.py  what each threshold would leave of a network
"""

from bnteach.trials.slimming.comparison import (
    CUT_SHARES,
    new_network,
    score,
    slimming_trials,
    train_network,
)
from bnteach.trials.slimming.cutting import cut
from bnteach.trials.slimming.gamma import (
    channels_above,
    gamma_sizes,
    random_channels,
    silenced,
    strongest,
    threshold_for,
)
from bnteach.trials.slimming.rescaling import rescaled
from bnteach.trials.slimming.thresholds import trained_network

__all__ = [
    "CUT_SHARES",
    "channels_above",
    "cut",
    "gamma_sizes",
    "new_network",
    "random_channels",
    "rescaled",
    "score",
    "silenced",
    "slimming_trials",
    "strongest",
    "threshold_for",
    "train_network",
    "trained_network",
]
