"""The lessons themselves: built, in step with their sources, executed, described, linked."""

import nbformat
import numpy as np
import pytest

from bnteach.authoring.checks import problems_of, problems_of_all
from bnteach.authoring.lessons import NOTEBOOKS, find_lessons
from bnteach.core import functional

LESSONS = find_lessons()
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.label)


def test_there_are_lessons_and_every_notebook_has_a_source():
    assert LESSONS[0].name == "00_meet_batch_normalization"
    orphans = [problem for problem in problems_of_all(LESSONS) if "no source" in problem]
    assert orphans == []


@each_lesson
def test_lesson_keeps_the_rules(lesson):
    assert problems_of(lesson) == []


@each_lesson
def test_lesson_is_a_valid_notebook(lesson):
    nbformat.validate(nbformat.read(lesson.notebook, as_version=4))


@pytest.mark.parametrize("has_mean", [True, False])
@pytest.mark.parametrize("axes", [0, 1, (0, 2)])
def test_lesson_08_types_the_pair_of_the_package(axes, has_mean):
    source = (NOTEBOOKS / "source/08_choose_a_norm.py").read_text(encoding="utf-8")
    (cell,) = [cell for cell in source.split("# %%") if "def standardize(" in cell]
    typed = {"np": np}
    exec(cell, typed)
    rng = np.random.default_rng(0)
    x, dx_hat = rng.normal(3, 2, (4, 3, 5)), rng.normal(size=(4, 3, 5))
    x_hat, inv_std = typed["standardize"](x, axes, 1e-3, has_mean)
    several_axes = axes if isinstance(axes, tuple) else (axes,)
    ours = functional.standardize(x, several_axes, 1e-3, has_mean)
    np.testing.assert_allclose(x_hat, ours[0], atol=1e-13)
    np.testing.assert_allclose(inv_std, ours[1], rtol=1e-13)
    np.testing.assert_allclose(
        typed["standardize_backward"](dx_hat, x_hat, inv_std, axes, has_mean),
        functional.standardize_backward(dx_hat, *ours[:2], several_axes, has_mean),
        atol=1e-13,
    )
