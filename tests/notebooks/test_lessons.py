"""The lessons themselves: built, in step with their sources, executed, described, linked."""

import nbformat
import pytest

from bnteach.authoring.checks import problems_of, problems_of_all
from bnteach.authoring.lessons import NOTEBOOKS, find_lessons

NAMES = sorted(path.stem for path in (NOTEBOOKS / "source").glob("*.py"))


def test_there_are_lessons_and_every_notebook_has_a_source():
    lessons = find_lessons()
    assert lessons[0].name == "00_meet_batch_normalization"
    orphans = [problem for problem in problems_of_all(lessons) if "no source" in problem]
    assert orphans == []


@pytest.mark.parametrize("name", NAMES)
def test_lesson_keeps_the_rules(name):
    (lesson,) = find_lessons(names=[name])
    assert problems_of(lesson) == []


@pytest.mark.parametrize("name", NAMES)
def test_lesson_is_a_valid_notebook(name):
    (lesson,) = find_lessons(names=[name])
    nbformat.validate(nbformat.read(lesson.notebook, as_version=4))
