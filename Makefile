PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= constraints.txt

FORMULAS := tests/metrics tests/statistics tests/regression tests/results
# Threads that wait for work sleep: those of two test processes would otherwise keep each other from the cores.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: bench test test-slow test-all coverage lint regress docs clean

bench: $(VENV)/installed
	$(BIN)/python -m sgbench.run --methods sggan,stargan,residualgan --sparse 500

test: $(VENV)/installed
	$(PYTEST) -m "not slow" tests

test-slow: $(VENV)/installed
	$(PYTEST) -m slow tests

test-all: test test-slow

coverage: $(VENV)/installed
	$(PYTEST) --cov --cov-report=term $(FORMULAS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

regress: $(VENV)/installed
	$(BIN)/python reports/make_reference.py build/reference
	$(BIN)/python -m sgbench regress reports/reference build/reference --junit build/regress.xml --summary build/regress.md

$(VENV)/installed: pyproject.toml $(CONSTRAINTS) $(wildcard sgbench/methods/_*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[test]'
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[docs]'
	touch $@

# Not quiet: mkdocs then counts no warnings, and nothing would be strict.
docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build
