"""State dicts: PyTorch's keys, both ways, all or nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from beside_torch import (
    PYTORCHS_LAYER,
    as_tensors,
    assert_same,
    batch,
    our_pass,
    pair,
    pytorchs_pass,
    random_state,
)
from bnteach import BatchNorm

SHAPES = {nn.BatchNorm1d: (6, 3), nn.BatchNorm2d: (4, 3, 5, 6), nn.BatchNorm3d: (3, 3, 2, 5, 4)}
OPTIONS = [
    {},
    {"affine": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False},
    {"momentum": None},
]
KEYS = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


def snapshot(bn):
    return {key: value.copy() for key, value in bn.state_dict().items()}


def assert_state(bn, expected):
    assert bn.state_dict().keys() == expected.keys()
    for key, value in bn.state_dict().items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", SHAPES)
def test_from_pytorch_and_back_after_training(rng, kind, options):
    """A trained PyTorch layer goes on here, and from here in PyTorch, as if nothing had happened."""
    x, dy = batch(rng, SHAPES[kind])
    twin = kind(3, dtype=torch.float64, **options)
    for _ in range(3):
        pytorchs_pass(twin, batch(rng, SHAPES[kind])[0], dy)
    bn = BatchNorm(3, dtype=np.float64, **options)
    bn.load_state_dict(twin.state_dict())
    assert bn.state_dict().keys() == twin.state_dict().keys()
    assert_same(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy), 1e-11)
    back = kind(3, dtype=torch.float64, **options)
    back.load_state_dict(as_tensors(bn.state_dict()))
    for training in (True, False):
        bn.train(training), back.train(training)
        assert_same(our_pass(bn, x, dy), pytorchs_pass(back, x, dy), 1e-11)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_keys_order_dtypes_and_shapes_are_pytorchs(options):
    ours, pytorchs = BatchNorm(3, **options).state_dict(), nn.BatchNorm2d(3, **options).state_dict()
    assert list(ours) == list(pytorchs)
    for key, value in pytorchs.items():
        assert (ours[key].dtype, ours[key].shape) == (value.numpy().dtype, value.shape), key


def test_a_state_dict_is_a_copy_and_so_is_what_was_loaded(rng):
    bn, _ = pair(rng, np.ones((2, 3)))
    expected = snapshot(bn)
    for value in bn.state_dict().values():
        value[...] = 9
    assert_state(bn, expected)
    given = {key: value.copy() for key, value in expected.items()}
    bn.load_state_dict(given)
    for value in given.values():
        value[...] = 9
    assert_state(bn, expected)


@pytest.mark.parametrize("given", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("own", [np.float16, np.float32, np.float64])
def test_values_are_cast_to_the_dtype_of_the_layer(rng, own, given):
    bn = BatchNorm(3, dtype=own)
    state = random_state(rng, BatchNorm(3, dtype=given).state_dict())
    bn.load_state_dict(state)
    for key in KEYS[:4]:
        assert bn.state_dict()[key].dtype == own
        np.testing.assert_array_equal(bn.state_dict()[key], state[key].astype(own), err_msg=key)
    assert bn.num_batches_tracked.dtype == np.int64


def test_parameters_are_loaded_as_their_numbers():
    twin, bn = nn.BatchNorm1d(3), BatchNorm(3)
    nn.init.normal_(twin.weight)
    bn.load_state_dict(dict(twin.named_parameters()) | dict(twin.named_buffers()))
    assert_state(bn, {key: value.numpy() for key, value in twin.state_dict().items()})


def test_too_large_for_the_dtype_becomes_infinite_as_in_pytorch():
    state = BatchNorm(3, dtype=np.float64).state_dict() | {"running_var": np.array([1.0, 1e300, -1e300])}
    bn, twin = BatchNorm(3), nn.BatchNorm1d(3)
    bn.load_state_dict(state)
    twin.load_state_dict(as_tensors(state))
    np.testing.assert_array_equal(bn.running_var, twin.running_var)


@pytest.mark.parametrize("count", [7, np.int32(7), np.float64(7), torch.tensor(7)], ids=repr)
def test_the_count_may_come_as_any_number(rng, count):
    bn = BatchNorm(3)
    bn.load_state_dict(bn.state_dict() | {"num_batches_tracked": count})
    assert bn.num_batches_tracked == 7
    assert bn.num_batches_tracked.dtype == np.int64


def test_without_num_batches_tracked_the_layer_keeps_its_own_count(rng):
    """State that PyTorch saved before 0.4.1 has no such entry."""
    bn, _ = pair(rng, np.ones((2, 3)))
    state = random_state(rng, bn.state_dict())
    del state["num_batches_tracked"]
    bn.load_state_dict(state)
    assert_state(bn, state | {"num_batches_tracked": 3})


def test_the_cumulative_average_goes_on_after_loading(rng):
    batches = [batch(rng, (6, 3))[0] for _ in range(5)]
    saved = BatchNorm(3, momentum=None, dtype=np.float64)
    for x in batches[:3]:
        saved(x)
    bn = BatchNorm(3, momentum=None, dtype=np.float64)
    bn.load_state_dict(saved.state_dict())
    for x in batches[3:]:
        bn(x)
    np.testing.assert_allclose(bn.running_mean, np.mean([x.mean(axis=0) for x in batches], axis=0))


# What is refused. PyTorch loads the good entries before it complains; here nothing is loaded.

FAULTS = {
    "missing": (lambda s: s.pop("weight"), ValueError, r"missing \['weight'\], unexpected \[\]"),
    "unexpected": (
        lambda s: s.update(scale=s["weight"]),
        ValueError,
        r"missing \[\], unexpected \['scale'\]",
    ),
    "renamed": (lambda s: s.update(g=s.pop("bias")), ValueError, r"missing \['bias'\], unexpected \['g'\]"),
    "shape": (
        lambda s: s.update(running_var=np.ones(4)),
        ValueError,
        r"state\['running_var'\] has shape \(4,\), expected \(3,\)",
    ),
    "a row": (
        lambda s: s.update(running_var=np.ones((1, 3))),
        ValueError,
        r"state\['running_var'\] has shape \(1, 3\), expected \(3,\)",
    ),
    "count": (
        lambda s: s.update(num_batches_tracked=np.ones(1)),
        ValueError,
        r"state\['num_batches_tracked'\] has shape \(1,\), expected \(\)",
    ),
    "complex": (
        lambda s: s.update(running_var=np.ones(3, complex)),
        TypeError,
        r"state\['running_var'\] has dtype complex128, expected real numbers",
    ),
    "text": (
        lambda s: s.update(running_var=["1", "2", "3"]),
        TypeError,
        r"state\['running_var'\] has dtype <U1, expected real numbers",
    ),
    "bfloat16": (
        lambda s: s.update(weight=torch.ones(3).bfloat16()),
        TypeError,
        r"state\['weight'\] is a Tensor that NumPy cannot read, expected an array of numbers: .*BFloat16",
    ),
    "on another device": (
        lambda s: s.update(weight=torch.ones(3, device="meta")),
        TypeError,
        r"state\['weight'\] is a Tensor that NumPy cannot read",
    ),
    "masked": (
        lambda s: s.update(weight=np.ma.masked_equal([1.0, 2.0, 3.0], 2)),
        TypeError,
        r"state\['weight'\] has masked values",
    ),
    "keys that are no text": (
        lambda s: s.update({1: np.ones(3)}),
        ValueError,
        r"unexpected \[1\]",
    ),
    "None": (
        lambda s: s.update(running_var=None),
        TypeError,
        r"state\['running_var'\] has dtype object, expected real numbers",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_state_loads_nothing(rng, fault):
    spoil, error, message = FAULTS[fault]
    bn, _ = pair(rng, np.ones((2, 3)))
    before, state = snapshot(bn), random_state(rng, bn.state_dict())
    spoil(state)
    with pytest.raises(error, match=message):
        bn.load_state_dict(state)
    assert_state(bn, before)


@pytest.mark.parametrize("fault", ["missing", "unexpected", "renamed", "shape", "a row"])
def test_pytorch_refuses_these_too(rng, fault):
    state = random_state(rng, BatchNorm(3).state_dict())
    FAULTS[fault][0](state)
    with pytest.raises(RuntimeError):
        nn.BatchNorm1d(3).load_state_dict(as_tensors(state))


@pytest.mark.parametrize("not_a_state", [None, 3, ["weight"], [("weight", np.ones(3))]], ids=repr)
def test_what_is_not_a_dict_is_refused_by_its_name(rng, not_a_state):
    bn, _ = pair(rng, np.ones((2, 3)))
    before = snapshot(bn)
    with pytest.raises(TypeError, match=r"state is .*, expected a mapping"):
        bn.load_state_dict(not_a_state)
    assert_state(bn, before)


@pytest.mark.parametrize("options", OPTIONS[1:4], ids=str)
def test_a_layer_refuses_what_it_has_not(rng, options):
    full, bn = BatchNorm(3).state_dict(), BatchNorm(3, **options)
    with pytest.raises(ValueError, match=r"unexpected \['"):
        bn.load_state_dict(full)
    with pytest.raises(ValueError, match=r"missing \['"):
        BatchNorm(3).load_state_dict(bn.state_dict())
    with pytest.raises(RuntimeError):
        PYTORCHS_LAYER[2](3, **options).load_state_dict(as_tensors(full))
