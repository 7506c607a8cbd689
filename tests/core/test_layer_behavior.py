"""What BatchNorm promises about its modes, its running statistics and the pass it remembers."""

import copy
import pickle

import numpy as np
import pytest
import torch

from beside_torch import TORCH, assert_same, batch, our_pass, pair, pytorchs_pass
from bnteach import BatchNorm

pytestmark = pytest.mark.usefixtures("page")

modes = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


@pytest.fixture
def xdy(rng):
    return batch(rng, (5, 4, 3))


@pytest.fixture
def bn(rng, xdy):
    return pair(rng, xdy[0])[0]


# Modes


def test_a_new_layer_is_pytorchs_new_layer():
    bn, twin = BatchNorm(4), torch.nn.BatchNorm1d(4)
    assert bn.training is twin.training is True
    assert (bn.eps, bn.momentum, bn.affine, bn.track_running_stats) == (1e-5, 0.1, True, True)
    for key, value in twin.state_dict().items():
        np.testing.assert_array_equal(bn.state_dict()[key], value)
        assert bn.state_dict()[key].dtype == value.numpy().dtype
    assert bn.dgamma is bn.dbeta is None


def test_the_mode_is_set_by_train_and_eval(bn):
    assert bn.eval() is bn
    assert bn.training is False
    assert bn.train() is bn
    assert bn.training is True
    assert bn.train(False).training is False


@modes
def test_a_call_may_name_its_own_mode(rng, xdy, training):
    x, dy = xdy
    bn, twin = pair(rng, x)
    twin.train(training)
    bn.train(not training)
    expected = pytorchs_pass(twin, x, dy)
    np.testing.assert_allclose(bn.forward(x, training=training), expected["y"], atol=1e-12)
    np.testing.assert_allclose(bn.backward(dy)[0], expected["dx"], atol=1e-12)
    np.testing.assert_allclose(bn.running_var, expected["running_var"], atol=1e-12)
    assert bn.training is not training, "the mode of the layer itself stays"


@modes
def test_calling_the_layer_is_forward(bn, xdy, training):
    other = copy.deepcopy(bn)
    np.testing.assert_array_equal(bn(xdy[0], training=training), other.forward(xdy[0], training))


# Running statistics


@pytest.mark.parametrize("momentum", [0.1, 0, 0.0, 1, -0.5, 1.7, np.float32(0.25)])
def test_momentum_weighs_the_new_batch(rng, momentum):
    bn = BatchNorm(3, momentum=momentum, dtype=np.float64)
    x, _ = batch(rng, (6, 3))
    bn(x)
    np.testing.assert_allclose(bn.running_mean, momentum * x.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(bn.running_var, 1 - momentum + momentum * x.var(axis=0, ddof=1), atol=1e-12)


def test_momentum_none_is_the_plain_average_of_all_batches(rng):
    bn = BatchNorm(3, momentum=None, dtype=np.float64)
    batches = [batch(rng, (6, 3))[0] for _ in range(5)]
    for x in batches:
        bn(x)
    np.testing.assert_allclose(bn.running_mean, np.mean([x.mean(axis=0) for x in batches], axis=0))
    np.testing.assert_allclose(bn.running_var, np.mean([x.var(axis=0, ddof=1) for x in batches], axis=0))


@pytest.mark.parametrize("momentum", [0.1, 0, None])
def test_every_training_forward_is_counted_in_int64(bn, xdy, momentum):
    bn.momentum = momentum
    for count in (4, 5):
        bn(xdy[0])
        assert bn.num_batches_tracked == count
        assert bn.num_batches_tracked.dtype == np.int64
        assert bn.num_batches_tracked.shape == ()


def test_evaluation_moves_nothing(bn, xdy):
    before = bn.eval().state_dict()
    bn(xdy[0])
    for key, value in bn.state_dict().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)


def test_momentum_0_is_not_evaluation(bn, xdy):
    bn.momentum = 0
    np.testing.assert_allclose(bn(xdy[0]).mean(axis=(0, 2)), bn.beta, atol=1e-12)
    assert not np.allclose(bn.eval()(xdy[0]).mean(axis=(0, 2)), bn.beta)


def test_training_divides_by_m_and_evaluation_by_m_minus_1(rng):
    """So with momentum 1 they still differ, by √((m − 1)/m)."""
    x, _ = batch(rng, (5, 3))
    bn = BatchNorm(3, momentum=1, eps=1e-300, dtype=np.float64)
    np.testing.assert_allclose(bn(x) * np.sqrt(4 / 5), bn(x, training=False), rtol=1e-10)


