"""The catalogue of mistakes: one file a topic, each with a list MISTAKES."""

from __future__ import annotations

from itertools import chain

from ..mistake import Mistake
from . import affine, backward, everywhere, normalization, statistics

TOPICS = (everywhere, statistics, normalization, affine, backward)

CATALOGUE: dict[str, Mistake] = {
    mistake.key: mistake for mistake in chain.from_iterable(topic.MISTAKES for topic in TOPICS)
}
