package model

import "github.com/primer-lm/primer/kernels"

// lossAndGradient computes logits, losses and their gradients chunk by chunk of rows, so that the logits of a whole batch
// never exist. The gradient of the last norm's output lands in final.dh, that of the output matrix in its buffer.
func (t *Trainer) lossAndGradient(in *stepInputs, first bool) {
	f := &t.layout.final
	h, dh, loss := f.h.rows(in.n), f.dh.rows(in.n), f.loss.rows(in.lossRows)
	if in.gather {
		t.b.Fill(kernels.FillArgs{Dst: dh})
	}
	if in.lossRows == 0 && first {
		t.b.Fill(kernels.FillArgs{Dst: t.headGrad})
		t.b.Fill(kernels.FillArgs{Dst: t.layout.loss.full()})
		return
	}
	for from := int64(0); from < in.lossRows; from += t.opt.LogitRows {
		n := min(t.opt.LogitRows, in.lossRows-from)
		rows := in.rows.Rows(from, n)
		hc, dhc := h, dh
		if in.gather {
			hc, dhc = f.hRows.rows(n), f.dhRows.rows(n)
			t.b.Embed(kernels.EmbedArgs{Out: hc, Table: h, Tokens: rows})
		} else {
			hc, dhc = h.Rows(from, n), dh.Rows(from, n)
		}
		logits := f.logits.rows(n)
		t.b.Linear(kernels.LinearArgs{Y: logits, X: hc, W: t.w.head})
		t.b.CrossEntropy(kernels.CrossEntropyArgs{Loss: loss.Rows(from, n), Logits: logits, Targets: in.targets.Rows(from, n),
			Scale: in.scale, Gradient: true})
		t.b.LinearBackwardInput(kernels.LinearBackwardInputArgs{DX: dhc, DY: logits, W: t.w.head})
		t.b.LinearBackwardWeight(kernels.LinearBackwardWeightArgs{DW: t.headGrad, DY: logits, X: hc, Math: t.opt.Math,
			Accumulate: !first || from > 0})
		if in.gather {
			t.b.EmbedBackward(kernels.EmbedBackwardArgs{DTable: dh, DOut: dhc, Tokens: rows, Work: t.layout.work.full(), Accumulate: true})
		}
	}
	if in.lossRows > 0 {
		t.b.Sum(kernels.SumArgs{Out: t.layout.loss.full(), X: loss, Accumulate: !first})
	}
}

// score computes each row's loss and most probable token without gradients, into loss and argmax, in the order of rows.
func (m *net) score(in *stepInputs, f *finalSlots, logitRows int64) {
	h, loss, argmax := f.h.rows(in.n), f.loss.rows(in.lossRows), f.argmax.rows(in.lossRows)
	for from := int64(0); from < in.lossRows; from += logitRows {
		n := min(logitRows, in.lossRows-from)
		hc := h
		if in.gather {
			hc = f.hRows.rows(n)
			m.b.Embed(kernels.EmbedArgs{Out: hc, Table: h, Tokens: in.rows.Rows(from, n)})
		} else {
			hc = h.Rows(from, n)
		}
		logits := f.logits.rows(n)
		m.b.Linear(kernels.LinearArgs{Y: logits, X: hc, W: m.w.head})
		m.b.CrossEntropy(kernels.CrossEntropyArgs{Loss: loss.Rows(from, n), Logits: logits, Targets: in.targets.Rows(from, n),
			ArgMax: argmax.Rows(from, n)})
	}
}
