package kernels

import (
	"fmt"
	"unsafe"
)

// DType is the element type of a tensor.
type DType uint8

// The element types. F64 holds scalars of long sums and the reference's finite differences; F16 is a storage type of files.
const (
	NoType DType = iota
	F32
	BF16
	F16
	F64
	I32
	I64
	U8
)

var dtypeNames = [...]string{"none", "f32", "bf16", "f16", "f64", "i32", "i64", "u8"}
var dtypeSizes = [...]int64{0, 4, 2, 2, 8, 4, 8, 1}

func (d DType) String() string { return dtypeNames[d] }

// Size returns the bytes of one element.
func (d DType) Size() int64 { return dtypeSizes[d] }

// Memory is one allocation on one device, or a mapped file. It is freed by the backend that made it, never by the
// garbage collector.
type Memory struct {
	Addr uintptr    // device address; a host address outside Go's heap for backends that compute on the host
	Size int64      // bytes
	Kind MemoryKind // what it is counted as
	Host bool       // the host may address it directly
}

// Tensor is a contiguous row-major view of a Memory. The zero Tensor means "absent". It is a small value: copy it freely.
type Tensor struct {
	Type DType
	rank int8
	dims [4]int64
	Addr uintptr // address of the first element
	Mem  *Memory
}

// NewTensor views mem from byte offset off as a tensor of the given shape (one to four dimensions). It panics when the
// view leaves the allocation.
func NewTensor(mem *Memory, off int64, t DType, dims ...int64) Tensor {
	out := ShapeOf(t, dims...)
	out.Mem, out.Addr = mem, mem.Addr+uintptr(off)
	if off < 0 || off+out.Bytes() > mem.Size {
		panic(&ShapeError{Op: "tensor", Code: "view outside its memory", Detail: fmt.Sprintf("%v at byte %d of %d", out, off, mem.Size)})
	}
	return out
}

// ShapeOf returns a tensor without memory, as planning takes it.
func ShapeOf(t DType, dims ...int64) Tensor {
	if len(dims) == 0 || len(dims) > 4 {
		panic(&ShapeError{Op: "tensor", Code: "rank must be 1 to 4", Detail: fmt.Sprint(dims)})
	}
	out := Tensor{Type: t, rank: int8(len(dims))}
	copy(out.dims[:], dims)
	for _, d := range dims {
		if d < 0 {
			panic(&ShapeError{Op: "tensor", Code: "negative dimension", Detail: fmt.Sprint(dims)})
		}
	}
	return out
}

// IsZero reports whether the tensor is absent.
func (t Tensor) IsZero() bool { return t.rank == 0 }

// Rank returns the number of dimensions.
func (t Tensor) Rank() int { return int(t.rank) }

// Dim returns the length of dimension i.
func (t Tensor) Dim(i int) int64 { return t.dims[i] }

// Dims returns a copy of the shape.
func (t Tensor) Dims() []int64 { return append([]int64(nil), t.dims[:t.rank]...) }

// Len returns the number of elements.
func (t Tensor) Len() int64 {
	if t.rank == 0 {
		return 0
	}
	n := int64(1)
	for _, d := range t.dims[:t.rank] {
		n *= d
	}
	return n
}

// Bytes returns the size of the view in bytes.
func (t Tensor) Bytes() int64 { return t.Len() * t.Type.Size() }

// Rows returns rows [from, from+n) of the first dimension.
func (t Tensor) Rows(from, n int64) Tensor {
	if from < 0 || n < 0 || from+n > t.dims[0] {
		panic(&ShapeError{Op: "tensor", Code: "rows out of range", Detail: fmt.Sprintf("[%d,%d) of %v", from, from+n, t)})
	}
	row := int64(1)
	for _, d := range t.dims[1:t.rank] {
		row *= d
	}
	out := t
	out.dims[0] = n
	if t.Addr != 0 {
		out.Addr = t.Addr + uintptr(from*row*t.Type.Size())
	}
	return out
}

// Reshape returns the same elements under another shape of equal length.
func (t Tensor) Reshape(dims ...int64) Tensor {
	out := ShapeOf(t.Type, dims...)
	if out.Len() != t.Len() {
		panic(&ShapeError{Op: "tensor", Code: "reshape changes the length", Detail: fmt.Sprintf("%v to %v", t, dims)})
	}
	out.Addr, out.Mem = t.Addr, t.Mem
	return out
}

func (t Tensor) String() string {
	if t.rank == 0 {
		return "absent"
	}
	return fmt.Sprintf("%v%v", t.Type, t.dims[:t.rank])
}

// HostBytes views a tensor's memory on the host. Only for backends whose memory the host may address, and only after Sync.
func (t Tensor) HostBytes() []byte { return hostSlice[byte](t, t.Bytes(), 1) }

// HostF32 is HostBytes for F32 tensors.
func (t Tensor) HostF32() []float32 { return hostSlice[float32](t, t.Len(), F32.Size(), F32) }

// HostF64 is HostBytes for F64 tensors.
func (t Tensor) HostF64() []float64 { return hostSlice[float64](t, t.Len(), F64.Size(), F64) }

// HostU16 is HostBytes for BF16 and F16 tensors, as raw bits.
func (t Tensor) HostU16() []uint16 { return hostSlice[uint16](t, t.Len(), 2, BF16, F16) }

// HostI32 is HostBytes for I32 tensors.
func (t Tensor) HostI32() []int32 { return hostSlice[int32](t, t.Len(), I32.Size(), I32) }

// HostI64 is HostBytes for I64 tensors.
func (t Tensor) HostI64() []int64 { return hostSlice[int64](t, t.Len(), I64.Size(), I64) }

// HostU8 is HostBytes for U8 tensors.
func (t Tensor) HostU8() []uint8 { return hostSlice[uint8](t, t.Len(), 1, U8) }

func hostSlice[T any](t Tensor, n, _ int64, types ...DType) []T {
	if n == 0 {
		return nil
	}
	if t.Mem == nil || !t.Mem.Host {
		panic(&ShapeError{Op: "tensor", Code: "memory is not addressable by the host", Detail: t.String()})
	}
	ok := len(types) == 0
	for _, d := range types {
		ok = ok || d == t.Type
	}
	if !ok {
		panic(&ShapeError{Op: "tensor", Code: "host view of another dtype", Detail: t.String()})
	}
	// The address lies outside Go's heap (see Memory), so the conversion cannot hide a pointer from the collector.
	return unsafe.Slice((*T)(*(*unsafe.Pointer)(unsafe.Pointer(&t.Addr))), n)
}
