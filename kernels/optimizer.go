package kernels

// Block is the number of elements of an optimizer block: every parameter in the flat buffers is padded to a multiple of it.
const Block = 1024

// SumSquaresArgs: out[0] (+)= Σ x[i]², in F64, in an order that depends only on the length.
type SumSquaresArgs struct {
	Out        Tensor // [1] F64
	X          Tensor // F32 or BF16
	Accumulate bool
}

// Indices into ClipArgs.Clip.
const (
	ClipScale  = iota // factor for the gradients: min(1, MaxNorm/norm), 1 without a limit
	ClipNorm          // norm before clipping
	ClipFinite        // 1 when norm and loss are finite, else 0
	ClipLen
)

// ClipArgs turns the sum of squares into what AdamW reads: norm = sqrt(sumsq), scale = MaxNorm > 0 and norm > MaxNorm ?
// MaxNorm/norm : 1, finite = norm and loss are finite.
type ClipArgs struct {
	Clip       Tensor // [ClipLen] F32
	SumSquares Tensor // [1] F64
	Loss       Tensor // [1] F64 or absent
	MaxNorm    float32
}

// Indices into AdamWArgs.Hyper.
const (
	HyperRate        = iota // learning rate of this step
	HyperCorrection1        // 1/(1 − beta1^t)
	HyperCorrection2        // 1/(1 − beta2^t)
	HyperLen
)

// AdamWArgs updates all parameters in one launch (Loshchilov and Hutter 2019, decoupled decay), in F32, for every element e
// of block b, with decay wd = Decay[b] ≠ 0 ? WeightDecay : 0 and g = grad·clip[ClipScale]:
//
//	m = beta1·m + (1−beta1)·g;  v = beta2·v + (1−beta2)·g²
//	w = w − rate·( (m·c1) / (sqrt(v·c2) + Eps) + wd·w )
//
// When clip[ClipFinite] is 0 nothing is written. Shadow, where given, receives w rounded to BF16 (nearest even). Moments
// may be BF16 with stochastic rounding (stream PurposeStochasticRound of Step; layer 0 for m, 1 for v; index = First + e): the
// upper 16 bits of the F32 bits plus word >> 16. w is updated from the moments before they are rounded.
type AdamWArgs struct {
	Master Tensor // [L] F32
	Shadow Tensor // [L] BF16 or absent
	Grad   Tensor // [L] F32
	M, V   Tensor // [L] F32 or BF16
	Decay  Tensor // [L/Block] U8
	Hyper  Tensor // [HyperLen] F32
	Clip   Tensor // [ClipLen] F32
	Step   Tensor // [StepLen] I64, needed with BF16 moments
	First  int64  // global index of element 0

	Beta1, Beta2, Eps, WeightDecay float32
}

// OptimizerOps is what a step does after backward, without the host in between.
type OptimizerOps interface {
	SumSquares(SumSquaresArgs)
	Clip(ClipArgs)
	AdamW(AdamWArgs)
}
