"""Lesson 09 in many styles: the gradient of the L1 penalty, channels cut out, BN folded into what follows."""

import copy
import math

import numpy as np
import torch
from torch import nn

from bnteach.trials.slimming.cutting import cut
from styles_folding import SCALES

# Ways to strength · sign(γ).
PULLS = {
    "sign": lambda gamma, strength: strength * np.sign(gamma),
    "where": lambda gamma, strength: np.where(gamma > 0, strength, -strength),
    "divided by its size": lambda gamma, strength: strength * gamma / np.abs(gamma),
    "booleans": lambda gamma, strength: strength * ((gamma > 0).astype(float) - (gamma < 0)),
    "copysign": lambda gamma, strength: np.copysign(strength, gamma),
    "heaviside": lambda gamma, strength: strength * (2 * np.heaviside(gamma, 0.5) - 1),
    "loops": lambda gamma, strength: np.array([strength if g > 0 else -strength for g in gamma]),
    "math module": lambda gamma, strength: np.array([math.copysign(strength, g) for g in gamma]),
    "differences": lambda gamma, strength: strength * (np.abs(gamma + 1e-4) - np.abs(gamma - 1e-4)) / 2e-4,
    "torch": lambda gamma, strength: (strength * torch.from_numpy(gamma).sign()).numpy(),
    "float32": lambda gamma, strength: np.float32(strength) * np.sign(np.float32(gamma)),
    "select": lambda gamma, strength: np.select([gamma > 0, gamma < 0], [strength, -strength], 0.0),
}


def slimming_gradients():
    for name, pull in PULLS.items():
        yield (
            name,
            lambda gamma, beta, dgamma, dbeta, strength, f=pull: (dgamma + f(gamma, strength), dbeta),
        )
    yield "a copy, in place", pulled_in_place
    yield "autograd", pulled_by_autograd
    yield "lists", lambda *values: [one.tolist() for one in pulled_in_place(*values)]
    yield "all at once", pulled_together


def pulled_in_place(gamma, beta, dgamma, dbeta, strength):
    new = dgamma.copy()
    new[gamma > 0] += strength
    new[gamma < 0] -= strength
    return new, dbeta.copy()


def pulled_by_autograd(gamma, beta, dgamma, dbeta, strength):
    g, b = (torch.tensor(value, requires_grad=True) for value in (gamma, beta))
    loss = (g * torch.tensor(dgamma)).sum() + (b * torch.tensor(dbeta)).sum() + strength * g.abs().sum()
    loss.backward()
    return g.grad, b.grad


def pulled_together(gamma, beta, dgamma, dbeta, strength):
    both = np.stack([dgamma, dbeta]) + strength * np.stack([np.sign(gamma), np.zeros_like(beta)])
    return tuple(both)


# Ways to the indices of the channels that stay.
STAYS = {
    "mask": lambda gamma, threshold: np.abs(gamma) > threshold,
    "both sides": lambda gamma, threshold: (gamma > threshold) | (gamma < -threshold),
    "not small": lambda gamma, threshold: ~(np.abs(gamma) <= threshold),
    "squares": lambda gamma, threshold: gamma**2 > threshold**2,
    "logical": lambda gamma, threshold: np.logical_or(gamma > threshold, -gamma > threshold),
    "list of booleans": lambda gamma, threshold: np.array([abs(g) > threshold for g in gamma]),
    "torch": lambda gamma, threshold: (torch.from_numpy(gamma).abs() > threshold).numpy(),
}


def by_mask(w_1, gamma, beta, mean, var, w_2, b_2, stays):
    said = np.maximum(beta[~stays], 0)
    vectors = (one[stays] for one in (gamma, beta, mean, var))
    return (w_1[stays], *vectors, w_2[:, stays], b_2 + w_2[:, ~stays] @ said)


