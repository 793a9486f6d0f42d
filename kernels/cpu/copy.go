package cpu

// #include "copy.h"
// #include "bf16.h"
import "C"

import (
	"math"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// Copy and fill are exact (one rounding an element at most), so all variants give the same bits.
const (
	opCopy = "copy"
	opFill = "fill"
)

func init() {
	register(opCopy, variantInfo{isaGeneric, "exact"}, variantInfo{isaAVX2, "exact"}, variantInfo{isaAVX512, "exact"})
	register(opFill, variantInfo{isaGeneric, "exact"})
}

var copyOps = [isaCount]C.primer_op{
	C.primer_op(C.primer_copy_generic), C.primer_op(C.primer_copy_avx2), C.primer_op(C.primer_copy_avx512), C.primer_op(C.primer_copy_avx512),
}

// Copy issues dst[i] = x[i], or += with Accumulate, converting on the way.
func (b *Backend) Copy(a kernels.CopyArgs) {
	a.Check()
	c := C.copy_args{n: C.int64_t(a.Dst.Len()), dst_type: C.int(a.Dst.Type), x_type: C.int(a.X.Type), accumulate: boolInt(a.Accumulate)}
	if a.Dst.Type == a.X.Type && !a.Accumulate { // bit by bit, whatever the type is
		c.n, c.dst_type, c.x_type = C.int64_t(a.Dst.Bytes()), C.int(kernels.U8), C.int(kernels.U8)
	}
	if c.n == 0 {
		return
	}
	setAddress(unsafe.Pointer(&c.dst), a.Dst)
	setAddress(unsafe.Pointer(&c.x), a.X)
	b.submit(copyOps[b.pick(opCopy)], unsafe.Pointer(&c), unsafe.Sizeof(c))
}

// Fill issues dst[i] = Value, converted to dst's dtype.
func (b *Backend) Fill(a kernels.FillArgs) {
	a.Check()
	c := C.fill_args{bytes: C.int64_t(a.Dst.Bytes()), pattern: C.uint64_t(pattern(a.Dst.Type, a.Value))}
	if c.bytes == 0 {
		return
	}
	setAddress(unsafe.Pointer(&c.dst), a.Dst)
	b.submit(C.primer_op(C.primer_fill), unsafe.Pointer(&c), unsafe.Sizeof(c))
}

// pattern is v in the given dtype, repeated to 8 bytes.
func pattern(t kernels.DType, v float64) uint64 {
	switch t {
	case kernels.F64:
		return math.Float64bits(v)
	case kernels.I64:
		return uint64(int64(v))
	case kernels.I32:
		return uint64(uint32(int32(v))) * 0x1_0000_0001
	case kernels.U8:
		return uint64(uint8(v)) * 0x0101_0101_0101_0101
	case kernels.F32:
		return uint64(math.Float32bits(float32(v))) * 0x1_0000_0001
	case kernels.BF16:
		return uint64(C.bf16_of_float(C.float(roundToOdd(v)))) * 0x0001_0001_0001_0001
	default:
		return uint64(C.primer_half_of_float(C.float(roundToOdd(v)))) * 0x0001_0001_0001_0001
	}
}

// roundToOdd rounds to f32 in the way that a later rounding to fewer bits cannot tell from rounding once: towards zero,
// with the last bit set when something was lost.
func roundToOdd(v float64) float32 {
	f := float32(v)
	u := math.Float32bits(f)
	if float64(f) == v || v != v || math.IsInf(v, 0) {
		return f
	}
	if math.Abs(float64(f)) > math.Abs(v) {
		u--
	}
	return math.Float32frombits(u | 1)
}
