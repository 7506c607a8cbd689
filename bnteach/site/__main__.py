"""The site's commands.

python -m bnteach.site build [--out build/site] [--repo OWNER/NAME --branch main]
python -m bnteach.site lesson 03 --out FILE.html [--repo OWNER/NAME --branch main]

The exit status is 1 for what is wrong in a page, 2 for a command that cannot be carried out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

try:
    from .lesson_file import lesson_file
    from .pages import build_site
    from .sphinx_run import SiteError
except ModuleNotFoundError as error:
    print(f'error: {error.name} is missing; pip install -e ".[site,test]" brings it', file=sys.stderr)
    sys.exit(2)

from ..authoring.colab import Repository
from ..authoring.lessons import NOTEBOOKS
from ..authoring.outputs import PROJECT, OutputError, refuse_own_files, write_all
from .readme import ReadmeError


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except (OSError, ValueError, OutputError, ReadmeError, SiteError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, (ReadmeError, SiteError)) else 2


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    option = common.add_argument
    option("--folder", type=Path, default=NOTEBOOKS, help="the folder of the notebooks")
    option("--repo", metavar="OWNER/NAME", help="link there, and to Google Colab")
    option("--branch", default="main", help="the branch of that repository (main)")
    option("--thin", action="store_true", help="record few positions of each lab: quick, to try the pages")
    top = argparse.ArgumentParser(prog="python -m bnteach.site", description="The notebooks as web pages.")
    commands = top.add_subparsers(required=True)

    def command(run: Callable, words: str):
        added = commands.add_parser(run.__name__, parents=[common], help=words)
        added.set_defaults(run=run)
        return added.add_argument

    option = command(build, "write the site: every notebook as a page")
    option("--out", type=Path, default=PROJECT / "build" / "site", help="its folder (build/site)")
    option = command(lesson, "write one lesson as one file, to be sent by mail")
    option("name", metavar="LESSON", help="the beginning of its name, such as 03")
    option("--out", type=Path, required=True, metavar="FILE.html", help="the file to write")
    return top


def build(options: argparse.Namespace) -> int:
    begin = time.perf_counter()
    pages = build_site(options.out, options.folder, repository_of(options), thin=options.thin)
    print(f"{pages} pages in {time.perf_counter() - begin:.0f} s. Open {options.out / 'index.html'}")
    return 0


def lesson(options: argparse.Namespace) -> int:
    if options.out.suffix != ".html":
        raise ValueError(f"--out is {options.out}, expected a name that ends with .html")
    refuse_own_files([options.out], options.folder)
    write_all({options.out: lesson_file(options.name, options.folder, repository_of(options), options.thin)})
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")
    return 0


def repository_of(options: argparse.Namespace) -> Repository | None:
    return Repository(options.repo, options.branch, options.folder.name) if options.repo else None


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know the letters of every path
    sys.exit(main())
