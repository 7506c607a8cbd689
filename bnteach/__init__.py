"""bnteach: batch normalization from scratch in NumPy, held against PyTorch, and taught.

The rooms of the house (import them by name; this module itself imports NumPy only):

    bnteach.core          the mathematics; its public names are here too
    bnteach.torch_bridge  the same quantities asked of PyTorch; NumPy BN as an nn.Module
    bnteach.training      small PyTorch experiments on real data
    bnteach.data          the digits (real), the rental cars (made)
    bnteach.figures       arrays in, pictures out
    bnteach.labs          sliders that move the pictures
    bnteach.authoring     builds the notebooks from their sources
"""

from bnteach.core.functional import batch_norm_backward, batch_norm_forward, batch_norm_inference

__all__ = [
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_inference",
]
