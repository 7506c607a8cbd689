"""An extension of Sphinx: formulas become MathML, which browsers draw without a script."""

from __future__ import annotations

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging

FORMULAS = LatexToMathML()
LOG = logging.getLogger(__name__)


def mathml(node: nodes.Element, displayed: bool) -> str:
    """The formula of a node; what cannot be read is a warning of Sphinx, and stays as it was written."""
    try:
        return FORMULAS.convert_with_local_state(node.astext(), displaystyle=displayed)
    except LatexError as error:
        LOG.warning("formula %r: %s", node.astext(), error, location=node)
        return nodes.Text(node.astext()).astext()


def visit_math(writer, node: nodes.math) -> None:
    writer.body.append(mathml(node, displayed=False))
    raise nodes.SkipNode


def visit_displayed_math(writer, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{mathml(node, displayed=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displayed_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
