package tokenizer_test

import (
	"fmt"
	"log"

	"github.com/primer-lm/primer/tokenizer"
)

func ExampleOpen() {
	tok, err := tokenizer.Open("testdata/llama3.json")
	if err != nil {
		log.Fatal(err)
	}
	defer tok.Close()
	ids, err := tok.Encode("<|begin_of_text|>It's 12345 o'clock.")
	if err != nil {
		log.Fatal(err)
	}
	text, err := tok.Decode(ids, true)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(ids), text)
	// Output: 15 It's 12345 o'clock.
}
