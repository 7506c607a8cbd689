"""What a page cannot do, and where the reader can: a folded note under the title of a notebook."""

from __future__ import annotations

from nbformat import NotebookNode

from ..authoring.colab import Repository

NOTE = """\
<details class="bnteach-run"><summary>Read it here, or run it yourself</summary>

Here you can read, and move the labs. A page cannot run code: to change a cell and see what happens, open the
notebook in Jupyter.

{ways}

</details>"""

IN_JUPYTERLAB = "**On your machine:** {start}, type `make lab`, and open `{notebook}`."

IN_COLAB = """\
**In the browser, with Google Colab:** [open the notebook there]({address}). Add a cell
at the top, and run this in it first:

```
!git clone --quiet --depth 1 --branch {branch} https://github.com/{repository}
%cd {name}/notebooks
%pip install --quiet ..
```"""


def add_note(notebook: NotebookNode, name: str, start: str, repository: Repository | None) -> None:
    """Put the note under the title of the notebook `name`. `start` is a sentence's part: get the project."""
    ways = [IN_JUPYTERLAB.format(start=start, notebook=f"{name}.ipynb")]
    if repository:
        ways.append(in_colab(name, repository))
    first = notebook.cells[0]
    title, _, text = first.source.partition("\n")
    note = NOTE.format(ways="\n\n".join(ways))
    first.source = f"{title}\n\n{note}\n\n{text.lstrip()}"


def in_colab(name: str, repository: Repository) -> str:
    return IN_COLAB.format(
        address=repository.in_colab(f"{name}.ipynb"),
        branch=repository.branch,
        repository=repository.name,
        name=repository.name.partition("/")[2],
    )
