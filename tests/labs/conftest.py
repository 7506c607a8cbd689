"""Each lab in turn."""

from __future__ import annotations

import pytest

from bnteach import labs


@pytest.fixture(scope="module", params=sorted(set(labs.__all__) - {"Lab"}))
def lab_class(request):
    """Each lab in turn."""
    if request.param in ("Landscape", "Pruning", "Shifts", "Training"):
        pytest.importorskip("torch")
    return getattr(labs, request.param)


@pytest.fixture(scope="module")
def lab(lab_class):
    """A lab as it begins, for tests that only look at it."""
    return lab_class()
