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
PIP := .ci/quietly $(BIN)/python -m pip install --quiet --disable-pip-version-check
STAMP := $(VENV)/.set-up
SOURCES := voiced tests $(wildcard benchmarks)
ASYNC_SOURCES = $(shell grep -rlwE 'async|await|trio' --include='*.py' $(SOURCES))
VERSION := import sys; print("%d.%d" % sys.version_info[:2])
DEBIAN_PYTHON = python$(shell $(PYTHON) -c '$(VERSION)')

.PHONY: help setup interpreter system peers demo test check audit goldens replay sweep format fuzz soak bench clean

help:
	@echo "make demo     a spoken call with an emulated Telnyx, no account needed"
	@echo "make test     everything: check, then all tests with coverage"
	@echo "make check    ruff, mypy, flake8-async, import contracts, versions against the lock"
	@echo "make audit    known vulnerabilities of the locked versions (asks PyPI)"
	@echo "make replay   every golden recording a hundred times, in other orders of tasks"
	@echo "make sweep    end every golden recording in six ways, wherever its tasks can stand"
	@echo "make goldens  make the golden recordings anew"
	@echo "make fuzz     look for inputs that break a call, for MINUTES (5)"
	@echo "make soak     hours of calls on a virtual clock, minutes on real sockets: nothing may grow"
	@echo "make format   lay the code out and mend what can be mended"
	@echo "make bench    measure delay, pacing, CPU and memory"
	@echo "make setup    only what all of these do first"
	@echo "make clean    remove what make has made"

setup: $(STAMP)

# An environment keeps the interpreter that it was made from: never test with another one than asked for.
interpreter:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make setup: needs Python 3.11 or later as $(PYTHON); try PYTHON=python3.12" >&2; exit 1; }
ifneq ($(origin PYTHON),file)
	@if [ -e $(BIN)/python ] && [ "$$($(BIN)/python -c '$(VERSION)')" != "$$($(PYTHON) -c '$(VERSION)')" ]; then \
		echo "make setup: $(VENV) was made from another Python than $(PYTHON): run make clean, or name another VENV" >&2; \
		exit 1; \
	fi
endif

# What no wheel brings: virtual environments, which Debian keeps in a package, the embedded synthesizer's voice, and Opus.
system: interpreter
	@packages=(); \
	[ -e $(STAMP) ] || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || packages+=("$(DEBIAN_PYTHON)-venv"); \
	$(PYTHON) -c 'import ctypes; ctypes.CDLL("libflite.so.1")' 2>/dev/null || packages+=(libflite1); \
	$(PYTHON) -c 'import ctypes; ctypes.CDLL("libopus.so.0")' 2>/dev/null || packages+=(libopus0); \
	[ "$${#packages[@]}" = 0 ] || .ci/apt-install "$${packages[@]}"

$(STAMP): pyproject.toml requirements.lock | system
	@echo "make setup: installing the locked versions into $(VENV)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade 'pip>=25.1'  # the first that knows --group
# Python 3.12 has no wheel of pocketsphinx: there it is compiled, which takes a minute and a compiler.
	@$(PIP) --constraint requirements.lock --only-binary pocketsphinx pocketsphinx 2>/dev/null || { \
		{ command -v cc && command -v c++ && test -e "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h"; } >/dev/null \
			|| .ci/apt-install build-essential "$(DEBIAN_PYTHON)-dev"; \
		echo "make setup: compiling pocketsphinx"; \
		$(PIP) --constraint requirements.lock pocketsphinx; }
	@$(PIP) --constraint requirements.lock --group dev --editable '.[codecs,mp3,piper,png,postgres,tracing,sherpa]'
	@touch $@

# Ubuntu's Chromium comes as a snap only: there the dashboard's browser tests are left out.
BROWSER := $(shell . /etc/os-release 2>/dev/null; [ "$$ID" = ubuntu ] || echo chromium=chromium chromedriver=chromium-driver)

