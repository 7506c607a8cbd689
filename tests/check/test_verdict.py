"""What a verdict, a hint and a report look like, as text and as HTML."""

from xml.etree import ElementTree

import numpy as np
import pytest

from bnteach import check
from bnteach.check.verdict import COLORS, Verdict


def right(x, eps):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)


WRONG = """\
✗ standardize: not yet
  x_hat is off.
  It looks like this: ε is outside the root. """


def eps_outside(x, eps):
    return (x - x.mean(axis=0)) / (x.std(axis=0) + eps)


def read(html):
    """The text; a tag that does not close is an error."""
    return "\n".join(ElementTree.fromstring(html).itertext())


def test_the_text_of_a_wrong_answer():
    verdict = check.standardize(eps_outside)
    text = str(verdict)
    assert text.startswith(WRONG)
    assert "\n    x = [[ 1, 10],\n         [ 2, 10],\n" in text
    assert "e-0" not in text
    assert text.endswith("  For a hint, write behind the check: .hint(1), then .hint(2), then .hint(3)")
    assert repr(verdict) == text
    assert max(map(len, text.splitlines())) <= 100


def test_html_says_the_same():
    text = read(check.standardize(eps_outside)._repr_html_())
    for part in ("✗ standardize: not yet", "ε is outside the root", "expected x_hat = ", ".hint(1)"):
        assert part in text
    assert read(check.standardize(right)._repr_html_()).strip() == "✓ standardize: passed"


def test_html_is_escaped():
    html = Verdict("<b>", "not yet", "<script>", details=("a < b",), printed="<i>")._repr_html_()
    assert "<script>" not in html
    assert "<i>" not in html
    assert "&lt;b&gt;" in html


def contrast(one, other):
    """The contrast of two colors as WCAG defines it."""

    def luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
@pytest.mark.parametrize("state", COLORS)
def test_the_headline_is_readable_on_white_and_on_dark(state, background):
    assert contrast(COLORS[state], background) >= 4


def test_hints():
    verdict = check.standardize(eps_outside)
    assert verdict.hint() == verdict.hint(1)
    assert "eps" in verdict.hint(3)
    assert repr(verdict.hint(1))[0] not in "'\""
    for depth in (0, 4, 1.5, "1", None):
        with pytest.raises(ValueError, match=r"depth is .* expected 1 to 3"):
            verdict.hint(depth)


def test_the_report():
    assert str(check.report()) == "No check has been called in this session yet."
    check.standardize(eps_outside)
    check.row_to_add(None)
    expected = "✗ standardize: not yet\n○ row_to_add: not attempted\n0 of 2 passed"
    assert str(check.report()) == expected
    check.standardize(right)
    check.standardize.judge(eps_outside)
    assert str(check.report()).startswith("✓ standardize: passed\n")
    check.standardize(eps_outside)
    assert str(check.report()).startswith("✓ standardize: passed; the latest try: not yet\n")
    assert check.report().passed == 1


def test_require():
    check.require(check.standardize(right))
    for answer in (eps_outside, None):
        with pytest.raises(AssertionError, match="standardize: not"):
            check.require(check.standardize(answer))
