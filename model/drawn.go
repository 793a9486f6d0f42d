package model

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

// Drawn is what a step drew, in the order of its Draws. Log-probabilities are natural logarithms, of the raw logits.
type Drawn struct {
	Tokens   []int32   // [S]
	LogProbs []float32 // [S]

	// The Top most probable tokens beside each, ties by lower id, and their log-probabilities: [S·Top].
	Top         int
	TopTokens   []int32
	TopLogProbs []float32
}

// drawSlots are where the results of draws lie, one behind the other, for one copy to the host.
type drawSlots struct {
	tokens, logProbs       kernels.Tensor // [n]
	topTokens, topLogProbs kernels.Tensor // [n,top], absent without top
}

// drawnBytes is the length of the results of n draws.
func drawnBytes(n, top int64) int64 { return 8 * n * (1 + top) }

// drawSlots says where the results of n draws lie: the tokens in the same place whatever top.
func (m *Model) drawSlots(n, top int64) (s drawSlots) {
	mem, at := m.picked.arena.mem, m.picked.off
	s.tokens, s.logProbs = kernels.NewTensor(mem, at, kernels.I32, n), kernels.NewTensor(mem, at+4*n, kernels.F32, n)
	if top > 0 {
		s.topTokens = kernels.NewTensor(mem, at+8*n, kernels.I32, n, top)
		s.topLogProbs = kernels.NewTensor(mem, at+8*n+4*n*top, kernels.F32, n, top)
	}
	return s
}

// draws are the steps whose tokens nobody asked for yet. Two may be: the host can issue a step before it looks at the one before.
type draws struct {
	turns     [2]kernels.Readback // each in its turn
	of        [2]drawTurn
	next, due int   // the turn that comes, and how many are asked for yet
	followed  int64 // rows of the last step when it decoded: what a step may follow
}

// drawTurn is how the bytes of a turn are read.
type drawTurn struct{ rows, top, wanted, wantedTop int64 }

func (d *draws) open(b kernels.Backend, rows, top int64) (err error) {
	for i := range d.turns {
		if d.turns[i], err = b.OpenReadback(drawnBytes(rows, top)); err != nil {
			return fmt.Errorf("model: drawn tokens: %w", err)
		}
	}
	return nil
}

func (d *draws) close() {
	for i, turn := range d.turns {
		if turn != nil {
			turn.Close()
		}
		d.turns[i] = nil
	}
}

// fetch issues the copy of what a step drew, behind it.
func (m *Model) fetch(shape drawShape, in *StepInput) {
	d := &m.draws
	d.of[d.next] = drawTurn{shape.rows, shape.top, int64(len(in.Draws)), int64(in.Top)}
	d.turns[d.next].Fetch(kernels.NewTensor(m.picked.arena.mem, m.picked.off, kernels.U8, drawnBytes(shape.rows, shape.top)))
	d.next, d.due = (d.next+1)%len(d.turns), d.due+1
}

// Drawn waits for the oldest step that drew tokens and was not asked for yet, and for nothing issued since. It returns what that
// step drew; or the first failure since the last Sync, which is then forgotten, as are the draws of all steps.
func (m *Model) Drawn() (Drawn, error) {
	d := &m.draws
	if d.due == 0 {
		return Drawn{}, fmt.Errorf("%w: no step drew tokens that were not asked for", ErrBatch)
	}
	turn := (d.next + len(d.turns) - d.due) % len(d.turns)
	raw, err := d.turns[turn].Wait()
	if err != nil {
		if first := m.Sync(); first != nil {
			err = first
		}
		return Drawn{}, err
	}
	d.due--
	return d.of[turn].read(raw), nil
}

// read takes what was wanted out of the results of rows that were filled up.
func (t drawTurn) read(raw []byte) Drawn {
	out := Drawn{Tokens: make([]int32, t.wanted), LogProbs: make([]float32, t.wanted), Top: int(t.wantedTop),
		TopTokens: make([]int32, t.wanted*t.wantedTop), TopLogProbs: make([]float32, t.wanted*t.wantedTop)}
	word := func(i int64) uint32 { return binary.LittleEndian.Uint32(raw[4*i:]) }
	for i := range t.wanted {
		out.Tokens[i], out.LogProbs[i] = int32(word(i)), math.Float32frombits(word(t.rows+i))
		for k := range t.wantedTop {
			at := 2*t.rows + i*t.top + k
			out.TopTokens[i*t.wantedTop+k] = int32(word(at))
			out.TopLogProbs[i*t.wantedTop+k] = math.Float32frombits(word(at + t.rows*t.top))
		}
	}
	return out
}
