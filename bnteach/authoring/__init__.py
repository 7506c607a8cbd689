"""The authors' room: builds the notebooks from their sources, and checks them.

You edit `notebooks/source/*.py`; `make notebooks` does the rest.

* `lessons`: where a lesson's files are; a percent source as cells
* `execute`: runs the cells, and names the source line that failed
* `clean`: takes out what changes from run to run
* `freshness`: which lessons must be built again
* `build`: the four in a row
* `checks`: what every built notebook must keep; `output_checks`: its outputs; `prose_checks`: its text
* `rules`: what makes a lesson fit its hour; `numbers`: how long it is; `rules_table`: both, to look at
* `classroom`: the exercises as nbgrader's assignments
* `grade`: what students hand in, without nbgrader; `grade_run`: runs it; `grade_report`: the table
* `student`: the student's own copy of the lessons; `student_files`: what is in it
* `outputs`: writes files, never over the project's own
* `colab`: notebooks that run alone, for Colab; `colab_cells`: what they begin with; `wheel`: what they carry

It needs the extra "test" (jupytext, nbformat, nbclient). Learners never import it.
"""
