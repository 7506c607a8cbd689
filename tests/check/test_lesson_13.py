"""Lesson 13: what a fresh student would write is named, and the data are seen once."""

import numpy as np
import pytest

from bnteach import check


def sums(blocks, has_shift=True):
    """n, the shift, and the means of x minus the shift and of its squares, in one look."""
    n, shift, total, squares = 0, 0, 0, 0
    for block in blocks:
        shift = block[0] if has_shift and n == 0 else shift
        n, total = n + len(block), total + (block - shift).sum(axis=0)
        squares = squares + ((block - shift) ** 2).sum(axis=0)
    return n, shift, total / n, squares / n


def digits_lost(blocks):
    _, _, average, squares = sums(blocks, has_shift=False)
    return average, squares - average**2


def test_one_shift_for_all_channels_loses_digits():
    def one_shift(blocks):
        n, shift, total, squares = 0, 0, 0, 0
        for block in blocks:
            shift = block[0, 0] if n == 0 else shift
            n, total = n + len(block), total + (block - shift).sum(axis=0)
            squares = squares + ((block - shift) ** 2).sum(axis=0)
        return shift + total / n, squares / n - (total / n) ** 2

    assert "digits_lost" in check.shifted_statistics.judge(one_shift).mistakes


def blocks_read_twice(blocks):
    n, _, mean, _ = sums(blocks, has_shift=False)
    return mean, sum((((block - mean) ** 2).sum(axis=0) for block in blocks), 0 * mean) / n


@pytest.mark.parametrize("meant", [digits_lost, blocks_read_twice])
def test_a_mistake_is_named(meant):
    assert meant.__name__ in check.shifted_statistics.judge(meant).mistakes


def in_one_look(blocks):
    _, shift, average, squares = sums(blocks)
    return shift + average, squares - average**2


def welford(blocks):
    n, mean, squares = 0, 0, 0
    for row in (row for block in blocks for row in block):
        n, off = n + 1, row - mean
        mean = mean + off / n
        squares = squares + off * (row - mean)
    return mean, squares / n


@pytest.mark.parametrize("answer", [in_one_look, welford])
def test_one_look_passes(answer):
    assert check.shifted_statistics.judge(answer).state == "passed"


def test_blocks_that_are_kept_are_refused():
    def all_at_once(blocks):
        x = np.vstack(list(blocks))
        return x.mean(axis=0), x.var(axis=0)

    assert "keeps the blocks" in check.shifted_statistics.judge(all_at_once).why


def test_float64_alone_keeps_no_digits():
    def in_float64(blocks):
        return digits_lost(block.astype(float) for block in blocks)

    verdict = check.shifted_statistics.judge(in_float64)
    assert verdict.state == "not yet"
    assert "Where the mean is large" in verdict.why


def test_a_wrong_count_is_told_what_to_look_at():
    verdict = check.count_passes.judge(lambda: {"A": 2, "B": 2, "C": 4, "D": 0, "E": 9, "F": 2})
    assert "5 of 6 are right. Look again at B." in verdict.why
    assert "reads both sides" in verdict.why
