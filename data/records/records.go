package records

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/primer-lm/primer/data"
)

// MaxRecord is the largest record that is read, in bytes.
const MaxRecord = 64 << 20

// Record is one record of a file.
type Record struct {
	File string // the path that was read
	N    int64  // line of a file of lines, otherwise number of the record; from 1
	JSON []byte // one JSON value, valid until the next record is read
}

// Options says what the file's name does not tell. The zero value reads an array, one
// object or JSON lines, and CSV and TSV with a header.
type Options struct {
	// Under names the member of the one top object that holds the array of records. A
	// file without such a member is read as if Under were empty.
	Under string
	// Keyed says that the one top object maps ids to records; each record gets its id as
	// the member of this name. A file whose first member is no object is read as usual.
	Keyed string
	// Header names the columns of a CSV or TSV file that has none of its own.
	Header []string
	// Choose gives the columns of a table that are wanted, of those that there are; nil for all. Parquet is not read for the
	// others.
	Choose func(names []string) ([]string, error)
}

// Layout is how a file's records are laid out.
type Layout uint8

// The layouts, told by a file's name.
const (
	Unknown Layout = iota
	JSON
	Lines
	CSV
	TSV
	Parquet
)

// LayoutOf tells the layout by the name, compression aside.
func LayoutOf(path string) Layout {
	name := data.TrimCompression(strings.ToLower(filepath.Base(path)))
	switch filepath.Ext(name) {
	case ".jsonl", ".ndjson", ".jsonlines":
		return Lines
	case ".json", ".txt": // RACE names its JSON files .txt
		return JSON
	case ".csv":
		return CSV
	case ".tsv":
		return TSV
	case ".parquet":
		return Parquet
	}
	return Unknown
}

// errStop ends reading because the consumer has enough.
var errStop = errors.New("stop")

// Read streams the records of the file at a path; see ReadFile.
func Read(path string, opt Options, report *data.Report) iter.Seq2[Record, error] {
	return ReadFile(data.NewFile(path), opt, report)
}

// ReadFile streams the records of one file. The report, which may be nil, counts files and
// repaired records.
func ReadFile(f *data.File, opt Options, report *data.Report) iter.Seq2[Record, error] {
	if report == nil {
		report = &data.Report{}
	}
	return func(yield func(Record, error) bool) {
		r := &reader{path: f.Name(), file: f, opt: opt, report: report, yield: yield}
		if err := r.read(); err != nil && !errors.Is(err, errStop) {
			yield(Record{File: r.path}, r.named(err))
		}
	}
}

type reader struct {
	path   string
	file   *data.File
	opt    Options
	report *data.Report
	yield  func(Record, error) bool
	keep   []string // columns that are wanted; nil: all
}

func (r *reader) read() error {
	layout := LayoutOf(r.path)
	if layout == Parquet {
		r.report.Files++
		return r.parquet()
	}
	if layout == Unknown {
		return fmt.Errorf("%w (known: .json .jsonl .csv .tsv, each also .gz .zst .bz2 .xz or .lz4, and .parquet)", data.ErrFormat)
	}
	f, err := r.file.Open(r.report)
	if err != nil {
		return err
	}
	defer f.Close()
	r.report.Files++
	switch layout {
	case Lines:
		return r.lines(f)
	case CSV:
		return r.csv(f)
	case TSV:
		return r.tsv(f)
	}
	return r.json(f)
}

// give hands out one valid JSON value.
func (r *reader) give(n int64, json []byte) error {
	if !utf8.Valid(json) {
		r.report.Repaired++
		json = bytes.ToValidUTF8(json, []byte("\uFFFD"))
	}
	if !r.yield(Record{r.path, n, json}, nil) {
		return errStop
	}
	return nil
}

// broken hands out that one record cannot be read.
func (r *reader) broken(n int64, format string, args ...any) error {
	err := fmt.Errorf("%w: %s", data.ErrBroken, fmt.Sprintf(format, args...))
	if !r.yield(Record{File: r.path, N: n}, &data.LineError{File: r.path, Line: n, Err: err}) {
		return errStop
	}
	return nil
}

// named puts the file's name into an error, once.
func (r *reader) named(err error) error {
	var le *data.LineError
	if errors.As(err, &le) {
		if le.File == "" {
			le.File = r.path
		}
		return err
	}
	return &data.LineError{File: r.path, Err: err}
}

// budget stops a reader that gave more than MaxRecord bytes for one record.
type budget struct {
	r    io.Reader
	left int64
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%w: a record of more than %d MiB", data.ErrLimit, MaxRecord>>20)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
