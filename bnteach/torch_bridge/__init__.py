"""The bridge to PyTorch: the same quantities asked of both, and NumPy's BN inside PyTorch networks.

comparison.py   `compare`: nine quantities of a layer held against PyTorch, a row each
report.py       its result, as text and as HTML
reference.py    the nine quantities, asked of our layer and of PyTorch
tolerance.py    how close is close enough, derived from the number format
modules.py      `NumpyBatchNorm1d/2d/3d`: nn.Modules that compute with NumPy
plain.py        does a layer compute what its class is known for? Else it is not replaced
replacing.py    `replace_batch_norm`: put them into a network that you have
folding.py      `fold`, `fold_batch_norm`: one layer for two, after training
"""

from bnteach.torch_bridge.comparison import compare
from bnteach.torch_bridge.folding import fold, fold_batch_norm
from bnteach.torch_bridge.modules import NumpyBatchNorm1d, NumpyBatchNorm2d, NumpyBatchNorm3d
from bnteach.torch_bridge.replacing import replace_batch_norm
from bnteach.torch_bridge.report import Comparison, Row

__all__ = [
    "Comparison",
    "NumpyBatchNorm1d",
    "NumpyBatchNorm2d",
    "NumpyBatchNorm3d",
    "Row",
    "compare",
    "fold",
    "fold_batch_norm",
    "replace_batch_norm",
]
