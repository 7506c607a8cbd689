"""What a check says."""

import html
import textwrap
from dataclasses import dataclass, field

NOT_ATTEMPTED, NOT_YET, PASSED = "not attempted", "not yet", "passed"
SIGNS = {NOT_ATTEMPTED: "○", NOT_YET: "✗", PASSED: "✓"}
WIDTH = 98  # characters of a line, behind two spaces
LINES = 10  # of what the code printed
# Dark enough on white, and light enough on the dark theme's gray; the sign and the word say the same.
COLORS = {NOT_ATTEMPTED: "#767676", NOT_YET: "#c4570a", PASSED: "#0b8560"}


class Hint(str):
    """A hint. A notebook shows it without quotes."""

    def __repr__(self) -> str:
        return textwrap.fill(self, 100)


@dataclass(frozen=True)
class Verdict:
    """The verdict of a check on a learner's code. It prints as text, and as HTML in a notebook.

    check: name of the check.
    state: "not attempted", "not yet" or "passed".
    why: what was seen, in words; empty when there is nothing to add.
    mistakes: keys of the mistakes that the code matches; two when two happen together.
    details: further lines, such as a counter-example in numbers.
    printed: what the code printed while it ran.
    hints: three hints, the last nearly the answer.

    >>> hints = ("Look at ε.", "Inside?", "√(σ² + ε)")
    >>> verdict = Verdict("standardize", "not yet", "x_hat is off.", hints=hints)
    >>> print(verdict)
    ✗ standardize: not yet
      x_hat is off.
      For a hint, write behind the check: .hint(1), then .hint(2), then .hint(3)
    >>> verdict.hint(1)
    Look at ε.
    """

    check: str
    state: str
    why: str = ""
    mistakes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    printed: str = ""
    hints: tuple[str, ...] = field(default=(), repr=False)

    @property
    def mistake(self) -> str | None:
        """Key of the mistake to mend first, or None."""
        return self.mistakes[0] if self.mistakes else None

    def hint(self, depth: int = 1) -> Hint:
        """A hint: depth 1 says where to look, 3 nearly the answer. Raises ValueError for another depth."""
        if depth not in range(1, len(self.hints) + 1):
            raise ValueError(f"depth is {depth!r}, expected 1 to {len(self.hints)}")
        return Hint(self.hints[depth - 1])

    def paragraphs(self) -> list[str]:
        """All that it says below its headline."""
        printed = f"Your code printed:\n{first_lines(self.printed)}" * bool(self.printed.strip())
        hint = "For a hint, write behind the check: .hint(1), then .hint(2), then .hint(3)"
        hint *= bool(self.state == NOT_YET and self.hints)
        return list(filter(None, [*self.why.split("\n"), *self.details, printed, hint]))

    def __str__(self) -> str:
        head = f"{SIGNS[self.state]} {self.check}: {self.state}"
        below = "\n".join(map(wrapped, self.paragraphs()))
        return f"{head}\n{textwrap.indent(below, '  ')}" if below else head

    __repr__ = __str__

    def _repr_html_(self) -> str:
        color, head = COLORS[self.state], f"{SIGNS[self.state]} {html.escape(self.check)}: {self.state}"
        parts = [
            f'<{tag} style="margin:4px 0;white-space:pre-wrap">{html.escape(paragraph)}</{tag}>'
            for paragraph in self.paragraphs()
            for tag in ["pre" if is_table(paragraph) else "p"]
        ]
        return (
            f'<div style="border-left:4px solid {color};padding:2px 10px;max-width:60em">'
            f'<strong style="color:{color}">{head}</strong>{"".join(parts)}</div>'
        )


def is_table(paragraph: str) -> bool:
    """True for a paragraph whose lines stand below each other for a reason."""
    return "\n " in paragraph


def wrapped(paragraph: str) -> str:
    return paragraph if is_table(paragraph) else textwrap.fill(paragraph, WIDTH, break_on_hyphens=False)


def first_lines(text: str) -> str:
    """The beginning of what was printed, indented."""
    lines = [line if len(line) <= WIDTH else f"{line[:WIDTH]}…" for line in text.rstrip().splitlines()]
    return textwrap.indent("\n".join(lines[:LINES] + ["…"] * (len(lines) > LINES)), "  ")
