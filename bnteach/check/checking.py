"""A check: runs a learner's answer on probes, and says what it sees."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import facts, standing
from .answers import OddAnswer, as_function, described, is_blank
from .comparing import IMPRECISE, agree
from .everywhere import DIGITS_LOST, INPUT_MODIFIED, arguments_swapped, returns_swapped, without_effect
from .evidence import Evidence, Run
from .exercise import Exercise, in_double
from .naming import diagnose, named
from .running import FATAL, Observed, Runs
from .shelter import settings_kept
from .verdict import NOT_ATTEMPTED, NOT_YET, PASSED, Verdict

CHANGEABLE = (
    "Your code gives different results for the same input. Does it use random numbers, or change something "
    "outside the function that it uses again?"
)
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
                return self.verdict(NOT_ATTEMPTED)
            try:
                runs = Runs(self.own_trial, self.checked(answer))
            except OddAnswer as error:
                return self.verdict(NOT_YET, str(error))
            probes = self.probes(np.random.default_rng(seed))
            expected = [self.expected(probe) for probe in probes]
            *seen, again = runs.on([*probes, probes[0]])
            evidence = Evidence(self, list(map(Run, probes, expected, seen)))
            verdict = self.if_odd(evidence, again) or self.if_wrong(evidence, answer)
            verdict = verdict or self.if_imprecise(evidence, runs, seed) or self.verdict(PASSED)
            return replace(verdict, printed=next((run.printed for run in seen if run.printed), ""))

    def checked(self, answer: Any) -> Any:
        """The answer, ready to be called. Raises OddAnswer for one that is not what the exercise asks for."""
        what = "class" if self.is_of_class() else "function"
        if not callable(answer) or isinstance(answer, type) != self.is_of_class():
            given = "a class" if isinstance(answer, type) else described(answer)
            raise OddAnswer(f"{self.name} is {given}, expected a {what}.")
        return answer if self.is_of_class() else as_function(answer, self.takes)

    def if_odd(self, evidence: Evidence, again: Observed) -> Verdict | None:
        """What can be said before values are compared; `again` is a second run on the first probe."""
        first = evidence.runs[0].seen
        if first.failure == "not written" and not first.values:
            return self.verdict(NOT_ATTEMPTED, "" if first.error == "NotImplementedError" else first.words)
        if not first.failure and not agree(again.values, first.values):
            return self.verdict(NOT_YET, again.words or CHANGEABLE)
        if any(run.seen.failure in FATAL for run in evidence.runs):
            return self.verdict(NOT_YET, facts.why(evidence))
        return None

    def if_wrong(self, evidence: Evidence, answer: Any) -> Verdict | None:
        """What can go wrong in every exercise, or in this one. None if all is right."""
        if all(run.seen.has(run.right) for run in evidence.runs):
            changes = f"It changes {', '.join(evidence.modified)}."
            return named(evidence, (INPUT_MODIFIED,), changes) if evidence.modified else None
        if found := arguments_swapped(self, answer) or returns_swapped(evidence):
            return named(evidence, (found,))
        verdict = diagnose(evidence)
        if verdict.mistakes or evidence.is_failed() or not (found := without_effect(evidence)):
            return verdict
        return named(evidence, (found,), verdict.why, verdict.details)

    def if_imprecise(self, evidence: Evidence, runs: Runs, seed: int) -> Verdict | None:
        """Of code that is right so far: are digits lost where the mean is large?"""
        for probe in self.hard_probes(np.random.default_rng(seed)):
            right = self.expected(probe)
            single, double = runs.on([probe, in_double(probe)])
            if single.has(right, IMPRECISE):
                continue
            if double.has(right, IMPRECISE):
                return named(evidence, (DIGITS_LOST,))
            words = single.words or "the values are off."
            return self.verdict(NOT_YET, f"It is right on small numbers. Where the mean is large: {words}")
        return None
