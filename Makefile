# Two commands do everything: `make demo` and `make test`. Both set up what they need.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
READY := $(VENV)/.ready
# Each of these processes has a PostgreSQL and brokers of its own.
SIDE_BY_SIDE := -n logical --maxprocesses 4

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status check format lint imports types unit test test-integration test-e2e bench bench-ingest bench-profile bench-profile-size bench-offers bench-inventory schemas docs clean

help:            ## what there is
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+: +##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

setup: $(READY)  ## make .venv with everything in it, the `usual` command too

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@echo "setting up $(VENV) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY)   ## the whole main job, end to end, on real baskets; ends by itself
	$(BIN)/usual demo

up: $(READY)     ## start everything and leave it running (Ctrl-C or `make down` stops it)
	$(BIN)/usual up

down: $(READY)   ## stop what `make up` or `usual demo --keep` left running
	$(BIN)/usual down

status: $(READY) ## what runs, and how it fares
	$(BIN)/usual status

check: format lint imports types unit ## everything that needs no server: format, lint, imports, types, unit tests

format: $(READY)
	$(BIN)/ruff format --check --quiet .

lint: $(READY)
	$(BIN)/ruff check --quiet .

imports: $(READY)
	$(BIN)/lint-imports --no-cache

types: $(READY)
	$(BIN)/mypy --no-error-summary

unit: $(READY)
	$(BIN)/pytest -q $(SIDE_BY_SIDE) --dist worksteal tests/unit

test: check test-integration test-e2e ## every test: check, then real PostgreSQL and brokers, faults, end to end

test-integration: $(READY) ## real PostgreSQL, the embedded broker and real Apache Kafka
	$(BIN)/pytest -q $(SIDE_BY_SIDE) --dist loadfile --durations 15 tests/integration

test-e2e: $(READY) ## the whole system through its doors, and with processes killed
	$(BIN)/pytest -q --durations 15 tests/e2e tests/faults

bench: $(READY)  ## speed, as ratios within one run
	$(BIN)/python -m benchmarks

bench-ingest: $(READY) ## speed of the front door against its peers (benchmarks/ingest; Karapace where it is given)
	$(BIN)/python -m benchmarks ingest

bench-profile: $(READY) ## a year of baskets through the durable profile worker (beside quixstreams, where QUIX_PYTHON names a Python that has it)
	$(BIN)/python -m benchmarks profile

bench-profile-size: $(READY) ## bytes, memory and the customer view with 100 000, 300 000 and a million synthetic customers
	$(BIN)/python -m benchmarks profile-size

bench-offers: $(READY) ## durable voucher decisions against FastAPI alone and against a transaction for each (benchmarks/offers)
	$(BIN)/python -m benchmarks offers

bench-inventory: $(READY) ## a night of 25, 50 and 100 stores with 10 000 items each, from a sale to its command, and its demand update (benchmarks/inventory)
	$(BIN)/python -m benchmarks inventory

schemas: $(READY) ## write the JSON Schema snapshots anew after a wanted change of a contract
	$(BIN)/python -m docs.generate schemas

docs: $(READY)   ## write the generated pages anew: events, metrics, OpenAPI
	$(BIN)/python -m docs.generate all

clean:           ## delete the environment and all state
	rm -rf $(VENV) var
