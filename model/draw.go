package model

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// MaxTop is the most tokens that a step reports beside a drawn one; a smaller vocabulary has no more than its own.
const MaxTop = 20

// Draw says how a token is drawn from a row of logits: as kernels.SampleArgs, of which it is one row. The zero value takes the
// most probable token.
type Draw struct {
	Temperature float32
	TopK        int32
	TopP, MinP  float32 // 0 to 1
	Seed        uint64
	Position    int64  // of the token in its sequence; with Seed, what the random number follows from
	Edits       []Edit // of the logits that are drawn from, each of another token
	Given       bool   // Token is taken, not drawn: its log-probability is what is wanted
	Token       int32
}

// Edit changes the logit l of one token: l·Factor if it is below 0, l/Factor if not, then + Add; see kernels.SampleArgs.
type Edit struct {
	Token       int32
	Factor, Add float32
}

// drawShape is what the places of a step's draws follow from. given and edits say whether the tensors are there.
type drawShape struct {
	rows, top    int64
	given, edits bool
}

// drawInputs are the settings of a step's draws on the device, each [rows of logits]; absent when nothing is drawn.
type drawInputs struct {
	seeds, positions, temperature, topK, topP, minP kernels.Tensor
	given                                           kernels.Tensor // or absent
	offsets, tokens, factors, adds                  kernels.Tensor // of edits [S+1] [E], or absent
	top                                             int64          // tokens to report beside each
}

// MaxEdits is how many edits one step can take over all its draws: always enough for one.
func (m *Model) MaxEdits() int64 { return 4 * m.cfg.VocabSize }

// maxTop is MaxTop, or the vocabulary.
func (m *Model) maxTop() int64 { return min(MaxTop, m.cfg.VocabSize) }

func (m *Model) drawBytes() int64 {
	rows := m.opt.LogitRows
	return 2*align64(8*rows) + 5*align64(4*rows) + align64(4*(rows+1)) + 3*align64(4*m.MaxEdits())
}

func (m *Model) checkDraws(in *StepInput) error {
	edits := 0
	for i := range in.Draws {
		d := &in.Draws[i]
		if d.Given && (d.Token < 0 || int64(d.Token) >= m.cfg.VocabSize) {
			return fmt.Errorf("%w: given token %d is outside the vocabulary of %d", ErrBatch, d.Token, m.cfg.VocabSize)
		}
		edits += len(d.Edits)
	}
	switch {
	case len(in.Draws) != 0 && len(in.Draws) != len(in.Rows):
		return fmt.Errorf("%w: %d tokens to draw from %d rows of logits", ErrBatch, len(in.Draws), len(in.Rows))
	case len(in.Draws) > 0 && m.draws.due == len(m.draws.turns):
		return fmt.Errorf("%w: %d steps drew tokens that were not asked for: call Drawn first", ErrBatch, m.draws.due)
	case in.Top < 0 || int64(in.Top) > m.maxTop() || (in.Top > 0 && len(in.Draws) == 0):
		return fmt.Errorf("%w: %d top tokens beside %d draws, at most %d", ErrBatch, in.Top, len(in.Draws), m.maxTop())
	case int64(edits) > m.MaxEdits():
		return fmt.Errorf("%w: %d edits of logits, at most %d in a step", ErrBatch, edits, m.MaxEdits())
	}
	return nil
}

// plain says whether nothing is drawn from edited logits, nor taken as given.
func plain(draws []Draw) bool {
	for i := range draws {
		if draws[i].Given || len(draws[i].Edits) > 0 {
			return false
		}
	}
	return true
}

// shapeOfDraws says what of the settings a step needs.
func shapeOfDraws(in *StepInput) drawShape {
	s := drawShape{rows: int64(len(in.Draws)), top: int64(in.Top)}
	for i := range in.Draws {
		s.given = s.given || in.Draws[i].Given
		s.edits = s.edits || len(in.Draws[i].Edits) > 0
	}
	return s
}

