"""What BatchNorm and its functions refuse: where PyTorch does, in words that help, and without a trace."""

import copy
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

import bnteach
from beside_torch import TORCH, assert_same, batch, our_pass, pair
from bnteach import BatchNorm, batch_norm_inference

pytestmark = pytest.mark.usefixtures("page")

X, DY = batch(np.random.default_rng(0), (5, 4, 3))
FOUR = np.ones(4)

# Refused by forward in training and in evaluation: x, the error, and its words.
REFUSED_X = {
    "no axes": (np.float64(1.0), ValueError, r"x has shape \(\), expected at least 2 axes"),
    "one sample alone": (
        np.ones(4),
        ValueError,
        r"x has shape \(4,\), expected at least 2 .* x\[np.newaxis\]",
    ),
    "channels": (
        np.ones((5, 3)),
        ValueError,
        r"x has shape \(5, 3\): 3 channels on axis 1, expected num_features=4",
    ),
    "channels last": (np.ones((5, 3, 4)), ValueError, r"3 channels on axis 1, expected num_features=4"),
    "int64": (X.astype(np.int64), TypeError, "x has dtype int64, expected float16, float32 or float64"),
    "uint8": (X.astype(np.uint8), TypeError, "x has dtype uint8, expected float16"),
    "bool": (X > 0, TypeError, "x has dtype bool, expected float16"),
    "complex": (X + 1j, TypeError, "x has dtype complex128, expected float16"),
    "object": (X.astype(object), TypeError, "x has dtype object, expected float16"),
    "text": (X.astype(str), TypeError, "x has dtype <U32, expected float16"),
    "None": (None, TypeError, "x has dtype object, expected float16"),
    "ragged": (
        [[1.0, 2.0], [3.0]],
        TypeError,
        "x is a list that NumPy cannot read, expected an array .*inhom",
    ),
    "needs a gradient": (
        torch.tensor(X, requires_grad=True),
        TypeError,
        r"x requires a grad.* x\.detach\(\)",
    ),
    "masked": (np.ma.masked_array(X, X > 1), TypeError, r"x has masked values, .* x\.filled"),
    "bfloat16": (torch.tensor(X).bfloat16(), TypeError, "x is a Tensor that NumPy cannot read.*BFloat16"),
    "on another device": (torch.tensor(X, device="meta"), TypeError, "x is a Tensor that NumPy cannot read"),
    "sparse": (torch.tensor(X).to_sparse(), TypeError, "x is a Tensor that NumPy cannot read"),
    "a layer": (nn.Linear(4, 4), TypeError, "x has dtype object, expected float16"),
}
REFUSED_DY = {
    "shape": (
        DY[:, :2],
        ValueError,
        r"dy has shape \(5, 2, 3\), expected \(5, 4, 3\): the shape of the last output",
    ),
    "broadcastable": (DY[:1], ValueError, r"dy has shape \(1, 4, 3\), expected \(5, 4, 3\)"),
    "flat": (DY.ravel(), ValueError, r"dy has shape \(60,\), expected \(5, 4, 3\)"),
    "integers": (DY.astype(int), TypeError, "dy has dtype int64, expected float16, float32 or float64"),
    "None": (None, TypeError, "dy has dtype object, expected float16"),
}
REFUSED_STATE = {
    "gamma of three": (
        "gamma",
        np.ones(3),
        ValueError,
        r"gamma has shape \(3,\), expected \(4,\): one value for each",
    ),
    "beta as a row": ("beta", np.ones((1, 4)), ValueError, r"beta has shape \(1, 4\), expected \(4,\)"),
    "integer gamma": ("gamma", np.ones(4, int), TypeError, "gamma has dtype int64, expected float16"),
    "gamma as a parameter": ("gamma", nn.Parameter(torch.ones(4)), TypeError, r"gamma requires .*gamma\.det"),
    "masked beta": ("beta", np.ma.masked_equal(np.arange(4.0), 2), TypeError, "beta has masked values"),
    "running_mean of three": (
        "running_mean",
        np.zeros(3),
        ValueError,
        r"running_mean has shape \(3,\), expect",
    ),
    "integer running_var": (
        "running_var",
        [1] * 4,
        TypeError,
        "running_var has dtype int64, expected float16",
    ),
    "channel_axis": (
        "channel_axis",
        3,
        ValueError,
        r"channel_axis is 3, expected -3 to 2 for x with shape \(5, 4, 3\)",
    ),
    "half an axis": ("channel_axis", 1.5, TypeError, "channel_axis is 1.5, expected an integer"),
    "eps": ("eps", "tiny", TypeError, "eps is 'tiny', expected a real number"),
}
modes = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


