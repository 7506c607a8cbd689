"""The loops that Numba compiles in lesson 13 are batch normalization, also far from 0."""

import numpy as np
import pytest

from bnteach.core import functional
from bnteach.trials import loops


@pytest.mark.parametrize("mean", [0, 1e4])
def test_the_loops_agree_with_the_plain_page(mean):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(mean, 1, size=(4, 3, 5)).astype(np.float32), rng.normal(size=(4, 3, 5))
    gamma, beta = rng.uniform(0.5, 2, size=(1, 3, 1)), rng.normal(size=(1, 3, 1))
    y, dx = np.empty(x.shape), np.empty(x.shape)
    kept = loops.forward(x, gamma, beta, y)
    results = y, dx, *loops.backward(dy, x, gamma, kept, dx)
    expected, cache = functional.batch_norm_forward(x.astype(float), gamma.ravel(), beta.ravel())
    for found, right in zip(results, (expected, *functional.batch_norm_backward(dy, cache)), strict=True):
        assert np.allclose(found, right, rtol=1e-6, atol=1e-6)
