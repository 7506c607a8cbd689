"""Of wrong answers that match no mistake nothing is named, and what is said is true."""

import time

import numpy as np
import pytest

from bnteach import check

# The checks that compare what a function returns, value by value.
FUNCTIONS = [name for name, one in check.CHECKS.items() if not one.answer and not one.trial]


def noise(value, scale):
    """The same numbers for the same shape, so that the answer is a function of its input."""
    return scale * np.random.default_rng(value.size).normal(size=value.shape)


SPOILED = {
    "times 1.37": lambda value: 1.37 * value,
    "a little noise": lambda value: value + noise(value, 0.003),
    "tanh": lambda value: np.tanh(0.7 * value),
    "one value": lambda value: np.where(
        np.arange(value.size).reshape(value.shape) == value.size // 2, 7.77, value
    ),
    "huge": lambda value: 1e300 * value,
    "a constant": lambda value: np.full(value.shape, 0.123),
}
IN_THE_LAST_ALONE = ("a little noise", "one value", "huge")  # the others spoil all that is returned


def with_spoiled(one, which, spoil):
    """The right answer, with some of what it returns spoiled."""
    right = one.answer_from(one.recipe)

    def answer(*inputs):
        values = right(*inputs)
        many = list(values) if len(one.recipe.returns) > 1 else [values]
        for index in which:
            many[index] = spoil(np.asarray(many[index], dtype=float))
        return tuple(many) if len(many) > 1 else many[0]

    return answer


@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_named(name, spoil):
    one = check.CHECKS[name]
    quantities = range(len(one.recipe.returns))
    which = quantities[-1:] if spoil in IN_THE_LAST_ALONE else quantities
    begin = time.process_time()
    verdict = one.judge(with_spoiled(one, which, SPOILED[spoil]), seed=len(spoil))
    assert time.process_time() - begin < 2
    assert verdict.state == "not yet"
    assert verdict.mistakes == (), verdict
    assert f"{one.recipe.returns[which[0]]}" in verdict.why
    assert max(map(len, str(verdict).splitlines())) < 130


def pieces(x, eps):
    inv_std = 1 / np.sqrt(x.var(0) + eps)
    return (x - x.mean(0)) * inv_std, inv_std


def backward(change):
    """The right backward pass, with dx changed by `change(dx, x_hat, inv_std, gamma, dx_hat)`."""

    def answer(dy, x, gamma, eps):
        x_hat, inv_std = pieces(x, eps)
        d = dy * gamma
        dx = inv_std * (d - d.mean(0) - x_hat * (d * x_hat).mean(0))
        return change(dx, x_hat, inv_std, gamma, d), (dy * x_hat).sum(0), dy.sum(0)

    return answer


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda dx, h, s, g, d: 3 * dx, "dx: every value is 3 times the right one."),
        (lambda dx, h, s, g, d: len(dx) * dx, "dx: every value is n times the right one, where n counts"),
        (lambda dx, h, s, g, d: dx / np.sqrt(len(dx)), "dx: every value is 1/√n times the right one"),
        (
            lambda dx, h, s, g, d: dx * dx.max(),
            "dx: it is a multiple of the right one, but the factor changes",
        ),
        (
            lambda dx, h, s, g, d: dx * g**2 * 0 + dx * (1 + g),
            "dx: in each channel all values are the same multiple",
        ),
        (lambda dx, h, s, g, d: 0 * dx, "dx: every value is 0."),
        (lambda dx, h, s, g, d: 0 * dx + 7, "dx: all its values are the same number."),
        (lambda dx, h, s, g, d: dx.T, "dx: it has shape (2, 3), expected (3, 2)"),
        (lambda dx, h, s, g, d: dx.T, "It is the transpose of the right array."),
        (lambda dx, h, s, g, d: dx[None], "The numbers are right: only the shape is not."),
        (lambda dx, h, s, g, d: dx + 0.5, "dx: in each channel all values are off by the same amount."),
        (lambda dx, h, s, g, d: dx + 0.3 * g, "dx: in each channel all values are off by the same amount."),
        (lambda dx, h, s, g, d: dx + 0.3 * h**2, "Look at both paths"),
        (lambda dx, h, s, g, d: dx + 0.3 * h * (d * h).mean(0), "Look at the path through the variance."),
        (lambda dx, h, s, g, d: dx + perpendicular(h), "Both paths seem to be there. Look at the factors."),
        (
            lambda dx, h, s, g, d: np.where(dx == dx[0, 0], np.inf, dx),
            "dx: 1 of its 6 values is NaN or infinite.",
        ),
    ],
)
def test_the_facts_about_a_wrong_dx(change, words):
    verdict = check.batch_norm_backward.judge(backward(change))
    assert verdict.mistakes == (), verdict
    assert words in verdict.why
    assert verdict.why.startswith("dx is off; dgamma and dbeta are right.")


