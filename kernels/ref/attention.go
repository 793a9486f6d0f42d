package ref

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// Attention is causal softmax attention inside each document:
//
//	for s, i, h: p[j] = softmax_j(Scale·q[i,h]·k[j,g]) over first(i) ≤ j ≤ i, g = h/(H/K)
//	             out[i,h] = Σ_j drop(p[j])·v[j,g];  lse[h,i] = log Σ_j exp(Scale·q[i,h]·k[j,g])
func (b *Backend) Attention(a kernels.AttentionArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		docs, err := documents("attention", a.CuLens, a.QKV.Dim(0), a.MaxLen)
		if err != nil {
			return err
		}
		p := newPacked(a.QKV, a.Heads, a.KVHeads)
		drop := newDropper(a.Dropout)
		for s, doc := range docs {
			for i := range doc.rows {
				for h := range p.h {
					n := doc.from + i
					first := firstKey(i, a.Window)
					scores := make([]float64, 0, i-first+1)
					for j := first; j <= i; j++ {
						scores = append(scores, float64(a.Scale)*dot(p.query(n, h), p.key(doc.from+j, h)))
					}
					lse := softmax(scores)
					out := make([]float64, p.d)
					for j := first; j <= i; j++ {
						if keep := drop.attention(s, h, i, j); keep != 0 {
							axpy(out, scores[j-first]*keep, p.value(doc.from+j, h))
						}
					}
					for c, v := range out {
						put(a.Out, int64((n*p.h+h)*p.d+c), v)
					}
					put(a.LSE, int64(h*p.n+n), lse)
				}
			}
		}
		return nil
	})
}

// AttentionPlan returns 0: the reference needs no workspace.
func (b *Backend) AttentionPlan(kernels.AttentionArgs) int64 { return 0 }

// document is one run of rows of the ragged batch.
type document struct{ from, rows int }

func documents(op string, culens kernels.Tensor, rows, maxLen int64) ([]document, error) {
	ends := culens.HostI32()
	if ends[0] != 0 || int64(ends[len(ends)-1]) != rows {
		return nil, deviceError(op, "cumulative lengths run from %d to %d, not from 0 to %d", ends[0], ends[len(ends)-1], rows)
	}
	var out []document
	for s := range len(ends) - 1 {
		n := int(ends[s+1]) - int(ends[s])
		if n < 0 || int64(n) > maxLen {
			return nil, deviceError(op, "document %d has %d rows, at most %d were promised", s, n, maxLen)
		}
		out = append(out, document{int(ends[s]), n})
	}
	return out, nil
}

// firstKey is the first position that query i may see.
func firstKey(i int, window int64) int {
	if window == 0 {
		return 0
	}
	return max(0, i-int(window)+1)
}

// packed reads the heads of packed q,k,v rows [N,H+2K,D].
type packed struct {
	n, h, k, d int
	x          []float64
}

func newPacked(qkv kernels.Tensor, heads, kvHeads int64) packed {
	return packed{int(qkv.Dim(0)), int(heads), int(kvHeads), int(qkv.Dim(2)), load(qkv)}
}

// head returns head r of row n; keys begin at r = H, values at r = H + K.
func (p packed) head(n, r int) []float64 { return p.x[(n*(p.h+2*p.k)+r)*p.d:][:p.d] }

func (p packed) query(n, h int) []float64 { return p.head(n, h) }
func (p packed) key(n, h int) []float64   { return p.head(n, p.h+h/(p.h/p.k)) }
func (p packed) value(n, h int) []float64 { return p.head(n, p.h+p.k+h/(p.h/p.k)) }

func dot(x, y []float64) float64 {
	sum := 0.0
	for c, v := range x {
		sum += v * y[c]
	}
	return sum
}

// axpy adds f·x to y.
func axpy(y []float64, f float64, x []float64) {
	for c, v := range x {
		y[c] += f * v
	}
}

// softmax turns scores into probabilities in place and returns their log-sum-exp.
func softmax(scores []float64) float64 {
	largest, sum := math.Inf(-1), 0.0
	for _, v := range scores {
		largest = math.Max(largest, v) // NaN stays NaN
	}
	for j, v := range scores {
		scores[j] = math.Exp(v - largest)
		sum += scores[j]
	}
	for j := range scores {
		scores[j] /= sum
	}
	return largest + math.Log(sum)
}
