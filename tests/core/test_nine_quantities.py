"""y, dx, dγ, dβ, running mean and variance in training; y, dx, dγ (dβ) in evaluation: as PyTorch has them."""

import numpy as np
import pytest

from beside_torch import TOLERANCE, assert_same, batch, in_float64, our_pass, pair, pytorchs_pass
from bnteach import batch_norm_inference

pytestmark = pytest.mark.usefixtures("page")

LAYOUTS = {
    "(N, C)": ((7, 4), 1),
    "(C, N)": ((4, 7), 0),
    "(N, C, L)": ((5, 3, 4), 1),
    "(N, L, C)": ((5, 4, 3), -1),
    "NCHW": ((4, 3, 5, 6), 1),
    "NHWC": ((4, 5, 6, 3), -1),
    "CNHW": ((3, 4, 5, 6), -4),
    "NHCW": ((4, 5, 3, 6), 2),
    "NCDHW": ((3, 4, 2, 5, 6), 1),
    "NDHWC": ((3, 2, 5, 6, 4), 4),
    "one sample": ((1, 3, 4, 5), 1),
    "one channel": ((6, 1, 3), 1),
}
# Long enough for each way in which the code cuts its sums into pieces.
LONG = {
    "many samples": ((1999, 3), 1),
    "more samples than a block": ((70_000, 2), 1),
    "long lines": ((3, 2, 70, 80), 1),
    "many channels": ((33, 500), 1),
    "NHWC": ((5, 40, 41, 3), -1),
    "one long line": ((1, 1, 100_003), 1),
    "small maps, many channels": ((65, 129, 7, 7), 1),
}
OPTIONS = [
    {"affine": False},
    {"momentum": None},
    {"momentum": 0},
    {"momentum": 1},
    {"momentum": -0.5},
    {"momentum": 1.7},
    {"eps": 1e-3},
    {"eps": 1.0, "momentum": 0.3},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False, "eps": 0.1},
    {"affine": False, "momentum": None},
]
training_and_evaluation = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def ids(options):
    return ", ".join(f"{name}={value}" for name, value in options.items())


@training_and_evaluation
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_layouts_and_dtypes(rng, layout, dtype, training):
    (shape, axis), parameters = LAYOUTS[layout], np.result_type(dtype, np.float32)
    x, dy = batch(rng, shape, axis, dtype)
    bn, twin = pair(rng, x, axis, parameters)
    bn.train(training), twin.train(training)
    ours, pytorchs = our_pass(bn, x, dy), pytorchs_pass(twin, x, dy, axis)
    assert {name: q.dtype for name, q in ours.items()} == {name: q.dtype for name, q in pytorchs.items()}
    assert_same(ours, pytorchs, TOLERANCE[dtype], {"dgamma": shape[0] ** 0.5, "dbeta": shape[0] ** 0.5})


@training_and_evaluation
@pytest.mark.parametrize("layout", LONG)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_long_sums(rng, layout, dtype, training):
    """Against PyTorch in float64: over so many values PyTorch's own float32 sums lose digits."""
    shape, axis = LONG[layout]
    x, dy = batch(rng, shape, axis, dtype)
    bn, twin = pair(rng, x, axis, dtype)
    in_float64(twin, bn)
    bn.train(training), twin.train(training)
    reference = pytorchs_pass(twin, x.astype(np.float64), dy.astype(np.float64), axis)
    m = x.size / shape[axis]
    units = {"dgamma": m**0.5, "dbeta": m**0.5}
    assert_same(our_pass(bn, x, dy), reference, TOLERANCE[dtype], units)


@training_and_evaluation
@pytest.mark.parametrize("layout", ["(N, C)", "NHWC"])
@pytest.mark.parametrize("options", OPTIONS, ids=ids)
def test_options_over_four_batches(rng, layout, options, training):
    """Four different batches in a row: only then does an average show what it averages."""
    shape, axis = LAYOUTS[layout]
    bn, twin = pair(rng, batch(rng, shape, axis)[0], axis, **options)
    bn.train(training), twin.train(training)
    for _ in range(4):
        x, dy = batch(rng, shape, axis)
        assert_same(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy, axis), 1e-11)


