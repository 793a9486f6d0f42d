package kernels

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a RMSNormArgs) Check(wide ...DType) {
	c := newChecker("rmsnorm", wide)
	c.rank("X", a.X, 2)
	n, dim := a.X.dims[0], a.X.dims[1]
	c.tensor("X", a.X, setAct, n, dim)
	c.tensor("Out", a.Out, setAct, n, dim)
	c.tensor("W", a.W, setAct, dim)
	c.optional("Rstd", a.Rstd, setF32, n)
	c.optional("Residual", a.Residual, setAct, n, dim)
	c.optional("Sum", a.Sum, setAct, n, dim)
	c.sameType("X", a.X, "Residual", a.Residual)
	c.sameType("X", a.X, "Sum", a.Sum)
	c.require(a.Residual.IsZero() || !a.Sum.IsZero(), "a residual needs Sum", "Sum is absent")
	c.require(a.Eps >= 0, "Eps is negative or NaN", "")
	for _, out := range [3]Tensor{a.Out, a.Rstd, a.Sum} {
		c.apart("output", out, "W", a.W)
	}
	c.apart("Out", a.Out, "X", a.X)
	c.apart("Out", a.Out, "Residual", a.Residual)
	c.apart("Out", a.Out, "Sum", a.Sum)
	c.sameOrApart("Sum", a.Sum, "X", a.X)
	c.sameOrApart("Sum", a.Sum, "Residual", a.Residual)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a RMSNormBackwardArgs) Check(wide ...DType) {
	c := newChecker("rmsnorm_backward", wide)
	c.rank("S", a.S, 2)
	n, dim := a.S.dims[0], a.S.dims[1]
	c.tensor("S", a.S, setAct, n, dim)
	c.tensor("DX", a.DX, setAct, n, dim)
	c.tensor("DOut", a.DOut, setAct, n, dim)
	c.optional("DResidual", a.DResidual, setAct, n, dim)
	c.tensor("Rstd", a.Rstd, setF32, n)
	c.tensor("W", a.W, setAct, dim)
	c.tensor("DW", a.DW, setF32, dim)
	c.work(a.Work)
	c.sameOrApart("DX", a.DX, "DOut", a.DOut)
	c.sameOrApart("DX", a.DX, "DResidual", a.DResidual)
	for _, in := range [4]Tensor{a.S, a.Rstd, a.W, a.DW} {
		c.apart("DX", a.DX, "another tensor", in)
	}
	for _, in := range [5]Tensor{a.DOut, a.DResidual, a.S, a.Rstd, a.W} {
		c.apart("DW", a.DW, "an input", in)
	}
}
