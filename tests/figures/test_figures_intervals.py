"""Effects with intervals stand where the numbers say."""

from __future__ import annotations

from matplotlib.colors import to_hex

from bnteach import figures


def test_rows_from_the_top_with_their_intervals_and_looks():
    ax = figures.intervals(
        ["first", "second"], [2.0, -1.0], [[1, 3], [-4, 2]], margin=0.5, roles=["with_bn", "moved"]
    )
    assert ax.get_ylim() == (2.5, 0.5)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    spans = [list(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert [1, 3] in spans and [-4, 2] in spans  # noqa: PT018
    marks = [line for line in ax.lines if line.get_marker() in ("o", "D")]
    assert [(*map(float, m.get_xdata()), *map(int, m.get_ydata())) for m in marks] == [(2.0, 1), (-1.0, 2)]
    assert to_hex(marks[0].get_color()).upper() == figures.role("with_bn").color
    (band,) = ax.patches
    assert band.get_extents().transformed(ax.transData.inverted()).intervalx.tolist() == [-0.5, 0.5]


def test_one_role_serves_all_rows():
    ax = figures.intervals(["a", "b", "c"], [1, 2, 3], [[0, 2], [1, 3], [2, 4]], roles="theory")
    assert {line.get_color() for line in ax.lines[1:]} == {figures.role("theory").color}
