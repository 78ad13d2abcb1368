# make run          install what is needed, create the demo shop, start the app and print its address
# make test         install the development tools, then lint, types and every test
# make lint         ruff and mypy only
# make constraints  resolve the dependencies afresh and pin the whole tree in .ci/constraints.txt
# make clean        remove the environment, caches and builds

VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt

# The first interpreter on the path that is new enough; `make run PYTHON=...` names another.
PYTHON ?= $(shell for python in python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# Threads of one step wait without burning a core that something else could use.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := run
.PHONY: run test lint chromium constraints clean

run: $(VENV)/.installed
	$(BIN)/pricing-assistant demo
	$(BIN)/pricing-assistant app

test: lint chromium
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found on the path." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Stamps: a second run installs nothing unless what is declared has changed.
$(VENV)/.installed: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install -c $(CONSTRAINTS) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install -c $(CONSTRAINTS) -e '.[dev]'
	@touch $@ $(VENV)/.installed

# The browser tests drive Debian's Chromium.
chromium:
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; \
	else \
		echo "Chromium was not found, so the browser tests will be skipped."; \
		echo "On Debian: sudo apt-get install chromium"; \
	fi

constraints: | $(VENV)/bin/python
	rm -rf build/constraints
	$(BIN)/python -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --upgrade pip
	build/constraints/bin/python -m pip install --quiet --dry-run --ignore-installed \
		--report build/constraints/report.json '.[dev,openai,postgres]'
	build/constraints/bin/python .ci/pin.py build/constraints/report.json > build/constraints/constraints.txt
	mv build/constraints/constraints.txt $(CONSTRAINTS)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find assistant policy prompts tests -name __pycache__ -prune -exec rm -rf {} +
