# The front door. `make help` lists the verbs.
.DEFAULT_GOAL := help
.PHONY: help setup reconcile docs serve test test-spark lint bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
NEXT_DUCKDB := $(VENV)/duckdb-2
MARIMO := $(VENV)/marimo
BROWSER := $(VENV)/browser
SPARK := $(VENV)/spark

# No step of the work reports home; pip is told not to look for its own updates.
export DO_NOT_TRACK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make the environment in .venv from the lock file

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Tieout needs Python 3.11 or newer; this is $$($(PYTHON) --version). Set PYTHON=/path/to/python3."; exit 1; }
	@echo "Making the environment in $(VENV) (once, about half a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

reconcile: $(READY) ## Sync from Stripe (or the bundled sandbox), prove every payout, publish
	@$(BIN)/tieout reconcile

docs: $(READY) ## Write the dbt docs with lineage as one offline HTML file
	@$(BIN)/tieout docs

serve: $(READY) ## Receive Stripe's events and reconcile the accounts they are about
	@$(BIN)/tieout serve

test: lint $(NEXT_DUCKDB) $(MARIMO) $(BROWSER) ## Lint, types, unit, dbt and end-to-end tests
	@# One more than CI has cores: a test often waits for another process.
	@$(BIN)/python -m pytest -n 3 --dist loadgroup --ignore tests/spark

# The test that the whole job runs on the next DuckDB too finds it here.
$(NEXT_DUCKDB): requirements-duckdb-2.lock $(READY)
	@$(BIN)/python -m pip install -qq --require-hashes --no-deps --upgrade --target $@ -r $<
	@touch $@

# The example notebook is run with it.
$(MARIMO): requirements-marimo.lock $(READY)
	@$(BIN)/python -m pip install -qq --require-hashes --no-deps --upgrade --target $@ -r $<
	@touch $@

# The report is opened in a real browser: the one that is here, else Debian's where that can be
# installed (a container), else the one that Selenium downloads.
$(BROWSER): $(READY)
	@if ! command -v chromedriver >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "Installing Chromium for the tests of the report ..."; \
		apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver >/dev/null; \
	fi
	@touch $@

test-spark: $(READY) ## Both engines publish the same: needs Java 17, installs Spark into .venv
	@if ! command -v java >/dev/null; then \
		echo "The tests on Spark were not run: there is no Java here."; \
	else \
		$(MAKE) --no-print-directory $(SPARK) && $(BIN)/python -m pytest tests/spark; \
	fi

$(SPARK): requirements-spark.lock $(READY)
	@echo "Installing Spark into $(VENV) (once, about half a minute) ..."
	@$(BIN)/python -m pip install -qq --require-hashes --no-deps -r $<
	@touch $@

lint: $(READY) ## Check style and types of Python and SQL
	@$(BIN)/ruff check loader tests
	@$(BIN)/ruff format --check loader tests
	@# Side by side: each has one core busy for half a minute.
	@$(BIN)/mypy & types=$$!; \
		$(BIN)/sqlfluff lint --disable-progress-bar --nocolor dbt_project && wait $$types

bench: $(READY) ## Measure speed, memory and survival, each figure beside its floor (half an hour)
	@$(BIN)/python -m tests.bench $(SCENARIOS)

clean: ## Remove the environment and everything built (the data folder stays)
	@rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis dbt_project/target dbt_project/logs
