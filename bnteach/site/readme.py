"""Pages from the README: it says everything once, and the site shows it."""

from __future__ import annotations

import re
from collections.abc import Container

PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)$", re.MULTILINE)
ANCHOR = re.compile(r"\]\(#([\w-]+)\)")


class ReadmeError(Exception):
    """The README has not the part that a page is made of."""


def introduction(readme: str, lab: str) -> str:
    """The README above its first section; a lab that moves takes the place of the picture."""
    above = re.split(r"^## ", readme, maxsplit=1, flags=re.MULTILINE)[0]
    return PICTURE.sub(lambda _: lab, above)


def section(readme: str, heading: str) -> str:
    """The section under a heading, with the heading."""
    found = re.search(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    if not found:
        raise ReadmeError(f"README.md has no section {heading!r}, which is a page of the site")
    return found[0]


def links_to_pages(readme: str, names: Container[str]) -> str:
    """Links to sections become links to their pages; both have the name that GitHub gives a heading."""
    return ANCHOR.sub(lambda link: f"]({link[1]}.md)" if link[1] in names else link[0], readme)


def as_page(section: str) -> str:
    """A section as a page of its own: each heading one step higher."""
    return re.sub(r"^#(#+ )", r"\1", section, flags=re.MULTILINE)
