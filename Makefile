# Every command of this project. Needs make and Python 3.11 or later; the rest installs itself into .venv.

PYTHON   ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3.14 || command -v python3)
VENV     := .venv
BIN      := $(VENV)/bin
READY    := $(VENV)/.ready
ARGS     ?=
HOST     ?= 127.0.0.1
PORT     ?= 8000
DIR      ?= .xase
WORKERS  ?= 2
CODE     := src tests scripts benchmarks
PRESENT   = $(wildcard $(CODE))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
# where it is set, every server that a test starts compiles anew what it imports: seconds each
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ------------------------------------------------------------------ to use it

.PHONY: demo serve
demo: $(READY) ## the whole story: data under a policy, training, decisions, withdrawal, revocation, evidence verified offline
	@$(BIN)/xase demo $(ARGS)

serve: $(READY) ## run the server; PORT=8000 and DIR=.xase say where
	@$(BIN)/xase-server serve --home $(DIR) --host $(HOST) --port $(PORT) $(ARGS)

# ------------------------------------------------------------------ to change it

.PHONY: setup test check fix
setup: $(READY) ## make .venv with exactly the pinned, hashed requirements
	@echo "$(VENV) is ready"

test: $(READY) ## run the tests; one file: make test ARGS=tests/unit/proof
	@$(BIN)/pytest -n $(WORKERS) $(ARGS)

check: format lint types contracts generated vectors-check test ## everything that CI runs

fix: $(READY) ## format, mend what the linter can mend, rewrite what is generated
	@$(BIN)/ruff check --fix-only --quiet $(PRESENT)
	@$(BIN)/ruff format --quiet $(PRESENT)
	@$(MAKE) generate

# ------------------------------------------------------------------ the parts of `make check`

.PHONY: format lint types contracts generated vectors-check docs
format: $(READY) ## is the code formatted?
	@$(BIN)/ruff format --check --quiet --diff $(PRESENT)

lint: $(READY) ## does it keep the rules?
	@$(BIN)/ruff check --quiet $(PRESENT)

types: $(READY) ## do the types hold?
	@$(BIN)/mypy

contracts: $(READY) ## does every import point downwards?
	@$(BIN)/lint-imports --no-cache --no-logo

generated: $(READY) ## does what is generated equal what is committed?
	@$(BIN)/python scripts/unasync.py --check
	@$(BIN)/python scripts/make_reference.py --check
	@$(BIN)/python scripts/make_openapi.py --check

vectors-check: $(READY) ## do the published vectors still come out the same?
	@$(BIN)/python scripts/make_vectors.py --check

docs: $(READY) ## links, headings and the examples in the docs, executed
	@$(BIN)/pytest -q tests/docs $(ARGS)

# ------------------------------------------------------------------ now and then

.PHONY: bench faults generate vectors lock clean
bench: $(READY) ## every benchmark, as ratios in one run; ARGS="--write docs/explanation/performance.md" keeps the table
	@$(BIN)/python -m benchmarks $(ARGS)

faults: $(READY) ## the fault and kill loops in full length
	@XASE_FAULTS=full $(BIN)/pytest tests/faults tests/sdk/test_capture_processes.py -o faulthandler_timeout=3600 $(ARGS)

generate: $(READY) ## rewrite the sync client and the reference pages
	@$(BIN)/python scripts/unasync.py
	@$(BIN)/python scripts/make_reference.py
	@$(BIN)/python scripts/make_openapi.py

vectors: $(READY) ## write the published test vectors
	@$(BIN)/python scripts/make_vectors.py

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links $(ARGS)

lock: $(READY) ## pin the newest fitting requirements; one: make lock ARGS="--upgrade-package starlette"
	@$(COMPILE) pyproject.toml -o requirements/runtime.txt
	@$(COMPILE) pyproject.toml --extra server --extra postgres -o requirements/server.txt
	@$(COMPILE) pyproject.toml --extra server --extra postgres --extra demo --extra dp --extra presidio --extra dev -o requirements/dev.txt
	@echo uv | $(COMPILE) - -o requirements/uv.txt

clean: ## remove .venv and every cache
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist

# ------------------------------------------------------------------ the environment

# uv for speed; where it cannot be installed or cannot reach what pip reaches, pip does the same from the same hashes.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/uv.txt || echo "uv is not to be had here; pip takes over" >&2
	@{ test -x $(BIN)/uv && VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt; } \
		|| $(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@
