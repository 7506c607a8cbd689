"""A Matplotlib renderer that keeps what is drawn as vector operations, for a browser to repeat on a canvas.

An operation is (style, path, x, y, dx, dy, …): draw this path in this style with its first point at x, y,
then again at x + dx, y + dy, and so on. Numbers count quarter pixels from the upper left. A mark is the tuple
of the operations of one artist. Styles, paths and marks are kept once each, however many frames use them.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

__all__ = ["PARTS_OF_A_PIXEL", "Recorder"]

PARTS_OF_A_PIXEL = 4
SMALL = 5  # points of a path that is likely to come again
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}


class Numbered(dict):
    """Numbers things in the order in which they come, each once."""

    def number(self, thing) -> int:
        return self.setdefault(thing, len(self))


class Recorder(RendererBase):
    """Keeps paths, markers and text, to which all comes down that a lab may draw.

    Attributes:
        styles, paths, marks: what was recorded, thing -> number.
    """

    def __init__(self, figure: Figure):
        super().__init__()
        self.width, self.height = (round(side) for side in figure.bbox.size)
        self.styles, self.paths, self.marks = Numbered(), Numbered(), Numbered()
        self._dots_a_point = figure.dpi / 72
        self._measures = FigureCanvasAgg(figure).get_renderer()
        self._operations: list[tuple] = []
        self._outlines: dict[tuple, tuple] = {}

    def record(self, artist: Artist) -> int:
        """The number of the mark that an artist draws.

        Raises:
            NotImplementedError: it draws an image, a hatch, or inside a clip path that is no rectangle.
        """
        self._operations = []
        artist.draw(self)
        return self.marks.number(tuple(self._operations))

    # What Matplotlib asks of a renderer.

    def points_to_pixels(self, points):
        return points * self._dots_a_point

    def flipy(self):
        return False

    def get_canvas_width_height(self):
        return self.width, self.height

    def get_text_width_height_descent(self, s, prop, ismath):
        return self._measures.get_text_width_height_descent(s, prop, ismath)

    def draw_path(self, gc, path, transform, rgbFace=None):
        self._keep(gc, rgbFace, path, transform, np.zeros((1, 2)))

    def draw_markers(self, gc, marker_path, marker_trans, path, trans, rgbFace=None):
        places = trans.transform(path.vertices)
        self._keep(gc, rgbFace, marker_path, marker_trans, places[np.isfinite(places).all(axis=1)])

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        outline = Path(*text_to_path.get_text_path(prop, s, ismath=ismath))
        size = self.points_to_pixels(prop.get_size_in_points()) / text_to_path.FONT_SCALE
        turned = Affine2D().scale(size).rotate_deg(angle)
        gc.set_linewidth(0)
        self._keep(gc, gc.get_rgb(), outline, turned, np.array([[x, y]]))

    def draw_image(self, gc, x, y, im, transform=None):
        raise NotImplementedError("a lab draws an image, which is not recorded: draw a mesh of cells")

    def draw_gouraud_triangles(self, gc, triangles_array, colors_array, transform):
        raise NotImplementedError("a lab draws shaded triangles, which are not recorded: draw plain cells")

    # How it is kept.

    def _keep(self, gc, face, path: Path, transform, places: np.ndarray) -> None:
        """Add one operation: the path in every place."""
        _refuse_what_is_not_recorded(gc)
        style = self._style(gc, face)
        outline, first = self._outline_once(gc, face, path, transform)
        if not (style[0] or style[1]) or not outline or not len(places):
            return
        from_top = (places + first) * [1, -1] + [0, self.height]
        whole = np.rint(PARTS_OF_A_PIXEL * from_top).astype(int)
        steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), dtype=int))
        self._operations.append(
            (self.styles.number(style), self.paths.number(outline), *steps.ravel().tolist())
        )

    def _style(self, gc: GraphicsContextBase, face) -> tuple:
        """Colors of face and line; the line's width, ends, corners and dashes; the rectangle of the clip."""
        alpha = gc.get_alpha() if gc.get_forced_alpha() else None
        width = round(float(self.points_to_pixels(gc.get_linewidth())), 2)
        fill = _color(tuple(face), alpha) if face is not None else ""
        line = _color(tuple(gc.get_rgb()), alpha) if width else ""
        dashes = () if not line else gc.get_dashes()[1] or ()
        in_pixels = tuple(round(float(self.points_to_pixels(length)), 2) for length in dashes)
        how = (gc.get_capstyle(), gc.get_joinstyle()) if line else ("", "")
        return fill, line, width if line else 0, *how, in_pixels, self._clip(gc)

    def _clip(self, gc: GraphicsContextBase) -> tuple:
        box = gc.get_clip_rectangle()
        return () if box is None else _from_top(*box.extents, self.height)

    def _outline_once(self, gc, face, path: Path, transform) -> tuple[tuple, np.ndarray | None]:
        """The outline of a path; that of a small one, such as a cell, is kept: it comes in every frame."""
        how = gc.get_snap(), self.points_to_pixels(gc.get_linewidth()), face is None
        if len(path) > SMALL:
            return self._outline(path, transform, *how)
        codes = None if path.codes is None else path.codes.tobytes()
        key = path.vertices.tobytes(), codes, transform.get_matrix().tobytes(), *how
        if key not in self._outlines:
            self._outlines[key] = self._outline(path, transform, *how)
        return self._outlines[key]

    def _outline(self, path: Path, transform, snap, width, is_line) -> tuple[tuple, np.ndarray | None]:
        """A path as its kinds of segments and the steps between its points; and its first point."""
        seen = (0, 0, self.width, self.height) if is_line else None
        how = {"remove_nans": True, "clip": seen, "simplify": None if is_line else False, "curves": True}
        cleaned = path.cleaned(transform, snap=snap, stroke_width=width, **how)
        codes = cleaned.codes[cleaned.codes != Path.STOP]
        points = cleaned.vertices[: len(codes)][codes != Path.CLOSEPOLY]
        if not len(points):
            return (), None
        steps = np.diff(np.rint(PARTS_OF_A_PIXEL * points).astype(int), axis=0) * [1, -1]
        return (_kinds(codes.tobytes()), *steps.ravel().tolist()), points[0]


def _refuse_what_is_not_recorded(gc: GraphicsContextBase) -> None:
    if gc.get_hatch() is not None:
        raise NotImplementedError(f"a lab draws the hatch {gc.get_hatch()!r}, which is not recorded")
    if gc.get_clip_path()[0] is not None:
        raise NotImplementedError("a lab clips by a path, which is not recorded: clip by a rectangle")
    if gc.get_sketch_params() is not None:
        raise NotImplementedError("a lab draws sketched lines, which are not recorded")


@cache
def _from_top(left: float, bottom: float, right: float, top: float, height: int) -> tuple[int, ...]:
    """A box as a canvas takes it: left, top, width, height."""
    return tuple(round(side) for side in (left, height - top, right - left, top - bottom))


@cache
def _kinds(codes: bytes) -> str:
    """The kinds of a path's points, each with how many of it are in a row: M1L3Z1."""
    return "".join(f"{LETTERS[code]}{len(list(row))}" for code, row in groupby(codes))


@cache
def _color(color: tuple, alpha: float | None) -> str:
    """As CSS writes it; empty where nothing would be seen."""
    if alpha == 0 or (alpha is None and len(color) == 4 and color[3] == 0):
        return ""
    return to_hex(color if alpha is None else (*color[:3], alpha), keep_alpha=True).removesuffix("ff")
