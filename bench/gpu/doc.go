// Package gpu proves and measures the CUDA backend on a machine with a GPU, in at most nine minutes: `make gpu-check` builds a
// folder that is carried there and run by one command, without Go.
//
// The program (gpucheck) is a runner that takes steps one after another (steps.go), each within its share of the time
// (budget.go): the conformance tests of kernels/cuda as a test binary, the same ops under compute-sanitizer, then measurements.
// What measures is a process of its own, so that a failure of the device or a limit of time ends one step and no more: this
// program again as a worker (worker.go), or a Python script of tools/gpucheck. Both answer one Case a line with one Answer a
// line; where two sides are compared the runner asks them in turns. Every answer goes to results.jsonl as it is; summary.go makes
// the tables from these records alone.
//
// What cannot run (no PyTorch, no compute-sanitizer, no time left) stands in the summary as not run, and the exit code is not 0.
// The whole runs on the stand-in driver too (tags "cuda emulator"), with tiny shapes; the summary then says that times mean
// nothing.
package gpu
