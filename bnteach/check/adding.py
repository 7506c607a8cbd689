"""Mistakes of your own: a teacher adds what the own class gets wrong."""

from __future__ import annotations

import numpy as np

from .catalogue import CATALOGUE
from .checking import Check
from .exercises import CHECKS
from .mistake import Mistake
from .recipe import Recipe, arguments
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

    Raises:
        TypeError: mistake, or a field of it, is not what it should be.
        KeyError: a check is unknown, or its recipe has no such step or no such value.
        ValueError: the key is taken; or the probes of a check cannot tell the mistake from the right answer
            or from another mistake; or its code stops with an error.
            After an error the catalogue is as it was.
    """
    check_fields(mistake)
    if mistake.key in CATALOGUE:
        raise ValueError(f"key is {mistake.key!r}, which the catalogue has already")
    if not mistake.checks:
        raise ValueError("checks is (), expected at least one name of a check")
    for name in mistake.checks:
        if name not in CHECKS:
            raise KeyError(f"checks has {name!r}, which is no check; there are {', '.join(CHECKS)}")
        check_steps(mistake, CHECKS[name])
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


def check_fields(mistake: Mistake) -> None:
    """Each field is of the kind that the checks can use."""
    if not isinstance(mistake, Mistake):
        raise TypeError(f"mistake is a {type(mistake).__name__}, expected a check.Mistake")
    checks, returns, lesson = mistake.checks, mistake.returns, mistake.lesson
    if isinstance(checks, str) or not all(isinstance(name, str) for name in checks):
        raise TypeError(f"checks is {checks!r:.60}, expected names in a tuple, such as ('standardize',)")
    if not (returns is None or callable(returns)):
        raise TypeError(f"returns is {returns!r}, expected None or a function of the names that are returned")
    if not (lesson is None or (isinstance(lesson, tuple) and len(lesson) == 2)):
        raise TypeError(f"lesson is {lesson!r}, expected None or a pair (notebook, section)")


def check_steps(mistake: Mistake, check: Check) -> None:
    """The recipe has each step, and computes, or is given, each argument of it."""
    recipe = mistake.spoil(check.recipe)
    values = {*check.takes, *recipe.steps}.union(*map(arguments, check.recipe.steps.values()))
    for name, step in mistake.steps.items():
        if not callable(step):
            raise TypeError(f"steps[{name!r}] is {step!r}, expected a function")
        if unknown := [argument for argument in arguments(step) if argument not in values]:
            raise KeyError(
                f"steps[{name!r}] takes {unknown[0]!r}, expected one of {', '.join(sorted(values))}"
            )


def try_out(mistake: Mistake, name: str) -> None:
    """Raise ValueError unless the check names the mistake, and nothing else, in code that makes it."""
    check, recipe = CHECKS[name], mistake.spoil(CHECKS[name].recipe)
    for seed in SEEDS:
        verdict = check.judge(check.answer_from(recipe), seed)
        if verdict.state == PASSED:
            raise ValueError(f"steps: the probes of {name} cannot tell {mistake.key!r} from the right answer")
        if not verdict.mistakes and (words := how_it_stops(check, recipe, seed)):
            raise ValueError(f"steps: in the check {name} the code of {mistake.key!r} stops: {words}")
        if verdict.mistakes != (mistake.key,):
            others = ", ".join(key for key in verdict.mistakes if key != mistake.key)
            raise ValueError(
                f"steps: the check {name} cannot tell {mistake.key!r} from another mistake"
                f"{f' ({others})' * bool(others)}; it says: {verdict.why}"
            )


def how_it_stops(check: Check, recipe: Recipe, seed: int) -> str:
    """The first error of code that follows the recipe, in words; "" if there is none."""
    probes = check.probes(np.random.default_rng(seed))
    return next((seen.words for probe in probes if (seen := check.observed_of(recipe, probe)).failure), "")