# Real programs that the tests talk with, as command=package: installed where the command is missing.
PEERS := haproxy=haproxy pg_ctlcluster=postgresql promtool=prometheus systemd-analyze=systemd nginx=nginx caddy=caddy $(BROWSER)

peers:
	@packages=(); \
	for peer in $(PEERS); do command -v "$${peer%%=*}" >/dev/null || packages+=("$${peer#*=}"); done; \
	[ -n "$$(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null)" ] || packages+=(fonts-dejavu-core); \
	[ "$${#packages[@]}" = 0 ] || .ci/apt-install "$${packages[@]}"

demo: setup
	@$(BIN)/voiced simulate

# A process for each core, one of which has all tests with real sockets (tests/conftest.py).
# Coverage speaks up only when it is too low, so that pytest's closing line stands last.
test: check peers
	@$(BIN)/python -m pytest --numprocesses auto --dist loadgroup --cov --cov-report=
	@.ci/quietly $(BIN)/coverage report

check: setup
	@echo "make check: ruff, mypy, flake8-async, import contracts, versions"
	@$(BIN)/ruff check --quiet $(SOURCES) examples
	@$(BIN)/ruff format --quiet --check $(SOURCES) examples
	@$(BIN)/mypy --no-error-summary $(SOURCES)
	@.ci/quietly $(BIN)/lint-imports --no-logo
	@$(BIN)/python .ci/audit
	@.ci/quietly $(BIN)/python -m pip check
	@$(MAKE) --no-print-directory $(VENV)/.flake8-async

# It takes a second for every three files: only those with tasks in them, and only what has changed.
$(VENV)/.flake8-async: $(STAMP) .flake8 $(ASYNC_SOURCES)
	@$(BIN)/flake8 $(if $(filter-out %.py,$?),$(ASYNC_SOURCES),$?)
	@touch $@

# Asks PyPI about known vulnerabilities of every locked version, and fails if there is one, or no answer. Not part of
# `check`: what is found tomorrow must not break today's commit, and CI may have no network. Its own environment, so that
# ours stays as locked.
audit: setup
	@[ -x $(VENV)-audit/bin/pip-audit ] || { $(PYTHON) -m venv $(VENV)-audit && \
		.ci/quietly $(VENV)-audit/bin/python -m pip install --quiet 'pip-audit>=2.9'; }
	@$(BIN)/python .ci/audit
	@$(VENV)-audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip --strict --progress-spinner off \
		|| { echo "make audit: a vulnerability was found, or the service was not reached: see above" >&2; exit 1; }

# The golden recordings, made anew with the emulator: only when there is a new one, or a new format.
goldens: setup
	@$(BIN)/python -m tests.recordings.remake

# Each golden recording a hundred times over, every time with another order of tasks.
replay: setup
	@$(BIN)/voiced replay --times 100 tests/recordings/*.jsonl.gz

# Each golden recording, ended in six ways wherever its tasks can stand; EVERY=step takes ten times as long.
# SWEEP='--way "drain limit" --point 17 barge_in' repeats one end.
EVERY ?= state
sweep: setup
	@$(BIN)/python -m tests.sweep --every $(EVERY) $(SWEEP)

# Coverage-guided; a failing input is written beside the seeds, where the tests run it from then on.
MINUTES ?= 5
fuzz: setup
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

# SOAK="--hours 24 --minutes 60" for longer; see docs/reliability.md.
soak: setup
	@$(BIN)/python -m benchmarks.soak $(SOAK)

format: setup
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: setup
	@$(BIN)/python -m benchmarks

# Only what is recognizably ours: VENV may have been pointed anywhere. Records of calls (calls/) stay.
clean:
	@if [ -e $(STAMP) ] && [ -e $(VENV)/pyvenv.cfg ]; then rm -rf $(VENV) $(VENV)-audit; fi
	@rm -rf .coverage .coverage.* .fuzz .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist simulated
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
