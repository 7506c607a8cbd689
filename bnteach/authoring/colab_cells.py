"""The cells that the notebooks for Colab begin with: they bring bnteach wherever the notebook is opened."""

from __future__ import annotations

import inspect


def bring_bnteach(packed: str) -> None:
    """Unpack bnteach into a temporary folder and put that first on the path. Nothing is installed."""
    import atexit
    import base64
    import io
    import lzma
    import os
    import shutil
    import sys
    import tempfile
    import zipfile
    from importlib import invalidate_caches, metadata
    from pathlib import Path

    from packaging.requirements import Requirement

    if "bnteach" in sys.modules:
        print("bnteach is here already.")
        return
    folder = Path(tempfile.mkdtemp(prefix="bnteach-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    zipfile.ZipFile(io.BytesIO(lzma.decompress(base64.b64decode(packed)))).extractall(folder)

    # Asking pip would make it ask the network; so what is missing is named, and you decide.
    (package,) = metadata.distributions(name="bnteach", path=[str(folder)])
    missing = []
    for need in map(Requirement, package.requires or []):
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            there = [found.version for found in metadata.distributions(name=need.name)]
            if not there or not need.specifier.contains(there[0], prereleases=True):
                missing.append(f'"{need.name}{need.specifier}"')
    if missing:
        raise ImportError(
            f"bnteach needs other packages, or newer ones. Run  %pip install {' '.join(missing)}\n"
            "in a cell of its own, restart the kernel, and begin again."
        )

    try:
        for stored in folder.glob("**/results/*"):  # long computations that this notebook reads
            here = stored.relative_to(folder)
            here.parent.mkdir(parents=True, exist_ok=True)
            if not here.exists():
                shutil.copy(stored, here)
    except OSError:
        os.chdir(folder)
        print(f"Files cannot be written here, so this notebook works in {folder}.")
    sys.path.insert(0, str(folder))
    invalidate_caches()
    print(f"bnteach {package.version} is ready.")


UNPACKS = "#@title Run this cell first: it unpacks the package bnteach. Nothing is downloaded."
INSTALLS = "#@title Run this cell first: it installs the package bnteach."
RESULTS_FOLDERS = """\
import os
from pathlib import Path
from tempfile import mkdtemp
from urllib.request import urlretrieve

try:
    Path("results").mkdir(exist_ok=True)
except OSError:  # files cannot be written here
    os.chdir(mkdtemp(prefix="bnteach-"))
for folder in {folders}:
    Path(folder).mkdir(parents=True, exist_ok=True)"""


def unpacking_cell(packed: str) -> str:
    """The first cell of a notebook that carries the package.

    The package stands first: a traceback shows the lines around a call, and these should be readable.
    """
    source = inspect.getsource(bring_bnteach).replace("(packed: str) -> None", "(packed)")
    return f'{UNPACKS}\nPACKED = """\n{packed}\n"""\n\n\n{source}\n\nbring_bnteach(PACKED)\nimport bnteach'


def installing_cell(address: str, results: dict[str, str]) -> str:
    """The first cell of a notebook that installs the package from a repository.

    Args:
        address: what pip installs.
        results: for each stored result that the notebook reads, where it is on the web.
    """
    lines = [
        INSTALLS,
        "from importlib.util import find_spec",
        "",
        'if find_spec("bnteach") is None:',
        f'    %pip install --quiet "{address}"',
        "import bnteach",
    ]
    if results:
        folders = sorted({name.rpartition("/")[0] for name in results})
        lines += ["", *RESULTS_FOLDERS.format(folders=folders).splitlines()]
    for name, url in sorted(results.items()):
        lines += [f'if not Path("{name}").exists():', f'    urlretrieve("{url}", "{name}")']
    return "\n".join(lines)
