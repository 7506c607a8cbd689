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
        "Linear",
        "Import",
    ):
        assert title in run.stdout
    rows = re.findall(r"^\(3, 4, 5, 6\) N(?:CHW|HWC) .*$", run.stdout, re.MULTILINE)
    assert len(rows) == 2 * 3  # two layouts in two tables of speed and one of memory
    assert "nan" not in run.stdout


@pytest.mark.parametrize(("shape", "layout"), [((6, 4), ""), ((3, 4, 5, 6), "NCHW"), ((3, 4, 5, 6), "NHWC")])
def test_all_ways_do_the_same_work(shape, layout, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH.parent))
    from ways import WAYS, make_case

    case = make_case(shape, layout, ratio=2.0)
    results = {}
    for name in WAYS.keys() - {"bandwidth"}:
        forward, backward = WAYS[name](case)
        kept = forward()
        y, gradients = kept if name == "PyTorch" else kept[0], backward(kept)
        found = [a.detach().numpy() if name == "PyTorch" else a for a in (y, *gradients)]
        if name == "PyTorch" and layout == "NHWC":
            found[:2] = [a.transpose(0, 2, 3, 1) for a in found[:2]]
        results[name] = found
    for name, found in results.items():
        for ours, theirs in zip(found, results["PyTorch"], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=name)
