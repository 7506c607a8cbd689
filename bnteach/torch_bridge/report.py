"""The result of a comparison: nine rows, as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Comparison", "Row"]


@dataclass(frozen=True)
class Row:
    """One quantity of a comparison.

    Attributes:
        mode: "training" or "evaluation".
        quantity: "y", "dx", "dgamma", "dbeta", "running_mean" or "running_var".
        error: the largest difference from PyTorch in float64, as a share of the size of the terms that make
            up the quantity; None where nothing could be subtracted.
        fault: how it differs, or "" if it agrees.
        torch_error: the same share for PyTorch itself in float32; None for float64 data.
    """

    mode: str
    quantity: str
    error: float | None
    fault: str
    torch_error: float | None

    @property
    def agrees(self) -> bool:
        """True if rounding explains the difference, or if neither side has this quantity."""
        return not self.fault

    @property
    def verdict(self) -> str:
        """In words: "agrees", "agrees (neither has it)", "DIFFERS by 4e-02", "DIFFERS: shape …"."""
        if self.fault:
            return f"DIFFERS{self.fault}"
        return "agrees" if self.error is not None else "agrees (neither has it)"

    def cells(self) -> list[str]:
        """What stands in the table's columns."""
        numbers = ("" if e is None else f"{e:.0e}" for e in (self.error, self.torch_error))
        return [self.mode, self.quantity, self.verdict, *numbers]


@dataclass(frozen=True)
class Comparison:
    """Nine quantities of a layer held against PyTorch. Print it, or let a notebook show it.

    Attributes:
        rows: nine rows, six of training and three of evaluation.
        dtype: of the data, for example "float32".
    """

    rows: tuple[Row, ...]
    dtype: str

    @property
    def agrees(self) -> bool:
        """True if all nine quantities agree."""
        return all(row.agrees for row in self.rows)

    @property
    def summary(self) -> str:
        """One sentence: how many agree, and which do not."""
        differing = [f"{row.quantity} in {row.mode}" for row in self.rows if not row.agrees]
        if not differing:
            return f"All {len(self.rows)} quantities agree with PyTorch ({self.dtype})."
        agreeing = f"{len(self.rows) - len(differing)} of {len(self.rows)}"
        return f"{agreeing} agree with PyTorch ({self.dtype}). Look at {', '.join(differing)}."

    def _table(self) -> list[list[str]]:
        """Head and body, without the last column where it is empty."""
        head = ["mode", "quantity", "verdict", "error", "PyTorch's own"]
        columns = 5 if any(row.torch_error is not None for row in self.rows) else 4
        return [cells[:columns] for cells in (head, *(row.cells() for row in self.rows))]

    def __str__(self) -> str:
        table = self._table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table)
        return "\n".join([*lines, self.summary])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self._table()
        # The verdict is said in words; weight and color only repeat it.
        styles = ("" if row.agrees else ' style="color:#b34700;font-weight:bold"' for row in self.rows)
        lines = (
            f"<tr{style}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
            for style, cells in zip(styles, body, strict=True)
        )
        heads = "".join(f'<th scope="col">{title}</th>' for title in head)
        return (
            f"<table><caption>{self.summary}</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        )
