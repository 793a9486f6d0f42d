package gpu

import (
	"fmt"
	"strings"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// op is one measurement of one op of the contract. Its name is that of the method of kernels.Backend; what follows a space says
// which of several uses.
type op struct {
	name   string
	target float64 // share of the peak that the design asks for; 0: none
	make   func(*opShape) load
}

// load is an op with its tensors. FLOPs make it a matter of products, else bytes are what its time is held against.
type load struct {
	run          func()
	flops, bytes float64
}

// opShape has the letters of the contract for one layer, and the tensors' maker. Activations and weights are bf16.
type opShape struct {
	*fixture
	Layer
	c, f, h, k, d, v int64 // hidden, intermediate, heads, key heads, head_dim, vocabulary
}

const half = kernels.BF16

// opTable lists every op. Bandwidth-bound ones have the design's 85 % of the device's copy bandwidth where it says so.
func opTable() []op {
	return append(append(productOps(), rowOps()...), stateOps()...)
}

// opNames lists what opCases measures.
func opNames() (names []string) {
	for _, o := range opTable() {
		names = append(names, o.name)
	}
	return names
}

// findOp returns an op of the table by name.
func findOp(name string) (op, error) {
	for _, o := range opTable() {
		if o.name == name {
			return o, nil
		}
	}
	return op{}, fmt.Errorf("no op %q; there are %s", name, strings.Join(opNames(), ", "))
}

// shapeOf makes the letters of a layer.
func shapeOf(f *fixture, l Layer, c model.Config) *opShape {
	return &opShape{fixture: f, Layer: l, c: c.HiddenSize, f: c.IntermediateSize, h: c.NumHeads, k: c.NumKeyValueHeads, d: c.HeadDim, v: c.VocabSize}
}

// measureOp answers a case of an op.
func measureOp(b kernels.Backend, shapes *Shapes, c Case) (a Answer, err error) {
	o, err := findOp(c.Name)
	if err != nil {
		return a, err
	}
	layer, err := shapes.layer(c.Model)
	if err != nil {
		return a, err
	}
	f := &fixture{backend: b}
	defer f.release()
	err = caught(func() (err error) {
		l := o.make(shapeOf(f, layer, shapes.Models[c.Model]))
		a, err = measure(b, c.Rounds, l.run)
		a.FLOPs, a.Bytes = l.flops, l.bytes
		return err
	})
	return a, err
}

func (s *Shapes) layer(model string) (Layer, error) {
	for _, l := range s.Layers {
		if l.Model == model {
			return l, nil
		}
	}
	return Layer{}, fmt.Errorf("shapes %s have no layer of %q", s.Name, model)
}

// docs is CuLens of N tokens in documents of T.
func (s *opShape) docs() kernels.Tensor {
	lens := []int32{0}
	for at := int64(0); at < s.N; {
		at = min(at+s.T, s.N)
		lens = append(lens, int32(at))
	}
	return s.ints(lens...)
}

// rowBytes is the bytes of n elements of an activation.
func rowBytes(n int64) float64 { return float64(n * half.Size()) }
