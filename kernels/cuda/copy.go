//go:build cuda

package cuda

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

const (
	opCopy = "copy"
	opFill = "fill"

	copyEach = 4 // accesses a thread of copy_bytes and fill_bytes has under way; packs of copy_f32 and so on: 2
)

func init() {
	registerOp(opCopy, "exact")
	registerOp(opFill, "exact")
}

// copyBytesArgs is struct copy_bytes_args of copy.cu.
type copyBytesArgs struct {
	failures, dst, x uintptr
	bytes            int64
	unit, head       int32
}

// copyArgs is struct copy_args of copy.cu.
type copyArgs struct {
	failures, dst, x                uintptr
	n                               int64
	xType, accumulate, aligned, pad int32
}

// fillBytesArgs is struct fill_bytes_args of copy.cu.
type fillBytesArgs struct {
	failures, dst uintptr
	bytes         int64
	pattern       uint64
	dtype, head   int32
	value         float32
	pad           int32
}

// Copy issues dst[i] = x[i], or += with Accumulate, converting on the way.
func (b *Backend) Copy(a kernels.CopyArgs) {
	a.Check()
	n := a.Dst.Len()
	if n == 0 {
		return
	}
	if a.Dst.Type == a.X.Type && !a.Accumulate {
		b.copyBytes(opCopy, addr(a.Dst), addr(a.X), a.Dst.Bytes())
		return
	}
	kernel := "copy_f16"
	if a.Dst.Type != kernels.F16 {
		kernel = "copy" + suffix(a.Dst)
	}
	args := copyArgs{
		failures: b.failures, dst: addr(a.Dst), x: addr(a.X), n: n, xType: int32(a.X.Type), accumulate: asInt(a.Accumulate),
		aligned: whole(0, a.Dst, a.X), // the last pack is not whole in general: the kernel looks
	}
	launch(b, opCopy, kernel, dims{int(ceilDiv(n, rowThreads*2*packLen)), 1, 1}, rowThreads, 0, &args)
}

// copyBytes moves bytes that do not overlap, by the widest unit of which both addresses are the same way off a multiple.
func (b *Backend) copyBytes(op string, dst, x uintptr, bytes int64) {
	if bytes == 0 {
		return
	}
	unit := uintptr(16)
	for (dst^x)%unit != 0 {
		unit /= 2
	}
	args := copyBytesArgs{
		failures: b.failures, dst: dst, x: x, bytes: bytes, unit: int32(unit), head: int32(min(int64(-dst%unit), bytes)),
	}
	launch(b, op, "copy_bytes", flatGrid(ceilDiv(bytes, int64(unit))), rowThreads, 0, &args)
}

// flatGrid is the grid of copy_bytes and fill_bytes over units.
func flatGrid(units int64) dims { return dims{int(ceilDiv(units, rowThreads*copyEach)), 1, 1} }

// Fill issues dst[i] = Value, converted to dst's dtype.
func (b *Backend) Fill(a kernels.FillArgs) {
	a.Check()
	args := fillBytesArgs{pattern: pattern(a.Dst.Type, a.Value), dtype: int32(a.Dst.Type), value: roundToOdd(a.Value)}
	b.fillBytes(opFill, addr(a.Dst), a.Dst.Bytes(), args)
}

// fillBytes repeats the pattern (or the value) of args over bytes.
func (b *Backend) fillBytes(op string, dst uintptr, bytes int64, args fillBytesArgs) {
	if bytes == 0 {
		return
	}
	args.failures, args.dst, args.bytes = b.failures, dst, bytes
	args.head = int32(min(int64(-dst%alignedPack), bytes))
	launch(b, op, "fill_bytes", flatGrid(ceilDiv(bytes, alignedPack)), rowThreads, 0, &args)
}

// pattern is v in the given dtype, repeated to 8 bytes; 0 for two-byte floats, which the kernel rounds.
func pattern(t kernels.DType, v float64) uint64 {
	switch t {
	case kernels.F64:
		return math.Float64bits(v)
	case kernels.F32:
		return uint64(math.Float32bits(float32(v))) * 0x1_0000_0001
	case kernels.I64:
		return uint64(int64(v))
	case kernels.I32:
		return uint64(uint32(int32(v))) * 0x1_0000_0001
	case kernels.U8:
		return uint64(uint8(v)) * 0x0101_0101_0101_0101
	}
	return 0
}

// roundToOdd rounds to f32 so that rounding once more, to fewer bits, gives what rounding v to them gives: a number between two
// neighbours becomes the one whose last bit is set, never a tie.
func roundToOdd(v float64) float32 {
	near := float32(v)
	if float64(near) == v || math.IsNaN(v) || math.IsInf(v, 0) {
		return near
	}
	bits := math.Float32bits(near)
	if math.Abs(float64(near)) > math.Abs(v) {
		bits-- // the neighbour towards zero
	}
	return math.Float32frombits(bits | 1)
}
