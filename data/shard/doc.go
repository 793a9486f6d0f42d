// Package shard keeps tokenized texts on disk and maps them back into memory.
//
// Where to begin: Build writes a corpus, Open maps it; a Set is a mix.Source.
//
// Build tokenizes on all cores and writes in the order of the units, so the bytes do not depend on how many goroutines there are.
// Until it is done the shards stand in NAME.part, with NAME.part.log beside it; a build that was killed goes on from the last whole
// one and ends in the same bytes.
//
// A unit is one text as the model sees it: BOS + text + EOS, once each, or tokens
// that were made elsewhere. A corpus is a folder that appears whole
// (internal/durable) and holds
//
//	00000.shard, 00001.shard, …   units, at most Options.ShardTokens tokens each
//	corpus.json                   Info: totals, per-shard counts, tokenizer hash
//	tokenizer.json                a copy of the tokenizer that made it
//	MANIFEST.json                 sizes and sha256 of all of them
//
// A .shard file is little-endian:
//
//	[0,8)    "PRIMSHRD"
//	[8,12)   version, 1
//	[12,16)  flags: 1 tokens are uint16 (else int32), 2 there is a mask plane
//	[16,20)  vocabulary size
//	[20,24)  zero
//	[24,56)  sha256 of tokenizer.json
//	[56,64)  zero
//	tokens   [n] of 2 or 4 bytes, padded with zeros to a multiple of 8
//	mask     [n] bits, least significant first, padded likewise: does token i count
//	         in the loss as a target? without the plane all do
//	index    [units+1] int64: token offset of each unit, and n at the end
//	footer   units int64, n int64, "DRHSMIRP"
//
// The size of the file follows from flags, units and n and must be exactly that, so
// that no field can point outside. Offsets rise strictly. Opening checks all of
// this; Verify also reads every byte against the manifest. Tokens are read through
// a shared mapping; a file that shrinks under it is an error, not a dead process.
package shard
