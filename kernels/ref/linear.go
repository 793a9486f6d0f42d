package ref

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// Prepare keeps a plain weight as it is. F16 is converted to F32, which is exact.
func (b *Backend) Prepare(w kernels.Tensor, _ kernels.WeightUse) (kernels.Weight, error) {
	if w.Rank() != 2 {
		panic(&kernels.ShapeError{Op: "prepare", Code: "a weight has two dimensions", Detail: w.String()})
	}
	out := kernels.Weight{Tensor: w, Layout: "plain", O: w.Dim(0), I: w.Dim(1), Type: w.Type}
	switch w.Type {
	case kernels.F32, kernels.BF16, kernels.F64:
		return out, nil
	case kernels.F16:
		mem, err := b.Alloc(kernels.MemWeights, w.Len()*kernels.F32.Size())
		if err != nil {
			return kernels.Weight{}, fmt.Errorf("converting a weight %v: %w", w, err)
		}
		out.Tensor, out.Type, out.Packed = kernels.NewTensor(mem, 0, kernels.F32, out.O, out.I), kernels.F32, mem
		store(out.Tensor, load(w))
		return out, nil
	default:
		panic(&kernels.ShapeError{Op: "prepare", Code: "dtype does not fit", Detail: w.String()})
	}
}

// Release frees the converted copy of an F16 weight.
func (b *Backend) Release(w kernels.Weight) {
	if mem, ok := w.Packed.(*kernels.Memory); ok {
		b.Free(mem)
	}
}

// factors loads a factor of a product of the given type.
func factors(t kernels.Tensor, math kernels.DType) []float64 {
	if math == kernels.BF16 {
		return roundBF16(load(t))
	}
	return load(t)
}

// Linear is the product with the transposed weight:
//
//	for n, o: y[n,o] = (Accumulate ? y[n,o] : bias[o]) + Σ_i x[n,i]·w[o,i]
func (b *Backend) Linear(a kernels.LinearArgs) {
	a.Check(kernels.F64)
	if b.options.Ordered {
		b.run(func() error { LinearOrdered(a); return nil })
		return
	}
	b.run(func() error {
		rows, outs, ins := int(a.X.Dim(0)), int(a.W.O), int(a.W.I)
		x, w, bias := factors(a.X, a.W.Type), load(a.W.Tensor), load(a.Bias)
		y := start(a.Y, a.Accumulate)
		for n := range rows {
			for o := range outs {
				if bias != nil {
					y[n*outs+o] += bias[o]
				}
				for i := range ins {
					y[n*outs+o] += x[n*ins+i] * w[o*ins+i]
				}
			}
		}
		store(a.Y, y)
		return nil
	})
}

// LinearBackwardInput is the product with the weight itself:
//
//	for n, i: dx[n,i] (+)= Σ_o dy[n,o]·w[o,i]
func (b *Backend) LinearBackwardInput(a kernels.LinearBackwardInputArgs) {
	a.Check(kernels.F64)
	if b.options.Ordered {
		b.run(func() error { LinearBackwardInputOrdered(a); return nil })
		return
	}
	b.run(func() error {
		rows, outs, ins := int(a.DX.Dim(0)), int(a.W.O), int(a.W.I)
		dy, w, dx := factors(a.DY, a.W.Type), load(a.W.Tensor), start(a.DX, a.Accumulate)
		for n := range rows {
			for o := range outs {
				for i := range ins {
					dx[n*ins+i] += dy[n*outs+o] * w[o*ins+i]
				}
			}
		}
		store(a.DX, dx)
		return nil
	})
}

// LinearBackwardWeight is the sum over rows of outer products:
//
//	for o, i: dw[o,i] (+)= Σ_n dy[n,o]·x[n,i];  for o: dbias[o] (+)= Σ_n dy[n,o]
func (b *Backend) LinearBackwardWeight(a kernels.LinearBackwardWeightArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		outs := int(a.DW.Dim(0))
		if !a.DBias.IsZero() {
			dbias := start(a.DBias, a.Accumulate)
			for k, v := range load(a.DY) {
				dbias[k%outs] += v
			}
			store(a.DBias, dbias)
		}
		if b.options.Ordered {
			LinearBackwardWeightOrdered(a)
			return nil
		}
		rows, ins := int(a.X.Dim(0)), int(a.DW.Dim(1))
		dy, x, dw := factors(a.DY, a.Math), factors(a.X, a.Math), start(a.DW, a.Accumulate)
		for n := range rows {
			for o := range outs {
				for i := range ins {
					dw[o*ins+i] += dy[n*outs+o] * x[n*ins+i]
				}
			}
		}
		store(a.DW, dw)
		return nil
	})
}
