# Everything a developer types. `make` alone lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# An interpreter of your choice; left empty, scripts/setup.sh takes the first that works and is 3.11 or newer.
PYTHON ?=
# Processes the tests run in: one more than two cores, for many tests wait for processes that they started.
JOBS ?= 3
# Arguments for `make up`, for example ARGS="--port 9000".
ARGS ?=
export PYTHON

# What would send an install elsewhere than into .venv, or another interpreter's modules into it.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV CONDA_PREFIX

# The tests start hundreds of processes: each would compile what it imports anew, and pytest rewrite every test, where a
# caller forbids bytecode beside the sources. So it has a place of its own there; and only there, for in that place the
# standard library has to be compiled anew as well.
ifdef PYTHONDONTWRITEBYTECODE
test test-aws soak check: export PYTHONPYCACHEPREFIX := $(CURDIR)/.bytecode
endif
test test-aws soak check: export PYTHONDONTWRITEBYTECODE :=

VENDORPAY := .venv/bin/vendorpay
PYTEST := .venv/bin/python -m pytest

.PHONY: help setup setup-dev setup-infra up test test-aws soak synth package deploy bench check check-docs docs demo lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS='	' read -r name text; do \
		printf '  make %-11s %s\n' "$$name" "$$text"; done

setup: ## the service and what it needs in .venv (nothing to do when nothing changed)
	@sh scripts/setup.sh core

setup-dev: ## the same, and the tools for tests and checks
	@sh scripts/setup.sh dev

setup-infra: ## the same, and what deploys to AWS and stands in for it (make synth, make test-aws)
	@sh scripts/setup.sh infra

up: setup ## run the service with an embedded PostgreSQL (ARGS="--port 9000")
	@exec $(VENDORPAY) serve $(ARGS)

# worksteal keeps neighbouring tests in one process, so that fixtures of a module are built once, and still evens out.
test: setup-dev ## run the test suite (JOBS=3 processes); what tests/style says belongs to make check
	$(PYTEST) -n $(JOBS) --dist worksteal --ignore tests/style

test-aws: setup-infra ## the same service on AWS, on stand-ins for it: moto, the Lambda runtime client, PostgreSQL over TLS
	$(PYTEST) -n $(JOBS) --dist worksteal --on-aws tests/aws tests/infra tests/scenarios

soak: setup-dev ## the random, race and fault tests with their full counts
	VENDORPAY_SOAK=1 $(PYTEST) -n $(JOBS) --dist worksteal --timeout 3600

synth: setup-infra ## templates for AWS in infra/cdk.out, checked by cdk-nag and cfn-lint
	.venv/bin/python -m infra.app
	.venv/bin/cfn-lint --non-zero-exit-code error --ignore-checks W3005 -- infra/cdk.out/*.template.json

package: setup-infra ## the functions for Lambda's arm64 in build/functions (RDS_CA_BUNDLE=rds.pem)
	@sh scripts/package_functions.sh

deploy: setup-infra ## bring a stage to AWS (STAGE=dev), after make package; with your own AWS credentials
	@sh scripts/deploy.sh "$(STAGE)"

bench: setup-dev ## the service against the database's own limit (QUICK=1: under two minutes)
	@exec .venv/bin/python -m bench $(if $(filter-out 0,$(QUICK)),,--write)

check: setup-infra ## lint, types, style and stale generated docs
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	$(PYTEST) tests/style
	@$(MAKE) --no-print-directory check-docs

check-docs: setup-dev ## fail when a generated page under docs/ is stale
	$(if $(wildcard src/vendorpay/entrypoints/docs*),.venv/bin/python -m vendorpay.entrypoints.docs --check,@echo "no page is generated yet")

docs: setup-dev ## write the generated pages under docs/
	.venv/bin/python -m vendorpay.entrypoints.docs --write

demo: setup ## the life of payments on an empty database, step by step
	@exec $(VENDORPAY) demo

lock: ## pin requirements/*.in anew into requirements/*.txt (UPGRADE=1: newest versions)
	@sh scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove what make built; the data in .vendorpay stays
	rm -rf .venv .tools .bytecode build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -path ./.vendorpay -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
