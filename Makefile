# Primer's targets; `make help` lists them. Once `make setup` has run, everything builds with the
# plain go command: no target sets a variable that a build needs.

GO      ?= go
SEED    ?= 1
PYTHON  ?= python3
VENV    := .venv-peers
DATA_VENV := .venv-peers-data
PACKAGES = ./...
NO_CUDA  = $(filter 0,$(CUDA))
# Packages with C in them: what AddressSanitizer has to look at.
CGO_PACKAGES = $(shell $(GO) list -f '{{if .CgoFiles}}{{.ImportPath}}{{end}}' ./...)

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## check the tools, install or name what is missing, build the tokenizer's library (once); CUDA=1: what tag cuda needs too
	@$(GO) run ./cmd/setup $(if $(filter 1,$(CUDA)),-cuda)

quickstart: setup ## the whole method on the sample, in about five minutes: make quickstart SEED=n
	$(GO) run ./cmd/quickstart --seed $(SEED)

quickstart-seeds: setup ## the quickstart with seeds 1 to 5; the table goes to bench/results
	$(GO) run ./cmd/quickstart --seeds 5 --out runs/quickstart-seeds
	cp runs/quickstart-seeds/seeds.md bench/results/quickstart-seeds.md

quickstart-base: setup ## the small model that the quickstart's synthesizer is tuned from, trained anew (a quarter of an hour)
	rm -rf runs/quickstart-base/folder
	$(GO) run ./cmd/quickstart --make-base runs/quickstart-base/folder --out runs/quickstart-base/run
	rm -rf pipeline/base && cp -r runs/quickstart-base/folder pipeline/base

test: setup lint $(if $(NO_CUDA),,test-cuda) ## what everybody runs: lint, the fast tests, a module that embeds Primer, the CUDA backend; CUDA=0 leaves that out
	$(GO) test -timeout 25m $(PACKAGES)
	$(GO) test -tags outside -run Outside -count 1 -v ./internal/setup
	$(if $(NO_CUDA),@echo "CUDA=0: the CUDA backend was not built and not tested; make test-cuda does it")

# gorgonia.org/cu looks for cuda.h in /usr/local/cuda only. C_INCLUDE_PATH, which gcc and clang read, shows it the folder that set-up
# made and is no part of the go command's cache keys. CGO_CFLAGS is: naming the folder there compiles all C twice, once with the tag
# and once without (the CPU's kernels alone take 75 s).
WITH_CUDA_H = C_INCLUDE_PATH="$(CURDIR)/kernels/cuda/lib/include$(if $(C_INCLUDE_PATH),:$(C_INCLUDE_PATH))"

# The packages that have tests on the emulated device.
ON_CUDA = ./kernels/cuda ./model/generate ./train ./internal/cli ./bench/gpu

setup-cuda: setup
	@$(GO) run ./cmd/setup -cuda >/dev/null

test-cuda: setup-cuda build-cuda ## the CUDA backend without a GPU: every kernel compiled by NVRTC, and all of it run on the emulated device
	$(WITH_CUDA_H) $(GO) vet -tags "cuda emulator" $(ON_CUDA)
	$(WITH_CUDA_H) $(GO) test -timeout 25m -tags "cuda emulator" $(ON_CUDA)

build-cuda: setup-cuda # every command builds with tag cuda, and everything passes vet
	$(WITH_CUDA_H) $(GO) build -tags cuda ./cmd/...
	$(WITH_CUDA_H) $(GO) vet -tags cuda $(PACKAGES)

# gpu-check builds a folder for a machine that has a GPU but no Go (docs/CUDA.md); the others also run it, here.
GPU_CHECK = bin/gpu-check
GPU_TAGS  = cuda
GPU_FLAGS = -trimpath -tags "$(GPU_TAGS)" -ldflags "-s -w -X github.com/primer-lm/primer/bench/gpu.built=$(shell git describe --always --dirty 2>/dev/null)"
gpu-check: gpu-check-folder ## build bin/gpu-check, the folder that proves and measures the CUDA backend on a GPU machine: sh run.sh --out DIR
	$(GPU_CHECK)/gpucheck folder --folder $(GPU_CHECK)

