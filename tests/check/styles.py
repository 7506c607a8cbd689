"""Right answers as people write them, in many styles: none of them may be called wrong.

STYLES: name of a check -> {style: answer}.
"""

import math
import statistics

import numpy as np
import torch

import bnteach
from bnteach import check


def loops(x):
    rows, columns = x.shape
    mean, var = np.zeros(columns), np.zeros(columns)
    for c in range(columns):
        for i in range(rows):
            mean[c] += x[i, c] / rows
        for i in range(rows):
            var[c] += (x[i, c] - mean[c]) ** 2 / rows
    return mean, var


def welford(x):
    mean, s = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for count, row in enumerate(x, start=1):
        delta = row - mean
        mean = mean + delta / count
        s = s + delta * (row - mean)
    return mean, s / len(x)


def in_place_on_a_copy(x):
    work = x.copy()
    mean = work.mean(axis=0)
    work -= mean
    work **= 2
    return mean, work.sum(axis=0) / len(work)


def einsum(x):
    mean = np.einsum("nc->c", x) / len(x)
    centred = x - mean
    return mean, np.einsum("nc,nc->c", centred, centred) / len(x)


def in_torch(x):
    x = torch.from_numpy(np.ascontiguousarray(x))
    return x.mean(0).numpy(), x.var(0, correction=0).numpy()


# Ways to the mean and variance of each column.
MOMENTS = {
    "methods": lambda x: (x.mean(axis=0), x.var(axis=0)),
    "functions": lambda x: (np.mean(x, 0), np.var(x, 0)),
    "sums": lambda x: (x.sum(0) / x.shape[0], np.sum((x - x.sum(0) / len(x)) ** 2, axis=0) / x.shape[0]),
    "std squared": lambda x: (np.average(x, axis=0), x.std(axis=0) ** 2),
    "transposed": lambda x: (x.T.mean(axis=1), x.T.var(axis=1)),
    "Fortran order": lambda x: (np.asfortranarray(x).mean(0), np.asfortranarray(x).var(0)),
    "list comprehension": lambda x: (np.array([c.mean() for c in x.T]), np.array([c.var() for c in x.T])),
    "statistics module": lambda x: (
        np.array([statistics.fmean(c) for c in x.T.tolist()]),
        np.array([statistics.pvariance(c) for c in x.T.tolist()]),
    ),
    "n − 1 corrected": lambda x: (x.mean(0), x.var(0, ddof=1) * (len(x) - 1) / len(x)),
    "covariance": lambda x: (x.mean(0), np.diag(np.cov(x.T, bias=True))),
    "matrix product": lambda x: (
        np.ones(len(x)) @ x / len(x),
        np.ones(len(x)) @ (x - x.mean(0)) ** 2 / len(x),
    ),
    "float32": lambda x: (x.astype(np.float32).mean(0), x.astype(np.float32).var(0)),
    "loops": loops,
    "Welford": welford,
    "in place on a copy": in_place_on_a_copy,
    "einsum": einsum,
    "torch": in_torch,
}

# Ways to x_hat, given x, mean, var and eps.
NORMALIZED = {
    "divided": lambda x, mean, var, eps: (x - mean) / np.sqrt(var + eps),
    "power": lambda x, mean, var, eps: (x - mean) * (var + eps) ** -0.5,
    "inverse first": lambda x, mean, var, eps: (1 / np.sqrt(eps + var)) * (x - mean[None, :]),
    "unfolded": lambda x, mean, var, eps: x / np.sqrt(var + eps) - mean / np.sqrt(var + eps),
    "keepdims": lambda x, mean, var, eps: (x - mean.reshape(1, -1)) / np.sqrt(var.reshape(1, -1) + eps),
    "row by row": lambda x, mean, var, eps: np.stack([(row - mean) / np.sqrt(var + eps) for row in x]),
    "math module": lambda x, mean, var, eps: np.array(
        [[(v - m) / math.sqrt(s + eps) for v, m, s in zip(row, mean, var, strict=True)] for row in x]
    ),
    "nested lists": lambda x, mean, var, eps: ((x - mean) / np.sqrt(var + eps)).tolist(),
    "tensor returned": lambda x, mean, var, eps: torch.as_tensor((x - mean) / np.sqrt(var + eps)),
    "hypot": lambda x, mean, var, eps: (x - mean) / np.hypot(np.sqrt(var), np.sqrt(eps)),
}


class Scaler:
    """As in scikit-learn: fit, then transform; called like a function."""

    def fit(self, x, eps):
        self.mean_, self.scale_ = x.mean(axis=0), np.sqrt(x.var(axis=0) + eps)
        return self

    def transform(self, x):
        return (x - self.mean_) / self.scale_

    def __call__(self, x, eps):
        return self.fit(x, eps).transform(x)


