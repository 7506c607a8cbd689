"""The layer as a class, in many styles."""

import numpy as np
import torch

import bnteach
from styles_forward import MOMENTS


def layer_with(moments, in_place):
    """A class whose statistics come from one of the ways above."""

    class BatchNorm:
        def __init__(self, num_features, eps=1e-5, momentum=0.1):
            self.eps, self.momentum = eps, momentum
            self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
            self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

        def forward(self, x, training=True):
            mean, var = moments(x) if training else (self.running_mean, self.running_var)
            if training:
                self.update(mean, var * len(x) / (len(x) - 1))
            self.training, self.std = training, np.sqrt(var + self.eps)
            self.x_hat = (x - mean) / self.std
            return self.gamma * self.x_hat + self.beta

        def update(self, mean, var):
            if in_place:
                self.running_mean += self.momentum * (mean - self.running_mean)
                self.running_var += self.momentum * (var - self.running_var)
            else:
                self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
                self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var

        def backward(self, dy):
            d, h = dy * self.gamma, self.x_hat
            dx = d - d.mean(0) - h * (d * h).mean(0) if self.training else d
            return dx / self.std, (dy * h).sum(0), dy.sum(0)

    return BatchNorm


class ByTorch:
    """PyTorch's own layer behind the names of the exercise."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.layer = torch.nn.BatchNorm1d(num_features, eps=eps, momentum=momentum, dtype=torch.float64)
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)

    def forward(self, x, training=True):
        self.layer.train(training)
        self.layer.zero_grad()
        self.layer.weight.data, self.layer.bias.data = torch.tensor(self.gamma), torch.tensor(self.beta)
        self.x = torch.tensor(x, requires_grad=True)
        self.y = self.layer(self.x)
        return self.y

    def backward(self, dy):
        self.y.backward(torch.tensor(dy))
        return self.x.grad, self.layer.weight.grad, self.layer.bias.grad

    running_mean = property(lambda self: self.layer.running_mean)
    running_var = property(lambda self: self.layer.running_var)


def layers():
    for number, (name, moments) in enumerate(MOMENTS.items()):
        yield name, layer_with(moments, in_place=number % 2)
    yield "torch's own", ByTorch
    yield "bnteach", bnteach.BatchNorm
    yield "bnteach in float64", type("Double", (bnteach.BatchNorm,), {"__init__": in_float64})


def in_float64(self, *args, **kwargs):
    bnteach.BatchNorm.__init__(self, *args, dtype=np.float64, **kwargs)


STYLES = {"BatchNorm": dict(layers())}
