"""A table for the reader's eye, as text and as HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Table"]


class Table:
    """Shows rows to a reader: numbers on the right, each column with its own number of decimals, no index.

    Args:
        rows: a DataFrame, or mappings with the same names.
        alike: columns of numbers that get the same decimals, such as a mean and the ends of its interval.

    Example:
        >>> print(Table([{"layer": "conv", "parameters": 9472}, {"layer": "dense", "parameters": 205524992}]))
        layer   parameters
        conv         9,472
        dense  205,524,992
    """

    def __init__(self, rows: pd.DataFrame | Iterable[Mapping[str, Any]], alike: Sequence[str] = ()):
        self.data = pd.DataFrame(rows)
        self.alike = [name for name in alike if name in self.data]

    def __str__(self) -> str:
        lines = dedent(self._placed(_padded).to_string(index=False)).splitlines()
        return "\n".join(line.rstrip() for line in lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            return self._placed(_in_html).to_html(index=False, escape=False, border=0)

    def _placed(self, place: Callable[..., list[str]]) -> pd.DataFrame:
        columns = (
            place([str(name), *self._texts(name)], "right" if _is_number(column) else "left")
            for name, column in self.data.items()
        )
        return pd.DataFrame({head: cells for head, *cells in columns})

    def _texts(self, name: str) -> list[str]:
        column = self.data[name]
        if _is_number(column):
            decimals = _decimals(self.data[self.alike if name in self.alike else [name]].to_numpy(float))
            return [f"{value:,.{decimals}f}" for value in column]
        return [f"array {cell.shape}" if isinstance(cell, np.ndarray) else str(cell) for cell in column]


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _decimals(numbers: np.ndarray) -> int:
    """Those that the numbers need, but no more than 4 digits for the largest and 1 for the smallest."""
    sizes = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)])
    if not sizes.size:
        return 0
    first, last = (math.floor(math.log10(size)) for size in (sizes.max(), sizes.min()))
    most = max(0, 3 - first, min(4, -last))
    return next((few for few in range(most) if (sizes.round(few) == sizes).all()), most)


def _padded(texts: Sequence[str], side: str) -> list[str]:
    width = max(map(len, texts))
    return [" " + (text.ljust(width) if side == "left" else text.rjust(width)) for text in texts]


def _in_html(texts: Sequence[str], side: str) -> list[str]:
    return [f'<div style="text-align: {side}">{html.escape(text)}</div>' for text in texts]
