PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test proof check format coverage lock docs soak matrix bench image-proof clean

install: $(STAMP) ## Create .venv with everything needed to run, test and check

$(STAMP): requirements-dev.lock pyproject.toml contracts/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "TrackerRMS Bridge needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e contracts -e .
	@touch $@

# `make help` prints the text after ## for each target.
.PHONY: help generate
help: ## List the targets of this file
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A test that finds one of these files stale names this target.
generate: $(STAMP) ## Write the schemas, documents, tables and chart files that the code generates
	$(BIN)/python -m tools.generate

demo: $(STAMP) ## Run the bridge against a simulated account; ARGS=--keep leaves it running
	$(BIN)/bridge demo $(ARGS)

# WORKERS processes share the tests; WORKERS=0 runs them one after another in one process.
PYTEST := $(BIN)/$(if $(COVERAGE),coverage run,python) -m pytest --numprocesses $(or $(WORKERS),4)
DAILY := unit house contracts simulator store kafka api chart flow webhooks
LONG := accounts crash system image package soak matrix

test: $(STAMP) ## Run the everyday tests; TESTS=tests/unit ARGS='-k name' selects some
	$(PYTEST) $(or $(TESTS),$(DAILY:%=tests/%)) $(ARGS)

proof: $(STAMP) ## Run the long tests: kills, a broker that stops, the image, the package
	$(PYTEST) $(or $(TESTS),$(LONG:%=tests/%)) $(ARGS)

check: $(STAMP) ## Run the linter, the formatter, the type checker and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Apply the linter's fixes, and format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Broken links and anchors are errors. Read it with: python3 -m http.server --directory site
docs: $(STAMP) ## Build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --clean

# Combines the data of all processes of `make test COVERAGE=1` and `make proof COVERAGE=1`.
coverage: $(STAMP) ## Print the lines that no test has reached since the last time
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report $(ARGS)
	$(BIN)/python -m tests.coverage_by_package

# Long runs; CI runs the short form of the first (tests/soak/test_short.py).
soak: $(STAMP) ## Run the soak tests: hours of changes, and the calls that a real account takes
	$(BIN)/python -m tests.soak.change $(ARGS)
	$(BIN)/python -m tests.soak.budget $(ARGS)

# Takes an hour on two cores. The table of right, loud and silent readings goes to docs/matrix.md.
MATRIX_RESULTS ?= matrix.jsonl
matrix: $(STAMP) ## Read accounts of every kind: each uncertain property by itself, 200 pairs, 100 triples
	MATRIX_RESULTS=$(MATRIX_RESULTS) MATRIX_PAIRS=200 MATRIX_TRIPLES=100 $(PYTEST) tests/matrix $(ARGS); \
	code=$$?; $(BIN)/python -m tests.matrix.table $(MATRIX_RESULTS); exit $$code

# Prints figures for people; no test depends on them.
bench: $(STAMP) ## Measure throughput and latency
	$(BIN)/python -m tests.bench.volume $(ARGS)
	$(BIN)/python -m tests.bench.commands
	$(BIN)/python -m tests.bench.webhooks

# For machines without a container engine. Needs root and debootstrap.
image-proof: $(STAMP) ## Run each step of the Dockerfile in a clean root, without a container engine
	$(BIN)/python -m tests.image.proof $(ARGS)

# The pins have hashes. Our own contracts are installed from the checkout.
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --no-emit-package trackerrms-contracts
lock: $(STAMP) ## Pin the newest versions that pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --upgrade --extra embedded --extra simulator pyproject.toml -o requirements.lock
	$(LOCK) --upgrade --extra embedded --extra simulator --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(LOCK) -c requirements.lock pyproject.toml -o requirements-image.lock
	$(LOCK) -c requirements.lock --extra simulator pyproject.toml -o requirements-image-simulator.lock
	echo hatchling | $(LOCK) -c requirements-dev.lock - -o requirements-build.lock

clean: ## Remove .venv, the demo's data, the site and the caches
	rm -rf $(VENV) .bridge site .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
