"""Lesson 07, put the claims on trial: its exercises and their mistakes."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..answers import OddAnswer, described, unpacked
from ..checking import Check
from ..running import Observed, Probe
from .one_change import two_networks


def student_t(share: float, degrees: int) -> float:
    """The value below which Student's t lies with this probability."""
    from scipy import stats  # here, for it takes a while to load

    return float(stats.t.ppf(share, degrees))


stats = SimpleNamespace(t=SimpleNamespace(ppf=student_t))  # a recipe has the line that a learner writes


def difference_interval(with_bn, without_bn):
    difference = with_bn - without_bn
    n = len(difference)
    mean = difference.mean()
    spread = difference.std(ddof=1)
    error = spread / np.sqrt(n)
    t = stats.t.ppf(0.975, n - 1)
    low = mean - t * error
    high = mean + t * error
    return mean, low, high


IN_INTERVAL = """
    variances_added: the variances of the two networks are added
        error = np.sqrt((with_bn.var(ddof=1) + without_bn.var(ddof=1)) / n)
        | That is right for results that are independent. Here the seed moves both of them.

    normal_for_t: 1.96 stands where Student's t belongs
        t = 1.96
        | 1.96 is right if s is known. It is estimated from a few seeds: that needs a longer interval.

    t_of_five_seeds: t is that of five seeds, however many there are
        t = 2.776
        | 2.776 belongs to five values. With fewer it is larger, with more it is smaller.

    t_of_twenty_seeds: t is 2.09, that of 20 seeds
        t = 2.09
        | 2.09 is typed in, and belongs to 20 values. With fewer, t is larger.

    t_one_sided: 5 % are left out on each side
        t = stats.t.ppf(0.95, n - 1)
        | A 95 % interval leaves out 5 % in all: 2.5 % below it and 2.5 % above it.

    spread_biased: the standard deviation divides by n
        spread = difference.std()
        | NumPy's std divides by n. An estimate for all seeds there could be divides by n − 1.

    percentiles_of_effects: the ends are percentiles of the effects
        low = np.percentile(difference, 2.5)
        high = np.percentile(difference, 97.5)
        | They say where single seeds lie. The question is how sure the *mean* of n seeds is.
"""


def results_by_seed(rng: np.random.Generator) -> list[Probe]:
    """Five seeds to read; then others. A seed moves both networks; no end of an interval is near 0."""

    def random(n: int, mean_in_halves: float) -> Probe:
        without_bn = rng.normal(80, 4, size=n)
        difference = rng.normal(0, rng.uniform(1, 2), size=n)
        half = student_t(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n)
        difference += mean_in_halves * half - difference.mean()
        return {"with_bn": without_bn + difference, "without_bn": without_bn}

    read = {"with_bn": np.array([91.0, 88, 95, 90, 93]), "without_bn": np.array([86.0, 84, 89, 88, 87])}
    return [read, random(3, 1.6), random(20, 0.5), random(8, -2.0), random(4, 2.5)]


def interval_outcome(low, high, margin):
    for_it = low > margin
    against_it = high < -margin
    no_difference = low >= -margin and high <= margin
    otherwise = "no difference" if no_difference else "undecided"
    outcome = "for it" if for_it else "against it" if against_it else otherwise
    return outcome


IN_RULE = """
    middle_decides: the middle of the interval decides
        for_it = (low + high) / 2 > margin
        against_it = (low + high) / 2 < -margin
        no_difference = True
        | Other seeds would give another mean. The whole interval must lie on one side.

    one_end_is_enough: one end beyond the margin is enough
        for_it = high > margin
        against_it = low < -margin
        | That says: the effect may be large. The end that is nearer to 0 must be beyond the margin.

    not_for_is_against: what is not for the claim is called against it
        against_it = low <= margin
        | There are four outcomes. Against it is an interval that lies below −margin as a whole.

    zero_inside: an interval that holds 0 is called no difference
        no_difference = low <= 0 <= high
        | A long interval that holds 0 holds large effects too. The whole interval must lie in the band.

    zero_for_margin: for and against the claim are told by 0 in the place of the margin
        for_it = low > 0
        against_it = high < 0
        | An effect between 0 and the margin is one that nobody need care about. Compare with ±margin.

    zero_outside_band: an interval that sticks out of the band is judged by 0
        for_it = low > 0 and high > margin
        against_it = high < 0 and low < -margin
        | Then the effect may still be one that nobody need care about. Compare with ±margin.

    only_zero_counts: only the side of 0 decides, as in a test of significance
        for_it = low > 0
        against_it = high < 0
        no_difference = low <= 0 <= high
        | From the margin on anyone should care. And an interval that holds 0 may hold large effects.

    never_undecided: what is neither for nor against the claim is called no difference
        no_difference = True
        | Not to have seen an effect is not to have seen that there is none. More seeds are needed.

    shorter_than_band: an interval shorter than the band is called no difference
        no_difference = high - low <= 2 * margin
        | It would fit in the band, but it may still stick out of it. Look where its ends lie.
"""

WORDS = ("for it", "against it", "no difference", "undecided")
# Each case of the rule, for the margin 1; then short ones that stick out of the band.
READ = [(2, 6), (-5, -3), (-0.5, 0.4), (-2, 8), (0.3, 3), (0.2, 0.7), (-4, -0.4), (-0.7, -0.2)]
READ = np.array([*READ, (0.3, 1.2), (-1.2, -0.7), (-0.3, 1.5)])


