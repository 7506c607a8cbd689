"""Statistics and backward pass of several devices, and the layer of another framework, in many styles."""

from fractions import Fraction

import numpy as np
import torch


def two_batches(count_a, mean_a, var_a, count_b, mean_b, var_b):
    """Made-up values with just these statistics, measured together."""
    whole = np.concatenate(
        [values_with(count_a, mean_a, var_a, var_b), values_with(count_b, mean_b, var_b, var_a)]
    )
    return len(whole), whole.mean(axis=0), whole.var(axis=0)


def values_with(count, mean, var, like):
    """A table (count, C) with this mean and this variance in each column."""
    pattern = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
    spread = pattern.std() or 1.0
    return mean + pattern[:, None] / spread * np.sqrt(var)


def sums(count_a, mean_a, var_a, count_b, mean_b, var_b):
    total = count_a * mean_a + count_b * mean_b
    squares = count_a * (var_a + mean_a**2) + count_b * (var_b + mean_b**2)
    count = count_a + count_b
    return count, total / count, squares / count - (total / count) ** 2


def around_the_new_mean(count_a, mean_a, var_a, count_b, mean_b, var_b):
    count = count_a + count_b
    mean = (count_a * mean_a + count_b * mean_b) / count
    around = count_a * (var_a + (mean_a - mean) ** 2) + count_b * (var_b + (mean_b - mean) ** 2)
    return count, mean, around / count


def chan(count_a, mean_a, var_a, count_b, mean_b, var_b):
    count, delta = count_a + count_b, mean_b - mean_a
    m2 = count_a * var_a + count_b * var_b + delta**2 * count_a * count_b / count
    return count, mean_a + delta * count_b / count, m2 / count


def the_other_way_round(count_a, mean_a, var_a, count_b, mean_b, var_b):
    return chan(count_b, mean_b, var_b, count_a, mean_a, var_a)


def by_average(count_a, mean_a, var_a, count_b, mean_b, var_b):
    counts = [count_a, count_b]
    mean = np.average([mean_a, mean_b], axis=0, weights=counts)
    within = np.average([var_a, var_b], axis=0, weights=counts)
    between = np.average([(mean_a - mean) ** 2, (mean_b - mean) ** 2], axis=0, weights=counts)
    return sum(counts), mean, within + between


def channel_by_channel(count_a, mean_a, var_a, count_b, mean_b, var_b):
    n, means, variances = count_a + count_b, [], []
    for ma, va, mb, vb in zip(mean_a, var_a, mean_b, var_b, strict=True):
        means.append((count_a * ma + count_b * mb) / n)
        variances.append((count_a * va + count_b * vb) / n + count_a * count_b * (ma - mb) ** 2 / n**2)
    return n, means, variances


def in_place_on_a_copy(count_a, mean_a, var_a, count_b, mean_b, var_b):
    share, mean, var = count_b / (count_a + count_b), mean_a.copy(), var_a.copy()
    delta = mean_b - mean
    mean += share * delta
    var *= 1 - share
    var += share * var_b
    var += share * (1 - share) * delta**2
    return count_a + count_b, mean, var


def in_torch(count_a, mean_a, var_a, count_b, mean_b, var_b):
    means = torch.from_numpy(np.stack([mean_a, mean_b]))
    variances = torch.from_numpy(np.stack([var_a, var_b]))
    counts = torch.tensor([count_a, count_b], dtype=torch.float64)
    share = (counts / counts.sum())[:, None]
    mean = (share * means).sum(0)
    return counts.sum(), mean, (share * (variances + (means - mean) ** 2)).sum(0)


def exact(count_a, mean_a, var_a, count_b, mean_b, var_b):
    share = Fraction(int(count_b), int(count_a + count_b))
    s, rest = float(share), float(1 - share)
    return (
        count_a + count_b,
        rest * mean_a + s * mean_b,
        rest * var_a + s * var_b + float(share * (1 - share)) * np.square(mean_a - mean_b),
    )


MERGED = (
    two_batches,
    sums,
    around_the_new_mean,
    chan,
    the_other_way_round,
    by_average,
    channel_by_channel,
    in_place_on_a_copy,
    in_torch,
    exact,
)


