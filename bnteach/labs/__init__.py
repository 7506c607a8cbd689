"""Pictures that answer the hand. Make a lab as the last line of a cell:

    from bnteach import labs

    labs.Sampler()                                      batch statistics scatter around the truth
    labs.Ravine()                                       one feature's loss: how far may a step go
    labs.Coupling()                                     one sample moves its neighbors
    labs.Microscope()                                   one channel: before BN, after it, and activated
    labs.GammaBeta()                                    scale, shift, and undo the normalization
    labs.BackpropGraph()                                forward through the graph, and back
    labs.Jacobian()                                     how each y of a batch depends on each x
    labs.RunningStats()                                 what is kept for evaluation, batch by batch
    labs.WhichValues()                                  which values share one mean, in each norm
    labs.Depth(activation="tanh", batch_norm=False)     signal and gradient through a deep network
    labs.Training()                                     two networks learn the digits, side by side
    labs.Devices()                                      a batch shared among devices, sorted or shuffled
    labs.Landscape()                                    the loss along its gradient: how far may a step go
    labs.Pruning()                                      which channels can go, by the size of their γ
    labs.Momentum()                                     one momentum and one ε, in PyTorch and in Keras
    labs.Blocks()                                       how much of a layer to work on at a time
    labs.WeightDecay()                                  what weight decay does in front of BN
    labs.Shifts()                                       pictures that the stored statistics do not fit

lab.py       what every lab is; canvas.py and controls.py are what it is made of
sampler.py, coupling.py, microscope.py, gamma_beta.py, backprop_graph.py, jacobian.py, running_stats.py,
which_values.py, depth.py, training.py, landscape.py, pruning.py, momentum.py, ravine.py,
devices.py, blocks.py, weight_decay.py, shifts.py: one lab each

`Training`, `Landscape`, `Pruning` and `Shifts` need PyTorch, which is imported when one of them is first
named, not before.
"""

from importlib import import_module

from .backprop_graph import BackpropGraph
from .blocks import Blocks
from .coupling import Coupling
from .depth import Depth
from .devices import Devices
from .gamma_beta import GammaBeta
from .jacobian import Jacobian
from .lab import Lab
from .microscope import Microscope
from .momentum import Momentum
from .ravine import Ravine
from .running_stats import RunningStats
from .sampler import Sampler
from .weight_decay import WeightDecay
from .which_values import WhichValues

__all__ = [
    "BackpropGraph",
    "Blocks",
    "Coupling",
    "Depth",
    "Devices",
    "GammaBeta",
    "Jacobian",
    "Lab",
    "Landscape",
    "Microscope",
    "Momentum",
    "Pruning",
    "Ravine",
    "RunningStats",
    "Sampler",
    "Shifts",
    "Training",
    "WeightDecay",
    "WhichValues",
]


def __getattr__(name: str):
    if name in ("Landscape", "Pruning", "Shifts", "Training"):
        return getattr(import_module(f".{name.lower()}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
