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

# Profile of deployed functions. The tests deploy those of `release`, which are compiled anyway.
LAMBDA_PROFILE ?= lambda

SAM := .venv-sam/bin/sam
# Name of the deployed stack, in lower case: the bucket is named after it.
STACK ?= osusume

.PHONY: build bins demo serve test test-rust test-python conformance fuzz gpu-kit test-gpu test-kernels test-aws test-sam lint lint-template deny deploy destroy image bench clean

build: ## Builds the osusume command.
	@cargo build --release --locked -p local

demo: build ## The whole job in one process. RATINGS=file.csv ITEMS=file.csv for data of your own.
	@$(OSUSUME) demo $(if $(RATINGS),--ratings '$(RATINGS)') $(if $(ITEMS),--items '$(ITEMS)')

serve: build ## Answers the Personalize APIs on this machine.
	@$(OSUSUME) serve

test: lint test-rust test-python ## Everything.

# The deployed functions with everything else: one build of the dependencies serves lint, tests and sam.
FUNCTIONS := --features control/lambda,campaign/lambda,events/lambda,ingest/lambda

lint: ## Formatting, and clippy with warnings as errors.
	@cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets $(FUNCTIONS) -- -D warnings
	@# Alone, as `make build` has it: features that another crate turns on hide what is missing.
	@cargo check --release --locked -p local

CARGO_DENY := target/tools/bin/cargo-deny

deny: $(CARGO_DENY) ## Licences and sources of dependencies. Builds cargo-deny the first time.
	@$(CARGO_DENY) check licenses bans sources $(ADVISORIES)

$(CARGO_DENY):
	@cargo install --quiet --locked --debug --root target/tools cargo-deny@0.20.2

bins: ## Everything that is shipped, in the one build that all tests use.
	@cargo build --release --locked --workspace --bins $(FUNCTIONS)

test-rust: bins ## Unit, property and integration tests in Rust.
	@OSUSUME_BIN=$(CURDIR)/$(OSUSUME) cargo test --release --locked --workspace $(FUNCTIONS)

test-python: bins $(VENV)/ready ## The official Python clients against `osusume serve`.
	@OSUSUME_BIN=$(CURDIR)/$(OSUSUME) $(PYTHON) -m pytest -q tests/python tests/conformance

conformance: bins $(VENV)/ready ## Every operation against the official model, as a table. CASE=word for some of the cases.
	@OSUSUME_BIN=$(CURDIR)/$(OSUSUME) $(PYTHON) -m pytest -q --tb=short tests/conformance $(if $(CASE),-k '$(CASE)')

$(VENV)/ready: tests/python/requirements.txt
	@python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The Lambda runtime interface emulator comes with the SAM CLI.
RIE = $(wildcard .venv-sam/lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64)

bench: build $(SAM) ## Every figure of BENCHMARKS.md. Needs DATA and PEERS, and a quiet machine.
	@[ -n "$${BENCH_PYTHON:-}" ] || { python3 -m venv .venv-bench; .venv-bench/bin/pip install --quiet --disable-pip-version-check -r tests/bench/requirements.txt; }
	"$${BENCH_PYTHON:-.venv-bench/bin/python}" tests/bench/run --data '$(DATA)' --peers '$(PEERS)' --rie '$(CURDIR)/$(RIE)' $(BENCH)

$(SAM): tests/aws/requirements-sam.txt
	@python3 -m venv .venv-sam
	.venv-sam/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

.venv-aws/ready: tests/aws/requirements.txt
	@python3 -m venv .venv-aws
	.venv-aws/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The battery of tests over the GPU of this machine, and the benchmark of its step, as programs to run by
# themselves: tests/bench/gpu does, on a machine that need not have a compiler.
gpu-kit: ## Tests and benchmark for a GPU, in target/gpu.
	@cargo build --release --locked -p training --features cuda --example gpu_step
	install -D target/release/examples/gpu_step target/gpu/gpu_step
	cargo test --release --locked -p training --features cuda --test devices --test nvrtc --no-run --message-format json \
	| python3 -c 'import json, shutil, sys; [shutil.copy(built["executable"], "target/gpu/" + built["target"]["name"]) for built in map(json.loads, sys.stdin) if built.get("executable") and "test" in built["target"]["kind"]]'

test-gpu: gpu-kit ## The battery of tests on this machine's GPU. Fails where there is none.
	@OSUSUME_GPU=required target/gpu/devices a_gpu --exact --nocapture
	OSUSUME_GPU=required target/gpu/nvrtc

.venv-cuda/ready: shared/training/tests/requirements.txt
	@python3 -m venv .venv-cuda
	.venv-cuda/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

test-kernels: .venv-cuda/ready ## The kernels through NVIDIA's compiler, which needs no GPU.
	@libraries=$$(echo $(CURDIR)/.venv-cuda/lib/python3*/site-packages/nvidia/cuda_nvrtc/lib)
	OSUSUME_GPU=required OSUSUME_CUDA_LIBRARIES=$$libraries cargo test --release --locked --workspace $(FUNCTIONS) --test nvrtc

