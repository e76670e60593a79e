# Everything a fresh clone needs: Python 3.11, make and a C compiler. Each target makes the .venv it runs in.
#   make demo   train on JAX, go on in PyTorch, finish in TensorFlow: the main job, on real data
#   make test   all tests, every backend in one process; ARGS="-k dense" goes to pytest
#   make lint   ruff (errors and format) and the architecture checks
#   make bench  side by side with real Keras and code by hand, 12 minutes; ARGS=--quick takes 3

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# The environment is made anew when, and only when, what it should hold has changed.
KEY := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
STAMP := $(VENV)/made-from-$(KEY)

# One thread each: the frameworks' own thread pools fight over a small machine's cores.
QUIET := OMP_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=3

.PHONY: demo test lint bench clean
demo: $(STAMP)
	$(QUIET) $(BIN)/triceras demo

test: $(STAMP)
	$(QUIET) $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/check_architecture.py

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py $(ARGS)

# constraints.txt pins what is tested; without its torch pin pip brings gigabytes of CUDA packages.
$(STAMP):
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[all,demo,test,dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache demo_output
