"""What a learner's gradient check tries, and what to say of it: its batch, upstream gradient, γ and step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

SMALLEST_STEP, LARGEST_STEP = 5e-10, 3e-2
IN_PLANE = 1e-6  # what is left of dy beside 1 and x̂, in shares of dy

# Name of a fact -> what to say when it does not hold. Without the first four some fault is never seen.
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


DECIDING = ("three_samples_or_more", "the_step_is_not_too_small", "the_step_is_not_too_large")


class Tried:
    """Watches what a gradient check gives to `forward` and to `backward`."""

    def __init__(self, forward: Callable[..., np.ndarray]) -> None:
        self.right_forward = forward
        self.to_forward: list[list[np.ndarray]] = []
        self.to_backward: list[list[np.ndarray]] = []

    def forward(self, x, gamma, beta) -> np.ndarray:
        self.to_forward.append([np.array(value, dtype=float) for value in (x, gamma, beta)])
        return self.right_forward(x, gamma, beta)

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
        tries, step = self.to_backward, self.step()
        large = [inputs for inputs in tries if inputs[1].ndim and len(inputs[1]) >= 3]
        seen = large or [None]
        return {
            "three_samples_or_more": int(bool(large) or not tries),
            "dy_varies": int(any(inputs is None or np.ptp(inputs[0]) > 0 for inputs in seen)),
            "dy_is_more_than_1_and_x_hat": int(
                any(inputs is None or is_out_of_plane(*inputs[:2]) for inputs in seen)
            ),
            "gamma_away_from_1": int(any(inputs is None or not np.allclose(inputs[2], 1) for inputs in seen)),
            "the_step_is_not_too_small": int(accepted or step >= SMALLEST_STEP),
            "the_step_is_not_too_large": int(accepted or step <= LARGEST_STEP),
        }

    def is_hopeless(self, accepted: int) -> bool:
        """True when more trials would tell nothing but chance."""
        facts = self.facts(accepted)
        in_plane = facts["dy_varies"] and not facts["dy_is_more_than_1_and_x_hat"]
        return bool(in_plane) or not all(facts[name] for name in DECIDING)

    def step(self) -> float:
        """The smallest move of an input that was measured; a fit one where none is seen."""
        return min(self.moves(), default=1e-5)

    def moves(self) -> Iterator[float]:
        for _, x, gamma in self.to_backward[-1:]:
            for moved_x, moved_gamma, _ in self.to_forward:
                for base, moved in ((x, moved_x), (gamma, moved_gamma)):
                    if moved.shape == base.shape and (move := np.abs(moved - base).max()) > 0:
                        yield float(move)


def is_out_of_plane(dy: np.ndarray, x: np.ndarray) -> bool:
    """True when dy has a part beside 1 and x̂, in one channel at least."""
    centered, rest = x - x.mean(axis=0), dy - dy.mean(axis=0)
    length = (centered**2).sum(axis=0)
    rest = rest - centered * (rest * centered).sum(axis=0) / np.where(length > 0, length, 1)
    return bool(np.abs(rest).max() > IN_PLANE * max(np.abs(dy).max(), 1e-300))
