"""LayerNorm, GroupNorm, InstanceNorm and RMSNorm: y, dx, dγ, dβ as PyTorch has them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import bnteach
from beside_torch import (
    TOLERANCE,
    TORCH,
    as_tensors,
    assert_same,
    batch,
    our_pass,
    pytorchs_pass,
    random_state,
    torch_dtype,
)

pytestmark = pytest.mark.usefixtures("page")

# What is asked of both, the arguments of both, the shape of x.
LAYERS = [
    ("LayerNorm", {"normalized_shape": 5}, (4, 5)),
    ("LayerNorm", {"normalized_shape": (5, 6), "eps": 0.1}, (4, 3, 5, 6)),
    ("LayerNorm", {"normalized_shape": [3, 5, 6], "eps": 0}, (4, 3, 5, 6)),
    ("LayerNorm", {"normalized_shape": 1}, (4, 1)),
    ("RMSNorm", {"normalized_shape": 5}, (4, 5)),
    ("RMSNorm", {"normalized_shape": 5, "eps": 0.1}, (7, 3, 5)),
    ("RMSNorm", {"normalized_shape": (5, 6), "eps": 0}, (4, 3, 5, 6)),
    ("GroupNorm", {"num_groups": 2, "num_channels": 6}, (4, 6)),
    ("GroupNorm", {"num_groups": 2, "num_channels": 6, "eps": 0.1}, (4, 6, 5)),
    ("GroupNorm", {"num_groups": 3, "num_channels": 6, "eps": 0}, (4, 6, 5, 7)),
    ("GroupNorm", {"num_groups": 1, "num_channels": 6}, (1, 6, 5, 7)),
    ("GroupNorm", {"num_groups": 6, "num_channels": 6}, (3, 6, 2, 5, 4)),
    ("InstanceNorm", {"num_features": 3}, (4, 3, 5)),
    ("InstanceNorm", {"num_features": 3, "eps": 0.1}, (4, 3, 5, 6)),
    ("InstanceNorm", {"num_features": 3, "affine": True, "eps": 0}, (4, 3, 5, 6)),
    ("InstanceNorm", {"num_features": 3, "affine": True}, (1, 3, 2, 5, 4)),
]
layers = pytest.mark.parametrize(
    ("name", "options", "shape"), LAYERS, ids=lambda v: v if isinstance(v, str) else str(v).replace("'", "")
)


def pair(rng, name, options, x, dtype=np.float64):
    """Our layer and PyTorch's, with the same random state."""
    ours = getattr(bnteach, name)(**options, dtype=dtype)
    ours.load_state_dict(random_state(rng, ours.state_dict()))
    kind = f"InstanceNorm{x.ndim - 2}d" if name == "InstanceNorm" else name
    twin = getattr(nn, kind)(**options, dtype=torch_dtype(dtype))
    if not hasattr(twin, "bias"):  # RMSNorm
        twin.bias = None
    twin.load_state_dict(as_tensors(ours.state_dict()))
    return ours, twin


@layers
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_quantities(rng, name, options, shape, dtype, training):
    x, dy = batch(rng, shape, dtype=dtype)
    ours, twin = pair(rng, name, options, x, dtype)
    ours.train(training), twin.train(training)
    found, expected = our_pass(ours, x, dy), pytorchs_pass(twin, x, dy)
    for quantity, value in found.items():
        assert value is None or value.dtype == dtype, quantity
    # With eps=0 and few values a group, 1/σ is large, and so is dx.
    assert_same(found, expected, TOLERANCE[dtype], {"dgamma": 10, "dbeta": 10, "dx": 20})


