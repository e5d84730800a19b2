.DEFAULT_GOAL := help
.PHONY: help demo install test soak bench docs lint format build release clean

RUN := scripts/with-swift
PREFIX ?= /usr/local
ARGS ?=
SUITE ?=
RUNS ?= 20
ONLY ?=

help: ## List these targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1|\2/p' Makefile | column -t -s '|'

demo: ## Start the whole system and send real requests through it; ends with Control-C (ARGS=--exit: by itself)
	$(RUN) bash -c 'swift build --product rollcall $$SWIFT_FLAGS -Xswiftc -warnings-as-errors && exec .build/debug/rollcall demo $(ARGS)'

install: ## Build the release program and put it at PREFIX/bin/rollcall
	scripts/install $(PREFIX)

test: ## Run all tests (debug build; needs no root where Swift 6.2 is installed)
	scripts/test

soak: ## Run all tests twenty times in a row (RUNS=5, ONLY=EtcdContractTests: fewer)
	scripts/soak $(RUNS) $(ONLY)

bench: ## Measure for release (SUITE=pick, core, hub, watch, memory, churn, config, backends, gateway or probes; else pick and core)
	scripts/bench $(SUITE)

docs: ## Build the documentation of the library into .build/docs
	scripts/docs

lint: ## Check formatting and documentation comments
	$(RUN) swift format lint --strict --parallel --recursive Package.swift Sources Examples Tests Benchmarks

format: ## Format the sources
	$(RUN) swift format --in-place --parallel --recursive Package.swift Sources Examples Tests Benchmarks

build: ## Build everything for debugging
	$(RUN) bash -c 'swift build --build-tests $$SWIFT_FLAGS -Xswiftc -warnings-as-errors'

release: ## Build the libraries for release
	$(RUN) swift build --configuration release --scratch-path .build-release

clean: ## Remove what was built
	rm -rf .build .build-release
