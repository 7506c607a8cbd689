"""The marks stand where the numbers say."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from bnteach import figures


@pytest.fixture
def random():
    return np.random.default_rng(3)


def lines_of(ax):
    """The visible lines: marker -> (x, y)."""
    return [(line.get_marker(), *map(np.asarray, line.get_data())) for line in ax.lines]


def test_histogram_is_numpys_density(random):
    values = random.gamma(2, size=(50, 4))
    patch = next(p for p in figures.histogram(values, bins=12).patches if isinstance(p, StepPatch))
    expected, edges = np.histogram(values, 12, density=True)
    np.testing.assert_allclose(patch.get_data().values, expected)
    np.testing.assert_allclose(patch.get_data().edges, edges)


def test_histogram_counts_what_lies_outside_for_the_area():
    ax = figures.histogram([0.5, 0.5, 7.0, np.nan, np.inf], bins=1, limits=(0, 1))
    assert ax.patches[0].get_data().values == pytest.approx([2 / 3])


def test_estimates_band_and_dots_above_the_top():
    ax = figures.estimates([4.0, 5.0, 99.0], truth=5.0, standard_error=0.5, top=9)
    (_, x, y), (above, x_above, y_above), *rules = lines_of(ax)
    assert (list(x), list(y)) == ([1, 2], [4.0, 5.0])
    assert (above, list(x_above), list(y_above)) == ("^", [3], [9])
    assert [rule[2][0] for rule in rules] == [4.5, 5.5, 5.0]


def test_strips_show_every_value_in_its_column(random):
    groups = [(random.random(20), "biased"), (np.array([0.5, 7.0, -3.0]), "unbiased")]
    (_, x, y), *second = lines_of(figures.strips(groups, limits=(0, 1)))
    np.testing.assert_array_equal(y, groups[0][0])
    assert (0.5 < x).all()
    assert (x < 1.5).all()
    assert {marker: list(y) for marker, _, y in second} == {"o": [0.5], "v": [0], "^": [1]}
    assert all((1.5 < x).all() and (x < 2.5).all() for _, x, _ in second)


def test_averages_stand_in_the_columns_of_the_strips(random):
    groups = [(random.random(20), "biased"), (random.random(30) + 1, "unbiased")]
    bars = [bar.get_segments()[0] for bar in figures.averages(groups, ax=figures.new_axes()).collections]
    assert [bar[0, 1] for bar in bars] == pytest.approx([values.mean() for values, _ in groups])
    assert [bar[:, 0].mean() for bar in bars] == pytest.approx([1, 2])


def test_layer_sizes_beyond_the_limits_are_triangles_at_the_edge():
    ax = figures.layer_sizes([1.0, 1e-9, 0.0, np.inf, np.nan], limits=(1e-3, 1e3))
    marks = {marker: (list(x), list(y)) for marker, x, y in lines_of(ax)[1:]}
    assert marks == {"v": ([2, 3], [1e-3] * 2), "^": ([4, 5], [1e3] * 2), "o": ([1], [1.0])}


def test_curve_keeps_gaps_and_marks_where_it_leaves_the_picture():
    loss = [1.0, np.nan, 3.0, np.inf, 9.0, 2.0]
    (_, x, y), (marker, *place) = lines_of(figures.curve(range(6), loss, top=4))
    assert list(x) == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(y[[0, 1, 2, 5]], [1.0, np.nan, 3.0, 2.0])
    assert (4 < y[3:5]).all()
    assert np.isfinite(y[3:5]).all()
    assert (marker, place[0].item(), place[1].item()) == ("^", 3, 4.0)


def test_percentiles_of_nothing_and_of_nan():
    assert len(figures.percentiles([], np.empty((0, 3))).lines) == 3
    ax = figures.percentiles([1, 2], [[-1, 0, 1], [np.nan] * 3])
    np.testing.assert_array_equal(ax.lines[2].get_ydata(), [0, np.nan])


def test_batch_values_says_the_marked_value_also_at_the_edge():
    ax = figures.batch_values([0.0, 9.87], marked=1, limits=(-3, 3))
    assert ax.texts[0].get_text() == " 9.9"
    assert ax.lines[1].get_ydata() == [3]


def test_moves_join_before_and_after():
    ax = figures.moves([0.0, 1.0], [0.5, 1.0])
    (arrows,) = ax.collections
    np.testing.assert_allclose(arrows.XY, [[1, 0.0], [2, 1.0]])
    np.testing.assert_allclose(np.column_stack([arrows.U, arrows.V]), [[0, 0.5], [0, 0]])


def test_pictures_share_one_gray_scale(random):
    images = random.random((3, 64))
    limits = {ax.images[0].get_clim() for ax in figures.pictures(images).axes}
    assert limits == {(images.min(), images.max())}


@pytest.mark.parametrize("shape", [(3,), (3, 63), (0, 8, 8), (1, 2, 3, 4)])
def test_pictures_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"images has shape .*expected \(n, height, width\)"):
        figures.pictures(np.zeros(shape))


def test_pictures_needs_a_title_for_each():
    with pytest.raises(ValueError, match="titles has 1 words, expected 2"):
        figures.pictures(np.zeros((2, 8, 8)), titles=["a"])


def test_an_unknown_role_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="role is 'blue', expected one of without_bn"):
        figures.histogram([1.0], role="blue")
