"""The lab of blocks: how many channels to take at a time, so that a block stays in the processor's cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnteach import figures

from . import controls
from .lab import Lab

__all__ = ["Blocks"]

LAYERS = {  # samples, channels, positions
    "32 × 64 × 56 × 56": (32, 64, 56 * 56),
    "32 × 256 × 14 × 14": (32, 256, 14 * 14),
    "32 × 512 × 7 × 7": (32, 512, 7 * 7),
}
SIZES = (1, 2, 4, 8, 16, 32, 64)  # channels in a block
CACHES = (0.25, 0.5, 1, 2, 8, 32)
# What a block goes through: passes over it, and how many of them are the first sight of an array.
STEPS = {
    "center x": (2, 1),
    "sum": (2, 0),
    "write y": (4, 1),
    "center x again": (2, 1),
    "sum dy": (3, 1),
    "write dx": (9, 1),
}
AT_ONCE = 3  # blocks of arrays that should stay in the cache: of x, centered; of dy; of y or dx
CALLS = 40  # of NumPy, for each block, most of them on one number a channel
MEMORY, CACHE, CALL = 40e9, 100e9, 1e-6  # bytes in a second, and seconds: near those of lesson 13b's page


@dataclass(frozen=True)
class State:
    """layer: its shape in words. few: channels in a block. cache: of one core, in MB."""

    layer: str
    few: int
    cache: float


@dataclass(frozen=True)
class Frame:
    """What `Blocks` shows.

    megabytes: of a block of one array. from_memory: by step, how many passes go to memory; the others find
    their block in the cache. seconds: for each of SIZES, the time that is reckoned.
    """

    state: State
    megabytes: float
    from_memory: dict[str, int]
    seconds: np.ndarray

    @property
    def fits(self) -> bool:
        return AT_ONCE * self.megabytes <= self.state.cache

    @property
    def quickest(self) -> int:
        return SIZES[int(np.argmin(self.seconds))]


class Blocks(Lab):
    """Cut a layer's channels into blocks: what comes from memory, and how long will it take?

    Controls: layer, few, cache. Each block goes through six steps, forward and backward. While it fits in the
    cache, memory is needed for the first sight of x, y, x again, dy and dx: 5 passes of 22.

    What surprises: the smallest block is not always the quickest. Each block costs 40 calls of NumPy, and
    these take longer than the work where a channel is small.

    Nothing is measured: the seconds are reckoned, with 40 GB/s from memory, 100 GB/s from the cache and
    1 µs a call: so they come near what lesson 13b measures for one channel in a block.

    >>> lab = Blocks(few=1)
    >>> sum(lab.frame.from_memory.values())
    5
    >>> lab.set(few=64)
    >>> sum(lab.frame.from_memory.values())
    22
    """

    title = "A block that fits in the cache"
    look = "Each dot is a pass over an array. Which block has few orange dots and costs few calls?"
    State = State
    panels = (1, 1)

    def controls(self):
        block, core = "channels that are worked on at once", "what one core keeps close at hand"
        return {
            "layer": controls.choice(
                "Layer", "samples × channels × positions", [*LAYERS], next(iter(LAYERS))
            ),
            "few": controls.steps("Channels in a block", block, SIZES, 1),
            "cache": controls.steps("Cache (MB)", core, CACHES, 2),
        }

    @staticmethod
    def compute(state):
        seconds = [_seconds(LAYERS[state.layer], few, state.cache) for few in SIZES]
        megabytes = _megabytes(LAYERS[state.layer], state.few)
        fits = AT_ONCE * megabytes <= state.cache
        from_memory = {step: first if fits else passes for step, (passes, first) in STEPS.items()}
        return Frame(state, megabytes, from_memory, np.array(seconds))

    def background(self, axes, state):
        passes, time = axes
        title = "Passes over an array"
        figures.frame(passes, title=title, x="passes", xlim=(0, 12), ylim=(len(STEPS) + 0.6, 0.4))
        passes.set_yticks(range(1, len(STEPS) + 1), list(STEPS))
        passes.grid(False)
        names = {"moved": "memory", "data": "cache"}
        figures.key(passes, names, markers=True, place="upper right")
        across = {"x": "channels in a block", "xlim": (0.9, 72), "ylim": (0, 30)}
        figures.frame(time, title="Reckoned time (ms)", log="x", **across)
        time.set_xticks(SIZES, [str(few) for few in SIZES])
        time.minorticks_off()

    def draw(self, axes, frame):
        passes, time = axes
        for row, (step, (every, _)) in enumerate(STEPS.items(), start=1):
            first = frame.from_memory[step]
            for role, there in (("moved", range(first)), ("data", range(first, every))):
                places = np.array(there) + 1.0
                figures.dots(places, np.full(len(places), row), limits=(0, 12), ax=passes, role=role, size=7)
        milliseconds = 1000 * frame.seconds
        figures.curve(SIZES, milliseconds, ax=time, role="truth")
        here = SIZES.index(frame.state.few)
        place = [milliseconds[here]]
        figures.dots([frame.state.few], place, limits=(0, 30), ax=time, role="with_bn", size=10)

    def read(self, frame):
        state = frame.state
        memory, blocks = sum(frame.from_memory.values()), -(-LAYERS[state.layer][1] // state.few)
        kept = f"{AT_ONCE} of them {'fit' if frame.fits else 'do not fit'} in {state.cache:g} MB of cache"
        ms = 1000 * frame.seconds[SIZES.index(state.few)]
        return (
            f"A block of {state.few} channel{'s' * (state.few > 1)} has {frame.megabytes:.2f} MB; {kept}. "
            f"{memory} of 22 passes go to memory, and {blocks} blocks cost {CALLS * blocks} calls. "
            f"Reckoned: {ms:.1f} ms; quickest here with {frame.quickest} in a block."
        )


def _megabytes(layer: tuple[int, int, int], few: int) -> float:
    """Of a block of one float32 array."""
    samples, _, positions = layer
    return 4 * samples * few * positions / 1e6


def _seconds(layer: tuple[int, int, int], few: int, cache: float) -> float:
    """For the whole layer, in blocks of so many channels."""
    channels = layer[1]
    passes, first = (sum(numbers) for numbers in zip(*STEPS.values(), strict=True))
    from_memory = first if AT_ONCE * _megabytes(layer, few) <= cache else passes
    whole = 1e6 * _megabytes(layer, channels)
    moved = whole * (from_memory / MEMORY + (passes - from_memory) / CACHE)
    return moved + CALLS * CALL * channels / few
