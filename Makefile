PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= constraints.txt

FORMULAS := tests/metrics tests/test_statistics.py tests/test_comparison.py tests/test_regress.py tests/test_scores.py

.PHONY: bench test coverage lint regress clean

bench: $(VENV)/installed
	$(BIN)/python -m sgbench.run --methods sggan,stargan,residualgan --sparse 500

test: $(VENV)/installed
	$(BIN)/python -m pytest tests

coverage: $(VENV)/installed
	$(BIN)/python -m pytest --cov --cov-report=term $(FORMULAS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

regress: $(VENV)/installed
	$(BIN)/python reports/make_reference.py build/reference
	$(BIN)/python -m sgbench regress reports/reference build/reference --junit build/regress.xml --summary build/regress.md

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build
