"""A lesson of ten cells, to try the pipeline on."""

from pathlib import Path

from bnteach.authoring.lessons import Lesson

TINY = """\
# %% [markdown]
# # A tiny lesson
# 5 minutes. A mean, and a picture.

# %%
import numpy as np

# %%
x = np.array([[1.0, 2.0], [3.0, 6.0]])
print("mean", x.mean(axis=0))

# %% [markdown]
# A picture of two by two pixels, with its alt text, as a lab shows it.

# %% tags=["nbval-ignore-output"]
import base64, io, types
import ipywidgets
from IPython.display import display
from matplotlib import image

png = io.BytesIO()
image.imsave(png, x)
picture = {"image/png": base64.b64encode(png.getvalue()).decode()}


def still():
    model = {"version_major": 2, "version_minor": 0, "model_id": ipywidgets.IntSlider().model_id}
    view = {"application/vnd.jupyter.widget-view+json": model, "text/plain": "two by two pixels"}
    display({**view, **picture}, raw=True, metadata={"image/png": {"alt": "two by two pixels"}})


labs = types.SimpleNamespace(Still=still)
labs.Still()
print("drawn")

# %% tags=["raises-exception"]
np.linalg.inv(np.zeros((2, 3)))

# %% [markdown]
# The same number once more, and where to go on: [the source](source/00_tiny.py).

# %%
x.mean(axis=0)

# %% tags=["draws"] alt="The same pixels: \\"x\\" as a picture"
display({**picture, "text/plain": "Figure"}, raw=True)

# %% [markdown]
# You took a mean, and read a picture.
"""


def write_lesson(folder: Path, name: str = "00_tiny", text: str = TINY) -> Lesson:
    """Write a source into folder/source and return its lesson."""
    lesson = Lesson(name, folder)
    lesson.source.parent.mkdir(parents=True, exist_ok=True)
    lesson.source.write_text(text, encoding="utf-8")
    return lesson
