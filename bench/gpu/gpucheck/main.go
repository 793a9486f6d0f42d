// Gpucheck is the program of the folder that `make gpu-check` builds; package gpu says what it does.
package main

import (
	"os"

	"github.com/primer-lm/primer/bench/gpu"
)

func main() { os.Exit(gpu.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
