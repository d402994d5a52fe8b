PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test proof check lock soak bench image-proof clean

install: $(STAMP)

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "TrackerRMS Bridge needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	$(BIN)/bridge demo $(ARGS)

# The tests of every day, and those that take long; ARGS="-n 0" runs one after another in one process.
PYTEST := $(BIN)/$(if $(COVERAGE),coverage run,python) -m pytest --numprocesses $(or $(WORKERS),4)
FAST := unit house contracts simulator store api chart flow webhooks
LONG := crash system image package soak

test: $(STAMP)
	$(PYTEST) $(FAST:%=tests/%) $(ARGS)

proof: $(STAMP)
	$(PYTEST) $(LONG:%=tests/%) $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Long runs; CI runs the short form of the first (tests/soak/test_short.py).
soak: $(STAMP)
	$(BIN)/python -m tests.soak.change $(ARGS)
	$(BIN)/python -m tests.soak.budget $(ARGS)

# Figures for people; nothing passes or fails by the clock.
bench: $(STAMP)
	$(BIN)/python -m tests.bench.volume $(ARGS)
	$(BIN)/python -m tests.bench.commands
	$(BIN)/python -m tests.bench.webhooks

# Runs each step of the Dockerfile in a clean root, where no engine can build it; needs root and debootstrap.
image-proof: $(STAMP)
	$(BIN)/python -m tests.image.proof $(ARGS)

# Pin the newest versions that pyproject.toml allows, with hashes.
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --upgrade --extra embedded --extra simulator pyproject.toml -o requirements.lock
	$(LOCK) --upgrade --extra embedded --extra simulator --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(LOCK) -c requirements.lock pyproject.toml -o requirements-image.lock
	$(LOCK) -c requirements.lock --extra simulator pyproject.toml -o requirements-image-simulator.lock
	echo hatchling | $(LOCK) -c requirements-dev.lock - -o requirements-build.lock

clean:
	rm -rf $(VENV) .bridge .mypy_cache .ruff_cache .pytest_cache .hypothesis
