"""The running statistics by PyTorch's own layer, batch by batch; play, step, and the choice of None."""

from __future__ import annotations

import statistics

import ipywidgets as widgets
import numpy as np
import pytest
from scipy import stats

from bnteach import figures, labs
from bnteach.labs import running_stats
from bnteach.labs.running_stats import BATCHES
from test_every_lab import FAILED, buttons_of
from test_readings import numbers

torch = pytest.importorskip("torch")


def course_by_torch(momentum, batches):
    """Running mean, running variance and the sample's output in evaluation, before the first batch and after
    each; and the sample's output as the first of each batch."""
    layer, sample = (
        torch.nn.BatchNorm1d(1, momentum=momentum, dtype=torch.float64),
        torch.tensor([[7.0]]).double(),
    )
    kept, train = [], []
    for batch in [None, *torch.tensor(batches)[..., None]]:
        if batch is not None:
            with_sample = torch.cat([sample, batch[1:]])
            train.append(torch.nn.functional.batch_norm(with_sample, None, None, training=True)[0, 0].item())
            layer.train()(batch)
        kept.append([layer.running_mean.item(), layer.running_var.item(), layer.eval()(sample).item()])
    return np.array(kept).T, np.array(train)


@pytest.mark.parametrize(
    ("momentum", "size", "data"),
    [
        (0.0, 8, "jump"),
        (0.01, 256, "drift"),
        (0.1, 2, "same"),
        (0.1, 8, "drift"),
        (0.5, 256, "jump"),
        (1.0, 2, "drift"),
        (None, 8, "same"),
        (None, 2, "jump"),
    ],
)
def test_the_course_by_pytorch(momentum, size, data):
    lab = labs.RunningStats(momentum=momentum, batch_size=size, data=data, batches=BATCHES)
    kept, train = course_by_torch(momentum, running_stats._batches(data)[:, :size])
    frame = lab.frame
    np.testing.assert_allclose([frame.running_mean, frame.running_var], kept[:2], rtol=1e-10)
    np.testing.assert_allclose(frame.evaluated, kept[2], rtol=1e-6)
    np.testing.assert_allclose(frame.train, train, rtol=1e-6, atol=1e-9)
    read = numbers(lab.reading.replace("N − 1", "N").replace("momentum None", "momentum -1"))
    last = [frame.running_mean[-1], frame.true_mean[-1], frame.running_var[-1], frame.true_var[-1]]
    outputs = [7, train[-1], kept[2][-1], (7 - frame.true_mean[-1]) / frame.true_var[-1] ** 0.5]
    assert read[:3] == [BATCHES, size, -1 if momentum is None else momentum]
    assert read[3:11] == pytest.approx(last + outputs, abs=0.51e-2)


@pytest.mark.parametrize("size", [2, 4, 64])
def test_biased_and_unbiased_in_the_reading(size):
    lab = labs.RunningStats(batch_size=size, batches=70)
    batch = list(running_stats._batches("same")[69, :size])
    both = [statistics.pvariance(batch), statistics.variance(batch)]
    assert numbers(lab.reading.replace("N − 1", "N"))[-2:] == pytest.approx(both, abs=0.51e-2)


def test_the_data_are_what_they_claim():
    for data, (mean, std) in {"same": (5, 2), "jump": (8, 3), "drift": (8, 3)}.items():
        first, last = running_stats._batches(data)[[0, -1]]
        assert stats.kstest(first, stats.norm(5, 2).cdf).pvalue > 0.01
        assert stats.kstest(last, stats.norm(mean, std).cdf).pvalue > 0.01
    jump = labs.RunningStats(data="jump").frame
    np.testing.assert_array_equal(np.flatnonzero(np.diff(jump.true_mean)), [38])  # batch 40 is the first


def test_a_picture_of_t_batches_is_the_beginning_of_the_whole():
    whole = labs.RunningStats(batches=BATCHES).frame
    for t in (0, 1, 33):
        part = labs.RunningStats(batches=t).frame
        np.testing.assert_array_equal(part.running_mean, whole.running_mean[: t + 1])
        np.testing.assert_array_equal(part.train, whole.train[:t])


def test_before_the_first_batch_nothing_is_known():
    lab = labs.RunningStats(batches=0)
    assert lab.reading.startswith("No batch yet: running mean 0.00 (truth 5.00), running variance 1.00")
    assert "gives 7.00 in evaluation" in lab.reading
    assert labs.RunningStats(batches=1).reading.startswith("1 batch of 8")


def test_momentum_none_is_a_choice():
    lab = labs.RunningStats(momentum=None)
    assert lab.state.momentum is None
    assert lab.frame.running_mean[-1] == pytest.approx(lab.frame.means.mean())
    lab.set(momentum=0.5)
    assert lab.state.momentum == 0.5
    lab.set(momentum=None)
    assert lab.state.momentum is None
    with pytest.raises(ValueError, match=r"momentum is 0\.3"):
        lab.set(momentum=0.3)
    assert lab.state.momentum is None


def child(lab, kind):
    return next(widget for widget in buttons_of(lab) if type(widget) is kind)


def test_play_and_slider_are_linked_in_the_browser():
    lab = labs.RunningStats(batches=10)
    play, slider = child(lab, widgets.Play), lab.widgets["batches"]
    assert (play.min, play.max) == (slider.min, slider.max) == (0, BATCHES)
    # The source comes first: when the lab is shown, play takes the slider's value and not the reverse.
    assert play.link.source == (slider, "value")
    assert play.link.target == (play, "value")


def test_the_batches_go_on_after_an_error(monkeypatch):
    lab = labs.RunningStats(batches=10)
    with monkeypatch.context() as patch:
        patch.setattr(lab, "compute", lambda state: 1 / 0)
        lab.widgets["batches"].value = 11
        assert FAILED in lab.reading
    lab.widgets["batches"].value = 12
    assert lab.reading.startswith("12 batches")


def test_next_batch_stops_at_the_last():
    lab = labs.RunningStats(batches=BATCHES - 1)
    child(lab, widgets.Button).click()
    assert lab.state.batches == BATCHES
    lab.press(lab.buttons[1])  # it raises nothing: a button would hide that
    assert lab.state.batches == BATCHES


def test_a_stream_marks_what_lies_beyond_the_edges():
    ax = figures.stream([5.0, -3.0, 40.0], [0.0, 2.0, 50.0, 3.0], truth=[4.0] * 5, limits=(0, 10))
    marks = {line.get_marker(): line.get_data() for line in ax.lines[:3]}
    np.testing.assert_array_equal(marks["o"], [[1], [5]])
    np.testing.assert_array_equal(marks["v"], [[2], [0]])
    np.testing.assert_array_equal(marks["^"], [[3], [10]])
    np.testing.assert_array_equal(ax.lines[3].get_data(), [range(1, 6), [4] * 5])
    np.testing.assert_array_equal(ax.lines[4].get_data(), [range(4), [0, 2, 10, 3]])
    np.testing.assert_array_equal(ax.lines[5].get_data(), [[3], [3]])
