PYTHON ?= python3
BIN := .venv/bin

.PHONY: help run test engines lint fmt fuzz endure bench docs lock
help: ## Show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: .venv/.run ## Start Holdall with a demo workspace on 127.0.0.1:8000
	@exec $(BIN)/holdall serve --demo

test: .venv/.dev ## Run every test
	@$(BIN)/python -m pytest -n auto --dist worksteal

engines: .venv/.dev ## The tests of whole installations on PostgreSQL and S3 (TEST_DATABASE=postgres TEST_STORE=s3)
	@TEST_DATABASE=$(or $(TEST_DATABASE),postgres) TEST_STORE=$(or $(TEST_STORE),s3) $(BIN)/python -m pytest -n auto tests/api tests/acceptance

lint: .venv/.dev ## Style, layers, dependencies, types
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/deptry src

fmt: .venv/.dev ## Format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

fuzz: .venv/.dev ## Fuzz every operation, then for an hour (FUZZ_SECONDS=3600) whatever looks at files
	@HOLDALL_FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),200) $(BIN)/python -m pytest -n auto tests/fuzz/test_openapi.py tests/fuzz/test_links.py
	@$(BIN)/python -m tests.fuzz.run --seconds $(or $(FUZZ_SECONDS),3600)

endure: .venv/.dev ## The long forms: ten minutes of sweeps beside clients (RACE_SECONDS=600), 200 kills (CRASH_ROUNDS=200)
	@RACE_SECONDS=$(or $(RACE_SECONDS),600) CRASH_ROUNDS=$(or $(CRASH_ROUNDS),200) SLOW_CLIENTS=$(or $(SLOW_CLIENTS),1000) $(BIN)/python -m pytest -n 0 -s tests/crash tests/acceptance/test_slow_clients.py
	@MIGRATED_ROWS=$(or $(MIGRATED_ROWS),1000000) $(BIN)/python -m pytest -n 0 -s tests/integration/test_upgrades_beside_writers.py

bench: .venv/.dev ## Measure against the references; prints tables
	@$(BIN)/python -m bench

docs: .venv/.dev ## Write what the documentation takes from the code anew: modules, types, findings, functions
	@$(BIN)/python -m tests.support.module_list
	@$(BIN)/python -m tests.support.files_page
	@$(BIN)/python -m tests.support.formulas_page

lock: ## Write the hashed locks anew (needs uv)
	uv pip compile -q --universal -p 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal -p 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras --group dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt

.venv/.run: requirements/run.txt pyproject.toml
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing: on Debian, apt install python3-venv"; exit 1; }
	@echo "Installing (first time only) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --require-hashes -r requirements/dev.txt
	@touch $@
