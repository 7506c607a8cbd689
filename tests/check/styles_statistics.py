"""Lessons 01 and 02: statistics in one pass, one scale for two sets, the bound, and rescaled weights."""

import copy
from functools import reduce
from itertools import chain

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

import bnteach
from styles_forward import MOMENTS


def by_merging(blocks):
    def merge(one, other):
        (n_a, mean_a, s_a), (n_b, mean_b, s_b) = one, other
        n, delta = n_a + n_b, mean_b - mean_a
        return n, mean_a + delta * n_b / n, s_a + s_b + delta**2 * n_a * n_b / n

    n, mean, s = reduce(merge, ((len(b), b.mean(axis=0), b.var(axis=0) * len(b)) for b in blocks))
    return mean, s / n


def by_welford_in_blocks(blocks):
    k, mean, s = 0, 0.0, 0.0
    for block in blocks:
        for row in block:
            k += 1
            d = row - mean
            mean = mean + d / k
            s = s + d * (row - mean)
    return mean, s / k


def shifted_by_the_first_row(blocks):
    first = next(blocks)
    n, total, squares = 0, 0.0, 0.0
    for block in chain([first], blocks):
        apart = block - first[0]
        n, total, squares = n + len(block), total + apart.sum(axis=0), squares + (apart**2).sum(axis=0)
    return first[0] + total / n, squares / n - (total / n) ** 2


def with_next(blocks):
    n, mean, s = 0, 0.0, 0.0
    while True:
        try:
            block = next(blocks)
        except StopIteration:
            return mean, s / n
        delta, both = block.mean(axis=0) - mean, n + len(block)
        s = s + len(block) * block.var(axis=0) + delta**2 * n * len(block) / both
        mean, n = (n * mean + block.sum(axis=0)) / both, both


def by_the_moments_of_blocks(blocks):
    moments = [(len(block), block.mean(axis=0), block.var(axis=0)) for block in blocks]
    share = np.array([n for n, _, _ in moments])[:, None] / sum(n for n, _, _ in moments)
    means, variances = np.array([m for _, m, _ in moments]), np.array([v for _, _, v in moments])
    mean = (share * means).sum(axis=0)
    return mean, (share * (variances + (means - mean) ** 2)).sum(axis=0)


def by_the_package(blocks):
    moments = reduce(bnteach.merge_moments, map(bnteach.two_pass_moments, blocks))
    return moments.mean, moments.variance()


def blocks_in_torch(blocks):
    n, mean, s = 0, 0.0, 0.0
    for block in map(torch.from_numpy, blocks):
        delta, both = block.mean(0) - mean, n + len(block)
        s = s + ((block - block.mean(0)) ** 2).sum(0) + delta**2 * (n * len(block) / both)
        mean, n = mean + delta * (len(block) / both), both
    return mean, s / n


def by_scikit_learn(blocks):
    scaler = StandardScaler()
    for block in blocks:
        scaler.partial_fit(block)
    return scaler.mean_, scaler.var_


def sums_in_float64(blocks):
    """E[x²] − E[x]², with digits enough."""
    n, total, squares = 0, 0.0, 0.0
    for block in blocks:
        wide = block.astype(np.float64)
        n, total, squares = n + len(wide), total + wide.sum(0), squares + np.square(wide).sum(0)
    return total / n, squares / n - (total / n) ** 2


class Running:
    """Keeps n, mean and variance, as an object; called like a function."""

    def add(self, block):
        n_b, mean_b, var_b = len(block), block.mean(axis=0), block.var(axis=0)
        share = n_b / (self.n + n_b)
        delta = mean_b - self.mean
        self.var = (1 - share) * self.var + share * var_b + share * (1 - share) * delta * delta
        self.mean, self.n = self.mean + share * delta, self.n + n_b

    def __call__(self, blocks):
        self.n, self.mean, self.var = 0, 0.0, 0.0
        for block in blocks:
            self.add(block)
        return [self.mean, self.var]


IN_ONE_PASS = (
    by_merging,
    by_welford_in_blocks,
    shifted_by_the_first_row,
    with_next,
    by_the_moments_of_blocks,
    by_the_package,
    blocks_in_torch,
    by_scikit_learn,
    sums_in_float64,
)


def scaled(moments):
    def answer(train, test):
        mean, var = moments(train)
        return (test - mean) / np.sqrt(var)

    return answer


def scaled_in_place(train, test):
    result = copy.copy(test)
    result -= train.mean(0)
    result /= train.std(0)
    return result


SCALED = {
    **{name: scaled(moments) for name, moments in MOMENTS.items()},
    "with a small eps": lambda train, test: (test - train.mean(axis=0)) / np.sqrt(train.var(axis=0) + 1e-8),
    "scikit-learn": lambda train, test: StandardScaler().fit(train).transform(test),
    "columns": lambda train, test: np.stack(
        [(b - a.mean()) / a.std() for a, b in zip(train.T, test.T, strict=True)], axis=1
    ),
    "tensors": lambda train, test: (
        (torch.from_numpy(test) - train.mean(0)) / torch.from_numpy(train).std(0, correction=0)
    ),
    "copied, in place": scaled_in_place,
    "both together, then cut": lambda train, test: (
        (np.concatenate([train, test]) - train.mean(0)) / train.std(0)
    )[len(train) :],
}

AT_THE_BOUND = {
    "lists": lambda n: [1.0] + [0.0] * (n - 1),
    "eye": lambda n: np.eye(n)[n // 2],
    "off center": lambda n: np.append(np.full(n - 1, 0.1), -7.3),
    "nearly equal": lambda n: np.append(np.arange(n - 1), 1e6),
    "one-hot": lambda n: torch.nn.functional.one_hot(torch.tensor(0), n),
    "a column in float32": lambda n: np.array([[1e6]] + [[0]] * (n - 1), dtype=np.float32),
    "booleans": lambda n: np.arange(n) == n - 1,
    "assigned": lambda n: np.put_along_axis(x := np.ones(n), np.array([2 % n]), 9.0, axis=0) or x,
    "large and far": lambda n: np.r_[-3e5, np.full(n - 1, 2e5)],
}

RESCALED = {
    "divided": lambda dw, a: dw / a,
    "matrix": lambda dw, a: dw @ np.diag(1 / a),
    "transposed": lambda dw, a: (dw.T / a[:, None]).T,
    "tensors": lambda dw, a: torch.from_numpy(dw) / torch.from_numpy(a),
    "einsum": lambda dw, a: np.einsum("dc,c->dc", dw, 1 / a),
    "rows": lambda dw, a: [row / a for row in dw],
    "columns": lambda dw, a: np.stack([column / f for column, f in zip(dw.T, a, strict=True)], axis=1),
    "float32": lambda dw, a: np.float32(dw) / np.float32(a),
    "in place on a copy": lambda dw, a: np.divide(dw, a, out=dw.copy()),
    "Fortran order": lambda dw, a: np.asfortranarray(dw) * a[None, :] ** -1.0,
}

STYLES = {
    "one_pass_statistics": {
        **{answer.__name__: answer for answer in IN_ONE_PASS},
        "an object": Running(),
    },
    "scale_like_training": SCALED,
    "largest_x_hat_batch": AT_THE_BOUND,
    "gradient_after_rescaling": RESCALED,
}
