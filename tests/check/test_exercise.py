"""A new exercise that cannot work is refused in plain words, when it is made or first used."""

import numpy as np
import pytest

from bnteach.check import CHECKS, Check


def rms_norm(x, gamma, eps):
    mean_square = (x**2).mean(axis=1, keepdims=True)
    rms = np.sqrt(mean_square + eps)
    y = gamma * x / rms
    return y


def misspelled(x, gamma, eps):
    rms = np.sqrt((x**2).mean(axis=1, keepdims=True) + epsilon)  # noqa: F821
    return rms


def expression_returned(x, gamma, eps):
    rms = np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)
    return gamma * x / rms


def assigned_twice(x, gamma, eps):
    y = np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)
    y = gamma * x / y
    return y


def input_assigned(x, gamma, eps):
    x = gamma * x + eps
    return x


def never_returned(x, gamma, eps):
    y = gamma * x + eps  # noqa: F841


def rows(rng):
    return [{"x": rng.normal(size=(n, 2)), "gamma": np.ones(2), "eps": 0.1} for n in (3, 4, 5)]


MISTAKE = "over_batch: the mean runs over the batch\n    mean_square = (x**2).mean(axis=0)\n    | Two axes."


def checked(right=rms_norm, probes=rows, hints="1\n2\n3", lesson=("08", "Norms"), **more):
    """A check that is made so, and has judged a wrong answer."""
    one = Check(right, probes, hints=hints, lesson=lesson, **more)
    one(lambda x, gamma, eps: np.tanh(x))
    return one


def test_one_that_works_passes():
    assert checked(mistakes=(MISTAKE,))(rms_norm).state == "passed"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"right": misspelled}, r"name 'epsilon' is not defined, at np\.sqrt\(.* \+ epsilon\)"),
        ({"right": expression_returned}, r"'return gamma \* x / rms', expected `return` and names"),
        ({"right": assigned_twice}, r"the line is 'y = gamma \* x / y', expected a name other than y"),
        ({"right": input_assigned}, "input_assigned: .* expected a name other than x: it is taken"),
        ({"right": never_returned}, r"the last line is 'y = gamma \* x \+ eps', expected `return`"),
        (
            {"trial": lambda answer, inputs: []},
            "the right answer fails with x, gamma, eps. it gives no values",
        ),
        ({"mistakes": MISTAKE}, "rms_norm: mistakes is 'over_batch.* expected a tuple of texts"),
        ({"mistakes": (MISTAKE, MISTAKE)}, "rms_norm, over_batch: there is such a key already"),
        ({"mistakes": (MISTAKE.replace("_square", ""),)}, "over_batch: it gives mean, expected one of mean_"),
        ({"hints": "1\n2"}, r"hints is \('1', '2'\), expected a tuple of 3 lines"),
        ({"lesson": ("08",)}, r"lesson is \('08',\), expected a tuple of 2 texts"),
    ],
)
def test_one_that_cannot_work_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        checked(**fields)


@pytest.mark.parametrize("stacked", [np.stack, list, lambda pair: np.array(pair).tolist()])
def test_values_in_one_array_are_taken_for_several(stacked, two_values):
    right = CHECKS["parameters_for_share"]
    answer = right.answer_from(right.recipe)
    assert right(lambda share, std: stacked(answer(share, std))).state == "passed"
    assert "returns an array of shape" in two_values(lambda dy, x: np.ones((3, 2))).why
