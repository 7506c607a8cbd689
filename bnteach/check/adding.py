"""Mistakes of your own: a teacher adds what the own class gets wrong."""

from dataclasses import replace
from itertools import product

from .checking import Check
from .lessons import CHECKS
from .mistakes import Mistake
from .verdict import PASSED

SEEDS = range(5)


def add(name: str, text: str) -> None:
    """Add mistakes to a check, so that it names them.

    A mistake is a key and a title, the wrong line as a learner writes it, and after a bar what is confused.
    The lines that it can replace are in `CHECKS["standardize"].recipe.steps`.

    >>> import numpy as np
    >>> from bnteach import check
    >>> check.add("standardize", '''
    ...     eps_thrice: ε is added three times
    ...         inv_std = 1 / np.sqrt(var + 3 * eps)
    ...         | Once is enough to keep the root away from 0.
    ... ''')
    >>> check.standardize.judge(lambda x, eps: (x - x.mean(0)) / np.sqrt(x.var(0) + 3 * eps)).mistake
    'eps_thrice'
    >>> del check.standardize.known["eps_thrice"]

    Args:
        name: the name of the check.
        text: one mistake, or several with an empty line between them.

    Raises:
        TypeError: name or text is no string.
        KeyError: there is no such check.
        ValueError: the text cannot be read; the check has such a key, or no such line; or its probes cannot
            tell the mistake from the right answer or from another mistake. Then the check is as it was.
    """
    check = check_named(name)
    if not isinstance(text, str):
        raise TypeError(f"text is a {type(text).__name__}, expected a string")
    trial, known = replace(check), check.with_more(check.known, text)
    trial.known.update(known)
    for key, seed in product(known.keys() - check.known.keys(), SEEDS):
        if problem := not_told_apart(trial, known[key], seed):
            raise ValueError(f"{name}, {key}: {problem}")
    check.known.update(known)


def check_named(name: str) -> Check:
    if not isinstance(name, str):
        raise TypeError(f"name is a {type(name).__name__}, expected the name of a check")
    if name not in CHECKS:
        raise KeyError(f"name is {name!r}, which is no check; there are {', '.join(CHECKS)}")
    return CHECKS[name]


def not_told_apart(check: Check, mistake: Mistake, seed: int) -> str:
    """Why code that makes the mistake would not be told so by the check; empty when it is."""
    verdict = check.judge(check.answer_from(mistake.in_recipe(check.recipe)), seed)
    if verdict.state == PASSED:
        return f"the probes of {check.name} cannot tell it from the right answer"
    named = verdict.mistakes == (mistake.key,)
    return "" if named else f"{check.name} cannot tell that it is this mistake; it says: {verdict.why}"
