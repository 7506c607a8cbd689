"""What several exercises are tried on."""

import numpy as np

from ..running import Probe


def readable(probe: Probe) -> Probe:
    """The same inputs with one digit behind the point: the first probe is shown to the learner."""
    kinds = {name: getattr(value, "dtype", np.dtype(int)).kind for name, value in probe.items()}
    return {name: np.round(value, 1) if kinds[name] == "f" else value for name, value in probe.items()}


def values(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values off-center. The last axis is that of the channels: each has a mean and a spread of its own."""
    return rng.normal(rng.uniform(2, 5, shape[-1]), rng.uniform(1, 3, shape[-1]), shape)


def gamma_and_beta(rng: np.random.Generator, c: int) -> Probe:
    """Away from 1 and 0."""
    return {"gamma": rng.uniform(1.5, 3, size=c), "beta": rng.uniform(1, 2, size=c)}


def of_layer(rng: np.random.Generator, c: int, scale: float = 1.0) -> Probe:
    """Parameters, and stored statistics; with a small scale the variance is below ε."""
    stored = {"running_mean": rng.normal(2, 1, size=c), "running_var": scale * rng.uniform(2, 4, size=c)}
    return {**gamma_and_beta(rng, c), **stored}
