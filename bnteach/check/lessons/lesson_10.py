"""Lesson 10, across devices: its exercises and their mistakes."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..answers import OddAnswer, unpacked
from ..checking import Check
from ..recipe import Recipe
from ..running import Probe
from .one_change import one_change


def merge_statistics(count_a, mean_a, var_a, count_b, mean_b, var_b):
    count = count_a + count_b
    share = count_b / count
    mean = (1 - share) * mean_a + share * mean_b
    m2_within = count_a * var_a + count_b * var_b
    m2_between = count_a * count_b / count * (mean_b - mean_a) ** 2
    var = (m2_within + m2_between) / count
    return count, mean, var


MERGING = """
    merge_unweighted_mean: the two means are averaged one to one
        mean = (mean_a + mean_b) / 2
        | A device with more values counts more.

    merge_unweighted_var: the two variances are averaged one to one
        m2_within = count * (var_a + var_b) / 2
        | A device with more values counts more.

    merge_weights_swapped: each device has the weight of the other
        share = count_a / count
        m2_within = count_b * var_a + count_a * var_b
        | The share of b is count_b / count, and it belongs to the mean and the variance of b.

    merge_between_forgotten: the distance of the two means is forgotten
        m2_between = 0 * mean_a
        | The variances say how far the values are from their own mean. The two means are apart as well.

    merge_between_quarter: the distance of the means is weighted as if both devices were equal
        m2_between = count * (mean_b - mean_a) ** 2 / 4
        | The weight is share_a · share_b. It is a quarter only where both have the same number.

    merge_var_as_m2: the variances stand where M₂ belongs
        m2_within = var_a + var_b
        | M₂ is a sum of squared deviations, the variance their mean: M₂ = count · var.
"""


def two_devices(rng: np.random.Generator) -> list[Probe]:
    """Two devices to read; then random ones, with unequal numbers of values and means far apart."""

    def device(name: str, count: int, mean: Any, var: Any) -> Probe:
        return {f"count_{name}": count, f"mean_{name}": np.array(mean), f"var_{name}": np.array(var)}

    def random(a: int, b: int, c: int) -> Probe:
        first = device("a", a, rng.normal(2, 2, c), rng.uniform(0.5, 3, c))
        return {**first, **device("b", b, rng.normal(-2, 2, c), rng.uniform(2, 6, c))}

    read = {**device("a", 4, [1.0, 10.0], [2.0, 4.0]), **device("b", 1, [6.0, 10.0], [0.0, 0.0])}
    return [read, random(3, 8, 4), random(12, 5, 3), random(6, 6, 2)]


def sync_backward(dy, x_hat, gamma, std, count, other_dgamma, other_dbeta):
    asked = True  # noqa: F841 (only the trial looks at it)
    dy_of_all = dy * len(dy) / count
    dgamma = (dy_of_all * x_hat).sum(axis=0)
    dbeta = dy_of_all.sum(axis=0)
    all_dgamma = dgamma + other_dgamma
    all_dbeta = dbeta + other_dbeta
    m = count
    dx = gamma / std * (dy_of_all - all_dbeta / m - x_hat * all_dgamma / m)
    return dx, dgamma, dbeta


OF_ALL_DEVICES = """
    sync_as_given: this is the colleague's code, unchanged
        dy_of_all = dy
        dgamma = (dy * x_hat).sum(axis=0) + other_dgamma
        dbeta = dy.sum(axis=0) + other_dbeta
        all_dgamma = dgamma
        all_dbeta = dbeta
        m = len(dy)
        | All three faults are in it. First: how much does this share count in the mean over all samples?

    sync_loss_of_the_share: dy is used as it comes
        dy_of_all = dy
        | It belongs to the mean loss of this share, whose weight among all samples is len(dy) / count.

    sync_sums_not_weighted: dx has the weight of the share, and the two sums have not
        dgamma = (dy * x_hat).sum(axis=0)
        dbeta = dy.sum(axis=0)
        | Multiply dy first, and use the product everywhere.

    sync_own_sums: dx uses the sums of this device alone
        asked = False
        all_dgamma = dgamma
        all_dbeta = dbeta
        | Mean and variance belong to all devices, and so does the gradient. Use all_reduce on both sums.

    sync_return_ignored: all_reduce is called, but the totals that it returns are not used
        all_dgamma = dgamma
        all_dbeta = dbeta
        | all_reduce returns the totals. (That of torch.distributed writes them into its argument.)

    sync_own_count: the sums of all devices are divided by the number of this device
        m = len(dy)
        | The sums run over the values of all devices: so must the count.

    sync_not_divided: the totals are not divided by count
        m = 1
        | In dx both parts are means over the values of all devices.

    sync_totals_returned: the totals are returned as dgamma and dbeta
        dgamma = (dy_of_all * x_hat).sum(axis=0) + other_dgamma
        dbeta = dy_of_all.sum(axis=0) + other_dbeta
        all_dgamma = dgamma
        all_dbeta = dbeta
        | Data parallelism adds up all gradients afterward. Totals would be added once for each device.

    sync_rows_swapped: the two rows that are sent have changed places
        all_dgamma = dgamma + other_dbeta
        all_dbeta = dbeta + other_dgamma
        | The other devices send np.stack([dgamma, dbeta]). All must send the same sum in the same row.
