package data

import (
	"io"
	"iter"

	"github.com/primer-lm/primer/internal/durable"
)

// WriteFile writes all records to path, whole or not at all, compressed as the
// path's ending asks, and returns how many there were.
func WriteFile[R Record](fs durable.FS, path string, records iter.Seq2[R, error]) (n int64, err error) {
	err = durable.WriteFile(fs, path, func(out io.Writer) error {
		w, err := NewWriter(out, path)
		if err != nil {
			return err
		}
		for r, err := range records {
			if err != nil {
				return err
			}
			if err := w.Write(r); err != nil {
				return err
			}
		}
		n = w.Records()
		return w.Close()
	})
	return n, err
}

// All gives a slice as records to write.
func All[R any](records []R) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}
