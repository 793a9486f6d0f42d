package kernels

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a CrossEntropyArgs) Check(wide ...DType) {
	c := newChecker("cross_entropy", wide)
	c.rank("Logits", a.Logits, 2)
	n, v := a.Logits.dims[0], a.Logits.dims[1]
	c.tensor("Logits", a.Logits, setAct, n, v)
	c.require(v > 0, "vocabulary is empty", "")
	c.tensor("Loss", a.Loss, setF32, n)
	c.tensor("Targets", a.Targets, setI32, n)
	c.optional("Mask", a.Mask, setU8, n)
	c.optional("ArgMax", a.ArgMax, setI32, n)
	if a.Gradient {
		c.tensor("Scale", a.Scale, setF32, 1)
	}
	for _, other := range [5]Tensor{a.Loss, a.Targets, a.Mask, a.Scale, a.ArgMax} {
		c.apart("Logits", a.Logits, "another tensor", other)
	}
	for _, other := range [4]Tensor{a.Targets, a.Mask, a.Scale, a.ArgMax} {
		c.apart("Loss", a.Loss, "another tensor", other)
	}
}

// Check panics with a *ShapeError unless the arguments are as the contract says. X may have any shape.
func (a SumArgs) Check(wide ...DType) {
	c := newChecker("sum", wide)
	c.tensor("Out", a.Out, setF64, 1)
	c.flat("X", a.X, setF32)
	c.apart("Out", a.Out, "X", a.X)
}

// flat requires a tensor of any shape.
func (c checker) flat(name string, t Tensor, set dtypeSet) {
	c.require(t.rank != 0, "tensor is absent", name)
	c.tensor(name, t.Reshape(t.Len()), set, anyLength)
}
