package model

import (
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

// Scores are the results of one scored batch, by row. Rows without loss hold 0 and -1.
type Scores struct {
	NLL    []float32 // -log p(target)
	ArgMax []int32   // the most probable token
}

// Score runs a batch without dropout or gradients and waits for the result. Gradients and loss of a step under way are
// left alone; activations are not: score between steps, not between micro-batches.
func (t *Trainer) Score(batch *Batch) (*Scores, error) {
	if err := batch.check(t.cfg.VocabSize, t.opt.Tokens, t.opt.Docs, t.opt.MaxLen); err != nil {
		return nil, err
	}
	in := stageBatch(t.stager, batch, exact(t.opt.Math))
	quiet := t.net
	quiet.dropout = 0
	l := t.layout
	a := l.layers[0].rows(in.n)
	quiet.scoreForward(&in, &a, l.tmp.rows(in.n), &l.final, t.opt.MaxLen, l.work.full())
	quiet.score(&in, &l.final, t.opt.LogitRows)
	return readScores(t.b, batch, &in, &l.final)
}

// scoreForward runs all layers through one layer's slots; the residual stream stays in place.
func (m *net) scoreForward(in *stepInputs, a *layerActs, delta kernels.Tensor, f *finalSlots, maxLen int64, work kernels.Tensor) {
	a.s2 = a.s1
	a.rstd1, a.rstd2 = kernels.Tensor{}, kernels.Tensor{}
	var residual kernels.Tensor
	for i := range m.specs {
		x := delta
		if i == 0 {
			x = a.s1
			m.embed(x, &in.rowInputs)
		}
		m.attentionIn(i, a, x, residual, &in.rowInputs)
		m.attention(i, a, &in.rowInputs, maxLen, work)
		m.attentionOut(i, a, delta, &in.rowInputs)
		m.feedForwardIn(i, a, delta)
		m.feedForwardOut(i, a, delta, &in.rowInputs)
		residual = a.s1
	}
	m.lastNorm(f.h.rows(in.n), delta, residual)
}

// lastNorm adds delta to the stream, in place, and normalises it.
func (m *net) lastNorm(h, delta, residual kernels.Tensor) {
	m.b.RMSNorm(kernels.RMSNormArgs{Out: h, Sum: residual, X: delta, Residual: residual, W: m.w.norm, Eps: float32(m.cfg.RMSNormEps)})
}

func readScores(b kernels.Backend, batch *Batch, in *stepInputs, f *finalSlots) (*Scores, error) {
	if err := b.Sync(); err != nil {
		return nil, err
	}
	n := in.lossRows
	loss, argmax := make([]byte, n*f.loss.shape.Type.Size()), make([]int32, n)
	if n > 0 {
		if err := b.Read(loss, f.loss.rows(n)); err != nil {
			return nil, err
		}
		if err := b.Read(bytesOf(argmax), f.argmax.rows(n)); err != nil {
			return nil, err
		}
	}
	values := make([]float32, n)
	if f.loss.shape.Type == kernels.F64 {
		for i := range values {
			values[i] = float32(math.Float64frombits(le64(loss[8*i:])))
		}
	} else {
		decodeFloats(values, kernels.F32, loss)
	}
	out := &Scores{NLL: make([]float32, len(batch.Tokens)), ArgMax: make([]int32, len(batch.Tokens))}
	at := 0
	for i := range out.NLL {
		out.ArgMax[i] = -1
		if batch.Mask == nil || batch.Mask[i] != 0 {
			out.NLL[i], out.ArgMax[i] = values[at], argmax[at]
			if v := float64(values[at]); math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("%w: the loss of row %d is %v", ErrNonFinite, i, v)
			}
			at++
		}
	}
	return out, nil
}
