# What people type, and what CI runs. `make help` lists the targets.
# Everything is installed into .venv on the first use; nothing else needs to be typed before.

.DEFAULT_GOAL := help

TORCH ?= auto
JOBS ?= 2
PORT ?= 8000

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
HTML := _build/html

# A chapter's small models train faster on one thread; two jobs use two cores.
OMP_NUM_THREADS ?= 1
export OMP_NUM_THREADS
# Containers often forbid Python to keep what it compiles; then every program and notebook would
# compile the package anew, and pytest all tests, in each of its processes.
export PYTHONDONTWRITEBYTECODE :=

OLD_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c "$(OLD_ENOUGH)" >/dev/null 2>&1 && echo $$p && break; done)
endif

# The environment is made again when the checkout has moved or another PyTorch is asked for.
STATE := $(CURDIR) TORCH=$(TORCH)
ifneq ($(STATE),$(shell cat $(STAMP) 2>/dev/null))
$(STAMP): FORCE
endif

# The tests of the package alone: those named after one of its rooms, and of its small models.
ROOMS := $(basename $(notdir $(wildcard scaling_utils/[a-z]*)))
PACKAGE_TESTS := $(wildcard $(foreach room,$(ROOMS),tests/test_$(room)*.py) \
	tests/test_check.py tests/test_floors.py tests/test_published_numbers.py \
	tests/test_lstm.py tests/test_mlp.py tests/test_ngrams.py)
# Named after the room, but a run of whole chapters.
PACKAGE_TESTS := $(filter-out tests/test_notebook_run.py,$(PACKAGE_TESTS))
SITE_TESTS := $(wildcard tests/test_site*.py)
# The chapters, and all that is said about them and about their recorded runs.
CHAPTER_TESTS := notebooks $(filter-out $(PACKAGE_TESTS) $(SITE_TESTS),$(wildcard tests/test_*.py))
OLDEST := .venv-lowest/bin

# Whose last digits `make kernels` looks at: fast, and resting on linear algebra.
SENSITIVE := $(wildcard $(addsuffix *.ipynb,$(addprefix notebooks/,02 15 20 21))) \
	tests/test_kernels.py tests/test_fitting.py tests/test_fitting_power.py

.PHONY: help book test quick package chapters site kernels machines execute lab serve bench gpu verify-results lint lowest lock clean FORCE

help:  ## List the targets
	@echo "Neural Scaling: make TARGET"
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
		while IFS="$$(printf '\t')" read -r name words; do printf '  %-14s %s\n' "$$name" "$$words"; done
	@echo "Options: PYTHON=python3.12  TORCH=auto|cpu|cuda  JOBS=2  PORT=8000  STALE=1 (for execute)"

book: $(STAMP)  ## Render the book from the stored outputs
	$(PY) tools/build.py

test: book  ## Run every test and every notebook
	$(PY) -m pytest -n $(JOBS) --dist loadfile -q -rs

quick: $(STAMP)  ## Test the package in two minutes: all but its slow tests
	$(PY) -m pytest -n $(JOBS) --dist loadfile -q -rs -m "not slow" $(PACKAGE_TESTS)

package: $(STAMP)  ## Test the package alone
	$(PY) -m pytest -n $(JOBS) --dist loadfile -q -rs $(PACKAGE_TESTS)

chapters: $(STAMP)  ## Run every notebook, and test what is said about them
	$(PY) -m pytest -n $(JOBS) --dist loadfile -q -rs $(CHAPTER_TESTS)

site: book  ## Render the book and test its pages
	$(PY) -m pytest -q -rs $(SITE_TESTS)

kernels: $(STAMP)  ## Run the fast chapters with the arithmetic of two other processors
	@for core in Haswell Nehalem; do echo "== OPENBLAS_CORETYPE=$$core"; \
		OPENBLAS_CORETYPE=$$core $(PY) -m pytest -n $(JOBS) --dist loadfile -q -rs $(SENSITIVE) \
		|| exit 1; done

machines: $(STAMP)  ## Run all chapters as other machines would, and record how their claims move
	$(PY) tools/machines.py --jobs $(JOBS) --record $(NOTEBOOKS)

execute: $(STAMP)  ## Run all chapters again and store their outputs; STALE=1: only where needed
	$(PY) tools/execute.py $(if $(STALE),--stale,--all)

lab: $(STAMP)  ## Open the chapters in JupyterLab
	$(PY) -m jupyterlab --notebook-dir=notebooks

serve: book  ## Serve the rendered book on localhost
	@echo "http://127.0.0.1:$(PORT)/   (Ctrl-C ends it)"
	$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory $(HTML)

bench: $(STAMP)  ## Run the benchmarks
	@missed=0; for script in $(wildcard benchmarks/*.py); do \
		echo "== $$script"; $(PY) "$$script" || missed=1; done; exit $$missed

gpu: $(STAMP)  ## Record what only a GPU can show; MINUTES=8; TOY=1: a try-out on a CPU
	$(PY) results/gpu/record.py $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(TOY),--toy --device cpu --out _build/gpu-toy,--device cuda)

verify-results: $(STAMP)  ## Train recorded runs again; STUDY=text N=5, LONGEST=1, ALL=1, SEED=3, RECORD=1
	$(PY) tools/verify_results.py $(STUDY) -n $(or $(N),1) $(if $(SEED),--seed $(SEED)) \
		$(if $(LONGEST),--longest) $(if $(ALL),--all) $(if $(RECORD),--record)

lint: $(STAMP)  ## Check style and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m yamllint --strict .

lowest:  ## Test the package alone with the oldest dependencies that it allows
	$(PYTHON) -m venv --clear .venv-lowest
	$(OLDEST)/python -m pip install -q uv
	$(OLDEST)/uv pip install --python $(OLDEST)/python --resolution lowest-direct \
		--torch-backend=cpu -e ".[test]"
	$(OLDEST)/python -m pytest -q $(PACKAGE_TESTS)

lock: $(STAMP)  ## Refresh requirements.lock
	$(PY) tools/lock.py

clean:  ## Remove the rendered book and all caches, but not .venv
	rm -rf _build book/_generated build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml tools/install.py
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later found; say which: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c "$(OLD_ENOUGH)" || { echo "Python 3.11 or later is needed; PYTHON=$(PYTHON) is not that" >&2; exit 1; }
	$(PYTHON) tools/install.py --torch $(TORCH) --venv $(VENV)
	@echo "$(STATE)" > $@
