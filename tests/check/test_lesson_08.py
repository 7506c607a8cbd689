"""The mistakes that all norms share are named in lesson 08's norms too, written as a learner writes them."""

import numpy as np
import pytest

from bnteach import check

CHOICES = check.choose_norms.answer_from(check.choose_norms.recipe)()


def masked_batch_norm(x_hat):
    def answer(x, real, gamma, beta, eps):
        y = np.zeros_like(x)
        y[real] = gamma * x_hat(x[real].T, eps).T + beta
        return y

    return answer


def group_norm(x_hat):
    def answer(x, num_groups, gamma, beta, eps):
        normalized = x_hat(x.reshape(len(x), num_groups, -1), eps).reshape(x.shape)
        return gamma[:, None, None] * normalized + beta[:, None, None]

    return answer


def deviations(x):
    return x - x.mean(axis=-1, keepdims=True)


def var(x, **options):
    return x.var(axis=-1, keepdims=True, **options)


WRONG = {
    ("eps_outside",): lambda x, eps: deviations(x) / (np.sqrt(var(x)) + eps),
    ("eps_forgotten",): lambda x, eps: deviations(x) / np.sqrt(var(x)),
    ("eps_without_effect",): lambda x, eps: deviations(x) / np.sqrt(var(x) + 1e-3),
    ("n_minus_one",): lambda x, eps: deviations(x) / np.sqrt(var(x, ddof=1) + eps),
    ("eps_outside", "n_minus_one"): lambda x, eps: deviations(x) / (np.sqrt(var(x, ddof=1)) + eps),
    ("variance_for_std",): lambda x, eps: deviations(x) / (var(x) + eps),
    ("half_power_below",): lambda x, eps: deviations(x) / ((var(x) + eps) ** 1 / 2),
    ("slip_in_var",): lambda x, eps: deviations(x) / np.sqrt(np.sqrt(var(x)) + eps),
    ("slip_in_inv_std",): lambda x, eps: deviations(x) / (var(x) + eps) ** 2,
    ("slip_in_x_hat",): lambda x, eps: x / np.sqrt(var(x) + eps),
}


@pytest.mark.parametrize("keys", WRONG)
@pytest.mark.parametrize("norm", [masked_batch_norm, group_norm])
def test_a_shared_mistake_is_named(norm, keys):
    verdict = getattr(check, norm.__name__).judge(norm(WRONG[keys]))
    assert {*verdict.mistakes} == {*keys}


def test_the_choice_gives_reasons_and_no_letter_away():
    verdict = check.choose_norms.judge(lambda: {**CHOICES, "A": "GN", "F": "IN"})
    assert "4 of 6 are right. Look again at A, F." in verdict.why
    assert "A: the batch is large" in verdict.why
    assert not any(name in str(verdict) for name in CHOICES.values() if len(name) > 4)
