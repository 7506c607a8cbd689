"""The right answer to an exercise, read from its source as named steps."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Lines = dict[str, str]  # name of a value -> the expression that gives it


@dataclass(frozen=True)
class Recipe:
    """Named steps. A value is worked out when it is asked for, so the order of the steps does not matter.

    takes, returns: names of the inputs, and of what is returned, in order.
    scope: what the expressions may use besides: the globals of the function that was read.

    >>> area = Recipe({"area": "width * height"}, ("width", "height"), ("area",))
    >>> area.values({"width": 2, "height": 3}, ["area"])
    {'area': 6}
    >>> area.with_lines({"area": "width + height"}).values({"width": 2, "height": 3}, ["area"])
    {'area': 5}
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
            self.compiled[text] = eval(f"lambda {', '.join(needed)}: {text}", self.scope), needed
        return self.compiled[text]


def recipe_of(function: Callable[..., Any]) -> Recipe:
    """The recipe that a plain function is: lines `name = expression`, then `return` and names."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    *lines, last = definition.body
    returned = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
    takes = tuple(inspect.signature(function).parameters)
    return Recipe(lines_of(lines), takes, tuple(ast.unparse(name) for name in returned), function.__globals__)


def lines_of(body: list[ast.stmt]) -> Lines:
    """Each `name = expression`, by its name. Raises ValueError for any other line but a docstring."""
    lines = {}
    for line in body:
        if isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
            lines[line.targets[0].id] = ast.unparse(line.value)
        elif not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)):
            raise ValueError(f"the line is {ast.unparse(line)!r}, expected `name = expression`")
    return lines


def names_in(text: str) -> set[str]:
    """The names that an expression reads, but for those that it makes itself.

    >>> sorted(names_in("sum(n * share for n in sizes)"))
    ['share', 'sizes', 'sum']
    """
    nodes = list(ast.walk(ast.parse(text, mode="eval")))
    made = {node.arg for node in nodes if isinstance(node, ast.arg)}
    made |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {node.id for node in nodes if isinstance(node, ast.Name)} - made
