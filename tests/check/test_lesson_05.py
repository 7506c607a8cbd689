"""What a class can get wrong beside the formulas, and what the two modes share, is told in words."""

import numpy as np
import pytest
import torch

from bnteach import check


class Right:
    """A right class in which one thing can be changed."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum, self.gamma, self.beta = eps, momentum, np.ones(1), np.zeros(1)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def below(self, var):
        return np.sqrt(var + self.eps)

    def forward(self, x, training):
        self.training, mean, var = training, self.running_mean, self.running_var
        if training:
            mean, var, unbiased = x.mean(0), x.var(0), x.var(0, ddof=1)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * unbiased
        self.std = self.below(var)
        self.x_hat = (x - mean) / self.std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dy):
        d, h = dy * self.gamma, self.x_hat
        dx = d - d.mean(0) - h * (d * h).mean(0) if self.training else d
        return dx / self.std, (dy * h).sum(0), dy.sum(0)


class NumbersAtFirst(Right):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.running_mean, self.running_var = 0.0, 1.0


class NoneAtFirst(Right):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.running_mean = None


class Module(torch.nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.running_mean, self.running_var = torch.zeros(num_features), torch.ones(num_features)
        self.gamma = torch.nn.Parameter(torch.ones(num_features))

    def forward(self, x, training):
        return x


class EpsOutside(Right):
    def below(self, var):
        return np.sqrt(var) + self.eps


class EpsOutsideInEvaluation(Right):
    def below(self, var):
        return np.sqrt(var + self.eps) if self.training else np.sqrt(var) + self.eps


@pytest.mark.parametrize(
    ("answer", "key", "words"),
    [
        (NumbersAtFirst, "starts_as_numbers", "begin as numbers, not as arrays"),
        (NoneAtFirst, "", "begin with self.running_mean = np.zeros(num_features)"),
        (Module, "", "sets gamma to a NumPy array, and your class does not take one. Is it an nn.Parameter"),
        (EpsOutside, "eps_outside", "ε is outside the root"),
        (EpsOutsideInEvaluation, "eps_outside_in_evaluation", "in evaluation: ε is outside the root"),
    ],
)
def test_a_class_is_told_what_is_wrong(answer, key, words):
    verdict = check.BatchNorm.judge(answer)
    assert (verdict.mistake or "") == key
    assert words in verdict.why


def test_the_class_without_a_mistake_passes():
    assert check.BatchNorm.judge(Right).state == "passed"


@pytest.mark.parametrize("ddof", [0, 1])
def test_a_running_standard_deviation_is_named_with_either_divisor(ddof):
    def answer(x, mean, var, momentum):
        new = x.mean(axis=0), x.std(axis=0, ddof=ddof)
        return (1 - momentum) * mean + momentum * new[0], (1 - momentum) * var + momentum * new[1]

    verdict = check.update_running_statistics.judge(answer)
    assert verdict.mistakes == ("running_std" if ddof else "running_std_biased",)
