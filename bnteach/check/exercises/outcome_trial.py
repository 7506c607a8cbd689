"""Asks a learner's function for the outcome of many intervals, and notes which word it gives for which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..answers import OddAnswer, described, unpacked

if TYPE_CHECKING:
    from ..checking import Check
    from ..recipe import Recipe
    from ..running import Trial

# Name of what is noted -> the word of the lesson.
WORDS = {
    "for_it": "for it",
    "against_it": "against it",
    "no_difference": "no difference",
    "undecided": "undecided",
}


def word_by_word(check: Check) -> Trial:
    """For each word a row of 0 and 1: 1 for the intervals that get this word."""

    def trial(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        given = [one_word(answer(low, high, inputs["margin"])) for low, high in inputs["intervals"].tolist()]
        for name, word in WORDS.items():
            yield name, np.array([int(one == word) for one in given])

    return trial


def one_word(value: Any) -> str:
    """The word that was returned. Raises OddAnswer when it is none of the four."""
    (word,) = unpacked(("the outcome",), value)
    if not isinstance(word, str):
        raise OddAnswer(f"Your function returns {described(word)}, expected a word: {listed()}.")
    if word not in WORDS.values():
        raise OddAnswer(f"Your function returns {word[:40]!r}, expected one of {listed()}.")
    return word


def listed() -> str:
    return ", ".join(map(repr, WORDS.values()))


def function_of_words(check: Check, recipe: Recipe) -> Callable[..., str]:
    """The first word that is true in the recipe."""

    def answer(low: float, high: float, margin: float) -> str:
        known = {"low": low, "high": high, "margin": margin}
        return next(word for name, word in WORDS.items() if recipe.values(known, [name])[name])

    return answer
