"""The commands of this project, on Windows, macOS and Linux:  python start.py lab

Each command makes the environment .venv first, if it is missing or if the pins have changed.
`python start.py help` lists the commands. This file needs Python's standard library alone.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

SETTINGS = {
    "ARGS": 'further arguments for a command, as in  test ARGS="-k momentum"',
    "FORCE": "FORCE=1 builds every notebook, also those that are up to date",
    "PINS": "the versions for a fresh .venv: constraints.txt, constraints-oldest.txt, or the newest (PINS=)",
    "PYTHON": "the Python to make .venv with, 3.10 to 3.14; found by itself when not given",
    "TORCH_INDEX": "a further index to take PyTorch from, or none (TORCH_INDEX=); on Linux its CPU build's",
    "WORKERS": "how many tests run at once: 2 by default; 0 for one after the other in one process",
}

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
READY = VENV / ".ready"  # holds the extras that are installed

# The pins exist for Python 3.10 to 3.14. Where what runs this file is another, one of these may do.
OTHER_PYTHONS = "python3 python3.13 python3.12 python3.11 python3.10 python3.14 python py"
SUITABLE = "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))"

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# Some servers refuse the name that urllib gives itself.
ASK = "from urllib.request import *; urlopen(Request('{}/torch/', headers={{'User-Agent': 'bnteach'}}))"

NBVAL = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with=tests/notebooks/sanitize.cfg"]


def lab():
    """Bring your copy of the lessons, course/, up to date, and open JupyterLab at lesson 00"""
    prepare()
    python("-m", "bnteach.authoring", "student")
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # as in a container
    first_lesson = "course/00_meet_batch_normalization.ipynb"
    python("-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}", *as_root, first_lesson, *arguments())


def test():
    """Run everything that needs no browser: tests, examples in docstrings, notebooks compared strictly"""
    prepare()
    # The cells of a notebook stay together, in one worker. The notebooks take longest, so they come first.
    together = ["--dist", "loadfile", "--no-loadscope-reorder"]
    folders = ["notebooks", "notebooks/deeper", "notebooks/solutions", "notebooks/exercises"]
    notebooks = sorted(path for folder in folders for path in ROOT.glob(f"{folder}/*.ipynb"))
    pytest(*together, *NBVAL, *notebooks, "tests", "bnteach", *arguments())


def test_browser():
    """Drive the lessons in JupyterLab, and the site, in Chromium"""
    prepare("site")
    # joblib starts no processes here: with two lessons at a time, each would only import PyTorch once more.
    # The commands of the site need no browser, but they need what is installed here alone.
    tests = ["tests/browser", "tests/site/test_site_commands.py"]
    pytest("--dist", "worksteal", *tests, *arguments(), JOBLIB_MULTIPROCESSING="0")


def notebooks():
    """Build and execute the notebooks whose source, or the package, changed (FORCE=1: all)"""
    prepare()
    python("-m", "bnteach.authoring", "notebooks", *(["--force"] if os.environ.get("FORCE") else []))


def site():
    """Write the site, the lessons as web pages, into build/site"""
    prepare("site")
    python("-m", "bnteach.site", "build", "--out", "build/site", *arguments())


def bench():
    """Measure speed and memory beside PyTorch, textbook NumPy and the bandwidth of memory"""
    prepare()
    python("tests/benchmarks/bench.py", *arguments())


def bench_labs():
    """Measure how fast the labs answer, beside the same pictures by interact and plt.show()"""
    prepare()
    python("tests/browser/bench_labs.py", *arguments())


def bench_site():
    """Measure how fast the labs of the site open and answer"""
    prepare("site")
    python("tests/browser/bench_site.py", *arguments())


def lint():
    """Check the style of the code, and that the notebooks match their sources"""
    prepare()
    python("-m", "ruff", "check")
    python("-m", "ruff", "format", "--check")
    zizmor = VENV_PYTHON.with_name("zizmor" + VENV_PYTHON.suffix)
    run(zizmor, "--offline", "--no-progress", "--quiet", ".github")
    python("-m", "bnteach.authoring", "check")


def clean():
    """Remove .venv and what the tools leave behind (the notebooks and course/ stay)"""
    for name in [".venv", ".pytest_cache", ".ruff_cache", ".hypothesis", "build", "dist", "bnteach.egg-info"]:
        shutil.rmtree(str(ROOT / name), ignore_errors=True)
    for name in ["__pycache__", ".ipynb_checkpoints"]:
        for folder in list(ROOT.rglob(name)):
            shutil.rmtree(str(folder), ignore_errors=True)
    if VENV.exists():
        sys.exit("Could not remove all of .venv: close the programs that run in it, then try again.")


def help():
    """Show this list"""
    print("python start.py COMMAND [NAME=VALUE ...], or where there is make: make COMMAND [NAME=VALUE ...]\n")
    for name, command in COMMANDS.items():
        print(f"  {name:13} {command.__doc__}")
    print("\nSettings, given as NAME=VALUE or in the environment:\n")
    for name, meaning in SETTINGS.items():
        print(f"  {name:13} {meaning}")


def prepare(*further_extras):
    """Make .venv and install the pinned versions, unless that is done."""
    pins = os.environ.get("PINS", "constraints.txt")
    sources = [ROOT / name for name in ["pyproject.toml", pins] if name]
    for source in sources:
        if not source.is_file():
            sys.exit(f"There is no file {source}.")
    if not is_ready(sources, further_extras):
        if not VENV_PYTHON.exists():
            make_venv()
        install(pins, further_extras)


def is_ready(sources, further_extras):
    """True when the extras are installed, and no source has changed since."""
    if not (VENV_PYTHON.exists() and READY.exists()):
        return False
    unchanged = all(source.stat().st_mtime <= READY.stat().st_mtime for source in sources)
    return unchanged and set(further_extras) <= set(READY.read_text().split())


def make_venv():
    interpreter = find_python()
    say(f"Making .venv with {interpreter}, then installing: some minutes, once.")
    if subprocess.call([interpreter, "-m", "venv", str(VENV)]) != 0:
        shutil.rmtree(str(VENV), ignore_errors=True)
        sys.exit("This Python cannot make environments (on Debian and Ubuntu: apt install python3-venv).")


def find_python():
    """The Python to make .venv with."""
    given = os.environ.get("PYTHON")
    candidates = [given] if given else [sys.executable, *OTHER_PYTHONS.split()]
    for candidate in candidates:
        if succeeds(candidate, "-c", SUITABLE):
            return candidate
    sys.exit(
        f"bnteach needs Python 3.10 to 3.14; tried: {', '.join(candidates)}.\n"
        "Install one from https://www.python.org, or name yours: python start.py lab PYTHON=/path/to/python"
    )


def install(pins, further_extras):
    extras = ["lab", "test", *further_extras]
    # nbgrader needs a newer IPython than the oldest one that bnteach supports, which is Colab's.
    # Dask is tried with the usual pins alone.
    extras += [] if pins == "constraints-oldest.txt" else ["classroom", "cluster"]
    index = torch_index()
    further_index = ["--extra-index-url", index] if index else []
    constraints = ["-c", pins] if pins else []
    # pip would spend half of its time on compiling, mostly files that are never imported.
    options = ["--no-compile", "--disable-pip-version-check", *further_index, *constraints]
    python("-m", "pip", "install", *options, "-e", f".[{','.join(extras)}]")
    hide_nbgrader()
    READY.write_text(" ".join(extras))


def torch_index():
    """The index of PyTorch's CPU build, on Linux: there PyPI's build brings gigabytes of CUDA libraries."""
    if "TORCH_INDEX" in os.environ:
        return os.environ["TORCH_INDEX"]
    if sys.platform.startswith("linux") and succeeds(sys.executable, "-c", ASK.format(CPU_INDEX), seconds=3):
        say(f"PyTorch's small CPU build comes from {CPU_INDEX} (TORCH_INDEX= asks PyPI alone).")
        return CPU_INDEX
    return ""


def hide_nbgrader():
    """nbgrader is for teachers: its menu and buttons would stand in every student's JupyterLab."""
    hide = ["jupyterlab.labextensions", "disable", "--level=sys_prefix", "@jupyter/nbgrader"]
    if not succeeds(VENV_PYTHON, "-m", *hide):
        say("Could not hide the buttons of nbgrader in JupyterLab; the lessons work all the same.")


