"""Lesson 09: what a fresh student wrote is named, or told in few words."""

import numpy as np
import pytest

from bnteach import check


def cut_with(stays_of):
    """The right way to cut, but for which channels stay."""

    def answer(w_1, gamma, beta, mean, var, w_2, b_2, threshold):
        stays = stays_of(gamma, threshold)
        vectors = (one[stays] for one in (gamma, beta, mean, var))
        return w_1[stays], *vectors, w_2[:, stays], b_2 + w_2[:, ~stays] @ np.maximum(beta[~stays], 0)

    return answer


@pytest.mark.parametrize("seed", range(5))
def test_a_threshold_beside_many_spreads_never_passes(seed):
    for limit_of in (np.std, np.ptp, lambda gamma: abs(gamma).mean(), lambda gamma: np.median(abs(gamma))):
        answer = cut_with(lambda gamma, threshold, of=limit_of: abs(gamma) > threshold * of(gamma))
        assert check.cut_channels.judge(answer, seed).state == "not yet"


def test_of_many_wrong_quantities_three_are_told():
    verdict = check.cut_channels(cut_with(lambda gamma, threshold: abs(gamma) > 2 * abs(gamma).mean()))
    assert verdict.mistakes == ()
    assert verdict.why.count("it has shape") == 3


def test_the_fold_of_the_layer_before_is_named():
    def answer(gamma, beta, running_mean, running_var, eps, weight, bias):
        scale = gamma / np.sqrt(running_var + eps)
        return weight * scale[:, None], scale * (bias - running_mean) + beta

    verdict = check.fold_into_next(answer)
    assert set(verdict.mistakes) == {"bias_of_the_layer_before", "next_rows_scaled"}
    assert "the layer *before* BN. Here BN comes first" in verdict.why
