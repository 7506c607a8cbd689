"""How Sphinx makes pages: its settings, and one run of it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from copy import deepcopy
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import docutils_namespace, patch_docutils

from ..authoring.clean import COLOR
from .recordings import HERE, PLAYER_CSS, PLAYER_JS

STYLES = (HERE / "pages.css", PLAYER_CSS)
SCRIPTS = (HERE / "pages.js", PLAYER_JS)

SETTINGS = {
    "project": "bnteach",
    "language": "en",
    "extensions": ["myst_nb", "bnteach.site.mathml"],
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "myst_heading_anchors": 4,
    "myst_heading_slug_func": "bnteach.site.sphinx_run.anchor",
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_code_prompt_show": "Show the {type}",
    "nb_code_prompt_hide": "Hide the {type}",
    "html_theme": "furo",
    "html_favicon": str(HERE / "icon.svg"),
    "html_title": "bnteach",
    "html_math_renderer": "mathml",
    "html_static_path": [*map(str, STYLES + SCRIPTS)],
    "html_css_files": [style.name for style in STYLES],
    "html_js_files": [(script.name, {"defer": "defer"}) for script in SCRIPTS],
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_show_sourcelink": False,
    "html_show_sphinx": False,
    "html_use_index": False,
}


class SiteError(Exception):
    """Sphinx found something wrong in the pages."""


def anchor(heading: str) -> str:
    """The anchor that Jupyter gives a heading."""
    return heading.replace(" ", "-")


def run_sphinx(sources: Path, out: Path, doctrees: Path) -> None:
    """Make the pages that changed. A warning is an error: a link that leads nowhere is one."""
    warnings = io.StringIO()
    processes = os.cpu_count() or 1
    try:
        with patch_docutils(), docutils_namespace():
            places = (sources, None, out, doctrees)
            settings = {**deepcopy(SETTINGS), "html_context": {"made_by": fingerprint()}}
            app = Sphinx(*places, "html", settings, status=None, warning=warnings, parallel=processes)
            app.connect("html-page-context", mend_labels, priority=900)  # after the theme
            app.build()
    except SphinxError as error:
        raise SiteError(f"the pages could not be made: {error}") from error
    if found := warnings.getvalue().strip():
        shutil.rmtree(doctrees)  # or the next run would not look at these pages again
        raise SiteError(f"something is wrong in the pages:\n{COLOR.sub('', found).replace(str(sources), '')}")


def fingerprint() -> str:
    """Of the files in this room: where one has changed, Sphinx writes every page and every file again."""
    files = sorted(file for file in HERE.iterdir() if file.is_file())
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def mend_labels(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Mend what a screen reader is told: headings had no level, and a label was not the words seen."""
    tree = context["furo_navigation_tree"]
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    context["body"] = context.get("body", "").replace(' aria-label="Toggle hidden content"', "")
