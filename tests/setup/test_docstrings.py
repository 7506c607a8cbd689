"""Every public name says what it is and shows an example that runs (pytest runs the examples)."""

import doctest
import inspect

import pytest

import bnteach


def lacks(thing: object) -> list[str]:
    """What the docstring of a function or class lacks."""
    text = (inspect.getdoc(thing) or "") if thing.__doc__ else ""
    parts = {"docstring": text.strip(), "example": doctest.DocTestParser().get_examples(text)}
    return [part for part, there in parts.items() if not there]


@pytest.mark.parametrize("name", [name for name in bnteach.__all__ if callable(getattr(bnteach, name))])
def test_public_name_has_a_docstring_with_an_example(name):
    assert lacks(getattr(bnteach, name)) == []


def test_a_missing_docstring_or_example_is_seen():
    class Inherits(dict):
        pass

    def without_example():
        """Says something."""

    assert lacks(Inherits) == ["docstring", "example"]
    assert lacks(without_example) == ["example"]
