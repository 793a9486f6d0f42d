package model

import "github.com/primer-lm/primer/kernels"

// layerSlots is where one layer's activations lie; what is computed again shares its slot with the other layers.
type layerSlots struct {
	s1    *slot // [N,C] stream: residual stream at the attention norm
	rstd1 *slot // [N]
	h1    *slot // [N,C] normalised
	qkv   *slot // [N,R,D] rotated
	attn  *slot // [N,H,D]
	lse   *slot // [H,N]
	s2    *slot // [N,C] stream: residual stream at the feed-forward norm
	rstd2 *slot // [N]
	h2    *slot // [N,C]
	gu    *slot // [N,2F]; backward overwrites it by its gradient
	g     *slot // [N,F]
}

// layerActs are those slots at the number of rows of one batch.
type layerActs struct {
	s1, rstd1, h1, qkv, attn, lse, s2, rstd2, h2, gu, g kernels.Tensor
}

func (l *layerSlots) rows(n int64) layerActs {
	return layerActs{
		s1: l.s1.rows(n), rstd1: l.rstd1.rows(n), h1: l.h1.rows(n), qkv: l.qkv.rows(n), attn: l.attn.rows(n),
		lse: l.lse.columns(n), s2: l.s2.rows(n), rstd2: l.rstd2.rows(n), h2: l.h2.rows(n), gu: l.gu.rows(n), g: l.g.rows(n),
	}
}

// trainLayout plans every buffer of training.
type trainLayout struct {
	weights, gradients, optimizer, inputs, activations, workspace arena

	master, shadow, grad, m, v, decay *slot
	hyper, clip, sumSquares, loss     *slot
	layers                            []layerSlots
	ds, tmp, work                     *slot // gradient of the stream; one [N,C] for deltas and branch gradients; op workspace
	final                             finalSlots
	dg, dattn, dqkv                   *slot
	staged                            *slot
	rope                              ropeSlots
}

// finalSlots are alive between the last layer's forward and its backward: the last norm, the logits of a chunk, the loss.
type finalSlots struct {
	s, rstd, h, dh       *slot // [N,C], [N], [N,C], [N,C] f32
	hRows, dhRows        *slot // [Q,C]: rows with loss of one chunk, gathered
	logits, loss, argmax *slot // [Q,V], [N], [N]
}

func newTrainLayout(b kernels.Backend, c *Config, o Options, flat *Flat) *trainLayout {
	l := &trainLayout{
		weights: arena{kind: kernels.MemWeights}, gradients: arena{kind: kernels.MemGradients},
		optimizer: arena{kind: kernels.MemOptimizer}, inputs: arena{kind: kernels.MemInputs},
		activations: arena{kind: kernels.MemActivations}, workspace: arena{kind: kernels.MemWorkspace},
	}
	stat := exact(o.Math)
	l.master = l.weights.take(stat, flat.Len)
	if o.Math == kernels.BF16 {
		l.shadow = l.weights.take(kernels.BF16, flat.Len)
	}
	l.rope = takeRope(&l.weights, c, o.MaxLen, stat)
	l.grad = l.gradients.take(stat, flat.Len)
	l.planOptimizer(o, flat)
	l.staged = l.inputs.take(kernels.U8, stagedBytes(o.Tokens, o.Docs))
	l.planActivations(c, o)
	l.planWorkspace(b, c, o)
	return l
}

func (l *trainLayout) planOptimizer(o Options, flat *Flat) {
	stat, a := exact(o.Math), &l.optimizer
	l.loss = a.take(kernels.F64, 1)
	l.sumSquares = a.take(kernels.F64, 1)
	l.hyper = a.take(stat, kernels.HyperLen)
	l.clip = a.take(stat, kernels.ClipLen)
	if o.Moments != kernels.NoType {
		l.m = a.take(o.Moments, flat.Len)
		l.v = a.take(o.Moments, flat.Len)
		l.decay = a.take(kernels.U8, flat.Len/kernels.Block)
	}
}

func (l *trainLayout) planActivations(c *Config, o Options) {
	a, n, stat := &l.activations, o.Tokens, exact(o.Math)
	var shared layerSlots
	for _, s := range c.Layers() {
		next := layerSlots{s1: a.take(o.Stream, n, s.Hidden)}
		// once takes a slot a layer when it is kept, and one for all layers when it is computed again.
		once := func(from Recompute, all **slot, t kernels.DType, dims ...int64) *slot {
			if o.Recompute < from {
				return a.take(t, dims...)
			}
			if *all == nil {
				*all = a.take(t, dims...)
			}
			return *all
		}
		next.rstd1 = once(RecomputeLayer, &shared.rstd1, stat, n)
		next.qkv = once(RecomputeLayer, &shared.qkv, o.Math, n, s.QKVHeads(), s.HeadDim)
		next.attn = once(RecomputeLayer, &shared.attn, o.Math, n, s.Heads, s.HeadDim)
		next.lse = once(RecomputeLayer, &shared.lse, stat, s.Heads, n)
		next.s2 = once(RecomputeLayer, &shared.s2, o.Stream, n, s.Hidden)
		next.rstd2 = once(RecomputeLayer, &shared.rstd2, stat, n)
		next.gu = once(RecomputeLayer, &shared.gu, o.Math, n, 2*s.Intermediate)
		next.h1 = once(RecomputeLight, &shared.h1, o.Math, n, s.Hidden)
		next.g = once(RecomputeLight, &shared.g, o.Math, n, s.Intermediate)
		if o.Recompute == RecomputeLight {
			next.h2 = next.h1 // never alive at once
		} else {
			next.h2 = once(RecomputeLight, &shared.h2, o.Math, n, s.Hidden)
		}
		l.layers = append(l.layers, next)
	}
}

