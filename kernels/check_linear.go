package kernels

import "fmt"

func (c checker) weight(w Weight) {
	ok := w.O > 0 && w.I > 0 && (setAct|c.wide)&(1<<w.Type) != 0
	if ok && w.Tensor.rank != 0 {
		ok = w.Tensor.rank == 2 && w.Tensor.dims[0] == w.O && w.Tensor.dims[1] == w.I
	}
	if !ok {
		c.fail("weight was not prepared", fmt.Sprintf("W is %v, O=%d I=%d %v", w.Tensor, w.O, w.I, w.Type))
	}
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a LinearArgs) Check(wide ...DType) {
	c := newChecker("linear", wide)
	c.weight(a.W)
	c.rank("X", a.X, 2)
	n := a.X.dims[0]
	c.tensor("X", a.X, setAct, n, a.W.I)
	c.tensor("Y", a.Y, setAct, n, a.W.O)
	c.optional("Bias", a.Bias, setF32, a.W.O)
	c.require(!a.Accumulate || a.Bias.IsZero(), "a product accumulates or has a bias, not both", "")
	c.apart("Y", a.Y, "X", a.X)
	c.apart("Y", a.Y, "W", a.W.Tensor)
	c.apart("Y", a.Y, "Bias", a.Bias)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a LinearBackwardInputArgs) Check(wide ...DType) {
	c := newChecker("linear_backward_input", wide)
	c.weight(a.W)
	c.require(a.W.Tensor.rank != 0, "weight is not a trained one", "W has no plain tensor")
	c.rank("DY", a.DY, 2)
	n := a.DY.dims[0]
	c.tensor("DY", a.DY, setAct, n, a.W.O)
	c.tensor("DX", a.DX, setAct, n, a.W.I)
	c.apart("DX", a.DX, "DY", a.DY)
	c.apart("DX", a.DX, "W", a.W.Tensor)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a LinearBackwardWeightArgs) Check(wide ...DType) {
	c := newChecker("linear_backward_weight", wide)
	c.rank("DW", a.DW, 2)
	c.rank("X", a.X, 2)
	n, o, i := a.X.dims[0], a.DW.dims[0], a.DW.dims[1]
	c.tensor("DW", a.DW, setF32, o, i)
	c.tensor("X", a.X, setAct, n, i)
	c.tensor("DY", a.DY, setAct, n, o)
	c.optional("DBias", a.DBias, setF32, o)
	c.require((setAct|c.wide)&(1<<a.Math) != 0, "Math is not the dtype of a product", "")
	for _, out := range [2]Tensor{a.DW, a.DBias} {
		c.apart("gradient", out, "X", a.X)
		c.apart("gradient", out, "DY", a.DY)
	}
	c.apart("DW", a.DW, "DBias", a.DBias)
}
