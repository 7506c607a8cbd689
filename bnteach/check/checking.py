"""A check: runs a learner's answer on probes, and says what it sees."""

from __future__ import annotations

import dis
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import standing
from .answers import unpacked
from .catalogue import CATALOGUE
from .comparing import same
from .diagnosis import Diagnosis, diagnose
from .mistake import Mistake
from .recipe import Recipe
from .running import Observed, Trial, observe
from .verdict import NOT_ATTEMPTED, NOT_YET, PASSED, Verdict

SECONDS = 5.0  # for all the probes of a check together
IMPRECISE_WITHIN = 0.03


@dataclass(frozen=True, eq=False)
class Check:
    """The check of one exercise. Call it with the learner's function or class; it returns a Verdict.

    It never raises (Ctrl-C excepted), never hangs, and leaves the kernel as it was.

    name: name of the check; also of the function or class that the learner writes.
    takes: names of the arguments of the learner's function, in order.
    recipe: the right computation, in steps.
    probes: from a random generator to a list of inputs. The first is small enough to read; the others have
        random values, off-centre, with N ≥ 3 and unequal sizes.
    hard_probes: the same for float32 inputs on which right formulas lose digits.
    hints: three, the last nearly the answer.
    lesson: the lesson and section that the exercise belongs to.
    make: from a recipe to an answer as a learner might write it; how the catalogue's mistakes are run.
    trial: runs an answer on inputs and gives (name, value) pairs.
    """

    name: str
    takes: tuple[str, ...]
    recipe: Recipe
    probes: Callable[[np.random.Generator], list[dict[str, Any]]]
    hints: tuple[str, str, str]
    lesson: tuple[str, str]
    hard_probes: Callable[[np.random.Generator], list[dict[str, Any]]] | None = None
    make: Callable[[Check, Recipe], Any] | None = None
    trial: Callable[[Check], Trial] | None = None

    def __call__(self, answer: Any, *, seed: int = 0) -> Verdict:
        """Check a learner's answer. `seed` chooses other random probes."""
        verdict = self.judge(answer, seed)
        standing.note(verdict)
        return verdict

    def judge(self, answer: Any, seed: int) -> Verdict:
        """The verdict, without a note in the standing."""
        if is_blank(answer):
            return self.verdict(NOT_ATTEMPTED, "")
        if not callable(answer):
            return self.verdict(
                NOT_YET, f"{self.name} is a {type(answer).__name__}, expected a function or class."
            )
        probes = self.probes(np.random.default_rng(seed))
        expected = [self.expected(probe) for probe in probes]
        seen = self.observe_all(answer, probes)
        if seen[0].failure == "not written" and not seen[0].values:
            return self.verdict(NOT_ATTEMPTED, "")
        if all(is_right(one, right) for one, right in zip(seen, expected, strict=True)):
            return self.judge_right(answer, seen, seed)
        return self.explained(diagnose(self, probes, expected, seen), seen)

    def judge_right(self, answer: Any, seen: list[Observed], seed: int) -> Verdict:
        """The verdict when all values are right: is an input modified, are digits lost on hard data?"""
        modified = sorted({name for one in seen for name in one.modified})
        if modified:
            return self.explained(self.known("input_modified", f"It changes {', '.join(modified)}."), seen)
        hard = self.hard_probes(np.random.default_rng(seed)) if self.hard_probes else []
        for probe in hard:
            right = self.expected(probe)
            if is_right(self.observe_all(answer, [probe])[0], right, IMPRECISE_WITHIN):
                continue
            finer = {k: v.astype(np.float64) if isinstance(v, np.ndarray) else v for k, v in probe.items()}
            if is_right(self.observe_all(answer, [finer])[0], right, IMPRECISE_WITHIN):
                return self.explained(self.known("digits_lost"), seen)
            return self.explained(
                Diagnosis("It is right on small numbers, and wrong where the mean is large."), seen
            )
        return self.verdict(PASSED, "", seen=seen)

    def known(self, key: str, more: str = "") -> Diagnosis:
        """The diagnosis for a mistake that shows in other ways than by its values."""
        return Diagnosis.of([CATALOGUE[key]], more)

    def observe_all(self, answer: Any, probes: list[dict[str, Any]]) -> list[Observed]:
        """Run the answer on every probe, all within SECONDS; stops at a probe that is not survived."""
        trial = self.trial(self) if self.trial else self.call_function
        end, seen = time.monotonic() + SECONDS, []
        for probe in probes:
            seen.append(observe(trial, answer, probe, max(end - time.monotonic(), 0.1)))
            if seen[-1].failure in ("time", "memory", "exit", "recursion"):
                blank = Observed(failure=seen[-1].failure, words=seen[-1].words, error=seen[-1].error)
                seen += [blank] * (len(probes) - len(seen))
                break
        return seen

    def call_function(self, answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        """The usual trial: call the function once."""
        names = self.recipe.returns
        return zip(names, unpacked(names, answer(*(inputs[name] for name in self.takes))), strict=True)

    def answer_from(self, recipe: Recipe) -> Any:
        """A recipe as an answer that a learner might write."""
        return self.make(self, recipe) if self.make else self.function_from(recipe)

    def function_from(self, recipe: Recipe) -> Callable[..., Any]:
        def answer(*values: Any) -> Any:
            found = recipe.values(dict(zip(self.takes, values, strict=True)), recipe.returns)
            results = tuple(found[name] for name in recipe.returns)
            return results if len(results) > 1 else results[0]

        return answer

    def expected(self, probe: dict[str, Any]) -> dict[str, np.ndarray]:
        """The right values, in float64 whatever the dtype of the probe."""
        finer = {
            name: value.astype(np.float64)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"
            else value
            for name, value in probe.items()
        }
        return self.observed_of(self.recipe, finer).values

    def observed_of(self, recipe: Recipe, probe: dict[str, Any]) -> Observed:
        """What the check would observe of a learner who wrote this recipe."""
        return observe(
            self.trial(self) if self.trial else self.call_function, self.answer_from(recipe), probe, SECONDS
        )

    def mistakes(self) -> list[Mistake]:
        """The mistakes of the catalogue that can happen here."""
        return [mistake for mistake in CATALOGUE.values() if self.name in mistake.checks]

    def explained(self, diagnosis: Diagnosis, seen: list[Observed]) -> Verdict:
        hints = (*self.hints[:2], diagnosis.mend or self.hints[2])
        return self.verdict(NOT_YET, diagnosis.why, seen, hints, diagnosis.keys, diagnosis.details)

    def verdict(self, state, why, seen=(), hints=None, mistakes=(), details=()) -> Verdict:
        repaired = sorted({name for one in seen for name in one.repaired})
        notes = [f"Your code had replaced {', '.join(repaired)}; that is put back."] if repaired else []
        printed = seen[0].printed if seen else ""
        return Verdict(
            self.name, state, why, tuple(mistakes), (*details, *notes), printed, tuple(hints or self.hints)
        )


def is_right(seen: Observed, expected: dict[str, np.ndarray], within: float | None = None) -> bool:
    """True when nothing failed and every quantity agrees."""
    tolerance = {} if within is None else {"within": within}
    return seen.failure is None and all(
        name in seen.values and same(seen.values[name], value, **tolerance)
        for name, value in expected.items()
    )


def is_blank(answer: Any) -> bool:
    """True for None, `...`, and a function that has nothing in it but a docstring, `pass` or `...`."""
    code = getattr(answer, "__code__", None)
    if code is None:
        return answer is None or answer is ...
    nothing = (None, ..., answer.__doc__)
    return all(
        step.opname in ("RESUME", "NOP", "POP_TOP", "RETURN_VALUE")
        or (step.opname in ("LOAD_CONST", "RETURN_CONST") and step.argval in nothing)
        for step in dis.get_instructions(code)
    )
