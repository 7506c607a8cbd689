"""Small PyTorch experiments on real data, step by step.

networks.py         two small networks, with batch normalization and without
loop.py             one optimisation step at a time; `train` runs them all
evaluation.py       evaluation mode for a moment, accuracy
recorder.py         what is written down on the way: loss, accuracy, pre-activations, gradients
progress.py         a progress bar whose last line is always the same

seeds.py            an experiment over seeds and settings, on one core, several, or a cluster
results.py          its results: mean and interval, paired differences; table.py: how they are shown

experiments.py      one network learns: the settings of most claims about batch normalization
harder.py           the digits with fewer pictures, wrong labels, noise, few classes in a batch
changes.py          a network with dropout, with noise after batch normalization
landscape.py        loss and gradient along the gradient
generative.py       an autoencoder and a GAN; sequences.py: networks that read digits step by step
slimming.py         L1 on γ; choosing.py: which channels stay; cutting.py: a network without the others
cost.py             parameters, multiply-adds, seconds; slim_trials.py: slimming, with its controls
covariate_shift.py  how much a layer's gradient changes when the layers below it move
detector/           YOLOv1 as published, and a YOLO small enough to train: scenes, loss, mAP

PyTorch computes these experiments. To see NumPy's batch normalization train inside the same networks,
pass a network through `bnteach.torch_bridge.replace_batch_norm`.
"""

from bnteach.training.evaluation import accuracy, evaluating
from bnteach.training.loop import Step, train, training_steps
from bnteach.training.networks import mlp, small_cnn
from bnteach.training.recorder import History, Recorder
from bnteach.training.results import SeedSummary, along, paired_difference, summarize
from bnteach.training.seeds import over_seeds, run_seeds
from bnteach.training.table import Table

__all__ = [
    "History",
    "Recorder",
    "SeedSummary",
    "Step",
    "Table",
    "accuracy",
    "along",
    "evaluating",
    "mlp",
    "over_seeds",
    "paired_difference",
    "run_seeds",
    "small_cnn",
    "summarize",
    "train",
    "training_steps",
]
