package ref

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// AttentionBackward recomputes the probabilities from q, k and lse. For every s, i, h, with d[i] = Σ dout[i]·out[i]:
//
//	for j: p = exp(Scale·q[i]·k[j] − lse[i]);  dv[j] += drop(p)·dout[i]
//	       ds = p·(drop'(dout[i]·v[j]) − d[i]);  dq[i] += Scale·ds·k[j];  dk[j] += Scale·ds·q[i]
func (b *Backend) AttentionBackward(a kernels.AttentionBackwardArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		docs, err := documents("attention_backward", a.CuLens, a.QKV.Dim(0), a.MaxLen)
		if err != nil {
			return err
		}
		g := attentionGrad{
			p: newPacked(a.QKV, a.Heads, a.KVHeads), out: load(a.Out), dout: load(a.DOut), lse: load(a.LSE),
			scale: float64(a.Scale), drop: newDropper(a.Dropout),
		}
		g.grad = g.p
		g.grad.x = make([]float64, len(g.p.x))
		for s, doc := range docs {
			for i := range doc.rows {
				for h := range g.p.h {
					g.query(s, doc, i, h, firstKey(i, a.Window))
				}
			}
		}
		store(a.DQKV, g.grad.x)
		return nil
	})
}

type attentionGrad struct {
	p, grad        packed // values and gradients of q,k,v
	out, dout, lse []float64
	scale          float64
	drop           dropper
}

// query adds what one query of one head contributes to the gradients.
func (g attentionGrad) query(s int, doc document, i, h, first int) {
	n := doc.from + i
	out, dout := g.out[(n*g.p.h+h)*g.p.d:][:g.p.d], g.dout[(n*g.p.h+h)*g.p.d:][:g.p.d]
	di, q, dq := dot(dout, out), g.p.query(n, h), g.grad.query(n, h)
	for j := first; j <= i; j++ {
		k, v := g.p.key(doc.from+j, h), g.p.value(doc.from+j, h)
		p := math.Exp(g.scale*dot(q, k) - g.lse[h*g.p.n+n])
		keep := g.drop.attention(s, h, i, j)
		ds := -p * di
		if keep != 0 { // what is dropped is not read, be it NaN
			axpy(g.grad.value(doc.from+j, h), p*keep, dout)
			ds += p * keep * dot(dout, v)
		}
		axpy(dq, g.scale*ds, k)
		axpy(g.grad.key(doc.from+j, h), g.scale*ds, q)
	}
}

// AttentionBackwardPlan returns 0: the reference needs no workspace.
func (b *Backend) AttentionBackwardPlan(kernels.AttentionBackwardArgs) int64 { return 0 }
