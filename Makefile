# make demo   a real sweep with recorded ideas: no key, no network but for the installation
# make test   the test suite        make test-all   what is slow by nature, to be run after it
# make agents the coding agents that some tests start, each in a place of its own under .agents
# make engines   OpenEvolve and ShinkaEvolve, which some tests start, likewise under .engines
# make lint   format, lint, types, versions, imports      make bench   benchmarks
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
AGENTS := .agents
NPM    := opencode-ai@1.18.33 @openai/codex@0.169.0 @anthropic-ai/claude-code@2.1.197
PYPI   := mini-swe-agent==2.4.6 gptme==0.35.1
ENGINES := .engines
EVOLVE := openevolve==0.4.1 shinka-evolve==0.0.7

.PHONY: demo test test-all agents engines lint bench format clean

demo: $(READY)
	$(BIN)/python runner.py run fashion_mnist --data mini --workers 2 \
		--ideas lateral_inhibition,rotation_pretraining \
		--seeds 0,1 --max-runs 2 --confirm-seeds 8 --max-confirm-seeds 8

test: $(READY)
	$(BIN)/python -m pytest

test-all: $(READY)
	$(BIN)/python -m pytest -m slow

# Nothing of them is a package of this project; a change of a version above installs all anew.
agents: $(AGENTS)/.ready
$(AGENTS)/.ready: Makefile
	echo '$(NPM) $(PYPI)' | cmp --silent - $@ || $(MAKE) --no-print-directory agents-anew
	touch $@

.PHONY: agents-anew
agents-anew:
	rm -rf $(AGENTS)
	npm install --prefix $(AGENTS)/npm --no-audit --no-fund --loglevel=error $(NPM)
	set -e; for package in $(PYPI); do \
		$(PYTHON) -m venv $(AGENTS)/$${package%%==*}; \
		$(AGENTS)/$${package%%==*}/bin/python -m pip install --quiet $$package; \
	done
	echo '$(NPM) $(PYPI)' > $(AGENTS)/.ready

engines: $(ENGINES)/.ready
$(ENGINES)/.ready: Makefile
	echo '$(EVOLVE)' | cmp --silent - $@ || $(MAKE) --no-print-directory engines-anew
	touch $@

.PHONY: engines-anew
engines-anew:
	rm -rf $(ENGINES)
	set -e; for package in $(EVOLVE); do \
		$(PYTHON) -m venv $(ENGINES)/$${package%%==*}; \
		$(ENGINES)/$${package%%==*}/bin/python -m pip install --quiet $$package; \
	done
	echo '$(EVOLVE)' > $(ENGINES)/.ready

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.12
	$(BIN)/vermin --quiet --no-tips --violations --target=3.10- bonsai templates *.py
	$(BIN)/lint-imports --no-cache

bench: $(READY)
	$(BIN)/python benchmarks/fashion_mnist_speed.py
	$(BIN)/python benchmarks/gene_network_pruning_speed.py
	$(BIN)/python benchmarks/verdicts.py
	$(BIN)/python benchmarks/runner_overhead.py
	$(BIN)/python benchmarks/crash_resume.py
	$(BIN)/python benchmarks/cores.py
	$(BIN)/python benchmarks/self_replication_speed.py
	$(BIN)/python benchmarks/cell_division_speed.py
	$(BIN)/python benchmarks/fine_pruning_speed.py
	$(BIN)/python benchmarks/novelty.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/agents.py
	$(BIN)/python benchmarks/hostile.py
	$(BIN)/python benchmarks/wild.py
	$(BIN)/python benchmarks/bring_your_own.py
	$(BIN)/python benchmarks/search.py --quick
	$(BIN)/python benchmarks/recorded.py --worlds 40 --budgets 60
	$(BIN)/python benchmarks/early_stopping.py --worlds 20
	$(BIN)/python benchmarks/search_overhead.py --candidates 1000
	$(BIN)/python benchmarks/engines.py
	$(BIN)/python benchmarks/audit.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# torch and torchvision first and pinned, in one command: that is what finds a CPU build.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
