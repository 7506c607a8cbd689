"""Scale and shift by PyTorch's numbers; what was normalized comes back, in the browser too."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bnteach import figures, labs
from bnteach.labs.gamma_beta import EPS
from bnteach.labs.microscope import ACTIVATIONS
from test_readings import numbers

torch = pytest.importorskip("torch")


def by_torch(lab, dtype=torch.float64):
    """y by PyTorch, with the γ and β of the sliders."""
    gamma, beta = (torch.tensor([value], dtype=dtype) for value in (lab.state.gamma, lab.state.beta))
    x = torch.tensor(lab.frame.x, dtype=dtype)[:, None]
    return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)[:, 0].numpy()


@pytest.mark.parametrize(("gamma", "beta"), [(1.0, 0.0), (2.5, -4.0), (-3.0, 1.3), (0.0, 0.7)])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_the_reading_by_pytorch(gamma, beta, activation):
    lab = labs.GammaBeta(gamma=gamma, beta=beta, activation=activation)
    y, x = by_torch(lab), lab.frame.x
    np.testing.assert_allclose(lab.frame.y, y, atol=1e-12)
    np.testing.assert_allclose(lab.frame.h, ACTIVATIONS[activation].function(y), atol=1e-12)
    slope = ACTIVATIONS[activation].slope(y)  # these are held against PyTorch in test_microscope.py
    h = lab.frame.h
    hundredths = [gamma, beta, y.mean(), y.std(), x.mean(), x.std(), np.abs(y - x).max(), slope.mean()]
    hundredths += [ACTIVATIONS[activation].steepest, h.min(), h.max(), h.mean()]
    read = numbers(lab.reading.replace("give 0", ""))
    assert [*read[:7], *read[8:]] == pytest.approx(hundredths, abs=0.51e-2)
    assert read[7] == pytest.approx(100 * ACTIVATIONS[activation].flat(y).mean(), abs=0.51)


def undone(lab):
    (button,) = lab.buttons
    lab.press(button)
    return lab


def test_undo_gives_x_back_in_both_precisions():
    lab = undone(labs.GammaBeta(gamma=-2.0, beta=3.0, activation="tanh"))
    x = lab.frame.x
    assert lab.state.gamma == pytest.approx(np.sqrt(np.var(x) + 1e-5), rel=1e-14)
    assert lab.state.beta == pytest.approx(np.mean(x), rel=1e-14)
    np.testing.assert_allclose(lab.frame.y, x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(by_torch(lab), x, rtol=0, atol=1e-12)
    # PyTorch's own sums are in float32: it comes as near as 2e-6, and we come nearer.
    np.testing.assert_allclose(by_torch(lab, torch.float32), x.astype(np.float32), rtol=0, atol=5e-6)
    assert lab.frame.differences["float64"] <= 1e-12
    assert 0 < lab.frame.differences["float32"] <= 1e-6
    assert "y is x again" in lab.reading
    assert "float32" in lab.reading


def test_near_is_not_again():
    lab = undone(labs.GammaBeta())
    lab.widgets["beta"].value += 1e-8  # too little for float32 to see
    assert "y is x again" not in lab.reading


def test_scale_and_shift_keep_the_shape_and_a_negative_scale_mirrors_it():
    x = labs.GammaBeta().frame.x
    for gamma in (0.3, 3.0, -0.5):
        y = labs.GammaBeta(gamma=gamma, beta=-1.0).frame.y
        assert stats.skew(y) == pytest.approx(np.sign(gamma) * stats.skew(x))
    assert stats.skew(x) > 0.5  # otherwise nobody would see it mirrored


def test_without_scale_all_values_are_the_shift():
    np.testing.assert_array_equal(labs.GammaBeta(gamma=0.0, beta=1.5).frame.y, 1.5)


def test_ridges_stand_above_each_other():
    first, second = np.array([0.0, 2.0]), np.array([3.0, 3.0, 6.0])
    ax = figures.ridges([(first, "data"), (second, "with_bn")], limits=(-1, 7))
    upper, lower = [line.get_ydata() for line in ax.lines]
    assert upper.min() >= 0.5 > lower.max() > lower.min() >= 0
