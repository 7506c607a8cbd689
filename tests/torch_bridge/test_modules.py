"""The NumPy modules against PyTorch's own: values, gradients, state, and what they refuse."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from bnteach.torch_bridge import NumpyBatchNorm1d, NumpyBatchNorm2d, NumpyBatchNorm3d
from bridge import assert_same, batch, pair

PAIRS = [
    (NumpyBatchNorm1d, nn.BatchNorm1d, (6, 3)),
    (NumpyBatchNorm1d, nn.BatchNorm1d, (5, 3, 4)),
    (NumpyBatchNorm2d, nn.BatchNorm2d, (4, 3, 5, 2)),
    (NumpyBatchNorm3d, nn.BatchNorm3d, (3, 3, 2, 4, 5)),
]
each_pair = pytest.mark.parametrize(
    ("ours", "theirs", "shape"), PAIRS, ids=["1d", "1d with length", "2d", "3d"]
)


def both_ways(layer, x, dy):
    """y, dx and the gradients of the parameters."""
    layer.zero_grad()
    x = x.detach().clone().requires_grad_()
    y = layer(x)
    y.backward(dy)
    return [y.detach(), x.grad, *(p.grad.clone() for p in layer.parameters())]


def assert_same_state(ours, theirs, tolerance=1e-12):
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert_same(ours.state_dict().values(), theirs.state_dict().values(), tolerance)


# Values and gradients


@each_pair
@pytest.mark.parametrize("options", [
    {}, {"momentum": None}, {"momentum": 0.0}, {"momentum": 1.0}, {"eps": 1e-2}, {"affine": False},
    {"track_running_stats": False}, {"affine": False, "track_running_stats": False},
], ids=str)  # fmt: skip
def test_three_training_steps_and_an_evaluation_are_pytorchs(ours, theirs, shape, options):
    ours, theirs = pair(ours, theirs, **options)
    for seed in range(3):
        x, dy = batch(shape, seed), batch(shape, seed + 10) - 3
        assert_same(both_ways(ours, x, dy), both_ways(theirs, x, dy))
        assert_same_state(ours, theirs)
    ours.eval(), theirs.eval()
    assert_same(both_ways(ours, x, dy), both_ways(theirs, x, dy))
    assert_same_state(ours, theirs)


@each_pair
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("track", [True, False])
def test_gradcheck(ours, theirs, shape, training, track):
    layer = pair(ours, theirs, track_running_stats=track)[0].train(training)
    x = batch(shape).requires_grad_()

    def run(x, weight, bias):
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    inputs = (x, *(p.detach().clone().requires_grad_() for p in layer.parameters()))
    assert torch.autograd.gradcheck(run, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@each_pair
def test_lower_precision(ours, theirs, shape, dtype):
    ours, theirs = pair(ours, theirs, dtype)
    x, dy = batch(shape, dtype=dtype), batch(shape, 1, dtype=dtype) - 3
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    assert_same(both_ways(ours, x, dy), both_ways(theirs, x, dy), tolerance)
    assert_same_state(ours, theirs, tolerance)


def test_float16_input_with_float32_parameters():
    ours, theirs = pair(NumpyBatchNorm2d, nn.BatchNorm2d, torch.float32)
    x, dy = batch((4, 3, 5, 2), dtype=torch.float16), batch((4, 3, 5, 2), 1, dtype=torch.float16) - 3
    assert_same(both_ways(ours, x, dy), both_ways(theirs, x, dy), 5e-3)
    assert_same_state(ours, theirs, 1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs", "shape", "memory_format"),
    [(*PAIRS[2], torch.channels_last), (*PAIRS[3], torch.channels_last_3d)],
    ids=["2d", "3d"],
)
@pytest.mark.parametrize("training", [True, False])
def test_channels_last_stays_channels_last(ours, theirs, shape, memory_format, training):
    ours, theirs = (layer.train(training) for layer in pair(ours, theirs))
    x = batch(shape).contiguous(memory_format=memory_format)
    for dy in (batch(shape, 1) - 3, (batch(shape, 1) - 3).contiguous(memory_format=memory_format)):
        found = both_ways(ours, x, dy)
        assert_same(found, both_ways(theirs, x, dy))
        assert all(tensor.is_contiguous(memory_format=memory_format) for tensor in found[:2])
    assert_same_state(ours, theirs)


def test_any_strides_are_read_rightly():
    ours, theirs = pair(NumpyBatchNorm2d, nn.BatchNorm2d)
    x = batch((2, 5, 4, 3)).permute(2, 3, 1, 0)[::2]
    dy = (batch((3, 1, 1), 1) - 3).expand(2, 3, 5, 2)
    assert_same(both_ways(ours, x, dy), both_ways(theirs, x, dy))


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (1, 2), ()])
def test_only_what_requires_a_gradient_gets_one(wanted):
    results = []
    for layer in pair(NumpyBatchNorm1d, nn.BatchNorm1d):
        tensors = [batch((6, 3)), layer.weight, layer.bias]
        for i, tensor in enumerate(tensors):
            tensor.requires_grad_(i in wanted)
        y = layer(tensors[0])
        assert y.requires_grad == bool(wanted)
        if wanted:
            y.backward(batch((6, 3), 1) - 3)
        results.append([tensor.grad for tensor in tensors])
    for found, expected in zip(*results, strict=True):
        assert (found is None) == (expected is None)
        assert found is None or torch.allclose(found, expected)


def test_a_layer_used_twice_in_one_graph_and_a_graph_used_twice():
    results = []
    for layer in pair(NumpyBatchNorm1d, nn.BatchNorm1d):
        x = batch((6, 3)).requires_grad_()
        loss = (layer(layer(x).sin() * 2) ** 3).sum()
        loss.backward(retain_graph=True)
        loss.backward()
        results.append([x.grad, layer.weight.grad, layer.bias.grad, *layer.state_dict().values()])
    assert_same(*results)


def test_an_activation_in_place_after_the_layer_does_no_harm():
    results = []
    for layer in pair(NumpyBatchNorm1d, nn.BatchNorm1d):
        x = batch((6, 3)).requires_grad_()
        nn.functional.relu_(layer(x)).sum().backward()
        results.append([x.grad, layer.weight.grad])
    assert_same(*results)


def test_an_empty_batch_gives_zero_gradients():
    layer = NumpyBatchNorm1d(3).double()
    found = both_ways(layer, torch.zeros(0, 3, dtype=torch.float64), torch.zeros(0, 3, dtype=torch.float64))
    assert found[0].shape == found[1].shape == (0, 3)
    assert found[2].abs().max() == found[3].abs().max() == 0


def test_no_grad_is_not_evaluation():
    ours, theirs = pair(NumpyBatchNorm1d, nn.BatchNorm1d)
    with torch.no_grad():
        assert_same([ours(batch((6, 3)))], [theirs(batch((6, 3)))])
    assert ours.num_batches_tracked == 3
    assert_same_state(ours, theirs)


def test_tracking_switched_off_later_stops_the_update_and_evaluation_still_reads_it():
    ours, theirs = pair(NumpyBatchNorm1d, nn.BatchNorm1d)
    ours.track_running_stats = theirs.track_running_stats = False
    for _ in range(2):
        assert_same([ours(batch((6, 3)))], [theirs(batch((6, 3)))])
        assert_same_state(ours, theirs)
        ours.eval(), theirs.eval()


@pytest.mark.skipif("bias" not in nn.BatchNorm1d.__init__.__annotations__, reason="this PyTorch has no bias=")
def test_a_layer_without_bias():
    ours, theirs = pair(NumpyBatchNorm1d, nn.BatchNorm1d, bias=False)
    x, dy = batch((6, 3)), batch((6, 3), 1) - 3
    assert_same(both_ways(ours, x, dy), both_ways(theirs, x, dy))


# State


@each_pair
def test_state_goes_both_ways(ours, theirs, shape):
    ours, theirs = pair(ours, theirs)
    ours(batch(shape))
    theirs.load_state_dict(ours.state_dict())
    assert_same_state(ours, theirs, 0)
    theirs(batch(shape, 1))
    ours.load_state_dict(theirs.state_dict())
    assert_same_state(ours, theirs, 0)
    ours.eval(), theirs.eval()
    assert_same([ours(batch(shape, 2))], [theirs(batch(shape, 2))])


def test_saved_files_load_into_the_other():
    ours, theirs = pair(NumpyBatchNorm2d, nn.BatchNorm2d)
    ours(batch((4, 3, 5, 2)))
    file = io.BytesIO()
    torch.save(ours.state_dict(), file)
    file.seek(0)
    theirs.load_state_dict(torch.load(file, weights_only=True))
    assert_same_state(ours, theirs, 0)


# PyTorch 2.4 and 2.5 warn whenever a tensor is unpickled.
@pytest.mark.filterwarnings("ignore:You are using `torch.load`:FutureWarning")
@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles_are_independent(way):
    layer, _ = pair(NumpyBatchNorm2d, nn.BatchNorm2d)
    layer(batch((4, 3, 5, 2)))
    twin = way(layer)
    assert type(twin) is NumpyBatchNorm2d
    assert_same_state(twin, layer, 0)
    twin(batch((4, 3, 5, 2), 1))
    assert twin.num_batches_tracked == layer.num_batches_tracked + 1


def test_double_half_and_modes_are_pytorchs():
    layer = NumpyBatchNorm1d(3)
    assert repr(layer) == repr(nn.BatchNorm1d(3)).replace("BatchNorm1d", "NumpyBatchNorm1d")
    assert layer.double()(batch((6, 3))).dtype == torch.float64
    assert layer.half()(batch((6, 3), dtype=torch.float16)).dtype == torch.float16
    assert layer.running_mean.dtype == torch.float16
    assert layer.eval().training is False
    layer.reset_running_stats()
    assert layer.num_batches_tracked == 0


def test_the_buffers_stay_the_same_tensors():
    layer = NumpyBatchNorm1d(3).double()
    mean, count = layer.running_mean, layer.num_batches_tracked
    layer(batch((6, 3)))
    assert layer.running_mean is mean
    assert mean.abs().min() > 0
    assert layer.num_batches_tracked is count
    assert count == 1


# Refusals


def test_gradients_of_gradients_are_refused():
    x = batch((6, 3)).requires_grad_()
    (dx,) = torch.autograd.grad((NumpyBatchNorm1d(3).double()(x) ** 3).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        dx.sum().backward()


@pytest.mark.parametrize("changed", ["x", "weight"])
def test_a_change_before_backward_is_refused_as_in_pytorch(changed):
    for layer in pair(NumpyBatchNorm1d, nn.BatchNorm1d):
        x = batch((6, 3)).requires_grad_() * 1
        y = layer(x)
        with torch.no_grad():
            {"x": x, "weight": layer.weight}[changed].add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


def test_another_device_is_refused_by_name():
    with pytest.raises(ValueError, match=r"x is on device meta, expected cpu.*\.cpu\(\)"):
        NumpyBatchNorm1d(3)(torch.zeros(6, 3, device="meta"))
    with pytest.raises(ValueError, match="weight is on device meta"):
        NumpyBatchNorm1d(3, device="meta")(torch.zeros(6, 3))


def test_a_dtype_that_numpy_has_not_is_refused_by_name():
    with pytest.raises(TypeError, match=r"x has dtype torch.bfloat16, expected float16, float32 or float64"):
        NumpyBatchNorm1d(3)(torch.zeros(6, 3, dtype=torch.bfloat16))
    with pytest.raises(TypeError, match=r"weight has dtype torch.bfloat16"):
        NumpyBatchNorm1d(3).bfloat16()(torch.zeros(6, 3))
    with pytest.raises(TypeError, match="x has dtype"):
        NumpyBatchNorm1d(3)(torch.zeros(6, 3, dtype=torch.int64))


@each_pair
def test_the_wrong_number_of_axes_is_refused_in_pytorchs_words(ours, theirs, shape):
    x = batch((*shape, 1, 1))
    with pytest.raises(ValueError) as expected:  # noqa: PT011
        theirs(3)(x)
    with pytest.raises(ValueError) as found:  # noqa: PT011
        ours(3)(x)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("x", [torch.zeros(1, 3), torch.zeros(6, 4)], ids=["one value", "four channels"])
def test_a_refused_input_leaves_the_state_as_it_was(x):
    layer, _ = pair(NumpyBatchNorm1d, nn.BatchNorm1d)
    before = copy.deepcopy(layer.state_dict())
    with pytest.raises(ValueError, match=r"Expected more than 1 value|expected num_features=3"):
        layer(x.double())
    assert_same(layer.state_dict().values(), before.values(), 0)


def test_evaluation_accepts_one_value_a_channel():
    ours, theirs = pair(NumpyBatchNorm1d, nn.BatchNorm1d)
    assert_same([ours.eval()(batch((1, 3)))], [theirs.eval()(batch((1, 3)))])


def test_numpy_did_the_work(monkeypatch):
    monkeypatch.setattr(nn.functional, "batch_norm", lambda *a, **k: pytest.fail("PyTorch computed this"))
    layer = NumpyBatchNorm2d(3).double()
    both_ways(layer, batch((4, 3, 5, 2)), batch((4, 3, 5, 2), 1))
    assert isinstance(layer.running_mean.numpy(), np.ndarray)
