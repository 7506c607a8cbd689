"""The lab of training: start, pause, reset, one run at a time, and a kernel that stays free.

Nothing here is timed: where "at once" matters, what is counted is how often the training gives way.
"""

from __future__ import annotations

import asyncio
import itertools
import re

import numpy as np
import pytest

pytest.importorskip("torch")

from bnteach import training as experiments
from bnteach.data import digits
from bnteach.labs import training as module
from bnteach.labs.training import Training
from bnteach.trials.claims import paired_training
from test_every_lab import buttons_of


@pytest.fixture(autouse=True)
def no_pacing(monkeypatch):
    monkeypatch.setattr(module, "FRAME", 0.0)


async def until(condition, turns: int = 100_000) -> None:
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


def in_a_kernel(scenario):
    """Run a scenario where a notebook's callbacks run: in a running event loop."""
    asyncio.run(asyncio.wait_for(scenario(), timeout=120))


def button(lab, name: str):
    return next(button for button in buttons_of(lab) if button.description == name)


def test_start_pause_go_on_reset_by_the_buttons(drawn):
    async def scenario():
        lab = Training()
        assert lab.reading == "Two untrained networks. Press Start."
        button(lab, "Start").click()
        await until(lambda: lab._pair.epochs_done > 1)
        assert lab.reading.startswith("Running: epoch")
        button(lab, "Pause").click()
        assert lab.reading.startswith("Epoch")
        done, picture = lab._pair.steps_done, lab.canvas.image.value
        for _ in range(50):
            await asyncio.sleep(0)
        assert (lab._pair.steps_done, lab.canvas.image.value) == (done, picture)
        button(lab, "Start").click()
        await until(lambda: lab._pair.steps_done > done)
        button(lab, "Reset").click()
        assert lab._pair.steps_done == 0
        assert not lab.running
        assert lab.reading == "Two untrained networks. Press Start."

    in_a_kernel(scenario)


def test_it_gives_way_after_every_slice(monkeypatch):
    monkeypatch.setattr(module, "SLICE", 0.0)  # so that a slice is a single step
    steps_between_turns = []

    async def scenario():
        lab = Training(batch_size=4)
        lab.start()
        for _ in range(200):
            before = lab._pair.steps_done
            await asyncio.sleep(0)
            steps_between_turns.append(lab._pair.steps_done - before)
        lab.pause()

    in_a_kernel(scenario)
    assert max(steps_between_turns) == 1
    assert sum(steps_between_turns) > 100
    assert paired_training.MAX_EPOCHS * 336 > 200


def test_it_runs_to_the_end_and_says_so(monkeypatch):
    monkeypatch.setattr(module, "MAX_EPOCHS", 1)
    monkeypatch.setattr(paired_training, "MAX_EPOCHS", 1)

    async def scenario():
        lab = Training()
        lab.start()
        await until(lambda: lab._pair.finished and not lab.running)
        assert lab.reading.startswith("Epoch 1.0 of 1.")
        lab.start()
        assert not lab.running

    in_a_kernel(scenario)


def test_pressing_start_twice_is_one_training():
    async def scenario():
        lab = Training()
        lab.start()
        task = lab._task
        lab.start()
        assert lab._task is task
        lab.pause()
        lab.pause()

    in_a_kernel(scenario)


def test_a_change_while_running_begins_again_and_goes_on():
    async def scenario():
        lab = Training()
        lab.start()
        await until(lambda: lab._pair.epochs_done > 1)
        lab.widgets["learning_rate"].value = 1.0
        assert lab._pair.steps_done == 0
        assert lab.running
        await until(lambda: lab._pair.epochs_done > 0.5)
        assert lab.state.learning_rate == 1.0
        lab.pause()

    in_a_kernel(scenario)


def test_only_one_runs_at_a_time():
    async def scenario():
        first = Training()
        first.start()
        second = Training()  # the same cell, run again
        assert not first.running
        assert second.reading.startswith("Two untrained")
        second.start()
        first.start()
        assert (first.running, second.running) == (True, False)
        first.close()
        assert not first.running

    in_a_kernel(scenario)


def test_without_a_kernel_start_says_what_to_do():
    lab = Training()
    lab.start()
    assert "Start needs a notebook kernel; in a script, call advance(epochs)" in lab.reading


def test_an_error_while_training_appears_in_the_reading(monkeypatch):
    def broken(self):
        raise RuntimeError("out of memory")

    async def scenario():
        lab = Training()
        monkeypatch.setattr(paired_training.PairedTraining, "step", broken)
        lab.start()
        await until(lambda: "out of memory" in lab.reading)
        assert not lab.running

    in_a_kernel(scenario)


def test_the_course_of_a_recording_is_that_of_the_lab():
    lab = Training(bn_a=True, learning_rate=0.1)
    *_, after_two = itertools.islice(lab.course(lab.state), 3)
    lab.advance(epochs=2)
    for shown, recorded in zip(lab.frame, after_two, strict=True):
        assert recorded.batch_norm == shown.batch_norm
        np.testing.assert_array_equal(recorded.loss, shown.loss)
        np.testing.assert_array_equal(recorded.percentiles, shown.percentiles)
    assert lab.read(after_two) == lab.reading


def test_both_networks_alike_learn_alike():
    lab = Training(bn_a=True, bn_b=True)
    lab.advance(epochs=2)
    a, b = lab.frame
    np.testing.assert_array_equal(a.loss, b.loss)
    np.testing.assert_array_equal(a.accuracy, b.accuracy)


def test_bn_learns_where_the_plain_network_does_not():
    lab = Training()
    lab.advance(epochs=6)
    plain, normalized = lab.frame
    assert plain.accuracy[-1] < 0.25
    assert normalized.accuracy[-1] > 0.9


def test_the_pair_is_trained_as_the_training_room_trains():
    lab = Training(batch_size=128, learning_rate=1.0, seed=4)
    lab.advance(epochs=2)
    model = experiments.mlp(paired_training.WIDTHS, batch_norm=True, seed=4)
    how = {"batch_size": 128, "learning_rate": 1.0, "epochs": 2, "seed": 4}
    history = experiments.train(
        model, digits(), layer=paired_training.WATCHED, every=2, progress=False, **how
    )
    shown = lab.frame[1]
    np.testing.assert_allclose(shown.loss, history.loss.reshape(-1, 2).mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(shown.accuracy, history.test_accuracy)
    np.testing.assert_allclose(shown.percentiles, history.percentiles, rtol=1e-5, atol=1e-6)
    read = re.search(r"B \(BN\): loss ([\d.]+), (\d+)% of the test digits", lab.reading)
    assert float(read[1]) == pytest.approx(shown.loss[-1], abs=0.51e-2)
    assert int(read[2]) == round(100 * experiments.accuracy(model, digits().x_test, digits().y_test))


def test_a_loss_that_is_no_number_is_told_and_drawn_over(drawn):
    lab = Training()
    lab._pair = paired_training.PairedTraining(learning_rate=1e38, scale=1.0, batch_size=64, seed=0)
    lab.advance(epochs=1)
    assert re.search(r"A \(no BN\) has diverged: at step \d+ its loss was no longer a number", lab.reading)
    assert "did not work" not in lab.reading


def test_a_loss_far_above_guessing_is_told(drawn):
    lab = Training(learning_rate=10.0, scale=10.0)
    lab.advance(epochs=1)
    assert re.search(r"A \(no BN\) goes astray: its loss is [\d.]+; guessing would have 2\.30", lab.reading)


def test_the_number_of_threads_comes_back():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        paired_training.PairedTraining(learning_rate=0.1, scale=1.0, batch_size=64, seed=0).step()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
