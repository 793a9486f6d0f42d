package corpus

import (
	"fmt"
	"io"
	"iter"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/data/templates"
	"github.com/primer-lm/primer/internal/durable"
)

// Inputs are the files that all sides read.
type Inputs struct {
	Dir       string
	Examples  string   // JSONL.zst: texts with pairs
	Texts     string   // JSONL of rendered texts, one a line under "text"
	Parts     []string // the same texts in files of equal number, for programs whose unit of work is a file
	Tokenizer string   // tokenizer.json, made by the peer

	ExampleBytes int64 // unpacked
	TextBytes    int64 // of the texts alone
	Count        int64 // texts
}

// seed of the worlds and of the templates.
const seed = 1

// examples gives the sample worlds' tuning examples until they are told to stop.
func examples() iter.Seq2[data.Example, error] {
	return func(yield func(data.Example, error) bool) {
		for world := uint64(seed); ; world++ {
			for n, ex := range sample.NewWorld(world, sample.Options{}).Tuning(sample.Train) {
				ex.ID = fmt.Sprintf("world%d/%d", world, n)
				if !yield(ex, nil) {
					return
				}
			}
		}
	}
}

// upTo ends a stream of examples when their texts and pairs have so many bytes.
func upTo(all iter.Seq2[data.Example, error], size int64) iter.Seq2[data.Example, error] {
	return func(yield func(data.Example, error) bool) {
		n := int64(0)
		for ex, err := range all {
			for _, p := range ex.Pairs {
				n += int64(len(p.Instruction) + len(p.Response) + len(p.Thought))
			}
			n += int64(len(ex.Text))
			if !yield(ex, err) || n >= size {
				return
			}
		}
	}
}

// MakeInputs writes examples of about so many bytes, and the texts that they render to.
func MakeInputs(dir string, size int64, parts int) (*Inputs, error) {
	in := &Inputs{Dir: dir, Examples: filepath.Join(dir, "examples.jsonl.zst"), Texts: filepath.Join(dir, "texts.jsonl"),
		Tokenizer: filepath.Join(dir, "tokenizer.json")}
	counted := func(yield func(data.Example, error) bool) {
		for ex, err := range upTo(examples(), size) {
			if line, bad := ex.AppendJSON(nil); bad == nil {
				in.ExampleBytes += int64(len(line)) + 1
			}
			if !yield(ex, err) {
				return
			}
		}
	}
	if _, err := data.WriteFile(durable.OS, in.Examples, counted); err != nil {
		return nil, err
	}
	for i := range parts {
		in.Parts = append(in.Parts, filepath.Join(dir, "parts", fmt.Sprintf("%d.jsonl", i)))
	}
	return in, in.render()
}

// render writes the texts, whole and in parts.
func (in *Inputs) render() error {
	paths := append([]string{in.Texts}, in.Parts...)
	writers := make([]*data.Writer, len(paths))
	return durableAll(paths, func(outs []io.Writer) (err error) {
		for i, out := range outs {
			if writers[i], err = data.NewWriter(out, paths[i]); err != nil {
				return err
			}
		}
		for r, err := range templates.Default().Texts(templates.Tuning, []string{in.Examples}, seed, data.Options{}, nil) {
			if err != nil {
				return err
			}
			doc := data.Document{ID: fmt.Sprint(in.Count), Text: r.Text}
			in.TextBytes += int64(len(r.Text))
			if err := writers[0].Write(doc); err != nil {
				return err
			}
			if len(in.Parts) > 0 {
				if err := writers[1+in.Count%int64(len(in.Parts))].Write(doc); err != nil {
					return err
				}
			}
			in.Count++
		}
		for _, w := range writers {
			if err := w.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}

// durableAll writes several files at once.
func durableAll(paths []string, write func([]io.Writer) error) error {
	var open func(outs []io.Writer) error
	open = func(outs []io.Writer) error {
		if len(outs) == len(paths) {
			return write(outs)
		}
		return durable.WriteFile(durable.OS, paths[len(outs)], func(w io.Writer) error { return open(append(outs, w)) })
	}
	return open(nil)
}
