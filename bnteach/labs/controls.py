"""The controls of the labs: core widgets, each with a full name, help, and room for both.

Sliders and boxes answer the keyboard: Tab to reach one, arrow keys or PageUp/PageDown/Home/End to move it.
"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

__all__ = ["button", "choice", "slider", "steps", "switch", "whole_slider"]

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


def button(name: str, help: str, on_click, main: bool = False):
    """Something to do; `main` for the first thing to do."""
    looks = {"button_style": "primary" if main else "", "layout": widgets.Layout(width="auto")}
    made = widgets.Button(description=name, tooltip=help, **looks)
    made.on_click(lambda _: on_click())
    return made
