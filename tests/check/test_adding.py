"""A teacher's own mistake is added in a few lines, or refused with a reason."""

import numpy as np
import pytest

from bnteach import check

OWN = """
    > 02_normalize: Subtract, divide

    eps_thrice: ε is added three times
        inv_std = 1 / np.sqrt(var + 3 * eps)
        | Once is enough.
"""


def code(x, eps):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 3 * eps)


def test_it_is_named_then_removed():
    assert check.standardize(code).mistakes == ()
    check.add("standardize", OWN)
    try:
        verdict = check.standardize(code)
        assert verdict.mistake == "eps_thrice"
        assert "It looks like this: ε is added three times. Once is enough." in verdict.why
        assert "Lesson 02 explains it. Section: Subtract, divide" in verdict.details
        assert verdict.hint(3) == "Write: inv_std = 1 / np.sqrt(var + eps)"
    finally:
        del check.standardize.known["eps_thrice"]
    assert check.standardize(code).mistakes == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("eps_thrice", "eps_outside", "standardize, eps_outside: there is such a key already"),
        ("eps_thrice", "epsThrice", "expected `key: title`, the key in small letters"),
        (": Subtract, divide", "", "the line is '> 02_normalize', expected `> lesson: section`"),
        (OWN, "", "standardize, the text has no mistake"),
        ("var + 3 * eps", "var + eps", "the probes of standardize cannot tell it from the right answer"),
        ("eps_thrice: ", "", "the first line of a mistake is 'ε is added three times', expected `key:"),
        ("inv_std =", "root =", "eps_thrice: it gives root, expected one of n, mean, sum_of_squares, var"),
        ("inv_std =", "return", "eps_thrice: the line is 'return"),
        ("        inv_std = 1 / np.sqrt(var + 3 * eps)\n", "", "cannot tell it from the right answer"),
        ("var + 3", "vra + 3", "eps_thrice: inv_std is made of vra, expected some of eps, mean, n"),
        ("var + 3", "inv_std + 3", "eps_thrice: inv_std is made of inv_std, expected some of"),
        ("var + 3 * eps", "eps + var", "the probes of standardize cannot tell it from the right answer"),
        (
            "np.sqrt(var + 3 * eps)",
            "(np.sqrt(var) + eps)",
            "cannot tell that it is this mistake; it says:",
        ),
        ("np.sqrt(var", "np.squirt(var", "it says: AttributeError: module 'numpy' has no attribute"),
        ("3 * eps)", "3 * eps", "eps_thrice: '(' was never closed"),
    ],
)
def test_it_is_refused(old, new, words):
    before = dict(check.standardize.known)
    with pytest.raises(ValueError, match=r".") as refused:
        check.add("standardize", OWN.replace(old, new))
    assert words in str(refused.value)
    assert before == check.standardize.known


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("standardized", OWN, KeyError, "name is 'standardized', which is no check"),
        (check.standardize, OWN, TypeError, "name is a Check, expected the name of a check"),
        ("standardize", {"key": "eps_thrice"}, TypeError, "text is a dict, expected a string"),
    ],
)
def test_only_a_name_and_a_text_will_do(name, text, error, words):
    with pytest.raises(error, match=words):
        check.add(name, text)
