"""Nine quantities over whatever shape, axis, dtype, memory order, option and scale hypothesis finds."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beside_torch import TOLERANCE, assert_same, batch, in_float64, our_pass, pair, pytorchs_pass

pytestmark = pytest.mark.usefixtures("page")


def sliced(a):
    """Every second value of a larger array."""
    larger = np.zeros([2 * n for n in a.shape], a.dtype)
    view = larger[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


IN_MEMORY = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "backwards": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "transposed": lambda a: np.ascontiguousarray(a.swapaxes(0, -1)).swapaxes(0, -1),
    "sliced": sliced,
    "read only": read_only,
}
momenta = st.none() | st.sampled_from([0, 1, 0.1]) | st.floats(-1, 2)


@st.composite
def cases(draw):
    long = draw(st.sampled_from([None, None, 33, 65, 200, 1025, 2050]))  # sums are taken in pieces
    sizes = draw(st.lists(st.integers(1, 3 if long else 6), min_size=2, max_size=5))
    sizes[draw(st.integers(0, len(sizes) - 1))] = long or 4
    shape = tuple(sizes)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    if np.prod(shape) == shape[axis]:  # one value per channel has tests of its own
        shape = tuple(n + 2 if i != axis % len(shape) else n for i, n in enumerate(shape))
    return {
        "shape": shape,
        "axis": axis,
        "dtype": draw(st.sampled_from([np.float32, np.float64])),
        "offset": draw(st.sampled_from([0.0, 1.0, 100.0])),
        "spread": draw(st.sampled_from([0.1, 1.0, 30.0])),
        "in_memory": draw(st.sampled_from(sorted(IN_MEMORY))),
        "modes": draw(st.lists(st.booleans(), min_size=1, max_size=4)),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "options": {
            "eps": draw(st.sampled_from([1e-5, 1e-3, 1.0])),
            "momentum": draw(momenta),
            "affine": draw(st.booleans()),
            "track_running_stats": draw(st.booleans()),
        },
    }


def digest(*arrays):
    return [hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest() for a in arrays]


@settings(max_examples=300)
@given(cases())
def test_as_pytorch_in_float64(case):
    """PyTorch gets the same numbers in float64, so that its own rounding is not in the way."""
    rng, axis, dtype = np.random.default_rng(case["seed"]), case["axis"], case["dtype"]
    offset, spread, store = case["offset"], case["spread"], IN_MEMORY[case["in_memory"]]
    first, _ = batch(rng, case["shape"], axis, dtype)
    bn, twin = pair(rng, first, axis, dtype, **case["options"])
    in_float64(twin, bn)
    # How much a quantity moves when x moves by as much as its own rounding.
    size, root_m = 1 + offset + spread, (first.size / first.shape[axis]) ** 0.5
    units = {"y": size / spread, "dx": size / spread**2 + 1}
    units |= {"dgamma": 5 * root_m * size / spread, "dbeta": 5 * root_m}
    units |= {"running_mean": size, "running_var": size * spread + 1}
    for training in case["modes"]:
        x, dy = (store(a) for a in batch(rng, case["shape"], axis, dtype, offset, spread))
        before = digest(x, dy)
        bn.train(training), twin.train(training)
        ours = our_pass(bn, x, dy)
        assert digest(x, dy) == before, "an input was modified"
        assert ours["y"].dtype == ours["dx"].dtype == dtype
        reference = pytorchs_pass(twin, x.astype(np.float64), dy.astype(np.float64), axis)
        assert_same(ours, reference, TOLERANCE[dtype], units)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("in_memory", IN_MEMORY)
@pytest.mark.parametrize(
    ("shape", "axis"), [((200, 3), 1), ((3, 200), 0), ((70, 4, 5, 3), -1), ((3, 4, 40, 41), 1)]
)
def test_a_long_array_in_any_order(rng, shape, axis, in_memory, training):
    """Where the sums are taken in pieces, and what is written to a piece must arrive in the result."""
    x, dy = (IN_MEMORY[in_memory](a) for a in batch(rng, shape, axis))
    bn, twin = pair(rng, x, axis)
    bn.train(training), twin.train(training)
    units = {"dgamma": 20, "dbeta": 20}
    assert_same(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy, axis), 1e-11, units)