@layers
def test_float16_is_computed_in_float32(rng, name, options, shape):
    x, dy = batch(rng, shape, dtype=np.float16)
    ours, twin = pair(rng, name, options, x, np.float32)
    wide = options if name != "RMSNorm" or "eps" in options else options | {"eps": np.finfo(np.float32).eps}
    reference, _ = pair(rng, name, wide, x, np.float32)
    reference.load_state_dict(ours.state_dict())
    found, expected = our_pass(ours, x, dy), our_pass(reference, x.astype(np.float32), dy.astype(np.float32))
    assert found["y"].dtype == found["dx"].dtype == np.float16
    assert_same(found, expected, TOLERANCE[np.float16], {"dx": 20})
    with torch.no_grad():
        np.testing.assert_allclose(
            found["y"], twin(torch.tensor(x, dtype=torch.float32)).numpy(), rtol=4e-3, atol=4e-3
        )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_eps_of_rms_norm_is_the_machine_epsilon_of_the_computing_type(dtype):
    """Only where x² is near ε does it show. float16 is computed in float32, and so takes float32's ε."""
    if dtype == np.float16 and TORCH < (2, 7):
        pytest.skip("PyTorch before 2.7 takes float16's own ε")
    x = np.full((2, 3), 3e-4, dtype)
    ours = bnteach.RMSNorm(3, dtype=np.result_type(dtype, np.float32))
    if dtype == np.float16:  # PyTorch warns of a slower way when the dtypes of x and γ differ
        expected = nn.functional.rms_norm(torch.tensor(x), (3,))
    else:
        expected = nn.RMSNorm(3, dtype=torch_dtype(dtype))(torch.tensor(x)).detach()
    np.testing.assert_allclose(ours(x), expected.numpy(), rtol=1e-3)
    assert ours.eps is None


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("LayerNorm", {"normalized_shape": 3}, (0, 3)),
        ("RMSNorm", {"normalized_shape": 3}, (0, 3)),
        ("GroupNorm", {"num_groups": 3, "num_channels": 6}, (0, 6)),
        ("GroupNorm", {"num_groups": 3, "num_channels": 6}, (2, 6, 0)),
        ("InstanceNorm", {"num_features": 3}, (0, 3, 4)),
        ("InstanceNorm", {"num_features": 3, "affine": True}, (2, 3, 0)),
    ],
)
def test_an_empty_batch(rng, name, options, shape):
    x = np.empty(shape)
    ours, twin = pair(rng, name, options, x)
    found = our_pass(ours, x, x)
    assert found["y"].shape == found["dx"].shape == shape
    for name in ("dgamma", "dbeta"):
        assert found[name] is None or not found[name].any(), name
    assert twin(torch.tensor(x)).shape == shape


@st.composite
def any_case(draw):
    name = draw(st.sampled_from(["LayerNorm", "RMSNorm", "GroupNorm", "InstanceNorm"]))
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=3))
    groups, per_group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    last = draw(st.integers(1, len(sizes)))
    options = {
        "LayerNorm": {"normalized_shape": tuple(sizes[-last:])},
        "RMSNorm": {"normalized_shape": tuple(sizes[-last:])},
        "GroupNorm": {"num_groups": groups, "num_channels": groups * per_group},
        "InstanceNorm": {"num_features": groups, "affine": draw(st.booleans())},
    }[name]
    options["eps"] = draw(st.sampled_from([1e-5, 1e-3, 1.0]))
    shape = {"GroupNorm": (3, groups * per_group, 2, *sizes), "InstanceNorm": (3, groups, 2, *sizes)}.get(
        name, (3, *sizes)
    )[:5]
    return name, options, shape, draw(st.integers(0, 2**32 - 1))


@settings(max_examples=100)
@given(any_case())
def test_any_shape(case):
    name, options, shape, seed = case
    rng = np.random.default_rng(seed)
    x, dy = batch(rng, shape)
    ours, twin = pair(rng, name, options, x)
    kept = x.copy(), dy.copy()
    assert_same(our_pass(ours, x, dy), pytorchs_pass(twin, x, dy), 1e-10, {"dx": 100, "dgamma": 10})
    np.testing.assert_array_equal((x, dy), kept)


# What they have in common with each other and with batch normalization


def same_results(rng, one, other, x, dy, dy_of_other=None):
    for layer in (one, other):
        layer.load_state_dict({key: np.full_like(v, 1.5) for key, v in layer.state_dict().items()})
    assert_same(our_pass(one, x, dy), our_pass(other, x, dy), 1e-12)


def test_a_group_for_each_channel_is_instance_norm(rng):
    x, dy = batch(rng, (4, 3, 5, 6))
    one = bnteach.GroupNorm(3, 3, dtype=np.float64)
    same_results(rng, one, bnteach.InstanceNorm(3, affine=True, dtype=np.float64), x, dy)


