package model

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

// Draw says how a token is drawn from a row of logits: as kernels.SampleArgs, of which it is one row. The zero value takes the
// most probable token.
type Draw struct {
	Temperature float32
	TopK        int32
	TopP, MinP  float32 // 0 to 1
	Seed        uint64
	Position    int64 // of the token in its sequence; with Seed, what the random number follows from
}

// drawInputs are the settings of a step's draws on the device, each [rows of logits]; absent when nothing is drawn.
type drawInputs struct{ seeds, positions, temperature, topK, topP, minP kernels.Tensor }

func drawBytes(rows int64) int64 { return 2*align64(8*rows) + 4*align64(4*rows) }

// putDraws copies settings into the block, filled up to n with those of greedy draws.
func putDraws(s *stager, draws []Draw, n int64) (d drawInputs) {
	if n == 0 {
		return d
	}
	d.seeds = putSetting(s, kernels.I64, draws, n, func(w *Draw) int64 { return int64(w.Seed) })
	d.positions = putSetting(s, kernels.I64, draws, n, func(w *Draw) int64 { return w.Position })
	d.temperature = putSetting(s, kernels.F32, draws, n, func(w *Draw) float32 { return w.Temperature })
	d.topK = putSetting(s, kernels.I32, draws, n, func(w *Draw) int32 { return w.TopK })
	d.topP = putSetting(s, kernels.F32, draws, n, func(w *Draw) float32 { return w.TopP })
	d.minP = putSetting(s, kernels.F32, draws, n, func(w *Draw) float32 { return w.MinP })
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

// drawSlots is where drawn tokens [n] stand, and their log-probabilities [n] behind them, for one copy to the host.
func (m *Model) drawSlots(n int64) (tokens, logProbs kernels.Tensor) {
	mem, at := m.picked.arena.mem, m.picked.off
	return kernels.NewTensor(mem, at, kernels.I32, n), kernels.NewTensor(mem, at+4*n, kernels.F32, n)
}

// sample issues the draws of a step.
func (m *Model) sample(logits kernels.Tensor, d *drawInputs) {
	tokens, logProbs := m.drawSlots(logits.Dim(0))
	m.b.Sample(kernels.SampleArgs{Tokens: tokens, LogProbs: logProbs, Logits: logits, Temperature: d.temperature, TopK: d.topK, TopP: d.topP,
		MinP: d.minP, Seeds: d.seeds, Positions: d.positions, Work: m.work.full()})
}

// sampleWork is the workspace of the largest number of draws.
func (m *Model) sampleWork() int64 {
	n, shape := m.opt.LogitRows, kernels.ShapeOf
	return m.b.SamplePlan(kernels.SampleArgs{Tokens: shape(kernels.I32, n), LogProbs: shape(kernels.F32, n),
		Logits: shape(m.final.logits.shape.Type, n, m.cfg.VocabSize), Temperature: shape(kernels.F32, n), TopK: shape(kernels.I32, n),
		TopP: shape(kernels.F32, n), MinP: shape(kernels.F32, n), Seeds: shape(kernels.I64, n), Positions: shape(kernels.I64, n)})
}

// draws are the steps whose tokens nobody asked for yet. Two may be: the host can issue a step before it looks at the one before.
type draws struct {
	turns       [2]kernels.Readback // each in its turn
	rows, tells [2]int64            // rows of each one's tensors, and how many of them were wanted
	next, due   int                 // the turn that comes, and how many are asked for yet
	followed    int64               // rows of the last step when it decoded: what a step may follow
}

func (d *draws) open(b kernels.Backend, rows int64) (err error) {
	for i := range d.turns {
		if d.turns[i], err = b.OpenReadback(8 * rows); err != nil {
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
func (m *Model) fetch(rows, wanted int64) {
	d := &m.draws
	d.rows[d.next], d.tells[d.next] = rows, wanted
	d.turns[d.next].Fetch(kernels.NewTensor(m.picked.arena.mem, m.picked.off, kernels.U8, 8*rows))
	d.next, d.due = (d.next+1)%len(d.turns), d.due+1
}

// Drawn waits for the oldest step that drew tokens and was not asked for yet, and for nothing issued since. It returns them in
// the order of its Draws, with the natural logarithm of each one's probability before temperature; or the first failure since the
// last Sync, which is then forgotten, as are the draws of all steps.
func (m *Model) Drawn() (tokens []int32, logProbs []float32, err error) {
	d := &m.draws
	if d.due == 0 {
		return nil, nil, fmt.Errorf("%w: no step drew tokens that were not asked for", ErrBatch)
	}
	turn := (d.next + len(d.turns) - d.due) % len(d.turns)
	raw, err := d.turns[turn].Wait()
	if err != nil {
		if first := m.Sync(); first != nil {
			err = first
		}
		return nil, nil, err
	}
	d.due--
	rows := d.rows[turn]
	tokens, logProbs = make([]int32, d.tells[turn]), make([]float32, d.tells[turn])
	for i := range tokens {
		tokens[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
		logProbs[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*(rows+int64(i)):]))
	}
	return tokens, logProbs, nil
}