def test_training_and_evaluation_by_turns(rng):
    bn, twin = pair(rng, batch(rng, (6, 4))[0], momentum=0.3)
    for training in (True, True, False, True, False, False, True):
        x, dy = batch(rng, (6, 4))
        bn.train(training), twin.train(training)
        assert_same(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy), 1e-11)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_float32_running_statistics_over_fifty_batches(rng, momentum):
    """Rounded to float32 after each batch, as in PyTorch: no drift."""
    bn, twin = pair(rng, batch(rng, (16, 4))[0], dtype=np.float32, momentum=momentum)
    for _ in range(50):
        x, dy = batch(rng, (16, 4), dtype=np.float32)
        assert_same(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy), 3e-5)


def test_the_functions_are_the_layer_without_its_state(rng, page):
    x, dy = batch(rng, (4, 5, 6, 3), -1)
    bn, twin = pair(rng, x, -1, eps=0.01)
    state = bn.gamma, bn.beta, bn.running_mean, bn.running_var
    evaluation = pytorchs_pass(twin.eval(), x, dy, -1)
    y = batch_norm_inference(x, *state, eps=0.01, channel_axis=-1)
    np.testing.assert_allclose(y, evaluation["y"], rtol=1e-11, atol=1e-11)
    training = pytorchs_pass(twin.train(), x, dy, -1)
    y, cache = page.batch_norm_forward(x, bn.gamma, bn.beta, eps=0.01, channel_axis=-1)
    for name, value in zip(("dx", "dgamma", "dbeta"), page.batch_norm_backward(dy, cache), strict=True):
        np.testing.assert_allclose(value, training[name], rtol=1e-11, atol=1e-11, err_msg=name)
    np.testing.assert_allclose(y, training["y"], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("left_out", ["gamma", "beta"])
def test_a_function_without_gamma_or_without_beta(rng, page, left_out):
    x, dy = batch(rng, (6, 4))
    parameters = {"gamma": rng.uniform(1, 2, 4), "beta": rng.normal(size=4)}
    y, cache = page.batch_norm_forward(x, **(parameters | {left_out: None}))
    neutral = {"gamma": np.ones(4), "beta": np.zeros(4)}[left_out]
    expected_y, expected_cache = page.batch_norm_forward(x, **(parameters | {left_out: neutral}))
    np.testing.assert_array_equal(y, expected_y)
    for got, expected in zip(
        page.batch_norm_backward(dy, cache), page.batch_norm_backward(dy, expected_cache), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("parameters", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@training_and_evaluation
def test_dtypes_of_the_results(rng, dtype, parameters, training):
    """y and dx have the dtype of x, dγ and dβ that of γ; also in the mixtures that PyTorch refuses."""
    x, dy = batch(rng, (6, 4, 5), dtype=dtype)
    bn, twin = pair(rng, x, dtype=parameters)
    in_float64(twin, bn).train(training)
    ours = our_pass(bn.train(training), x, dy)
    expected = {"y": dtype, "dx": dtype, "num_batches_tracked": np.int64}
    for name, value in ours.items():
        assert value.dtype == expected.get(name, parameters), name
    reference = pytorchs_pass(twin, x.astype(np.float64), dy.astype(np.float64))
    assert_same(ours, reference, max(TOLERANCE[dtype], TOLERANCE[parameters]), {"dgamma": 5, "dbeta": 5})


@pytest.mark.parametrize(("offset", "spread"), [(100, 50), (0.5, 1)])
def test_float16_is_summed_in_float32(rng, offset, spread):
    """65 504 is the largest float16: a sum of 4096 values near 100, or one square of 300, would overflow."""
    x, dy = batch(rng, (4096, 3), dtype=np.float16, offset=offset, spread=spread)
    bn, twin = pair(rng, x, dtype=np.float32)
    in_float64(twin, bn)
    ours, reference = our_pass(bn, x, dy), pytorchs_pass(twin, x.astype(np.float64), dy.astype(np.float64))
    assert_same({"y": ours.pop("y")}, {"y": reference.pop("y")}, TOLERANCE[np.float16])
    assert_same({"dx": ours.pop("dx")}, {"dx": reference.pop("dx")}, TOLERANCE[np.float16])
    assert_same(ours, reference, TOLERANCE[np.float32], {"dgamma": 64, "dbeta": 64})
