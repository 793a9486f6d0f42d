package kernels

// Check panics with a *ShapeError unless the arguments are as the contract says. X may have any shape.
func (a SumSquaresArgs) Check(wide ...DType) {
	c := newChecker("sum_squares", wide)
	c.tensor("Out", a.Out, setF64, 1)
	c.flat("X", a.X, setAct)
	c.apart("Out", a.Out, "X", a.X)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a ClipArgs) Check(wide ...DType) {
	c := newChecker("clip", wide)
	c.tensor("Clip", a.Clip, setF32, ClipLen)
	c.tensor("SumSquares", a.SumSquares, setF64, 1)
	c.optional("Loss", a.Loss, setF64, 1)
	c.require(a.MaxNorm >= 0, "MaxNorm is negative or NaN", "")
	c.apart("Clip", a.Clip, "SumSquares", a.SumSquares)
	c.apart("Clip", a.Clip, "Loss", a.Loss)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a AdamWArgs) Check(wide ...DType) {
	c := newChecker("adamw", wide)
	c.rank("Master", a.Master, 1)
	l := a.Master.dims[0]
	c.require(l%Block == 0, "length is not a multiple of a block", "")
	c.tensor("Master", a.Master, setF32, l)
	c.optional("Shadow", a.Shadow, 1<<BF16, l)
	c.tensor("Grad", a.Grad, setF32, l)
	c.tensor("M", a.M, setAct, l)
	c.tensor("V", a.V, setAct, l)
	c.sameType("M", a.M, "V", a.V)
	c.tensor("Decay", a.Decay, setU8, l/Block)
	c.tensor("Hyper", a.Hyper, setF32, HyperLen)
	c.tensor("Clip", a.Clip, setF32, ClipLen)
	if a.M.Type == BF16 {
		c.tensor("Step", a.Step, setI64, StepLen)
	}
	c.require(a.First >= 0 && a.First%Block == 0, "First is not a multiple of a block", "")
	outs := [4]Tensor{a.Master, a.Shadow, a.M, a.V}
	for i, out := range outs {
		for _, in := range [5]Tensor{a.Grad, a.Decay, a.Hyper, a.Clip, a.Step} {
			c.apart("output", out, "an input", in)
		}
		for _, other := range outs[:i] {
			c.apart("output", out, "another output", other)
		}
	}
}
