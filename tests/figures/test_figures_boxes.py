"""Boxes stand where the numbers say, true ones apart from found ones."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from bnteach import figures


def test_a_scene_is_drawn_from_0_to_1_with_y_downwards():
    ax = figures.scene(np.zeros((3, 5)), title="a scene")
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), (1, 0))
    assert ax.get_title(loc="center") == "a scene"
    assert ax.images[0].get_array().shape == (3, 5)


def test_boxes_with_their_words():
    ax = figures.scene(np.zeros((3, 5)))
    figures.boxes(ax, [[0.1, 0.2, 0.4, 0.8]], ["7"])
    figures.boxes(ax, [[0.2, 0.2, 0.5, 0.7], [0.5, 0, 1, 0.25]], ["7 0.9", "1 0.4"], role="with_bn")
    true, *found = ax.patches
    assert true.get_bbox().extents == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert [list(box.get_bbox().extents) for box in found] == [[0.2, 0.2, 0.5, 0.7], [0.5, 0, 1, 0.25]]
    assert true.get_linestyle() == "--"
    assert {box.get_linestyle() for box in found} == {"-"}
    assert to_hex(found[0].get_edgecolor()).upper() == figures.role("with_bn").color
    below, *above = ax.texts
    assert (below.get_text(), *below.xy, below.get_va()) == ("7", 0.1, 0.8, "top")
    assert [(t.get_text(), *t.xy, t.get_va()) for t in above] == [
        ("7 0.9", 0.2, 0.2, "bottom"),
        ("1 0.4", 0.5, 0, "bottom"),
    ]


def test_no_boxes_are_no_marks():
    ax = figures.boxes(figures.scene(np.zeros((2, 2))), np.zeros((0, 4)))
    assert not ax.patches


def test_refusals():
    with pytest.raises(ValueError, match=r"picture has shape \(1, 8, 8\), expected \(height, width\)"):
        figures.scene(np.zeros((1, 8, 8)))
    with pytest.raises(ValueError, match="words has 1 entries, expected 2"):
        figures.boxes(figures.scene(np.zeros((2, 2))), np.zeros((2, 4)), ["one"])


def test_words_that_would_lie_on_each_other_stand_above_and_below():
    near = [[0.057, 0.306, 0.355, 0.675], [0.065, 0.348, 0.279, 0.605], [0.6, 0.306, 0.9, 0.675]]
    ax = figures.boxes(figures.scene(np.zeros((2, 2))), near, ["0 0.3", "0 0.2", "4 0.9"], role="with_bn")
    assert [text.get_va() for text in ax.texts] == ["bottom", "top", "bottom"]
    assert ax.texts[1].xy == pytest.approx((0.065, 0.605))
