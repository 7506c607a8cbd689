"""Effects over seeds stand where the numbers say."""

from __future__ import annotations

import numpy as np

from bnteach import figures


def placed(ax):
    """(marker, x, row) of every dot."""
    marked = [line for line in ax.lines if line.get_marker() not in ("None", "")]
    return [(line.get_marker(), float(x), int(row)) for line in marked for x, row in line.get_xydata()]


def test_a_dot_for_each_seed_in_rows_from_the_top():
    ax = figures.effects({"first": [1.0, 2.0], "second": [-1.0, np.nan]}, margin=0.5, limits=(-3, 3))
    assert ax.get_ylim() == (2.5, 0.5)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    assert sorted(placed(ax)) == [("o", -1.0, 2), ("o", 1.0, 1), ("o", 2.0, 1)]
    (band,) = ax.patches
    assert band.get_extents().transformed(ax.transData.inverted()).intervalx.tolist() == [-0.5, 0.5]


def test_equal_effects_stand_above_each_other():
    ax = figures.effects({"equal": [2.0, 2.0, 2.0, 1.0]}, margin=0.5, limits=(-3, 3))
    (dots,) = (line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_allclose(dots.get_ydata(), [0.8, 1, 1.2, 1])


def test_what_lies_beyond_the_axis_is_a_triangle_at_its_edge():
    ax = figures.effects({"far": [9.0, -9.0]}, margin=1, limits=(-3, 4))
    assert sorted(placed(ax)) == [("<", -3.0, 1), (">", 4.0, 1)]


def test_a_bar_under_the_dots_for_each_interval_that_is_given():
    rows, interval = {"first": [1.0], "second": [2.0]}, {"second": (1.5, 2.5)}
    ax = figures.effects(rows, margin=1, limits=(-3, 4), intervals=interval)
    bar, mean = (
        line.get_xydata() for line in ax.lines if line.get_color() == "black" and line.get_zorder() == 5
    )
    assert bar[:, 0].tolist() == [1.5, 2.5]
    assert mean[:, 0].tolist() == [2.0]
    assert (bar[:, 1] > 2).all()  # under the dots of its row