// putDraws copies settings into the block, filled up with those of greedy draws.
func putDraws(s *stager, draws []Draw, shape drawShape) (d drawInputs) {
	n := shape.rows
	if n == 0 {
		return d
	}
	d.top = shape.top
	d.seeds = putSetting(s, kernels.I64, draws, n, func(w *Draw) int64 { return int64(w.Seed) })
	d.positions = putSetting(s, kernels.I64, draws, n, func(w *Draw) int64 { return w.Position })
	d.temperature = putSetting(s, kernels.F32, draws, n, func(w *Draw) float32 { return w.Temperature })
	d.topK = putSetting(s, kernels.I32, draws, n, func(w *Draw) int32 { return w.TopK })
	d.topP = putSetting(s, kernels.F32, draws, n, func(w *Draw) float32 { return w.TopP })
	d.minP = putSetting(s, kernels.F32, draws, n, func(w *Draw) float32 { return w.MinP })
	if shape.given {
		d.given = putSetting(s, kernels.I32, draws, n, func(w *Draw) int32 {
			if w.Given {
				return w.Token
			}
			return -1
		})
	}
	if shape.edits {
		d.putEdits(s, draws)
	}
	return d
}

func putSetting[T any](s *stager, t kernels.DType, draws []Draw, n int64, of func(*Draw) T) kernels.Tensor {
	host, device := space[T](s, t, int(n))
	for i := range draws {
		host[i] = of(&draws[i])
	}
	clear(host[len(draws):])
	return device
}

// putEdits copies the edits of all draws, which nothing fills up.
func (d *drawInputs) putEdits(s *stager, draws []Draw) {
	n := 0
	offsets, device := space[int32](s, kernels.I32, len(draws)+1)
	d.offsets, offsets[0] = device, 0
	for i := range draws {
		n += len(draws[i].Edits)
		offsets[i+1] = int32(n)
	}
	var tokens []int32
	var factors, adds []float32
	tokens, d.tokens = space[int32](s, kernels.I32, n)
	factors, d.factors = space[float32](s, kernels.F32, n)
	adds, d.adds = space[float32](s, kernels.F32, n)
	at := 0
	for i := range draws {
		for _, e := range draws[i].Edits {
			tokens[at], factors[at], adds[at] = e.Token, e.Factor, e.Add
			at++
		}
	}
}

// sample issues the draws of a step.
func (m *Model) sample(logits kernels.Tensor, d *drawInputs) {
	out := m.drawSlots(logits.Dim(0), d.top)
	m.b.Sample(kernels.SampleArgs{Tokens: out.tokens, LogProbs: out.logProbs, TopTokens: out.topTokens, TopLogProbs: out.topLogProbs,
		Logits: logits, Temperature: d.temperature, TopK: d.topK, TopP: d.topP, MinP: d.minP, Seeds: d.seeds, Positions: d.positions,
		Given: d.given, EditOffsets: d.offsets, EditTokens: d.tokens, EditFactors: d.factors, EditAdds: d.adds, Work: m.work.full()})
}

// sampleWork is the workspace of the largest number of draws.
func (m *Model) sampleWork() int64 {
	n, edits, shape := m.opt.LogitRows, m.MaxEdits(), kernels.ShapeOf
	return m.b.SamplePlan(kernels.SampleArgs{Tokens: shape(kernels.I32, n), LogProbs: shape(kernels.F32, n),
		TopTokens: shape(kernels.I32, n, m.maxTop()), TopLogProbs: shape(kernels.F32, n, m.maxTop()),
		Logits: shape(m.final.logits.shape.Type, n, m.cfg.VocabSize), Temperature: shape(kernels.F32, n), TopK: shape(kernels.I32, n),
		TopP: shape(kernels.F32, n), MinP: shape(kernels.F32, n), Seeds: shape(kernels.I64, n), Positions: shape(kernels.I64, n),
		Given: shape(kernels.I32, n), EditOffsets: shape(kernels.I32, n+1), EditTokens: shape(kernels.I32, edits),
		EditFactors: shape(kernels.F32, edits), EditAdds: shape(kernels.F32, edits)})
}
