"""Exercises whose answer is a dictionary: a name, or a number, for each letter."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from ..answers import OddAnswer, described
from ..checking import Check
from ..running import Probe

Letters = Mapping[str, Any]  # letter -> name or number, or what is told of it
LETTER = re.compile(r"(?P<letter>[A-Z]) (?P<name>\w+): (?P<sign>.+)")


def all_letters():
    found = "all"
    return found


def named_letters(name: str, text: str, others: Iterable[Any] = (), **more: Any) -> Check:
    """The check of such an exercise.

    text: a line for each letter: its name or number, then what a wrong one is told: what can be seen there.
    others: names that no letter needs.
    """
    lines = [LETTER.fullmatch(line.strip()) for line in text.strip().splitlines()]
    right = {line["letter"]: int(line["name"]) if line["name"].isdigit() else line["name"] for line in lines}
    signs = {line["letter"]: line["sign"] for line in lines}
    trial = partial(compared, right=right, signs=signs, known={*right.values(), *others})
    how = {"trial": trial, "answer": lambda recipe: lambda: right, "has_slips": False}
    return Check(all_letters, lambda rng: [{}, {}, {}], name=name, **how, **more)


def compared(
    answer: Any, inputs: Probe, right: Letters, signs: Letters, known: set[Any]
) -> Iterator[tuple[str, Any]]:
    """The letters one by one; the words give no answer away."""
    given = answer()
    if not isinstance(given, dict):
        raise OddAnswer(f"Your function returns {described(given)}, expected a dictionary: letter -> answer.")
    named = {str(letter).removeprefix("bn_").upper(): name for letter, name in given.items()}
    if named and not named.keys() & right.keys():
        yours = ", ".join(list(named)[:3]) + (", …" if len(named) > 3 else ".")
        raise OddAnswer(f"The keys are the letters {min(right)} to {max(right)}; yours: {yours}")
    if unknown := [str(name) for name in named.values() if name not in known]:
        raise OddAnswer(f"{', '.join(unknown)}: not in the list of names.")
    if missing := [letter for letter in right if letter not in named]:
        raise OddAnswer(f"No answer yet for {', '.join(missing)}.")
    if wrong := [letter for letter, name in right.items() if named[letter] != name]:
        told = f"{len(right) - len(wrong)} of {len(right)} are right. Look again at {', '.join(wrong)}."
        raise OddAnswer("\n".join([told, *(f"{letter}: {signs[letter]}" for letter in wrong)]))
    yield "found", len(right)
