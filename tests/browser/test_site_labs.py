"""The labs of the site beside the labs themselves: the same words and the same picture, by every hand."""

from __future__ import annotations

import base64
import io
import itertools
import random

import numpy as np
import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import expect

from bnteach import labs
from bnteach.figures.display import pixels
from bnteach.site.recordings import PLAYER_CSS, PLAYER_JS, Shown, markup
from site_page import PHONE, opened

SAMPLES = 4
OFF, MOST_OFF = 48, 0.002  # of 255; a share of the pixels
NAMES = sorted(set(labs.__all__) - {"Lab"})

BEGIN = """root => {
    root.lab.stop();
    root.lab.places = root.lab.recording.controls.map(control => control.start);
    root.lab.show();
}"""
NEXT_FRAME = """root => new Promise(done => requestAnimationFrame(() => done([...root.lab.places])))"""
PUT = """(lab, places) => {
    lab.places = places; lab.show();
    return [lab.reading.textContent, lab.picture.canvas.toDataURL(), lab.picture.canvas.ariaLabel];
}"""


@pytest.fixture(scope="module")
def page_of_labs(site, window, tmp_path_factory):
    """All labs in one page, each as wide as its picture."""
    recordings = next(path.parent for path in site.rglob("GammaBeta.js"))
    made = [markup(Shown(name), "", (recordings / f"{name}.js").as_uri()) for name in NAMES]
    page = tmp_path_factory.mktemp("labs") / "labs.html"
    style = f"<style>{PLAYER_CSS.read_text()} .bnteach-lab {{ max-width: none }}</style>"
    phone = '<meta name=viewport content="width=device-width">'
    parts = f"{style}{''.join(made)}<script>{PLAYER_JS.read_text()}</script>"
    page.write_text(f'<!doctype html><html lang="en"><meta charset="utf-8">{phone}{parts}', encoding="utf-8")
    with opened(window, page.as_uri()) as (tab, faults):
        tab.set_viewport_size({"width": 1300, "height": 900})
        yield tab
        assert faults == []


@pytest.fixture(params=NAMES)
def lab(request, page_of_labs):
    """A lab of the page, begun."""
    box = page_of_labs.locator(f'[data-lab="{request.param}"]')
    box.scroll_into_view_if_needed()
    expect(box).to_have_attribute("data-ready", "", timeout=20_000)
    box.evaluate(BEGIN)
    return box


def evaluate(box, what: str, *arguments):
    return box.evaluate(f"(root, given) => ({what})(root.lab, ...given)", list(arguments))


def controls_of(box) -> list[dict]:
    return evaluate(box, "lab => lab.recording.controls")


def sampled(controls: list[dict]) -> list[list[int]]:
    """Some positions, the same in every run, as different as they can be."""
    chance = random.Random(1)
    return [[chance.randrange(len(control["values"])) for control in controls] for _ in range(SAMPLES)]


def itself(name: str, controls: list[dict], places: list[int]):
    """The lab of the package, put to these positions."""
    pairs = zip(controls, places, strict=True)
    values = {control["name"]: control["values"][place] for control, place in pairs}
    moments = values.pop("epochs", 0)
    lab = getattr(labs, name)(**values)
    if moments:
        lab.advance(epochs=moments)
    return lab


def share_off(lab, url: str) -> float:
    """The share of pixels whose color is not near in the other picture: edges may lie a pixel apart."""
    shown = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")
    drawn = pixels(lab.canvas.agg).convert("RGB")
    assert shown.size == drawn.size
    return max(not_near(shown, drawn), not_near(drawn, shown))


def not_near(picture, other) -> float:
    """The share of a picture's pixels that are darker or lighter than all of the other's around them."""
    darkest, lightest = (
        np.asarray(other.filter(extreme(5)), dtype=int)
        for extreme in (ImageFilter.MinFilter, ImageFilter.MaxFilter)
    )
    colors = np.asarray(picture, dtype=int)
    return float(((colors < darkest - OFF) | (colors > lightest + OFF)).any(axis=2).mean())


def test_words_and_picture_are_those_of_the_lab(lab):
    name, controls = lab.get_attribute("data-lab"), controls_of(lab)
    for places in sampled(controls):
        words, url, label = evaluate(lab, PUT, places)
        by_itself = itself(name, controls, places)
        assert words == by_itself.reading
        assert label == f"{by_itself.title}. {words}"
        assert share_off(by_itself, url) < MOST_OFF


def test_a_control_that_is_a_step_off_would_be_seen(lab):
    name, controls = lab.get_attribute("data-lab"), controls_of(lab)
    places = [control["start"] for control in controls]
    if name == "Training":  # untrained networks look alike whatever the controls say
        places[0] = len(controls[0]["values"]) - 1
    start = itself(name, controls, places)
    moved = max(range(len(controls)), key=lambda n: len(controls[n]["values"]))
    places[moved] += 1 if places[moved] == 0 else -1
    assert evaluate(lab, PUT, places)[0] != start.reading


