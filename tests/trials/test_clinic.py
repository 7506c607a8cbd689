"""The broken networks of lesson 05's exercises show what tells their faults apart."""

import pytest

from bnteach.data import digits
from bnteach.training import accuracy
from bnteach.trials.clinic import broken_networks

SEEDS = range(3)


@pytest.fixture(scope="module", params=SEEDS)
def shown(request):
    """Letter -> loss, accuracy, batches tracked, running variance."""
    data = digits()
    return {
        letter: (
            loss,
            accuracy(network, data.x_test, data.y_test),
            network.bn_1.num_batches_tracked.item(),
            network.bn_1.running_var.mean().item(),
        )
        for letter, (network, loss) in broken_networks(request.param).items()
    }


def test_the_weights_of_all_but_one_are_good(shown):
    assert shown["healthy"][0] < 0.2
    assert shown["B"][0] > 2.3
    assert all(shown[letter][0] == shown["healthy"][0] for letter in "ACD")


def test_all_broken_ones_evaluate_badly(shown):
    assert shown["healthy"][1] > 0.93
    assert all(shown[letter][1] < shown["healthy"][1] - 0.05 for letter in "ABCD")


def test_the_batches_are_counted(shown):
    assert [tracked for _, _, tracked, _ in shown.values()] == [110, 110, 110, 150, 0]


def test_the_variance_tells_a_slow_average_from_none(shown):
    healthy, slow, _, _, none = (variance for *_, variance in shown.values())
    assert none == 1
    assert slow == pytest.approx(0.9 + 0.1 * healthy, abs=0.03)
