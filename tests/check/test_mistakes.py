"""Each mistake with words of its own is named as itself and nothing else; right answers pass."""

import re
from pathlib import Path

import numpy as np
import pytest

from bnteach import check

SOURCE = Path(__file__).resolve().parents[2] / "notebooks" / "source"
CHECKS = check.CHECKS
SEEDS = range(3)
PLACES = [(name, key) for name, one in CHECKS.items() for key in one.known]


def sections(lesson):
    """The headings of a lesson."""
    text = (SOURCE / f"{lesson}.py").read_text(encoding="utf-8")
    return {re.sub(r"[*`]", "", title).strip() for title in re.findall(r"^# #+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize(("name", "key"), PLACES)
def test_a_mistake_is_named_as_itself_and_nothing_else(name, key):
    one = CHECKS[name]
    answer = one.answer_from(one.known[key].in_recipe(one.recipe))
    for seed in SEEDS:
        verdict = one.judge(answer, seed)
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
