"""Each value that a lesson's text names for a control of its lab is among the recorded positions."""

from __future__ import annotations

import re
from functools import cache

import pytest

from bnteach import labs
from bnteach.authoring.lessons import find_lessons, read_source
from bnteach.site.recording import controls_of, refuse_unknown_starts
from bnteach.site.recordings import find_lab

NUMBER = r"[−-]?\d+(?:\.\d+)?"
# "a learning rate of 0.3", "move $\\beta$ to −2, and to 2", "momentum 0.1", "ε = 10"
BETWEEN = r"[*$]*(?: of the \w+| of the next step)?(?: is| of| to| at| with| =|:)*(?: [*$]*)?"
MORE = rf"(?:,? (?:and|or|to) (?:to |of )*{NUMBER})*"
SYMBOLS = {"γ": r"\\?gamma|γ", "β": r"\\?beta|β", "ε": r"\\?varepsilon|ε"}


def shown_in_lessons() -> list:
    """Lesson, lab, and the text about it: the cell before it and the cell after it."""
    found = []
    for lesson in find_lessons():
        cells = read_source(lesson).cells
        for before, cell, after in zip(cells, cells[1:], cells[2:], strict=False):
            shown = find_lab(cell.source) if cell.cell_type == "code" else None
            if shown is not None:
                found.append((lesson.name, shown, task(before.source) + after.source.split("\n## ")[0]))
    return found


def task(text: str) -> str:
    """What stands below the last heading."""
    return re.split(r"^#+ ", text, flags=re.MULTILINE)[-1]


@cache
def lab_and_controls(name: str):
    """A lab that computes and draws nothing, and its controls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(getattr(labs, name), "update", lambda lab: None)
        lab = getattr(labs, name)()
    return lab, controls_of(lab)


def numbers_of(name: str) -> dict[str, list[float]]:
    """The names of a lab's controls as a text may write them -> the recorded positions."""
    numeric = [c for c in lab_and_controls(name)[1] if all(map(is_number, c.positions))]
    return {words_for(control): list(control.positions) for control in numeric}


def is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def words_for(control) -> str:
    label = re.sub(r" \(.*\)", "", control.label)
    symbol = next((SYMBOLS[letter] for letter in SYMBOLS if letter in label), None)
    return symbol or rf"{re.escape(label)}s?|{re.escape(control.name.replace('_', ' '))}s?"


def values_named(words: str, text: str) -> list[float]:
    """The numbers that stand right behind the name of a control."""
    found = re.finditer(
        rf"(?<![\w\\])(?<!\d )(?:{words})(?!\w){BETWEEN}({NUMBER}{MORE})", text, re.IGNORECASE
    )
    return [float(n.replace("−", "-")) for match in found for n in re.findall(NUMBER, match[1])]


@pytest.mark.parametrize(
    ("words", "text", "values"),
    [
        ("momentum", "Momentum 0.5 is there after a few batches; momentum = 0.1 is not.", [0.5, 0.1]),
        (SYMBOLS["β"], r"Move $\beta$ to −2, and to 2. What does $\beta$ decide?", [-2, 2]),
        (SYMBOLS["γ"], r"Set $\gamma = 0$. Choose ReLU and $\gamma = 1$.", [0, 1]),
        (SYMBOLS["ε"], "with ε = 10 and σ = 2", [10]),
        ("contrast of this digit", "set *Contrast of this digit* to 0.25", [0.25]),
        ("shift", "At a shift of 5, with scale 2", [5]),
        ("batch size", "The batch has 3 samples", []),
        ("spreads?", "At 20 spreads 0, to two digits", []),
    ],
)
def test_values_are_found_in_a_text(words, text, values):
    assert values_named(words, text) == values


@pytest.mark.parametrize(
    ("lesson", "shown", "text"), shown_in_lessons(), ids=lambda part: getattr(part, "lab", "")
)
def test_each_value_that_is_named_is_recorded(lesson, shown, text):
    refuse_unknown_starts(*lab_and_controls(shown.lab), [shown.start])
    for words, values in numbers_of(shown.lab).items():
        missing = [value for value in values_named(words, text) if value not in values]
        assert not missing, f"{lesson} names {words} {missing}, {shown.lab} has {values}"


def test_the_lessons_name_values_at_all():
    in_each = [(words, text) for _, shown, text in shown_in_lessons() for words in numbers_of(shown.lab)]
    assert sum(len(values_named(words, text)) for words, text in in_each) >= 10
