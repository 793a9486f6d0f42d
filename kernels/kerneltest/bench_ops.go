package kerneltest

import "github.com/primer-lm/primer/kernels"

// linear measures the three products of each layer, and the forward one for a few rows, as generation has them.
func (g *gauge) linear() {
	m := g.model
	for _, l := range []struct {
		name string
		o, i int64
	}{{"qkv", (m.h + 2*m.k) * m.d, m.c}, {"gateup", 2 * m.f, m.c}, {"down", m.c, m.f}, {"head", m.v, m.c}} {
		for _, n := range []int64{1, 16, m.rows()} {
			if l.name == "head" && n > 256 {
				n = 256 // the loss takes logits in chunks
			}
			g.group(func() { g.layer(l.name, n, l.o, l.i) })
		}
	}
}

func (g *gauge) layer(name string, n, o, i int64) {
	b, flops := g.backend, 2*float64(n*o*i)
	w, err := b.Prepare(g.act(g.dtype, o, i), kernels.WeightTrained)
	if err != nil {
		g.b.Fatal(err)
	}
	defer b.Release(w)
	x, y := g.act(g.dtype, n, i), g.act(g.dtype, n, o)
	g.run("Linear/forward", name, n, flops, 0, func() { b.Linear(kernels.LinearArgs{Y: y, X: x, W: w}) })
	if n < 256 {
		return
	}
	dx, dw := g.empty(g.dtype, n, i), g.empty(kernels.F32, o, i)
	g.run("Linear/backward_input", name, n, flops, 0, func() {
		b.LinearBackwardInput(kernels.LinearBackwardInputArgs{DX: dx, DY: y, W: w})
	})
	g.run("Linear/backward_weight", name, n, flops, 0, func() {
		b.LinearBackwardWeight(kernels.LinearBackwardWeightArgs{DW: dw, DY: y, X: x, Math: g.dtype})
	})
}

// attention measures one document of the model's length; FLOPs count the causal half only.
func (g *gauge) attention() {
	m, b := g.model, g.backend
	n := min(m.t, 1024)
	g.group(func() {
		r := m.h + 2*m.k
		f := kernels.AttentionArgs{
			Out: g.empty(g.dtype, n, m.h, m.d), LSE: g.empty(kernels.F32, m.h, n), QKV: g.act(g.dtype, n, r, m.d),
			CuLens: g.ints([]int32{0, int32(n)}), Heads: m.h, KVHeads: m.k, MaxLen: n, Scale: 0.125,
		}
		f.Work = g.work(b.AttentionPlan(f))
		flops := 2 * float64(m.h*m.d) * float64(n*(n+1)) // two products of n(n+1)/2 pairs
		g.run("Attention/forward", "doc", n, flops, 0, func() { b.Attention(f) })
		a := kernels.AttentionBackwardArgs{
			DQKV: g.empty(g.dtype, n, r, m.d), DOut: g.act(g.dtype, n, m.h, m.d), Out: f.Out, LSE: f.LSE, QKV: f.QKV, CuLens: f.CuLens,
			Heads: m.h, KVHeads: m.k, MaxLen: n, Scale: f.Scale,
		}
		a.Work = g.work(b.AttentionBackwardPlan(a))
		g.run("Attention/backward", "doc", n, 2.5*flops, 0, func() { b.AttentionBackward(a) })
	})
}

// rows measures the ops whose time is reading and writing rows.
func (g *gauge) rows() {
	m, b, n := g.model, g.backend, g.model.rows()
	size := float64(g.dtype.Size())
	g.group(func() {
		x, y, residual, w := g.act(g.dtype, n, m.c), g.empty(g.dtype, n, m.c), g.act(g.dtype, n, m.c), g.act(g.dtype, m.c)
		sum, rstd, dw := g.empty(g.dtype, n, m.c), g.empty(kernels.F32, n), g.empty(kernels.F32, m.c)
		row := float64(n*m.c) * size
		g.run("RMSNorm/forward", "residual", n, 0, 4*row, func() {
			b.RMSNorm(kernels.RMSNormArgs{Out: y, Sum: sum, Rstd: rstd, X: x, Residual: residual, W: w, Eps: 1e-5})
		})
		a := kernels.RMSNormBackwardArgs{DX: y, DW: dw, DOut: x, DResidual: residual, S: sum, Rstd: rstd, W: w}
		a.Work = g.work(b.RMSNormBackwardPlan(a))
		g.run("RMSNorm/backward", "residual", n, 0, 4*row, func() { b.RMSNormBackward(a) })
		step := g.empty(kernels.I64, kernels.StepLen)
		drop := kernels.Dropout{P: 0.1, Purpose: kernels.PurposeDropoutMLP, Step: step}
		g.run("Dropout", "hidden", n, 0, 2*row, func() { b.Dropout(kernels.DropoutArgs{Out: y, X: x, Dropout: drop}) })
		g.run("Copy", "hidden", n, 0, 2*row, func() { b.Copy(kernels.CopyArgs{Dst: y, X: x}) })
	})
	g.group(func() {
		x, y, dy := g.act(g.dtype, n, 2*m.f), g.empty(g.dtype, n, m.f), g.act(g.dtype, n, m.f)
		dx, row := g.empty(g.dtype, n, 2*m.f), float64(n*m.f)*size
		g.run("GLU/forward", "silu", n, 0, 3*row, func() { b.GLU(kernels.GLUArgs{Out: y, GateUp: x}) })
		g.run("GLU/backward", "silu", n, 0, 5*row, func() { b.GLUBackward(kernels.GLUBackwardArgs{DGateUp: dx, DOut: dy, GateUp: x}) })
	})
	g.group(func() {
		positions := make([]int32, n)
		for i := range positions {
			positions[i] = int32(int64(i) % m.t)
		}
		qkv, cos, sin := g.act(g.dtype, n, m.h+2*m.k, m.d), g.act(kernels.F32, m.t, m.d/2), g.act(kernels.F32, m.t, m.d/2)
		a := kernels.RopeArgs{QKV: qkv, Cos: cos, Sin: sin, Positions: g.ints(positions), Heads: m.h + m.k}
		g.run("Rope", "qk", n, 0, 2*float64(n*(m.h+m.k)*m.d)*size, func() { b.Rope(a) })
	})
}

