"""The check of a gradient check: it is judged by what it tries, and its words say what that is."""

import numpy as np
import pytest

from bnteach import check


def measured(forward, arrays, name, dy, h):
    """The gradient of Σ y·dy with respect to one of the arrays, by central differences."""
    result = np.zeros_like(arrays[name])
    for index in np.ndindex(result.shape):
        step = np.zeros_like(result)
        step[index] = h
        up, down = (forward(*{**arrays, name: arrays[name] + s}.values()) for s in (step, -step))
        result[index] = ((up - down) * dy).sum() / (2 * h)
    return result


class Compared:
    """A gradient check, called like a function; the batch and the step are chosen before."""

    def __init__(self, h, seed, shape, atol):
        rng = np.random.default_rng(seed)
        self.x, self.dy, self.h, self.atol = rng.normal(2, 3, shape), rng.normal(size=shape), h, atol
        self.gamma, self.beta = rng.uniform(0.5, 2, shape[1]), rng.normal(size=shape[1])

    def measured(self, forward, name):
        arrays = {"x": self.x, "gamma": self.gamma, "beta": self.beta}
        return measured(forward, arrays, name, self.dy, self.h)

    def __call__(self, forward, backward):
        found = zip(("x", "gamma", "beta"), backward(self.dy, self.x, self.gamma), strict=True)
        return all(
            np.allclose(gradient, self.measured(forward, name), rtol=1e-5, atol=self.atol)
            for name, gradient in found
        )


def own(dy=None, h=1e-5, n=6, atol=1e-6, seed=0):
    """A gradient check with one thing changed."""
    made = Compared(h, seed, (n, 3), atol)
    if dy is not None:
        made.dy = dy(made)
    return made


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [1, 2])
def test_fewer_than_three_samples_never_pass(n, seed):
    assert check.gradient_check(own(n=n, seed=seed)).mistakes == ("batch_of_two",)


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (own(dy=lambda made: np.full_like(made.x, 3.0)), "upstream_of_ones"),
        (own(dy=lambda made: made.x), "upstream_is_y"),
        (own(h=1e-12), "step_too_small"),
        (own(h=0.2), "step_too_large"),
        *((own(atol=atol), "tolerance_too_large") for atol in (0.05, 0.1, 0.3, 1.0)),
        (lambda forward, backward: True, "accepts_everything"),
        (lambda forward, backward: False, "refuses_everything"),
    ],
)
def test_what_it_tries_is_named(answer, mistake):
    assert check.gradient_check(answer).mistakes == (mistake,)


def test_a_step_is_named_only_where_a_right_backward_pass_is_refused():
    assert check.gradient_check(own(h=1e-2, atol=1e-3)).state == "passed"


def test_the_sum_of_dx_with_a_random_dy_is_not_taken_for_a_dy_of_ones():
    full = own()

    def answer(forward, backward):
        def summed(dy, x, gamma):
            dx, dgamma, dbeta = backward(dy, x, gamma)
            right = full.measured(forward, "x")
            return (right if abs(dx.sum(axis=0)).max() < 1e-6 else dx), dgamma, dbeta

        return full(forward, summed)

    assert check.gradient_check(answer).mistakes == ("sum_of_dx_compared",)


def test_what_is_accepted_is_told_in_words():
    full = own()

    def without_dbeta(forward, backward):
        return full(forward, lambda dy, x, gamma: (*backward(dy, x, gamma)[:2], dy.sum(axis=0)))

    verdict = check.gradient_check(without_dbeta)
    assert verdict.mistakes == ()
    assert verdict.why == "Your function accepts a wrong backward pass: dβ is a mean."


def test_it_may_try_several_batches():
    one, other = own(n=2), own(n=5)
    verdict = check.gradient_check(
        lambda forward, backward: one(forward, backward) and other(forward, backward)
    )
    assert verdict.state == "passed"


def test_a_right_one_refused_for_some_eps_is_told():
    def answer(forward, backward):
        std = forward(np.array([[1.0], [2.0], [6.0]]), np.ones(1), np.zeros(1)).std()
        return bool(std > 0.99999) and own()(forward, backward)

    verdict = check.gradient_check(answer)
    assert verdict.mistakes == ()
    assert "With some inputs, not with all: a right backward pass is refused." in verdict.why
