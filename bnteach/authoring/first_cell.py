"""The first code cell of every lesson: it does nothing where bnteach is installed, and elsewhere says how to get it."""

FIRST_CELL = '''\
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. If the notebook lies in a copy of the project, run\\n"
        "    %pip install -e ..\\n"
        "in a cell of its own, restart the kernel, and begin again. Or close it and type  make lab  in a terminal."
    ) from None'''
