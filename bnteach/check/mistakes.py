"""A mistake: the wrong line as a learner writes it, and what is confused in it."""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass

from .recipe import Lines, Recipe, lines_of, names_in

HEAD = re.compile(r"(?P<key>[a-z]\w*): (?P<title>.+)")
Place = tuple[str, str]  # a lesson, and a section of it


@dataclass(frozen=True)
class Mistake:
    """One or more lines of a recipe, written wrongly.

    key: its short name, as `Verdict.mistake` gives it.
    title: what the code does, in a few words: "the variance divides by n − 1".
    lines: the wrong lines, by the names that they give.
    why: what is confused with what, and what follows; empty for a slip.
    lesson: what explains it; None stands for the section of the exercise.
    """

    key: str
    title: str
    lines: Lines
    why: str = ""
    lesson: Place | None = None

    def in_recipe(self, recipe: Recipe) -> Recipe:
        """The recipe with this mistake in it."""
        return recipe.with_lines(self.lines)

    def right_lines(self, recipe: Recipe) -> str:
        """What to write instead."""
        return "; ".join(f"{name} = {recipe.steps[name]}" for name in self.lines)


def mistakes_in(text: str) -> list[Mistake]:
    """Mistakes as text, with an empty line between two of them. A line `> lesson: section` stands above those
    that it explains.

    >>> (mistake,) = mistakes_in('''
    ...     > 02_normalize: Subtract, divide
    ...
    ...     eps_outside: ε is outside the root
    ...         inv_std = 1 / (np.sqrt(var) + eps)
    ...         | √σ² + ε is not √(σ² + ε).
    ... ''')
    >>> mistake.key, mistake.lines, mistake.lesson
    ('eps_outside', {'inv_std': '1 / (np.sqrt(var) + eps)'}, ('02_normalize', 'Subtract, divide'))
    """
    found, lesson = [], None
    for block in re.split(r"\n\s*\n", text.strip()):
        first, *rest = [line.strip() for line in block.strip().splitlines()]
        if first.startswith(">"):
            lesson = tuple(first.removeprefix(">").strip().split(": ", 1))
        else:
            found.append(one_mistake(first, rest, lesson))
    return found


def one_mistake(first: str, rest: list[str], lesson: Place | None) -> Mistake:
    """Its head, the wrong lines, and after a bar each line of what is confused."""
    head = HEAD.fullmatch(first)
    if head is None:
        raise ValueError(f"the first line of a mistake is {first!r}, expected `key: title`")
    code = "\n".join(line for line in rest if not line.startswith("|"))
    why = " ".join(line.removeprefix("|").strip() for line in rest if line.startswith("|"))
    try:
        lines = lines_of(ast.parse(code).body)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{head['key']}: {error}") from None
    return Mistake(head["key"], head["title"], lines, why, lesson)


def problem_with(mistake: Mistake, recipe: Recipe) -> str:
    """Why a mistake cannot happen in a recipe, in words; empty when it can."""
    values = {*recipe.takes, *recipe.steps}
    if not mistake.lines:
        return "it has no line `name = expression`"
    for name, text in mistake.lines.items():
        if name not in recipe.steps:
            return f"it gives {name}, expected one of {', '.join(recipe.steps)}"
        unknown = names_in(text) - values - {*recipe.scope, *vars(builtins)}
        if unknown or name in names_in(text):
            which = min(unknown) if unknown else name
            return f"{name} is made of {which}, expected some of {', '.join(sorted(values - {name}))}"
    return ""
