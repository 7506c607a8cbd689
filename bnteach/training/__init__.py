"""Small PyTorch experiments on real data, step by step.

networks.py    two small networks, with batch normalization and without
loop.py        one optimisation step at a time; `train` runs them all
evaluation.py  evaluation mode for a moment, accuracy
recorder.py    what is written down on the way: loss, accuracy, pre-activations, gradients
progress.py    a progress bar whose last line is always the same
seeds.py       seeds, and the same experiment over several of them

PyTorch computes these experiments. To see NumPy's batch normalization train inside the same networks,
pass a network through `bnteach.torch_bridge.replace_batch_norm`.
"""

from bnteach.training.evaluation import accuracy, evaluating
from bnteach.training.loop import Step, train, training_steps
from bnteach.training.networks import mlp, small_cnn
from bnteach.training.recorder import History, Recorder
from bnteach.training.seeds import SeedSummary, over_seeds, set_seed

__all__ = [
    "History",
    "Recorder",
    "SeedSummary",
    "Step",
    "accuracy",
    "evaluating",
    "mlp",
    "over_seeds",
    "set_seed",
    "small_cnn",
    "train",
    "training_steps",
]
