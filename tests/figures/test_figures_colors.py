"""Whoever sees colors differently can still tell the marks apart, and so can a black-and-white printer."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from bnteach.figures import ROLES

TOGETHER = [
    ("with_bn", "without_bn"),
    ("biased", "unbiased"),
    ("forward", "backward"),
    ("data", "moved"),
    ("data", "theory"),
    ("data", "population"),
]

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", 2009, severity 1.0; they act on linear RGB.
VISION = {
    "usual": np.eye(3),
    "no red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a linear RGB color, white D65."""
    t = XYZ @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(("one", "other"), TOGETHER)
def test_colors_that_meet_differ_for_every_eye(one, other, vision):
    seen = [lab(np.asarray(VISION[vision]) @ linear(ROLES[name].color)) for name in (one, other)]
    assert np.linalg.norm(seen[0] - seen[1]) > 20


@pytest.mark.parametrize(("one", "other"), TOGETHER[:4])
def test_a_second_sign_beside_the_color(one, other):
    assert ROLES[one].marker != ROLES[other].marker


@pytest.mark.parametrize("name", sorted(ROLES))
def test_marks_stand_out_from_white(name):
    luminance = (XYZ @ linear(ROLES[name].color))[1]
    assert 1.05 / (luminance + 0.05) > 2.2