"""


def upstreams(rng: np.random.Generator) -> list[Probe]:
    """The share of one device, and the sums that the other devices have."""

    def random(n: int, c: int, others: int) -> Probe:
        own = {"dy": rng.normal(size=(n, c)), "x_hat": rng.normal(0.3, 1, size=(n, c))}
        layer = {"gamma": rng.uniform(1.5, 3, size=c), "std": rng.uniform(0.5, 3, size=c)}
        sums = {"other_dgamma": rng.normal(size=c), "other_dbeta": rng.normal(size=c)}
        return {**own, **layer, "count": n + others, **sums}

    return [random(3, 2, 2), random(5, 4, 9), random(8, 3, 4)]


def sums_to_add(given: tuple[Any, ...], shape: tuple[int, ...], means: np.ndarray) -> np.ndarray:
    """What all_reduce was given. Raises OddAnswer for anything but two rows of sums."""
    if len(given) != 1:
        raise OddAnswer(f"all_reduce takes one array, of shape (2, C), here {shape}; it got {len(given)}.")
    sums = np.asarray(given[0])
    if sums.shape != shape:
        raise OddAnswer(
            f"all_reduce got an array of shape {sums.shape}. It wants both sums at once, in shape {shape}: "
            "Σ dy·x̂ in row 0 and Σ dy in row 1."
        )
    if np.allclose(sums, means) or np.allclose(sums, means[::-1]):
        raise OddAnswer("all_reduce got means. The counts are unequal: send sums, and divide them afterward.")
    return sums


def with_all_reduce(answer: Any, inputs: Probe) -> Iterable[tuple[str, Any]]:
    """Call the function, and note whether it called all_reduce, however it uses what that returns."""
    *own, other_dgamma, other_dbeta = inputs.values()
    dy, others = inputs["dy"] * len(inputs["dy"]) / inputs["count"], np.stack([other_dgamma, other_dbeta])
    means = np.stack([(dy * inputs["x_hat"]).mean(axis=0), dy.mean(axis=0)])
    calls = []

    def all_reduce(*given: Any) -> np.ndarray:
        calls.append(given)
        return sums_to_add(given, others.shape, means) + others

    names = ("dx", "dgamma", "dbeta")
    yield from zip(names, unpacked(names, answer(*own, all_reduce)), strict=True)
    yield "calling all_reduce", bool(calls)


def device_from(recipe: Recipe) -> Callable[..., tuple]:
    """A device that learns from all_reduce what the others have."""

    def answer(*inputs: Any) -> tuple:
        *own, all_reduce = inputs
        nothing = np.zeros((2, own[0].shape[1]))
        others = all_reduce(nothing) if recipe.values({}, ["asked"])["asked"] else nothing
        known = dict(zip(recipe.takes, [*own, *others], strict=True))
        return tuple(recipe.values(known, recipe.returns).values())

    return answer


EXERCISES = [
    Check(
        merge_statistics,
        two_devices,
        hints="""The larger device counts more. And how far are the two means apart?
        The variance has two parts: a weighted mean of the variances, and one between the devices.
        The part between is n_a · n_b / n² · (μ_b − μ_a)².""",
        lesson=("10_across_devices", "Two shares are not one batch"),
        mistakes=(MERGING,),
    ),
    Check(
        sync_backward,
        upstreams,
        takes=("dy", "x_hat", "gamma", "std", "count", "all_reduce"),
        answer=device_from,
        trial=with_all_reduce,
        hints="""Which m belongs to the sums of all devices? Who adds up dγ, dβ? How much is this share?
        In dx, sums and count are those of all devices; `dgamma`, `dbeta` are its own. First weigh dy.
        Begin with `dy = dy * len(dy) / count`. In dx, divide what all_reduce returns by `count`.""",
        lesson=("10_across_devices", "SyncBN: what must travel?"),
        mistakes=(OF_ALL_DEVICES,),
    ),
    one_change(
        "learn",
        {"devices": 1, "by_class": False},
        name="effect_of_shares",
        such_as="devices=4",
        lesson=("10_across_devices", "Two shares are not one batch"),
    ),
]
