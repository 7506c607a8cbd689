"""Do the tests of core find what they are for?  python tests/faults.py

Each deliberate fault below is put, alone, into a copy of the package; then tests/core runs against the copy
until a first test fails. The table says which test that was. A fault that no test finds, or one that can no
longer be put in because the code has changed, makes the exit code 1.

    python tests/faults.py                     all faults, two at a time
    python tests/faults.py momentum variance   those with one of these words in their name
    python tests/faults.py --jobs 1            one at a time
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
# In this order: what finds most comes first, what takes longest last.
TESTS = [
    "test_nine_quantities.py",
    "test_fast.py",
    "test_layer_behavior.py",
    "test_state_dict.py",
    "test_steps.py",
    "test_statistics.py",
    "test_other_norms.py",
    "test_refusals.py",
    "test_gradients.py",
    "test_extreme_values.py",
    "test_accuracy.py",
    "test_any_layout.py",
]


class Fault(NamedTuple):
    """A mistake: a file of bnteach/core, and (what stands in it once, what is put in its place)."""

    name: str
    file: str
    changes: list[tuple[str, str]]


class DoesNotApply(Exception):
    """A fault refers to a piece of code that is not there once."""


def fault(name: str, file: str, *old_and_new: str) -> Fault:
    return Fault(name, file, list(zip(old_and_new[::2], old_and_new[1::2], strict=True)))


STD, EVALUATION = "np.sqrt(var + eps)", "if cache.constant_statistics:"
VAR, MU_PATH = (
    "var = mean_over(centered**2, axes)",
    "through_mean = mean_over(dx_hat, axes) if has_mean else 0.0",
)
VAR_PATH = "through_var = x_hat * mean_over(dx_hat * x_hat, axes)"
FAST_VAR_PATH = "dgamma * inv_std / m"
MOMENTUM = "1 / self.num_batches_tracked if self.momentum is None else self.momentum"
MODE = "if training or not self.track_running_stats:"
ACCEPT, COUNT = "        x = self._accepted(x)\n", "self.num_batches_tracked + np.int64(1)"
FAULTS = [
    # The plain page, forward
    fault(
        "n − 1 in the forward pass", "functional.py", VAR, "var = centered.var(axes, ddof=1, keepdims=True)"
    ),
    fault("ε outside the root", "functional.py", STD, "(np.sqrt(var) + eps)"),
    fault("ε forgotten", "functional.py", STD, "np.sqrt(var)"),
    fault("variance for standard deviation", "functional.py", STD, "(var + eps)"),
    fault("ε forgotten in evaluation", "functional.py", "var + arguments.non_negative_eps(eps)", "var"),
    fault("E[x²] − E[x]²", "functional.py", VAR, "var = mean_over(x**2, axes) - mean**2"),
    fault("computed in x's own dtype", "functional.py", "x.astype(np.float64), ALL", "x, ALL"),
    fault("correction of the mean dropped", "functional.py", "centered -= mean_over(centered, axes)", "pass"),
    fault("channel_axis ignored", "arguments.py", "return int(channel_axis) % x.ndim", "return 1"),
    fault(
        "the input modified in place",  # y does not show it: x and x − 1 have the same
        "functional.py",
        "    eps = arguments.positive_eps(eps)\n",
        "    eps = arguments.positive_eps(eps); x -= 1\n",
    ),
    fault(
        "one value per channel judged by N alone",
        "arguments.py",
        "x.shape[0] * x.shape[2] == 1",
        "x.shape[0] == 1",
    ),
    # The plain page, backward
    fault("path through μ missing", "functional.py", MU_PATH, "through_mean = 0.0"),
    fault("path through σ² missing", "functional.py", VAR_PATH, "through_var = 0.0"),
    fault("path through σ² negated", "functional.py", VAR_PATH, VAR_PATH.replace("= x_hat", "= -x_hat")),
    fault("both paths missing: statistics detached", "functional.py", EVALUATION, "if True:"),
    fault("dx in evaluation computed as in training", "functional.py", EVALUATION, "if False:"),
    fault("γ forgotten in dx", "functional.py", "dx_hat = gamma * dy", "dx_hat = dy"),
    fault("dγ without x̂", "functional.py", "(dy * x_hat).sum(", "dy.sum("),
    fault("dβ as a mean", "functional.py", "dbeta = dy.sum(", "dbeta = dy.mean("),
    # The engine
    fault(
        "engine: n − 1 in the forward pass",
        "fast.py",
        "return mean, np.maximum(squares - rest**2, 0),",
        "return mean, np.maximum(squares - rest**2, 0) * m / max(1, m - 1),",
    ),
    fault(
        "engine: ε forgotten in evaluation",
        "fast.py",
        "eps = arguments.non_negative_eps(eps)",
        "eps = 0.0",
    ),
    fault("engine: a large mean is not taken out", "fast.py", "if not (mean**2 > var).any():", "if True:"),
    fault("engine: what is left of the mean forgotten", "fast.py", "beta - scale * rest", "beta"),
    fault("engine: lines summed in one float32 piece", "fast.py", "LINE = 2**12", "LINE = 2**18"),
    fault("engine: long sums after a large mean", "fast.py", ", finer=4)", ")"),
    fault("engine: long sums across the lines", "fast.py", "ACROSS = 2**6", "ACROSS = 2**12"),
    fault(
        "engine: float16 summed in float16",
        "fast.py",
        "np.ascontiguousarray(x, np.result_type(x, np.float32))",
        "np.ascontiguousarray(x)",
    ),
    fault(
        "engine: constant channels only near β",
        "fast.py",
        "gamma * (var > 0)",
        "gamma",
    ),
    fault(
        "engine: huge values not left to the plain page",
        "fast.py",
        "if not computable(x, var + eps, mean, scale, beta):",
        "if False:",
    ),
    fault("engine: samples that fill no row left out", "fast.py", "if whole < before:", "if whole < 0:"),
    fault(
        "engine: path through μ missing",
        "fast.py",
        "has_mean * dbeta / m",
        "0 * dbeta",
    ),
    fault("engine: path through σ² missing", "fast.py", FAST_VAR_PATH, "0 * dgamma"),
    fault(
        "engine: path through σ² negated",
        "fast.py",
        FAST_VAR_PATH,
        FAST_VAR_PATH.replace("dgamma", "-dgamma"),
    ),
    fault("engine: both paths missing", "fast.py", EVALUATION, "if True:"),
    fault("engine: dx in evaluation computed as in training", "fast.py", EVALUATION, "if False:"),
    fault(
        "engine: γ forgotten in dx",
        "fast.py",
        "cache.gamma * cache.inv_std",
        "cache.inv_std",
    ),
    fault("engine: dγ without the rest of the mean", "fast.py", "(products - rest * dbeta)", "products"),
    fault(
        "engine: norms without the path through μ",
        "norms.py",
        "fast.gradients(dx_hat, cache, has_mean)",
        "fast.gradients(dx_hat, cache, False)",
    ),
    fault("engine: norms without 1/σ in dx", "norms.py", "gamma=inv_std.ravel()", "gamma=one"),
    # The layer
    fault("running_var biased", "layers.py", "cache.var * (m / (m - 1))", "cache.var"),
    fault("momentum reversed", "layers.py", "momentum = " + MOMENTUM, f"momentum = 1 - ({MOMENTUM})"),
    fault("momentum 0 taken for missing", "layers.py", MOMENTUM, MOMENTUM + " or 0.1"),
    fault(
        "momentum None taken for 0.1",
        "layers.py",
        MOMENTUM,
        MOMENTUM.replace("1 / self.num_batches_tracked", "0.1"),
    ),
    fault("running_var starts at 0", "layers.py", "running_var = np.ones(", "running_var = np.zeros("),
    fault(
        "running statistics updated in evaluation",
        "layers.py",
        "        self._cache = cache\n",
        "        self._cache = cache\n        training or self.running_mean is None or self._track(cache)\n",
    ),
    fault("batch statistics used in evaluation", "layers.py", MODE, "if True:"),
    fault("running statistics used in training", "layers.py", MODE, "if not self.track_running_stats:"),
    fault(
        "batches counted only when momentum is None",
        "layers.py",
        COUNT,
        COUNT.replace("1", "self.momentum is None"),
    ),
    fault(
        "refused batches counted",
        "layers.py",
        ACCEPT,
        f"        if training and self.track_running_stats: self.num_batches_tracked += 1\n{ACCEPT}",
        COUNT,
        "self.num_batches_tracked",
    ),
    fault(
        "gradients accumulated",
        "layers.py",
        "self.dgamma, self.dbeta = dgamma, dbeta",
        "self.dgamma, self.dbeta = dgamma + (0 if self.dgamma is None else self.dgamma), dbeta",
    ),
    fault(
        "a refused forward forgets the pass before",
        "layers.py",
        ACCEPT,
        f"        self._cache = None\n{ACCEPT}",
    ),
    # The state
    fault(
        "load_state_dict stops half way",
        "state.py",
        "_as_entry(key, value, like=own[key]) for",
        "value for",
        "setattr(self, self.STATE[key], value)",
        "setattr(self, self.STATE[key], _as_entry(key, value, like=own[key]))",
    ),
    fault("state_dict hands out the layer's own arrays", "state.py", "np.array(value)", "np.asarray(value)"),
    # The rest of core
    fault("LayerNorm and its family: γ forgotten in dx", "norms.py", "(dy * gamma).reshape", "dy.reshape"),
    fault("RMSNorm takes the mean out", "norms.py", "HAS_MEAN = False", "HAS_MEAN = True"),
    fault("RMSNorm's ε 0 when None", "norms.py", "float(np.finfo(np.result_type(x, np.float32)).eps)", "0.0"),
    fault("GroupNorm accepts one value a group", "norms.py", "if values == 1:", "if False:"),
    fault("steps: one of two meeting gradients lost", "steps.py", ' + 2 * nodes["x_centered"] * dsquare', ""),
    fault("steps: dmean with the wrong sign", "steps.py", "dmean = -dx_centered", "dmean = dx_centered"),
    fault("Welford: the old mean used twice", "statistics.py", "before * (value - mean)", "before * before"),
    fault(
        "merging forgets how far apart the means are", "statistics.py", " + delta**2 *", " + 0 * delta**2 *"
    ),
    fault("finite differences divided by h, not by 2h", "gradients.py", "/ (2 * h)", "/ h"),
]


def put_in(fault: Fault, core: Path) -> None:
    """Change the copy of the package, or say that the fault does not apply."""
    path = core / fault.file
    source = path.read_text(encoding="utf-8")
    for old, new in fault.changes:
        if source.count(old) != 1:
            raise DoesNotApply(f"{fault.file} holds {old!r} {source.count(old)} times, expected once")
        source = source.replace(old, new)
    path.write_text(source, encoding="utf-8")


def copy_of_the_project(folder: Path) -> Path:
    """What the tests of core need, under folder. Returns the folder of core in it."""
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    for part in ("bnteach/core", "tests/core"):
        shutil.copytree(REPOSITORY / part, folder / part, ignore=no_caches)
    for file in ("bnteach/__init__.py", "tests/conftest.py", "tests/warm_kernels.py"):
        shutil.copy(REPOSITORY / file, folder / file)
    return folder / "bnteach" / "core"


def run_tests(folder: Path) -> str | None:
    """The name of the first test that fails, or None if all pass."""
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider"]
    tests = [f"tests/core/{name}" for name in TESTS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "500"}
    # Its own folder is the first place where `python -m` looks for bnteach: the copy is what is tested.
    done = subprocess.run(pytest + tests, cwd=folder, env=environment, capture_output=True, encoding="utf-8")
    if done.returncode == 0:
        return None
    for line in done.stdout.splitlines():
        if line.startswith("FAILED "):
            return line.removeprefix("FAILED tests/core/").split(" - ")[0]
    raise RuntimeError(f"pytest did not get as far as a test:\n{done.stdout}\n{done.stderr}")


def verdict(fault: Fault) -> tuple[bool, str]:
    """Whether the fault was found, and by which test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        core = copy_of_the_project(folder)
        try:
            put_in(fault, core)
        except DoesNotApply as reason:
            return False, f"DOES NOT APPLY: {reason}"
        found_by = run_tests(folder)
    return found_by is not None, found_by or "SURVIVED: every test passes"


def main(arguments: list[str] | None = None, faults: list[Fault] = FAULTS) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only faults with one of these words in their name")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default 2)")
    options = parser.parse_args(arguments)
    chosen = [f for f in faults if not options.words or any(word in f.name for word in options.words)]
    if not chosen:
        parser.error(f"no fault has {' or '.join(options.words)} in its name")
    found = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for each, (was_found, by) in zip(chosen, pool.map(verdict, chosen), strict=True):
            found += was_found
            print(f"{each.name:48}{by}", flush=True)
    print(f"{found} of {len(chosen)} faults were found")
    return 0 if found == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
