package tokenizer

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkEncode reports MB/s of text for each style, one text at a time and in batches over all
// cores. The tokenizers are those of the goldens: a real vocabulary of 32,000 or 128,000 tokens
// makes fewer tokens of the same text.
func BenchmarkEncode(b *testing.B) {
	g := readGoldens(b)
	text := strings.Join(g.Texts[len(g.Texts)-60:], " ") // the ones made of words
	for _, style := range []string{"llama2", "llama3", "gpt2", "sample"} {
		tok := open(b, stylePath(style))
		for _, size := range []int{256, 4096} {
			piece := text[:min(size, len(text))]
			b.Run(fmt.Sprintf("%s/bytes=%d", style, len(piece)), func(b *testing.B) {
				b.SetBytes(int64(len(piece)))
				for b.Loop() {
					if _, err := tok.EncodePlain(piece); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/bytes=%d/batch=256/cores=%d", style, len(piece), runtime.NumCPU()), func(b *testing.B) {
				batch := make([]string, 256)
				for i := range batch {
					batch[i] = piece
				}
				b.SetBytes(int64(256 * len(piece)))
				for b.Loop() {
					if _, err := tok.EncodeBatch(batch, true); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	g := readGoldens(b)
	for _, style := range []string{"llama2", "llama3"} {
		tok := open(b, stylePath(style))
		text := strings.Join(g.Texts[len(g.Texts)-60:], " ")
		ids, err := tok.Encode(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(style, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := tok.Decode(ids, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen reports what reading, checking and opening a small tokenizer.json takes.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		tok, err := Open("testdata/llama3.json")
		if err != nil {
			b.Fatal(err)
		}
		if err := tok.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
