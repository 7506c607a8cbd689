"""Asks a learner's function for the outcome of many intervals, and notes which word it gives for which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers import OddAnswer, described, unpacked
from ..recipe import Recipe

if TYPE_CHECKING:
    from ...running import Observed, Trial
    from ..checking import Check

# Name of what is noted -> the word of the lesson.
WORDS = {
    "for_it": "for it",
    "against_it": "against it",
    "no_difference": "no difference",
    "undecided": "undecided",
}

RULE = Recipe(
    {
        "for_it": lambda low, margin: low > margin,
        "against_it": lambda high, margin: high < -margin,
        "no_difference": lambda low, high, margin: -margin <= low and high <= margin,
        "undecided": lambda: True,
    },
    returns=tuple(WORDS),
)
# Each case of the rule, for the margin 1; the last row: short ones that stick out of the band.
READ = np.array(
    [
        *([2, 6], [-5, -3], [-0.5, 0.4], [-2, 8], [0.3, 3], [0.2, 0.7], [-4, -0.4], [-0.7, -0.2]),
        *([0.3, 1.2], [-1.2, -0.7], [-0.3, 1.5]),
    ]
)


def word_by_word(check: Check) -> Trial:
    """For each word a row of 0 and 1: 1 for the intervals that get this word."""

    def trial(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        given = [one_word(answer(low, high, inputs["margin"])) for low, high in inputs["intervals"].tolist()]
        for name, word in WORDS.items():
            yield name, np.array([int(outcome == word) for outcome in given])

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
    return lambda low, high, margin: first_word(recipe, {"low": low, "high": high, "margin": margin})


def first_word(recipe: Recipe, known: Mapping[str, float]) -> str:
    return next(word for name, word in WORDS.items() if recipe.values(known, [name])[name])


def outcomes_in_words(seen: list[Observed]) -> tuple[str, str]:
    """How many intervals of READ, the first probe, get a wrong word, and the first of them."""
    rows = seen[0].values
    if not WORDS.keys() <= rows.keys():
        return "", ""
    wrong = []
    for number, (low, high) in enumerate(READ.tolist()):
        right = first_word(RULE, {"low": low, "high": high, "margin": 1.0})
        mine = next(word for name, word in WORDS.items() if rows[name][number])
        if mine != right:
            wrong.append(f"From {low} to {high}, with the margin 1, it says {mine!r}, expected {right!r}.")
    if not wrong:
        return "With the margin 1 it says the right words, with another margin it does not.", ""
    return f"{len(wrong)} of {len(READ)} intervals get a wrong word. {wrong[0]}", ""
