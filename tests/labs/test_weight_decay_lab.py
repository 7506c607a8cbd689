"""The lab of weight decay: its gradient is PyTorch's, and what is said of decay and rate holds in it."""

import numpy as np
import pytest

from bnteach import labs
from bnteach.labs import weight_decay
from bnteach.labs.weight_decay import State


def test_the_weights_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    state = State(rate=0.3, decay=0.03, start=0.3)
    w = torch.tensor(state.start * weight_decay._directions(), requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=state.rate, weight_decay=state.decay)
    for x, wanted in list(zip(*map(torch.tensor, weight_decay._batches()), strict=True))[:20]:
        x_hat = torch.nn.functional.batch_norm(x @ w, None, None, training=True, eps=1e-12)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(weight_decay.GAMMA * x_hat, wanted).backward()
        optimizer.step()
    np.testing.assert_allclose(weight_decay._trained(state)[20], w.detach(), rtol=1e-7, atol=1e-12)


def test_the_accuracy_is_that_of_the_weights():
    data, w = weight_decay.digits(dtype=np.float64), weight_decay._directions()
    z = data.x_train @ w
    x_hat = (data.x_test @ w - z.mean(axis=0)) / z.std(axis=0)
    expected = np.mean(x_hat.argmax(axis=1) == data.y_test)
    assert weight_decay._accuracy(w[np.newaxis]) == pytest.approx([expected])


@pytest.mark.parametrize(("rate", "decay"), [(0.3, 0.1), (1, 0.03), (3, 0.01)])
@pytest.mark.parametrize("start", [0.3, 3])
def test_where_the_equilibrium_is_reached_only_the_product_counts(rate, decay, start):
    lab = labs.WeightDecay(rate=rate, decay=decay, start=start)
    assert lab.frame.turn_at_end == pytest.approx(np.degrees(np.sqrt(2 * 0.03)), rel=0.05)
    assert lab.frame.length[-1] == pytest.approx(0.89 * np.sqrt(rate), rel=0.02)
    assert lab.frame.accuracy[-1] == pytest.approx(0.91, abs=0.01)
    assert lab.reading.count("14.0°, reached") == 1


def test_without_decay_the_weights_grow_and_turn_less():
    lab = labs.WeightDecay(rate=1, decay=0, start=0.3)
    assert (np.diff(lab.frame.length) > 0).all()
    assert lab.frame.turn[-1] < 0.1 * lab.frame.turn[0]
    assert "no equilibrium" in lab.reading


def test_a_slow_decay_does_not_reach_it():
    assert "1.4°, not yet reached" in labs.WeightDecay(rate=0.3, decay=0.001, start=3).reading