def test_reset_running_stats(bn, xdy):
    gamma = bn.gamma.copy()
    bn(xdy[0])
    bn.reset_running_stats()
    assert not bn.running_mean.any()
    assert (bn.running_var == 1).all()
    assert bn.num_batches_tracked == 0
    np.testing.assert_array_equal(bn.gamma, gamma)


def test_a_forward_pass_leaves_old_running_statistics_to_whoever_holds_them(bn, xdy):
    held = bn.running_mean
    kept = held.copy()
    bn(xdy[0])
    np.testing.assert_array_equal(held, kept)


@modes
def test_without_tracking_the_batch_is_always_used(rng, xdy, training):
    x, dy = xdy
    bn, twin = pair(rng, x, track_running_stats=False)
    bn.train(training), twin.train(training)
    found = our_pass(bn, x, dy)
    assert bn.running_mean is bn.running_var is bn.num_batches_tracked is None
    assert_same(found, pytorchs_pass(twin, x, dy), 1e-11)
    np.testing.assert_allclose(found["dx"].sum(axis=(0, 2)), 0, atol=1e-12, err_msg="the full formula")
    bn.reset_running_stats()
    assert bn.running_mean is None


# Special batches


@pytest.mark.parametrize(
    ("shape", "axis"), [((0, 3), 1), ((0, 3, 4, 5), 1), ((2, 0, 3), -1), ((2, 3, 4, 0), 1)]
)
@modes
def test_an_empty_batch(rng, shape, axis, training):
    x = np.empty(shape)
    bn, twin = pair(rng, x, axis)
    bn.train(training), twin.train(training)
    found = our_pass(bn, x, x)
    assert_same(found, pytorchs_pass(twin, x, x, axis), 0)
    assert bn.num_batches_tracked == 3 + training
    assert not found["dgamma"].any()
    assert not found["dbeta"].any()


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 1), (1, 4, 1, 1)])
def test_one_value_per_channel_has_no_variance(rng, shape):
    """Judged by all values of a channel. PyTorch counts the refused batch; here it is not counted."""
    x = rng.normal(size=shape)
    bn, twin = pair(rng, x)
    message = r"Expected more than 1 value per channel when training, got input size "
    with pytest.raises(ValueError, match=message):
        twin(torch.tensor(x))
    with pytest.raises(ValueError, match=message + r"\(1, 4"):
        bn(x)
    assert (bn.num_batches_tracked, twin.num_batches_tracked) == (3, 4)
    np.testing.assert_allclose(bn.eval()(x), twin.eval()(torch.tensor(x)).detach(), atol=1e-12)
    untracked, twin = pair(rng, x, track_running_stats=False)
    for layer, value in [(untracked.eval(), x), (twin.eval(), torch.tensor(x))]:
        with pytest.raises(ValueError, match=message):
            layer(value)


def test_one_sample_with_several_positions_is_welcome(rng):
    x, dy = batch(rng, (1, 4, 2))
    bn, twin = pair(rng, x)
    assert_same(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy), 1e-11)


@modes
def test_eps_0_is_for_evaluation_alone(rng, xdy, training):
    x, dy = xdy
    bn, twin = pair(rng, x, eps=0)
    bn.train(training), twin.train(training)
    if not training:
        if TORCH in ((2, 10), (2, 11)):
            pytest.skip("PyTorch 2.10 refuses eps=0 in evaluation too")
        assert_same(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy), 1e-11)
        return
    if TORCH >= (2, 10):  # before, PyTorch divided by 0
        with pytest.raises(ValueError, match="eps must be positive"):
            twin(torch.tensor(x))
    with pytest.raises(ValueError, match=r"eps is 0\.0, expected a number above 0"):
        bn(x)


# The pass that backward belongs to


@modes
def test_backward_belongs_to_the_last_forward_and_to_its_mode(bn, xdy, training):
    x, dy = xdy
    bn.forward(x + 1, not training)
    bn.backward(dy)
    other = copy.deepcopy(bn)
    other.forward(x, training)
    bn.forward(x, training)
    bn.train(not training)
    for mine, expected in zip(bn.backward(dy), other.backward(dy), strict=True):
        np.testing.assert_array_equal(mine, expected)


