"""Four cubes: the blue cells in sight are those of the set that a norm takes its mean over."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from bnteach import figures
from bnteach.figures.cubes import CHANNELS, PLACES, SAMPLES

BLUE = to_rgba(figures.role("with_bn").color)
# Front (C x H·W), side (N x H·W), top (C x N): how many cells are blue on each.
IN_SIGHT = {
    "BatchNorm": (PLACES, SAMPLES * PLACES, SAMPLES),
    "LayerNorm, RMSNorm": (CHANNELS * PLACES, PLACES, CHANNELS),
    "InstanceNorm": (PLACES, PLACES, 1),
    "GroupNorm": (CHANNELS // 2 * PLACES, PLACES, CHANNELS // 2),
}


@pytest.mark.parametrize("norm", IN_SIGHT)
def test_the_blue_cells_are_the_set_of_the_norm(norm):
    (ax,) = (ax for ax in figures.norm_cubes().axes if ax.get_title() == norm)
    blue = [int(np.all(face.get_facecolor() == BLUE, axis=1).sum()) for face in ax.collections]
    assert tuple(blue) == IN_SIGHT[norm]
