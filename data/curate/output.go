package curate

import (
	"errors"

	"github.com/klauspost/compress/zstd"

	"github.com/primer-lm/primer/internal/durable"
)

// output is a compressed file of JSON lines that appears whole or not at all. A nil output takes nothing. It packs fast rather than
// small: every stage writes the corpus once.
type output struct {
	file *durable.Writer
	pack *zstd.Encoder
}

func createOutput(fsys durable.FS, path string) (*output, error) {
	f, err := durable.Create(fsys, path)
	if err != nil {
		return nil, err
	}
	pack, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true), zstd.WithZeroFrames(true), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, errors.Join(err, f.Abort())
	}
	return &output{f, pack}, nil
}

// write adds a line, which is not above data.MaxLine.
func (o *output) write(line []byte) error {
	if _, err := o.pack.Write(line); err != nil {
		return err
	}
	_, err := o.pack.Write(newline)
	return err
}

var newline = []byte{'\n'}

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
