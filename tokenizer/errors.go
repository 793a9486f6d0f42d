package tokenizer

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrInvalid marks a tokenizer.json (or tokenizer_config.json) that is malformed or contradicts itself.
	ErrInvalid = errors.New("invalid tokenizer")
	// ErrUnsupported marks one that is well-formed but has a part Primer does not know, which could
	// change the ids.
	ErrUnsupported = errors.New("unsupported tokenizer")
	// ErrUnknownID marks an id outside the vocabulary.
	ErrUnknownID = errors.New("token id outside the vocabulary")
	// ErrTextTooLong marks a text above MaxText.
	ErrTextTooLong = errors.New("text too long to encode in one piece")
	// ErrClosed marks the use of a tokenizer after Close.
	ErrClosed = errors.New("tokenizer is closed")
)

// fieldError says what is wrong with which field of which file.
type fieldError struct {
	kind  error  // ErrInvalid or ErrUnsupported
	field string // such as model.merges[3]; empty for the whole file
	msg   string
}

func (e *fieldError) Error() string {
	if e.field == "" {
		return fmt.Sprintf("%v: %s", e.kind, e.msg)
	}
	return fmt.Sprintf("%v: %s: %s", e.kind, e.field, e.msg)
}

func (e *fieldError) Unwrap() error { return e.kind }

func invalid(field, format string, args ...any) error {
	return &fieldError{kind: ErrInvalid, field: field, msg: fmt.Sprintf(format, args...)}
}

func unsupported(field, format string, args ...any) error {
	return &fieldError{kind: ErrUnsupported, field: field, msg: fmt.Sprintf(format, args...)}
}
