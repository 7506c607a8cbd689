"""What the tests of folding share: blocks that hide no fault, and the copy that computes the same."""

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
