"""The microscope tells the truth about a channel, by PyTorch's and SciPy's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bnteach import figures, labs
from bnteach.labs import microscope
from bnteach.labs.microscope import ACTIVATIONS, SHAPES
from test_every_lab import picture
from test_readings import numbers

torch = pytest.importorskip("torch")

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": torch.relu,
    "GELU": torch.nn.functional.gelu,
}
HUMPS = stats.norm(0.9, 0.19**0.5), stats.norm(-0.9, 0.19**0.5)
POPULATIONS = {
    "Gaussian": stats.norm.cdf,
    "skewed": stats.pearson3(2**0.5).cdf,  # a Gamma variable of shape 2, with mean 0 and variance 1
    "two humps": lambda x: sum(hump.cdf(x) for hump in HUMPS) / 2,
}


def slope_by_torch(name: str, z) -> np.ndarray:
    z = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    TORCH[name](z).sum().backward()
    return z.grad.numpy()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_population_is_what_it_claims(shape):
    x = labs.Microscope(shape=shape, shift=-2.0, scale=3).frame.x
    assert stats.kstest((x + 2) / 3, POPULATIONS[shape]).pvalue > 0.01


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations_and_their_slopes_by_pytorch(name):
    activation, z = ACTIVATIONS[name], np.linspace(-12, 12, 24_001)
    np.testing.assert_allclose(activation.function(z), TORCH[name](torch.tensor(z)), atol=1e-14)
    np.testing.assert_allclose(activation.slope(z), slope_by_torch(name, z), atol=1e-14)
    assert activation.steepest == pytest.approx(slope_by_torch(name, z).max(), rel=1e-6)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_reading_by_pytorch(name, shape, batch_norm):
    lab = labs.Microscope(shift=1.5, scale=3, shape=shape, activation=name, batch_norm=batch_norm, eps=3)
    x = torch.tensor(lab.frame.x)
    z = (
        torch.nn.functional.batch_norm(x[:, None], None, None, training=True, eps=3)[:, 0]
        if batch_norm
        else x
    )
    slope = slope_by_torch(name, z.numpy())
    steepest = slope_by_torch(name, np.linspace(-12, 12, 24_001)).max()
    np.testing.assert_allclose(lab.frame.z, z, atol=1e-12)
    np.testing.assert_allclose(lab.frame.h, TORCH[name](z), atol=1e-12)
    hundredths = [x.mean(), x.std(correction=0), z.mean(), z.std(correction=0), slope.mean(), steepest]
    tenths, percents = [z.min(), z.max()], [100 * (z.abs() >= 1).double().mean()]
    percents.append(100 * np.mean(np.abs(slope) < 0.1 * steepest))
    hundredths += [lab.frame.h.min(), lab.frame.h.max(), lab.frame.h.mean()]
    read = numbers(lab.reading.replace("(−1, 1)", "").replace("give 0", ""))
    assert read[:4] + read[8:] == pytest.approx(np.array(hundredths), abs=0.51e-2)
    assert read[4:6] == pytest.approx(np.array(tenths), abs=0.051)
    assert read[6:8] == pytest.approx(np.array(percents), abs=0.51)


def test_flat_in_a_relu_is_exactly_zero():
    frame = labs.Microscope(activation="ReLU", shape="skewed").frame
    assert frame.flat == np.mean(frame.h == 0)
    assert frame.flat > 0.55  # more than half of a skewed channel


def test_normalization_takes_shift_and_scale_and_leaves_the_shape():
    for shape in SHAPES:
        here = labs.Microscope(shape=shape, shift=-5, scale=5).frame
        there = labs.Microscope(shape=shape, shift=5, scale=0.5).frame
        np.testing.assert_allclose(here.z, there.z, atol=1e-3)
        assert np.abs(here.x - there.x).max() > 10
        assert stats.skew(here.z) == pytest.approx(stats.skew(here.x))
        assert stats.kurtosis(here.z) == pytest.approx(stats.kurtosis(here.x))
        assert 1 < np.abs(here.z).max() < (len(here.z) - 1) ** 0.5


@pytest.mark.parametrize("eps", [1e-8, 0.01, 10])
def test_eps_is_added_to_the_variance(eps):
    frame = labs.Microscope(scale=0.1, eps=eps).frame
    var = frame.x.var()
    assert frame.z.std() == pytest.approx((var / (var + eps)) ** 0.5)


def values_of(control) -> list:
    if hasattr(control, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    return [control.min, control.max] if hasattr(control, "min") else [False, True]


@pytest.mark.parametrize("name", ["shift", "scale", "shape", "activation", "batch_norm"])
def test_every_value_of_a_control_has_its_own_picture(name, drawn):
    lab = labs.Microscope(shift=2.0)
    pictures = []
    for value in values_of(lab.widgets[name]):
        lab.set(**{name: value})
        pictures.append(picture(lab))
    assert len(set(pictures)) == len(pictures)


def test_the_share_is_written_in_the_picture(drawn):
    lab = labs.Microscope(batch_norm=False)
    words = [text.get_text() for ax in lab.canvas.axes for text in ax.texts]
    assert words == [f"gray: {lab.frame.flat:.0%} saturated"]


def test_gray_lies_where_the_activation_is_flat():
    z = np.linspace(-4, 4, 81)
    ax = figures.transfer(z, microscope.ACTIVATIONS["ReLU"].function(z), z <= 0)
    gray = ax.collections[0].get_paths()[0].vertices[:, 0]
    assert (gray.min(), gray.max()) == (-4, 0)


def test_an_outline_is_numpys_histogram_with_all_values_in_sight():
    values = np.array([-9.0, 0.1, 0.2, 1.5, 7.0, 8.0, 9.0, np.nan])
    ax = figures.outline(values, limits=(0, 3), bins=3, base=0.1, height=0.6)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, [0, 0, 1, 1, 2, 2, 3, 3])
    np.testing.assert_allclose(y, np.array([0.1, 0.7, 0.7, 0.3, 0.3, 0.7, 0.7, 0.1]))
    np.testing.assert_allclose(ax.collections[0].get_paths()[0].vertices[:8], np.column_stack([x, y]))


def test_an_outline_lies_on_its_side_beside_a_curve():
    upright, lying = (
        figures.outline([0.1, 0.2, 1.5], limits=(0, 3), bins=3, sideways=sideways).lines[0].get_data()
        for sideways in (False, True)
    )
    np.testing.assert_array_equal(lying, upright[::-1])


def test_readings_have_no_minus_before_zero():
    assert [microscope.rounded(value) for value in (-0.001, 0.0, -0.006, 2.345678)] == [
        "0.00",
        "0.00",
        "-0.01",
        "2.35",
    ]
