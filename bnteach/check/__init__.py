"""Checks of the exercises: each says whether a learner's code is right, and if not, which mistake it is.

>>> from bnteach import check
>>> check.standardize(lambda x, eps: (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps))
✓ standardize: passed
>>> verdict = check.standardize(lambda x, eps: (x - x.mean(axis=0)) / (x.std(axis=0) + eps))
>>> verdict.state, verdict.mistake
('not yet', 'eps_outside')

CHECKS: name -> check. Each check is an attribute of this module too.
CATALOGUE: key -> Mistake.
"""

from __future__ import annotations

from .catalogue import CATALOGUE
from .checking import Check
from .exercises import CHECKS
from .mistake import Mistake
from .standing import Report, report, require
from .verdict import Hint, Verdict

globals().update(CHECKS)

__all__ = [
    "CATALOGUE",
    "CHECKS",
    "Check",
    "Hint",
    "Mistake",
    "Report",
    "Verdict",
    "report",
    "require",
    *CHECKS,
]
