"""How a small network learns real digits, step by step; and results over several seeds.

networks.py    two small networks, with batch normalization and without
loop.py        one optimization step at a time; the progress bar; one thread
recorder.py    what is written down on the way: loss, accuracy, pre-activations, gradients
train.py       the loop with a recorder, to its end
evaluation.py  evaluation mode for a moment, accuracy

seeds.py       seeds, and the same function over several of them
runs.py        an experiment over seeds and settings, on one core, several, or a cluster
table.py       its results, a row for each run; summary.py: mean and interval
claims.py      from intervals to a verdict on a claim
stored.py      results kept in a file, with the versions that they come from
cost.py        parameters, multiply-adds, seconds
processes.py   a function in several processes that send each other numbers

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
from bnteach.training.runs import run_seeds
from bnteach.training.seeds import over_seeds, set_seed
from bnteach.training.stored import stored, stored_claims
from bnteach.training.summary import SeedSummary
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
    "cost",
    "evaluating",
    "mlp",
    "outcome",
    "over_seeds",
    "progress_bar",
    "run_seeds",
    "set_seed",
    "small_cnn",
    "stored",
    "stored_claims",
    "time_ratios",
    "train",
    "training_steps",
]
