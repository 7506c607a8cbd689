"""A check: runs a learner's answer on probes, and says what it sees."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import standing
from .answers import OddAnswer, as_function, described
from .blank import is_blank
from .comparing import agree, is_right
from .everywhere import DIGITS_LOST, INPUT_MODIFIED, arguments_swapped, returns_swapped, without_effect
from .exercise import Exercise, in_double
from .naming import Diagnosis, diagnose, named
from .running import Observed, Probe, Runs
from .settings import settings_kept
from .verdict import NOT_ATTEMPTED, NOT_YET, PASSED, Verdict

IMPRECISE_WITHIN = 0.03
_this_thread = threading.local()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """A check that is called by the code that a check runs ends that code at once."""
    if getattr(_this_thread, "is_checking", False):
        raise OddAnswer(
            "Your function calls a check. Move that line out of it: it must begin at the left margin."
        )
    _this_thread.is_checking = True
    try:
        yield
    finally:
        _this_thread.is_checking = False


@dataclass(frozen=True, eq=False)
class Check(Exercise):
    """The check of an `Exercise`. Call it with the learner's function or class; it returns a Verdict.

    It never raises (Ctrl-C excepted), never hangs, and leaves the settings of the kernel as they were.
    """

    def __call__(self, answer: Any, *, seed: int = 0) -> Verdict:
        """Check a learner's answer. `seed` chooses other random probes."""
        verdict = self.judge(answer, seed)
        standing.note(verdict)
        return verdict

    def judge(self, answer: Any, seed: int = 0) -> Verdict:
        """The verdict, without a note in the standing."""
        with one_at_a_time(), settings_kept():
            if is_blank(answer):
                return Verdict(self.name, NOT_ATTEMPTED, hints=self.hints)
            try:
                runs = Runs(self.own_trial(), self.checked(answer))
            except OddAnswer as error:
                return self.verdict(NOT_YET, Diagnosis(str(error)))
            probes = self.probes(np.random.default_rng(seed))
            seen = runs.on([*probes, probes[0]])
            return self.verdict(*self.decided(answer, runs, probes, seen, seed), seen)

    def checked(self, answer: Any) -> Any:
        """The answer, ready to be called. Raises OddAnswer for one that is not what the exercise asks for."""
        what = "class" if self.is_of_class() else "function"
        if not callable(answer) or isinstance(answer, type) != self.is_of_class():
            given = "a class" if isinstance(answer, type) else described(answer)
            raise OddAnswer(f"{self.name} is {given}, expected a {what}.")
        return answer if self.is_of_class() else as_function(answer, self.takes)

    def decided(
        self, answer: Any, runs: Runs, probes: list[Probe], seen: list[Observed], seed: int
    ) -> tuple[str, Diagnosis]:
        """State and diagnosis, from what was observed on the probes and on the first of them again."""
        *seen, again = seen
        expected = [self.expected(probe) for probe in probes]
        if seen[0].failure == "not written" and not seen[0].values:
            return NOT_ATTEMPTED, Diagnosis("" if seen[0].error == "NotImplementedError" else seen[0].words)
        if not seen[0].failure and not agree(again.values, seen[0].values):
            return NOT_YET, Diagnosis(
                again.words
                or "Your code gives different results for the same input. Does it use random numbers, "
                "or change something outside the function that it uses again?"
            )
        if not all(is_right(run, right) for run, right in zip(seen, expected, strict=True)):
            return NOT_YET, self.diagnosis(answer, runs, probes, expected, seen)
        if modified := sorted({name for run in seen for name in run.modified}):
            return NOT_YET, named(self, [INPUT_MODIFIED], f"It changes {', '.join(modified)}.")
        return self.decided_on_hard_probes(runs, seed)

    def diagnosis(
        self, answer: Any, runs: Runs, probes: list[Probe], expected: list, seen: list
    ) -> Diagnosis:
        """Of a wrong answer: what can go wrong in every exercise, and what in this one."""
        if found := arguments_swapped(self, answer) or returns_swapped(self, expected, seen):
            return named(self, [found])
        diagnosis = diagnose(self, probes, expected, seen)
        if not diagnosis.keys and (found := without_effect(self, runs, probes, seen)):
            if found.key:
                return named(self, [found], diagnosis.why, diagnosis.details)
            return replace(diagnosis, why=f"{diagnosis.why}\nAnd {found.title}. {found.why}")
        return diagnosis

    def decided_on_hard_probes(self, runs: Runs, seed: int) -> tuple[str, Diagnosis]:
        """The same for code that is right so far: are digits lost where the mean is large?"""
        for probe in self.hard_probes(np.random.default_rng(seed)):
            right = self.expected(probe)
            single, double = runs.on([probe, in_double(probe)])
            if is_right(single, right, IMPRECISE_WITHIN):
                continue
            if is_right(double, right, IMPRECISE_WITHIN):
                return NOT_YET, named(self, [DIGITS_LOST])
            words = single.words or "the values are off."
            return NOT_YET, Diagnosis(f"It is right on small numbers. Where the mean is large: {words}")
        return PASSED, Diagnosis("")

    def verdict(self, state: str, diagnosis: Diagnosis, seen: list[Observed] | tuple = ()) -> Verdict:
        """The verdict, with what the code printed."""
        return Verdict(
            self.name,
            state,
            diagnosis.why,
            diagnosis.keys,
            diagnosis.details,
            next((run.printed for run in seen if run.printed), ""),
            (*self.hints[:2], diagnosis.mend or self.hints[2]),
        )
