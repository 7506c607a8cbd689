"""The site: every notebook as a web page, with labs that move without a kernel.

* `recorder`: a Matplotlib renderer that keeps what is drawn as vector operations
* `recording`: every position of a lab's controls, computed and drawn beforehand
* `recordings`: which lab a cell shows; the files of the recordings, made again where something changed
* `player.js`, `player.css`: repeat a recording on a canvas, with the controls of the lab
* `cells`, `links`, `running`: a notebook as a page shows it
* `contents`, `readme`: the pages that are no notebooks
* `sphinx_run`, `mathml`: how Sphinx makes pages of them
* `pages`, `lesson_file`: the whole site; one lesson as one file

It needs the extra "site" (sphinx, myst-nb, furo). Learners never import it.
"""
