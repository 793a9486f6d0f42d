package kernels

// RopeArgs rotates the query and key heads of packed q,k,v rows in place (rotate-half, as in Llama): for head h < H+K,
// j < D/2 and p = positions[n], a = qkv[n,h,j], b = qkv[n,h,j+D/2]:
//
//	qkv[n,h,j]     = a·cos[p,j] − b·sin[p,j]
//	qkv[n,h,j+D/2] = b·cos[p,j] + a·sin[p,j]
//
// Inverse rotates by the negative angle, which is the backward pass. The tables hold what the rope type makes of the
// positions (theta, Llama 3 scaling); a position outside [0,P) is a device failure. Value heads are not touched.
type RopeArgs struct {
	QKV       Tensor // [N,R,D] F32 or BF16, R = H + 2K
	Cos, Sin  Tensor // [P,D/2] F32
	Positions Tensor // [N] I32
	Heads     int64  // H + K, the heads that rotate
	Inverse   bool
}

// RopeOps is the rotary position embedding.
type RopeOps interface{ Rope(RopeArgs) }
