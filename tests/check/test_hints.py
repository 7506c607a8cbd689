"""The hints grow, and the notebooks and the checks give the same ones."""

import re

import pytest

from bnteach import check
from bnteach.authoring.exercises import Solution
from bnteach.authoring.lessons import NOTEBOOKS, read_source

SAME = (
    "00_meet_batch_normalization",
    "01_measure_a_batch",
    "01b_see_why_it_helps",
    "01c_see_why_in_a_network",
    "02_normalize",
    "03_scale_and_shift",
    "04_derive_the_backward_pass",
    "04b_train_with_your_own",
    "05_train_and_infer",
    "06_normalize_channels",
    "07_put_the_claims_on_trial",
    "07b_ask_why_it_helps",
    "09_slim_and_fold",
)
HINT = re.compile(r"<summary>Hint \d</summary>\s*(.*?)\s*</details>", re.DOTALL)
CHECK = re.compile(r"^check\.(\w+)\(\w+\)$", re.MULTILINE)


def plain(text):
    """Without the marks of Markdown, and in one line."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)  # links
    return " ".join(re.sub(r"(?<!\S)\*(\w+)\*", r"\1", text.replace("`", "")).split())


def hints_of(lesson):
    """(check, its hints) of each exercise of a notebook."""
    hints = []
    for cell in read_source(Solution(lesson, NOTEBOOKS)).cells:
        if cell.cell_type == "markdown":
            hints += HINT.findall(cell.source)
        elif (found := CHECK.findall(cell.source)) and hints:
            yield found[-1], [plain(hint) for hint in hints]
            hints = []


@pytest.mark.parametrize("lesson", SAME)
def test_notebook_and_check_give_the_same_hints(lesson):
    found = dict(hints_of(lesson))
    assert found
    for name, hints in found.items():
        assert hints == [plain(hint) for hint in check.CHECKS[name].hints]


@pytest.mark.parametrize("name", check.CHECKS)
def test_no_hint_is_a_finished_function(name):
    """What follows `return`, or a name and `=`, in a hint is not all that the exercise asks for."""
    one = check.CHECKS[name]
    for hint in one.hints:
        for code in re.findall(r"`([^`]+)`", hint):
            assert not is_the_answer(one, code.split(" = ")[-1]), code


def is_the_answer(one, code):
    """True when these few characters are a right answer by themselves."""
    if len(one.recipe.returns) > 1 or one.is_of_class() or not one.takes:
        return False
    try:
        answer = eval(f"lambda {', '.join(one.takes)}: {code}", {"np": __import__("numpy")})
    except SyntaxError:
        return False
    return one.judge(answer).state == "passed"


def test_a_finished_function_would_be_seen():
    code = "(x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)"
    assert is_the_answer(check.standardize, code)