def arguments():
    """What was given as ARGS, split as a shell does."""
    return shlex.split(os.environ.get("ARGS", ""))


def pytest(*options, **variables):
    """Run tests at once, on one core each."""
    workers = os.environ.get("WORKERS", "2")
    python("-m", "pytest", "-n", workers, *options, OMP_NUM_THREADS="1", **variables)


def python(*command, **variables):
    """Run the environment's Python."""
    run(VENV_PYTHON, *command, **variables)


def run(*command, **variables):
    """Run a program in the project's folder; where it fails, end with its exit status."""
    # Python compiles what is imported, and keeps it, unless this variable says that it must not.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **variables}
    status = subprocess.call([str(part) for part in command], cwd=str(ROOT), env=environment)
    if status != 0:
        sys.exit(status)


def succeeds(*command, seconds=None):
    """True when a program ends well, and in time; what it prints is not shown."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.call([str(part) for part in command], timeout=seconds, **quiet) == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def say(sentence):
    print(sentence, flush=True)  # before what the next program prints


COMMANDS = {
    task.__name__.replace("_", "-"): task
    for task in (help, lab, test, test_browser, notebooks, site, bench, bench_labs, bench_site, lint, clean)
}


def main():
    name, *settings = sys.argv[1:] or ["help"]
    if name not in COMMANDS:
        sys.exit(f"There is no command {name!r}; there are: {', '.join(COMMANDS)}.")
    for setting in settings:
        key, equals, value = setting.partition("=")
        if key not in SETTINGS or not equals:
            sys.exit(f"{setting!r} is no setting; expected NAME=VALUE, NAME one of: {', '.join(SETTINGS)}.")
        os.environ[key] = value
    # Ctrl-C is for the program that runs, such as JupyterLab, which asks back: wait for it.
    signal.signal(signal.SIGINT, lambda *_: None)
    COMMANDS[name]()


if __name__ == "__main__":
    main()
