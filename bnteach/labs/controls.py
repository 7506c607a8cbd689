"""The controls of the labs: core widgets, each with a full name, help, and room for both.

Sliders and boxes answer the keyboard: Tab to reach one, arrow keys or PageUp/PageDown/Home/End to move it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ipywidgets as widgets

__all__ = [
    "Button",
    "choice",
    "counter",
    "help_of",
    "kind",
    "positions",
    "slider",
    "steps",
    "switch",
    "whole_slider",
]

# ipywidgets 8 calls a slider's help `tooltip`, ipywidgets 7 `description_tooltip`.
HELP = "tooltip" if "tooltip" in widgets.FloatSlider.class_trait_names() else "description_tooltip"
WHOLE_NAME = {"description_width": "initial"}


def _named(name: str, help: str) -> dict:
    room = widgets.Layout(width=f"{16 + 0.55 * len(name):.0f}em")  # for the name, the slider and the number
    return {"description": name, HELP: help, "style": WHOLE_NAME, "layout": room}


def slider(name: str, help: str, low: float, high: float, value: float, step: float = 0.1):
    """A slider over decimal numbers."""
    return widgets.FloatSlider(value, min=low, max=high, step=step, **_named(name, help))


def whole_slider(name: str, help: str, low: int, high: int, value: int):
    """A slider over whole numbers."""
    return widgets.IntSlider(value, min=low, max=high, **_named(name, help))


def steps(name: str, help: str, options: Sequence[float], value: float):
    """A slider over the numbers given: for scales that grow by factors."""
    labeled = [(f"{option:g}", option) for option in options]
    return widgets.SelectionSlider(options=labeled, value=value, **_named(name, help))


def choice(name: str, help: str, options: Sequence, value: str):
    """One of a few words, all of them in sight; options are the words, or pairs (words, value)."""
    return widgets.ToggleButtons(
        options=options,
        value=value,
        description=name,
        tooltips=[help] * len(options),
        style={**WHOLE_NAME, "button_width": "auto"},
        layout=widgets.Layout(width="max-content"),
    )


def switch(name: str, help: str, value: bool):
    """On or off."""
    return widgets.Checkbox(
        value,
        description=name,
        indent=False,
        style=WHOLE_NAME,
        layout=widgets.Layout(width="auto"),
        **{HELP: help},
    )


def counter(name: str, help: str, most: int = 999):
    """A number that a button alone counts on: it takes no room."""
    hidden = widgets.Layout(display="none")
    return widgets.BoundedIntText(0, min=0, max=most, description=name, layout=hidden, **{HELP: help})


@dataclass(frozen=True)
class Button:
    """A button, and what it does to the controls; so a recording of the lab can do the same.

    Attributes:
        sets: the values that controls are put to.
        moves: the steps by which controls go on, within their ends.
        plays: the control that it lets run to its end.
        press: what it does instead in a lab that goes on by itself.
        main: True for the first thing to do.
    """

    name: str
    help: str
    sets: Mapping[str, Any] = field(default_factory=dict)
    moves: Mapping[str, int] = field(default_factory=dict)
    plays: str = ""
    press: Callable[[], None] | None = None
    main: bool = False


def button(said: Button, press: Callable[[], None]) -> widgets.Button:
    """The widget of a button."""
    looks = {"button_style": "primary" if said.main else "", "layout": widgets.Layout(width="auto")}
    made = widgets.Button(description=said.name, tooltip=said.help, **looks)
    made.on_click(lambda _: press())
    return made


def player(slider: widgets.IntSlider) -> widgets.Play:
    """The buttons that let a slider run to its end."""
    play = widgets.Play(slider.value, min=slider.min, max=slider.max, interval=120, show_repeat=False)
    # Linked in the browser: a link through the kernel would be late, and take the slider out of the hand.
    play.link = widgets.jslink((slider, "value"), (play, "value"))
    return play


def kind(control: widgets.Widget) -> str:
    """What a control is: slider, choice, switch or counter."""
    kinds = {widgets.ToggleButtons: "choice", widgets.Checkbox: "switch", widgets.BoundedIntText: "counter"}
    return kinds.get(type(control), "slider")


def help_of(control: widgets.Widget) -> str:
    """The words that a control shows under the mouse."""
    return control.tooltips[0] if kind(control) == "choice" else getattr(control, HELP)


def positions(control: widgets.Widget) -> dict[Any, str]:
    """The values that a control can be put to, in its order, each with the words that show it."""
    if isinstance(control, widgets.Checkbox):
        return {False: "off", True: "on"}
    if hasattr(control, "options"):
        return {value: word for word, value in map(_word_and_value, control.options)}
    if isinstance(control, widgets.FloatSlider):
        count = round((control.max - control.min) / control.step)
        return {(v := round(control.min + n * control.step, 10)): f"{v:.2f}" for n in range(count + 1)}
    return {value: str(value) for value in range(control.min, control.max + 1)}


def _word_and_value(option) -> tuple[str, Any]:
    return option if isinstance(option, tuple) else (str(option), option)
