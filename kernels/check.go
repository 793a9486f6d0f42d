package kernels

import "fmt"

// Every args struct has a Check method that all backends call first: it panics with a *ShapeError when a tensor that the op
// needs is absent, has a wrong shape, dtype or alignment, or overlaps a tensor that it may not alias. It reads no tensor and
// allocates nothing. A backend that also computes in F64 (the reference) calls Check(F64): F64 may then stand wherever the
// contract says F32.

// dtypeSet is a set of dtypes as bits.
type dtypeSet uint16

const (
	setF32    = dtypeSet(1 << F32)
	setAct    = setF32 | 1<<BF16
	setTable  = setAct | 1<<F16
	setF64    = dtypeSet(1 << F64)
	setI32    = dtypeSet(1 << I32)
	setI64    = dtypeSet(1 << I64)
	setU8     = dtypeSet(1 << U8)
	anyLength = int64(-1)
)

// checker carries the op's name and the dtypes that the backend adds.
type checker struct {
	op   string
	wide dtypeSet
}

func newChecker(op string, wide []DType) checker {
	c := checker{op: op}
	for _, d := range wide {
		c.wide |= 1 << d
	}
	return c
}

func (c checker) fail(code, detail string) { panic(&ShapeError{Op: c.op, Code: code, Detail: detail}) }

// tensor requires t to be present with a dtype of the set and these dimensions (anyLength matches all).
func (c checker) tensor(name string, t Tensor, set dtypeSet, dims ...int64) {
	if t.rank == 0 {
		c.fail("tensor is absent", name)
	}
	if set&setF32 != 0 {
		set |= c.wide
	}
	if set&(1<<t.Type) == 0 {
		c.fail("dtype does not fit", fmt.Sprintf("%s is %v", name, t))
	}
	same := int(t.rank) == len(dims)
	for i := 0; same && i < len(dims); i++ {
		same = dims[i] == anyLength || dims[i] == t.dims[i]
	}
	if !same {
		c.fail("shape does not fit", fmt.Sprintf("%s is %v, needs %v", name, t, append([]int64(nil), dims...)))
	}
	if size := uintptr(t.Type.Size()); t.Addr%min(size, 4) != 0 {
		c.fail("tensor is not aligned", fmt.Sprintf("%s is %v at %#x", name, t, t.Addr))
	}
}

// optional is tensor for a tensor that may be absent.
func (c checker) optional(name string, t Tensor, set dtypeSet, dims ...int64) {
	if t.rank != 0 {
		c.tensor(name, t, set, dims...)
	}
}

// work requires a workspace to be absent or bytes; its size is the backend's to check against its own plan.
func (c checker) work(t Tensor) { c.optional("Work", t, setU8, anyLength) }

// rank requires the rank first, so that dimensions may be read to build the other shapes.
func (c checker) rank(name string, t Tensor, rank int) {
	if int(t.rank) != rank {
		c.fail("rank does not fit", fmt.Sprintf("%s is %v, needs %d dimensions", name, t, rank))
	}
}

// apart requires that two tensors share no byte.
func (c checker) apart(name string, a Tensor, other string, b Tensor) {
	if overlap(a, b) {
		c.fail("tensors may not overlap", fmt.Sprintf("%s %v and %s %v", name, a, other, b))
	}
}

// sameOrApart allows in-place work: the tensors are the same elements, or share no byte.
func (c checker) sameOrApart(name string, a Tensor, other string, b Tensor) {
	if a.Addr == b.Addr && a.Type == b.Type && a.Len() == b.Len() {
		return
	}
	c.apart(name, a, other, b)
}

// sameType requires b to have a's dtype, where both are present.
func (c checker) sameType(name string, a Tensor, other string, b Tensor) {
	if a.rank != 0 && b.rank != 0 && a.Type != b.Type {
		c.fail("dtypes differ", fmt.Sprintf("%s %v and %s %v", name, a, other, b))
	}
}

func (c checker) require(ok bool, code, detail string) {
	if !ok {
		c.fail(code, detail)
	}
}

func overlap(a, b Tensor) bool {
	na, nb := uintptr(a.Bytes()), uintptr(b.Bytes())
	if a.Addr == 0 || b.Addr == 0 || na == 0 || nb == 0 {
		return false
	}
	return a.Addr < b.Addr+nb && b.Addr < a.Addr+na
}

// dropout requires a probability in [0,1) and the step where it is used.
func (c checker) dropout(d Dropout) {
	c.require(d.P >= 0 && d.P < 1, "dropout probability outside [0,1)", "")
	if d.P > 0 {
		c.tensor("Dropout.Step", d.Step, setI64, StepLen)
	}
}
