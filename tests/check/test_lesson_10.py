"""The check of SyncBN's backward pass: what `all_reduce` is given, and what is done with its totals."""

import numpy as np
import pytest

from bnteach import check


def device(send, use=lambda sums, totals: totals):
    """The backward pass on one device, that sends and uses something of its own."""

    def answer(dy, x_hat, gamma, std, count, all_reduce):
        dy = dy * len(dy) / count
        dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
        sums = send(dgamma, dbeta)
        totals = use(sums, all_reduce(*sums) if isinstance(sums, tuple) else all_reduce(sums))
        return gamma / std * (dy - totals[1] / count - x_hat * totals[0] / count), dgamma, dbeta

    return answer


def test_totals_that_are_not_used_are_not_taken_for_a_call_forgotten():
    both = [
        check.sync_backward(device(lambda a, b: np.stack([a, b]), lambda sums, totals: sums)),
        check.sync_backward(
            lambda dy, x_hat, gamma, std, count, all_reduce: device(lambda a, b: np.stack([a, b]))(
                dy, x_hat, gamma, std, count, lambda sums: sums
            )
        ),
    ]
    assert [verdict.mistake for verdict in both] == ["sync_return_ignored", "sync_own_sums"]


@pytest.mark.parametrize(
    ("send", "words"),
    [
        (lambda a, b: a, "all_reduce got an array of shape (2,). It wants both sums at once"),
        (lambda a, b: a[None], "all_reduce got an array of shape (1, 2)"),
        (lambda a, b: np.concatenate([a, b]), "all_reduce got an array of shape (4,)"),
        (lambda a, b: (a, b), "all_reduce takes one array"),
        (lambda a, b: np.stack([a, b]) / 3, "all_reduce got means."),
    ],
)
def test_what_all_reduce_wants_is_told(send, words):
    assert words in check.sync_backward(device(send)).why


def test_the_weight_of_the_share_is_missed_in_dx_alone_or_everywhere():
    def unweighted(dy, x_hat, gamma, std, count, all_reduce):
        return right(dy * count / len(dy), x_hat, gamma, std, count, all_reduce)

    def in_dx_alone(dy, x_hat, gamma, std, count, all_reduce):
        dx, *sums = unweighted(dy, x_hat, gamma, std, count, all_reduce)
        return dx + gamma / std * (len(dy) / count - 1) * dy, *sums

    right = device(lambda a, b: np.stack([a, b]))
    verdicts = [check.sync_backward(answer) for answer in (right, unweighted, in_dx_alone)]
    assert [verdict.mistake for verdict in verdicts] == [
        None,
        "sync_loss_of_the_share",
        "sync_sums_not_weighted",
    ]


def test_rows_in_the_other_order_are_named():
    verdict = check.sync_backward(device(lambda a, b: np.stack([b, a]), lambda sums, totals: totals[::-1]))
    assert verdict.mistakes == ("sync_rows_swapped",)
