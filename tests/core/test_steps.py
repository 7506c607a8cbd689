"""Each node of the derivation, its value and its gradient, against a graph that PyTorch differentiates."""

import numpy as np
import pytest
import torch

from beside_torch import batch
from bnteach import NODES, backward_steps, batch_norm_backward, batch_norm_forward, forward_steps


@pytest.fixture(params=[np.float32, np.float64])
def arguments(request, rng):
    x, dy = batch(rng, (7, 4), dtype=request.param)
    return x, *(a.astype(request.param) for a in (rng.uniform(1.2, 2, 4), rng.normal(size=4))), dy


def pytorchs_graph(x, gamma, beta, dy, eps):
    """The same nodes by name, as tensors that keep their gradients."""
    x, gamma, beta = (torch.tensor(a, requires_grad=True) for a in (x, gamma, beta))
    nodes = {"x": x, "gamma": gamma, "beta": beta}
    nodes["mean"] = x.mean(dim=0)
    nodes["x_centered"] = x - nodes["mean"]
    nodes["square"] = nodes["x_centered"].square()
    nodes["var"] = nodes["square"].mean(dim=0)
    nodes["std"] = (nodes["var"] + eps).sqrt()
    nodes["inv_std"] = nodes["std"].reciprocal()
    nodes["x_hat"] = nodes["x_centered"] * nodes["inv_std"]
    nodes["scaled"] = gamma * nodes["x_hat"]
    nodes["y"] = nodes["scaled"] + beta
    for node in nodes.values():
        node.retain_grad()
    nodes["y"].backward(torch.tensor(dy))
    return nodes


@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_every_node_and_every_gradient(arguments, eps):
    x, gamma, beta, dy = arguments
    nodes = forward_steps(x, gamma, beta, eps)
    gradients = backward_steps(dy, nodes)
    pytorchs = pytorchs_graph(x, gamma, beta, dy, eps)
    assert list(nodes) == list(NODES)
    assert set(nodes) == set(gradients) == set(pytorchs)
    tolerance = 1e-11 if x.dtype == np.float64 else 2e-4
    for name, tensor in pytorchs.items():
        assert nodes[name].shape == gradients[name].shape == tensor.shape, name
        for mine, expected in [(nodes[name], tensor.detach()), (gradients[name], tensor.grad)]:
            assert mine.dtype == x.dtype, name
            np.testing.assert_allclose(mine, expected, rtol=tolerance, atol=tolerance, err_msg=name)


def test_the_gradients_come_in_the_order_of_the_chain_rule(arguments):
    """Each one needs those before it alone: no node comes after something that it feeds."""
    *_, dy = arguments
    order = list(backward_steps(dy, forward_steps(*arguments[:3])))
    assert order[0] == "y"
    assert order[-1] == "x"
    feeds = {
        "x": ["mean", "x_centered"],
        "mean": ["x_centered"],
        "x_centered": ["square", "x_hat"],
        "square": ["var"],
        "var": ["std"],
        "std": ["inv_std"],
        "inv_std": ["x_hat"],
        "x_hat": ["scaled"],
        "gamma": ["scaled"],
        "scaled": ["y"],
        "beta": ["y"],
    }
    for node, later in feeds.items():
        assert all(order.index(other) < order.index(node) for other in later), node


def test_the_steps_multiply_out_to_the_two_functions(arguments):
    x, gamma, beta, dy = arguments
    nodes = forward_steps(x, gamma, beta)
    gradients = backward_steps(dy, nodes)
    y, cache = batch_norm_forward(x, gamma, beta)
    tolerance = 1e-11 if x.dtype == np.float64 else 2e-5
    np.testing.assert_allclose(nodes["y"], y, atol=tolerance)
    for name, expected in zip(("x", "gamma", "beta"), batch_norm_backward(dy, cache), strict=True):
        np.testing.assert_allclose(gradients[name], expected, atol=tolerance, rtol=tolerance, err_msg=name)


def test_nothing_given_is_modified(arguments):
    kept = [a.copy() for a in arguments]
    for a in arguments:
        a.flags.writeable = False
    *forward, dy = arguments
    nodes = forward_steps(*forward)
    before = {name: value.copy() for name, value in nodes.items()}
    backward_steps(dy, nodes)
    for a, b in zip(arguments, kept, strict=True):
        np.testing.assert_array_equal(a, b)
    for name, value in nodes.items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_every_node_says_how_it_is_computed_and_differentiated():
    for name, node in NODES.items():
        assert node.forward, name
        assert node.backward.startswith("d"), name
