// Evaluate scores models and synthesizers.
package main

import "github.com/primer-lm/primer/internal/cli"

func main() { cli.Main(cli.Evaluate) }
