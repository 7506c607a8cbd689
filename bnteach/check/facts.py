"""What can be said for sure about a wrong answer that matches no mistake of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .comparing import same
from .running import Observed

if TYPE_CHECKING:
    from .checking import Check

Probe = dict[str, Any]
Values = dict[str, np.ndarray]


def listed(names: list[str]) -> str:
    """Names in a sentence.

    >>> listed(["dx", "dgamma", "dbeta"])
    'dx, dgamma and dbeta'
    """
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def wrong_names(expected: list[Values], seen: list[Observed]) -> list[str]:
    """The quantities that are wrong on at least one probe, in order."""
    return [
        name
        for name in expected[0]
        if any(
            name in one.values and not same(one.values[name], right[name])
            for one, right in zip(seen, expected)
        )
    ]


def what_is_off(expected: list[Values], seen: list[Observed]) -> str:
    """Which quantities are right and which are not, as a sentence."""
    wrong = wrong_names(expected, seen)
    right = [name for name in expected[0] if name not in wrong and all(name in one.values for one in seen)]
    if not wrong:
        return ""
    is_right = f"{listed(right)} {'are' if len(right) > 1 else 'is'} right, " if right else ""
    return f"{is_right}{listed(wrong)} {'are' if len(wrong) > 1 else 'is'} off."


def example(
    check: Check, probes: list[Probe], expected: list[Values], seen: list[Observed]
) -> tuple[str, ...]:
    """A counter-example in numbers: the first wrong quantity of the first probe, which is small enough to read."""
    for name, right in expected[0].items():
        found = seen[0].values.get(name)
        if found is not None and not same(found, right):
            given = ", ".join(f"{key} = {numbers(value)}" for key, value in probes[0].items())
            return (f"For {given}\nexpected {name} = {numbers(right)}\nyours    {name} = {numbers(found)}",)
    return ()


def numbers(value: Any) -> str:
    """An array, or a number, short enough for a line or two."""
    if not isinstance(value, np.ndarray):
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    if value.size > 24:
        return f"an array of shape {value.shape}"
    return np.array2string(
        np.round(value.astype(float), 4) + 0.0, separator=", ", max_line_width=1000
    ).replace("\n", "")


def why(check: Check, probes: list[Probe], expected: list[Values], seen: list[Observed]) -> str:
    """Everything known, as sentences: failures first, then each wrong quantity."""
    failed = [(probe, one) for probe, one in zip(probes, seen, strict=True) if one.failure]
    if failed:
        return failure(probes, failed, expected, seen)
    sentences = [what_is_off(expected, seen)]
    for name in wrong_names(expected, seen):
        about = about_quantity(check, name, probes, expected, seen)
        if about:
            sentences.append(f"{name}: {about}")
    return "\n".join(sentences)


def failure(
    probes: list[Probe], failed: list[tuple[Probe, Observed]], expected: list[Values], seen: list[Observed]
) -> str:
    """The words of the first failure, and on which inputs the code did work."""
    words = [failed[0][1].words]
    came = [name for name in expected[0] if all(name in one.values for one in seen)]
    if came:
        wrong = wrong_names(expected, seen)
        good = [name for name in came if name not in wrong]
        words += [f"Before that, {listed(good)} came out right."] if good else []
        words += [f"Before that, {listed(wrong)} came out wrong."] if wrong else []
    if len(failed) < len(probes):
        words.append(f"It happens with {shapes(failed[0][0])}, but not with every input.")
    return " ".join(words)


def shapes(probe: Probe) -> str:
    """The shapes of a probe's arrays and its other values.

    >>> shapes({"x": np.zeros((3, 2)), "eps": 0.5})
    'x of shape (3, 2), eps = 0.5'
    """
    return ", ".join(
        f"{name} of shape {value.shape}" if isinstance(value, np.ndarray) else f"{name} = {numbers(value)}"
        for name, value in probe.items()
    )


def about_quantity(
    check: Check, name: str, probes: list[Probe], expected: list[Values], seen: list[Observed]
) -> str:
    """The first of the tests below that says something about this quantity on every probe where it is wrong."""
    wrong = [
        (probe, right, one)
        for probe, right, one in zip(probes, expected, seen, strict=True)
        if not same(one.values[name], right[name])
    ]
    for test in (
        wrong_shape,
        not_finite,
        another_value,
        constant_factor,
        constant_offset,
        some_channels,
        paths_of_dx,
    ):
        found = [test(check, name, probe, right, one.values) for probe, right, one in wrong]
        if all(found):
            return found[-1] + only_there(wrong, probes)
    return how_far(name, wrong) + only_there(wrong, probes)


def only_there(wrong: list, probes: list[Probe]) -> str:
    """On which inputs it is wrong, when it is right on others."""
    return (
        f" It is wrong with {shapes(wrong[0][0])}, and right with other inputs."
        if len(wrong) < len(probes)
        else ""
    )


def wrong_shape(check: Check, name: str, probe: Probe, right: Values, found: Values) -> str:
    mine, wanted = found[name], right[name]
    if mine.shape == wanted.shape:
        return ""
    words = f"it has shape {mine.shape}, expected {wanted.shape} for {shapes(probe)}."
    if mine.size == wanted.size and same(mine.reshape(wanted.shape), wanted):
        return f"{words} The numbers are right: only the shape is not."
    if mine.T.shape == wanted.shape and same(mine.T, wanted):
        return f"{words} It is the transpose of the right array."
    return words


def not_finite(check: Check, name: str, probe: Probe, right: Values, found: Values) -> str:
    bad = int((~np.isfinite(found[name])).sum())
    return f"{bad} of its {found[name].size} values are NaN or infinite." if bad else ""


def another_value(check: Check, name: str, probe: Probe, right: Values, found: Values) -> str:
    """Is it another quantity of the same computation, its negative, or its transpose?"""
    given = {key: value for key, value in probe.items() if isinstance(value, np.ndarray)}
    for key, value in {**given, **right, **intermediate(check, probe)}.items():
        if key != name and same(found[name], value):
            return f"it equals {key}."
    if same(-found[name], right[name]):
        return "it has the wrong sign."
    if found[name].T.shape == right[name].shape and same(found[name].T, right[name]):
        return "it is the transpose of the right array."
    return ""


def intermediate(check: Check, probe: Probe) -> Values:
    """The values of the steps on the way, those of them that are arrays."""
    values = {}
    for step in check.recipe.steps:
        try:
            value = check.recipe.values(probe, [step])[step]
        except KeyError:  # a step that needs what this probe does not give
            continue
        if isinstance(value, np.ndarray) and value.size > 1:
            values[step] = value
    return values


def constant_factor(check: Check, name: str, probe: Probe, right: Values, found: Values) -> str:
    mine, wanted = found[name], right[name]
    factor = float(np.vdot(mine, wanted) / np.vdot(wanted, wanted)) if wanted.any() else 0.0
    if abs(factor) < 1e-9 or not same(mine, factor * wanted):
        return ""
    return f"every value is {factor:.4g} times the right one, with {shapes(probe)}."


def constant_offset(check: Check, name: str, probe: Probe, right: Values, found: Values) -> str:
    offset = float(np.mean(found[name] - right[name]))
    if right[name].size < 2 or not same(found[name] - offset, right[name]):
        return ""
    return f"every value is the right one plus {offset:.4g}, with {shapes(probe)}."


def some_channels(check: Check, name: str, probe: Probe, right: Values, found: Values) -> str:
    """Are some channels right and others not?"""
    axis = probe.get("channel_axis", 1) if right[name].ndim > 1 else 0
    mine, wanted = np.moveaxis(found[name], axis, 0), np.moveaxis(right[name], axis, 0)
    good = [c for c in range(len(wanted)) if same(mine[c], wanted[c])]
    if right[name].ndim == 0 or not good or len(good) == len(wanted):
        return ""
    return f"channel {listed([str(c) for c in good])} of {len(wanted)} (counted from 0) is right, the others are not."


def paths_of_dx(check: Check, name: str, probe: Probe, right: Values, found: Values) -> str:
    """What the theorem dx ⟂ 1, dx ⟂ x̂ says: which path of the gradient is missing or wrong."""
    if not name.startswith("dx") or "dy" not in probe:
        return ""
    x_hat = intermediate(check, probe).get("x_hat")
    if x_hat is None or x_hat.shape != found[name].shape:
        return ""
    axes = tuple(a for a in range(x_hat.ndim) if a != probe.get("channel_axis", 1) % x_hat.ndim)
    scale = np.sqrt((right[name] ** 2).sum(axis=axes)) * np.sqrt(x_hat[..., 0].size)
    along_mean = np.abs(found[name].sum(axis=axes) / scale).max()
    along_x_hat = np.abs(((found[name] - right[name]) * x_hat).sum(axis=axes) / scale).max()
    if along_mean > 1e-3 and along_x_hat > 1e-3:
        return "its sum over the batch is not 0, and it is not orthogonal to x_hat: look at both paths, mean and variance."
    if along_mean > 1e-3:
        return "its sum over the batch is not 0: look at the path through the mean."
    if along_x_hat > 1e-3:
        return "its sum over the batch is 0, but it is not orthogonal to x_hat: look at the path through the variance."
    return "it is orthogonal to 1 and to x_hat, as it should be: both paths are there, look at what they are multiplied with."


def how_far(name: str, wrong: list) -> str:
    """How large the difference is, and how much of the array it concerns."""
    _, right, one = wrong[-1]
    difference = np.abs(one.values[name].astype(float) - right[name])
    share = np.mean(difference > 1e-4 * np.sqrt(np.mean(right[name] ** 2)))
    return f"{share:.0%} of its values differ, by up to {difference.max():.3g}."
