"""The lab of the Jacobian, held against PyTorch's own Jacobian, and taken apart by stopping its paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from bnteach import labs
from bnteach.labs.jacobian import State
from test_readings import numbers

torch = pytest.importorskip("torch")

PARTS = ("diagonal", "mean", "variance")


def frame_of(batch_size=6, scale=1.0, outlier=0.0, parts=PARTS):
    """What the lab would show, without drawing it."""
    switches = {name: name in parts for name in PARTS}
    return labs.Jacobian.compute(State(batch_size, scale, outlier, **switches))


def jacobian_by_torch(x, parts):
    """autograd's Jacobian of one channel, with the paths that are not among the parts detached."""

    def forward(values):
        mean, var = values.mean(), values.var(correction=0)
        mean = mean if "mean" in parts else mean.detach()
        var = var if "variance" in parts else var.detach()
        direct = values if "diagonal" in parts else values.detach()
        return (direct - mean) / torch.sqrt(var + 1e-5)

    return torch.autograd.functional.jacobian(forward, torch.tensor(x)).numpy()


@pytest.mark.parametrize("parts", [c for k in range(4) for c in itertools.combinations(PARTS, k)])
@pytest.mark.parametrize(("size", "scale", "outlier"), [(2, 0.5, 0.0), (5, 2.0, 3.5), (8, 1.0, 20.0)])
def test_the_parts_are_autograds_paths(parts, size, scale, outlier):
    frame = frame_of(size, scale, outlier, parts)
    np.testing.assert_allclose(frame.shown, jacobian_by_torch(frame.x, parts), atol=1e-12 / scale)


def test_the_whole_is_that_of_pytorchs_batch_norm():
    frame = frame_of(7, outlier=2.0)

    def forward(x):
        return torch.nn.functional.batch_norm(x[:, None], None, None, training=True)[:, 0]

    expected = torch.autograd.functional.jacobian(forward, torch.tensor(frame.x))
    np.testing.assert_allclose(frame.shown, expected, atol=1e-12)


@pytest.mark.parametrize("size", range(2, 9))
@pytest.mark.parametrize("scale", [0.5, 4.0])
def test_the_null_space(size, scale):
    whole = frame_of(size, scale)
    np.testing.assert_allclose(whole.row_sums, 0, atol=1e-14)
    left_by_eps = whole.x_hat / whole.std * (1e-5 / whole.std**2)
    np.testing.assert_allclose(whole.times_x_hat, left_by_eps, rtol=1e-6)
    values = np.linalg.svd(whole.shown, compute_uv=False)
    assert whole.rank == size - 2 == (values > 1e-3 * (1 / whole.std)).sum()


def test_a_forgotten_path_is_seen_beside_the_map():
    without_mean, without_variance = frame_of(parts=PARTS[::2]), frame_of(parts=PARTS[:2])
    assert np.abs(without_mean.row_sums).min() > 0.5
    assert np.abs(without_mean.times_x_hat).max() < 1e-4
    assert np.abs(without_variance.row_sums).max() < 1e-12
    np.testing.assert_allclose(without_variance.times_x_hat * without_variance.std, without_variance.x_hat)


def test_an_outlier_loses_its_gradient():
    frame = frame_of(8, outlier=20.0)
    assert np.sqrt(7) - frame.x_hat[-1] < 0.05
    assert np.abs(frame.shown[-1]).max() * frame.std < 0.11
    assert np.diag(frame.shown)[:-1].min() * frame.std > 0.7


def test_the_map_shows_these_numbers(drawn):
    lab = labs.Jacobian(batch_size=5, outlier=1.0)
    (cells,) = [mark for mark in lab.canvas.axes[1].collections if isinstance(mark, QuadMesh)]
    np.testing.assert_allclose(cells.get_array().reshape(5, 5), lab.frame.shown)
    red, green, blue, _ = cells.cmap(cells.norm(0.0))
    assert min(red, green, blue) > 0.99  # zero is white
    assert cells.norm.vmax == -cells.norm.vmin == 1 / lab.frame.std


def test_reading_by_pytorchs_numbers():
    lab = labs.Jacobian(batch_size=6, scale=2.0, outlier=4.0, variance=False)
    x = torch.tensor(lab.frame.x)
    whole = jacobian_by_torch(lab.frame.x, ("diagonal", "mean"))
    std = float(torch.sqrt(x.var(correction=0) + 1e-5))
    x_hat = (lab.frame.x - lab.frame.x.mean()) / std
    read = numbers(lab.reading.replace("N − 1", "N").replace("−", "-"))
    expected = [6, std, 0, np.abs(whole @ x_hat).max(), 5, 6, x_hat[-1], 6, 5**0.5, whole[-1, -1]]
    assert read == pytest.approx(expected, abs=0.51e-2)
    assert "Shown: diagonal + mean." in lab.reading


def test_no_part_at_all():
    lab = labs.Jacobian(diagonal=False, mean=False, variance=False)
    for size in range(2, 9):
        lab.set(batch_size=size)
        assert "no part at all" in lab.reading
        assert f"Rank 0 of {size}" in lab.reading
