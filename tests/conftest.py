"""Set before any library starts: one thread, no window; hypothesis draws the same examples every time."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from hypothesis import settings

# No deadline: no test is timed. `pytest --hypothesis-profile=explore` draws new examples, and more of them.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("repeatable")
