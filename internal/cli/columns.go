package cli

import (
	"context"
	"os"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/s3"
)

// columnMap is the flag --columns.
type columnMap struct {
	data.Columns
	given []string
}

// Set implements pflag.Value; the flag may be given more than once.
func (c *columnMap) Set(text string) error {
	given := append(c.given, strings.Split(text, ",")...)
	columns, err := data.ParseColumns(given)
	if err != nil {
		return err
	}
	c.Columns, c.given = columns, given
	return nil
}

// Type implements pflag.Value.
func (c *columnMap) Type() string { return "FIELD=COLUMN" }

// String implements pflag.Value.
func (c *columnMap) String() string { return strings.Join(c.given, ",") }

// store reads s3:// inputs; its requests end when the command is interrupted.
func (s IO) store() data.Store {
	ctx := context.Background()
	if in, ok := s.In.(*interruptible); ok {
		ctx = in.ctx
	}
	return s3.FromEnv(ctx, os.Getenv)
}
