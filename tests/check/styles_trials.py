"""Lesson 07 in many styles: the interval of a difference, its outcome, the variance behind dropout."""

import math
import statistics

import numpy as np
import torch
from scipy import stats

from bnteach.training import SeedSummary
from bnteach.training.claims import outcome

# Ways to the mean of the differences and to its standard error.
ERRORS = {
    "methods": lambda d: (d.mean(), d.std(ddof=1) / np.sqrt(len(d))),
    "functions": lambda d: (np.mean(d), np.sqrt(np.var(d, ddof=1) / d.size)),
    "statistics module": lambda d: (
        statistics.fmean(d.tolist()),
        statistics.stdev(d.tolist()) / math.sqrt(len(d)),
    ),
    "SciPy's sem": lambda d: (np.average(d), stats.sem(d)),
    "sums": lambda d: (sum(d) / len(d), (sum((d - sum(d) / len(d)) ** 2) / (len(d) - 1) / len(d)) ** 0.5),
    "n corrected": lambda d: (d.mean(), d.std() / (len(d) - 1) ** 0.5),
    "torch": lambda d: (
        torch.from_numpy(d).mean().item(),
        (torch.from_numpy(d).std() / len(d) ** 0.5).item(),
    ),
    "float32": lambda d: (np.float32(d).mean(), np.float32(d).std(ddof=1) / np.float32(len(d)) ** 0.5),
    "covariance": lambda d: (d.mean(), np.sqrt(np.cov(d) / len(d))),
    "norm": lambda d: (d.mean(), np.linalg.norm(d - d.mean()) / np.sqrt(len(d) * (len(d) - 1))),
}
# Ways from there to the two ends.
ENDS = {
    "ppf": lambda m, e, n: (m - stats.t.ppf(0.975, n - 1) * e, m + stats.t.ppf(0.975, n - 1) * e),
    "isf": lambda m, e, n: (m - stats.t.isf(0.025, df=n - 1) * e, m + stats.t.isf(0.025, df=n - 1) * e),
    "interval": lambda m, e, n: stats.t.interval(0.95, n - 1, loc=m, scale=e),
    "array of two": lambda m, e, n: m + e * stats.t.ppf([0.025, 0.975], n - 1),
}


def intervals():
    """Each way to the error with two ways to the ends."""
    for number, (name, error) in enumerate(ERRORS.items()):
        for step in (0, 1):
            way = list(ENDS)[(number + step) % len(ENDS)]

            def answer(with_bn, without_bn, error=error, ends=ENDS[way]):
                mean, e = error(with_bn - without_bn)
                return (mean, *ends(mean, e, len(with_bn)))

            yield f"{name}, {way}", answer
    yield "paired t-test", by_test
    yield "bnteach", by_summary
    yield "differences in a list", differences_in_a_list
    yield "variance of both and covariance", with_covariance


def by_test(with_bn, without_bn):
    low, high = stats.ttest_rel(with_bn, without_bn).confidence_interval(0.95)
    return (low + high) / 2, low, high


def by_summary(with_bn, without_bn):
    summary = SeedSummary(with_bn - without_bn)
    return [summary.mean, *summary.interval]


def differences_in_a_list(with_bn, without_bn):
    d = [a - b for a, b in zip(with_bn, without_bn, strict=True)]
    half = stats.t.ppf(0.975, len(d) - 1) * np.std(d, ddof=1) / len(d) ** 0.5
    return np.array([np.mean(d) - half, np.mean(d), np.mean(d) + half])[[1, 0, 2]].tolist()


def with_covariance(with_bn, without_bn):
    n, c = len(with_bn), np.cov(with_bn, without_bn)
    half = stats.t.ppf(0.975, n - 1) * np.sqrt((c[0, 0] + c[1, 1] - 2 * c[0, 1]) / n)
    mean = with_bn.mean() - without_bn.mean()
    return mean, mean - half, mean + half


def in_order(low, high, margin):
    if low > margin:
        return "for it"
    if high < -margin:
        return "against it"
    if low >= -margin and high <= margin:
        return "no difference"
    return "undecided"


def band_first(low, high, margin):
    if abs(low) <= margin and abs(high) <= margin:
        return "no difference"
    if low >= margin:
        return "for it"
    return "against it" if high <= -margin else "undecided"


def by_zones(low, high, margin):
    zones = [int(np.digitize(end, [-margin, margin])) for end in (low, high)]
    return ("against it", "no difference", "for it")[zones[0]] if zones[0] == zones[1] else "undecided"


