"""The lab of axes: what is blue is what moves the chosen value when it is touched, in PyTorch's own norms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bnteach import labs
from bnteach.data import digits
from bnteach.labs import digit_maps, which_values
from test_readings import numbers

torch = pytest.importorskip("torch")
functional = torch.nn.functional

N, C, H, W = 3, 4, 2, 3
CELLS = list(itertools.product(range(N), range(C), (0, 1, 5)))
NORMS = {
    "batch": lambda x: functional.batch_norm(x, None, None, training=True),
    "layer": lambda x: functional.layer_norm(x, x.shape[1:]),
    "instance": functional.instance_norm,
    "group": lambda x: functional.group_norm(x, 2),
}


def frame_of(norm="batch", layout="NCHW", sample=1, channel=2, position=4, contrast=1.0):
    """What the lab would show, without drawing it."""
    return labs.WhichValues.compute(which_values.State(norm, layout, sample, channel, position, contrast))


def moved_by(norm: str, layout: str, chosen: tuple) -> np.ndarray:
    """Touch one value after the other: does PyTorch's normalized value at `chosen` change?"""
    shape, to_nchw = ((N, C, H, W), (0, 1, 2, 3)) if layout == "NCHW" else ((N, H, W, C), (0, 3, 1, 2))
    x = torch.tensor(np.random.default_rng(5).gamma(2, size=shape) + 3)
    back = tuple(np.argsort(to_nchw))

    def normalized(x):
        return NORMS[norm](x.permute(to_nchw)).permute(back)[chosen]

    before, moved = normalized(x), np.zeros(shape, dtype=bool)
    for index in np.ndindex(shape):
        touched = x.clone()
        touched[index] += 1.3
        moved[index] = bool((normalized(touched) - before).abs() > 1e-9)
    return moved


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("norm", list(NORMS))
def test_the_blue_values_are_those_that_move_the_chosen_one(norm, layout):
    for cell in CELLS[::5]:
        frame = frame_of(norm, layout, *cell)
        np.testing.assert_array_equal(frame.shared, moved_by(norm, layout, frame.chosen))


@pytest.mark.parametrize(("sample", "channel", "position"), CELLS)
def test_the_chosen_index_is_the_chosen_value_in_either_layout(sample, channel, position):
    x = np.arange(N * C * H * W).reshape(N, C, H, W)
    chosen = {"sample": sample, "channel": channel, "position": position}
    value = x[sample, channel].ravel()[position]
    assert x[frame_of(**chosen).chosen] == value
    assert x.transpose(0, 2, 3, 1)[frame_of(layout="NHWC", **chosen).chosen] == value


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("norm", list(NORMS))
def test_the_code_that_is_shown_gives_the_means_that_are_counted(norm, layout):
    lab = labs.WhichValues(norm=norm, layout=layout, sample=2, channel=1, position=3)
    x = np.random.default_rng(1).normal(3, 2, size=lab.frame.shared.shape)
    code = which_values.MEANS[norm, layout].replace("\n", "")
    means = eval(code, {"x": x, "N": N, "C": C, "H": H, "W": W, "G": 2})
    assert means.size == lab.frame.means
    assert means.size * lab.frame.shared.sum() == x.size
    assert np.isclose(means, x[lab.frame.shared].mean()).sum() == 1
    assert code in lab.reading


@pytest.mark.parametrize("contrast", [1.0, 0.1])
@pytest.mark.parametrize("norm", list(NORMS))
def test_the_batch_by_pytorchs_convolution_pooling_and_norm(norm, contrast):
    pictures = torch.tensor(digits(dtype=np.float64).images().x_test[:3].copy())
    pictures[1] *= contrast
    x = functional.avg_pool2d(functional.conv2d(pictures, torch.tensor(digit_maps.FILTERS)[:, None]), (3, 2))
    assert x.shape == (N, C, H, W)
    np.testing.assert_allclose(frame_of(norm, contrast=contrast).digits, pictures[:, 0])
    np.testing.assert_allclose(digit_maps.filtered(1, contrast), x, atol=1e-12)
    np.testing.assert_allclose(digit_maps.normalized(norm, 1, contrast), NORMS[norm](x), atol=1e-9)


def test_only_batch_normalization_lets_the_contrast_of_one_digit_reach_the_others():
    for norm in NORMS:
        moved = frame_of(norm, contrast=0.25).moved
        assert list(moved > 0.1) == [norm == "batch"] * N


def test_reading_by_pytorchs_numbers():
    lab = labs.WhichValues(norm="batch", sample=0, channel=3, position=2, contrast=0.5)
    maps = digit_maps.filtered(), digit_maps.filtered(0, 0.5)
    plain, dimmed = (NORMS["batch"](torch.tensor(x)) for x in maps)
    own, *others = (plain - dimmed).abs().amax(dim=(1, 2, 3)).tolist()
    said = numbers(lab.reading)
    assert said[:6] == [3, 4, 2, 3, 4, 18]
    assert said[-4:] == pytest.approx([0, 0.5, own, max(others)], abs=0.51e-2)
    assert "x[0, 3, 0, 2]" in lab.reading
    assert "those of the other digits by up to" in lab.reading
    assert lab.set(contrast=1.0) is None
    assert lab.reading.endswith("The digits are as they were.")


def test_a_bar_for_each_digit_is_as_long_as_its_move(drawn):
    lab = labs.WhichValues(norm="batch", sample=0)
    bars = [bar.get_width() for bar in lab.canvas.axes[1].patches]
    np.testing.assert_allclose(bars, lab.frame.moved)
    assert min(bars) > 0.1


def test_the_values_that_are_handed_out_again_cannot_be_changed():
    frame = frame_of()
    for values in (frame.digits, digit_maps.filtered(), digit_maps.normalized("batch")):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_the_code_splits_the_channels_as_pytorch_does(layout):
    """With 6 channels in 2 groups: with 4 in 2, a group has as many channels as there are groups."""
    sizes = {"N": 3, "C": 6, "H": 2, "W": 5, "G": 2}
    x = torch.tensor(np.random.default_rng(2).normal(3, 2, size=(3, 6, 2, 5)))
    centered = (
        functional.group_norm(x, 2, eps=0).view(3, 2, 30) * x.view(3, 2, 30).std(2, correction=0)[..., None]
    )
    expected = (x.view(3, 2, 30) - centered)[..., 0]
    given = x if layout == "NCHW" else x.permute(0, 2, 3, 1)
    means = eval(which_values.MEANS["group", layout].replace("\n", ""), {"x": given.numpy(), **sizes})
    np.testing.assert_allclose(means, expected)
