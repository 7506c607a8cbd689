import sys

import numpy as np
import pytest

from bnteach.core import fast, functional


@pytest.fixture
def rng():
    return np.random.default_rng(20150211)


@pytest.fixture(scope="module", params=["plain", "fast"])
def page(request):
    """The plain page and the engine; layers take this one, whatever the size of x."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast, "MANY", 0 if request.param == "fast" else sys.maxsize)
        yield fast if request.param == "fast" else functional
