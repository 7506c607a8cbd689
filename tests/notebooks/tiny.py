"""A lesson of eight cells, to try the pipeline on."""

from pathlib import Path

from bnteach.authoring.first_cell import FIRST_CELL
from bnteach.authoring.lessons import Lesson

TINY = f"""\
# %% [markdown]
# # A tiny lesson
# 5 minutes.
#
# ## What you will be able to do
# * Take a mean.
# * Read a picture.

# %%
{FIRST_CELL}

# %%
import numpy as np

x = np.array([[1.0, 2.0], [3.0, 6.0]])
print("mean", x.mean(axis=0))

# %% [markdown]
# A picture of two by two pixels, with its alt text, as a lab shows it.

# %% tags=["nbval-ignore-output"]
import base64, io
import ipywidgets
from IPython.display import display
from matplotlib import image

png = io.BytesIO()
image.imsave(png, x)
still = {{"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": "two by two pixels"}}
model = {{"version_major": 2, "version_minor": 0, "model_id": ipywidgets.IntSlider().model_id}}
view = {{"application/vnd.jupyter.widget-view+json": model}}
display({{**view, **still}}, raw=True, metadata={{"image/png": {{"alt": "two by two pixels"}}}})
print("drawn")

# %% tags=["raises-exception"]
np.linalg.inv(np.zeros((2, 3)))

# %% [markdown]
# The same number once more, and where to go on: [the source](source/00_tiny.py).

# %%
x.mean(axis=0)

# %% [markdown]
# ## What you can do now
# * [x] Take a mean: 2 and 4.
# * [x] Read a picture.
"""


def write_lesson(folder: Path, name: str = "00_tiny", text: str = TINY) -> Lesson:
    """Write a source into folder/source and return its lesson."""
    lesson = Lesson(name, folder)
    lesson.source.parent.mkdir(parents=True, exist_ok=True)
    lesson.source.write_text(text, encoding="utf-8")
    return lesson
