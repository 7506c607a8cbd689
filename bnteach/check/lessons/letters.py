"""Exercises whose answer is a dictionary: a name for each letter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..answers import OddAnswer, described

NO_SIGNS: Mapping[str, str] = {}


def match_letters(
    right: dict[str, str], names: Iterable[str], signs: Mapping[str, str] = NO_SIGNS
) -> Callable[..., Iterable[tuple[str, Any]]]:
    """The trial that compares the letters one by one; the words give no answer away.

    signs: what a wrong letter is told: something that can be seen there.
    """
    letters, known = f"{min(right)} to {max(right)}", set(names)

    def trial(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        given = answer()
        if not isinstance(given, dict):
            raise OddAnswer(
                f"Your function returns {described(given)}, expected a dictionary: letter -> name."
            )
        named = {str(letter).removeprefix("bn_").upper(): name for letter, name in given.items()}
        if named and not named.keys() & right.keys():
            yours = ", ".join(list(named)[:3]) + (", …" if len(named) > 3 else ".")
            raise OddAnswer(f"The keys are the letters {letters}; yours: {yours}")
        if unknown := [str(name) for name in named.values() if name not in known]:
            raise OddAnswer(f"{', '.join(unknown)}: not in the list of names.")
        if missing := [letter for letter in right if letter not in named]:
            raise OddAnswer(f"No name yet for {', '.join(missing)}.")
        if wrong := [letter for letter, name in right.items() if named[letter] != name]:
            told = f"{len(right) - len(wrong)} of {len(right)} are right. Look again at {', '.join(wrong)}."
            raise OddAnswer(
                "\n".join([told, *(f"{letter}: {signs[letter]}" for letter in wrong if letter in signs)])
            )
        yield "found", len(right)

    return trial
