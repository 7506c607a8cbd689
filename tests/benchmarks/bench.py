"""How fast, how much memory, how accurate, how linear: NumPy's batch normalization beside PyTorch's.

    make bench                                 everything but the very large arrays: some minutes
    make bench ARGS="--quick"                  a first impression
    make bench ARGS="--threads 1 --repeat 31"  PyTorch on one thread only, medians of 31
    make bench ARGS="--linear"                 also 10⁶ to 10⁸ values (needs 3 GB)

All numbers are ratios to PyTorch on one thread, in this process, on this machine: smaller is faster.
"""

from __future__ import annotations

import argparse
import os
import platform

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from measure import import_seconds, interleaved, keep_freed_memory, peak_memory
from ways import REFERENCE, WAYS, in_float64, make_case, pytorch, results

IMAGES = [(32, 64, 56, 56), (64, 128, 28, 28), (16, 512, 7, 7), (128, 16, 32, 32)]
CASES = [((256, 1024), ""), ((4096, 256), "")] + [(s, layout) for s in IMAGES for layout in ("NCHW", "NHWC")]
TEACHING = [((4, 5), ""), ((60, 100), "")]
TINY = [((6, 4), ""), ((3, 4, 5, 6), "NCHW"), ((3, 4, 5, 6), "NHWC")]
PASSES = ("forward", "backward", "both")
OFF_CENTER = 100.0


def main(argv=None):
    options = arguments(argv)
    with threadpool_limits(
        1, user_api="blas"
    ):  # NumPy's; PyTorch's own threads are set for each of its calls
        measure_all(options)


def measure_all(options):
    print_setting(options)
    cases, lessons = (TINY, TINY[:1]) if options.tiny else (CASES, TEACHING)
    print_speed("Layers of real networks", cases, options)
    print_speed("Sizes of the lessons", lessons, options, small=True)
    if not options.quick:
        print_speed(
            f"Mean {OFF_CENTER:g} times the deviation: the engine has to center", cases, options, OFF_CENTER
        )
    print_memory(cases)
    for ratio in (0.5, 1e4):
        print_accuracy(cases, ratio)
    if options.linear:
        print_linearity([10**3, 10**4] if options.tiny else [10**6, 10**7, 10**8], options)
    print_import(options)


def arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="5 repetitions, no off-center data")
    parser.add_argument("--threads", type=int, default=2, help="also PyTorch on so many threads (default 2)")
    parser.add_argument("--repeat", type=int, help="repetitions for each median (default 15; 5 with --quick)")
    parser.add_argument("--linear", action="store_true", help="also time 10⁶, 10⁷ and 10⁸ values")
    parser.add_argument("--fresh-pages", action="store_true", help="leave the allocator as it is")
    parser.add_argument("--tiny", action="store_true", help="tiny arrays: does it run at all?")
    options = parser.parse_args(argv)
    options.repeat = options.repeat or (5 if options.quick else 15)
    return options


def print_setting(options):
    warm = not options.fresh_pages and keep_freed_memory()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load} (above 1 the numbers are noisy)")
    print(f"float32; NumPy and its BLAS on one thread; medians of {options.repeat}; the ways take turns")
    print(
        "Freed memory is kept and used again, by all ways." if warm else "Results lie on new pages each time."
    )
    print("bandwidth: the bytes that must be moved at least; copy x (forward), x + dy (backward)")


def chosen_ways(options):
    more = {f"PyTorch ×{options.threads}": pytorch(options.threads)} if options.threads > 1 else {}
    return {**WAYS, **more}


