# Everything is one command:  make lab   make test   make help
# Each command makes the environment .venv first, if it is missing or if the pins have changed.
#
# Variables:
#   PYTHON=python3.12   the Python to build .venv with (3.10 to 3.14; found by itself when not given)
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu
#                       On Linux, PyPI's PyTorch brings several GB of CUDA libraries. With this index pip takes the
#                       CPU build instead, which is all the lessons need. Empty by default: then PyPI alone is asked.
#   PINS=constraints-oldest.txt
#                       The versions to install: the oldest supported ones, or with PINS= the newest there are. Set it
#                       in a fresh copy, or after make clean. constraints.txt by default.
#   FORCE=1             make notebooks: build every lesson, also those that are up to date
#   WORKERS=2           make test, test-browser: how many tests run at once; 0 for one after the other in one process
#   ARGS="..."          make test, test-browser, lab, bench: further arguments, e.g.  make test ARGS="-k momentum"
#
# On Windows, run make in Git's bash: the recipes are for a POSIX shell.

.DEFAULT_GOAL := help

PYTHON ?=
TORCH_INDEX ?=
PINS ?= constraints.txt
FORCE ?=
WORKERS ?= 2
ARGS ?=

# pip would spend half of its time on compiling, mostly files that are never imported. Python compiles what is imported,
# and keeps it, unless this variable says that it must not.
export PYTHONDONTWRITEBYTECODE :=

BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := .venv/.ready
FIRST_LESSON := notebooks/00_meet_batch_normalization.ipynb
# nbgrader needs a newer IPython than the oldest one that bnteach supports, which is Colab's. Dask is tried with the
# usual pins alone.
COMMA := ,
EXTRAS := lab,test$(if $(filter constraints-oldest.txt,$(PINS)),,$(COMMA)classroom$(COMMA)cluster)
# Jupyter asks for this where everything runs as root, as in a container.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)
NBVAL := --nbval --nbval-current-env --nbval-sanitize-with=tests/notebooks/sanitize.cfg
ONE_CORE_EACH := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)
# The cells of a notebook stay together, in one worker. The notebooks take longest, so they come first.
TOGETHER := $(ONE_CORE_EACH) --dist loadfile --no-loadscope-reorder
NOTEBOOKS = $(wildcard notebooks/*.ipynb notebooks/solutions/*.ipynb)

.PHONY: help lab test test-browser notebooks bench bench-labs lint clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: $(READY)  ## Open JupyterLab at lesson 00
	$(BIN)/jupyter lab --ServerApp.root_dir="$(CURDIR)" $(AS_ROOT) $(FIRST_LESSON) $(ARGS)

test: $(READY)  ## Run everything that needs no browser: tests, examples in docstrings, notebooks compared strictly
	$(TOGETHER) $(NBVAL) $(NOTEBOOKS) tests bnteach $(ARGS)
	$(TOGETHER) --nbval-lax --nbval-current-env notebooks/exercises

# joblib starts no processes here: with two lessons at a time, they would only import PyTorch once more each.
test-browser: $(READY)  ## Drive the lessons in JupyterLab, in Chromium
	JOBLIB_MULTIPROCESSING=0 $(ONE_CORE_EACH) --dist worksteal tests/browser $(ARGS)

notebooks: $(READY)  ## Build and execute the notebooks whose source, or the package, changed (FORCE=1: all)
	$(BIN)/python -m bnteach.authoring notebooks $(if $(FORCE),--force)

bench: $(READY)  ## Measure speed and memory beside PyTorch, textbook NumPy and the bandwidth of memory
	$(BIN)/python tests/benchmarks/bench.py $(ARGS)

bench-labs: $(READY)  ## Measure how fast the labs answer, beside the same pictures by interact and plt.show()
	$(BIN)/python tests/browser/bench_labs.py $(ARGS)

lint: $(READY)  ## Check the style of the code, and that the notebooks match their sources
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/zizmor --offline --no-progress --quiet .github
	$(BIN)/python -m bnteach.authoring check

clean:  ## Remove .venv and what the tools leave behind (the built notebooks stay)
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist bnteach.egg-info
	find . -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# The first of these that is Python 3.10 to 3.14, the versions that the pins exist for.
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.10 python3.14 python)
SUITABLE := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))

$(READY): pyproject.toml $(PINS)
	@python=; for candidate in $(CANDIDATES); do \
	    if "$$candidate" -c '$(SUITABLE)' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "bnteach needs Python 3.10 to 3.14; tried: $(CANDIDATES)." >&2; \
	    echo "Install one from https://www.python.org, or name yours: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; \
	    exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ]; then \
	    echo "Making .venv with $$("$$python" --version), then installing the pinned versions: some minutes, once."; \
	    "$$python" -m venv .venv || { rm -rf .venv; \
	        echo "This Python cannot make environments (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }; \
	fi
	$(BIN)/python -m pip install --no-compile --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	    $(if $(PINS),-c $(PINS)) -e ".[$(EXTRAS)]"
	@# nbgrader is for teachers: its menu and buttons would stand in every student's JupyterLab.
	@$(BIN)/jupyter labextension disable --level=sys_prefix @jupyter/nbgrader >/dev/null 2>&1 || \
	    echo "Could not hide the buttons of nbgrader in JupyterLab; the lessons work all the same."
	@touch $@