def test_one_group_is_layer_norm_but_for_the_shape_of_gamma(rng):
    x, dy = batch(rng, (4, 3, 5, 6))
    one, other = bnteach.GroupNorm(1, 3, dtype=np.float64), bnteach.LayerNorm((3, 5, 6), dtype=np.float64)
    ours, theirs = our_pass(one, x, dy), our_pass(other, x, dy)
    np.testing.assert_allclose(ours["y"], theirs["y"], atol=1e-12)
    np.testing.assert_allclose(ours["dx"], theirs["dx"], atol=1e-12)
    np.testing.assert_allclose(ours["dgamma"], theirs["dgamma"].sum(axis=(1, 2)), atol=1e-12)
    np.testing.assert_allclose(ours["dbeta"], theirs["dbeta"].sum(axis=(1, 2)), atol=1e-12)


def test_instance_norm_of_one_sample_is_batch_norm_of_one_sample(rng):
    x, dy = batch(rng, (1, 3, 5, 6))
    batch_norm = bnteach.BatchNorm(3, track_running_stats=False, dtype=np.float64)
    same_results(rng, bnteach.InstanceNorm(3, affine=True, dtype=np.float64), batch_norm, x, dy)


def test_rms_norm_of_centered_samples_is_layer_norm(rng):
    x, _ = batch(rng, (4, 5))
    x -= x.mean(axis=1, keepdims=True)
    ours = bnteach.RMSNorm(5, eps=1e-3, dtype=np.float64)(x)
    np.testing.assert_allclose(ours, bnteach.LayerNorm(5, eps=1e-3, dtype=np.float64)(x), atol=1e-12)