def print_speed(title, cases, options, ratio=0.5, small=False):
    """A row a case and a column a way: forward / backward / both as ratios; then mean and worst of both."""
    names = [name for name in chosen_ways(options) if name != REFERENCE]
    heading(f"{title}. Forward / backward / both, as ratios to PyTorch on one thread")
    print(f"{'':26}{'PyTorch, µs':>16}" + "".join(f"{name:>22}" for name in names))
    all_ratios = []
    for shape, layout in cases:
        case = make_case(shape, layout, ratio)
        ways = {name: prepare(case) for name, prepare in chosen_ways(options).items()}
        times = interleaved(ways, options.repeat * (20 if small else 1))
        reference = times[REFERENCE]
        ratios = {name: np.median(times[name] / reference, axis=0) for name in names}
        all_ratios.append([ratios[name] for name in names])
        micro = "/".join(f"{value * 1e6:.0f}" for value in np.median(reference, axis=0)[:2])
        print(f"{case!s:26}{micro:>16}" + "".join(f"{three(ratios[name]):>22}" for name in names), flush=True)
    all_ratios = np.array(all_ratios)
    for label, row in (
        ("geometric mean", np.exp(np.log(all_ratios).mean(axis=0))),
        ("worst", all_ratios.max(axis=0)),
    ):
        print(f"{label:42}" + "".join(f"{three(values):>22}" for values in row))


def three(values):
    return " / ".join(f"{value:.2f}" for value in values)


def print_memory(cases):
    """tracemalloc sees NumPy's arrays, not PyTorch's."""
    names = [name for name in WAYS if name not in (REFERENCE, "bandwidth")]
    heading(
        "Peak memory of a call above what was there, in sizes of x, the result included: forward / backward"
    )
    print(f"{'':26}" + "".join(f"{name:>16}" for name in names))
    worst = dict.fromkeys(names, 0.0)
    for shape, layout in cases:
        case = make_case(shape, layout)
        peaks = {name: np.array(peak_memory(WAYS[name](case))) / case.x.nbytes for name in names}
        worst = {name: max(worst[name], *peaks[name]) for name in names}
        print(f"{case!s:26}" + "".join(f"{p[0]:>9.2f} / {p[1]:.2f}" for p in peaks.values()))
    print(f"{'worst':26}" + "".join(f"{worst[name]:>16.2f}" for name in names))


def print_accuracy(cases, ratio):
    """PyTorch in float64 is the judge, also of PyTorch in float32."""
    names = [name for name in WAYS if name != "bandwidth"]
    heading(f"Largest error over the rms, of y, dx, dγ or dβ, in eps of float32; mean / std = {ratio:g}")
    print(f"{'':26}" + "".join(f"{name:>12}" for name in names))
    for shape, layout in cases:
        case = make_case(shape, layout, ratio)
        exact = results(REFERENCE, in_float64(case))
        worst = [max(map(error, results(name, case), exact)) for name in names]
        print(f"{case!s:26}" + "".join(f"{value:>12.1f}" for value in worst), flush=True)


def error(result, exact):
    return np.abs(result - exact).max() / np.sqrt((exact**2).mean()) / np.finfo(np.float32).eps


def print_linearity(sizes, options):
    heading("Linear in the number of values? ns a value, forward and backward, (N, 64) and (N, 64, 28, 28)")
    print(f"{'':26}" + "".join(f"{name:>14}" for name in WAYS))
    for size in sizes:
        for shape in ((max(2, size // 64), 64), (max(2, size // 64 // 784), 64, 28, 28)):
            case = make_case(shape)
            ways = {
                name: prepare(case) for name, prepare in WAYS.items() if name != "textbook" or size < 10**8
            }
            times = interleaved(ways, min(options.repeat, 5))
            cells = (
                f"{np.median(times[n][:, 2]) / case.x.size * 1e9:>14.2f}" if n in times else " " * 14
                for n in WAYS
            )
            print(f"{case!s:26}" + "".join(cells), flush=True)


def print_import(options):
    heading("Import, in a new Python, ms (median)")
    numpy, both = (import_seconds(module, options.repeat) * 1e3 for module in ("numpy", "numpy, bnteach"))
    print(f"numpy {numpy:.0f}   numpy and bnteach {both:.0f}   more by {both - numpy:.0f}")


def heading(text):
    print(f"\n{text}\n{'-' * len(text)}")


if __name__ == "__main__":
    main()
