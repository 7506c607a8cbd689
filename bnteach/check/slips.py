"""Small slips, made from the right lines: a sign, a forgotten factor, another axis, a wrong power."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from .mistakes import Mistake
from .recipe import Recipe

Slip = tuple[str, str]  # in words, and what stands in the place of the expression
OPPOSITE = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*"}
COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
DONE = {"+": "added", "-": "subtracted", "*": "multiplied", "/": "divided"}
INSTEAD = {
    "mean": "sum",
    "sum": "mean",
    "var": "std",
    "std": "var",
    "minimum": "maximum",
    "maximum": "minimum",
}
INSTEAD |= {"abs": "sign", "sign": "abs"}


def slips_of(recipe: Recipe) -> list[Mistake]:
    """Every slip in one line of the recipe, each once, and those that people make most often first."""
    found: dict[tuple[str, str], str] = {}
    steps = list(recipe.steps)
    above = {step: [*recipe.takes, *steps[:number]] for number, step in enumerate(steps)}
    for kind in (operations, comparisons, functions, axes, brackets, powers, names, factors):
        for step, text in recipe.steps.items():
            for words, line in changed(text, kind, above[step]):
                if line != text:
                    found.setdefault((step, line), f"in `{step}` {words}")
    for step in steps:
        for name in above[step]:
            found.setdefault((step, name), f"`{step}` is simply {name}")
    return [Mistake(f"slip_in_{step}", words, {step: line}) for (step, line), words in found.items()]


def changed(text: str, kind: Callable[..., Iterator[Slip]], above: list[str]) -> Iterator[Slip]:
    """A line with a slip of this kind in one place, for each place. `above`: the values that it may use."""
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.expr) and not isinstance(node, ast.Slice) and is_read(node):
            for words, new in kind(node, above):
                whole = f"{text[: node.col_offset]}({new}){text[node.end_col_offset :]}"
                yield words, ast.unparse(ast.parse(whole, mode="eval"))


def is_read(node: ast.expr) -> bool:
    return isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def operations(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """A term or factor is forgotten; + for −, × for ÷, sides changed; a minus, an `and` that is an `or`."""
    if isinstance(node, ast.BinOp):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        yield f"{'** ' * isinstance(node.op, ast.Pow)}{right} is forgotten", left
        alone = {ast.Div: f"1 / ({right})", ast.Sub: f"-({right})"}
        yield f"{left} is forgotten", alone.get(type(node.op), right)
        if other := OPPOSITE.get(type(node.op)):
            was = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}[type(node.op)]
            yield f"{right} is {DONE[other]}, not {DONE[was]}", f"({left}) {other} ({right})"
            if was == "*":
                yield f"{left} is divided by, not multiplied", f"({right}) / ({left})"
            if was in "-/":
                yield f"{left} and {right} have changed sides", f"({right}) {was} ({left})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield f"the minus before {ast.unparse(node.operand)} is forgotten", ast.unparse(node.operand)
    if isinstance(node, ast.BoolOp):
        word, right = ("or", "and") if isinstance(node.op, ast.And) else ("and", "or")
        yield f"`{word}` stands where `{right}` belongs", f" {word} ".join(map(ast.unparse, node.values))
        for part in node.values if len(node.values) == 2 else ():
            other = node.values[part is node.values[0]]
            yield f"`{ast.unparse(part)}` is forgotten", ast.unparse(other)


def comparisons(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """Above for below; the limit itself counts, or does not."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED and len(node.ops) == 1:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        was = COMPARED[type(node.ops[0])]
        for sign in COMPARED.values():
            yield f"`{sign}` stands where `{was}` belongs", f"({left}) {sign} ({right})"