def by_dictionary(low, high, margin):
    words = {
        "for it": margin < low,
        "against it": -margin > high,
        "no difference": -margin < low and high < margin,
    }
    return next((word for word, is_true in words.items() if is_true), "undecided")


def by_select(low, high, margin):
    tests = [low > margin, high < -margin, max(abs(low), abs(high)) < margin]
    return str(np.select(tests, ["for it", "against it", "no difference"], "undecided"))


def in_margins(low, high, margin):
    low, high = low / margin, high / margin
    if low > 1 or high < -1:
        return "for it" if low > 1 else "against it"
    return "undecided" if low < -1 or high > 1 else "no difference"


def by_signs(low, high, margin):
    signs = np.sign([low - margin, low + margin, high - margin, high + margin])
    return {4: "for it", -4: "against it"}.get(
        int(signs.sum()), "no difference" if signs.tolist() == [-1, 1, -1, 1] else "undecided"
    )


def with_variables(low, high, margin):
    above, below = bool(np.greater(low, margin)), bool(np.less(high, -margin))
    inside = not above and not below and low > -margin and high < margin
    result = "undecided"
    result = "for it" if above else result
    result = "against it" if below else result
    return np.str_("no difference") if inside else result


def by_claims(low, high, margin):
    half, middle = (high - low) / 2, (high + low) / 2
    # Two values whose 95 % interval is this one.
    apart = half / stats.t.ppf(0.975, 1)
    return outcome(SeedSummary(np.array([middle - apart, middle + apart])), margin)


OUTCOMES = (
    in_order,
    band_first,
    by_zones,
    by_dictionary,
    by_select,
    in_margins,
    by_signs,
    with_variables,
    by_claims,
)

# Ways to the variance of what dropout leaves.
DROPPED = {
    "moments": lambda mean, var, p: (var + mean**2) / (1 - p) - mean**2,
    "multiplied out": lambda mean, var, p: (var + p * mean**2) / (1 - p),
    "total variance": lambda mean, var, p: var / (1 - p) + mean**2 * p / (1 - p),
    "what is added": lambda mean, var, p: var + p / (1 - p) * (var + mean**2),
    "keep and scale": lambda mean, var, p: (1 - p) * (1 / (1 - p)) ** 2 * (var + mean * mean) - mean * mean,
    "inside and between": lambda mean, var, p: (
        (1 - p) * var / (1 - p) ** 2 + (1 - p) * (mean / (1 - p) - mean) ** 2 + p * (0 - mean) ** 2
    ),
    "products": lambda mean, var, p: var * (p / (1 - p)) + var + mean**2 * (p / (1 - p)),
    "lists": lambda mean, var, p: [
        (v + m * m) / (1 - p) - m * m for m, v in zip(mean.tolist(), var.tolist(), strict=True)
    ],
    "torch": lambda mean, var, p: (torch.from_numpy(var) + p * torch.from_numpy(mean) ** 2) / (1 - p),
    "float32": lambda mean, var, p: (np.float32(var) + np.float32(p) * np.float32(mean) ** 2) / (1 - p),
    "einsum": lambda mean, var, p: (var + p * np.einsum("c,c->c", mean, mean)) / (1 - p),
    "in place on a copy": lambda mean, var, p: np.divide(var + p * mean**2, 1 - p, out=var.copy()),
}


def variances():
    for name, training in DROPPED.items():
        yield (
            name,
            lambda mean, var, p, f=training: (f(mean, var, p), np.asarray(var) / np.asarray(f(mean, var, p))),
        )
    for name in ("moments", "total variance", "inside and between"):
        yield (
            f"{name}, the ratio as a share",
            lambda mean, var, p, f=DROPPED[name]: [f(mean, var, p), (1 - p) / (1 + p * mean**2 / var)],
        )
    yield "every mask", every_mask


def every_mask(mean, var, p):
    """Two values with this mean and variance, each kept or dropped."""
    std = np.sqrt(var)
    values = np.stack([mean + std, mean - std, 0 * mean]) / (1 - p)
    chance = np.array([(1 - p) / 2, (1 - p) / 2, p])
    training = chance @ (values - chance @ values) ** 2
    return training, var / training


STYLES = {
    "difference_interval": dict(intervals()),
    "interval_outcome": {answer.__name__: answer for answer in OUTCOMES},
    "dropout_variance": dict(variances()),
}
