"""An exception of a learner's code, in words, with the learner's own line."""

import sysconfig
import traceback
from pathlib import Path

import bnteach

from .answers import NotWritten, OddAnswer
from .recipe import STEP
from .shelter import TimeUp

# Where the code is that is not the learner's.
LIBRARIES = (str(Path(bnteach.__file__).parent), sysconfig.get_path("stdlib"))
ELSEWHERE = (*LIBRARIES, "site-packages", "dist-packages", "<frozen")
CELLS = ("<", "ipykernel", "ipython-input")  # a part of the name that a cell has as a file
LENGTH = 300  # characters of an error's own message

# Type of an exception -> the kind of failure, and what to say; {at} stands for the learner's own line.
KINDS: dict[type[BaseException], tuple[str, str]] = {
    NotWritten: ("not written", "{message}"),
    OddAnswer: ("odd", "{message}"),
    NotImplementedError: ("not written", "Not written yet{at}."),
    TimeUp: ("time", "Stopped after {after}{at}. Is there a loop that never ends?"),
    RecursionError: ("recursion", "Your function calls itself without end{at}."),
    SystemExit: ("exit", "Your code ends the kernel{at}. Return a value instead."),
    BaseException: ("raised", "{type}{message}{at}.{about}"),
}
# Part of a message -> what it means, where it says only half.
MEANINGS = {
    "could not be broadcast together": "NumPy lines shapes up from the last axis on. Two lengths must be "
    "equal, or one of them 1.",
    "keyword argument 'dim'": "The inputs are NumPy arrays: `axis=` stands where PyTorch has `dim=`.",
    "keyword argument 'keepdim'": "The inputs are NumPy arrays: write `keepdims=`, with an s.",
    "keyword argument 'unbiased'": "The inputs are NumPy arrays: they divide by n, unless `ddof=1` is given.",
    "must be Tensor, not": "The inputs are NumPy arrays: call np in the place of torch, or begin with "
    "torch.from_numpy(...).",
    "'numpy.ndarray' object has no attribute": "The inputs are NumPy arrays, which lack some methods of "
    "PyTorch's tensors.",
}


def failed(error: BaseException, seconds: float) -> tuple[str, str]:
    """The kind of a failure, and the failure in words."""
    message = str(traceback.TracebackException.from_exception(error, limit=0)).strip()
    if not isinstance(error, OddAnswer):
        message = message[:LENGTH].removesuffix(".")
    if "ellipsis" in message:
        return "not written", f"A `...` is still there{at(error)}."
    kind, words = next(found for known, found in KINDS.items() if isinstance(error, known))
    named = f"{type(error).__name__}{': ' * bool(message)}" if kind == "raised" else ""
    after = f"{seconds:g} second{'s' * (seconds != 1)}"
    about = next((f" ({meaning})" for part, meaning in MEANINGS.items() if part in message), "")
    return kind, words.format(type=named, message=message, at=at(error), after=after, about=about)


def at(error: BaseException) -> str:
    """The learner's own line at which it happened, as words; empty when there is none."""
    frames = traceback.extract_tb(error.__traceback__, limit=-200)
    own = [frame for frame in frames if not any(place in frame.filename for place in ELSEWHERE)]
    if not own:
        return ""
    file, number, _, line = own[-1]
    if file.startswith(STEP):
        return f", at {file.removeprefix(STEP)}"
    place = "the cell" if any(sign in file for sign in CELLS) else Path(file).name
    return f", at line {number} of {place}: {line}" if line else ""
