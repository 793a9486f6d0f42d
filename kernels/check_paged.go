package kernels

// cache requires K and V caches of one shape [pages,K,PageSize,D].
func (c checker) cache(k, v Tensor, kvHeads, d int64) {
	c.rank("KCache", k, 4)
	c.tensor("KCache", k, setAct, k.dims[0], kvHeads, k.dims[2], d)
	c.tensor("VCache", v, setAct, k.dims[0], kvHeads, k.dims[2], d)
	c.sameType("KCache", k, "VCache", v)
	c.require(k.dims[2] > 0, "page size is zero", "")
	c.apart("KCache", k, "VCache", v)
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a PagedWriteArgs) Check(wide ...DType) {
	c := newChecker("paged_write", wide)
	n, d := c.heads(a.QKV, a.Heads, a.KVHeads)
	c.cache(a.KCache, a.VCache, a.KVHeads, d)
	c.tensor("Slots", a.Slots, setI64, n)
	for _, cache := range [2]Tensor{a.KCache, a.VCache} {
		c.apart("cache", cache, "QKV", a.QKV)
		c.apart("cache", cache, "Slots", a.Slots)
	}
}

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a PagedAttentionArgs) Check(wide ...DType) {
	c := newChecker("paged_attention", wide)
	n, d := c.heads(a.QKV, a.Heads, a.KVHeads)
	c.cache(a.KCache, a.VCache, a.KVHeads, d)
	c.tensor("Out", a.Out, setAct, n, a.Heads, d)
	c.sameType("QKV", a.QKV, "Out", a.Out)
	c.rank("Lens", a.Lens, 1)
	s := a.Lens.dims[0]
	c.tensor("Lens", a.Lens, setI32, s)
	c.tensor("CuLens", a.CuLens, setI32, s+1)
	c.tensor("PageTable", a.PageTable, setI32, s, anyLength)
	c.softmax(n, a.MaxLen, a.Window, a.Scale)
	c.require(a.SplitKeys >= 0, "SplitKeys is negative", "")
	c.work(a.Work)
	for _, in := range [7]Tensor{a.QKV, a.KCache, a.VCache, a.PageTable, a.CuLens, a.Lens, a.Work} {
		c.apart("Out", a.Out, "another tensor", in)
	}
}
