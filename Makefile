# One word each: make run | test | lint | bench. Needs Python 3.11 to 3.13 and PyPI, nothing else;
# `make test` also fetches PostgreSQL 15 from Debian when it runs as root and finds none.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test lint bench lock clean
.DEFAULT_GOAL := run

$(VENV)/.run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit("Frontdesk needs Python 3.11 to 3.13, this is %d.%d: make run PYTHON=python3.12" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# exec: make's child is the supervisor itself, so that a signal reaches it at once.
run: $(VENV)/.run
	@exec $(BIN)/python -m frontdesk run

# Bytecode is kept, whatever the environment says: the suite starts some hundred processes that would compile it anew.
test: $(VENV)/.dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadscope

lint: $(VENV)/.dev
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m tests.scan

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench

# Hashes, and no registry address: the same lock serves every mirror.
lock:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install uv
	@$(BIN)/python -m uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements.lock
	@$(BIN)/python -m uv pip compile pyproject.toml --extra build --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements-dev.lock

clean:
	rm -rf $(VENV) .data .cache
