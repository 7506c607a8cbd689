"""Wrong answers to lesson 15's exercises, written as a learner writes them, are named."""

import numpy as np
import pytest

from bnteach import check
from bnteach.check.lessons.lesson_15 import CAMERAS


def mixed(x_hat):
    """An answer from a function of x, the stored statistics, the weight of the new ones, and ε."""
    return lambda x, running_mean, running_var, prior, eps: x_hat(
        x, running_mean, running_var, len(x) / (len(x) + prior), eps
    )


MIXED = {
    "stds_mixed": lambda x, m, v, new, eps: (
        (x - new * x.mean(axis=0) - (1 - new) * m)
        / (new * np.sqrt(x.var(axis=0) + eps) + (1 - new) * np.sqrt(v + eps))
    ),
    "outputs_mixed": lambda x, m, v, new, eps: (
        new * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps) + (1 - new) * (x - m) / np.sqrt(v + eps)
    ),
    "only_the_new": lambda x, m, v, new, eps: (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps),
    "eps_outside": lambda x, m, v, new, eps: (
        (x - new * x.mean(axis=0) - (1 - new) * m) / (np.sqrt(new * x.var(axis=0) + (1 - new) * v) + eps)
    ),
}


@pytest.mark.parametrize("mistake", MIXED)
def test_a_wrong_mixture_is_named(mistake):
    assert check.mixed_x_hat.judge(mixed(MIXED[mistake])).mistakes == (mistake,)


def integers(weight, gamma, running_var, eps, bits, top=None, rounded=np.round, largest=None):
    folded = (gamma / np.sqrt(running_var + eps)).reshape(-1, 1, 1, 1) * weight
    scales = (largest or (lambda f: np.abs(f).max(axis=(1, 2, 3))))(folded) / (top or 2 ** (bits - 1) - 1)
    return rounded(folded / scales.reshape(-1, 1, 1, 1)), scales


QUANTIZED = {
    "cut_off": {"rounded": np.trunc},
    "rounded_down": {"rounded": np.floor},
    "one_scale": {"largest": lambda folded: np.full(len(folded), np.abs(folded).max())},
    "sign_counted": {"largest": lambda folded: folded.max(axis=(1, 2, 3))},
}


@pytest.mark.parametrize("mistake", QUANTIZED)
def test_a_wrong_quantization_is_named(mistake):
    def answer(weight, gamma, running_var, eps, bits):
        return integers(weight, gamma, running_var, eps, bits, **QUANTIZED[mistake])

    assert check.fold_to_integers.judge(answer).mistakes == (mistake,)


def test_whole_numbers_may_have_a_type_of_whole_numbers():
    def answer(weight, gamma, running_var, eps, bits):
        return integers(weight, gamma, running_var, eps, bits, rounded=lambda x: np.round(x).astype(np.int8))

    assert check.fold_to_integers.judge(answer).state == "passed"


def test_a_camera_that_is_wrong_is_pointed_at_and_not_given_away():
    verdict = check.name_the_cameras.judge(lambda: {**CAMERAS, "G": "as_before"})
    assert "6 of 7 are right. Look again at G." in verdict.why
    assert "other" not in verdict.why
