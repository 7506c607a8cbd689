"""Lesson 13: ways to compute a BN layer, held against PyTorch. A way takes x, gamma, beta and dy, and returns
y, dx, dgamma and dbeta; x and dy are (samples, channels, positions).

measure.py   a layer's data, ways that are not typed there, memory and digits of a way
loops.py     BN as plain loops over numbers, for a compiler
compiler.py  what was measured with the compiler, where it is not installed
"""

from . import loops
from .compiler import live_or_stored
from .measure import (
    OPERATIONS,
    as_way,
    assert_same,
    batch,
    clock,
    digits,
    engine,
    least,
    peak,
    product,
    pytorch,
    shortest,
    steady,
    table,
    y_of_pytorch,
)

__all__ = [
    "OPERATIONS",
    "as_way",
    "assert_same",
    "batch",
    "clock",
    "digits",
    "engine",
    "least",
    "live_or_stored",
    "loops",
    "peak",
    "product",
    "pytorch",
    "shortest",
    "steady",
    "table",
    "y_of_pytorch",
]
