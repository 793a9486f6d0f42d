package speed

import (
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/train"
)

// Shape is a model and the sizes of the work that is timed on it. All lengths are in tokens.
type Shape struct {
	Name   string
	Config model.Config
	T      int // tokens of a training row, and the longest sequence
	Rows   int // training rows of a step; a step is Rows × T tokens on every side, in one micro-batch on theirs
	Prompt int // read before decoding begins
	New    int // tokens decoded behind it, one at a time
	Seqs   int // sequences of batched decoding
}

// BatchTokens is the tokens of one training step.
func (s *Shape) BatchTokens() int { return s.Rows * s.T }

// Shapes are the design's two models, about those of karpathy's "llama2.c" stories15M and stories42M.
func Shapes() []Shape {
	return []Shape{
		{Name: "15M", Config: llama(32000, 288, 768, 6, 6, 256), T: 256, Rows: 16, Prompt: 128, New: 128, Seqs: 16},
		{Name: "42M", Config: llama(32000, 512, 1376, 8, 8, 1024), T: 1024, Rows: 4, Prompt: 512, New: 128, Seqs: 16},
	}
}

// GenerationShapes are the design's two models and the paper's smallest (Table 14), with prompts of 256 and 1,024 tokens.
func GenerationShapes() (out []Shape) {
	large := *train.Recipes()["500m"].Model
	large.BOS, large.EOS = []int32{1}, []int32{2}
	for _, prompt := range []struct {
		name string
		t    int64
	}{{"", 256}, {"-1K", 1024}} {
		for _, m := range []struct {
			name   string
			config model.Config
			after  int
		}{{"15M", llama(32000, 288, 768, 6, 6, 1024), 128}, {"42M", llama(32000, 512, 1376, 8, 8, 1024), 128}, {"500M", large, 32}} {
			s := Shape{Name: m.name + prompt.name, Config: m.config, T: int(prompt.t), New: m.after, Seqs: 16}
			s.Prompt = s.T - s.New
			out = append(out, s)
		}
	}
	return out
}

// heavy models do one unit of work a turn: their times are long enough to be told apart.
func (s *Shape) heavy() bool { return s.Config.HiddenSize > 1024 }

// tiny is for tests of the harness: it takes milliseconds.
func tiny() Shape {
	return Shape{Name: "tiny", Config: llama(96, 32, 64, 2, 2, 16), T: 16, Rows: 2, Prompt: 8, New: 4, Seqs: 2}
}

// llama returns a tied Llama 2 of the given vocabulary, hidden and intermediate size, layers, heads and window.
func llama(vocab, hidden, intermediate, layers, heads, window int64) model.Config {
	return model.Config{ModelType: model.Llama, VocabSize: vocab, HiddenSize: hidden, IntermediateSize: intermediate,
		NumHiddenLayers: layers, NumHeads: heads, NumKeyValueHeads: heads, HeadDim: hidden / heads, MaxPositions: window,
		HiddenAct: "silu", RMSNormEps: 1e-5, Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, TieWordEmbeddings: true,
		InitializerRange: 0.02, BOS: []int32{1}, EOS: []int32{2}}
}
