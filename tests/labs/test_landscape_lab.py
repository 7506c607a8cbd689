"""The lab of the loss along its gradient: its words and numbers are those of a plain step in PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import cosine_similarity, cross_entropy  # noqa: E402

from bnteach import labs  # noqa: E402
from bnteach.labs.landscape import NETWORKS, RATES, _words  # noqa: E402
from bnteach.trials.claims.experiments import first_steps, make_data, make_network  # noqa: E402
from bnteach.trials.claims.landscape import Slice  # noqa: E402
from bnteach.trials.claims.snapshots import SNAPSHOT_STEPS  # noqa: E402


@pytest.mark.parametrize(
    ("network", "step", "rate"), [("ReLU, 3 layers", 10, 0.33), ("tanh, 8 layers", 0, 1.5)]
)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_reading_is_that_of_a_plain_step(network, step, rate, batch_norm):
    data = make_data(0)
    model = make_network(0, batch_norm=batch_norm, **NETWORKS[network])
    for _ in first_steps(model, data, step, learning_rate=0.1, seed=0) if step else ():
        pass
    model.train()
    x, y = torch.from_numpy(data.x_train[:60]), torch.from_numpy(data.y_train[:60])
    seen = []
    for _ in range(2):
        model.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        seen.append((loss.item(), torch.cat([p.grad.ravel() for p in model.parameters()])))
        torch.optim.SGD(model.parameters(), lr=rate).step()
    cosine = cosine_similarity(seen[0][1], seen[1][1], dim=0).item()
    lab = labs.Landscape(network=network, step=step, rate=rate)
    words = lab.reading.split("With BN " if batch_norm else "Without BN ")[1]
    assert words.startswith(f"the loss goes from {seen[0][0]:.2f} to {seen[1][0]:.2f}, cosine {cosine:.2f};")


def test_the_grid_holds_the_rates_and_steps_of_the_controls():
    lab = labs.Landscape()
    assert [value for _, value in lab.widgets["rate"].options] == list(RATES)
    assert [value for _, value in lab.widgets["step"].options] == list(SNAPSHOT_STEPS)
    assert list(RATES) == sorted(RATES)
    assert (RATES[0], RATES[-1]) == (0.01, 22)


def slice_of(loss, cosine=0.5):
    import numpy as np

    losses = np.array(loss)
    return Slice(np.array([0.1, 1.0, 10.0]), 2.0, 1.0, losses, np.full(3, cosine), np.ones(3))


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ([1.9, 1.0, 3.0], "steps up to 1 lower it"),
        ([1.9, 1.0, 1.5], "every step up to 10 lowers it"),
        ([2.0, 1.0, 1.5], "even a step of 0.1 does not lower it"),
        ([1.9, float("nan"), 1.5], "steps up to 0.1 lower it"),
    ],
)
def test_the_reach_in_words(loss, words):
    assert _words(slice_of(loss), here=0).endswith(words)


def test_what_is_off_the_scale_is_said_in_words():
    assert "to more than 100," in _words(slice_of([1, 1, 1e9]), here=2)
    assert "to more than 100," in _words(slice_of([1, 1, float("nan")]), here=2)
    assert "no gradient there" in _words(slice_of([1, 1, 1], cosine=float("nan")), here=1)
    assert "cosine 0.00" in _words(slice_of([1, 1, 1], cosine=-0.001), here=1)
