"""Each mistake with words of its own is named as itself and nothing else; right answers pass."""

import re
from itertools import combinations, islice
from pathlib import Path

import numpy as np
import pytest

from bnteach import check
from bnteach.check.comparing import agree
from bnteach.check.running import rehearse

SOURCE = Path(__file__).resolve().parents[2] / "notebooks" / "source"
CHECKS = check.CHECKS
SEEDS = range(3)
PLACES = [(name, key) for name, one in CHECKS.items() for key in one.known]


def sections(lesson):
    """The headings of a lesson."""
    text = (SOURCE / f"{lesson}.py").read_text(encoding="utf-8")
    return {re.sub(r"[*`]", "", title).strip() for title in re.findall(r"^# #+ (.*)$", text, re.MULTILINE)}


def with_mistakes(one, mistakes):
    """An answer with these mistakes in it."""
    recipe = one.recipe
    for mistake in mistakes:
        recipe = mistake.in_recipe(recipe)
    return one.answer_from(recipe)


@pytest.mark.parametrize(("name", "key"), PLACES)
def test_a_mistake_is_named_as_itself_and_nothing_else(name, key):
    one = CHECKS[name]
    for seed in SEEDS:
        verdict = one.judge(with_mistakes(one, [one.known[key]]), seed)
        assert verdict.mistakes == (key,), verdict


@pytest.mark.parametrize("name", CHECKS)
def test_the_mistakes_of_a_check_are_told_in_full(name):
    one = CHECKS[name]
    titles = [mistake.title for mistake in one.known.values()]
    assert len(set(titles)) == len(titles)
    for mistake in one.known.values():
        assert not mistake.title.endswith(".")
        assert mistake.why.rstrip(")").endswith((".", "?", "!"))
        lesson, section = mistake.lesson or one.lesson
        assert section.replace("`", "") in sections(lesson)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_whole(name):
    one = CHECKS[name]
    assert getattr(check, name) is one
    assert len(one.hints) == 3
    assert all(one.hints)
    assert one.known or not one.takes
    assert str(one.probes(np.random.default_rng(5))) == str(one.probes(np.random.default_rng(5)))
    probes = one.probes(np.random.default_rng(0))
    assert len(probes) >= 3 or len(probes[0]["seeds"]) >= 3
    assert all(one.expected(probe) for probe in probes), "nothing is expected"
    first = [value for value in probes[0].values() if isinstance(value, np.ndarray)]
    assert all(value.size <= 64 for value in first), "the first probe is not small enough to read"
    for seed in SEEDS:
        verdict = one.judge(one.answer_from(one.recipe), seed)
        assert verdict.state == "passed", verdict


def sampled_pairs(one, number=8):
    """Pairs of mistakes that can happen together, and neither hides the other; drawn at random."""
    pairs = combinations(one.known.values(), 2)
    every = [pair for pair in pairs if not pair[0].lines.keys() & pair[1].lines.keys()]
    drawn = (every[index] for index in np.random.default_rng(0).permutation(len(every)))
    return list(islice((pair for pair in drawn if not one_hides_the_other(one, pair)), number))


def one_hides_the_other(one, pair):
    """True when the two together give what one of them gives alone."""

    def given(*mistakes):
        answer, probes = with_mistakes(one, mistakes), one.probes(np.random.default_rng(0))
        return [rehearse(one.own_trial, answer, probe).values for probe in probes]

    return any(all(map(agree, given(*pair), given(mistake))) for mistake in pair)


@pytest.mark.parametrize("name", [name for name, one in CHECKS.items() if one.has_slips])
def test_two_mistakes_at_once_are_named_as_two(name):
    """Or as a third that is the same as both."""
    one, pairs = CHECKS[name], sampled_pairs(CHECKS[name])
    both = sum(set(one.judge(with_mistakes(one, pair)).mistakes) == {m.key for m in pair} for pair in pairs)
    assert both >= len(pairs) / 4
