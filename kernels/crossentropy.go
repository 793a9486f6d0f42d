package kernels

// CrossEntropyArgs: loss[n] = lse(logits[n,:]) − logits[n,target[n]] where mask[n] ≠ 0, else 0. With Gradient, logits are
// overwritten by scale·(softmax − onehot), rows without loss by zeros. scale is 1/(loss tokens of the whole step, over all
// micro-batches and ranks): a mean per micro-batch is wrong. A target outside [0,V) in a row with loss is a device failure;
// a row without loss is not read. ArgMax (first maximum wins; rows without loss: -1) is for scoring.
//
// A logit of −Inf has probability 0; at the target it makes the loss +Inf. In a row with a NaN or +Inf, or with −Inf only, the
// loss and, with Gradient, some of the row are NaN or infinite; ArgMax then lies in [0,V), and is the first maximum still
// unless there is a NaN.
type CrossEntropyArgs struct {
	Loss     Tensor // [N] F32
	Logits   Tensor // [N,V] F32 or BF16
	Targets  Tensor // [N] I32
	Mask     Tensor // [N] U8 or absent (every row)
	Scale    Tensor // [1] F32; needed with Gradient
	ArgMax   Tensor // [N] I32 or absent
	Gradient bool
}

// SumArgs: out[0] (+)= Σ x[i], in F64, in an order that depends only on the length. It gathers losses on the device.
type SumArgs struct {
	Out        Tensor // [1] F64
	X          Tensor // F32
	Accumulate bool
}

// CrossEntropyOps is the loss fused with its gradient.
type CrossEntropyOps interface {
	CrossEntropy(CrossEntropyArgs)
	Sum(SumArgs)
}
