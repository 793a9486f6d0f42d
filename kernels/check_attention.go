package kernels

import "fmt"

// heads requires a packed q,k,v of [N,H+2K,D] and query heads that divide into the key heads; it returns N and D.
func (c checker) heads(qkv Tensor, h, k int64) (n, d int64) {
	c.rank("QKV", qkv, 3)
	if h <= 0 || k <= 0 || h%k != 0 || qkv.dims[1] != h+2*k {
		c.fail("heads do not fit", fmt.Sprintf("QKV is %v, Heads %d, KVHeads %d", qkv, h, k))
	}
	n, d = qkv.dims[0], qkv.dims[2]
	c.tensor("QKV", qkv, setAct, n, h+2*k, d)
	return n, d
}

func (c checker) softmax(n, maxLen, window int64, scale float32) {
	c.require(maxLen > 0 || n == 0, "MaxLen is not positive", "")
	c.require(window >= 0, "Window is negative", "")
	c.require(scale > 0 || scale < 0, "Scale is zero or NaN", "")
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a AttentionArgs) Check(wide ...DType) {
	c := newChecker("attention", wide)
	n, d := c.heads(a.QKV, a.Heads, a.KVHeads)
	c.tensor("Out", a.Out, setAct, n, a.Heads, d)
	c.sameType("QKV", a.QKV, "Out", a.Out)
	c.tensor("LSE", a.LSE, setF32, a.Heads, n)
	c.tensor("CuLens", a.CuLens, setI32, anyLength)
	c.require(a.CuLens.dims[0] >= 1, "CuLens is empty", "")
	c.softmax(n, a.MaxLen, a.Window, a.Scale)
	c.dropout(a.Dropout)
	c.work(a.Work)
	for _, out := range [3]Tensor{a.Out, a.LSE, a.Work} {
		c.apart("output", out, "QKV", a.QKV)
		c.apart("output", out, "CuLens", a.CuLens)
	}
	c.apart("Out", a.Out, "LSE", a.LSE)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a AttentionBackwardArgs) Check(wide ...DType) {
	c := newChecker("attention_backward", wide)
	n, d := c.heads(a.QKV, a.Heads, a.KVHeads)
	c.tensor("DQKV", a.DQKV, setAct, n, a.Heads+2*a.KVHeads, d)
	c.tensor("DOut", a.DOut, setAct, n, a.Heads, d)
	c.tensor("Out", a.Out, setAct, n, a.Heads, d)
	c.sameType("QKV", a.QKV, "DQKV", a.DQKV)
	c.sameType("QKV", a.QKV, "DOut", a.DOut)
	c.sameType("QKV", a.QKV, "Out", a.Out)
	c.tensor("LSE", a.LSE, setF32, a.Heads, n)
	c.tensor("CuLens", a.CuLens, setI32, anyLength)
	c.require(a.CuLens.dims[0] >= 1, "CuLens is empty", "")
	c.softmax(n, a.MaxLen, a.Window, a.Scale)
	c.dropout(a.Dropout)
	c.work(a.Work)
	for _, in := range [6]Tensor{a.QKV, a.DOut, a.Out, a.LSE, a.CuLens, a.Work} {
		c.apart("DQKV", a.DQKV, "another tensor", in)
	}
}