@layers
def test_no_sample_sees_another(rng, name, options, shape):
    x, _ = batch(rng, shape)
    ours, _ = pair(rng, name, options, x)
    np.testing.assert_allclose(ours(x[-1:]), ours(x)[-1:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm"])
def test_a_single_sample_without_a_sample_axis(rng, name):
    x, dy = batch(rng, (1, 5))
    ours, twin = pair(rng, name, {"normalized_shape": 5}, x)
    np.testing.assert_allclose(ours(x[0]), twin(torch.tensor(x[0])).detach().numpy(), atol=1e-12)
    dx = ours.backward(dy[0])[0]
    np.testing.assert_allclose(dx, pytorchs_pass(twin, x, dy)["dx"][0], atol=1e-12)


# What they refuse

REFUSED = [
    (
        "LayerNorm",
        {"normalized_shape": 5},
        (4, 6),
        r"x has shape \(4, 6\), expected its last axes to be .*\(5,\)",
    ),
    (
        "LayerNorm",
        {"normalized_shape": (2, 5)},
        (5,),
        r"x has shape \(5,\), expected its last axes .*\(2, 5\)",
    ),
    (
        "RMSNorm",
        {"normalized_shape": (3, 5)},
        (3, 4),
        r"x has shape \(3, 4\), expected its last axes .*\(3, 5\)",
    ),
    (
        "GroupNorm",
        {"num_groups": 2, "num_channels": 6},
        (4, 5, 3),
        r"x has shape \(4, 5, 3\): 5 .*num_channels=6",
    ),
    (
        "GroupNorm",
        {"num_groups": 2, "num_channels": 6},
        (6,),
        r"x has shape \(6,\), expected at least 2 axes",
    ),
    ("GroupNorm", {"num_groups": 6, "num_channels": 6}, (1, 6), r"more than 1 value per group.*\(1, 6\)"),
    ("InstanceNorm", {"num_features": 3}, (4, 3, 1), r"more than 1 spatial element.*\(4, 3, 1\)"),
    ("InstanceNorm", {"num_features": 3}, (4, 3, 1, 1), r"more than 1 spatial element.*\(4, 3, 1, 1\)"),
    ("InstanceNorm", {"num_features": 3, "affine": True}, (4, 2, 5), r"x has shape .*: 2 .*num_features=3"),
]


@pytest.mark.parametrize(("name", "options", "shape", "message"), REFUSED)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_refused_as_in_pytorch(rng, name, options, shape, message, training):
    x = rng.normal(size=shape)
    ours, twin = pair(rng, name, options, np.empty(shape if len(shape) > 2 else (2, 2, 2)))
    with pytest.raises(ValueError, match=message):
        ours.train(training)(x)
    with pytest.raises((ValueError, RuntimeError)):
        twin.train(training)(torch.tensor(x))


def test_one_value_a_group_is_refused_in_a_larger_batch_too(rng):
    """Here PyTorch counts the values of all samples together, and returns β whatever x is."""
    x = rng.normal(size=(4, 6))
    twin = nn.GroupNorm(6, 6, dtype=torch.float64)
    np.testing.assert_allclose(twin(torch.tensor(x)).detach(), 0, atol=1e-12)
    with pytest.raises(ValueError, match=r"more than 1 value per group, got input size \(4, 6\)"):
        bnteach.GroupNorm(6, 6)(x)


@layers
def test_a_refused_input_leaves_the_layer_as_it_was(rng, name, options, shape):
    x, dy = batch(rng, shape)
    ours, _ = pair(rng, name, options, x)
    before = our_pass(ours, x, dy)
    for refused, error in [(x.astype(int), TypeError), (x[..., :0].reshape(0), ValueError), ("x", TypeError)]:
        with pytest.raises(error, match="x has "):
            ours.forward(refused)
    for refused, error in [(dy[None], ValueError), (dy.astype(bool), TypeError)]:
        with pytest.raises(error, match="dy has "):
            ours.backward(refused)
    dx, dgamma, dbeta = ours.backward(dy)
    kept = {name: before[name] for name in ("running_mean", "running_var", "num_batches_tracked")}
    assert_same({"y": before["y"], "dx": dx, "dgamma": dgamma, "dbeta": dbeta} | kept, before, 0)


@layers
def test_results_may_be_changed_in_place(rng, name, options, shape):
    """Neither y nor a gradient is a window on what backward needs."""
    x, dy = batch(rng, shape)
    ours, _ = pair(rng, name, options, x)
    expected = {key: None if q is None else q.copy() for key, q in our_pass(ours, x, dy).items()}
    y = ours.forward(x)
    y[...] = np.nan
    for gradient in ours.backward(dy):
        if gradient is not None:
            gradient[...] = np.nan
    dx, dgamma, dbeta = ours.backward(dy)
    assert_same({**expected, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}, expected, 0)


@layers
def test_state_dict_goes_to_pytorch_and_back(rng, name, options, shape):
    x, _ = batch(rng, shape)
    ours, twin = pair(rng, name, options, x)
    assert ours.state_dict().keys() == twin.state_dict().keys()
    fresh = getattr(bnteach, name)(**options, dtype=np.float64)
    fresh.load_state_dict(twin.state_dict())
    np.testing.assert_array_equal(fresh(x), ours(x))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: bnteach.LayerNorm(()), ValueError, r"normalized_shape is \(\), expected at least one size"),
        (lambda: bnteach.LayerNorm((3, 0)), ValueError, "normalized_shape is 0, expected 1 or more"),
        (lambda: bnteach.LayerNorm(2.5), TypeError, "normalized_shape is 2.5, expected an integer"),
        (lambda: bnteach.LayerNorm(3, eps=-1), ValueError, "eps is -1.0, expected 0 or more"),
        (lambda: bnteach.RMSNorm(3, eps=-1), ValueError, "eps is -1.0, expected 0 or more"),
        (lambda: bnteach.RMSNorm(3, dtype=int), TypeError, "dtype is <class 'int'>, expected float16"),
        (
            lambda: bnteach.GroupNorm(4, 6),
            ValueError,
            "num_groups is 4, expected a divisor of num_channels=6",
        ),
        (lambda: bnteach.GroupNorm(0, 6), ValueError, "num_groups is 0, expected 1 or more"),
        (lambda: bnteach.GroupNorm(2, "6"), TypeError, "num_channels is '6', expected an integer"),
        (lambda: bnteach.InstanceNorm(-3), ValueError, "num_features is -3, expected 1 or more"),
        (lambda: bnteach.InstanceNorm(3, eps="a"), TypeError, "eps is 'a', expected a real number"),
        (
            lambda: bnteach.LayerNorm(3).backward(np.ones((2, 3))),
            RuntimeError,
            "backward was called before forward",
        ),
    ],
)
def test_arguments_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()
