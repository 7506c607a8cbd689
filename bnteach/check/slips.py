"""Small slips, made from the right lines: a sign, a forgotten factor, another axis, a wrong power."""

import ast
from collections.abc import Callable, Iterator
from itertools import permutations

from .mistakes import Mistake
from .recipe import TAUGHT, Recipe

Slip = tuple[str, str]  # in words, and what stands in the place of the expression
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
OPPOSITE = {"+": "-", "-": "+", "*": "/", "/": "*"}
DONE = {"+": "added", "-": "subtracted", "*": "multiplied", "/": "divided"}
PAIRS = (("mean", "sum"), ("var", "std"), ("minimum", "maximum"), ("abs", "sign"))
INSTEAD = {one: other for pair in PAIRS for one, other in (pair, pair[::-1])}
# Of any value: in words, and what stands in its place.
OF_A_VALUE = {
    "{0} is squared": "({0}) ** 2",
    "a root is taken of {0}": "np.sqrt({0})",
    "1 is subtracted from {0}": "({0}) - 1",
    "1 is added to {0}": "({0}) + 1",
    "{0} has the wrong sign": "-({0})",
    "{0} is doubled": "2 * ({0})",
    "{0} is halved": "({0}) / 2",
    "1 minus {0} stands where {0} belongs": "1 - ({0})",
}


def slips_of(recipe: Recipe) -> list[Mistake]:
    """Every slip in one line of the recipe, each once, and those that people make most often first."""
    steps = list(recipe.steps)
    above = {step: [*recipe.takes, *steps[:number]] for number, step in enumerate(steps)}
    last = [step for step in reversed(steps) if step in recipe.returns]
    found = {(step, f"-({recipe.steps[step]})"): f"`{step}` has the wrong sign" for step in last}
    for kind in (operations, comparisons, functions, axes, brackets, values, names):
        for step, text in recipe.steps.items():
            for words, line in changed(text, kind, above[step]):
                if line != text:
                    found.setdefault((step, line), told(recipe, step, words))
    for step in steps:
        for name in above[step]:
            found.setdefault((step, name), f"`{step}` is simply {name}")
    return [Mistake(f"slip_in_{step}", words, {step: line}) for (step, line), words in found.items()]


def told(recipe: Recipe, step: str, words: str) -> str:
    """The slip with its place: by the name of the step where a learner knows it, else by its line."""
    if step in (*recipe.returns, *TAUGHT):
        return f"in `{step}` {words}"
    return words if recipe.steps[step] in words else f"in `{recipe.steps[step]}` {words}"


def changed(text: str, kind: Callable[..., Iterator[Slip]], above: list[str]) -> Iterator[Slip]:
    """A line with a slip of this kind in one place, for each place. `above`: the values that it may use."""
    for node in ast.walk(ast.parse(text, mode="eval")):
        is_read = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        if isinstance(node, ast.expr) and not isinstance(node, ast.Slice) and is_read:
            for words, new in kind(node, above):
                whole = f"{text[: node.col_offset]}({new}){text[node.end_col_offset :]}"
                yield words, ast.unparse(ast.parse(whole, mode="eval"))


def operations(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """A term or factor is forgotten; + for −, × for ÷, sides changed; a minus, an `and` that is an `or`."""
    if isinstance(node, ast.BinOp) and (sign := SIGNS.get(type(node.op))):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        yield f"{'** ' * (sign == '**')}{right} is forgotten", left
        yield f"{left} is forgotten", {"/": f"1 / ({right})", "-": f"-({right})"}.get(sign, right)
        if other := OPPOSITE.get(sign):
            yield f"{right} is {DONE[other]}, not {DONE[sign]}", f"({left}) {other} ({right})"
        if sign == "*":
            yield f"{left} is divided by, not multiplied", f"({right}) / ({left})"
        if sign in "-/":
            yield f"{left} and {right} have changed sides", f"({right}) {sign} ({left})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield f"the minus before {ast.unparse(node.operand)} is forgotten", ast.unparse(node.operand)
    if isinstance(node, ast.BoolOp):
        word, right = ("or", "and") if isinstance(node.op, ast.And) else ("and", "or")
        yield f"`{word}` stands where `{right}` belongs", f" {word} ".join(map(ast.unparse, node.values))
        for part, other in permutations(map(ast.unparse, node.values[:2])):
            yield f"`{part}` is forgotten", other


def comparisons(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """Above for below; the limit itself counts, or does not."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        words = f"stands where `{COMPARED[type(node.ops[0])]}` belongs"
        yield from ((f"`{sign}` {words}", f"({left}) {sign} ({right})") for sign in COMPARED.values())


def functions(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """A function is forgotten, or a similar one is called."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    name, whole, text = node.func.attr, ast.unparse(node.func.value), ast.unparse(node)
    inner = ast.unparse(node.args[0]) if whole == "np" and node.args else whole
    if name == "sqrt":
        yield f"{inner} is squared, where its root belongs", f"({inner}) ** 2"
    if name in (*INSTEAD, "sqrt"):
        yield f"{name} is forgotten", inner
    if name in INSTEAD:
        other = INSTEAD[name]
        yield f"{other} stands where {name} belongs", text.replace(f".{name}(", f".{other}(", 1)


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
    """The brackets around a sum are missing."""
    sign = SIGNS.get(type(node.op)) if isinstance(node, ast.BinOp) else None
    if sign not in ("*", "/", "**"):
        return
    left, right = ast.unparse(node.left), ast.unparse(node.right)
    for part, new in ((node.left, f"{left} {sign} ({right})"), (node.right, f"({left}) {sign} {right}")):
        if isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.Sub)):
            yield f"the brackets around {ast.unparse(part)} are missing", new


def names(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """Another value that has a name stands where one belongs."""
    if isinstance(node, ast.Name) and node.id in above:
        yield from ((f"{other} stands where {node.id} belongs", other) for other in above if other != node.id)


def values(node: ast.expr, above: list[str]) -> Iterator[Slip]:
    """Squared, doubled, one too few or too many, the wrong sign."""
    if isinstance(node, (ast.Name, ast.Call, ast.BinOp)):
        text = ast.unparse(node)
        yield from ((words.format(text), new.format(text)) for words, new in OF_A_VALUE.items())