def intervals(rng: np.random.Generator) -> list[Probe]:
    """Each case of the rule with a margin to read; then many random ones, with other margins."""

    def random(margin: float) -> Probe:
        middle, half = rng.uniform(-3, 3, 80), rng.uniform(0.3, 1.7, 80) ** 2
        return {"intervals": margin * np.column_stack([middle - half, middle + half]), "margin": margin}

    return [{"intervals": READ, "margin": 1.0}, *(random(margin) for margin in (0.05, 10.0, 0.3))]


def one_by_one(answer: Any, inputs: Probe) -> Iterable[tuple[str, Any]]:
    """For each interval the place in WORDS of the word that it gets."""
    given = [answer(low, high, inputs["margin"]) for low, high in inputs["intervals"].tolist()]
    yield "outcome", np.array([place_in_words(word) for word in given])


def place_in_words(value: Any) -> int:
    (word,) = unpacked(("the outcome",), value)
    if not (isinstance(word, str) and word in WORDS):
        found = repr(word[:40]) if isinstance(word, str) else described(word)
        raise OddAnswer(f"Your function returns {found}, expected one of {', '.join(map(repr, WORDS))}.")
    return WORDS.index(word)


def outcomes_in_words(seen: list[Observed]) -> str:
    """How many intervals of READ, the first probe, get a wrong word, and the first of them."""
    if "outcome" not in seen[0].values:
        return ""
    wrong = []
    for (low, high), place in zip(READ.tolist(), seen[0].values["outcome"], strict=True):
        if WORDS[int(place)] != (right := interval_outcome(low, high, 1.0)):
            given = f"it says {WORDS[int(place)]!r}, expected {right!r}"
            wrong.append(f"From {low} to {high}, with the margin 1, {given}.")
    if not wrong:
        return "With the margin 1 it says the right words, with another margin it does not."
    return f"{len(wrong)} of {len(READ)} intervals get a wrong word. {wrong[0]}"


# What the lesson has tried of each setting, the usual value first.
TRIED = {"layers": (3,), "width": (50,), "activation": ("ReLU", "tanh"), "batch_size": (60,)}
TRIED |= {"learning_rate": (0.1, 0.3, 1, 3, 10), "steps": (110, 80)}


def dropout_variance(mean, var, p):
    keep = 1 - p
    scale = 1 / keep
    mean_of_squares = var + mean**2
    squares_after = keep * scale**2 * mean_of_squares
    mean_after = keep * scale * mean
    training = squares_after - mean_after**2
    ratio = var / training
    return training, ratio


IN_DROPOUT = """
    mean_left_out: the mean plays no part
        training = var / keep
        | A dropped value jumps to 0, away from the mean. The larger the mean, the longer the jump.

    zeros_not_counted: only the factor 1/(1 − p) is counted, not the zeros
        training = var * scale**2
        | The factor meets the kept values alone; the others are 0, and they count in the mean.

    dropout_makes_smaller: the variance is multiplied by 1 − p
        training = var * keep
        | The zeros count as values too, and the kept ones are enlarged: the variance grows.

    variances_multiplied: the variance of x is multiplied by that of the mask
        training = var * (1 - keep) / keep
        | The variance of a product is not the product of the variances. E[(x·m)²] is E[x²]·E[m²].
"""


def dropped_channels(rng: np.random.Generator) -> list[Probe]:
    """Channels to read; then random ones, their means away from 0, for dropout below and above one half."""

    def random(c: int, p: float) -> Probe:
        mean = rng.choice([-1, 1], c) * rng.uniform(0.8, 2, c)
        return {"mean": mean, "var": rng.uniform(0.5, 4, c), "p": p}

    read = {"mean": np.array([0.0, 2.0]), "var": np.array([4.0, 4.0]), "p": 0.2}
    return [read, random(3, 0.5), random(4, 0.1), random(3, 0.7)]


EXERCISES = [
    Check(
        difference_interval,
        results_by_seed,
        hints="""What a seed does to both networks alike must cancel. So what do you compute first, before \
        any mean?
        The interval is mean ± t · s / √n. Which of the two divisors does this s have, n or n − 1?
        95 % in the middle leaves 2.5 % on each side: so `share` is 0.975. There are n − 1 degrees of \
        freedom.""",
        lesson=("07_put_the_claims_on_trial", "When five seeds do not decide"),
        mistakes=(IN_INTERVAL,),
    ),
    Check(
        interval_outcome,
        intervals,
        trial=one_by_one,
        tell=outcomes_in_words,
        hints="""Draw a line of numbers with a gray band from −margin to margin. In how many ways can an \
        interval lie?
        "The whole interval lies above the margin": then its lower end does. Translate the other two \
        sentences in the same way.
        For "no difference" both ends must be in the band. What is left is undecided.""",
        lesson=("07_put_the_claims_on_trial", "When five seeds do not decide"),
        mistakes=(IN_RULE,),
    ),
    two_networks(
        "accuracy",
        TRIED,
        name="trial_of_bn",
        hints="""A claim needs one number from each of two runs. They differ in BN alone.
        `accuracy(seed, batch_norm=False, layers=6)` is one run, without BN and with six layers.
        Call `accuracy` twice, with the same seed and the same settings; only `batch_norm` differs. \
        Return the one with BN first.""",
        lesson=("07_put_the_claims_on_trial", "How a claim is tried"),
    ),
    Check(
        dropout_variance,
        dropped_channels,
        hints="""The variance is E[x²] − E[x]². What does dropout do to E[x], and what to E[x²]?
        With probability p a value is 0. Else it is x / (1 − p), and its square is x² / (1 − p)². Take the \
        mean of both.
        E[x] stays as it is: that is what the factor is for. E[x²] is σ² + μ², and becomes (σ² + μ²) / \
        (1 − p).""",
        lesson=("deeper/which_noise_regularizes", "Do BN and dropout clash?"),
        mistakes=(IN_DROPOUT,),
    ),
]
