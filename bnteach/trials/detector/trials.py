"""The trial of the tiny YOLO: the same training with batch normalization and without, judged by its mAP."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from torch import nn

from bnteach.data import digits
from bnteach.training.seeds import run_seeds
from bnteach.trials.detector.mean_average_precision import Found
from bnteach.trials.detector.scenes import Scenes, make_scenes
from bnteach.trials.detector.tiny_yolo import detect, detector_steps, mean_ap, tiny_yolo

__all__ = [
    "LEARNING_RATES",
    "TRAINING_STEPS",
    "boxes_at_best_rates",
    "learn_to_detect",
    "sweep_of_rates",
    "trained_detector",
    "training_scenes",
    "validation_and_test_scenes",
]

LEARNING_RATES = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016]
TRAINING_STEPS = [200, 800]
BEST_RATES = {True: 0.008, False: 0.004}  # with BN, without: after 800 steps, on the scenes to choose by


@cache
def training_scenes(seed: int) -> Scenes:
    """2 000 scenes of the training digits."""
    data = digits()
    return make_scenes(data.x_train, data.y_train, 2000, seed)


@cache
def validation_and_test_scenes() -> tuple[Scenes, Scenes]:
    """Two sets of 300 scenes to judge by: one to choose a learning rate, one that nothing is chosen by.

    Each has half of the test digits: no digit is in both, and none in the training scenes.
    """
    data, seeds = digits(), (1000, 1001)
    halves = slice(None, 225), slice(225, None)
    return tuple(
        make_scenes(data.x_test[h], data.y_test[h], 300, s) for h, s in zip(halves, seeds, strict=True)
    )


def trained_detector(batch_norm: bool, learning_rate: float, steps: int, seed: int = 0) -> nn.Sequential:
    """A `tiny_yolo` that has learned. The seed is for weights, training scenes and their order."""
    network = tiny_yolo(batch_norm, seed=seed)
    how = {"steps": steps, "learning_rate": learning_rate, "seed": seed}
    for _ in detector_steps(network, training_scenes(seed), **how):
        pass
    return network


def learn_to_detect(seed: int, batch_norm: bool, learning_rate: float, steps: int) -> dict[str, float]:
    """Train a `tiny_yolo` and judge it.

    Args:
        seed, batch_norm, learning_rate, steps: as in `trained_detector`.

    Returns:
        "mAP": on the test scenes, in percent. "mAP to choose by": on the other scenes.
    """
    network, (choosing, test) = (
        trained_detector(batch_norm, learning_rate, steps, seed),
        validation_and_test_scenes(),
    )
    return {"mAP": round(mean_ap(network, test), 2), "mAP to choose by": round(mean_ap(network, choosing), 2)}


def boxes_at_best_rates(least: float = 0.2) -> dict[str, dict[str, list]]:
    """What two trained detectors find in four test scenes: boxes, labels, scores above `least`."""
    found = {}
    for role, batch_norm in (("with_bn", True), ("without_bn", False)):
        network = trained_detector(batch_norm, BEST_RATES[batch_norm], steps=800)
        answers = detect(network, validation_and_test_scenes()[1].pictures[:4], least=least)
        found[role] = {
            part: [getattr(answer, part).double().numpy().round(3).tolist() for answer in answers]
            for part in Found._fields
        }
    return found


def sweep_of_rates(seeds: Iterable[int] = range(5), n_jobs: int | None = None) -> list[dict]:
    """`learn_to_detect` for every learning rate and length of training, with BN and without: a row a run."""
    settings = {"steps": TRAINING_STEPS, "batch_norm": [False, True], "learning_rate": LEARNING_RATES}
    runs = run_seeds(learn_to_detect, seeds, n_jobs, **settings, description="detectors")
    return runs.to_dict("records")
