# Primer's targets. `make help` lists them. Everything builds with the plain go command once
# `make setup` has run; no target sets a variable that a build needs.

GO   ?= go
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## check tools, build the tokenizer's library (once)
	@$(GO) run ./cmd/setup

quickstart: setup ## the whole method on the sample, about five minutes: make quickstart SEED=n
	$(GO) run ./cmd/quickstart --seed $(SEED)

.PHONY: quickstart
