"""The eight bugs of lesson 06 are what their names say, and the hunt tells which letters are right."""

import re

import numpy as np
import pytest

from bnteach import check
from bnteach.authoring.exercises import Solution
from bnteach.authoring.lessons import NOTEBOOKS, code_cells, read_source
from bnteach.check.comparing import same

BUGS = check.spot_the_bug.answer_from(check.spot_the_bug.recipe)()

CELLS = code_cells(read_source(Solution("06_normalize_channels", NOTEBOOKS)))


@pytest.fixture(scope="module")
def bugs():
    """The functions of the notebook, by letter."""
    names = {"np": np}
    for cell in CELLS:
        if "def bn_" in cell.source:
            exec(cell.source, names)
    return {name[-1].upper(): function for name, function in names.items() if re.match(r"bn_[a-h]$", name)}


def first_layout(seed):
    """The random probes with channels on axis 1."""
    probes = check.batch_norm_channels.probes(np.random.default_rng(seed))
    return [probe for probe in probes if probe["channel_axis"] == 1]


def with_bug(key, probe):
    """What the named mistake gives; β before γ is a slip, and has no words of its own."""
    one = check.batch_norm_channels
    scaled = {"y": "gamma.reshape(shape) * (x_hat + beta.reshape(shape))"}
    lines = scaled if key == "beta_scaled" else one.known[key].lines
    return one.recipe.with_lines(lines).values(probe, ["y"])["y"]


def changes(function, x, change):
    """Where the result differs when x is changed."""
    gamma, beta, eps = np.full(3, 2.0), np.ones(3), 1e-9
    changed = x.copy()
    change(changed)
    return ~np.isclose(function(changed, gamma, beta, eps), function(x, gamma, beta, eps))


def test_the_signs_of_wrong_axes_and_powers_are_seen(bugs):
    x = np.random.default_rng(0).normal(1, 2, size=(4, 3, 2, 5))

    def one_position(x):
        x[:, 1, 0, 0] += [1, 2, 3, 5]

    def one_picture(x):
        x[0] += np.arange(5)

    def one_channel(x):
        x[:, 1] *= 3

    assert not changes(bugs["B"], x, one_position)[:, 1, 1].any()
    assert not changes(bugs["E"], x, one_picture)[1:].any()
    assert changes(bugs["F"], x, one_channel)[:, 0].all()
    gamma, beta = np.full(3, 2.0), np.zeros(3)
    assert np.std(bugs["G"](10 * x, gamma, beta, 0)) < 0.2 * np.std(bugs["G"](x, gamma, beta, 0))
    for letter, least, most in (("C", 1.9, 1.999), ("H", 0, 1)):
        assert least < bugs[letter](x, gamma, beta, 0).std(axis=(0, 2, 3)).max() < most


@pytest.mark.parametrize("letter", BUGS)
def test_a_bug_is_what_its_name_says(bugs, letter):
    differs = False
    for probe in first_layout(0):
        found = bugs[letter](*(probe[name] for name in ("x", "gamma", "beta", "eps")))
        assert same(found, with_bug(BUGS[letter], probe))
        differs |= not same(found, check.batch_norm_channels.recipe.values(probe, ["y"])["y"])
    assert differs


def test_the_hunt_counts_the_right_letters_and_gives_none_away():
    named = {**BUGS, "B": BUGS["C"], "C": BUGS["B"]}
    verdict = check.spot_the_bug(lambda: named)
    assert verdict.state == "not yet"
    assert "6 of 8 are right. Look again at B, C.\nB: shift one position" in verdict.why
    assert "\nC: the standard deviation" in verdict.why
    assert not any(name in str(verdict) for name in BUGS.values())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: ["eps_outside"], "expected a dictionary"),
        (lambda: {"A": "eps_outside"}, "No answer yet for B, C, D, E, F, G, H"),
        (lambda: {**BUGS, "A": "a typo"}, "a typo: not in the list of names"),
    ],
)
def test_odd_answers_are_told(answer, words):
    assert words in check.spot_the_bug(answer).why