def test_a_right_array_of_another_shape_is_told_as_that():
    """With N = C a column for a row would be taken for a vector spread along the other axis."""
    verdict = check.batch_norm_backward(lambda *inputs: spread(*backward(lambda dx, *others: dx)(*inputs)))
    assert verdict.mistakes == ()
    assert verdict.why.count("The numbers are right: only the shape is not.") == 2


def spread(dx, dgamma, dbeta):
    return dx, dgamma[None], dbeta[None]


@pytest.mark.parametrize("name", ["standardize", "batch_norm_backward", "group_norm"])
def test_a_minus_before_the_answer_is_named_there(name):
    one = check.CHECKS[name]
    right = one.answer_from(one.recipe)
    first, several = one.recipe.returns[0], len(one.recipe.returns) > 1
    answer = (lambda *inputs: (-right(*inputs)[0], *right(*inputs)[1:])) if several else lambda *i: -right(*i)
    assert f"`{first}` has the wrong sign" in one(answer).why


def test_a_name_that_the_learner_does_not_use_is_explained():
    def answer(dy, x, gamma, eps):
        x_hat, inv_std = pieces(x, eps)
        d = dy * gamma
        return inv_std * (d - d.mean(0) - x_hat * (d * x_hat).sum(0)), (dy * x_hat).sum(0), dy.sum(0)

    words = "in `x_hat * (dx_hat * x_hat).mean(axis=0)` sum stands where mean belongs."
    assert words in check.batch_norm_backward(answer).why


def perpendicular(x_hat):
    """Noise without a part along 1 or along x_hat."""
    apart = noise(x_hat, 1)
    apart = apart - apart.mean(0)
    return apart - x_hat * (apart * x_hat).sum(0) / (x_hat**2).sum(0)


def test_right_on_some_inputs_alone():
    def answer(x, eps):
        return pieces(x, eps)[0] if len(x) != 9 else x

    words = check.standardize(answer).why
    assert "x_hat: it equals x. It is wrong with x of shape (9, 3), eps = 0.00001" in words
    assert "right with the other inputs" in words


def test_returns_in_another_order_are_named():
    verdict = check.batch_norm_backward.judge(lambda *inputs: backward(lambda dx, *others: dx)(*inputs)[::-1])
    assert verdict.mistakes == ("returns_swapped",)
    assert "their order is dbeta, dgamma, dx." in verdict.why


def test_arguments_in_another_order_are_named():
    verdict = check.standardize(lambda eps, x: pieces(x, eps)[0])
    assert verdict.mistakes == ("arguments_swapped",)
    assert "your function takes eps, x, in this order. The check calls it with x, eps" in verdict.why


@pytest.mark.parametrize("typed", [1e-8, 1e-3])
def test_a_number_typed_in_the_place_of_eps_is_named(typed):
    verdict = check.standardize(lambda x, eps: (x - x.mean(0)) / np.sqrt(x.var(0) + typed))
    assert verdict.mistakes == ("eps_without_effect",)
