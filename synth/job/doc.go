// Package job augments a whole corpus with a synthesizer: in shards, by any number of workers, so that any of them may be
// killed at any moment and started again.
//
// The documents, in their order, are cut into shards of Settings.ShardTexts. A worker takes every Parts-th of them. A job is a
// folder:
//
//	job.json               what decides the output; a start with other settings is refused and the difference named
//	chains/00000.jsonl.zst the chains of a shard, written whole
//	shards/00000.json      its record: counts, size and sha256 of the file. A shard is done when this is there and right
//	.work/00000.log        the journal of a shard under way: one line a chain, as it is done; .work/00000.lock: who works on it
//	manifest.json          all shards, once all are done; beside it report.json and report.html
//
// A shard's output depends on its documents, the model and Settings alone, not on the number of workers or on interruptions.
// A second start reads the journals, checks them against the documents, and goes on behind them: what a kill loses are the
// texts in flight. A record whose file is missing or differs is removed and the shard made again.
package job
