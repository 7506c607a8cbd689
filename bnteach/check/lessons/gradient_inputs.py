"""What a learner's gradient check tries, and what to say of it: its batch, upstream gradient, γ and step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SMALLEST_STEP, LARGEST_STEP = 5e-10, 3e-2
IN_PLANE = 1e-6  # what is left of dy beside 1 and x̂, in shares of dy

# Name of a fact -> what to say when it does not hold.
NEEDED = {
    "three_samples_or_more": "Its batch has fewer than three samples, so what it sees is a matter of luck.",
    "dy_varies": "Its dy is the same number everywhere.",
    "dy_is_more_than_1_and_x_hat": "Its dy is a mix of 1 and x̂. BN takes both out: the right dx is tiny.",
    "gamma_away_from_1": "Its γ is 1 everywhere.",
    "the_step_is_not_too_small": "It moves the inputs by less than 1e-9: rounding drowns the difference.",
    "the_step_is_not_too_large": "It moves the inputs by more than 0.03: in between, the slope changes.",
    "the_tolerance_is_fit": "It refuses a dx that is far off, and accepts one that is 2 % off: the tolerance "
    "is too wide.",
}


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

    def facts(self, accepted: int) -> dict[str, int]:
        """Which facts hold in at least one try; all of them where nothing was tried.

        A step is told only where the right backward pass was refused: who accepts it measures well enough.
        """
        large = [tried for tried in self.to_backward if tried[1].ndim and len(tried[1]) >= 3]
        step = self.step()
        holds = {
            "three_samples_or_more": large or not self.to_backward,
            "dy_varies": any(np.ptp(dy) > 0 for dy, _, _ in large) or not large,
            "dy_is_more_than_1_and_x_hat": any(is_out_of_plane(dy, x) for dy, x, _ in large) or not large,
            "gamma_away_from_1": any(not np.allclose(gamma, 1) for _, _, gamma in large) or not large,
            "the_step_is_not_too_small": accepted or step >= SMALLEST_STEP,
            "the_step_is_not_too_large": accepted or step <= LARGEST_STEP,
        }
        return {name: int(bool(held)) for name, held in holds.items()}

    @staticmethod
    def is_hopeless(facts: dict[str, int]) -> bool:
        """True when more trials would tell nothing but chance. A dy of ones is not: there all dx are 0."""
        in_plane = facts["dy_varies"] and not facts["dy_is_more_than_1_and_x_hat"]
        others = ("three_samples_or_more", "the_step_is_not_too_small", "the_step_is_not_too_large")
        return bool(in_plane) or not all(facts[name] for name in others)

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
