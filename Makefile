# What a person types. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test bench image image-test lint fmt crds bundle charts keep check
SHELL := bash

# `make demo ONCE=1` and `ONCE=1 make demo` both reach the demo.
export ONCE

# Tests that compare with the recorded behaviour of Atlas say that they were skipped where this is not set.
ifneq ($(wildcard ../shared/atlas-api/.),)
export ATLAS_API_DATA ?= $(abspath ../shared/atlas-api)
endif

# Modules that a macro declares, which cargo fmt does not see.
MACRO_MODULES := $(wildcard src/kinds/*.rs src/kinds/*/*.rs)

CHARTS := charts/atlas-operator

# Which image: operator or simulator.
IMAGE_TARGET ?= operator

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Show the quickstart at work on this machine until Ctrl-C; with ONCE=1 tear it down and end
	@tests/control-plane/build --without-helm >/dev/null
	cargo build --locked -p atlas-operator -p atlas-simulator -p harness
	@target/debug/demo

test: ## Run every test, on a real control plane and the simulator
	@tests/prepare
	cargo build --locked --workspace --bins --tests
	cargo test --locked --workspace -- --show-output

bench: ## Count what the operator sends, as a table by operation and in target/bench.json
	cargo build --locked --workspace --bins
	@BENCH_JSON=$(CURDIR)/target/bench.json cargo test --locked -p atlas-operator --test it bench:: -- --ignored --nocapture

image: ## Build the image of the operator (IMAGE_TARGET=simulator: of the simulator) in target/image
	@packaging/build $(IMAGE_TARGET)
	@packaging/load target/image/atlas-$(IMAGE_TARGET).tar

image-test: ## Build the image of the operator and run what is in it, with nothing but its files
	@packaging/build operator
	@tests/control-plane/build --without-helm >/dev/null
	cargo build --locked --workspace --bins
	cargo test --locked -p atlas-operator --test it image:: -- --ignored --nocapture

lint: ## Check format, lints, licences and dependencies; change nothing
	cargo fmt --all --check
	rustfmt --check $(MACRO_MODULES)
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny --workspace --locked check bans licenses sources; \
	else echo 'cargo-deny is not installed: licences and duplicate dependencies were not checked (cargo install cargo-deny)'; fi

fmt: ## Format the code
	cargo fmt --all
	rustfmt $(MACRO_MODULES)

crds: ## Write crds/, the charts' definitions and rights, and deploy/ anew from the kinds
	cargo build --locked -p atlas-operator
	@rm -f crds/*.yaml $(CHARTS)-crds/templates/*.yaml
	@target/debug/atlas-operator crds --out crds
	@for file in crds/*.yaml; do sed '/^metadata:$$/a\  {{- include "atlas-operator-crds.metadata" . | nindent 2 }}' \
	  $$file > $(CHARTS)-crds/templates/$$(basename $$file); done
	@for scope in watched cluster leader viewer editor; do \
	  target/debug/atlas-operator rbac $$scope > $(CHARTS)/files/rbac/$$scope.yaml; done
	@cp deploy/monitoring/* $(CHARTS)/files/monitoring/
	@deploy/render deploy
	@ls crds deploy

charts: ## Package the charts into target/charts (REPOSITORY=…: with that repository of the operator's image)
	@mkdir -p target/charts
	@rm -f target/charts/*.tgz
	@packaging/charts target/charts $(REPOSITORY)

keep: ## Keep the definitions of this version and what it stores, in tests/releases, for the tests of later ones
	@tests/control-plane/build >/dev/null
	cargo build --locked --workspace --bins
	KEEP_RELEASE=1 cargo test --locked -p atlas-operator --test it a_release_is_kept -- --nocapture

bundle: ## Write bundle/ for OLM anew (BUNDLE_IMAGE=…: with that image of the operator)
	@tests/control-plane/build >/dev/null
	UPDATE_DOCS=1 BUNDLE_IMAGE=$(BUNDLE_IMAGE) cargo test --locked -p atlas-operator --test it bundle::it_is_current
	@find bundle -type f | sort

check: lint test ## What a change must pass: lint, then test
