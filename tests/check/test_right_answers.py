"""Right answers pass, in whatever dialect: a recipe's lines or its values as other people write them."""

import functools
import re

import numpy as np
import pytest
import torch

from bnteach import check

CHECKS = check.CHECKS
SEEDS = range(3)


def arrays(change):
    """The change, for arrays of real numbers alone; lists and tuples of them too."""

    def changed(value):
        if isinstance(value, (list, tuple)):
            return type(value)(map(changed, value))
        return change(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value

    return changed


def strided(value):
    """Every second value of a larger array."""
    wide = np.zeros((*value.shape[:-1], 2 * value.shape[-1])) if value.ndim else value
    if value.ndim:
        wide[..., ::2] = value
    return wide[..., ::2] if value.ndim else value


def read_only(value):
    value = value.copy()
    value.flags.writeable = False
    return value


# Of what comes in, and of what is returned.
TAKEN = {
    "float32": arrays(lambda value: value.astype(np.float32)),
    "long double": arrays(lambda value: value.astype(np.longdouble)),
    "Fortran order": arrays(np.asfortranarray),
    "strided": arrays(strided),
    "read only": arrays(read_only),
}
UNSUPPORTED = {("largest_rate", "long double")}  # by NumPy's eigenvalues
RETURNED = {
    "list": arrays(lambda value: value.tolist()),
    "tensor": arrays(torch.tensor),
    "tensor with gradient": arrays(lambda value: torch.tensor(value, requires_grad=True)),
    "masked": arrays(np.ma.asarray),
    "float32 again": arrays(lambda value: value.astype(np.float32)),
}
# Of the lines of a recipe.
LINES = {
    "power": (r"np\.sqrt\((\w+(?: \+ \w+)?)\)", r"(\1) ** 0.5"),
    "np.mean": (r"(\w+)\.mean\(axis=0\)", r"np.mean(\1, 0)"),
    "einsum": (r"\((\w+) \* (\w+)\)\.sum\(axis=0\)", r"np.einsum('nc,nc->c', \1, \2)"),
    "reciprocal": (r"1 / ", r"1.0 * np.reciprocal(1.0) / "),
    "one times": (r"^(?!\(lambda)(.*)$", r"(\1)"),
}


def with_lines(one, pattern, new):
    """The recipe with its lines written in another way."""
    return one.recipe.with_lines(
        {name: re.sub(pattern, new, text) for name, text in one.recipe.steps.items()}
    )


def wrapped(answer, taken=lambda value: value, returned=lambda value: value):
    """A function, or a class with all its methods, that changes what comes in and what is returned."""
    if isinstance(answer, type):
        methods = {name: method for name, method in vars(answer).items() if callable(method)}
        new = {name: wrapped(method, taken, returned) for name, method in methods.items()}
        return type(answer.__name__, (answer,), new)

    @functools.wraps(answer)
    def call(*inputs, **named):
        return returned(answer(*map(taken, inputs), **{name: taken(value) for name, value in named.items()}))

    return call


class Called:
    """An object that is called like a function."""

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, *inputs):
        return self.answer(*inputs)


def dialects(one):
    """(name, answer) of each way to write the right answer."""
    right = one.answer_from(one.recipe)
    yield from ((name, one.answer_from(with_lines(one, *way))) for name, way in LINES.items())
    taken = {name: change for name, change in TAKEN.items() if (one.name, name) not in UNSUPPORTED}
    yield from ((name, wrapped(right, taken=change)) for name, change in taken.items())
    yield from ((name, wrapped(right, returned=change)) for name, change in RETURNED.items())
    if not one.is_of_class():
        yield "partial", functools.partial(right)
        yield "object", Called(right)


@pytest.mark.parametrize("name", CHECKS)
def test_no_right_answer_is_called_wrong(name):
    found = dict(dialects(CHECKS[name]))
    assert len(found) >= 12
    for dialect, answer in found.items():
        for seed in SEEDS:
            verdict = CHECKS[name].judge(answer, seed)
            assert verdict.state == "passed", (dialect, seed, verdict)


def test_a_dialect_changes_the_lines():
    for pattern, new in LINES.values():
        assert with_lines(check.batch_norm_backward, pattern, new) != check.batch_norm_backward.recipe
