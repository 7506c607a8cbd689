"""A tidy table: one row for each run, one column for each setting and each result."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from bnteach.training.summary import SeedSummary

__all__ = ["Table"]

LEFT = 'style="text-align: left"'


class Table:
    """Rows with named values, such as the runs of an experiment. It is shown as HTML and as text.

    Args:
        rows: mappings with the same names in the same order.

    Raises:
        ValueError: the rows do not have the same names.

    Example:
        >>> runs = Table({"rate": r, "seed": s, "loss": s / r} for r in (1, 2) for s in (3, 4))
        >>> runs.where(rate=2).column("loss")
        array([1.5, 2. ])
        >>> print(runs.summary("loss", rate=1))
        3.5 ± 6.4 (95% interval, 2 seeds)
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]):
        self.rows = [dict(row) for row in rows]
        self.columns = tuple(self.rows[0]) if self.rows else ()
        for row in self.rows:
            if tuple(row) != self.columns:
                raise ValueError(f"a row has the columns {tuple(row)}, expected {self.columns}")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def where(self, **values) -> Table:
        """The rows in which each of these columns has this value.

        Raises:
            ValueError: there is no such column, or no such row.
        """
        for name in values:
            self._known(name)
        rows = [row for row in self.rows if all(row[name] == value for name, value in values.items())]
        if not rows:
            raise ValueError(f"no row has {_words(values)}")
        return Table(rows)

    def column(self, name: str) -> np.ndarray:
        """The values of a column, from the first row to the last."""
        self._known(name)
        return np.array([row[name] for row in self.rows])

    def values(self, name: str) -> list:
        """The different values of a column, in the order in which they first come."""
        self._known(name)
        return list(dict.fromkeys(row[name] for row in self.rows))

    def summary(self, result: str, **values) -> SeedSummary:
        """A result over the seeds, where each of these columns has this value.

        Raises:
            ValueError: what is left has not exactly one row for each seed.
        """
        return SeedSummary(self.where(**values)._by_seed(result)[1])

    def difference(self, result: str, **contrast: tuple) -> SeedSummary:
        """How much larger a result is with one value of a setting than with another, seed by seed.

        What the seed alone changes is in both and cancels. So the interval is tighter than that of two means.

        Args:
            result: the column to compare.
            contrast: one setting and its two values, such as `batch_norm=(True, False)` for with − without.

        Raises:
            ValueError: more than one setting, or what is left has not exactly one row for each seed.

        Example:
            >>> runs = Table({"seed": s, "bn": b, "loss": s - b} for s in range(5) for b in (False, True))
            >>> runs.difference("loss", bn=(True, False)).values
            array([-1, -1, -1, -1, -1])
        """
        if len(contrast) != 1:
            raise ValueError(f"contrast is {contrast}, expected one setting and its two values")
        ((setting, (one, other)),) = contrast.items()
        seeds, values = self.where(**{setting: one})._by_seed(result)
        other_seeds, other_values = self.where(**{setting: other})._by_seed(result)
        if seeds != other_seeds:
            raise ValueError(f"the seeds of {setting}={one!r} and of {setting}={other!r} differ")
        return SeedSummary(values - other_values)

    def along(self, setting: str, result: str, **values) -> tuple[list, SeedSummary]:
        """A result against a setting: the setting's values (k,), and the summary of curves (seeds, k)."""
        rows = self.where(**values)
        places = rows.values(setting)
        curves = [rows.where(**{setting: place})._by_seed(result)[1] for place in places]
        return places, SeedSummary(np.stack(curves, axis=1))

    def best(self, result: str, over: str, *by: str) -> Table:
        """The rows with that value of the setting `over` which gives the largest mean result.

        Args:
            result: the column to judge by.
            over: the setting to choose, such as the learning rate.
            by: settings for each of whose values the choice is made anew, such as "batch_norm".

        Example:
            >>> runs = Table({"rate": r, "seed": s, "score": -abs(r - 2)} for r in (1, 2, 3) for s in (0, 1))
            >>> runs.best("score", "rate").values("rate")
            [2]
        """
        if by:
            name, *rest = by
            parts = [self.where(**{name: value}).best(result, over, *rest) for value in self.values(name)]
            return Table(row for part in parts for row in part)
        groups = [self.where(**{over: value}) for value in self.values(over)]
        return max(groups, key=lambda group: group.column(result).mean())

    def _by_seed(self, result: str) -> tuple[list, np.ndarray]:
        seeds = list(self.column("seed"))
        if len(set(seeds)) != len(seeds):
            settings = self.columns[: self.columns.index("seed")]
            varied = ", ".join(name for name in settings if len(self.values(name)) > 1)
            raise ValueError(f"a seed has several rows; say which, by a value for one of: {varied}")
        return seeds, self.column(result)

    def _known(self, name: str) -> None:
        if name not in self.columns:
            raise ValueError(f"there is no column {name!r}; the columns are {', '.join(self.columns)}")

    def __str__(self) -> str:
        cells = [self.columns, *([_text(value) for value in row.values()] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        words = [isinstance(value, str) for value in (self.rows[0].values() if self.rows else ())]
        return "\n".join(_line(line, widths, words) for line in cells)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th {LEFT}>{html.escape(name)}</th>" for name in self.columns)
        rows = (
            "".join(f"<td {LEFT}>{html.escape(_text(value))}</td>" for value in row.values())
            for row in self.rows
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value) -> str:
    if isinstance(value, np.ndarray):
        return f"array {value.shape}"
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)


def _line(cells, widths, words) -> str:
    """One line of text: words on the left of their column, numbers on the right."""
    placed = (
        cell.ljust(width) if is_word else cell.rjust(width)
        for cell, width, is_word in zip(cells, widths, words, strict=True)
    )
    return "  ".join(placed).rstrip()


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