def test_evaluation_has_constant_statistics(bn, xdy):
    """A diagonal Jacobian: a sample's gradient is its own dy times γ/√(running_var + ε)."""
    x, dy = xdy
    bn.eval()(x)
    slope = (bn.gamma / np.sqrt(bn.running_var + bn.eps))[:, None]
    np.testing.assert_allclose(bn.backward(dy)[0], dy * slope, rtol=1e-12)


@modes
def test_gradients_are_overwritten_not_accumulated(bn, xdy, training):
    x, dy = xdy
    bn.forward(x, training)
    first = bn.backward(dy)
    bn.backward(2 * dy)
    np.testing.assert_allclose(bn.dgamma, 2 * first[1], rtol=1e-12)
    again = bn.backward(dy)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert again[1] is bn.dgamma
    assert again[2] is bn.dbeta


def test_the_same_cache_serves_again(page, xdy):
    x, dy = xdy
    _, cache = page.batch_norm_forward(x, np.full(4, 1.5), np.zeros(4))
    first = page.batch_norm_backward(dy, cache)
    page.batch_norm_backward(dy**2, cache)
    for a, b in zip(first, page.batch_norm_backward(dy, cache), strict=True):
        np.testing.assert_array_equal(a, b)


@modes
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6, 4), (5, 4, 3), (2, 4, 9, 8)])
def test_results_may_be_changed_in_place(rng, shape, dtype, training):
    """y, dx, dγ and dβ are the caller's own: what is written there reaches neither cache nor parameters."""
    x, dy = batch(rng, shape, dtype=dtype)
    bn, _ = pair(rng, x, dtype=np.float32)
    bn.train(training)
    expected = {name: q.copy() for name, q in our_pass(bn, x, dy).items()}
    bn.load_state_dict({k: v for k, v in bn.state_dict().items() if k != "num_batches_tracked"})
    bn.forward(x)[...] = np.nan
    for gradient in bn.backward(dy):
        gradient[...] = np.nan
    for name, value in zip(("dx", "dgamma", "dbeta"), bn.backward(dy), strict=True):
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
    assert np.isfinite(bn.gamma).all()


@modes
def test_parameters_changed_after_forward_do_not_reach_its_backward(bn, xdy, training):
    """An optimizer writes into γ in place, and a state dict is loaded, between one pass and the next."""
    x, dy = xdy
    bn.forward(x, training)
    expected = bn.backward(dy)[0]
    for array in (bn.gamma, bn.beta, bn.running_mean, bn.running_var):
        array[...] = 7
    np.testing.assert_array_equal(bn.backward(dy)[0], expected)


@modes
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_are_read_and_never_written(rng, dtype, training):
    x, dy = batch(rng, (3, 4, 70, 65), dtype=dtype)
    bn, _ = pair(rng, x, dtype=dtype)
    for array in (x, dy, bn.gamma, bn.beta, bn.running_mean, bn.running_var):
        array.flags.writeable = False
    kept = x.copy(), dy.copy()
    our_pass(bn.train(training), x, dy)
    np.testing.assert_array_equal((x, dy), kept)


@pytest.mark.parametrize("convert", [torch.tensor, lambda a: a.tolist()], ids=["a tensor", "a list"])
def test_whatever_numpy_reads_as_floats_is_welcome(bn, xdy, convert):
    x, dy = xdy
    expected = our_pass(copy.deepcopy(bn), x, dy)
    assert_same(our_pass(bn, convert(x), convert(dy)), expected, 0)
    assert type(bn.forward(convert(x))) is np.ndarray


def test_copies_and_pickles_go_their_own_way(bn, xdy):
    x, dy = xdy
    bn(x)
    for other in (copy.deepcopy(bn), pickle.loads(pickle.dumps(bn))):
        np.testing.assert_array_equal(other.backward(dy)[0], bn.backward(dy)[0])
        other(x + 1)
        assert other.num_batches_tracked == bn.num_batches_tracked + 1


def test_without_affine_there_is_no_gamma_and_no_gradient_for_it(rng, xdy):
    bn, _ = pair(rng, xdy[0], affine=False)
    bn(xdy[0])
    assert bn.gamma is bn.beta is None
    assert bn.backward(xdy[1])[1:] == (None, None)
    assert bn.dgamma is bn.dbeta is None


def test_the_layer_shows_itself_as_it_is_made():
    bn = BatchNorm(3, momentum=None, channel_axis=-1)
    assert repr(eval(repr(bn))) == repr(bn)
    assert "momentum=None" in repr(bn)
