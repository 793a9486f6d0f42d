// Package data holds the records that pass through Primer and reads and writes
// them: Document, Pair, Example and Chain, one JSON form each, one per line.
//
// Readers stream (iter.Seq2) in bounded memory from .jsonl and plain text, each
// plain, .gz, .zst, .bz2, .xz or .lz4, from files, globs, folders, .zip archives and "-"
// (standard input). Options.Tables adds Parquet, CSV, TSV and web archives, Options.Store
// s3:// URLs. The folder that synthesize writes reads as its chains.
//
// Where to begin: Documents, Examples and Chains read; NewWriter writes to a
// stream and WriteFile a file, whole or not at all. Batch is what becomes of texts
// in training: data/shard keeps them as tokens and data/mix draws and packs them.
//
// What odd input gets, always:
//
//   - a byte order mark at the start of a file is dropped; UTF-16 marks are errors;
//   - "\r\n" ends a line as "\n" does; a last line without a newline is a line;
//   - blank lines between JSON lines are counted and skipped;
//   - invalid UTF-8 becomes U+FFFD, once per run of bad bytes, and the line is
//     counted as repaired; with Strict it is an error;
//   - a lone surrogate escape (\ud800) in a known field becomes U+FFFD;
//   - a key that stands twice in a chain, example, document or pair makes the line
//     broken (inside unknown fields nobody looks);
//   - null is an absent field; a numeric id is read as its decimal text;
//   - a broken line is counted with its number and skipped; with Strict it is fatal;
//   - a stream that ends early, a line over 16 MiB, or more than 200 bytes out for
//     each byte in is always fatal: what follows cannot be trusted;
//   - no record at all is ErrEmpty.
package data
