# The doors of the project: `make run`, `make test`, `make check`, `make bench`, `make soak`, `make audit`.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
export DJANGO_SETTINGS_MODULE := chatsite.settings

.PHONY: run test check bench soak audit system requirements

run: $(VENV)/.run
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py demo
	@$(BIN)/python manage.py runserver 127.0.0.1:$(PORT)

# In two processes: see tests/halves.py.
test: $(VENV)/.test system
	$(BIN)/python -m pytest --numprocesses 2

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	SECRET_KEY=$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(50))') \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

bench: $(VENV)/.bench system
	@sh benchmarks/system.sh
	$(BIN)/python -m benchmarks

# Every fault for a minute: half an hour and more. What one site cannot show, the other does.
soak: $(VENV)/.test system
	$(BIN)/python manage.py soak --workers 3 --crowd 5000 --seconds 1800 --fault all
	$(BIN)/python manage.py soak --workers 1 --database sqlite --seconds 1800 --fault all

# Known holes in what is pinned, asked of PyPI's advisories. Strict: a package of which nothing can
# be learnt, as without the network, is a failure too.
audit: var/audit/.made
	var/audit/bin/pip-audit --strict --require-hashes --disable-pip \
		-r requirements.txt -r requirements-dev.txt -r requirements-bench.txt

var/audit/.made:
	@$(PYTHON) -m venv var/audit
	@var/audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	@touch $@

# What the suite needs beside Python: on Debian as root it is installed, elsewhere it is named.
system:
	@sh tests/system.sh

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "chatsite needs Python 3.11 or newer; say which with PYTHON=")'
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(BIN)/python
	@echo "Installing what the site needs; the first time takes a minute"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.test: requirements-dev.txt | $(BIN)/python
	@echo "Installing what the site and its tests need; the first time takes two minutes"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.run

$(VENV)/.bench: requirements-bench.txt $(VENV)/.test
	@echo "Installing what the benchmarks need"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

# Pins with hashes and without any index's address.
requirements:
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements.txt pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--constraint requirements-dev.txt --output-file requirements-bench.txt benchmarks/requirements.in
	for peer in responder tina4; do \
		$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-annotate --no-header \
			--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
			--output-file benchmarks/peers/$$peer/requirements.txt benchmarks/peers/$$peer/requirements.in \
			|| exit 1; \
	done
