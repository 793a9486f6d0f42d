package gpu

import (
	"fmt"

	"github.com/primer-lm/primer/model"
)

// Shapes is everything whose size can be chosen: "full" is what people train and run, "small" what compute-sanitizer gets
// through, "tiny" what the emulator gets through.
type Shapes struct {
	Name      string
	Models    map[string]model.Config
	Layers    []Layer // whose ops are measured
	Attention []Case  // without side and mode
	Training  []Case
	Generate  []Case
	Rounds    int   // of a measurement
	Peaks     int64 // side of the matrices whose product is the yardstick; 0: the backend's own choice
}

// Layer is one layer of a model with the rows that its ops are given. N is chosen so that tensors are larger than the L2 cache.
type Layer struct {
	Model     string
	N         int64 // tokens of a micro-batch, in documents of T
	T         int64
	LogitRows int64 // rows of logits at a time
	Seqs      int64 // sequences that generation decodes at once
}

// NamedShapes returns a set by name.
func NamedShapes(name string) (*Shapes, error) {
	switch name {
	case "full":
		return fullShapes(), nil
	case "small":
		return smallShapes(), nil
	case "tiny":
		return tinyShapes(), nil
	}
	return nil, fmt.Errorf("--shapes is %q, must be full, small or tiny", name)
}

// fullShapes: the paper's two models, a 7B (Mistral's) and an 8B (Llama 3's).
func fullShapes() *Shapes {
	s := &Shapes{Name: "full", Rounds: 9, Models: map[string]model.Config{
		"500M": llama(32000, 1536, 4320, 16, 24, 24, 2048, 10000), "1.3B": llama(32000, 2048, 8192, 20, 32, 8, 2048, 10000),
		"7B": llama(32000, 4096, 14336, 32, 32, 8, 4096, 10000), "8B": llama(128256, 4096, 14336, 32, 32, 8, 8192, 500000),
	}}
	for _, m := range []string{"500M", "1.3B", "8B"} {
		s.Layers = append(s.Layers, Layer{Model: m, N: 16384, T: 2048, LogitRows: 2048, Seqs: 32})
	}
	for _, dim := range []int64{64, 128} {
		for _, t := range []int64{1024, 2048, 4096, 8192, 16384} {
			s.attention(2048/dim, dim, t, 16384/t)
		}
	}
	for _, m := range []string{"500M", "1.3B"} {
		s.train(m, 8, 2048, 12)
	}
	for _, m := range []string{"1.3B", "7B"} {
		for _, batch := range []int64{1, 32, 128} {
			s.generate(m, batch, 513, 64) // whole pages and a row: decoding begins with one row a sequence
		}
		s.Generate = append(s.Generate, Case{Kind: kindGenerate, Name: "shared", Model: m, Batch: 32, T: 1024, New: 16, Rounds: 3})
	}
	return s
}

// smallShapes have every kernel's tiles, whole ones and rests, and both head dimensions that are tuned.
func smallShapes() *Shapes {
	s := &Shapes{Name: "small", Rounds: 1, Models: map[string]model.Config{
		"d64": llama(1000, 256, 344, 1, 4, 2, 256, 10000), "d128": llama(512, 512, 704, 1, 4, 4, 256, 10000)}}
	for _, m := range []string{"d64", "d128"} {
		s.Layers = append(s.Layers, Layer{Model: m, N: 400, T: 200, LogitRows: 72, Seqs: 3})
	}
	return s
}

func tinyShapes() *Shapes {
	s := &Shapes{Name: "tiny", Rounds: 2, Peaks: 64, Models: map[string]model.Config{"tiny": llama(96, 64, 96, 2, 1, 1, 64, 10000)}}
	s.Layers = []Layer{{Model: "tiny", N: 32, T: 16, LogitRows: 8, Seqs: 2}}
	s.attention(1, 64, 32, 1)
	s.train("tiny", 2, 16, 3)
	s.generate("tiny", 2, 20, 3)
	s.Generate = append(s.Generate, Case{Kind: kindGenerate, Name: "shared", Model: "tiny", Batch: 2, T: 36, New: 2, Rounds: 1})
	return s
}

func (s *Shapes) attention(heads, dim, t, batch int64) {
	for _, name := range []string{"forward", "backward"} {
		s.Attention = append(s.Attention, Case{Kind: kindAttend, Name: name, Heads: heads, Dim: dim, T: t, Batch: batch, Rounds: s.Rounds})
	}
}

func (s *Shapes) train(model string, rows, t int64, steps int) {
	c := s.Models[model]
	s.Training = append(s.Training, Case{Kind: kindTrain, Model: model, Config: sizesOf(&c), Batch: rows, T: t, Rounds: steps})
}

func (s *Shapes) generate(model string, batch, prompt, fresh int64) {
	for _, name := range []string{"prefill", "decode"} {
		s.Generate = append(s.Generate, Case{Kind: kindGenerate, Name: name, Model: model, Batch: batch, T: prompt, New: fresh, Rounds: 3})
	}
}

func sizesOf(c *model.Config) *Sizes {
	return &Sizes{VocabSize: c.VocabSize, HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize, Layers: c.NumHiddenLayers,
		Heads: c.NumHeads, KeyValueHeads: c.NumKeyValueHeads, Theta: c.Rope.Theta, Eps: c.RMSNormEps}
}

// llama is an untied Llama, as the recipes of train have it.
func llama(vocab, hidden, intermediate, layers, heads, kvHeads, positions int64, theta float64) model.Config {
	return model.Config{ModelType: model.Llama, VocabSize: vocab, HiddenSize: hidden, IntermediateSize: intermediate,
		NumHiddenLayers: layers, NumHeads: heads, NumKeyValueHeads: kvHeads, HeadDim: hidden / heads, MaxPositions: positions,
		HiddenAct: "silu", RMSNormEps: 1e-5, Rope: model.Rope{Type: model.RopeDefault, Theta: theta}, InitializerRange: 0.02}
}
