package gpu

import "github.com/primer-lm/primer/kernels"

// streamTarget is the share of the device's copy bandwidth that the design asks of what only reads and writes.
const streamTarget = 0.85

// rowOps are the ops of a layer whose time is reading and writing rows. Bytes are what an op must read and write once.
func rowOps() []op {
	return []op{
		{"RMSNorm", streamTarget, (*opShape).norm},
		{"RMSNormBackward", streamTarget, (*opShape).normBackward},
		{"Rope", streamTarget, (*opShape).rope},
		{"GLU", streamTarget, (*opShape).glu},
		{"GLUBackward", streamTarget, (*opShape).gluBackward},
		{"Dropout", 0, (*opShape).drop},
		{"CrossEntropy", streamTarget, (*opShape).loss},
		{"Embed", 0, (*opShape).embed},
		{"EmbedBackward", 0, (*opShape).embedBackward},
	}
}

// norm is fused with the residual add: two rows in, two out.
func (s *opShape) norm() load {
	a := kernels.RMSNormArgs{Out: s.zeros(half, s.N, s.c), Sum: s.zeros(half, s.N, s.c), Rstd: s.zeros(kernels.F32, s.N),
		X: s.normal(half, s.N, s.c), Residual: s.normal(half, s.N, s.c), W: s.normal(kernels.F32, s.c), Eps: 1e-5}
	return load{run: func() { s.backend.RMSNorm(a) }, bytes: 4 * rowBytes(s.N*s.c)}
}

func (s *opShape) normBackward() load {
	a := kernels.RMSNormBackwardArgs{DX: s.zeros(half, s.N, s.c), DW: s.zeros(kernels.F32, s.c), DOut: s.normal(half, s.N, s.c),
		DResidual: s.normal(half, s.N, s.c), S: s.normal(half, s.N, s.c), Rstd: s.zeros(kernels.F32, s.N), W: s.normal(kernels.F32, s.c), Accumulate: true}
	s.backend.Fill(kernels.FillArgs{Dst: a.Rstd, Value: 1})
	a.Work = s.work(s.backend.RMSNormBackwardPlan(a))
	return load{run: func() { s.backend.RMSNormBackward(a) }, bytes: 4 * rowBytes(s.N*s.c)}
}

// rope turns queries and keys in place; values are not touched.
func (s *opShape) rope() load {
	a := kernels.RopeArgs{QKV: s.normal(half, s.N, s.h+2*s.k, s.d), Cos: s.zeros(kernels.F32, s.T, s.d/2), Sin: s.zeros(kernels.F32, s.T, s.d/2),
		Positions: s.ints(countUp(s.N, s.T, 1)...), Heads: s.h + s.k}
	s.backend.Fill(kernels.FillArgs{Dst: a.Cos, Value: 0.6})
	s.backend.Fill(kernels.FillArgs{Dst: a.Sin, Value: 0.8}) // lengths stay what they are
	return load{run: func() { s.backend.Rope(a) }, bytes: 2 * rowBytes(s.N*(s.h+s.k)*s.d)}
}

func (s *opShape) glu() load {
	a := kernels.GLUArgs{Out: s.zeros(half, s.N, s.f), GateUp: s.normal(half, s.N, 2*s.f)}
	return load{run: func() { s.backend.GLU(a) }, bytes: 3 * rowBytes(s.N*s.f)}
}

func (s *opShape) gluBackward() load {
	a := kernels.GLUBackwardArgs{DGateUp: s.zeros(half, s.N, 2*s.f), DOut: s.normal(half, s.N, s.f), GateUp: s.normal(half, s.N, 2*s.f)}
	return load{run: func() { s.backend.GLUBackward(a) }, bytes: 5 * rowBytes(s.N*s.f)}
}

func (s *opShape) drop() load {
	a := kernels.DropoutArgs{Out: s.zeros(half, s.N, s.c), X: s.normal(half, s.N, s.c),
		Dropout: kernels.Dropout{P: 0.1, Purpose: kernels.PurposeDropoutMLP, Step: s.longs(1, 1, 0, 0)}}
	return load{run: func() { s.backend.Dropout(a) }, bytes: 2 * rowBytes(s.N*s.c)}
}

// loss reads the logits and overwrites them with their gradient, as a step does. From the second call on it is given gradients
// in place of logits: the work is the same.
func (s *opShape) loss() load {
	n := s.LogitRows
	a := kernels.CrossEntropyArgs{Loss: s.zeros(kernels.F32, n), Logits: s.normal(half, n, s.v), Targets: s.ints(countUp(n, s.v, 7919)...),
		Scale: s.floats(1), Gradient: true}
	return load{run: func() { s.backend.CrossEntropy(a) }, bytes: 2 * rowBytes(n*s.v)}
}

func (s *opShape) embed() load {
	a := kernels.EmbedArgs{Out: s.zeros(half, s.N, s.c), Table: s.normal(half, s.v, s.c), Tokens: s.ints(countUp(s.N, s.v, 7919)...)}
	return load{run: func() { s.backend.Embed(a) }, bytes: 2 * rowBytes(s.N*s.c)}
}

// embedBackward reads N rows of bf16 and adds to as many of f32.
func (s *opShape) embedBackward() load {
	a := kernels.EmbedBackwardArgs{DTable: s.zeros(kernels.F32, s.v, s.c), DOut: s.normal(half, s.N, s.c),
		Tokens: s.ints(countUp(s.N, s.v, 7919)...), Accumulate: true}
	a.Work = s.work(s.backend.EmbedBackwardPlan(a))
	return load{run: func() { s.backend.EmbedBackward(a) }, bytes: rowBytes(s.N*s.c) + 8*float64(s.N*s.c)}
}
