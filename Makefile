# Every target does its own set-up. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# the newest Python 3.11+ that can make a virtual environment
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
# LightGBM needs the system's OpenMP library
HAS_GOMP = $(BIN)/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1" if __import__("sys").platform.startswith("linux") else None)' 2>/dev/null
# the system's packages, where one may install them: $(APT_GET) NAME
APT_GET = test "$$(id -u)" = 0 && command -v apt-get >/dev/null 2>&1 && apt-get update -qq >/dev/null 2>&1 && \
	DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends
VENDOR := src/keepwell/surfaces/web/static/vendor/manifest.json
DEMO ?= demo-workspace
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup setup-tests demo test check bench bench-pages docs lock release

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 16

setup: $(VENV)/.done $(VENDOR) ## make .venv with the pinned dependencies and Keepwell itself (.venv/bin/keepwell)

$(VENV)/.done: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Keepwell needs Python 3.11 or newer with venv: install python3 and python3-venv, or name one with make PYTHON=…"; exit 1; }
	@rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(HAS_GOMP) || { $(APT_GET) libgomp1 >/dev/null 2>&1; } || \
		echo "The system's libgomp could not be had (install libgomp1): the churn model can't learn without it."
	@touch $@

# the install above brings the pages' packages; afterwards this does, when they change
$(VENDOR): package.json package-lock.json .npmrc hatch_build.py | $(VENV)/.done
	$(BIN)/python hatch_build.py
	@touch $@

demo: setup ## make a demo workspace, compute it, print its scorecard and who can sign in, and serve it (DEMO_SERVE=0 does not)
	@rm -rf $(DEMO)
	$(BIN)/keepwell demo $(DEMO)
	@test "$(DEMO_SERVE)" = 0 || $(BIN)/keepwell -w $(DEMO) serve

# Spark's tests need Java, those of the pages a browser and axe; where one can't be had they are skipped, and say so
setup-tests: setup
	@command -v java >/dev/null 2>&1 || test -n "$$JAVA_HOME" || { $(APT_GET) openjdk-17-jre-headless >/dev/null 2>&1; } || \
		{ $(APT_GET) default-jre-headless >/dev/null 2>&1; } || \
		echo "Java could not be had (install openjdk-17-jre-headless): the Spark tests will be skipped."
	@command -v chromium >/dev/null 2>&1 || { $(APT_GET) chromium >/dev/null 2>&1; } || \
		$(BIN)/python -m playwright install chromium >/dev/null 2>&1 || \
		echo "A browser could not be had (install chromium): the tests of the pages in a browser will be skipped."
	@$(BIN)/python hatch_build.py tests || \
		echo "axe-core could not be had: the tests of the pages' accessibility will be skipped."

test: setup-tests ## run the whole suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: setup ## lint, types, layers, and the generated docs are as they should be
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

bench: setup ## time Keepwell beside plain DuckDB and pandas, in one run, as ratios
	$(BIN)/python bench/import_orders.py
	$(BIN)/python bench/read_kpis.py
	$(BIN)/python bench/score_customers.py

bench-pages: setup ## let 20 people browse the pages of a million customers, and upload two gigabytes
	$(BIN)/python bench/browse_pages.py
	$(BIN)/python bench/upload_large.py

docs: setup ## write the generated reference pages
	$(BIN)/python docs/generate.py

lock: setup ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements.lock

release: check test ## build the wheel and the source archive into dist/
	$(BIN)/python -m hatchling build
