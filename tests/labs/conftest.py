"""Each lab in turn."""

from __future__ import annotations

import pytest

from bnteach import labs


@pytest.fixture(params=sorted(set(labs.__all__) - {"Lab"}))
def lab_class(request):
    """Each lab in turn."""
    if request.param in ("Landscape", "Pruning", "Training"):
        pytest.importorskip("torch")
    return getattr(labs, request.param)
