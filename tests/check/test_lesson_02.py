"""Checks of lesson 02: right answers in many styles pass; what looks alike is told apart."""

import numpy as np
import pytest
import torch

import bnteach
from bnteach import check

SEEDS = range(10)


def by_loops(x, eps):
    x_hat = np.zeros_like(x)
    for c in range(x.shape[1]):
        mean = sum(x[:, c]) / len(x)
        var = sum((value - mean) ** 2 for value in x[:, c]) / len(x)
        for i in range(len(x)):
            x_hat[i, c] = (x[i, c] - mean) / (var + eps) ** 0.5
    return x_hat


def in_place_on_a_copy(x, eps):
    x = x.copy()
    x -= x.mean(axis=0)
    x /= np.sqrt((x**2).mean(axis=0) + eps)
    return x


def in_float32(x, eps):
    x = x.astype(np.float32)
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)


def by_einsum(x, eps):
    centered = x - x.mean(axis=0)
    return centered * (np.einsum("nc,nc->c", centered, centered) / len(x) + eps) ** -0.5


STANDARDIZED = [
    lambda x, eps: (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps),
    lambda x, eps: (x - x.mean(0, keepdims=True)) / (x.var(0, keepdims=True) + eps) ** 0.5,
    lambda x, eps: ((x.T - x.mean(0)[:, None]) / np.sqrt(x.var(0) + eps)[:, None]).T,
    lambda x, eps: np.stack([(c - c.mean()) / np.sqrt(c.var() + eps) for c in x.T], axis=1),
    lambda x, eps: np.asfortranarray((x - x.mean(0)) / np.sqrt(x.var(0) + eps)),
    lambda x, eps: ((x - x.mean(0)) / np.sqrt(x.var(0) + eps)).tolist(),
    lambda x, eps: torch.nn.functional.batch_norm(torch.from_numpy(x), None, None, training=True, eps=eps),
    lambda x, eps: bnteach.batch_norm_forward(x, None, None, eps=eps)[0],
    by_loops,
    in_place_on_a_copy,
    in_float32,
    by_einsum,
]
AT_THE_BOUND = [
    lambda n: [1.0] + [0.0] * (n - 1),
    lambda n: np.eye(n)[n // 2],
    lambda n: np.append(np.full(n - 1, 0.1), -7.3),
    lambda n: np.append(np.arange(n - 1), 1e6),
    lambda n: torch.nn.functional.one_hot(torch.tensor(0), n),
    lambda n: np.array([[1e6]] + [[0]] * (n - 1), dtype=np.float32),
]
RESCALED = [
    lambda dw, a: dw / a,
    lambda dw, a: dw @ np.diag(1 / a),
    lambda dw, a: (dw.T / a[:, None]).T,
    lambda dw, a: torch.from_numpy(dw) / torch.from_numpy(a),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("of", "answers"),
    [
        (check.standardize, STANDARDIZED),
        (check.largest_x_hat_batch, AT_THE_BOUND),
        (check.gradient_after_rescaling, RESCALED),
    ],
    ids=lambda of: getattr(of, "name", ""),
)
def test_right_answers_pass(of, answers, seed):
    for number, answer in enumerate(answers):
        assert (number, of.judge(answer, seed).state) == (number, "passed")


@pytest.mark.parametrize(
    ("std", "mistake"),
    [
        (lambda var, eps: np.sqrt(var), "eps_forgotten"),
        (lambda var, eps: np.sqrt(var + 1e-5), "eps_hard_coded"),
        (lambda var, eps: np.sqrt(var) + eps, "eps_outside"),
        (lambda var, eps: np.sqrt(var + eps**2), "eps_squared"),
        (lambda var, eps: np.maximum(np.sqrt(var), eps), "eps_as_floor"),
        (lambda var, eps: np.sqrt(var + 1e-8), None),
        (lambda var, eps: np.sqrt(var + eps) + eps, None),
        (lambda var, eps: np.sqrt(np.maximum(var, eps)), None),
        (lambda var, eps: np.sqrt(var + 2 * eps), None),
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
        (lambda x, eps: (x - x.min(0)) / (np.ptp(x, axis=0) + eps), "stretched and shifted"),
        (lambda x, eps: (x - np.median(x, axis=0)) / np.sqrt(x.var(0) + eps), "subtracted or added"),
        (lambda x, eps: (x - x.mean(0)) / (abs(x).max(0) + eps), "Look at the factors"),
        (lambda x, eps: x, "it equals x"),
    ],
)
def test_what_is_not_in_the_catalogue_is_led_on(answer, words):
    verdict = check.standardize(answer)
    assert verdict.mistake is None
    assert words in verdict.why


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda n: (n - 1) ** 0.5, "expected a batch"),
        (lambda n: [np.inf] + [0] * (n - 1), "infinite"),
        (lambda n: [1] + [0] * 9, "number_of_values"),
        (lambda n: 2.0 ** np.arange(n), "largest_x_hat is off"),
    ],
)
def test_a_batch_that_is_none(answer, words):
    verdict = check.largest_x_hat_batch(answer)
    assert (verdict.state, verdict.mistake) == ("not yet", None)
    assert words in verdict.why
