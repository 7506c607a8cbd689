"""NumPy's BN under the tools that look through a network: it works on, or one sentence says why not."""

import copy

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from bnteach.torch_bridge import NumpyBatchNorm1d
from bridge import assert_same, batch, pair

# Newer versions of PyTorch warn that torch.jit is going away.
quiet_jit = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_counts_as_pytorch_does(reentrant):
    results = []
    for layer in pair(NumpyBatchNorm1d, nn.BatchNorm1d):
        model = nn.Sequential(layer, nn.Tanh(), copy.deepcopy(layer))
        x = batch((6, 3)).requires_grad_()
        (checkpoint(model, x, use_reentrant=reentrant) ** 3).sum().backward()
        results.append([x.grad, *model.state_dict().values()])
    assert_same(*results, 1e-9)


# torch.compile asks each tensor for .grad, and hides the warning where warnings are no errors.
@pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor:UserWarning", "ignore::DeprecationWarning"
)
def test_a_compiled_network_breaks_once_at_the_layer_and_computes_the_same():
    graphs, results = [], []

    def keep(graph, _):
        graphs.append(graph)
        return graph.forward

    def run(x, layer):
        return layer(x.tanh()).tanh()

    torch._dynamo.reset()
    runs = torch.compile(run, backend=keep), run
    for run, layer in zip(runs, pair(NumpyBatchNorm1d, nn.BatchNorm1d), strict=True):
        x = batch((6, 3)).requires_grad_()
        (run(x, layer) ** 3).sum().backward()
        results.append([x.grad, *(p.grad for p in layer.parameters()), *layer.state_dict().values()])
    assert_same(*results, 1e-9)
    assert len(graphs) == 2
    torch._dynamo.reset()


LOOKED_THROUGH = {
    "fx": lambda model, x: torch.fx.symbolic_trace(model),
    "fx of one layer": lambda model, x: torch.fx.Tracer().trace(model[0]),
    "export": lambda model, x: torch.export.export(model, (x,), strict=False),
    "script": lambda model, x: torch.jit.script(model),
    "grad": lambda model, x: torch.func.grad(lambda x: model(x).sum())(x),
    "vmap": lambda model, x: torch.func.vmap(model)(torch.stack([x, x])),
    "jvp": lambda model, x: torch.func.jvp(model, (x,), (x,)),
    "batched gradients": lambda model, x: torch.autograd.functional.jacobian(model, x, vectorize=True),
    "sparse": lambda model, x: model(x.to_sparse()),
    "an array": lambda model, x: model(x.numpy()),
}


@quiet_jit
@pytest.mark.parametrize("tool", LOOKED_THROUGH)
def test_where_numpy_cannot_follow_one_sentence_says_so(tool):
    model = nn.Sequential(NumpyBatchNorm1d(3)).double()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(TypeError, match=r"NumPy computes with dense numbers alone\. Where PyTorch looks"):
        LOOKED_THROUGH[tool](model, batch((6, 3)))
    if tool != "batched gradients":
        assert_same(model.state_dict().values(), before.values(), 0)


def test_forward_mode_is_refused_in_words():
    x = batch((6, 3))
    with forward_ad.dual_level(), pytest.raises(TypeError, match="x is a dual tensor, expected one without"):
        NumpyBatchNorm1d(3).double()(forward_ad.make_dual(x, x))


def test_autocast_to_bfloat16_is_refused_in_words():
    model = nn.Sequential(nn.Linear(3, 3), NumpyBatchNorm1d(3))
    refused = pytest.raises(TypeError, match=r"convert it with \.float\(\), outside of torch\.autocast")
    with torch.autocast("cpu", torch.bfloat16), refused:
        model(batch((6, 3), dtype=torch.float32))
