"""The walk through the graph, held against PyTorch's autograd node by node."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from bnteach import figures, labs
from bnteach.core.steps import NODES
from bnteach.figures.graph import BOXES, EDGES
from bnteach.labs import backprop_graph as source
from test_every_lab import FAILED
from test_readings import numbers

torch = pytest.importorskip("torch")

PATTERNS = ("mixed", "one", "same", "x_hat")


def frame_of(step=24, channel=1, pattern="mixed", sample=1, value=1.0):
    """What the lab would show, without drawing it."""
    return labs.BackpropGraph.compute(source.State(step, channel, pattern, sample, value))


def dy_of(pattern, channel, sample, value):
    """The upstream gradient, written a second time, without the lab."""
    dy = source.DY.copy()
    column = channel - 1
    x = source.X[:, column]
    if pattern == "same":
        dy[:, column] = value
    elif pattern == "x_hat":
        dy[:, column] = value * (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    else:
        dy[:, column] = 0 if pattern == "one" else dy[:, column]
        dy[sample - 1, column] = value
    return dy


def nodes_by_torch(dy):
    """Value and gradient of every node, by autograd."""
    node = {name: torch.tensor(getattr(source, name.upper())) for name in ("x", "gamma", "beta")}
    node = {name: value.requires_grad_() for name, value in node.items()}
    node["mean"] = node["x"].mean(0)
    node["x_centered"] = node["x"] - node["mean"]
    node["square"] = node["x_centered"] ** 2
    node["var"] = node["square"].mean(0)
    node["std"] = torch.sqrt(node["var"] + 1e-5)
    node["inv_std"] = 1 / node["std"]
    node["x_hat"] = node["x_centered"] * node["inv_std"]
    node["scaled"] = node["gamma"] * node["x_hat"]
    node["y"] = node["scaled"] + node["beta"]
    for value in node.values():
        value.retain_grad()
    node["y"].backward(torch.tensor(dy))
    return node


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("channel", [1, 2])
def test_every_value_and_gradient_is_autograds(pattern, channel):
    frame = frame_of(pattern=pattern, channel=channel, sample=3, value=-1.7)
    expected = nodes_by_torch(dy_of(pattern, channel, 3, -1.7))
    assert set(frame.values) == set(frame.gradients) == set(NODES) == set(expected)
    for name, node in expected.items():
        value, gradient = node.detach()[..., channel - 1], node.grad[..., channel - 1]
        np.testing.assert_allclose(frame.values[name], value, rtol=1e-12, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(frame.gradients[name], gradient, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("channel", [1, 2])
def test_each_path_is_what_is_lost_when_autograd_is_cut_there(channel):
    dy = torch.tensor(dy_of("mixed", channel, 2, 1.3))

    def dx(mean_flows, var_flows):
        x = torch.tensor(source.X, requires_grad=True)
        mean = x.mean(0) if mean_flows else x.mean(0).detach()
        var = x.var(0, correction=0) if var_flows else x.var(0, correction=0).detach()
        y = (x - mean) / torch.sqrt(var + 1e-5) * torch.tensor(source.GAMMA)
        (y * dy).sum().backward()
        return x.grad[:, channel - 1].numpy()

    parts = frame_of(channel=channel, sample=2, value=1.3).parts
    whole = dx(True, True)
    np.testing.assert_allclose(parts["direct"], dx(False, False), rtol=1e-12)
    np.testing.assert_allclose(parts["mean"], whole - dx(False, True), atol=1e-12)
    np.testing.assert_allclose(parts["variance"], whole - dx(True, False), atol=1e-12)
    np.testing.assert_allclose(parts["dx"], whole, atol=1e-12)
    np.testing.assert_allclose(parts["direct"] + parts["mean"] + parts["variance"], whole, atol=1e-12)


def test_compute_is_pure():
    state = source.State(24, 2, "mixed", 3, 0.5)
    first = labs.BackpropGraph.compute(state)
    labs.BackpropGraph.compute(source.State(24, 2, "x_hat", 1, 2.0))
    second = labs.BackpropGraph.compute(state)
    for one, other in zip(parts_of(first), parts_of(second), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(source.DY, [[1, 0], [0, 2], [-1, 1], [2, -1]])


def parts_of(frame):
    return [*frame.values.values(), *frame.gradients.values(), *frame.parts.values()]


def test_what_no_gradient_can_do():
    same = frame_of(pattern="same", value=2.0).parts
    np.testing.assert_allclose(same["mean"], -same["direct"])
    np.testing.assert_allclose(same["dx"], 0, atol=1e-12)
    follows = frame_of(pattern="x_hat", value=2.0).parts
    np.testing.assert_allclose(follows["variance"], -follows["direct"], rtol=1e-5)
    np.testing.assert_allclose(follows["dx"], 0, atol=1e-5)


def test_the_walk_reaches_one_node_at_a_step_and_the_parts_last():
    frames = [frame_of(step) for step in range(1, 25)]
    for step, frame in enumerate(frames, start=1):
        assert len(frame.values) + len(frame.gradients) == step
        assert frame.node in (frame.gradients or frame.values)
    reached = [frame.node for frame in frames]
    assert reached[:12] == list(NODES)
    assert (reached[12], reached[-1]) == ("y", "x")
    two, three = {"direct", "variance"}, {"direct", "variance", "mean"}
    assert [set(frame.parts) for frame in frames[20:]] == [set(), two, three, three | {"dx"}]


def test_an_arrow_for_each_use_of_a_node():
    """The formula of a node names the nodes that arrows bring to it."""
    greek = {"gamma": "γ", "beta": "β"}
    for name in NODES:
        formula = NODES[name].forward.partition("=")[2].replace("²", "").split()
        used = {
            other for other in NODES if greek.get(other, other) in " ".join(formula).replace("√(", "").split()
        }
        assert {edge[0] for edge in EDGES if edge[1] == name} == used, name


def test_the_lines_begin_and_end_at_their_boxes():
    for start, end, _, *points in EDGES:
        for name, (x, y) in zip((start, end), points, strict=True):
            middle, top, height, _ = BOXES[name]
            assert abs(x - middle) < 7.8, (start, end)
            assert top - height - 0.7 < y < top + 0.7, (start, end)


def test_boxes_do_not_lie_on_each_other():
    for (x, top, height, _), (x2, top2, height2, _) in itertools.combinations(BOXES.values(), 2):
        assert abs(x - x2) > 14.4 or top - height > top2 or top2 - height2 > top


def test_gradients_are_purple_and_only_where_the_walk_has_been(drawn):
    lab = labs.BackpropGraph(step=14)  # y and beta
    purple = to_rgb(figures.role("backward").color)
    written = [
        len(mark.get_offsets())
        for mark in lab.canvas.axes[0].collections
        if len(mark.get_facecolor()) and tuple(mark.get_facecolor()[0][:3]) == purple
    ]
    assert written == [4 + 1]


def test_every_step_draws_and_prints_nothing(drawn, capfd):
    lab = labs.BackpropGraph()
    for step in range(1, 25):
        lab.set(step=step, channel=1 + step % 2)
        assert FAILED not in lab.reading
    assert capfd.readouterr() == ("", "")


def test_the_buttons_walk_and_stop_at_the_ends():
    lab = labs.BackpropGraph(step=23)
    back, on = lab.buttons
    for _ in range(3):
        lab.press(on)
    assert lab.state.step == 24
    lab.set(step=2)
    for _ in range(3):
        lab.press(back)
    assert lab.state.step == 1


@pytest.mark.parametrize("channel", [1, 2])
def test_reading_by_autograd(channel):
    lab = labs.BackpropGraph(channel=channel, sample=4, value=0.7)
    dx = nodes_by_torch(dy_of("mixed", channel, 4, 0.7))["x"].grad[:, channel - 1].numpy()
    read = numbers(lab.reading.replace("−", "-"))
    assert read[:6] == pytest.approx([24, 24, *dx], abs=0.51e-3)
    sample, direct, mean, variance, together, total = read[6:]
    assert (sample, total) == (4, 0)
    assert together == pytest.approx(dx[3], abs=0.51e-3)
    assert direct + mean + variance == pytest.approx(together, abs=2.1e-3)
    assert NODES["x"].backward in lab.reading
    assert NODES["var"].forward in labs.BackpropGraph(step=5).reading


def test_the_batch_is_there_for_a_lesson():
    lab = labs.BackpropGraph
    assert (lab.x.shape, lab.gamma.shape, lab.beta.shape, lab.dy.shape) == ((4, 2), (2,), (2,), (4, 2))
