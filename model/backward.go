package model

import "github.com/primer-lm/primer/kernels"

// layerGrads are one layer's gradients in the flat buffer.
type layerGrads struct{ inputNorm, qkv, out, postNorm, gateUp, down kernels.Tensor }

// backward runs the layers in reverse. ds is the gradient of the residual stream all along: each branch reads it, and the
// norm's backward adds to it what came through the branch.
func (t *Trainer) backward(in *stepInputs, first bool, ready func(Bucket)) {
	f, ds := &t.layout.final, t.layout.ds.rows(in.n)
	t.b.RMSNormBackward(kernels.RMSNormBackwardArgs{DX: ds, DW: t.normGrad, DOut: f.dh.rows(in.n), S: f.s.rows(in.n), Rstd: f.rstd.rows(in.n),
		W: t.w.norm, Work: t.layout.work.full(), Accumulate: !first})
	done := 0
	tell := func() {
		if ready != nil {
			ready(t.buckets[done])
		}
		done++
	}
	tell()
	for i := len(t.specs) - 1; i >= 0; i-- {
		a := t.layout.layers[i].rows(in.n)
		t.rerun(i, &a, in)
		t.feedForwardBackward(i, &a, ds, in, first)
		t.attentionBackward(i, &a, ds, in, first)
		tell()
	}
	t.dropRows(ds, kernels.PurposeDropoutEmbed, 0, in.step)
	// The table of a tied model already holds the output matrix's gradient.
	t.b.EmbedBackward(kernels.EmbedBackwardArgs{DTable: t.embedGrad, DOut: ds, Tokens: in.tokens, Work: t.layout.work.full(),
		Accumulate: !first || t.cfg.TieWordEmbeddings})
	tell()
}

// branch returns the gradient of a branch's output: that of the stream, with the branch's dropout.
func (t *Trainer) branch(ds kernels.Tensor, p kernels.Purpose, layer int, in *stepInputs) kernels.Tensor {
	if t.dropout == 0 {
		return ds
	}
	out := t.layout.tmp.rows(in.n)
	t.b.Dropout(kernels.DropoutArgs{Out: out, X: ds, Dropout: t.drop(p, layer, in.step)})
	return out
}

func (t *Trainer) feedForwardBackward(i int, a *layerActs, ds kernels.Tensor, in *stepInputs, first bool) {
	s, w, g := &t.specs[i], &t.w.layers[i], &t.grads[i]
	if t.opt.Recompute == RecomputeLight {
		t.b.GLU(kernels.GLUArgs{Out: a.g, GateUp: a.gu, Act: s.Act})
		t.renorm(a.h2, a.s2, w.postNorm, s.Eps)
	}
	dg := t.layout.dg.rows(in.n)
	dd := t.branch(ds, kernels.PurposeDropoutMLP, i, in)
	t.linearBackward(g.down, dg, dd, a.g, w.down, first)
	t.b.GLUBackward(kernels.GLUBackwardArgs{DGateUp: a.gu, DOut: dg, GateUp: a.gu, Act: s.Act})
	dh := t.layout.tmp.rows(in.n)
	t.linearBackward(g.gateUp, dh, a.gu, a.h2, w.gateUp, first)
	t.normBackward(g.postNorm, ds, dh, a.s2, a.rstd2, w.postNorm, first)
}

func (t *Trainer) attentionBackward(i int, a *layerActs, ds kernels.Tensor, in *stepInputs, first bool) {
	s, w, g := &t.specs[i], &t.w.layers[i], &t.grads[i]
	if t.opt.Recompute == RecomputeLight {
		t.renorm(a.h1, a.s1, w.inputNorm, s.Eps) // shares its slot with h2
	}
	dattn, dqkv := t.layout.dattn.rows(in.n), t.layout.dqkv.rows(in.n)
	dd := t.branch(ds, kernels.PurposeDropoutResidual, i, in)
	t.linearBackward(g.out, flatRows(dattn), dd, flatRows(a.attn), w.out, first)
	t.b.AttentionBackward(kernels.AttentionBackwardArgs{DQKV: dqkv, DOut: dattn, Out: a.attn, LSE: a.lse, QKV: a.qkv, CuLens: in.culens,
		Heads: s.Heads, KVHeads: s.KVHeads, MaxLen: t.opt.MaxLen, Window: s.Window, Scale: s.AttentionScale(),
		Dropout: t.drop(kernels.PurposeDropoutAttn, i, in.step), Work: t.layout.work.full()})
	cos, sin := t.rope.tables(i)
	t.b.Rope(kernels.RopeArgs{QKV: dqkv, Cos: cos, Sin: sin, Positions: in.positions, Heads: s.Heads + s.KVHeads, Inverse: true})
	dh := t.layout.tmp.rows(in.n)
	t.linearBackward(g.qkv, dh, flatRows(dqkv), a.h1, w.qkv, first)
	t.normBackward(g.inputNorm, ds, dh, a.s1, a.rstd1, w.inputNorm, first)
}

// linearBackward: dw (+)= dyᵀ·x, dx = dy·w.
func (t *Trainer) linearBackward(dw, dx, dy, x kernels.Tensor, w kernels.Weight, first bool) {
	t.b.LinearBackwardWeight(kernels.LinearBackwardWeightArgs{DW: dw, DY: dy, X: x, Math: t.opt.Math, Accumulate: !first})
	t.b.LinearBackwardInput(kernels.LinearBackwardInputArgs{DX: dx, DY: dy, W: w})
}

// normBackward adds what came through the branch, dh, to the stream's gradient.
func (t *Trainer) normBackward(dw, ds, dh, s, rstd, w kernels.Tensor, first bool) {
	t.b.RMSNormBackward(kernels.RMSNormBackwardArgs{DX: ds, DW: dw, DOut: dh, DResidual: ds, S: s, Rstd: rstd, W: w,
		Work: t.layout.work.full(), Accumulate: !first})
}
