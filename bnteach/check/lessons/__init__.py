"""The exercises, a file a lesson: right answers, inputs, hints and mistakes. CHECKS holds them by name."""

from importlib import import_module

from ..checking import Check

LESSONS = "00 01 02 03 04 04b 05 06 07 08 09 10 11 12 13 14 15".split()
FILES = [import_module(f"{__name__}.lesson_{lesson}") for lesson in LESSONS]

CHECKS: dict[str, Check] = {check.name: check for file in FILES for check in file.EXERCISES}
