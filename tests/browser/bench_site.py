"""How soon the labs of the site are alive, how fast they answer: python tests/browser/bench_site.py [SITE]

For each lab: from opening its page to the moving picture, and from an input event of its first slider to the
painted frame; on this machine, and with the processor four times slower.
"""

from __future__ import annotations

import re
import statistics
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from which_browser import launch

SLOWER = 4

# The times from a slider's input event to the frame after it, over all its positions.
ANSWER = """async root => {
    const range = root.querySelector("input[type=range]"), times = [];
    for (let place = +range.min; place <= +range.max; place++) {
        const began = performance.now();
        range.value = place;
        range.dispatchEvent(new Event("input"));
        await new Promise(done => requestAnimationFrame(() => {
            const painted = new MessageChannel();
            painted.port1.onmessage = done;
            painted.port2.postMessage(0);
        }));
        times.push(performance.now() - began);
    }
    return times;
}"""


def main(site: Path) -> None:
    pages = pages_with_labs(site)
    print(f"{'':16s}{'alive, s':>18s}{'input to frame, ms: median / 95 %':>40s}")
    print(f"{'':16s}{'plain':>9s}{f'{SLOWER}x slower':>12s}{'plain':>20s}{f'{SLOWER}x slower':>18s}")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for lab, page in sorted(pages.items()):
            alive, answer = zip(*(measured(browser, page, lab, rate) for rate in (1, SLOWER)), strict=True)
            print(f"{lab:16s}{alive[0]:9.2f}{alive[1]:12.2f}{words(answer[0]):>20s}{words(answer[1]):>18s}")
        browser.close()


def pages_with_labs(site: Path) -> dict[str, Path]:
    """Each lab, and a page that shows it."""
    found = {}
    for page in sorted(site.rglob("*.html"), reverse=True):
        for lab in re.findall(r'class="bnteach-lab" data-lab="(\w+)"', page.read_text(encoding="utf-8")):
            found[lab] = page
    if not found:
        raise SystemExit(f"{site} has no page with a lab; `make site` writes it")
    return found


def measured(browser, page: Path, lab: str, rate: int) -> tuple[float, list[float]]:
    """The seconds until a lab is alive, and the milliseconds of its answers."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.context.new_cdp_session(tab).send("Emulation.setCPUThrottlingRate", {"rate": rate})
    box = tab.locator(f'.bnteach-lab[data-lab="{lab}"]').first
    tab.goto(page.as_uri(), wait_until="commit")
    box.wait_for()
    box.evaluate("root => root.scrollIntoView()")
    tab.wait_for_selector(f'[data-lab="{lab}"][data-ready]', timeout=60_000)
    alive = tab.evaluate("performance.now()") / 1000
    times = box.evaluate(ANSWER)
    tab.close()
    return alive, times


def words(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} / {statistics.quantiles(times, n=20)[-1]:.0f}"


if __name__ == "__main__":
    main(Path(*sys.argv[1:] or ["build/site"]))
