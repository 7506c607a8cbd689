"""What a notebook receives when a figure is shown."""

from __future__ import annotations

import base64
import io
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bnteach import figures

ALT = "A histogram of three values."


@pytest.fixture
def ax():
    return figures.histogram([1.0, 2.0, 2.5])


def png_of(output) -> bytes:
    return base64.b64decode(output.data["image/png"])


def test_one_output_with_picture_and_words(displayed, ax):
    (output,) = displayed(lambda: figures.show(ax, alt=ALT))
    assert output.data["text/plain"] == ALT
    assert output.metadata == {"image/png": {"alt": ALT}}
    assert Image.open(io.BytesIO(png_of(output))).size == (900, 420)


def test_axes_and_figure_show_the_same(displayed, ax):
    (by_axes,) = displayed(lambda: figures.show(ax, alt=ALT))
    (by_figure,) = displayed(lambda: figures.show(ax.get_figure(), alt=ALT))
    assert by_axes.data == by_figure.data


@pytest.mark.parametrize("alt", ["", "  \n", 3])
def test_words_that_say_nothing_are_refused(ax, alt):
    with pytest.raises(ValueError, match=r"alt is .*expected a sentence"):
        figures.show(ax, alt=alt)


def test_without_words_the_picture_waits_for_those_of_the_build(displayed, ax):
    (output,) = displayed(lambda: figures.show(ax))
    assert output.data["text/plain"] == "Figure"
    assert output.metadata == {}


def test_what_is_not_a_figure_is_refused():
    with pytest.raises(TypeError, match="figure is list, expected"):
        figures.show([1, 2], alt=ALT)


def test_the_same_figure_gives_the_same_bytes_and_no_version(displayed):
    def draw():
        random = np.random.default_rng(0)
        figures.show(figures.points(random.random(200), random.random(200)), alt=ALT)

    (first,), (second,) = displayed(draw), displayed(draw)
    assert first.data == second.data
    assert Image.open(io.BytesIO(png_of(first))).info == {}


def test_a_lesson_of_four_figures_stays_small(displayed):
    values = np.random.default_rng(0).normal(size=(2, 500))
    (output,) = displayed(lambda: figures.show(figures.points(*values), alt=ALT))
    assert len(output.data["image/png"]) < 45_000


def test_white_stays_white(displayed, ax):
    (output,) = displayed(lambda: figures.show(ax, alt=ALT))
    assert Image.open(io.BytesIO(png_of(output))).convert("RGB").getpixel((2, 2)) == (255, 255, 255)


def test_a_figure_of_pyplot_is_shown_once(displayed):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    figures.histogram([1.0, 2.0], ax=ax)
    assert len(displayed(lambda: figures.show(figure, alt=ALT))) == 1
    assert plt.get_fignums() == []


def test_drawing_leaves_matplotlib_as_it_was(ax):
    before = dict(mpl.rcParams)
    figures.key(figures.frame(ax, title="Title", x="x", y="y"), {"with_bn": "with BN"})
    figures.pictures(np.zeros((3, 8, 8)))
    assert dict(mpl.rcParams) == before


def test_pyplot_is_not_needed():
    code = "import sys; from bnteach import figures; figures.new_figure(); "
    code += "print('matplotlib.pyplot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_axes_of_one_figure_only(ax):
    assert isinstance(ax.get_figure(), Figure)
    assert figures.histogram([1.0], ax=ax) is ax
