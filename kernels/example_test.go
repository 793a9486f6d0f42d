package kernels_test

import (
	"encoding/binary"
	"fmt"
	"log"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
)

// One linear layer of two inputs and three outputs, on two rows: memory of the device, tensors that view it, an op that is
// issued, and a read that waits for it. Whole numbers, so that every device gives these bits.
func Example() {
	b, err := device.Open("cpu")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close() // frees the memory too
	tensor := func(kind kernels.MemoryKind, values []float32, dims ...int64) kernels.Tensor {
		t := kernels.ShapeOf(kernels.F32, dims...)
		mem, err := b.Alloc(kind, t.Bytes())
		if err != nil {
			log.Fatal(err)
		}
		t = kernels.NewTensor(mem, 0, t.Type, dims...)
		if len(values) > 0 {
			raw, _ := binary.Append(nil, binary.LittleEndian, values)
			b.Write(t, raw)
		}
		return t
	}
	x := tensor(kernels.MemInputs, []float32{1, 2, 3, 4}, 2, 2)              // [N,I]
	plain := tensor(kernels.MemWeights, []float32{1, 0, 0, 1, 10, -1}, 3, 2) // [O,I]
	bias := tensor(kernels.MemWeights, []float32{0, 0, 100}, 3)              // [O]
	y := tensor(kernels.MemActivations, nil, 2, 3)                           // [N,O]
	w, err := b.Prepare(plain, kernels.WeightFrozen)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Release(w)
	b.Linear(kernels.LinearArgs{Y: y, X: x, W: w, Bias: bias})
	raw := make([]byte, y.Bytes())
	if err := b.Read(raw, y); err != nil { // waits, and returns the first failure of what was issued
		log.Fatal(err)
	}
	out := make([]float32, y.Len())
	if _, err := binary.Decode(raw, binary.LittleEndian, out); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y, out[:3], out[3:])
	// Output: f32[2 3] [1 2 108] [3 4 126]
}

// A wrong shape is the caller's bug: it panics at the call, with the op and the shapes, before anything is computed.
func ExampleShapeError() {
	b, err := device.Open("cpu")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	defer func() {
		if e, ok := recover().(*kernels.ShapeError); ok {
			fmt.Println(e)
		}
	}()
	mem, err := b.Alloc(kernels.MemActivations, 64)
	if err != nil {
		log.Fatal(err)
	}
	x := kernels.NewTensor(mem, 0, kernels.F32, 2, 8)
	x.Rows(1, 2)
	// Output: tensor: rows out of range: [1,3) of f32[2 8]
}

// A random number is a function of what it is for: no generator is carried along, so that any worker at any step can draw
// it again.
func ExampleSubkey() {
	draw := func(step uint64, element uint64) uint32 {
		return kernels.Element(kernels.Subkey(7, kernels.PurposeInit, step, 0), element)
	}
	fmt.Println(draw(3, 10) == draw(3, 10), draw(3, 10) == draw(4, 10), draw(3, 10) == draw(3, 11))
	// Output: true false false
}
