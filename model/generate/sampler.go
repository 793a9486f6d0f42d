package generate

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

// sampler holds the device tensors of the sampling op, one row per sequence that gets a token.
type sampler struct {
	b    kernels.Backend
	rows int
	mem  *kernels.Memory
	host []byte // parameters of a step as on the device: seed, position (8 bytes each), temperature, top-k, top-p, min-p (4 each)
	args kernels.SampleArgs
}

func newSampler(b kernels.Backend, rows, vocab int64) (_ *sampler, err error) {
	shape := func(t kernels.DType) kernels.Tensor { return kernels.ShapeOf(t, rows) }
	plan := kernels.SampleArgs{Tokens: shape(kernels.I32), LogProbs: shape(kernels.F32), Logits: kernels.ShapeOf(kernels.F32, rows, vocab),
		Temperature: shape(kernels.F32), TopK: shape(kernels.I32), TopP: shape(kernels.F32), MinP: shape(kernels.F32),
		Seeds: shape(kernels.I64), Positions: shape(kernels.I64)}
	work := b.SamplePlan(plan)
	s := &sampler{b: b, rows: int(rows), host: make([]byte, 32*rows)}
	if s.mem, err = b.Alloc(kernels.MemWorkspace, 40*rows+work+3*64); err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	if work > 0 {
		s.args.Work = kernels.NewTensor(s.mem, (40*rows+63)/64*64, kernels.U8, work)
	}
	return s, nil
}

func (s *sampler) close() { s.b.Free(s.mem) }

// sample draws one token for each sequence from its row of logits and waits for the result.
func (s *sampler) sample(logits kernels.Tensor, wants []*sequence) (tokens []int32, logProbs []float32, err error) {
	n := int64(len(wants))
	if n == 0 {
		return nil, nil, nil
	}
	s.parameters(wants)
	view := func(off int64, t kernels.DType) kernels.Tensor { return kernels.NewTensor(s.mem, off*n, t, n) }
	a := s.args
	a.Logits = logits
	a.Seeds, a.Positions = view(0, kernels.I64), view(8, kernels.I64)
	a.Temperature, a.TopK, a.TopP, a.MinP = view(16, kernels.F32), view(20, kernels.I32), view(24, kernels.F32), view(28, kernels.F32)
	a.Tokens, a.LogProbs = view(32, kernels.I32), view(36, kernels.F32)
	s.b.Write(kernels.NewTensor(s.mem, 0, kernels.U8, 32*n), s.host[:32*n])
	s.b.Sample(a)
	raw := make([]byte, 8*n)
	if err := s.b.Read(raw, kernels.NewTensor(s.mem, 32*n, kernels.U8, 8*n)); err != nil {
		return nil, nil, err
	}
	for i := range n {
		tokens = append(tokens, int32(binary.LittleEndian.Uint32(raw[4*i:])))
		logProbs = append(logProbs, math.Float32frombits(binary.LittleEndian.Uint32(raw[4*(n+i):])))
	}
	return tokens, logProbs, nil
}

// parameters lays out what each row is sampled with.
func (s *sampler) parameters(wants []*sequence) {
	n := len(wants)
	put32 := func(column, i int, v uint32) { binary.LittleEndian.PutUint32(s.host[column*n+4*i:], v) }
	for i, w := range wants {
		r := &w.req
		binary.LittleEndian.PutUint64(s.host[8*i:], r.Seed)
		binary.LittleEndian.PutUint64(s.host[8*n+8*i:], uint64(len(w.tokens)))
		put32(16, i, math.Float32bits(r.Temperature))
		put32(20, i, uint32(r.TopK))
		put32(24, i, math.Float32bits(r.TopP))
		put32(28, i, math.Float32bits(r.MinP))
	}
}
