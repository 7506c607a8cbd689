"""Every public name says what it is and shows an example that runs (pytest runs the examples)."""

import doctest
import inspect

import pytest

import bnteach

NAMES = [name for name in dir(bnteach) if name[0] != "_" and callable(getattr(bnteach, name))]


def lacks(thing: object) -> list[str]:
    """What the docstring of a function or class lacks."""
    text = inspect.getdoc(thing) or ""
    if isinstance(thing, type) and thing.__doc__ is None:
        text = ""
    checks = {"docstring": bool(text.strip()), "example": bool(doctest.DocTestParser().get_examples(text))}
    return [what for what, there in checks.items() if not there]


def test_the_public_names_of_the_contract_are_there():
    contract = {
        "batch_norm_forward",
        "batch_norm_backward",
        "batch_norm_inference",
        "BatchNorm",
        "LayerNorm",
        "GroupNorm",
        "InstanceNorm",
        "RMSNorm",
    }
    assert contract <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_public_name_has_a_docstring_with_an_example(name):
    assert lacks(getattr(bnteach, name)) == []


def test_a_missing_docstring_or_example_is_seen():
    def silent():
        pass

    def without_example():
        """Says something."""

    class Inherits(dict):
        pass

    assert lacks(silent) == lacks(Inherits) == ["docstring", "example"]
    assert lacks(without_example) == ["example"]
