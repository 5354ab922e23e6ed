# `make run` and `make test` are all a newcomer needs; both create .venv on first use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

EXAMPLES := build/examples

.PHONY: run test lint bench bench-storage bench-embedded bench-compare fuzz fuzz-recovery crash simulate examples compat compat-core clean

run: $(VENV)/.installed
	$(BIN)/pykbroker serve --override log.dirs=./data

# One process per core: most of the time goes to brokers and clients that wait for each other.
test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.installed-test
	$(BIN)/python bench/run.py

bench-storage: $(VENV)/.installed-test
	$(BIN)/python bench/storage.py

fuzz: $(VENV)/.installed-test
	$(BIN)/python fuzz/fuzz_frames.py --count 1000000

bench-embedded: $(VENV)/.installed-test
	$(BIN)/python bench/embedded.py

# Java (with mvn, or PYKBROKER_KAFKA_JARS) and Go for the rivals: what cannot be started is reported as missing.
bench-compare: $(VENV)/.installed-bench
	$(BIN)/python -m bench.compare

fuzz-recovery: $(VENV)/.installed-test
	$(BIN)/python fuzz/fuzz_recovery.py --count 100000

# kill -9 under load, with damaged files in between: `make crash ROUNDS=200 SEED=7`. A failure prints its seed.
ROUNDS ?= 50
SEED ?= 1

crash: $(VENV)/.installed-test
	PYKBROKER_CRASH_ROUNDS=$(ROUNDS) PYKBROKER_CRASH_SEED=$(SEED) $(BIN)/python -m pytest -o faulthandler_timeout=0 tests/crash

# Whole brokers in a simulated world: `make simulate SEEDS=5000`. A failure prints its seed.
SEEDS ?= 5000

simulate: $(VENV)/.installed-test
	PYKBROKER_SIM_SEEDS=$(SEEDS) $(BIN)/python -m pytest tests/sim -n auto

examples: $(EXAMPLES)/.installed
	$(EXAMPLES)/bin/python -m pytest tests/test_examples.py

# Every client, tool, suite and request that this machine's toolchains allow; writes docs/compatibility.md.
# `make compat PARTS="clients tools"` runs a part of it.
compat: $(VENV)/.installed-test
	$(BIN)/python -m tests.compat.everything $(PARTS)

# What CI runs of it: a few clients and scenarios. A cell that is green on the page must stay green.
compat-core: $(VENV)/.installed-test
	$(BIN)/python -m tests.compat.matrix --core --regressions --jobs 4

clean:
	rm -rf $(VENV) $(EXAMPLES) bench/build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pykbroker needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-bench: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,bench]'
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test

$(VENV)/.installed-lint: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test

# An environment of its own: the examples' libraries do not agree with the newest versions of the others.
REQUIREMENTS := $(wildcard examples/*/requirements.txt)

$(EXAMPLES)/.installed: pyproject.toml $(REQUIREMENTS)
	$(PYTHON) -m venv $(EXAMPLES)
	$(EXAMPLES)/bin/pip install --quiet --disable-pip-version-check -e . $(REQUIREMENTS:%=-r %)
	@touch $@
