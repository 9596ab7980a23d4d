# `make demo` shows what the package does, `make test` checks it in a few minutes. Both need Python 3.10 to 3.13 and
# nothing else; they make .venv when it is missing. `make test-all`, which .ci/run calls, takes longer and checks all.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check
DEMO := runs/demo
SECONDS := 20
WORKERS := --numprocesses auto --maxprocesses 4 --dist worksteal
REPLAY := $(RUN) -m mtvif_ros.replay.command

.PHONY: demo test test-all lint train-smoke bench-node soak gpu-check clean

demo: $(DEMO)/bag
	@echo "demo: replaying it through fusion_node over DDS at 30 Hz ..."
	@# Exit code 2: a limit is missed, such as too few answers on a slow machine. The report says which.
	@$(REPLAY) --bag $(DEMO)/bag --out $(DEMO)/out --every 20 || [ $$? -eq 2 ]

# Player, node and subscriber as processes over DDS: 60 s at 30 Hz, then at 120 Hz, which overloads the node.
bench-node: $(DEMO)/bag
	@$(REPLAY) --bag $(DEMO)/bag --loop 3 --out runs/bench/30hz --every 100 --no-preview --no-watch || [ $$? -eq 2 ]
	@$(REPLAY) --bag $(DEMO)/bag --loop 12 --rate 4 --out runs/bench/120hz --every 100 --no-preview --no-watch || [ $$? -eq 2 ]

# Ten minutes at 30 Hz; runs/soak/report.html plots memory and latency over time.
soak: $(DEMO)/bag
	@$(REPLAY) --bag $(DEMO)/bag --loop 30 --out runs/soak --every 500 --no-preview

$(DEMO)/bag: | $(VENV)/runtime.ok
	@echo "demo: rendering a $(SECONDS) s night drive as a bag (45 MB a second) ..."
	@mkdir -p $(DEMO)/unfinished && rm -rf $(DEMO)/unfinished/bag
	@$(RUN) -m mtvif_ros.recordings.make_bag --rendered $(SECONDS) --time night --seed 3 --out $(DEMO)/unfinished/bag
	@mv $(DEMO)/unfinished/bag $@

test: $(VENV)/test.ok
	$(RUN) -m pytest $(WORKERS) -m "not long"

# The long tests too, with branch coverage that includes the processes of nodes and trainings.
test-all: $(VENV)/test-all.ok
	@rm -rf runs/coverage && mkdir -p runs/coverage
	$(RUN) -m coverage run -m pytest $(WORKERS)
	@$(RUN) -m coverage combine --quiet
	$(RUN) -m coverage report --fail-under 90

lint: $(VENV)/test.ok
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

# Every step of docs/how-to/train.md on rendered drives; ends with the scores on held-out drives.
train-smoke: $(VENV)/training.ok
	@PYTHON=$(RUN) training/smoke.sh runs/smoke

# At most eight minutes; needs an NVIDIA GPU and requirements/gpu.txt in PYTHON, which .venv does not have, but no
# network. Exit code 2: a part failed.
gpu-check:
	@$(PYTHON) -m training.gpu_check.command --out runs/gpu

clean:
	rm -rf $(VENV) runs build install log *.egg-info

$(VENV)/created.ok:
	@echo "making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14) and "needs Python 3.10 to 3.13, set PYTHON=")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/runtime.ok: requirements/runtime.txt setup.py | $(VENV)/created.ok
	@echo "installing ROS 2 Jazzy, OpenVINO, onnxruntime, OpenCV, rosbags and this package's commands into $(VENV) ..."
	@$(PIP) -r requirements/runtime.txt
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/training.ok: requirements/training.txt $(VENV)/runtime.ok
	@echo "installing torch and what training needs into $(VENV) ..."
	@$(PIP) -r requirements/runtime.txt -r requirements/training.txt
	@touch $@

$(VENV)/test.ok: requirements/test.txt $(VENV)/training.ok
	@echo "installing the test tools into $(VENV) ..."
	@$(PIP) -r requirements/runtime.txt -r requirements/training.txt -r requirements/test.txt
	@touch $@

$(VENV)/test-all.ok: requirements/test-all.txt $(VENV)/test.ok
	@echo "installing Ray into $(VENV) ..."
	@$(PIP) -r requirements/test-all.txt
	@touch $@
