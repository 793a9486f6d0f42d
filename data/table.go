package data

import (
	"errors"
	"iter"
	"strings"
)

// Tables reads files of records in layouts that this package does not know; data/records has one for Parquet, CSV and TSV,
// data/warc one for web archives. Join makes one of several.
type Tables struct {
	Names string // the endings of their names, for messages
	Knows func(path string) bool
	// Read gives every record's number, from 1, and its content. An error that is ErrBroken costs one record, any other is the
	// last.
	Read func(f *File, opt TableOptions) iter.Seq2[Row, error]
}

// TableOptions is what the reader of a table may need to know.
type TableOptions struct {
	Report *Report
	// Choose gives the columns that are needed of those that there are, nil for all. It is nil itself where all are wanted,
	// and for records that are more than a text.
	Choose func(names []string) ([]string, error)
}

// Row is one record of a table: JSON, or a document as it is.
type Row struct {
	N        int64
	JSON     []byte // valid until the next is read
	Document *Document
}

// Join reads what any of the tables knows; the first that knows a name reads it.
func Join(tables ...*Tables) *Tables {
	var all []string
	for _, t := range tables {
		all = append(all, t.Names)
	}
	find := func(path string) *Tables {
		for _, t := range tables {
			if t.Knows(path) {
				return t
			}
		}
		return nil
	}
	return &Tables{
		Names: strings.Join(all, " "),
		Knows: func(path string) bool { return find(path) != nil },
		Read:  func(f *File, opt TableOptions) iter.Seq2[Row, error] { return find(f.Name()).Read(f, opt) },
	}
}

// table reads a file of another layout.
func (r *reader[T]) table(in *File) error {
	opt := TableOptions{Report: r.report}
	if _, document := any((*T)(nil)).(*Document); document {
		opt.Choose = r.opt.Columns.choose
	}
	before := r.report.Bytes
	for row, err := range r.opt.Tables.Read(in, opt) {
		if err == nil {
			err = r.row(in, &row)
		} else if le := (*LineError)(nil); errors.Is(err, ErrBroken) && !r.opt.Strict && errors.As(err, &le) {
			r.report.Broken++
			r.report.problem(le)
			err = nil
		}
		if err == errStop {
			return err
		}
		if err != nil {
			return fileError(in.path, err)
		}
	}
	if size, _, err := in.Version(); err == nil { // what is read here and there is not metered
		r.report.Bytes = max(r.report.Bytes, before+size)
	}
	return nil
}

func (r *reader[T]) row(in *File, row *Row) error {
	if row.Document == nil {
		return r.line(in, row.N, row.JSON)
	}
	r.report.Lines++
	text, err := r.valid(in, row.N, []byte(row.Document.Text))
	if err != nil {
		return err
	}
	row.Document.Text = string(text)
	return r.give(in, row.N, r.text(*row.Document))
}
