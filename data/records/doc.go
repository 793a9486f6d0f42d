// Package records reads files of records, whatever their layout, as a stream of JSON
// objects: JSON lines, JSON arrays, one JSON object that holds the array or that maps
// ids to records, CSV and TSV with or without a header, Parquet. All but Parquet may be
// compressed (.gz, .zst, .bz2, .xz, .lz4).
//
// A record that cannot be read is an error that is data.ErrBroken, with its file and
// number, and reading goes on behind it; any other error ends the stream, because what
// follows cannot be trusted. One record, compressed or not, is at most MaxRecord bytes.
package records
