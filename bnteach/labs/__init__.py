"""Pictures that answer the hand. Make a lab as the last line of a cell:

    from bnteach import labs

    labs.Sampler()                                      batch statistics scatter around the truth
    labs.Coupling()                                     one sample moves its neighbours
    labs.Microscope()                                   one channel: before BN, after it, and activated
    labs.GammaBeta()                                    scale, shift, and undo the normalization
    labs.RunningStats()                                 what is kept for evaluation, batch by batch
    labs.Depth(activation="tanh", batch_norm=False)     signal and gradient through a deep network
    labs.Training()                                     two networks learn the digits, side by side

lab.py       what every lab is; canvas.py and controls.py are what it is made of
sampler.py, coupling.py, microscope.py, gamma_beta.py, running_stats.py, depth.py, training.py: one lab each

`Training` needs PyTorch, which is imported when that lab is first named, not before.
"""

from .coupling import Coupling
from .depth import Depth
from .gamma_beta import GammaBeta
from .lab import Lab
from .microscope import Microscope
from .running_stats import RunningStats
from .sampler import Sampler

__all__ = ["Coupling", "Depth", "GammaBeta", "Lab", "Microscope", "RunningStats", "Sampler", "Training"]


def __getattr__(name: str):
    if name == "Training":
        from .training import Training

        return Training
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
