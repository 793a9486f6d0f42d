// Package load measures servers of completions as their clients see them: ours, and llama.cpp's beside it in the same run.
//
// A Server is a process that answers OpenAI's /v1/completions; a Client streams one completion and notes when each piece came.
// Augment runs a corpus in two rounds, as the synthesizer does, with so many chains in flight; Crowd sends requests from
// many clients for a time. Both servers get the same model, texts, lengths and parallelism, and the same client code.
//
// `make bench-serve` builds llama.cpp's server from the source package of llama-cpp-python, runs both and writes
// bench/results/serving_<cpu>_<date>.md with the raw numbers beside it.
package load
