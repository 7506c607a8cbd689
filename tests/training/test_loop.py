"""The training loop against a plain PyTorch loop, and what it promises between two steps."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, TensorDataset

from bnteach.data import digits
from bnteach.training import accuracy, evaluating, mlp, small_cnn, train, training_steps

DATA = digits()
WIDTHS = [64, 30, 10]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def losses(model, **settings):
    return [step.loss for step in training_steps(model, DATA, **settings)]


def plain_pytorch(model, epochs, learning_rate, batch_size, seed):
    """The usual loop: DataLoader, sampler, cross-entropy, SGD."""
    data = TensorDataset(torch.from_numpy(DATA.x_train), torch.from_numpy(DATA.y_train))
    generator = torch.Generator().manual_seed(seed)
    optimizer, criterion = torch.optim.SGD(model.parameters(), learning_rate), nn.CrossEntropyLoss()
    found = []
    for _ in range(epochs):
        order = torch.randperm(len(data), generator=generator).tolist()
        for x, y in DataLoader(data, batch_sampler=BatchSampler(order, batch_size, drop_last=True)):
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
    return found


@pytest.mark.parametrize("batch_norm", [True, False])
def test_losses_and_weights_are_those_of_the_plain_loop(batch_norm):
    settings = {"epochs": 2, "learning_rate": 0.3, "batch_size": 50, "seed": 7}
    ours, plain = mlp(WIDTHS, batch_norm=batch_norm), mlp(WIDTHS, batch_norm=batch_norm)
    assert losses(ours, **settings) == plain_pytorch(plain, **settings)
    for name, value in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


def test_steps_and_epochs_are_counted_and_the_incomplete_batch_is_left_out():
    steps = list(training_steps(mlp(WIDTHS), DATA, batch_size=60, epochs=2))
    assert [s.number for s in steps] == list(range(1, 45))
    assert [s.epoch for s in steps] == [1] * 22 + [2] * 22


def test_one_picture_left_over_does_not_break_batch_normalization():
    assert len(losses(mlp(WIDTHS), batch_size=673, epochs=1)) == 2  # 1347 = 2 · 673 + 1


def test_the_seed_decides_the_batches_and_nothing_else_does():
    torch.manual_seed(1)
    first = losses(mlp(WIDTHS), epochs=1, seed=3)
    torch.manual_seed(2)
    assert losses(mlp(WIDTHS), epochs=1, seed=3) == first
    assert losses(mlp(WIDTHS), epochs=1, seed=4) != first


def test_two_networks_stepped_in_turn_do_not_disturb_each_other():
    alone = losses(mlp(WIDTHS, seed=1), epochs=1)
    pair = zip(
        training_steps(mlp(WIDTHS, seed=1), DATA, epochs=1),
        training_steps(mlp(WIDTHS, batch_norm=False), DATA, epochs=1),
        strict=True,
    )
    assert [step.loss for step, _ in pair] == alone


def test_the_loop_rests_between_two_steps():
    model = mlp(WIDTHS)
    steps = training_steps(model, DATA)
    start = model.output.weight.detach().clone()
    assert torch.equal(model.output.weight, start)
    next(steps)
    moved = model.output.weight.detach().clone()
    assert not torch.equal(moved, start)
    steps.close()
    assert torch.equal(model.output.weight, moved)


def test_the_learning_rate_may_follow_a_function():
    model, seen = mlp(WIDTHS), []

    def rate(number):
        seen.append(number)
        return 0.0 if number == 2 else 0.5

    steps = training_steps(model, DATA, learning_rate=rate)
    next(steps)
    weight = model.output.weight.detach().clone()
    next(steps)
    assert torch.equal(model.output.weight, weight)
    next(steps)
    assert not torch.equal(model.output.weight, weight)
    assert seen[-3:] == [1, 2, 3]


def test_another_optimizer_is_used_when_given():
    momentum = partial(torch.optim.SGD, momentum=0.9)
    assert losses(mlp(WIDTHS), epochs=1, optimizer=momentum) != losses(mlp(WIDTHS), epochs=1)


def test_bad_arguments_are_refused_before_the_first_step():
    for size in (0, 1348):
        with pytest.raises(ValueError, match=f"batch_size is {size}, expected 1 to 1347"):
            training_steps(mlp(WIDTHS), DATA, batch_size=size)
    with pytest.raises(ValueError, match="epochs is 0"):
        train(mlp(WIDTHS), DATA, epochs=0, progress=False)


def test_a_diverged_loss_is_recorded_as_it_is_and_training_goes_on():
    history = train(mlp([64, 30, 30, 10], nn.ReLU, batch_norm=False, init_scale=30), DATA,
                    learning_rate=1e6, epochs=1, progress=False)  # fmt: skip
    assert "diverged" in repr(history)
    assert len(history.loss) == 22
    assert np.isnan(history.loss[-1])
    assert history.test_accuracy[-1] == 0  # nan logits are no answer
    assert "all losses finite" in repr(train(mlp(WIDTHS), DATA, epochs=1, progress=False))


def test_progress_goes_to_stderr_and_can_be_silenced(capsys):
    train(mlp(WIDTHS), DATA, epochs=1, description="with BN")
    out, err = capsys.readouterr()
    assert out == ""
    assert "with BN" in err
    assert err.endswith("22/22, 00:00 left\n")  # the same on every machine: outputs of lessons are compared
    train(mlp(WIDTHS), DATA, epochs=1, progress=False)
    assert capsys.readouterr() == ("", "")


def test_accuracy_is_counted_in_evaluation_mode_and_every_mode_comes_back():
    model = mlp(WIDTHS)
    list(training_steps(model, DATA, epochs=3))
    model.bn_1.eval()
    share = accuracy(model, DATA.x_test, DATA.y_test)
    assert model.training
    assert not model.bn_1.training
    assert model.activation_1.training
    with torch.no_grad():
        guesses = model.eval()(torch.from_numpy(DATA.x_test)).argmax(1).numpy()
    assert share == np.mean(guesses == DATA.y_test) > 0.5


def test_accuracy_leaves_the_running_statistics_alone():
    model = mlp(WIDTHS)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    accuracy(model, DATA.x_test, DATA.y_test)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_modes_come_back_after_an_error():
    model = mlp(WIDTHS)
    with pytest.raises(RuntimeError), evaluating(model):
        model(torch.zeros(3, 5))
    assert model.training
    assert model.bn_1.training


def test_a_frozen_layer_stays_frozen():
    model = mlp(WIDTHS)
    steps = training_steps(model, DATA)
    model.bn_1.eval()
    next(steps)
    assert model.bn_1.num_batches_tracked == 0


def test_bn_lets_a_deep_sigmoid_network_learn_that_does_not_learn_without():
    settings = {"learning_rate": 0.2, "epochs": 10, "progress": False}
    with_bn, without = (mlp([64, *[100] * 5, 10], batch_norm=bn) for bn in (True, False))
    assert train(with_bn, DATA, **settings).test_accuracy[-1] > 0.9
    assert train(without, DATA, **settings).test_accuracy[-1] < 0.2


def test_the_convolutional_network_learns():
    history = train(small_cnn(), DATA.images(), learning_rate=0.1, epochs=4, progress=False)
    assert history.test_accuracy[-1] > 0.9
