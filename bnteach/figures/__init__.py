"""Arrays in, Axes out. The only drawing: lessons and labs use the same functions.

style.py          colors and signs by meaning; new_figure
display.py        show(figure, alt=...): the picture in the notebook, with words for it
frame.py          titles, labels, limits; the key
distributions.py  a histogram, points of two features
batches.py        estimates around the truth, the values of one batch, columns of dots
curves.py         loss and accuracy, percentiles over time, sizes layer by layer
activations.py    the curve of an activation; outlines of distributions, above each other
arrows.py         a vector, and what is taken away from it
streams.py        a number of each batch, and what is kept of it
numbers.py        many short numbers at once
matrices.py       a small matrix in colors, marks beside its rows
modes.py          training and evaluation: what flows where; block_kinds.py: where BN stands in a block
graph.py          the graph of computation, its values and gradients; paths.py: dx path by path
cubes.py          which values share one mean, for four norms
maps.py           which values of a small batch share one mean; feature maps; a small table
dots.py           dots, with a triangle at the edge for what lies beyond
pictures.py       small gray pictures in a row
boxes.py          boxes around things in a picture
effects.py        effects over seeds, beside a margin

    ax = figures.histogram(x, label="ages")
    figures.frame(ax, title="Most cars are young", x="age in years", y="density")
    figures.show(ax, alt="A histogram of the ages: it falls from 0 to 30 years.")
"""

from .activations import note, outline, ridges, shade, transfer
from .arrows import arrow
from .batches import averages, batch_values, estimates, moves, strips
from .block_kinds import block_kinds
from .boxes import boxes, scene
from .cubes import norm_cubes
from .curves import curve, layer_sizes, percentiles
from .display import show
from .distributions import histogram, points
from .dots import dots
from .effects import effects
from .frame import frame, key
from .graph import graph_boxes, graph_values
from .maps import blocks, feature_maps, gray_pictures, shared_values, small_table
from .matrices import matrix, row_marks
from .modes import two_modes
from .numbers import numbers, signed_number
from .paths import path_labels, path_values
from .pictures import pictures
from .streams import stream
from .style import ROLES, Role, new_axes, new_figure, role, style

__all__ = [
    "ROLES",
    "Role",
    "arrow",
    "averages",
    "batch_values",
    "block_kinds",
    "blocks",
    "boxes",
    "curve",
    "dots",
    "effects",
    "estimates",
    "feature_maps",
    "frame",
    "graph_boxes",
    "graph_values",
    "gray_pictures",
    "histogram",
    "key",
    "layer_sizes",
    "matrix",
    "moves",
    "new_axes",
    "new_figure",
    "norm_cubes",
    "note",
    "numbers",
    "outline",
    "path_labels",
    "path_values",
    "percentiles",
    "pictures",
    "points",
    "ridges",
    "role",
    "row_marks",
    "scene",
    "shade",
    "shared_values",
    "show",
    "signed_number",
    "small_table",
    "stream",
    "strips",
    "style",
    "transfer",
    "two_modes",
]
