"""The recorder against numbers computed by hand from the same network."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bnteach.data import digits
from bnteach.training import Recorder, accuracy, mlp, small_cnn, train, training_steps

DATA = digits()
WIDTHS = [64, 30, 20, 10]


def first_batch(seed=0, size=60):
    order = torch.randperm(len(DATA.x_train), generator=torch.Generator().manual_seed(seed))[:size]
    return torch.from_numpy(DATA.x_train)[order], torch.from_numpy(DATA.y_train)[order]


def record_one_step(model, **settings):
    with Recorder(model, DATA, every=1, **settings) as recorder:
        recorder.record(next(training_steps(model, DATA)))
    return recorder.history()


def test_percentiles_are_those_of_the_training_batch():
    x, _ = first_batch()
    twin = mlp(WIDTHS)
    expected = twin[:4](x).detach().numpy()  # linear_1, bn_1, activation_1, linear_2
    expected = nn.BatchNorm1d(20)(torch.from_numpy(expected)).detach().numpy()
    history = record_one_step(mlp(WIDTHS), layer="activation_2")
    assert history.percentiles == pytest.approx(np.percentile(expected, [[15, 50, 85]]), abs=1e-6)


def test_one_unit_can_be_watched():
    x, _ = first_batch()
    expected = mlp(WIDTHS)[:2](x)[:, 17].detach().numpy()
    history = record_one_step(mlp(WIDTHS), layer="activation_1", unit=17)
    assert history.percentiles[0] == pytest.approx(np.percentile(expected, [15, 50, 85]), abs=1e-6)


def test_gradient_norms_are_those_of_the_loss():
    x, y = first_batch()
    twin = mlp(WIDTHS)
    cross_entropy(twin(x), y).backward()
    history = record_one_step(mlp(WIDTHS))
    expected = [layer.weight.grad.norm().item() for layer in (twin.linear_1, twin.linear_2, twin.output)]
    assert history.gradient_norms[0] == pytest.approx(expected, rel=1e-5)


def test_accuracy_is_that_of_the_test_set_at_that_step():
    model = mlp(WIDTHS)
    history = train(model, DATA, epochs=2, every=13, progress=False)
    assert list(history.recorded_at) == [13, 26, 39, 44]  # and the last
    assert history.test_accuracy[-1] == accuracy(model, DATA.x_test, DATA.y_test)
    assert history.loss.shape == (44,)


def test_recording_does_not_change_the_training():
    watched = train(mlp(WIDTHS), DATA, epochs=1, layer="activation_1", every=1, progress=False)
    plain = [step.loss for step in training_steps(mlp(WIDTHS), DATA, epochs=1)]
    assert list(watched.loss) == plain


def test_an_activation_that_works_in_place_does_not_spoil_the_record():
    class InPlaceReLU(nn.ReLU):
        def __init__(self):
            super().__init__(inplace=True)

    history = record_one_step(mlp(WIDTHS, InPlaceReLU), layer="activation_1")
    assert history.percentiles[0, 0] < -0.5  # after ReLU nothing is negative


def test_percentiles_of_values_that_are_not_numbers_are_nan():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with Recorder(model, DATA, layer="1") as recorder:
        model(torch.tensor([[1.0], [float("nan")]]).expand(2, 64))
        recorder.measure(1)
    assert np.isnan(recorder.history().percentiles[0]).all()


def test_history_may_be_asked_for_in_the_middle_and_before_the_start():
    model = mlp(WIDTHS)
    with Recorder(model, DATA, layer="activation_1", every=2) as recorder:
        assert recorder.history().percentiles.shape == (0, 3)
        assert recorder.history().gradient_norms.shape == (0, 3)
        for step, _ in zip(training_steps(model, DATA), range(5), strict=False):
            recorder.record(step)
        assert recorder.history().recorded_at.tolist() == [2, 4]
    assert record_one_step(mlp(WIDTHS)).percentiles is None


def test_the_hook_is_taken_away_also_after_an_error():
    model = mlp(WIDTHS)
    with pytest.raises(KeyError), Recorder(model, DATA, layer="activation_1"):
        raise KeyError
    assert not model.activation_1._forward_pre_hooks


def test_a_weight_without_gradient_is_left_out_or_nan():
    model = small_cnn()
    model.conv_1.weight.requires_grad_(False)
    with Recorder(model, DATA.images(), every=1) as recorder:
        recorder.measure(0)
    history = recorder.history()
    assert history.gradient_norms.shape == (1, 2)
    assert np.isnan(history.gradient_norms).all()


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"layer is 'activation_9', expected .*activation_2"):
        Recorder(mlp(WIDTHS), DATA, layer="activation_9")
    with pytest.raises(ValueError, match="unit is 3 but layer is None"):
        Recorder(mlp(WIDTHS), DATA, unit=3)
    with pytest.raises(ValueError, match="every is 0"):
        Recorder(mlp(WIDTHS), DATA, every=0)
