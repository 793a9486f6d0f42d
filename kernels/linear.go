package kernels

// Weight is a handle on a linear layer's weight: what Prepare made of a tensor [O,I]. Plain, packed, mapped and (later)
// quantised weights look alike to the model. The layout follows from dtype and size, never from the number of rows.
type Weight struct {
	Tensor Tensor // the plain [O,I] tensor, F32 or BF16 (F16 is converted by Prepare); absent where the layout replaced it
	Layout string // "plain", "packed16", …: written into a run's record
	O, I   int64
	Type   DType // F32 or BF16: the dtype of the products
	Packed any   // the backend's own
}

// WeightUse says how a weight will be used.
type WeightUse uint8

// WeightTrained weights change in place between uses and take part in backward: their layout stays plain. WeightFrozen
// weights never change: the backend may pack them, or read a mapped file in place.
const (
	WeightTrained WeightUse = iota
	WeightFrozen
)

// LinearArgs: y[n,o] = bias[o] + Σ_i x[n,i]·w[o,i], or y[n,o] += Σ_i x[n,i]·w[o,i] with Accumulate (and then without a bias).
//
// Order (the "ordered" ops, compared by bits): one chain per output element, starting at the old y (Accumulate), else
// bias[o], else +0. F32 products: acc = fma(x[n,i], w[o,i], acc), i ascending. BF16 products (Type of the weight, or Math):
// x is rounded to BF16 (nearest even) where it is F32, and for each pair (2j, 2j+1): acc = fma(x[2j+1], w[2j+1], acc), then
// acc = fma(x[2j], w[2j], acc), with denormal inputs and results taken as zero; an odd last i is paired with zeros. A BF16 y
// is rounded once at the end. The number of rows, of threads and the tile never show in the bits. A backend whose products a
// vendor's library makes (CUDA) owes the values to within rounding, not the order.
type LinearArgs struct {
	Y          Tensor // [N,O] F32 or BF16
	X          Tensor // [N,I] F32 or BF16
	W          Weight // [O,I]
	Bias       Tensor // [O] F32 or absent
	Accumulate bool
}

// LinearBackwardInputArgs: dx[n,i] (+)= Σ_o dy[n,o]·w[o,i], the chain over o ascending as in LinearArgs.
type LinearBackwardInputArgs struct {
	DX         Tensor // [N,I] F32 or BF16
	DY         Tensor // [N,O] F32 or BF16
	W          Weight // [O,I], WeightTrained
	Accumulate bool
}

// LinearBackwardWeightArgs: dw[o,i] (+)= Σ_n dy[n,o]·x[n,i], the chain over n ascending as in LinearArgs; dbias[o] (+)= Σ_n
// dy[n,o] in F32.
type LinearBackwardWeightArgs struct {
	DW         Tensor // [O,I] F32
	DBias      Tensor // [O] F32 or absent
	DY         Tensor // [N,O] F32 or BF16
	X          Tensor // [N,I] F32 or BF16
	Math       DType  // F32 or BF16 products
	Accumulate bool
}

// LinearOps is the matrix product in its three shapes.
type LinearOps interface {
	// Prepare makes a handle of a [O,I] tensor. Memory it needs is counted as weights. It reads w before it returns.
	Prepare(w Tensor, use WeightUse) (Weight, error)
	// Release frees what Prepare allocated; the plain tensor stays.
	Release(Weight)
	Linear(LinearArgs)
	LinearBackwardInput(LinearBackwardInputArgs)
	LinearBackwardWeight(LinearBackwardWeightArgs)
}
