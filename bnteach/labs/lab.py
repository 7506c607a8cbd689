"""What every lab is: controls -> state -> compute -> draw, and a reading in words.

A new lab says six things, and is then complete: its `State`, its `controls`, `compute` (pure: state in,
arrays out), `background` and `draw` (figures), and `read` (one line of words).

A control has the name of its field in `State`; controls.py makes each kind. The tests of all labs ask that
every control changes both the picture and the words.

A web page shows a lab without a kernel, from a recording of every position of its controls. For that a lab
says in `recorded` which positions of a fine slider are enough, and its buttons say what they do.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import ipywidgets as widgets
from IPython.display import display

from bnteach.figures.display import bundle

from . import controls
from .canvas import Canvas

__all__ = ["Lab"]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Lab:
    """A picture that answers the hand. Make one as the last line of a cell, or call `show()`.

    A lab is one output that holds the live widget, a still picture for programs without a kernel, and the
    reading in words. The arguments set the controls it begins with:

        labs.Depth(activation="sigmoid", batch_norm=False)

    Attributes:
        state: what the controls say now.
        frame: what was computed from it.
        reading: the line under the picture.
        widgets: the controls by the names of the state's fields.
        buttons: what can be pressed.
    """

    title: str
    look: str  # one sentence: what to do, and what to look at
    State: type
    panels: Sequence[float] = (1, 1, 1)  # how many panels, and how wide each is beside the others
    size: tuple[float, float] = (7.0, 2.7)
    recorded: ClassVar[Mapping[str, Sequence]] = {}  # the values of a control that a recording keeps
    moments: str = ""  # what a lab counts that goes on by itself, such as "epochs"

    def __init__(self, **start):
        if type(self) is Lab:
            labs = ", ".join(sorted(lab.__name__ for lab in Lab.__subclasses__()))
            raise TypeError(f"Lab is what all labs share: choose one of {labs}; help(labs) lists them all")
        self.frame = None
        self.reading = ""
        self.canvas = Canvas(self.panels, self.size)
        self.widgets = self.controls()
        self.buttons = self.make_buttons()
        self._words = widgets.HTML()
        self._backdrop: Any = None
        self._together = False
        for control in self.widgets.values():
            control.observe(self._on_change, "value")
        self.widget = self._assemble()
        self.set(**start)

    # A lab of its own overrides these.

    def controls(self) -> dict[str, widgets.Widget]:
        """A control for each field of the state that the hand can change."""
        raise NotImplementedError

    def make_buttons(self) -> list[controls.Button]:
        """What is pressed rather than set."""
        return []

    def state_of(self, values: Mapping[str, Any]) -> Any:
        """The state for these values of the controls."""
        return self.State(**values)

    @staticmethod
    def compute(state) -> Any:
        """From the state to arrays. Pure: the same state gives the same arrays, and nothing else changes."""
        raise NotImplementedError

    def course(self, state) -> Iterator[Any]:
        """The frames that follow one another from a state: one, unless the lab goes on by itself."""
        yield self.compute(state)

    def background(self, axes, state) -> None:
        """Draw what stays."""
        raise NotImplementedError

    def backdrop(self, state) -> Any:
        """What the background depends on; when it changes, the background is drawn again."""
        return None

    def draw(self, axes, frame) -> None:
        """Draw what changes."""
        raise NotImplementedError

    def read(self, frame) -> str:
        """The frame in words, with rounded numbers."""
        raise NotImplementedError

    # What all labs share.

    @property
    def state(self):
        return self.state_of({name: control.value for name, control in self.widgets.items()})

    def positions(self) -> dict[str, dict[Any, str]]:
        """The positions of each control that a recording keeps: value -> the words that show it."""
        return {name: self._positions_of(name, control) for name, control in self.widgets.items()}

    def _positions_of(self, name: str, control: widgets.Widget) -> dict[Any, str]:
        every = controls.positions(control)
        if unknown := set(self.recorded.get(name, ())) - set(every):
            raise ValueError(f"recorded[{name!r}] has {sorted(unknown)}, which its control cannot take")
        return {value: every[value] for value in self.recorded.get(name, every)}

    def set(self, **values) -> None:
        """Move several controls by their names, and draw once.

        Raises:
            ValueError: the lab has no such control, or the control cannot take the value.
        """
        before = {name: control.value for name, control in self.widgets.items()}
        with self._drawn_once():
            try:
                for name, value in values.items():
                    self._set_one(name, value)
            except ValueError:
                for name, value in before.items():
                    self.widgets[name].value = value
                raise
        self.update()

    def press(self, button: controls.Button) -> None:
        """Do what a button does."""
        if button.press:
            return button.press()
        self.set(**button.sets, **{name: self._moved(name, steps) for name, steps in button.moves.items()})

    def _moved(self, name: str, steps: int) -> Any:
        """The value of a control some steps further, within its ends."""
        values = list(controls.positions(self.widgets[name]))
        place = values.index(self.widgets[name].value) + steps
        return values[min(max(place, 0), len(values) - 1)]

    def update(self) -> None:
        """Compute and show what the controls say now."""
        with self._errors_in_words():
            state = self.state
            self._show(state, self.compute(state))

    def _show(self, state, frame) -> None:
        if self.backdrop(state) != self._backdrop:
            self._backdrop = self.backdrop(state)
            self.canvas.invalidate()
        self.canvas.paint(lambda axes: self.background(axes, state), lambda axes: self.draw(axes, frame))
        self.frame = frame
        self._say(self.read(frame))

    def show(self) -> None:
        """Show the lab here."""
        self._ipython_display_()

    def close(self) -> None:
        """Take the lab out of the notebook."""
        self.widget.close()

    def _ipython_display_(self, **kwargs) -> None:
        # ipywidgets 7 and 8 show themselves by different means; this message both front ends understand.
        data, metadata = bundle(self.canvas.still(), f"{self.title}. {self.reading}")
        data[WIDGET_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        display(data, metadata=metadata, raw=True)

    def _assemble(self) -> widgets.Widget:
        self.canvas.image.add_class("bnteach-picture")
        row = widgets.Layout(flex_flow="row wrap", grid_gap="0 1.5em", align_items="center")
        hand = widgets.Box([*self.widgets.values(), *map(self._widget_of, self.buttons)], layout=row)
        task = widgets.HTML(_line(f"<b>{html.escape(self.title)}.</b> {html.escape(self.look)}"))
        return widgets.VBox([task, hand, self.canvas.image, self._words])

    def _widget_of(self, button: controls.Button) -> widgets.Widget:
        if button.plays in self.widgets:
            return controls.player(self.widgets[button.plays])
        return controls.button(button, lambda: self.press(button))

    def _on_change(self, change) -> None:
        if not self._together:
            self.update()

    @contextmanager
    def _drawn_once(self):
        self._together = True
        try:
            yield
        finally:
            self._together = False

    def _set_one(self, name: str, value) -> None:
        if name not in self.widgets:
            names = ", ".join(self.widgets)
            raise ValueError(f"{type(self).__name__} has no control {name!r}; it has {names}")
        control = self.widgets[name]
        try:
            control.value = value
        except Exception as error:
            raise ValueError(f"{name} is {value!r}, which its control cannot take: {error}") from None
        if control.value != value:  # a slider would move the value to its nearest end without a word
            raise ValueError(f"{name} is {value!r}, expected {control.min} to {control.max}")

    def _say(self, words: str) -> None:
        self.reading = words
        # A polite live region: a screen reader speaks the new words when it has finished its sentence.
        self._words.value = _line(html.escape(words), 'role="status" aria-live="polite"')

    @contextmanager
    def _errors_in_words(self):
        """JupyterLab shows nothing of an exception in a callback; here it becomes the reading."""
        try:
            yield
        except Exception as error:
            self._say(f"This did not work: {type(error).__name__}: {error}")


def _line(words: str, attributes: str = "") -> str:
    """Words above or below the picture: larger than the controls, and no wider than the picture."""
    return f'<div {attributes} style="font-size: 115%; line-height: 1.4; max-width: 66em">{words}</div>'
