PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FUZZ_STAMP := $(VENV)/.installed-fuzz
PEERS_STAMP := $(VENV)/.installed-peers
FUZZ_SECONDS ?= 3600
ABLATED := --model=mobilenet_v1 --model_args=alpha=0.25 --dataset=cifar10 \
  --data_dir=$${INTONLY_SHARED:-../shared}/data/cifar10.zip

.PHONY: help demo test test-adb36 test-ops fuzz fuzz-coverage lint format lock clean
.PHONY: bench-ablate bench-accuracy bench-applications bench-arm64 bench-engines
.PHONY: bench-ill-conditioned bench-interpreter bench-kills bench-qat bench-step-time
.PHONY: bench-detection bench-phone-arm64 bench-strategy arm64 fuzz-logs screenshot

help: ## Show this list.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

$(STAMP): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || \
	  { echo "needed Python 3.10 to 3.13, got $$($(PYTHON) --version 2>&1); set PYTHON=python3.X" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@touch $@

$(FUZZ_STAMP): requirements-fuzz.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --only-binary :all: --requirement requirements-fuzz.txt
	@touch $@

$(PEERS_STAMP): requirements-peers.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --only-binary :all: --requirement requirements-peers.txt
	@touch $@

out/corpus/.collected: $(STAMP)
	INTONLY_CORPUS=out/corpus $(BIN)/python -m pytest -n 2 -q \
	  $(addprefix tests/pipeline/interpreter/,kernels boundary_test.py control_flow_test.py)
	@touch $@

demo: $(STAMP) ## Take a network the whole road on the embedded data set; results under out/demo/.
	$(BIN)/python -m tools.run_pipeline --output_dir=out/demo --resume

test: $(STAMP) ## Run the tests.
	$(BIN)/python -m pytest -n 2 --dist loadfile -q

out/adb36/.installed: requirements-adb36.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --upgrade \
	  --no-deps --only-binary :all: --requirement requirements-adb36.txt --target out/adb36
	@touch $@

test-adb36: out/adb36/.installed ## Test the way to a phone with adb 36 (of adbutils) in place of the system's.
	PATH=$(CURDIR)/out/adb36/adbutils/binaries:$$PATH $(BIN)/python -m pytest -n 2 -q tests/fakephone \
	  tests/android_bench/adb_test.py tests/android_bench/run_directory_test.py \
	  tests/android_bench/session_test.py

test-ops: $(STAMP) ## Run in full: 200 random cases for each op and type; range learners by schemes and bits.
	INTONLY_CASES=200 $(BIN)/python -m pytest -n 2 -q tests/pipeline/interpreter/kernels \
	  tests/pipeline/interpreter/fast_test.py tests/pipeline/learners_and_widths_test.py

fuzz: $(STAMP) ## Run 20,000 hostile models; nothing may escape but our own errors.
	$(BIN)/python -m tests.pipeline.interpreter.fuzz --mutations=20000 --corpus=out/corpus

fuzz-coverage: $(FUZZ_STAMP) out/corpus/.collected ## Fuzz by coverage for an hour, or FUZZ_SECONDS=n (Linux on x86-64).
	$(BIN)/python -m tests.pipeline.interpreter.fuzz_coverage --seconds=$(FUZZ_SECONDS) --corpus=out/corpus

fuzz-logs: $(STAMP) ## Parse 50,000 mutated logs of benchmark tools; nothing may escape but our own errors.
	$(BIN)/python -m tests.android_bench.fuzz_parse --mutations=50000

arm64: $(STAMP) ## Fetch what emulated phones need (network once; then INTONLY_ARM64=out/arm64 make test).
	$(BIN)/python -c 'import pathlib; from tools import arm64; arm64.prepare(pathlib.Path("out/arm64"))'

screenshot: demo ## Take the pictures of the demo's report that README shows (needs Debian's chromium).
	$(BIN)/python -m tests.screenshot --page=out/demo/report.html --output=docs/report.png

lint: $(STAMP) ## Check format, lint and types.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(STAMP) ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Pin requirements*.in for Python 3.10 to 3.13 (needs uv on the PATH).
	for name in requirements requirements-fuzz requirements-peers requirements-adb36; do \
	  uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --custom-compile-command "make lock" -q $$name.in -o $$name.txt \
	    || exit; \
	done

bench-ablate: $(STAMP) ## What bits cost on CIFAR-10, as the paper's tables 4.7 and 4.3 (hours; goes on where it was).
	$(BIN)/python -m tools.ablate --output_dir=out/bench_ablate/bits $(ABLATED)
	$(BIN)/python -m tools.ablate --output_dir=out/bench_ablate/relus --table=activations --seeds=3 $(ABLATED)

bench-accuracy: $(STAMP) ## Accuracy on CIFAR-10, two networks, two schemes, three seeds (about an hour).
	$(BIN)/python -m tools.bench_accuracy

bench-applications: $(STAMP) ## The networks of tf_keras.applications: converted, certified, exact, faithful? (hours)
	$(BIN)/python -m tools.bench_applications

bench-arm64: $(STAMP) ## Predictions for a phone against the arm64 library under QEMU (over an hour).
	@command -v qemu-aarch64-static >/dev/null || \
	  { echo "needed qemu-aarch64-static, found none: apt-get install qemu-user-static" >&2; exit 2; }
	INTONLY_CORPUS=out/arm64/cases INTONLY_COLLECTED=40 INTONLY_CASES=100 \
	  $(BIN)/python -m pytest -n 2 -q tests/pipeline/interpreter/kernels
	$(BIN)/python -W ignore -m tools.bench_arm64 --report=out/arm64/report.json

bench-interpreter: $(STAMP) ## The interpreter against TFLite and tflite-micro, one thread, five networks.
	$(BIN)/python -m tools.bench_interpreter

bench-detection: $(STAMP) ## A planted slowdown on simulated phones: how often it is found, how often invented.
	$(BIN)/python -m tests.android_bench.detection

bench-phone-arm64: demo arm64 ## A phone's bits under QEMU: the arm64 runner and real NEON kernels (a quarter of an hour).
	$(BIN)/python -m pytest -rs -o timeout=3600 tests/fakephone/emulated_test.py \
	  tests/tools/output_check_arm64_test.py tests/pipeline/bundle_arm64_test.py

bench-engines: $(STAMP) ## Every tensor of every shared model against every runtime.
	$(BIN)/python -m tools.bench_engines --model=$${INTONLY_SHARED:-../shared}/tflite_models

bench-ill-conditioned: bench-accuracy ## Channels that differ a hundredfold: QAT here against tfmot's.
	$(BIN)/python -m tools.bench_ill_conditioned

bench-qat: $(PEERS_STAMP) ## QAT here against tfmot, tf.lite and litert-quantizer, three seeds (hours).
	$(BIN)/python -m tools.bench_qat

bench-step-time: $(STAMP) ## Training step under QAT against float, one thread.
	$(BIN)/python -m tools.bench_step_time

bench-strategy: $(STAMP) ## Training by two processes on two cores against one on one core.
	$(BIN)/python -m tools.bench_strategy

bench-kills: $(STAMP) ## Ten kills at random moments: the resumed training ends in the same bits.
	$(BIN)/python -m tools.bench_kills

clean: ## Remove everything made here.
	rm -rf $(VENV) out .pytest_cache .ruff_cache .hypothesis
