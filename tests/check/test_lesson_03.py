"""Checks of lesson 03: nothing is named that is not so."""

import numpy as np
import pytest

from bnteach import check


def test_dgamma_and_dbeta_alike():
    assert check.affine_gradients(lambda dy, x_hat: ((dy * x_hat).sum(0),) * 2).mistakes == ("slip_in_dbeta",)
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
