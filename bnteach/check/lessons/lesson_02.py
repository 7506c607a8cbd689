"""Lesson 02, normalize: its exercises and their mistakes."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..answers import OddAnswer, as_array, unpacked
from ..checking import Check
from ..running import Probe
from .inputs import values
from .normalizing import IN_ROOT, IN_VARIANCE, IN_X_HAT, OF_COLUMNS, PER_SAMPLE
from .trainings import ENOUGH, SEEDS, Trainings, choice_of


def standardize(x, eps):
    n = len(x)
    mean = x.mean(axis=0)
    sum_of_squares = ((x - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    return x_hat


def probes(rng: np.random.Generator) -> list[Probe]:
    """A batch to read; two off center; one that varies less than ε; one as wide as long."""
    read = {"x": np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]]), "eps": 0.5}
    sizes = ((6, 4, 0.1), (9, 3, 1e-5), (5, 3, 0.01), (4, 4, 0.2))
    wide, long, small, square = ({"x": values(rng, n, c), "eps": eps} for n, c, eps in sizes)
    return [read, wide, long, {**small, "x": small["x"] / 500}, square]


def largest_x_hat_batch(n, mean, std):
    pattern = np.arange(n) == 0
    x_hat = (pattern - pattern.mean()) / pattern.std()
    batch = mean + std * x_hat
    return batch


STANDING_OUT = """
    half_and_half: half of the values are at one end and half at the other
        pattern = np.arange(n) < n // 2
        | The spread is large then, and every |x_hat| is about 1. Let one stand out, make all others equal.

    evenly_spaced: the values are evenly spaced
        pattern = np.arange(n)
        | However far apart they are: x_hat divides by their spread, and its largest value stays below √3.

    not_standardized: the pattern is stretched and shifted before it has mean 0 and standard deviation 1
        x_hat = pattern
        | Multiplying by `std` gives the standard deviation `std` only to values that had 1 before.
"""


def measure_batch(answer: Any, inputs: Probe) -> Iterable[tuple[str, Any]]:
    """What counts is the batch that is returned: how many values, which mean and std, how large one |x̂|."""
    batch = as_array("batch", unpacked(("batch",), answer(*inputs.values()))[0])
    if batch.ndim == 0:
        raise OddAnswer(f"Your function returns the number {batch}, expected a batch: an array of n values.")
    yield from (("number of values", batch.size), ("mean", batch.mean()), ("std", batch.std()))
    yield "largest |x_hat|", np.abs(batch - batch.mean()).max(initial=0) / max(batch.std(), 1e-9)


def sizes(rng: np.random.Generator) -> list[Probe]:
    """Batches of 2 and more, with means and standard deviations away from 0 and 1."""
    ns = (5, 2, 10, 17, int(rng.integers(20, 60)))
    return [{"n": n, "mean": rng.uniform(2, 9), "std": rng.uniform(2, 4)} for n in ns]


def matching_rate(train, rates):
    seeds = range(5)
    usual = np.array([train(1, 1, seed) for seed in seeds])
    losses = np.array([[train(10, rate, seed) for seed in seeds] for rate in rates])
    differences = abs(losses - usual)
    compared = differences.max(axis=1)
    rate = rates[int(np.argmin(compared))]
    return rate


MATCHING = """
    means_compared: the mean losses are compared, not the losses seed by seed
        compared = abs(losses.mean(axis=1) - usual.mean())
        | Two means can be equal though no seed agrees. "The same training" means: the same for each seed.

    lowest_loss_taken: the rate with the lowest loss is taken
        compared = losses.mean(axis=1)
        | That rate learns fastest. Asked for is the one that learns as usual. Or is an `abs` missing?
"""


def losses_by_rate(rng: np.random.Generator) -> list[Probe]:
    """Among the rates: one that matches, one only on average, one only with the first seed, a lower loss."""
    rates = [0.1, 1, 10, 100, 1000]

    def random(places: np.ndarray) -> Probe:
        usual = rng.uniform(0.4, 0.6, SEEDS)
        mixed = np.r_[np.roll(usual[:ENOUGH], 2), np.roll(usual[ENOUGH:], 2)]
        lucky = np.where(np.arange(SEEDS) == 0, usual, usual + rng.uniform(0.2, 0.4, SEEDS))
        others = [usual + rng.normal(0, 1e-3, SEEDS), mixed, lucky, usual - 0.3, usual + 0.9]
        by_rate = dict(zip([rates[place] for place in places], others, strict=True))
        results = {(1, 1): usual, **{(10, rate): losses for rate, losses in by_rate.items()}}
        return {"train": Trainings(("scale", "rate"), results), "rates": rates}

    return [random(np.roll([3, 0, 2, 4, 1], shift)) for shift in range(5)]


EXERCISES = [
    Check(
        standardize,
        probes,
        hard_probes=lambda rng: [{"x": rng.normal(3000, 1, (64, 3)).astype(np.float32), "eps": 1e-5}],
        hints="""Three lines: the mean of each column, its variance, the formula. Which axis disappears?
        `eps` joins the variance. Where is the root taken: before or after that?
        Below the line stands `np.sqrt(var + eps)`, above it `x - mean`, in brackets.""",
        lesson=("02_normalize", "Subtract, divide"),
        mistakes=(IN_VARIANCE, OF_COLUMNS, PER_SAMPLE, IN_ROOT, IN_X_HAT),
    ),
    Check(
        largest_x_hat_batch,
        sizes,
        trial=measure_batch,
        hints="""The pattern of the values alone decides. Which one did the lesson find to be the limit?
        First make that pattern a batch with mean 0 and standard deviation 1: normalize it.
        Then stretch and shift, and x̂ does not notice: multiply by `std`, add `mean`.""",
        lesson=("02_normalize", "How large can it get?"),
        mistakes=(STANDING_OUT,),
        has_slips=False,
    ),
    Check(
        matching_rate,
        losses_by_rate,
        trial=choice_of("rate", among="rates"),
        has_slips=False,
        hints="""When are two trainings the same? Compare each seed's loss with the loss of the same seed.
        Five losses of `train(1, 1, seed)`; for each rate the distances of `train(10, rate, seed)`.
        Keep `abs(losses - usual).max()` for each rate; return the rate where it is smallest.""",
        lesson=("02_normalize", '"The scale of the weights does not matter"'),
        mistakes=(MATCHING,),
    ),
]
