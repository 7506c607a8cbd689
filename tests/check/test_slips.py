"""Small slips are made from the right lines, and told in words that say what was changed."""

import numpy as np
import pytest

from bnteach import check
from bnteach.check.recipe import Recipe
from bnteach.check.slips import slips_of


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("a * b - c", "a * b", "c is forgotten"),
        ("a * b - c", "a * b + c", "c is added, not subtracted"),
        ("a / b", "b / a", "a and b have changed sides"),
        ("-a", "a", "the minus before a is forgotten"),
        ("np.sqrt(a)", "a", "sqrt is forgotten"),
        ("a.mean(axis=0)", "a.sum(axis=0)", "sum stands where mean belongs"),
        ("a.mean(axis=0)", "a.mean()", "a.mean(axis=0) lacks its axis"),
        ("a.mean(axis=0)", "a.mean(axis=1, keepdims=True)", "a.mean(axis=0) runs along axis 1"),
        ("a[:, None]", "a", "a[:, None] stands without its [:, None]"),
        ("(a - b) * c", "a - b * c", "the brackets around a - b are missing"),
        ("a + b", "a ** 2 + b", "a is squared"),
        ("a + b", "a + c", "c stands where b belongs"),
        ("a + b", "a - 1 + b", "1 is subtracted from a"),
        ("a > b and b > c", "a > b or b > c", "`or` stands where `and` belongs"),
    ],
)
def test_each_kind(right, wrong, words):
    slips = {slip.lines["y"]: slip for slip in slips_of(Recipe({"y": right}, ("a", "b", "c"), ("y",)))}
    assert slips[wrong].title == f"in `y` {words}"
    assert slips[wrong].key == "slip_in_y"


def with_beta_subtracted(root):
    """An answer for BN of channels that subtracts β; `root` makes the standard deviation."""

    def answer(x, gamma, beta, eps, channel_axis):
        last = np.moveaxis(x, channel_axis, -1)
        x_hat = (last - last.mean((0, 1, 2))) / root(last.var((0, 1, 2)), eps)
        return np.moveaxis(gamma * x_hat - beta, -1, channel_axis)

    return answer


def test_a_slip_is_named_with_what_to_write():
    verdict = check.batch_norm_channels(with_beta_subtracted(lambda var, eps: np.sqrt(var + eps)))
    assert verdict.mistake == "slip_in_y"
    assert "It looks like this: in `y` beta.reshape(shape) is subtracted, not added." in verdict.why
    assert verdict.hint(3) == check.batch_norm_channels.hints[2]  # `shape` is no name of the learner's


def test_a_slip_beside_a_mistake():
    verdict = check.batch_norm_channels(with_beta_subtracted(lambda var, eps: np.sqrt(var) + eps))
    assert set(verdict.mistakes) == {"eps_outside", "slip_in_y"}
