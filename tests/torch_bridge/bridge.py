"""What the tests of the bridge share: layers and blocks that hide no fault, and comparisons."""

import torch
from torch import nn

from bnteach.torch_bridge import fold_batch_norm

X = torch.randn(5, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def lived_in(bn, dtype=torch.float64):
    """BN in evaluation mode with γ, β and statistics away from where they begin."""
    random = torch.Generator().manual_seed(bn.num_features)
    if bn.affine:
        bn.weight.data = torch.randn(bn.num_features, generator=random)
        bn.bias.data = 2 + torch.randn(bn.num_features, generator=random)
    bn.running_mean = 3 + torch.randn(bn.num_features, generator=random)
    bn.running_var = 0.1 + torch.rand(bn.num_features, generator=random)
    return bn.to(dtype).eval()


def block(conv=None, bn=None):
    """A convolution, its BN and ReLU, in evaluation mode, in float64."""
    conv = nn.Conv2d(2, 3, 3) if conv is None else conv
    return nn.Sequential(conv, lived_in(nn.BatchNorm2d(3) if bn is None else bn), nn.ReLU()).double().eval()


def kinds(sequential):
    return [type(module).__name__ for module in sequential]


def assert_folded_right(model, x=X):
    """The folded copy computes the same; returns it."""
    folded = fold_batch_norm(model)
    with torch.no_grad():
        assert torch.allclose(folded(x), model(x), rtol=1e-12, atol=1e-12)
    return folded


def batch(shape, seed=0, dtype=torch.float64):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (1.5 * x + 3).to(dtype)


def pair(ours, theirs, dtype=torch.float64, **options):
    """Two layers with one state, away from everything that masks a fault."""
    generator = torch.Generator().manual_seed(1)
    layers = ours(3, **options).to(dtype), theirs(3, **options).to(dtype)
    with torch.no_grad():
        for tensor in layers[0].state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            else:
                tensor.fill_(2)
    layers[1].load_state_dict(layers[0].state_dict())
    return layers


def assert_same(found, expected, tolerance=1e-12):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance), (a - b).abs().max()
