// Package speed measures Primer from end to end, beside the programs that people would otherwise use, in one run: training
// tokens/s and peak memory beside PyTorch, prefill and decode tokens/s beside llama.cpp.
//
// Every side is a process of its own that holds its model and answers turns (worker.go): ours is this package's Serve,
// theirs are Python scripts in tools/peers. Sides take turns of the same work, ours before each of theirs, round after
// round (compare.go), so that a machine that slows down slows both; what is reported are medians and ratios of medians.
// That both compute the same thing is checked first: equal weights from one folder, equal tokens, and then losses (steps of
// training) or logits (generation) that agree.
//
// `make bench-peers` writes bench/results/<what>_<cpu>_<date>.md with the raw numbers as JSON beside it. Without the peers
// `go test -bench . ./bench/speed` gives our own numbers with the fraction of the machine's GEMM peak, and where a training
// step's time goes, op by op.
package speed
