package cpu

// #include "peaks.h"
import "C"

import (
	"time"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// MeasurePeaks measures what the machine can do with all threads of the team: multiply-adds held in registers, and a copy
// that no cache holds. It takes about half a second. Both kinds of products are measured in turns, so that a spell in which
// others use the machine does not make one of them look slow beside the other.
func (b *Backend) MeasurePeaks() (p kernels.Peaks, err error) {
	for range 8 {
		rate, err := b.peakGEMM(false)
		if err != nil {
			return p, err
		}
		p.GEMM32 = max(p.GEMM32, rate)
		if hostISA != isaAVX512BF16 {
			continue
		}
		if rate, err = b.peakGEMM(true); err != nil {
			return p, err
		}
		p.GEMM16 = max(p.GEMM16, rate)
	}
	p.Copy, err = b.peakCopy()
	return p, err
}

// best calls f several times and returns units of work per second of the fastest.
func (b *Backend) best(times int, units float64, f func()) (float64, error) {
	best := 0.0
	for range times {
		if err := b.Sync(); err != nil {
			return 0, err
		}
		start := time.Now()
		f()
		if err := b.Sync(); err != nil {
			return 0, err
		}
		best = max(best, units/time.Since(start).Seconds())
	}
	return best, nil
}

func (b *Backend) peakGEMM(half bool) (float64, error) {
	const chains = 24 // as in peaks.c
	a := C.peak_args{steps: 400_000, isa: C.int(hostISA), bf16: boolInt(half)}
	lanes := C.peak_lanes(a.isa, a.bf16)
	if lanes == 1 {
		a.steps /= 20 // scalar code: keep to the time
	}
	flops := 2 * float64(a.steps) * chains * float64(lanes) * float64(b.threads)
	return b.best(5, flops, func() { b.submit(C.primer_op(C.primer_peak), unsafe.Pointer(&a), unsafe.Sizeof(a)) })
}

func (b *Backend) peakCopy() (float64, error) {
	const bytes = 128 << 20
	mem, err := b.Alloc(kernels.MemWorkspace, 2*bytes)
	if err != nil {
		return 0, err
	}
	defer b.Free(mem)
	x, dst := kernels.NewTensor(mem, 0, kernels.U8, bytes), kernels.NewTensor(mem, bytes, kernels.U8, bytes)
	b.Fill(kernels.FillArgs{Dst: x, Value: 1}) // touch the pages first
	b.Fill(kernels.FillArgs{Dst: dst, Value: 2})
	return b.best(5, 2*bytes, func() { b.Copy(kernels.CopyArgs{Dst: dst, X: x}) })
}