def merged():
    for answer in MERGED:
        yield answer.__name__, answer
    yield "float32", lambda *values: chan(*map(np.float32, values))
    yield "a list", lambda *values: list(chan(*values))
    yield "a float as count", lambda *values: (float(chan(*values)[0]), *chan(*values)[1:])
    yield "an array as count", lambda *values: (np.array(chan(*values)[0]), *chan(*values)[1:])
    yield "new axes and away", lambda *values: (values[0] + values[3], *np.stack(sums(*values)[1:])[None][0])


def stacked(dy, x_hat, gamma, std, count, all_reduce):
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    totals = all_reduce(np.stack([dgamma, dbeta]))
    return gamma / std * (dy - totals[1] / count - x_hat * totals[0] / count), dgamma, dbeta


def unpacked(dy, x_hat, gamma, std, count, all_reduce):
    dgamma, dbeta = np.einsum("nc,nc->c", dy, x_hat), np.einsum("nc->c", dy)
    all_dgamma, all_dbeta = all_reduce(np.array([dgamma, dbeta]))
    return (dy * count - all_dbeta - x_hat * all_dgamma) * gamma / (count * std), dgamma, dbeta


def a_list_of_two(dy, x_hat, gamma, std, count, all_reduce):
    dgamma, dbeta = np.sum(dy * x_hat, 0), np.sum(dy, 0)
    a, b = all_reduce([dgamma, dbeta])
    return gamma * (dy - (b + x_hat * a) / count) / std, dgamma, dbeta


def a_tuple_of_two(dy, x_hat, gamma, std, count, all_reduce):
    own = (dy * x_hat).sum(0), dy.sum(0)
    along_x_hat, along_1 = (total / count for total in all_reduce(own))
    return (gamma / std) * (dy - along_1 - along_x_hat * x_hat), *own


def through_dx_hat(dy, x_hat, gamma, std, count, all_reduce):
    dx_hat = dy * gamma
    dgamma, dbeta = (dy * x_hat).sum(0), dy.sum(0)
    mean_2, mean_1 = all_reduce(np.stack([dgamma, dbeta])) * gamma / count
    return (dx_hat - mean_1 - x_hat * mean_2) / std, dgamma, dbeta


def row_by_row(dy, x_hat, gamma, std, count, all_reduce):
    dgamma, dbeta = np.zeros(dy.shape[1]), np.zeros(dy.shape[1])
    for upstream, row in zip(dy, x_hat, strict=True):
        dgamma += upstream * row
        dbeta += upstream
    a, b = all_reduce(np.stack([dgamma, dbeta]))
    dx = [gamma / std * (d - b / count - h * a / count) for d, h in zip(dy, x_hat, strict=True)]
    return np.stack(dx), dgamma, dbeta


def entry_by_entry(dy, x_hat, gamma, std, count, all_reduce):
    n, c = dy.shape
    own = np.array(
        [[sum(dy[i, j] * x_hat[i, j] for i in range(n)) for j in range(c)], [sum(dy[:, j]) for j in range(c)]]
    )
    total, dx = all_reduce(own), np.empty((n, c))
    for i, j in np.ndindex(n, c):
        dx[i, j] = gamma[j] / std[j] * (dy[i, j] - total[1, j] / count - x_hat[i, j] * total[0, j] / count)
    return dx, own[0], own[1]


def dx_in_place(dy, x_hat, gamma, std, count, all_reduce):
    dgamma, dbeta, dx = (dy * x_hat).sum(0), dy.sum(0), dy.copy()
    totals = all_reduce(np.stack([dgamma, dbeta])).copy()
    totals /= count
    dx -= totals[1]
    dx -= x_hat * totals[0]
    dx *= gamma / std
    return dx, dgamma, dbeta


def device_in_torch(dy, x_hat, gamma, std, count, all_reduce):
    dy, x_hat, gamma, std = map(torch.from_numpy, (dy, x_hat, gamma, std))
    own = torch.stack([(dy * x_hat).sum(0), dy.sum(0)])
    a, b = torch.as_tensor(all_reduce(own.numpy()))
    return gamma / std * (dy - b / count - x_hat * a / count), own[0], own[1]


