"""The experiments measure what they say: against a plain loop, and against theory."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bnteach.data import digits
from bnteach.training import accuracy, mlp
from bnteach.trials.claims.experiments import first_steps, learn, learn_until, make_data, make_network
from bnteach.trials.claims.layers import ChangingNoise, GhostBatchNorm
from bnteach.trials.claims.measurements import (
    answers_changed_by_biases,
    dropout_shift,
    re_estimate,
    smoothness_and_shift,
)

DATA = digits()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_learn_is_plain_gradient_descent():
    model = mlp([64, 50, 50, 50, 10], nn.ReLU, init_scale=2**0.5, seed=3)
    optimizer, random = torch.optim.SGD(model.parameters(), 0.2), torch.Generator().manual_seed(3)
    batches = torch.randperm(1347, generator=random).split(60)[:12]
    for chosen in batches:
        optimizer.zero_grad()
        x, y = torch.from_numpy(DATA.x_train)[chosen], torch.from_numpy(DATA.y_train)[chosen]
        cross_entropy(model(x), y).backward()
        optimizer.step()
    result = learn(3, steps=12, learning_rate=0.2)
    assert result["accuracy"] == 100 * accuracy(model, DATA.x_test, DATA.y_test)
    assert result["train_accuracy"] == 100 * accuracy(model, DATA.x_train, DATA.y_train)
    assert result["gap"] == pytest.approx(result["train_accuracy"] - result["accuracy"])


@pytest.mark.parametrize("extra", [{"dropout": 0.3}, {"noise": 0.5}])
def test_what_draws_random_numbers_repeats_whatever_the_global_state(extra):
    torch.manual_seed(1)
    first = learn(0, steps=10, **extra)
    torch.manual_seed(2)
    assert learn(0, steps=10, **extra) == first
    assert learn(0, steps=10) != first


def test_each_random_module_has_numbers_of_its_own():
    model = make_network(3, noise=0.5, dropout=0.5)
    modules = [m for name, m in model.named_children() if name.startswith("after")]
    assert len({m.random.initial_seed() for m in modules}) == len(modules) == 6


def test_the_settings_reach_the_network():
    layers = dict(make_network(0, layers=2, width=30, group=4, noise=0.1, dropout=0.2).named_children())
    assert isinstance(layers["bn_2"], GhostBatchNorm)
    assert layers["bn_2"].size == 4
    assert isinstance(layers["after_bn_2"], ChangingNoise)
    assert layers["after_activation_1"].p == 0.2
    assert layers["linear_2"].weight.shape == (30, 30)
    after = [name for name, _ in make_network(0, layers=1, bn_position="after").named_children()]
    assert after == ["linear_1", "activation_1", "bn_1", "output"]
    assert not any("bn" in name for name, _ in make_network(0, batch_norm=False).named_children())
    large, usual = (make_network(0, init_scale=s, activation="tanh").linear_1.weight for s in (3.0, 1.0))
    assert torch.allclose(large, 3 * usual)
    assert usual.std().item() == pytest.approx(1 / 8, rel=0.05)


def test_the_task_depends_on_the_seed_and_keeps_its_parts():
    task = make_data(1, samples=200, wrong=0.25, pixel_noise=0.1)
    assert task.x_train.shape == (200, 64)
    assert not np.array_equal(task.y_train, make_data(2, samples=200, wrong=0.25, pixel_noise=0.1).y_train)
    assert make_data(1).x_train.shape == (1347, 64)
    assert (make_data(1).y_test == task.y_test).all()


@pytest.mark.parametrize(("steps", "samples"), [(5, None), (22, None), (23, None), (70, 130)])
def test_as_many_steps_as_asked(steps, samples):
    task = make_data(0, samples=samples)
    assert len(list(first_steps(make_network(0), task, steps))) == steps


def test_few_classes_in_a_batch_reach_the_training():
    assert learn(0, steps=40, classes=1)["accuracy"] < learn(0, steps=40)["accuracy"] - 20


def test_the_best_moment_is_never_worse_than_the_last():
    result = learn(0, steps=200, test_every=5, samples=400, wrong=0.3)
    assert result["best_accuracy"] > result["accuracy"]
    assert learn(0, steps=5)["best_accuracy"] == learn(0, steps=5)["accuracy"]


def test_the_step_is_the_first_at_which_so_much_is_learned():
    found = learn_until(0, level=90)
    before, there = (learn(0, steps=found["steps"] - less)["train_accuracy"] for less in (5, 0))
    assert found["steps"] % 5 == 0
    assert before < 90 <= there
    assert found["accuracy"] == learn(0, steps=found["steps"])["accuracy"]
    assert learn_until(0, level=101, most=7)["steps"] == 7


def test_the_gradient_can_be_trusted_less_far_ahead():
    near, far = (smoothness_and_shift(0, steps=12, learning_rate=rate)["change"] for rate in (0.01, 0.1))
    assert 0 < near < far
    shifted = smoothness_and_shift(0, steps=12, noise=0.5)
    still = smoothness_and_shift(0, steps=12)
    assert shifted["shift"] > 2 * still["shift"]


def test_the_variance_ratio_is_that_of_theory():
    p, model = 0.3, make_network(0, layers=2, dropout=0.3, width=200)
    h = model[:3](torch.from_numpy(DATA.x_train)).detach()  # before dropout
    w = model.linear_2.weight.detach()
    in_use = (h @ w.T).var(dim=0)
    added = p / (1 - p) * (h**2).mean(dim=0) @ (w**2).T  # dropout's own variance, independent units
    expected = (in_use / (in_use + added)).mean().item()
    measured = dropout_shift(0, steps=100, learning_rate=1e-9, layers=2, dropout=p, width=200)
    assert measured["variance_ratio"] == pytest.approx(expected, rel=0.03)


def test_without_dropout_there_is_nothing_to_mend():
    result = dropout_shift(0, dropout=1e-9, steps=150)
    assert result["variance_ratio"] == pytest.approx(1, abs=0.02)
    assert abs(result["mended"] - result["accuracy"]) < 2


def test_re_estimation_is_the_plain_average_over_batches_with_dropout_off():
    model = make_network(0, layers=2, dropout=0.5)
    re_estimate(model, DATA)
    batches = torch.from_numpy(DATA.x_train).split(60)[:-1]
    first = make_network(0, layers=2).train()
    means = [first.linear_1(batch).mean(dim=0) for batch in batches]
    assert torch.allclose(model.bn_1.running_mean, torch.stack(means).mean(dim=0), atol=1e-6)
    inputs = [first[:4](batch).mean(dim=0) for batch in batches]  # linear_1, bn_1, activation_1, linear_2
    assert torch.allclose(model.bn_2.running_mean, torch.stack(inputs).mean(dim=0), atol=1e-5)
    assert not any(module.training for module in model.modules())


def test_a_bias_matters_only_where_bn_does_not_follow():
    normal = {"start": "normal", "steps": 20}
    assert answers_changed_by_biases(0, **normal)["changed"] == 0
    assert answers_changed_by_biases(0, **normal, bn_position="after")["changed"] > 2
    assert answers_changed_by_biases(0, **normal, batch_norm=False)["changed"] > 2


def test_how_much_a_bias_matters_depends_on_its_start():
    after = {"bn_position": "after"}
    zero, normal = (answers_changed_by_biases(0, start=start, **after) for start in ("zero", "normal"))
    assert zero["changed"] < normal["changed"]
