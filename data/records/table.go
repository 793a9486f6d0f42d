package records

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
)

// csv reads comma-separated rows as objects of strings.
func (r *reader) csv(f io.Reader) error {
	rows := newCSV(f)
	header := r.opt.Header
	for {
		row, err := rows.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &data.LineError{Line: rows.start, Err: err}
		}
		if header == nil {
			if header, err = r.headerOf(row); err != nil {
				return err
			}
			continue
		}
		if err := r.row(rows.start, header, row); err != nil {
			return err
		}
	}
}

// tsv reads rows cut at tabs; nothing is quoted.
func (r *reader) tsv(f io.Reader) error {
	header := r.opt.Header
	return data.EachLine(f, func(n int64, line []byte) error {
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		row := strings.Split(string(line), "\t")
		if header == nil {
			var err error
			header, err = r.headerOf(row)
			return err
		}
		return r.row(n, header, row)
	})
}

// headerOf reads the header and asks which of its columns are wanted.
func (r *reader) headerOf(row []string) ([]string, error) {
	names := make([]string, len(row))
	for i, name := range row {
		names[i] = strings.TrimSpace(strings.TrimPrefix(name, "\uFEFF"))
	}
	var err error
	if r.opt.Choose != nil {
		r.keep, err = r.opt.Choose(names)
	}
	return names, err
}

// row hands out one row under its header.
func (r *reader) row(n int64, header, row []string) error {
	if len(row) != len(header) {
		return r.broken(n, "%d columns, the header has %d", len(row), len(header))
	}
	object := []byte{'{'}
	for i, name := range header {
		if r.keep != nil && !slices.Contains(r.keep, name) {
			continue
		}
		value, err := json.Marshal(row[i])
		if err != nil {
			return err
		}
		object = appendMember(object, name, value)
	}
	return r.give(n, append(object, '}'))
}
