.DEFAULT_GOAL := help
.PHONY: help run demo test lint bench image clean

help: ## Show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 14

run: ## Set everything up (first time: a few minutes) and open the app
	@scripts/setup.sh local,runpod,export
	@.venv/bin/tunewright

demo: ## Train a tiny model and chat with it, in the terminal
	@scripts/setup.sh local
	@.venv/bin/tunewright demo

test: ## Set everything up and run all checks and tests; STAGES="lint fast" picks some
	@scripts/setup.sh local,dev
	@.venv/bin/python scripts/run_tests.py $(STAGES)

lint: ## Style, imports between layers, types
	@scripts/setup.sh local,dev
	@.venv/bin/python scripts/run_tests.py lint

bench: ## Measure what benchmarks/ measures
	@scripts/setup.sh local,dev
	@set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; .venv/bin/python "$$script"; done

image: ## Build the trainer's image (CUDA); VARIANT=cpu for the one without
	@scripts/build-trainer-image.sh $(if $(filter cpu,$(VARIANT)),--cpu)

clean: ## Remove the environment, caches and everything else that was made here
	rm -rf .venv .cache build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
