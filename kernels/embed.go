package kernels

// EmbedArgs: out[n,:] = table[tokens[n],:]. With hidden states as the table and row numbers as tokens it gathers rows.
// A token outside [0,V) is a device failure that names the row and the token. Exact: bits are copied (or converted once).
type EmbedArgs struct {
	Out    Tensor // [N,C] F32 or BF16
	Table  Tensor // [V,C] F32, BF16 or F16
	Tokens Tensor // [N] I32
}

// EmbedBackwardArgs: dtable[v,:] (+)= Σ over n with tokens[n] = v of dout[n,:], n ascending, in F32. Without Accumulate,
// rows that no token names are set to zero. It also scatters the gradient of gathered rows.
type EmbedBackwardArgs struct {
	DTable     Tensor // [V,C] F32
	DOut       Tensor // [N,C] F32 or BF16
	Tokens     Tensor // [N] I32
	Work       Tensor // [EmbedBackwardPlan bytes] U8
	Accumulate bool
}

// EmbedOps looks rows up and adds their gradients, deterministically.
type EmbedOps interface {
	Embed(EmbedArgs)
	EmbedBackward(EmbedBackwardArgs)
	EmbedBackwardPlan(EmbedBackwardArgs) int64 // bytes of Work, from shapes alone
}
