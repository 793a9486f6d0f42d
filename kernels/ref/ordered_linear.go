package ref

import "github.com/primer-lm/primer/kernels"

// The matrix products in the contract's order: one chain of float32 fused multiply-adds per output element.
//
//	F32 products:   acc = fma(p[k], q[k], acc), k ascending
//	BF16 products:  for each pair: acc = fma(p[2j+1], q[2j+1], acc), then acc = fma(p[2j], q[2j], acc), flushing denormals
//
// acc starts at the old value (Accumulate), else at the bias, else at +0.

// LinearOrdered is Linear in the contract's order. It checks nothing.
func LinearOrdered(a kernels.LinearArgs) {
	m := newMatrix(a.X, a.W.Type)
	product(a.Y, a.Bias, a.Accumulate, a.W.Type, m.rows, newMatrix(a.W.Tensor, a.W.Type).rows)
}

// LinearBackwardInputOrdered is LinearBackwardInput in the contract's order. It checks nothing.
func LinearBackwardInputOrdered(a kernels.LinearBackwardInputArgs) {
	product(a.DX, kernels.Tensor{}, a.Accumulate, a.W.Type, newMatrix(a.DY, a.W.Type).rows, newMatrix(a.W.Tensor, a.W.Type).columns())
}

// LinearBackwardWeightOrdered is the weight gradient of LinearBackwardWeight in the contract's order, without the bias. It
// checks nothing.
func LinearBackwardWeightOrdered(a kernels.LinearBackwardWeightArgs) {
	product(a.DW, kernels.Tensor{}, a.Accumulate, a.Math, newMatrix(a.DY, a.Math).columns(), newMatrix(a.X, a.Math).columns())
}

// matrix holds the rows of a two-dimensional tensor as the float32 factors of a product.
type matrix struct {
	rows [][]float32
	cols int
}

func newMatrix(t kernels.Tensor, math kernels.DType) matrix {
	if t.Type == kernels.F64 {
		panic(&kernels.ShapeError{Op: "linear", Code: "ordered products are not F64", Detail: t.String()})
	}
	m := matrix{rows: make([][]float32, t.Dim(0)), cols: int(t.Dim(1))}
	for r := range m.rows {
		m.rows[r] = make([]float32, m.cols)
		for c, v := range factors(t.Rows(int64(r), 1), math) {
			m.rows[r][c] = float32(v)
		}
	}
	return m
}

func (m matrix) columns() [][]float32 {
	out := make([][]float32, m.cols)
	for c := range out {
		out[c] = make([]float32, len(m.rows))
		for r := range m.rows {
			out[c][r] = m.rows[r][c]
		}
	}
	return out
}

// product sets out[r,c] = start + chain(p[r], q[c]).
func product(out, bias kernels.Tensor, accumulate bool, math kernels.DType, p, q [][]float32) {
	old, add := start(out, accumulate), load(bias)
	for r := range p {
		for c := range q {
			acc := float32(old[r*len(q)+c])
			if add != nil {
				acc = float32(add[c])
			}
			if math == kernels.BF16 {
				acc = chainBF16(p[r], q[c], acc)
			} else {
				acc = chainF32(p[r], q[c], acc)
			}
			put(out, int64(r*len(q)+c), float64(acc))
		}
	}
}

func chainF32(p, q []float32, acc float32) float32 {
	for k := range p {
		acc = FMA32(p[k], q[k], acc)
	}
	return acc
}

func chainBF16(p, q []float32, acc float32) float32 {
	for k := 0; k < len(p); k += 2 {
		odd := [2]float32{}
		if k+1 < len(p) {
			odd = [2]float32{p[k+1], q[k+1]}
		}
		acc = FMA32FTZ(odd[0], odd[1], acc)
		acc = FMA32FTZ(p[k], q[k], acc)
	}
	return acc
}
