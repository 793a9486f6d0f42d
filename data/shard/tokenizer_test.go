package shard_test

import (
	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/tokenizer"
)

// The project's tokenizer is what shards are built with.
var _ shard.Encoder = (*tokenizer.Tokenizer)(nil)
