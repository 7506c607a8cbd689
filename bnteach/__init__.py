"""bnteach: batch normalization from scratch in NumPy, held against PyTorch, and taught.

The rooms of the house (import them by name; this module itself imports NumPy only):

    bnteach.core          the mathematics; its public names are here too
    bnteach.torch_bridge  the same quantities asked of PyTorch; NumPy BN as an nn.Module
    bnteach.data          the digits (real), the rental cars (synthetic)
    bnteach.training      how a network learns; results over seeds
    bnteach.trials        what one lesson tries, a room each
    bnteach.figures       arrays in, pictures out
    bnteach.labs          sliders that move the pictures
    bnteach.check         checks answers to the exercises, and names the mistake
    bnteach.authoring     builds the notebooks from their sources
    bnteach.site          the notebooks as web pages, with labs that move without a kernel
"""

from bnteach.core.functional import batch_norm_backward, batch_norm_forward, batch_norm_inference
from bnteach.core.gradients import finite_differences, relative_error
from bnteach.core.layers import BatchNorm
from bnteach.core.norms import GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from bnteach.core.statistics import (
    Moments,
    merge_moments,
    naive_moments,
    two_pass_moments,
    welford_moments,
)
from bnteach.core.steps import NODES, backward_steps, forward_steps

__version__ = "0.1.0"

__all__ = [
    "NODES",
    "BatchNorm",
    "GroupNorm",
    "InstanceNorm",
    "LayerNorm",
    "Moments",
    "RMSNorm",
    "backward_steps",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_inference",
    "finite_differences",
    "forward_steps",
    "merge_moments",
    "naive_moments",
    "relative_error",
    "two_pass_moments",
    "welford_moments",
]
