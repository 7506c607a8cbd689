"""What the sums of dx tell about the paths of the gradient."""

from __future__ import annotations

import numpy as np

from .case import Case

# (is the sum of dx wrong, is the sum of dx·x_hat wrong) -> what to say.
PATHS = {
    (True, True): "its sum over the batch is not 0, and its sum times x_hat is not right either. "
    "Look at both paths, the one through the mean and the one through the variance.",
    (True, False): "its sum over the batch is not 0. Look at the path through the mean.",
    (False, True): "its sum over the batch is 0, as it should be, but its sum times x_hat is not right. "
    "Look at the path through the variance.",
    (False, False): "its sum over the batch is 0 and its sum times x_hat is right, as they should be. "
    "Both paths seem to be there. Look at the factors.",
}


def paths_of_dx(cases: list[Case]) -> str:
    """Sums of dx, and of dx·x_hat, over the batch: which path of the gradient may be missing?

    In training, dx sums to 0 in each channel. In evaluation the statistics are constants: no paths.
    """
    sums = [sums_of_dx(case) for case in cases]
    if None in sums:
        return ""
    return PATHS[any(mean for mean, _ in sums), any(var for _, var in sums)]


def sums_of_dx(case: Case) -> tuple[bool, bool] | None:
    """Is the sum of dx wrong, and of dx·x_hat? None where the question makes no sense."""
    x_hat = case.known.get("x_hat")
    if case.name != "dx" or x_hat is None or x_hat.shape != case.right.shape:
        return None
    right, found, hat = (case.channels(value.astype(float)) for value in (case.right, case.found, x_hat))
    scale = np.sqrt(np.mean(right**2)) * right.shape[1]
    if np.abs(right.sum(axis=1)).max() > 1e-6 * scale:
        return None
    off = [np.abs(((found - right) * other).sum(axis=1)).max() > 1e-3 * scale for other in (1.0, hat)]
    return bool(off[0]), bool(off[1])
