"""Lessons 13 and 13b: ways to compute a BN layer, held against PyTorch. A way takes x, gamma, beta and dy,
and returns y, dx, dgamma and dbeta; x and dy are (samples, channels, positions).

ways.py      the ways of lesson 13, PyTorch's layer, the engine of bnteach, the least that a layer has to do
measure.py   a layer's data; time, memory and error of a way
loops.py     BN as plain loops over numbers, for a compiler
compiler.py  what was measured with the compiler, where it is not installed
"""

from . import loops
from .compiler import live_or_stored
from .measure import (
    arithmetic,
    assert_same,
    batch,
    clock,
    error,
    in_passes,
    lines,
    peak,
    shortest,
    steady,
    table,
    y_of_pytorch,
)
from .ways import as_way, counted, engine, folded, in_place, least, pytorch, textbook, total

__all__ = [
    "arithmetic",
    "as_way",
    "assert_same",
    "batch",
    "clock",
    "counted",
    "engine",
    "error",
    "folded",
    "in_passes",
    "in_place",
    "least",
    "lines",
    "live_or_stored",
    "loops",
    "peak",
    "pytorch",
    "shortest",
    "steady",
    "table",
    "textbook",
    "total",
    "y_of_pytorch",
]
