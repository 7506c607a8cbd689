"""The same thing has the same name in all lessons, and the same letter in all formulas."""

from __future__ import annotations

import ast
import re

import pytest

from bnteach.authoring.lessons import find_lessons, read_source

# What tutorials call it -> what it is called here.
SYNONYMS = {
    "mu": "mean",
    "mu_b": "mean",
    "batch_mean": "mean",
    "sigma": "std",
    "sigma2": "var",
    "sigma_sq": "var",
    "batch_var": "var",
    "xhat": "x_hat",
    "x_norm": "x_hat",
    "x_normalized": "x_hat",
    "xmu": "x_centered",
    "x_mu": "x_centered",
    "ivar": "inv_std",
    "gam": "gamma",
    "epsilon": "eps",
    "dout": "dy",
    "grad_y": "dy",
    "dxhat": "dx_hat",
    "dvariance": "dvar",
}
LETTERS = {r"\\epsilon": r"\varepsilon", r"\\bar\{x\}": r"\mu", r"\\tilde\{x\}": r"\hat{x}"}


def names_in(code: str) -> set[str]:
    tree = ast.parse(re.sub(r"^%.*$", "", code, flags=re.MULTILINE))
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return stored | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def strange_names(cells) -> list[str]:
    """What in these cells has another name than elsewhere, and the name it should have."""
    found = []
    for cell in cells:
        if cell.cell_type == "code":
            found += [f"{name}: {SYNONYMS[name]}" for name in names_in(cell.source) & set(SYNONYMS)]
        else:
            found += [
                f"{letter}: {ours}" for letter, ours in LETTERS.items() if re.search(letter, cell.source)
            ]
    return found


@pytest.mark.parametrize("lesson", find_lessons(), ids=lambda lesson: lesson.name)
def test_the_same_names_in_all_lessons(lesson):
    assert strange_names(read_source(lesson).cells) == []


def test_a_strange_name_is_seen(tmp_path):
    import nbformat

    code = nbformat.v4.new_code_cell("def normalize(x, epsilon):\n    mu = x.mean(axis=0)")
    text = nbformat.v4.new_markdown_cell(r"$\sqrt{\sigma^2 + \epsilon}$")
    assert sorted(strange_names([code])) == ["epsilon: eps", "mu: mean"]
    assert len(strange_names([text])) == 1
