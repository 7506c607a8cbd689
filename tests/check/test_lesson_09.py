"""Checks of lesson 09: what a fresh student wrote is named, or told in few words."""

import numpy as np
import pytest

from bnteach import check


def cut_with(stays_of, order=range(7)):
    """The right way to cut, but for which channels stay, or for the order of what is returned."""

    def answer(w_1, gamma, beta, mean, var, w_2, b_2, threshold):
        stays = stays_of(gamma, threshold)
        vectors = (one[stays] for one in (gamma, beta, mean, var))
        new_b_2 = b_2 + w_2[:, ~stays] @ np.maximum(beta[~stays], 0)
        arrays = (w_1[stays], *vectors, w_2[:, stays], new_b_2)
        return tuple(arrays[place] for place in order)

    return answer


@pytest.mark.parametrize(
    ("stays_of", "key"),
    [
        (lambda gamma, threshold: gamma != 0, "threshold_not_used"),
        (lambda gamma, threshold: ~np.isclose(gamma, 0), "threshold_not_used"),
        (lambda gamma, threshold: abs(gamma) / abs(gamma).max() > threshold, "threshold_times_largest"),
        (lambda gamma, threshold: abs(gamma) >= threshold, "threshold_itself_stays"),
        (lambda gamma, threshold: ~(abs(gamma) < threshold), "threshold_itself_stays"),
    ],
)
def test_what_a_threshold_is_taken_for_is_named(stays_of, key):
    assert check.cut_channels(cut_with(stays_of)).mistakes == (key,)


@pytest.mark.parametrize("seed", range(20))
def test_a_threshold_beside_many_spreads_never_passes(seed):
    for limit_of in (np.std, np.ptp, lambda gamma: abs(gamma).mean(), lambda gamma: np.median(abs(gamma))):
        answer = cut_with(lambda gamma, threshold, of=limit_of: abs(gamma) > threshold * of(gamma))
        assert check.cut_channels.judge(answer, seed).state == "not yet"


def test_a_wrong_order_is_told_by_the_first_place_that_is_wrong():
    verdict = check.cut_channels(
        cut_with(lambda gamma, threshold: abs(gamma) > threshold, (0, 5, 1, 2, 3, 4, 6))
    )
    assert verdict.mistakes == ()
    assert (
        "The values are right, their order is not: the second is new_w_2, expected new_gamma." in verdict.why
    )


def test_of_many_wrong_shapes_two_are_told():
    verdict = check.cut_channels(cut_with(lambda gamma, threshold: abs(gamma) > 2 * abs(gamma).mean()))
    assert verdict.mistakes == ()
    assert "And 4 more have another shape." in verdict.why
    assert len(verdict.why.split("\n")) < 6


def fold_with(weight_of, bias_of):
    """A fold from the new weight and the new bias, each a function of W, b, s, the mean and β."""

    def answer(gamma, beta, running_mean, running_var, eps, weight, bias):
        known = weight, bias, gamma / np.sqrt(running_var + eps), running_mean, beta
        return weight_of(*known), bias_of(*known)

    return answer


def columns(w, b, s, mean, beta):
    return w * s


def as_in_lesson_06(w, b, s, mean, beta):
    return s * (b - mean) + beta


@pytest.mark.parametrize(
    ("weight_of", "bias_of", "keys"),
    [
        (lambda w, b, s, mean, beta: w * s[:, None], as_in_lesson_06, {"fold_of_the_layer_before"}),
        (columns, as_in_lesson_06, {"bias_of_the_layer_before"}),
        (columns, lambda w, b, s, mean, beta: b + (beta - mean * s) @ w, {"next_shift_from_the_left"}),
        (
            columns,
            lambda w, b, s, mean, beta: (beta - mean * s) @ w,
            {"next_shift_from_the_left", "next_old_bias_forgotten"},
        ),
        (
            columns,
            lambda w, b, s, mean, beta: w * (beta - mean * s),
            {"next_shift_not_summed", "next_old_bias_forgotten"},
        ),
        (
            lambda w, b, s, mean, beta: w @ s,
            lambda w, b, s, mean, beta: b + w @ (beta - mean * s),
            {"next_weight_summed"},
        ),
    ],
)
def test_the_fold_of_another_layer_is_named(weight_of, bias_of, keys):
    verdict = check.fold_into_next(fold_with(weight_of, bias_of))
    assert set(verdict.mistakes) == keys
    if "before" in "".join(keys):
        assert "the layer *before* BN. Here BN comes first" in verdict.why