def by_indices(w_1, gamma, beta, mean, var, w_2, b_2, stays):
    kept, gone = np.flatnonzero(stays), np.flatnonzero(~stays)
    b = b_2 + np.sum(w_2[:, gone] * beta[gone].clip(min=0), axis=1)
    vectors = [np.take(one, kept) for one in (gamma, beta, mean, var)]
    return [np.take(w_1, kept, axis=0), *vectors, np.take(w_2, kept, axis=1), b]


def by_deleting(w_1, gamma, beta, mean, var, w_2, b_2, stays):
    gone = np.where(~stays)[0]
    vectors = (np.delete(one, gone) for one in (gamma, beta, mean, var))
    constant = np.where(stays, 0, np.maximum(beta, 0))
    return (np.delete(w_1, gone, axis=0), *vectors, np.delete(w_2, gone, axis=1), b_2 + w_2 @ constant)


def by_compressing(w_1, gamma, beta, mean, var, w_2, b_2, stays):
    vectors = (np.compress(stays, one) for one in (gamma, beta, mean, var))
    constant = np.einsum("oh,h->o", w_2, ~stays * (beta > 0) * beta)
    return (
        np.compress(stays, w_1, axis=0),
        *vectors,
        np.asfortranarray(np.compress(stays, w_2, axis=1)),
        b_2 + constant,
    )


def by_loops(w_1, gamma, beta, mean, var, w_2, b_2, stays):
    rows, vectors, columns, bias = [], [], [], b_2.copy()
    for c, stay in enumerate(stays):
        if stay:
            rows.append(w_1[c])
            vectors.append((gamma[c], beta[c], mean[c], var[c]))
            columns.append(w_2[:, c])
        elif beta[c] > 0:
            bias += w_2[:, c] * beta[c]
    return (np.array(rows), *np.array(vectors).T, np.array(columns).T, bias)


def by_difference(w_1, gamma, beta, mean, var, w_2, b_2, stays):
    """What all the constants give, less what those give that stay."""
    relu = beta * (beta > 0)
    b = b_2 + w_2 @ relu - w_2[:, stays] @ relu[stays]
    return (w_1[stays, :], *np.stack([gamma, beta, mean, var])[:, stays], w_2.T[stays].T, b)


def by_torch(w_1, gamma, beta, mean, var, w_2, b_2, stays):
    w_1, gamma, beta, mean, var, w_2, b_2, stays = map(
        torch.from_numpy, (w_1, gamma, beta, mean, var, w_2, b_2, stays)
    )
    constant = w_2[:, ~stays] @ torch.relu(beta[~stays])
    return w_1[stays], gamma[stays], beta[stays], mean[stays], var[stays], w_2[:, stays], b_2 + constant


def by_the_package(w_1, gamma, beta, mean, var, w_2, b_2, stays):
    model = nn.Sequential()
    model.add_module("linear", nn.Linear(*w_1.shape[::-1], bias=False))
    model.add_module("bn", nn.BatchNorm1d(len(gamma)))
    model.add_module("relu", nn.ReLU())
    model.add_module("output", nn.Linear(*w_2.shape[::-1]))
    model.double().eval()
    values = {"linear.weight": w_1, "bn.weight": gamma, "bn.bias": beta, "bn.running_mean": mean}
    values |= {"bn.running_var": var, "output.weight": w_2, "output.bias": b_2}
    model.load_state_dict({name: torch.tensor(value) for name, value in values.items()}, strict=False)
    small = cut(model, {"bn": torch.from_numpy(stays)}).state_dict()
    return tuple(small[name] for name in values)


WAYS = (
    by_mask,
    by_indices,
    by_deleting,
    by_compressing,
    by_loops,
    by_difference,
    by_torch,
    by_the_package,
)


def cuts():
    """Each way to cut with two ways to say which channels stay."""
    for number, way in enumerate(WAYS):
        for step in (0, 3):
            name = list(STAYS)[(number + step) % len(STAYS)]

            def answer(w_1, gamma, beta, mean, var, w_2, b_2, threshold, way=way, stays=STAYS[name]):
                return way(w_1, gamma, beta, mean, var, w_2, b_2, stays(gamma, threshold))

            yield f"{way.__name__}, {name}", answer
    yield "float32", in_float32


