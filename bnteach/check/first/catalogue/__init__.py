"""The catalogue of mistakes: one file a topic, each with a list MISTAKES."""

from __future__ import annotations

from itertools import chain

from ..mistake import Mistake
from . import (
    affine,
    axes,
    backward,
    channels,
    cutting,
    devices,
    dropout,
    epsilon,
    everywhere,
    folding,
    folding_forward,
    intervals,
    layer,
    normalization,
    norms,
    running,
    slimming,
    statistics,
)

TOPICS = (
    everywhere,
    statistics,
    axes,
    epsilon,
    normalization,
    affine,
    backward,
    running,
    layer,
    channels,
    folding,
    intervals,
    dropout,
    norms,
    slimming,
    cutting,
    folding_forward,
    devices,
)

CATALOGUE: dict[str, Mistake] = {
    mistake.key: mistake for mistake in chain.from_iterable(topic.MISTAKES for topic in TOPICS)
}
