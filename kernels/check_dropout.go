package kernels

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a DropoutArgs) Check(wide ...DType) {
	c := newChecker("dropout", wide)
	c.rank("X", a.X, 2)
	c.tensor("X", a.X, setAct, a.X.dims[0], a.X.dims[1])
	c.tensor("Out", a.Out, setAct, a.X.dims[0], a.X.dims[1])
	c.sameType("X", a.X, "Out", a.Out)
	c.dropout(a.Dropout)
	c.sameOrApart("Out", a.Out, "X", a.X)
	c.apart("Out", a.Out, "Dropout.Step", a.Dropout.Step)
}
