"""The pages that are no notebooks: the front page, the lists of exercises and solutions, parts of the README."""

from __future__ import annotations

from collections.abc import Mapping

from nbformat import NotebookNode

from .cells import first_lab
from .readme import as_page, introduction, section

LESSONS, DEEPER = "", "deeper"
PRACTICE = {"exercises": "Exercises", "solutions": "Solutions"}
ABOUT = {"start": "Start", "students": "For students", "teachers": "For teachers"}

FRONT = """\
{introduction}
<div class="bnteach-ways">

[Begin: {title}]({first}.ipynb) [Run it yourself](start.md) [Teach with it](teachers.md)

</div>

{lessons}
"""


def written_pages(notebooks: Mapping[str, NotebookNode], readme: str) -> dict[str, str]:
    """Page name -> Markdown, from the prepared notebooks and the text of the README."""
    pages = {name: as_page(section(readme, heading)) for name, heading in ABOUT.items()}
    for chapter, heading in PRACTICE.items():
        listed = {
            name: title(notebooks.get(name.split("/")[1], page))
            for name, page in chapter_of(notebooks, chapter)
        }
        pages[f"{chapter}/index"] = f"# {heading}\n\n{tree(listed)}"
    return {"index": front_page(notebooks, readme), **pages}


def front_page(notebooks: Mapping[str, NotebookNode], readme: str) -> str:
    """What the course is, a lab to move, the ways in, the lessons; and the contents beside every page."""
    lessons = {name: title(page) for name, page in chapter_of(notebooks, LESSONS)}
    deeper = {name: title(page) for name, page in chapter_of(notebooks, DEEPER)}
    first, words = next(iter(lessons.items()))
    lab = next(filter(None, map(first_lab, notebooks.values())), "")
    text = FRONT.format(
        introduction=introduction(readme, lab),
        title=words,
        first=first,
        lessons=section(readme, "The lessons"),
    )
    practice = {f"{chapter}/index": heading for chapter, heading in PRACTICE.items()}
    trees = {"Lessons": lessons, "Deeper": deeper, "Practice": practice, "About": ABOUT}
    return text + "".join(tree(pages, caption) for caption, pages in trees.items() if pages)


def chapter_of(notebooks: Mapping[str, NotebookNode], chapter: str) -> list[tuple[str, NotebookNode]]:
    return [(name, page) for name, page in notebooks.items() if name.rpartition("/")[0] == chapter]


def title(notebook: NotebookNode) -> str:
    return notebook.cells[0].source.partition("\n")[0].removeprefix("# ")


def tree(pages: Mapping[str, str], caption: str = "") -> str:
    """A list of pages by their titles, for Sphinx; with a caption it is seen beside the pages alone."""
    options = f":caption: {caption}\n:hidden:\n" if caption else ""
    lines = "\n".join(f"{title} </{name}>" for name, title in pages.items())
    return f"\n```{{toctree}}\n{options}\n{lines}\n```\n"
