package ref

import "github.com/primer-lm/primer/kernels"

// Embed looks rows up:
//
//	for n: out[n,:] = table[tokens[n],:]
func (b *Backend) Embed(a kernels.EmbedArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		dim, tokens := a.Table.Dim(1), a.Tokens.HostI32()
		if err := inside("embed", "token", tokens, a.Table.Dim(0)); err != nil {
			return err
		}
		for n, token := range tokens {
			store(a.Out.Rows(int64(n), 1), load(a.Table.Rows(int64(token), 1))[:dim])
		}
		return nil
	})
}

// EmbedBackward adds the gradients of looked-up rows:
//
//	if !Accumulate: dtable = 0
//	for n: dtable[tokens[n],:] += dout[n,:]
func (b *Backend) EmbedBackward(a kernels.EmbedBackwardArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		dim, tokens := int(a.DTable.Dim(1)), a.Tokens.HostI32()
		if err := inside("embed_backward", "token", tokens, a.DTable.Dim(0)); err != nil {
			return err
		}
		dtable, dout := start(a.DTable, a.Accumulate), load(a.DOut)
		for n, token := range tokens {
			for c := range dim {
				dtable[int(token)*dim+c] += dout[n*dim+c]
			}
		}
		store(a.DTable, dtable)
		return nil
	})
}

// EmbedBackwardPlan returns 0: the reference needs no workspace.
func (b *Backend) EmbedBackwardPlan(kernels.EmbedBackwardArgs) int64 { return 0 }

// start returns what a gradient starts from: its old value with accumulate, else zeros.
func start(t kernels.Tensor, accumulate bool) []float64 {
	if accumulate {
		return load(t)
	}
	return make([]float64, t.Len())
}

// inside requires every index to lie in [0, limit).
func inside(op, what string, indices []int32, limit int64) error {
	for n, v := range indices {
		if v < 0 || int64(v) >= limit {
			return deviceError(op, "row %d has %s %d outside [0,%d)", n, what, v, limit)
		}
	}
	return nil
}
