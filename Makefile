# Every target installs its requirements in .venv. You only need Python 3.11-3.13 and make.
#   make demo                 fine-tune a pretrained network, predict masks (two minutes after installation)
#   make test                 lint and all tests on TensorFlow and JAX
#   make test TORCH=1         the same, and PyTorch (installs its CPU build)
#   make check                lint, policy tests, hand tests: a few minutes, while you work
#   make enroll               after adding or removing a component: index, `__all__`, API snapshot, family pages
#   make docs                 the site, in build/docs; `make pictures` draws its pictures again
# Options: PYTHON=python3.12   VENV=/tmp/venv   PYTEST_ARGS="-k pooling"   JOBS=8 (processes of `make test`)

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
JOBS ?= 2
TORCH ?= 0
TORCH_VERSION ?= 2.13.0

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONFIG := setup.cfg pyproject.toml
SOURCES := keras_cnn_zoo applications tuning benchmarks docs tests

# PyTorch's default wheels for Linux include CUDA, those named +cpu do not. macOS has only the default ones.
TORCH_PIN := torch==$(TORCH_VERSION)$(if $(filter Darwin,$(shell uname -s)),,+cpu)
TORCH_INDEX := https://download.pytorch.org/whl/cpu
WITH_TORCH := $(if $(filter 1 yes true on,$(TORCH)),$(VENV)/.torch)

export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test check lint format enroll matrix benchmark docs pictures clean

demo: $(VENV)/.apps
	$(BIN)/python -m applications.demo

# Exit code 5 means that pytest selected no test. The contract tests run in one process, because all backends are
# compared with one reference, each in a separate process.
test: $(WITH_TORCH) lint
	$(BIN)/python -m pytest -m "not contract" -n $(JOBS) --dist worksteal $(PYTEST_ARGS) || test $$? -eq 5
	$(BIN)/python -m pytest -m contract $(PYTEST_ARGS) || test $$? -eq 5

check: lint
	$(BIN)/python -m pytest -m "not contract and not slow" -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.all
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

format: $(VENV)/.all
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

enroll: $(VENV)/.all
	$(BIN)/python -m tests.policy.enroll

matrix: $(WITH_TORCH) $(VENV)/.all
	CONTRACT_MATRIX=docs/contract_matrix.md $(BIN)/python -m pytest tests/contract -m contract $(PYTEST_ARGS)

benchmark: $(WITH_TORCH) $(VENV)/.all
	$(BIN)/python -m benchmarks.layers

# Keras' NumPy backend starts fastest, and no page needs another. The site is in build/docs.
docs: export KERAS_BACKEND = numpy
# That backend warns that it computes no gradients.
docs: export PYTHONWARNINGS = ignore::UserWarning
docs: $(VENV)/.all
	$(BIN)/python -m docs.generate
	$(BIN)/python -m zensical build --clean --strict
	$(BIN)/python -m docs.generate.check

pictures: $(VENV)/.all
	$(BIN)/python -m docs.generate --pictures
	$(BIN)/python -m docs.generate.gallery

# Keeps the environment; `rm -rf .venv` removes it.
clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.apps: $(CONFIG) | $(BIN)/python
	$(PIP) install --editable ".[apps]"
	touch $@

$(VENV)/.all: $(CONFIG) | $(BIN)/python
	$(PIP) install --editable ".[all]"
	touch $@

# Tries your package index and wheel folders first, and PyTorch's index only if they do not have the wheel.
$(VENV)/.torch: | $(BIN)/python
	$(PIP) install "$(TORCH_PIN)" || $(PIP) install --extra-index-url $(TORCH_INDEX) "$(TORCH_PIN)"
	$(PIP) install "pytorch-metric-learning>=2.9"
	touch $@
