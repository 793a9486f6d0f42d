// Package corpus measures the way from records to tokens beside the Python libraries that people would otherwise use, in one
// run on the same cores: tokenizing beside Hugging Face's tokenizers, JSONL.zst → templates → tokens beside its datasets, and
// near-duplicate removal beside datatrove.
//
// Inputs are the sample world's examples (data/sample), as many worlds as the size asks for, rendered to texts for the first and
// the last race; tokenizer.json is trained by the peer's own library on a part of them. Ours runs in this process, a peer in its own
// (tools/peers/data_peer.py), which holds its libraries loaded and answers turns. Sides take turns, ours before each of theirs,
// round after round; what is reported are medians and ratios of medians. That both tokenize alike is checked first, by the
// number of tokens.
//
// `make bench-data` writes bench/results/corpus_<cpu>_<date>.md with the raw numbers as JSON beside it. PRIMER_BENCH_MB is the
// size of the texts, PRIMER_SPEED_ROUNDS the number of rounds.
package corpus
