# Each target sets up .venv by itself, once: the locked list with its hashes, then this project.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
ARGS ?=
EPOCHS = $(if $(filter --epochs%,$(ARGS)),,--epochs 10)
LEAN ?=
READY = .venv/.ready
LEFT_OUT_1 = triton|cuda-bindings|cuda-pathfinder|cuda-toolkit|nvidia-cuda-cccl|nvidia-cusolver|nvidia-nvtx
LEFT_OUT_cpu = torch|torchvision|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+
UNFIT = .venv: torch and torchvision cannot be imported; for LEAN=cpu install both before, from one place
OTHERWISE = .venv: was set up otherwise already; make clean, and then this command again
LIST = $(if $(LEAN),.venv/lean.txt,requirements.txt)

.PHONY: reports test lab bench-accuracy bench-speed bench-busy bench-faults bench-photographs bench-robustness bench-certainty bench-sheets bench-soundness bench-pictures bench-few bench-folder bench-many-runs bench-steps bench-baselines bench-pages comparison record sample help setup lock schemas lint clean check unit

reports: $(READY)  ## run the notebooks on MNIST and leave reports in outputs/
	.venv/bin/python run_all.py $(EPOCHS) $(ARGS)

test: $(READY)  ## run the tests, on up to eight cores
	.venv/bin/python -m pytest -n auto --maxprocesses 8 --dist worksteal $(ARGS)

check: $(READY)  ## what to run before a commit, within a minute: lint and the unit tests, side by side
	$(MAKE) -j 2 lint unit

unit: $(READY)  ## the tests that make no run, open no browser, start no kernel, and take a moment
	.venv/bin/python -m pytest -n auto --maxprocesses 8 --dist worksteal -m "not whole and not slow" $(ARGS)

lab: $(READY)  ## open the notebooks in JupyterLab
	GOMP_SPINCOUNT=1000 .venv/bin/jupyter lab --notebook-dir=notebooks $(ARGS)

bench-accuracy: $(READY)  ## train recipes x seeds on MNIST and score each once on test images
	.venv/bin/python benchmarks/accuracy.py $(ARGS)

bench-speed: $(READY)  ## time training and inference beside plain baselines
	GOMP_SPINCOUNT=1000 .venv/bin/python benchmarks/speed.py $(ARGS)

bench-busy: $(READY)  ## time training beside programs that keep the processors busy
	.venv/bin/python benchmarks/busy.py $(ARGS)

bench-faults: $(READY)  ## kill, damage and collide runs, and see whether anything is lost
	.venv/bin/python benchmarks/faults.py $(ARGS)

bench-photographs: $(READY)  ## read 2,000 photographs of validation digits with the run trained last
	.venv/bin/python benchmarks/photographs.py $(ARGS)

bench-robustness: $(READY)  ## train balanced and fast, and read images in bad light; --split test: MNIST-C on the models of bench-accuracy
	.venv/bin/python benchmarks/robustness.py $(ARGS)

bench-certainty: $(READY)  ## ask the run that was trained last what it is sure of: digits, letters, paper, pictures
	.venv/bin/python benchmarks/certainty.py $(ARGS)

bench-sheets: $(READY)  ## read 200 sheets of validation digits with the run that was trained last
	.venv/bin/python benchmarks/sheets.py $(ARGS)

bench-soundness: $(READY)  ## make a hundredth of MNIST's training labels wrong, copy test images, and look for both
	.venv/bin/python benchmarks/soundness.py $(ARGS)

bench-pictures: $(READY)  ## learn made pictures, in colour and in grey; ARGS=photographs: crops; ARGS=speed: beside torchvision
	.venv/bin/python benchmarks/pictures.py $(or $(ARGS),made)

bench-few: $(READY)  ## ARGS="--run NAME": five digits a class, learnt from nothing and from a run on MNIST
	.venv/bin/python benchmarks/few.py $(ARGS)

bench-folder: $(READY)  ## read 20,000 colour images from a folder: seconds and memory
	.venv/bin/python benchmarks/folder.py $(ARGS)

bench-many-runs: $(READY)  ## what a grid of 300 runs costs besides the runs: seconds, memory, the page
	.venv/bin/python benchmarks/many_runs.py $(ARGS)

bench-steps: $(READY)  ## train the networks of four published projects, one change at a time, scored on validation images
	.venv/bin/python benchmarks/steps.py --jobs 2 $(ARGS)

bench-baselines: $(READY)  ## score simple classifiers once on MNIST's test images
	.venv/bin/python benchmarks/baselines.py $(ARGS)

bench-pages: $(READY)  ## visit the pages of outputs/ as readers do: phone to desk, light and dark, offline, on paper
	.venv/bin/python benchmarks/pages.py outputs $(ARGS)

comparison: $(READY)  ## make outputs/comparison.html, published.html and speed.html from the readings
	.venv/bin/python benchmarks/comparison.py $(ARGS)

sample: $(READY)  ## make docs/sample: the reports and the model card of one run on MNIST
	.venv/bin/python run_all.py --dataset mnist $(EPOCHS) --run sample $(ARGS)
	rm -rf docs/sample && mkdir docs/sample && cp outputs/sample/reports/*.html docs/sample
	sed -i.before 's|<a class="all-runs"[^>]*>[^<]*</a>||' docs/sample/*.html && rm docs/sample/*.before
	folder=$$(mktemp -d) && .venv/bin/python predict.py --export $$folder/model.onnx --run sample \
		&& cp $$folder/MODEL_CARD.md docs/sample && rm -r $$folder

record: $(READY)  ## read every figure that README and docs quote anew, from one state of the code; some hours, ARGS=--list says which
	.venv/bin/python benchmarks/record.py $(ARGS)

help:  ## the targets, and what each does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-18s %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## create .venv and install everything; LEAN=1 or LEAN=cpu: without what computes on a GPU alone
	@test -z "$(LEAN)" || test "$(LEAN)" = "$$(cat $(READY))" || { echo "$(OTHERWISE)" >&2; exit 1; }

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or later is needed')"
	@case "$(LEAN)" in ''|1|cpu) ;; *) echo "LEAN=$(LEAN): must be 1 or cpu" >&2; exit 1;; esac
	$(PYTHON) -m venv .venv
	$(if $(LEAN),awk '/^[a-z]/ {left_out = $$0 ~ /^($(LEFT_OUT_$(LEAN)))==/} !left_out' requirements.txt > $(LIST))
	.venv/bin/python -m pip install --quiet --disable-pip-version-check $(if $(LEAN),--no-deps) --require-hashes -r $(LIST)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@.venv/bin/python -c "import torch, torchvision" || { echo "$(UNFIT)" >&2; exit 1; }
	@echo "$(LEAN)" > $@

lock:  ## resolve the direct dependencies anew, for all platforms; needs uv
	uv pip compile pyproject.toml --extra dev --universal --fork-strategy fewest --python-version 3.11 --upgrade \
		--generate-hashes --no-annotate --no-header --quiet --output-file requirements.txt
	sed -n '1,/^  - pip:/p' environment.yml > environment.new
	echo '    - -e .' >> environment.new
	sed -n 's/^\([a-z0-9.-]*==[^\\]*[^ \\]\) *\\*$$/    - "\1"/p' requirements.txt >> environment.new
	mv environment.new environment.yml

schemas: $(READY)  ## write docs/schemas from the types of a run's files
	.venv/bin/python -m helpers.schemas

lint: $(READY)  ## check modules and notebooks: style, the direction of imports, types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/mypy

clean:  ## delete .venv and caches; runs and data stay
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
