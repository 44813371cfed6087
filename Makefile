# The values below come from the command line (make bench TRIALS=5) or from the environment.
# No recipe expands them: each is taken literally here, exported, and read by the shell as "$$NAME". So quotes, spaces,
# semicolons and $(...) in a value reach the program as they were typed.
DEFENSE ?= diffix
ATTACK ?= difference
DATASET ?= census
SECRET ?=
TRIALS ?=
VICTIMS ?=
SEED ?=
JOBS ?=
RESULTS ?=
SQL ?=
FRESH ?=
ISOLATE ?=
JSON ?=
PYTHON ?= python3

values := DEFENSE ATTACK DATASET SECRET TRIALS VICTIMS SEED JOBS RESULTS SQL FRESH ISOLATE JSON PYTHON
$(foreach name,$(values),$(eval override $(name) := $$(value $(name))))
export $(values)

.DEFAULT_GOAL := help
.PHONY: help setup bench query ablation test science fuzz perf-fitness perf-diffix check clean

bin := .venv/bin
stamp := .venv/.complete

# A switch is on unless it is empty, 0, no, false or off.
switch = $(if $(filter-out 0 no false off,$($(1))),$(2))

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  Values of bench: DEFENSE ATTACK DATASET SECRET TRIALS VICTIMS SEED JOBS RESULTS FRESH=1 ISOLATE=1 JSON=1'
	@echo '  Values of ablation: TRIALS SEED JOBS RESULTS FRESH=1 JSON=1'
	@echo '  Values of query: DEFENSE DATASET SEED JSON=1, and SQL, for example'
	@echo "    make query SQL='SELECT sex, count(*) FROM census GROUP BY sex'"

setup: $(stamp) ## Make .venv with the locked versions (every other target does so on first use)

$(stamp): requirements.lock pyproject.toml
	@command -v "$$PYTHON" >/dev/null || { \
	  echo "There is no $$PYTHON here: SnoopBench needs Python 3.11 or newer, name one with PYTHON=." >&2; exit 1; }
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "SnoopBench needs Python 3.11 or newer, and $$PYTHON is older: name a newer one with PYTHON=." >&2; exit 1; }
	@echo 'Setting up .venv (once, about a minute) ...' >&2
	@"$$PYTHON" -m venv .venv >&2
	@$(bin)/python -m pip --disable-pip-version-check install -q --require-hashes -r requirements.lock >&2
	@$(bin)/python -m pip --disable-pip-version-check install -q --no-deps --no-build-isolation -e . >&2
	@touch $@

bench: $(stamp) ## Run one attack against one defense on one dataset
	@$(bin)/snoopbench bench --defense "$$DEFENSE" --attack "$$ATTACK" --dataset "$$DATASET" \
	  $${SECRET:+--secret "$$SECRET"} $${TRIALS:+--trials "$$TRIALS"} $${VICTIMS:+--victims "$$VICTIMS"} \
	  $${SEED:+--seed "$$SEED"} $${JOBS:+--jobs "$$JOBS"} $${RESULTS:+--results "$$RESULTS"} \
	  $(call switch,FRESH,--fresh) $(call switch,ISOLATE,--isolate) $(call switch,JSON,--json)

query: $(stamp) ## Ask one SQL question through a defense
	@$(bin)/snoopbench query --defense "$$DEFENSE" --dataset "$$DATASET" $${SEED:+--seed "$$SEED"} \
	  $(call switch,JSON,--json) -- "$$SQL"

ablation: $(stamp) ## Run every mechanism off and on against the attack that motivates it (about 10 minutes)
	@$(bin)/snoopbench ablation $${TRIALS:+--trials "$$TRIALS"} $${SEED:+--seed "$$SEED"} $${JOBS:+--jobs "$$JOBS"} \
	  $${RESULTS:+--results "$$RESULTS"} $(call switch,FRESH,--fresh) $(call switch,JSON,--json)

test: $(stamp) ## Run the tests (a few minutes)
	@$(bin)/python -m pytest -q -n auto --dist worksteal

science: $(stamp) ## Run every table, null test and pair (long)
	@$(bin)/python -m pytest -q -n auto -m science

fuzz: $(stamp) ## Run the generated tests (long)
	@$(bin)/python -m pytest -q -n auto -m fuzz

perf-fitness: $(stamp) ## Time the fitness experiment beside a literal loop
	@$(bin)/python -m harness.studies.perf_fitness

perf-diffix: $(stamp) ## Time Diffix beside DuckDB's own counts, 10^7 rows (about 10 minutes)
	@$(bin)/python -m harness.studies.perf_diffix

check: $(stamp) ## Lint, formatting, types and the floors of the house
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/mypy
	@$(bin)/lint-imports

clean: ## Remove .venv, caches and build files, never results/
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find harness attacks defenses datasets tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
