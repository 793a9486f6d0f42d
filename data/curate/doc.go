// Package curate makes of raw documents a corpus to train on: it cleans their texts and drops what should not be learned from,
// stage by stage, so that any stage may be looked at, skipped and run again.
//
// The stages, in the order of the embedded settings:
//
//	normalise      Unicode NFC, invisible characters, line ends and blanks: what follows compares texts, so this comes first
//	language       keeps the languages asked for: the thresholds of the next stage are for one language
//	quality        lengths, symbols, repetition: cheap, and what it drops need not be compared with anything
//	exact          drops all but the first of equal texts: cheaper than near, and shrinks what near has to hold
//	near           drops all but the first of nearly equal texts, by MinHash
//	decontaminate  takes out what stands in evaluation sets: last, for its report is then about what is trained on
//
// A curation is a folder:
//
//	curate.toml             the settings, resolved
//	curated.jsonl.zst       the result, once all stages are done, and
//	report.json             its counts by stage and reason
//	stages/NAME.jsonl.zst   the documents that a stage kept
//	dropped/NAME.jsonl.zst  those that it dropped, each with reason, measured value and threshold, when they are asked for
//	hits/NAME.jsonl.zst     what decontaminate found
//	records/NAME.json       a stage's record, sealed: it names input, options and outputs by hash, and is written last
//	.work/                  what is spilled while a stage runs
//
// A second start skips the stages whose records and files are right, makes damaged ones again, and runs what comes after a
// changed threshold. Equal documents and settings give equal bytes, however often a run was killed and whatever the number of
// cores. The files of a stage that is no longer asked for stay where they are.
//
// Memory is bounded by Settings.MemoryMiB for what is sorted (the rest is spilled to disk) plus some MiB a core for texts on their
// way and, in stage near, 4 bytes a document: 268 million documents a GiB. Evaluation sets are held. (Go's heap may grow to twice
// what is live; GOMEMLIMIT bounds it.) Where to begin: Run, Settings, Files; and Contamination and FindOverlap, which only report.
package curate
