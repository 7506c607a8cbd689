"""What is not exactly understood is refused by `fold`, with the reason; `fold_batch_norm` leaves it alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from bnteach.torch_bridge import fold, fold_batch_norm
from bridge import X, assert_folded_right, block, kinds, lived_in


class StandardizedConv(nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)


class Doubled(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, 2 * weight, bias)


class HalfTheWeight(nn.Conv2d):
    weight = property(lambda self: self._parameters["weight"] / 2)


class BNWithReLU(nn.BatchNorm2d):
    def forward(self, x):
        return super().forward(x).relu()


def with_own_forward(module):
    forward = module.forward
    module.forward = lambda x: forward(x) + 1
    return module


def of_class(kind, module):
    module.__class__ = kind
    return module


def with_hook(module, kind):
    getattr(module, f"register_{kind}")(lambda *_: None)
    return module


def conv():
    return nn.Conv2d(2, 3, 3)


def bn():
    return nn.BatchNorm2d(3)


ODD = {
    "conv with its own forward": (lambda: block(StandardizedConv(2, 3, 3)), "layer is a .* its own forward"),
    "conv with its own product": (lambda: block(Doubled(2, 3, 3)), "its own _conv_forward"),
    "conv with another weight": (lambda: block(of_class(HalfTheWeight, conv())), "layer computes its weight"),
    "BN with an activation": (lambda: block(bn=BNWithReLU(3)), "bn is a BNWithReLU with its own forward"),
    "forward of one conv": (
        lambda: block(with_own_forward(conv())),
        "layer is a Conv2d with its own forward",
    ),
    "forward of one BN": (lambda: block(bn=with_own_forward(bn())), "bn is a BatchNorm2d with its own"),
    "hook of conv": (lambda: block(with_hook(conv(), "forward_hook")), "layer has hooks"),
    "hook of BN": (lambda: block(bn=with_hook(bn(), "forward_hook")), "bn has hooks"),
    "hook before BN": (lambda: block(bn=with_hook(bn(), "forward_pre_hook")), "bn has hooks"),
    "hook of the gradient": (lambda: block(with_hook(conv(), "full_backward_hook")), "layer has hooks"),
    "pruned": (lambda: block(prune.l1_unstructured(conv(), "weight", 3)), r"prune\.remove"),
    "pruned bias": (lambda: block(prune.l1_unstructured(conv(), "bias", 1)), r"prune\.remove"),
    "pruned BN": (lambda: block(bn=prune.l1_unstructured(bn(), "weight", 1)), "bn computes its weight"),
    "weight norm": (lambda: block(parametrizations.weight_norm(conv())), "remove_parametrizations"),
    "spectral norm": (lambda: block(parametrizations.spectral_norm(conv())), "layer computes its weight"),
    "spectral norm, old": (lambda: block(spectral_norm(conv())), "layer computes its weight"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_computes_something_else_is_refused_and_stays(case):
    build, words = ODD[case]
    model = build()
    with pytest.raises(TypeError, match=words):
        fold(model[0], model[1])
    assert kinds(assert_folded_right(model)) == kinds(model)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
@pytest.mark.parametrize("passed", [False, True])
def test_old_weight_norm_is_refused_and_elsewhere_no_obstacle(passed):
    model = nn.Sequential(*block(weight_norm(conv())), *block(nn.Conv2d(3, 3, 1)))
    if passed:
        with torch.no_grad():
            model(X)
    with pytest.raises(TypeError, match=r"layer computes its weight .* remove_weight_norm"):
        fold(model[0], model[1])
    folded = assert_folded_right(model)
    assert kinds(folded) == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "Identity", "ReLU"]


def test_under_global_hooks_nothing_is_folded():
    model = block()
    hook = register_module_forward_hook(lambda module, x, y: 2 * y)
    try:
        assert kinds(assert_folded_right(model)) == kinds(model)
    finally:
        hook.remove()
    assert "Identity" in kinds(fold_batch_norm(model))


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Pooling(nn.Sequential):
    def forward(self, x):
        return nn.functional.interpolate(super().forward(x), size=(2, 2))


class Named(nn.Sequential):
    def __init__(self, *layers):
        super().__init__(*layers)
        self.label = "mine"


@pytest.mark.parametrize("container", [Residual, Pooling, lambda *own: with_own_forward(nn.Sequential(*own))])
def test_a_container_with_its_own_forward_keeps_it(container):
    inner = block(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))
    model = container(nn.Conv2d(2, 2, 3, padding=1), lived_in(nn.BatchNorm2d(2)), inner).double().eval()
    if isinstance(container, type):
        folded = assert_folded_right(model)
        assert type(folded) is container
        assert kinds(folded[2]) == ["Conv2d", "Identity", "ReLU"]
    else:
        folded = fold_batch_norm(model)
    assert kinds(folded) == ["Conv2d", "BatchNorm2d", "Sequential"]


class Frozen(nn.BatchNorm2d):
    def train(self, mode=True):
        return super().train(False)


def test_classes_that_compute_as_their_base_are_folded():
    folded = assert_folded_right(Named(*block(bn=Frozen(3))).eval())
    assert kinds(folded) == ["Conv2d", "Identity", "ReLU"]
    assert (type(folded), folded.label) == (Named, "mine")


def test_layers_that_only_seem_to_fit_stay():
    sequences = nn.Sequential(nn.Linear(7, 5), lived_in(nn.BatchNorm1d(6)), nn.Linear(5, 3)).double().eval()
    folded = assert_folded_right(sequences, torch.randn(4, 6, 7, dtype=torch.float64))
    assert kinds(folded) == ["Linear", "BatchNorm1d", "Linear"]
    maps = nn.Sequential(nn.Linear(7, 5), lived_in(nn.BatchNorm2d(5))).double().eval()
    folded = assert_folded_right(maps, torch.randn(4, 5, 6, 7, dtype=torch.float64))
    assert kinds(folded) == ["Linear", "BatchNorm2d"]
    no_statistics = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, track_running_stats=False))
    assert kinds(assert_folded_right(no_statistics.double().eval())) == ["Conv2d", "BatchNorm2d"]


def test_tensors_of_a_graph_that_a_network_keeps_are_copied_as_values_or_named():
    model = block()
    model[0].last_output = model(X)
    folded = assert_folded_right(model)
    assert torch.equal(folded[0].last_output, model[0].last_output)
    assert folded[0].last_output.is_leaf
    model.outputs = {"last": model(X)}
    with pytest.raises(TypeError, match=r"Sequential cannot be copied by copy\.deepcopy: Only Tensors"):
        fold_batch_norm(model)
