# make train   set up .venv, train on the built-in data, show the result
# make test    set up .venv with the test tools, check style, run the tests but for long tails
# make test-all   the same with the long tails: more kills, cases and launchers, the benchmarks
# make test-interop   the tests with the programs that networks and curves are handed to
# make docs    build the documentation as a site, site/index.html
# make fetch   download Fashion-MNIST, SHD and Braille ahead of time
# make clean   remove .venv and what tests and builds leave behind

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: train test test-all test-interop lint docs fetch clean

train: $(VENV)/.installed
	$(BIN)/python train.py

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

test: $(VENV)/.installed-dev
	$(PYTEST)
	$(MAKE) lint

test-all: $(VENV)/.installed-dev
	$(PYTEST) -m 'long or not long'
	$(MAKE) lint

test-interop: $(VENV)/.installed-simulators $(VENV)/.installed-trackers
	SNN_REQUIRE=interop,trackers $(PYTEST) tests/export tests/training/test_trackers.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: $(VENV)/.installed-dev
	$(BIN)/python -m mkdocs build --strict

fetch: $(VENV)/.installed
	$(BIN)/python -m snn.data fetch fashion_mnist shd tbl

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install -e . -c constraints.txt
	touch $@

# all in one go: the kernels are compiled by each installation
$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install -e '.[dev]' -c constraints.txt
	touch $(VENV)/.installed $@

$(VENV)/.installed-simulators: $(VENV)/.installed-dev tests/export/simulators.txt
	$(BIN)/python -m pip install --no-deps -r tests/export/simulators.txt
	touch $@

$(VENV)/.installed-trackers: $(VENV)/.installed-dev
	$(BIN)/python -m pip install -e '.[dev,wandb,mlflow]' -c constraints.txt
	touch $@

clean:
	rm -rf $(VENV) build site *.egg-info .pytest_cache .ruff_cache .hypothesis
