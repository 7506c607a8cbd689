"""Checks of lesson 03: right answers in many styles pass; nothing is named that is not so."""

import numpy as np
import pytest
import torch

from bnteach import check

SEEDS = range(10)


def as_factor_and_shift(x, gamma, beta, eps):
    factor = gamma / np.sqrt(x.var(axis=0) + eps)
    return x * factor + (beta - x.mean(axis=0) * factor)


def by_loops(x, gamma, beta, eps):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        y[:, c] = gamma[c] * (x[:, c] - x[:, c].mean()) / (x[:, c].var() + eps) ** 0.5 + beta[c]
    return y


def in_torch(x, gamma, beta, eps):
    x, gamma, beta = map(torch.from_numpy, (x, gamma, beta))
    return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


def in_float32(x, gamma, beta, eps):
    x = x.astype(np.float32)
    return (x - x.mean(0)) / np.sqrt(x.var(0) + eps) * gamma + beta


FORWARD = [
    lambda x, gamma, beta, eps: gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta,
    as_factor_and_shift,
    by_loops,
    in_torch,
    in_float32,
]
IDENTITY = [
    lambda x, eps: (np.sqrt(x.var(0) + eps), x.mean(0)),
    lambda x, eps: [(((x - x.mean(0)) ** 2).mean(0) + eps) ** 0.5, x.sum(0) / len(x)],
    lambda x, eps: ((torch.from_numpy(x).var(0, correction=0) + eps).sqrt(), torch.from_numpy(x).mean(0)),
]
GRADIENTS = [
    lambda dy, x_hat: ((dy * x_hat).sum(0), dy.sum(0)),
    lambda dy, x_hat: (np.einsum("nc,nc->c", dy, x_hat), np.ones(len(dy)) @ dy),
    lambda dy, x_hat: (np.diag(dy.T @ x_hat), len(dy) * dy.mean(axis=0)),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("of", "answers"),
    [
        (check.batch_norm_forward, FORWARD),
        (check.identity_parameters, IDENTITY),
        (check.affine_gradients, GRADIENTS),
    ],
    ids=lambda of: getattr(of, "name", ""),
)
def test_right_answers_pass(of, answers, seed):
    for number, answer in enumerate(answers):
        assert (number, of.judge(answer, seed).state) == (number, "passed")


def test_dgamma_and_dbeta_alike():
    assert check.affine_gradients(lambda dy, x_hat: ((dy * x_hat).sum(0),) * 2).mistakes == (
        "dbeta_with_x_hat",
    )
    assert check.affine_gradients(lambda dy, x_hat: (dy.sum(0),) * 2).mistakes == ("dgamma_without_x_hat",)


@pytest.mark.parametrize(
    ("answer", "mistakes"),
    [
        (lambda x, std: (1 / std, -x.mean(0) / std), {"gamma_reciprocal", "beta_over_std"}),
        (lambda x, std: (x.mean(0), std), {"returns_swapped"}),
        (lambda x, std: (std, x.mean(0) * std), set()),
    ],
)
def test_as_learners_write_it(answer, mistakes):
    verdict = check.identity_parameters(lambda x, eps: answer(x, np.sqrt(x.var(0) + eps)))
    assert verdict.state == "not yet"
    assert set(verdict.mistakes) == mistakes
