package data

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
)

// Options is how inputs are read. The zero value reads foreign files: layouts by
// name, broken lines counted and skipped.
type Options struct {
	Kind       Kind      // layout of every input; Auto: by file name
	Strict     bool      // a broken line or invalid UTF-8 ends the reading with an error
	BlankSplit bool      // plain text: documents are separated by blank lines
	TextField  string    // short for Columns.Text, which goes first
	Columns    Columns   // where the fields stand in foreign records
	Report     *Report   // counts, where they are wanted
	Stdin      io.Reader // what "-" reads; nil is os.Stdin
	Tables     *Tables   // reads files of more layouts; nil: they are unknown
	Store      Store     // reads s3:// inputs; nil: they are refused
}

// Files gives the names of the files that the inputs are, in the order in which they are read; "-" is itself.
func Files(paths []string, opt Options) ([]string, error) {
	inputs, err := Inputs(paths, opt)
	if err != nil {
		return nil, err
	}
	files := make([]string, len(inputs))
	for i := range inputs {
		files[i] = inputs[i].path
	}
	return files, nil
}

// Documents streams the documents of the inputs. The first error ends it.
func Documents(paths []string, opt Options) iter.Seq2[Document, error] {
	return records(paths, opt, decodeDocument,
		func(d *Document) *string { return &d.ID },
		func(d Document) Document { return d })
}

// Examples streams examples: documents, documents with pairs, and read_collection
// lines. The first error ends it.
func Examples(paths []string, opt Options) iter.Seq2[Example, error] {
	return records(paths, opt, decodeExample,
		func(e *Example) *string { return &e.ID },
		func(d Document) Example { return Example{Document: d} })
}

// Chains streams chains; an example alone is a chain of one. The first error
// ends it.
func Chains(paths []string, opt Options) iter.Seq2[Chain, error] {
	return records(paths, opt, decodeChain,
		func(c *Chain) *string { return &c.ID },
		func(d Document) Chain { return Chain{ID: d.ID, Examples: []Example{{Document: d}}} })
}

// reader is the state of one pass over the inputs.
type reader[T any] struct {
	opt    Options
	report *Report
	decode func(line []byte, columns *Columns) (T, error)
	id     func(*T) *string
	text   func(Document) T
	yield  func(T, error) bool
}

// records is the loop behind Documents, Examples and Chains. A record without an
// id gets "<file name>:<line>", so that draws by id stay put when folders move.
func records[T any](paths []string, opt Options, decode func([]byte, *Columns) (T, error),
	id func(*T) *string, text func(Document) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if opt.Columns.Text == "" {
			opt.Columns.Text = opt.TextField
		}
		r := reader[T]{opt, opt.Report, decode, id, text, yield}
		if r.report == nil {
			r.report = &Report{}
		}
		var none T
		inputs, err := Inputs(paths, opt)
		if err != nil {
			yield(none, err)
			return
		}
		before := r.report.Records
		for i := range inputs {
			if err := r.file(inputs[i]); err != nil {
				if err != errStop {
					yield(none, err)
				}
				return
			}
		}
		if r.report.Records == before {
			yield(none, fmt.Errorf("%w: no record in %d files (%d broken lines)%s",
				ErrEmpty, len(inputs), r.report.Broken, firstProblem(r.report)))
		}
	}
}

func firstProblem(r *Report) string {
	if len(r.Problems) == 0 {
		return ""
	}
	p := r.Problems[0]
	return fmt.Sprintf("; first: %s:%d: %s", p.File, p.Line, p.Reason)
}

func (r *reader[T]) file(in *File) error {
	if in.kind == table {
		return r.table(in)
	}
	var rc io.ReadCloser
	var err error
	if in.path == Stdin {
		rc, err = openStdin(in, &r.opt, r.report)
	} else {
		rc, err = in.Open(r.report)
	}
	if err != nil {
		return fileError(in.path, err)
	}
	defer rc.Close()
	if in.kind == table { // told by what standard input holds
		return r.table(&File{path: in.path, kind: table, from: opened{rc}})
	}
	r.report.Files++
	switch {
	case in.kind == JSONL:
		err = eachLine(rc, func(n int64, line []byte) error { return r.line(in, n, line) })
	case r.opt.BlankSplit:
		err = r.paragraphs(in, rc)
	default:
		err = r.whole(in, rc)
	}
	if err == nil || err == errStop {
		return err
	}
	return fileError(in.path, err)
}

// fileError puts the file's name into an error, once.
func fileError(path string, err error) error {
	if path == Stdin {
		path = "<stdin>"
	}
	var le *LineError
	if errors.As(err, &le) {
		if le.File == "" {
			le.File = path
		}
		return err
	}
	return &LineError{File: path, Err: err}
}

// line handles one JSON line.
func (r *reader[T]) line(in *File, n int64, line []byte) error {
	r.report.Lines++
	if len(bytes.TrimSpace(line)) == 0 {
		r.report.Blank++
		return nil
	}
	line, err := r.valid(in, n, line)
	if err != nil {
		return err
	}
	record, err := r.decode(line, &r.opt.Columns)
	if err != nil {
		le := &LineError{File: display(in.path), Line: n, Err: err}
		if r.opt.Strict {
			return le
		}
		r.report.Broken++
		r.report.problem(le)
		return nil
	}
	return r.give(in, n, record)
}

// valid replaces invalid UTF-8, or refuses it when strict.
func (r *reader[T]) valid(in *File, n int64, b []byte) ([]byte, error) {
	b, bad := repair(b)
	if !bad {
		return b, nil
	}
	le := &LineError{File: display(in.path), Line: n, Err: broken("invalid UTF-8")}
	if r.opt.Strict {
		return nil, le
	}
	r.report.Repaired++
	r.report.problem(le)
	return b, nil
}

func (r *reader[T]) give(in *File, n int64, record T) error {
	if id := r.id(&record); *id == "" {
		*id = fmt.Sprintf("%s:%d", filepath.Base(display(in.path)), n)
	}
	r.report.Records++
	if !r.yield(record, nil) {
		return errStop
	}
	return nil
}

func display(path string) string {
	if path == Stdin {
		return "<stdin>"
	}
	return path
}
