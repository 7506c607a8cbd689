"""What all layers share: a mode, a cache of the last forward pass, and a state that can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from bnteach.core import arguments


class Layer:
    """A layer with a mode and a state under PyTorch's names. The layers of bnteach are its subclasses."""

    STATE: ClassVar[dict[str, str]] = {"weight": "gamma", "bias": "beta"}  # PyTorch's key -> our attribute
    MAY_BE_MISSING: ClassVar[tuple[str, ...]] = ()

    def __init__(self):
        self.training = True
        self.gamma = self.beta = self.dgamma = self.dbeta = None
        self._cache = None

    def train(self, mode: bool = True):
        """Set the mode to training (or to evaluation, with mode=False). Returns the layer."""
        self.training = bool(mode)
        return self

    def eval(self):
        """Set the mode to evaluation. Returns the layer."""
        return self.train(False)

    def __call__(self, x, training: bool | None = None):
        return self.forward(x, training)

    def forward(self, x, training: bool | None = None):
        raise NotImplementedError

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of parameters and statistics under PyTorch's keys; what the layer has not is left out."""
        owned = {key: getattr(self, name) for key, name in self.STATE.items()}
        arrays = {key: arguments.any_array(self.STATE[key], value) for key, value in owned.items()}
        return {key: np.array(value) for key, value in arrays.items() if owned[key] is not None}

    def load_state_dict(self, state: Mapping) -> None:
        """Copy arrays (or CPU tensors) with PyTorch's keys into the layer, in the layer's own dtypes.

        Raises:
            ValueError: an entry is missing, unexpected, or of the wrong shape.
            TypeError: an entry does not hold real numbers that NumPy can read, or state is not a mapping.
                After an error nothing has been loaded.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state is {state!r}, expected a mapping such as another layer's state_dict()")
        own = self.state_dict()
        missing = sorted(set(own) - set(state) - set(self.MAY_BE_MISSING))
        unexpected = sorted(set(state) - set(own), key=str)
        if missing or unexpected:
            raise ValueError(
                f"state has the keys {sorted(state, key=str)}, expected {sorted(own)}: "
                f"missing {missing}, unexpected {unexpected}"
            )
        loaded = {key: _as_entry(key, value, like=own[key]) for key, value in state.items()}
        for key, value in loaded.items():
            setattr(self, self.STATE[key], value)

    def _last_cache(self):
        if self._cache is None:
            raise RuntimeError("backward was called before forward: there is no pass to go back through")
        return self._cache


def _as_entry(key: str, value, like: np.ndarray):
    """A copy of value with the dtype of `like`; a plain scalar where `like` is one."""
    value = value.detach() if hasattr(value, "detach") else value  # a parameter: loading takes its numbers
    array = arguments.any_array(f"state[{key!r}]", value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"state[{key!r}] has dtype {array.dtype}, expected real numbers")
    if array.shape != like.shape:
        raise ValueError(f"state[{key!r}] has shape {array.shape}, expected {like.shape}")
    with np.errstate(over="ignore"):  # too large for the layer's dtype: infinite, as in PyTorch
        copy = array.astype(like.dtype)
    return copy if copy.ndim else copy[()]
