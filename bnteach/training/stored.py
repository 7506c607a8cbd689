"""Results that took long to compute, kept in a JSON file beside the lessons."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bnteach.training.claims import Claim
from bnteach.training.results import SeedSummary

__all__ = ["stored", "stored_claims"]

DIGITS = 6  # significant digits of a claim's values


def stored(
    path: str | Path,
    compute: Callable[[], Any],
    again: bool = False,
    command: str = "the lesson, with again=True",
) -> dict[str, Any]:
    """Results kept in a JSON file, with the command, the date and the versions that they come from.

    Args:
        path: of the file.
        compute: gives the results: numbers, words, lists and dictionaries of them.
        again: compute them now and store them, instead of reading them.
        command: what is done to compute them again.

    Returns:
        A dictionary with "command", "date", "versions" and "results".

    Raises:
        FileNotFoundError: there is no such file, and `again` is False.
    """
    path = Path(path)
    if again:
        versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
        about = {"command": command, "date": str(date.today()), "versions": versions}
        text = json.dumps({**about, "results": compute()}, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def stored_claims(
    path: str | Path, claims: Mapping[str, Claim] | None = None, command: str = ""
) -> tuple[dict[str, Any], dict[str, Claim]]:
    """Claims kept in a JSON file by `stored`, with the values of every seed.

    The verdicts are not kept: they follow from the values.

    Args:
        path: of the file.
        claims: by their short names, to be stored now; None reads those that are stored.
        command: what is done to compute them again.

    Returns:
        A dictionary with "command", "date" and "versions", and the claims by their names.

    Raises:
        FileNotFoundError: there is no such file, and no claims are given.
    """
    again = claims is not None
    kept = stored(path, lambda: {name: _numbers(claim) for name, claim in claims.items()}, again, command)
    return kept, {name: _claim(**numbers) for name, numbers in kept.pop("results").items()}


def _numbers(claim: Claim) -> dict[str, Any]:
    evidence = {
        condition: [float(f"{value:.{DIGITS}g}") for value in effect.values]
        for condition, effect in claim.evidence.items()
    }
    return {**vars(claim), "evidence": evidence}


def _claim(evidence: Mapping[str, list[float]], **fields: Any) -> Claim:
    return Claim(
        **fields, evidence={name: SeedSummary(np.array(values)) for name, values in evidence.items()}
    )
