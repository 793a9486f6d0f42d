package kernels

// AttentionArgs is causal attention over documents packed in one ragged batch; document s holds rows culens[s] to
// culens[s+1]. With i, j positions inside one document, key head g = h/(H/K):
//
//	allowed(i,j) = j ≤ i and (Window = 0 or i − j < Window)
//	p[i,j] = softmax_j(Scale · q[i,h]·k[j,g]) over the allowed j, out[i,h] = Σ_j drop(p[i,j]) · v[j,g]
//	lse[h,i] = log Σ_j exp(Scale · q[i,h]·k[j,g])
//
// No [T,T] matrix is stored; fully masked tiles are skipped and what is not allowed is never read. Softmax in F32. Dropout
// acts on the probabilities after normalisation (word at sample = first sample + s, head h, query i, key j); a dropped p[i,j] is
// 0, but v[j] may still be read: where it is NaN or infinite, out[i] is NaN or as if key j were not there.
type AttentionArgs struct {
	Out     Tensor // [N,H,D] F32 or BF16
	LSE     Tensor // [H,N] F32, saved for backward
	QKV     Tensor // [N,R,D], already rotated
	CuLens  Tensor // [S+1] I32, culens[0] = 0, culens[S] = N
	Heads   int64  // H
	KVHeads int64  // K
	MaxLen  int64  // an upper bound of the longest document
	Window  int64  // 0: none
	Scale   float32
	Dropout Dropout
	Work    Tensor // [AttentionPlan bytes] U8
}

// AttentionBackwardArgs computes dqkv from dout, recomputing the probabilities from q, k and lse. With d[i] = Σ dout[i]·out[i]:
//
//	dv[j] = Σ_i drop(p[i,j])·dout[i]
//	ds[i,j] = p[i,j]·(drop'(dout[i]·v[j]) − d[i]),  dq[i] = Scale·Σ_j ds[i,j]·k[j],  dk[j] = Scale·Σ_i ds[i,j]·q[i]
//
// where drop' scales or drops as the forward did. Sums over the queries of a group run in a fixed order: deterministic.
// A backend may have a variant beside that whose sums run in any order (CUDA: attention_backward=atomic, in one pass); it is never
// the default.
type AttentionBackwardArgs struct {
	DQKV           Tensor // [N,R,D], overwritten; may not alias QKV
	DOut, Out      Tensor // [N,H,D]
	LSE            Tensor // [H,N] F32
	QKV            Tensor // [N,R,D]
	CuLens         Tensor // [S+1] I32
	Heads, KVHeads int64
	MaxLen, Window int64
	Scale          float32
	Dropout        Dropout
	Work           Tensor // [AttentionBackwardPlan bytes] U8
}

// AttentionOps is attention as training uses it.
type AttentionOps interface {
	Attention(AttentionArgs)
	AttentionBackward(AttentionBackwardArgs)
	AttentionPlan(AttentionArgs) int64
	AttentionBackwardPlan(AttentionBackwardArgs) int64
}
