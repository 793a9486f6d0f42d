package kernels

// Check panics with a *ShapeError unless the arguments are as the contract says.
func (a SampleArgs) Check(wide ...DType) {
	c := newChecker("sample", wide)
	c.rank("Logits", a.Logits, 2)
	s, v := a.Logits.dims[0], a.Logits.dims[1]
	c.tensor("Logits", a.Logits, setAct, s, v)
	c.require(v > 0, "vocabulary is empty", "")
	c.tensor("Tokens", a.Tokens, setI32, s)
	c.tensor("LogProbs", a.LogProbs, setF32, s)
	c.optional("TopTokens", a.TopTokens, setI32, s, anyLength)
	if !a.TopTokens.IsZero() {
		c.tensor("TopLogProbs", a.TopLogProbs, setF32, s, a.TopTokens.dims[1])
		c.require(a.TopTokens.dims[1] <= v, "more top tokens than the vocabulary has", "")
	} else {
		c.require(a.TopLogProbs.IsZero(), "TopLogProbs without TopTokens", "")
	}
	c.tensor("Temperature", a.Temperature, setF32, s)
	c.tensor("TopK", a.TopK, setI32, s)
	c.tensor("TopP", a.TopP, setF32, s)
	c.tensor("MinP", a.MinP, setF32, s)
	c.tensor("Seeds", a.Seeds, setI64, s)
	c.tensor("Positions", a.Positions, setI64, s)
	c.optional("Given", a.Given, setI32, s)
	a.checkEdits(c, s)
	c.work(a.Work)
	for _, out := range [5]Tensor{a.Tokens, a.LogProbs, a.TopTokens, a.TopLogProbs, a.Work} {
		c.apart("output", out, "Logits", a.Logits)
	}
}

func (a SampleArgs) checkEdits(c checker, s int64) {
	if a.EditOffsets.IsZero() {
		c.require(a.EditTokens.IsZero() && a.EditFactors.IsZero() && a.EditAdds.IsZero(), "edits without EditOffsets", "")
		return
	}
	c.tensor("Logits", a.Logits, setF32, anyLength, anyLength)
	c.tensor("EditOffsets", a.EditOffsets, setI32, s+1)
	c.tensor("EditTokens", a.EditTokens, setI32, anyLength)
	c.tensor("EditFactors", a.EditFactors, setF32, a.EditTokens.dims[0])
	c.tensor("EditAdds", a.EditAdds, setF32, a.EditTokens.dims[0])
}
