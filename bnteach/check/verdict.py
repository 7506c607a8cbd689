"""What a check says."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass, field

NOT_ATTEMPTED, NOT_YET, PASSED = "not attempted", "not yet", "passed"
SIGNS = {NOT_ATTEMPTED: "○", NOT_YET: "✗", PASSED: "✓"}
# Dark enough on white, and light enough on the dark theme's grey; the sign and the word say the same.
COLORS = {NOT_ATTEMPTED: "#767676", NOT_YET: "#c4570a", PASSED: "#0a7d5a"}


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
    mistakes: keys of the catalogue's mistakes that the code matches; two when two happen together.
    details: further lines, such as a counter-example in numbers.
    printed: what the code printed while it ran.
    hints: three hints, the last nearly the answer.

    >>> verdict = Verdict("standardize", "not yet", "x_hat is off.", hints=("Look at ε.", "Inside?", "√(σ²+ε)"))
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
        """A hint: depth 1 says where to look, 3 nearly says the answer. Raises ValueError for another depth."""
        if depth not in range(1, len(self.hints) + 1):
            raise ValueError(f"depth is {depth!r}, expected 1 to {len(self.hints)}")
        return Hint(self.hints[depth - 1])

    def lines(self) -> list[str]:
        """All that it says below its headline, one paragraph a line."""
        printed = [f"Your code printed: {line}" for line in self.printed.splitlines()]
        lines = [line for line in (self.why, *self.details, *printed) if line]
        if self.state == NOT_YET and self.hints:
            depths = ", then ".join(f".hint({depth})" for depth in range(1, len(self.hints) + 1))
            lines.append(f"For a hint, write behind the check: {depths}")
        return lines

    def __str__(self) -> str:
        head = f"{SIGNS[self.state]} {self.check}: {self.state}"
        wrapped = [
            textwrap.fill(part, 100, initial_indent="  ", subsequent_indent="  ", replace_whitespace=False)
            for line in self.lines()
            for part in line.split("\n")
        ]
        return "\n".join([head, *wrapped])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = f'<b style="color:{COLORS[self.state]}">{SIGNS[self.state]} {html.escape(self.check)}: {self.state}</b>'
        body = "".join(
            f'<div style="white-space:pre-wrap">{html.escape(line)}</div>' for line in self.lines()
        )
        return (
            f'<div style="border-left:4px solid {COLORS[self.state]};padding:2px 10px;max-width:60em">'
            f"{head}{body}</div>"
        )
