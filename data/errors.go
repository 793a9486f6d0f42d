package data

import (
	"errors"
	"fmt"
)

// Errors of reading. Match them with errors.Is.
var (
	// ErrEmpty: the inputs hold no record.
	ErrEmpty = errors.New("the corpus is empty")
	// ErrNoFile: a path, glob or folder names no file that can be read.
	ErrNoFile = errors.New("no input file")
	// ErrFormat: the format of a file cannot be told from its name.
	ErrFormat = errors.New("unknown file format")
	// ErrBroken: a line is no record of the kind asked for.
	ErrBroken = errors.New("broken record")
	// ErrLimit: a line, a ratio of compression or a window is over its limit.
	ErrLimit = errors.New("input over its limit")
	// ErrStream: a compressed stream is damaged or ends early.
	ErrStream = errors.New("damaged stream")
	// ErrChanged: an object is not the one that was found any more.
	ErrChanged = errors.New("the object changed while it was read")
)

// LineError says in which line of which file something is wrong.
type LineError struct {
	File string
	Line int64 // 1-based; 0 where the whole file is meant
	Err  error
}

// Error gives file:line: reason.
func (e *LineError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap gives the reason.
func (e *LineError) Unwrap() error { return e.Err }

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
}

// noFile makes an error ErrNoFile that says nothing more exact itself.
func noFile(err error) error {
	for _, exact := range []error{ErrNoFile, ErrFormat, ErrStream, ErrLimit} {
		if errors.Is(err, exact) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrNoFile, err)
}
