"""Checks of the exercises: each says whether a learner's code is right, and if not, which mistake it is.

>>> import numpy as np
>>> from bnteach import check
>>> check.standardize(lambda x, eps: (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps))
✓ standardize: passed
>>> verdict = check.standardize(lambda x, eps: (x - x.mean(axis=0)) / (x.std(axis=0) + eps))
>>> verdict.state, verdict.mistake
('not yet', 'eps_outside')

`verdict.hint(1)` to `verdict.hint(3)` help on. `check.report()` shows how a notebook's exercises stand.

CHECKS: name -> check. Each check is an attribute of this module too.
A teacher adds a mistake with `check.add`.
"""

from .adding import add
from .checking import Check
from .lessons import CHECKS
from .mistakes import Mistake
from .standing import Report, report, require
from .verdict import Hint, Verdict

globals().update(CHECKS)

__all__ = ["CHECKS", "Check", "Hint", "Mistake", "Report", "Verdict", "add", "report", "require", *CHECKS]
