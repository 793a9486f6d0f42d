package kerneltest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/primer-lm/primer/kernels"
)

// runtime tests what is no op: memory, copies, the queue, variants, and that every op refuses bad arguments.
func (s *suite) runtime() []error {
	var out []error
	for name, f := range map[string]func(kernels.Backend) error{
		"memory": testMemory, "usage": testUsage, "copies": testCopies, "map": testMap, "variants": testVariants, "weights": testWeights,
		"readback": testReadback,
	} {
		if err := guarded(f, s.main.Backend); err != nil {
			out = append(out, fmt.Errorf("%s: %w", name, err))
		}
	}
	return append(out, testRefusals(s.main.Backend)...)
}

func guarded(f func(kernels.Backend) error, b kernels.Backend) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f(b)
}

// Fresh memory is zeroed and aligned, also where an older allocation was.
func testMemory(b kernels.Backend) error {
	for _, n := range []int64{1, 63, 64, 4096, 100003} {
		for range 3 {
			mem, err := b.Alloc(kernels.MemActivations, n)
			if err != nil {
				return err
			}
			if mem.Addr%64 != 0 || mem.Size != n || mem.Kind != kernels.MemActivations {
				return fmt.Errorf("Alloc(%d) = %+v", n, *mem)
			}
			all := kernels.NewTensor(mem, 0, kernels.U8, n)
			got := make([]byte, n)
			if err := b.Read(got, all); err != nil {
				return err
			}
			if !bytes.Equal(got, make([]byte, n)) {
				return fmt.Errorf("fresh memory of %d bytes is not zero", n)
			}
			b.Fill(kernels.FillArgs{Dst: all, Value: 255})
			b.Free(mem) // the fill was issued before: it must still find its memory
		}
	}
	return b.Sync()
}

func testUsage(b kernels.Backend) error {
	before := b.Usage()
	mem, err := b.Alloc(kernels.MemCache, 1<<20)
	if err != nil {
		return err
	}
	held := b.Usage()
	b.Free(mem)
	after := b.Usage()
	now := func(u kernels.Usage) int64 { return u.Now[kernels.MemCache] }
	for kind, own := range b.Held() {
		if own < 0 || own > before.Now[kind] {
			return fmt.Errorf("the backend says that it holds %d bytes of %v itself, of %d in all", own, kernels.MemoryKind(kind), before.Now[kind])
		}
	}
	if now(held)-now(before) < 1<<20 || now(after) != now(before) || after.Peak[kernels.MemCache] < now(held) {
		return fmt.Errorf("before %v, held %v, after %v", before, held, after)
	}
	_, err = b.Alloc(kernels.MemOptimizer, 1<<55)
	if !errors.Is(err, kernels.ErrOutOfMemory) || !strings.Contains(err.Error(), fmt.Sprint(1<<55)) || !strings.Contains(err.Error(), "optimizer") {
		return fmt.Errorf("2^55 bytes: %v; want ErrOutOfMemory that names bytes and kind", err)
	}
	return nil
}

// Write, ops and Read run in the order in which they were issued.
func testCopies(b kernels.Backend) error {
	mem, err := b.Alloc(kernels.MemInputs, 4000)
	if err != nil {
		return err
	}
	defer b.Free(mem)
	x, y := kernels.NewTensor(mem, 4, kernels.F32, 400), kernels.NewTensor(mem, 2000, kernels.F32, 400)
	for k := range 50 {
		src := bytes.Repeat([]byte{byte(k)}, 1600)
		b.Write(x, src)
		clear(src) // Write has taken what it needs
		b.Copy(kernels.CopyArgs{Dst: y, X: x})
		b.Fill(kernels.FillArgs{Dst: x, Value: 1})
		got := make([]byte, 1600)
		if err := b.Read(got, y); err != nil {
			return err
		}
		if !bytes.Equal(got, bytes.Repeat([]byte{byte(k)}, 1600)) {
			return fmt.Errorf("round %d read other bytes than it wrote", k)
		}
	}
	for name, f := range map[string]func(){
		"short write": func() { b.Write(x, make([]byte, 10)) }, "long read": func() { _ = b.Read(make([]byte, 1601), x) },
	} {
		if !refuses(f) {
			return fmt.Errorf("a %s did not panic with a ShapeError", name)
		}
	}
	return b.Sync()
}

