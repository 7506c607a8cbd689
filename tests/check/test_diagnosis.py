"""Nothing is named, and nothing is said, that is not sure on every probe."""

import dataclasses

import numpy as np

from bnteach import check


def eps_outside(x, eps):
    return (x - x.mean(axis=0)) / (x.std(axis=0) + eps)


def test_of_two_mistakes_that_look_the_same_none_is_named(monkeypatch):
    known = check.standardize.known["eps_outside"]
    twin = dataclasses.replace(known, key="twin", title="a twin of it")
    monkeypatch.setitem(check.standardize.known, "twin", twin)
    assert check.standardize(eps_outside).mistakes == ()


def test_what_is_true_on_one_probe_alone_is_not_said():
    def answer(x, eps):
        return x + 0.0 if len(x) == 3 else np.tanh(x - x.mean(0))

    verdict = check.standardize(answer)
    assert verdict.mistakes == ()
    assert "equals x" not in verdict.why


def backward_with(dx_of):
    """dγ and dβ as means, and a dx of one's own."""

    def answer(dy, x, gamma, eps):
        inv_std = 1 / np.sqrt(x.var(axis=0) + eps)
        x_hat = (x - x.mean(axis=0)) * inv_std
        dgamma, dbeta = (dy * x_hat).mean(axis=0), dy.mean(axis=0)
        return dx_of(dy, x_hat, inv_std * gamma, dgamma, dbeta), dgamma, dbeta

    return answer


def test_a_part_is_named_and_the_rest_is_told():
    verdict = check.batch_norm_backward(
        backward_with(
            lambda dy, x_hat, factor, dgamma, dbeta: factor * (dy - (dbeta + x_hat * dgamma) / len(dy))
        )
    )
    assert verdict.mistakes == ("dgamma_mean",)
    assert verdict.why.startswith("dx, dgamma and dbeta are off.\nIn dgamma:")
    assert "dx and dbeta are off too, and not by this alone; mend dgamma first." in verdict.details


def test_swapped_values_are_not_named_as_two_mistakes_beside_another_one():
    def answer(dy, x, gamma, eps):
        dx, dgamma, dbeta = backward_with(lambda dy, x_hat, factor, *means: np.tanh(dy * factor))(
            dy, x, gamma, eps
        )
        return dx, len(dy) * dbeta, len(dy) * dgamma

    assert check.batch_norm_backward(answer).mistakes == ()


def test_a_factor_that_is_a_number_of_the_exercise_is_recognized():
    right = check.merge_statistics.answer_from(check.merge_statistics.recipe)

    def answer(count_a, mean_a, var_a, count_b, mean_b, var_b):
        count, mean, var = right(count_a, mean_a, var_a, count_b, mean_b, var_b)
        return count, mean / count, var

    assert "mean: every value is 1/count times the right one." in check.merge_statistics(answer).why


def test_many_right_ones_are_not_listed():
    right = check.staged_backward.answer_from(check.staged_backward.recipe)
    verdict = check.staged_backward(
        lambda *inputs: tuple(value + 0.1 * (number == 5) for number, value in enumerate(right(*inputs)))
    )
    assert verdict.why.startswith("dx is off; all else is right.")
