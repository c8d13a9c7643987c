# Every target sets up what it needs, from nothing. `make` alone lists them.

SHELL := bash
.DEFAULT_GOAL := help

# Cores for `make run`, and the configuration it runs: `make run CORES=4 SCENARIO=workflow/scenarios/smoke.yaml`.
CORES ?= all
SCENARIO ?=
# Any Python from 3.11 on; `make setup PYTHON=/path/to/python` chooses one.
PYTHON ?=

BIN := .venv/bin
READY := .venv/.ready
SNAKEFILES := Snakefile workflow/Snakefile $(wildcard workflow/rules/*.smk)
IN_VENV := PATH="$(CURDIR)/$(BIN):$$PATH"
# Processes run side by side: more than one thread for linear algebra in each would only make them wait.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: setup
setup: $(READY)  ## the environment alone: .venv from requirements.lock, with debye

$(READY): requirements.lock pyproject.toml
	@python="$$($(FIND_PYTHON))" && echo "setting up .venv with $$python: some minutes the first time" && \
	"$$python" -m venv .venv
	@$(BIN)/python -m pip install --quiet --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@$(BIN)/debye --version && touch $@

.PHONY: run
run: $(READY)  ## the whole workflow, from seeds to results/report/index.html
	@$(IN_VENV) snakemake --cores $(CORES) --workflow-profile workflow/profiles/default \
	    $(if $(SCENARIO),--configfile $(SCENARIO))
	@echo "report: file://$(CURDIR)/results/report/index.html"

.PHONY: test
test: $(READY)  ## all tests and the examples in the docstrings
	@$(IN_VENV) $(ONE_THREAD) pytest -n auto --dist worksteal -m "not slurm"

# Jobs mostly wait for each other: more test processes than cores, each with a cluster of its own.
.PHONY: test-slurm
test-slurm: $(READY)  ## the workflow on a private Slurm cluster, as root on Debian with Slurm's packages; else skipped
	@$(IN_VENV) $(ONE_THREAD) pytest -n 4 --dist worksteal -rs $(AGAIN) tests/workflow/slurm

.PHONY: lint
lint: $(READY)  ## style, types, layers, workflow, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check $(SNAKEFILES)
	$(IN_VENV) snakemake --lint
	$(IN_VENV) snakemake --lint --snakefile workflow/Snakefile
	$(BIN)/codespell

.PHONY: format
format: $(READY)  ## put the code into the house's style
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .
	$(BIN)/snakefmt $(SNAKEFILES)

.PHONY: schema
schema: $(READY)  ## make the schema and the table of all keys anew from debye.config
	@$(BIN)/python workflow/schemas/generate.py

.PHONY: lock
lock:  ## the newest versions that pyproject.toml allows, into requirements.lock and envs/debye.yaml
	@python="$$($(FIND_PYTHON))" && folder="$$(mktemp -d)" && trap 'rm -rf "$$folder"' EXIT && \
	"$$python" -m venv "$$folder" && \
	"$$folder/bin/python" -m pip install --quiet --editable '.[workflow,dev]' && \
	"$$folder/bin/python" envs/lock.py

.PHONY: figures
figures: run  ## the figures of README anew, from the default workflow and docs/problem.yaml
	@folder="$$(mktemp -d)" && trap 'rm -rf "$$folder"' EXIT && \
	$(BIN)/debye solve docs/problem.yaml -o "$$folder/solution.nc" --plot docs/figures/solution.png
	@cp results/analysis/resnet/error_by_distance.svg docs/figures/

.PHONY: penalty
penalty: $(READY)  ## the full penalty study, a quarter of an hour, for docs/penalty.md
	@$(IN_VENV) $(ONE_THREAD) snakemake --cores $(CORES) --workflow-profile workflow/profiles/default \
	    --configfile workflow/scenarios/penalty.yaml --directory results/full_penalty \
	    -- results/penalty/study.nc
	@cp results/full_penalty/results/penalty/penalty.svg docs/figures/
	@cp results/full_penalty/results/penalty/recommendation.md docs/penalty_recommendation.md

# Another scenario with a network of that name is for trying the target out.
EXPERIMENTS ?= workflow/scenarios/experiments.yaml
SHIPPED := multigrid_fine

.PHONY: experiments
experiments: $(READY)  ## the experiments of docs/experiments.md on two cores, four hours: its tables, and the weights of the package
	@$(IN_VENV) $(ONE_THREAD) snakemake --cores $(CORES) --workflow-profile workflow/profiles/default \
	    --configfile $(EXPERIMENTS) --directory results/experiments --set-threads train=1 \
	    --prioritize results/models/$(SHIPPED)/checkpoint.safetensors
	@cp results/experiments/results/leaderboard/leaderboard.md docs/experiments_leaderboard.md
	@cp results/experiments/results/leaderboard/error_against_parameters.svg docs/figures/
	@cp results/experiments/results/models/$(SHIPPED)/checkpoint.safetensors src/debye/weights/compact.safetensors
	@cp results/experiments/results/models/$(SHIPPED)/checkpoint.certificate.json src/debye/weights/compact.certificate.json
	@$(BIN)/debye card src/debye/weights/compact.safetensors --leaderboard results/experiments/results/leaderboard \
	    --experiment '`make experiments`' -o src/debye/weights/compact.md

.PHONY: experiments-gpu
experiments-gpu: $(READY)  ## those on a GPU, for sixteen cores and half an hour of it: its tables
	@$(IN_VENV) $(ONE_THREAD) snakemake --cores $(CORES) --workflow-profile workflow/profiles/default \
	    --configfile workflow/scenarios/experiments_gpu.yaml --directory results/experiments_gpu \
	    --set-threads train=3 predict=1 cost=3 --prioritize results/models/resnet_50m/checkpoint.safetensors
	@cp results/experiments_gpu/results/leaderboard/leaderboard.md docs/experiments_gpu_leaderboard.md
	@cp results/experiments_gpu/results/leaderboard/error_against_parameters.svg docs/figures/error_against_parameters_gpu.svg

.PHONY: experiments-data
experiments-data: $(READY)  ## what up to 50 000 samples are worth, two cores, an hour and a half: its table
	@$(IN_VENV) $(ONE_THREAD) snakemake --cores $(CORES) --workflow-profile workflow/profiles/default \
	    --configfile workflow/scenarios/experiments_data.yaml --directory results/experiments_data --set-threads train=1 \
	    -- results/leaderboard/leaderboard.json
	@cp results/experiments_data/results/leaderboard/leaderboard.md docs/experiments_data_leaderboard.md

.PHONY: ablation
ablation: $(READY)  ## the ablation of docs/ablation.md, half an hour of two cores: its tables
	@$(IN_VENV) $(ONE_THREAD) snakemake --cores $(CORES) --workflow-profile workflow/profiles/default \
	    --configfile workflow/scenarios/ablation.yaml --directory results/ablation_study --set-threads train=1 \
	    -- results/ablation/ablation.json results/report/index.html
	@cp results/ablation_study/results/ablation/ablation.md docs/ablation_table.md

.PHONY: bench
bench: $(READY)  ## Debye beside its peers, a quarter of an hour of an idle machine: benchmarks/results/solver.*
	@$(BIN)/python -m pip install --quiet --editable '.[benchmark]'
	@$(IN_VENV) $(ONE_THREAD) python benchmarks/solver.py

.PHONY: clean
clean:  ## remove caches; results and the environment stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests workflow -name __pycache__ -type d -prune -exec rm -rf {} +

# Name of the first Python from 3.11 on, or a message.
define FIND_PYTHON
for name in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
  if "$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
    echo "$$name"; exit; \
  fi; \
done; \
echo 'make: no Python: found $(or $(PYTHON),none of python3, python3.11 ... python3.14) with version 3.11 or newer and' \
  'the module venv, expected one; install Python 3.11 (on Debian with python3-venv) or name it with PYTHON=' >&2; \
exit 1
endef
