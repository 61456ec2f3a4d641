# make demo   everything from jets to a verified firmware project, with its report
# make test   the quick tests          make test-long   the slow ones
# make lint   what continuous integration lints, the documentation's site among it (build/site)
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
SITE := $(VENV)/lib/python3.11/site-packages
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --constraint constraints.txt
LONG ?= long
CPP := $(wildcard hls/*/*.h hls/*/*/*.h hls/*/*/*/*.h hls/*/*/*.cpp tests/hls/*.cpp tests/hls/*/*.h tests/hls/*/*.cpp tests/hls/*/*/*.h)

.PHONY: demo test test-long lint format setup clean

demo: setup
	$(BIN)/tagware run firmware_projects/top_gru

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not long"

test-long: setup
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "$(LONG)"

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(CPP)

setup: $(VENV)/.installed

# torch first and alone: a range that another package brings could pull in a build of several GB. omnilearned alone:
# its network needs no more than these, the package asks for many others. HGQ2's wheel has a package qkeras, too: it goes
# into a folder that comes later on the path, so that QKeras stays whole.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "tagware needs Python 3.11: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --editable '.[simulate,rtl,cluster,dev]'
	$(PIP) --no-deps omnilearned einops torchdiffeq
	$(PIP) --no-deps --upgrade --target $(SITE)/_hgq hgq2
	echo _hgq > $(SITE)/tagware_hgq.pth
	touch $@

clean:
	rm -rf $(VENV) firmware_projects/*/build
