"""The forward pass in many styles: the moments, x_hat, y, the running averages, evaluation."""

import math
import statistics

import numpy as np
import torch

import bnteach


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
    centered = x - mean
    return mean, np.einsum("nc,nc->c", centered, centered) / len(x)


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
    "columns": lambda x, mean, var, eps: np.stack(
        [(c - m) / np.sqrt(v + eps) for c, m, v in zip(x.T, mean, var, strict=True)], axis=1
    ),
    "transposed": lambda x, mean, var, eps: np.asfortranarray(
        ((x.T - mean[:, None]) / np.sqrt(var + eps)[:, None]).T
    ),
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


STYLES = {
    "batch_statistics": {
        **MOMENTS,
        "lists": lambda x: [x.mean(axis=0).tolist(), x.var(axis=0).tolist()],
        "tensors": lambda x: (torch.from_numpy(x).mean(0), torch.from_numpy(x).var(0, unbiased=False)),
        "keepdims": lambda x: (x.mean(0, keepdims=True)[0], ((x - x.mean(0, keepdims=True)) ** 2).mean(0)),
    },
    "standardize": dict(standardized()),
    "identity_parameters": {
        name: lambda x, eps, m=moments: (np.sqrt(m(x)[1] + eps), m(x)[0]) for name, moments in MOMENTS.items()
    },
    "batch_norm_forward": dict(forwards()),
    "update_running_statistics": dict(updates()),
    "batch_norm_inference": dict(inferences()),
}
