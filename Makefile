# Two commands do all the set-up: `make book` and `make test`. `make help` lists the rest.
profile ?= quick
port ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# The newest of the supported Pythons; override with `make book PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { command -v $$p; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help install book editions pdf test test-cluster test-colab test-binder backends lint serve twins lock clean distclean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22
	@echo "Options: profile=tiny (minutes) | quick (default) | classroom | paper; port=8000 for serve; PYTHON=/path/to/python"

install: $(VENV)/.installed ## create .venv with the pinned packages

book: $(VENV)/.installed ## execute every notebook and build the book: make book profile=tiny
	@$(BIN)/aulib make --profile $(profile)

editions: $(VENV)/.installed ## the same, and the instructor edition with all solutions
	@$(BIN)/aulib make --profile $(profile) --edition both

pdf: book ## the same, printed to _build/book.pdf (needs Chromium)
	@$(BIN)/aulib pdf --profile $(profile)

test: $(VENV)/.installed ## run all tests, with one complete tiny book
	@$(BIN)/ruff check .
	@$(BIN)/python -m pytest

backends: $(VENV)/.backends ## add JAX and PyTorch, which the tests then cover too

test-cluster: $(VENV)/.installed ## run a sweep on a Slurm of this machine (root; packages slurm-wlm and munge)
	@AULIB_REQUIRE_SLURM=1 $(BIN)/python -m pytest tests/test_cluster.py

test-colab: $(VENV)/.installed ## run every notebook with Colab's versions (needs python3.13)
	@$(BIN)/python scripts/hosted.py colab $(if $(COLAB_PYTHON),--python $(COLAB_PYTHON))

test-binder: $(VENV)/.installed ## run every notebook with Binder's packages in Binder's memory (needs python3.12)
	@$(BIN)/python scripts/hosted.py binder $(if $(BINDER_PYTHON),--python $(BINDER_PYTHON))

lint: $(VENV)/.installed ## check the style of the code
	@$(BIN)/ruff check .

serve: $(VENV)/.installed ## show the book at http://localhost:8000
	@test -f _build/html/index.html || { echo "There is no book yet: run 'make book' first."; exit 1; }
	@$(BIN)/python -m http.server --directory _build/html --bind 127.0.0.1 $(port)

twins: $(VENV)/.installed ## write the .ipynb twin of every notebook
	@$(BIN)/aulib twins

lock: $(VENV)/.installed ## pin the newest versions that pyproject.toml allows
	@$(BIN)/python -m pip install --quiet 'uv>=0.9,<1'
	@$(BIN)/uv pip compile --quiet --universal --no-header --python-version 3.11 --extra test pyproject.toml -o requirements.lock

clean: ## remove everything that was built (the packages stay)
	rm -rf _build .snakemake

distclean: clean ## remove the packages too
	rm -rf $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "aulib needs Python 3.11, 3.12 or 3.13 with the venv module, and none was found; install one, or call 'make $(MAKECMDGOALS) PYTHON=/path/to/python'."; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || \
		{ echo "aulib needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$("$(PYTHON)" --version 2>&1 || true)."; exit 1; }
	@echo "Installing into $(VENV) with $(PYTHON) (a few minutes the first time)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.backends: requirements-backends.lock $(VENV)/.installed
	@echo "Adding JAX and PyTorch to $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --requirement requirements-backends.lock
	@touch $@
