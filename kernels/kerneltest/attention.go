package kerneltest

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// attentionShape is a packed batch with the heads and features of one layer.
type attentionShape struct {
	docs         []int32 // lengths
	h, k, d      int64
	window       int64
	p            float32
	nans         bool // NaN in one document, in the last row and (with a window) in a key that has left it
	looseMaxLens bool // MaxLen is above the longest document
}

var attentionShapes = []attentionShape{
	{docs: []int32{1}, h: 1, k: 1, d: 1},
	{docs: []int32{3, 1, 2}, h: 2, k: 1, d: 7, nans: true},
	{docs: []int32{17, 0, 33}, h: 2, k: 2, d: 16, looseMaxLens: true},
	{docs: []int32{7, 9, 65}, h: 6, k: 2, d: 48, nans: true},
	{docs: []int32{130}, h: 2, k: 1, d: 33, nans: true},
	{docs: []int32{40, 21, 70}, h: 4, k: 1, d: 8, window: 5, nans: true},
	{docs: []int32{33, 80}, h: 3, k: 3, d: 24, window: 33},
	{docs: []int32{12, 30}, h: 4, k: 2, d: 17, window: 1, nans: true},
	{docs: []int32{5, 66}, h: 4, k: 2, d: 32, p: 0.2},
	{docs: []int32{40, 20, 3}, h: 2, k: 1, d: 9, p: 0.5, window: 7}, // no NaN: a dropped key is allowed, so it may be read
	{docs: []int32{97}, h: 2, k: 1, d: 128},
}

func (s attentionShape) String() string {
	return fmt.Sprintf("docs=%v,h=%d,k=%d,d=%d,window=%d,p=%g,nan=%v", s.docs, s.h, s.k, s.d, s.window, s.p, s.nans)
}

func attentionCases() []Case {
	var out []Case
	for _, s := range attentionShapes {
		for _, d := range acts {
			out = append(out, Case{Op: "Attention", Name: fmt.Sprintf("%v,%v", s, d), Units: int64(len(s.docs)), Run: func(p *Probe) {
				s.forward(p, d)
			}})
		}
	}
	return out
}

func attentionBackwardCases() []Case {
	var out []Case
	for _, s := range attentionShapes {
		for _, d := range acts {
			out = append(out, Case{Op: "AttentionBackward", Name: fmt.Sprintf("%v,%v", s, d), Units: int64(len(s.docs)), Run: func(p *Probe) {
				s.backward(p, d)
			}})
		}
	}
	return out
}

// rows returns the rows of all documents and those of a window of documents.
func (s attentionShape) rows(docs Window) (n int64, rows Window, culens []int32, longest int64) {
	culens = []int32{0}
	for i, length := range s.docs {
		i, length := int64(i), int64(length)
		n += length
		switch {
		case i < docs.From:
			rows.From += length
		case i < docs.From+docs.Count:
			rows.Count += length
			culens = append(culens, int32(rows.Count))
			longest = max(longest, length)
		}
	}
	if s.looseMaxLens {
		longest += 100
	}
	return n, rows, culens, max(longest, 1)
}

// qkv is the packed input, with the NaN rows that may not show anywhere else.
func (s attentionShape) qkv(p *Probe, n int64) []float64 {
	width := (s.h + 2*s.k) * s.d
	x := p.values("qkv", n*width)
	if !s.nans {
		return x
	}
	fillRows(x, width, nan, n-1)
	if len(s.docs) > 1 {
		for r := range int64(s.docs[1]) {
			fillRows(x, width, nan, int64(s.docs[0])+r)
		}
	}
	if s.window > 0 {
		for head := s.h; head < s.h+2*s.k; head++ {
			fillRows(x, s.d, nan, head) // key and value of the first row
		}
	}
	return x
}

// attentionTolerance: probabilities may be rounded to BF16 for the product with BF16 values.
func attentionTolerance(d kernels.DType) Tolerance {
	if d == kernels.BF16 {
		return Tolerance{Rel: 1.01 / 128, Norm: 4e-3}
	}
	return Tolerance{Norm: 5e-6}
}

func (s attentionShape) forward(p *Probe, d kernels.DType) (kernels.AttentionArgs, Window, int64) {
	n, w, culens, longest := s.rows(p.Window())
	a := kernels.AttentionArgs{
		Out: p.RowsOut("out", w, attentionTolerance(d), d, n, s.h, s.d), LSE: p.Out("lse", Tolerance{Norm: 5e-6}, kernels.F32, s.h, w.Count),
		QKV: p.RowsPut("qkv", w, d, s.qkv(p, n), n, s.h+2*s.k, s.d), CuLens: p.Ints("culens", culens...), Heads: s.h, KVHeads: s.k,
		MaxLen: longest, Window: s.window, Scale: 0.31, Dropout: kernels.Dropout{P: s.p, Purpose: kernels.PurposeDropoutAttn, Layer: 2},
	}
	if s.p > 0 {
		a.Dropout.Step = p.dropStep(1<<20+p.Window().From, 0)
	}
	a.Work = p.Work(p.B.AttentionPlan(a))
	p.B.Attention(a)
	return a, w, n
}

// backward takes out and lse from the backend's own forward.
func (s attentionShape) backward(p *Probe, d kernels.DType) {
	f, w, n := s.forward(p, d)
	tol := Tolerance{Norm: 1e-5}
	if d == kernels.BF16 {
		tol = Tolerance{Rel: 1.01 / 128, Norm: 8e-3}
	}
	a := kernels.AttentionBackwardArgs{
		DQKV: p.RowsOut("dqkv", w, tol, d, n, s.h+2*s.k, s.d), DOut: p.RowsIn("dout", w, d, n, s.h, s.d), Out: f.Out, LSE: f.LSE,
		QKV: f.QKV, CuLens: f.CuLens, Heads: s.h, KVHeads: s.k, MaxLen: f.MaxLen, Window: s.window, Scale: f.Scale, Dropout: f.Dropout,
	}
	a.Work = p.Work(p.B.AttentionBackwardPlan(a))
	p.B.AttentionBackward(a)
}
