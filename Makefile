# `make run` opens the chat and `make test` runs every test; both set up .venv by themselves the first
# time (Python 3.10 or newer and a C++ compiler are needed). PYTHON=python3.12 picks an interpreter,
# ARGS="..." goes to the program that a target runs.

SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# more processes than cores (tests/conftest.py); ARGS="-n 0" runs the tests one after the other
PARALLEL := --numprocesses auto --maxprocesses 8 --dist worksteal
export PYTHON
# hundreds of programs that tests start would else compile the same modules, each anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test lint types bench screenshots clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 20

.venv/.ready-core: pyproject.toml constraints.txt
	@MAKE_GOAL=run scripts/setup core

.venv/.ready-dev: pyproject.toml constraints.txt
	@MAKE_GOAL=test scripts/setup dev

run: .venv/.ready-core ## Open the chat
	@$(BIN)/vlmtui $(ARGS)

test: .venv/.ready-dev ## Run every test
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

lint: .venv/.ready-dev ## Check style, the import contracts, scripts and Dockerfiles
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache
	@[ ! -x $(BIN)/shellcheck ] || $(BIN)/shellcheck scripts/[!_]* docker/*.sh .ci/run
	@[ ! -x $(BIN)/hadolint ] || $(BIN)/hadolint docker/Dockerfile*

types: .venv/.ready-dev ## Check types
	@$(BIN)/mypy

bench: .venv/.ready-dev ## Run the benchmarks (minutes; keep the machine idle)
	@$(BIN)/python -m bench $(ARGS)

screenshots: .venv/.ready-dev ## Redraw screenshots/*.svg from the running app
	@$(BIN)/python screenshots/make.py $(ARGS)

clean: ## Remove .venv and everything that was built
	rm -rf .venv build dist .bench .pytest_cache .mypy_cache .ruff_cache snapshot_report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
