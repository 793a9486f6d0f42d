package curate

import (
	"errors"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// output is a compressed file of JSON lines that appears whole or not at all. A nil output takes nothing.
type output struct {
	file *durable.Writer
	pack *data.Writer
}

// line is a record that is JSON already.
type line []byte

// AppendJSON implements data.Record.
func (l line) AppendJSON(dst []byte) ([]byte, error) { return append(dst, l...), nil }

func createOutput(fsys durable.FS, path string) (*output, error) {
	f, err := durable.Create(fsys, path)
	if err != nil {
		return nil, err
	}
	pack, err := data.NewWriter(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Abort())
	}
	return &output{f, pack}, nil
}

func (o *output) write(b []byte) error { return o.pack.Write(line(b)) }

// commit makes the file appear and tells what is in it.
func (o *output) commit() (*durable.Sum, error) {
	if o == nil {
		return nil, nil
	}
	if err := o.pack.Close(); err != nil {
		return nil, err
	}
	sum, err := o.file.Commit()
	return &sum, err
}

// abort takes away what was not committed.
func (o *output) abort() error {
	if o == nil {
		return nil
	}
	return o.file.Abort()
}
