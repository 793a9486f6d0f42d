package corpus

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/data/templates"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/tokenizer"
)

// encodeTexts is how many texts a batch has, on both sides.
const encodeTexts = 1000

// Tokenize gives a turn that encodes all texts, which are in memory, over all cores.
func (in *Inputs) Tokenize() (func() (Took, error), error) {
	t, err := tokenizer.Open(in.Tokenizer)
	if err != nil {
		return nil, err
	}
	var texts []string
	for d, err := range data.Documents([]string{in.Texts}, data.Options{}) {
		if err != nil {
			return nil, err
		}
		texts = append(texts, d.Text)
	}
	return func() (Took, error) {
		start := time.Now()
		took := Took{Texts: int64(len(texts))}
		for first := 0; first < len(texts); first += encodeTexts {
			batch, err := t.EncodeBatch(texts[first:min(first+encodeTexts, len(texts))], true)
			if err != nil {
				return took, err
			}
			for _, ids := range batch {
				took.Tokens += int64(len(ids))
			}
		}
		took.Seconds = time.Since(start).Seconds()
		return took, nil
	}, nil
}

// Pipeline gives a turn from JSONL.zst through the full set of templates to shards on disk.
func (in *Inputs) Pipeline() (func() (Took, error), error) {
	t, err := tokenizer.Open(in.Tokenizer)
	if err != nil {
		return nil, err
	}
	return func() (took Took, err error) {
		dir, err := os.MkdirTemp(in.Dir, "shards")
		if err != nil {
			return took, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		start := time.Now()
		info, err := shard.Build(durable.OS, filepath.Join(dir, "out"), t, in.units(), shard.Options{})
		took = Took{Seconds: time.Since(start).Seconds(), Texts: info.Units, Tokens: info.Tokens}
		return took, err
	}, nil
}

// units renders examples one by one, as the peer does, each with a pattern of its own.
func (in *Inputs) units() iter.Seq2[shard.Unit, error] {
	set := templates.Default()
	return func(yield func(shard.Unit, error) bool) {
		for ex, err := range data.Examples([]string{in.Examples}, data.Options{}) {
			c := data.Chain{ID: ex.ID, Examples: []data.Example{ex}}
			if !yield(shard.Unit{Text: set.Render(&c, seed).Text}, err) {
				return
			}
		}
	}
}

// Command gives a turn that runs a program of ours, {in} being the folder of the parts and {out} a new folder: for stages that are
// measured as they are called.
func (in *Inputs) Command(line string) func() (Took, error) {
	return func() (took Took, err error) {
		dir, err := os.MkdirTemp(in.Dir, "command")
		if err != nil {
			return took, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		args := strings.Fields(strings.NewReplacer("{in}", filepath.Join(in.Dir, "parts"), "{out}", filepath.Join(dir, "out")).Replace(line))
		start := time.Now()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return took, fmt.Errorf("%s: %w\n%s", line, err, out)
		}
		took.Seconds = time.Since(start).Seconds()
		return took, nil
	}
}
