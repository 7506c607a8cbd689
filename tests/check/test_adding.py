"""A teacher's own mistake is added in ten lines, or refused with a reason."""

import numpy as np
import pytest

from bnteach import check


def own(**changes):
    """ε added twice, with some fields changed."""
    fields = {
        "key": "eps_doubled",
        "title": "ε is added twice",
        "confuses": "Once is enough.",
        "mend": "Write np.sqrt(var + eps).",
        "lesson": ("02_normalize", "Subtract, divide"),
        "checks": ("standardize",),
        "steps": {"inv_std": lambda var, eps: 1 / np.sqrt(var + 2 * eps)},
    }
    return check.Mistake(**{**fields, **changes})


def code(x, eps):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 2 * eps)


def test_it_is_named_then_removed():
    assert check.standardize(code).mistakes == ()
    check.add(own())
    try:
        verdict = check.standardize(code)
        assert verdict.mistake == "eps_doubled"
        assert "It looks like this: ε is added twice. Once is enough." in verdict.why
        assert "Lesson 02 explains it. Section: Subtract, divide" in verdict.details
        assert verdict.hint(3) == "Write np.sqrt(var + eps)."
    finally:
        check.remove("eps_doubled")
    assert check.standardize(code).mistakes == ()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"key": "eps_outside"}, ValueError, "key is 'eps_outside', which the catalogue has already"),
        ({"checks": ("standardized",)}, KeyError, "checks has 'standardized', which is no check"),
        ({"checks": ()}, ValueError, r"checks is \(\), expected at least one name"),
        ({"steps": {"root": lambda var: var}}, KeyError, "the recipe has no step"),
        ({"steps": {}}, ValueError, "cannot tell 'eps_doubled' from the right answer"),
        (
            {"steps": {"inv_std": lambda var, eps: 1 / (eps + var) ** 0.5}},
            ValueError,
            "from the right answer",
        ),
        (
            {"steps": {"inv_std": lambda var, eps: 1 / (np.sqrt(var) + eps)}},
            ValueError,
            "from another mistake",
        ),
        (
            {"steps": {"inv_std": lambda var, eps: no_such_name}},  # noqa: F821
            ValueError,
            "the code of 'eps_doubled' stops: NameError",
        ),
        (
            {"steps": {"inv_std": lambda vra, eps: 1}},
            KeyError,
            r"steps\['inv_std'\] takes 'vra', expected one",
        ),
        ({"steps": {"inv_std": 3}}, TypeError, r"steps\['inv_std'\] is 3, expected a function"),
        ({"checks": "standardize"}, TypeError, "checks is 'standardize', expected names in a tuple"),
        ({"returns": 3}, TypeError, "returns is 3, expected None or a function"),
        ({"lesson": "02_normalize"}, TypeError, "lesson is '02_normalize', expected None or a pair"),
    ],
)
def test_it_is_refused(changes, error, words):
    before = dict(check.CATALOGUE)
    with pytest.raises(error, match=words):
        check.add(own(**changes))
    assert before == check.CATALOGUE


@pytest.mark.parametrize("given", [{"key": "eps_doubled"}, None, check.Mistake], ids=["dict", "None", "type"])
def test_only_a_mistake_is_one(given):
    with pytest.raises(TypeError, match=r"mistake is a \w+, expected a check\.Mistake"):
        check.add(given)


def test_a_mistake_that_is_not_there_cannot_be_removed():
    with pytest.raises(KeyError, match="key is 'eps_doubled', which the catalogue has not"):
        check.remove("eps_doubled")