@pytest.fixture
def bn(rng):
    """A layer with a pass behind it."""
    layer, _ = pair(rng, X)
    our_pass(layer, X, DY)
    return layer


@contextmanager
def untouched(bn):
    """Afterwards the state, the gradients, the mode and the remembered pass are as they were before."""
    before = copy.deepcopy(bn)
    yield
    assert bn.training == before.training
    assert_same(bn.state_dict(), before.state_dict(), 0)
    assert_same({"dγ": bn.dgamma, "dβ": bn.dbeta}, {"dγ": before.dgamma, "dβ": before.dbeta}, 0)
    assert_same(dict(enumerate(bn.backward(DY))), dict(enumerate(before.backward(DY))), 0)


@modes
@pytest.mark.parametrize("fault", REFUSED_X)
def test_forward_refuses_and_stays_as_it_was(bn, fault, training):
    x, error, message = REFUSED_X[fault]
    with untouched(bn.train(training)), pytest.raises(error, match=message):
        bn(x)


WELCOME = {
    "tensor": torch.tensor(X),
    "frozen parameter": nn.Parameter(torch.tensor(X), requires_grad=False),
    "list": X.tolist(),
    "list of tensors": list(torch.tensor(X)),
    "nothing masked": np.ma.masked_array(X),
}


@pytest.mark.parametrize("given", WELCOME)
def test_what_holds_the_same_numbers_is_welcome_and_an_array_comes_back(rng, given):
    bn, twin = BatchNorm(4, dtype=np.float64), BatchNorm(4, dtype=np.float64)
    y = bn(WELCOME[given])
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, twin(X))


def test_a_matrix_is_taken_for_the_array_that_it_is(rng):
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(X[:, :, 0])
    y = BatchNorm(4)(matrix)
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, BatchNorm(4)(X[:, :, 0]))


def test_state_may_be_set_as_tensors_or_lists(rng):
    bn, twin = pair(rng, X)[0], BatchNorm(4, dtype=np.float64)
    twin.load_state_dict(bn.state_dict())
    bn.running_mean, bn.gamma = torch.tensor(bn.running_mean), bn.gamma.tolist()
    np.testing.assert_array_equal(bn(X), twin(X))
    assert_same(bn.state_dict(), twin.state_dict(), 0)


@pytest.mark.parametrize("fault", REFUSED_DY)
def test_backward_refuses_and_stays_as_it_was(bn, fault):
    dy, error, message = REFUSED_DY[fault]
    with untouched(bn), pytest.raises(error, match=message):
        bn.backward(dy)


@modes
@pytest.mark.parametrize("fault", REFUSED_STATE)
def test_what_was_set_on_the_layer_is_checked_when_it_is_used(bn, fault, training):
    name, value, error, message = REFUSED_STATE[fault]
    right = getattr(bn, name)
    with untouched(bn.train(training)):
        setattr(bn, name, value)
        with pytest.raises(error, match=message):
            bn(X)
        setattr(bn, name, right)


def test_backward_needs_a_pass(rng):
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        BatchNorm(4).backward(DY)


def test_a_first_forward_that_was_refused_is_no_pass(rng):
    bn = BatchNorm(4)
    with pytest.raises(ValueError, match="more than 1 value"):
        bn(X[:1, :, :1])
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        bn.backward(DY[:1, :, :1])


# PyTorch raises at each of these too, if with other errors at times.

