//go:build tokenizers_pin

package tokenizer

// Set-up builds the library from the source in this module, and native.go speaks to it directly, so
// nothing imports its Go package. This import, which no build takes, keeps the module's version and
// hash in go.mod and go.sum.
import _ "github.com/daulet/tokenizers"
