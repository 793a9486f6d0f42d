package gpu

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/primer-lm/primer/kernels"
)

// stopwatch is a backend that times what f issues by the device's own clock; what ahead issues keeps it busy before and is not timed.
type stopwatch interface {
	Time(ahead, f func()) (seconds float64, err error)
}

// fixture makes tensors of one measurement and frees them together. Its methods panic with an error, which release's callers
// turn into one (caught): a table of ops is easier to read so.
type fixture struct {
	backend kernels.Backend
	held    []*kernels.Memory
	weights []kernels.Weight
}

// failure is what a fixture panics with.
type failure struct{ error }

func (f *fixture) must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// release frees everything.
func (f *fixture) release() {
	for _, w := range f.weights {
		f.backend.Release(w)
	}
	for _, mem := range f.held {
		f.backend.Free(mem)
	}
	f.held, f.weights = nil, nil
}

// caught calls g, and returns what it panics with: a fixture's failure, or a refusal of arguments.
func caught(g func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.error
		case *kernels.ShapeError:
			err = p
		default:
			panic(p)
		}
	}()
	return g()
}

// zeros allocates a tensor.
func (f *fixture) zeros(d kernels.DType, dims ...int64) kernels.Tensor {
	mem, err := f.backend.Alloc(kernels.MemActivations, max(1, kernels.ShapeOf(d, dims...).Bytes()))
	f.must(err)
	f.held = append(f.held, mem)
	return kernels.NewTensor(mem, 0, d, dims...)
}

// work is workspace of a plan; absent for none.
func (f *fixture) work(bytes int64) kernels.Tensor {
	if bytes == 0 {
		return kernels.Tensor{}
	}
	return f.zeros(kernels.U8, bytes)
}

// tileElements is how many random numbers a tensor repeats: enough that a product's operands do not look constant.
const tileElements = 1 << 18

// normal makes a tensor of normal numbers: the power that a GPU draws, and so its clock, depends on the values.
func (f *fixture) normal(d kernels.DType, dims ...int64) kernels.Tensor {
	out := f.zeros(d, dims...)
	n, size := out.Len(), d.Size()
	flat := out.Reshape(n)
	have := min(n, tileElements)
	f.backend.Write(flat.Rows(0, have), normals(d, have, size))
	for have < n { // on the device, twice as much each time
		next := min(have, n-have)
		f.backend.Copy(kernels.CopyArgs{Dst: flat.Rows(have, next), X: flat.Rows(0, next)})
		have += next
	}
	f.must(f.backend.Sync())
	return out
}

// normals returns n normal numbers of an F32 or BF16 tensor, the same each time.
func normals(d kernels.DType, n, size int64) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	raw := make([]byte, 0, n*size)
	for range n {
		bits := math.Float32bits(float32(random.NormFloat64()))
		if d == kernels.BF16 {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(bits>>16))
		} else {
			raw = binary.LittleEndian.AppendUint32(raw, bits)
		}
	}
	return raw
}

// ints makes a tensor of given numbers.
func (f *fixture) ints(values ...int32) kernels.Tensor {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
	}
	return f.write(kernels.I32, raw, int64(len(values)))
}

// longs is ints in 64 bits.
func (f *fixture) longs(values ...int64) kernels.Tensor {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return f.write(kernels.I64, raw, int64(len(values)))
}

// floats makes an F32 tensor of given numbers.
func (f *fixture) floats(values ...float32) kernels.Tensor {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return f.write(kernels.F32, raw, int64(len(values)))
}

func (f *fixture) write(d kernels.DType, raw []byte, n int64) kernels.Tensor {
	out := f.zeros(d, n)
	f.backend.Write(out, raw)
	f.must(f.backend.Sync())
	return out
}

// countUp is base, base+1, … below base+n, each modulo m.
func countUp(n, m, step int64) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(int64(i) * step % m)
	}
	return out
}

// Calls of one round are as many as fill roundSeconds, so that the gaps of the host's clock and of a launch do not show.
const (
	roundSeconds = 2e-3
	mostCalls    = 64
)

// measure warms f up and times it: each of rounds times is the mean of as many calls as take two milliseconds, behind one that is
// not timed.
func measure(b kernels.Backend, rounds int, f func()) (a Answer, err error) {
	watch, clock := time1(b)
	a.Clock = clock
	if _, err := watch(nil, f); err != nil { // the first call chooses algorithms
		return a, err
	}
	once, err := watch(nil, f)
	if err != nil {
		return a, err
	}
	calls := max(1, min(mostCalls, int(roundSeconds/max(once, 1e-9))))
	for range rounds {
		seconds, err := watch(f, func() {
			for range calls {
				f()
			}
		})
		if err != nil {
			return a, err
		}
		a.Seconds = append(a.Seconds, seconds/float64(calls))
	}
	return a, nil
}

// time1 returns how to time a function on a backend, and the clock's name: by events where the device has them, else on the host.
func time1(b kernels.Backend) (watch func(ahead, f func()) (float64, error), clock string) {
	if s, ok := b.(stopwatch); ok {
		return s.Time, clockEvents
	}
	return func(_, f func()) (float64, error) {
		if err := b.Sync(); err != nil {
			return 0, err
		}
		began := time.Now()
		f()
		err := b.Sync()
		return time.Since(began).Seconds(), err
	}, clockHost
}

// deviceBytes is the most that a backend has held of the device at once, kind by kind; staging is the host's memory.
func deviceBytes(b kernels.Backend) (total int64) {
	for kind, bytes := range b.Usage().Peak {
		if kernels.MemoryKind(kind) != kernels.MemStaging {
			total += bytes
		}
	}
	return total
}

// force makes one variant of an op the one in use, until the function that it returns is called.
func force(b kernels.Backend, mode string) (forget func(), err error) {
	if err := kernels.Force(mode, b.Variants()); err != nil {
		return nil, fmt.Errorf("%s: %w", mode, err)
	}
	return func() { _ = kernels.Force("", nil) }, nil // forgetting cannot fail
}
