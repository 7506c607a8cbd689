"""The catalogue of mistakes: one file a topic, each with a list MISTAKES."""

from __future__ import annotations

from itertools import chain

from ..mistake import Mistake
from . import backward, everywhere, normalization

CATALOGUE: dict[str, Mistake] = {
    mistake.key: mistake for mistake in chain(everywhere.MISTAKES, normalization.MISTAKES, backward.MISTAKES)
}
