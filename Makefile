# The verbs of this project. Every one sets up what it needs first: a virtual environment with the
# locked versions, and what the system lacks (as root or by sudo, Debian and Ubuntu).
#
#   VENV=/some/where    where the virtual environment is (default .venv)
#   PYTHON=python3.12   what it is made from (default python3), 3.11 or later

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
STAMP := $(VENV)/.set-up
SOURCES := voiced tests $(wildcard benchmarks)

.PHONY: help setup voice demo test check format bench clean

help:
	@echo "make demo     a spoken call with an emulated Telnyx, no account needed"
	@echo "make test     everything: check, then all tests with coverage"
	@echo "make check    ruff, mypy, flake8-async, import contracts"
	@echo "make format   lay the code out and mend what can be mended"
	@echo "make bench    measure delay, pacing, CPU and memory"
	@echo "make setup    only what all of these do first"
	@echo "make clean    remove what make has made"

setup: $(STAMP) voice

# The voice of the embedded synthesizer, and the only library that no wheel brings.
voice:
	@$(PYTHON) -c 'import ctypes; ctypes.CDLL("libflite.so.1")' 2>/dev/null \
		|| .ci/apt-install "the embedded voice" libflite1

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make setup: needs Python 3.11 or later as $(PYTHON); try PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| .ci/apt-install "virtual environments" "$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
	@echo "make setup: installing the locked versions into $(VENV)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade 'pip>=25.1'  # the first that knows --group
# Python 3.12 has no wheel of pocketsphinx: there it is compiled, which takes a minute and a compiler.
	@$(PIP) --constraint requirements.lock --only-binary pocketsphinx pocketsphinx 2>/dev/null \
		|| { { command -v cc && command -v c++ && test -e "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h"; } >/dev/null \
			|| .ci/apt-install "to compile pocketsphinx" build-essential "$$($(PYTHON) -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')"; \
		echo "make setup: compiling pocketsphinx"; \
		$(PIP) --constraint requirements.lock pocketsphinx; }
	@$(PIP) --constraint requirements.lock --group dev --editable .
	@touch $@

demo: setup
	@$(BIN)/voiced simulate

# Coverage speaks up only when it is too low, so that pytest's closing line stands last.
test: check
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage report >$(VENV)/coverage.txt || { cat $(VENV)/coverage.txt >&2; exit 1; }

check: setup
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --quiet --check $(SOURCES)
	@$(BIN)/mypy --explicit-package-bases --no-error-summary
	@$(BIN)/flake8 $(SOURCES)
	@$(BIN)/lint-imports

format: setup
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

bench: setup
	@$(BIN)/python -m benchmarks

# Only what is recognizably ours: VENV may have been pointed anywhere.
clean:
	@if [ -e $(STAMP) ] && [ -e $(VENV)/pyvenv.cfg ]; then rm -rf $(VENV); fi
	@rm -rf .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist
	@find voiced tests $(wildcard benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +
