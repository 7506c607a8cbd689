"""What a class can get wrong beside its formulas is told in words."""

import numpy as np
import pytest
import torch

from bnteach import check

FAULTS = check.diagnose.answer_from(check.diagnose.recipe)()


def right_class():
    return check.BatchNorm.answer_from(check.BatchNorm.recipe)


class ByHand:
    """ε is outside the root, in both modes: one line serves both."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x, training):
        self.training, mean, var = training, self.running_mean, self.running_var
        if training:
            mean, var, unbiased = x.mean(0), x.var(0), x.var(0, ddof=1)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * unbiased
        self.std = np.sqrt(var) + self.eps
        self.x_hat = (x - mean) / self.std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dy):
        d, h = dy * self.gamma, self.x_hat
        dx = d - d.mean(0) - h * (d * h).mean(0) if self.training else d
        return dx / self.std, (dy * h).sum(0), dy.sum(0)


class NoneAtFirst(ByHand):
    start = None

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.running_mean = self.start


class NumberAtFirst(NoneAtFirst):
    start = 0.0


class Module(torch.nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.running_mean, self.running_var = torch.zeros(num_features), torch.ones(num_features)
        self.gamma = torch.nn.Parameter(torch.ones(num_features))
        self.beta = torch.nn.Parameter(torch.zeros(num_features))


class Renamed(ByHand):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.weight, self.bias = self.gamma, self.beta
        del self.gamma, self.beta


class KerasDefaults(right_class()):
    def __init__(self, num_features, eps=1e-3, momentum=0.01):
        super().__init__(num_features, eps, momentum)


class OtherDefaults(right_class()):
    def __init__(self, num_features, **options):
        super().__init__(num_features, **{"momentum": 0.9, **options})


class WithoutTraining(ByHand):
    def forward(self, x):
        return x


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ByHand, "It looks like this: ε is outside the root"),
        (NoneAtFirst, "running_mean begins as None. Each channel has one of its own"),
        (NumberAtFirst, "running_mean begins as 0.0. Each channel has one of its own"),
        (Renamed, "Your class has no attribute gamma, beta. The check reads gamma, beta, running_mean"),
        (KerasDefaults, "eps is 0.001 when it is left out, expected 1e-05."),
        (OtherDefaults, "running_mean_after_1, running_var_after_1, running_mean_after_2"),
        (WithoutTraining, "The check calls forward(x, training=True); yours is forward(x)."),
        (Module, "sets gamma to a NumPy array, and your class takes none. Is it an nn.Parameter?"),
    ],
)
def test_a_class_is_told_what_is_wrong(answer, words):
    assert words in check.BatchNorm.judge(answer).why


def test_a_wrong_diagnosis_is_told_what_can_be_seen():
    named = {**FAULTS, "A": FAULTS["D"], "D": FAULTS["A"]}
    why = check.diagnose(lambda: named).why
    assert "Look again at A, D.\nA: all 110 batches are counted" in why
    assert "\nD: no batch is counted" in why
    assert not any(name in why for name in FAULTS.values())


def test_a_momentum_of_none_is_told_as_none():
    def recalibrate(network, batches):
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm1d):
                layer.reset_running_stats()
                layer.momentum = None
        network.train()
        for batch in batches:
            network(batch)
        network.eval()

    verdict = check.recalibrate(recalibrate)
    assert verdict.mistakes == ("momentum_not_given_back",)
    assert "layers with momentum None = 2" in str(verdict)
    assert "nan" not in str(verdict)
