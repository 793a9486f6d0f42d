// Corpus renders, mixes, tokenizes and shows training data.
package main

import "github.com/primer-lm/primer/internal/cli"

func main() { cli.Main(cli.Corpus) }
