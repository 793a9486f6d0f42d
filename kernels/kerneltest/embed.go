package kerneltest

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

func embedCases() []Case {
	var out []Case
	for _, s := range []struct{ v, n, c int64 }{{1, 1, 1}, {5, 3, 7}, {33, 17, 65}, {127, 130, 33}, {512, 70, 288}} {
		for _, table := range []kernels.DType{kernels.F32, kernels.BF16, kernels.F16} {
			for _, act := range acts {
				out = append(out, embedCase(s.v, s.n, s.c, table, act))
			}
		}
		for _, act := range acts {
			for _, accumulate := range []bool{false, true} {
				out = append(out, embedBackwardCase(s.v, s.n, s.c, act, accumulate))
			}
		}
	}
	return out
}

// tokens draws n tokens, with repeats, the last of the table among them; a token of 0 never comes where the table has others.
func (p *Probe) tokens(n, v int64) []int32 {
	rng, out := p.random("tokens"), make([]int32, n)
	for i := range out {
		out[i] = int32(v - 1 - rng.Int64N(max(1, v-1)))
	}
	if n > 0 {
		out[n-1] = int32(v - 1)
	}
	return out
}

// The first row of the table is NaN and no token names it.
func embedCase(v, n, c int64, table, act kernels.DType) Case {
	name := fmt.Sprintf("v=%d,n=%d,c=%d,table=%v,out=%v", v, n, c, table, act)
	return Case{Op: "Embed", Name: name, Units: n, Run: func(p *Probe) {
		values, w := p.values("table", v*c), p.Window()
		if v > 1 {
			fillRows(values, c, nan, 0)
		}
		p.B.Embed(kernels.EmbedArgs{
			Out: p.RowsOut("out", w, exact, act, n, c), Table: p.Put("table", table, values, v, c),
			Tokens: p.RowsPut("tokens", w, kernels.I32, floats(p.tokens(n, v)), n),
		})
	}}
}

// One row of the gradient is NaN and may reach the row of its own token only.
func embedBackwardCase(v, n, c int64, act kernels.DType, accumulate bool) Case {
	name := fmt.Sprintf("v=%d,n=%d,c=%d,dout=%v,accumulate=%v", v, n, c, act, accumulate)
	return Case{Op: "EmbedBackward", Name: name, Run: func(p *Probe) {
		dout := p.values("dout", n*c)
		if n > 1 {
			fillRows(dout, c, nan, n/2)
		}
		a := kernels.EmbedBackwardArgs{
			DTable: p.Grad("dtable", accumulate, Tolerance{Norm: 2e-6}, kernels.F32, v, c), DOut: p.Put("dout", act, dout, n, c),
			Tokens: p.Ints("tokens", p.tokens(n, v)...), Accumulate: accumulate,
		}
		a.Work = p.Work(p.B.EmbedBackwardPlan(a))
		p.B.EmbedBackward(a)
	}}
}

func embedFailures() []Failure {
	var out []Failure
	for _, token := range []int32{-1, 5, 1 << 30} {
		out = append(out, Failure{Op: "Embed", Name: fmt.Sprint("token ", token), Want: []string{"embed", "2", fmt.Sprint(token)},
			Run: func(p *Probe) {
				p.B.Embed(kernels.EmbedArgs{
					Out: p.Out("out", exact, kernels.F32, 3, 4), Table: p.In("table", kernels.F32, 5, 4), Tokens: p.Ints("tokens", 4, 0, token),
				})
			}})
		for _, accumulate := range []bool{false, true} {
			name := fmt.Sprintf("token %d,accumulate=%v", token, accumulate)
			out = append(out, Failure{Op: "EmbedBackward", Name: name, Want: []string{"embed_backward", "2", fmt.Sprint(token)}, Run: func(p *Probe) {
				a := kernels.EmbedBackwardArgs{
					DTable: p.Grad("dtable", accumulate, exact, kernels.F32, 5, 4), DOut: p.In("dout", kernels.F32, 3, 4),
					Tokens: p.Ints("tokens", 4, 0, token), Accumulate: accumulate,
				}
				a.Work = p.Work(p.B.EmbedBackwardPlan(a))
				p.B.EmbedBackward(a)
			}})
		}
	}
	return out
}