// loss measures cross-entropy with its gradient, and looking up and adding to the table.
func (g *gauge) loss() {
	m, b, n := g.model, g.backend, int64(256)
	size := float64(g.dtype.Size())
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(int64(i) * 7919 % m.v)
	}
	g.group(func() {
		logits, loss, scale, targets := g.act(g.dtype, n, m.v), g.empty(kernels.F32, n), g.act(kernels.F32, 1), g.ints(tokens)
		g.run("CrossEntropy", "gradient", n, 0, 2*float64(n*m.v)*size, func() {
			b.CrossEntropy(kernels.CrossEntropyArgs{Loss: loss, Logits: logits, Targets: targets, Scale: scale, Gradient: true})
		})
	})
	g.group(func() {
		table, out, dtable, ids := g.act(g.dtype, m.v, m.c), g.act(g.dtype, n, m.c), g.empty(kernels.F32, m.v, m.c), g.ints(tokens)
		row := float64(n*m.c) * size
		g.run("Embed/forward", "rows", n, 0, 2*row, func() { b.Embed(kernels.EmbedArgs{Out: out, Table: table, Tokens: ids}) })
		a := kernels.EmbedBackwardArgs{DTable: dtable, DOut: out, Tokens: ids, Accumulate: true}
		a.Work = g.work(b.EmbedBackwardPlan(a))
		g.run("Embed/backward", "rows", n, 0, row+8*float64(n*m.c), func() { b.EmbedBackward(a) })
	})
}

// optimizer measures what a step does to the parameters of one layer.
func (g *gauge) optimizer() {
	m, b := g.model, g.backend
	l := (m.c*((m.h+2*m.k)*m.d+m.h*m.d+3*m.f) + kernels.Block - 1) / kernels.Block * kernels.Block
	g.group(func() {
		grad, sum := g.act(kernels.F32, l), g.empty(kernels.F64, 1)
		clip, hyper := g.empty(kernels.F32, kernels.ClipLen), g.empty(kernels.F32, kernels.HyperLen)
		b.Write(clip, encode(kernels.F32, []float64{1, 1, 1}))
		b.Write(hyper, encode(kernels.F32, []float64{1e-8, 1, 1}))
		g.run("SumSquares", "layer", l, 0, 4*float64(l), func() { b.SumSquares(kernels.SumSquaresArgs{Out: sum, X: grad}) })
		a := kernels.AdamWArgs{
			Master: g.act(kernels.F32, l), Shadow: g.empty(kernels.BF16, l), Grad: grad, M: g.empty(kernels.F32, l), V: g.empty(kernels.F32, l),
			Decay: g.empty(kernels.U8, l/kernels.Block), Hyper: hyper, Clip: clip, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1,
		}
		g.run("AdamW", "layer", l, 0, (4*7+2)*float64(l), func() { b.AdamW(a) })
	})
}

// decode measures paged attention of one new row in each of 8 sequences, and sampling; bytes are the cache's and the logits'.
func (g *gauge) decode() {
	m, b := g.model, g.backend
	const seqs, size = 8, 16
	pages := m.t / size
	g.group(func() {
		var table, lens, culens []int32
		for s := range int32(seqs) {
			lens, culens = append(lens, int32(m.t)), append(culens, s)
			for p := range int32(pages) {
				table = append(table, s*int32(pages)+p)
			}
		}
		a := kernels.PagedAttentionArgs{
			Out: g.empty(g.dtype, seqs, m.h, m.d), QKV: g.act(g.dtype, seqs, m.h+2*m.k, m.d),
			KCache: g.act(g.dtype, seqs*pages, m.k, size, m.d), VCache: g.act(g.dtype, seqs*pages, m.k, size, m.d),
			PageTable: g.ints(table).Reshape(seqs, pages), CuLens: g.ints(append(culens, seqs)), Lens: g.ints(lens), Heads: m.h, KVHeads: m.k,
			MaxLen: m.t, Scale: 0.125,
		}
		a.Work = g.work(b.PagedAttentionPlan(a))
		bytes := 2 * float64(seqs*m.t*m.k*m.d*g.dtype.Size())
		g.run("PagedAttention", "decode", seqs, 0, bytes, func() { b.PagedAttention(a) })
	})
	g.group(func() {
		one := g.empty(kernels.F32, seqs)
		b.Fill(kernels.FillArgs{Dst: one, Value: 0.9})
		a := kernels.SampleArgs{
			Tokens: g.empty(kernels.I32, seqs), LogProbs: g.empty(kernels.F32, seqs), Logits: g.act(kernels.F32, seqs, m.v), Temperature: one,
			TopK: g.empty(kernels.I32, seqs), TopP: one, MinP: g.empty(kernels.F32, seqs), Seeds: g.empty(kernels.I64, seqs),
			Positions: g.empty(kernels.I64, seqs),
		}
		a.Work = g.work(b.SamplePlan(a))
		g.run("Sample", "top-p", seqs, 0, 4*float64(seqs*m.v), func() { b.Sample(a) })
	})
}
