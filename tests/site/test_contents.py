"""The front page and the pages made of the README."""

from __future__ import annotations

import nbformat
import pytest

from bnteach.site.contents import written_pages
from bnteach.site.readme import ReadmeError


@pytest.fixture
def pages(folder, readme) -> dict[str, str]:
    names = ("00_tiny", "exercises/00_tiny")
    notebooks = {name: nbformat.read(folder / f"{name}.ipynb", as_version=4) for name in names}
    lab = '<div class="bnteach-lab">moving</div>'
    notebooks["00_tiny"].cells[1].outputs[0].data = {"text/html": lab}
    return written_pages(notebooks, readme)


def test_the_front_page_has_a_lab_in_the_place_of_the_picture(pages):
    front = pages["index"]
    assert front.startswith('# A course\nWhat it is.\n\n<div class="bnteach-lab">moving</div>\n\n- For all.')
    assert "[Begin: 00 · Tiny](00_tiny.ipynb)" in front
    assert "## The lessons" in front
    assert "Deeper" not in front


def test_exercises_are_listed_by_the_titles_of_their_lessons(pages):
    assert "00 · Tiny </exercises/00_tiny>" in pages["exercises/index"]


def test_parts_of_the_readme_are_pages(pages):
    assert pages["for-students"] == "# For students\n## Read\nRead.\n\n"
    assert pages["for-teachers"] == "# For teachers\nTeach.\n"
    assert "[the site](the-site.md)" in pages["start"]


def test_a_missing_part_is_named(readme):
    with pytest.raises(ReadmeError, match="no section 'For teachers'"):
        written_pages({}, readme.replace("For teachers", "Else"))
