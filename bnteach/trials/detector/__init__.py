"""A detector in the manner of YOLO: it says what is in a picture, and where.

yolo_v1.py                 the network of 2016, with batch normalization and without

scenes.py                  pictures with one to three real digits, made at run time
tiny_yolo.py               a YOLO that learns to find them in seconds
yolo_loss.py               the loss of the paper: cells, responsible boxes, confidences
boxes.py                   overlap of boxes; one box for each object
mean_average_precision.py  mAP: one number for all that was found
trials.py                  the same training with batch normalization and without
"""

from bnteach.trials.detector.boxes import iou
from bnteach.trials.detector.mean_average_precision import average_precision, hits_of
from bnteach.trials.detector.tiny_yolo import detect, detector_steps, mean_ap, tiny_yolo
from bnteach.trials.detector.trials import (
    boxes_at_best_rates,
    sweep_of_rates,
    trained_detector,
    validation_and_test_scenes,
)
from bnteach.trials.detector.yolo_loss import targets, yolo_loss
from bnteach.trials.detector.yolo_v1 import parameters, yolo_v1

__all__ = [
    "average_precision",
    "boxes_at_best_rates",
    "detect",
    "detector_steps",
    "hits_of",
    "iou",
    "mean_ap",
    "parameters",
    "sweep_of_rates",
    "targets",
    "tiny_yolo",
    "trained_detector",
    "validation_and_test_scenes",
    "yolo_loss",
    "yolo_v1",
]
