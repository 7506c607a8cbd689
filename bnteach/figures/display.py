"""From a figure to a picture in the notebook, with words for those who cannot see it."""

from __future__ import annotations

import base64
import io
import sys

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .style import style

__all__ = ["bundle", "pixels", "png", "show"]


def show(figure: Figure | Axes, *, alt: str | None = None) -> None:
    """Show a figure in the notebook as one PNG picture, with its alternative text if you give one.

    The text goes out twice: as the picture's `alt`, which `nbconvert --template classic` writes into HTML,
    and as plain text for programs that show no pictures. JupyterLab and nbconvert's other templates show the
    picture alone, so say beside it what it shows.

    What surprises: a figure made by pyplot is closed, otherwise the notebook would show it a second time. The
    same figure always gives the same bytes.

    Args:
        figure: a figure, or any axes of it.
        alt: what a reader who cannot see the picture has to know. One or two sentences. The lessons say it in
            their sources, and their build puts it into the output.

    Raises:
        TypeError: figure is neither a figure nor axes.
        ValueError: alt is empty.

    >>> from bnteach import figures
    >>> figures.show(figures.histogram([1.0, 2.0, 2.5]))  # doctest: +SKIP
    """
    from IPython.display import display

    figure = _figure_of(figure)
    data, metadata = bundle(png(figure), alt)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)
    display(data, metadata=metadata, raw=True)


def bundle(picture: bytes, alt: str | None) -> tuple[dict, dict]:
    """The data and the metadata of a notebook output: a picture and its alternative text."""
    if alt is not None and (not isinstance(alt, str) or not alt.strip()):
        raise ValueError(f"alt is {alt!r}, expected a sentence that says what the figure shows")
    data = {"image/png": base64.b64encode(picture).decode("ascii"), "text/plain": alt or "Figure"}
    return data, {"image/png": {"alt": alt}} if alt else {}


def png(figure: Figure) -> bytes:
    """Draw a figure and return it as a small PNG file: 128 colors, no date, no version."""
    canvas = FigureCanvasAgg(figure)
    with style():
        canvas.draw()
    return small_png(pixels(canvas))


def pixels(canvas: FigureCanvasAgg) -> Image.Image:
    """What was drawn on the canvas, without the alpha channel: every figure has a white ground."""
    buffer = canvas.buffer_rgba()
    return Image.frombuffer("RGBA", buffer.shape[1::-1], buffer).convert("RGB")


def small_png(picture: Image.Image) -> bytes:
    """For pictures that are kept in a notebook: slower to write, a third of the size."""
    file = io.BytesIO()
    # MAXCOVERAGE keeps rare colors: MEDIANCUT turns some grays of a digit into beige.
    few_colors = picture.quantize(128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few_colors.save(file, "png", optimize=True)
    return file.getvalue()


def _figure_of(figure: Figure | Axes) -> Figure:
    if isinstance(figure, Figure):
        return figure
    if isinstance(figure, Axes):
        return figure.get_figure()
    raise TypeError(f"figure is {type(figure).__name__}, expected a Matplotlib Figure or Axes")
