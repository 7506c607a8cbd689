"""Gradient checks that a wrong backward pass cannot fool, in many styles."""

import numpy as np


class Compared:
    """A gradient check, called like a function; the batch and the way to measure are chosen before."""

    def __init__(self, measure, seed=0, shape=(5, 3), rtol=1e-4, atol=1e-6):
        rng = np.random.default_rng(seed)
        self.x, self.dy = rng.normal(2, 3, shape), rng.normal(size=shape)
        self.gamma, self.beta = rng.uniform(0.5, 2, shape[1]), rng.normal(size=shape[1])
        self.measure, self.close = measure, {"rtol": rtol, "atol": atol}

    def __call__(self, forward, backward):
        arrays = [self.x, self.gamma, self.beta]
        found = backward(self.dy, self.x, self.gamma)
        return all(
            np.allclose(gradient, self.measure(forward, arrays, which, self.dy), **self.close)
            for which, gradient in enumerate(found)
        )


def loss_with(forward, arrays, which, step, dy):
    moved = list(arrays)
    moved[which] = moved[which] + step
    return np.sum(forward(*moved) * dy)


def entry_by_entry(forward, arrays, which, dy, h=1e-5):
    result = np.zeros_like(arrays[which])
    for index in np.ndindex(result.shape):
        step = np.zeros_like(result)
        step[index] = h
        up, down = (loss_with(forward, arrays, which, s, dy) for s in (step, -step))
        result[index] = (up - down) / (2 * h)
    return result


def in_place_and_back(forward, arrays, which, dy, h=1e-6):
    arrays = [array.copy() for array in arrays]
    flat, result = arrays[which].reshape(-1), []
    for i in range(flat.size):
        kept = flat[i]
        flat[i] = kept + h
        up = np.vdot(forward(*arrays), dy)
        flat[i] = kept - h
        down = np.vdot(forward(*arrays), dy)
        flat[i] = kept
        result.append((up - down) / h / 2)
    return np.reshape(result, arrays[which].shape)


def five_points(forward, arrays, which, dy, h=1e-3):
    result = np.zeros_like(arrays[which])
    for index in np.ndindex(result.shape):
        step = np.zeros_like(result)
        step[index] = h
        one, two = (
            loss_with(forward, arrays, which, k * step, dy) - loss_with(forward, arrays, which, -k * step, dy)
            for k in (1, 2)
        )
        result[index] = (8 * one - two) / (12 * h)
    return result


def along_directions(forward, backward):
    """Along random directions, as many as it takes, instead of entry by entry."""
    rng = np.random.default_rng(3)
    x, dy = rng.normal(1, 2, (6, 2)), rng.normal(size=(6, 2))
    gamma, beta = np.array([0.6, 1.7]), np.array([0.3, -2.0])
    gradients = backward(dy, x, gamma)
    for which, gradient in enumerate(gradients):
        for _ in range(20):
            direction = rng.normal(size=gradient.shape)
            up, down = (loss_with(forward, [x, gamma, beta], which, h * direction, dy) for h in (1e-5, -1e-5))
            if abs((up - down) / 2e-5 - np.sum(gradient * direction)) > 1e-5:
                return False
    return True


def by_relative_error(forward, backward):
    trial = Compared(entry_by_entry, seed=4)
    found = backward(trial.dy, trial.x, trial.gamma)
    for which, gradient in enumerate(found):
        wanted = entry_by_entry(forward, [trial.x, trial.gamma, trial.beta], which, trial.dy)
        error = np.linalg.norm(gradient - wanted) / (np.linalg.norm(gradient) + np.linalg.norm(wanted))
        if error > 1e-5:
            return False
    return True


STYLES = {
    "gradient_check": {
        "entry by entry": Compared(entry_by_entry),
        "in place and back": Compared(in_place_and_back),
        "five points": Compared(five_points, seed=1),
        "three samples": Compared(entry_by_entry, shape=(3, 4), seed=2),
        "one channel": Compared(entry_by_entry, shape=(7, 1), seed=3),
        "as wide as long": Compared(in_place_and_back, shape=(4, 4)),
        "a loose tolerance": Compared(entry_by_entry, rtol=1e-3, atol=1e-4),
        "a tight tolerance": Compared(five_points, rtol=1e-6, atol=1e-8),
        "along directions": along_directions,
        "relative error": by_relative_error,
    }
}
