package model

import "github.com/primer-lm/primer/kernels"

// stepInputs are one training or scoring batch on the device.
type stepInputs struct {
	rowInputs
	lossRows int64          // rows with loss
	gather   bool           // some rows have none: rows names those that have
	rows     kernels.Tensor // [lossRows] row numbers
	targets  kernels.Tensor // [lossRows]
	scale    kernels.Tensor // [1]
}

// stageBatch sends a batch that was checked to the device. Rows without loss never meet the output matrix: those that have one are
// named by their numbers, so that no mask is needed beyond this point.
func stageBatch(s *stager, b *Batch, stat kernels.DType) (in stepInputs) {
	s.begin()
	n := len(b.Tokens)
	in.n, in.lossRows = int64(n), b.LossTokens()
	in.gather = in.lossRows != in.n
	in.tokens = put(s, kernels.I32, b.Tokens)
	in.culens = put(s, kernels.I32, b.CuLens)
	positions, device := space[int32](s, kernels.I32, n)
	in.positions = device
	fillPositions(positions, b.Positions, b.CuLens)
	targets, device := space[int32](s, kernels.I32, int(in.lossRows))
	in.targets = device
	rows, device := space[int32](s, kernels.I32, int(in.lossRows))
	in.rows = device
	at := 0
	for i, t := range b.Targets {
		if b.Mask == nil || b.Mask[i] != 0 {
			targets[at], rows[at] = t, int32(i)
			at++
		}
	}
	if stat == kernels.F64 {
		in.scale = put(s, stat, []float64{float64(b.Scale)})
	} else {
		in.scale = put(s, stat, []float32{b.Scale})
	}
	var step [kernels.StepLen]int64
	step[kernels.StepSeed], step[kernels.StepNumber] = b.Seed, b.Step
	step[kernels.StepSample], step[kernels.StepToken] = b.Sample, b.Token
	in.step = put(s, kernels.I64, step[:])
	s.flush()
	return in
}

func fillPositions(to, given, culens []int32) {
	if given != nil {
		copy(to, given)
		return
	}
	for s := range len(culens) - 1 {
		for i := culens[s]; i < culens[s+1]; i++ {
			to[i] = i - culens[s]
		}
	}
}

// forward runs the layers and the last norm. What backward needs stays in the layers' slots.
func (t *Trainer) forward(in *stepInputs) {
	l := t.layout
	delta, work := l.tmp.rows(in.n), l.work.full()
	var residual kernels.Tensor
	for i := range t.specs {
		a := l.layers[i].rows(in.n)
		x := delta
		if i == 0 {
			x = a.s1
			t.embed(x, &in.rowInputs)
		}
		t.attentionIn(i, &a, x, residual, &in.rowInputs)
		t.attention(i, &a, &in.rowInputs, t.opt.MaxLen, work)
		t.attentionOut(i, &a, delta, &in.rowInputs)
		t.feedForwardIn(i, &a, delta)
		t.feedForwardOut(i, &a, delta, &in.rowInputs)
		residual = a.s2
	}
	f := &l.final
	t.b.RMSNorm(kernels.RMSNormArgs{Out: f.h.rows(in.n), Sum: f.s.rows(in.n), Rstd: f.rstd.rows(in.n), X: delta, Residual: residual,
		W: t.w.norm, Eps: float32(t.cfg.RMSNormEps)})
}

// rerun computes again what layer i did not keep.
func (t *Trainer) rerun(i int, a *layerActs, in *stepInputs) {
	if t.opt.Recompute != RecomputeLayer {
		return
	}
	delta := t.layout.tmp.rows(in.n)
	t.attentionIn(i, a, a.s1, kernels.Tensor{}, &in.rowInputs)
	t.attention(i, a, &in.rowInputs, t.opt.MaxLen, t.layout.work.full())
	t.attentionOut(i, a, delta, &in.rowInputs)
	t.feedForwardIn(i, a, delta)
}

// renorm computes a normalised input again from the stream it was made of.
func (t *Trainer) renorm(out, s, w kernels.Tensor, eps float32) {
	t.b.RMSNorm(kernels.RMSNormArgs{Out: out, X: s, W: w, Eps: eps})
}
