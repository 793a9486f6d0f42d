// Synthesize adds instruction–response pairs to raw texts.
package main

import "github.com/primer-lm/primer/internal/cli"

func main() { cli.Main(cli.Synthesize) }
