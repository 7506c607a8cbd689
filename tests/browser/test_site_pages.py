"""Every page of the site in Chromium, from the disk: labs live, nothing broken, nothing from outside."""

from __future__ import annotations

import functools
import html
import http.server
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe

from site_page import DESKTOP, PHONE, faults_of, opened, wait_for_labs

MOST_BYTES = 1_500_000
LESSON, EXERCISE = "[0-9]*.html", "exercises/[0-9]*.html"
LAB = '<div class="bnteach-lab"'
CHAPTERS = {"lessons": LESSON, "deeper": "deeper/*.html", "exercises": "exercises/*.html"} | {
    "solutions": "solutions/*.html",
    "others": "[a-z]*.html",
}


def pages(site: Path, which: str) -> list[Path]:
    return sorted(site.glob(which))


def first(site: Path, which: str, part: str = "<h1>") -> Path:
    """The first page that has this part."""
    return next(page for page in pages(site, which) if part in text_of(page))


@functools.cache
def text_of(page: Path) -> str:
    return html.unescape(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_page_works_from_the_disk(chapter, site, window):
    faults = {page.name: faults_of(window, page.as_uri()) for page in pages(site, CHAPTERS[chapter])}
    assert {page: found for page, found in faults.items() if found} == {}
    assert faults or chapter == "deeper"


def test_the_front_page_has_a_lab(site):
    assert LAB in text_of(site / "index.html")


def test_no_link_is_dead(site):
    assert [link for page in site.rglob("*.html") for link in dead_links(page)] == []


def dead_links(page: Path) -> list[str]:
    """The links to files that are not there, or to headings that are not there."""
    dead = []
    for link in re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', text_of(page)):
        target, _, anchor = unquote(link).partition("#")
        file = page.parent / target if target else page
        if re.match(r"[a-z]+:", target):
            continue
        if not file.exists() or (anchor and f'id="{anchor}"' not in text_of(file.resolve())):
            dead.append(f"{page.name}: {link}")
    return dead


def test_search_finds_a_lesson_by_a_word_of_its_title(site, window):
    page = first(site, LESSON)
    title = re.search(r"<h1>([^<]*)", text_of(page))[1]
    word = max(title.split(), key=len)
    with opened(window, f"{(site / 'search.html').as_uri()}?q={word}") as (tab, faults):
        tab.wait_for_selector(f'ul.search a[href*="{page.stem}"]')
        assert faults == []


def test_a_predicted_output_is_unfolded_by_the_keyboard(site, window):
    with opened(window, first(site, LESSON, "hide below-input").as_uri()) as (tab, _):
        folded = tab.locator("details.hide.below-input").first
        assert not folded.locator(".cell_output").is_visible()
        folded.locator("> summary").press("Enter")
        assert folded.locator(".cell_output").is_visible()


def test_a_served_site_works_too(site, window):
    handler = functools.partial(QuietHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for page in ("index.html", first(site, EXERCISE).relative_to(site).as_posix()):
            assert faults_of(window, f"http://127.0.0.1:{server.server_port}/{page}") == []
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        pass


def test_a_lesson_is_one_file(site, window, tmp_path):
    lesson, out = first(site, LESSON, LAB).stem, tmp_path / "mail" / "lesson.html"
    command = [sys.executable, "-m", "bnteach.site", "lesson", lesson, "--thin", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    assert out.stat().st_size <= MOST_BYTES
    assert faults_of(window, out.as_uri()) == []
    assert dead_links(out) == []
    assert LAB in text_of(out)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("which", ["index.html", LESSON, EXERCISE], ids=["front", "lesson", "exercise"])
def test_axe_finds_nothing_serious(which, size, scheme, site, window):
    part = "<h1>" if which == EXERCISE else LAB
    with opened(window, first(site, which, part).as_uri()) as (tab, _):
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size(size)
        wait_for_labs(tab)
        found = Axe().run(tab).response["violations"]
    serious = [violation for violation in found if violation["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:120]) for v in serious] == []
