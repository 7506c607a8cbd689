"""A check: runs a learner's answer on probes, and says what it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import standing
from ..answers import OddAnswer, as_function, described
from ..blank import is_blank
from ..comparing import agree, is_right
from ..running import Observed, Probe, Runs
from ..verdict import NOT_ATTEMPTED, NOT_YET, PASSED, Verdict
from .catalogue import CATALOGUE
from .diagnosis import Diagnosis, diagnose
from .exercise import Exercise, in_double

IMPRECISE_WITHIN = 0.03


@dataclass(frozen=True, eq=False)
class Check(Exercise):
    """The check of an `Exercise`. Call it with the learner's function or class; it returns a Verdict.

    It never raises (Ctrl-C excepted), never hangs, and leaves the kernel as it was.

    >>> from bnteach.check.recipe import Recipe
    >>> double = Check(
    ...     name="double",
    ...     takes=("x",),
    ...     recipe=Recipe({"doubled": lambda x: 2 * x}, returns=("doubled",)),
    ...     probes=lambda rng: [{"x": np.array([1.0, 2.0])}, {"x": rng.normal(3, 1, 5)}],
    ...     hints=("Twice.", "x and x.", "x + x"),
    ...     lesson=("01_measure_a_batch", "Scale"),
    ... )
    >>> double.judge(lambda x: x + x)
    ✓ double: passed
    >>> print(double.judge(lambda x: x).why)
    doubled is off.
    doubled: it equals x.
    """

    def __call__(self, answer: Any, *, seed: int = 0) -> Verdict:
        """Check a learner's answer. `seed` chooses other random probes."""
        verdict = self.judge(answer, seed)
        standing.note(verdict)
        return verdict

    def judge(self, answer: Any, seed: int = 0) -> Verdict:
        """The verdict, without a note in the standing."""
        if is_blank(answer):
            return Verdict(self.name, NOT_ATTEMPTED, hints=self.hints)
        try:
            runs = Runs(self.own_trial(), self.checked(answer))
        except OddAnswer as error:
            return self.verdict(NOT_YET, Diagnosis(str(error)))
        probes = self.probes(np.random.default_rng(seed))
        seen = runs.on([*probes, probes[0]])
        state, diagnosis = self.decided(runs, probes, seen, seed)
        return self.verdict(state, diagnosis, seen)

    def checked(self, answer: Any) -> Any:
        """The answer, ready to be called. Raises OddAnswer for one that is not what the exercise asks for."""
        what = "class" if self.is_of_class() else "function"
        if not callable(answer) or isinstance(answer, type) != self.is_of_class():
            given = "a class" if isinstance(answer, type) else described(answer)
            raise OddAnswer(f"{self.name} is {given}, expected a {what}.")
        return answer if self.is_of_class() else as_function(answer, self.takes)

    def decided(
        self, runs: Runs, probes: list[Probe], seen: list[Observed], seed: int
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
            return NOT_YET, diagnose(self, probes, expected, seen)
        if modified := sorted({name for run in seen for name in run.modified}):
            return NOT_YET, Diagnosis.of([CATALOGUE["input_modified"]], f"It changes {', '.join(modified)}.")
        return self.decided_on_hard_probes(runs, seed)

    def decided_on_hard_probes(self, runs: Runs, seed: int) -> tuple[str, Diagnosis]:
        """The same for code that is right so far: are digits lost where the mean is large?"""
        hard = self.hard_probes(np.random.default_rng(seed)) if self.hard_probes else []
        for probe in hard:
            right = self.expected(probe)
            single, double = runs.on([probe, in_double(probe)])
            if is_right(single, right, IMPRECISE_WITHIN):
                continue
            if is_right(double, right, IMPRECISE_WITHIN):
                return NOT_YET, Diagnosis.of([CATALOGUE["digits_lost"]])
            words = single.words or "the values are off."
            return NOT_YET, Diagnosis(f"It is right on small numbers. Where the mean is large: {words}")
        return PASSED, Diagnosis("")

    def verdict(
        self,
        state: str,
        diagnosis: Diagnosis,
        seen: list[Observed] | tuple = (),
    ) -> Verdict:
        """The verdict, with what else was seen: prints."""
        return Verdict(
            self.name,
            state,
            diagnosis.why,
            diagnosis.keys,
            diagnosis.details,
            next((run.printed for run in seen if run.printed), ""),
            (*self.hints[:2], diagnosis.mend or self.hints[2]),
        )
