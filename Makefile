# Everything runs in .venv, made from .ci/*.lock: exact versions with hashes.
PYTHON ?= python3.11
PYTHON := $(or $(shell command -v $(PYTHON)),$(shell command -v python3))
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist worksteal
# Shapes and types of all arguments, checked as the tests run: a quarter of their time.
TYPED := --jaxtyping-packages=physsim,circuits,learning,beartype.beartype
# What runs physsim, and what its tests, checks and documentation need besides.
ENV := .venv/.env
DEV := .venv/.dev

COMPILE := .cache/lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --quiet \
  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help env ngspice chromium demo test typed slow coverage lint docs bench lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

env: $(DEV)  ## make .venv with physsim itself and all pinned dependencies

$(ENV): .ci/run.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "physsim needs Python 3.11 or newer; found: $$("$(PYTHON)" --version 2>&1). Name one with: make env PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	"$(PYTHON)" -m venv --clear .venv
	@echo "installing about $$(grep -c '==' $<) packages into .venv: a minute or more"
	$(INSTALL) --require-hashes --requirement $<
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): .ci/dev.lock $(ENV)
	@echo "installing what tests, checks and documentation need into .venv: a minute"
	$(INSTALL) --require-hashes --requirement $<
	@touch $@

ngspice:
	@if command -v ngspice >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq ngspice >/dev/null; \
	else echo "ngspice is missing: the comparisons with it are skipped. Install it with: sudo apt-get install ngspice"; fi

chromium:
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	else echo "chromium is missing: the tests of reports in a browser are skipped. Install it with: sudo apt-get install chromium"; fi

demo: $(ENV) ngspice  ## the main job on a bundled netlist; plots and figures go to out/
	$(BIN)/physsim demo --out out

test: env ngspice chromium  ## the test suite, but for what takes long and further cases of the same
	$(PYTEST) -m "not slow"

typed: env ngspice chromium  ## the same, with shapes and types checked as the tests run
	$(PYTEST) -m "not slow" $(TYPED)

slow: env ngspice  ## the tests that make test leaves out
	$(PYTEST) -m slow $(TYPED)

coverage: env ngspice chromium  ## the whole test suite, and the lines that it does not reach
	$(PYTEST) --cov --cov-report=term $(TYPED)

lint: env  ## ruff and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: env ngspice  ## the documentation site, in docs/_build; warnings are errors
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

bench: env  ## speed, compile time, precision and drift against C and peers; needs gcc
	@$(BIN)/python -c 'import pyhamsys, rebound, voltax' 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[bench]'
	$(BIN)/python -m benchmarks $(PARTS)

lock:  ## compute .ci/*.lock anew from pyproject.toml
	"$(PYTHON)" -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet uv
	$(COMPILE) --extra build --output-file .ci/run.lock
	$(COMPILE) --extra build --extra dev --extra docs --constraint .ci/run.lock --output-file .ci/dev.lock

clean:  ## remove what the targets above made
	rm -rf .venv .cache out .pytest_cache .ruff_cache .hypothesis build dist
