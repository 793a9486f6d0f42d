package shard_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/tokenizer"
)

// Texts are tokenized once, into a folder that appears whole; every run after that maps it.
func ExampleBuild() {
	tmp, err := os.MkdirTemp("", "shard")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	tok, err := tokenizer.FromBytes("sample", sample.Tokenizer())
	if err != nil {
		log.Fatal(err)
	}
	defer tok.Close()
	dir := filepath.Join(tmp, "corpus")
	units := data.All([]shard.Unit{{Text: "Tezikas lies by a river."}, {Text: "Karifar is a hill."}})
	if _, err := shard.Build(durable.OS, dir, tok, units, shard.Options{Note: "two texts"}); err != nil {
		log.Fatal(err)
	}
	set, err := shard.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	if err := set.Check(tok); err != nil { // another tokenizer's numbers would mean other texts
		log.Fatal(err)
	}
	for i := range set.Len() {
		n, err := set.UnitLen(i)
		if err != nil {
			log.Fatal(err)
		}
		ids, mask := make([]int32, n), make([]uint8, n) // mask: 1 where a token counts in the loss
		if err := set.Read(i, 0, ids, mask); err != nil {
			log.Fatal(err)
		}
		text, err := tok.Decode(ids, false)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(text)
	}
	// Output:
	// <s>Tezikas lies by a river.</s>
	// <s>Karifar is a hill.</s>
}
