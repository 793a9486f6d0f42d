package mix

import "errors"

// Errors of mixtures. Match them with errors.Is.
var (
	// ErrSpec: the mixture as described cannot be drawn.
	ErrSpec = errors.New("mixture")
	// ErrShort: the sources hold fewer tokens than the budget asks for.
	ErrShort = errors.New("the sources do not reach the token budget")
	// ErrState: a saved position is not of this mixture.
	ErrState = errors.New("saved position of another mixture")
	// ErrLong: a unit is longer than a ragged batch may be.
	ErrLong = errors.New("unit too long")
)
