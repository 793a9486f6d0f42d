package durable

import "errors"

// What a reader of files meets.
var (
	// ErrDamaged: the bytes are not those that were written. The text names file and difference.
	ErrDamaged = errors.New("damaged")
	// ErrNoManifest: the folder was never committed, or its manifest was lost.
	ErrNoManifest = errors.New("no " + ManifestName)
)

// What a writer of files meets.
var (
	// ErrLocked: another process works here. The text names it.
	ErrLocked = errors.New("locked")
	// ErrClosed: the file, folder or log was closed, committed or aborted before.
	ErrClosed = errors.New("already closed")
)

var (
	errNotDir    = errors.New("is not a directory")
	errName      = errors.New("is not a plain relative path (a/b, no .., no backslash)")
	errTwice     = errors.New("is written twice")
	errStillOpen = errors.New("is still open: close it before the folder is committed")
)
