"""What an exercise is: the right answer, inputs, hints, mistakes, and how an answer is run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from .answers import unpacked
from .comparing import Values
from .mistakes import Mistake, mistakes_in, problem_with
from .recipe import Recipe, recipe_of
from .running import Observed, Probe, Trial, rehearse
from .slips import slips_of
from .verdict import Verdict

MOST = 900  # of the slips in a long recipe only those that people make most often


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise, as data; `Check` in checking.py judges answers to it.

    What cannot work raises ValueError: when it is made, or, for values and mistakes, when it is first used.

    right: the right answer, as a plain function: lines `name = expression`, then `return` and names.
    probes: from a random generator to a list of inputs. The first is small enough to read; the others have
        random values, off-center, with N ≥ 3 and unequal sizes.
    hints: a text of three lines, the last nearly the answer; kept as a tuple.
    lesson: the lesson and section that the exercise belongs to.
    mistakes: texts that `mistakes_in` reads.
    hard_probes: the same as probes, for float32 inputs on which right formulas lose digits.
    name: of the check, and of what the learner writes; the name of `right` if it is not given.
    takes: names of the arguments of the learner's function, if they are not those of `right`.
    answer: from a recipe to an answer as a learner writes it; how the mistakes are run. If it is not given: a
        function.
    trial: runs an answer on inputs and gives (name, value) pairs. If it is not given: one call.
    has_slips: whether small slips in the lines of `right` are looked for.
    tell: from what was observed, what is off in words; where the values themselves tell a learner nothing.
    """

    right: Callable[..., Any]
    probes: Callable[[np.random.Generator], list[Probe]]
    hints: str | tuple[str, ...]
    lesson: tuple[str, str]
    mistakes: tuple[str, ...] = ()
    hard_probes: Callable[[np.random.Generator], list[Probe]] = lambda rng: []
    name: str = ""
    takes: tuple[str, ...] = ()
    answer: Callable[[Recipe], Any] | None = None
    trial: Callable[[Any, Mapping[str, Any]], Iterable[tuple[str, Any]]] | None = None
    has_slips: bool = True
    tell: Callable[[list[Observed]], str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.right.__name__)
        if isinstance(self.hints, str):  # in a copy by dataclasses.replace it is a tuple already
            lines = (" ".join(line.split()) for line in self.hints.splitlines())
            object.__setattr__(self, "hints", tuple(lines))
        for field, number, texts in (
            ("hints", 3, "3 lines"),
            ("lesson", 2, "2 texts"),
            ("mistakes", None, "texts"),
        ):
            given = getattr(self, field)
            if not isinstance(given, tuple) or number not in (None, len(given)):
                raise ValueError(f"{self.name}: {field} is {given!r}, expected a tuple of {texts}")
        object.__setattr__(self, "takes", self.takes or self.recipe.takes)

    @cached_property
    def recipe(self) -> Recipe:
        return recipe_of(self.right)

    @cached_property
    def known(self) -> dict[str, Mistake]:
        """The mistakes that have words of their own, by key. A teacher's own are added here."""
        return reduce(self.with_more, self.mistakes, {})

    def with_more(self, known: dict[str, Mistake], text: str) -> dict[str, Mistake]:
        """These mistakes and those of a text. Raises ValueError for one that cannot happen here."""
        more = dict(known)
        try:
            for mistake in mistakes_in(text):
                if problem := problem_with(mistake, self.recipe, more):
                    raise ValueError(f"{mistake.key}: {problem}")
                more[mistake.key] = mistake
        except ValueError as error:
            raise ValueError(f"{self.name}, {error}") from None
        return more

    @cached_property
    def slips(self) -> list[Mistake]:
        """Small slips in the lines of the right answer."""
        return slips_of(self.recipe)[:MOST] if self.has_slips else []

    def is_of_class(self) -> bool:
        """True when the learner writes a class: its name begins with a capital letter."""
        return self.name[0].isupper()

    def verdict(self, state: str, why: str = "", mend: str = "", **more: Any) -> Verdict:
        """A verdict of this exercise. `mend` stands in the place of the last hint."""
        return Verdict(self.name, state, why, hints=(*self.hints[:2], mend or self.hints[2]), **more)

    @property
    def own_trial(self) -> Trial:
        return self.trial or self.call_function

    def call_function(self, answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        """The usual trial: call the function once."""
        names = self.recipe.returns
        return zip(names, unpacked(names, answer(*(inputs[name] for name in self.takes))), strict=True)

    def answer_from(self, recipe: Recipe) -> Any:
        """An answer as a learner writes it whose every value comes from the recipe."""
        if self.answer:
            return self.answer(recipe)

        def answer(*inputs: Any) -> Any:
            found = recipe.values(dict(zip(self.takes, inputs, strict=True)), recipe.returns)
            results = tuple(found[name] for name in recipe.returns)
            return results if len(results) > 1 else results[0]

        return answer

    def expected(self, probe: Probe) -> Values:
        """The right values. Raises ValueError where the right answer has none."""
        run = self.run_with(probe)
        if run.failure or not run.values:
            why = run.words or "it gives no values."
            raise ValueError(f"{self.name}: the right answer fails with {', '.join(probe)}. {why}")
        return run.values

    def run_with(self, probe: Probe, **others: Any) -> Observed:
        """A run of the right answer, in float64 whatever the dtype of the probe. `others` replace inputs."""
        return self.observed_of(self.recipe, in_double({**probe, **others}))

    def observed_of(self, recipe: Recipe, probe: Probe, like: Observed | None = None) -> Observed:
        """What the check would observe of a learner who wrote this recipe, up to what is not as in `like`."""
        return rehearse(self.own_trial, self.answer_from(recipe), probe, like)


def in_double(probe: Probe) -> Probe:
    """The probe with its floating-point arrays in float64."""
    return {
        name: value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
        for name, value in probe.items()
    }
