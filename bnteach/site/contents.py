"""The pages that are no notebooks: the front page, the lists of exercises, parts of the README."""

from __future__ import annotations

from collections.abc import Mapping

from nbformat import NotebookNode

from .cells import first_lab
from .readme import as_page, introduction, links_to_pages, section

LESSONS, DEEPER = "", "deeper"
PRACTICE = {"exercises": "Exercises", "solutions": "Solutions"}
ABOUT = {  # sections of the README
    "start": "Start",
    "five-questions": "Five questions",
    "for-students": "For students",
    "for-teachers": "For teachers",
    "the-site": "The site",
}

FRONT = """\
{introduction}
<div class="bnteach-ways">

[Begin: {title}]({first}.ipynb) [Run it yourself](start.md) [Teach with it](for-teachers.md)

</div>

{lessons}
"""


def written_pages(notebooks: Mapping[str, NotebookNode], readme: str) -> dict[str, str]:
    """Page name -> Markdown, from the prepared notebooks and the text of the README."""
    titles = {name: title(notebook) for name, notebook in notebooks.items()}
    readme = links_to_pages(readme, ABOUT)
    pages = {name: as_page(section(readme, heading)) for name, heading in ABOUT.items()}
    for chapter, heading in PRACTICE.items():
        pages[f"{chapter}/index"] = f"# {heading}\n{tree(of_lessons(chapter, titles))}"
    lab = next(filter(None, map(first_lab, notebooks.values())), "")
    return {"index": front_page(titles, introduction(readme, lab), section(readme, "The lessons")), **pages}


def front_page(titles: Mapping[str, str], introduction: str, lessons: str) -> str:
    """What the course is, a lab to move, the ways in, the lessons; and the contents beside every page."""
    listed = chapter_of(LESSONS, titles)
    first, words = next(iter(listed.items()))
    practice = {f"{chapter}/index": heading for chapter, heading in PRACTICE.items()}
    trees = {"Lessons": listed, "Deeper": chapter_of(DEEPER, titles), "Practice": practice, "About": ABOUT}
    text = FRONT.format(introduction=introduction, title=words, first=first, lessons=lessons)
    return text + "".join(tree(pages, caption) for caption, pages in trees.items() if pages)


def chapter_of(chapter: str, titles: Mapping[str, str]) -> dict[str, str]:
    return {name: words for name, words in titles.items() if name.rpartition("/")[0] == chapter}


def of_lessons(chapter: str, titles: Mapping[str, str]) -> dict[str, str]:
    """The pages of a chapter by the titles of their lessons: its heading says what they are."""
    return {
        name: titles.get(name.rpartition("/")[2], words)
        for name, words in chapter_of(chapter, titles).items()
    }


def title(notebook: NotebookNode) -> str:
    return notebook.cells[0].source.partition("\n")[0].removeprefix("# ")


def tree(pages: Mapping[str, str], caption: str = "") -> str:
    """A list of pages for Sphinx. With a caption it is not on the page, but beside all pages."""
    options = f":caption: {caption}\n:hidden:\n" if caption else ""
    lines = "\n".join(f"{words} </{name}>" for name, words in pages.items())
    return f"\n```{{toctree}}\n{options}\n{lines}\n```\n"
