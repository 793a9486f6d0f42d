package kernels

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a RopeArgs) Check(wide ...DType) {
	c := newChecker("rope", wide)
	c.rank("QKV", a.QKV, 3)
	c.rank("Cos", a.Cos, 2)
	n, r, d := a.QKV.dims[0], a.QKV.dims[1], a.QKV.dims[2]
	c.tensor("QKV", a.QKV, setAct, n, r, d)
	c.require(d%2 == 0, "head_dim is odd", "")
	c.tensor("Cos", a.Cos, setF32, a.Cos.dims[0], d/2)
	c.tensor("Sin", a.Sin, setF32, a.Cos.dims[0], d/2)
	c.tensor("Positions", a.Positions, setI32, n)
	c.require(a.Heads > 0 && a.Heads <= r, "Heads is not between 1 and the heads of a row", "")
	c.apart("QKV", a.QKV, "Cos", a.Cos)
	c.apart("QKV", a.QKV, "Sin", a.Sin)
	c.apart("QKV", a.QKV, "Positions", a.Positions)
}
