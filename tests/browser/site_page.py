"""A page of the site in the browser: what is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
OWN = ("file:", "data:", "blob:", "http://127.0.0.1")
WITHOUT_ALT = "[...document.images].filter(i => !i.alt.trim()).map(i => i.outerHTML.slice(0, 80))"
TOO_WIDE = """Math.max(...[...document.querySelectorAll("html, article")].map(
    part => part.getBoundingClientRect().left + part.scrollWidth - innerWidth))"""


@contextmanager
def opened(window, url: str) -> Iterator[tuple]:
    """A tab with the page, and a list in which what goes wrong is written down."""
    tab, faults = window.new_page(), []
    tab.on("request", lambda request: request.url.startswith(OWN) or faults.append(f"asks {request.url}"))
    tab.on("requestfailed", lambda request: faults.append(f"has no {request.url[:200]}"))
    tab.on("response", lambda response: response.ok or faults.append(f"has no {response.url}"))
    tab.on("pageerror", lambda error: faults.append(f"stops with {error}"))
    tab.on("console", lambda message: message.type == "error" and faults.append(f"says {message.text}"))
    tab.set_viewport_size(DESKTOP)
    tab.goto(url)
    yield tab, faults
    tab.close()


def wait_for_labs(tab) -> int:
    """Scroll to each lab until it is alive; how many there are."""
    labs = tab.locator(".bnteach-lab")
    for number in range(labs.count()):
        labs.nth(number).scroll_into_view_if_needed()
        tab.wait_for_function(
            "n => document.querySelectorAll('.bnteach-lab')[n].matches('[data-ready]')", arg=number
        )
    return labs.count()


def faults_of(window, url: str) -> list[str]:
    """Everything that is wrong with the page at this address."""
    with opened(window, url) as (tab, faults):
        wait_for_labs(tab)
        faults += [f"no alt text: {image}" for image in tab.evaluate(WITHOUT_ALT)]
        tab.set_viewport_size(PHONE)
        if (pixels := tab.evaluate(TOO_WIDE)) > 0:
            faults.append(f"is {pixels} pixels too wide for a phone")
        return faults
