package kerneltest

import "github.com/primer-lm/primer/kernels"

// Batches without rows: nothing is read or written but sums over rows, which are zero or stay as they were.
func emptyCases() []Case {
	var out []Case
	for _, d := range acts {
		out = append(out,
			embedCase(5, 0, 7, d, d), embedBackwardCase(5, 0, 7, d, false), embedBackwardCase(5, 0, 7, d, true),
			linearCase(linearShape{0, 7, 33}, d, d, d, true, false, kernels.WeightTrained),
			linearCase(linearShape{0, 7, 33}, d, d, d, false, true, kernels.WeightFrozen),
			linearBackwardInputCase(linearShape{0, 7, 33}, d, d, false),
			linearBackwardWeightCase(linearShape{33, 7, 0}, d, d, false, true), linearBackwardWeightCase(linearShape{33, 7, 0}, d, d, true, true),
			rmsnormCase(0, 17, d, d, d, "residual"), rmsnormCase(0, 17, d, d, d, "plain"),
			rmsnormBackwardCase(0, 17, d, d, false, "residual"), rmsnormBackwardCase(0, 17, d, d, true, "residual"),
			ropeCase(0, 2, 1, 6, d, false), gluCase(0, 17, d, kernels.SiLU), gluBackwardCase(0, 17, d, kernels.SiLU, false),
			dropoutCase(0, 17, d, 0, false), dropoutCase(0, 17, d, 0.5, false), crossEntropyCase(0, 17, d, true, true),
			copyCase(0, d, d, false), copyCase(0, d, kernels.F32, true), fillCase(0, d), adamwCase(0, d, true, 1), emptySample(d))
		for _, p := range []float32{0, 0.5} {
			s := attentionShape{h: 2, k: 1, d: 7, p: p}
			out = append(out, Case{Op: "Attention", Name: s.String() + d.String(), Run: func(p *Probe) { s.forward(p, d) }},
				Case{Op: "AttentionBackward", Name: s.String() + d.String(), Run: func(p *Probe) { s.backward(p, d) }})
		}
		for _, s := range []pagedShape{{h: 2, k: 1, d: 8, size: 4}, {lens: []int32{5, 9, 3}, rows: []int32{0, 3, 0}, h: 2, k: 1, d: 8, size: 4}} {
			out = append(out, Case{Op: "PagedWrite", Name: s.String() + d.String(), Run: func(p *Probe) { s.write(p, d, d) }},
				Case{Op: "PagedAttention", Name: s.String() + d.String(), Units: int64(len(s.lens)), Run: func(p *Probe) { s.attend(p, d, d) }})
		}
	}
	for _, accumulate := range []bool{false, true} {
		out = append(out, sumCase(0, accumulate), Case{Op: "SumSquares", Name: "n=0," + map[bool]string{true: "more"}[accumulate], Run: func(p *Probe) {
			p.B.SumSquares(kernels.SumSquaresArgs{
				Out: p.Grad("out", accumulate, exact, kernels.F64, 1), X: p.In("x", kernels.F32, 0), Accumulate: accumulate,
			})
		}})
	}
	for i := range out {
		out[i].Name = "no rows," + out[i].Name
	}
	return out
}

func emptySample(d kernels.DType) Case {
	return Case{Op: "Sample", Name: d.String(), Run: func(p *Probe) {
		none := func(name string, d kernels.DType) kernels.Tensor { return p.In(name, d, 0) }
		a := kernels.SampleArgs{
			Tokens: p.Out("tokens", exact, kernels.I32, 0), LogProbs: p.Out("logprobs", exact, kernels.F32, 0),
			TopTokens: p.Out("toptokens", exact, kernels.I32, 0, 3), TopLogProbs: p.Out("toplogprobs", exact, kernels.F32, 0, 3),
			Logits: p.In("logits", d, 0, 5), Temperature: none("temperature", kernels.F32), TopK: none("topk", kernels.I32),
			TopP: none("topp", kernels.F32), MinP: none("minp", kernels.F32), Seeds: none("seeds", kernels.I64), Positions: none("positions", kernels.I64),
		}
		a.Work = p.Work(p.B.SamplePlan(a))
		p.B.Sample(a)
	}}
}
