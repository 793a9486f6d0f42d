package train

import "errors"

// Errors of a run, to be told apart with errors.Is.
var (
	// ErrInterrupted: the run was asked to stop; it saved and the same command goes on.
	ErrInterrupted = errors.New("interrupted, and saved")
	// ErrNotFinite: a loss or gradient is NaN or infinite; nothing was written to the weights.
	ErrNotFinite = errors.New("not finite")
	// ErrMisfit: model, batch and optimizer do not fit the device.
	ErrMisfit = errors.New("does not fit")
	// ErrDataEnded: the source ended before the run did.
	ErrDataEnded = errors.New("the data ended")
	// ErrCheckpoint: a checkpoint that is whole does not belong to this run.
	ErrCheckpoint = errors.New("checkpoint")
)
