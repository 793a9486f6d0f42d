package kernels

// CopyArgs: dst[i] = x[i], or dst[i] += x[i] with Accumulate, converting between F32, BF16, F16 (nearest even) on the way;
// equal dtypes of any kind are copied bit by bit. Lengths must be equal, shapes need not.
type CopyArgs struct {
	Dst, X     Tensor
	Accumulate bool // F32 or BF16
}

// FillArgs: dst[i] = Value, converted to dst's dtype.
type FillArgs struct {
	Dst   Tensor
	Value float64
}

// CopyOps moves and converts.
type CopyOps interface {
	Copy(CopyArgs)
	Fill(FillArgs)
}