// planWorkspace lays the three phases of a step over each other: the loss, a layer's feed-forward backward, a layer's
// attention backward.
func (l *trainLayout) planWorkspace(b kernels.Backend, c *Config, o Options) {
	a, n, s := &l.workspace, o.Tokens, c.Layers()[0]
	l.ds = a.take(o.Stream, n, c.HiddenSize)
	l.tmp = a.take(o.Stream, n, c.HiddenSize)
	l.work = a.take(kernels.U8, trainWork(b, c, o))
	m := a.mark()
	l.final = takeFinal(a, c, n, o.LogitRows, o.Math, o.Stream, true)
	a.reset(m)
	l.dg = a.take(o.Math, n, s.Intermediate)
	a.reset(m)
	l.dattn = a.take(o.Math, n, s.Heads, s.HeadDim)
	l.dqkv = a.take(o.Math, n, s.QKVHeads(), s.HeadDim)
}

func takeFinal(a *arena, c *Config, n, rows int64, math, stream kernels.DType, backward bool) (f finalSlots) {
	stat := exact(math)
	f.s = a.take(stream, n, c.HiddenSize)
	f.h = a.take(math, n, c.HiddenSize)
	f.loss = a.take(stat, n)
	f.argmax = a.take(kernels.I32, n)
	f.hRows = a.take(math, rows, c.HiddenSize)
	f.logits = a.take(stat, rows, c.VocabSize)
	if backward {
		f.rstd = a.take(stat, n)
		f.dh = a.take(stat, n, c.HiddenSize)
		f.dhRows = a.take(stat, rows, c.HiddenSize)
	}
	return f
}

// trainWork is the largest workspace of any op of a training step.
func trainWork(b kernels.Backend, c *Config, o Options) int64 {
	n, stat := o.Tokens, exact(o.Math)
	shape := kernels.ShapeOf
	work := b.EmbedBackwardPlan(kernels.EmbedBackwardArgs{DTable: shape(stat, c.VocabSize, c.HiddenSize),
		DOut: shape(o.Stream, n, c.HiddenSize), Tokens: shape(kernels.I32, n)})
	// Gathered rows are scattered by the same op, into a table of n rows.
	work = max(work, b.EmbedBackwardPlan(kernels.EmbedBackwardArgs{DTable: shape(stat, n, c.HiddenSize),
		DOut: shape(stat, o.LogitRows, c.HiddenSize), Tokens: shape(kernels.I32, o.LogitRows)}))
	for _, dout := range []kernels.DType{o.Stream, stat} {
		work = max(work, b.RMSNormBackwardPlan(kernels.RMSNormBackwardArgs{DX: shape(o.Stream, n, c.HiddenSize), DW: shape(stat, c.HiddenSize),
			DOut: shape(dout, n, c.HiddenSize), DResidual: shape(o.Stream, n, c.HiddenSize), S: shape(o.Stream, n, c.HiddenSize),
			Rstd: shape(stat, n), W: shape(stat, c.HiddenSize)}))
	}
	for _, s := range c.Layers() {
		qkv, out := shape(o.Math, n, s.QKVHeads(), s.HeadDim), shape(o.Math, n, s.Heads, s.HeadDim)
		lse, culens := shape(stat, s.Heads, n), shape(kernels.I32, o.Docs+1)
		drop := kernels.Dropout{P: o.Dropout}
		work = max(work,
			b.AttentionPlan(kernels.AttentionArgs{Out: out, LSE: lse, QKV: qkv, CuLens: culens, Heads: s.Heads, KVHeads: s.KVHeads,
				MaxLen: o.MaxLen, Window: s.Window, Scale: s.AttentionScale(), Dropout: drop}),
			b.AttentionBackwardPlan(kernels.AttentionBackwardArgs{DQKV: qkv, DOut: out, Out: out, LSE: lse, QKV: qkv, CuLens: culens,
				Heads: s.Heads, KVHeads: s.KVHeads, MaxLen: o.MaxLen, Window: s.Window, Scale: s.AttentionScale(), Dropout: drop}))
	}
	return work
}
