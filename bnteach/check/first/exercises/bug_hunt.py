"""The names of eight wrong batch normalizations, and a trial that says which letters are right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ...answers import OddAnswer, described

if TYPE_CHECKING:
    from ...running import Trial
    from ..checking import Check

# The functions stand in the exercise notebook of lesson 06; the names are keys of the catalogue.
BUGS = {
    "A": "eps_outside",
    "B": "per_element",
    "C": "n_minus_one",
    "D": "beta_scaled",
    "E": "per_picture",
    "F": "one_mean_for_all",
    "G": "variance_for_std",
    "H": "count_of_samples",
}


def hunt(check: Check) -> Trial:
    """Compares the letters one by one; the words give no answer away."""

    def trial(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        named = answer()
        if not isinstance(named, dict):
            raise OddAnswer(
                f"Your function returns {described(named)}, expected a dictionary: letter -> name."
            )
        named = {str(letter).removeprefix("bn_").upper(): name for letter, name in named.items()}
        if named and not named.keys() & BUGS.keys():
            yours = ", ".join(list(named)[:3])
            raise OddAnswer(
                f"The keys are the letters A to H; yours: {yours}{', …' if len(named) > 3 else '.'}"
            )
        if unknown := [str(name) for name in named.values() if name not in BUGS.values()]:
            raise OddAnswer(f"{', '.join(unknown)}: not in the list of names.")
        if missing := [letter for letter in BUGS if letter not in named]:
            raise OddAnswer(f"No name yet for {', '.join(missing)}.")
        if wrong := [letter for letter, name in BUGS.items() if named[letter] != name]:
            raise OddAnswer(
                f"{len(BUGS) - len(wrong)} of {len(BUGS)} are right. Look again at {', '.join(wrong)}."
            )
        yield "bugs_found", len(BUGS)

    return trial
