package data

import (
	"bytes"
	"fmt"
	"io"
)

// whole reads a text file as one document: byte order mark dropped, "\r\n" turned
// into "\n", newlines at the end dropped.
func (r *reader[T]) whole(in *File, src io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(src, MaxLine+1))
	if err != nil {
		return err
	}
	if len(b) > MaxLine {
		return fmt.Errorf("%w: a text of more than %d MiB (split it, or separate documents by blank lines and say so)", ErrLimit, MaxLine>>20)
	}
	if b, err = dropMark(b); err != nil {
		return err
	}
	r.report.Lines += int64(bytes.Count(b, []byte("\n")))
	if n := len(b); n > 0 && b[n-1] != '\n' {
		r.report.Lines++
	}
	return r.document(in, 1, bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")))
}

// paragraphs reads a text file as documents separated by blank lines.
func (r *reader[T]) paragraphs(in *File, src io.Reader) error {
	var text []byte
	start := int64(1)
	err := eachLine(src, func(n int64, line []byte) error {
		r.report.Lines++
		if len(bytes.TrimSpace(line)) > 0 {
			if len(text) == 0 {
				start = n
			}
			if text = append(append(text, line...), '\n'); len(text) > MaxLine {
				return atLine(start, fmt.Errorf("%w: a text of more than %d MiB", ErrLimit, MaxLine>>20))
			}
			return nil
		}
		r.report.Blank++
		if len(text) == 0 {
			return nil
		}
		err := r.document(in, start, text)
		text = text[:0]
		return err
	})
	if err != nil || len(text) == 0 {
		return err
	}
	return r.document(in, start, text)
}

// document gives out one text, unless it is blank.
func (r *reader[T]) document(in *File, n int64, text []byte) error {
	text, err := r.valid(in, n, text)
	if err != nil {
		return err
	}
	text = bytes.TrimRight(text, "\n")
	if len(bytes.TrimSpace(text)) == 0 {
		r.report.Blank++
		return nil
	}
	return r.give(in, n, r.text(Document{Text: string(text)}))
}
