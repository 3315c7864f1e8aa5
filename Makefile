# Needs: make, Node >= 20, and a Python (3.13 on PATH or in pyenv, or any 3.9+ with which uv
# fetches 3.13). Everything else is set up below, in .tools, .venv and sandbox/node_modules.

UV := .tools/bin/uv
UV_VERSION := 0.13.9
# 3.13 wherever it is; else any Python that can install uv, which then fetches 3.13 itself. Each is
# asked for its real path: a pyenv shim is on PATH even where it leads nowhere.
PYENVS := $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions
WHERE := -c 'import sys; print(sys.executable)' 2>/dev/null
PYTHON313 := $(firstword $(shell python3.13 $(WHERE)) $(wildcard $(PYENVS)/3.13*/bin/python3.13))
BOOTSTRAP := $(firstword $(PYTHON313) $(shell python3 $(WHERE)) $(wildcard $(PYENVS)/3.*/bin/python3))
RUN := .venv/bin/python
REQUIREMENTS := requirements.txt
SEEDS := 1000
RULES := $(or $(wildcard onramp.yaml),onramp.example.yaml)
WORLD :=
# As pip does: a company's own authority is known to the system.
export UV_SYSTEM_CERTS := true

.DEFAULT_GOAL := help
.PHONY: help setup test lint demo sandbox rules docs simulate bench package format requirements clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.done sandbox/node_modules/.done ## install what everything else needs

test: setup .tools/checkov/.done lint ## everything that must hold: format, lint, types, every test
	$(RUN) -m pytest

lint: setup
	$(UV) lock --check --quiet
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

demo: setup ## show the whole path once, on a local Azure
	@$(RUN) -m sandbox demo

sandbox: setup ## start a local Azure with the app in it, until Ctrl-C
	@$(RUN) -m sandbox serve --env-file .sandbox/env

rules: setup ## say what RULES=onramp.yaml means, for WORLD=world.json or a built-in one
	@$(RUN) -m sandbox rules --file $(RULES) $(if $(WORLD),--world $(WORLD))

docs: setup ## make docs/settings.md and the JSON Schemas anew
	@$(RUN) -m sandbox docs

simulate: setup ## run SEEDS=1000 simulated lives of the app, and print what failed
	@$(RUN) -m tests.simulation --seeds $(SEEDS) --processes 2

bench: setup ## measure what it costs, next to the bounds
	@$(RUN) -m bench all

package: setup ## build the zip that is deployed, in dist/
	@$(RUN) -m sandbox.package

format: setup ## put the code in shape
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

requirements: $(UV) ## export requirements.txt from uv.lock
	$(UV) export --quiet --frozen --no-dev --no-hashes --no-emit-project --no-annotate --no-header \
	  -o $(REQUIREMENTS)

clean: ## remove what setup installed
	rm -rf .tools .venv sandbox/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(UV):
	@test -n "$(BOOTSTRAP)" || { echo "No Python found: install Python 3.13." >&2; exit 1; }
	$(BOOTSTRAP) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.done: $(UV) pyproject.toml uv.lock
	$(UV) sync --quiet --frozen --python $(or $(PYTHON313),3.13)
	@touch $@

# A scanner of templates, in a place of its own: it pins what others need newer.
.tools/checkov/.done: $(UV) infra/checkov.txt
	$(UV) venv --quiet --clear --python $(or $(PYTHON313),3.13) .tools/checkov
	$(UV) pip sync --quiet --python .tools/checkov/bin/python infra/checkov.txt
	@touch $@

sandbox/node_modules/.done: sandbox/package.json sandbox/package-lock.json
	@node --version >/dev/null 2>&1 || { echo "Node.js 20 or newer is needed: nodejs.org" >&2; exit 1; }
	npm ci --prefix sandbox --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@
