"""The benchmark runs, its tables come out, and its ways compute the same. Nothing here looks at a clock."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).with_name("bench.py")


def test_the_tables_come_out():
    command = [sys.executable, str(BENCH), "--tiny", "--linear", "--repeat", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    for title in (
        "Layers of real networks",
        "Sizes of the lessons",
        "Mean 100 times",
        "Peak memory",
        "Largest error",
        "Linear",
        "Import",
    ):
        assert title in run.stdout
    rows = re.findall(r"^\(3, 4, 5, 6\) N(?:CHW|HWC) .*$", run.stdout, re.MULTILINE)
    assert len(rows) == 2 * 5  # two layouts in two tables of speed, one of memory, two of accuracy
    assert "nan" not in run.stdout


@pytest.mark.parametrize(("shape", "layout"), [((6, 4), ""), ((3, 4, 5, 6), "NCHW"), ((3, 4, 5, 6), "NHWC")])
def test_all_ways_do_the_same_work(shape, layout, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH.parent))
    from ways import WAYS, make_case, results

    case = make_case(shape, layout, ratio=2.0)
    found = {name: results(name, case) for name in WAYS.keys() - {"bandwidth"}}
    for name, quantities in found.items():
        for ours, theirs in zip(quantities, found["PyTorch"], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=name)
