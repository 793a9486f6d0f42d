package shard_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/tokenizer"
)

// BenchmarkBuild reports MB/s of text and tokens/s of a whole build with the real tokenizer, files made durable. With -cpuprofile
// it shows what bounds it: runtime.cgocall is the tokenizer's library.
func BenchmarkBuild(b *testing.B) {
	tok, err := tokenizer.FromBytes("sample", sample.Tokenizer())
	if err != nil {
		b.Fatal(err)
	}
	defer tok.Close()
	var texts []string
	words := strings.Fields(shardWords)
	for i := range 4000 { // no two alike: the library remembers words, not texts
		var t strings.Builder
		for j := range 300 {
			fmt.Fprintf(&t, "%s ", words[(i*7919+j*j*31+j)%len(words)])
		}
		texts = append(texts, t.String())
	}
	size := 0
	for _, t := range texts {
		size += len(t)
	}
	units := func(yield func(shard.Unit, error) bool) {
		for _, t := range texts {
			if !yield(shard.Unit{Text: t}, nil) {
				return
			}
		}
	}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.SetBytes(int64(size))
			tokens, n := int64(0), 0
			for b.Loop() {
				info, err := shard.Build(durable.OS, filepath.Join(b.TempDir(), fmt.Sprint(n)), tok, units, shard.Options{Workers: workers})
				if err != nil {
					b.Fatal(err)
				}
				tokens, n = tokens+info.Tokens, n+1
			}
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

const shardWords = `the river runs past a mill whose wheel has not turned since the winter of the great flood; people say that
its owner, who kept bees, sold the honey in every town between the hills and the sea. In 1804 a bridge was built, of stone and oak,
and the ferry stopped. func main() { fmt.Println("hello", 42) } if err != nil { return err } Nobody remembers why the market is
held on Thursdays, although the council's records (three volumes, leather-bound) mention a quarrel about sheep.`
