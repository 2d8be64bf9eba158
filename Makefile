# `make help` lists the targets. Every target sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help run test faults browser check docs bench format constraints clean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
T ?=

help: ## this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

# The lock is the constraints file: every package at one version, with its hashes. The project itself is
# installed on top, editable, without asking an index for anything more.
$(VENV)/.installed: constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(VENV)/.installed ## serve on 127.0.0.1:8000 with an embedded PostgreSQL in .crm/
	$(BIN)/crm serve

test: $(VENV)/.installed ## all tests; T=tests/core selects some
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(T)

faults: $(VENV)/.installed ## kill, freeze, fill and cut off for ten minutes, as root; tests/faults/README.md
	$(BIN)/python -m pytest -s tests/faults

browser: $(VENV)/.installed ## try /docs/ in a headless Chromium, which must be there
	@command -v chromium >/dev/null || { echo "make browser needs chromium on the PATH: apt-get install chromium"; exit 1; }
	$(BIN)/python -m pytest -n 0 tests/browser

check: $(VENV)/.installed ## format, lint, types, import contracts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed ## the pages of docs/ as a site in docs/_build; a warning or a broken link is an error
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build

bench: $(VENV)/.installed ## requests a second beside what the stack itself can do; tests/bench/README.md
	$(BIN)/python -m tests.bench.rates

format: $(VENV)/.installed ## write the code as the formatter likes it
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

constraints: ## pin every dependency anew (needs pip-tools)
	pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --no-annotate --no-header --strip-extras --extra dev --output-file constraints.txt pyproject.toml
	sed -i -e '/^crm-core @/d' -e '/^# /d' constraints.txt

clean: ## remove what the targets made, but for the data in .crm/
	rm -rf $(VENV) docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
