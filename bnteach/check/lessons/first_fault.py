"""Exercises that are judged by facts, one after the other: the first that does not hold is the mistake."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..checking import Check
from ..mistakes import mistakes_in
from ..recipe import Recipe
from ..running import Observed, Probe
from ..verdict import Verdict

HEAD_OF_ONE = re.compile(r"^(?P<indent> *)(?P<key>[a-z][a-z0-9_]*): .+$", re.MULTILINE)
Facts = Iterator[tuple[str, bool]]  # key of a mistake, or a sentence -> whether it is absent


class KnownFault(Exception):
    """Ends the trial of an answer that the checker makes itself: its fault is known."""


class JudgedByFacts(Check):
    def judge(self, answer: Any, seed: int = 0) -> Verdict:
        """The last hint stays: `fault` is no line that a learner could write."""
        return replace(super().judge(answer, seed), hints=self.hints)


def first_fault():
    fault = "none"
    return fault


def with_fault(recipe: Recipe) -> Callable[..., Any]:
    def answer(*inputs: Any) -> Any:
        raise KnownFault(recipe.values({}, ["fault"])["fault"])

    return answer


def judged_by(
    facts: Callable[[Any, Mapping[str, Any]], Facts], text: str, others: Iterable[str] = (), **more: Any
) -> Check:
    """The check of such an exercise.

    facts: from an answer and inputs, in order.
    text: the mistakes, without lines: each gets the line `fault = "its key"`.
    others: sentences that `facts` may give in the place of a key.
    """
    text = HEAD_OF_ONE.sub(r'\g<0>\n\g<indent>    fault = "\g<key>"', text)
    titles = {mistake.key: mistake.title for mistake in mistakes_in(text)}
    others = list(others)
    names = ["none", *titles, *others]

    def trial(answer: Any, inputs: Probe) -> Iterable[tuple[str, Any]]:
        try:
            found = next((name for name, holds in facts(answer, inputs) if not holds), "none")
        except KnownFault as known:
            found = str(known)
        yield "fault", names.index(found)

    def tell(seen: list[Observed]) -> str:
        """The faults that have no words of their own, and those that show on some inputs alone."""
        found = [names[int(run.values["fault"])] for run in seen if "fault" in run.values]
        if len(set(found)) > 1:
            wrong = {titles.get(name, name): None for name in found if name != "none"}
            where = "some inputs, not with all" if "none" in found else "one input or another"
            return f"With {where}: {'; '.join(wrong)}."
        return found[0] if found and found[0] in others else ""

    return JudgedByFacts(
        first_fault, trial=trial, answer=with_fault, tell=tell, mistakes=(text,), has_slips=False, **more
    )
