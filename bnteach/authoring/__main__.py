"""The authors' commands.

python -m bnteach.authoring notebooks [--force] [NAME ...]
python -m bnteach.authoring check [NAME ...]
python -m bnteach.authoring rules [NAME ...]
python -m bnteach.authoring student [--out DIR]
python -m bnteach.authoring classroom --out DIR [NAME ...]
python -m bnteach.authoring grade FOLDER [--out REPORT.csv] [--cell-seconds 60] [--notebook-seconds 600]
python -m bnteach.authoring colab --out DIR [--repo OWNER/NAME --branch main] [NAME ...]

The exit status is 1 for what is wrong in a lesson, 2 for a command that cannot be carried out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from .build import build_all
from .checks import problems_of_all
from .classroom import write_assignments
from .colab import repository_at, write_for_colab
from .execute import LessonError
from .exercises import find_exercises
from .grade import Grade, exercises_of_lessons, grade_all
from .grade_report import as_csv, as_table
from .grade_run import Limits
from .lessons import NOTEBOOKS, Lesson, find_lessons, refuse_unknown
from .outputs import OutputError, refuse_own_files, write_all
from .rules_table import problems_with_rules, table_of
from .student import COURSE, copy_for_student
from .wheel import WheelError


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except (OSError, ValueError, LessonError, OutputError, WheelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, LessonError) else 2


def parser() -> argparse.ArgumentParser:
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--folder", type=Path, default=NOTEBOOKS, help="the folder of the notebooks")
    which = argparse.ArgumentParser(add_help=False, parents=[where])
    which.add_argument(
        "names", nargs="*", metavar="NAME", help="the beginning of a lesson's name, such as 01"
    )
    top = argparse.ArgumentParser(
        prog="python -m bnteach.authoring", description="Build, check, hand out and grade the lessons."
    )
    commands = top.add_subparsers(required=True)

    def command(run: Callable, words: str, parent: argparse.ArgumentParser = which):
        added = commands.add_parser(run.__name__, parents=[parent], help=words)
        added.set_defaults(run=run)
        return added.add_argument

    option = command(notebooks, "build the notebooks that changed")
    option("--force", action="store_true", help="build also those that are up to date")
    command(check, "check built notebooks against sources and rules")
    command(rules, "print how long the lessons are, and the rules that they break")
    option = command(student, "copy the lessons for a student to work in, without outputs", where)
    option("--out", type=Path, help="where to (course)")
    option = command(classroom, "write the exercises as nbgrader's assignments")
    option("--out", type=Path, required=True, help="the folder `source` of the course")
    option = command(grade, "run and grade what students hand in, without nbgrader", where)
    option("handed_in", type=Path, metavar="FOLDER", help="in it, a folder or a notebook for each student")
    option("--out", type=Path, metavar="REPORT.csv", help="write the grades there too")
    option("--cell-seconds", type=int, default=60, help="a cell is stopped then (60)")
    option("--notebook-seconds", type=int, default=600, help="a notebook is stopped then (600)")
    option = command(colab, "write notebooks that run alone, in Google Colab or anywhere")
    option("--out", type=Path, required=True, help="where to write them")
    option("--repo", metavar="OWNER/NAME", help="install bnteach from there, instead of carrying it inside")
    option("--branch", default="main", help="the branch of that repository (main)")
    return top


def notebooks(options: argparse.Namespace) -> int:
    build_all(lessons_of(options), force=options.force)
    return 0


def check(options: argparse.Namespace) -> int:
    lessons = lessons_of(options)
    return report(problems_of_all(lessons), len(lessons))


def rules(options: argparse.Namespace) -> int:
    lessons = find_lessons(options.folder, options.names)
    print(table_of(lessons), *problems_with_rules(lessons), sep="\n")
    return 0


def lessons_of(options: argparse.Namespace) -> list[Lesson]:
    return [*find_lessons(options.folder, options.names), *find_exercises(options.folder, options.names)]


def student(options: argparse.Namespace) -> int:
    print(*copy_for_student(options.out or COURSE, options.folder), sep="\n")
    return 0


def classroom(options: argparse.Namespace) -> int:
    refuse_unknown(options.names, find_exercises(options.folder), "notebook of exercises")
    print(*write_assignments(options.out, options.names, options.folder), sep="\n")
    return 0


def grade(options: argparse.Namespace) -> int:
    limits = Limits(options.cell_seconds, options.notebook_seconds)
    if min(limits) < 1:
        raise ValueError(f"--cell-seconds and --notebook-seconds are {tuple(limits)}, expected at least 1")
    grades: list[Grade] = []
    keep(grades, options)
    for graded in grade_all(options.handed_in, exercises_of_lessons(options.folder), limits):
        grades += graded
        keep(grades, options)
    print(as_table(grades))
    return 0


def keep(grades: list[Grade], options: argparse.Namespace) -> None:
    """Write the report so far; first an empty one, so that a wrong place is known before a notebook runs."""
    if options.out is None:
        return
    if options.out.suffix != ".csv":
        raise ValueError(f"--out is {options.out}, expected a name that ends with .csv")
    refuse_own_files([options.out], options.folder)
    write_all({options.out: as_csv(grades)})


def colab(options: argparse.Namespace) -> int:
    there = options.repo and repository_at(options.repo, options.branch, options.out, options.folder)
    for path in write_for_colab(options.out, options.names, options.folder, there):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    return 0


def report(problems: list[str], lessons: int) -> int:
    """Print the problems, one a line; 1 if there are any, as an exit status."""
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{lessons} lessons checked: {len(problems) or 'no'} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know the letters of every name
    sys.exit(main())
