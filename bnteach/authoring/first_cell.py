"""The first code cell of every lesson: it says how to get bnteach where the kernel cannot find it."""

FIRST_CELL = """\
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None"""
