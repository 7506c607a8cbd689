"""A picture that follows the hand: only what changes is drawn again.

A full Matplotlib draw takes 40 to 170 ms, mostly for axes, ticks and words that stay as they are. So they
are drawn once and kept as pixels. A frame puts these pixels back, draws the new marks over them (*blitting*,
a few milliseconds) and sends all as a PNG in an `ipywidgets.Image`, which every notebook program has.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import ipywidgets as widgets
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bnteach.figures.display import pixels, small_png
from bnteach.figures.style import DOTS_PER_INCH, new_figure, style

__all__ = ["Canvas"]

BELOW_ALL_MARKS = 10


class Canvas:
    """One figure that stays, its background as pixels, and the widget that shows it.

    Args:
        panels: the width of each axes beside the others, such as (2, 1).
        size: width and height in inches, as in `figures.new_figure`.

    Attributes:
        image: the `ipywidgets.Image`.
        axes: the axes, anew after each `invalidate`.
    """

    def __init__(self, panels: Sequence[float], size: tuple[float, float]):
        self.figure, self.axes = new_figure(len(panels), size=size)
        self.agg = FigureCanvasAgg(self.figure)
        # `height: auto` keeps the picture's form in a narrow window.
        layout = widgets.Layout(width=f"{size[0] * DOTS_PER_INCH:.0f}px", max_width="100%", height="auto")
        self.image = widgets.Image(format="png", layout=layout)
        self._panels = panels
        self._background = None

    def invalidate(self) -> None:
        """Forget the background: labels or limits have changed. The next frame takes a full draw."""
        self._background = None

    def paint(self, background: Callable[[list[Axes]], None], marks: Callable[[list[Axes]], None]) -> None:
        """Show a new frame.

        Args:
            background: draws what stays (labels, limits, keys) on empty axes; called after `invalidate` only.
            marks: draws what changes. It must leave limits and labels alone.
        """
        with style():
            if self._background is None:
                self.set_background(background)
                self.agg.draw()
                self._background = self.agg.copy_from_bbox(self.figure.bbox)
            self.set_marks(marks)
            self.agg.restore_region(self._background)
            for mark in self.marks():
                mark.axes.draw_artist(mark)
        self.image.value = _fast_png(pixels(self.agg))

    def still(self) -> bytes:
        """The frame shown now as a small PNG file, for a notebook that is read without a kernel."""
        return small_png(pixels(self.agg))

    def set_background(self, background: Callable[[list[Axes]], None]) -> None:
        """Put what stays on new axes, and give them their places. It is not drawn yet."""
        self.figure.clear()
        self.figure.set_layout_engine("constrained")
        self.axes = list(
            self.figure.subplots(1, len(self._panels), squeeze=False, width_ratios=self._panels)[0]
        )
        background(self.axes)
        for ax in self.axes:
            ax.autoscale(False)
        self.figure.get_layout_engine().execute(self.figure)
        self.figure.set_layout_engine("none")  # the axes keep the places they have now
        self._static = {artist for ax in self.axes for artist in ax.get_children()}
        for artist in self._static:  # so that a full draw, too, puts every mark above them
            artist.set_zorder(artist.get_zorder() - BELOW_ALL_MARKS)

    def set_marks(self, marks: Callable[[list[Axes]], None]) -> None:
        """Put new marks in the place of those before. They are not drawn yet."""
        for mark in self.marks():
            mark.remove()
        marks(self.axes)

    def marks(self) -> list[Artist]:
        """What changes from frame to frame, in the order in which it is drawn."""
        return [mark for ax in self.axes for mark in self._marks_of(ax)]

    def _marks_of(self, ax: Axes) -> list[Artist]:
        marks = [artist for artist in ax.get_children() if artist not in self._static]
        return sorted(marks, key=lambda artist: artist.get_zorder())


def _fast_png(picture) -> bytes:
    file = io.BytesIO()
    picture.save(file, "png", compress_level=1)
    return file.getvalue()
