package curate

import "errors"

// Errors of this package. Match them with errors.Is.
var (
	// ErrSettings: a settings file or an option is wrong. The text names file, line or key.
	ErrSettings = errors.New("curation settings")
	// ErrNoSet is ErrSettings too: stage decontaminate has no evaluation set.
	ErrNoSet = errors.New("no evaluation set is named: name one, or leave the stage out")
	// ErrNotCuration: the folder is in use for something else.
	ErrNotCuration = errors.New("no folder of a curation")
	// ErrTooMany: more documents than stage near counts.
	ErrTooMany = errors.New("too many documents")
	// ErrChanged: the input was not the same when it was read a second time.
	ErrChanged = errors.New("the input changed while it was read")
)

// errEnough ends a loop whose rest nobody wants.
var errEnough = errors.New("enough")
