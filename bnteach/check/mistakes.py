"""A mistake: the wrong line as a learner writes it, and what is confused in it."""

import ast
import builtins
import re
from collections.abc import Container
from dataclasses import dataclass

from .recipe import Lines, Recipe, lines_of, names_in

HEAD = re.compile(r"(?P<key>[a-z][a-z0-9_]*): +(?P<title>.+)")
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
    """Mistakes as text, in the form of `check.add`, below `> lesson: section` where that explains them."""
    found, lesson = [], None
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in block.strip().splitlines()]
        if lines and lines[0].startswith(">"):
            lesson = place_in(lines.pop(0))
        if lines:
            found.append(one_mistake(lines[0], lines[1:], lesson))
    if not found:
        raise ValueError("the text has no mistake, expected `key: title` and wrong lines")
    return found


def place_in(line: str) -> Place:
    lesson, colon, section = line.removeprefix(">").strip().partition(": ")
    if not colon:
        raise ValueError(f"the line is {line!r}, expected `> lesson: section`")
    return lesson, section


def one_mistake(first: str, rest: list[str], lesson: Place | None) -> Mistake:
    """Its head, the wrong lines, and after a bar each line of what is confused."""
    head = HEAD.fullmatch(first)
    if head is None:
        raise ValueError(
            f"the first line of a mistake is {first!r}, expected `key: title`, the key in small letters"
        )
    code = "\n".join(line for line in rest if not line.startswith("|"))
    why = " ".join(line.removeprefix("|").strip() for line in rest if line.startswith("|"))
    try:
        lines = lines_of(ast.parse(code).body)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{head['key']}: {error}") from None
    return Mistake(head["key"], head["title"], lines, why, lesson)


def problem_with(mistake: Mistake, recipe: Recipe, known: Container[str] = ()) -> str:
    """Why a mistake cannot happen in a recipe, or beside the known ones; empty when it can."""
    if mistake.key in known:
        return "there is such a key already"
    values = {*recipe.takes, *recipe.steps}
    for name, text in mistake.lines.items():
        if name not in recipe.steps:
            return f"it gives {name}, expected one of {', '.join(recipe.steps)}"
        known = {*recipe.scope, *vars(builtins), *values} - {name}
        if unknown := names_in(text) - known:
            expected = ", ".join(sorted(values - {name}))
            return f"{name} is made of {min(unknown)}, expected some of {expected}"
    return ""
