"""Each mistake of the catalogue is named as itself and nothing else, by each check in which it can happen."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from bnteach import check
from bnteach.check.comparing import off_by
from bnteach.check.diagnosis import spoiled
from table import is_named

SOURCE = Path(__file__).resolve().parents[2] / "notebooks" / "source"
SEEDS = range(20)
# Two mistakes that have a name of their own when they occur together.
ALIKE = {
    "batch_norm_backward": {"both_paths_missing", "gamma_in_one_term"},
    "BatchNorm": {"both_paths_missing", "gamma_in_one_term"},
    "batch_norm_inference": {"batch_statistics_used"},
    "sync_backward": {"sync_plain"},
    "difference_interval": {"five_seeds_always"},
    "dropout_variance": {
        "dropout_makes_smaller",
        "variance_unchanged",
        "zeros_not_counted",
        "mean_left_out",
    },
    "fold_into_next": {"fold_of_the_layer_before", "bias_of_the_layer_before"},
}
# Where one mistake hides most others: what follows from it is left to chance, and not tried.
ONE_HIDES_OTHERS = {"gradient_check"}
PLACES = [(key, name) for key, mistake in check.CATALOGUE.items() for name in mistake.checks]
SHOWN_OTHERWISE = {"input_modified", "digits_lost"}  # not by the values on the usual probes


def sections(lesson):
    """The headings of a lesson."""
    text = (SOURCE / f"{lesson}.py").read_text(encoding="utf-8")
    return {re.sub(r"[*`]", "", title).strip() for title in re.findall(r"^# #+ (.*)$", text, re.MULTILINE)}


def probes_of(name, seed):
    return str(check.CHECKS[name].probes(np.random.default_rng(seed)))


def seeds_of(name):
    """Twenty seeds; one will do where the probes are always the same."""
    return SEEDS if probes_of(name, 0) != probes_of(name, 1) else SEEDS[:1]


def test_there_are_thirty_mistakes_and_more():
    assert len(check.CATALOGUE) >= 30


@pytest.mark.parametrize(("key", "name"), PLACES)
def test_a_mistake_is_named_as_itself_and_nothing_else(key, name):
    assert is_named(check.CATALOGUE[key], name, seeds_of(name))


@pytest.mark.parametrize("key", check.CATALOGUE)
def test_a_mistake_is_told_in_full(key):
    mistake = check.CATALOGUE[key]
    assert mistake.key == key
    assert key.isidentifier()
    assert mistake.checks
    assert len(set(mistake.checks)) == len(mistake.checks)
    assert set(mistake.checks) <= set(check.CHECKS)
    assert mistake.title
    assert not mistake.title.endswith(".")
    assert mistake.confuses.rstrip(")").endswith((".", "?", "!"))
    assert mistake.mend
    assert key in SHOWN_OTHERWISE or mistake.lesson
    if mistake.lesson:
        assert mistake.lesson[1].replace("`", "") in sections(mistake.lesson[0])


@pytest.mark.parametrize("name", check.CHECKS)
def test_the_titles_of_a_check_differ(name):
    titles = [mistake.title for mistake in check.CHECKS[name].mistakes()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("key", sorted(set(check.CATALOGUE) - SHOWN_OTHERWISE))
def test_a_mistake_is_far_from_right_where_it_shows(key):
    """So far that rounding, in float32 too, cannot hide it or invent it."""
    mistake = check.CATALOGUE[key]
    for name in mistake.checks:
        one = check.CHECKS[name]
        for probe_seed in range(3):
            farthest = 0.0
            for probe in one.probes(np.random.default_rng(probe_seed)):
                right, wrong = one.expected(probe), one.observed_of(mistake.spoil(one.recipe), probe).values
                farthest = max([farthest, *(off_by(wrong[q], right[q]) for q in right if q in wrong)])
            assert farthest > 0.01


@pytest.mark.parametrize("name", check.CHECKS)
def test_a_check_is_whole(name):
    one = check.CHECKS[name]
    assert one.name == name
    assert getattr(check, name) is one
    assert len(one.hints) == 3
    assert all(one.hints)
    assert one.lesson[1].replace("`", "") in sections(one.lesson[0])
    assert one.mistakes() or name == "spot_the_bug"  # its answers are names, not numbers
    probes = one.probes(np.random.default_rng(0))
    assert all(one.expected(probe) for probe in probes), "nothing is expected"
    assert len(probes) >= 3
    first = [value for value in probes[0].values() if isinstance(value, np.ndarray)]
    assert all(value.size <= 64 for value in first), "the first probe is not small enough to read"


@pytest.mark.parametrize("name", check.CHECKS)
def test_the_recipe_itself_passes(name):
    one = check.CHECKS[name]
    for seed in seeds_of(name):
        verdict = one.judge(one.answer_from(one.recipe), seed)
        assert verdict.state == "passed", verdict


@pytest.mark.parametrize("name", check.CHECKS)
def test_the_probes_depend_on_the_seed_alone(name):
    assert probes_of(name, 5) == probes_of(name, 5)


def sampled_pairs(name, number=8):
    """Pairs of mistakes that can happen together, drawn at random."""
    mistakes = [one for one in check.CHECKS[name].mistakes() if one.key not in SHOWN_OTHERWISE]
    every = [pair for pair in combinations(mistakes, 2) if not pair[0].touches() & pair[1].touches()]
    order = np.random.default_rng(len(name)).permutation(len(every))
    return [every[index] for index in order[:number]]


@pytest.mark.parametrize("name", check.CHECKS)
def test_two_mistakes_at_once_are_named_as_two(name):
    """Or as one of them, where it hides the other. Never as a third."""
    one, both = check.CHECKS[name], 0
    pairs = sampled_pairs(name)
    for pair in pairs:
        named = set(one.judge(one.answer_from(spoiled(one.recipe, list(pair))), 1).mistakes)
        assert named <= {mistake.key for mistake in pair} | ALIKE.get(name, set()), (named, pair)
        both += len(named) == 2
    assert both >= len(pairs) / (6 if name in ONE_HIDES_OTHERS else 3)
