# letterlock: `make demo` and `make test` set up what is missing by themselves.
SHELL := /bin/bash
PY := .venv/bin/python
# Many tests wait for servers: thrice the cores keeps two busy.
JOBS ?= 6

.PHONY: help demo test pytest lab compiled audit lint format bench docs catalogues setup clean
help:            ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: .venv/.tests
.venv/.tests .venv/.demo: .venv/.%: pyproject.toml scripts/setup
	@scripts/setup $*
	@touch $@ .venv/.demo

demo: .venv/.demo ## the main job on a throw-away Postfix and Dovecot
	@.venv/bin/letterlock demo

test: setup compiled ## lint, types, rooms, and every test
	@$(MAKE) --no-print-directory -j3 lint pytest

# Beside lint, which keeps one core busy for a while.
pytest: lab
	@PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n $(JOBS) --dist worksteal

# The tests start the program hundreds of times, mostly where its folder is read-only: uncompiled, each start would compile it.
compiled: setup
	@$(PY) -m compileall -q -j 0 src tests
	@$(PY) scripts/compile_catalogues

lab: setup       ## a root of each Debian generation in .cache/lab, for tests
	@scripts/lab

audit: setup     ## the locked dependencies against known vulnerabilities, where a list is to be had
	@scripts/lock --audit

lint: setup audit ## ruff, mypy --strict, import-linter, known vulnerabilities
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache >.cache/lint-imports.txt || { cat .cache/lint-imports.txt; exit 1; }

format: setup    ## write the source as ruff formats it
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

bench: setup     ## start-up, secure and check beside their peers, as ratios
	@$(PY) -m bench.run
	@$(PY) -m bench.corpus

docs: setup      ## write the parts of docs/ that come from the program
	@$(PY) scripts/write_findings && $(PY) scripts/write_versions && $(PY) scripts/write_reference

catalogues: setup ## bring the translations' catalogues up to the source
	@$(PY) scripts/write_catalogues

clean:           ## remove what was built here
	@rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
