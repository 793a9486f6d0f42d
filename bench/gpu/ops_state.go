package gpu

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// stateOps are those of the optimizer step and of generation.
func stateOps() []op {
	return []op{
		{"Copy", 0, (*opShape).copyRows},
		{"Fill", 0, (*opShape).fill},
		{"Sum", 0, (*opShape).sum},
		{"SumSquares", 0, (*opShape).sumSquares},
		{"Clip", 0, (*opShape).clip},
		{"AdamW", streamTarget, func(s *opShape) load { return s.adamw(kernels.F32) }},
		{"AdamW bf16-moments", streamTarget, func(s *opShape) load { return s.adamw(half) }},
		{"PagedWrite", 0, (*opShape).pagedWrite},
		{"PagedAttention decode", 0, (*opShape).pagedAttention},
		{"Sample", 0, (*opShape).sample},
	}
}

func (s *opShape) copyRows() load {
	a := kernels.CopyArgs{Dst: s.zeros(half, s.N, s.c), X: s.normal(half, s.N, s.c)}
	return load{run: func() { s.backend.Copy(a) }, bytes: 2 * rowBytes(s.N*s.c)}
}

func (s *opShape) fill() load {
	a := kernels.FillArgs{Dst: s.zeros(half, s.N, s.c), Value: 1}
	return load{run: func() { s.backend.Fill(a) }, bytes: rowBytes(s.N * s.c)}
}

// sum gathers the losses of a micro-batch: N numbers, a matter of a launch.
func (s *opShape) sum() load {
	a := kernels.SumArgs{Out: s.zeros(kernels.F64, 1), X: s.normal(kernels.F32, s.N)}
	return load{run: func() { s.backend.Sum(a) }, bytes: 4 * float64(s.N)}
}

// params is one layer's parameters, as the flat buffers hold them.
func (s *opShape) params() int64 {
	n := s.c * ((s.h+2*s.k)*s.d + s.h*s.d + 3*s.f)
	return (n + kernels.Block - 1) / kernels.Block * kernels.Block
}

func (s *opShape) sumSquares() load {
	a := kernels.SumSquaresArgs{Out: s.zeros(kernels.F64, 1), X: s.normal(kernels.F32, s.params())}
	return load{run: func() { s.backend.SumSquares(a) }, bytes: 4 * float64(s.params())}
}

func (s *opShape) clip() load {
	a := kernels.ClipArgs{Clip: s.zeros(kernels.F32, kernels.ClipLen), SumSquares: s.zeros(kernels.F64, 1), Loss: s.zeros(kernels.F64, 1), MaxNorm: 1}
	return load{run: func() { s.backend.Clip(a) }, bytes: 8 + 8 + 4*kernels.ClipLen}
}

// adamw reads master, gradient and moments and writes all but the gradient, and the bf16 copy.
func (s *opShape) adamw(moments kernels.DType) load {
	l := s.params()
	a := kernels.AdamWArgs{
		Master: s.normal(kernels.F32, l), Shadow: s.zeros(half, l), Grad: s.normal(kernels.F32, l), M: s.zeros(moments, l), V: s.zeros(moments, l),
		Decay: s.zeros(kernels.U8, l/kernels.Block), Hyper: s.floats(1e-8, 1, 1), Clip: s.floats(1, 1, 1), Step: s.longs(1, 1, 0, 0),
		Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1,
	}
	return load{run: func() { s.backend.AdamW(a) }, bytes: float64(l) * float64(4*3+2+4*moments.Size())}
}

// pageSize is that of synth and of generation's tests: positions of one page of the cache.
const pageSize = 16

// cache makes a cache of Seqs sequences of T positions.
func (s *opShape) cache() (k, v kernels.Tensor, pages int64) {
	pages = (s.T + pageSize - 1) / pageSize
	return s.normal(half, s.Seqs*pages, s.k, pageSize, s.d), s.normal(half, s.Seqs*pages, s.k, pageSize, s.d), pages
}

// pagedWrite stores as many rows as the cache has places.
func (s *opShape) pagedWrite() load {
	k, v, pages := s.cache()
	n := min(s.N, s.Seqs*pages*pageSize)
	slots := make([]int64, n)
	for i := range slots {
		slots[i] = int64(i)
	}
	a := kernels.PagedWriteArgs{KCache: k, VCache: v, QKV: s.normal(half, n, s.h+2*s.k, s.d), Slots: s.longs(slots...), Heads: s.h, KVHeads: s.k}
	return load{run: func() { s.backend.PagedWrite(a) }, bytes: 2 * rowBytes(2*n*s.k*s.d)}
}

// pagedAttention is a decode step: one new row in each of Seqs sequences of T positions; the cache is read once.
func (s *opShape) pagedAttention() load {
	k, v, pages := s.cache()
	a := kernels.PagedAttentionArgs{
		Out: s.zeros(half, s.Seqs, s.h, s.d), QKV: s.normal(half, s.Seqs, s.h+2*s.k, s.d), KCache: k, VCache: v,
		PageTable: s.ints(countUp(s.Seqs*pages, s.Seqs*pages, 1)...).Reshape(s.Seqs, pages), CuLens: s.ints(countUp(s.Seqs+1, s.Seqs+1, 1)...),
		Lens: s.zeros(kernels.I32, s.Seqs), Heads: s.h, KVHeads: s.k, MaxLen: s.T, Scale: float32(1 / math.Sqrt(float64(s.d))),
	}
	s.backend.Fill(kernels.FillArgs{Dst: a.Lens, Value: float64(s.T)})
	a.Work = s.work(s.backend.PagedAttentionPlan(a))
	return load{run: func() { s.backend.PagedAttention(a) }, bytes: 2 * rowBytes(s.Seqs*s.T*s.k*s.d)}
}

// sample draws by temperature and top-p from f32 logits.
func (s *opShape) sample() load {
	n := s.Seqs
	a := kernels.SampleArgs{
		Tokens: s.zeros(kernels.I32, n), LogProbs: s.zeros(kernels.F32, n), Logits: s.normal(kernels.F32, n, s.v), Temperature: s.zeros(kernels.F32, n),
		TopK: s.zeros(kernels.I32, n), TopP: s.zeros(kernels.F32, n), MinP: s.zeros(kernels.F32, n), Seeds: s.zeros(kernels.I64, n),
		Positions: s.zeros(kernels.I64, n),
	}
	s.backend.Fill(kernels.FillArgs{Dst: a.Temperature, Value: 0.8})
	s.backend.Fill(kernels.FillArgs{Dst: a.TopP, Value: 0.9})
	a.Work = s.work(s.backend.SamplePlan(a))
	return load{run: func() { s.backend.Sample(a) }, bytes: 4 * float64(n*s.v)}
}
