"""Checks of lesson 02: what looks alike is told apart."""

import numpy as np
import pytest

from bnteach import check


@pytest.mark.parametrize(
    ("std", "mistake"),
    [
        (lambda var, eps: np.sqrt(var), "eps_forgotten"),
        (lambda var, eps: np.sqrt(var + 1e-5), "eps_without_effect"),
        (lambda var, eps: np.sqrt(var) + eps, "eps_outside"),
        (lambda var, eps: np.sqrt(var + eps**2), "slip_in_inv_std"),
        (lambda var, eps: np.maximum(np.sqrt(var), eps), "eps_as_floor"),
        (lambda var, eps: np.sqrt(var + 1e-8), "eps_without_effect"),
        (lambda var, eps: np.sqrt(var + eps) + eps, None),
        (lambda var, eps: np.sqrt(np.maximum(var, eps)), None),
        (lambda var, eps: np.sqrt(var + 2 * eps), "slip_in_inv_std"),
        (lambda var, eps: np.sqrt(abs(var - eps)), None),
    ],
)
def test_each_way_with_epsilon_has_its_own_name_or_none(std, mistake):
    verdict = check.standardize(lambda x, eps: (x - x.mean(0)) / std(x.var(0), eps))
    assert verdict.state == "not yet"
    assert verdict.mistake == mistake


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda n, mean, std: (n - 1) ** 0.5, "expected a batch"),
        (lambda n, mean, std: [np.inf] + [0] * (n - 1), "infinite"),
        (lambda n, mean, std: [1] + [0] * 9, "number of values"),
        (lambda n, mean, std: mean + std * 1.5 ** np.arange(n), "largest |x_hat|"),
    ],
)
def test_a_batch_that_is_none(answer, words):
    verdict = check.largest_x_hat_batch(answer)
    assert (verdict.state, verdict.mistake) == ("not yet", None)
    assert words in verdict.why


def nearest(train, rates, distance, seeds=range(5)):
    usual = np.array([train(1, 1, seed) for seed in seeds])
    return min(rates, key=lambda rate: distance(usual, np.array([train(10, rate, seed) for seed in seeds])))


@pytest.mark.parametrize(
    "distance",
    [
        lambda usual, losses: abs(losses - usual).mean(),
        lambda usual, losses: ((losses - usual) ** 2).sum(),
        lambda usual, losses: abs(losses / usual - 1).max(),
    ],
)
def test_any_distance_seed_by_seed_will_do(distance):
    assert check.matching_rate(lambda train, rates: nearest(train, rates, distance)).state == "passed"


def test_three_seeds_are_too_few():
    verdict = check.matching_rate(
        lambda train, rates: nearest(train, rates, lambda a, b: abs(a - b).max(), range(3))
    )
    assert "number of seeds is off" in verdict.why
