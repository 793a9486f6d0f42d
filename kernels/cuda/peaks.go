//go:build cuda

package cuda

// #include "blas.h"
import "C"

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"gorgonia.org/cu"

	"github.com/primer-lm/primer/kernels"
)

// What is measured: a product large enough for any GPU (8,192³ in bf16 is 1.1 TFLOP, a millisecond and a half on an H200), and a copy that no cache holds.
const (
	peakSize16 = 8192
	peakSize32 = 4096
	peakBytes  = 1 << 30 // of which a GPU with little memory gets an eighth of what it has
	peakRounds = 5
)

// MeasurePeaks measures what the GPU can do: products by cuBLASLt in f32 and in bf16, and a copy by the driver. Each is
// the fastest of a few, by events on the stream.
func (b *Backend) MeasurePeaks() (kernels.Peaks, error) {
	return b.MeasurePeaksOf(peakSize32, peakSize16, min(peakBytes, b.bytes/8))
}

// MeasurePeaksOf is MeasurePeaks with other sizes: of the square matrices in f32 and in bf16, and bytes of the copy.
func (b *Backend) MeasurePeaksOf(size32, size16, bytes int64) (p kernels.Peaks, err error) {
	if p.GEMM32, err = b.peakGEMM(kernels.F32, size32); err != nil {
		return p, err
	}
	if p.GEMM16, err = b.peakGEMM(kernels.BF16, size16); err != nil {
		return p, err
	}
	p.Copy, err = b.peakCopy(bytes)
	return p, err
}

// peakGEMM returns the FLOP/s of products of square matrices.
func (b *Backend) peakGEMM(t kernels.DType, size int64) (float64, error) {
	mem, err := b.Alloc(kernels.MemWorkspace, 3*size*size*t.Size())
	if err != nil {
		return 0, err
	}
	defer b.Free(mem)
	square := func(i int64) kernels.Tensor { return kernels.NewTensor(mem, i*size*size*t.Size(), t, size, size) }
	x, w, y := square(0), square(1), square(2)
	b.fillPeak(mem, t, 2*size*size)
	s := C.blas_shape{
		m: C.int64_t(size), n: C.int64_t(size), k: C.int64_t(size), lda: C.int64_t(size), ldb: C.int64_t(size), ldc: C.int64_t(size),
		turn_a: 1, bf16_in: boolInt(t == kernels.BF16), bf16_out: boolInt(t == kernels.BF16),
	}
	seconds, err := b.fastest(func() { b.gemm("peaks", s, w.Addr, x.Addr, y.Addr, false) })
	return 2 * float64(size) * float64(size) * float64(size) / seconds, err
}

// fillPeak writes n normal numbers, as weights and activations are: regular ones switch fewer transistors, and the clock is higher
// than any training will see. They repeat after an odd number of elements, so that no two rows are alike.
func (b *Backend) fillPeak(mem *kernels.Memory, t kernels.DType, n int64) {
	random := rand.New(rand.NewPCG(1, 2))
	var pattern []byte
	for range min(n, pieceBytes/t.Size()-1) {
		bits := math.Float32bits(float32(random.NormFloat64()))
		if t == kernels.BF16 {
			pattern = binary.LittleEndian.AppendUint16(pattern, uint16(bits>>16))
		} else {
			pattern = binary.LittleEndian.AppendUint32(pattern, bits)
		}
	}
	for at, bytes := int64(0), n*t.Size(); at < bytes; at += int64(len(pattern)) {
		piece := pattern[:min(int64(len(pattern)), bytes-at)]
		b.Write(kernels.NewTensor(mem, at, kernels.U8, int64(len(piece))), piece)
	}
}

func (b *Backend) peakCopy(bytes int64) (float64, error) {
	mem, err := b.Alloc(kernels.MemWorkspace, 2*bytes)
	if err != nil {
		return 0, err
	}
	defer b.Free(mem)
	x, dst := kernels.NewTensor(mem, 0, kernels.U8, bytes), kernels.NewTensor(mem, bytes, kernels.U8, bytes)
	seconds, err := b.fastest(func() { b.driverCopy(dst, x) })
	return 2 * float64(bytes) / seconds, err
}

// driverCopy issues a copy by the driver: a yardstick that none of our kernels is part of.
func (b *Backend) driverCopy(dst, x kernels.Tensor) {
	b.issue.Lock()
	defer b.issue.Unlock()
	if b.sticky != nil {
		return
	}
	err := b.inContext(func() error {
		return cu.MemcpyDtoDAsync(cu.DevicePtr(dst.Addr), cu.DevicePtr(x.Addr), x.Bytes(), b.stream)
	})
	if err != nil {
		b.stick("peaks", err)
	}
}

// fastest runs f once for warmth and then a few times between events, and returns the least time in seconds.
func (b *Backend) fastest(f func()) (seconds float64, err error) {
	f()
	for range peakRounds {
		one, err := b.Time(nil, f)
		if err != nil {
			return 0, err
		}
		if seconds == 0 || one < seconds {
			seconds = one
		}
	}
	return seconds, nil
}
