"""A recording has every position of a lab, in its place; shown by a lab of two numbers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import pytest

from bnteach.labs import controls
from bnteach.labs.lab import Lab
from bnteach.site.recording import record


@dataclass(frozen=True)
class State:
    size: int
    step: float
    odd: bool
    turn: int


class Toy(Lab):
    """Each state has its own words and its own dot."""

    title, look, State, panels = "Toy", "Look.", State, (1, 2)
    recorded: ClassVar = {"step": (0, 0.5, 1), "turn": range(2)}

    def controls(self):
        return {
            "size": controls.whole_slider("Size", "how large", 1, 4, 2),
            "step": controls.slider("Step", "how far", 0, 1, 0.5),
            "odd": controls.switch("Odd", "or even", True),
            "turn": controls.counter("Turn", "which turn"),
        }

    def make_buttons(self):
        return [
            controls.Button("Back to 1", "", sets={"size": 1, "step": 0}),
            controls.Button("Larger", "", moves={"size": 1}),
            controls.Button("Run", "", plays="size"),
            controls.Button("Stop", "", press=lambda: None),
        ]

    @staticmethod
    def compute(state):
        return state

    def backdrop(self, state):
        return state.odd

    def background(self, axes, state):
        for ax in axes:
            ax.set(xlim=(0, 5), ylim=(-1, 2))
        axes[0].set_title("odd" if state.odd else "even")

    def draw(self, axes, frame):
        axes[1].plot([frame.size], [frame.step + 0.1 * frame.turn], "o")

    def read(self, frame):
        return f"{frame}"


class Growing(Toy):
    """A lab that goes on by itself."""

    moments = "days"

    def course(self, state):
        for day in range(4):
            yield State(state.size, state.step, state.odd, 10 * day)


@pytest.fixture(scope="module")
def toy():
    return record(Toy())


def positions(recording):
    return itertools.product(*(control["values"] for control in recording["controls"]))


def test_every_position_has_its_words_and_its_picture(toy):
    assert toy["words"] == [str(State(*position)) for position in positions(toy)]
    assert len(toy["frames"]) == len(toy["words"]) == 4 * 3 * 2 * 2
    assert len({tuple(frame) for frame in toy["frames"]}) == len(toy["frames"])


def test_a_background_is_shared_by_the_positions_that_have_it(toy):
    by_background = {}
    for frame, position in zip(toy["frames"], positions(toy), strict=True):
        by_background.setdefault(frame[0], set()).add(position[2])
    assert sorted(by_background.values()) == [{False}, {True}]


def test_controls_as_in_the_lab(toy):
    told = [(c["label"], c["kind"], c["words"][c["start"]]) for c in toy["controls"]]
    assert told == [
        ("Size", "slider", "2"),
        ("Step", "slider", "0.50"),
        ("Odd", "switch", "on"),
        ("Turn", "counter", "0"),
    ]
    assert [c["help"] for c in toy["controls"]] == ["how large", "how far", "or even", "which turn"]


def test_buttons_by_number_and_none_that_only_stops(toy):
    does = [(b["name"], b["sets"], b["moves"], b["plays"]) for b in toy["buttons"]]
    assert does == [
        ("Back to 1", {0: 0, 1: 0}, {}, None),
        ("Larger", {}, {0: 1}, None),
        ("Run", {}, {}, 0),
    ]


def test_the_panels_part_where_nothing_is_drawn(toy):
    (line,) = toy["breaks"]
    assert toy["width"] / 4 < line < toy["width"] / 2  # panels of 1 : 2


def test_thin_keeps_the_ends_and_what_is_asked_for():
    thin = record(Toy(), thin=True, starts=[{"size": 3}])
    assert [c["values"] for c in thin["controls"]] == [[1, 2, 3, 4], [0, 0.5, 1], [False, True], [0, 1]]
    assert record(Toy(), thin=True)["controls"][0]["values"] == [1, 2, 4]
    assert thin["words"] == [str(State(*position)) for position in positions(thin)]


def test_a_lab_that_goes_on_by_itself_has_its_moments_first():
    growing = record(Growing())
    assert [c["name"] for c in growing["controls"]][:2] == ["days", "size"]
    assert growing["controls"][0]["values"] == [0, 1, 2, 3]
    shown = [str(State(size, step, odd, 10 * day)) for day, size, step, odd, _ in positions(growing)]
    assert growing["words"] == shown
    thin = record(Growing(), thin=True, starts=[{"days": 3}])
    assert thin["controls"][0]["values"] == [0, 1, 3]


def test_thin_keeps_few_courses(monkeypatch):
    monkeypatch.setattr(Growing, "make_buttons", lambda lab: [])
    thin = record(Growing(), thin=True, starts=[{"days": 3}])
    assert [c["values"] for c in thin["controls"][:3]] == [[0, 1, 3], [2, 4], [0.5, 1]]


@pytest.mark.parametrize("start", [{"step": 0.3}, {"days": 1}])
def test_a_start_that_is_not_recorded_is_refused(start):
    ((name, value),) = start.items()
    with pytest.raises(ValueError, match=rf"Toy is shown with {name}={value}, a recording has \["):
        record(Toy(), starts=[start])


def test_a_recorded_value_that_the_control_cannot_take_is_refused(monkeypatch):
    monkeypatch.setattr(Toy, "recorded", {"step": (0, 0.25)})
    with pytest.raises(ValueError, match=r"recorded\['step'\] has \[0.25\], which its control cannot take"):
        record(Toy())
