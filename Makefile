# `make demo` shows what the project does, `make test` that it works; `make docs` regenerates the references in docs/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test docs

demo: $(VENV)/.installed
	$(BIN)/pvdm demo --output demo/

test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal  # a process per core, a thread each

docs: $(VENV)/.installed
	$(BIN)/python tools/api_reference.py
	$(BIN)/python tools/cli_reference.py
	$(BIN)/python tools/speed_tables.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no virtual environment: install Debian's python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: $(VENV)/bin/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@
