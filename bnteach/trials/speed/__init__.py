"""Lesson 13: ways to compute a BN layer, held against PyTorch. A way takes x, gamma, beta and dy, and returns
y, dx, dgamma and dbeta; x and dy are (samples, channels, positions).

measure.py  a layer's data, PyTorch and the engine as ways, memory and digits of a way
loops.py    BN as plain loops over numbers, for a compiler
"""

from . import loops
from .measure import as_way, batch, digits, engine, peak, pytorch, y_of_pytorch

__all__ = ["as_way", "batch", "digits", "engine", "loops", "peak", "pytorch", "y_of_pytorch"]
