# Everything runs in .venv, made from requirements-dev.txt: pinned, hashed, the same on every machine.
# A fresh machine needs Python 3.11, 3.12 or 3.13 and make; `make venv PYTHON=/path/to/python` names one by hand.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
# The first interpreter that answers and is supported: a version manager's shim may be on the path and still run nothing.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3 python,\
	$(if $(shell $(name) -c '$(SUPPORTED)' >/dev/null 2>&1 && echo found),$(name))))
# Twice quiet: errors only. An extra index that a machine is configured with warns once per package that it lacks.
PIP = $(1)/bin/python -m pip --disable-pip-version-check -qq install
HASHED = --require-hashes --only-binary :all:
# An environment $(1) with what $(2) pins, $(3) being more options. uv takes a tenth of pip's time, but knows none of its
# settings: where only those lead to a package index, pip takes over.
define ENVIRONMENT
@echo "Making $(1) with $$($(PYTHON) --version) …"
@$(PYTHON) -m venv --clear $(1)
@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt | $(PIP) --require-hashes --requirement /dev/stdin
@VIRTUAL_ENV=$(1) $(1)/bin/uv pip install --quiet $(HASHED) $(3) --requirement $(2) 2>/dev/null || \
	{ echo "uv reaches no package index; pip takes a few minutes." && $(PIP) $(HASHED) $(3) --requirement $(2); }
endef

VERSION = $(shell sed -n '/^\[project\]/,/^\[/s/^version = "\(.*\)"$$/\1/p' pyproject.toml)
# Docker where a daemon answers, else podman, else buildah: all three know `build`.
ENGINE ?= $(firstword $(foreach name,docker podman buildah,$(if $(shell $(name) info >/dev/null 2>&1 && echo found),$(name))))
REPOSITORY ?= squadstack

PYTEST_ARGS ?=
# A worker that is done takes over what another has not begun. PYTEST_ARGS=-n0 is one process.
ON_ALL_CORES = -n auto --dist worksteal
IMAGE_ARGS ?=
SOAK_ARGS ?=
LOAD_ARGS ?=
FUZZ_ARGS ?=
BENCH_ARGS ?=
PICTURES ?= build/spec_form
RELEASE_ARGS ?=

.PHONY: help
help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: venv
venv: .venv/.project  ## Make .venv: the pinned set of requirements-dev.txt, and this checkout installed in place.

.venv/.requirements: requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found; name one with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13." >&2; exit 1; }
	$(call ENVIRONMENT,.venv,requirements-dev.txt)
	@touch $@

.venv/.project: .venv/.requirements pyproject.toml
	@$(call PIP,.venv) --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: venv  ## Send 5,000 leads round the loop: CSV, destination, emulator, source, DuckDB.
	@.venv/bin/python -m demo

.PHONY: test
test: venv  ## Run every test; PYTEST_ARGS="-k ledger -x" narrows it, PYTEST_ARGS=--order-seed=random takes another order.
	@.venv/bin/python -m pytest $(ON_ALL_CORES) $(PYTEST_ARGS)

.PHONY: unit
unit: venv  ## Run the unit tests alone.
	@.venv/bin/python -m pytest $(ON_ALL_CORES) unit_tests $(PYTEST_ARGS)

.PHONY: lint
lint: venv  ## Check rules, format, types, imports, the Dockerfile, the docs' tables and the tests' names; change nothing.
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache --no-logo
	@.venv/bin/hadolint Dockerfile
	@.venv/bin/python -m tools.docs_tables --check
	@.venv/bin/python -m tools.test_ids

.PHONY: docs
docs: venv  ## Write the tables of README and docs anew that repeat specs and schemas; `make lint` fails where one is stale.
	@.venv/bin/python -m tools.docs_tables

.PHONY: format
format: venv  ## Format the code and repair what the rules can repair.
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

tools/spec_form/node_modules/.package-lock.json: tools/spec_form/package-lock.json
	@npm --prefix tools/spec_form ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: spec-form
spec-form: venv tools/spec_form/node_modules/.package-lock.json  ## Fill in both specifications as a form in Chromium; PICTURES=docs/images keeps what it looks like.
	@PICTURES=$(abspath $(PICTURES)) npm --prefix tools/spec_form --loglevel=error test

.PHONY: endurance
endurance: venv  ## Run what takes its time: real minutes, kill -9 again and again, odd bodies.
	@.venv/bin/python -m pytest $(ON_ALL_CORES) endurance_tests $(PYTEST_ARGS)
	@.venv/bin/python -m endurance_tests.tools.receiver_kills --kills 5
	@.venv/bin/python -m endurance_tests.tools.receiver_fuzz --bodies 3000

# Not in continuous integration: what a search at random finds is seldom the fault of the change that it would fail.
.PHONY: explore
explore: venv  ## Search for new examples that break a property or a model, for hours.
	@.venv/bin/python -m pytest $(ON_ALL_CORES) -m hypothesis --hypothesis-profile=endurance unit_tests $(PYTEST_ARGS)

RUNS ?= 10
.PHONY: test-busy
test-busy: venv  ## Run every test ten times, each time in a new order, while other processes keep all cores busy; RUNS=3 is fewer.
	@.venv/bin/python -m tools.busy --runs $(RUNS) -- $(ON_ALL_CORES) $(PYTEST_ARGS)

.PHONY: soak
soak: venv  ## Test the destination's endurance: every fault at once, and kill -9, in half an hour; SOAK_ARGS=--quick is short.
	@.venv/bin/python -m endurance_tests.tools.soak $(SOAK_ARGS)

.PHONY: webhooks-load
webhooks-load: venv  ## Load the receiver of webhooks: events a second, and p99 at 200 a second, on SQLite and PostgreSQL; needs wrk.
	@.venv/bin/python -m benchmarks.receiver.load $(LOAD_ARGS)

