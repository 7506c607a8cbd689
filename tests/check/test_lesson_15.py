"""Lesson 15: a wrong camera is pointed at; pictures that cannot be compared are refused."""

import pytest

from bnteach import check

CAMERAS = check.name_the_cameras.answer_from(check.name_the_cameras.recipe)()


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