PYTORCH_RAISES = {
    "one axis": lambda layer, array: layer(array(np.ones(4))),
    "channels": lambda layer, array: layer(array(np.ones((5, 3)))),
    "integers": lambda layer, array: layer(array(np.ones((5, 4), int))),
    "booleans": lambda layer, array: layer(array(np.ones((5, 4), bool))),
    "complex": lambda layer, array: layer(array(np.ones((5, 4), complex))),
    "one value": lambda layer, array: layer(array(np.ones((1, 4)))),
    "one value of a map": lambda layer, array: layer(array(np.ones((1, 4, 1)))),
    "channels in evaluation": lambda layer, array: layer.eval()(array(np.ones((5, 3)))),
    "integers in evaluation": lambda layer, array: layer.eval()(array(np.ones((5, 4), int))),
    "no features": lambda layer, array: type(layer)(-1),
    "negative eps": lambda layer, array: type(layer)(4, eps=-1.0)(array(np.ones((5, 4)))),
    "negative eps in evaluation": lambda layer, array: type(layer)(4, eps=-1.0).eval()(
        array(np.ones((5, 4)))
    ),
    "eps 0": lambda layer, array: type(layer)(4, eps=0.0)(array(np.ones((5, 4)))),
    "eps of another kind": lambda layer, array: type(layer)(4, eps="a")(array(np.ones((5, 4)))),
    "momentum of another kind": lambda layer, array: type(layer)(4, momentum="a")(array(np.ones((5, 4)))),
    "half a feature": lambda layer, array: type(layer)(2.5),
}
SINCE_PYTORCH_2_10 = ("negative eps", "negative eps in evaluation", "eps 0")


def float32_tensor(array):
    tensor = torch.tensor(array)
    return tensor.float() if tensor.dtype == torch.float64 else tensor


@pytest.mark.parametrize("case", PYTORCH_RAISES)
def test_where_pytorch_raises_so_do_we(case):
    wrong = PYTORCH_RAISES[case]
    if TORCH >= (2, 10) or case not in SINCE_PYTORCH_2_10:
        with pytest.raises((ValueError, RuntimeError, TypeError)):
            wrong(nn.BatchNorm1d(4), float32_tensor)
    with pytest.raises((ValueError, TypeError)):
        wrong(BatchNorm(4), np.asarray)


# The arguments of the layer and of the functions

MAKING = [
    ({"num_features": 0}, ValueError, "num_features is 0, expected 1 or more"),
    ({"num_features": -4}, ValueError, "num_features is -4, expected 1 or more"),
    ({"num_features": 4.0}, TypeError, "num_features is 4.0, expected an integer"),
    ({"num_features": True}, TypeError, "num_features is True, expected an integer"),
    ({"num_features": "4"}, TypeError, "num_features is '4', expected an integer"),
    ({"num_features": None}, TypeError, "num_features is None, expected an integer"),
    ({"eps": -1e-5}, ValueError, "eps is -1e-05, expected 0 or more"),
    ({"eps": np.nan}, ValueError, "eps is nan, expected 0 or more"),
    ({"eps": None}, TypeError, "eps is None, expected a real number"),
    ({"eps": 1j}, TypeError, "eps is 1j, expected a real number"),
    ({"momentum": "0.1"}, TypeError, "momentum is '0.1', expected a real number"),
    ({"momentum": True}, TypeError, "momentum is True, expected a real number"),
    ({"momentum": [0.1]}, TypeError, r"momentum is \[0.1\], expected a real number"),
    ({"channel_axis": 1.0}, TypeError, "channel_axis is 1.0, expected an integer"),
    ({"channel_axis": None}, TypeError, "channel_axis is None, expected an integer"),
    ({"dtype": int}, TypeError, "dtype is <class 'int'>, expected float16, float32 or float64"),
    (
        {"dtype": "single precision"},
        TypeError,
        "dtype is 'single precision', expected float16, float32 or float64",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "error", "message"), MAKING, ids=lambda v: str(v) if type(v) is dict else ""
)
def test_a_layer_with_senseless_arguments_is_not_made(arguments, error, message):
    with pytest.raises(error, match=message):
        BatchNorm(**({"num_features": 4} | arguments))


