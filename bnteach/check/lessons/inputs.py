"""What several exercises are tried on."""

from typing import Any

import numpy as np


def readable(probe: dict[str, Any]) -> dict[str, Any]:
    """The same inputs with one digit behind the point: the first probe is shown to the learner."""
    return {
        name: np.round(value, 1) if isinstance(value, np.ndarray) else value for name, value in probe.items()
    }


def of_layer(rng: np.random.Generator, c: int, scale: float = 1.0) -> dict[str, Any]:
    """Parameters away from 1 and 0, and stored statistics; with a small scale the variance is below ε."""
    return {
        "gamma": rng.uniform(1.5, 3, size=c),
        "beta": rng.uniform(1, 2, size=c),
        "running_mean": rng.normal(2, 1, size=c),
        "running_var": scale * rng.uniform(2, 4, size=c),
    }
