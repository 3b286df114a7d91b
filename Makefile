# The commands that people and CI run. Everything goes through cargo's release profile, so one build
# serves the demo, the tests and the benchmarks.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:

VENV := .venv
PYTHON := $(VENV)/bin/python
OSUSUME := target/release/osusume

# Where the benchmark data and the PyTorch peers lie; see BENCHMARKS.md.
DATA ?= ../shared/data
PEERS ?= ../shared/bench

.PHONY: build demo serve test test-rust test-python lint deny bench clean

build: ## Builds the osusume command.
	@cargo build --release --locked -p local

demo: build ## The whole job in one process. RATINGS=file.csv ITEMS=file.csv for data of your own.
	@$(OSUSUME) demo $(if $(RATINGS),--ratings '$(RATINGS)') $(if $(ITEMS),--items '$(ITEMS)')

serve: build ## Answers the Personalize APIs on this machine.
	@$(OSUSUME) serve

test: lint test-rust test-python ## Everything.

lint: ## Formatting, and clippy with warnings as errors.
	@cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

CARGO_DENY := target/tools/bin/cargo-deny

deny: $(CARGO_DENY) ## Licences and sources of dependencies. Builds cargo-deny the first time.
	@$(CARGO_DENY) check licenses bans sources $(ADVISORIES)

$(CARGO_DENY):
	@cargo install --quiet --locked --debug --root target/tools cargo-deny@0.20.2

test-rust: ## Unit, property and integration tests in Rust.
	@cargo test --release --locked --workspace

test-python: build $(VENV)/ready ## The official Python clients against `osusume serve`.
	@OSUSUME_BIN=$(CURDIR)/$(OSUSUME) $(PYTHON) -m pytest -q tests/python

$(VENV)/ready: tests/python/requirements.txt
	@python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

bench: build ## Every figure of BENCHMARKS.md. Needs DATA and PEERS, and a quiet machine.
	@[ -n "$${BENCH_PYTHON:-}" ] || { python3 -m venv .venv-bench; .venv-bench/bin/pip install --quiet --disable-pip-version-check -r tests/bench/requirements.txt; }
	"$${BENCH_PYTHON:-.venv-bench/bin/python}" tests/bench/run --data '$(DATA)' --peers '$(PEERS)' $(BENCH)

clean:
	@cargo clean
	rm -rf $(VENV) osusume-data
