# Each target does all its own set-up from a fresh clone: `make demo` and `make test` are the two to know.
SHELL := /bin/bash
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := $(BIN)/python -m pip --disable-pip-version-check
PINNED := -c constraints.txt
TORCH  := $(shell sed -n 's/^\(torch==[0-9.]*\).*/\1/p' constraints.txt)
# One process and one thread a core: the models of the tests are too small to share out. A process that a native crash
# ends is named with its test, and the others go on. In the order of the files: the long golden tests begin early.
CORES  := $(shell cores=$$(env -u OMP_NUM_THREADS nproc 2>/dev/null || getconf _NPROCESSORS_ONLN); echo $$((cores > 8 ? 8 : cores)))
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help install demo test lint types pytest test-slow test-explore test-gpu test-kill nano nano-report nano-benchmark docs bench clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(STAMP)  ## the package and its pinned dependencies in .venv

# torch comes first and exactly, so that pip takes a CPU build (2.13.0+cpu) wherever an index offers one.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Imprint needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV)" >&2; $(PYTHON) -m venv $(VENV); }
	@echo "installing pinned dependencies (once; some minutes where they must be downloaded)" >&2
	@$(PIP) install --quiet $(PINNED) $(TORCH) hatchling
	@$(PIP) install --quiet $(PINNED) --no-build-isolation --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## teach the embedded base a subject it never saw, and prints where its report is (<= 3 minutes on 2 cores)
	@$(BIN)/imprint demo

test: lint types pytest  ## lint, types and tests (< 10 minutes on 2 cores)

lint: $(STAMP)
	@$(BIN)/ruff check .

types: $(STAMP)
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

pytest: $(STAMP)
	@OMP_NUM_THREADS=1 $(PYTEST) -n $(CORES) --dist loadfile --no-loadscope-reorder -q -m "not slow and not gpu" --durations=10

test-slow: $(STAMP)  ## the tests that take minutes
	@$(PYTEST) -q -m "slow and not gpu"

test-explore: $(STAMP)  ## property tests again with twenty times the examples, others each time
	@OMP_NUM_THREADS=1 IMPRINT_EXAMPLES=explore $(PYTEST) -n $(CORES) -q -m "hypothesis and not slow and not gpu"

test-gpu: $(STAMP)  ## the tests that need a CUDA device
	@$(PYTEST) -q -m gpu

test-kill: $(STAMP)  ## kill -9 at 200 random instants, resume, compare hashes
	@IMPRINT_KILLS=200 $(PYTEST) -q -m "not gpu" -k kill

nano: $(STAMP)  ## train the embedded base again from nothing (hours; interrupt and repeat to resume)
	@$(BIN)/imprint nano train && $(BIN)/imprint nano ship

nano-report: $(STAMP)  ## measure the embedded base again over 3 seeds: model card, bars, curves, contact sheets
	@$(BIN)/imprint nano report

nano-benchmark: $(STAMP)  ## every method on the twelve held-out subjects, 3 seeds (hours; interrupt and repeat to resume)
	@$(BIN)/imprint nano benchmark --page docs/personalisation-benchmark.md

docs: $(STAMP)  ## write the reference pages of recipes and samplers again from the code
	@PYTHONPATH=tests $(BIN)/python -m surface.recipe_pages
	@PYTHONPATH=tests $(BIN)/python -m surface.sampler_page

bench: $(STAMP)  ## our training step against a plain loop, our pictures against diffusers
	@$(BIN)/python benchmarks/train_step.py
	@$(BIN)/python benchmarks/generate.py

clean:  ## remove the environment and caches; runs/ stays
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis dist