def with_keepdims(dy, x_hat, gamma, std, count, all_reduce):
    dgamma, dbeta = (dy * x_hat).sum(axis=0, keepdims=True), dy.sum(axis=0, keepdims=True)
    totals = all_reduce(np.concatenate([dgamma, dbeta])) / count
    return gamma / std * (dy - totals[1:] - x_hat * totals[:1]), dgamma[0], dbeta[0]


def as_a_projection(dy, x_hat, gamma, std, count, all_reduce):
    """With N times the gradients of γ and β at first, as in the formula with m in front."""
    own = np.array([np.diag(dy.T @ x_hat), np.ones(len(dy)) @ dy])
    total = all_reduce(own)
    return gamma / (count * std) * (count * dy - total[1] - x_hat * total[0]), *own


DEVICES = (
    stacked,
    unpacked,
    a_list_of_two,
    through_dx_hat,
    row_by_row,
    entry_by_entry,
    dx_in_place,
    device_in_torch,
    with_keepdims,
    as_a_projection,
)


def devices():
    for answer in DEVICES:
        yield answer.__name__, answer
    yield "float32", lambda *values: stacked(*map(np.float32, values[:4]), *values[4:])
    yield "a list", lambda *values: list(unpacked(*values))
    yield "Fortran order", lambda *values: tuple(map(np.asfortranarray, stacked(*values)))
    yield "two calls of all_reduce", reduced_twice
    yield "a tuple of two", a_tuple_of_two


def reduced_twice(dy, x_hat, gamma, std, count, all_reduce):
    """One sum at a time, each in its own row of the two."""
    dgamma, dbeta = (dy * x_hat).sum(0), dy.sum(0)
    zero = np.zeros_like(dbeta)
    a = all_reduce(np.stack([dgamma, zero]))[0]
    b = all_reduce(np.stack([zero, dbeta]))[1]
    return gamma / std * (dy - b / count - x_hat * a / count), dgamma, dbeta


# Ways to the running variance that PyTorch would have, from Keras' momentum, moving variance, batches and m.
RUNNING = {
    "start taken out": lambda p, v, t, m: p**t + (v - p**t) * m / (m - 1),
    "share of the batches": lambda p, v, t, m: (v - p**t) / (1 - p**t) * (1 - p**t) * m / (m - 1) + p**t,
    "multiplied out": lambda p, v, t, m: v * m / (m - 1) - p**t / (m - 1),
    "what is missing": lambda p, v, t, m: v + (v - p**t) / (m - 1),
    "power": lambda p, v, t, m: np.power(p, t) + (v - np.power(p, t)) / (1 - 1 / m),
    "exponential": lambda p, v, t, m: np.exp(t * np.log(p)) + (v - np.exp(t * np.log(p))) * (1 + 1 / (m - 1)),
    "loops": lambda p, v, t, m: [p**t + (one - p**t) * m / (m - 1) for one in v],
    "torch": lambda p, v, t, m: torch.lerp(
        torch.full((len(v),), p**t, dtype=torch.float64), torch.from_numpy(v), m / (m - 1)
    ),
}


def translated():
    for name, running_var in RUNNING.items():
        yield name, lambda p, v, t, m, f=running_var: (1 - p, f(p, v, t, m))
    for name in ("start taken out", "what is missing", "power"):
        f = RUNNING[name]
        yield f"{name}, float32", lambda p, v, t, m, f=f: (np.float32(1 - p), f(p, np.float32(v), t, m))
        yield f"{name}, nested lists", lambda p, v, t, m, f=f: [1.0 - p, f(p, v, t, m).tolist()]
    yield "step by step", step_by_step
    yield "in place on a copy", translated_in_place


def step_by_step(momentum, moving_variance, batches, m):
    left = 1.0
    for _ in range(batches):
        left *= momentum
    return np.array(1 - momentum), left + (moving_variance - left) * (m / (m - 1))


def translated_in_place(momentum, moving_variance, batches, m):
    var = moving_variance.copy()
    var -= momentum**batches
    var *= m
    var /= m - 1
    var += momentum**batches
    return -(momentum - 1), var


STYLES = {
    "merge_statistics": dict(merged()),
    "sync_backward": dict(devices()),
    "to_pytorch": dict(translated()),
}
