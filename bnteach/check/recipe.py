"""The right answer to an exercise, read from its source as named steps."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

STEP = "step: "  # begins the file name of a step's code, so that an error in it can be told with the line
TAUGHT = ("mean", "var", "x_hat", "dx_hat")  # steps that lessons and recipes name alike
Lines = dict[str, str]  # name of a value -> the expression that gives it


@dataclass(frozen=True)
class Recipe:
    """Named steps. A value is worked out when it is asked for, so the order of the steps does not matter.

    takes, returns: names of the inputs, and of what is returned, in order.
    scope: what the expressions may use besides: the globals of the function that was read.
    """

    steps: Lines
    takes: tuple[str, ...]
    returns: tuple[str, ...]
    scope: dict[str, Any] = field(default_factory=dict, repr=False)
    compiled: dict[str, tuple[Callable[..., Any], list[str]]] = field(default_factory=dict, repr=False)

    def with_lines(self, lines: Mapping[str, str]) -> Recipe:
        """The same recipe with other expressions for some of its steps."""
        return replace(self, steps={**self.steps, **lines})

    def values(self, inputs: Mapping[str, Any], names: list[str] | tuple[str, ...]) -> dict[str, Any]:
        """The named values, worked out from the inputs. Raises KeyError for a value that nothing computes."""
        known = dict(inputs)

        def value(name: str) -> Any:
            if name not in known:
                step, needed = self.step(self.steps[name])
                known[name] = step(*map(value, needed))
            return known[name]

        return {name: value(name) for name in names}

    def step(self, text: str) -> tuple[Callable[..., Any], list[str]]:
        """An expression as a function, and the names of the values that it needs."""
        if text not in self.compiled:
            needed = sorted(names_in(text) & {*self.takes, *self.steps})
            code = compile(f"lambda {', '.join(needed)}: {text}", f"{STEP}{text}", "eval")
            self.compiled[text] = eval(code, self.scope), needed
        return self.compiled[text]

    def meaning(self, words: str) -> str:
        """What the names of steps in these words stand for, where neither lesson nor exercise has them."""
        new = [name for name in self.steps if name not in (*self.returns, *TAUGHT)]
        said = [name for name in new if name in re.findall(r"\w+", words) and self.steps[name] not in words]
        return f"Here {', '.join(f'{name} is {self.steps[name]}' for name in said)}." if said else ""


def recipe_of(function: Callable[..., Any]) -> Recipe:
    """The recipe that a plain function is. Raises ValueError, with the line, where it is none."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    *body, last = definition.body
    takes = tuple(inspect.signature(function).parameters)
    try:
        lines = lines_of(body, given=takes)
        return Recipe(lines, takes, names_returned(last, {*takes, *lines}), function.__globals__)
    except ValueError as error:
        raise ValueError(f"{function.__name__}: {error}") from None


def names_returned(line: ast.stmt, values: set[str]) -> tuple[str, ...]:
    """The names behind `return`. Raises ValueError for anything but names of values."""
    value = getattr(line, "value", None)
    names = [ast.unparse(part) for part in getattr(value, "elts", [value]) if part]
    if not isinstance(line, ast.Return) or not names or not values.issuperset(names):
        raise ValueError(f"the last line is {ast.unparse(line)!r}, expected `return` and names of lines")
    return tuple(names)


def lines_of(body: list[ast.stmt], given: tuple[str, ...] = ()) -> Lines:
    """Each `name = expression`, by its name. Raises ValueError for another line, or a name that is taken."""
    lines: Lines = {}
    for line in body:
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
            continue
        if not (isinstance(line, ast.Assign) and [type(target) for target in line.targets] == [ast.Name]):
            raise ValueError(f"the line is {ast.unparse(line)!r}, expected `name = expression`")
        name = line.targets[0].id
        if name in (*lines, *given):
            raise ValueError(
                f"the line is {ast.unparse(line)!r}, expected a name other than {name}: it is taken"
            )
        lines[name] = ast.unparse(line.value)
    return lines


def names_in(text: str) -> set[str]:
    """The names that an expression reads, but for those that it makes itself."""
    nodes = list(ast.walk(ast.parse(text, mode="eval")))
    made = {node.arg for node in nodes if isinstance(node, ast.arg)}
    made |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {node.id for node in nodes if isinstance(node, ast.Name)} - made
