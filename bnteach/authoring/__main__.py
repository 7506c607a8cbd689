"""The authors' commands.

python -m bnteach.authoring notebooks [--force] [NAME ...]
python -m bnteach.authoring check [NAME ...]
python -m bnteach.authoring classroom --out DIR [NAME ...]
python -m bnteach.authoring colab --out DIR [--repo OWNER/NAME --branch main] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .build import build_all
from .checks import problems_of_all
from .classroom import write_assignments
from .colab import repository_at, write_for_colab
from .execute import LessonError
from .exercises import Exercise, find_exercises
from .lessons import NOTEBOOKS, find_lessons, refuse_unknown
from .wheel import WheelError


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        if options.command == "colab":
            there = options.repo and repository_at(options.repo, options.branch, options.out, options.folder)
            write_for_colab(options.out, options.names, options.folder, there)
            return 0
        exercises = find_exercises(options.folder, options.names)
        if options.command == "classroom":
            refuse_unknown(options.names, find_exercises(options.folder), "notebook of exercises")
            solutions = [one for one in exercises if not isinstance(one, Exercise)]
            for path in write_assignments(solutions, options.out):
                print(path)
            return 0
        lessons = [*find_lessons(options.folder, options.names), *exercises]
        if options.command == "notebooks":
            build_all(lessons, force=options.force)
            return 0
        return report(problems_of_all(lessons), len(lessons))
    except (FileNotFoundError, ValueError, LessonError, WheelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "names", nargs="*", metavar="NAME", help="the beginning of a lesson's name, such as 01"
    )
    shared.add_argument("--folder", type=Path, default=NOTEBOOKS, help="the folder of the notebooks")
    top = argparse.ArgumentParser(
        prog="python -m bnteach.authoring", description="Build and check the lessons."
    )
    commands = top.add_subparsers(dest="command", required=True)
    notebooks = commands.add_parser("notebooks", parents=[shared], help="build the notebooks that changed")
    notebooks.add_argument("--force", action="store_true", help="build also those that are up to date")
    commands.add_parser("check", parents=[shared], help="check built notebooks against sources and rules")
    classroom = commands.add_parser(
        "classroom", parents=[shared], help="write the exercises as nbgrader's assignments"
    )
    classroom.add_argument("--out", type=Path, required=True, help="the folder `source` of the course")
    colab = commands.add_parser(
        "colab", parents=[shared], help="write notebooks that run alone, in Google Colab or anywhere"
    )
    colab.add_argument("--out", type=Path, required=True, help="where to write them")
    colab.add_argument(
        "--repo", metavar="OWNER/NAME", help="install bnteach from there, instead of carrying it inside"
    )
    colab.add_argument("--branch", default="main", help="the branch of that repository (main)")
    return top


def report(problems: list[str], lessons: int) -> int:
    """Print the problems, one a line; 1 if there are any, as an exit status."""
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{lessons} lessons checked: {len(problems) or 'no'} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
