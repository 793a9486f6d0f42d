// Package export writes corpora in the forms that others read: JSON lines (zstd), Parquet, folders that Hugging Face's
// load_dataset loads, and Megatron's token files.
//
// Where to begin: JSONL, Parquet and HuggingFace take a stream of documents, examples or chains, Megatron an open shard.Set.
//
// What is written is a folder that appears whole (internal/durable): a writer that is killed leaves nothing under its name. It
// holds MANIFEST.json (size and sha256 of every file), export.json (Info: counts), and
//
//	JSONL        part-00000.jsonl.zst, …
//	Parquet      part-00000.parquet, …
//	HuggingFace  data/train-00000-of-00002.parquet, …, and README.md, the dataset's card
//	Megatron     text_document.bin and .idx, and the tokenizer.json that made them
//
// Parquet files have zstd pages with checksums and row groups of at most GroupBytes, and each is read back and compared
// before the folder gets its name. Equal records and options give equal bytes.
package export
