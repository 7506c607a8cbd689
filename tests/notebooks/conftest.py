import shutil
from pathlib import Path

import pytest

from bnteach.authoring.build import build
from bnteach.authoring.lessons import Lesson
from tiny import write_lesson


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    """The tiny lesson, built once for all tests; do not change it."""
    lesson = write_lesson(tmp_path_factory.mktemp("project") / "notebooks")
    build(lesson)
    return lesson


@pytest.fixture
def built(built_once: Lesson, tmp_path: Path) -> Lesson:
    """A copy of the built tiny lesson, to be spoiled."""
    shutil.copytree(built_once.folder, tmp_path / "notebooks")
    return Lesson(built_once.name, tmp_path / "notebooks")
