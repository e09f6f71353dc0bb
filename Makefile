# `make demo` and `make test` set up everything they need in .venv; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKED := -r requirements.lock --require-hashes
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist worksteal
unexport PYTHONDONTWRITEBYTECODE  # without compiled files each of the many commands compiles all of torch anew

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint lock

help:
	@echo "make demo       train CycleGAN on built-in portraits for two minutes and show where the results are"
	@echo "make test       run every check and test"
	@echo "make test-fast  run the tests that take seconds"
	@echo "make lint       ruff and mypy"
	@echo "make lock       renew requirements.lock from pyproject.toml"

setup: $(READY)

$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	@if command -v uv >/dev/null 2>&1; then uv=uv; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check uv && uv=$(BIN)/uv; fi; \
	echo "installing the locked environment into $(VENV)"; \
	$$uv pip install --quiet --python $(BIN)/python $(LOCKED)
	@touch $@

demo: $(READY)
	$(BIN)/python -m src.train experiment=demo
	@echo "A style that is trained already draws your own photo:"
	@echo "  $(BIN)/python -m src.translate input=me.jpg output=cartoon.png"

test: lint
	$(PYTEST)

test-fast: $(READY)
	$(PYTEST) -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Universal: one file for every platform and Python from 3.11 on; it names versions and hashes, no index.
lock: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --upgrade --quiet --output-file requirements.lock
