package kernels

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a EmbedArgs) Check(wide ...DType) {
	c := newChecker("embed", wide)
	c.rank("Table", a.Table, 2)
	c.rank("Out", a.Out, 2)
	n, dim := a.Out.dims[0], a.Table.dims[1]
	c.tensor("Table", a.Table, setTable, a.Table.dims[0], dim)
	c.tensor("Out", a.Out, setAct, n, dim)
	c.tensor("Tokens", a.Tokens, setI32, n)
	c.apart("Out", a.Out, "Table", a.Table)
	c.apart("Out", a.Out, "Tokens", a.Tokens)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a EmbedBackwardArgs) Check(wide ...DType) {
	c := newChecker("embed_backward", wide)
	c.rank("DTable", a.DTable, 2)
	c.rank("DOut", a.DOut, 2)
	n, dim := a.DOut.dims[0], a.DTable.dims[1]
	c.tensor("DTable", a.DTable, setF32, a.DTable.dims[0], dim)
	c.tensor("DOut", a.DOut, setAct, n, dim)
	c.tensor("Tokens", a.Tokens, setI32, n)
	c.work(a.Work)
	c.apart("DTable", a.DTable, "DOut", a.DOut)
	c.apart("DTable", a.DTable, "Tokens", a.Tokens)
	c.apart("DTable", a.DTable, "Work", a.Work)
}
