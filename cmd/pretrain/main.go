// Pretrain trains a model on a corpus, from scratch or from a model folder.
package main

import "github.com/primer-lm/primer/internal/cli"

func main() { cli.Main(cli.Pretrain) }
