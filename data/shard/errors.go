package shard

import "errors"

// Errors of shards. Match them with errors.Is.
var (
	// ErrDamaged: a file is not what its fields or its manifest say.
	ErrDamaged = errors.New("damaged shard")
	// ErrUnit: a unit cannot be written.
	ErrUnit = errors.New("bad unit")
	// ErrNotShards: a path is no folder of shards.
	ErrNotShards = errors.New("not a folder of shards")
	// ErrTokenizer: shards were made with another tokenizer.
	ErrTokenizer = errors.New("another tokenizer")
	// ErrOther: what an interrupted build left was begun with other units or options.
	ErrOther = errors.New("another build")
)
