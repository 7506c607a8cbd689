"""Claims that took long to measure, kept in a file with the command that measured them."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bnteach.training.results import SeedSummary
from bnteach.training.verdicts import Claim

__all__ = ["load_claims", "store_claims"]

DIGITS = 6
LIST = re.compile(r"\[[^\[\]]*\]")


def store_claims(path: str | Path, claims: Mapping[str, Claim], command: str) -> None:
    """Write claims to a JSON file: every seed's value, the command, the date, the versions.

    Values are kept with six significant digits. The verdicts are not kept: they follow from the values.

    Args:
        path: of the file; an older one is replaced.
        claims: by their short names.
        command: what whoever wants to repeat it has to do.
    """
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    about = {"command": command, "date": str(date.today()), "versions": versions}
    kept = {name: _kept(claim) for name, claim in claims.items()}
    text = json.dumps({**about, "claims": kept}, indent=1, ensure_ascii=False)
    Path(path).write_text(LIST.sub(_on_one_line, text) + "\n", "utf-8")


def load_claims(path: str | Path) -> tuple[dict[str, Any], dict[str, Claim]]:
    """Read what `store_claims` wrote: command, date and versions, and the claims.

    Raises:
        FileNotFoundError: there is no such file.
    """
    kept = json.loads(Path(path).read_text("utf-8"))
    claims = {name: _claim(**claim) for name, claim in kept.pop("claims").items()}
    return kept, claims


def _kept(claim: Claim) -> dict[str, Any]:
    evidence = {name: [_short(value) for value in effect.values] for name, effect in claim.evidence.items()}
    return {
        **{name: getattr(claim, name) for name in ("words", "effect", "margin", "expects")},
        "evidence": evidence,
    }


def _claim(evidence: Mapping[str, list[float]], **about) -> Claim:
    return Claim(**about, evidence={name: SeedSummary(np.array(values)) for name, values in evidence.items()})


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _on_one_line(numbers: re.Match) -> str:
    return " ".join(numbers[0].split()).replace("[ ", "[").replace(" ]", "]")
