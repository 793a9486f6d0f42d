// Serve answers completions, chats and synthesis over HTTP.
package main

import "github.com/primer-lm/primer/internal/cli"

func main() { cli.Main(cli.Serve) }
