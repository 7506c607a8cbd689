"""A lab as a recording: every position of its controls, computed and drawn beforehand.

The number of a frame is that of its positions, as digits of one number: the first control is the first digit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bnteach.figures.style import style
from bnteach.labs.controls import Button, help_of, kind
from bnteach.labs.lab import Lab

from .recorder import PARTS_OF_A_PIXEL, Recorder

__all__ = ["record"]


@dataclass(frozen=True)
class Control:
    """A control of a recording: its positions are values, each with the words that show it."""

    name: str
    label: str
    help: str
    kind: str
    positions: dict[Any, str]
    start: Any

    def place(self, value) -> int:
        return list(self.positions).index(value)


def record(lab: Lab, thin: bool = False, starts: Sequence[Mapping[str, Any]] = ()) -> dict:
    """All that the player needs to show a lab.

    Args:
        lab: a lab as it begins.
        thin: keep of each slider the ends, and what `starts` and buttons put it to: for a quick look. Where
            the lab goes on by itself, of the others the upper end alone: each position is a whole training.
        starts: the values that the lab begins with elsewhere. They must be among the positions.

    Raises:
        ValueError: a start is not among the positions.
        NotImplementedError: the lab draws what is not recorded.
    """
    controls = controls_of(lab)
    refuse_unknown_starts(lab, controls, starts)
    if thin:
        controls = [thinned(control, lab, starts) for control in controls]
    recorder = Recorder(lab.canvas.figure)
    frames, words, breaks = draw_all(lab, controls, recorder)
    return {
        "title": lab.title,
        "look": lab.look,
        "width": recorder.width,
        "height": recorder.height,
        "breaks": breaks,
        "parts": PARTS_OF_A_PIXEL,
        "controls": [as_data(control) for control in controls],
        "buttons": [button_as_data(button, controls) for button in lab.buttons if acts(button)],
        "styles": list(recorder.styles),
        "paths": list(recorder.paths),
        "marks": list(recorder.marks),
        "frames": frames,
        "words": words,
    }


def controls_of(lab: Lab) -> list[Control]:
    """The controls of a lab; first the moments of one that goes on by itself."""
    controls = [
        Control(name, widget.description, help_of(widget), kind(widget), positions, widget.value)
        for (name, positions), widget in zip(lab.positions().items(), lab.widgets.values(), strict=True)
    ]
    if not lab.moments:
        return controls
    count = sum(1 for _ in lab.course(lab.state))
    moments = {moment: str(moment) for moment in range(count)}
    return [
        Control(lab.moments, lab.moments.capitalize(), "how far it has come", "slider", moments, 0),
        *controls,
    ]


def refuse_unknown_starts(lab: Lab, controls: list[Control], starts) -> None:
    by_name = {control.name: control for control in controls}
    for name, value in (item for start in starts for item in start.items()):
        if name not in by_name or value not in by_name[name].positions:
            there = list(by_name[name].positions) if name in by_name else list(by_name)
            raise ValueError(f"{type(lab).__name__} is shown with {name}={value!r}, a recording has {there}")


def thinned(control: Control, lab: Lab, starts) -> Control:
    """A slider with the positions alone that must be there."""
    if control.kind not in ("slider", "counter"):
        return control
    values = list(control.positions)
    ends = [values[0], values[-1]]
    if lab.moments:
        ends = values[:2] if control.name == lab.moments else values[-1:]
    asked = [where.get(control.name) for where in (*starts, *(button.sets for button in lab.buttons))]
    kept = {*ends, control.start, *asked}
    return replace(control, positions={value: control.positions[value] for value in values if value in kept})


def draw_all(lab: Lab, controls: list[Control], recorder: Recorder) -> tuple[list, list, list]:
    """The marks of each frame, its words, and where the panels end, in the order of the frames' numbers."""
    frames, words, panels, backdrop = {}, {}, [], object()
    for number, state, frame in moments(lab, controls):
        with style():
            if lab.backdrop(state) != backdrop:
                backdrop = lab.backdrop(state)
                lab.canvas.set_background(lambda axes, state=state: lab.background(axes, state))
                below = recorder.record(lab.canvas.figure)
                panels.append([ax.get_tightbbox(recorder).extents for ax in lab.canvas.axes])
            lab.canvas.set_marks(lambda axes, frame=frame: lab.draw(axes, frame))
            frames[number] = [below, *map(recorder.record, lab.canvas.marks())]
        words[number] = lab.read(frame)
    return *([by[number] for number in range(len(by))] for by in (frames, words)), breaks_between(panels)


def breaks_between(panels: list) -> list[int]:
    """The middle of the gaps between the panels, which hold in every background."""
    left_sides = [min(boxes[place][0] for boxes in panels) for place in range(len(panels[0]))]
    right_sides = [max(boxes[place][2] for boxes in panels) for place in range(len(panels[0]))]
    return [round((right + left) / 2) for right, left in zip(right_sides, left_sides[1:], strict=False)]


def moments(lab: Lab, controls: list[Control]) -> Iterator[tuple[int, Any, Any]]:
    """The number, the state and the frame of every position; those with one background stand together."""
    still = controls[1:] if lab.moments else controls
    # The first control changes fastest: labs keep what the others alone decide.
    places = itertools.product(*(range(len(control.positions)) for control in reversed(still)))
    states = [(place[::-1], lab.state_of(values_at(still, place[::-1]))) for place in places]
    for place, state in sorted(states, key=lambda one: repr(lab.backdrop(one[1]))):
        if not lab.moments:
            yield number_of(still, place), state, lab.compute(state)
            continue
        kept = controls[0].positions
        for moment, frame in enumerate(itertools.islice(lab.course(state), max(kept) + 1)):
            if moment in kept:
                yield number_of(controls, (controls[0].place(moment), *place)), state, frame


def values_at(controls: list[Control], places: Sequence[int]) -> dict[str, Any]:
    return {
        control.name: list(control.positions)[place] for control, place in zip(controls, places, strict=True)
    }


def number_of(controls: list[Control], places: Sequence[int]) -> int:
    number = 0
    for control, place in zip(controls, places, strict=True):
        number = number * len(control.positions) + place
    return number


def as_data(control: Control) -> dict:
    return {
        "name": control.name,
        "label": control.label,
        "help": control.help,
        "kind": control.kind,
        "values": list(control.positions),
        "words": list(control.positions.values()),
        "start": control.place(control.start),
    }


def acts(button: Button) -> bool:
    """False for a button that only stops what plays: the button that plays does that too."""
    return bool(button.sets or button.moves or button.plays)


def button_as_data(button: Button, controls: list[Control]) -> dict:
    """A button with the numbers of controls and of positions in the place of names and values."""
    number = {control.name: place for place, control in enumerate(controls)}
    return {
        "name": button.name,
        "help": button.help,
        "sets": {number[name]: controls[number[name]].place(value) for name, value in button.sets.items()},
        "moves": {number[name]: steps for name, steps in button.moves.items()},
        "plays": number[button.plays] if button.plays else None,
    }
