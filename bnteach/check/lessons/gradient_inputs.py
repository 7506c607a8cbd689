"""What a learner's gradient check tries: its batch, upstream gradient, γ and step."""

from collections.abc import Callable

import numpy as np

from .first_fault import Facts

SMALLEST_STEP, LARGEST_STEP = 5e-10, 3e-2
IN_PLANE = 1e-6  # what is left of dy beside 1 and x̂, in shares of dy


class Tried:
    """Watches what a gradient check gives to `forward` and to `backward`."""

    def __init__(self, eps: float) -> None:
        self.eps, self.to_forward, self.to_backward = eps, [], []

    def forward(self, x, gamma, beta) -> np.ndarray:
        self.to_forward.append((np.array(x, dtype=float), np.array(gamma, dtype=float)))
        return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + self.eps) + beta

    def watching(self, backward: Callable[..., tuple]) -> Callable[..., tuple]:
        """The backward pass, watched."""

        def watched(dy, x, gamma) -> tuple:
            self.to_backward.append([np.array(value, dtype=float) for value in (dy, x, gamma)])
            return backward(dy, x, gamma)

        return watched

    def facts(self, is_accepted: bool) -> Facts:
        """Faults that one try at least has not. A step is blamed where a right backward pass was refused."""
        large = [tried for tried in self.to_backward if tried[1].ndim and len(tried[1]) >= 3]
        step = self.step()
        yield "batch_of_two", bool(large) or not self.to_backward
        yield "upstream_of_ones", any(np.ptp(dy) > 0 for dy, _, _ in large) or not large
        yield "upstream_is_y", any(is_out_of_plane(dy, x) for dy, x, _ in large) or not large
        yield "gamma_of_one", any(not np.allclose(gamma, 1) for _, _, gamma in large) or not large
        yield "step_too_small", is_accepted or step >= SMALLEST_STEP
        yield "step_too_large", is_accepted or step <= LARGEST_STEP

    def step(self) -> float:
        """The smallest move of an input that was measured; a fit one where none is seen."""
        moves = [
            np.abs(moved - base).max()
            for _, *bases in self.to_backward[-1:]
            for tried in self.to_forward
            for base, moved in zip(bases, tried, strict=True)
            if moved.shape == base.shape
        ]
        return min((move for move in moves if move > 0), default=1e-5)


def is_out_of_plane(dy: np.ndarray, x: np.ndarray) -> bool:
    """True when dy has a part beside 1 and x̂, in one channel at least."""
    centered, rest = x - x.mean(axis=0), dy - dy.mean(axis=0)
    length = (centered**2).sum(axis=0)
    rest = rest - centered * (rest * centered).sum(axis=0) / np.where(length > 0, length, 1)
    return bool(np.abs(rest).max() > IN_PLANE * max(np.abs(dy).max(), 1e-300))