func testMap(b kernels.Backend) error {
	k, err := newBlock(b, true, input, 4001, 1)
	if err != nil {
		return err
	}
	copy(k.body[k.at:], bytes.Repeat([]byte{7}, 4001))
	// A backend that copies does so when mapping: map the bytes again, now that they are there.
	mem, err := b.Map(kernels.MemWeights, k.body)
	if err != nil {
		return err
	}
	got := make([]byte, 4001)
	if err := b.Read(got, kernels.NewTensor(mem, k.at, kernels.U8, 4001)); err != nil {
		return err
	}
	b.Free(mem)
	if !bytes.Equal(got, bytes.Repeat([]byte{7}, 4001)) {
		return errors.New("mapped bytes read differently")
	}
	return k.free()
}

// Every op that has variants has exactly one in use, which this machine can run.
func testVariants(b kernels.Backend) error {
	inUse := map[string]int{}
	for _, v := range b.Variants() {
		if v.Op == "" || v.Name == "" || v.Bits == "" || (v.InUse && !v.Available) {
			return fmt.Errorf("%+v", v)
		}
		inUse[v.Op] += map[bool]int{true: 1}[v.InUse]
	}
	for op, n := range inUse {
		if n != 1 {
			return fmt.Errorf("%s has %d variants in use", op, n)
		}
	}
	if len(inUse) == 0 {
		return errors.New("no variants are listed")
	}
	return nil
}

// Preparing and releasing a weight leaves no memory behind.
func testWeights(b kernels.Backend) error {
	mem, err := b.Alloc(kernels.MemWeights, 64*48*4)
	if err != nil {
		return err
	}
	defer b.Free(mem)
	before := b.Usage().Now[kernels.MemWeights]
	for _, d := range []kernels.DType{kernels.F32, kernels.BF16, kernels.F16} {
		for _, use := range []kernels.WeightUse{kernels.WeightTrained, kernels.WeightFrozen} {
			w, err := b.Prepare(kernels.NewTensor(mem, 0, d, 64, 48), use)
			if err != nil {
				return err
			}
			if w.O != 64 || w.I != 48 || w.Layout == "" || (use == kernels.WeightTrained && d != kernels.F16 && w.Tensor.Addr != mem.Addr) {
				return fmt.Errorf("preparing %v gave %+v", d, w)
			}
			b.Release(w)
		}
	}
	if after := b.Usage().Now[kernels.MemWeights]; after != before {
		return fmt.Errorf("%d bytes are held after Release, %d before", after, before)
	}
	return b.Sync()
}

// testRefusals calls every op with empty arguments: a caller's bug, which panics with a ShapeError and runs nothing.
func testRefusals(b kernels.Backend) []error {
	var out []error
	v := reflect.ValueOf(b)
	contract := reflect.TypeFor[kernels.Backend]()
	for i := range contract.NumMethod() {
		m := contract.Method(i)
		if m.Type.NumIn() != 1 || m.Type.NumOut() != 0 || !strings.HasSuffix(m.Type.In(0).Name(), "Args") {
			continue
		}
		if !refuses(func() { v.MethodByName(m.Name).Call([]reflect.Value{reflect.Zero(m.Type.In(0))}) }) {
			out = append(out, fmt.Errorf("%s with empty arguments did not panic with a ShapeError", m.Name))
		}
	}
	if err := b.Sync(); err != nil {
		out = append(out, fmt.Errorf("after refused arguments: %w", err))
	}
	return out
}

func refuses(f func()) (ok bool) {
	defer func() { _, ok = recover().(*kernels.ShapeError) }()
	f()
	return false
}