gpu-check-folder: setup-cuda
	rm -rf $(GPU_CHECK)
	mkdir -p $(GPU_CHECK)/peers
	$(WITH_CUDA_H) $(GO) build $(GPU_FLAGS) -o $(GPU_CHECK)/gpucheck ./bench/gpu/gpucheck
	$(WITH_CUDA_H) $(GO) test -c $(GPU_FLAGS) -o $(GPU_CHECK)/conformance ./kernels/cuda
	cp tools/gpucheck/*.py $(GPU_CHECK)/peers
	cp tools/gpucheck/run.sh $(GPU_CHECK)

gpu-check-ops gpu-check-train gpu-check-decode: gpu-check ## build it and run one part on this machine's GPU, into runs/
	sh $(GPU_CHECK)/run.sh --part $(@:gpu-check-%=%) --out runs/$@

# Everything but the GPU: the same program and tests on the stand-in driver. compute-sanitizer cannot run there, and PyTorch need not
# be here, so its exit code is 1; what must have passed is looked up.
gpu-check-standin: ## run the whole gpu-check on the emulated device with tiny shapes: times mean nothing
	$(MAKE) gpu-check-folder GPU_CHECK=bin/gpu-check-standin GPU_TAGS="cuda emulator"
	PYTHON=$$(ls $(CURDIR)/$(VENV)/bin/python 2>/dev/null || echo python3) sh bin/gpu-check-standin/run.sh --shapes tiny --peers cpu \
	  --tests '^TestConformance$$' --out runs/gpu-check-standin || [ $$? -eq 1 ]
	cat runs/gpu-check-standin/summary.md
	@for step in device conformance 'op times' 'train tiny' 'generate tiny'; do \
	  grep -q "^| $$step | .* | passed |" runs/gpu-check-standin/summary.md || { echo "gpu-check: $$step has not passed"; exit 1; }; done

# With TESTED=1 it leaves out `make test`, for a caller that has just run it.
test-all: $(if $(TESTED),setup,test) test-slow test-race test-asan tsan test-python ## make test, then slow tests, race detector, AddressSanitizer, ThreadSanitizer, Python peers

test-slow: setup # the tests that only test-all runs; one drives a browser
	@$(GO) run ./cmd/setup -for test
	$(GO) test -tags slow -timeout 30m $(PACKAGES)

test-race: setup # Go's race detector
	$(GO) test -race -timeout 30m $(PACKAGES)

# Only the C is instrumented: Go's own checks make the Go around it (references, comparisons) many times slower and find nothing
# that Go itself does not. Checks as calls, not inline, and line tables only: a third of gcc's time on the kernels.
test-asan: setup ## AddressSanitizer, with leaks, on the packages that have C
	CGO_CFLAGS="-g1 -O2 --param asan-instrumentation-with-call-threshold=0" \
	  $(GO) test -asan -gcflags=all=-asan=false -timeout 30m $(CGO_PACKAGES)

tsan: # kernels and thread team in plain C under ThreadSanitizer, which Go's detector does not see
	$(MAKE) -C kernels/cpu/tsan

test-python: setup peers # folders that Primer writes, loaded by transformers; clients of the server; gpu-check's peers, on the CPU; exports, read by datasets and Megatron
	PRIMER_PYTHON=$(CURDIR)/$(VENV)/bin/python $(GO) test -tags slow -run 'Transformers|Python' -count 1 -v ./model/hf ./tokenizer ./serve ./bench/gpu ./data/export

bench-peers: setup $(VENV)/bench-pins ## end-to-end speed beside PyTorch and llama.cpp, in one run
	PRIMER_PYTHON=$(CURDIR)/$(VENV)/bin/python $(GO) test -run '^$$' -bench Peers -benchtime 1x -timeout 2h -v ./bench/speed

bench-serve: setup $(VENV)/llama/bin/llama-server ## the server beside llama.cpp's: a corpus in two rounds, and 200 clients for a minute
	PRIMER_PYTHON=$(CURDIR)/$(VENV)/bin/python PRIMER_LLAMA_SERVER=$(CURDIR)/$< $(GO) test -run '^$$' -bench Servers -benchtime 1x -timeout 3h -v ./bench/load
$(VENV)/llama/bin/llama-server: tools/peers/bench.txt $(VENV)/bench-pins
	sh tools/peers/build_llama_server.sh $(VENV)/bin/python $(VENV)/llama

bench-data: setup $(DATA_VENV)/pins ## records to tokens beside tokenizers, datasets and datatrove, in one run
	$(GO) build -o bin/corpus ./cmd/corpus
	PRIMER_MINHASH="$(CURDIR)/bin/corpus curate --in {in} --out {out} --skip normalise,language,quality,exact,decontaminate" \
	  PRIMER_PYTHON=$(CURDIR)/$(DATA_VENV)/bin/python $(GO) test -run '^$$' -bench Peers -benchtime 1x -timeout 2h -v ./bench/corpus

$(DATA_VENV)/pins: tools/peers/data.txt
	rm -rf $(DATA_VENV)
	$(PYTHON) -m venv $(DATA_VENV)
	$(DATA_VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	cp $< $@

# The peers' virtual environment, made anew when its pins change.
peers: $(VENV)/pins
$(VENV)/pins: tools/peers/requirements.txt tools/peers/nodeps.txt
	@$(GO) run ./cmd/setup -for test
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r tools/peers/nodeps.txt
	cp $< $@
$(VENV)/bench-pins: tools/peers/bench.txt $(VENV)/pins
	@$(GO) run ./cmd/setup -for bench
	CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF" $(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	cp $< $@

lint: setup ## go vet, gofmt and staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go' 2>/dev/null || find . -name '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet $(PACKAGES)
	$(GO) vet -tags slow,outside $(PACKAGES)
	$(GO) tool -modfile=tools/go.mod staticcheck $(PACKAGES)

fmt: ## format the Go code
	gofmt -w $$(git ls-files -co --exclude-standard '*.go' 2>/dev/null || find . -name '*.go')

clean: ## remove what was built and run here, the library in the user's cache stays
	rm -rf tokenizer/lib kernels/cuda/lib $(VENV) $(DATA_VENV) bin runs

.PHONY: help setup setup-cuda build-cuda quickstart quickstart-seeds quickstart-base test test-all test-slow test-race test-asan test-cuda gpu-check \
	gpu-check-ops gpu-check-train gpu-check-decode gpu-check-standin gpu-check-folder tsan \
	test-python bench-peers bench-serve bench-data peers lint fmt clean
