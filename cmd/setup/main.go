// Setup prepares a machine to build Primer: tools, and the tokenizer's library. It needs no cgo.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/primer-lm/primer/internal/setup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := setup.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