def test_every_control_by_the_keyboard(lab):
    for number, control in enumerate(controls_of(lab)):
        last = len(control["values"]) - 1
        if control["kind"] == "slider" and last:
            slider = lab.get_by_role("slider", name=control["label"], exact=False).first
            for key, place in [("Home", 0), ("ArrowRight", 1), ("End", last), ("ArrowLeft", last - 1)]:
                slider.press(key)
                expect(slider).to_have_attribute("aria-valuetext", control["words"][place])
                assert shown_places(lab)[number] == place
        elif control["kind"] == "switch":
            before = shown_places(lab)[number]
            lab.get_by_role("checkbox", name=control["label"]).press("Space")
            assert shown_places(lab)[number] == 1 - before
        elif control["kind"] == "choice":
            radios = lab.get_by_role("group", name=control["label"]).get_by_role("radio")
            radios.first.click()
            radios.first.press("ArrowDown")
            assert shown_places(lab)[number] == 1
    assert lab.get_by_role("status").inner_text() == evaluate(lab, "lab => lab.reading.textContent")


def shown_places(lab) -> list[int]:
    """The positions after the next frame."""
    return lab.evaluate(NEXT_FRAME)


def test_every_button_does_what_it_says(lab):
    for number, button in enumerate(evaluate(lab, "lab => lab.recording.buttons")):
        before, controls = shown_places(lab), controls_of(lab)
        pressed = lab.locator("button").nth(number)
        pressed.click()
        if button["plays"] is not None:
            expect(pressed).to_have_text("Pause")
            pressed.click()
            expect(pressed).to_have_text(button["name"])
            continue
        expected = list(before)
        for n, place in button["sets"].items():
            expected[int(n)] = place
        for n, steps in button["moves"].items():
            last = len(controls[int(n)]["values"]) - 1
            wraps = controls[int(n)]["kind"] == "counter"
            moved = before[int(n)] + steps
            expected[int(n)] = moved % (last + 1) if wraps else min(max(moved, 0), last)
        assert shown_places(lab) == expected


def test_what_plays_runs_to_its_end_and_begins_again(page_of_labs):
    lab = page_of_labs.locator('[data-lab="RunningStats"]')
    lab.scroll_into_view_if_needed()
    last = len(controls_of(lab)[0]["values"]) - 1
    for _ in range(2):
        lab.get_by_role("button", name="Play").click()
        expect(lab.get_by_role("button", name="Pause")).to_be_visible()
        expect(lab.get_by_role("button", name="Play")).to_be_visible()
        assert shown_places(lab)[0] == last


def test_on_a_phone_by_touch(window, page_of_labs):
    phone = window.browser.new_context(viewport=PHONE, device_scale_factor=3, has_touch=True, is_mobile=True)
    page = phone.new_page()
    page.goto(page_of_labs.url)
    for name in NAMES[::4]:
        lab = page.locator(f'[data-lab="{name}"]')
        lab.scroll_into_view_if_needed()
        expect(lab).to_have_attribute("data-ready", "", timeout=20_000)
        slider = lab.get_by_role("slider").first
        box = slider.bounding_box()
        words = []
        for share in (0.02, 0.98):
            slider.tap(position={"x": share * box["width"], "y": box["height"] / 2})
            shown_places(lab)
            words.append(lab.get_by_role("status").inner_text())
        assert words[0] != words[1]
        canvas = lab.locator("canvas")
        dots, wide = canvas.evaluate("c => [c.width, c.clientWidth]")
        assert dots == pytest.approx(3 * wide, abs=3)  # sharp
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    phone.close()


def test_a_recording_that_is_missing_leaves_the_still(window, tmp_path):
    page = tmp_path / "page.html"
    still = markup(Shown("Depth"), '<img alt="the still picture">', "nowhere.js")
    page.write_text(f"<!doctype html>{still}<script>{PLAYER_JS.read_text()}</script>", encoding="utf-8")
    with opened(window, page.as_uri()) as (tab, faults):
        lab = tab.locator(".bnteach-lab")
        expect(lab).to_contain_text("This lab cannot move here")
        expect(lab.get_by_alt_text("the still picture")).to_have_count(1)
        assert faults


def test_positions_are_numbered_as_the_recording_numbers_them(lab):
    """The words of the first and the last position of each control, the others at their start."""
    controls = controls_of(lab)
    counts = [len(control["values"]) for control in controls]
    words = evaluate(lab, "lab => lab.recording.words")
    every = list(itertools.product(*map(range, counts)))
    assert len(every) == len(words)
    for place in (every[0], every[-1]):
        assert evaluate(lab, PUT, list(place))[0] == words[every.index(place)]
