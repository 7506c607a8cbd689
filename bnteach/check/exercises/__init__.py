"""The checks, by lesson. CHECKS holds them all by name."""

from __future__ import annotations

from ..checking import Check
from . import lesson_02, lesson_04

CHECKS: dict[str, Check] = {
    check.name: check for lesson in (lesson_02, lesson_04) for check in lesson.EXERCISES
}
