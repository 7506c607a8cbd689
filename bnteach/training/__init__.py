"""How a small network learns real digits, step by step; and results over several seeds.

networks.py    two small networks, with batch normalization and without
loop.py        one optimization step at a time; the progress bar; one thread
recorder.py    what is written down on the way: loss, accuracy, pre-activations, gradients
train.py       the loop with a recorder, to its end
evaluation.py  evaluation mode for a moment, accuracy

seeds.py       an experiment over seeds and settings, on one core, several, or a cluster
results.py     its results: mean and interval, paired differences; table.py: how they are shown
claims.py      from intervals to a verdict on a claim
stored.py      results kept in a file, with the versions that they come from
cost.py        parameters, multiply-adds, seconds

What only one lesson tries is in `bnteach.trials`.

PyTorch computes these experiments. To see NumPy's batch normalization train inside the same networks,
pass a network through `bnteach.torch_bridge.replace_batch_norm`.
"""

from bnteach.training.claims import Claim, outcome
from bnteach.training.cost import cost, time_ratios
from bnteach.training.evaluation import accuracy, evaluating
from bnteach.training.loop import Step, progress_bar, training_steps
from bnteach.training.networks import mlp, small_cnn
from bnteach.training.recorder import History, Recorder
from bnteach.training.results import SeedSummary, along, paired_difference, summarize
from bnteach.training.seeds import over_seeds, run_seeds
from bnteach.training.stored import stored, stored_claims
from bnteach.training.table import Table
from bnteach.training.train import train

__all__ = [
    "Claim",
    "History",
    "Recorder",
    "SeedSummary",
    "Step",
    "Table",
    "accuracy",
    "along",
    "cost",
    "evaluating",
    "mlp",
    "outcome",
    "over_seeds",
    "paired_difference",
    "progress_bar",
    "run_seeds",
    "small_cnn",
    "stored",
    "stored_claims",
    "summarize",
    "time_ratios",
    "train",
    "training_steps",
]
