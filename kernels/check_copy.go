package kernels

import "fmt"

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a CopyArgs) Check(wide ...DType) {
	c := newChecker("copy", wide)
	if a.Dst.Type == a.X.Type && !a.Accumulate {
		const all = setTable | setF64 | setI32 | setI64 | setU8
		c.flat("Dst", a.Dst, all)
		c.flat("X", a.X, all)
	} else {
		into := setTable
		if a.Accumulate {
			into = setAct
		}
		c.flat("Dst", a.Dst, into)
		c.flat("X", a.X, setTable)
	}
	if a.Dst.Len() != a.X.Len() {
		c.fail("lengths differ", fmt.Sprintf("Dst %v, X %v", a.Dst, a.X))
	}
	c.apart("Dst", a.Dst, "X", a.X)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a FillArgs) Check(wide ...DType) {
	newChecker("fill", wide).flat("Dst", a.Dst, setTable|setF64|setI32|setI64|setU8)
}
