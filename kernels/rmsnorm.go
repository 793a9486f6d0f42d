package kernels

// RMSNormArgs: with s = x + residual (or s = x), r[n] = 1/sqrt(mean_c s[n,c]² + eps) and out[n,c] = s[n,c]·r[n]·w[c]
// (Zhang and Sennrich 2019). s is stored where Sum is given; Sum may alias X or Residual. Sums in F32 or wider, any order
// that depends only on C.
type RMSNormArgs struct {
	Out      Tensor // [N,C] F32 or BF16
	Sum      Tensor // [N,C] like X; needed when Residual is given
	Rstd     Tensor // [N] F32, saved for backward; absent in generation
	X        Tensor // [N,C] F32 or BF16
	Residual Tensor // [N,C] like X, or absent
	W        Tensor // [C] F32 or BF16
	Eps      float32
}

// RMSNormBackwardArgs: with g = dout·w, dx[n,c] = dresidual[n,c] + r·(g[n,c] − s[n,c]·r²·mean_c(g·s)) and dw[c] (+)= Σ_n
// dout[n,c]·s[n,c]·r[n]. DX is the gradient of s, hence of x and of residual alike; it may alias DResidual or DOut.
type RMSNormBackwardArgs struct {
	DX         Tensor // [N,C] F32 or BF16
	DW         Tensor // [C] F32
	DOut       Tensor // [N,C]
	DResidual  Tensor // [N,C] the gradient that reaches s along the residual path, or absent
	S          Tensor // [N,C] the normalised input s as stored by the forward
	Rstd       Tensor // [N] F32
	W          Tensor // [C]
	Work       Tensor // [RMSNormBackwardPlan bytes] U8
	Accumulate bool   // of DW
}

// NormOps is RMSNorm, fused with the residual add.
type NormOps interface {
	RMSNorm(RMSNormArgs)
	RMSNormBackward(RMSNormBackwardArgs)
	RMSNormBackwardPlan(RMSNormBackwardArgs) int64
}
