package kernels

func (c checker) activation(a Activation) {
	c.require(a <= ReLU, "unknown activation", "")
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a GLUArgs) Check(wide ...DType) {
	c := newChecker("glu", wide)
	c.rank("Out", a.Out, 2)
	n, f := a.Out.dims[0], a.Out.dims[1]
	c.tensor("Out", a.Out, setAct, n, f)
	c.tensor("GateUp", a.GateUp, setAct, n, 2*f)
	c.sameType("GateUp", a.GateUp, "Out", a.Out)
	c.activation(a.Act)
	c.apart("Out", a.Out, "GateUp", a.GateUp)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a GLUBackwardArgs) Check(wide ...DType) {
	c := newChecker("glu_backward", wide)
	c.rank("DOut", a.DOut, 2)
	n, f := a.DOut.dims[0], a.DOut.dims[1]
	c.tensor("DOut", a.DOut, setAct, n, f)
	c.tensor("GateUp", a.GateUp, setAct, n, 2*f)
	c.tensor("DGateUp", a.DGateUp, setAct, n, 2*f)
	c.sameType("GateUp", a.GateUp, "DOut", a.DOut)
	c.sameType("GateUp", a.GateUp, "DGateUp", a.DGateUp)
	c.activation(a.Act)
	c.sameOrApart("DGateUp", a.DGateUp, "GateUp", a.GateUp)
	c.apart("DGateUp", a.DGateUp, "DOut", a.DOut)
}
