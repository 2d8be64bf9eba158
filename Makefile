# `make help` lists the targets. Every target sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help run mypy pyright test coverage pythons mutants faults adapters browser clients check docs bench format hooks constraints clean

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

# Tests start hundreds of processes: what they import, and each test module, is compiled once, whatever the shell says.
test coverage: export PYTHONDONTWRITEBYTECODE =

# The tests of a file run in one process, so that its servers and databases are made once. In the order of their names
# small files come last, and no process waits long for the other. Three keep two cores busy: each waits for a tenth of
# its time, for limits of the product to pass.
# The core's own tests run once, under coverage; T runs what it selects without.
test: $(VENV)/.installed $(if $(T),,coverage) ## all tests; T=tests/core selects some
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(or $(T),--ignore tests/core)

coverage: $(VENV)/.installed ## the core's tests, which must reach 98 % of its lines and branches
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 tests/core
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

pythons: ## all tests on each supported Python that is found, and which those were
	@T="$(T)" .ci/pythons

# mutmut and what it alone needs are installed here: libcst needs another package on Python 3.13 than elsewhere.
mutants: $(VENV)/.installed ## change the pure rules in small ways: do the core's tests notice? tests/mutants/equivalent.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r tests/mutants/constraints.txt
	$(BIN)/python -m tests.mutants.run

faults: $(VENV)/.installed ## kill, freeze, fill and cut off for ten minutes, as root; tests/faults/README.md
	$(BIN)/python -m pytest -s tests/faults

# The driver is installed here, as nothing else needs it. Without a server all tests are skipped, and say why.
adapters: $(VENV)/.installed ## the adapter of tests/mariadb on a MariaDB of its own; apt-get install mariadb-server
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r tests/mariadb/constraints.txt
	$(BIN)/python -m pytest tests/mariadb

browser: $(VENV)/.installed ## try /docs/ in a headless Chromium, which must be there
	@command -v chromium >/dev/null || { echo "make browser needs chromium on the PATH: apt-get install chromium"; exit 1; }
	$(BIN)/python -m pytest -n 0 tests/browser

# Not part of `make test`: it installs packages of npm, and takes minutes. It needs node, and Java for one of the tools.
clients: $(VENV)/.installed ## generate clients in other languages, compile and run them; tests/clients/README.md
	@command -v npm >/dev/null || { echo "make clients needs npm on the PATH: apt-get install npm"; exit 1; }
	$(BIN)/python -m tests.clients.run

check: $(VENV)/.installed ## format, lint, types, import contracts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	@$(MAKE) --no-print-directory --jobs 2 mypy pyright
	$(BIN)/lint-imports

mypy: $(VENV)/.installed
	$(BIN)/mypy

pyright: $(VENV)/.installed
	$(BIN)/basedpyright --project pyproject.toml
	$(BIN)/python -m tests.typed_pages
	$(BIN)/python -m tests.complete_types

docs: $(VENV)/.installed ## the pages of docs/ as a site in docs/_build; a warning or a broken link is an error
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build

bench: $(VENV)/.installed ## requests a second beside what the stack itself can do; tests/bench/README.md
	$(BIN)/python -m tests.bench.rates

format: $(VENV)/.installed ## write the code as the formatter likes it
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

hooks: $(VENV)/.installed ## have git run `make check` before each commit (needs pre-commit)
	pre-commit install

# On the oldest Python that is supported (Debian 12 has 3.11.2): a newer one pins what that cannot install.
constraints: ## pin every dependency anew (needs pip-tools)
	pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --no-annotate --no-header --strip-extras --extra dev --output-file constraints.txt pyproject.toml
	sed -i -e '/^crm-core @/d' -e '/^# /d' constraints.txt

clean: ## remove what the targets made, but for the data in .crm/
	rm -rf $(VENV) .venv-* .clients mutants .coverage docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
