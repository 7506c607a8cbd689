"""Checks of the exercises of lesson 07."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...quantile import student_t
from ..checking import Check
from ..recipe import Recipe
from .outcome_trial import READ, RULE, function_of_words, outcomes_in_words, word_by_word


def results_by_seed(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Five seeds to read; then fewer and more. A seed moves both networks, so that pairing matters, and no
    end of an interval is near 0, where rounding would be large beside it."""

    def random(n: int, mean_in_halves: float) -> dict[str, Any]:
        without_bn = rng.normal(80, 4, size=n)
        difference = rng.normal(0, rng.uniform(1, 2), size=n)
        half = student_t(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n)
        difference += mean_in_halves * half - difference.mean()
        return {"with_bn": without_bn + difference, "without_bn": without_bn}

    read = {
        "with_bn": np.array([91.0, 88.0, 95.0, 90.0, 93.0]),
        "without_bn": np.array([86.0, 84.0, 89.0, 88.0, 87.0]),
    }
    return [read, random(3, 1.6), random(20, 0.5), random(8, -2.0), random(4, 2.5)]


difference_interval = Check(
    name="difference_interval",
    takes=("with_bn", "without_bn"),
    recipe=Recipe(
        {
            "difference": lambda with_bn, without_bn: with_bn - without_bn,
            "n": lambda difference: len(difference),
            "mean": lambda difference: difference.mean(),
            "spread": lambda difference: difference.std(ddof=1),
            "error": lambda spread, n: spread / np.sqrt(n),
            "t": lambda n: student_t(0.975, n - 1),
            "low": lambda mean, t, error: mean - t * error,
            "high": lambda mean, t, error: mean + t * error,
        },
        returns=("mean", "low", "high"),
    ),
    probes=results_by_seed,
    hints=(
        "What a seed does to both networks must cancel. So what do you compute first, before any mean?",
        "The interval is mean ± t · s / √n. Which of the two divisors does this s have, n or n − 1?",
        "95 % in the middle leaves 2.5 % on each side: so `share` is 0.975. There are n − 1 degrees "
        "of freedom.",
    ),
    lesson=("07_put_the_claims_on_trial", "How a claim is tried"),
)


def intervals(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Each case of the rule with a margin to read; then with random margins, no end on the margin itself."""

    def random(margin: float) -> dict[str, Any]:
        ends = [pair * rng.uniform(0.95, 1.05, size=2) for pair in READ]
        more = [(0.5, 0.9), (-3, 0.5), (-0.8, 2.5), (-7, 2), (1.3, 9), (-9, -1.2)]
        more += [(-0.8, 0.9), (-3, 2.5), (0.7, 2.4), (0.6, 1.1), (-1.4, 0.3)]
        return {"intervals": margin * rng.permutation([*ends, *more]), "margin": margin}

    return [{"intervals": READ, "margin": 1.0}, *(random(margin) for margin in (0.05, 10.0, 0.3))]


interval_outcome = Check(
    name="interval_outcome",
    takes=("low", "high", "margin"),
    recipe=RULE,
    probes=intervals,
    hints=(
        "Draw a line of numbers with a gray band from −margin to margin. In how many ways can an "
        "interval lie?",
        '"The whole interval lies above the margin": then its lower end does. Translate the other two '
        "sentences in the same way.",
        'For "no difference" both ends must be in the band. What is left is undecided.',
    ),
    lesson=("07_put_the_claims_on_trial", "How a claim is tried"),
    make=function_of_words,
    trial=word_by_word,
    tell=outcomes_in_words,
)


def dropped_channels(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Channels to read; then random ones, their means away from 0, for dropout below and above one half."""
    read = {"mean": np.array([0.0, 2.0]), "var": np.array([4.0, 4.0]), "p": 0.2}
    return [
        read,
        *(
            {
                "mean": rng.choice([-1, 1], c) * rng.uniform(0.8, 2, c),
                "var": rng.uniform(0.5, 4, c),
                "p": p,
            }
            for c, p in ((3, 0.5), (4, 0.1), (3, 0.7))
        ),
    ]


dropout_variance = Check(
    name="dropout_variance",
    takes=("mean", "var", "p"),
    recipe=Recipe(
        {
            "keep": lambda p: 1 - p,
            "scale": lambda keep: 1 / keep,
            "mean_of_squares": lambda var, mean: var + mean**2,
            "squares_dropped": lambda mean_of_squares, keep, scale: keep * scale**2 * mean_of_squares,
            "mean_dropped": lambda mean, keep, scale: keep * scale * mean,
            "training": lambda squares_dropped, mean_dropped: squares_dropped - mean_dropped**2,
            "ratio": lambda var, training: var / training,
        },
        returns=("training", "ratio"),
    ),
    probes=dropped_channels,
    hints=(
        "The variance is E[x²] − E[x]². What does dropout do to E[x], and what to E[x²]?",
        "With probability p a value is 0. Else it is x / (1 − p), and its square is x² / (1 − p)². "
        "Take the mean of both.",
        "E[x] stays as it is: that is what the factor is for. E[x²] is σ² + μ², and becomes (σ² + μ²) "
        "/ (1 − p).",
    ),
    lesson=("07_put_the_claims_on_trial", '"BN and dropout do not go together"'),
    asks_for_formula=True,
)

EXERCISES = [difference_interval, interval_outcome, dropout_variance]
