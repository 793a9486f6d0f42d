// Quickstart runs the whole method on the embedded sample.
package main

import "github.com/primer-lm/primer/internal/cli"

func main() { cli.Main(cli.Quickstart) }
