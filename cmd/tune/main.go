// Tune trains an instruction synthesizer on examples.
package main

import "github.com/primer-lm/primer/internal/cli"

func main() { cli.Main(cli.Tune) }
