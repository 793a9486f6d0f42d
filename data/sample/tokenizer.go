package sample

import (
	_ "embed"
	"slices"
)

//go:embed tokenizer.json
var tokenizerJSON []byte

// Tokenizer is the sample's tokenizer.json: byte-level BPE of 1,024 pieces in
// Hugging Face's form, any text, digits one by one; <s> and </s> are special, the
// synthesizer's tags are ordinary text of one piece each. make_tokenizer.py made it.
func Tokenizer() []byte { return slices.Clone(tokenizerJSON) }