FUNCTIONS = [
    (
        lambda page: page.batch_norm_forward(X, FOUR[:3], FOUR),
        ValueError,
        r"gamma has shape \(3,\), expected \(4,\): one value "
        r"for each channel of x with shape \(5, 4, 3\)",
    ),
    (
        lambda page: page.batch_norm_forward(X, FOUR, FOUR[:, None]),
        ValueError,
        r"beta has shape \(4, 1\), expected \(4,\)",
    ),
    (lambda page: page.batch_norm_forward(X, 1, FOUR), TypeError, "gamma has dtype int64, expected float16"),
    (
        lambda page: page.batch_norm_forward(X, 1.0, FOUR),
        ValueError,
        r"gamma has shape \(\), expected \(4,\)",
    ),
    (
        lambda page: page.batch_norm_forward(X, FOUR, FOUR, eps=0),
        ValueError,
        r"eps is 0\.0, expected a number above 0",
    ),
    (
        lambda page: page.batch_norm_forward(X, FOUR, FOUR, eps=-1),
        ValueError,
        r"eps is -1\.0, expected a number above 0",
    ),
    (
        lambda page: page.batch_norm_forward(X, FOUR, FOUR, eps=np.nan),
        ValueError,
        "eps is nan, expected a number above 0",
    ),
    (
        lambda page: page.batch_norm_forward(X, FOUR, FOUR, channel_axis=3),
        ValueError,
        "channel_axis is 3, expected -3 to 2",
    ),
    (
        lambda page: page.batch_norm_forward(X, FOUR, FOUR, channel_axis=-4),
        ValueError,
        "channel_axis is -4, expected -3 to 2",
    ),
    (
        lambda page: page.batch_norm_forward(X, FOUR, FOUR, channel_axis=2),
        ValueError,
        r"gamma has shape \(4,\), expected \(3,\)",
    ),
    (
        lambda page: page.batch_norm_forward(X[:1, :, :1], FOUR, FOUR),
        ValueError,
        r"more than 1 value .* size \(1, 4, 1\)",
    ),
    (
        lambda _: batch_norm_inference(X, FOUR, FOUR, FOUR, FOUR, eps=-1),
        ValueError,
        r"eps is -1\.0, expected 0 or more",
    ),
    (
        lambda _: batch_norm_inference(X, FOUR, FOUR, FOUR[:3], FOUR),
        ValueError,
        r"running_mean has shape \(3,\), expect",
    ),
    (
        lambda _: batch_norm_inference(X, FOUR, FOUR, FOUR, FOUR > 0),
        TypeError,
        "running_var has dtype bool, expected",
    ),
    (
        lambda _: batch_norm_inference(X, FOUR, FOUR, None, FOUR),
        TypeError,
        "running_mean is None, expected an array",
    ),
    (
        lambda _: batch_norm_inference(X, FOUR, FOUR, FOUR, None),
        TypeError,
        "running_var is None, expected an array",
    ),
    (lambda page: page.batch_norm_backward(DY, None), TypeError, "cache is NoneType, expected the cache"),
    (lambda page: page.batch_norm_backward(DY, (DY, 1)), TypeError, "cache is tuple, expected the cache"),
    (
        lambda _: bnteach.relative_error(nn.Parameter(torch.ones(4)), FOUR),
        TypeError,
        r"actual requires a gradient.*actual\.detach",
    ),
    (
        lambda _: bnteach.forward_steps(X, FOUR, FOUR),
        ValueError,
        r"x has shape \(5, 4, 3\), expected \(N, C\) with N ≥ 2",
    ),
    (
        lambda _: bnteach.forward_steps(X[:1, :, 0], FOUR, FOUR),
        ValueError,
        r"x has shape \(1, 4\), expected \(N, C\)",
    ),
    (lambda _: bnteach.forward_steps(X[..., 0], None, FOUR), TypeError, "gamma is None, expected an array"),
    (
        lambda _: bnteach.forward_steps(X[..., 0], FOUR, FOUR, eps=0),
        ValueError,
        r"eps is 0\.0, expected a number above 0",
    ),
    (
        lambda _: bnteach.backward_steps(DY, bnteach.forward_steps(X[..., 0], FOUR, FOUR)),
        ValueError,
        "dy has shape",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), FUNCTIONS)
def test_functions_name_what_is_wrong(page, call, error, message):
    with pytest.raises(error, match=message):
        call(page)


@pytest.mark.parametrize("eps", [0.0, -1.0, "a"])
def test_nothing_is_computed_into_the_inputs_before_a_refusal(page, eps):
    x, gamma = X.copy(), FOUR.copy()
    with pytest.raises((ValueError, TypeError)):
        page.batch_norm_forward(x, gamma, FOUR, eps=eps)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(gamma, FOUR)
