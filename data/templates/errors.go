package templates

import (
	"errors"
	"fmt"
)

// ErrTemplate is under every error about a template file.
var ErrTemplate = errors.New("bad template file")

func at(file string, line int, format string, args ...any) error {
	return fmt.Errorf("%w: %s:%d: %s", ErrTemplate, file, line, fmt.Sprintf(format, args...))
}
