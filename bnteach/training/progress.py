"""A progress bar whose last line is always the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tqdm.auto import tqdm

__all__ = ["progress_bar"]

# It shows the time that is left, not the time that went by: at the end that is 00:00 on every machine.
FORMAT = "{desc}: {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}, {remaining} left"


def progress_bar(items: Iterable, total: int, description: str, show: bool) -> Iterator:
    """The items, one after the other, with a bar if `show`: a widget in a notebook, elsewhere text on stderr.

    Example:
        >>> list(progress_bar("abc", total=3, description="letters", show=False))
        ['a', 'b', 'c']
    """
    return iter(tqdm(items, total=total, desc=description, disable=not show, bar_format=FORMAT))