# Needs a nightly toolchain and `cargo install cargo-fuzz`. Leaks are not looked for: threads that are just ending
# look like some.
fuzz: ## The parsers on made-up bytes. SECONDS for each; FUZZ=csv for one alone.
	@cd fuzz
	for target in $(or $(FUZZ),$$(cargo +nightly fuzz list)); do
		cargo +nightly fuzz run $$target -- -max_total_time=$(or $(SECONDS),60) -timeout=60 -rss_limit_mb=4096 -detect_leaks=0 || exit 1
	done

test-aws: bins $(SAM) .venv-aws/ready ## The real template on MiniStack, deployed by the real SAM CLI.
	@MINISTACK=$(CURDIR)/.venv-aws/bin/ministack SAM=$(CURDIR)/$(SAM) .venv-aws/bin/python -m pytest -q tests/aws

# With cargo's own environment: sudo -E env PATH="$PATH" make test-sam
test-sam: $(SAM) .venv-aws/ready ## The functions in containers, by sam local. Needs root: it starts a Docker daemon of its own.
	@.venv-aws/bin/python tests/sam/run --sam $(CURDIR)/$(SAM) --ministack $(CURDIR)/.venv-aws/bin/ministack

.venv-lint/ready: tests/aws/requirements-lint.txt
	@python3 -m venv .venv-lint
	.venv-lint/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The variable keeps checkov from asking for a newer version of itself.
lint-template: $(SAM) .venv-lint/ready ## The template, by the SAM CLI's linter, cfn-lint and checkov; .checkov.yaml has what is left out.
	@SAM_CLI_TELEMETRY=0 $(SAM) validate --lint --region us-east-1
	.venv-lint/bin/cfn-lint --regions us-east-1 --template template.yaml
	CKV_SKIP_PACKAGE_UPDATE_CHECK=true .venv-lint/bin/checkov --config-file .checkov.yaml

deploy: $(SAM) ## Into your AWS account: make deploy STACK=name. Asks for parameters; each has a default.
	@$(SAM) build --build-in-source
	$(SAM) deploy --guided --stack-name $(STACK) --resolve-s3 --capabilities CAPABILITY_IAM

destroy: $(SAM) ## Out of your AWS account: make destroy STACK=name. Bucket and resources stay until you delete them.
	@$(SAM) delete --stack-name $(STACK)

# A position-independent binary carries 0.3 MB of relocations, and tables for unwinding that an aborting
# panic never reads. Rust's own linker, the default on x86_64, keeps one copy of equal functions, 60 kB, and
# leaves those tables out, 400 kB.
SMALL = $(if $(filter lambda,$(LAMBDA_PROFILE)),-C relocation-model=static -C link-arg=-Wl$(,)--no-eh-frame-hdr $(FOLD))
FOLD = $(if $(findstring x86_64,$(shell uname -m)),-C link-arg=-Wl$(,)--icf=all -C link-arg=-Wl$(,)-T$(,)infra/no-unwinding.ld)
, := ,

# `sam build` makes one of these for each function of template.yaml and names the folder in ARTIFACTS_DIR.
# What is deployed is built by itself: in a build of all of them features of one make the others larger.
# Tests set the profile to `release` and take the functions from the build that they have made anyway.
build-%Function:
	@name=$$(echo '$*' | tr A-Z a-z)
	if [ $(LAMBDA_PROFILE) = release ]; then
		cargo build --release --locked --workspace --bins $(FUNCTIONS)
		install -D target/release/$$name '$(ARTIFACTS_DIR)/bootstrap'
		exit
	fi
	features=$$(grep -q '^lambda = ' functions/$$name/Cargo.toml && echo '--features lambda' || true)
	cargo rustc --profile $(LAMBDA_PROFILE) --locked -p $$name $$features --bin $$name -- $(SMALL)
	install -D target/$(LAMBDA_PROFILE)/$$name '$(ARTIFACTS_DIR)/bootstrap'

build-bare: ## The least that a function can be, for the benchmark of cold starts.
	@cargo rustc --profile lambda --locked -p lambda-kit --example bare -- $(SMALL)

# Name and kind of the trainer's image: cpu, or gpu with NVIDIA's CUDA libraries.
IMAGE ?= osusume-train
IMAGE_TARGET ?= cpu

image: ## The trainer's container, by Docker: make image IMAGE=registry/name:tag.
	@cargo build --profile $(LAMBDA_PROFILE) --locked -p train
	install -D target/$(LAMBDA_PROFILE)/train target/image/train
	docker build --file infra/train.Dockerfile --target $(IMAGE_TARGET) --tag $(IMAGE) target/image

clean:
	@cargo clean
	rm -rf $(VENV) osusume-data
