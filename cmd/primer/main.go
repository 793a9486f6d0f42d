// Primer has every command of the project as a verb.
package main

import "github.com/primer-lm/primer/internal/cli"

func main() { cli.Main(cli.Primer) }
