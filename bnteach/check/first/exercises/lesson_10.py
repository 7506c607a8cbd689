"""Checks of the exercises of lesson 10."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...answers import OddAnswer, unpacked
from ...running import Trial
from ..checking import Check
from ..recipe import Recipe
from .backward_steps import COMPACT


def two_devices(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two devices to read; then random ones, with unequal numbers of values and means far apart."""
    read = {
        "count_a": 4,
        "mean_a": np.array([1.0, 10.0]),
        "var_a": np.array([2.0, 4.0]),
        "count_b": 1,
        "mean_b": np.array([6.0, 10.0]),
        "var_b": np.array([0.0, 0.0]),
    }
    return [
        read,
        *(
            {
                "count_a": a,
                "mean_a": rng.normal(2, 2, size=c),
                "var_a": rng.uniform(0.5, 3, size=c),
                "count_b": b,
                "mean_b": rng.normal(-2, 2, size=c),
                "var_b": rng.uniform(2, 6, size=c),
            }
            for a, b, c in ((3, 8, 4), (12, 5, 3), (6, 6, 2))
        ),
    ]


merge_statistics = Check(
    name="merge_statistics",
    takes=("count_a", "mean_a", "var_a", "count_b", "mean_b", "var_b"),
    recipe=Recipe(
        {
            "count": lambda count_a, count_b: count_a + count_b,
            "share": lambda count_a, count_b: count_b / (count_a + count_b),
            "mean": lambda mean_a, mean_b, share: (1 - share) * mean_a + share * mean_b,
            "m2_a": lambda var_a, share, count: (1 - share) * count * var_a,
            "m2_b": lambda var_b, share, count: share * count * var_b,
            "m2_between": lambda mean_a, mean_b, share, count: (
                share * (1 - share) * count * (mean_b - mean_a) ** 2
            ),
            "divisor": lambda count: count,
            "within": lambda m2_a, m2_b, divisor: (m2_a + m2_b) / divisor,
            "between": lambda m2_between, divisor: m2_between / divisor,
            "var": lambda within, between: within + between,
        },
        returns=("count", "mean", "var"),
    ),
    probes=two_devices,
    hints=(
        "The larger device counts more. And how far are the two means apart?",
        "The variance has two parts: what is inside the devices (a weighted mean of the variances), and "
        "what is between them.",
        "The part between is n_a · n_b / n² · (μ_b − μ_a)².",
    ),
    lesson=("10_across_devices", "Two shares are not one batch"),
)


def upstreams(rng: np.random.Generator) -> list[dict[str, Any]]:
    """The share of one device, and the sums that the other devices have."""

    def random(n: int, c: int, others: int) -> dict[str, Any]:
        return {
            "dy": rng.normal(size=(n, c)),
            "x_hat": rng.normal(0.3, 1, size=(n, c)),
            "gamma": rng.uniform(1.5, 3, size=c),
            "std": rng.uniform(0.5, 3, size=c),
            "count": n + others,
            "other_dgamma": rng.normal(size=c),
            "other_dbeta": rng.normal(size=c),
        }

    return [random(3, 2, 2), random(5, 4, 9), random(8, 3, 4)]


def with_all_reduce(check: Check) -> Trial:
    """Calls the learner's function with an `all_reduce` that adds what the other devices have.

    Notes also whether it was called at all: who calls it and uses the own sums has another mistake in mind
    than who does not call it.
    """

    def trial(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        own = [inputs[name] for name in ("dy", "x_hat", "gamma", "std", "count")]
        all_reduce = AllReduce(np.stack([inputs["other_dgamma"], inputs["other_dbeta"]]))
        found = unpacked(check.recipe.returns, answer(*own, all_reduce))
        yield from zip(check.recipe.returns, found, strict=True)
        yield "the call of all_reduce", int(all_reduce.called)

    return trial


class AllReduce:
    """Adds what the other devices have. Says what it wants when it is given anything but two rows."""

    def __init__(self, others: np.ndarray) -> None:
        self.others, self.called = others, False

    def __call__(self, *given: Any) -> np.ndarray:
        self.called = True
        shape = self.others.shape
        if len(given) != 1:
            raise OddAnswer(
                f"all_reduce takes one array, of shape (2, C), here {shape}; it got {len(given)}."
            )
        sums = np.asarray(given[0])
        if sums.shape != shape:
            raise OddAnswer(
                f"all_reduce got an array of shape {sums.shape}. It wants both sums at once, in shape "
                f"(2, C), here {shape}: Σ dy·x̂ in row 0 and Σ dy in row 1."
            )
        return sums + self.others


def device_from(check: Check, recipe: Recipe) -> Any:
    def answer(dy, x_hat, gamma, std, count, all_reduce):
        known = {"dy": dy, "x_hat": x_hat, "gamma": gamma, "std": std, "count": count}
        others = np.full((2, dy.shape[1]), np.nan)
        if recipe.values(known, ["asked"])["asked"]:
            others = all_reduce(np.zeros_like(others))
        known |= {"other_dgamma": others[0], "other_dbeta": others[1]}
        return tuple(recipe.values(known, recipe.returns).values())

    return answer


sync_backward = Check(
    name="sync_backward",
    takes=("dy", "x_hat", "gamma", "std", "count", "all_reduce"),
    recipe=Recipe(
        {
            "dgamma": COMPACT["dgamma"],
            "dbeta": COMPACT["dbeta"],
            "asked": lambda: True,
            "all_dgamma": lambda dgamma, other_dgamma: dgamma + other_dgamma,
            "all_dbeta": lambda dbeta, other_dbeta: dbeta + other_dbeta,
            "m": lambda count: count,
            "dx": lambda dy, x_hat, gamma, std, all_dgamma, all_dbeta, m: (
                gamma / std * (dy - all_dbeta / m - x_hat * all_dgamma / m)
            ),
        },
        returns=("dx", "dgamma", "dbeta"),
    ),
    probes=upstreams,
    hints=(
        "It is the compact formula of lesson 04. What is its m? And who adds up dγ and dβ later?",
        "In dx, the two sums and the count come from all devices. `dgamma` and `dbeta` stay this "
        "device's own.",
        "`totals = all_reduce(np.stack([dgamma, dbeta]))`, then `totals[0] / count` and `totals[1] / "
        "count` in dx.",
    ),
    lesson=("10_across_devices", "What must travel"),
    make=device_from,
    trial=with_all_reduce,
)

EXERCISES = [merge_statistics, sync_backward]