def in_float32(*values):
    *arrays, threshold = values
    arrays = [np.float32(one) for one in arrays]
    return by_mask(*arrays, np.abs(arrays[1]) > threshold)


# Ways to fold scale and shift into the weight and the bias of what follows.
FOLDS = {
    "columns": lambda s, t, w, b: (w * s, b + w @ t),
    "None": lambda s, t, w, b: (s[None, :] * w, w.dot(t) + b),
    "diagonal": lambda s, t, w, b: (w @ np.diag(s), b + np.matmul(w, t[:, None])[:, 0]),
    "einsum": lambda s, t, w, b: (np.einsum("oi,i->oi", w, s), b + np.einsum("oi,i->o", w, t)),
    "sum": lambda s, t, w, b: (w * s.reshape(1, -1), b + (w * t).sum(axis=1)),
    "rows": lambda s, t, w, b: (np.stack([row * s for row in w]), np.array([row @ t for row in w]) + b),
    "in place on a copy": lambda s, t, w, b: (np.multiply(w, s, out=w.copy()), np.add(b, w @ t)),
    "Fortran order": lambda s, t, w, b: (np.asfortranarray(w * s), np.asfortranarray(w) @ t + b),
    "lists": lambda s, t, w, b: [(w * s).tolist(), (b + w @ t).tolist()],
    "through the new weight": lambda s, t, w, b: (w * s, b + (w * s) @ (t / s)),
    "torch": lambda s, t, w, b: (
        torch.from_numpy(w) * torch.from_numpy(s.astype(float)),
        torch.nn.functional.linear(
            torch.from_numpy(t.astype(float)), torch.from_numpy(w), torch.from_numpy(b)
        ),
    ),
}


def folds():
    scales = list(SCALES.items())
    for number, (name, fold) in enumerate(FOLDS.items()):
        scale_name, scale = scales[number % len(scales)]

        def answer(gamma, beta, mean, var, eps, weight, bias, scale=scale, fold=fold):
            s = scale(gamma, var, eps)
            return fold(s, beta - mean * s, weight, bias)

        yield f"{name}, {scale_name}", answer
    for probing in (measured, by_a_layer, in_single, mean_first):
        yield probing.__name__, probing


def measured(gamma, beta, mean, var, eps, weight, bias):
    """The network at 0 is the new bias; what each unit vector adds is a column of the new weight."""

    def network(x):
        return weight @ (gamma * (x - mean) / np.sqrt(var + eps) + beta) + bias

    start = network(np.zeros(len(gamma)))
    return np.stack([network(e) - start for e in np.eye(len(gamma))], axis=1), start


def by_a_layer(gamma, beta, mean, var, eps, weight, bias):
    bn = nn.BatchNorm1d(len(gamma), eps=eps, dtype=torch.float64).eval()
    values = (gamma, beta, mean, var)
    for mine, value in zip((bn.weight, bn.bias, bn.running_mean, bn.running_var), values, strict=True):
        mine.data.copy_(torch.from_numpy(copy.copy(value)))
    inputs = torch.cat([torch.zeros(1, len(gamma)), torch.eye(len(gamma))]).double()
    outputs = bn(inputs).detach().numpy() @ weight.T + bias
    return (outputs[1:] - outputs[0]).T, outputs[0]


def in_single(*values):
    gamma, beta, mean, var, eps, weight, bias = (np.float32(value) for value in values)
    scale = gamma / np.sqrt(var + eps)
    return weight * scale, bias + weight @ (beta - mean * scale)


def mean_first(gamma, beta, mean, var, eps, weight, bias):
    new = weight * gamma / np.sqrt(var + eps)
    return new, bias - new @ mean + weight @ beta


STYLES = {
    "slimming_gradient": dict(slimming_gradients()),
    "cut_channels": dict(cuts()),
    "fold_into_next": dict(folds()),
}
