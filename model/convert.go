package model

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// Stored is one tensor as a file holds it, little-endian.
type Stored struct {
	DType kernels.DType // F32, BF16 or F16
	Shape []int64
	Bytes []byte
	// Mapped bytes lie outside Go's heap and stay until the source is closed: a Model may use them in place.
	Mapped bool
}

// Source is where weights come from: an open Hugging Face folder, a checkpoint.
type Source interface {
	// Stored returns a tensor by its Hugging Face name.
	Stored(name string) (Stored, bool)
}

// convertChunk is the number of elements converted on the host at a time: large enough for the copy, small beside a tensor.
const convertChunk = 1 << 20

func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// bytesOf views numbers as bytes; the machine is little-endian like the files (checked by a test).
func bytesOf[T any](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}

// decodeFloats turns stored numbers into f32, exactly.
func decodeFloats(dst []float32, t kernels.DType, src []byte) {
	switch t {
	case kernels.F32:
		copy(bytesOf(dst), src)
	case kernels.BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	case kernels.F16:
		for i := range dst {
			dst[i] = halfToFloat(binary.LittleEndian.Uint16(src[2*i:]))
		}
	default:
		panic("model: stored numbers of a dtype that is not a float of files")
	}
}

// encodeFloats turns f32 into stored numbers, to nearest even.
func encodeFloats(dst []byte, t kernels.DType, src []float32) {
	switch t {
	case kernels.F32:
		copy(dst, bytesOf(src))
	case kernels.BF16:
		for i, x := range src {
			binary.LittleEndian.PutUint16(dst[2*i:], floatToBF16(x))
		}
	case kernels.F16:
		for i, x := range src {
			binary.LittleEndian.PutUint16(dst[2*i:], floatToHalf(x))
		}
	default:
		panic("model: no such dtype in files")
	}
}

func floatToBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		return uint16(b>>16) | 0x40 // quiet, and still a NaN
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func halfToFloat(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exp {
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case 0: // zero and denormals: frac × 2^-24
		v := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(v))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

func floatToHalf(x float32) uint16 {
	b := math.Float32bits(x)
	sign, mag := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case mag > 0x7f800000:
		return sign | 0x7e00
	case mag >= 0x477ff000: // rounds to 65536 or more
		return sign | 0x7c00
	case mag < 0x38800000: // below 2^-14: denormal; adding 0.5 makes the FPU round at 2^-24
		v := math.Float32frombits(mag) + 0.5
		return sign | uint16(math.Float32bits(v)-0x3f000000)
	}
	return sign | uint16((mag-0x38000000+0xfff+mag>>13&1)>>13)
}

// nonFinite returns the first element that is a NaN or an infinity, or -1.
func nonFinite(t kernels.DType, src []byte) int64 {
	if t == kernels.F32 {
		for i := 0; i < len(src); i += 4 {
			if src[i+3]&0x7f == 0x7f && src[i+2]&0x80 != 0 {
				return int64(i / 4)
			}
		}
		return -1
	}
	exponent := uint16(0x7f80)
	if t == kernels.F16 {
		exponent = 0x7c00
	}
	for i := 0; i < len(src); i += 2 {
		if binary.LittleEndian.Uint16(src[i:])&exponent == exponent {
			return int64(i / 2)
		}
	}
	return -1
}

// unchanged asks a source that can tell (a mapped folder) whether its files are still those that were opened.
func unchanged(src Source) error {
	if c, ok := src.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// writeFloats issues a copy of f32 numbers into a tensor of any float dtype; the numbers may change after Sync.
func writeFloats(b kernels.Backend, dst kernels.Tensor, src []float32) {
	if dst.Type == kernels.F64 {
		wide := make([]float64, len(src))
		for i, x := range src {
			wide[i] = float64(x)
		}
		b.Write(dst, bytesOf(wide))
		return
	}
	raw := make([]byte, dst.Bytes())
	encodeFloats(raw, dst.Type, src)
	b.Write(dst, raw)
}

// loadView copies a stored tensor into dst, converting to its dtype, in chunks. With finite set, a NaN or an infinity in it
// is an error.
func loadView(b kernels.Backend, dst kernels.Tensor, name string, shape []int64, src Source, finite bool) error {
	s, ok := src.Stored(name)
	if !ok {
		return fmt.Errorf("model: tensor %q is missing", name)
	}
	if !slices.Equal(s.Shape, shape) || int64(len(s.Bytes)) != dst.Len()*s.DType.Size() {
		return fmt.Errorf("model: tensor %q has shape %v and %d bytes, expected shape %v", name, s.Shape, len(s.Bytes), shape)
	}
	if finite {
		if at := nonFinite(s.DType, s.Bytes); at >= 0 {
			return fmt.Errorf("model: tensor %q: element %d is %w: these weights cannot be trained", name, at, ErrNonFinite)
		}
	}
	flat := dst.Reshape(dst.Len())
	if s.DType == dst.Type {
		b.Write(flat, s.Bytes)
		return b.Sync()
	}
	buf := make([]float32, min(convertChunk, flat.Len()))
	for at := int64(0); at < flat.Len(); at += convertChunk {
		n := min(convertChunk, flat.Len()-at)
		decodeFloats(buf[:n], s.DType, s.Bytes[at*s.DType.Size():][:n*s.DType.Size()])
		writeFloats(b, flat.Rows(at, n), buf[:n])
		if err := b.Sync(); err != nil {
			return fmt.Errorf("model: tensor %q: %w", name, err)
		}
	}
	return nil
}

// writeTensor reads a device tensor of F32 or BF16 and writes it as dtype t.
func writeTensor(b kernels.Backend, w io.Writer, src kernels.Tensor, t kernels.DType) error {
	flat := src.Reshape(src.Len())
	raw := make([]byte, min(convertChunk, flat.Len())*src.Type.Size())
	out := make([]byte, min(convertChunk, flat.Len())*t.Size())
	buf := make([]float32, min(convertChunk, flat.Len()))
	for at := int64(0); at < flat.Len(); at += convertChunk {
		n := min(convertChunk, flat.Len()-at)
		part := raw[:n*src.Type.Size()]
		if err := b.Read(part, flat.Rows(at, n)); err != nil {
			return err
		}
		if t != src.Type {
			decodeFloats(buf[:n], src.Type, part)
			encodeFloats(out[:n*t.Size()], t, buf[:n])
			part = out[:n*t.Size()]
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}
