"""The exercises, a file a lesson: right answers, inputs, hints and mistakes. CHECKS holds them by name."""

from __future__ import annotations

from ..checking import Check
from ..first.exercises import lesson_05, lesson_06, lesson_07, lesson_08, lesson_09, lesson_10, lesson_12
from . import lesson_01, lesson_02, lesson_03, lesson_04

LESSONS = (
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_10,
    lesson_12,
)

CHECKS: dict[str, Check] = {check.name: check for lesson in LESSONS for check in lesson.EXERCISES}
