# Every target works on a fresh machine with only Python 3.11+: each first makes what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-slow lint bench docs clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(READY)  ## simulate a consortium and play steward, hub and researcher, in demo-world/ made anew
	rm -rf demo-world
	$(BIN)/linkage demo

test: $(READY)  ## every fast test
	$(BIN)/python -m pytest

test-slow: $(READY)  ## the long checks: scale and red team
	$(BIN)/python -m pytest -m slow

lint: $(READY)  ## style, types and the house's dependency rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## benchmarks, beside the peers that are installed
	$(BIN)/python -m bench

docs: $(READY)  ## write the command reference
	$(BIN)/python -m docs.reference

clean:  ## remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache demo-world
