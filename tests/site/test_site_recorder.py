"""The recording renderer: what it keeps, and that it refuses what would be lost."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from bnteach.site.recorder import PARTS_OF_A_PIXEL, Recorder


@pytest.fixture
def ax():
    """Axes that fill a figure of 200 x 100 pixels; a unit of the data is a pixel."""
    axes = Figure(figsize=(2, 1), dpi=100).add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 200), ylim=(0, 100))
    axes.axis("off")
    return axes


def operations(recorder, artist):
    number = recorder.record(artist)
    return list(recorder.marks)[number]


def test_a_box_is_where_it_was_drawn(ax):
    box = ax.add_patch(Rectangle((30, 20), 40, 10, facecolor="red", edgecolor="none"))
    recorder = Recorder(ax.figure)
    ((style, path, x, y),) = operations(recorder, box)
    assert (x / PARTS_OF_A_PIXEL, y / PARTS_OF_A_PIXEL) == (30, 80)  # from the upper left
    kinds, *steps = list(recorder.paths)[path]
    assert kinds == "M1L3Z1"
    assert np.reshape(steps, (-1, 2)).tolist() == [[160, 0], [0, -40], [-160, 0]]
    assert list(recorder.styles)[style][:3] == ("#ff0000", "", 0)


def test_markers_are_one_path_in_many_places(ax):
    (points,) = ax.plot([10, 60, 60], [50, 50, 90], "s", ms=7.2, mew=0)
    ((_, _, *steps),) = operations(Recorder(ax.figure), points)
    places = np.cumsum(np.reshape(steps, (-1, 2)), axis=0) / PARTS_OF_A_PIXEL
    assert (places[1:] - places[0]).tolist() == [[50, 0], [50, -40]]


def test_the_look_of_a_line_is_kept(ax):
    (line,) = ax.plot([10, 90], [50, 50], "--", color="#0072B2", lw=3.6, alpha=0.5, dashes=(2, 1))
    recorder = Recorder(ax.figure)
    recorder.record(line)
    (style,) = recorder.styles
    assert style == ("", "#0072b280", 5.0, "butt", "round", (10.0, 5.0), (0, 0, 200, 100))


def test_what_is_the_same_is_kept_once(ax):
    recorder = Recorder(ax.figure)
    same = [recorder.record(ax.text(20, 50, "σ²")) for _ in range(3)]
    moved = recorder.record(ax.text(20, 60, "σ²"))
    assert (same, moved) == ([0, 0, 0], 1)
    assert (len(recorder.styles), len(recorder.paths), len(recorder.marks)) == (1, 1, 2)


def test_cells_of_two_meshes_differ_in_color_and_not_in_shape(ax):
    recorder = Recorder(ax.figure)
    for values in ([[0.0, 1.0]], [[1.0, 0.0]]):
        recorder.record(ax.pcolormesh([0, 50, 100], [0, 100], values, vmin=0, vmax=1))
    assert len(recorder.marks) == 2
    assert len(recorder.paths) == 1


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda ax: ax.imshow([[0, 1]], extent=(0, 50, 0, 50), aspect="auto"), "draws an image"),
        (lambda ax: ax.add_patch(Rectangle((0, 0), 9, 9, hatch="//")), "hatch '//'"),
        (lambda ax: ax.plot([0, 9], [0, 9], clip_path=Circle((5, 5), 3))[0], "clips by a path"),
        (lambda ax: ax.plot([0, 9], [0, 9], sketch_params=1)[0], "sketched"),
        (lambda ax: ax.tripcolor([0, 9, 0], [0, 0, 9], [0, 1, 2], shading="gouraud"), "shaded triangles"),
    ],
)
def test_what_would_be_lost_is_refused(ax, draw, words):
    artist = draw(ax)
    with pytest.raises(NotImplementedError, match=words):
        Recorder(ax.figure).record(artist)