def standardized():
    """Each way to the moments with each way to x_hat, in turn."""
    ways = list(NORMALIZED.items())
    for number, (name, moments) in enumerate(MOMENTS.items()):
        for style, normalize in (ways[number % len(ways)], ways[(number + 3) % len(ways)]):
            yield f"{name}, {style}", lambda x, eps, m=moments, f=normalize: f(x, *m(x), eps)
    yield "like a scaler", Scaler()
    yield (
        "torch's own",
        lambda x, eps: torch.nn.functional.batch_norm(
            torch.from_numpy(x), None, None, training=True, eps=eps
        ),
    )
    yield "bnteach", lambda x, eps: bnteach.batch_norm_forward(x, None, None, eps=eps)[0]


def forwards():
    for name, x_hat in standardized():
        yield name, lambda x, gamma, beta, eps, f=x_hat: gamma * np.asarray(f(x, eps)) + beta
    yield "folded", folded
    yield (
        "torch's own, scaled",
        lambda x, gamma, beta, eps: torch.nn.functional.batch_norm(
            *map(torch.from_numpy, (x,)),
            None,
            None,
            *map(torch.from_numpy, (gamma, beta)),
            training=True,
            eps=eps,
        ),
    )


def folded(x, gamma, beta, eps):
    scale = gamma / np.sqrt(x.var(axis=0) + eps)
    return (
        x * scale + (beta - x.mean(axis=0) * scale)
        if x.dtype == np.float64
        else (x - x.mean(0)) * scale + beta
    )


def pieces(x, eps, moments=MOMENTS["methods"]):
    mean, var = moments(x)
    inv_std = 1 / np.sqrt(var + eps)
    return (x - mean) * inv_std, inv_std


def compact(dy, x, gamma, eps, moments=MOMENTS["methods"]):
    x_hat, inv_std = pieces(x, eps, moments)
    dx_hat = dy * gamma
    dx = (dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0)) * inv_std
    return dx, (dy * x_hat).sum(0), dy.sum(0)


