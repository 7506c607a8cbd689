"""Checks of lesson 01: right answers in many styles pass, and the blocks are read once and let go."""

from functools import reduce
from itertools import chain

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

import bnteach
from bnteach import check

SEEDS = range(10)


def by_loops(x):
    rows, columns = x.shape
    mean, var = np.zeros(columns), np.zeros(columns)
    for c in range(columns):
        mean[c] = sum(x[i, c] for i in range(rows)) / rows
        var[c] = sum((x[i, c] - mean[c]) ** 2 for i in range(rows)) / rows
    return mean, var


def by_welford(x):
    mean, s = np.zeros_like(x[0]), np.zeros_like(x[0])
    for k, row in enumerate(x, start=1):
        d = row - mean
        mean = mean + d / k
        s = s + d * (row - mean)
    return mean, s / len(x)


def in_place_on_a_copy(x):
    x = x.copy()
    mean = x.mean(axis=0)
    x -= mean
    x *= x
    return mean, x.mean(axis=0)


def in_float32(x):
    x = x.astype(np.float32)
    return x.mean(axis=0), x.var(axis=0)


def in_torch(x):
    return torch.from_numpy(x).mean(0), torch.from_numpy(x).var(0, unbiased=False)


STATISTICS = [
    lambda x: (x.mean(axis=0), x.var(axis=0)),
    lambda x: [x.mean(axis=0).tolist(), x.var(axis=0).tolist()],
    lambda x: (x.mean(0), np.einsum("nc,nc->c", x - x.mean(0), x - x.mean(0)) / len(x)),
    lambda x: (np.asfortranarray(x).T.mean(axis=1), np.asfortranarray(x).T.var(axis=1)),
    lambda x: (x.mean(0, keepdims=True)[0], ((x - x.mean(0, keepdims=True)) ** 2).sum(0) / x.shape[0]),
    by_loops,
    by_welford,
    in_place_on_a_copy,
    in_float32,
    in_torch,
]


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


IN_ONE_PASS = [
    by_merging,
    by_welford_in_blocks,
    shifted_by_the_first_row,
    with_next,
    by_the_moments_of_blocks,
    by_the_package,
    blocks_in_torch,
]

SCALED = [
    lambda train, test: (test - train.mean(axis=0)) / train.std(axis=0),
    lambda train, test: (test - train.mean(axis=0)) / np.sqrt(train.var(axis=0) + 1e-8),
    lambda train, test: StandardScaler().fit(train).transform(test),
    lambda train, test: np.stack(
        [(b - a.mean()) / a.std() for a, b in zip(train.T, test.T, strict=True)], axis=1
    ),
    lambda train, test: (
        (torch.from_numpy(test) - train.mean(0)) / torch.from_numpy(train).std(0, correction=0)
    ),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("of", "answers"),
    [
        (check.batch_statistics, STATISTICS),
        (check.one_pass_statistics, IN_ONE_PASS),
        (check.scale_like_training, SCALED),
    ],
    ids=lambda of: getattr(of, "name", ""),
)
def test_right_answers_pass(of, answers, seed):
    for number, answer in enumerate(answers):
        assert (number, of.judge(answer, seed).state) == (number, "passed")


def test_one_quantity_does_not_show_that_the_order_is_wrong():
    """The variance equals the mean here, but the mean is where it should be."""
    verdict = check.batch_statistics(lambda x: (x.mean(axis=0), x.mean(axis=0)))
    assert verdict.mistakes == ()
    assert "mean is right, var is off" in verdict.why


def test_whoever_keeps_the_blocks_is_told():
    def keeps(blocks):
        x = np.concatenate(list(blocks))
        return x.mean(axis=0), x.var(axis=0)

    verdict = check.one_pass_statistics(keeps)
    assert verdict.state == "not yet"
    assert verdict.mistakes == ()
    assert "keeps the blocks: block 2 was still in memory" in verdict.why


def test_whoever_reads_twice_is_told():
    def reads_twice(blocks):
        n = sum(len(block) for block in blocks)
        return sum(block.sum(axis=0) for block in blocks) / n, 0.0

    verdict = check.one_pass_statistics(reads_twice)
    assert verdict.mistakes == ()
    assert "a second time" in verdict.why


def test_with_one_block_alone_there_is_nothing_to_merge():
    """What only fails to merge is told on which input it is right."""
    verdict = check.one_pass_statistics(lambda blocks: by_loops(next(blocks)))
    assert verdict.mistakes == ()
    assert "right with x of shape (6, 3), block_sizes = (6,)" in verdict.why


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (lambda blocks: np.mean([(b.mean(0), b.var(0)) for b in blocks], axis=0), "mean_of_block_means"),
        (lambda blocks: summed(blocks, lambda b: b.sum(0), lambda b: (b**2).sum(0)), "digits_lost"),
    ],
    ids=("averages", "sums of squares"),
)
def test_as_learners_write_it(answer, mistake):
    assert check.one_pass_statistics(lambda blocks: tuple(answer(blocks))).mistake == mistake


def summed(blocks, *of):
    sums = np.sum([[len(b) + 0 * b[0], *(one(b) for one in of)] for b in blocks], axis=0)
    n, total, squares = sums
    return total / n, squares / n - (total / n) ** 2
