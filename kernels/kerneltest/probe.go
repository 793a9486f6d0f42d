package kerneltest

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/primer-lm/primer/kernels"
)

// Case is one op with its shapes, dtypes and features.
type Case struct {
	Op   string // the method of kernels.Backend
	Name string // shapes and features, for reports
	// Units is the number of rows (documents, sequences) that may be computed alone with the same bits; 0: no such promise.
	Units int64
	// Ordered cases are also compared by bits with the reference in the contract's order.
	Ordered bool
	// Denormals puts denormal numbers between all random ones; see denormal.go.
	Denormals bool
	// Pairs are outputs of one run that must agree with each other.
	Pairs []Pair
	Run   func(p *Probe)
}

// Pair names two outputs of a case.
type Pair struct {
	A, B string
	Tol  Tolerance
}

// String names a case in reports.
func (c Case) String() string { return c.Op + "/" + c.Name }

// Window is a range of rows. In a run of some rows only, tensors made with RowsIn and RowsOut hold just these.
type Window struct{ From, Count int64 }

// operand is one tensor of a case.
type operand struct {
	name   string
	tensor kernels.Tensor
	block  *block
	before []byte // its bytes before the op
	after  []byte // its bytes after the op
	role   role
	tol    Tolerance
	rows   *Window // of an output whose rows do not depend on each other
}

// Probe makes the tensors of one run of one case on one backend.
type Probe struct {
	B kernels.Backend

	name     string
	inPlace  bool
	denormal bool
	units    Window // what to run of the case's units
	operands []*operand
	weights  []kernels.Weight
}

// Window returns the rows to run where each unit is one row.
func (p *Probe) Window() Window { return p.units }

// values returns n normally distributed numbers that depend on the names of the case and the tensor only.
func (p *Probe) values(name string, n int64) []float64 {
	rng := p.random(name)
	out := make([]float64, n)
	for i := range out {
		out[i] = rng.NormFloat64()
		if p.denormal && denormalAt(i) {
			out[i] *= 0x1p-130
		}
	}
	return out
}

func (p *Probe) random(name string) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, p.name, "/", name)
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

func length(dims []int64) int64 { return kernels.ShapeOf(kernels.U8, dims...).Len() }

// In makes an input of normally distributed numbers.
func (p *Probe) In(name string, d kernels.DType, dims ...int64) kernels.Tensor {
	return p.Put(name, d, p.values(name, length(dims)), dims...)
}

// Put makes an input of given values.
func (p *Probe) Put(name string, d kernels.DType, values []float64, dims ...int64) kernels.Tensor {
	return p.add(&operand{name: name, before: encode(d, values)}, d, dims)
}

// Ints makes an I32 vector.
func (p *Probe) Ints(name string, values ...int32) kernels.Tensor {
	return p.Put(name, kernels.I32, floats(values), int64(len(values)))
}

// Longs makes an I64 vector.
func (p *Probe) Longs(name string, values ...int64) kernels.Tensor {
	return p.Put(name, kernels.I64, floats(values), int64(len(values)))
}

// Bytes makes a U8 vector.
func (p *Probe) Bytes(name string, values ...uint8) kernels.Tensor {
	return p.Put(name, kernels.U8, floats(values), int64(len(values)))
}

func floats[T int32 | int64 | uint8](values []T) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

// Out makes an output, poisoned.
func (p *Probe) Out(name string, tol Tolerance, d kernels.DType, dims ...int64) kernels.Tensor {
	n := kernels.ShapeOf(d, dims...).Bytes()
	return p.add(&operand{name: name, before: bytes.Repeat([]byte{poison}, int(n)), role: output, tol: tol}, d, dims)
}

// InOut makes an output that starts with given values: an accumulator, or what is changed in place.
func (p *Probe) InOut(name string, tol Tolerance, d kernels.DType, values []float64, dims ...int64) kernels.Tensor {
	return p.add(&operand{name: name, before: encode(d, values), role: output, tol: tol}, d, dims)
}

// Grad is Out, or with accumulate InOut with numbers to add to.
func (p *Probe) Grad(name string, accumulate bool, tol Tolerance, d kernels.DType, dims ...int64) kernels.Tensor {
	if accumulate {
		return p.InOut(name, tol, d, p.values(name, length(dims)), dims...)
	}
	return p.Out(name, tol, d, dims...)
}

// RowsIn is In for the rows of a window; dims are those of all rows.
func (p *Probe) RowsIn(name string, w Window, d kernels.DType, dims ...int64) kernels.Tensor {
	return p.RowsPut(name, w, d, p.values(name, length(dims)), dims...)
}

// RowsPut is Put for the rows of a window.
func (p *Probe) RowsPut(name string, w Window, d kernels.DType, values []float64, dims ...int64) kernels.Tensor {
	values, dims = w.of(values, dims)
	return p.Put(name, d, values, dims...)
}

// RowsOut is Out for the rows of a window, each of which must have the bits that it has among all rows.
func (p *Probe) RowsOut(name string, w Window, tol Tolerance, d kernels.DType, dims ...int64) kernels.Tensor {
	_, dims = w.of(nil, dims)
	return p.rows(p.Out(name, tol, d, dims...), w)
}

// RowsInOut is InOut for the rows of a window.
func (p *Probe) RowsInOut(name string, w Window, tol Tolerance, d kernels.DType, values []float64, dims ...int64) kernels.Tensor {
	values, dims = w.of(values, dims)
	return p.rows(p.InOut(name, tol, d, values, dims...), w)
}

// RowsGrad is Grad for the rows of a window.
func (p *Probe) RowsGrad(name string, w Window, accumulate bool, tol Tolerance, d kernels.DType, dims ...int64) kernels.Tensor {
	if accumulate {
		return p.RowsInOut(name, w, tol, d, p.values(name, length(dims)), dims...)
	}
	return p.RowsOut(name, w, tol, d, dims...)
}

func (p *Probe) rows(t kernels.Tensor, w Window) kernels.Tensor {
	p.operands[len(p.operands)-1].rows = &w
	return t
}

func (w Window) of(values []float64, dims []int64) ([]float64, []int64) {
	out := append([]int64{w.Count}, dims[1:]...)
	if values == nil {
		return nil, out
	}
	row := int64(len(values)) / max(dims[0], 1)
	return values[w.From*row : (w.From+w.Count)*row], out
}

// Work makes a poisoned workspace of n bytes between guard bands; what it holds afterwards is not compared.
func (p *Probe) Work(n int64) kernels.Tensor {
	if n == 0 {
		return kernels.Tensor{}
	}
	o := &operand{name: "work", before: bytes.Repeat([]byte{poison}, int(n)), role: workspace}
	return p.add(o, kernels.U8, []int64{n})
}

// Weight prepares a weight; it is released after the run.
func (p *Probe) Weight(w kernels.Tensor, use kernels.WeightUse) kernels.Weight {
	out, err := p.B.Prepare(w, use)
	if err != nil {
		panic(fmt.Errorf("preparing %v: %w", w, err))
	}
	p.weights = append(p.weights, out)
	return out
}

func (p *Probe) add(o *operand, d kernels.DType, dims []int64) kernels.Tensor {
	if p.denormal {
		o.tol = o.tol.orFlushed()
	}
	b, err := newBlock(p.B, p.inPlace, o.role, int64(len(o.before)), d.Size())
	if err != nil {
		panic(fmt.Errorf("tensor %s: %w", o.name, err))
	}
	o.block = b
	b.write(o.before)
	o.tensor = kernels.NewTensor(b.mem, b.at, d, dims...)
	p.operands = append(p.operands, o)
	return o.tensor
}