def with_sums(dy, x, gamma, eps):
    x_hat, inv_std = pieces(x, eps)
    m, dgamma, dbeta = len(x), (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    return gamma * inv_std / m * (m * dy - dbeta - x_hat * dgamma), dgamma, dbeta


def staged(dy, x, gamma, eps):
    m, mean = len(x), x.mean(0)
    xmu = x - mean
    sqrt_var = np.sqrt((xmu**2).mean(0) + eps)
    inv_var = 1.0 / sqrt_var
    dbeta, dgamma, dx_hat = np.sum(dy, 0), np.sum(dy * xmu * inv_var, 0), dy * gamma
    d_inv_var = np.sum(dx_hat * xmu, axis=0)
    d_var = 0.5 / sqrt_var * (-1 / sqrt_var**2) * d_inv_var
    d_xmu = dx_hat * inv_var + 2 * xmu * np.ones_like(dy) / m * d_var
    d_mean = -np.sum(d_xmu, axis=0)
    return d_xmu + np.ones_like(dy) * d_mean / m, dgamma, dbeta


def as_in_the_paper(dy, x, gamma, eps):
    m, mean, var = x.shape[0], x.mean(axis=0), x.var(axis=0)
    d_hat = dy * gamma
    d_var = np.sum(d_hat * (x - mean) * -0.5 * (var + eps) ** (-1.5), axis=0)
    d_mean = np.sum(-d_hat / np.sqrt(var + eps), axis=0) + d_var * np.mean(-2 * (x - mean), axis=0)
    dx = d_hat / np.sqrt(var + eps) + d_var * 2 * (x - mean) / m + d_mean / m
    return dx, np.sum(dy * (x - mean) / np.sqrt(var + eps), axis=0), np.sum(dy, axis=0)


def by_projection(dy, x, gamma, eps):
    """Channel by channel with the Jacobian, a matrix (N, N)."""
    x_hat, inv_std = pieces(x, eps)
    n, dx = len(x), np.empty_like(dy)
    for c in range(x.shape[1]):
        h = x_hat[:, c]
        jacobian = inv_std[c] * (np.eye(n) - np.ones((n, n)) / n - np.outer(h, h) / n)
        dx[:, c] = jacobian @ (gamma[c] * dy[:, c])
    return dx, np.einsum("nc,nc->c", dy, x_hat), np.einsum("nc->c", dy)


def by_autograd(dy, x, gamma, eps, dtype=torch.float64):
    x, gamma = (torch.tensor(value, dtype=dtype, requires_grad=True) for value in (x, gamma))
    beta = torch.zeros_like(gamma, requires_grad=True)
    y = gamma * (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + eps) + beta
    y.backward(torch.tensor(dy, dtype=dtype))
    return x.grad, gamma.grad, beta.grad


def by_layer(dy, x, gamma, eps):
    layer = torch.nn.BatchNorm1d(x.shape[1], eps=eps, dtype=torch.float64)
    layer.weight.data = torch.tensor(gamma)
    x = torch.tensor(x, requires_grad=True)
    layer(x).backward(torch.tensor(dy))
    return x.grad, layer.weight.grad, layer.bias.grad


def by_the_package(dy, x, gamma, eps):
    _, cache = bnteach.batch_norm_forward(x, gamma, 0 * gamma, eps=eps)
    return bnteach.batch_norm_backward(dy, cache)


def in_float32(dy, x, gamma, eps):
    return compact(*(value.astype(np.float32) for value in (dy, x, gamma)), np.float32(eps))


def in_place(dy, x, gamma, eps):
    x_hat, inv_std = pieces(x, eps)
    dgamma, dbeta, dx = (dy * x_hat).sum(0), dy.sum(0), dy.copy()
    dx -= dbeta / len(x)
    dx -= x_hat * (dgamma / len(x))
    dx *= gamma * inv_std
    return dx, dgamma, dbeta


def by_entries(dy, x, gamma, eps):
    x_hat, inv_std = pieces(x, eps)
    n, channels = x.shape
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros(channels), np.zeros(channels)
    for c in range(channels):
        for i in range(n):
            dgamma[c] += dy[i, c] * x_hat[i, c]
            dbeta[c] += dy[i, c]
        for i in range(n):
            dx[i, c] = gamma[c] * inv_std[c] * (dy[i, c] - dbeta[c] / n - x_hat[i, c] * dgamma[c] / n)
    return [dx, dgamma, dbeta]


def backwards():
    for name, moments in MOMENTS.items():
        yield f"compact, {name}", lambda dy, x, gamma, eps, m=moments: compact(dy, x, gamma, eps, m)
    for answer in (
        with_sums,
        staged,
        as_in_the_paper,
        by_projection,
        by_autograd,
        by_layer,
        by_the_package,
        in_float32,
        in_place,
        by_entries,
    ):
        yield answer.__name__, answer
    yield "autograd in float32", lambda *values: by_autograd(*values, dtype=torch.float32)
    yield "Fortran order", lambda *values: tuple(map(np.asfortranarray, with_sums(*values)))


def updates():
    for number, (name, moments) in enumerate(MOMENTS.items()):

        def weighted(x, mean, var, momentum, moments=moments):
            new_mean, new_var = moments(x)
            unbiased = new_var * len(x) / (len(x) - 1)
            return (1 - momentum) * mean + momentum * new_mean, (1 - momentum) * var + momentum * unbiased

        def moved(x, mean, var, momentum, moments=moments):
            new_mean, new_var = moments(x)
            return mean + momentum * (new_mean - mean), var - momentum * (var - new_var / (1 - 1 / len(x)))

        yield name, moved if number % 2 else weighted
    yield "torch's own", updated_by_torch


def updated_by_torch(x, mean, var, momentum):
    mean, var = torch.tensor(mean), torch.tensor(var)
    torch.nn.functional.batch_norm(torch.from_numpy(x), mean, var, training=True, momentum=momentum)
    return mean, var


def inferences():
    for name, normalize in NORMALIZED.items():
        yield (
            name,
            lambda x, gamma, beta, mean, var, eps, f=normalize: (
                gamma * np.asarray(f(x, mean, var, eps)) + beta
            ),
        )
    yield (
        "folded",
        lambda x, gamma, beta, mean, var, eps: (
            x * (gamma / np.sqrt(var + eps)) + (beta - mean * gamma / np.sqrt(var + eps))
        ),
    )
    yield (
        "matrix",
        lambda x, gamma, beta, mean, var, eps: (x - mean) @ np.diag(gamma / np.sqrt(var + eps)) + beta,
    )
    yield (
        "columns",
        lambda x, *others: np.stack(
            [
                g * (c - m) / math.sqrt(v + others[4]) + b
                for c, g, b, m, v in zip(x.T, *others[:4], strict=True)
            ],
            axis=1,
        ),
    )
    yield (
        "torch's own",
        lambda x, gamma, beta, mean, var, eps: torch.nn.functional.batch_norm(
            *map(torch.from_numpy, (x, mean, var, gamma, beta)), training=False, eps=eps
        ),
    )
    yield (
        "bnteach",
        lambda x, gamma, beta, mean, var, eps: bnteach.batch_norm_inference(
            x, gamma, beta, mean, var, eps=eps
        ),
    )
    yield "float32", lambda *values: inference(*(np.asarray(value, np.float32) for value in values))


def inference(x, gamma, beta, mean, var, eps):
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


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


STYLES = {
    "batch_statistics": MOMENTS,
    "standardize": dict(standardized()),
    "batch_norm_forward": dict(forwards()),
    "batch_norm_backward": dict(backwards()),
    "update_running_statistics": dict(updates()),
    "batch_norm_inference": dict(inferences()),
    "BatchNorm": dict(layers()),
    "identity_parameters": {
        name: lambda x, eps, m=moments: (np.sqrt(m(x)[1] + eps), m(x)[0]) for name, moments in MOMENTS.items()
    },
}


def false_alarms(seeds):
    """(check, style, seed, verdict) of each right answer that is not passed; and the number of runs."""
    found, runs = [], 0
    for name, answers in STYLES.items():
        for style, answer in answers.items():
            for seed in seeds:
                verdict = check.CHECKS[name].judge(answer, seed)
                runs += 1
                if verdict.state != "passed":
                    found.append((name, style, seed, str(verdict)))
    return found, runs
