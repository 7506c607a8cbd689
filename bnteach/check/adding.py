"""Mistakes of your own: a teacher adds what the own class gets wrong."""

from __future__ import annotations

from .catalogue import CATALOGUE
from .exercises import CHECKS
from .mistake import Mistake
from .verdict import PASSED

SEEDS = range(5)


def add(mistake: Mistake) -> None:
    """Add a mistake to the catalogue, so that the checks name it.

    The steps of a check's recipe are in `CHECKS["standardize"].recipe.steps`.

    >>> import numpy as np
    >>> from bnteach import check
    >>> check.add(
    ...     check.Mistake(
    ...         key="eps_doubled",
    ...         title="ε is added twice",
    ...         confuses="Once is enough to keep the root away from 0.",
    ...         mend="Write np.sqrt(var + eps).",
    ...         lesson=("02_normalize", "Subtract, divide"),
    ...         checks=("standardize",),
    ...         steps={"inv_std": lambda var, eps: 1 / np.sqrt(var + 2 * eps)},
    ...     )
    ... )
    >>> check.standardize.judge(lambda x, eps: (x - x.mean(0)) / np.sqrt(x.var(0) + 2 * eps)).mistake
    'eps_doubled'
    >>> check.remove("eps_doubled")

    Raises ValueError when the key is taken, or when the probes of a check cannot tell the mistake from the
    right answer or from another mistake; KeyError when a check is unknown, or its recipe has no such step.
    The catalogue is then as it was.
    """
    if mistake.key in CATALOGUE:
        raise ValueError(f"key is {mistake.key!r}, which the catalogue has already")
    if not mistake.checks:
        raise ValueError("checks is (), expected at least one name of a check")
    for name in mistake.checks:
        if name not in CHECKS:
            raise KeyError(f"checks has {name!r}, which is no check; there are {', '.join(CHECKS)}")
        mistake.spoil(CHECKS[name].recipe)
    CATALOGUE[mistake.key] = mistake
    try:
        for name in mistake.checks:
            try_out(mistake, name)
    except BaseException:
        del CATALOGUE[mistake.key]
        raise


def remove(key: str) -> None:
    """Take a mistake out of the catalogue. Raises KeyError when it is not there.

    >>> remove("forgot_the_cat")
    Traceback (most recent call last):
    KeyError: "key is 'forgot_the_cat', which the catalogue has not"
    """
    if key not in CATALOGUE:
        raise KeyError(f"key is {key!r}, which the catalogue has not")
    del CATALOGUE[key]


def try_out(mistake: Mistake, name: str) -> None:
    """Raise ValueError unless the check names the mistake, and nothing else, in code that makes it."""
    check = CHECKS[name]
    for seed in SEEDS:
        verdict = check.judge(check.answer_from(mistake.spoil(check.recipe)), seed)
        if verdict.state == PASSED:
            raise ValueError(f"steps: the probes of {name} cannot tell {mistake.key!r} from the right answer")
        if verdict.mistakes != (mistake.key,):
            others = ", ".join(key for key in verdict.mistakes if key != mistake.key)
            raise ValueError(
                f"steps: the check {name} cannot tell {mistake.key!r} from another mistake"
                f"{f' ({others})' * bool(others)}; it says: {verdict.why}"
            )
