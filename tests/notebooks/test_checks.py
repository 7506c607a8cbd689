"""Every rule of the checks is broken once, and must be the one that complains."""

import nbformat
import pytest

from bnteach.authoring.checks import problems_of, problems_of_all
from tiny import TINY, write_lesson


def test_the_tiny_lesson_keeps_the_rules(built):
    assert problems_of_all([built]) == []


def test_a_lesson_not_built_is_a_problem(tmp_path):
    assert problems_of(write_lesson(tmp_path)) == ["00_tiny: not built, run make notebooks"]


def test_a_notebook_without_a_source_is_a_problem(built):
    built.notebook.with_name("99_left_over.ipynb").write_bytes(built.notebook.read_bytes())
    assert problems_of_all([built]) == ["99_left_over.ipynb: no source builds it"]


def spoil(change):
    """A parameter: a change of the list of cells, named after the function."""
    return pytest.param(change, id=change.__name__)


def other_text(cells):
    cells[2].source += "  # changed"
    return "cell 3 differs from its source"


def other_tags(cells):
    cells[2].metadata["tags"] = ["nbval-ignore-output"]
    return "cell 3 differs from its source"


def cell_missing(cells):
    del cells[-1]
    return "has 9 cells, its source has 10"


def not_executed(cells):
    cells[2].execution_count = None
    return "execution counts are"


def executed_out_of_order(cells):
    cells[2].execution_count, cells[4].execution_count = 3, 2
    return "execution counts are [1, 3, 2, 4, 5, 6]"


def assert_that_prints(cells):
    cells[2].source = "def show(x):\n    print(x)\n    return x\n\n\nassert show(1)"
    return "an assert calls show, which prints"


def unmeant_error(cells):
    cells[2].outputs = cells[5].outputs
    return "cell 3 failed"


def error_that_did_not_come(cells):
    cells[5].outputs = []
    return "cell 6 did not raise, though tagged raises-exception"


def warning_shown(cells):
    cells[2].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="Warning"))
    return "cell 3 writes to stderr"


def skipped_by_tag(cells):
    cells[2].metadata["tags"] = ["nbval-skip"]
    return "cell 3 has the unknown tag nbval-skip"


def skipped_by_comment(cells):
    cells[2].source = "# NBVAL_SKIP\n" + cells[2].source
    return "cell 3 steers nbval by a comment"


def widget_view_left(cells):
    cells[4].outputs[0].data["application/vnd.jupyter.widget-view+json"] = {"model_id": "1"}
    return "cell 5 holds a widget view"


def times_left(cells):
    cells[2].metadata["execution"] = {"iopub.execute_input": "2026"}
    return "cell 3 has metadata ['execution']"


def no_alt(cells):
    cells[4].outputs[0].metadata = {}
    return "cell 5 shows an image without alt text"


def other_alt(cells):
    cells[8].metadata["alt"] = "Other pixels"
    return "cell 9 differs from its source"


def alt_that_no_image_takes(cells):
    cells[8].outputs = []
    return "cell 9 has an alt text that none of its images takes"


def open_code_that_draws(cells):
    del cells[8].metadata["jupyter"]
    return "cell 9 differs from its source"


def empty_alt(cells):
    cells[4].outputs[0].metadata = {"image/png": {"alt": " "}}
    return "cell 5 shows an image without alt text"


def memory_address(cells):
    cells[7].outputs[0].data["text/plain"] = "<object object at 0x7f5e1c0b4a90>"
    return "cell 8 prints a memory address"


def machine_path(cells):
    cells[4].outputs[1].text = "read /home/ada/bnteach/data.csv"
    return "cell 5 prints a path of the machine: /home/ada/bnteach/data.csv"


def too_big(cells):
    cells[4].outputs[0].data["image/png"] = "A" * 300_000
    return "kB, at most 300 kB"


def three_code_cells(cells):
    cells.insert(3, nbformat.v4.new_code_cell("1"))
    cells.insert(3, nbformat.v4.new_code_cell("1"))
    return "4 code cells in a row from cell 2, at most 2"


def dead_link(cells):
    cells[6].source += " [next](01_nowhere.ipynb)"
    return "the link 01_nowhere.ipynb leads nowhere"


def dead_link_with_anchor_in_html(cells):
    cells[6].source += ' <a href="01_nowhere.ipynb#there">next</a>'
    return "the link 01_nowhere.ipynb leads nowhere"


def link_out_of_the_project(cells):
    cells[6].source += " [far](../../../)"
    return "the link ../../../ leads nowhere"


def image_in_text_without_alt(cells):
    cells[6].source += " ![](source/00_tiny.py)"
    return "1 images in the text have no alt text"


@pytest.mark.parametrize(
    "change",
    [
        spoil(change)
        for change in (
            other_text,
            other_tags,
            cell_missing,
            not_executed,
            executed_out_of_order,
            assert_that_prints,
            unmeant_error,
            error_that_did_not_come,
            warning_shown,
            skipped_by_tag,
            skipped_by_comment,
            widget_view_left,
            times_left,
            no_alt,
            other_alt,
            alt_that_no_image_takes,
            open_code_that_draws,
            empty_alt,
            memory_address,
            machine_path,
            too_big,
            three_code_cells,
            dead_link,
            dead_link_with_anchor_in_html,
            link_out_of_the_project,
            image_in_text_without_alt,
        )
    ],
)
def test_a_spoiled_notebook_is_seen(built, change):
    notebook = nbformat.read(built.notebook, as_version=4)
    expected = change(notebook.cells)
    nbformat.write(notebook, built.notebook)
    assert any(expected in problem for problem in problems_of(built)), problems_of(built)


def test_widget_state_and_another_kernel_are_seen(built):
    notebook = nbformat.read(built.notebook, as_version=4)
    notebook.metadata["widgets"] = {}
    notebook.metadata["kernelspec"]["name"] = "my-env"
    nbformat.write(notebook, built.notebook)
    assert problems_of(built) == [
        "00_tiny: notebook metadata: ['kernelspec', 'language_info', 'widgets'], "
        "expected kernelspec and language_info",
        "00_tiny: its kernel is not python3",
    ]


def test_neighbors_must_be_linked(built):
    write_lesson(built.folder, "01_next", TINY)
    assert "00_tiny: does not link the next lesson, 01_next.ipynb" in problems_of(built)


def test_links_to_the_web_and_within_the_page_are_left_alone(built):
    text = TINY.replace("where to go on:", "[there](https://pytorch.org/docs) and [here](#a-tiny-lesson):")
    built.source.write_text(text)
    notebook = nbformat.read(built.notebook, as_version=4)
    notebook.cells[6].source = notebook.cells[6].source.replace(
        "where to go on:", "[there](https://pytorch.org/docs) and [here](#a-tiny-lesson):"
    )
    nbformat.write(notebook, built.notebook)
    assert problems_of(built) == []
