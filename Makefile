# Everything there is to do here, each as one word; the environments make themselves.

# The first of these that is new enough; name another one with PYTHON=...
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$python; break; }; done)
UV ?= uv

# Files stay together: a test file may share what is slow to start.
PYTEST ?= -n auto --maxprocesses 8 --dist loadfile

READY := .venv/.ready
BENCH_READY := .venv-bench/.ready
COMPILE := pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-header pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help try run test check transcripts long bench pins clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  \1|/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z]*\):.*## /  \1  /p' $(firstword $(MAKEFILE_LIST))

try: $(READY) ## Try the whole bot in the browser, without a token
	@exec .venv/bin/python -m bot try

run: $(READY) ## Run the bot; it needs a token in .env
	@exec .venv/bin/python -m bot

test: $(READY) ## Run the tests
	@.venv/bin/python -m pytest -m "not long" $(PYTEST)

check: $(READY) ## Look through code and content for mistakes
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --quiet --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/python -m bot check

transcripts: $(READY) ## Write the transcripts anew, to be read as a diff
	@.venv/bin/python -m pytest tests/transcripts --update
	@git --no-pager diff --stat -- tests/transcripts
	@echo "Read what changed before you commit it: git diff tests/transcripts"

long: $(READY) ## Run the long forms of the tests
	@.venv/bin/python -m pytest -m long

bench: $(BENCH_READY) ## Measure this bot beside another, each in the same way
	@.venv-bench/bin/python -m bench

pins: ## Compile requirements/ anew from pyproject.toml; UPGRADE=--upgrade takes newer versions
	@command -v $(UV) >/dev/null || { echo "Compiling the pins needs uv, and there is none." >&2; exit 1; }
	@$(UV) $(COMPILE) $(UPGRADE) -o requirements/run.txt
	@$(UV) $(COMPILE) $(UPGRADE) --extra dev -o requirements/dev.txt
	@$(UV) $(COMPILE) $(UPGRADE) --extra bench -o requirements/bench.txt

clean: ## Remove what was made here, but never data or keys
	@rm -rf .venv .venv-bench build *.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis
	@find bot tests -name __pycache__ -prune -exec rm -rf {} +

# The stamp is touched last: an environment that was cut short is made again.
$(READY): requirements/dev.txt pyproject.toml
	$(call environment,.venv,requirements/dev.txt)
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation -e .
	@touch $@

# The project is not installed here: what is run from this folder finds it as it is.
$(BENCH_READY): requirements/bench.txt
	$(call environment,.venv-bench,requirements/bench.txt)
	@touch $@

define environment
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "This needs Python 3.11 or newer; install one, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "This Python cannot make environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Making the Python environment in $(1): once, a minute or two ..."
	@$(PYTHON) -m venv $(1)
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
endef
