"""Checks of lesson 01: the blocks are read once and let go; what only looks alike is told apart."""

import numpy as np
import pytest

from bnteach import check


def test_one_quantity_does_not_show_that_the_order_is_wrong():
    """The variance equals the mean here, but the mean is where it should be."""
    verdict = check.batch_statistics(lambda x: (x.mean(axis=0), x.mean(axis=0)))
    assert verdict.mistakes == ("slip_in_var",)
    assert "var is off; mean is right" in verdict.why


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

    def first_alone(blocks):
        block = next(blocks)
        return block.mean(axis=0), block.var(axis=0)

    verdict = check.one_pass_statistics(first_alone)
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