.PHONY: webhooks-soak
webhooks-soak: venv  ## Kill the receiver of webhooks and PostgreSQL under load, twenty times each, and count every event.
	@.venv/bin/python -m endurance_tests.tools.receiver_kills $(SOAK_ARGS)

.PHONY: webhooks-fuzz
webhooks-fuzz: venv  ## Send the receiver of webhooks 10,000 odd bodies, on SQLite and on PostgreSQL.
	@.venv/bin/python -m endurance_tests.tools.receiver_fuzz $(FUZZ_ARGS)

.bench/%/.requirements: benchmarks/peers/%/requirements.txt
	$(call ENVIRONMENT,.bench/$*,$<)
	@touch $@

PEERS := .bench/singer/.requirements .bench/dlt/.requirements

.PHONY: bench
bench: venv $(PEERS)  ## Compare both connectors with their peers on an idle machine, and write docs/performance.md; BENCH_ARGS="--only NAME", --quick, --list.
	@.venv/bin/python -m benchmarks $(BENCH_ARGS)

# Each client lives in an environment of its own, as at its users: neither the connectors nor the clients must fit the others.
CLIENTS = pyairbyte airbyte_serverless airbyte_cdk builder_cdk jsonschema dagster
CLIENT_REQUIREMENTS = $(wildcard clients/*/requirements.in examples/*/requirements.in benchmarks/peers/*/requirements.in)

# Without dependencies, which the file lists all: of a package that one asks for with an extra and another without, pip
# would take the second for unpinned as soon as a newer one is out.
.clients/%/.requirements: clients/%/requirements.txt
	$(call ENVIRONMENT,$(@D),$<,--no-deps)
	@touch $@

.clients/%/.requirements: examples/%/requirements.txt
	$(call ENVIRONMENT,$(@D),$<,--no-deps)
	@touch $@

.PHONY: clients-test
clients-test: venv $(CLIENTS:%=.clients/%/.requirements)  ## Run the connectors under clients that others wrote, each in an environment of its own.
	@.venv/bin/python -m pytest $(ON_ALL_CORES) clients $(PYTEST_ARGS)

.PHONY: airbyte-qa
airbyte-qa: venv .clients/airbyte_qa/.requirements  ## Run Airbyte's own checks on both connectors, offline; what is stood in for is printed.
	@.venv/bin/python -m tools.airbyte_qa

.PHONY: image
image:  ## Build the images with docker, podman or buildah; IMAGE_ARGS go to the build.
	@test -n "$(ENGINE)" || { echo "No docker, podman or buildah answers; name one with ENGINE=…" >&2; exit 1; }
	$(ENGINE) build --target source --tag $(REPOSITORY)/source-squadstack:$(VERSION) $(IMAGE_ARGS) .
	$(ENGINE) build --target destination --tag $(REPOSITORY)/destination-squadstack:$(VERSION) $(IMAGE_ARGS) .
	$(ENGINE) build --target webhooks --tag $(REPOSITORY)/webhooks-squadstack:$(VERSION) $(IMAGE_ARGS) .

.PHONY: image-test
image-test: venv  ## Build the images and run every command in them; ENGINE=podman, BASE=release or BASE=stand-in decide.
	@.venv/bin/python -m tools.images
	@.venv/bin/python -m pytest image_tests $(PYTEST_ARGS)

.release/.requirements: requirements-release.txt
	$(call ENVIRONMENT,.release,$<)
	@touch $@

.PHONY: release-check
release-check: venv .release/.requirements  ## Build sdist and wheel, check them, install and run them; RELEASE_ARGS=--pinned takes the pinned set.
	@.venv/bin/python -m pytest --quiet unit_tests/project/test_versions.py
	@.release/bin/python -m tools.release_check $(RELEASE_ARGS)

.PHONY: builder-manifest
builder-manifest: venv  ## Write the source for the Connector Builder: build/builder/manifest.yaml and components.py.
	@.venv/bin/python -m tools.builder_manifest

# With no settings of this machine: a hash of a local build holds nowhere else.
COMPILE = env -u UV_INDEX -u UV_FIND_LINKS .venv/bin/uv pip compile --quiet --no-config --generate-hashes \
	--python-version 3.11 --custom-compile-command "make lock" $(LOCK_ARGS)
# LOCK_ARGS=--upgrade takes the newest of everything, LOCK_ARGS="--upgrade-package orjson" of one.
LOCK_ARGS ?=

.PHONY: lock
lock: venv  ## Pin and hash the requirements anew; LOCK_ARGS=--upgrade takes newer versions.
	@$(COMPILE) --output-file requirements.txt pyproject.toml
	@$(COMPILE) --extra dev --extra emulator --extra webhooks --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	@.venv/bin/python -m tools.extra webhooks | $(COMPILE) --constraint requirements-dev.txt --output-file requirements-webhooks.txt -
	@.venv/bin/python -m tools.extra release | $(COMPILE) --constraint requirements-dev.txt --output-file requirements-release.txt -
	@$(MAKE) lock-clients

# Extras stay: where a pin has lost its extra, pip takes another package's wish for that extra for an unpinned one.
.PHONY: lock-clients
lock-clients: venv  ## Pin and hash the requirements of the clients and the benchmarks' peers anew; the largest takes some minutes.
	@set -e; for input in $(CLIENT_REQUIREMENTS); do \
		$(COMPILE) --no-strip-extras --output-file $${input%.in}.txt $$input; \
	done

.PHONY: clean
clean:  ## Remove everything that the other targets made.
	@rm -rf .venv .demo .bench .clients .release build dist tools/spec_form/node_modules ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