def functions(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """A function is forgotten, or a similar one is called."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    name, whole, text = node.func.attr, ast.unparse(node.func.value), ast.unparse(node)
    if name == "sqrt":
        yield (
            f"{ast.unparse(node.args[0])} is squared, where its root belongs",
            f"({ast.unparse(node.args[0])}) ** 2",
        )
    if name in (*INSTEAD, "sqrt"):
        yield f"{name} is forgotten", ast.unparse(node.args[0]) if whole == "np" and node.args else whole
    if name in INSTEAD:
        yield (
            f"{INSTEAD[name]} stands where {name} belongs",
            text.replace(f".{name}(", f".{INSTEAD[name]}(", 1),
        )


def axes(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """The axis is missing or another one; keepdims is missing; a vector is spread along the other axis."""
    if isinstance(node, ast.Call):
        text, options = ast.unparse(node), {word.arg: ast.unparse(word.value) for word in node.keywords}
        if "axis" in options:
            call = ast.unparse(ast.Call(node.func, node.args, []))[:-1] + (", " if node.args else "")
            other = "1" if options["axis"] == "0" else "0"
            yield f"{text} lacks its axis", f"{call.removesuffix(', ')})"
            yield f"{text} runs along axis {other}", f"{call}axis={other})"
            yield f"{text} runs along axis {other}", f"{call}axis={other}, keepdims=True)"
            if "keepdims" in options:
                yield f"{text} lacks keepdims=True", f"{call}axis={options['axis']})"
    if isinstance(node, ast.Subscript) and "None" in ast.unparse(node.slice):
        text, value = ast.unparse(node), ast.unparse(node.value)
        yield f"{text} stands without its {text.removeprefix(value)}", value
    if isinstance(node, ast.Name):
        yield f"{node.id} is spread along the rows", f"{node.id}[:, None]"


def brackets(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """Brackets around a sum are missing, or are set where there are none."""
    if not isinstance(node, ast.BinOp):
        return
    left, right, op = node.left, node.right, type(node.op)
    for inner, outer in ((left, right), (right, left)):
        if not isinstance(inner, ast.BinOp):
            continue
        a, b, other = (ast.unparse(part) for part in (inner.left, inner.right, outer))
        is_sum, sign = isinstance(inner.op, (ast.Add, ast.Sub)), "+" if isinstance(inner.op, ast.Add) else "-"
        if is_sum and op in (ast.Mult, ast.Div, ast.Pow):
            text, by = ast.unparse(inner), {ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}[op]
            late = f"{a} {sign} ({b}) {by} ({other})" if inner is left else f"({other}) {by} ({a}) {sign} {b}"
            yield f"the brackets around {text} are missing", late
        if isinstance(inner.op, (ast.Mult, ast.Div)) and op in (ast.Add, ast.Sub):
            by, sign = "*" if isinstance(inner.op, ast.Mult) else "/", "+" if op is ast.Add else "-"
            early = (
                f"({a}) {by} (({b}) {sign} ({other}))"
                if inner is left
                else f"(({other}) {sign} ({a})) {by} ({b})"
            )
            yield f"{other} comes in before {by} is worked out", early


def powers(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """A root or a square too many, or `** 1/2`, which is half of it."""
    if isinstance(node, (ast.Name, ast.Call, ast.BinOp)):
        text = ast.unparse(node)
        yield f"{text} is squared", f"({text}) ** 2"
        yield f"a root is taken of {text}", f"np.sqrt({text})"


def names(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """Another value that has a name stands where one belongs."""
    if isinstance(node, ast.Name) and node.id in above:
        for other in above:
            if other != node.id:
                yield f"{other} stands where {node.id} belongs", other


def factors(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """Doubled, halved, one too few or too many, 1 minus it, the wrong sign."""
    if isinstance(node, (ast.Name, ast.Call, ast.BinOp)):
        text = ast.unparse(node)
        yield f"1 is subtracted from {text}", f"({text}) - 1"
        yield f"1 is added to {text}", f"({text}) + 1"
        yield f"{text} has the wrong sign", f"-({text})"
        yield f"{text} is doubled", f"2 * ({text})"
        yield f"{text} is halved", f"({text}) / 2"
        yield f"1 minus {text} stands where {text} belongs", f"1 - ({text})"
