package data

import "io"

// OpenFile opens one file and takes off the compression that its name tells; see File.Open. It is for readers of layouts that
// this package does not know.
func OpenFile(path string, report *Report) (io.ReadCloser, error) { return NewFile(path).Open(report) }

// EachLine calls f with the number, from 1, and the bytes of every line, without its
// line end; the bytes are valid until f returns. A byte order mark is dropped; a line
// above MaxLine is ErrLimit. Errors of reading are LineErrors without a file's name.
func EachLine(r io.Reader, f func(n int64, line []byte) error) error { return eachLine(r, f) }
