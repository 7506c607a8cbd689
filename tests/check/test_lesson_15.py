"""Wrong answers to lesson 15's exercises, written as a learner writes them, are named."""

import numpy as np
import pytest

from bnteach import check

CAMERAS = check.name_the_cameras.answer_from(check.name_the_cameras.recipe)()


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


def test_a_camera_that_is_wrong_is_pointed_at_and_not_given_away():
    verdict = check.name_the_cameras.judge(lambda: {**CAMERAS, "G": "as_before"})
    assert "6 of 7 are right. Look again at G." in verdict.why
    assert "other" not in verdict.why


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"pictures": 1}, "pictures is 1, expected 2 or more"),
        ({"brightness": 0}, "brightness is 0, expected another number"),
    ],
)
def test_what_shows_nothing_is_refused_in_words(changed, words):
    verdict = check.effect_of_pictures(lambda share, seed: (share(seed), share(seed, **changed)))
    assert words in verdict.why


def test_threes_alone_are_compared_with_as_many_mixed_pictures():
    verdict = check.effect_of_pictures(
        lambda share, seed: (share(seed, pictures=137), share(seed, pictures=137, digit=3))
    )
    assert verdict.state == "passed"
