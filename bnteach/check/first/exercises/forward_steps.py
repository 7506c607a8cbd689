"""The steps of a forward pass that many recipes share, so that one mistake of the catalogue fits them all.

A recipe that begins with {**NORMALIZING, …} can have every mistake in these steps. `table` is what the
statistics are measured on: one row for each value of a channel, one column for each channel. A recipe whose
input has another shape replaces `table`; all that follows stays as it is.
"""

from __future__ import annotations

import numpy as np

MOMENTS = {
    "divisor": lambda n: n,
    "var": lambda sum_of_squares, divisor: sum_of_squares / divisor,
}

STATISTICS = {
    "table": lambda x: x,
    "n": lambda table: len(table),
    "mean": lambda table: table.mean(axis=0),
    "centered": lambda table, mean: table - mean,
    "sum_of_squares": lambda centered: (centered**2).sum(axis=0),
    "mean_of_squares": lambda table: (table**2).mean(axis=0),  # for the mistakes that need it
    **MOMENTS,
}

NORMALIZING = {
    **STATISTICS,
    "inv_std": lambda var, eps: 1 / np.sqrt(var + eps),
    "x_hat": lambda centered, inv_std: centered * inv_std,
}
