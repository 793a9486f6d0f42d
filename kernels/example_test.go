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

// A wrong shape is the caller's bug: the op panics at the call, names itself and the shapes, and computes nothing.
func ExampleShapeError() {
	b, err := device.Open("cpu")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	mem, err := b.Alloc(kernels.MemActivations, 4096)
	if err != nil {
		log.Fatal(err)
	}
	w, err := b.Prepare(kernels.NewTensor(mem, 0, kernels.F32, 8, 16), kernels.WeightTrained) // [O,I]
	if err != nil {
		log.Fatal(err)
	}
	defer b.Release(w)
	defer func() {
		e, ok := recover().(*kernels.ShapeError)
		fmt.Println(ok, e)
	}()
	x := kernels.NewTensor(mem, 1024, kernels.F32, 2, 15) // [N,I], one column short
	b.Linear(kernels.LinearArgs{Y: kernels.NewTensor(mem, 2048, kernels.F32, 2, 8), X: x, W: w})
	// Output: true linear: shape does not fit: X is f32[2 15], needs [2 16]
}

// A random number is a function of what it is for: no generator is carried along, so that any worker at any step can draw
// it again.
func ExampleSubkey() {
	draw := func(step, element uint64) uint32 {
		return kernels.Element(kernels.Subkey(7, kernels.PurposeInit, step, 0), element)
	}
	first, again := draw(3, 10), draw(3, 10)
	fmt.Println(again == first, draw(4, 10) == first, draw(3, 11) == first)
	// Output: true false false
}
