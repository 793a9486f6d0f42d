package model

import "errors"

// What can be wrong with the world; to be told apart with errors.Is.
var (
	// ErrConfig is a configuration that cannot be computed as it stands.
	ErrConfig = errors.New("model configuration")
	// ErrBatch is a batch that does not fit the model or the plan it was opened with.
	ErrBatch = errors.New("batch")
	// ErrNonFinite is a NaN or an infinity in a loss.
	ErrNonFinite = errors.New("not finite")
)
